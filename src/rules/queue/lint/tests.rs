//! A graph for each rule, and a graph without findings.

use super::*;
use crate::rules::queue::reading::{Counts, ReadError};
use crate::rules::queue::redrive_graph::{ListedQueue, ScopeSurvey};
use crate::time::Timestamp;

const DAY: u64 = 86_400;
const HERE: &str = "arn:aws:sqs:eu-west-1:123456789012";

fn seen(name: &str, attributes: Result<Attributes, ReadError>) -> ListedQueue {
    ListedQueue {
        url: format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"),
        attributes: Some(attributes),
    }
}

/// `name`, its retention in days, and where its dead letters go after how many receives.
fn queue(name: &str, days: u64, redrive: Option<(&str, u64)>) -> ListedQueue {
    let redrive = redrive.map(|(target, count)| Redrive {
        target: if target.starts_with("arn:") { target.into() } else { format!("{HERE}:{target}") },
        max_receive_count: Some(count),
    });
    seen(
        name,
        Ok(Attributes {
            arn: format!("{HERE}:{name}"),
            counts: Counts::default(),
            retention_s: Some(days * DAY),
            visibility_s: Some(60),
            redrive,
        }),
    )
}

fn scope(queues: Vec<ListedQueue>) -> ScopeSurvey {
    let (region, account) = ("eu-west-1".into(), String::new());
    ScopeSurvey { scope: 0, region, account, queues: Ok(queues) }
}

fn linted(queues: Vec<ListedQueue>) -> Vec<QueueLinted> {
    lint(&Survey { at: Timestamp::from_millis(0), scopes: vec![scope(queues)] }, None)
}

fn findings(queues: Vec<ListedQueue>) -> Vec<String> {
    let one = |linted: &QueueLinted| {
        let name = linted.queue.name.clone();
        let each = linted.findings.iter();
        each.map(move |f| format!("{name}: {} {}", f.level, f.rule)).collect::<Vec<_>>()
    };
    linted(queues).iter().flat_map(one).collect()
}

#[test]
fn lint_finds_settings_that_lose_messages() {
    let slow = |seconds| {
        let mut source = queue("a", 4, Some(("a-dlq", 5)));
        if let Some(Ok(attributes)) = &mut source.attributes {
            attributes.visibility_s = seconds;
        }
        vec![source, queue("a-dlq", 14, None)]
    };
    let to_dlq = |count| Some(("a-dlq", count));
    let dlq = || queue("a-dlq", 14, None);
    let cases: [(&str, Vec<ListedQueue>, &[&str]); 22] = [
        ("nothing is wrong", vec![queue("a", 4, to_dlq(5)), dlq()], &[]),
        (
            "shorter",
            vec![queue("a", 4, to_dlq(5)), queue("a-dlq", 1, None)],
            &["a-dlq: error retention-not-longer"],
        ),
        (
            "the same",
            vec![queue("a", 4, to_dlq(5)), queue("a-dlq", 4, None)],
            &["a-dlq: warning retention-not-longer"],
        ),
        (
            "shorter than one of two",
            vec![queue("a", 4, to_dlq(5)), queue("b", 14, to_dlq(5)), queue("a-dlq", 7, None)],
            &["a-dlq: error retention-not-longer"],
        ),
        (
            "the clock of FIFO starts anew",
            vec![queue("a.fifo", 4, Some(("a-dlq.fifo", 5))), queue("a-dlq.fifo", 1, None)],
            &[],
        ),
        (
            "a DLQ with a DLQ",
            vec![
                queue("a", 4, to_dlq(5)),
                queue("a-dlq", 7, Some(("b-dlq", 9))),
                queue("b-dlq", 14, None),
            ],
            &["a-dlq: warning chained"],
        ),
        (
            "named like a DLQ, with a DLQ",
            vec![queue("a-dlq", 7, Some(("b", 9))), queue("b", 14, None)],
            &["a-dlq: advice orphan", "a-dlq: warning chained"],
        ),
        ("no source", vec![dlq()], &["a-dlq: advice orphan"]),
        ("a source may be hidden", vec![dlq(), seen("b", Err(ReadError::Denied))], &[]),
        (
            "a target that is not there",
            vec![queue("a", 4, Some(("gone", 5)))],
            &["a: error dangling-target"],
        ),
        (
            "a target elsewhere",
            vec![queue("a", 4, Some(("arn:aws:sqs:us-east-1:123456789012:a-dlq", 5)))],
            &["a: error dangling-target"],
        ),
        (
            "a target that is listed and cannot be read",
            vec![queue("a", 4, to_dlq(5)), seen("a-dlq", Err(ReadError::Denied))],
            &[],
        ),
        ("one receive", vec![queue("a", 4, to_dlq(1)), dlq()], &["a: warning max-receive-count"]),
        ("two", vec![queue("a", 4, to_dlq(2)), dlq()], &["a: advice max-receive-count"]),
        ("four", vec![queue("a", 4, to_dlq(4)), dlq()], &["a: advice max-receive-count"]),
        ("a thousand", vec![queue("a", 4, to_dlq(1000)), dlq()], &[]),
        (
            "FIFO to standard",
            vec![queue("a.fifo", 4, to_dlq(5)), dlq()],
            &["a.fifo: error type-mismatch"],
        ),
        (
            "standard to FIFO",
            vec![queue("a", 4, Some(("a-dlq.fifo", 5))), queue("a-dlq.fifo", 14, None)],
            &["a: error type-mismatch"],
        ),
        ("the default visibility", slow(Some(30)), &["a: advice visibility-timeout"]),
        ("a bit more", slow(Some(31)), &[]),
        ("the visibility timeout is unknown", slow(None), &[]),
        ("a plain queue", vec![queue("a", 1, None)], &[]),
    ];
    for (what, queues, expected) in cases {
        assert_eq!(findings(queues), expected, "{what}");
    }
}

