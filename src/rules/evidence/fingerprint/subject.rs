//! The subject of a message: what kind of message it is, by the words with which consumers tell
//! messages apart. A job class, the name of a task, the type of an event, a table and an operation.

use serde_json::{Map, Value};

use super::{mask, request};
use crate::rules::evidence::decode::{KEY_MAX, normalized_key, stream_of};

/// Limits on the length of a word, and on the words of a subject.
const WORD_MAX: usize = 96;
const WORDS_MAX: usize = 8;
/// Limit on the keys of an object that are read.
const KEYS_READ_MAX: usize = 200;

/// Objects of a payload whose keys are read.
const OBJECTS: [&str; 21] = [
    "",
    "/Records/0",
    "/Records/0/messageAttributes",
    "/Records/0/body",
    "/Records/0/Sns/MessageAttributes",
    "/Records/0/Sns/Message",
    "/records/0",
    "/Records/0/kinesis/data",
    "/kinesis/data",
    "/detail",
    "/detail/metadata",
    "/headers",
    "/Headers",
    "/source",
    "/payload",
    "/payload/source",
    "/data",
    "/meta",
    "/metadata",
    "/event",
    "/body",
];
/// Objects that are named themselves.
const NAMED: [(&str, &str, Weight); 8] = [
    ("/table/name", "table", Weight::Name),
    ("/trigger/name", "trigger", Weight::Name),
    ("/Records/0/Sns/TopicArn", "topic", Weight::Part),
    ("/info/fieldName", "field", Weight::Name),
    ("/pattern/cmd", "pattern", Weight::Name),
    ("/request/operationName", "operation", Weight::Name),
    ("/Records/0/s3/bucket/name", "bucket", Weight::Part),
    ("/detail/bucket/name", "bucket", Weight::Part),
];

/// Weight of the word of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// `source`, `action`: true of messages of several kinds.
    Part,
    /// `type`, `event`: a kind of message, if it is more than one everyday word.
    Kind,
    /// `job_class`, `event_type`: the kind of a message.
    Name,
}

/// The part of a message that an object stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessagePart {
    Headers,
    Payload,
}

/// The subject of a message.
#[derive(Debug, Default)]
pub(super) struct Subject {
    /// Words with their keys, in the order of the message's parts.
    pub words: Vec<(&'static str, String)>,
    /// Whether the words alone tell messages apart.
    pub is_telling: bool,
    /// Whether the message is the change of a row.
    is_change: bool,
}

impl Subject {
    /// Returns the subject of a message from its attributes and its JSON.
    pub(super) fn new(attributes: &Map<String, Value>, json: Option<&Value>) -> Self {
        let mut subject = Subject::default();
        subject.read(attributes, MessagePart::Headers);
        for inner in attributes.values().filter_map(Value::as_object) {
            subject.read(inner, MessagePart::Headers);
        }
        let Some(json) = json else { return subject };
        for path in OBJECTS {
            if let Some(object) = json.pointer(path).and_then(Value::as_object) {
                let name = path.to_ascii_lowercase();
                let is_headers =
                    ["headers", "attributes", "metadata"].iter().any(|end| name.ends_with(end));
                let place = if is_headers { MessagePart::Headers } else { MessagePart::Payload };
                subject.read(object, place);
            }
        }
        // The adapter of a framework is given the job as its first argument.
        if json.get("class").and_then(Value::as_str).is_some_and(is_framework)
            && let Some(object) = json.pointer("/args/0").and_then(Value::as_object)
        {
            subject.read(object, MessagePart::Payload);
        }
        if let Some(route) = request::route(json) {
            subject.is_telling = true;
            subject.words.push(("route", route));
        }
        for (path, label, weight) in NAMED {
            if let Some(word) = json.pointer(path).and_then(Value::as_str) {
                subject.add(label, word, weight);
            }
        }
        subject.is_telling |=
            subject.is_change && subject.words.iter().any(|(label, _)| *label == "table");
        subject
    }

