//! Parser of YAML text into a tree of nodes with line numbers.
//!
//! Promises: duplicate keys, several documents, unknown tags, deep nesting and alias bombs are
//! refused with a line. Never shows a value in an error: it might be somebody's secret.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, MessageFormatter, Spanned, UserMessageFormatter};

/// A value and where it stands.
pub(super) type Node = Spanned<Value>;

/// Returns a value that stands in no file: its line is 0.
pub(super) fn outside_file(value: Value) -> Node {
    Spanned::new(value, Location::UNKNOWN, Location::UNKNOWN)
}

/// Kinds of values.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Whole(i64),
    Real(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

/// Deepest nesting of lists and maps.
pub(super) const MAX_DEPTH: usize = 32;
/// Most values of a file.
pub(super) const MAX_NODES: usize = 50_000;
/// Most parser events that aliases may repeat.
pub(super) const MAX_REPLAYED: usize = 10_000;

/// Reads one document. An empty text, or one of comments only, is `Null`.
pub(super) fn read(text: &str) -> Result<Node, (u64, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(outside_file(Value::Null));
    }
    // A person's configuration is shallow and small; the default limits are for data.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        reject_unsupported_tags: true,
        leading_zero_numbers_as_strings: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let line = error.location().map_or(0, |at| at.line());
        (line, why(&error))
    })
}

/// Returns the message of the parser, without words from the file.
fn why(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => why(error),
        Error::DuplicateMappingKey { .. } => "duplicate key in this map".into(),
        Error::UnsupportedTag { .. } => "unknown tag".into(),
        Error::Message { .. }
        | Error::NonFiniteFloat { .. }
        | Error::SerdeInvalidType { .. }
        | Error::SerdeInvalidValue { .. }
        | Error::TaggedEnumMismatch { .. } => "a value that cannot stand here".into(),
        // Other messages describe what was expected, and quote at most one character.
        other => UserMessageFormatter.format_message(other).into_owned(),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

/// Visitor that accepts every value.
struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        // Beyond i64 every limit refuses it anyway; a float keeps its size.
        Ok(i64::try_from(number).map_or(Value::Real(number as f64), Value::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Real(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Value::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(node: &Node, found: &mut Vec<(String, u64)>) {
        match &node.value {
            Value::Map(map) => {
                for (key, child) in map {
                    found.push((key.value.clone(), key.referenced.line()));
                    lines(child, found);
                }
            }
            Value::List(list) => list.iter().for_each(|child| lines(child, found)),
            _ => found.push((format!("{:?}", node.value), node.referenced.line())),
        }
    }

    #[test]
    fn keys_and_values_have_their_line() {
        let node =
            read("# top\na:\n  b: 1\n  c:\n    - x\n    - 'y'\nd: {e: 0.5, f: no}\n").unwrap();
        let mut found = Vec::new();
        lines(&node, &mut found);
        let expected = [
            ("a", 2),
            ("b", 3),
            ("Whole(1)", 3),
            ("c", 4),
            ("Text(\"x\")", 5),
            ("Text(\"y\")", 6),
            ("d", 7),
            ("e", 7),
            ("Real(0.5)", 7),
            ("f", 7),
            ("Flag(false)", 7),
        ];
        let expected: Vec<_> = expected.map(|(text, line)| (text.to_owned(), line)).to_vec();
        assert_eq!(found, expected);
    }

    #[test]
    fn empty_text_is_null() {
        for text in ["", "\n\n", "# only\n  # comments\n", "\u{feff}", "---\n", "---\n# x\n...\n"] {
            let node = read(text).unwrap();
            assert!(matches!(node.value, Value::Null), "{text:?} gave {node:?}");
        }
    }

    #[test]
    fn unsupported_yaml_is_refused_with_its_line() {
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..9 {
            let one = format!("*a{}", i - 1);
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![one; 10].join(", ")));
        }
        let cases = [
            ("a duplicate key", "a: 1\nb: 2\na: 3\n", 3),
            ("two documents", "a: 1\n---\nb: 2\n", 3),
            ("an open bracket", "a: 1\nb: [1, 2\n", 0),
            ("a foreign tag", "a: 1\nb: !!python/object:os.system x\n", 2),
            ("deep nesting", deep.as_str(), 1),
            ("an alias bomb", bomb.as_str(), 0),
            ("a tab for indentation", "a:\n\tb: 1\n", 2),
        ];
        for (what, text, line) in cases {
            let (at, why) = read(text).map(|_| ()).expect_err(what);
            assert!(line == 0 || at == line, "{what}: {at}: {why}");
            assert!(!why.is_empty() && !why.contains('\n'), "{what}: {why}");
        }
    }
}
