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
    Content, Decoded, PayloadKind, Producer, SourcedText, first_eight_bytes, last_segment,
};
use crate::event::words;
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

words! {
    /// The basis of a fingerprint.
    Kind {
        /// Error reported by the producer.
        ProducerError = "producer_error",
        /// Error found in the payload.
        ErrorText = "error_text",
        /// Keys of the payload and the types of their values.
        Shape = "shape",
        /// Masked text, or the size of binary data.
        Opaque = "opaque",
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
    /// File and line of the innermost own frame; no part of the id.
    pub place: Option<String>,
}

/// A fingerprint under construction: the hash over the parts of its id, and their phrases. Each
/// part is hashed with its length, so that different lists of parts cannot collide by
/// concatenation.
struct Parts {
    kind: Kind,
    hash: Sha256,
    why: Vec<String>,
}

impl Parts {
    fn new(kind: Kind) -> Self {
        let mut parts = Parts { kind, hash: Sha256::new(), why: Vec::new() };
        parts.add("version", &VERSION.to_string());
        parts.add("kind", kind.as_str());
        parts
    }

    fn add(&mut self, name: &str, text: &str) {
        self.hash.update(name);
        self.hash.update((text.len() as u64).to_be_bytes());
        self.hash.update(text);
    }

    fn explain(&mut self, name: &str, text: &str, why: String) {
        self.add(name, text);
        self.why.push(why);
    }

    fn finish(self, decoded: &Decoded, title: &str) -> Fingerprint {
        Fingerprint {
            id: format!("{:016x}", first_eight_bytes(self.hash)),
            kind: self.kind,
            title: shorten(&safe(title), TITLE_MAX).into_owned(),
            why: self.why,
            producer: decoded.producer,
            payload: decoded.payload,
            code: None,
            exception: None,
            message: None,
            place: None,
        }
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

/// Returns the fingerprint of the reported error; `None` if no part of the error identifies a
/// cause.
fn by_error(decoded: &Decoded) -> Option<Fingerprint> {
    let error = &decoded.error;
    if error.is_none() {
        return None;
    }
    let kind = if error.by_producer { Kind::ProducerError } else { Kind::ErrorText };
    let code = error.code.as_ref().map(|part| mask::mask_code(&part.text, WORD_MAX));
    let exception = error.exception.as_ref().map(|part| mask::mask_class(&part.text, WORD_MAX));
    let class = exception.as_deref().map(last_segment).filter(|class| !class.is_empty());
    let message = error
        .message
        .as_ref()
        .map(|part| {
            let names = class.is_some_and(names_identifier) || mask::is_one_quote(&part.text);
            mask::template(&part.text, TEMPLATE_MAX, names)
        })
        .filter(|template| !template.is_empty());
    let function = error.function.as_deref().filter(|_| needs_function(class, message.as_deref()));

    let mut parts = Parts::new(kind);
    let producer = decoded.producer.name();
    if error.by_producer {
        // Asynchronous invocations and destinations of Lambda report the same error.
        parts.add("producer", producer);
    }
    let source = |part: &Option<SourcedText>| {
        let source = part.as_ref().map_or("", |part| part.source.as_str());
        let source = mask::mask_code(source, WORD_MAX);
        if error.by_producer { format!("{producer}, {source}") } else { source }
    };
    if let Some(code) = &code {
        parts.explain("code", code, format!("error code '{code}' ({})", source(&error.code)));
    }
    if let Some(class) = class {
        let why = format!("exception '{class}' ({})", source(&error.exception));
        parts.explain("exception", class, why);
    }
    if let Some(message) = &message {
        let text = shorten(message, TITLE_MAX);
        let why = format!("text '{text}' ({})", source(&error.message));
        parts.explain("message", &mask::case_folded(message), why);
    }
    if let Some(function) = function {
        parts.explain("place", function, format!("in '{function}' (stack)"));
    }
    if let Some(target) = &error.target {
        let why = format!("to a target of '{}' (TARGET_ARN)", safe(target));
        parts.explain("target", target, why);
    }
    if parts.why.is_empty() {
        return None;
    }
    let mut title = match (class.or(code.as_deref()), &message) {
        (Some(head), Some(message)) => format!("{head}: {message}"),
        (Some(head), None) => head.to_owned(),
        (None, Some(message)) => message.clone(),
        (None, None) => "an error without a text".to_owned(),
    };
    if let Some(function) = function {
        title = format!("{} in {function}", shorten(&title, TITLE_MAX - 30));
    } else if message.is_none() && error.by_producer {
        title = format!("{title} ({producer})");
    }
    let place = error.place.clone();
    Some(Fingerprint { code, exception, message, place, ..parts.finish(decoded, &title) })
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
    for (key, word) in &shape.words {
        parts.explain(key, word, format!("{key} '{word}'"));
    }
    parts.why.push(format!("the payload's shape: {}", crate::text::count(shape.paths, "path")));
    let word = shape.words.last().map(|(_, word)| format!(" '{word}'")).unwrap_or_default();
    let title = format!("{}{word} {}", decoded.payload.name(), shape.outline);
    parts.finish(decoded, title.trim_end())
}

fn by_text(decoded: &Decoded, text: &str) -> Fingerprint {
    let mut parts = Parts::new(Kind::Opaque);
    if let Some((names, outline)) = markup::xml_elements(text) {
        parts.explain("elements", &names, format!("its elements: {outline}"));
        return parts.finish(decoded, &format!("XML with {outline}"));
    }
    if let Some(columns) = table::column_names(text) {
        parts.explain("columns", &columns, format!("its columns: {columns}"));
        return parts.finish(decoded, &format!("table with {columns}"));
    }
    let template = mask::template(text, TEMPLATE_MAX, false);
    if template.is_empty() {
        parts.explain("text", "", "no text".into());
        return parts.finish(decoded, "empty body");
    }
    let why = format!("the text '{}'", shorten(&template, TITLE_MAX));
    parts.explain("text", &mask::case_folded(&template), why);
    let base = parts.finish(decoded, &format!("text: {template}"));
    Fingerprint { message: Some(template), ..base }
}

fn by_size(decoded: &Decoded, len: usize) -> Fingerprint {
    let size = match len {
        0..=0x400 => "up to 1 KiB",
        0x401..=0x4000 => "up to 16 KiB",
        0x4001..=0x4_0000 => "up to 256 KiB",
        0x4_0001..=0x10_0000 => "up to 1 MiB",
        _ => "over 1 MiB",
    };
    let mut parts = Parts::new(Kind::Opaque);
    parts.explain("binary", size, format!("bytes that are no text, {size}"));
    for wrapping in &decoded.wrapped {
        parts.add("wrapped", wrapping);
    }
    parts.finish(decoded, &format!("binary, {size}"))
}

#[cfg(test)]
mod tests;
