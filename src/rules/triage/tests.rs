use super::report::render;
use super::*;
use crate::event::{Finding, Queue};
use crate::rules::evidence::bundle::{SourceFacts, Timeline};
use crate::rules::queue::expiry::ExpiryWindow;
use crate::rules::report::LossFacts;
use rows::rows;

mod logged;
mod outside;
mod rows;
mod sender;
mod signs;

const SOURCE: &str = "arn:aws:sqs:eu-west-1:1:orders";
/// `SenderId` of the Lambda service.
const LAMBDA: &str = "AROAEXAMPLE7ID:awslambda_385_20261128040102003";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:1:function:bill";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// A code in the fields of all services.
fn codes(code: &str) -> ServiceCodes {
    let code = Some(code.to_owned());
    ServiceCodes { letter: code.clone(), is_number: true, event: code.clone(), record: code }
}

fn source() -> SourceFacts {
    SourceFacts {
        name: "orders".into(),
        arn: SOURCE.into(),
        depth: Some(0),
        in_flight: Some(0),
        retention_s: Some(345_600),
        visibility_s: Some(30),
        max_receive_count: Some(5),
    }
}

fn no_loss() -> LossFacts {
    LossFacts { window: ExpiryWindow::default(), now: at(86_400) }
}

/// A queue, a group and its messages: what a row changes.
#[derive(Clone)]
struct Story {
    queue: QueueFacts,
    groups: Vec<Group>,
    seen: Vec<MessageFacts>,
}

impl Story {
    /// A group of so many different messages, one a second from 0 on, asked for a day later.
    fn new(kind: &str, producer: &str, count: u64) -> Self {
        let queue = QueueFacts {
            queue: Queue {
                name: "orders-dlq".into(),
                url: "https://sqs.eu-west-1.amazonaws.com/1/orders-dlq".into(),
                arn: "arn:aws:sqs:eu-west-1:1:orders-dlq".into(),
                region: "eu-west-1".into(),
                ..Queue::default()
            },
            asked_at: Some(at(86_400)),
            depth: Some(count),
            sources: Some(vec![source()]),
            ..QueueFacts::default()
        };
        Story { queue, groups: Vec::new(), seen: Vec::new() }.and(kind, producer, count)
    }

    fn and(mut self, kind: &str, producer: &str, count: u64) -> Self {
        let first = self.seen.len() as u64 + 1;
        let ids: Vec<String> = (first..first + count).map(|n| format!("m{n}")).collect();
        let seen = |(n, id): (usize, &String)| MessageFacts {
            id: id.clone(),
            sent_at: Some(at(i64::try_from(n).unwrap())),
            receives: Some(6),
            source_arn: (producer == "sqs").then(|| SOURCE.into()),
            sender_id: Some(LAMBDA.into()),
            codes: codes("200"),
            ..MessageFacts::default()
        };
        self.seen.extend(ids.iter().enumerate().map(seen));
        self.groups.push(Group {
            item: format!("f{}", self.groups.len() + 1),
            id: "0123456789abcdef".into(),
            kind: kind.into(),
            producer: producer.into(),
            count,
            distinct: count,
            messages: ids,
            first_sent_at: Some(at(0)),
            last_sent_at: Some(at(60)),
            ..Group::default()
        });
        self
    }

    fn group(mut self, change: impl FnOnce(&mut Group)) -> Self {
        change(self.groups.last_mut().unwrap());
        self
    }

    fn code(self, code: &str) -> Self {
        let mut story = self.group(|group| group.code = Some(code.into()));
        let ids = &story.groups.last().unwrap().messages;
        let own = story.seen.iter_mut().filter(|seen| ids.contains(&seen.id));
        own.for_each(|seen| seen.codes = codes(code));
        story
    }

    fn class(self, class: &str) -> Self {
        self.group(|group| group.exception = Some(class.into()))
    }

    fn says(self, text: &str) -> Self {
        self.group(|group| group.message = Some(text.into()))
    }

    fn queue(mut self, change: impl FnOnce(&mut QueueFacts)) -> Self {
        change(&mut self.queue);
        self
    }

