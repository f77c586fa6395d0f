//! Fingerprints: messages of the same cause get the same id.
//!
//! A fingerprint consists of the parts that a cause keeps from message to message: the error's
//! code, class and masked text; without an error the shape of the payload, or its masked text.
//! Promises: a cause has the same id in every run, on every machine, in every order and queue; a
//! title contains nothing that looks like a secret, a person or a number that varies. Never: reads
//! the queue's name, or stores a body.

mod group;
mod markup;
mod mask;
mod shape;
mod table;

use sha2::{Digest, Sha256};

use super::decode::{
    Content, Decoded, ErrorReport, PayloadKind, Producer, SourcedText, last_segment,
};
use crate::text::{safe, shorten};
pub use group::Grouper;

/// Version of the rules. Raise it with every change that changes an id.
pub const VERSION: u32 = 1;

/// Limit on a title, in characters: one line of a list.
const TITLE_MAX: usize = 120;
/// Limit on a masked text, in bytes.
const TEMPLATE_MAX: usize = 240;
/// Limit on a code or a class, in bytes.
const WORD_MAX: usize = 96;

/// The basis of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Error reported by the producer.
    ProducerError,
    /// Error found in the payload.
    ErrorText,
    /// Keys of the payload and the types of their values.
    Shape,
    /// Masked text, or the size of binary data.
    Opaque,
}

impl Kind {
    /// Returns the word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::ProducerError => "producer_error",
            Kind::ErrorText => "error_text",
            Kind::Shape => "shape",
            Kind::Opaque => "opaque",
        }
    }
}

/// The cause of a message. Every text in it is safe to print.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    /// 16 hex digits.
    pub id: String,
    pub kind: Kind,
    /// A line for people.
    pub title: String,
    /// Parts that the id is made of, each a phrase.
    pub why: Vec<String>,
    pub producer: Producer,
    pub payload: PayloadKind,
    /// Error code, verbatim.
    pub code: Option<String>,
    /// Exception class, verbatim.
    pub exception: Option<String>,
    /// Masked error text.
    pub message: Option<String>,
}

/// Hash over the parts of an id. Each part is hashed with its length, so that different lists of
/// parts cannot collide by concatenation.
struct Parts(Sha256);

impl Parts {
    fn new(kind: Kind) -> Self {
        let mut parts = Parts(Sha256::new());
        parts.add("version", &VERSION.to_string());
        parts.add("kind", kind.as_str());
        parts
    }

    fn add(&mut self, name: &str, text: &str) {
        self.0.update(name);
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
    }

    fn id(self) -> String {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let hash = self.0.finalize();
        let digits = hash[..8].iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| char::from(HEX[usize::from(digit)])).collect()
    }
}

/// Computes the fingerprint of a message.
pub fn compute(decoded: &Decoded) -> Fingerprint {
    if let Some(fingerprint) = by_error(decoded) {
        return fingerprint;
    }
    match &decoded.content {
        Content::Json(value) => by_shape(decoded, value),
        Content::Text(text) => by_text(decoded, text),
        Content::Binary { len } => by_size(decoded, *len),
    }
}

fn build(
    decoded: &Decoded,
    kind: Kind,
    parts: Parts,
    title: &str,
    why: Vec<String>,
) -> Fingerprint {
    Fingerprint {
        id: parts.id(),
        kind,
        title: shorten(&safe(title), TITLE_MAX).into_owned(),
        why,
        producer: decoded.producer,
        payload: decoded.payload,
        code: None,
        exception: None,
        message: None,
    }
}

/// Returns the fingerprint of the reported error; `None` if no part of the error identifies a
/// cause.
fn by_error(decoded: &Decoded) -> Option<Fingerprint> {
    let error = &decoded.error;
    if error.is_none() {
        return None;
    }
    let kind = if error.by_producer { Kind::ProducerError } else { Kind::ErrorText };
    let code = error.code.as_ref().map(|said| mask::mask_code(&said.text, WORD_MAX));
    let exception = error.exception.as_ref().map(|said| mask::mask_class(&said.text, WORD_MAX));
    let class = exception.as_deref().map(last_segment).filter(|class| !class.is_empty());
    let message = error
        .message
        .as_ref()
        .map(|said| {
            let names = class.is_some_and(names_identifier) || mask::is_one_quote(&said.text);
            mask::template(&said.text, TEMPLATE_MAX, names)
        })
        .filter(|template| !template.is_empty());
    let function = error.function.as_deref().filter(|_| needs_function(class, message.as_deref()));

    let mut parts = Parts::new(kind);
    let mut why = Vec::new();
    if error.by_producer {
        // Asynchronous invocations and destinations of Lambda report the same error.
        parts.add("producer", decoded.producer.name());
    }
    let source = |said: &Option<SourcedText>| {
        let source = said.as_ref().map_or("", |said| said.source.as_str());
        if error.by_producer {
            format!("{}, {}", decoded.producer.name(), mask::mask_code(source, WORD_MAX))
        } else {
            mask::mask_code(source, WORD_MAX)
        }
    };
    if let Some(code) = &code {
        parts.add("code", code);
        why.push(format!("error code '{code}' ({})", source(&error.code)));
    }
    if let Some(class) = class {
        parts.add("exception", class);
        why.push(format!("exception '{class}' ({})", source(&error.exception)));
    }
    if let Some(message) = &message {
        parts.add("message", &mask::case_folded(message));
        let text = shorten(message, TITLE_MAX);
        why.push(format!("text '{text}' ({})", source(&error.message)));
    }
    if let Some(function) = function {
        parts.add("place", function);
        why.push(format!("in '{function}' (stack)"));
    }
    if let Some(target) = &error.target {
        parts.add("target", target);
        why.push(format!("to a target of '{}' (TARGET_ARN)", safe(target)));
    }
    if why.is_empty() {
        return None;
    }
    let title = error_title(error, decoded, code.as_deref(), class, message.as_deref(), function);
    let base = build(decoded, kind, parts, &title, why);
    Some(Fingerprint { code, exception, message, ..base })
}

