//! Questions to a log: group, span, pattern, stream; and the validity of their values.
//!
//! Both command lines of AWS read a value such as `file://…` from a file. A value with another
//! character than its kind allows is refused.

use super::LogEvent;
use super::windows::Window;

/// Ids in one pattern: AWS allows 1,024 characters.
pub const IDS_MAX: usize = 25;
/// Lines in one answer.
pub const LIMIT: u32 = 1000;
/// Answers to one question.
pub const PAGES_MAX: usize = 3;
/// Answers to a question about a whole span of receives, which others follow when it has more.
pub(super) const WHOLE_PAGES_MAX: usize = 2;

/// Lines that answer a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    pub events: Vec<LogEvent>,
    /// Whether the answer holds every line that was asked for.
    pub complete: bool,
}

/// A question for the lines of a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    pub group: String,
    /// Both ends belong to it.
    pub window: Window,
    /// AWS's pattern; the answer is filtered again.
    pub pattern: Option<String>,
    pub stream: Option<String>,
    /// Answers that are asked for at most.
    pub pages: usize,
}

/// Returns the pattern for lines with any of these message ids.
pub(super) fn ids_pattern(ids: &[&str]) -> String {
    match ids {
        [id] => format!("\"{id}\""),
        ids => ids.iter().map(|id| format!("?\"{id}\"")).collect::<Vec<_>>().join(" "),
    }
}

/// The pattern for starts of invocations and for errors.
pub(super) const ERRORS_PATTERN: &str = "?\"START RequestId\" ?\"platform.start\" \
    ?\"platform.report\" ?ERROR ?Error ?error ?Exception ?\"Task timed out\" ?\"signal: killed\" \
    ?Traceback ?panic ?FATAL ?CRITICAL ?SEVERE";

/// Returns whether a text is a name that a log group can have.
pub fn is_group(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    (1..=512).contains(&text.len()) && text.bytes().all(allowed) && !text.contains("//")
}

/// Returns whether a text is the name of a function.
pub fn is_function(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-')
}

/// Returns whether a text is the ARN of a function, with or without version or alias, or of an SQS
/// queue.
pub fn is_arn(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:$".contains(&byte);
    let known = ["lambda", "sqs"].contains(&text.split(':').nth(2).unwrap_or_default());
    text.len() <= 256 && text.starts_with("arn:aws") && known && text.bytes().all(allowed)
}

/// Returns whether a text is the name of a stream that can be asked for. Those with other
/// characters than AWS's own streams have are not asked for.
pub fn is_stream(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#[]$+@= ".contains(&byte);
    (1..=512).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.contains("//")
        && !text.starts_with(['-', '@', ' '])
}

/// Returns whether a text is a message id that a pattern can hold.
pub fn is_message_id(text: &str) -> bool {
    super::line::is_uuid(text)
}

/// Returns the name in the ARN of a function: without version or alias.
pub fn function_name(arn: &str) -> Option<&str> {
    let name = arn.split(':').nth(6)?;
    (is_arn(arn) && arn.split(':').nth(5) == Some("function") && is_function(name)).then_some(name)
}
