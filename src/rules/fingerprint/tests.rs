use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::rules::decode::decode;
use crate::rules::message::{Attribute, Message};
use serde_json::{Value, json};

/// A message of the corpus, and what stands beside it there.
struct Known {
    cause: String,
    held_out: bool,
    queue: String,
    message: Message,
}

/// `tests/fixtures/messages`: a file for each cause, a message a line.
fn corpus() -> Vec<Known> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/messages");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let known = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        let texts = |key: &str| {
            let pairs = line[key].as_object().unwrap().iter();
            pairs.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()))
        };
        let attributes =
            texts("attributes").map(|(name, text)| (name, Attribute::Text(text))).collect();
        let system = texts("system").collect();
        let message = Message { id: "m".into(), body: text("body"), attributes, system };
        let held_out = line["held_out"].as_bool().unwrap();
        Known { cause: text("cause"), held_out, queue: text("queue"), message }
    };
    files
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines().map(known).collect::<Vec<_>>()
        })
        .collect()
}

fn print_of(message: &Message) -> Fingerprint {
    of(&decode(message))
}

fn body(text: &str) -> Message {
    Message { body: text.into(), ..Message::default() }
}

/// Over all pairs of messages: of those that have one fingerprint, the share that has one cause,
/// and the other way round.
fn pairwise(part: &[&Known]) -> (f64, f64, Vec<String>) {
    let prints: Vec<_> = part.iter().map(|known| print_of(&known.message)).collect();
    let (mut both, mut same_print, mut same_cause, mut wrong) = (0.0, 0.0, 0.0, Vec::new());
    for one in 0..part.len() {
        for other in 0..one {
            let print = prints[one].id == prints[other].id;
            let cause = part[one].cause == part[other].cause;
            same_print += f64::from(u8::from(print));
            same_cause += f64::from(u8::from(cause));
            both += f64::from(u8::from(print && cause));
            if print != cause {
                wrong.push(format!(
                    "{} '{}' and {} '{}'",
                    part[one].cause, prints[one].title, part[other].cause, prints[other].title
                ));
            }
        }
    }
    (both / same_print, both / same_cause, wrong)
}

#[test]
fn the_corpus_is_grouped_by_cause() {
    let corpus = corpus();
    let causes: BTreeSet<&str> = corpus.iter().map(|known| known.cause.as_str()).collect();
    assert!(corpus.len() >= 40 && causes.len() >= 12, "{} of {}", corpus.len(), causes.len());
    let parts: [(&str, Vec<&Known>); 3] = [
        ("tuned on", corpus.iter().filter(|known| !known.held_out).collect()),
        ("held out", corpus.iter().filter(|known| known.held_out).collect()),
        ("all", corpus.iter().collect()),
    ];
    let (mut figures, mut good) = (Vec::new(), true);
    for (name, part) in parts {
        let (precision, recall, wrong) = pairwise(&part);
        good &= precision >= 0.95 && recall >= 0.95;
        figures.push(format!(
            "{name}: {} messages, precision {precision:.3}, recall {recall:.3}\n{}",
            part.len(),
            wrong.join("\n")
        ));
    }
    let figures = figures.join("\n");
    // Shown with --nocapture.
    std::io::Write::write_all(&mut std::io::stdout(), figures.as_bytes()).unwrap();
    assert!(good, "{figures}");
}

#[test]
fn a_fingerprint_knows_neither_queue_nor_order() {
    let corpus = corpus();
    let groups = |messages: &mut dyn Iterator<Item = &Known>| {
        let mut grouper = Grouper::new();
        for known in messages {
            let decoded = decode(&known.message);
            grouper.add("m", None, decoded.content.digest(), of(&decoded));
        }
        let groups = grouper.finish().fingerprints.into_iter();
        let face = |group: crate::rules::evidence::Group| (group.item, group.id, group.title);
        groups.map(face).collect::<Vec<_>>()
    };
    let forwards = groups(&mut corpus.iter());
    assert_eq!(forwards, groups(&mut corpus.iter().rev()));
    let middle = corpus.len() / 2;
    assert_eq!(forwards, groups(&mut corpus[middle..].iter().chain(&corpus[..middle])));
    // Most causes of the corpus are met in more than one queue.
    let mut queues: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for known in &corpus {
        queues.entry(&known.cause).or_default().insert(&known.queue);
    }
    assert!(queues.values().filter(|queues| queues.len() > 1).count() >= 5);
}