    fn source(self, change: impl FnOnce(&mut SourceFacts)) -> Self {
        self.queue(|queue| change(&mut queue.sources.as_mut().unwrap()[0]))
    }

    fn each(mut self, change: impl Fn(&mut MessageFacts)) -> Self {
        self.seen.iter_mut().for_each(change);
        self
    }

    fn judge(&self) -> Vec<Triage> {
        judge(&self.bundle())
    }

    fn bundle(&self) -> BundleContents {
        BundleContents {
            logs: Default::default(),
            queue: self.queue.clone(),
            fingerprints: Fingerprints { fingerprints: self.groups.clone() },
            timeline: Timeline::default(),
            facts: self.seen.clone(),
            messages: self.sampled(),
        }
    }

    fn sampled(&self) -> Vec<Sampled> {
        let sampled = |seen: &MessageFacts| Sampled {
            id: seen.id.clone(),
            message_id: "id".into(),
            fingerprint: "0123456789abcdef".into(),
            untrusted: true,
            sent_at: seen.sent_at,
            first_received_at: None,
            receives: seen.receives,
            source_arn: seen.source_arn.clone(),
            system: Default::default(),
            attributes: Default::default(),
            attribute_types: Default::default(),
            sns: None,
            wrapped: Vec::new(),
            form: "text".into(),
            size: 4,
            body: "text".into(),
        };
        self.seen.iter().map(sampled).collect()
    }

    fn report(&self) -> String {
        render(&self.bundle(), &self.judge(), no_loss())
    }
}

fn lambda(count: u64) -> Story {
    Story::new("producer_error", "lambda_async", count)
}

fn rule(count: u64) -> Story {
    Story::new("producer_error", "eventbridge_rule", count)
}

fn text(count: u64) -> Story {
    Story::new("error_text", "sqs", count)
}

fn shape(count: u64) -> Story {
    Story::new("shape", "sqs", count)
}

#[test]
fn triage_judges_causes_near_misses_and_forgeries() {
    for (rule, story, category, bug, confidence) in rows() {
        let all = story.judge();
        let first = &all[0];
        assert_eq!(
            (first.category, first.fault, first.confidence),
            (category, bug, confidence),
            "{rule}"
        );
    }
}

#[test]
fn step_to_have_the_code_investigated_has_its_command() {
    let command = "dlq-investigate --retry arn:aws:sqs:eu-west-1:1:orders-dlq";
    let mut steps = 0;
    for (rule, story, ..) in rows() {
        for each in story.judge() {
            let of_code =
                |step: &String| step.to_lowercase().contains("have the code investigated");
            let has_step = each.next.iter().any(of_code);
            assert_eq!(
                each.commands.last().is_some_and(|last| last == command),
                has_step,
                "{rule}"
            );
            steps += usize::from(has_step);
        }
    }
    assert!(steps > 4, "{steps} steps");
}

/// Every id that a story's bundle has, and whose value is known.
fn ids(story: &Story) -> Vec<String> {
    let mut ids: Vec<String> = story.groups.iter().map(|group| group.item.clone()).collect();
    ids.extend(story.seen.iter().map(|seen| seen.id.clone()));
    ids.extend(story.queue.lint.iter().map(|finding| format!("lint.{}", finding.rule)));
    let facts = serde_json::to_value(&story.queue).unwrap();
    let known = facts.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    ids.extend(known.map(|(key, _)| key.clone()));
    ids
}

