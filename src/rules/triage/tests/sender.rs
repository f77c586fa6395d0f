//! Senders: whatever attributes, types, bodies and senders messages have, 'not a code bug' follows
//! only from fields of a service that SQS names as the sender.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

use super::*;
use crate::rules::evidence::decode::decode;
use crate::rules::evidence::fingerprint::{self, Grouper};
use crate::rules::evidence::message::{Attribute, Message};
use crate::rules::evidence::redact::Redactor;
use crate::rules::evidence::sample::sampled_message;

/// Samples that the property is checked on.
const ROUNDS: usize = 2048;
/// Texts with the signs of causes that are not in the code.
const CODES: [&str; 13] = [
    "429",
    "403",
    "503",
    "200",
    "AccessDenied",
    "THROTTLING",
    "NO_PERMISSIONS",
    "NO_RESOURCE",
    "ResourceNotFoundException",
    "KMS.AccessDeniedException",
    "AWS.SimpleQueueService.NonExistentQueue",
    r#"{"errorType":"Denied","code":"403","errorMessage":"access denied"}"#,
    "Rate exceeded: access denied, the target does not exist",
];
const NAMES: [&str; 9] = [
    "RequestID",
    "ErrorCode",
    "ErrorMessage",
    "RULE_ARN",
    "TARGET_ARN",
    "SCHEDULE_ARN",
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "EXHAUSTED_RETRY_CONDITION",
];
const SENDERS: [&str; 7] = [
    LAMBDA,
    "AROAEXAMPLE7ID:awslambda_x",
    "AROAEXAMPLE7ID:awslambda_385_2026112804010200",
    "AIDAEXAMPLE7ID:awslambda_385_20261128040102003",
    "AROAEXAMPLE7ID:mailer",
    "000000000000",
    "events.amazonaws.com",
];

fn bodies(code: &str) -> Vec<Value> {
    let record = |more: Value| {
        let mut record = json!({
            "version": "1.0",
            "requestContext": {"functionArn": FUNCTION, "condition": "RetriesExhausted"},
            "requestPayload": {"order": 7},
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    let status = code.parse::<u64>().unwrap_or(200);
    vec![
        json!({"order": 7}),
        json!({"error": code, "message": code, "code": code}),
        record(json!({"responseContext": {"statusCode": status}, "responsePayload": null})),
        record(json!({"responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": code, "errorMessage": code, "code": code}})),
        json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:orders",
            "Message": json!({"error": code}).to_string()}),
    ]
}

