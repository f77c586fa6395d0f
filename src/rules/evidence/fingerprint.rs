//! Fingerprints: messages of the same cause get the same id.
//!
//! A fingerprint consists of the parts that a cause keeps from message to message: the error's
//! code, class and masked text; without an error the shape of the payload, or its masked text.
//! Promises: a cause has the same id in every run, on every machine, in every order and queue; a
//! title contains nothing that looks like a secret, a person or a number that varies. Never: reads
//! the queue's name, or stores a body.

mod content;
mod group;
mod interchange;
mod markup;
mod mask;
mod request;
mod serialized;
mod shape;
mod subject;
mod table;
mod titles;

use sha2::{Digest, Sha256};

use super::decode::{
    Content, Decoded, ErrorReport, PayloadKind, Producer, SourcedText, first_eight_bytes,
    last_segment,
};
use crate::event::words;
use crate::text::{safe, shorten};
pub use group::Grouper;
use subject::Subject;

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
    /// Typed paths of a payload that nothing else tells apart: messages with nearly the same form
    /// one group ([`Grouper`]).
    pub paths: Vec<String>,
}

impl Fingerprint {
    /// Returns the reasons that are words, not the form of a payload.
    fn words(&self) -> &[String] {
        &self.why[..self.why.len() - usize::from(!self.paths.is_empty())]
    }
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
            title: title_of(title, ""),
            why: self.why,
            producer: decoded.producer,
            payload: decoded.payload,
            code: None,
            exception: None,
            message: None,
            paths: Vec::new(),
            place: None,
        }
    }
}

/// Computes the fingerprint of a message.
pub fn compute(decoded: &Decoded) -> Fingerprint {
    if let Some(fingerprint) = by_error(decoded) {
        return fingerprint;
    }
    if let Some(fingerprint) = content::by_pointer(decoded) {
        return fingerprint;
    }
    let subject = Subject::new(&decoded.attributes, decoded.json());
    let mut parts = Parts::new(if subject.is_telling || decoded.json().is_some() {
        Kind::Shape
    } else {
        Kind::Opaque
    });
    add_subject(&mut parts, &subject);
    if subject.is_telling {
        let title = subject.title(decoded.payload != PayloadKind::Json);
        let title = match decoded.payload {
            PayloadKind::Json => title,
            other => format!("{} {title}", other.name()),
        };
        return parts.finish(decoded, &title);
    }
    match (decoded.json(), &decoded.content) {
        (Some(value), _) => content::by_shape(parts, decoded, value, &subject),
        (None, Content::Binary { len, form }) => content::by_bytes(parts, decoded, *len, form),
        (None, Content::Text(text)) => content::by_text(parts, decoded, text),
        (None, Content::Json(_)) => content::by_text(parts, decoded, ""),
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
        let why = format!("text '{message}' ({})", source(&error.message));
        parts.explain("message", &mask::case_folded(message), why);
    }
    if let Some(function) = function {
        let of = file_of(error, function);
        parts.explain("place", &format!("{function}{of}"), format!("in '{function}'{of} (stack)"));
    }
    for (kind, name) in &error.owners {
        let name = mask::mask_code(name, WORD_MAX);
        parts.explain(kind, &name, format!("{kind} '{name}'"));
    }
    if parts.why.is_empty() {
        return None;
    }
    let mut words = String::new();
    let mut paths = Vec::new();
    if message.is_none() && function.is_none() {
        let subject = Subject::new(&decoded.attributes, decoded.json());
        add_subject(&mut parts, &subject);
        words = format!(" {}", subject.title(false));
        // A code alone, such as a status, says nothing about what it answers.
        if class.is_none() && !error.by_producer && !subject.is_telling {
            paths = decoded
                .json()
                .map(|value| content::add_shape(&mut parts, value))
                .unwrap_or_default();
        }
    }
    let fingerprint = Fingerprint { code, exception, message, paths, ..parts.finish(decoded, "") };
    let place = function.map_or(words, |function| format!(" in {function}"));
    let title = error_title(&fingerprint, error, place.trim_end());
    Some(Fingerprint { title, place: error.place.clone(), ..fingerprint })
}

