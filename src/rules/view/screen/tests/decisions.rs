//! Decisions of the fold and of the rows, each with the events that tell it apart from its neighbours.

use serde_json::{Value, json};

use super::claims::{arn, event, fold, json_of, line, raised, round, shown};
use super::states::{self, ago, now};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::state_folder::FolderReading;
use crate::rules::view::part::StatusPart;
use crate::rules::view::screen::ScreenView;
use crate::rules::view::screen::filter::RowFilter;
use crate::rules::view::screen::rows::ListName;

#[test]
fn cleared_queue_is_empty_before_its_next_reading() {
    let queue = json!({"name": "a-dlq", "arn": arn("a-dlq"), "region": "eu-west-1"});
    let cleared = json!({"queue": queue, "duration_s": 700, "cause": "redriven"});
    let state = fold(&[
        round(900),
        raised("a-dlq", 800, 5, None),
        event("queue.cleared", 100, Some("incident of a-dlq"), &cleared),
        round(10),
    ]);
    let row = &json_of(StatusPart::Queues, &state)[0];
    assert_eq!([&row["depth"], &row["severity"]], [&json!(0), &json!("quiet")]);
    let row = line(&shown(&state, ScreenView::Overview, 80, 24), "a-dlq");
    assert!(row.contains("quiet a-dlq 0"), "{row}");
}

#[test]
fn incident_whose_raise_is_not_known_has_no_begin_of_another() {
    let queue = json!({"name": "a-dlq", "arn": arn("a-dlq"), "region": "eu-west-1"});
    let grew = json!({"queue": queue, "depth": 9, "raised_depth": 5});
    let state = fold(&[
        round(900),
        raised("a-dlq", 800, 5, None),
        event("queue.grew", 100, Some("a later incident"), &grew),
        round(10),
    ]);
    let row = &json_of(StatusPart::Queues, &state)[0];
    assert_eq!([&row["incident"], &row["raised_at"]], [&json!("a later incident"), &json!(null)]);
}

#[test]
fn filter_finds_a_queue_by_all_that_its_row_tells() {
    let mut state = states::marked();
    let orders = state.queues.get_mut(states::ORDERS).unwrap();
    (orders.region, orders.account) = ("eu-north-1".into(), "staging".into());
    let found = |text: &str| -> Vec<String> {
        let rows = ListName::Queues.rows(&state, now(), &RowFilter::new(text), None);
        let name = |id: &str| id.rsplit(':').next().unwrap().to_owned();
        rows.iter().map(|row| name(&row.id)).collect()
    };
    for (text, queue) in [
        ("orders-d", "orders-dlq"),
        ("eu-north", "orders-dlq"),
        ("STAGING", "orders-dlq"),
        ("access denied", "audit-dlq"),
        ("fatal", "fm-digitalguru-api-update-dlq-prod"),
        ("acked", "orders-dlq"),
    ] {
        assert_eq!(found(text), [queue], "{text}");
    }
}

#[test]
fn unreadable_queue_shows_the_loss_that_is_known() {
    let denied = |name: &str| {
        let queue = json!({"name": name, "arn": arn(name), "region": "eu-west-1"});
        let data = json!({"queue": queue, "depth": null, "reason": "denied"});
        event("queue.unreadable", 100, None, &data)
    };
    let state = fold(&[
        round(900),
        raised("a-dlq", 800, 5, Some(30)),
        raised("b-dlq", 800, 5, None),
        denied("a-dlq"),
        denied("b-dlq"),
        round(10),
    ]);
    let view = shown(&state, ScreenView::Overview, 80, 24);
    assert_eq!(line(&view, "a-dlq ?"), "? UNKNOWN a-dlq ? denied <30h", "{view}");
    assert_eq!(line(&view, "b-dlq ?"), "? UNKNOWN b-dlq ? denied", "{view}");
}

#[test]
fn pull_request_leaves_the_list_a_day_after_its_end() {
    for (ended, is_shown) in [(80_000, true), (86_400, true), (86_500, false)] {
        for is_merged in [true, false] {
            let mut state = states::normal();
            let one = state.pull_requests.get_mut("fm/stock#77").unwrap();
            let end = Some(ago(ended));
            (one.merged_at, one.closed_at) = if is_merged { (end, None) } else { (None, end) };
            let rows = ListName::Requests.rows(&state, now(), &RowFilter::default(), None);
            let found = rows.iter().any(|row| &*row.id == "fm/stock#77");
            assert_eq!(found, is_shown, "{ended} {is_merged}");
        }
    }
}

#[test]
fn filter_finds_a_pull_request_by_all_that_its_row_tells() {
    let state = states::normal();
    for (text, key) in [
        ("digital", "fm/digitalguru#412"),
        ("gateway", "fm/digitalguru#412"),
        ("failing", "fm/digitalguru#412"),
        ("require", "fm/digitalguru#412"),
        ("@fm/pay", "fm/digitalguru#412"),
        ("FABIO", "fm/infra#1290"),
    ] {
        let rows = ListName::Requests.rows(&state, now(), &RowFilter::new(text), None);
        let rows: Vec<&str> = rows.iter().map(|row| &*row.id).collect();
        assert_eq!(rows, [key], "{text}");
    }
}

