//! Categories of error codes, exception classes and error texts.
//!
//! Codes and classes match as a whole; only texts are searched. Words that several causes share
//! (`ValueError`, `500`, 'does not exist') match none. [`super::basis`] decides how far a match can
//! be believed.

use super::Category::{self, *};

/// Error codes of producers, in lower case letters and digits.
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

/// Exception classes without their packages.
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

/// Phrases of error texts, in lower case. Signs of a bug come first: a text with both signs must not
/// end the search for a bug.
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

/// Returns the category of a producer's error code.
pub(super) fn category_of_code(code: &str) -> Option<Category> {
    lookup(&CODES, code)
}

/// Returns the category of an exception and its text. A known class decides.
pub(super) fn category_of_error(class: Option<&str>, text: Option<&str>) -> Option<Category> {
    let text = text.map(str::to_lowercase);
    let text = text.as_deref().unwrap_or_default();
    // JavaScript reports invalid JSON so.
    if class.map(normalize).as_deref() == Some("syntaxerror") && text.contains("json") {
        return Some(SchemaDrift);
    }
    class.and_then(|class| lookup(&CLASSES, class)).or_else(|| {
        let matches_any = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
        PHRASES.iter().find(|(_, phrases)| matches_any(phrases)).map(|(category, _)| *category)
    })
}

/// Returns whether a producer's code says that the function ran and failed by itself.
pub(super) fn is_function_error(code: &str) -> bool {
    matches!(normalize(code).as_str(), "200" | "unhandled" | "handled")
}

fn lookup(table: &[(Category, &[&str])], word: &str) -> Option<Category> {
    let word = normalize(word);
    table.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(category, _)| *category)
}

/// Turns `com.amazonaws.sqs#QueueDoesNotExist` into `queuedoesnotexist` and `NO_PERMISSIONS` into
/// `nopermissions`.
fn normalize(word: &str) -> String {
    let last = word.rsplit(['.', '#', ':', '$', '/']).next().unwrap_or(word);
    let kept = last.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