fn error_title(
    error: &ErrorReport,
    decoded: &Decoded,
    code: Option<&str>,
    class: Option<&str>,
    message: Option<&str>,
    function: Option<&str>,
) -> String {
    let head = class.or(code);
    let mut title = match (head, message) {
        (Some(head), Some(message)) => format!("{head}: {message}"),
        (Some(head), None) => head.to_owned(),
        (None, Some(message)) => message.to_owned(),
        (None, None) => "an error without a text".to_owned(),
    };
    if let Some(function) = function {
        title = format!("{} in {function}", shorten(&title, TITLE_MAX - 30));
    } else if message.is_none() && error.by_producer {
        title = format!("{title} ({})", decoded.producer.name());
    }
    title
}

/// Returns whether the function is part of the cause: for code faults such as a null pointer, and
/// for errors with less than two words of text. Others, such as a timeout, can occur in any
/// function.
fn needs_function(class: Option<&str>, message: Option<&str>) -> bool {
    const CODE_FAULTS: [&str; 24] = [
        "TypeError",
        "ReferenceError",
        "RangeError",
        "NullPointerException",
        "NullReferenceException",
        "AttributeError",
        "KeyError",
        "IndexError",
        "NameError",
        "UnboundLocalError",
        "ZeroDivisionError",
        "AssertionError",
        "IndexOutOfBoundsException",
        "ArrayIndexOutOfBoundsException",
        "StringIndexOutOfBoundsException",
        "ClassCastException",
        "NoSuchElementException",
        "ArithmeticException",
        "IndexOutOfRangeException",
        "KeyNotFoundException",
        "ArgumentNullException",
        "InvalidCastException",
        "InvalidOperationException",
        "panic",
    ];
    let words = message.map_or(0, |text| {
        let words = text.split(' ').filter(|word| !word.contains('<'));
        words.filter(|word| word.bytes().filter(u8::is_ascii_alphabetic).count() > 1).count()
    });
    words < 2 || class.is_some_and(|class| CODE_FAULTS.contains(&class))
}

/// Returns whether the text of a class names a key, a property or a module, which is then the cause
/// rather than a value.
fn names_identifier(class: &str) -> bool {
    const IDENTIFIER_CLASSES: [&str; 10] = [
        "Key",
        "Attribute",
        "Name",
        "Type",
        "Reference",
        "Property",
        "Field",
        "Import",
        "Module",
        "NullPointer",
    ];
    IDENTIFIER_CLASSES.iter().any(|part| class.contains(part))
}

fn by_shape(decoded: &Decoded, value: &serde_json::Value) -> Fingerprint {
    let shape = shape::json_shape(value);
    let mut parts = Parts::new(Kind::Shape);
    parts.add("paths", &shape.canonical);
    let mut why = Vec::new();
    for (key, word) in &shape.words {
        parts.add(key, word);
        why.push(format!("{key} '{word}'"));
    }
    why.push(format!("the payload's shape: {}", crate::text::count(shape.paths, "path")));
    let word = shape.words.last().map(|(_, word)| format!(" '{word}'")).unwrap_or_default();
    let title = format!("{}{word} {}", decoded.payload.name(), shape.outline);
    build(decoded, Kind::Shape, parts, title.trim_end(), why)
}

fn by_text(decoded: &Decoded, text: &str) -> Fingerprint {
    let mut parts = Parts::new(Kind::Opaque);
    if let Some(elements) = markup::xml_elements(text) {
        parts.add("elements", &elements.canonical);
        let why = vec![format!("its elements: {}", elements.outline)];
        return build(decoded, Kind::Opaque, parts, &format!("XML with {}", elements.outline), why);
    }
    if let Some(columns) = table::column_names(text) {
        parts.add("columns", &columns);
        let why = vec![format!("its columns: {columns}")];
        return build(decoded, Kind::Opaque, parts, &format!("table with {columns}"), why);
    }
    let template = mask::template(text, TEMPLATE_MAX, false);
    parts.add("text", &mask::case_folded(&template));
    if template.is_empty() {
        return build(decoded, Kind::Opaque, parts, "empty body", vec!["no text".into()]);
    }
    let title = format!("text: {template}");
    let why = vec![format!("the text '{}'", shorten(&template, TITLE_MAX))];
    Fingerprint { message: Some(template), ..build(decoded, Kind::Opaque, parts, &title, why) }
}

fn by_size(decoded: &Decoded, len: usize) -> Fingerprint {
    const SIZES: [(usize, &str); 5] = [
        (1 << 10, "up to 1 KiB"),
        (1 << 14, "up to 16 KiB"),
        (1 << 18, "up to 256 KiB"),
        (1 << 20, "up to 1 MiB"),
        (usize::MAX, "over 1 MiB"),
    ];
    let size = SIZES.iter().find(|(max, _)| len <= *max).map_or("", |(_, size)| size);
    let mut parts = Parts::new(Kind::Opaque);
    parts.add("binary", size);
    for wrapping in &decoded.wrapped {
        parts.add("wrapped", wrapping);
    }
    let why = vec![format!("bytes that are no text, {size}")];
    build(decoded, Kind::Opaque, parts, &format!("binary, {size}"), why)
}

#[cfg(test)]
mod tests;
