//! Names and prose: types, functions, tests, sizes of programs, and the openings of doc comments.

use std::collections::BTreeMap;

use super::{assert_none, code, is_test, rust_files};

/// First words of a doc comment that name no subject.
const VAGUE: [&str; 28] = [
    "By", "From", "How", "It", "Its", "Nobody", "None", "Nothing", "Now", "Of", "One", "Same",
    "So", "Somebody", "That", "Their", "They", "Those", "To", "What", "When", "Where", "Whether",
    "Who", "Why", "With", "Whose", "Here",
];

/// First words of a test name that name no subject.
const NO_SUBJECT: [&str; 18] = [
    "a", "an", "the", "what", "it", "of", "no", "who", "whoever", "that", "those", "which",
    "every", "only", "where", "when", "nobody", "nothing",
];

/// Words that begin a question and still name what is returned.
const ALLOWED: [&str; 1] = ["Whether"];

/// Type names that may be defined in more than one file, with the reason.
const TWICE: [(&str, &str); 1] = [("Options", "each program has its own")];

/// Returns `(file, line number, line)` of the product's code, comments included.
fn lines() -> Vec<(String, usize, String)> {
    let mut all = Vec::new();
    for (path, text) in rust_files("src") {
        if is_test(&path) {
            continue;
        }
        let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(&text);
        all.extend(
            body.lines().enumerate().map(|(n, line)| (path.clone(), n + 1, line.to_owned())),
        );
    }
    all
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || ",.:;'".contains(c)).next().unwrap_or_default()
}

#[test]
fn doc_comments_name_their_subject() {
    let (mut found, mut in_comment) = (Vec::new(), false);
    for (path, number, line) in lines() {
        let Some(text) = line.trim_start().strip_prefix("///") else {
            in_comment = false;
            continue;
        };
        let word = first_word(text.trim_start());
        if !in_comment && VAGUE.contains(&word) && !ALLOWED.contains(&word) {
            found.push(format!("{path}:{number}:{text}"));
        }
        in_comment = true;
    }
    assert_none("a doc comment opens without a noun phrase or a verb", found);
}

/// Returns the name after `keyword` of an item at the start of a line, whatever its visibility.
fn item<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest)
    });
    let rest = line.trim_start().strip_prefix(keyword)?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

#[test]
fn type_names_are_defined_once() {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, _, line) in lines() {
        for keyword in ["struct ", "enum ", "trait ", "type "] {
            if let Some(name) = item(&line, keyword).filter(|_| !line.starts_with(' ')) {
                types.entry(name.to_owned()).or_default().push(path.clone());
            }
        }
    }
    assert!(types.len() > 100, "{types:?}");
    types.retain(|name, paths| paths.len() > 1 && !TWICE.iter().any(|(free, _)| free == name));
    let found = types.into_iter().map(|(name, paths)| format!("{name}: {}", paths.join(", ")));
    assert_none("a type name is defined more than once", found.collect());
}

/// `of` says neither that it constructs nor what it returns.
#[test]
fn function_names_exclude_of() {
    let is_of = |line: &str| {
        item(line.trim_start(), "fn ") == Some("of")
            || item(line.trim_start(), "const fn ") == Some("of")
    };
    let found = lines().into_iter().filter(|(_, _, line)| is_of(line));
    assert_none(
        "a function is called 'of'",
        found.map(|(path, number, line)| format!("{path}:{number}: {}", line.trim())).collect(),
    );
}

/// Returns the names of the tests in a file.
fn test_names(text: &str) -> Vec<&str> {
    let tests = text.split("#[test]\n").skip(1);
    tests.filter_map(|test| test.lines().find_map(|line| item(line.trim_start(), "fn "))).collect()
}

fn names_subject(test: &str) -> bool {
    !NO_SUBJECT.contains(&test.split('_').next().unwrap_or_default())
}

/// Test names begin with a subject, so that a list of failures sorts by it.
#[test]
fn test_names_begin_with_their_subject() {
    let (mut found, mut count) = (Vec::new(), 0);
    for (path, text) in rust_files("src").into_iter().chain(rust_files("tests")) {
        let names = test_names(&text);
        count += names.len();
        let vague = names.into_iter().filter(|name| !names_subject(name));
        found.extend(vague.map(|name| format!("{path}: {name}")));
    }
    assert!(count > 600, "{count}");
    assert_none("a test name begins without its subject", found);
}

#[test]
fn programs_have_at_most_100_lines() {
    let long = rust_files("src/bin").into_iter().filter(|(_, text)| text.lines().count() > 100);
    assert_none("a program has over 100 lines", long.map(|(path, _)| path).collect());
}

#[test]
fn name_checks_find_names() {
    assert_eq!(item("pub(in crate::rules) struct A<'a> {", "struct "), Some("A"));
    assert_eq!(item("fn of(", "fn "), Some("of"));
    assert_eq!(item("a struct B", "struct "), None);
    assert_eq!(first_word("It's here"), "It");
    assert_eq!(test_names("fn a() {\n#[test]\n#[ignore]\n    fn b_c(d: u8) {\nfn e() {"), ["b_c"]);
    assert!(!names_subject("a_replay") && !names_subject("it") && names_subject("item_of_a_list"));
    assert!(code("// x\ny").contains('y'));
}
