//! Markdown for terminals and browsers, with untrusted text in it.
//!
//! Promises: untrusted text is either a code span or fenced block, behind more backticks than the
//! text has, or escaped prose on one line without hidden characters. Neither can become a heading,
//! link, image, HTML, mention or the end of a block.

use crate::text::{count, safe, shorten};

/// The number of characters of a text that are shown.
pub(super) const EXCERPT: usize = 160;
/// The number of items of a list that are shown.
pub(super) const LIST: usize = 20;

/// A Markdown text under construction.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref());
        self.0.push('\n');
    }

    pub(super) fn heading(&mut self, text: &str) {
        let gap = if self.0.ends_with("\n\n") { "" } else { "\n" };
        self.line(format!("{gap}## {text}\n"));
    }

    /// Adds the first items, a text each, and the number of the others; `none` when there are none.
    pub(super) fn list<T>(
        &mut self,
        items: &[T],
        noun: &str,
        none: &str,
        show: impl FnMut(&T) -> String,
    ) {
        items.iter().take(LIST).map(show).for_each(|text| self.line(text));
        if items.len() > LIST {
            let more = count((items.len() - LIST) as u64, noun);
            self.line(format!("- … and {more} more."));
        }
        if items.is_empty() && !none.is_empty() {
            self.line(none);
        }
    }

    /// Adds facts, each with its name.
    pub(super) fn facts<const N: usize>(&mut self, facts: [(&str, String); N]) {
        for (name, value) in facts {
            self.line(format!("- {name}: {value}"));
        }
    }

    pub(super) fn steps(&mut self, steps: impl Iterator<Item = String>) {
        for (number, step) in (1..).zip(steps) {
            self.line(format!("{number}. {step}"));
        }
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

pub(super) fn in_words(confidence: f64) -> &'static str {
    match confidence {
        0.9.. => "very high",
        0.8.. => "high",
        0.6.. => "medium",
        0.4.. => "low",
        _ => "none",
    }
}

/// Returns a value as text; `unknown` when it is not known.
pub(super) fn or_unknown<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "unknown".into(), show)
}

/// Returns untrusted text as a code span.
pub(super) fn span(text: &str) -> String {
    span_of(text, EXCERPT)
}

pub(super) fn span_of(text: &str, max: usize) -> String {
    let text = plain(text, max);
    if text.trim().is_empty() {
        return "(empty)".into();
    }
    let fence = fence(&text, 1);
    // A backtick at an edge would lengthen the fence, and CommonMark strips a pair of blanks.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Returns text on one line without hidden characters.
pub(super) fn plain(text: &str, max: usize) -> String {
    safe(&shorten(text, max)).into_owned()
}

/// Returns more backticks than any run in `text`, and `least` at least.
pub(super) fn fence(text: &str, least: usize) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(least.max(longest + 1))
}

/// Returns untrusted sentences as prose. Code spans stay; a word that a browser would make a link
/// or mention (`https://…`, `@name`, `#12`) becomes a code span.
pub(super) fn prose(text: &str) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = safe(&folded);
    if shown.is_empty() {
        return "(empty)".into();
    }
    let mut out = String::with_capacity(shown.len() + 16);
    let mut rest = shown.as_ref();
    while let Some((before, code, after)) = code_in(rest) {
        words(&mut out, before);
        code_span(&mut out, code);
        rest = after;
    }
    words(&mut out, rest);
    guard_start(out)
}

/// Returns the text before, in and after the first code span. In CommonMark a run of backticks ends
/// at the next run of equal length.
fn code_in(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('`').map(|at| from + at) {
        let run = run_at(text, open);
        let inside = open + run;
        let mut at = inside;
        while let Some(close) = text[at..].find('`').map(|found| at + found) {
            let length = run_at(text, close);
            if length == run {
                return Some((&text[..open], &text[inside..close], &text[close + length..]));
            }
            at = close + length;
        }
        from = inside;
    }
    None
}

/// Returns the length of the run of backticks at `at`.
fn run_at(text: &str, at: usize) -> usize {
    text[at..].bytes().take_while(|byte| *byte == b'`').count()
}

fn code_span(out: &mut String, code: &str) {
    // Adjacent spans would be read as one.
    if out.ends_with('`') {
        out.push(' ');
    }
    out.push_str(&span_of(code, usize::MAX));
}

fn words(out: &mut String, text: &str) {
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        if becomes_a_link(word) {
            code_span(out, word);
        } else {
            escape(out, word);
        }
        out.push_str(&piece[word.len()..]);
    }
}

