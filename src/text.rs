//! Text from outside, made safe for a terminal, a notification or a speech engine; and the small
//! things that sentences need.
//!
//! Dead letters are written by attackers, and so, by way of them, are queue names, titles and
//! model output. On pipes bytes are left alone; this is for what people see.

use std::borrow::Cow;

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

/// Characters that a terminal obeys, or that a reader cannot see.
fn hidden(c: char) -> bool {
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
    fn ordinary_text_is_not_copied() {
        assert!(matches!(safe("pedidos-ação-dlq 注文 🚚"), Cow::Borrowed(_)));
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
