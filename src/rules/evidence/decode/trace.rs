//! Parsing of exceptions and stack traces as the runtimes of Java, .NET, Node, Python and Go print
//! them.

use super::frame::{Frame, is_frame, own_frame};
use super::{ErrorReport, SourcedText, TEXT_MAX, truncated};

/// Limits on the lines that may hold the class, and on its column in a line.
const CLASS_LINES_MAX: usize = 4;
const CLASS_COLUMN_MAX: usize = 400;

/// Limit on the length of the place in a value that a parser names.
const CHAIN_MAX: usize = 80;

/// Suffixes of error class names.
const CLASS_ENDS: [&str; 7] =
    ["Exception", "Error", "Fault", "Throwable", "Timeout", "Interrupt", "Failure"];

/// The class, the code, the message and the frame of an exception. The code is
/// `ERR_INVALID_ARG_TYPE` of `TypeError [ERR_INVALID_ARG_TYPE]: …`.
type Exception<'a> = (Option<&'a str>, Option<&'a str>, &'a str, Frame);

/// Parses a text found under `source`. Without an exception in it, the message is the text up to
/// the first frame.
pub(super) fn parse(text: &str, source: &str) -> ErrorReport {
    let (class, code, message, frame) = parse_exception(truncated(text, TEXT_MAX).trim());
    let sourced = |text: &str| (!text.is_empty()).then(|| SourcedText::new(text, source));
    let chain = reference_chain(text).map(|chain| format!("{message} at field '{chain}'"));
    let message = chain.as_deref().unwrap_or(message);
    ErrorReport {
        code: code.and_then(sourced),
        exception: class.and_then(sourced),
        message: sourced(message),
        function: frame.function,
        place: frame.place,
        ..ErrorReport::default()
    }
}

fn parse_exception(text: &str) -> Exception<'_> {
    if let Some(at) = text.rfind("Traceback (most recent call last)") {
        return parse_python(&text[at..]);
    }
    let panic = ["panic: ", "panic occurred: ", "recovered from panic: ", "panic recovered: "];
    let panic = panic.iter().find_map(|start| text.strip_prefix(start));
    let panic = panic.or_else(|| Some(text.split_once("\npanic: ")?.1));
    if let Some(rest) = panic {
        return (Some("panic"), None, message_before_stack(rest), own_frame(rest));
    }
    if let Some((class, message)) = elixir(text).or_else(|| ruby(text)) {
        return (Some(class), None, message, own_frame(text));
    }
    // The last `Caused by` is the root cause.
    let root = text.rfind("Caused by: ").and_then(|at| qualified_class(&text[at + 11..]));
    if let Some((class, message)) = root {
        return (Some(class), None, message_before_stack(message), own_frame_or(message, text));
    }
    let head = text.rfind("Caused by: ").map_or(text, |at| &text[at + "Caused by: ".len()..]);
    let head = inner_of_wrapper(head).unwrap_or(head);
    let frame = own_frame_or(head, text);
    let (class, code, message) = class_and_message(head).unwrap_or((None, None, head));
    (class, code, message_before_stack(message), frame)
}

/// Returns the frame of a part of a text, else that of the whole.
fn own_frame_or(part: &str, text: &str) -> Frame {
    if !text.contains('\n') {
        return Frame::default();
    }
    let frame = own_frame(part);
    if frame.function.is_some() { frame } else { own_frame(text) }
}

/// Parses `shop.orders.PriceMissing: text`: after `Caused by`, any name with its package is a class.
fn qualified_class(text: &str) -> Option<(&str, &str)> {
    let line = text.lines().next()?;
    let (class, _) = line.split_once(':').unwrap_or((line, ""));
    let is_name = class.bytes().all(|b| b.is_ascii_alphanumeric() || b"._$".contains(&b));
    let last = class.rsplit('.').next()?;
    let is_class = class.contains('.') && last.starts_with(|c: char| c.is_ascii_uppercase());
    (is_name && is_class).then(|| (class, text[class.len()..].trim_start_matches(':').trim_start()))
}

/// Returns the place in a value that Jackson names at the end: `a.Order["qty"]`.
fn reference_chain(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("(through reference chain: ")?;
    let chain = truncated(rest.split(')').next()?, CHAIN_MAX);
    let is_kept = |c: &char| c.is_ascii_alphabetic() || "._$[]".contains(*c);
    Some(chain.chars().filter(is_kept).collect())
}

/// Parses Elixir's `** (Ecto.NoResultsError) expected at least one result`.
fn elixir(text: &str) -> Option<(&str, &str)> {
    let (class, message) = text.strip_prefix("** (")?.split_once(") ")?;
    let is_name = class.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b));
    is_name.then(|| (class, message_before_stack(message)))
}

/// Parses Ruby's `undefined method 'x' for nil (NoMethodError)`: the class at the end of the line.
fn ruby(text: &str) -> Option<(&str, &str)> {
    let line = text.lines().next()?;
    let (message, class) = line.strip_suffix(')')?.rsplit_once(" (")?;
    let is_name = class.starts_with(|c: char| c.is_ascii_uppercase()) && is_class(class);
    (is_name && !class.contains(' ')).then_some((class, message))
}

/// Returns the inner error of a .NET exception that only says that there is one.
fn inner_of_wrapper(text: &str) -> Option<&str> {
    const WRAPPERS: [&str; 4] = [
        "AggregateException",
        "TargetInvocationException",
        "TypeInitializationException",
        "inner exception for details",
    ];
    let (outer, _) = text.split_once("---> ")?;
    let at = text.rfind("---> ")? + "---> ".len();
    let inner = text[at..].trim_start_matches("(Inner Exception #0) ");
    WRAPPERS.iter().any(|wrapper| outer.contains(wrapper)).then_some(inner)
}

