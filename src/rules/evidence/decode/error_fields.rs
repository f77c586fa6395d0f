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
    pub nested: Option<(&'a str, &'a Map<String, Value>)>,
    pub marks_error: bool,
}

impl<'a> ErrorFields<'a> {
    pub(super) fn collect(object: &'a Map<String, Value>) -> Self {
        let mut fields = ErrorFields::default();
        for (key, value) in object.iter().take(KEYS_MAX) {
            let mut buffer = [0; 24];
            let name = normalized_key(key, &mut buffer);
            match value {
                Value::String(text) if !means_no_error(text) => {
                    fields.add_text(name, key, text, value)
                }
                Value::Number(_) => fields.add_number(name, key, value),
                Value::Bool(false) => {
                    fields.marks_error |= ["success", "sucesso", "succeeded"].contains(&name);
                }
                Value::Array(items) => match name {
                    "stacktrace" | "stack" | "trace" | "traceback" | "backtrace" => {
                        fields.stack = items.iter().any(Value::is_string).then_some(value);
                    }
                    "errors" => {
                        let first = items.first().and_then(Value::as_object);
                        fields.nested = fields.nested.or(first.map(|inner| (key.as_str(), inner)));
                    }
                    _ => {}
                },
                Value::Object(inner) => match name {
                    "error" | "err" | "erro" | "exception" | "cause" | "failure"
                    | "errordetails" | "lasterror" | "errorinfo" | "rootcause" => {
                        fields.nested = fields.nested.or(Some((key, inner)));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        fields
    }

    fn add_text(&mut self, name: &str, key: &'a str, text: &'a str, value: &'a Value) {
        let entry = Some((key, text));
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
            "message" | "msg" | "mensagem" | "mensaje" | "reason" | "motivo" | "detail"
            | "description" => {
                // `message` wins over `reason`, `detail` and `description`.
                let strong = ["message", "msg", "mensagem", "mensaje"].contains(&name);
                if strong || self.weak_message.is_none() {
                    self.weak_message = entry;
                }
                return;
            }
            "errorcode" | "errcode" => {
                self.code = self.code.or(Some((key, value)));
                return;
            }
            "code" | "codigo" | "status" | "statuscode" | "httpstatus" | "httpstatuscode" => {
                self.weak_code = self.weak_code.or(Some((key, value)));
                return;
            }
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
            "level" | "severity" | "loglevel" => {
                const ERROR_LEVELS: [&str; 5] = ["error", "fatal", "critical", "err", "severe"];
                self.marks_error |=
                    ERROR_LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text));
                return;
            }
            _ if text.contains('\n') => &mut self.multiline,
            _ => return,
        };
        *slot = slot.or(entry);
    }

    fn add_number(&mut self, name: &str, key: &'a str, value: &'a Value) {
        match name {
            "errorcode" | "errcode" if value.as_f64().is_some_and(|n| n != 0.0 && n != 200.0) => {
                self.code = self.code.or(Some((key, value)));
            }
            "code" | "codigo" | "status" | "statuscode" | "httpstatus" | "httpstatuscode" => {
                self.weak_code = self.weak_code.or(Some((key, value)));
            }
            // Levels of pino and bunyan.
            "level" => {
                self.marks_error |= value.as_u64().is_some_and(|level| level == 50 || level == 60)
            }
            _ => {}
        }
    }
}

/// Returns whether a value means that there is no error.
fn means_no_error(text: &str) -> bool {
    const NO_ERROR: [&str; 9] = ["none", "null", "no", "ok", "false", "true", "n/a", "-", "nil"];
    let text = text.trim();
    text.is_empty() || NO_ERROR.iter().any(|word| word.eq_ignore_ascii_case(text))
}
