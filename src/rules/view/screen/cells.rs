//! Text as cells of a terminal: made harmless, measured, and cut.
//!
//! Promises: nothing that a terminal obeys or a reader cannot see gets through; every character has
//! the width that terminals agree on; a character has two combining marks at most.

use std::borrow::Cow;

use crate::text;
use unicode_segmentation::UnicodeSegmentation;

/// The combining marks that a character keeps.
const MARKS_MAX: usize = 2;
/// The share of a cut name that stays at its beginning, in thirds. The end of a name tells the
/// environment, and its beginning the application.
const HEAD_THIRDS: usize = 2;

/// Returns text as a terminal can show it. Characters of which terminals disagree about the width
/// are replaced: emoji lose their variants and skin colours, flags become letters.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let simple: String = text.chars().filter_map(simplified).collect();
    let safe = text::safe(&simple);
    let (mut cleaned, mut marks) = (String::with_capacity(safe.len()), MARKS_MAX);
    for c in safe.chars() {
        if text::char_columns(c) == 0 {
            marks += 1;
            if marks > MARKS_MAX {
                continue;
            }
        } else {
            marks = 0;
        }
        cleaned.push(c);
    }
    Cow::Owned(cleaned)
}

fn simplified(c: char) -> Option<char> {
    match c {
        // Variants, the enclosing keycap, skin colours.
        '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}' => None,
        // Regional indicators.
        '\u{1f1e6}'..='\u{1f1ff}' => char::from_u32(c as u32 - 0x1_f1e6 + u32::from('A')),
        // Line separators of other systems are escaped, and a plain line feed too.
        c => Some(c),
    }
}

/// Returns the cells of clean text.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text::columns(text) }
}

/// Returns the characters of clean text, each with its marks: what a terminal puts into one cell, or
/// into the two of a wide character. A grapheme can be more: a Thai vowel after its consonant.
pub fn characters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let next = rest.char_indices().skip(1).find(|(_, c)| text::char_columns(*c) > 0);
        let (one, after) = rest.split_at(next.map_or(rest.len(), |(at, _)| at));
        rest = after;
        (!one.is_empty()).then_some(one)
    })
}

/// Cuts a clean name in the middle, so that its beginning and its end stay.
pub fn cut_name<'a>(name: &'a str, cells: usize, mark: &str) -> Cow<'a, str> {
    if width(name) <= cells {
        return Cow::Borrowed(name);
    }
    let room = cells.saturating_sub(width(mark));
    let tail_room = room - room * HEAD_THIRDS / 3;
    let tail = take(name.graphemes(true).rev(), tail_room);
    let head = take(name.graphemes(true), room.saturating_sub(tail.1));
    let (head, tail) = (&name[..head.0], &name[name.len() - tail.0..]);
    if cells == 0 { Cow::Borrowed("") } else { Cow::Owned(format!("{head}{mark}{tail}")) }
}

/// Cuts a clean sentence at its end.
pub fn cut_sentence<'a>(sentence: &'a str, cells: usize, mark: &str) -> Cow<'a, str> {
    if width(sentence) <= cells {
        return Cow::Borrowed(sentence);
    }
    let (head, _) = take(sentence.graphemes(true), cells.saturating_sub(width(mark)));
    if cells == 0 { Cow::Borrowed("") } else { Cow::Owned(sentence[..head].to_owned() + mark) }
}

/// Returns the bytes and cells of the first graphemes that fit.
fn take<'a>(graphemes: impl Iterator<Item = &'a str>, room: usize) -> (usize, usize) {
    let (mut bytes, mut cells) = (0, 0);
    for grapheme in graphemes {
        let wide = width(grapheme);
        if cells + wide > room {
            break;
        }
        bytes += grapheme.len();
        cells += wide;
    }
    (bytes, cells)
}

/// Breaks a clean text into lines of at most so many cells, between words where that is possible.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let mut rest = word;
        loop {
            let gap = usize::from(used > 0);
            let wide = width(rest);
            let Some(line) = lines.last_mut() else { break };
            if used + gap + wide <= cells {
                line.push_str(&" "[..gap]);
                line.push_str(rest);
                used += gap + wide;
                break;
            }
            if used > 0 {
                lines.push(String::new());
                used = 0;
                continue;
            }
            // A word that is wider than a line is broken; a grapheme wider than a line is left out.
            let (bytes, _) = take(rest.graphemes(true), cells);
            if bytes == 0 {
                break;
            }
            line.push_str(&rest[..bytes]);
            rest = &rest[bytes..];
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_has_no_hidden_character_and_few_marks() {
        let rows = [
            ("orders-dlq", "orders-dlq"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\u{202e}b\u{2028}c", "a\\u{202e}b\\u{2028}c"),
            ("\u{26a0}\u{fe0f} on", "\u{26a0} on"),
            ("1\u{fe0f}\u{20e3}", "1"),
            ("\u{1f44d}\u{1f3fd}", "\u{1f44d}"),
            ("\u{1f1e9}\u{1f1ea}", "DE"),
            ("e\u{301}\u{301}\u{301}\u{301}x", "e\u{301}\u{301}x"),
            ("\u{301}x", "x"),
            ("a\nb", "a\\nb"),
        ];
        for (text, expected) in rows {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn characters_are_what_a_terminal_puts_into_its_cells() {
        let rows: [(&str, &[&str], usize); 5] = [
            ("ab", &["a", "b"], 2),
            ("e\u{301}x", &["e\u{301}", "x"], 2),
            ("น้ำ", &["น้", "\u{e33}"], 2),
            ("ﾍﾞｰ", &["ﾍ", "\u{ff9e}", "ｰ"], 3),
            ("注文", &["注", "文"], 4),
        ];
        for (text, expected, cells) in rows {
            assert_eq!(characters(text).collect::<Vec<_>>(), expected, "{text}");
            assert_eq!(width(text), cells, "{text}");
        }
    }

    #[test]
    fn names_are_cut_in_the_middle() {
        let name = "fm-transaction-processor-dlq-prd";
        let rows = [
            (name, 32, name),
            (name, 20, "fm-transacti…dlq-prd"),
            (name, 5, "fm…rd"),
            (name, 2, "…d"),
            (name, 1, "…"),
            (name, 0, ""),
            ("注文処理キュー本番", 10, "注文処…番"),
        ];
        for (name, cells, expected) in rows {
            let cut = cut_name(name, cells, "…");
            assert_eq!(cut, expected, "{name} in {cells}");
            assert!(width(&cut) <= cells);
        }
        assert_eq!(cut_sentence("messages died", 8, "…"), "message…");
    }

    #[test]
    fn wrap_breaks_at_cells() {
        let rows: [(&str, usize, &[&str]); 5] = [
            ("one two three", 7, &["one two", "three"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("x abcdefgh", 3, &["x", "abc", "def", "gh"]),
            ("注文処理", 5, &["注文", "処理"]),
            ("", 5, &[""]),
        ];
        for (text, cells, lines) in rows {
            assert_eq!(wrap(text, cells), lines, "{text}");
        }
    }
}
