//! Graphs drawn by hand, and what is found in them.

use super::*;
use crate::rules::queue::reading::{Counts, Redrive};

const REGION: &str = "sa-east-1";
const AT: Timestamp = Timestamp::from_millis(1_000);

fn url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/123456789012/{name}")
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:123456789012:{name}")
}

fn attributes(name: &str, retention_s: u64, target: Option<&str>) -> Attributes {
    Attributes {
        arn: arn(name),
        counts: Counts::default(),
        retention_s: Some(retention_s),
        visibility_s: Some(30),
        redrive: target.map(|target| Redrive { target: arn(target), max_receive_count: Some(5) }),
    }
}

/// A queue that could be read.
fn read(name: &str, retention_s: u64, target: Option<&str>) -> ListedQueue {
    ListedQueue { url: url(name), attributes: Some(Ok(attributes(name, retention_s, target))) }
}

fn missed(name: &str, miss: ReadError) -> ListedQueue {
    ListedQueue { url: url(name), attributes: Some(Err(miss)) }
}

fn listed(name: &str) -> ListedQueue {
    ListedQueue { url: url(name), attributes: None }
}

fn scope(queues: Vec<ListedQueue>) -> ScopeSurvey {
    ScopeSurvey { scope: 0, region: REGION.into(), account: "prod".into(), queues: Ok(queues) }
}

fn survey(queues: Vec<ListedQueue>) -> Survey {
    Survey { at: AT, scopes: vec![scope(queues)] }
}

fn names(found: &[DeadLetterQueue]) -> Vec<(&str, FoundBy)> {
    found.iter().map(|known| (known.queue.name.as_str(), known.found_by)).collect()
}

#[test]
fn dlqs_are_found_by_redrive_policy_and_by_name() {
    let survey = survey(vec![
        read("orders", 345_600, Some("orders-dlq")),
        read("orders-dlq", 1_209_600, None),
        read("billing", 60, Some("morgue")),
        read("refunds", 3600, Some("morgue")),
        read("morgue", 1_209_600, None),
        read("old-dlq", 1_209_600, None),
        read("plain", 60, Some("not-there")),
    ]);
    let both = find(&survey, Discover::Both, None);
    assert_eq!(
        names(&both),
        [("morgue", FoundBy::Redrive), ("old-dlq", FoundBy::Name), ("orders-dlq", FoundBy::Both)]
    );
    assert_eq!(both[0].queue.sources, ["billing", "refunds"]);
    assert_eq!(both[0].source_retention_s, Some(3600), "the longest");
    assert_eq!(both[1].source_retention_s, Some(0), "no source");
    assert_eq!(
        both[2].queue,
        Queue {
            name: "orders-dlq".into(),
            url: url("orders-dlq"),
            arn: arn("orders-dlq"),
            region: REGION.into(),
            account: "prod".into(),
            sources: vec!["orders".into()],
            ..Queue::default()
        }
    );
    assert_eq!(both[2].found_at, AT);

    let redrive = find(&survey, Discover::Redrive, None);
    assert_eq!(names(&redrive), [("morgue", FoundBy::Redrive), ("orders-dlq", FoundBy::Redrive)]);
    let patterns = GlobList::any(&["morg*"]).unwrap();
    let name = find(&survey, Discover::Name, Some(&patterns));
    assert_eq!(names(&name), [("morgue", FoundBy::Name)]);
}

#[test]
fn names_alone_need_no_attributes() {
    let reads = [Discover::Both, Discover::Redrive, Discover::Name].map(Discover::reads_attributes);
    assert_eq!(reads, [true, true, false]);
}

#[test]
fn unseen_sources_are_unknown() {
    let cases = [
        ("a source was denied", missed("orders", ReadError::Denied), None),
        ("a queue is gone", missed("orders", ReadError::Missing), None),
        ("nobody was asked", listed("orders"), None),
        ("a source", read("orders", 60, Some("x-dlq")), Some(60)),
        ("no source", read("orders", 60, None), Some(0)),
    ];
    for (what, other, expected) in cases {
        let survey = survey(vec![other.clone(), read("x-dlq", 60, None)]);
        let found = find(&survey, Discover::Both, None);
        assert_eq!(found[0].source_retention_s, expected, "{what}");
        // The clock of a FIFO message starts anew in its DLQ, whatever its sources are.
        let fifo = self::survey(vec![other, listed("x-dlq.fifo")]);
        let found = find(&fifo, Discover::Both, None);
        assert_eq!((found[0].queue.fifo, found[0].source_retention_s), (true, Some(0)), "{what}");
    }
    let mut silent = read("orders", 0, Some("x-dlq"));
    if let Some(Ok(attributes)) = &mut silent.attributes {
        attributes.retention_s = None;
    }
    let found = find(&survey(vec![silent, read("x-dlq", 60, None)]), Discover::Both, None);
    assert_eq!(found[0].source_retention_s, None, "a source does not show it");
}

