//! Time of decoding and fingerprinting over messages that are made to be slow.

use serde_json::json;

use super::super::*;
use crate::rules::evidence::decode::decode;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::tests::{body, grows_faster_than_its_text, with_attributes};

/// Units that a hostile sender repeats.
const UNITS: [&str; 58] = [
    "a",
    "'",
    "\"",
    "\\",
    "\\\"",
    "\0",
    "é",
    "1 ",
    "a=",
    "&a=",
    "a=1&",
    "%41",
    "<",
    "<a>",
    "<a:faultstring>",
    "<Error>",
    ":faultstring",
    "(",
    "[",
    "{\"a\":",
    "[[",
    ", ",
    "\n",
    "\nat a.b(c.java:1)",
    "\n  File \"a.py\", line 1, in f",
    "Caused by: ",
    "\nCaused by: a.BError: x",
    "---> ",
    " ---> System.AException: b",
    "Traceback (most recent call last)\n",
    "panic: ",
    "\npanic: ",
    "; nested exception is ",
    "\nPayload:",
    "thread 'a' panicked at ",
    "values (",
    "** (",
    "AError: ",
    "a.b.CException",
    "::",
    "arn:",
    "O:1:\"a\"",
    "a:1:{O:9:\\\"",
    "{1:{2:",
    "ISA*ST*",
    "UNA:+.? 'UNH+",
    "MSH|^",
    "eyJhIjoi",
    "H4sI",
    "AAAA",
    "a,b\n1,2\n",
    "https://a/b/",
    "?a=b",
    "x-1.",
    "through reference chain: ",
    "a@b.c ",
    "\u{1b}[",
    "$a$",
];

/// The places in a message in which a text can stand.
const PLACES: [fn(&str) -> Message; 8] = [
    body,
    |text| body(&format!("ISA{text}")),
    |text| body(&json!({ "error": text }).to_string()),
    |text| body(&json!({ "a": { "b": [text, text] } }).to_string()),
    |text| body(&json!({ text: 1, "stackTrace": text }).to_string()),
    |text| body(&json!({ "httpMethod": "GET", "path": text, "type": text }).to_string()),
    |text| with_attributes("{}", &[("ErrorMessage", text), ("ErrorCode", "200")]),
    |text| with_attributes(text, &[("exceptionType", text), ("Bag", text), ("TARGET_ARN", text)]),
];

#[test]
fn fingerprint_of_hostile_text_takes_linear_time() {
    let mut slow = Vec::new();
    for unit in UNITS {
        for (at, place) in PLACES.into_iter().enumerate() {
            if grows_faster_than_its_text(unit, 1 << 17, |text| compute(&decode(&place(&text)))) {
                slow.push((unit, at));
            }
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}
