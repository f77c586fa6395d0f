//! Ids that link a message to a request and a trace.

use serde_json::Value;

use super::key::{KEY_MAX, normalized_key};
use super::{Content, truncated};
use crate::rules::evidence::message::Message;

/// Limit on the length of an id.
const ID_MAX: usize = 128;
/// Objects of a payload whose keys are read.
const OBJECTS: [&str; 5] = ["", "/requestContext", "/detail", "/metadata", "/headers"];

/// Returns the id of the failed request, and the trace id.
pub(super) fn find(message: &Message, content: &Content) -> (Option<String>, Option<String>) {
    let header = message.system.get("AWSTraceHeader").map_or("", String::as_str);
    let mut trace = header.split(';').find_map(|part| part.trim().strip_prefix("Root="));
    let mut request = None;
    let attributes =
        message.attributes.iter().filter_map(|(key, value)| Some((key, value.text()?)));
    let value = if let Content::Json(value) = content { value } else { &Value::Null };
    let objects = OBJECTS.iter().filter_map(|path| value.pointer(path)?.as_object());
    let keys = objects.flatten().filter_map(|(key, value)| Some((key, value.as_str()?)));
    for (key, text) in attributes.chain(keys).filter(|(_, text)| !text.is_empty()) {
        match normalized_key(key, &mut [0; KEY_MAX]) {
            "requestid" | "awsrequestid" | "xrequestid" => request = request.or(Some(text)),
            "traceparent" => trace = trace.or(text.split('-').nth(1)),
            "traceid" | "xamzntraceid" => trace = trace.or(Some(text)),
            _ => {}
        }
    }
    let id = |text: &str| truncated(text, ID_MAX).to_owned();
    (request.map(id), trace.map(id))
}