/// Who names `morgue` after a survey, when `billing` and `refunds` did before.
#[test]
fn unread_source_keeps_the_dlq_that_it_had() {
    let (denied, read) = (|name| missed(name, ReadError::Denied), read);
    let other = |name| read(name, 60, Some("other-dlq"));
    let cases = [
        (
            "both are read",
            vec![read("billing", 60, Some("morgue")), read("refunds", 60, None)],
            vec!["billing"],
        ),
        ("one is unread", vec![denied("billing"), read("refunds", 60, None)], vec!["billing"]),
        (
            "throttled",
            vec![missed("billing", ReadError::Throttled), other("refunds")],
            vec!["billing"],
        ),
        (
            "lost access",
            vec![missed("billing", ReadError::Missing), other("refunds")],
            vec!["billing"],
        ),
        (
            "silent",
            vec![denied("refunds"), missed("billing", ReadError::TimedOut)],
            vec!["billing", "refunds"],
        ),
        ("both name another one", vec![other("billing"), other("refunds")], vec![]),
        ("both are gone", vec![read("orders", 60, None)], vec![]),
        (
            "unread, and never a source",
            vec![denied("orders"), other("billing"), other("refunds")],
            vec![],
        ),
    ];
    let whole = scope(vec![
        read("billing", 60, Some("morgue")),
        read("refunds", 60, Some("morgue")),
        read("morgue", 60, None),
    ]);
    let known = find_in(&whole, &[], AT, Discover::Both, None);
    assert_eq!(names(&known), [("morgue", FoundBy::Redrive)]);
    for (rule, mut queues, sources) in cases {
        queues.push(read("morgue", 60, None));
        let found = find_in(&scope(queues), &known, AT, Discover::Both, None);
        let named: Vec<&str> = found
            .iter()
            .filter(|known| known.queue.name == "morgue")
            .flat_map(|known| known.queue.sources.iter().map(String::as_str))
            .collect();
        assert_eq!(named, sources, "{rule}");
    }
    // The DLQ itself is unread, and its server makes other ARNs than its URLs say.
    let mut odd = known.clone();
    odd[0].queue.arn = "arn:aws:sqs:elsewhere:1:morgue".into();
    let unread = scope(vec![denied("billing"), denied("morgue")]);
    let found = find_in(&unread, &odd, AT, Discover::Both, None);
    assert_eq!((found.len(), &found[0].queue.arn), (1, &odd[0].queue.arn));
    assert_eq!(found[0].source_retention_s, None, "an unread source is unknown");
}

#[test]
fn unlisted_scope_has_no_dlqs() {
    let mut survey = survey(vec![listed("x-dlq")]);
    survey.scopes.push(ScopeSurvey { queues: Err(ReadError::Denied), ..scope(vec![]) });
    assert_eq!(find(&survey, Discover::Both, None).len(), 1);
}

#[test]
fn queue_in_two_scopes_is_one_same_name_elsewhere_another() {
    let elsewhere = ScopeSurvey {
        scope: 2,
        region: "eu-west-1".into(),
        account: String::new(),
        queues: Ok(vec![ListedQueue {
            url: "https://sqs.eu-west-1.amazonaws.com/210987654321/x-dlq".into(),
            attributes: None,
        }]),
    };
    let survey = Survey {
        at: AT,
        scopes: vec![scope(vec![listed("x-dlq")]), scope(vec![listed("x-dlq")]), elsewhere],
    };
    let found = find(&survey, Discover::Both, None);
    let seen: Vec<_> = found.iter().map(|k| (k.scope, k.queue.account.as_str())).collect();
    assert_eq!(seen, [(0, "prod"), (2, "210987654321")]);
}

#[test]
fn queue_address_is_parsed_from_url() {
    let cases = [
        (
            "https://sqs.sa-east-1.amazonaws.com/123456789012/orders",
            "sa-east-1",
            Some(("orders", "arn:aws:sqs:sa-east-1:123456789012:orders")),
        ),
        (
            "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/o",
            "cn-north-1",
            Some(("o", "arn:aws-cn:sqs:cn-north-1:123456789012:o")),
        ),
        (
            "https://sqs.us-gov-west-1.amazonaws.com/123456789012/o",
            "us-gov-west-1",
            Some(("o", "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:o")),
        ),
        (
            "http://127.0.0.1:4566/queue/us-east-1/000000000000/o-dlq.fifo",
            "us-east-1",
            Some(("o-dlq.fifo", "arn:aws:sqs:us-east-1:000000000000:o-dlq.fifo")),
        ),
        (
            "http://localhost:9324/queue/o",
            "elasticmq",
            Some(("o", "arn:aws:sqs:elasticmq:000000000000:o")),
        ),
        (
            "https://sqs.us-iso-east-1.c2s.ic.gov/123456789012/o",
            "us-iso-east-1",
            Some(("o", "arn:aws-iso:sqs:us-iso-east-1:123456789012:o")),
        ),
        (
            "https://sqs.us-isob-east-1.sc2s.sgov.gov/123456789012/o",
            "us-isob-east-1",
            Some(("o", "arn:aws-iso-b:sqs:us-isob-east-1:123456789012:o")),
        ),
        (
            "https://sqs.eu-isoe-west-1.cloud.adc-e.uk/123456789012/o",
            "eu-isoe-west-1",
            Some(("o", "arn:aws-iso-e:sqs:eu-isoe-west-1:123456789012:o")),
        ),
        (
            "https://sqs.us-isof-south-1.csp.hci.ic.gov/123456789012/o",
            "us-isof-south-1",
            Some(("o", "arn:aws-iso-f:sqs:us-isof-south-1:123456789012:o")),
        ),
        (
            "https://sqs.eusc-de-east-1.amazonaws.eu/123456789012/o",
            "eusc-de-east-1",
            Some(("o", "arn:aws-eusc:sqs:eusc-de-east-1:123456789012:o")),
        ),
        (
            "http://localhost:9324/12345/o?Version=1#x",
            "elasticmq",
            Some(("o", "arn:aws:sqs:elasticmq:000000000000:o")),
        ),
        (
            "http://localhost:9324/twelve-bytes/o",
            "elasticmq",
            Some(("o", "arn:aws:sqs:elasticmq:000000000000:o")),
        ),
        ("orders", "us-east-1", None),
        ("ftp://host/123456789012/o", "us-east-1", None),
        ("https://host", "us-east-1", None),
        ("https://host/", "us-east-1", None),
        ("", "us-east-1", None),
    ];
    for (url, region, expected) in cases {
        let address = queue_at(url, region, "");
        let address = address.as_ref().map(|p| (p.name.as_str(), p.arn.as_str()));
        assert_eq!(address, expected, "{url}");
    }
}

