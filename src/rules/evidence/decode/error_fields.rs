//! Error information in the keys of a JSON object.

use serde_json::{Map, Value};

use super::key::{ErrorPart, KEY_MAX, normalized_key, role};
use super::trace;

/// Limit on the keys of an object that are read.
const KEYS_MAX: usize = 2_000;
/// Longest name of a class or a code.
const WORD_MAX: usize = 160;

/// Place of an object, which decides which of its keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Deep in a payload: keys that say the same everywhere. A payment that was rejected has an
    /// `errorReason` of its own.
    Payload,
    /// Attributes, headers, and the outer objects of a payload: also keys by their ends.
    Outer,
    /// The value of an error key: also everyday words.
    Error,
}

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
    /// A word about a failure: `rejectionReason: DeliveryError`.
    pub word: Option<(&'a str, &'a str)>,
    /// `StatusReason`, `StoppedReason` of a failed job.
    pub reason: Option<(&'a str, &'a str)>,
    pub exit_code: Option<(&'a str, &'a Value)>,
    /// The place in which a validator found its error: `["items", 3, "price"]`.
    pub location: Option<&'a Value>,
    /// The field that is the key of its errors: `{"price": ["is required"]}`.
    pub field: Option<&'a str>,
    /// First of several texts; a message only beside a sign of an error.
    pub listed: Option<(&'a str, &'a str)>,
    /// Kind and ARN of what could not be reached.
    pub target: Option<(&'static str, &'a str)>,
    /// Family of a task of ECS.
    pub task: Option<&'a str>,
    pub code: Option<(&'a str, &'a Value)>,
    pub weak_code: Option<(&'a str, &'a Value)>,
    pub stack: Option<&'a Value>,
    /// Multi-line text under an unknown key, possibly a stack trace.
    pub multiline: Option<(&'a str, &'a str)>,
    pub nested: Option<&'a Map<String, Value>>,
    pub marks_error: bool,
    /// Whether the object describes a task of ECS that stopped.
    pub is_stopped: bool,
    /// Whether a status of HTTP says that there is an error.
    pub has_error_status: bool,
}

impl<'a> ErrorFields<'a> {
    pub(super) fn collect(object: &'a Map<String, Value>, scope: Reach) -> Self {
        let mut fields = ErrorFields::default();
        for (key, value) in object.iter().take(KEYS_MAX) {
            let mut buffer = [0; KEY_MAX];
            let name = normalized_key(key, &mut buffer);
            let is_known = fields.add_place(name, value) || fields.add(name, key, value);
            if !is_known && scope != Reach::Payload {
                fields.add_by_end(name, key, value, scope);
            }
        }
        // An answer of HTTP: its status says that its text is an error.
        let is_status = |(key, _): &(&str, &Value)| key.to_ascii_lowercase().contains("status");
        let status = fields.weak_code.filter(is_status).and_then(|(_, value)| value.as_u64());
        let is_error = status.is_some_and(|status| (400..600).contains(&status));
        fields.marks_error |= is_error;
        fields.has_error_status = is_error
            && fields.weak_code.is_some_and(|(key, _)| !key.eq_ignore_ascii_case("status"));
        if fields.marks_error || fields.error.is_some() {
            fields.message = fields.message.or(fields.listed);
        }
        fields
    }

