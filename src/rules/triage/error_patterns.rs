//! What an error's words are a sign of: a producer's code, the class of an exception, a text.
//!
//! A code and a class count as a whole; only a text is searched. What several causes share
//! (`ValueError`, `500`, 'does not exist') is a sign of none. Never more than words: how far they
//! can be believed is `triage.rs`'s to say.

use super::Category::{self, *};

/// The error codes of producers, in small letters and digits.
const CODES: [(Category, &[&str]); 6] = [
    (
        Throttling,
        &[
            "429",
            "throttling",
            "throttled",
            "throttlingexception",
            "throttledexception",
            "toomanyrequests",
            "toomanyrequestsexception",
            "requestthrottled",
            "reservedfunctionconcurrentinvocationlimitexceeded",
        ],
    ),
    (
        Permission,
        &[
            "401",
            "403",
            "nopermissions",
            "accessdenied",
            "accessdeniedexception",
            "kmsaccessdeniedexception",
            "notauthorized",
            "unauthorizedoperation",
        ],
    ),
    (
        MissingTarget,
        &[
            "noresource",
            "resourcenotfound",
            "resourcenotfoundexception",
            "nonexistentqueue",
            "queuedoesnotexist",
            "statemachinedoesnotexist",
        ],
    ),
    (
        Dependency,
        &["502", "503", "504", "connectionfailure", "serviceunavailable", "timeout", "timedout"],
    ),
    (ExpiredOrDuplicate, &["eventageexceeded", "maximumeventageinseconds"]),
    (SchemaDrift, &["invalidjson"]),
];

/// The classes of exceptions, without their packages.
const CLASSES: [(Category, &[&str]); 6] = [
    (
        CodeError,
        &[
            "typeerror",
            "referenceerror",
            "nameerror",
            "keyerror",
            "indexerror",
            "attributeerror",
            "unboundlocalerror",
            "zerodivisionerror",
            "recursionerror",
            "assertionerror",
            "importerror",
            "modulenotfounderror",
            "importmoduleerror",
            "handlernotfound",
            "nomethoderror",
            "nosuchmethoderror",
            "noclassdeffounderror",
            "classnotfoundexception",
            "stackoverflowerror",
            "nullpointerexception",
            "nullreferenceexception",
            "argumentnullexception",
            "argumentoutofrangeexception",
            "indexoutofrangeexception",
            "indexoutofboundsexception",
            "arrayindexoutofboundsexception",
            "stringindexoutofboundsexception",
            "classcastexception",
            "invalidcastexception",
            "nosuchelementexception",
            "numberformatexception",
            "arithmeticexception",
            "unsupportedoperationexception",
        ],
    ),
    (
        SchemaDrift,
        &[
            "validationerror",
            "jsondecodeerror",
            "jsonparseexception",
            "jsonmappingexception",
            "jsonsyntaxexception",
            "jsonexception",
            "mismatchedinputexception",
            "unrecognizedpropertyexception",
            "invalidformatexception",
            "schemaerror",
            "schemavalidationexception",
            "avrotypeexception",
            "serializationexception",
            "deserializationexception",
            "unmarshaltypeerror",
            "invalidprotocolbufferexception",
            "zoderror",
        ],
    ),
    (
        Throttling,
        &[
            "throttling",
            "throttlingexception",
            "throttledexception",
            "toomanyrequestsexception",
            "requestthrottled",
            "requestlimitexceeded",
            "provisionedthroughputexceededexception",
        ],
    ),
    (
        Permission,
        &[
            "accessdenied",
            "accessdeniedexception",
            "kmsaccessdeniedexception",
            "notauthorizedexception",
            "authorizationerrorexception",
            "unrecognizedclientexception",
            "expiredtokenexception",
        ],
    ),
    (
        MissingTarget,
        &[
            "resourcenotfoundexception",
            "queuedoesnotexist",
            "queuedoesnotexistexception",
            "nonexistentqueue",
            "nosuchbucket",
            "statemachinedoesnotexist",
        ],
    ),
    (
        Dependency,
        &[
            "connectexception",
            "connectionerror",
            "connectionrefusederror",
            "connectionreseterror",
            "connecttimeout",
            "connecttimeouterror",
            "connecttimeoutexception",
            "endpointconnectionerror",
            "httpserverunavailableexception",
            "maxretryerror",
            "newconnectionerror",
            "readtimeout",
            "readtimeouterror",
            "serviceunavailable",
            "serviceunavailableexception",
            "sockettimeoutexception",
            "unknownhostexception",
        ],
    ),
];