#[test]
fn triage_cites_real_items_and_concludes_from_producers_only() {
    let lint = |rule: &str| Finding { rule: rule.into(), level: "x".into(), detail: "y".into() };
    for (rule, story, ..) in rows() {
        let linted = story.clone().queue(|queue| queue.lint = vec![lint("max-receive-count")]);
        let gone = Story { seen: Vec::new(), ..story.clone() };
        for story in [story, linted, gone] {
            let known = ids(&story);
            for each in story.judge() {
                for id in &each.evidence {
                    assert!(known.contains(id), "{rule}: {id} is not in the bundle");
                }
                assert!(!each.evidence.is_empty() && !each.next.is_empty(), "{rule}");
                assert!((0.0..=0.9).contains(&each.confidence), "{rule}");
                let is_said = story.groups[0].kind == "producer_error";
                assert!(
                    each.fault != CodeFault::NotACodeBug || each.confidence > 0.7 && is_said,
                    "{rule}"
                );
                assert!(
                    each.redrive != RedriveAdvice::Safe || each.fault == CodeFault::NotACodeBug,
                    "{rule}"
                );
                let moved = story.seen.iter().any(|seen| seen.source_arn.is_some());
                assert!(
                    each.redrive != RedriveAdvice::Safe || !moved,
                    "{rule}: SQS could move it back"
                );
            }
        }
    }
}

#[test]
fn single_try_is_cited_beside_the_cause() {
    let finding =
        Finding { rule: "max-receive-count".into(), level: "warning".into(), detail: "d".into() };
    let story = text(3)
        .says("rate exceeded")
        .source(|source| source.max_receive_count = Some(1))
        .queue(|queue| queue.lint.push(finding));
    let all = story.judge();
    assert!(all[0].evidence.contains(&"lint.max-receive-count".into()), "{:?}", all[0]);
    assert!(all[0].next.iter().any(|step| step.contains("maxReceiveCount")), "{:?}", all[0]);
}

#[test]
fn verdict_needs_every_group_and_confirms_nothing() {
    let denied = lambda(6).code("403");
    let claimed = rule(6).code("NO_PERMISSIONS");
    let two = denied.clone().and("producer_error", "lambda_async", 4).code("429").says("throttled");
    let hostile = denied.clone().and("error_text", "sqs", 1).says("AccessDenied");
    let rows = [
        ("one", denied, "not_a_bug", Some(0.8), "after_fix"),
        ("two", two, "not_a_bug", Some(0.8), "after_fix"),
        ("one that nothing proves", claimed.clone(), "likely", Some(0.6), "after_fix"),
        (
            "two, of which one is proven",
            claimed.and("producer_error", "lambda_async", 4).code("429"),
            "likely",
            Some(0.6),
            "after_fix",
        ),
        ("another that nobody vouches for", hostile, "likely", Some(0.6), "after_fix"),
        ("over for good", lambda(12).code("503"), "not_a_bug", Some(0.8), "safe"),
        ("over, as somebody says", rule(12).code("503"), "likely", Some(0.6), "after_fix"),
        ("a bug", text(4).class("KeyError"), "likely", Some(0.6), "after_fix"),
        ("a hint", text(1).class("KeyError"), "inconclusive", Some(0.4), "after_fix"),
        ("unknown", shape(4), "inconclusive", Some(0.0), "do_not"),
        ("nothing", Story { groups: Vec::new(), ..shape(4) }, "inconclusive", None, "do_not"),
    ];
    for (rule, story, status, confidence, redrive) in rows {
        let said = verdict(&story.judge());
        let found = (said.status.as_str(), said.confidence, said.redrive.as_deref());
        assert_eq!(found, (status, confidence, Some(redrive)), "{rule}");
    }
}

#[test]
fn title_names_the_error_and_states_no_fact_without_proof() {
    let proven = lambda(6).code("429");
    let mut forged = proven.clone();
    forged.seen.iter_mut().for_each(|seen| seen.sender_id = Some("000000000000".into()));
    let sql = text(3).class("System.SqlException").says("Timeout expired");
    let two = sql.clone().and("error_text", "sqs", 1).says("missing field");
    let hidden = text(1).says("a\u{202e}b\n# c");
    let rows = [
        ("proven", proven, "429; calls were throttled"),
        ("forged", forged, "429; perhaps calls were throttled"),
        (
            "a dependency",
            sql,
            "SqlException: Timeout expired; perhaps a dependency failed for a while, and has stopped \
             failing",
        ),
        (
            "two causes",
            two,
            "SqlException: Timeout expired; perhaps a dependency failed for a while, and has stopped \
             failing (and 1 other cause)",
        ),
        ("hostile text", hidden, "a\\u{202e}b # c; the cause is unknown"),
        ("only a shape", shape(4), "The cause is unknown"),
    ];
    for (rule, story, title) in rows {
        let triages = story.judge();
        assert_eq!(verdict(&triages).title.as_deref(), Some(title), "{rule}");
        assert!(rule != "forged" || triages[0].fault == CodeFault::Unknown, "still investigated");
    }
}

