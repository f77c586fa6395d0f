//! The first error of each log of a bundle. Pure.

use super::command_output;
use crate::rules::evidence::bundle::Log;
use crate::time::Timestamp;

/// The first error of a log, with the frames of its trace. The text is external.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstError {
    /// `log:1`, `log:2` …
    pub log: String,
    /// Time; none where the log has no times.
    pub at: Option<Timestamp>,
    pub text: String,
}

/// Returns the earliest line that a search cites, else the first error of a command's `output`.
pub fn first_error(log: &Log, output: &str) -> Option<FirstError> {
    let cited = log.lines.iter().filter(|line| line.at != Timestamp::default());
    let cited = cited.min_by_key(|line| line.at).map(|line| (Some(line.at), line.text.clone()));
    let (at, text) = match log.answer {
        Some(_) => cited,
        None => command_output::first_error(output).or(cited),
    }?;
    Some(FirstError { log: log.id.clone(), at, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::evidence::bundle::LogLine;
    use crate::rules::evidence::logs::FoundBy;
    use crate::rules::evidence::logs::answer::AnswerKind;

    #[test]
    fn first_error_is_the_earliest_one() {
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let line = |second| LogLine {
            at: at(second),
            stream: String::new(),
            event: "e".into(),
            messages: Vec::new(),
            found_by: FoundBy::MessageId,
            receive: None,
            receives: None,
            text: format!("E{second}"),
        };
        let log = |answer, lines: &[i64]| Log {
            id: "log:1".into(),
            answer,
            lines: lines.iter().map(|second| line(*second)).collect(),
            ..Log::default()
        };
        let search = Some(AnswerKind::Found);
        let output = "1970-01-01T00:00:05Z INFO handled m-1\n\
                      1970-01-01T00:00:07Z ERROR KeyError: 'amount'\n  File \"a.py\", line 2\n\
                      1970-01-01T00:00:09Z ERROR ValueError: x\n";
        let trace = "1970-01-01T00:00:07Z ERROR KeyError: 'amount'\n  File \"a.py\", line 2";
        let rows = [
            ("a search", log(search, &[9, 8]), "", Some((Some(at(8)), "E8"))),
            ("a search without a line", log(search, &[]), output, None),
            ("a command", log(None, &[9]), output, Some((Some(at(7)), trace))),
            (
                "no time",
                log(None, &[]),
                "ERROR KeyError: 'amount'",
                Some((None, "ERROR KeyError: 'amount'")),
            ),
            ("no error", log(None, &[]), "INFO fine", None),
        ];
        for (rule, log, output, wanted) in rows {
            let found = first_error(&log, output);
            let found = found.as_ref().map(|error| (error.at, error.text.as_str()));
            assert_eq!(found, wanted, "{rule}");
        }
    }
}
