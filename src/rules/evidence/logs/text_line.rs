//! Errors on the lines of loggers that write text: by a word for the level, by the class of an
//! exception, or, where a line has neither, by its words.

/// Bytes of a line within which a word for its level is looked for.
const LEVEL_COLUMN_MAX: usize = 160;

/// Words for the level of an error, and of other lines.
const ERRORS: [&str; 5] = ["ERROR", "FATAL", "CRITICAL", "SEVERE", "PANIC"];
const OTHERS: [&str; 7] = ["TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "FINE"];
/// Level words in lower case, as winston, logfmt and the console of .NET write them.
const LOWER_ERRORS: [&str; 9] =
    ["error", "fatal", "critical", "severe", "panic", "err", "crit", "fail", "emerg"];
const LOWER_OTHERS: [&str; 10] =
    ["trace", "debug", "info", "notice", "warn", "warning", "dbug", "trce", "verbose", "silly"];
/// Words for the level of a warning.
const WARNINGS: [&str; 4] = ["WARN", "WARNING", "warn", "warning"];

/// Beginnings of a trace.
const STARTS: [&str; 4] =
    ["Traceback (most recent call last)", "panic: ", "Exception in thread ", "fatal error: "];

/// Phrases of a failure, in lower case.
const FAILURES: [&str; 26] = [
    "failed to ",
    "failed: ",
    "failed with ",
    "failure: ",
    "cannot ",
    "can't ",
    "could not ",
    "couldn't ",
    "unable to ",
    "permission denied",
    "access denied",
    "access is denied",
    "not authorized",
    "connection refused",
    "connection reset",
    "broken pipe",
    "no such file",
    "no space left",
    "out of memory",
    "timed out",
    "segmentation fault",
    "core dumped",
    "oomkilled",
    "signal: killed",
    "command not found",
    "aborted: ",
];
/// Words before the number of an exit status that is not 0, in lower case.
const EXITS: [&str; 5] =
    ["exit code ", "exit status ", "exited with code ", "exited with status ", "exited with "];

/// An error that a line reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The text to decode: without level, time and request id.
    pub text: String,
    /// Whether it ended the invocation: not handled, timed out, killed.
    pub terminal: bool,
}

/// Parses lines of other loggers: a level before the text, or an exception.
pub(super) fn text_error(line: &str) -> Option<LineError> {
    let starts = STARTS.iter().any(|start| line.starts_with(start));
    if starts || line.contains("\n\tat ") || line.contains("\n    at ") {
        let terminal = line.starts_with("panic: ");
        return Some(LineError { text: line.to_owned(), terminal });
    }
    let found = |text: &str| Some(LineError { text: text.to_owned(), terminal: false });
    if starts_with_exception(line) {
        return found(line);
    }
    match level(line)? {
        (word, end) if ERRORS.contains(&word) => found(trimmed(&line[end..])),
        (word, end) if LOWER_ERRORS.contains(&word) => {
            found(&logfmt_error(line).unwrap_or_else(|| trimmed(&line[end..]).to_owned()))
        }
        _ => None,
    }
}

/// Returns the failure that a line without a level, or a warning, states in words: `failed to …`,
/// `exit status 2`. Words are weaker than a level, because a line may tell them of something that was
/// handled: what rests on them has to have looked for an error first.
pub(super) fn worded_error(line: &str) -> Option<LineError> {
    if line.trim_start().starts_with('{') || line.starts_with("REPORT ") {
        return None;
    }
    let text = match level(line) {
        Some((word, end)) if WARNINGS.contains(&word) => trimmed(&line[end..]),
        Some(_) => return None,
        None => line,
    };
    let own = without_quotes(own_words(text)).to_ascii_lowercase();
    let states = |phrase: &str| {
        own.match_indices(phrase).any(|(at, _)| {
            let before = own[..at].trim_end_matches(' ');
            let is_word = !own[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            let is_negated = ["never", "not", "no", "0", "without", "if"].iter().any(|word| {
                before
                    .strip_suffix(word)
                    .is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_alphanumeric()))
            });
            let counts_none = own[at + phrase.len()..].starts_with("0");
            is_word && !is_negated && !counts_none
        })
    };
    let exits = EXITS.iter().any(|words| {
        own.match_indices(words).any(|(at, _)| {
            let rest = own[at + words.len()..].trim_start_matches("non-zero ");
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
            let digits: &str =
                &rest[..rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len()];
            digits.parse::<u32>().is_ok_and(|code| code != 0)
        })
    });
    let is_failure = exits || FAILURES.iter().any(|phrase| states(phrase));
    is_failure.then(|| LineError { text: text.to_owned(), terminal: false })
}

