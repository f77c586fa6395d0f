//! The meaning of a key: keys differ in case, separators and prefixes between frameworks, and agree
//! in how they end.

/// Longest normalized key. Of a longer one the end is read.
pub(in crate::rules::evidence) const KEY_MAX: usize = 48;

/// Returns a key in lower case without separators: `error_message`, `Error-Message` and
/// `errorMessage` are equal. A long key loses its start.
pub(in crate::rules::evidence) fn normalized_key<'a>(
    key: &str,
    buffer: &'a mut [u8; KEY_MAX],
) -> &'a str {
    let mut at = KEY_MAX;
    for byte in key.bytes().rev().filter(u8::is_ascii_alphanumeric) {
        if at == 0 {
            break;
        }
        at -= 1;
        buffer[at] = byte.to_ascii_lowercase();
    }
    std::str::from_utf8(&buffer[at..]).unwrap_or_default()
}

/// Length up to which the end of a key says nothing about a failure: `type`, `classname`.
const CLASS_END_MAX: usize = "classname".len();

/// The part of an error that the value of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorPart {
    Class,
    Message,
    /// The error itself: a text, a class or an object.
    Error,
    Code,
    Stack,
}

/// Returns the role of a normalized key that is about a failure: `reasonpoisoned`,
/// `nservicebusexceptioninfomessage`, `deadletterreason`.
pub(super) fn role(name: &str) -> Option<ErrorPart> {
    const STEMS: [&str; 12] = [
        "error",
        "exception",
        "failure",
        "failed",
        "fault",
        "reject",
        "poison",
        "deadletter",
        "dlq",
        "dlt",
        // RabbitMQ's `x-first-death-reason`.
        "xdeath",
        "xfirstdeath",
    ];
    // The message that failed, rather than a message about the failure.
    const PAYLOADS: [&str; 7] = [
        "failedmessage",
        "rejectedmessage",
        "poisonmessage",
        "poisonedmessage",
        "deadlettermessage",
        "dlqmessage",
        "messagetype",
    ];
    const ENDS: [(ErrorPart, &[&str]); 5] = [
        (ErrorPart::Stack, &["stacktrace", "stack", "trace", "traceback", "backtrace"]),
        (ErrorPart::Class, &["type", "class", "classname", "fqcn", "errorname", "exceptionname"]),
        (
            ErrorPart::Message,
            &[
                "message",
                "msg",
                "reason",
                "description",
                "desc",
                "detail",
                "details",
                "text",
                "cause",
            ],
        ),
        (ErrorPart::Code, &["code", "errornumber", "errno"]),
        (ErrorPart::Error, &["error", "exception", "failure", "fault", "exceptioncaught"]),
    ];
    let stem = STEMS.iter().find(|stem| name.contains(**stem))?;
    let is_default = *stem == "fault" && name.contains("default");
    let is_time = name.ends_with("timeoffailure") || name.ends_with("timeoferror");
    if is_default || is_time || PAYLOADS.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    if name.starts_with("reason") || name.starts_with("cause") {
        return Some(ErrorPart::Message);
    }
    let (role, end) = ENDS.iter().find_map(|(role, ends)| {
        let longest =
            ends.iter().filter(|end| name.ends_with(**end)).max_by_key(|end| end.len())?;
        Some((*role, *longest))
    })?;
    let of = name.strip_suffix(end).unwrap_or(name);
    (role != ErrorPart::Class || end.len() > CLASS_END_MAX || is_failure(of, &STEMS))
        .then_some(role)
}

/// Returns whether a key without its end names the failure itself: the type of a consumer is no
/// class of an error.
fn is_failure(of: &str, stems: &[&str]) -> bool {
    const PARTS: [&str; 5] = ["cause", "root", "inner", "info", "s"];
    let mut of = of;
    while let Some(rest) = PARTS.iter().find_map(|part| of.strip_suffix(part)) {
        of = rest;
    }
    stems.iter().any(|stem| of.ends_with(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_follows_from_the_end_of_a_key() {
        let rows = [
            ("reason_poisoned", Some(ErrorPart::Message)),
            ("NServiceBus.ExceptionInfo.ExceptionType", Some(ErrorPart::Class)),
            ("NServiceBus.ExceptionInfo.Message", Some(ErrorPart::Message)),
            ("NServiceBus.TimeOfFailure", None),
            ("rbs2-error-details", Some(ErrorPart::Message)),
            ("kafka_dlt-exception-fqcn", Some(ErrorPart::Class)),
            ("__connect.errors.exception.class.name", Some(ErrorPart::Class)),
            ("__connect.errors.connector.name", None),
            ("dead-letter-cause-message", Some(ErrorPart::Message)),
            ("DeadLetterErrorDescription", Some(ErrorPart::Message)),
            ("x-exception-stacktrace", Some(ErrorPart::Stack)),
            ("exceptionCode", Some(ErrorPart::Code)),
            ("validationError", Some(ErrorPart::Error)),
            ("default_message", None),
            ("failedMessage", None),
            ("rejectedMessageType", None),
            ("MT-Fault-ConsumerType", None),
            ("MT-Fault-ExceptionType", Some(ErrorPart::Class)),
            ("kafka_dlt-exception-cause-fqcn", Some(ErrorPart::Class)),
            ("CamelExceptionCaught", Some(ErrorPart::Error)),
            ("x-death-reason", Some(ErrorPart::Message)),
            ("x-first-death-reason", Some(ErrorPart::Message)),
            ("dateOfDeath", None),
            ("error_count", None),
            ("order", None),
        ];
        for (key, expected) in rows {
            let mut buffer = [0; KEY_MAX];
            assert_eq!(role(normalized_key(key, &mut buffer)), expected, "{key}");
        }
    }

    #[test]
    fn normalized_key_keeps_the_end_of_a_long_key() {
        let mut buffer = [0; KEY_MAX];
        let key = format!("{}_Error-Message", "x".repeat(200));
        assert!(normalized_key(&key, &mut buffer).ends_with("xerrormessage"));
    }
}
