//! JSON as it was received: the order of its members, repeated keys, and the spelling of its numbers
//! and strings stay. Only the space between tokens is dropped.
//!
//! A consumer can fail because of a spelling: `1.0` for `1`, an integer beyond 2^53, a key that is
//! there twice. `serde_json::Value` keeps none of these.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A parsed JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`, `true` or `false`.
    Word(String),
    /// A number as it was spelled.
    Number(String),
    String(JsonString),
    Array(Vec<Json>),
    /// Members in their order; keys can repeat.
    Object(Vec<(JsonString, Json)>),
}

/// A string and its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonString {
    /// Between the quotes.
    spelling: String,
    /// The text; none if the spelling has no escapes.
    text: Option<String>,
}

impl JsonString {
    pub fn new(text: &str) -> Self {
        let spelling = Value::from(text).to_string();
        JsonString::spelled(&spelling[1..spelling.len() - 1])
    }

    fn spelled(spelling: &str) -> Self {
        let decoded = || serde_json::from_str(&format!("\"{spelling}\"")).unwrap_or_default();
        let text = spelling.contains('\\').then(decoded);
        JsonString { spelling: spelling.to_owned(), text }
    }

    /// Returns the text without escapes.
    pub fn text(&self) -> &str {
        self.text.as_ref().unwrap_or(&self.spelling)
    }
}

impl Json {
    /// Parses a text that `serde_json` accepts.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Value>(text).ok()?;
        Some(Reader { rest: text }.value())
    }

    pub fn string(text: &str) -> Self {
        Json::String(JsonString::new(text))
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(string) = self { Some(string.text()) } else { None }
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Reader { rest: &value.to_string() }.value()
    }
}