/// Whether a text begins with the class of an exception: `java.lang.IllegalStateException: no stock`.
pub(super) fn starts_with_exception(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._$".contains(c);
    let head = &text[..text.find(|c| !is_name(c)).unwrap_or(text.len())];
    let class = head.rsplit(['.', '$']).next().unwrap_or_default();
    let rest = &text[head.len()..];
    let is_class = ["Error", "Exception"].iter().any(|end| {
        class.strip_suffix(end).is_some_and(|start| match start {
            "" => rest.starts_with(": "),
            start => start.starts_with(|c: char| c.is_ascii_uppercase()),
        })
    });
    is_class && (rest.is_empty() || rest.starts_with(':') || rest.starts_with('\n'))
}

/// Returns the word for the level of a line, and where it ends.
fn level(line: &str) -> Option<(&'static str, usize)> {
    let head = own_words(line);
    let mut from = 0;
    let mut upper = None;
    for word in head.split(|c: char| !c.is_ascii_alphabetic() && c != '_') {
        let end = from + word.len();
        if let Some(known) = ERRORS.iter().chain(&OTHERS).find(|known| **known == word) {
            upper = Some((*known, end));
            break;
        }
        // All separators before the end of the head are characters of known width.
        from = end + head[end..].chars().next().map_or(0, char::len_utf8);
    }
    upper.or_else(|| lower_level(head))
}

/// Returns a level in lower case: the value of `level=`, else the word behind the time.
fn lower_level(head: &str) -> Option<(&'static str, usize)> {
    let known = |word: &str| {
        LOWER_ERRORS.iter().chain(&LOWER_OTHERS).find(|known| **known == word).copied()
    };
    let (mut end, mut is_behind_time) = (0, false);
    let mut is_begin = true;
    for word in head.split(' ') {
        let start = end;
        end = start + word.len() + 1;
        let stop = (end - 1).min(head.len());
        let value = ["level=", "lvl=", "severity="].iter().find_map(|key| word.strip_prefix(key));
        if let Some(value) = value {
            return known(value.trim_matches('"')).map(|level| (level, stop));
        }
        let bare = word.trim_start_matches('[').trim_end_matches([':', ']']);
        // `error` is a word of sentences, too: a mark stands behind a level, or a time before it.
        if is_begin
            && (is_behind_time || bare != word)
            && let Some(level) = known(bare)
        {
            return Some((level, stop));
        }
        let is_time = is_time_or_number(word);
        is_behind_time |= is_time && !word.is_empty();
        is_begin &= is_time;
    }
    None
}

fn is_time_or_number(word: &str) -> bool {
    word.is_empty() || word.contains(|c: char| c.is_ascii_digit()) && !word.contains('=')
}

/// Returns the beginning of a line that the logger wrote: behind a brace begins what a sender may have
/// written.
fn own_words(line: &str) -> &str {
    let first = line.lines().next().unwrap_or_default();
    let head = &first[..first.floor_char_boundary(LEVEL_COLUMN_MAX)];
    head.split('{').next().unwrap_or(head)
}

/// Returns a text without what stands in double quotes, which may be a sender's.
fn without_quotes(text: &str) -> String {
    text.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// Returns the message and the error of a line of `key=value` pairs.
fn logfmt_error(line: &str) -> Option<String> {
    let value = |keys: &[&str]| {
        keys.iter().find_map(|key| {
            let at = line.match_indices(key).map(|(at, _)| at);
            let mut at = at.filter(|at| *at == 0 || line.as_bytes()[at - 1] == b' ');
            let rest = &line[at.next()? + key.len()..];
            match rest.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next(),
                None => rest.split(' ').next(),
            }
        })
    };
    let message = value(&["msg=", "message="]);
    let error = value(&["error=", "err=", "exception="])?;
    Some(message.map_or_else(|| error.to_owned(), |message| format!("{message}: {error}")))
}

fn trimmed(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || "]):|-".contains(c))
}