/// Returns the last part of a class name, so that `java.net.SocketTimeoutException` and
/// `SocketTimeoutException` are equal.
pub fn last_segment(class: &str) -> &str {
    let class = class.split(['`', '<', '[', '(']).next().unwrap_or(class);
    class.rsplit(['.', '$', ':', '\\', '/', '#']).find(|part| !part.is_empty()).unwrap_or(class)
}

/// Returns whether a word is the name of an error class.
pub(super) fn is_class(word: &str) -> bool {
    let last = last_segment(word);
    last.starts_with(|c: char| c.is_ascii_uppercase())
        && CLASS_ENDS.iter().any(|end| last.ends_with(end))
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._$:\\".contains(&b))
}

/// Returns whether a text begins with an error class and its text.
pub(super) fn begins_with_class(text: &str) -> bool {
    let head = truncated(text, CLASS_COLUMN_MAX);
    let Some((word, rest)) = head.split_once([':', ' ']) else { return false };
    let follows =
        head[word.len()..].starts_with(": ") || after_number(&head[word.len()..]).is_some();
    !rest.is_empty() && follows && is_class(word)
}

/// Returns the class, the code and the text after them, from the first lines.
fn class_and_message(text: &str) -> Option<(Option<&str>, Option<&str>, &str)> {
    const WORD_ENDS: [char; 7] = [' ', '\t', '\n', '(', '"', '[', '\''];
    let mut offset = 0;
    for line in text.split_inclusive('\n').take(CLASS_LINES_MAX) {
        if is_frame(line) {
            return None;
        }
        let in_thread = line.trim().starts_with("Exception in thread");
        let mut start = offset;
        offset += line.len();
        for word in truncated(line, CLASS_COLUMN_MAX).split_inclusive(WORD_ENDS) {
            let end = start + word.len();
            let trimmed = word.trim_end_matches(WORD_ENDS);
            let rest = &text[start + trimmed.len()..];
            start = end;
            if let Some(class) = trimmed.strip_suffix(':') {
                if is_class(class) || (offset == line.len() && is_constant(class)) {
                    return Some((Some(class), None, text[end..].trim_start()));
                }
                continue;
            }
            if is_class(trimmed)
                && let Some(message) = after_number(rest)
            {
                return Some((Some(trimmed), None, message));
            }
            // `Exception in thread "main" java.io.IOException`: skip the first word.
            if !is_class(trimmed) || text[end..offset].starts_with("in thread ") {
                continue;
            }
            if let Some((code, message)) = bracketed_code(rest) {
                return Some((Some(trimmed), Some(code), message));
            }
            if in_thread || line.trim() == trimmed {
                return Some((Some(trimmed), None, rest.trim_start()));
            }
        }
    }
    None
}

/// Returns whether a word is a constant in modules of Ruby: `ActiveRecord::Deadlocked`.
fn is_constant(word: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    word.contains("::") && word.split("::").all(is_part)
}

/// Parses ` (0x80131904): message`: .NET writes the number of a system's error so.
fn after_number(rest: &str) -> Option<&str> {
    let (number, message) = rest.strip_prefix(" (")?.split_once("):")?;
    let plain = number.bytes().all(|b| b.is_ascii_hexdigit() || b"x-, ".contains(&b));
    (plain && number.len() <= 24).then(|| message.trim_start())
}

/// Parses ` [CODE]: message`.
fn bracketed_code(rest: &str) -> Option<(&str, &str)> {
    let (code, message) = rest.strip_prefix(" [")?.split_once("]: ")?;
    let plain = code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    (plain && code.len() <= 64).then_some((code, message))
}

fn parse_python(text: &str) -> Exception<'_> {
    let is_stack = |(index, line): &(usize, &str)| {
        *index == 0 || line.trim().is_empty() || line.starts_with([' ', '\t'])
    };
    let stack = text.split_inclusive('\n').enumerate().take_while(is_stack);
    let (stack, rest) = text.split_at(stack.map(|(_, line)| line.len()).sum());
    let error = rest.split("\n\n").next().unwrap_or(rest);
    let line = error.lines().next().unwrap_or_default();
    let (head, message) = match line.split_once(':') {
        Some((head, _)) => (head, &error[head.len() + 1..]),
        None => (line.trim(), &error[line.len()..]),
    };
    let frame = own_frame(stack);
    let named = !head.is_empty() && head.len() <= 128 && !head.contains(' ');
    match named {
        true => (Some(head), None, message.trim(), frame),
        false => (None, None, error.trim(), frame),
    }
}

/// Returns the text before its stack trace.
fn message_before_stack(text: &str) -> &str {
    const STARTS: [&str; 6] =
        ["goroutine ", "Caused by: ", "--- End of", "Stack trace:", "[signal ", "JSON input:"];
    let is_stack = |line: &str| {
        is_frame(line) || STARTS.iter().any(|start| line.trim_start().starts_with(start))
    };
    let lines = text.split_inclusive('\n').take_while(|line| !is_stack(line));
    let message = text[..lines.map(str::len).sum()].trim();
    let label = ["stacktrace:", "stack trace:", "stack:", "Stacktrace:"];
    let message = label.iter().find_map(|end| message.strip_suffix(end)).unwrap_or(message);
    message.trim_end().trim_end_matches(',')
}
