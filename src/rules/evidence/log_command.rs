//! Commands that look for what is known elsewhere of dead letters: what is put into their words.
//!
//! What is put in comes from outside. So it never becomes an option, an expression or a second
//! word: ids are letters, digits and a few marks, and what is not is left out.

use crate::time::Timestamp;

/// So many ids are put into a command.
const IDS_MAX: usize = 50;

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCommandValues {
    /// The queue's name.
    pub queue: String,
    /// Before the first message was sent.
    pub start: Timestamp,
    /// After the sample was taken.
    pub end: Timestamp,
    /// The ids that SQS gave to the messages.
    pub message_ids: Vec<String>,
    /// The ids of requests that the messages name.
    pub request_ids: Vec<String>,
    /// The traces that the messages belong to.
    pub trace_ids: Vec<String>,
}

/// The command with everything put in; `None` when it asks for ids and there are none. A word that
/// is nothing but `{message_ids}` becomes a word for each; within a word they stand side by side
/// with `|` between, as patterns want it.
pub fn fill(argv: &[String], values: &LogCommandValues) -> Option<Vec<String>> {
    let ids = [
        ("{message_ids}", safe_ids(&values.message_ids)),
        ("{request_ids}", safe_ids(&values.request_ids)),
        ("{trace_ids}", safe_ids(&values.trace_ids)),
    ];
    let mut words = Vec::new();
    for word in argv {
        if let Some((_, ids)) = ids.iter().find(|(name, _)| name == word) {
            if ids.is_empty() {
                return None;
            }
            words.extend(ids.iter().map(|id| (*id).to_owned()));
            continue;
        }
        let mut word = word.clone();
        for (name, ids) in &ids {
            if word.contains(name) {
                if ids.is_empty() {
                    return None;
                }
                word = word.replace(name, &ids.join("|"));
            }
        }
        let queue = safe_ids(std::slice::from_ref(&values.queue)).join("");
        if word.contains("{queue}") && queue.is_empty() {
            return None;
        }
        let values_by_name = [
            ("{queue}", queue),
            ("{start}", values.start.to_string()),
            ("{end}", values.end.to_string()),
            ("{start_ms}", values.start.millis().to_string()),
            ("{end_ms}", values.end.millis().to_string()),
        ];
        for (name, text) in values_by_name {
            word = word.replace(name, &text);
        }
        words.push(word);
    }
    Some(words)
}

/// Those of the ids that can stand in a command.
fn safe_ids(ids: &[String]) -> Vec<&str> {
    let is_id_byte =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'=');
    let is_safe = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(is_id_byte)
            && id.as_bytes()[0].is_ascii_alphanumeric()
    };
    ids.iter().map(String::as_str).filter(is_safe).take(IDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> LogCommandValues {
        LogCommandValues {
            queue: "orders-dlq.fifo".into(),
            start: Timestamp::from_millis(1_000),
            end: Timestamp::from_millis(61_000),
            message_ids: vec!["a-1".into(), "b-2".into()],
            request_ids: vec![
                "--output".into(),
                "x; rm -rf /".into(),
                "$(id)".into(),
                "r|.*".into(),
            ],
            trace_ids: vec!["Root=1-67891233-abcdef012345678912345678".into()],
        }
    }

    #[test]
    fn words_are_filled_and_nothing_from_outside_becomes_one() {
        let rows: [(&[&str], Option<&[&str]>); 9] = [
            (&["logs", "-q", "{queue}"], Some(&["logs", "-q", "orders-dlq.fifo"])),
            (&["{start}/{end}"], Some(&["1970-01-01T00:00:01.000Z/1970-01-01T00:01:01.000Z"])),
            (&["{start_ms}", "{end_ms}"], Some(&["1000", "61000"])),
            (&["grep", "-e", "{message_ids}"], Some(&["grep", "-e", "a-1", "b-2"])),
            (&["/{message_ids}/"], Some(&["/a-1|b-2/"])),
            (&["{trace_ids}"], Some(&["Root=1-67891233-abcdef012345678912345678"])),
            (&["{request_ids}"], None),
            (&["x{request_ids}"], None),
            (&["{unknown}"], Some(&["{unknown}"])),
        ];
        for (argv, filled) in rows {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            let found = fill(&argv, &values());
            let filled = filled.map(|words| words.iter().map(|w| (*w).to_owned()).collect());
            assert_eq!(found, filled, "{argv:?}");
        }
    }

    #[test]
    fn a_queue_that_is_no_name_fills_nothing() {
        let values = LogCommandValues { queue: "-rf /".into(), ..values() };
        assert_eq!(fill(&["{queue}".into()], &values), None);
    }

    #[test]
    fn there_is_an_end_to_the_ids() {
        let ids = (0..200).map(|n| format!("id{n}")).collect();
        let values = LogCommandValues { message_ids: ids, ..values() };
        assert_eq!(fill(&["{message_ids}".into()], &values).unwrap().len(), IDS_MAX);
    }
}
