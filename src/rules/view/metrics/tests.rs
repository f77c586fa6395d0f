//! Tables of the fold, of the text and of the lines for CloudWatch.

use std::time::Duration;

use serde_json::{Value, json};

use super::document::{Metrics, SERIES_MAX, labels_of};
use super::embedded::{EMBEDDED_QUEUES_MAX, embed};
use super::exposition::render;
use super::fold::fold;
use super::gauges::{AgentsUsage, StateReading, SystemFigures, WaitingNotices, gauges};
use super::queue_gauges::QUEUES_MAX;
use super::readiness::readiness;
use super::{Metric, MetricKind};
use crate::event::{self, Event, Payload};
use crate::money::Usd;
use crate::rules::investigation::budget::Budget;
use crate::rules::pull_request::document::{LookResult, PullRequests};
use crate::rules::pull_request::watch::WatchedPullRequest;
use crate::rules::queue::document::Watched;
use crate::time::Timestamp;

const ARN: &str = "arn:aws:sqs:sa-east-1:1:orders-dlq";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn queue() -> event::Queue {
    event::Queue { name: "orders-dlq".into(), arn: ARN.into(), ..event::Queue::default() }
}

fn line<D: Payload>(id: &str, seconds: i64, data: D) -> Vec<u8> {
    Event::new(id.into(), "orders-dlq", at(seconds), data).of_incident("i".to_owned()).line()
}

fn round(seconds: i64, asked: &str, queues: u64) -> Vec<u8> {
    let data = event::PollFinished {
        round: 1,
        queues,
        unreadable: 1,
        unlisted: 0,
        unsurveyed: 0,
        raised: 0,
        duration_ms: 400,
        api_calls: 7,
        usd_month: None,
        asked: Some(asked.into()),
        postponed: 0,
        shard: None,
    };
    line(&format!("round-{seconds}-{asked}"), seconds, data)
}

fn raised(id: &str, seconds: i64, previous: Option<u64>) -> Vec<u8> {
    let data = event::QueueRaised {
        queue: queue(),
        depth: 3,
        visible: 3,
        in_flight: 0,
        delayed: 0,
        previous,
        threshold: 1,
        retention_s: None,
        expires_after: None,
        expires_before: None,
    };
    line(id, seconds, data)
}

fn completed(id: &str, seconds: i64, cost_usd: Option<f64>) -> Vec<u8> {
    let data = json!({
        "queue": queue(), "session": "s", "verdict": {"status": "confirmed"}, "cost_usd": cost_usd,
        "turns": 3, "duration_s": 95, "report": "r",
    });
    line(id, seconds, serde_json::from_value::<event::InvestigationCompleted>(data).unwrap())
}

fn cleared(id: &str, seconds: i64, duration_s: u64) -> Vec<u8> {
    let data = event::QueueCleared { queue: queue(), duration_s, cause: "redriven".into() };
    line(id, seconds, data)
}

fn folded(lines: &[Vec<u8>]) -> Metrics {
    let mut metrics = Metrics::default();
    add(&mut metrics, lines);
    metrics
}

fn add(metrics: &mut Metrics, lines: &[Vec<u8>]) {
    for line in lines {
        fold(metrics, line.trim_ascii_end(), now());
    }
}

