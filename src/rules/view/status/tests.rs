mod proofs;

use super::*;
use crate::event::Queue;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::wait::Wait;
use crate::rules::loss_text;
use crate::rules::notification::ack::Ack;
use crate::rules::notification::silence::Silence;
use crate::rules::view::page::PageStyle;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

const NOW: i64 = 100_000;

fn queue(name: &str) -> Queue {
    Queue { name: name.into(), arn: format!("arn:{name}"), ..Queue::default() }
}

fn style(width: usize) -> TableStyle {
    let page = PageStyle { width, color: false };
    TableStyle { page, short_ids: true, has_scopes: false }
}

fn limits() -> BudgetLimits {
    BudgetLimits {
        per_run: Usd::from_micros(5_000_000),
        per_day: Usd::from_micros(25_000_000),
        reserve_for_expiry: 0.2,
        ..BudgetLimits::default()
    }
}

fn incident(id: &str, name: &str, reported: &[&str]) -> Incident {
    let reported = reported.iter().map(|word| (*word).to_owned()).collect();
    let begun = Incident::new(id, queue(name), at(NOW - 7380));
    Incident { depth: Some(12), reported, ..begun }
}

/// Read as a document is, so that it says what an older program has written.
fn session(id: &str, incident: &str, name: &str, status: &str) -> Session {
    serde_json::from_value(serde_json::json!({
        "id": id, "incident": incident, "queue_name": name, "queue": queue(name),
        "status": status, "pid": null, "start_time": at(NOW - 300), "timeout_at": at(NOW),
        "ended_at": (status != "running").then(|| at(NOW - 60)),
        "cooldown_until": (status != "running").then(|| at(NOW + 3540)), "printed": 0,
    }))
    .unwrap()
}

fn documents() -> (StateDocuments, BTreeMap<String, SessionProbe>) {
    let mut waits = incident("w", "users-dlq", &["max_concurrent", "cooldown"]);
    (waits.expires_after, waits.expires_before) = (Some(at(NOW + 18_000)), Some(at(NOW + 21_600)));
    let mut done = incident("d", "a-queue-with-a-name-that-is-longer-than-a-terminal-likes", &[]);
    done.armed = false;
    let mut closed = incident("c", "closed-dlq", &[]);
    closed.closed_at = Some(at(NOW));
    let runs = incident("r", "orders-dlq", &[]);
    let recorded = vec![
        session("eeeeeeee-4444", "d", &done.queue.name, "completed"),
        session("aaaaaaaa-1111", "w", "users-dlq", "failed"),
        session("bbbbbbbb-2222", "x", "dead-dlq", "running"),
        session("cccccccc-3333", "r", "orders-dlq", "running"),
    ];
    let sessions = Sessions { sessions: recorded, incidents: vec![waits, done, closed, runs] };
    let completed = LastEvent {
        ended: Some(SessionStatus::Completed),
        cost_usd: Usd::from_dollars(0.42),
        verdict: Some("likely".into()),
        title: Some(format!("an order {} has no total", "that is \u{202e}very ".repeat(9))),
        report: Some("/state/sessions/eeeeeeee-4444/report.md".into()),
        ..LastEvent::default()
    };
    let seen = [
        ("eeeeeeee-4444", SessionProbe { held: None, last_event: completed }),
        ("bbbbbbbb-2222", SessionProbe { held: Some(false), ..SessionProbe::default() }),
        ("cccccccc-3333", SessionProbe { held: Some(true), ..SessionProbe::default() }),
    ];
    let mut budget = Budget::default();
    let limits = limits();
    let cause = Some("ffffffffffff");
    budget.reserve(&limits, "cccccccc-3333", "orders-dlq", cause, None, at(NOW)).unwrap();
    let documents = StateDocuments {
        sessions: Some(sessions),
        watched: Some(Watched::default()),
        budget: Some(budget),
        acks: Some(Acks::default()),
        silences: Some(Silences::default()),
    };
    (documents, seen.map(|(id, seen)| (id.to_owned(), seen)).into())
}