#[test]
fn retention_finding_names_source_and_both_retentions() {
    let survey = Survey {
        at: Timestamp::from_millis(0),
        scopes: vec![ScopeSurvey {
            scope: 0,
            region: "eu-west-1".into(),
            account: "prod".into(),
            queues: Ok(vec![queue("a", 4, Some(("a-dlq", 5))), queue("a-dlq", 1, None)]),
        }],
    };
    let linted = lint(&survey, None);
    assert_eq!(linted[0].queue.account, "prod");
    let detail = &linted[0].findings[0].detail;
    assert!(
        detail.starts_with("it keeps messages 1d, less than its source 'a' (4d); "),
        "{detail}"
    );
}

#[test]
fn unlisted_scope_has_no_findings() {
    let survey = Survey {
        at: Timestamp::from_millis(0),
        scopes: vec![ScopeSurvey {
            scope: 0,
            region: "eu-west-1".into(),
            account: String::new(),
            queues: Err(ReadError::Denied),
        }],
    };
    assert_eq!(lint(&survey, None), []);
}

#[test]
fn finding_names_the_queue_that_messages_go_to() {
    let gone = "arn:aws:sqs:us-east-1:123456789012:gone";
    let cases = [
        (
            vec![queue("a", 4, Some(("gone", 5)))],
            "it sends dead letters to 'gone', which does not exist: they will not arrive",
        ),
        (
            vec![queue("a", 4, Some((gone, 5)))],
            "it sends dead letters to 'gone', which is in another account or region, where SQS does not \
             deliver: they will not arrive",
        ),
        (
            vec![queue("a.fifo", 4, Some(("b", 5))), queue("b", 14, None)],
            "it is a FIFO queue and its dead-letter queue 'b' is a standard queue: they have to be of one kind",
        ),
        (
            vec![queue("a", 4, Some(("b.fifo", 5))), queue("b.fifo", 14, None)],
            "it is a standard queue and its dead-letter queue 'b.fifo' is a FIFO queue: they have to be of \
             one kind",
        ),
    ];
    for (queues, expected) in cases {
        assert_eq!(linted(queues)[0].findings[0].detail, expected);
    }
}

#[test]
fn orphans_are_undecided_while_a_source_may_be_hidden() {
    let (orders, dlq) = (|| queue("a", 4, Some(("a-dlq", 5))), |name| queue(name, 14, None));
    let hidden = || seen("b", Err(ReadError::Denied));
    let cases: [(&str, Vec<ListedQueue>, &[&str]); 4] = [
        ("all is read", vec![dlq("a-dlq")], &[]),
        ("a queue is unread", vec![dlq("a-dlq"), dlq("c-dlq"), hidden()], &["a-dlq", "c-dlq"]),
        ("a source is known", vec![orders(), dlq("a-dlq"), dlq("c-dlq"), hidden()], &["c-dlq"]),
        ("not named like a dead-letter queue", vec![dlq("plain"), hidden()], &[]),
    ];
    for (rule, queues, expected) in cases {
        assert_eq!(undecided_orphans(&scope(queues), None), expected, "{rule}");
    }
}