    /// Adds the value of a key that is known by its whole name; returns whether it is.
    fn add(&mut self, name: &str, key: &'a str, value: &'a Value) -> bool {
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
            ("grpcstatus", Value::String(code)) if code != "0" => {
                self.code = self.code.or(Some((key, value)));
            }
            // The error classes of a job of Rails, with their numbers: `{"[Net::ReadTimeout]":5}`.
            ("exceptionexecutions", Value::Object(counts)) => {
                let last = counts.keys().next_back();
                let class = last.and_then(|all| all.trim_matches(['[', ']']).split(',').next());
                self.class = self.class.or(class.map(|class| (key, class)));
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
                let text = items.first().and_then(Value::as_str);
                self.error = self.error.or(text.map(|text| (key, text)));
            }
            (
                "error" | "err" | "erro" | "exception" | "cause" | "failure" | "errordetails"
                | "lasterror" | "errorinfo" | "rootcause",
                Value::Object(inner),
            ) => {
                self.nested = self.nested.or(Some(inner));
            }
            ("errormessage" | "exceptionmessage" | "failurereason", Value::Object(inner)) => {
                self.nested = self.nested.or(Some(inner));
            }
            (_, Value::String(text)) => return self.add_text(name, key, text, value),
            _ => return self.add_findings(name, key, value),
        }
        true
    }

    /// Adds what a validator or a batch lists; returns whether the key does.
    fn add_findings(&mut self, name: &str, key: &'a str, value: &'a Value) -> bool {
        match (name, value) {
            (
                "error" | "err" | "errormessage" | "errordetails" | "validationerrors"
                | "exceptionmessage" | "failures",
                Value::Array(items),
            ) => {
                self.nested = self.nested.or(items.first().and_then(Value::as_object));
            }
            ("issues" | "details" | "detail" | "message", Value::Array(items)) => {
                let first = items.first();
                let found = first.and_then(Value::as_object).filter(|item| is_finding(item));
                self.nested = self.nested.or(found);
                let text = first.and_then(Value::as_str).filter(|_| name == "message");
                self.listed = self.listed.or(text.map(|text| (key, text)));
            }
            ("errors", Value::Object(fields)) => {
                let found =
                    fields.iter().find_map(|(field, texts)| Some((field, texts.get(0)?.as_str()?)));
                if let Some((field, text)) = found {
                    self.message = self.message.or(Some((key, text)));
                    self.field = Some(field);
                }
            }
            ("constraints", Value::Object(texts)) => {
                let found = texts.iter().find_map(|(rule, text)| Some((&**rule, text.as_str()?)));
                self.weak_message = self.weak_message.or(found);
            }
            _ => return false,
        }
        true
    }

    /// Adds the value of a key that says where an error happened; returns whether it does.
    fn add_place(&mut self, name: &str, value: &'a Value) -> bool {
        match (name, value) {
            (
                "path" | "loc" | "instancepath" | "datapath" | "propertypath" | "field"
                | "property" | "propertyname",
                _,
            ) => {
                self.location = self.location.or(Some(value));
            }
            ("targetarn", Value::String(arn)) => {
                self.target = self.target.or(Some(("target", arn)))
            }
            ("functionarn", Value::String(arn)) => {
                self.target = self.target.or(Some(("function", arn)));
            }
            ("group", Value::String(text)) if text.starts_with("family:") => {
                self.task = self.task.or(text.strip_prefix("family:"));
            }
            _ => return false,
        }
        true
    }

    /// Adds the value of a key that says by its end that it is about a failure.
    fn add_by_end(&mut self, name: &str, key: &'a str, value: &'a Value, scope: Reach) {
        const JOB_REASONS: [&str; 3] = ["reason", "statusmessage", "failedmessage"];
        let role = role(name);
        match (role, value) {
            (Some(ErrorPart::Class), Value::String(text)) if is_one_word(text) => {
                let is_root = name.contains("cause") || name.contains("root");
                self.class = self.class.filter(|_| !is_root).or(Some((key, text)));
            }
            (Some(ErrorPart::Message), Value::String(text)) if is_one_word(text) => {
                self.word = self.word.or(Some((key, text)));
            }
            (Some(ErrorPart::Message), Value::String(text)) => {
                self.message = self.message.or(Some((key, text)));
            }
            (Some(ErrorPart::Error), Value::String(text)) => {
                self.error = self.error.or(Some((key, text)));
            }
            (Some(ErrorPart::Error | ErrorPart::Message), Value::Object(inner)) => {
                self.nested = self.nested.or(Some(inner));
            }
            (Some(ErrorPart::Stack), Value::String(text)) if text.contains('\n') => {
                self.stack = self.stack.or(Some(value));
            }
            (Some(ErrorPart::Stack), Value::Array(lines)) if lines.iter().any(Value::is_string) => {
                self.stack = self.stack.or(Some(value));
            }
            (Some(ErrorPart::Code), Value::String(_)) => {
                self.code = self.code.or(Some((key, value)))
            }
            (Some(ErrorPart::Code), Value::Number(code)) if code.as_f64() != Some(0.0) => {
                self.code = self.code.or(Some((key, value)));
            }
            (None, Value::String(text)) if name == "stoppedreason" && !text.is_empty() => {
                self.reason = self.reason.or(Some((key, text)));
                self.is_stopped = true;
                self.marks_error = true;
            }
            (None, Value::String(text))
                if scope == Reach::Error && JOB_REASONS.iter().any(|end| name.ends_with(end)) =>
            {
                self.reason = self.reason.or(Some((key, text)));
            }
            (None, Value::Number(code)) if name == "exitcode" && code.as_f64() != Some(0.0) => {
                self.exit_code = self.exit_code.or(Some((key, value)));
            }
            _ => {}
        }
    }

    /// Adds a text under a key that is known by its whole name; returns whether it is.
    fn add_text(&mut self, name: &str, key: &'a str, text: &'a str, value: &'a Value) -> bool {
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
            | "excmessage" | "xexceptionmessage" | "mtfaultmessage" | "grpcmessage" => {
                &mut self.message
            }
            // Resque writes its class here, and the text as `error`.
            "exception" if trace::is_class(text) => &mut self.class,
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
                return true;
            }
            _ => {
                if text.contains('\n') {
                    self.multiline = self.multiline.or(Some((key, text)));
                }
                return false;
            }
        };
        *slot = slot.or(Some((key, text)));
        true
    }
}

/// Returns whether an object is what a validator found: a field and what is wrong with it.
fn is_finding(item: &Map<String, Value>) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| item.contains_key(*name));
    has(&["path", "loc", "property", "field"]) && has(&["message", "msg", "constraints"])
}

/// Returns whether a text is a name rather than a sentence.
fn is_one_word(text: &str) -> bool {
    text.len() <= WORD_MAX && !text.trim().contains(char::is_whitespace)
}

/// Returns whether a value means that there is no error.
fn means_no_error(text: &str) -> bool {
    const NO_ERROR: [&str; 9] = ["none", "null", "no", "ok", "false", "true", "n/a", "-", "nil"];
    let text = text.trim();
    text.is_empty() || NO_ERROR.iter().any(|word| word.eq_ignore_ascii_case(text))
}
