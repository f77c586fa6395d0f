//! Masking of error texts: replaces what varies between messages, and anything that looks like a
//! secret or a person: `user <email> not found in <num>ms`.
//!
//! The text is read once, word by word; `word.rs` classifies the words.

mod address;
mod context;
mod random;
mod word;

pub(super) use random::is_id;

use crate::rules::evidence::decode::last_segment;
use crate::text::hidden;

/// Limit on the text read, in bytes.
const INPUT_MAX: usize = 4 * 1024;
/// Limit on the search for a closing quote, in bytes.
const QUOTE_MAX: usize = 256;
/// Limit on the search for the end of an SQL statement's values, in bytes.
const VALUES_MAX: usize = 1024;
/// More quoted words than this are a sentence.
const QUOTED_WORDS_MAX: usize = 4;

/// Masks a text to about `max` bytes, cut between words. With `names_identifier`, a plain word in
/// quotes is the name of a key or a property, and stays.
pub(super) fn template(text: &str, max: usize, names_identifier: bool) -> String {
    let text = &text[..text.floor_char_boundary(INPUT_MAX)];
    let out = MaskedText { text: String::with_capacity(max + 32), last: ("", 0) };
    let mut scan = Scan { text, at: 0, out, names_identifier, words: ["", ""] };
    while let Some(c) = text[scan.at..].chars().next()
        && scan.out.text.len() < max
    {
        scan.step(c);
    }
    scan.out.finish(max)
}

/// Returns whether a text is a single quoted word. Python reports a missing key so, and Lambda
/// passes it on without the class.
pub(super) fn is_one_quote(text: &str) -> bool {
    let text = text.trim();
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.is_some_and(|inner| !inner.contains(['\'', ' ', '\n']))
}

/// Folds the case of a masked text for comparison, so that `ERROR` and `error` are equal. Quoted
/// names keep theirs: there a capital matters.
pub(super) fn case_folded(template: &str) -> String {
    let mut quoted = false;
    let mut before = ' ';
    let mut all = template.chars().peekable();
    let mut folded = String::with_capacity(template.len());
    while let Some(c) = all.next() {
        let within = before.is_alphanumeric() && all.peek().is_some_and(|c| c.is_alphanumeric());
        quoted ^= c == '\'' && !within;
        folded.push(if quoted { c } else { c.to_ascii_lowercase() });
        before = c;
    }
    folded
}

/// Returns a code such as `NO_PERMISSIONS`, `429` or `States.TaskFailed` as it is, and masks
/// anything else.
pub(super) fn mask_code(text: &str, max: usize) -> String {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-:#/".contains(&b));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if plain && text.len() <= 64 && digits <= 6 && !is_id(text) {
        return text.to_owned();
    }
    template(text, max, true)
}

