//! A dead letter as received: nothing decoded, nothing trusted.

use std::collections::BTreeMap;

/// A message of SQS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    pub id: String,
    /// Body: text, which may encode arbitrary bytes.
    pub body: String,
    /// Attributes set by the producer.
    pub attributes: BTreeMap<String, Attribute>,
    /// Data types of the attributes, verbatim: `String`, `Number`, `Binary`, `Number.int` …
    pub attribute_types: BTreeMap<String, String>,
    /// System attributes: `SenderId`, `SentTimestamp`, `ApproximateReceiveCount` …
    pub system: BTreeMap<String, String>,
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// SQS types `String` and `Number`.
    Text(String),
    /// SQS type `Binary`.
    Binary(Vec<u8>),
}

impl Attribute {
    /// Returns the text of a text attribute.
    pub fn text(&self) -> Option<&str> {
        match self {
            Attribute::Text(text) => Some(text),
            Attribute::Binary(_) => None,
        }
    }
}