#[test]
fn pull_request_that_cannot_be_read_has_no_result_of_checks_or_review() {
    let mut state = states::normal();
    let one = state.pull_requests.get_mut("fm/digitalguru#412").unwrap();
    one.unreadable = Some("404".into());
    let row = line(&shown(&state, ScreenView::Overview, 130, 40), "#412");
    assert!(row.contains("cannot be read: 404") && row.contains(" ? ? "), "{row}");
    assert!(!row.contains("failing") && !row.contains("due"), "{row}");
}

#[test]
fn incident_is_explained_by_its_newest_result() {
    let queue = json!({"name": "a-dlq", "arn": arn("a-dlq"), "region": "eu-west-1"});
    let completed = |session: &str, seconds: i64| {
        let data = json!({"queue": queue, "session": session, "verdict": {"status": "likely"}});
        event("investigation.completed", seconds, Some("incident of a-dlq"), &data)
    };
    let state = fold(&[
        round(900),
        raised("a-dlq", 800, 5, None),
        completed("s-1", 700),
        completed("s-2", 300),
        completed("s-0", 750),
    ]);
    let row = &json_of(StatusPart::Incidents, &state)[0];
    assert_eq!([&row["explained_at"], &row["session"]], [&json!(ago(300)), &json!("s-2")]);
}

/// Returns an event about an incident of the queue `a-dlq`.
fn of_incident(kind: &str, seconds: i64, data: Value) -> String {
    let queue = json!({"name": "a-dlq", "arn": arn("a-dlq"), "region": "eu-west-1"});
    let mut all = json!({"queue": queue});
    all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    event(kind, seconds, Some("incident of a-dlq"), &all)
}

fn with(events: &[String]) -> Dashboard {
    fold(&[vec![round(900), raised("a-dlq", 800, 5, None)], events.to_vec()].concat())
}

#[test]
fn refused_sample_keeps_the_causes_of_the_one_before() {
    let cause = json!([{"id": "f-1", "count": 3, "title": "Alpha"}]);
    let state = with(&[
        of_incident("queue.sampled", 700, json!({"taken": 3, "fingerprints": cause})),
        of_incident("queue.sampled", 600, json!({"taken": 0, "refused": "too_soon"})),
    ]);
    assert_eq!(json_of(StatusPart::Incidents, &state)[0]["title"], "Alpha");
}

#[test]
fn reason_to_wait_ends_with_the_next_session() {
    let skipped = || of_incident("investigation.skipped", 700, json!({"reason": "cooldown"}));
    let started = of_incident("investigation.started", 600, json!({"session": "s-1"}));
    for (events, waits) in
        [(vec![skipped()], json!("cooldown")), (vec![skipped(), started], json!(null))]
    {
        assert_eq!(json_of(StatusPart::Incidents, &with(&events))[0]["waits"], waits);
    }
}

#[test]
fn end_of_an_incident_whose_messages_are_missing_is_a_warning() {
    let cleared = || of_incident("queue.cleared", 100, json!({"cause": "unknown"}));
    let lost = of_incident("queue.loss_suspected", 200, json!({"missing": 2}));
    for (events, symbol) in [(vec![cleared()], "+"), (vec![lost, cleared()], "!")] {
        let view = shown(&with(&events), ScreenView::Incidents, 80, 24);
        assert!(line(&view, "cleared a-dlq").contains(&format!("{symbol} cleared")), "{view}");
    }
}

#[test]
fn cost_so_far_is_the_greatest_that_was_told() {
    let step = |seconds: i64, cost: f64| {
        let data = json!({"session": "s-1", "step": "reads", "cost_usd": cost});
        of_incident("investigation.progressed", seconds, data)
    };
    let state = with(&[step(500, 0.5), step(600, 0.2)]);
    assert!(line(&shown(&state, ScreenView::Overview, 80, 24), "running a-dlq").ends_with("$0.50"));
}

#[test]
fn begin_that_no_event_tells_is_that_of_the_duration() {
    let data = json!({"session": "s-1", "duration_s": 100, "verdict": {"status": "likely"}});
    let state = with(&[of_incident("investigation.completed", 300, data)]);
    let row = line(&shown(&state, ScreenView::Investigations, 80, 24), "completed a-dlq");
    assert!(row.contains(" 6m 01:40 "), "{row}");
}

#[test]
fn more_may_run_than_events_tell_while_the_sessions_cannot_be_read() {
    let started = of_incident("investigation.started", 600, json!({"session": "s-1"}));
    let mut state = with(&[started]);
    assert!(shown(&state, ScreenView::Overview, 80, 24).contains("Investigators - 1 running -"));
    state.set_folder(FolderReading { at: now(), ..FolderReading::default() });
    let view = shown(&state, ScreenView::Overview, 80, 24);
    assert!(view.contains("Investigators - 1 running or more -"), "{view}");
}

#[test]
fn sentences_of_news_are_ascii_where_all_is() {
    let cause = json!([{"id": "f-1", "count": 3, "title": "Alpha"}]);
    let state =
        with(&[of_incident("queue.sampled", 700, json!({"taken": 3, "fingerprints": cause}))]);
    let view = shown(&state, ScreenView::Overview, 120, 24);
    assert!(view.contains("3 x Alpha") && view.is_ascii(), "{view}");
}