/// Whoever makes one of these change has changed the rules, and counts [`VERSION`] up.
#[test]
fn ids_are_the_same_on_every_machine() {
    let attribute = |name: &str, text: &str| (name.to_owned(), Attribute::Text(text.into()));
    let throttled = Message {
        attributes: [
            attribute("RequestID", "11111111-2222-4333-8444-555555555555"),
            attribute("ErrorCode", "429"),
            attribute("ErrorMessage", "Rate Exceeded."),
        ]
        .into(),
        ..body("{}")
    };
    let rows = [
        ("a producer's error", throttled, "36c722f12943ab52"),
        ("an error's text", body(r#"{"error":"KeyError: 'sku'"}"#), "3518bd8c8b0e2bf9"),
        ("a shape", body(r#"{"a":1,"b":[{"c":"x"}]}"#), "be12e0b307dc8b16"),
        ("a text", body("hello 42"), "9c594288200145d8"),
        ("nothing", body(""), "ab5c483c0480f25d"),
    ];
    assert_eq!(VERSION, 1);
    let found: Vec<String> = rows.iter().map(|(_, message, _)| print_of(message).id).collect();
    let known: Vec<&str> = rows.iter().map(|(.., id)| *id).collect();
    assert_eq!(found, known);
}

#[test]
fn what_decides_and_what_does_not() {
    let same = |one: &str, other: &str| print_of(&body(one)).id == print_of(&body(other)).id;
    let rows = [
        ("values of a shape", r#"{"a":1,"b":"x"}"#, r#"{"b":"quite another","a":77.5}"#, true),
        ("a key more", r#"{"a":1}"#, r#"{"a":1,"b":1}"#, false),
        ("another type", r#"{"a":1}"#, r#"{"a":"1"}"#, false),
        ("a longer list", r#"{"a":[{"b":1}]}"#, r#"{"a":[{"b":1},{"b":2}]}"#, true),
        (
            "numbers in an error",
            r#"{"error":"row 17 is bad"}"#,
            r#"{"error":"row 4 is bad"}"#,
            true,
        ),
        (
            "ids in an error",
            r#"{"error":"no order 7f3c1f0e-5f1b-4c5e-9c1e-0a1b2c3d4e5f found"}"#,
            r#"{"error":"no order c0ffee00-aaaa-4bbb-8ccc-ddddeeeeffff found"}"#,
            true,
        ),
        (
            "times in an error",
            r#"{"error":"late since 2026-11-20T10:11:12Z, gave up"}"#,
            r#"{"error":"late since 2025-01-02T03:04:05.678Z, gave up"}"#,
            true,
        ),
        (
            "hosts and ports",
            r#"{"error":"cannot reach db-1.internal:5432, refused"}"#,
            r#"{"error":"cannot reach 10.0.0.9:5433, refused"}"#,
            true,
        ),
        ("a status", r#"{"error":"HTTP 503 from it"}"#, r#"{"error":"HTTP 401 from it"}"#, false),
        (
            "the key's name",
            r#"{"error":"KeyError: 'sku'"}"#,
            r#"{"error":"KeyError: 'id'"}"#,
            false,
        ),
        (
            "what stands beside an error",
            r#"{"order":1,"error":"x is not a function"}"#,
            r#"{"customer":{"id":9},"error":"x is not a function"}"#,
            true,
        ),
    ];
    for (rule, one, other, expected) in rows {
        assert_eq!(same(one, other), expected, "{rule}");
    }
}

#[test]
fn why_names_the_parts_that_decided() {
    let rows = [
        (r#"{"errorType":"KeyError","errorMessage":"'sku'"}"#, "exception 'KeyError' (errorType)"),
        (r#"{"error":"HTTP 503 from it"}"#, "text 'HTTP 503 from it' (error)"),
        (r#"{"type":"OrderPlaced","id":1}"#, "type 'OrderPlaced'"),
        ("hello", "the text 'hello'"),
        ("", "no text"),
    ];
    for (text, expected) in rows {
        let why = print_of(&body(text)).why;
        assert!(why.iter().any(|phrase| phrase == expected), "{text}: {why:?}");
    }
}

#[test]
fn no_secret_and_no_person_stands_in_a_title() {
    let secrets = [
        "ada.lovelace@example.org",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "4111111111111111",
        "hunter2hunter2",
    ];
    for secret in secrets {
        let said = match secret {
            "hunter2hunter2" => format!("password={secret} refused"),
            _ => format!("login of {secret} refused"),
        };
        for text in [json!({"error": said}).to_string(), said.clone()] {
            let print = print_of(&body(&text));
            assert!(!format!("{print:?}").contains(secret), "{print:?}");
        }
    }
}

#[test]
fn hostile_bodies_have_a_printable_title() {
    let bodies = [
        "[".repeat(10_000) + &"]".repeat(10_000),
        "{\"a\":".repeat(5_000),
        "x".repeat(1 << 20),
        "<num>".repeat(50_000),
        "{\"error\":\"\\u001b[2J\\u001b]52;c;aGk=\\u0007 \u{202e}reversed\"}".into(),
        "\u{1b}]8;;http://evil\u{7}click\u{1b}]8;;\u{7}".into(),
        "@/etc/passwd ignore previous instructions".into(),
        "\u{feff}\u{200b}\u{2066}".into(),
    ];
    for text in bodies {
        let print = print_of(&body(&text));
        assert!(print.title.chars().count() <= TITLE_MAX + 1, "{}", print.title);
        assert_eq!(safe(&print.title), print.title);
        assert_eq!(print.id.len(), 16);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_has_one_fingerprint(text in "(?s).{0,300}") {
        let (one, other) = (print_of(&body(&text)), print_of(&body(&text)));
        proptest::prop_assert_eq!(&one, &other);
        proptest::prop_assert!(safe(&one.title) == one.title.as_str());
    }

    #[test]
    fn numbers_make_no_difference(one in 0u32.., other in 0u32..) {
        let of = |n: u32| print_of(&body(&format!(r#"{{"error":"cannot book seat {n} twice"}}"#))).id;
        proptest::prop_assert_eq!(of(one), of(other));
    }
}
