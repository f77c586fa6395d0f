//! A document as single records in JSON, for a store that keeps each by itself.
//!
//! Records that share a key are one record here: a list of JSON. So they stand together afterwards, at
//! the place of the first; the order is the same otherwise.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Document, RecordKind, SetOperation};

/// All records of a kind that share a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRecord {
    pub kind: String,
    pub key: String,
    /// A JSON array of the records.
    pub json: String,
}

/// The records that are written.
#[derive(Debug, Default)]
pub struct Export {
    /// The JSON array of each is still open.
    records: Vec<KeyedRecord>,
    index: std::collections::HashMap<(RecordKind, String), usize>,
    failed: Option<String>,
}

impl Export {
    pub(super) fn add<T: Serialize>(&mut self, kind: RecordKind, key: &str, record: &T) {
        let json = match serde_json::to_string(record) {
            Ok(json) => json,
            Err(error) => {
                self.failed.get_or_insert_with(|| format!("the {kind} '{key}': {error}"));
                return;
            }
        };
        match self.index.get(&(kind, key.to_owned())) {
            Some(&at) => {
                let known = &mut self.records[at].json;
                known.push(',');
                known.push_str(&json);
            }
            None => {
                self.index.insert((kind, key.to_owned()), self.records.len());
                let (kind, key) = (kind.to_owned(), key.to_owned());
                self.records.push(KeyedRecord { kind, key, json: format!("[{json}") });
            }
        }
    }
}

/// The records that are read, in the order of their places.
#[derive(Debug, Default)]
pub struct Import {
    records: Vec<KeyedRecord>,
    failed: Option<String>,
}

impl Import {
    /// Takes the records of a kind, each with its key.
    pub(super) fn take<T: DeserializeOwned>(&mut self, kind: RecordKind) -> Vec<(String, T)> {
        let mut found = Vec::new();
        for one in self.records.extract_if(.., |one| one.kind == kind) {
            match serde_json::from_str::<Vec<T>>(&one.json) {
                Ok(records) => found.extend(records.into_iter().map(|r| (one.key.clone(), r))),
                Err(error) => {
                    self.failed.get_or_insert_with(|| {
                        format!("the {kind} '{}' is damaged: {error}", one.key)
                    });
                }
            }
        }
        found
    }
}

/// Returns the records of a document, in their order; an error says which cannot be written.
pub fn export<D: Document>(document: &mut D) -> Result<Vec<KeyedRecord>, String> {
    let mut export = Export::default();
    document.each_set(&mut D::default(), &mut SetOperation::Export(&mut export));
    let Export { mut records, failed, .. } = export;
    records.iter_mut().for_each(|record| record.json.push(']'));
    failed.map_or(Ok(records), Err)
}

/// Returns the document of these records; an error says which is damaged. Kinds that this program does
/// not know are left out, as unknown fields of a file are.
pub fn import<D: Document>(records: Vec<KeyedRecord>) -> Result<D, String> {
    let mut import = Import { records, failed: None };
    let mut document = D::default();
    document.each_set(&mut D::default(), &mut SetOperation::Import(&mut import));
    import.failed.map_or(Ok(document), Err)
}