    fn read(&mut self, object: &Map<String, Value>, place: MessagePart) {
        const GIVEN: [&str; 11] = [
            "args",
            "arguments",
            "argsrepr",
            "jobid",
            "jsonrpc",
            "kwargs",
            "opts",
            "parameters",
            "parametertypes",
            "params",
            "routingkey",
        ];
        let is_given = |key: &String| {
            let mut buffer = [0; KEY_MAX];
            GIVEN.contains(&normalized_key(key, &mut buffer))
        };
        // An event has its content beside its name.
        let has_content = ["data", "payload", "properties"]
            .iter()
            .any(|key| object.get(*key).is_some_and(Value::is_object));
        let is_call =
            place == MessagePart::Payload && object.keys().take(KEYS_READ_MAX).any(is_given);
        for (key, value) in object.iter().take(KEYS_READ_MAX) {
            let word = match value {
                Value::String(word) => word,
                Value::Array(items) => match items.first() {
                    Some(Value::String(word)) => word,
                    _ => continue,
                },
                _ => continue,
            };
            let mut buffer = [0; KEY_MAX];
            let name = normalized_key(key, &mut buffer);
            self.is_change |= matches!(name, "op" | "operation");
            let found = match name {
                // Jackson, Spring Data and JSON-LD name the type of an object.
                "class" | "type" if key.starts_with(['@', '_', '$']) => {
                    Some(("type", Weight::Kind))
                }
                "name" if has_content && !is_call => Some(("name", Weight::Kind)),
                _ => meaning(name, is_call),
            };
            let found =
                found.or_else(|| header_meaning(name).filter(|_| place == MessagePart::Headers));
            if let Some((label, weight)) = found {
                match label {
                    "origin" => {
                        if let Some(name) = stream_of(word) {
                            self.add(label, name, Weight::Part);
                        }
                    }
                    // Laravel's; elsewhere a person has a display name.
                    "class" if !word.contains('\\') => self.add_closure(word, weight),
                    // A person has a name too.
                    "name" if !is_dotted(word) => {}
                    "call" if !is_dotted(word) && word.starts_with(|c: char| c.is_uppercase()) => {}
                    _ if value.is_string() || name.ends_with("type") => {
                        self.add(label, word, weight)
                    }
                    _ => {}
                }
            }
        }
    }

    /// Adds `Closure (web.php:12)` of Laravel without the line, which every deployment changes.
    fn add_closure(&mut self, word: &str, weight: Weight) {
        let file = word.strip_prefix("Closure (").and_then(|rest| rest.split([':', ')']).next());
        if let Some(file) = file {
            self.add("class", &format!("Closure in {file}"), weight);
        }
    }

    fn add(&mut self, label: &'static str, word: &str, weight: Weight) {
        let word = trimmed(word, label);
        // The name of a topic, of its ARN.
        let word =
            if word.starts_with("arn:") { word.rsplit(':').next().unwrap_or(word) } else { word };
        let is_known = self.words.iter().any(|(_, known)| known == word);
        if is_known || self.words.len() >= WORDS_MAX || !is_program_word(word) || is_framework(word)
        {
            return;
        }
        self.is_telling |= weight == Weight::Name || (weight == Weight::Kind && is_qualified(word));
        self.words.push((label, word.to_owned()));
    }