/// Returns a class name as it is, and masks anything else.
pub(super) fn mask_class(text: &str, max: usize) -> String {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.$:`<>[],\\/".contains(&b));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_key = is_id(text) || is_id(last_segment(text));
    if plain && text.len() <= 128 && digits <= 4 && !is_key {
        return text[..text.floor_char_boundary(max)].to_owned();
    }
    template(text, max, true)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    out: MaskedText,
    names_identifier: bool,
    /// The last word, and the one before it.
    words: [&'a str; 2],
}

impl<'a> Scan<'a> {
    fn step(&mut self, c: char) {
        let rest = &self.text[self.at..];
        match c {
            '\u{1b}' | '\u{9b}' => return self.at += escape_len(rest),
            '\'' | '"' | '`' | '“' | '‘' => return self.mask_quoted(rest, c),
            c if c.is_whitespace() || c.is_control() => self.out.push_space(),
            c if hidden(c) => {}
            c if is_separator(c) => self.out.text.push(c),
            _ => return self.mask_chunk(rest),
        }
        self.at += c.len_utf8();
    }

    /// Keeps a quoted identifier, masks a quoted value, and reads on into a quoted sentence.
    fn mask_quoted(&mut self, rest: &'a str, quote: char) {
        let closing = match quote {
            '“' => '”',
            '‘' => '’',
            same => same,
        };
        let inner = &rest[quote.len_utf8()..];
        let near = &inner[..inner.floor_char_boundary(QUOTE_MAX)];
        let within_word = quote == '\'' && self.out.ends_in_word();
        let content = near.split_once(closing).map(|(content, _)| content);
        let is_sentence = |content: &str| {
            content.split_whitespace().count() > QUOTED_WORDS_MAX
                || (content.contains(' ') && is_error_key(self.words[0]))
        };
        self.out.text.push('\'');
        let Some(content) = content
            .filter(|content| !within_word && !content.contains('\n') && !is_sentence(content))
        else {
            self.at += quote.len_utf8();
            return;
        };
        let end = content.len();
        let is_key = inner[end + closing.len_utf8()..].starts_with([':', '=']);
        let is_identifier_kind =
            self.names_identifier || is_key || context::follows_identifier_kind(self.words);
        let is_value =
            context::follows_person_word(self.words) || context::follows_value_word(self.words);
        if is_value {
            self.out.push_mask("<*>");
        } else if context::is_identifier(content, is_identifier_kind)
            || address::is_deployed_file(content)
        {
            self.out.push_word(content);
        } else if word::is_host(content) {
            address::write_host(content, &mut self.out);
        } else {
            self.out.push_mask("<*>");
        }
        self.out.text.push('\'');
        self.words = [content, self.words[0]];
        self.at += quote.len_utf8() + end + closing.len_utf8();
    }

    /// Masks a run without a space.
    fn mask_chunk(&mut self, rest: &'a str) {
        let is_path = rest.starts_with('/') && context::follows_url_word(self.words);
        let is_url = is_path || word::starts_url(rest);
        let end = rest
            .char_indices()
            .find(|(at, c)| if is_url { ends_url(*c) } else { self.ends_chunk(rest, *at, *c) })
            .map_or(rest.len(), |(at, _)| at)
            .max(rest.chars().next().map_or(1, char::len_utf8));
        let chunk = &rest[..end];
        let trimmed = chunk.trim_end_matches(['.', ':', '!', '?', ',', '…', '-']);
        let (trimmed, tail) =
            if trimmed.is_empty() { (chunk, "") } else { (trimmed, &chunk[trimmed.len()..]) };
        let before = self.text[..self.at].trim_end_matches(['"', '\'', ' ']);
        let assigned = before.ends_with(['=', ':']) && !before.ends_with("::");
        let next = rest[end..].trim_start_matches([' ', ')', ']']);
        // `Key (email)=(bob@example.com)`: databases name the column, then the value.
        if before.ends_with(")=(") || context::is_choice_value(self.words, trimmed) {
            self.out.push_mask("<*>");
        } else if context::is_secret_after(self.words, assigned, trimmed) {
            self.out.push_mask("<secret>");
        } else {
            match is_path {
                true => address::write_url_path(trimmed, &mut self.out),
                false if context::is_class_path(trimmed) => self.out.push_word(trimmed),
                false => word::write_masked(trimmed, self.words, next, &mut self.out),
            }
        }
        self.out.text.push_str(tail);
        if trimmed.eq_ignore_ascii_case("values") && rest[end..].trim_start().starts_with('(') {
            // An SQL statement with its values inlined, which may be personal data.
            self.out.push_word(" (<*>)");
            let given = &rest[end..rest.floor_char_boundary(end + VALUES_MAX)];
            self.at += given.rfind(')').map_or(given.len(), |at| at + 1);
        }
        self.words = [trimmed, self.words[0]];
        self.at += end;
    }

    fn ends_chunk(&self, rest: &str, at: usize, c: char) -> bool {
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let bytes = rest.as_bytes();
        match c {
            ',' => !(at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1))),
            // `x='…'`, but not the end of `can't`.
            '"' | '`' => true,
            c => is_separator(c) || c.is_whitespace() || c.is_control() || hidden(c),
        }
    }
}

/// Returns whether a character separates words.
fn is_separator(c: char) -> bool {
    let is_bracket = matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '”' | '’');
    is_bracket || matches!(c, ',' | ';' | '|' | '=' | '&' | '?')
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || hidden(c) || "\"'`<>)]}|,;”’".contains(c)
}

/// Returns whether the value of this key is a sentence about the error.
fn is_error_key(word: &str) -> bool {
    ["message", "error", "errorMessage", "errorType", "reason", "detail", "msg"].contains(&word)
}

/// Returns the length of a terminal escape sequence.
fn escape_len(rest: &str) -> usize {
    match &rest.as_bytes()[..rest.len().min(2 + QUOTE_MAX)] {
        // U+009B has two bytes in UTF-8.
        [0x1b, b'[', tail @ ..] | [0xc2, 0x9b, tail @ ..] => {
            tail.iter().position(|b| (0x40..=0x7e).contains(b)).map_or(2, |at| at + 3)
        }
        // OSC extends to BEL or the next escape, which the next step reads.
        [0x1b, b']', tail @ ..] => {
            tail.iter().position(|b| matches!(b, 7 | 0x1b)).map_or(2, |at| at + 2)
        }
        [0x1b, kind, ..] if kind.is_ascii() => 2,
        _ => 1,
    }
}

/// The masked text written so far.
struct MaskedText {
    text: String,
    /// The last mask and its end, so that a list of numbers becomes one `<num>`.
    last: (&'static str, usize),
}

impl MaskedText {
    fn push_space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    fn push_word(&mut self, word: &str) {
        self.text.extend(word.chars().filter(|c| !hidden(*c)));
    }

    fn push_mask(&mut self, mask: &'static str) {
        let (last, end) = self.last;
        let between = self.text.get(end..).unwrap_or("-");
        let is_list = last == mask && between.bytes().all(|b| b" ,/:-;+".contains(&b));
        if is_list {
            self.text.truncate(end);
        } else {
            self.text.push_str(mask);
        }
        self.last = (mask, self.text.len());
    }

    fn ends_in_word(&self) -> bool {
        self.text.ends_with(|c: char| c.is_alphanumeric() || c == '>')
    }

    /// Returns whether the text ends in an address of IPv6 in brackets, before its port.
    fn ends_in_address(&self) -> bool {
        self.text.ends_with("<host>]") || self.text.ends_with("::<num>]")
    }

    fn finish(mut self, max: usize) -> String {
        if self.text.len() > max {
            // Cut at a space, so that no mask is split.
            let end = self.text.floor_char_boundary(max);
            let end = self.text[..end].rfind(' ').unwrap_or(end);
            self.text.truncate(end);
        }
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}
