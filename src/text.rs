//! Untrusted text made safe for people, and the parts of sentences.
//!
//! Attackers can write dead letters, and through them titles and model output. Text is escaped for
//! terminals, notifications and reports; pipes carry every byte unchanged.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// Escapes the characters that a terminal obeys or that hide or reorder text: controls (C0, DEL,
/// C1), bidirectional marks, zero-width and other invisible characters.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Escapes a line of JSON for a terminal. JSON's own escapes for the characters of [`safe`] keep
/// the value equal.
pub fn safe_json(line: &[u8]) -> Cow<'_, [u8]> {
    let text = String::from_utf8_lossy(line);
    if !text.chars().any(hidden) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    for c in text.chars() {
        match c {
            '\t' | '\r' => shown.push(' '), // JSON allows them between tokens only.
            c if hidden(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown.into_bytes())
}

/// Returns whether a terminal obeys the character or a reader cannot see it.
pub(crate) fn hidden(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'    // C0, DEL, C1
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'                     // Mongolian separators
        | '\u{200b}'..='\u{200f}'                     // zero width, left-to-right and right-to-left marks
        | '\u{2028}'..='\u{202e}'                     // line separators, bidi embeddings
        | '\u{2060}'..='\u{206f}'                     // word joiner, bidi isolates
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Shortens text to `max` characters; the last one is `…` when text was cut.
pub fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    if text.chars().count() <= max {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    Cow::Owned(kept + "…")
}

/// Returns the columns that text takes on a terminal: two for a wide character, none for a mark on the
/// character before it.
pub fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// Returns the columns of a character. All widths of the program are sums of these, as those of
/// terminals are.
pub fn char_columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Returns so many spaces. A width in a format panics beyond 65,535, and a name from outside can be
/// wider.
pub fn spaces(count: usize) -> String {
    " ".repeat(count)
}

/// Adds spaces up to a width in columns.
pub fn padded(text: &str, width: usize) -> String {
    text.to_owned() + &spaces(width.saturating_sub(columns(text)))
}

/// Returns a number with its noun: `1 message`, `2 messages`.
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Joins words as alternatives: `auto, always or never`.
pub fn alternatives(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// Returns the known word that a user who typed `word` most likely meant. In a pattern, `*` stands
/// for any text.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = word.chars().filter(|c| *c != '*').count().max(3) / 3 + 1;
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate)
}

/// Returns the error for an unknown word, with the nearest known one and all of them.
pub fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let word = shorten(word, 60);
    let hint = match nearest(&word, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'? "),
        None => String::new(),
    };
    format!("unknown {what} '{}'; {hint}known: {}", safe(&word), known.join(", "))
}

/// Breaks text into lines of at most `width` columns, between words. A longer word is left whole,
/// and so is a command in quotes, so that both can be copied.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut used, mut rest) = (0, text);
    while !rest.is_empty() {
        let (word, after) = rest.split_at(unbreakable(rest));
        let length = columns(word);
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
        }
        used += length;
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    lines
}

/// Returns the length of the first word, or of the command that the text begins with: up to the
/// closing quote, or without quotes to the end.
fn unbreakable(text: &str) -> usize {
    let is_command = |text: &str| {
        let options = text.strip_prefix("dlq-").and_then(|rest| rest.split_once(' '));
        text.starts_with("aws ") || options.is_some_and(|(_, rest)| rest.starts_with('-'))
    };
    if is_command(text) {
        return text.len();
    }
    let quoted =
        text.strip_prefix('\'').filter(|rest| rest.starts_with("aws ") || rest.starts_with("dlq-"));
    let from = quoted.and_then(|rest| rest.find('\'')).map_or(0, |at| at + 2);
    text[from..].find(' ').map_or(text.len(), |at| from + at)
}

