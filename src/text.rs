//! Text from outside, made safe for a terminal, a notification or a speech engine; and the small
//! things that sentences need.
//!
//! Dead letters are written by attackers, and so, by way of them, are queue names, titles and
//! model output. On pipes bytes are left alone; this is for what people see.

use std::borrow::Cow;
use std::fmt::Write;

/// Escapes what could steer a terminal or reorder what is read: controls (C0, DEL, C1), escape,
/// bidirectional marks, zero-width and other invisible characters. The rest is unchanged.
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

/// A line of JSON for a terminal: the same characters as [`safe`] escapes, in JSON's own way, so
/// that the line is still the same JSON.
pub fn safe_json(line: &[u8]) -> Cow<'_, [u8]> {
    let text = String::from_utf8_lossy(line);
    if !text.chars().any(hidden) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    for c in text.chars() {
        match c {
            '\t' | '\r' => shown.push(' '), // In JSON they stand between the words only.
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

/// Characters that a terminal obeys, or that a reader cannot see.
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

/// At most `max` characters, the last of them `…` when something was cut.
pub fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    if text.chars().count() <= max {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    Cow::Owned(kept + "…")
}

/// `1 message`, `2 messages`.
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

/// The word in `known` that somebody who typed `word` most likely meant, if any is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = word.chars().count().max(3) / 3 + 1;
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        let hostile =
            "a\u{1b}[2J\u{1b}]52;c;aGk=\u{7}\u{9b}31m\u{202e}gnp\u{200b}\u{feff}\r\nb\u{e0041}";
        let shown = safe(hostile);
        assert!(!shown.chars().any(hidden), "{shown}");
        assert!(shown.starts_with("a\\u{1b}[2J"), "{shown}");
        assert!(shown.contains("\\r\\n"), "{shown}");
    }

    #[test]
    fn json_for_a_terminal_is_the_same_json() {
        let value =
            serde_json::json!({"name": "a\u{1b}\u{9b}2J\u{202e}x\u{feff}\r\n\u{e0041}ação"});
        let line = value.to_string();
        let shown = safe_json(line.as_bytes());
        assert!(!std::str::from_utf8(&shown).unwrap().chars().any(hidden));
        let read: serde_json::Value = serde_json::from_slice(&shown).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn ordinary_text_is_not_copied() {
        let plain = "pedidos-ação-dlq 注文 🚚";
        assert!(matches!(safe(plain), Cow::Borrowed(_)));
        assert!(matches!(safe_json(plain.as_bytes()), Cow::Borrowed(_)));
    }

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        let known = ["monitoring", "notifications", "aws"];
        assert_eq!(nearest("monitorng", known), Some("monitoring"));
        assert_eq!(nearest("zebra", known), None);
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("ação!", 5), "ação!");
        assert_eq!(shorten("ação!!", 5), "ação…");
    }
}