#[test]
fn acknowledgements_and_silences_in_force_are_shown() {
    let (mut documents, seen) = documents();
    let ack = |key: &str, until| Ack { key: key.into(), at: at(NOW - 60), until: at(until) };
    let silence = |glob: &str, from, until, reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        Silence { id: glob.into(), glob: glob.into(), from: at(from), until: at(until), reason }
    };
    let acks = vec![
        ack("acme/注文#12", NOW + 7200),
        ack("w", NOW + 3780),
        ack("gone-incident", NOW + 9000),
        ack("r", NOW),
    ];
    let silences = vec![
        silence("users-*", NOW - 5, NOW + 300, Some("migration \u{1b}[2J")),
        silence("*", NOW + 1, NOW + 300, None),
        silence("orders-*", NOW - 900, NOW, None),
        silence("a-queue-*", NOW - 900, NOW + 60, None),
    ];
    (documents.acks, documents.silences) = (Some(Acks { acks }), Some(Silences { silences }));
    let shown = view(&documents, &seen, &limits(), "/state", at(NOW));
    let text = table(&shown, style(80));
    let expected = "\
acknowledgements: 3 in force
  QUEUE OR PULL REQUEST  INCIDENT  UNTIL              LEFT
  users-dlq              w         1970-01-02 04:49Z  1h 3m
  acme/注文#12           -         1970-01-02 05:46Z  2h
  not open               gone-inc  1970-01-02 06:16Z  2h 30m
silences: 2 in force
  QUEUES     UNTIL              LEFT
  a-queue-*  1970-01-02 03:47Z  1m
  users-*    1970-01-02 03:51Z  5m
    migration \\u{1b}[2J
sessions:";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("\n    acknowledged, for 1h 3m; silenced, for 5m\n"), "{text}");
    assert_eq!(text.matches("    silenced, for 1m\n").count(), 1, "{text}");
    let json = serde_json::to_value(&shown).unwrap();
    assert_eq!(json["acks"][0]["queue"], "users-dlq");
    assert_eq!(json["silences"][1]["reason"], "migration \u{1b}[2J");
    assert_eq!(json["incidents"][0]["acked_until"], serde_json::json!(at(NOW + 3780)));
    assert_eq!(json["incidents"][2]["silenced_until"], serde_json::Value::Null);
}

#[test]
fn unreadable_statements_are_unknown() {
    let (documents, seen) = documents();
    let documents = StateDocuments { acks: None, silences: None, ..documents };
    let shown = view(&documents, &seen, &limits(), "/state", at(NOW));
    let text = table(&shown, style(80));
    assert!(text.contains("\nacknowledgements: unknown\nsilences: unknown\nsessions: 4"), "{text}");
    assert_eq!(serde_json::to_value(&shown).unwrap()["acks"], serde_json::Value::Null);
}

