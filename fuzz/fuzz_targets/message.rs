//! A message out of bytes: the first byte chooses attributes, a zero byte ends each part.

use dlq::rules::message::{Attribute, Message};

/// Names that producers set.
const NAMES: [&[&str]; 4] = [
    &[],
    &["RequestID", "ErrorCode", "ErrorMessage"],
    &["RULE_ARN", "ERROR_CODE", "ERROR_MESSAGE", "TARGET_ARN"],
    &["x-exception-fqcn", "x-exception-message", "AWSTraceHeader"],
];

pub fn of(data: &[u8]) -> Message {
    let Some((choice, data)) = data.split_first() else { return Message::default() };
    let mut parts = data.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part));
    let body = parts.next().unwrap_or_default().into_owned();
    let names = NAMES[usize::from(*choice) % NAMES.len()].iter();
    let attributes = names
        .zip(parts)
        .map(|(name, text)| ((*name).to_owned(), Attribute::Text(text.into_owned())))
        .collect();
    Message { id: "m".into(), body, attributes, ..Message::default() }
}