/// Returns the file of a function, as a phrase; none where the function's class names it, or where
/// the name has a hash, as that of a bundle.
fn file_of(error: &ErrorReport, function: &str) -> String {
    let file = error.place.as_deref().and_then(|place| place.split(' ').next());
    let is_plain =
        |file: &&str| !function.contains('.') && !file.bytes().any(|b| b.is_ascii_digit());
    file.filter(is_plain).map_or(String::new(), |file| format!(" of '{file}'"))
}

/// Returns the title of an error: its class and text, where it happened, and whose it is.
fn error_title(found: &Fingerprint, error: &ErrorReport, place: &str) -> String {
    let class = found.exception.as_deref().filter(|class| !class.is_empty());
    // A class alone is shown whole.
    let class = match &found.message {
        Some(_) => class.map(last_segment).filter(|class| !says_nothing(class)),
        None => class,
    };
    // IAM names the resource, then that no policy allows the action.
    let message = found.message.as_deref();
    let message = message.map(|text| text.split(" because no ").next().unwrap_or(text));
    let title = match (class.or(found.code.as_deref()), message) {
        // A number alone says nothing.
        (Some(code), None) if code.bytes().all(|b| b.is_ascii_digit()) => {
            let source = error.code.as_ref().map_or("code", |part| part.source.as_str());
            format!("{} {code}", mask::mask_code(source, WORD_MAX))
        }
        (Some(head), Some(message)) => format!("{head}: {message}"),
        (Some(class), None) => match &found.code {
            Some(code) if class != code => format!("{class} [{code}]"),
            _ => class.to_owned(),
        },
        // A line of a log begins with its time.
        (None, Some(message)) => message.strip_prefix("<time> ").unwrap_or(message).to_owned(),
        (None, None) => "an error without a text".to_owned(),
    };
    let owners = error.owners.iter();
    let owners: Vec<String> =
        owners.map(|(kind, name)| format!("{kind} {}", mask::mask_code(name, WORD_MAX))).collect();
    let of = if !owners.is_empty() {
        format!(" ({})", owners.join(", "))
    } else if found.message.is_none() && error.by_producer {
        format!(" ({})", found.producer.name())
    } else {
        String::new()
    };
    title_of(&title, &format!("{place}{of}"))
}

/// Adds the words of a message's subject to the parts.
fn add_subject(parts: &mut Parts, subject: &Subject) {
    for (label, word) in &subject.words {
        parts.explain(label, word, format!("{label} '{word}'"));
    }
}

/// Returns a title of limited length, whose end stays: an error often names its cause last.
fn title_of(title: &str, place: &str) -> String {
    let (title, place) = (safe(title), safe(place));
    let place = shorten(&place, TITLE_MAX / 2);
    let max = TITLE_MAX - place.chars().count();
    let len = title.chars().count();
    if len <= max {
        return format!("{title}{place}");
    }
    let tail_len = max * 2 / 5;
    let head: String = title.chars().take(max - tail_len - 3).collect();
    let tail: String = title.chars().skip(len - tail_len).collect();
    // Cut between words where one is near.
    let head = head.rsplit_once(' ').map_or(&*head, |(head, _)| head);
    let tail = tail.split_once(' ').map_or(&*tail, |(_, tail)| tail);
    format!("{head} … {tail}{place}")
}

/// Returns whether the name of a class adds nothing to its text.
fn says_nothing(class: &str) -> bool {
    const EMPTY: [&str; 8] =
        ["Box", "Error", "Exception", "ExitError", "Timedout", "errorString", "wrapError", "Fault"];
    EMPTY.contains(&class)
}

/// Returns whether the function is part of the cause: for code faults such as a null pointer or a
/// number that cannot be read, whose text is the runtime's, and for errors with less than two words of text. Others, such as a timeout, can occur in any
/// function.
fn needs_function(class: Option<&str>, message: Option<&str>) -> bool {
    const CODE_FAULTS: [&str; 32] = [
        "ValueError",
        "UnicodeDecodeError",
        "NoMethodError",
        "ArgumentError",
        "NumberFormatException",
        "FormatException",
        "IllegalArgumentException",
        "IllegalStateException",
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

#[cfg(test)]
mod tests;