fn pick<const N: usize>(all: [&'static str; N]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(all.to_vec())
}

prop_compose! {
    fn a_message()(
        attributes in prop::collection::btree_map(pick(NAMES), (pick(CODES), pick(["Number", "String", "Number.int"])), 0..6),
        letter in any::<bool>(),
        code in pick(CODES),
        body in 0..5_usize,
        sender in prop::option::weighted(0.9, prop_oneof![Just(LAMBDA), pick(SENDERS)]),
        is_moved in prop::bool::weighted(0.1),
    ) -> Message {
        let mut message = Message { id: "m".into(), body: bodies(code)[body].to_string(), ..Message::default() };
        let mut add = |name: &str, text: &str, kind: &str| {
            message.attributes.insert(name.into(), Attribute::Text(text.into()));
            message.attribute_types.insert(name.into(), kind.into());
        };
        if letter {
            add("RequestID", "r", "String");
            add("ErrorCode", code, "Number");
        }
        for (name, (text, kind)) in attributes {
            add(name, text, kind);
        }
        message.system.extend(sender.map(|sender| ("SenderId".into(), sender.into())));
        if is_moved {
            message.system.insert("DeadLetterQueueSourceArn".into(), SOURCE.into());
        }
        message.system.insert("SentTimestamp".into(), "1000".into());
        message
    }
}

/// Files messages as `dlq-peek` does, reads them again and judges them.
fn judged(messages: &[Message]) -> Vec<Triage> {
    let redactor = Redactor::new::<&str>(&[], &[]).unwrap();
    let (mut grouper, mut sampled) = (Grouper::default(), Vec::new());
    for (n, message) in (1..).zip(messages) {
        let decoded = decode(message);
        let print = fingerprint::compute(&decoded);
        let (id, content) = (format!("m{n}"), decoded.content.digest());
        let line = sampled_message(&id, message, decoded, &print.id, Some(&redactor));
        let line: Sampled = serde_json::from_str(&serde_json::to_string(&line).unwrap()).unwrap();
        grouper.add(&id, line.sent_at, content, print);
        sampled.push(line);
    }
    let story = shape(1);
    judge(&BundleContents {
        logs: Default::default(),
        queue: QueueFacts { depth: Some(messages.len() as u64), ..story.queue },
        fingerprints: grouper.finish(),
        timeline: Timeline::default(),
        facts: sampled.iter().map(MessageFacts::from_sample).collect(),
        messages: sampled,
    })
}

/// Whether Lambda itself says that the function did not fail, by the rule as AWS's fields define it
/// and independent of the code under test.
fn is_of_lambda(message: &Message) -> bool {
    let form = regex_lite::Regex::new("^AROA[A-Z0-9]+:awslambda_[0-9]+_[0-9]{17}$").unwrap();
    let sender = message.system.get("SenderId").is_some_and(|sender| form.is_match(sender));
    let is_moved = message.system.contains_key("DeadLetterQueueSourceArn");
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let code = message.attributes.get("ErrorCode").and_then(Attribute::text);
    let is_letter = message.attribute_types.get("ErrorCode").is_some_and(|kind| kind == "Number");
    let status = body.pointer("/responseContext/statusCode").and_then(Value::as_u64);
    let states_fault = match code {
        Some(code) => is_letter && code != "200",
        None => status.is_some_and(|status| status != 200),
    };
    sender && !is_moved && states_fault
}

#[test]
fn bug_is_excluded_by_proven_senders_only() {
    let mut concluded = 0;
    let mut runner = proptest::test_runner::TestRunner::default();
    let strategy = prop::collection::vec(a_message(), 1..4);
    let check = |messages: Vec<Message>, concluded: &mut u32| {
        let all = judged(&messages);
        for each in all.iter().filter(|each| each.fault == CodeFault::NotACodeBug) {
            *concluded += 1;
            let cited = each.evidence.iter().filter_map(|id| id.strip_prefix('m'));
            for at in cited.map(|at| at.parse::<usize>().unwrap() - 1) {
                assert!(is_of_lambda(&messages[at]), "{each:?} from {:?}", messages[at]);
            }
        }
        let verdict = verdict(&all);
        assert!(verdict.status != "not_a_bug" || messages.iter().all(is_of_lambda), "{verdict:?}");
    };
    for _ in 0..ROUNDS {
        let messages = strategy.new_tree(&mut runner).unwrap().current();
        check(messages, &mut concluded);
    }
    assert!(concluded > 20, "the property is not empty: {concluded} of {ROUNDS}");
}

#[test]
fn fields_of_other_services_wait_for_a_person() {
    let message = |attributes: &[(&str, &str)], body: usize| Message {
        id: "m".into(),
        body: bodies("403")[body].to_string(),
        attributes: attributes
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Attribute::Text((*text).to_owned())))
            .collect(),
        system: [("SenderId".to_owned(), LAMBDA.to_owned())].into(),
        ..Message::default()
    };
    let sns =
        [("RequestID", "r"), ("ErrorCode", "KMS.AccessDeniedException"), ("ErrorMessage", "no")];
    let rows = [
        ("a rule", message(&[("RULE_ARN", "r"), ("ERROR_CODE", "NO_PERMISSIONS")], 0)),
        ("a schedule", message(&[("SCHEDULE_ARN", "s"), ("ERROR_CODE", "NO_PERMISSIONS")], 0)),
        ("a subscription", message(&sns, 4)),
        ("a subscription without an envelope", message(&sns, 0)),
    ];
    for (rule, message) in rows {
        let all = judged(&[message.clone(), message]);
        assert_eq!((all[0].fault, all[0].confidence), (CodeFault::Unconfirmed, 0.6), "{rule}");
        assert_eq!(verdict(&all).status, "likely", "{rule}");
        assert!(all[0].title.ends_with("; a person has to confirm it"), "{rule}: {}", all[0].title);
    }
}

#[test]
fn letters_of_sns_have_commands_of_sns() {
    let topic = "arn:aws:sns:us-east-1:111122223333:orders";
    let envelope = json!({"Type": "Notification", "TopicArn": topic, "Message": "{\"id\":7}",
        "UnsubscribeURL": format!("https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&\
            SubscriptionArn={topic}:59c3fe8a-600a-47d0-bd16-934b516855b8")});
    let message = |body: &Value| {
        let text = |text: &str| Attribute::Text(text.into());
        let attributes = [
            ("RequestID".to_owned(), text("410762bc-4eaf-42f3-99de-1f731ee6e7d3")),
            ("ErrorCode".to_owned(), text("AWS.SimpleQueueService.NonExistentQueue")),
        ];
        Message { body: body.to_string(), attributes: attributes.into(), ..Message::default() }
    };
    let commands = |body: &Value| judged(&[message(body)])[0].commands.join("\n");
    let said = commands(&envelope);
    for part in [
        format!("aws sns get-subscription-attributes --subscription-arn={topic}:59c3fe8a-"),
        format!("aws sns list-subscriptions-by-topic --topic-arn={topic} --region"),
        format!("aws sns get-topic-attributes --topic-arn={topic} --region"),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(!said.contains("aws lambda"), "{said}");
    let mut hostile = envelope.clone();
    hostile["TopicArn"] = json!("arn:aws:sns:us-east-1:1:$(id)");
    let said = commands(&hostile);
    assert!(said.contains("aws sns list-subscriptions --region") && !said.contains("$("), "{said}");
    assert!(commands(&json!({"id": 7})).contains("aws sns list-subscriptions --region"));
}
