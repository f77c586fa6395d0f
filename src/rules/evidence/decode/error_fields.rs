//! Error information in the keys of a JSON object.

use serde_json::{Map, Value};

use super::normalized_key;

/// Limit on the keys of an object that are read.
const KEYS_MAX: usize = 2_000;

/// Keys of an object that describe an error. The weak ones, such as `name` and `code`, count only
/// in an object that is known to describe an error.
#[derive(Default)]
pub(super) struct ErrorFields<'a> {
    pub class: Option<(&'a str, &'a str)>,
    pub weak_class: Option<(&'a str, &'a str)>,
    pub message: Option<(&'a str, &'a str)>,
    /// `error`, `err`, `exception`: a message, a class, or an everyday word.
    pub error: Option<(&'a str, &'a str)>,
    pub cause: Option<(&'a str, &'a str)>,
    pub weak_message: Option<(&'a str, &'a str)>,
    pub code: Option<(&'a str, &'a Value)>,
    pub weak_code: Option<(&'a str, &'a Value)>,
    pub stack: Option<&'a Value>,
    /// Multi-line text under an unknown key, possibly a stack trace.
    pub multiline: Option<(&'a str, &'a str)>,
    pub nested: Option<&'a Map<String, Value>>,
    pub marks_error: bool,
}

impl<'a> ErrorFields<'a> {
    pub(super) fn collect(object: &'a Map<String, Value>) -> Self {
        let mut fields = ErrorFields::default();
        for (key, value) in object.iter().take(KEYS_MAX) {
            fields.add(normalized_key(key, &mut [0; 24]), key, value);
        }
        fields
    }

    fn add(&mut self, name: &str, key: &'a str, value: &'a Value) {
        const ERROR_LEVELS: [&str; 5] = ["error", "fatal", "critical", "err", "severe"];
        match (name, value) {
            (_, Value::String(text)) if means_no_error(text) => {}
            ("success" | "sucesso" | "succeeded", Value::Bool(false)) => self.marks_error = true,
            ("level" | "severity" | "loglevel", Value::String(text)) => {
                self.marks_error |=
                    ERROR_LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text));
            }
            // Levels of pino and bunyan.
            ("level", Value::Number(level)) => {
                self.marks_error |= matches!(level.as_u64(), Some(50 | 60));
            }
            ("errorcode" | "errcode", Value::Number(code))
                if [Some(0.0), Some(200.0)].contains(&code.as_f64()) => {}
            ("errorcode" | "errcode", Value::String(_) | Value::Number(_)) => {
                self.code = self.code.or(Some((key, value)));
            }
            (
                "code" | "codigo" | "status" | "statuscode" | "httpstatus" | "httpstatuscode",
                Value::String(_) | Value::Number(_),
            ) => {
                self.weak_code = self.weak_code.or(Some((key, value)));
            }
            ("stacktrace" | "stack" | "trace" | "traceback" | "backtrace", Value::Array(lines)) => {
                self.stack = lines.iter().any(Value::is_string).then_some(value);
            }
            ("errors", Value::Array(items)) => {
                self.nested = self.nested.or(items.first().and_then(Value::as_object));
            }
            (
                "error" | "err" | "erro" | "exception" | "cause" | "failure" | "errordetails"
                | "lasterror" | "errorinfo" | "rootcause",
                Value::Object(inner),
            ) => {
                self.nested = self.nested.or(Some(inner));
            }
            (_, Value::String(text)) => self.add_text(name, key, text, value),
            _ => {}
        }
    }

    fn add_text(&mut self, name: &str, key: &'a str, text: &'a str, value: &'a Value) {
        let slot = match name {
            "errortype"
            | "exceptionclass"
            | "exceptiontype"
            | "exceptionname"
            | "errorclass"
            | "errorname"
            | "exctype"
            | "xexceptionfqcn"
            | "mtfaultexceptiontype" => &mut self.class,
            "name" | "type" | "class" | "classname" => &mut self.weak_class,
            "errormessage" | "errormsg" | "errmsg" | "exceptionmessage" | "errordescription"
            | "failurereason" | "failuremessage" | "lasterror" | "errordetail" | "errortext"
            | "excmessage" | "xexceptionmessage" | "mtfaultmessage" => &mut self.message,
            "error" | "err" | "exception" | "erro" => &mut self.error,
            "cause" => &mut self.cause,
            // `message` wins over `reason`, `detail` and `description`.
            "message" | "msg" | "mensagem" | "mensaje" => {
                self.weak_message = None;
                &mut self.weak_message
            }
            "reason" | "motivo" | "detail" | "description" => &mut self.weak_message,
            "stacktrace"
            | "stack"
            | "traceback"
            | "backtrace"
            | "trace"
            | "xexceptionstacktrace"
            | "mtfaultstacktrace" => {
                if text.contains('\n') || text.contains("at ") {
                    self.stack = Some(value);
                }
                return;
            }
            _ if text.contains('\n') => &mut self.multiline,
            _ => return,
        };
        *slot = slot.or(Some((key, text)));
    }
}

/// Returns whether a value means that there is no error.
fn means_no_error(text: &str) -> bool {
    const NO_ERROR: [&str; 9] = ["none", "null", "no", "ok", "false", "true", "n/a", "-", "nil"];
    let text = text.trim();
    text.is_empty() || NO_ERROR.iter().any(|word| word.eq_ignore_ascii_case(text))
}