impl Display for JsonString {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.spelling)
    }
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let comma = |f: &mut Formatter<'_>, at| if at > 0 { f.write_char(',') } else { Ok(()) };
        match self {
            Json::Word(text) | Json::Number(text) => f.write_str(text),
            Json::String(string) => string.fmt(f),
            Json::Array(values) => {
                f.write_char('[')?;
                for (at, value) in values.iter().enumerate() {
                    comma(f, at)?;
                    value.fmt(f)?;
                }
                f.write_char(']')
            }
            Json::Object(members) => {
                f.write_char('{')?;
                for (at, (key, value)) in members.iter().enumerate() {
                    comma(f, at)?;
                    write!(f, "{key}:{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

/// A reader of valid JSON, whose depth is bounded by the parser that accepted it.
struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn value(&mut self) -> Json {
        self.skip_space();
        match self.rest.as_bytes().first() {
            Some(b'"') => Json::String(self.string()),
            Some(b'[') => {
                let mut values = Vec::new();
                while self.enters_next(']') {
                    values.push(self.value());
                }
                Json::Array(values)
            }
            Some(b'{') => {
                let mut members = Vec::new();
                while self.enters_next('}') {
                    let key = self.string();
                    self.skip_space();
                    self.skip(1);
                    members.push((key, self.value()));
                }
                Json::Object(members)
            }
            first => {
                let is_number = first.is_some_and(|b| *b == b'-' || b.is_ascii_digit());
                let is_end = |c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace();
                let word = self.skip(self.rest.find(is_end).unwrap_or(self.rest.len())).to_owned();
                if is_number { Json::Number(word) } else { Json::Word(word) }
            }
        }
    }

    /// Skips the bracket or comma before the next element; at the end, skips the closing bracket and
    /// returns false.
    fn enters_next(&mut self, close: char) -> bool {
        self.skip_space();
        let is_close = |text: &str| text.is_empty() || text.starts_with(close);
        if is_close(self.rest) {
            self.skip(1);
            return false;
        }
        self.skip(1);
        self.skip_space();
        // An empty list or object.
        if is_close(self.rest) {
            self.skip(1);
            return false;
        }
        true
    }

    fn string(&mut self) -> JsonString {
        let is_escaped = |at: usize| {
            let before = self.rest.as_bytes()[1..at].iter().rev();
            before.take_while(|byte| **byte == b'\\').count() % 2 == 1
        };
        let mut ends = self.rest.match_indices('"').map(|(at, _)| at).skip(1);
        let end = ends.find(|at| !is_escaped(*at)).unwrap_or(self.rest.len());
        let spelling = self.skip(end);
        self.skip(1);
        JsonString::spelled(spelling.get(1..).unwrap_or_default())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn skip(&mut self, count: usize) -> &'t str {
        let (skipped, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        skipped
    }
}

/// A JSON text without space between its tokens: the body of a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// Returns the text itself.
    pub fn as_text(&self) -> &str {
        self.0.get()
    }

    /// Returns what the text means, without its spelling.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }

    /// Returns the string that the text is; `null` is none, and another value is its own text.
    pub fn shown(&self) -> Option<Cow<'_, str>> {
        match self.0.get() {
            "null" => None,
            text if text.starts_with('"') => serde_json::from_str(text).ok().map(Cow::Owned),
            text => Some(Cow::Borrowed(text)),
        }
    }
}

impl Default for JsonText {
    /// Returns `null`.
    fn default() -> Self {
        JsonText(RawValue::NULL.to_owned())
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_text() == other.as_text()
    }
}

impl From<&Json> for JsonText {
    fn from(json: &Json) -> Self {
        RawValue::from_string(json.to_string()).map(JsonText).unwrap_or_default()
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> Self {
        JsonText::from(&Json::from(value))
    }
}

impl From<&str> for JsonText {
    /// Returns the text of a string.
    fn from(text: &str) -> Self {
        JsonText::from(&Json::string(text))
    }
}

/// Returns a JSON text indented by two spaces a level, with a final line feed. Tokens stay as they are.
pub fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    let mut chars = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            ' ' | '\n' | '\r' | '\t' => {}
            '"' => {
                quoted = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                match chars.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Texts that a parser into numbers and maps would change.
    pub(crate) const SPELLINGS: [&str; 12] = [
        r#"{"amount":1.0212e+05}"#,
        r#"[1,1.0,-0,-0.0,0e0,1E5,1e+5,1E-05,100.00]"#,
        r#"[9007199254740993,18446744073709551616,-9223372036854775809,0.1000000000000000055]"#,
        r#"{"b":1,"a":2,"b":3,"a":null}"#,
        r#"{"z":{},"y":[],"x":{"w":[[],{}]}}"#,
        r#"["\u0000","\u00e9","é","\/","/","\ud83d\ude00","😀","\"","\\","\\\""]"#,
        r#"{"\u0061":1,"a":2,"":3,"\"":4,"{,:[":"},:]"}"#,
        r#"[true,false,null]"#,
        r#""text""#,
        "null",
        "[]",
        "-1.50",
    ];

    #[test]
    fn json_stays_as_it_was_spelled() {
        for text in SPELLINGS {
            let json = Json::parse(text).unwrap();
            assert_eq!(json.to_string(), text);
            let spaced = indented(text);
            assert_eq!(Json::parse(&spaced), Some(json.clone()), "{spaced}");
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(JsonText::from(&json).value(), value);
        }
        for invalid in
            ["{'a':1}", "[1,]", "NaN", "{\"a\":1}x", "[\"\\ud800\"]", "01", "", "\u{feff}1"]
        {
            assert_eq!(Json::parse(invalid), None, "{invalid}");
        }
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::parse(&deep(100)).is_some() && Json::parse(&deep(100_000)).is_none());
    }

    #[test]
    fn text_of_strings_is_without_escapes() {
        let json = Json::parse(r#"{"\u0061\n":"\u00e9\\\"\/"}"#).unwrap();
        let Json::Object(members) = json else { unreachable!() };
        assert_eq!((members[0].0.text(), members[0].1.as_str()), ("a\n", Some("é\\\"/")));
        assert_eq!(JsonString::new("a\u{0}\"").to_string(), r#""a\u0000\"""#);
    }

    #[test]
    fn shown_text_of_a_body() {
        let rows = [("null", None), (r#""a\nb""#, Some("a\nb")), ("[1.0]", Some("[1.0]"))];
        for (text, shown) in rows {
            let found = JsonText::from(&Json::parse(text).unwrap());
            assert_eq!(found.shown().as_deref(), shown);
        }
        assert_eq!(JsonText::from("a\"").as_text(), r#""a\"""#);
    }

    #[test]
    fn indentation_equals_that_of_serde() {
        let value = json!({"a": [1, {"b": [], "c": {}}, "x: {,}\\\" "], "d": {"e": null}});
        let pretty = serde_json::to_string_pretty(&value).unwrap() + "\n";
        assert_eq!(indented(&value.to_string()), pretty);
        assert_eq!(indented(&pretty), pretty);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[\\[\\]{},:\"\\\\ 1-2a-bé]{0,40}") {
            if let Some(json) = Json::parse(&text) {
                let again = json.to_string();
                prop_assert_eq!(Json::parse(&again), Some(json));
            }
            indented(&text);
        }
    }
}