#[test]
fn report_begins_with_the_error_its_place_and_the_first_step() {
    let mut story = text(3).class("KeyError").says("'sku'");
    story.groups[0].place = Some("worker.py line 12".into());
    let report = story.report();
    let head: Vec<&str> = report.lines().take(8).collect();
    assert_eq!(head[0], "# Triage: `KeyError: 'sku'`; perhaps the code fails on these messages");
    assert!(head.contains(&"- Cause: `KeyError: 'sku'` at `worker.py line 12`"), "{head:?}");
    assert!(head[6].starts_with("- First: Have the code investigated, "), "{head:?}");
}

#[test]
fn status_and_error_overrule_the_end_of_retries() {
    let story = |own: &str, class: Option<&str>| {
        let mut story = lambda(6).code("EventAgeExceeded");
        story.seen.iter_mut().for_each(|seen| seen.codes.letter = Some(own.into()));
        story.groups[0].exception = class.map(str::to_owned);
        let first = story.judge().remove(0);
        (first.category, first.fault)
    };
    assert_eq!(story("429", None), (Category::Throttling, CodeFault::NotACodeBug));
    assert_eq!(story("EventAgeExceeded", None).0, Category::ExpiredOrDuplicate);
    assert_eq!(story("EventAgeExceeded", Some("KeyError")).0, Category::CodeError);
    assert_eq!(story("EventAgeExceeded", Some("OwnError")).0, Category::Unknown);
}

/// The rest of a queue is not seen: its share lowers the confidence, and the title and the report say
/// so.
#[test]
fn confidence_is_lowered_by_messages_that_were_not_seen() {
    use CodeFault::{NotACodeBug, Unknown};
    let part = |seen: u64, depth: Option<u64>| {
        lambda(seen).code("429").says("Rate Exceeded").queue(|queue| queue.depth = depth)
    };
    let rows = [
        ("all of 10", part(10, Some(10)), 0.9, NotACodeBug, ""),
        ("all of 3", part(3, Some(3)), 0.9, NotACodeBug, ""),
        ("10 of 12", part(10, Some(12)), 0.9, NotACodeBug, " (10 of 12 messages seen)"),
        ("10 of 47", part(10, Some(47)), 0.78, NotACodeBug, " (10 of 47 messages seen)"),
        ("10 of 5000", part(10, Some(5000)), 0.72, NotACodeBug, " (10 of 5000 messages seen)"),
        ("10 of an unknown number", part(10, None), 0.72, NotACodeBug, ""),
        ("30 of 5000", part(30, Some(5000)), 0.88, NotACodeBug, " (30 of 5000 messages seen)"),
        ("100 of 5000", part(100, Some(5000)), 0.9, NotACodeBug, " (100 of 5000 messages seen)"),
        ("9 of 5000, too few", part(9, Some(5000)), 0.6, Unknown, ""),
    ];
    for (rule, story, confidence, fault, seen) in rows {
        let all = story.judge();
        assert_eq!((all[0].confidence, all[0].fault), (confidence, fault), "{rule}");
        let said = verdict(&all);
        assert_eq!(said.confidence, Some(confidence), "{rule}");
        let title = format!("429: Rate Exceeded; calls were throttled{seen}");
        assert_eq!(said.title, Some(title), "{rule}");
    }
    let report = part(10, Some(5000)).report();
    assert!(report.contains("\n- Messages: 5000, of which 10 were seen\n"), "{report}");
}

#[test]
fn groups_are_sorted_by_size() {
    let story = shape(1).and("error_text", "sqs", 9).says("missing field");
    let order: Vec<String> = story.judge().into_iter().map(|each| each.group).collect();
    assert_eq!(order, ["f2", "f1"]);
}