#[test]
fn table_fits_a_terminal_and_cuts_nothing_that_is_copied() {
    let (documents, seen) = documents();
    let view = view(&documents, &seen, &limits(), "/state", at(NOW));
    let expected = "\
incidents: 3 open
  QUEUE       DEPTH  SINCE  LOSS
  users-dlq   12     2h 3m  safe for 5h
    waits for the end of the cooldown, for 59m
  a-queue-with-a-name-that-is-longer-than-a-terminal-likes
              12     2h 3m  unknown
    session eeeeeeee: completed
  orders-dlq  12     2h 3m  unknown
    session cccccccc running
sessions: 4 on record
  ID        QUEUE       STATUS     AGE  COST
  cccccccc  orders-dlq  running    5m   -
  bbbbbbbb  dead-dlq    crashed    5m   -
    not yet recorded
  aaaaaaaa  users-dlq   failed     5m   -
  eeeeeeee  a-queue-with-a-name-that-is-longer-than-a-terminal-likes
                        completed  5m   $0.42
    likely: an order that is \\u{202e}very that is \\u{202e}very that is
      \\u{202e}very that is \\u{202e}very that is \\u{202e}very that is
      \\u{202e}very that is \\u{202e}very that is \\u{202e}very that is
      \\u{202e}very  has no total
    /state/sessions/eeeeeeee-4444/report.md
spend in 24 hours: $0.00 spent, $6.00 reserved, limit $25.00, left $19.00
  left for causes that are not near a loss: $14.00
  CAUSE     IN 30 DAYS
  ffffffff  $6.00
";
    let text = table(&view, style(80));
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn reason_of_waiting_is_a_clause() {
    let (mut documents, seen) = documents();
    let rows = [
        ("needs_person", "    waits for a person: nothing proves who states the cause"),
        ("unexplained", "    waits for --retry or new evidence: investigations found no cause"),
        ("logs_not_yet", "    waits for the lines of the log, then looks once more"),
        ("cooldown", "    waits for the end of the cooldown"),
        ("known_cause", "    waits for a session about the same cause"),
        ("new_word", "    waiting: new_word"),
    ];
    for (word, expected) in rows {
        let incidents = &mut documents.sessions.as_mut().unwrap().incidents;
        for incident in incidents.iter_mut().filter(|incident| !incident.reported.is_empty()) {
            incident.reported = vec![word.into()];
        }
        let text = table(&view(&documents, &seen, &limits(), "/state", at(NOW)), style(80));
        assert!(text.lines().any(|line| line.starts_with(expected)), "{word}:\n{text}");
    }
}

#[test]
fn empty_queue_has_no_loss() {
    let (mut documents, seen) = documents();
    for incident in &mut documents.sessions.as_mut().unwrap().incidents {
        incident.depth = Some(0);
    }
    let view = view(&documents, &seen, &limits(), "/state", at(NOW));
    let text = table(&view, style(200));
    assert!(text.contains("users-dlq") && text.contains("  0      2h 3m  empty\n"), "{text}");
    assert!(!text.contains("safe for"), "{text}");
}

#[test]
fn table_is_as_wide_as_the_terminal() {
    let (mut documents, seen) = documents();
    for incident in &mut documents.sessions.as_mut().unwrap().incidents {
        incident.queue.region = "eu-west-1".into();
        incident.queue.account = "production".into();
    }
    let view = view(&documents, &seen, &limits(), "/state", at(NOW));
    let path = "/state/sessions/eeeeeeee-4444/report.md";
    for width in [60, 80, 100, 200] {
        for has_scopes in [false, true] {
            let text = table(&view, TableStyle { has_scopes, ..style(width) });
            let wide = |line: &&str| line.chars().count() > width;
            assert_eq!(text.lines().find(wide), None, "{width}:\n{text}");
            assert!(text.contains(path) && text.contains("likely: an order that"), "{text}");
            assert_eq!(text.contains("  WHERE\n"), has_scopes && width >= 100, "{text}");
            assert_eq!(text.matches("eu-west-1, production").count(), 3 * usize::from(has_scopes));
        }
    }
}

#[test]
fn column_of_places_has_what_differs() {
    let rows = [
        (["eu-west-1", "us-east-1"], ["prod", "prod"], "eu-west-1"),
        (["eu-west-1", "eu-west-1"], ["prod", "test"], "prod"),
        (["eu-west-1", "us-east-1"], ["prod", "test"], "eu-west-1, prod"),
        (["eu-west-1", "eu-west-1"], ["prod", "prod"], "eu-west-1, prod"),
    ];
    for (regions, accounts, shown) in rows {
        let (mut documents, seen) = documents();
        let sessions = documents.sessions.as_mut().unwrap();
        sessions.sessions.clear();
        for (at, one) in sessions.incidents.iter_mut().enumerate() {
            one.queue.region = regions[at.min(1)].into();
            one.queue.account = accounts[at.min(1)].into();
        }
        let view = view(&documents, &seen, &limits(), "/state", at(NOW));
        let text = table(&view, TableStyle { has_scopes: true, ..style(120) });
        assert!(text.lines().nth(2).unwrap().ends_with(&format!("  {shown}")), "{text}");
    }
}

/// A width in a format panics beyond 65,535.
#[test]
fn any_text_may_be_wider_than_a_format_allows() {
    let long = "n".repeat(70_000);
    for change in [
        (|queue, long| queue.name = long) as fn(&mut Queue, String),
        |queue, long| queue.account = long,
        |queue, long| queue.region = long,
    ] {
        let (mut documents, seen) = documents();
        let sessions = documents.sessions.as_mut().unwrap();
        change(&mut sessions.incidents[0].queue, long.clone());
        let view = view(&documents, &seen, &limits(), "/state", at(NOW));
        for columns in [40, 120] {
            let text = table(&view, TableStyle { has_scopes: true, ..style(columns) });
            assert!(text.contains(&long[..columns]));
        }
    }
}

#[test]
fn whole_ids_are_shown_elsewhere_than_on_a_terminal() {
    let (documents, seen) = documents();
    let view = view(&documents, &seen, &limits(), "/state", at(NOW));
    let text = table(&view, TableStyle { short_ids: false, ..style(120) });
    for whole in [
        "a-queue-with-a-name-that-is-longer-than-a-terminal-likes",
        "cccccccc-3333",
        "ffffffffffff",
    ] {
        assert!(text.contains(whole), "{whole}:\n{text}");
    }
    assert!(!text.contains('…') && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn wait_for_the_same_cause_names_its_queue_and_report() {
    let (mut documents, seen) = documents();
    let incidents = &mut documents.sessions.as_mut().unwrap().incidents;
    let wait = |session: &str| Wait {
        session: Some(session.to_owned()),
        until: None,
        ..Wait::ending_at("known_cause", at(NOW), at(NOW))
    };
    incidents[0].wait = Some(wait("eeeeeeee-4444"));
    let shown = |documents: &StateDocuments| {
        let view = view(documents, &seen, &limits(), "/state", at(NOW));
        let table = table(&view, style(200));
        table.lines().nth(3).unwrap_or_default().to_owned()
    };
    let owner = "a-queue-with-a-name-that-is-longer-than-a-terminal-likes";
    assert_eq!(shown(&documents), format!("    same cause as {owner}, report eeeeeeee"));
    let incidents = &mut documents.sessions.as_mut().unwrap().incidents;
    incidents[0].wait = Some(wait("cccccccc-3333"));
    assert_eq!(shown(&documents), "    same cause as orders-dlq, session cccccccc");
    let incidents = &mut documents.sessions.as_mut().unwrap().incidents;
    incidents[0].wait = Some(wait("forgotten-9999"));
    assert_eq!(shown(&documents), "    same cause as another queue, session forgotte");
}

#[test]
fn colour_adds_escape_sequences_only() {
    let (documents, seen) = documents();
    let view = view(&documents, &seen, &limits(), "/state", at(NOW));
    let page = PageStyle { width: 100, color: true };
    let coloured = table(&view, TableStyle { page, ..style(100) });
    assert!(coloured.contains("\u{1b}[1mincidents: 3 open\u{1b}[0m"), "{coloured}");
    let mut plain = coloured;
    for code in ["1", "2", "32", "33", "1;31", "0"] {
        plain = plain.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(plain, table(&view, style(100)));
}

/// The end that an incident has recorded may be that of messages which are gone.
#[test]
fn loss_is_that_of_the_record_in_the_words_of_notices() {
    let hours = |hours: i64| Some(at(NOW + hours * 3600));
    let days = |days: i64| hours(24 * days);
    // The range of the incident, the oldest sampled message, and the newest arrivals; 4 days are kept.
    let rows = [
        ("as it was raised", (None, days(4)), None, NOW, "in 4d or sooner"),
        ("a notice came a moment later", (None, days(4)), None, NOW - 1, "in 4d or sooner"),
        ("a sample knows better", (None, days(4)), hours(-92), NOW, "within 4h"),
        ("the sampled one is gone", (None, hours(-1)), None, NOW, "in 4d or sooner"),
        ("safe", (days(3), days(4)), None, NOW, "safe for 3d"),
        ("safe, but for a sample", (days(3), days(4)), hours(-92), NOW, "within 4h"),
        ("no longer safe", (hours(-1), days(4)), None, NOW, "may be lost"),
        ("those that were not safe are gone", (hours(-9), hours(-1)), None, NOW, "in 4d or sooner"),
    ];
    for (rule, (after, before), oldest, by, words) in rows {
        let (mut documents, seen) = documents();
        let mut one = incident("i", "b", &[]);
        (one.expires_after, one.expires_before) = (after, before);
        documents.sessions.as_mut().unwrap().incidents = vec![one];
        let entry = serde_json::json!({"queue": queue("b"), "record": {
            "seq": 1, "sampled_at": at(NOW), "misses": 0, "zeros": null, "fall": null,
            "read": [at(NOW), {"visible": 3, "in_flight": 0, "delayed": 0}],
            "incident": {"id": "i", "raised_at": at(NOW), "raised_depth": 3, "next_step": 6,
                         "tier": null},
            "cohorts": [{"after": null, "by": at(by)}], "retention_s": 4 * 86_400,
            "oldest_sent_at": oldest,
        }});
        let queues = serde_json::json!({"version": 1, "floor": 0, "rounds": {}, "queues": {
            "arn:b": entry,
        }});
        documents.watched = Some(serde_json::from_value(queues).unwrap());
        let view = view(&documents, &seen, &limits(), "/state", at(NOW));
        let text = table(&view, style(120));
        let row = text.lines().nth(2).unwrap();
        assert!(row.ends_with(&format!("2h 3m  {words}")), "{rule}: {row}");
        let window = view.incidents.as_ref().unwrap()[0].window();
        let notice = loss_text::phrase(window, Some(3), at(NOW));
        assert!(notice.ends_with(words), "{rule}: {notice}");
    }
}

#[test]
fn unreadable_documents_are_unknown_and_unseen_incidents_shown() {
    let limits = BudgetLimits { reserve_for_expiry: 0.0, ..limits() };
    let none = view(&StateDocuments::default(), &BTreeMap::new(), &limits, "/state", at(NOW));
    assert_eq!((&none.incidents, &none.sessions, &none.spend), (&None, &None, &None));
    let text = "incidents: unknown\nacknowledgements: unknown\nsilences: unknown\n\
                sessions: unknown\nspend in 24 hours: unknown\n";
    assert_eq!(table(&none, style(80)), text);
    let entry = |name: &str, id: &str, misses: u64| {
        serde_json::json!({"queue": queue(name), "record": {
            "seq": 1, "sampled_at": at(NOW), "misses": misses, "zeros": null, "fall": null,
            "read": [at(NOW - 60), {"visible": 2, "in_flight": 1, "delayed": 0}],
            "incident": {"id": id, "raised_at": at(NOW - 90), "raised_depth": 3, "next_step": 6,
                         "tier": null},
            "cohorts": [{"after": null, "by": at(NOW - 90)}], "retention_s": 3690,
        }})
    };
    let queues = serde_json::json!({"version": 1, "floor": 0, "rounds": {}, "queues": {
        "arn:a": entry("a", "1", 0), "arn:b": entry("b", "2", 1),
    }});
    let watched = Some(serde_json::from_value(queues).unwrap());
    let budget = Some(Budget::default());
    let documents = StateDocuments { watched, budget, sessions: None, ..documents().0 };
    let view = view(&documents, &BTreeMap::new(), &limits, "/state", at(NOW));
    let expected = "\
incidents: 2 open
  QUEUE  DEPTH    SINCE   LOSS
  a      3        1m 30s  within 1h
    not yet seen by dlq-investigate
  b      unknown  1m 30s  within 1h
    not yet seen by dlq-investigate
sessions: unknown
spend in 24 hours: $0.00 spent, $0.00 reserved, limit $25.00, left $25.00
";
    assert_eq!(table(&view, style(80)), expected, "\n{}", table(&view, style(80)));
}

#[test]
fn dead_supervisor_leaves_the_status_of_its_last_event() {
    let mut rows = documents();
    let seen = rows.1.get_mut("bbbbbbbb-2222").unwrap();
    seen.last_event.ended = Some(SessionStatus::TimedOut);
    let view = view(&rows.0, &rows.1, &limits(), "/state", at(NOW));
    let one = &view.sessions.unwrap()[1];
    assert_eq!((one.status.as_str(), one.recorded), ("timed_out", false));
}