/// Returns the Levenshtein distance in characters; a `*` in `a` equals any text.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for ca in a.chars() {
        let mut diagonal = row[0];
        row[0] = if ca == '*' { diagonal } else { diagonal + 1 };
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = match ca {
                '*' => diagonal.min(row[j]),
                _ => replaced.min(row[j] + 1).min(diagonal + 1),
            };
        }
    }
    row[b.len()]
}

/// Returns the last boundary of a character that is not behind `at`.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_escapes_terminal_controls() {
        let hostile =
            "a\u{1b}[2J\u{1b}]52;c;aGk=\u{7}\u{9b}31m\u{202e}gnp\u{200b}\u{feff}\r\nb\u{e0041}";
        let shown = safe(hostile);
        assert!(!shown.chars().any(hidden), "{shown}");
        assert!(shown.starts_with("a\\u{1b}[2J"), "{shown}");
        assert!(shown.contains("\\r\\n"), "{shown}");
    }

    #[test]
    fn safe_json_keeps_the_value() {
        let value =
            serde_json::json!({"name": "a\u{1b}\u{9b}2J\u{202e}x\u{feff}\r\n\u{e0041}ação"});
        let line = value.to_string();
        let shown = safe_json(line.as_bytes());
        assert!(!std::str::from_utf8(&shown).unwrap().chars().any(hidden));
        let read: serde_json::Value = serde_json::from_slice(&shown).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn safe_does_not_copy_plain_text() {
        let plain = "pedidos-ação-dlq 注文 🚚";
        assert!(matches!(safe(plain), Cow::Borrowed(_)));
        assert!(matches!(safe_json(plain.as_bytes()), Cow::Borrowed(_)));
    }

    #[test]
    fn nearest_needs_a_small_distance() {
        let known = ["monitoring", "notifications", "aws"];
        assert_eq!(nearest("monitorng", known), Some("monitoring"));
        assert_eq!(nearest("zebra", known), None);
        let queues = ["orders-dlq", "user-events-dlq"];
        assert_eq!(nearest("order-*", queues), Some("orders-dlq"));
        assert_eq!(nearest("*-event-dlq", queues), Some("user-events-dlq"));
        assert_eq!(nearest("payments-*", queues), None);
    }

    #[test]
    fn wrap_breaks_between_words_and_keeps_commands_whole() {
        let rows: [(&str, usize, &[&str]); 9] = [
            ("", 10, &[""]),
            ("one two three", 7, &["one two", "three"]),
            ("one two", 3, &["one", "two"]),
            ("注文 注文 x", 9, &["注文 注文", "x"]),
            ("a-very-long-word b", 4, &["a-very-long-word", "b"]),
            (
                "look: 'dlq-log --incident 1f2e' now",
                20,
                &["look:", "'dlq-log --incident 1f2e'", "now"],
            ),
            ("it's 'dlq-log", 5, &["it's", "'dlq-log"]),
            ("dead: dlq-log --incident 1f2e", 9, &["dead:", "dlq-log --incident 1f2e"]),
            ("dlq-log tells it", 9, &["dlq-log", "tells it"]),
        ];
        for (text, width, lines) in rows {
            assert_eq!(wrap(text, width), lines, "{text}");
        }
    }

    #[test]
    fn columns_are_those_of_a_terminal() {
        let rows =
            [("", 0), ("abc", 3), ("注文", 4), ("ｶﾞ", 2), ("น้ำ", 2), ("e\u{301}", 1), ("🚨", 2)];
        for (text, expected) in rows {
            assert_eq!(columns(text), expected, "{text}");
        }
    }

    /// A width in a format panics beyond 65,535.
    #[test]
    fn padding_has_any_width() {
        assert_eq!(padded("注", 70_000).len(), "注".len() + 69_998);
        assert_eq!(padded("abc", 2), "abc");
    }

    #[test]
    fn shorten_counts_characters() {
        assert_eq!(shorten("ação!", 5), "ação!");
        assert_eq!(shorten("ação!!", 5), "ação…");
    }
}
