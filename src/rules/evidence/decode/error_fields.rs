//! What the keys of a JSON object say of an error.

use serde_json::{Map, Value};

use super::squash;

/// Keys of an object that are looked at.
const KEYS_MAX: usize = 2_000;

/// What the keys of an object say of an error. The weak ones count only in an object that is
/// known to be one.
#[derive(Default)]
pub(super) struct Signs<'a> {
    pub class: Option<(&'a str, &'a str)>,
    pub weak_class: Option<(&'a str, &'a str)>,
    pub message: Option<(&'a str, &'a str)>,
    /// `error`, `err`, `exception`, `cause`: a message, a class, or a word of daily life.
    pub bare: Option<(&'a str, &'a str)>,
    pub cause: Option<(&'a str, &'a str)>,
    pub weak_message: Option<(&'a str, &'a str)>,
    pub code: Option<(&'a str, &'a Value)>,
    pub weak_code: Option<(&'a str, &'a Value)>,
    pub stack: Option<&'a Value>,
    /// Text of several lines under a name that says nothing: a trace, perhaps.
    pub lines: Option<(&'a str, &'a str)>,
    pub nested: Option<(&'a str, &'a Map<String, Value>)>,
    pub is_bad: bool,
}

impl<'a> Signs<'a> {
    pub(super) fn read(object: &'a Map<String, Value>) -> Self {
        let mut signs = Signs::default();
        for (key, value) in object.iter().take(KEYS_MAX) {
            let mut buffer = [0; 24];
            let squashed = squash(key, &mut buffer);
            match value {
                Value::String(text) if !is_nothing(text) => signs.text(squashed, key, text, value),
                Value::Number(_) => signs.number(squashed, key, value),
                Value::Bool(false) => {
                    signs.is_bad |= ["success", "sucesso", "succeeded"].contains(&squashed);
                }
                Value::Array(items) => match squashed {
                    "stacktrace" | "stack" | "trace" | "traceback" | "backtrace" => {
                        signs.stack = items.iter().any(Value::is_string).then_some(value);
                    }
                    "errors" => {
                        let first = items.first().and_then(Value::as_object);
                        signs.nested = signs.nested.or(first.map(|inner| (key.as_str(), inner)));
                    }
                    _ => {}
                },
                Value::Object(inner) => match squashed {
                    "error" | "err" | "erro" | "exception" | "cause" | "failure"
                    | "errordetails" | "lasterror" | "errorinfo" | "rootcause" => {
                        signs.nested = signs.nested.or(Some((key, inner)));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        signs
    }

    fn text(&mut self, squashed: &str, key: &'a str, text: &'a str, value: &'a Value) {
        let said = Some((key, text));
        let slot = match squashed {
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
            "error" | "err" | "exception" | "erro" => &mut self.bare,
            "cause" => &mut self.cause,
            "message" | "msg" | "mensagem" | "mensaje" | "reason" | "motivo" | "detail"
            | "description" => {
                // `message` first, whatever stands beside it.
                let strong = ["message", "msg", "mensagem", "mensaje"].contains(&squashed);
                if strong || self.weak_message.is_none() {
                    self.weak_message = said;
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
                const BAD: [&str; 5] = ["error", "fatal", "critical", "err", "severe"];
                self.is_bad |= BAD.iter().any(|bad| bad.eq_ignore_ascii_case(text));
                return;
            }
            _ if text.contains('\n') => &mut self.lines,
            _ => return,
        };
        *slot = slot.or(said);
    }

    fn number(&mut self, squashed: &str, key: &'a str, value: &'a Value) {
        match squashed {
            "errorcode" | "errcode" if value.as_f64().is_some_and(|n| n != 0.0 && n != 200.0) => {
                self.code = self.code.or(Some((key, value)));
            }
            "code" | "codigo" | "status" | "statuscode" | "httpstatus" | "httpstatuscode" => {
                self.weak_code = self.weak_code.or(Some((key, value)));
            }
            // pino's and bunyan's.
            "level" => {
                self.is_bad |= value.as_u64().is_some_and(|level| level == 50 || level == 60)
            }
            _ => {}
        }
    }
}

/// Values that say that there is no error.
fn is_nothing(text: &str) -> bool {
    const NOTHING: [&str; 9] = ["none", "null", "no", "ok", "false", "true", "n/a", "-", "nil"];
    let text = text.trim();
    text.is_empty() || NOTHING.iter().any(|word| word.eq_ignore_ascii_case(text))
}
