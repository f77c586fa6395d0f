//! Words, identifiers and paths in a line of text.

use std::ops::Range;

/// The place of a word: letters and digits.
pub(super) type Word = Range<usize>;

/// The characters of the shortest name that is compared in other spellings.
const FOLDED_MIN: usize = 6;
/// The words of an identifier at most.
const PARTS_MAX: usize = 12;
/// Numbers of more than five digits that every program knows: limits of integers.
const KNOWN_NUMBERS: [&str; 10] = [
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
];
/// Folders in which machines have what is their own. Others are the same everywhere, or routes.
const PRIVATE_ROOTS: [&str; 7] =
    ["/home/", "/Users/", "/srv/", "/opt/", "/mnt/", "/data/", "/var/"];
/// The least parts and characters of a path of a machine.
const PATH_PARTS: usize = 3;
const PATH_MIN: usize = 12;

/// Returns the words of a line. The letter of an escape, as in `\n`, belongs to none.
pub(super) fn words(line: &str) -> Vec<Word> {
    let mut all: Vec<Word> = Vec::new();
    let mut is_escape = false;
    for (at, c) in line.char_indices() {
        let is_control = is_escape && matches!(c, 'n' | 'r' | 't');
        is_escape = c == '\\' && !is_escape;
        if !c.is_alphanumeric() || is_control {
            continue;
        }
        let end = at + c.len_utf8();
        match all.last_mut().filter(|word| word.end == at) {
            Some(word) => word.end = end,
            None => all.push(at..end),
        }
    }
    all
}

/// Returns the text from the first to the last of some words, in the form in which two are compared:
/// without the backslashes of escapes, in small letters, and with one space for all white space.
pub(super) fn key(line: &str, words: &[Word]) -> String {
    let mut key = String::new();
    let mut end = None;
    for word in words {
        let between = end.map_or("", |end| &line[end..word.start]);
        let mut is_space = false;
        let mut rest = between.chars().peekable();
        while let Some(c) = rest.next() {
            let is_control = c == '\\' && matches!(rest.peek(), Some('n' | 'r' | 't'));
            if is_control {
                rest.next();
            }
            if is_control || c.is_whitespace() {
                is_space = true;
            } else if c != '\\' {
                key.extend(is_space.then_some(' '));
                is_space = false;
                key.push(c);
            }
        }
        key.extend(is_space.then_some(' '));
        key.push_str(&line[word.clone()]);
        end = Some(word.end);
    }
    key.to_lowercase()
}

/// Returns a name in the form in which two are compared: `orders-dlq`, `ORDERS_DLQ` and `OrdersDlq` are
/// one. None: it is one word, or more than a name.
pub(super) fn folded(name: &str) -> Option<String> {
    let parts = parts(name);
    let is_name = name.chars().all(|c| c.is_alphanumeric() || is_joint(c));
    let is_joined = parts.len() > 1 || name.chars().any(|c| c.is_ascii_digit());
    let text = name_of(name, &parts);
    (is_name && is_joined && text.chars().count() >= FOLDED_MIN).then_some(text)
}

/// Returns all that may be a name in a line, folded, each with its place.
pub(super) fn folded_names(line: &str) -> Vec<(String, Word)> {
    let parts = parts(line);
    let is_next = |left: &Word, right: &Word| {
        let between = &line[left.end..right.start];
        between.chars().count() <= 1 && between.chars().all(is_joint)
    };
    let mut all = Vec::new();
    for first in 0..parts.len() {
        for last in first..parts.len().min(first + PARTS_MAX) {
            if last > first && !is_next(&parts[last - 1], &parts[last]) {
                break;
            }
            let text = name_of(line, &parts[first..=last]);
            if text.chars().count() >= FOLDED_MIN {
                all.push((text, parts[first].start..parts[last].end));
            }
        }
    }
    all
}

/// Returns an identifier in the form in which two are compared.
pub(super) fn folded_identifier(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_joint(c: char) -> bool {
    matches!(c, '-' | '_' | '.')
}

fn name_of(line: &str, parts: &[Word]) -> String {
    parts.iter().map(|part| line[part.clone()].to_lowercase()).collect()
}

/// Returns the parts of names: words, cut where a capital letter begins another one (`OrdersDlq`).
fn parts(line: &str) -> Vec<Word> {
    let mut all = Vec::new();
    for word in words(line) {
        let letters: Vec<(usize, char)> =
            line[word.clone()].char_indices().map(|(at, c)| (word.start + at, c)).collect();
        let mut start = word.start;
        for (n, (at, c)) in letters.iter().enumerate().skip(1) {
            let before = letters[n - 1].1;
            let is_last_capital =
                before.is_uppercase() && letters.get(n + 1).is_some_and(|(_, c)| c.is_lowercase());
            if c.is_uppercase() && (!before.is_uppercase() || is_last_capital) {
                all.push(start..*at);
                start = *at;
            }
        }
        all.push(start..word.end);
    }
    all
}

/// Returns the identifiers of a line: words, and words that are joined by one character. `parts`: also
/// parts of those.
pub(super) fn identifiers(line: &str, parts: bool) -> Vec<&str> {
    let words = words(line);
    let is_joined = |left: &Word, right: &Word| {
        matches!(&line[left.end..right.start], "-" | "_" | "." | ":" | "@" | "+")
    };
    let mut all = Vec::new();
    let mut first = 0;
    while first < words.len() {
        let mut last = first;
        while last + 1 < words.len() && is_joined(&words[last], &words[last + 1]) {
            last += 1;
        }
        let text = |from: usize, to: usize| &line[words[from].start..words[to].end];
        for from in first..=last {
            let ends = match parts {
                true => from..last.min(from + PARTS_MAX) + 1,
                false => from..from + 1,
            };
            all.extend(ends.map(|to| text(from, to)));
        }
        all.extend((last > first).then(|| text(first, last)));
        first = last + 1;
    }
    all.retain(|text| is_identifier(text));
    all
}

/// Whether a text tells one thing from others of its kind: a number of 6 digits and more that is not
/// round, or a name with 5 digits, or with 4 among 14 characters.
pub(super) fn is_identifier(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if text.chars().any(char::is_alphabetic) {
        return digits >= 5 && text.chars().count() >= 6
            || digits >= 4 && text.chars().count() >= 14;
    }
    if text.chars().all(|c| c.is_ascii_digit()) {
        return digits >= 6 && !text.ends_with("000") && !KNOWN_NUMBERS.contains(&text);
    }
    // A day or a time of the day stands in many lines.
    let is_time = digits <= 8 && !text.contains(['_', '.', '@', '+']);
    digits >= 6 && !is_time && !text.starts_with("127.")
}

/// Returns the paths of a line that name a place of a machine. `parts`: also the folders on the way.
pub(super) fn private_paths(line: &str, parts: bool) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || "/._-+@".contains(c);
    let mut all = Vec::new();
    for path in line.split(|c| !is_part(c)) {
        let path = path.trim_end_matches(['/', '.', '-']);
        if !PRIVATE_ROOTS.iter().any(|root| path.starts_with(root)) {
            continue;
        }
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| parts && *at > 0);
        all.extend(ends.chain([path.len()]).map(|end| &path[..end]));
    }
    let is_long =
        |path: &&str| path.matches('/').count() >= PATH_PARTS && path.chars().count() >= PATH_MIN;
    all.retain(is_long);
    all
}