    /// Returns the words for a title: those that say most, at most three, with their keys or, if
    /// they are `brief`, alone where they say enough.
    pub(super) fn title(&self, brief: bool) -> String {
        let is_kind =
            |label: &str| !matches!(label, "source" | "event source" | "action" | "topic");
        let has_kind = self.words.iter().any(|(label, _)| is_kind(label));
        let words = self.words.iter().filter(|(label, _)| !has_kind || is_kind(label)).take(3);
        let shown = words.map(|(label, word)| match *label {
            label if !brief || matches!(label, "table" | "bucket" | "origin" | "topic") => {
                format!("{label} '{word}'")
            }
            _ => format!("'{word}'"),
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

/// Returns the name of a normalized key for people, and what its word says. In a call, which has
/// arguments, everyday keys name what is called.
fn meaning(name: &str, is_call: bool) -> Option<(&'static str, Weight)> {
    use Weight::{Kind, Name, Part};
    Some(match name {
        "source" => ("source", Part),
        "eventsource" => ("event source", Part),
        "eventsourcearn" => ("origin", Part),
        "action" => ("action", Part),
        "topic" => ("topic", Part),
        "kind" => ("kind", Kind),
        "type" => ("type", Kind),
        "event" => ("event", Kind),
        "command" => ("command", Kind),
        "operation" => ("operation", Kind),
        "table" => ("table", Part),
        "task" | "class" | "job" | "method" | "function" | "worker" if is_call => ("job", Name),
        "wrapped" if is_call => ("job", Name),
        "pattern" => ("pattern", Kind),
        "name" if is_call => ("call", Kind),
        "alarmname" => ("alarm", Name),
        "displayname" => ("class", Kind),
        "task" => ("task", Kind),
        "detailtype" => ("detail type", Name),
        "routekey" => ("route", Name),
        "javatype" | "typeid" | "typename" => ("type", Name),
        "shoryukenclass" => ("job", Name),
        _ => {
            const ENDS: [(&str, &str); 19] = [
                ("notificationtype", "type"),
                ("requesttype", "type"),
                ("eventname", "event"),
                ("eventtype", "event type"),
                ("messagetype", "message type"),
                ("msgtype", "message type"),
                ("messagetypes", "message type"),
                ("cetype", "event type"),
                ("cloudeventstype", "event type"),
                ("jobclass", "job"),
                ("jobname", "job"),
                ("jobtype", "job"),
                ("taskname", "task"),
                ("tasktype", "task"),
                ("actorname", "task"),
                ("workername", "job"),
                ("commandname", "command"),
                ("commandtype", "command"),
                ("operationname", "operation"),
            ];
            if name.ends_with("tablename") {
                return Some(("table", Part));
            }
            let (_, label) = ENDS.iter().find(|(end, _)| name.ends_with(end))?;
            (label, Name)
        }
    })
}

/// Returns the meaning of a key of attributes or headers: `X-GitHub-Event`, `X-Shopify-Topic`.
fn header_meaning(name: &str) -> Option<(&'static str, Weight)> {
    match name {
        "name" => Some(("name", Weight::Kind)),
        _ if name.ends_with("event") => Some(("event", Weight::Name)),
        _ if name.ends_with("prototype") => Some(("message type", Weight::Name)),
        _ if name.ends_with("topic") => Some(("topic", Weight::Part)),
        "topicarn" => Some(("topic", Weight::Part)),
        _ => None,
    }
}

/// Returns whether a word is a path of names: `events.OrderPlaced`, `mail:welcome`, `send_mail`.
fn is_dotted(word: &str) -> bool {
    word.bytes().any(|b| b".:_\\".contains(&b)) && !word.contains(' ')
}

/// Returns a word without what frameworks put around it: `urn:message:Shop:Paid`, `Shop.Paid,
/// Shop, Version=1.0.0.0`.
fn trimmed<'a>(word: &'a str, label: &str) -> &'a str {
    let word = word.strip_prefix("urn:message:").unwrap_or(word);
    let word = word.split([',', ';']).next().unwrap_or(word).trim();
    match label {
        // Consumers treat `ObjectCreated:Put` and `ObjectCreated:CompleteMultipartUpload` alike.
        "event" if word.starts_with("Object") => word.split(':').next().unwrap_or(word),
        _ => word,
    }
}

/// Returns whether a value is an identifier of a program rather than text of a person: letters and
/// separators, with two digits at most, for a version.
fn is_program_word(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_code = |b: u8| b.is_ascii_alphanumeric() || b"._-:/ \\{}$+".contains(&b);
    (1..=WORD_MAX).contains(&word.len())
        && !mask::is_id(word)
        && word.starts_with(|c: char| c.is_ascii_alphabetic() || "$_".contains(c))
        && word.bytes().all(is_code)
        && digits <= 2
        && word.bytes().filter(|b| *b == b' ').count() <= 6
}

/// Returns whether a word is more than an everyday one: `order.placed`, `OrderPlaced`.
fn is_qualified(word: &str) -> bool {
    let is_hump = |two: &[u8]| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase();
    word.bytes().any(|b| b"._-:/ \\".contains(&b)) || word.as_bytes().windows(2).any(is_hump)
}

/// Returns whether a word names a part of a framework, which is the same for every message.
pub(super) fn is_framework(word: &str) -> bool {
    const STARTS: [&str; 15] = [
        "Illuminate\\",
        "Symfony\\",
        "ActiveJob::",
        "Shoryuken::",
        "Sidekiq::",
        "org.springframework.",
        "java.",
        "com.dapr.",
        "System.",
        "Microsoft.",
        "MT_",
        "application/",
        "text/",
        "aws:kinesis:record",
        "$default",
    ];
    STARTS.iter().any(|start| word.starts_with(start))
}
