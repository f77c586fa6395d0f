//! Undecoded members of a JSON object. An unread member costs no memory, and a member of an
//! unexpected form counts as absent.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::word;

pub(super) struct JsonMembers<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> JsonMembers<'a> {
    /// Parses a text; none when it is not an object.
    pub fn parse(json: &'a [u8]) -> Option<JsonMembers<'a>> {
        serde_json::from_slice(json).ok().map(JsonMembers)
    }

    /// Returns a member of type `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let raw = self.raw(key)?;
        serde_json::from_str(raw)
            .ok()
            .or_else(|| serde_json::from_str(&without_lone_surrogates(raw)?).ok())
    }

    /// Returns a member as it was written.
    pub fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|raw| raw.get())
    }

    /// Returns a text that is not empty, shortened and safe to show.
    pub fn word(&self, key: &str) -> Option<String> {
        self.get::<String>(key).filter(|text| !text.is_empty()).map(|text| word(&text))
    }

    pub fn object(&self, key: &str) -> Option<JsonMembers<'a>> {
        JsonMembers::parse(self.raw(key)?.as_bytes())
    }

    /// Returns the elements of a list as they were written.
    pub fn list(&self, key: &str) -> Option<Vec<&'a RawValue>> {
        list(self.raw(key)?.as_bytes())
    }

    /// Returns the objects in a list.
    pub fn objects(&self, key: &str) -> Vec<JsonMembers<'a>> {
        let all = self.list(key).unwrap_or_default();
        all.into_iter().filter_map(|raw| JsonMembers::parse(raw.get().as_bytes())).collect()
    }
}

/// Returns the elements of a text that is a list.
pub(super) fn list(json: &[u8]) -> Option<Vec<&RawValue>> {
    serde_json::from_slice(json).ok()
}

/// Replaces lone surrogates; none when there is no escape of a surrogate. JavaScript leaves one
/// when it cuts a text within a character, and serde_json refuses it.
fn without_lone_surrogates(raw: &str) -> Option<String> {
    if !raw.contains("\\ud") && !raw.contains("\\uD") {
        return None;
    }
    // A pair, a lone one, or any other escape, which may be a backslash.
    static ESCAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let (high, low) = ("u[dD][89abAB][[:xdigit:]]{2}", "u[dD][c-fC-F][[:xdigit:]]{2}");
        Regex::new(&format!(r"\\(?:{high}\\{low}|(?<lone>{high}|{low})|.)")).ok()
    });
    let whole = ESCAPE.as_ref()?.replace_all(raw, |found: &Captures| match found.name("lone") {
        Some(_) => "\\ufffd".to_owned(),
        None => found[0].to_owned(),
    });
    Some(whole.into_owned())
}
