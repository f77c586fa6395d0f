//! A dead letter, as it was received: nothing decoded, nothing trusted.

use std::collections::BTreeMap;

/// What SQS hands out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its body. SQS has text only; what is in a wrapping may be anything.
    pub body: String,
    /// What its producer said of it.
    pub attributes: BTreeMap<String, Attribute>,
    /// What SQS says of it: `SentTimestamp`, `ApproximateReceiveCount` …
    pub system: BTreeMap<String, String>,
}

/// An attribute that a producer has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// `String` and `Number`.
    Text(String),
    /// `Binary`.
    Binary(Vec<u8>),
}

impl Attribute {
    /// Its text, when it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Attribute::Text(text) => Some(text),
            Attribute::Binary(_) => None,
        }
    }
}
