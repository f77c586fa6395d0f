//! Ids that link a message to a request, a trace and other messages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::unwrap::UnwrappedBody;
use super::{Content, normalized_key, truncated};
use crate::rules::evidence::message::{Attribute, Message};

/// Limits on the number of ids per message and on their length.
const IDS_MAX: usize = 8;
const ID_MAX: usize = 128;

#[derive(Default)]
pub(super) struct Ids {
    pub request: Option<String>,
    pub trace: Option<String>,
    pub others: BTreeMap<String, String>,
}

pub(super) fn collect(message: &Message, unwrapped: &UnwrappedBody) -> Ids {
    let mut ids = Ids::default();
    if let Some(header) = message.system.get("AWSTraceHeader") {
        let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="));
        ids.trace = root.map(|root| truncated(root, ID_MAX).to_owned());
    }
    for (name, value) in &message.attributes {
        if let Attribute::Text(text) = value {
            ids.add(name, text);
        }
    }
    if let Some(id) = &unwrapped.sns_id {
        ids.others.insert("sns.MessageId".into(), truncated(id, ID_MAX).into());
    }
    if let Content::Json(value) = &unwrapped.content {
        for path in ["", "/requestContext", "/detail", "/metadata", "/headers"] {
            if let Some(Value::Object(object)) = value.pointer(path) {
                for (key, value) in object {
                    if let Value::String(text) = value {
                        ids.add(key, text);
                    }
                }
            }
        }
    }
    ids
}

impl Ids {
    fn add(&mut self, key: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let id = || Some(truncated(text, ID_MAX).to_owned());
        let mut buffer = [0; 24];
        match normalized_key(key, &mut buffer) {
            "requestid" | "awsrequestid" | "xrequestid" if self.request.is_none() => {
                self.request = id();
            }
            "traceparent" if self.trace.is_none() => {
                self.trace = text.split('-').nth(1).map(|part| truncated(part, ID_MAX).to_owned());
            }
            "traceid" | "xamzntraceid" if self.trace.is_none() => self.trace = id(),
            "correlationid" | "xcorrelationid" | "causationid" | "idempotencykey"
            | "executionid" | "executionarn" | "transactionid" | "jobid"
                if self.others.len() < IDS_MAX =>
            {
                self.others
                    .insert(truncated(key, 64).to_owned(), truncated(text, ID_MAX).to_owned());
            }
            _ => {}
        }
    }
}