/// Whether GitHub makes a part of a word a link: an address, a mention, an issue, or the hash of a
/// commit, also behind punctuation.
fn becomes_a_link(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let starts_with_digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    // An issue of some repository, by its new and its old name.
    let numbered = lower.split('#').skip(1).any(starts_with_digit);
    let mut old_names = lower.match_indices("gh-");
    let is_issue = old_names.any(|(at, name)| {
        let is_word = !lower[..at].ends_with(char::is_alphanumeric);
        is_word && starts_with_digit(&lower[at + name.len()..])
    });
    let schemes = ["://", "www.", "mailto:", "xmpp:"];
    is_issue
        || lower.split(|c: char| !c.is_alphanumeric()).any(is_hash)
        || numbered
        || word.contains('@')
        || schemes.iter().any(|scheme| lower.contains(scheme))
}

/// Returns whether letters and digits in lower case can be the hash of a commit.
fn is_hash(hash: &str) -> bool {
    (7..=40).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && hash.bytes().any(|byte| byte.is_ascii_digit())
        && hash.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Escapes the characters that are markup where they stand, and no others: people read the text in
/// terminals too.
fn escape(out: &mut String, word: &str) {
    let mut before = ' ';
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        let means = match c {
            '[' | ']' | '<' | '`' | '*' | '$' => true,
            '\\' => after.is_ascii_punctuation() || after == ' ',
            '&' => after == '#' || after.is_ascii_alphanumeric(),
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            '~' => before != ' ' || after == '~',
            _ => false,
        };
        if means {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
}

/// Escapes a start of the text that would begin a block.
fn guard_start(mut text: String) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if text.starts_with(['#', '>', '-', '+', '=', '~', '|', ':']) {
        text.insert(0, '\\');
    } else if digits > 0 && text[digits..].starts_with(['.', ')']) {
        text.insert(digits, '\\');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_escapes_markdown() {
        let rows = [
            ("words", "It is null, 5 times (mostly).", "It is null, 5 times (mostly)."),
            ("a heading", "# Fixed", "\\# Fixed"),
            ("a heading on a second line", "a\n\n# Fixed", "a # Fixed"),
            ("a link", "[here](x)", "\\[here\\](x)"),
            ("an escaped link", "\\[here](x)", "\\\\\\[here\\](x)"),
            ("an image", "![x](y)", "!\\[x\\](y)"),
            ("HTML", "a <b>c</b>", "a \\<b>c\\</b>"),
            ("a comment", "<!-- a -->", "\\<!-- a -->"),
            ("code", "call `a[0]` <now>", "call `a[0]` \\<now>"),
            ("code with backticks", "``a`b``", "``a`b``"),
            ("a backtick alone", "a ` b", "a \\` b"),
            ("a fence", "```sh", "\\`\\`\\`sh"),
            ("code by code", "`a`https://x", "`a` `https://x`"),
            ("an address", "see https://x.y/z.", "see `https://x.y/z.`"),
            ("a mention", "ask @team now", "ask `@team` now"),
            ("an issue", "as in o/r#12", "as in `o/r#12`"),
            ("an issue by its old name", "closes (GH-12)", "closes `(GH-12)`"),
            ("an issue behind punctuation", "(x)GH-3 https:GH-12", "`(x)GH-3` `https:GH-12`"),
            ("no issue", "high-12", "high-12"),
            ("a commit", "since 3fae11ee.", "since `3fae11ee.`"),
            ("two commits", "3fae11e...4fae11e", "`3fae11e...4fae11e`"),
            ("a commit behind a colon", "commit:3fae11e", "`commit:3fae11e`"),
            ("words and numbers", "defaced 1234567 a1", "defaced 1234567 a1"),
            ("a name in C#", "written in C#", "written in C#"),
            ("an entity", "a &#x202e; &amp; b & c", "a \\&#x202e; \\&amp; b & c"),
            ("emphasis", "**Status: fixed** __x__", "\\*\\*Status: fixed\\*\\* \\_\\_x\\_\\_"),
            ("a name", "customer_id of m1", "customer_id of m1"),
            ("about", "~5 of ~~6~~", "\\~5 of \\~\\~6\\~\\~"),
            ("a list", "- a", "\\- a"),
            ("a numbered list", "12. a", "12\\. a"),
            ("a rule", "---", "\\---"),
            ("an underline", "===", "\\==="),
            ("a Windows path", "C:\\a\\b", "C:\\a\\b"),
            ("a terminal's", "a\u{1b}[2J", "a\\u{1b}\\[2J"),
            ("nothing", " \n", "(empty)"),
        ];
        for (rule, text, shown) in rows {
            assert_eq!(prose(text), shown, "{rule}");
        }
    }
}
