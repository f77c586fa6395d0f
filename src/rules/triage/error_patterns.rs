//! Categories of error codes, exception classes and error texts.
//!
//! Codes and classes match as a whole; only texts are searched. Words that several causes share
//! (`ValueError`, `500`, 'does not exist') match none. [`super::basis`] decides how far a match can
//! be believed.

use super::Category::{self, *};
use super::http_status;

/// Signs of a category. Codes and classes are lower case letters and digits, classes without their
/// packages; phrases are in lower case.
struct ErrorSigns {
    category: Category,
    /// Words that are both codes and classes.
    names: &'static [&'static str],
    /// Error codes of producers.
    codes: &'static [&'static str],
    /// Exception classes.
    classes: &'static [&'static str],
    /// Phrases of error texts.
    phrases: &'static [&'static str],
}

const NO_SIGNS: ErrorSigns =
    ErrorSigns { category: Unknown, names: &[], codes: &[], classes: &[], phrases: &[] };

/// Signs of a bug come first: a text with both signs must not end the search for a bug.
const SIGNS: [ErrorSigns; 10] = [
    ErrorSigns {
        category: CodeError,
        classes: &[
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
        phrases: &[
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
        ..NO_SIGNS
    },
    ErrorSigns {
        category: SchemaDrift,
        codes: &["invalidjson"],
        classes: &[
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
            "avroruntimeexception",
            "schemaparseexception",
            "schemaprojectorexception",
            "dataexception",
            "invaliddefinitionexception",
            "valueinstantiationexception",
            "jsonprocessingexception",
            "jsonserializationexception",
            "jsonreaderexception",
            "jsondecodingexception",
            "missingfieldexception",
            "unknownfieldexception",
            "httpmessagenotreadableexception",
            "requestvalidationerror",
            "parsererror",
            "decodeerror",
            "serializationexception",
            "deserializationexception",
            "unmarshaltypeerror",
            "invalidprotocolbufferexception",
            "zoderror",
        ],
        phrases: &[
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
            "validation error for",
            "validation errors for",
            "input should be",
            "invalid type:",
            "invalid value:",
            "unknown variant",
            "expected value at line",
            "eof while parsing",
            "trailing characters at line",
            "json value could not be converted",
            "invalid character '",
            "unexpected end of json input",
            "json: ",
            "invalid_type",
            "must have required propert",
            "must not have additional propert",
            "expected number, received",
            "expected string, received",
            "unknown magic byte",
            "invalid wire type",
            "wrong wire type",
            "protocol message contained an invalid tag",
            "could not be deserialized",
            "polymorphic serializer",
            "serializer for subclass",
            "malformed json",
        ],
        ..NO_SIGNS
    },
    ErrorSigns {
        category: Permission,
        names: &["accessdenied", "accessdeniedexception", "kmsaccessdeniedexception"],
        codes: &["401", "403", "nopermissions", "notauthorized", "unauthorizedoperation"],
        classes: &[
            "notauthorizedexception",
            "authorizationerrorexception",
            "unrecognizedclientexception",
            "expiredtokenexception",
        ],
        phrases: &[
            "is not authorized to perform",
            "access denied",
            "accessdenied",
            "explicit deny",
        ],
    },
    ErrorSigns {
        category: MissingTarget,
        names: &[
            "resourcenotfoundexception",
            "nonexistentqueue",
            "queuedoesnotexist",
            "statemachinedoesnotexist",
        ],
        codes: &["noresource", "resourcenotfound"],
        classes: &["queuedoesnotexistexception", "nosuchbucket"],
        phrases: &[
            "queue does not exist",
            "bucket does not exist",
            "topic does not exist",
            "state machine does not exist",
            "target does not exist",
            "function not found",
            "requested resource not found",
        ],
    },
    ErrorSigns {
        category: Throttling,
        names: &[
            "throttling",
            "throttlingexception",
            "throttledexception",
            "toomanyrequestsexception",
            "requestthrottled",
        ],
        codes: &[
            "429",
            "throttled",
            "toomanyrequests",
            "reservedfunctionconcurrentinvocationlimitexceeded",
        ],
        classes: &["requestlimitexceeded", "provisionedthroughputexceededexception"],
        phrases: &[
            "rate exceeded",
            "rate limit",
            "too many requests",
            "throttl",
            "concurrent invocation",
            "reserved concurrency",
            "provisioned throughput",
        ],
    },
    ErrorSigns {
        category: OutOfMemory,
        codes: &["137"],
        classes: &["outofmemoryerror", "outofmemoryexception", "memoryerror", "oomkilled"],
        phrases: &[
            "out of memory",
            "outofmemory",
            "oomkilled",
            "oom-kill",
            "memory limit",
            "memory size of",
            "memory size exhausted",
            "due to memory usage",
            "cannot allocate memory",
            // Lambda ends a function so when its memory is used up.
            "signal: killed",
            "exit status 137",
            "exit code 137",
            "exitcode 137",
        ],
        ..NO_SIGNS
    },
    // The limit of the consumer itself. A call that it waited for is a dependency.
    ErrorSigns {
        category: TimedOut,
        classes: &[
            "statestimeout",
            "sandboxtimedout",
            "timelimitexceeded",
            "softtimelimitexceeded",
            "jobtimeoutexception",
            "timeoutexceededexception",
        ],
        phrases: &[
            "task timed out",
            "has timed out.",
            "time limit exceeded",
            "timelimitexceeded",
            "task exceeded maximum timeout",
            "maximum execution time",
            "attempt duration exceeded timeout",
            "active longer than specified deadline",
            "job deadline exceeded",
            "exceeded by function",
        ],
        ..NO_SIGNS
    },
    ErrorSigns {
        category: Dependency,
        names: &["serviceunavailable"],
        codes: &["502", "503", "504", "connectionfailure", "timeout", "timedout"],
        classes: &[
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
            "serviceunavailableexception",
            "sockettimeoutexception",
            "timeout",
            "timeouterror",
            "timeoutexception",
            "deadlineexceeded",
            "taskcanceledexception",
            "unknownhostexception",
        ],
        phrases: &[
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
            "timed out",
            "temporarily unavailable",
            "timeout expired",
            "timeout exceeded",
            "timeout of",
            "deadline exceeded",
            "deadlineexceeded",
        ],
    },
    ErrorSigns {
        category: ProcessEnded,
        classes: &["exiterror", "workerlosterror"],
        phrases: &[
            "exit status",
            "exited with code",
            "exit code",
            "exitcode ",
            "runtime exited",
            "essential container",
            "host ec2",
            "spot interruption",
            "sigkill",
            "sigterm",
            "signal: ",
            "process terminated",
        ],
        ..NO_SIGNS
    },
    ErrorSigns {
        category: ExpiredOrDuplicate,
        codes: &["eventageexceeded", "maximumeventageinseconds", "recordageexceeded"],
        ..NO_SIGNS
    },
];

/// Returns the category of a producer's error code.
pub(super) fn category_of_code(code: &str) -> Option<Category> {
    let code = normalize(code);
    find(|signs| signs.names.contains(&code.as_str()) || signs.codes.contains(&code.as_str()))
}

/// Returns the category of an exception and its text. A known class decides.
pub(super) fn category_of_error(class: Option<&str>, text: Option<&str>) -> Option<Category> {
    let text = text.map(str::to_lowercase);
    let text = text.as_deref().unwrap_or_default();
    let class = match class.unwrap_or_default() {
        // The last part alone is also the name of a dependency's error.
        "States.Timeout" => "statestimeout".into(),
        "Sandbox.Timedout" => "sandboxtimedout".into(),
        class => normalize(class),
    };
    let class = class.as_str();
    // JavaScript reports invalid JSON so.
    if class == "syntaxerror" && text.contains("json") {
        return Some(SchemaDrift);
    }
    find(|signs| signs.names.contains(&class) || signs.classes.contains(&class))
        .or_else(|| find(|signs| signs.phrases.iter().any(|phrase| text.contains(phrase))))
        .or_else(|| http_status::category(text))
}

fn find(fits: impl Fn(&ErrorSigns) -> bool) -> Option<Category> {
    SIGNS.iter().find(|signs| fits(signs)).map(|signs| signs.category)
}

/// Returns whether a producer's code says that the function ran and failed by itself.
pub(super) fn is_function_error(code: &str) -> bool {
    matches!(normalize(code).as_str(), "200" | "unhandled" | "handled")
}

/// Turns `com.amazonaws.sqs#QueueDoesNotExist` into `queuedoesnotexist` and `NO_PERMISSIONS` into
/// `nopermissions`.
fn normalize(word: &str) -> String {
    let last = word.rsplit(['.', '#', ':', '$', '/']).next().unwrap_or(word);
    let kept = last.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
