//! The members of a JSON object, undecoded: what nobody asks for costs no memory, and a member of
//! an unexpected form is a member that is not there.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::word;

/// The members of an object.
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Those of a text that is an object.
    pub fn of(json: &'a [u8]) -> Option<Fields<'a>> {
        serde_json::from_slice(json).ok().map(Fields)
    }

    /// A member, of the form that is wanted.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let raw = self.raw(key)?;
        serde_json::from_str(raw).ok().or_else(|| serde_json::from_str(&mended(raw)?).ok())
    }

    /// A member as it was written.
    pub fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|raw| raw.get())
    }

    /// A member that is a word: text that is not empty, safe to show, and short.
    pub fn word(&self, key: &str) -> Option<String> {
        self.get::<String>(key).filter(|text| !text.is_empty()).map(|text| word(&text))
    }

    /// A member that is an object.
    pub fn object(&self, key: &str) -> Option<Fields<'a>> {
        Fields::of(self.raw(key)?.as_bytes())
    }

    /// A member that is a list, with each of its elements as it was written.
    pub fn list(&self, key: &str) -> Option<Vec<&'a RawValue>> {
        list(self.raw(key)?.as_bytes())
    }

    /// The objects of a member that is a list.
    pub fn objects(&self, key: &str) -> Vec<Fields<'a>> {
        let all = self.list(key).unwrap_or_default();
        all.into_iter().filter_map(|raw| Fields::of(raw.get().as_bytes())).collect()
    }
}

/// The elements of a text that is a list.
pub(super) fn list(json: &[u8]) -> Option<Vec<&RawValue>> {
    serde_json::from_slice(json).ok()
}

/// The same JSON with its lone surrogates replaced, if it has any escapes that could be such. A
/// text that JavaScript has cut within a character has one, and serde_json refuses it.
fn mended(raw: &str) -> Option<String> {
    if !raw.contains("\\ud") && !raw.contains("\\uD") {
        return None;
    }
    let unit = |at: usize| {
        let hex = raw.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    let mut whole = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(next) = raw[at..].find('\\').map(|found| at + found) {
        whole.push_str(&raw[at..next]);
        let (taken, lone) = match (unit(next), unit(next + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, false),
            (Some(0xd800..=0xdfff), _) => (6, true),
            _ => (2, false), // Any other escape; its second byte may be a backslash.
        };
        let end = (next + taken).min(raw.len());
        whole.push_str(if lone { "\\ufffd" } else { raw.get(next..end)? });
        at = end;
    }
    whole.push_str(&raw[at..]);
    Some(whole)
}
