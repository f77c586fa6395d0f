use super::*;
use crate::event::Cause;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn raised(id: &str, second: i64, expires_before: Option<i64>) -> IncidentChange {
    let what = Change::Raised(QueueRaised {
        queue: Queue::default(),
        depth: 3,
        visible: 3,
        in_flight: 0,
        delayed: 0,
        previous: None,
        threshold: 1,
        retention_s: None,
        expires_after: None,
        expires_before: expires_before.map(at),
    });
    IncidentChange { incident: id.into(), at: at(second), what }
}

fn grew(id: &str, second: i64) -> IncidentChange {
    let what = Change::Grew(QueueGrew { queue: Queue::default(), depth: 6, raised_depth: 3 });
    IncidentChange { incident: id.into(), at: at(second), what }
}

fn closed(id: &str, second: i64) -> IncidentChange {
    IncidentChange { incident: id.into(), at: at(second), what: Change::Closed }
}

fn due(incidents: &[Incident]) -> Vec<String> {
    to_evaluate(incidents).into_iter().map(|at| incidents[at].id.clone()).collect()
}

fn after(change: Vec<IncidentChange>) -> Vec<Incident> {
    let mut incidents = Vec::new();
    for item in change {
        apply_change(&mut incidents, item);
    }
    incidents
}

#[test]
fn replay_changes_no_incident() {
    let day = vec![raised("a", 0, None), grew("a", 30), closed("a", 60), raised("b", 90, None)];
    let once = after(day.clone());
    let twice = after([day.clone(), day].concat());
    assert_eq!(once, twice);
    assert_eq!(due(&twice), ["b"]);
}

#[test]
fn finished_incident_is_armed_by_new_growth_only() {
    let mut incidents = after(vec![raised("a", 0, None), grew("a", 30)]);
    incidents[0].armed = false;
    apply_change(&mut incidents, raised("a", 0, None));
    apply_change(&mut incidents, grew("a", 30));
    assert_eq!(due(&incidents), Vec::<String>::new());
    apply_change(&mut incidents, grew("a", 60));
    assert_eq!(due(&incidents), ["a"]);
}

#[test]
fn finished_incident_is_armed_by_another_cause_once() {
    let sampled = |cause: &str| {
        let what = Change::Sampled(QueueSampled {
            queue: Queue::default(),
            taken: Some(1),
            depth: None,
            refused: None,
            detail: None,
            fingerprints: vec![Cause {
                id: cause.into(),
                count: 1,
                title: String::new(),
                kind: "shape".into(),
            }],
            overseen: 0,
            expires_before: None,
            bundle: Some(format!("/{cause}")),
        });
        IncidentChange { incident: "a".into(), at: at(10), what }
    };
    let mut incidents = after(vec![raised("a", 0, None), sampled("one")]);
    assert_eq!(incidents[0].bundle.as_deref(), Some("/one"));
    incidents[0].armed = false;
    apply_change(&mut incidents, sampled("one"));
    assert!(!incidents[0].armed);
    apply_change(&mut incidents, sampled("two"));
    assert!(incidents[0].armed);
    incidents[0].armed = false;
    apply_change(&mut incidents, sampled("one"));
    apply_change(&mut incidents, sampled("two"));
    assert!(!incidents[0].armed);
    assert_eq!(after(vec![sampled("one")]), [], "of an incident that no event has named");
}

#[test]
fn evaluation_order_is_nearest_loss_first() {
    let incidents = after(vec![
        raised("unknown", 0, None),
        raised("late", 1, Some(900)),
        raised("soon", 2, Some(100)),
    ]);
    assert_eq!(due(&incidents), ["soon", "late", "unknown"]);
}

#[test]
fn sampled_incident_is_evaluated_by_the_age_of_its_messages() {
    let sampled = |id: &str, by: Option<i64>| {
        let bundle = Some("/bundle".to_owned());
        let expires_before = by.map(at);
        let data = QueueSampled { expires_before, bundle, ..QueueSampled::default() };
        IncidentChange { incident: id.into(), at: at(10), what: Change::Sampled(data) }
    };
    let mut incidents = after(vec![raised("a", 0, Some(900)), raised("b", 1, Some(800))]);
    apply_change(&mut incidents, sampled("a", None));
    assert_eq!(due(&incidents), ["b", "a"]);
    apply_change(&mut incidents, sampled("a", Some(100)));
    assert_eq!(due(&incidents), ["a", "b"]);
    apply_change(&mut incidents, sampled("a", Some(200)));
    assert_eq!(incidents[0].expires_before, Some(at(100)), "a younger sample");
    // Messages are lost from a time on that is no longer true.
    incidents[0].expires_after = Some(at(150));
    apply_change(&mut incidents, sampled("a", Some(120)));
    assert_eq!(incidents[0].window().first(), Some(at(100)));
}

#[test]
fn wait_is_ended_by_new_edges_and_not_by_replay() {
    let expiring = |second| {
        let what = Change::Expiring(QueueExpiring {
            queue: Queue::default(),
            tier: "1h".into(),
            certain: true,
            depth: None,
            retention_s: None,
            expires_after: Some(at(900)),
            expires_before: Some(at(990)),
        });
        IncidentChange { incident: "a".into(), at: at(second), what }
    };
    let sampled = |cause: &str, kind: &str| {
        let (id, kind) = (cause.to_owned(), kind.to_owned());
        let fingerprints = vec![Cause { id, count: 1, title: String::new(), kind }];
        let bundle = Some("/bundle".to_owned());
        let data = QueueSampled { fingerprints, bundle, ..QueueSampled::default() };
        IncidentChange { incident: "a".into(), at: at(101), what: Change::Sampled(data) }
    };
    let waits = |reason: &str, change: IncidentChange| {
        let mut incidents =
            after(vec![raised("a", 0, None), grew("a", 30), sampled("one", "shape")]);
        incidents[0].wait = Some(Wait::ending_at(reason, at(100), at(5000)));
        apply_change(&mut incidents, change);
        incidents[0].wait.is_some()
    };
    // Whether the wait for money, and that for the logs, goes on.
    let rows = [
        ("an old loss", expiring(100), true, true),
        ("a loss", expiring(101), false, true),
        ("an old growth", grew("a", 30), true, true),
        ("growth", grew("a", 31), false, true),
        ("the raise again", raised("a", 0, None), true, true),
        ("the same messages", sampled("one", "shape"), true, true),
        ("other messages", sampled("two", "shape"), false, true),
        ("an error", sampled("two", "error_text"), false, false),
    ];
    for (name, change, budget, logs) in rows {
        assert_eq!(waits("budget", change.clone()), budget, "{name}");
        assert_eq!(waits("logs_not_yet", change), logs, "{name}, logs");
    }
}

#[test]
fn incident_with_missed_raise_opens_on_growth() {
    assert_eq!(due(&after(vec![grew("a", 30)])), ["a"]);
    assert_eq!(after(vec![closed("a", 30)]), []);
}

#[test]
fn closed_incidents_are_forgotten_after_8_days() {
    let mut incidents = after(vec![raised("a", 0, None), closed("a", 60)]);
    remove_forgotten(&mut incidents, at(60 + 7 * 86_400));
    assert_eq!(incidents.len(), 1);
    remove_forgotten(&mut incidents, at(60 + 8 * 86_400));
    assert_eq!(incidents.len(), 0);
}
