//! The ids that tie a message to a request, to a trace and to other messages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::unwrap::Peeled;
use super::{Content, cut, squash};
use crate::rules::evidence::message::{Attribute, Message};

/// Ids that are kept of a message, and how long each may be.
const IDS_MAX: usize = 8;
const ID_MAX: usize = 128;

#[derive(Default)]
pub(super) struct Ids {
    pub request: Option<String>,
    pub trace: Option<String>,
    pub others: BTreeMap<String, String>,
}

pub(super) fn of(message: &Message, peeled: &Peeled) -> Ids {
    let mut ids = Ids::default();
    if let Some(header) = message.system.get("AWSTraceHeader") {
        let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="));
        ids.trace = root.map(|root| cut(root, ID_MAX).to_owned());
    }
    for (name, value) in &message.attributes {
        if let Attribute::Text(text) = value {
            ids.take(name, text);
        }
    }
    if let Some(id) = &peeled.sns_id {
        ids.others.insert("sns.MessageId".into(), cut(id, ID_MAX).into());
    }
    if let Content::Json(value) = &peeled.content {
        for place in ["", "/requestContext", "/detail", "/metadata", "/headers"] {
            if let Some(Value::Object(object)) = value.pointer(place) {
                for (key, value) in object {
                    if let Value::String(text) = value {
                        ids.take(key, text);
                    }
                }
            }
        }
    }
    ids
}

impl Ids {
    fn take(&mut self, key: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let id = || Some(cut(text, ID_MAX).to_owned());
        let mut buffer = [0; 24];
        match squash(key, &mut buffer) {
            "requestid" | "awsrequestid" | "xrequestid" if self.request.is_none() => {
                self.request = id();
            }
            "traceparent" if self.trace.is_none() => {
                self.trace = text.split('-').nth(1).map(|part| cut(part, ID_MAX).to_owned());
            }
            "traceid" | "xamzntraceid" if self.trace.is_none() => self.trace = id(),
            "correlationid" | "xcorrelationid" | "causationid" | "idempotencykey"
            | "executionid" | "executionarn" | "transactionid" | "jobid"
                if self.others.len() < IDS_MAX =>
            {
                self.others.insert(cut(key, 64).to_owned(), cut(text, ID_MAX).to_owned());
            }
            _ => {}
        }
    }
}