/// Returns the lines of the text that are no comments.
fn samples(metrics: &Metrics) -> Vec<String> {
    let text = render(metrics, &[]);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[track_caller]
fn assert_samples(metrics: &Metrics, expected: &[&str]) {
    let found = samples(metrics);
    for line in expected {
        assert!(found.iter().any(|one| one == line), "no '{line}' in:\n{}", found.join("\n"));
    }
}

#[test]
fn events_are_counted_by_their_meaning() {
    let session = json!({"queue": queue(), "session": "s"});
    let with = |more: Value| {
        let mut all = session.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let failed: event::InvestigationFailed = serde_json::from_value(with(json!({
        "reason": "no_result", "detail": "access denied", "cost_usd": 0.25, "duration_s": null,
    })))
    .unwrap();
    let unreadable = event::QueueUnreadable {
        queue: queue(),
        depth: None,
        reason: "access denied".into(),
        misses: 2,
    };
    let missing = event::QueueLossSuspected {
        queue: queue(),
        missing: 4,
        depth: 0,
        why: "retention".into(),
        detail: String::new(),
    };
    let sent = event::NoticeSent { channel: "ops \"x\"\n".into(), event: "e".into(), attempts: 3 };
    let metrics = folded(&[
        round(100, "default", 5),
        raised("r", 130, Some(0)),
        line("u", 131, unreadable),
        line("m", 132, missing),
        completed("c", 230, Some(0.5)),
        completed("c2", 231, None),
        line("f", 232, failed),
        line("n", 233, sent),
        cleared("z", 330, 200),
        b"{\"half".to_vec(),
        br#"{"specversion":"1.0","id":"d","source":"s","type":"deploy.done"}"#.to_vec(),
    ]);
    assert_samples(
        &metrics,
        &[
            "dlq_events_total{type=\"queue.raised\"} 1",
            "dlq_events_total{type=\"other\"} 1",
            "dlq_journal_bad_lines_total 1",
            "dlq_journal_gaps_total 0",
            "dlq_rounds_total 1",
            "dlq_aws_requests_total 7",
            "dlq_round_duration_seconds_bucket{le=\"0.25\"} 0",
            "dlq_round_duration_seconds_bucket{le=\"0.5\"} 1",
            "dlq_round_duration_seconds_bucket{le=\"+Inf\"} 1",
            "dlq_round_duration_seconds_sum 0.4",
            "dlq_round_duration_seconds_count 1",
            "dlq_incidents_raised_total 1",
            "dlq_incidents_cleared_total{cause=\"redriven\"} 1",
            "dlq_messages_missing_total{why=\"retention\"} 4",
            "dlq_errors_total{source=\"queue\",kind=\"access_denied\"} 1",
            "dlq_errors_total{source=\"investigation\",kind=\"access_denied\"} 1",
            "dlq_investigations_total{outcome=\"completed\"} 2",
            "dlq_investigations_total{outcome=\"failed\"} 1",
            "dlq_investigations_total{outcome=\"timed_out\"} 0",
            "dlq_investigation_failures_total{reason=\"no_result\"} 1",
            "dlq_verdicts_total{status=\"confirmed\"} 2",
            "dlq_spend_usd_total{outcome=\"completed\"} 0.5",
            "dlq_spend_usd_total{outcome=\"failed\"} 0.25",
            "dlq_spend_unknown_total{outcome=\"completed\"} 1",
            "dlq_investigation_duration_seconds_sum{outcome=\"completed\"} 190",
            // Escaped for people first, then for the format.
            "dlq_notices_total{channel=\"ops \\\"x\\\"\\\\n\",result=\"sent\"} 1",
            "dlq_notice_attempts_total{channel=\"ops \\\"x\\\"\\\\n\"} 3",
            // Detect: from the begin of the round that saw it empty, 99.6 s, to 130 s.
            "dlq_incident_step_seconds_sum{step=\"detect\"} 30.4",
            "dlq_incident_step_seconds_sum{step=\"investigate\"} 100",
            "dlq_incident_step_seconds_count{step=\"investigate\"} 1",
            "dlq_incident_step_seconds_sum{step=\"clear\"} 200",
        ],
    );
}

#[test]
fn repeated_event_counts_once_and_heartbeats_each() {
    let metrics = folded(&[raised("r", 1, None), raised("r", 1, None), raised("q", 2, None)]);
    assert_samples(&metrics, &["dlq_incidents_raised_total 2"]);
    let metrics = folded(&[round(1, "a", 1), round(2, "a", 1)]);
    assert_samples(&metrics, &["dlq_rounds_total 2"]);
    assert!(metrics.state.recent.is_empty());
}

#[test]
fn move_events_count_by_kind_and_outcome() {
    let redrive = |id: &str, verified: Option<bool>| event::RedriveCompleted {
        queue: queue(),
        redrive: id.into(),
        messages: 9,
        moved: 8,
        returned: 2,
        parked: 1,
        gone: 0,
        possible_duplicates: 0,
        archive: None,
        duration_s: 5,
        verified,
        pull_request: None,
        fingerprint: None,
    };
    let metrics = folded(&[
        line("a", 1, redrive("x", Some(true))),
        line("b", 2, redrive("y", Some(false))),
        line("c", 3, redrive("z", None)),
        // A later verification.
        line("d", 4, redrive("x", Some(true))),
        line("e", 5, redrive("y", Some(true))),
    ]);
    assert_samples(
        &metrics,
        &[
            "dlq_moves_total{kind=\"redrive\",outcome=\"completed\"} 2",
            "dlq_moves_total{kind=\"redrive\",outcome=\"unverified\"} 1",
            "dlq_moved_messages_total{kind=\"redrive\"} 24",
            "dlq_returned_messages_total 6",
            "dlq_parked_messages_total 3",
        ],
    );
}

/// Each end of a redrive, also that of a later verification, tells the numbers of all of its runs.
#[test]
fn messages_of_a_redrive_count_once() {
    let aborted = |moved, returned| event::RedriveAborted {
        queue: queue(),
        redrive: "x".into(),
        reason: "interrupted".into(),
        detail: String::new(),
        moved,
        returned,
        left: None,
        archive: None,
        regression: false,
        pull_request: None,
        fingerprint: None,
    };
    let ends = [(1, 3, 0), (2, 11, 1), (3, 11, 1), (4, 20, 1)];
    let lines =
        ends.map(|(at, moved, returned)| line(&format!("e{at}"), at, aborted(moved, returned)));
    let expected = [
        "dlq_moves_total{kind=\"redrive\",outcome=\"aborted\"} 4",
        "dlq_moved_messages_total{kind=\"redrive\"} 20",
        "dlq_returned_messages_total 1",
    ];
    assert_samples(&folded(&lines), &expected);
}

#[test]
fn series_beyond_the_limit_are_one() {
    let mut metrics = Metrics::default();
    for n in 0..SERIES_MAX + 50 {
        metrics.add(Metric::Notices, &[&format!("c{n}"), "sent"], 1);
    }
    let series = &metrics.counters[Metric::Notices.name()];
    assert_eq!((series.len(), series["other\u{1f}other"]), (SERIES_MAX + 1, 50));
    assert_eq!(labels_of("a\u{1f}b", Metric::Notices), ["a", "b"]);
}

#[test]
fn incidents_of_the_document_are_bounded() {
    let mut metrics = Metrics::default();
    for n in 0..1200 {
        let mut event = raised(&format!("r{n}"), n, None);
        event = String::from_utf8(event).unwrap().replace("\"i\"", &format!("\"i{n}\"")).into();
        fold(&mut metrics, event.trim_ascii_end(), now());
    }
    assert!(metrics.incidents.len() <= 1000, "{}", metrics.incidents.len());
    assert!(metrics.incidents.contains_key("i1199") && !metrics.incidents.contains_key("i0"));
    assert_eq!(metrics.state.recent.len(), 1024);
}

/// A document as dlq-poll writes it, with queues of these names, the second one unreadable.
fn watched(names: &[&str]) -> Watched {
    let queue = |(n, name): (usize, &&str)| {
        let arn = format!("arn:{n}");
        let record = json!({
            "seq": 1, "sampled_at": "2026-11-22T20:00:00Z",
            "read": ["2026-11-22T20:00:00Z", {"visible": 2, "in_flight": 1, "delayed": 0}],
            "incident": null, "zeros": null, "misses": u64::from(n == 1),
            "cohorts": [{"after": "2026-11-22T19:00:00Z", "by": "2026-11-22T20:00:00Z"}],
            "retention_s": 3600, "fall": null,
        });
        let queue = json!({
            "name": name, "url": "", "arn": arn, "region": "sa-east-1", "account": "1",
            "fifo": false, "sources": [], "profile": null, "endpoint": null,
        });
        (arn.clone(), json!({"queue": queue, "record": record}))
    };
    let queues: serde_json::Map<String, Value> = names.iter().enumerate().map(queue).collect();
    serde_json::from_value(json!({"floor": 1, "rounds": {}, "queues": queues})).unwrap()
}

fn reading(names: &[&str]) -> StateReading {
    StateReading { watched: Some(watched(names)), ..StateReading::default() }
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T20:30:00Z").unwrap()
}

#[test]
fn unknown_values_are_absent() {
    let metrics = Metrics::default();
    let text = render(&metrics, &gauges(&metrics, &reading(&["a", "b"]), now()));
    let labels = |queue| format!("{{queue=\"{queue}\",region=\"sa-east-1\",account=\"1\"}}");
    let has = |line: &str| text.lines().any(|one| one == line);
    assert!(has(&format!("dlq_queue_depth{} 3", labels("a"))), "{text}");
    assert!(has(&format!("dlq_queue_in_flight{} 1", labels("a"))), "{text}");
    assert!(has(&format!("dlq_queue_unreadable{} 0", labels("a"))), "{text}");
    assert!(has(&format!("dlq_queue_unreadable{} 1", labels("b"))), "{text}");
    assert!(!text.contains(&format!("dlq_queue_depth{}", labels("b"))), "{text}");
    assert!(has(&format!("dlq_queue_time_to_loss_seconds{} 1800", labels("a"))), "{text}");
    assert!(has("dlq_queues_unreadable 1") && has("dlq_queues_without_series 0"), "{text}");
    // Documents and figures that could not be read, and a state without rounds.
    let nothing = render(&metrics, &gauges(&metrics, &StateReading::default(), now()));
    let unknown = [
        "dlq_incidents_open",
        "dlq_spend_day_usd",
        "dlq_outbox_notices",
        "dlq_moves_running",
        "dlq_investigations_running",
        "dlq_pull_requests_open",
        "process_open_fds",
        "dlq_last_round_timestamp_seconds",
    ];
    for name in unknown {
        assert!(!nothing.contains(name), "{name} in {nothing}");
    }
}

#[test]
fn names_are_escaped_bounded_and_unique() {
    let long = "x".repeat(120);
    let hostile = ["a\"b", "a\\b", "a\nb", "a\u{202e}b", &long, &(long.clone() + "y")];
    let metrics = Metrics::default();
    let text = render(&metrics, &gauges(&metrics, &reading(&hostile), now()));
    let depths: Vec<&str> =
        text.lines().filter(|line| line.starts_with("dlq_queue_unreadable{")).collect();
    // The two long names are equal when they are cut: the second one has no series.
    assert_eq!(depths.len(), 5, "{text}");
    assert!(text.contains("dlq_queues_without_series 1"), "{text}");
    for name in ["a\\\"b", "a\\\\b", "a\\\\nb", "a\\\\u{202e}b"] {
        assert!(text.contains(&format!("queue=\"{name}\"")), "{name} in {text}");
    }
    assert!(text.contains(&format!("queue=\"{}…\"", "x".repeat(99))));
}

#[test]
fn queues_beyond_the_limit_are_counted() {
    let names: Vec<String> = (0..QUEUES_MAX + 7).map(|n| format!("q{n}-dlq")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let metrics = Metrics::default();
    let text = render(&metrics, &gauges(&metrics, &reading(&names), now()));
    let series = text.lines().filter(|line| line.starts_with("dlq_queue_unreadable{")).count();
    assert_eq!(series, QUEUES_MAX);
    assert!(text.contains("dlq_queues_without_series 7\n"), "{text}");
}

#[test]
fn newest_round_of_each_selection_is_shown() {
    let metrics = folded(&[round(100, "a", 5), round(90, "a", 9), round(110, "b", 2)]);
    let text = render(&metrics, &gauges(&metrics, &StateReading::default(), at(120)));
    for line in [
        "dlq_last_round_timestamp_seconds{selection=\"a\"} 100",
        "dlq_last_round_queues{selection=\"a\"} 5",
        "dlq_last_round_timestamp_seconds{selection=\"b\"} 110",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }
    // A selection that was not polled for more than a day is gone.
    let metrics = folded(&[round(100, "a", 5), round(200_000, "b", 2)]);
    assert_eq!(metrics.rounds.keys().collect::<Vec<_>>(), ["b"]);
}

/// The clock of a machine without a battery is wrong until it has asked for the time.
#[test]
fn round_of_the_future_does_not_hide_later_ones() {
    let (future, now) = (2_000_000_000, now());
    let seconds = |at: Timestamp| at.millis() / 1000;
    let mut metrics = folded(&[round(100, "a", 5)]);
    let wrong = fold(&mut metrics, round(future, "a", 5).trim_ascii_end(), now);
    assert_eq!(wrong, Some(at(future)), "it is told");
    assert_eq!(metrics.last_round(now), Some(at(100)));
    assert_samples(
        &metrics,
        &["dlq_rounds_total 2", "dlq_errors_total{source=\"poll\",kind=\"clock\"} 1"],
    );
    // Within the drift of two clocks it counts.
    fold(&mut metrics, round(seconds(now) + 290, "a", 5).trim_ascii_end(), now);
    assert_eq!(metrics.last_round(now), Some(at(seconds(now) + 290)));

    // It was counted while the clock was as wrong as it.
    let mut metrics = Metrics::default();
    let wrong = fold(&mut metrics, round(future, "a", 5).trim_ascii_end(), at(future));
    assert_eq!((wrong, metrics.last_round(now)), (None, None));
    let text = render(&metrics, &gauges(&metrics, &StateReading::default(), now));
    assert!(!text.contains("dlq_last_round_timestamp_seconds{"), "{text}");
    fold(&mut metrics, round(200, "a", 4).trim_ascii_end(), now);
    fold(&mut metrics, round(210, "b", 4).trim_ascii_end(), now);
    assert_eq!(metrics.last_round(now), Some(at(210)));
    assert_eq!(metrics.rounds.keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn readiness_needs_a_round_within_three_intervals() {
    let (half, minute) = (Duration::from_secs(30), Duration::from_secs(60));
    let rows = [
        (None, half, false),
        (Some(0), half, true),
        (Some(90), half, true),
        (Some(91), half, false),
        (Some(180), minute, true),
        (Some(181), minute, false),
        // A clock that was set back a little since.
        (Some(-60), half, true),
    ];
    for (age, interval, is_ready) in rows {
        let last = age.map(|age| at(100_000 - age));
        let ready = readiness(last, interval, at(100_000));
        assert_eq!(ready.is_ok(), is_ready, "{age:?} {interval:?}: {ready:?}");
    }
}

#[test]
fn histogram_bounds_rise_and_names_follow_the_convention() {
    for metric in Metric::ALL.iter().copied() {
        let name = metric.name();
        let is_counter = metric.kind() == MetricKind::Counter;
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        assert!(name.starts_with("dlq_") || name.starts_with("process_"), "{name}");
        assert!(metric.help().ends_with('.') && !metric.help().contains('\\'), "{name}");
        assert_eq!(Metric::parse(name), Some(metric));
        if let MetricKind::Histogram(bounds) = metric.kind() {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
        }
    }
}

/// Reads the lines for CloudWatch as objects.
fn embedded(metrics: &mut Metrics, reading: &StateReading) -> Vec<Value> {
    let samples = gauges(metrics, reading, now());
    let lines = embed(metrics, &samples, now());
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn embedded_lines_tell_growth_once_within_the_limits() {
    let names: Vec<String> = (0..EMBEDDED_QUEUES_MAX + 5).map(|n| format!("q{n}-dlq")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let reading = StateReading {
        system: SystemFigures { state_bytes: Some(9), ..SystemFigures::default() },
        ..reading(&names)
    };
    let mut metrics = folded(&[raised("a", 1, None), round(2, "x", 3)]);
    let total = |lines: &[Value], name: &str| {
        let found: Vec<f64> = lines.iter().filter_map(|line| line[name].as_f64()).collect();
        found.iter().sum::<f64>()
    };
    let first = embedded(&mut metrics, &reading);
    assert_eq!(total(&first, "dlq_incidents_raised_total"), 0.0, "history is not of this moment");
    let more = [raised("b", 3, None), completed("c", 4, Some(0.5))];
    add(&mut metrics, &more);
    assert!(embedded(&mut metrics, &reading).is_empty(), "no round has finished since");
    add(&mut metrics, &[round(5, "x", 3)]);
    let second = embedded(&mut metrics, &reading);
    assert_eq!(total(&second, "dlq_incidents_raised_total"), 1.0);
    assert_eq!(total(&second, "dlq_spend_usd_total"), 0.5);
    add(&mut metrics, &[round(6, "x", 3)]);
    assert_eq!(total(&embedded(&mut metrics, &reading), "dlq_incidents_raised_total"), 0.0);
    let queues = second.iter().filter(|line| line["queue"].is_string()).count();
    assert_eq!(queues, EMBEDDED_QUEUES_MAX);
    for line in &second {
        let definition = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], now().millis());
        assert_eq!(definition["Namespace"], "dlq-tools");
        let listed = definition["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&listed.len()));
        for metric in listed {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_number() && !name.contains("timestamp"), "{line}");
        }
        for name in definition["Dimensions"][0].as_array().unwrap() {
            let value = line[name.as_str().unwrap()].as_str().unwrap();
            assert!(!value.is_empty() && value.is_ascii(), "{line}");
        }
    }
    assert_eq!(total(&second, "dlq_state_bytes"), 9.0);
}

/// Each metric of the table has samples when all is known.
#[test]
fn table_has_no_metric_without_samples() {
    let mut metrics = folded(&[
        round(100, "a", 5),
        raised("r", 130, Some(0)),
        completed("c", 230, Some(0.5)),
        completed("d", 231, None),
        cleared("z", 330, 200),
    ]);
    for metric in Metric::ALL.iter().copied().filter(|metric| metric.is_folded()) {
        let labels = vec!["x"; metric.labels().len()];
        match metric.kind() {
            MetricKind::Histogram(_) => metrics.observe(metric, &labels, 5),
            _ => metrics.add(metric, &labels, 5),
        }
    }
    for round in metrics.rounds.values_mut() {
        round.usd_month = Usd::from_dollars(3.0);
    }
    let epoch = "2026-11-22T20:00:00Z";
    let request: WatchedPullRequest = serde_json::from_value(json!({
        "id": "a", "repo": "a/b", "number": 1, "title": "", "url": "", "author": "a",
        "origin": "ours", "draft": true, "base": "main", "head_commit": "c", "created_at": epoch,
        "checks": "none", "review": "none", "waiting_on": "author", "actor": "author",
        "turn_since": epoch, "reminded_at": null, "end": null, "failed_commit": null,
        "known_review": "none", "opinions_against": [], "unread": 0, "read_at": epoch, "sequence": 0,
    }))
    .unwrap();
    let look = Some(LookResult { at: at(9), failure: None });
    let reading = StateReading {
        running: Some(1),
        agents: Some(AgentsUsage::default()),
        budget: Some(Budget::default()),
        pull_requests: Some(PullRequests {
            watched: [("a".to_owned(), request)].into(),
            look,
            ..PullRequests::default()
        }),
        outbox: Some(WaitingNotices { channels: [("a".into(), 1)].into(), oldest: Some(at(5)) }),
        moves: Some([("redrive", 1)].into()),
        system: SystemFigures {
            cpu_seconds: Some(1.0),
            resident_bytes: Some(1),
            descriptors: Some(1),
            started_at: Some(1.0),
            state_bytes: Some(1),
            free_bytes: Some(1),
        },
        documents: vec![("queues", true)],
        ..reading(&["a"])
    };
    let text = render(&metrics, &gauges(&metrics, &reading, now()));
    for metric in Metric::ALL.iter().copied() {
        let name = metric.name();
        let suffix = if metric.kind().as_str() == "histogram" { "_bucket" } else { "" };
        let is_it = |line: &str| {
            let rest = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(suffix));
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        assert!(text.lines().any(is_it), "{name}");
        assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{name}");
        assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{name}");
    }
}
