//! Command lines of log commands: the configured words with their placeholders filled in.
//!
//! Never: a value from outside becomes an option, an expression or a second word. An id with a byte
//! other than a letter, a digit or a few marks is left out.

use std::collections::BTreeSet;

use crate::time::Timestamp;

/// Limit on ids in one command.
const IDS_MAX: usize = 50;

/// Values for the placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCommandValues {
    pub queue: String,
    /// A moment before the first message was sent.
    pub start: Timestamp,
    /// A moment after the sample was taken.
    pub end: Timestamp,
    pub ids: LoggedIds,
}

/// The ids that consumers may have logged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggedIds {
    /// SQS message ids.
    pub messages: BTreeSet<String>,
    /// Request ids found in the messages.
    pub requests: BTreeSet<String>,
    /// Trace ids found in the messages.
    pub traces: BTreeSet<String>,
}

/// Returns the command with its placeholders filled in; `None` when it needs ids and there are
/// none.
///
/// A word that consists of `{message_ids}` alone becomes one word per id; within a longer word the
/// ids are joined with `|`, as patterns want them.
pub fn fill(argv: &[String], values: &LogCommandValues) -> Option<Vec<String>> {
    let lists = [
        ("{message_ids}", safe_ids(&values.ids.messages)),
        ("{request_ids}", safe_ids(&values.ids.requests)),
        ("{trace_ids}", safe_ids(&values.ids.traces)),
    ];
    let mut texts = vec![
        ("{queue}", safe_ids([&values.queue]).concat()),
        ("{start}", values.start.to_string()),
        ("{end}", values.end.to_string()),
        ("{start_ms}", values.start.millis().to_string()),
        ("{end_ms}", values.end.millis().to_string()),
    ];
    texts.extend(lists.iter().map(|(name, ids)| (*name, ids.join("|"))));
    let mut words = Vec::new();
    for word in argv {
        match lists.iter().find(|(name, ids)| name == word && !ids.is_empty()) {
            Some((_, ids)) => words.extend(ids.iter().map(|id| (*id).to_owned())),
            None => words.push(fill_word(word, &texts)?),
        }
    }
    Some(words)
}

fn fill_word(word: &str, texts: &[(&str, String)]) -> Option<String> {
    texts.iter().try_fold(word.to_owned(), |word, (name, text)| match word.contains(name) {
        true if text.is_empty() => None,
        true => Some(word.replace(name, text)),
        false => Some(word),
    })
}

/// Returns the ids that are safe in a command line.
fn safe_ids<'a>(ids: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    let is_id_byte =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'=');
    let is_safe = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(is_id_byte)
            && id.as_bytes()[0].is_ascii_alphanumeric()
    };
    ids.into_iter().map(String::as_str).filter(is_safe).take(IDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn values() -> LogCommandValues {
        LogCommandValues {
            queue: "orders-dlq.fifo".into(),
            start: Timestamp::from_millis(1_000),
            end: Timestamp::from_millis(61_000),
            ids: LoggedIds {
                messages: set(&["a-1", "b-2"]),
                requests: set(&["--output", "x; rm -rf /", "$(id)", "r|.*"]),
                traces: set(&["Root=1-67891233-abcdef012345678912345678"]),
            },
        }
    }

    #[test]
    fn placeholders_are_filled_without_unsafe_ids() {
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
    fn unsafe_queue_name_fills_nothing() {
        let values = LogCommandValues { queue: "-rf /".into(), ..values() };
        assert_eq!(fill(&["{queue}".into()], &values), None);
    }

    #[test]
    fn ids_are_limited() {
        let messages = (0..200).map(|n| format!("id{n}")).collect();
        let ids = LoggedIds { messages, ..LoggedIds::default() };
        let values = LogCommandValues { ids, ..values() };
        assert_eq!(fill(&["{message_ids}".into()], &values).unwrap().len(), IDS_MAX);
    }
}