/// What texts say, in small letters. What speaks for a bug is looked for first: a text that says
/// both is no reason to look no further.
const PHRASES: [(Category, &[&str]); 6] = [
    (
        CodeError,
        &[
            "cannot read propert",
            "undefined is not",
            "is not a function",
            "'nonetype' object",
            "null pointer",
            "nil pointer",
            "index out of range",
            "index out of bounds",
            "undefined method",
            "division by zero",
            "no module named",
            "cannot find module",
            "panicked at",
            "segmentation fault",
            "typeerror:",
            "keyerror:",
            "nullpointerexception",
        ],
    ),
    (
        SchemaDrift,
        &[
            "missing required",
            "missing field",
            "field required",
            "required field",
            "required property",
            "unknown field",
            "unrecognized field",
            "additional properties",
            "deserializ",
            "unmarshal",
            "invalid json",
            "not valid json",
            "unexpected token",
            "schema validation",
            "validation failed",
            "expecting value: line",
        ],
    ),
    (
        Permission,
        &["is not authorized to perform", "access denied", "accessdenied", "explicit deny"],
    ),
    (
        MissingTarget,
        &[
            "queue does not exist",
            "bucket does not exist",
            "topic does not exist",
            "state machine does not exist",
            "target does not exist",
            "function not found",
            "requested resource not found",
        ],
    ),
    (
        Throttling,
        &[
            "rate exceeded",
            "rate limit",
            "too many requests",
            "throttl",
            "concurrent invocation",
            "reserved concurrency",
            "provisioned throughput",
        ],
    ),
    (
        Dependency,
        &[
            "connection refused",
            "connection reset",
            "econnrefused",
            "econnreset",
            "etimedout",
            "enotfound",
            "no such host",
            "service unavailable",
            "bad gateway",
            "gateway timeout",
            "connection timed out",
            "connect timed out",
            "read timed out",
            "request timed out",
            "temporarily unavailable",
        ],
    ),
];

/// What a producer's error code is a sign of.
pub(super) fn category_of_code(code: &str) -> Option<Category> {
    lookup(&CODES, code)
}

/// What an exception and its text are a sign of: the class decides where it is known.
pub(super) fn category_of_error(class: Option<&str>, text: Option<&str>) -> Option<Category> {
    let text = text.map(str::to_lowercase);
    let text = text.as_deref().unwrap_or_default();
    // JavaScript's name for JSON that it cannot read.
    if class.map(normalize).as_deref() == Some("syntaxerror") && text.contains("json") {
        return Some(SchemaDrift);
    }
    class.and_then(|class| lookup(&CLASSES, class)).or_else(|| {
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
        PHRASES.iter().find(|(_, phrases)| says(phrases)).map(|(category, _)| *category)
    })
}

/// Whether a producer's code says that the function ran, and failed in its own way.
pub(super) fn is_function_error(code: &str) -> bool {
    matches!(normalize(code).as_str(), "200" | "unhandled" | "handled")
}

fn lookup(table: &[(Category, &[&str])], word: &str) -> Option<Category> {
    let word = normalize(word);
    table.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(category, _)| *category)
}

/// `com.amazonaws.sqs#QueueDoesNotExist` is `queuedoesnotexist`, `NO_PERMISSIONS` is
/// `nopermissions`.
fn normalize(word: &str) -> String {
    let last = word.rsplit(['.', '#', ':', '$', '/']).next().unwrap_or(word);
    let kept = last.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