#[test]
fn arn_attribute_overrides_arn_of_url() {
    let mut seen = read("x-dlq", 60, None);
    if let Some(Ok(attributes)) = &mut seen.attributes {
        attributes.arn = "arn:aws:sqs:elsewhere:1:x-dlq".into();
    }
    let found = find(&survey(vec![seen]), Discover::Both, None);
    assert_eq!(found[0].queue.arn, "arn:aws:sqs:elsewhere:1:x-dlq");
}

#[test]
fn given_queue_has_unknown_sources() {
    let given = |name| DeadLetterQueue::given(3, queue_at(&url(name), REGION, "").unwrap(), AT);
    let known = given("anything");
    assert_eq!(
        (known.queue.arn, known.queue.account, known.scope, known.found_by),
        (arn("anything"), "123456789012".into(), 3, FoundBy::Given)
    );
    assert_eq!(known.source_retention_s, None);
    assert_eq!(given("a.fifo").source_retention_s, Some(0));
}

#[test]
fn list_covers_its_own_account_only() {
    let queue = |url: &str, was_named| {
        let known = DeadLetterQueue::given(0, queue_at(url, "r", "").unwrap(), AT);
        let found_by = if was_named { FoundBy::Given } else { FoundBy::Name };
        DeadLetterQueue { found_by, ..known }
    };
    let list = ["http://127.0.0.1:9/111111111111/a-dlq".to_owned()];
    let rows = [
        (
            "listed by another name of the server",
            "http://localhost:9/111111111111/a-dlq",
            true,
            false,
        ),
        ("another account's", "http://127.0.0.1:9/222222222222/a-dlq", true, false),
        ("not listed", "http://127.0.0.1:9/111111111111/b-dlq", true, true),
        ("found before, not listed", "http://127.0.0.1:9/111111111111/b-dlq", false, true),
    ];
    for (rule, url, was_named, expected) in rows {
        assert_eq!(is_unlisted(&queue(url, was_named), &list), expected, "{rule}");
    }
    let alone = |was_named| queue("http://127.0.0.1:9/111111111111/a-dlq", was_named);
    assert!(is_unlisted(&alone(false), &[]) && !is_unlisted(&alone(true), &[]));
}

#[test]
fn known_queue_is_unlisted_unless_its_account_and_name_are_listed() {
    let known: Vec<DeadLetterQueue> = ["a-dlq", "b-dlq"]
        .map(|name| queue_at(&url(name), REGION, "").unwrap())
        .into_iter()
        .map(|queue| DeadLetterQueue::given(0, queue, AT))
        .collect();
    let other_host = url("b-dlq").replace("sqs.sa-east-1", "sa-east-1.queue");
    let other_account = url("b-dlq").replace("123456789012", "999999999999");
    assert!(other_host != url("b-dlq") && other_account != url("b-dlq"));
    let rows: [(&[String], &[&str]); 5] = [
        (&[url("a-dlq"), url("b-dlq")], &[]),
        (&[url("a-dlq"), other_host], &[]),
        (&[url("a-dlq"), other_account], &["b-dlq"]),
        (&[url("a-dlq")], &["b-dlq"]),
        (&[], &["a-dlq", "b-dlq"]),
    ];
    for (urls, expected) in rows {
        let queues = urls.iter().map(|url| ListedQueue { url: url.clone(), attributes: None });
        let seen = scope(queues.collect());
        let expected: Vec<String> = expected.iter().map(|name| url(name)).collect();
        assert_eq!(unlisted(&known, &seen), expected, "{urls:?}");
    }
    let failed = ScopeSurvey { queues: Err(ReadError::TimedOut), ..scope(Vec::new()) };
    assert!(unlisted(&known, &failed).is_empty(), "without a list nothing is known");
}
