//! Claims of the views that a person relies on: what is unknown is never shown as none or as zero, and
//! what is lost first comes first.

use std::time::Duration;

use serde_json::{Value, json};

use super::states::{self, ago, now};
use crate::event::ShownEvent;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::incidents::INCIDENTS_MAX;
use crate::rules::view::dashboard::state_folder::{FolderReading, SessionReading};
use crate::rules::view::page::PageStyle;
use crate::rules::view::part::{PartFacts, PartStyle, StatusPart, document, page};
use crate::rules::view::screen::{ScreenFlags, ScreenView, Ui, text};
use crate::time::Timestamp;

pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:123456789012:{name}")
}

/// Returns an event of so many seconds ago.
pub fn event(kind: &str, seconds: i64, incident: Option<&str>, data: &Value) -> String {
    let time = Timestamp::from_millis(now().millis() - seconds * 1000);
    let id = format!("{kind} {seconds} {data}");
    let mut event = json!({"specversion": "1.0", "id": id, "source": "s", "type": kind,
                           "time": time, "severitytext": "ERROR", "data": data});
    if let Some(incident) = incident {
        event["incident"] = incident.into();
    }
    event.to_string()
}

fn queue(name: &str) -> Value {
    json!({"name": name, "arn": arn(name), "region": "eu-west-1", "account": "production"})
}

pub fn round(seconds: i64) -> String {
    event("poll.finished", seconds, None, &json!({"queues": 1, "duration_ms": 20}))
}

/// Returns the raise of a queue whose messages are lost within so many hours.
pub fn raised(name: &str, seconds: i64, depth: u64, hours: Option<u64>) -> String {
    let before = hours.map(|hours| now().plus(Duration::from_secs(hours * 3600)));
    let data = json!({"queue": queue(name), "depth": depth, "expires_before": before});
    event("queue.raised", seconds, Some(&format!("incident of {name}")), &data)
}

fn sampled(name: &str, causes: &[(&str, &str)]) -> String {
    let causes: Vec<Value> =
        causes.iter().map(|(id, title)| json!({"id": id, "count": 3, "title": title})).collect();
    let data = json!({"queue": queue(name), "taken": 5, "fingerprints": causes});
    event("queue.sampled", 790, Some(&format!("incident of {name}")), &data)
}

fn request(kind: &str, number: u64, seconds: i64, fingerprint: Option<&str>) -> String {
    let data = json!({"pr": {"repo": "a/b", "number": number, "title": "t"},
                      "fingerprint": fingerprint});
    event(&format!("pr.{kind}"), seconds, Some("incident of a-dlq"), &data)
}

fn investigation(kind: &str, seconds: i64, data: Value) -> String {
    let mut all = json!({"queue": queue("a-dlq"), "session": "s-1"});
    all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    event(&format!("investigation.{kind}"), seconds, Some("incident of a-dlq"), &all)
}

pub fn fold(lines: &[String]) -> Dashboard {
    let latest = Some(now().plus(Duration::from_secs(300)));
    let mut state = Dashboard { latest, ..Dashboard::default() };
    for line in lines {
        state.apply(&ShownEvent::read(line.as_bytes()).unwrap());
    }
    state
}

pub fn shown(state: &Dashboard, view: ScreenView, width: u16, height: u16) -> String {
    let mut ui = Ui { view, ..Ui::new(ScreenFlags { ascii: true, ..ScreenFlags::default() }) };
    text(state, &mut ui, now(), width, height)
}

fn facts(part: StatusPart, dashboard: &Dashboard) -> PartFacts<'_> {
    PartFacts { part, dashboard, budget: None, state: "/state", now: now() }
}

pub fn json_of(part: StatusPart, state: &Dashboard) -> Value {
    let document: Value = serde_json::from_str(&document(&facts(part, state))).unwrap();
    document[part.as_str()].clone()
}

pub fn part(part: StatusPart, state: &Dashboard) -> String {
    let page_style = PageStyle { width: 80, color: false };
    page(&facts(part, state), PartStyle { page: page_style, ascii: true, lines_max: None })
}

/// Returns the line with a word, the words apart by one space.
#[track_caller]
pub fn line(text: &str, word: &str) -> String {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let found = lines.find(|line| line.contains(word));
    found.unwrap_or_else(|| panic!("no '{word}' in:\n{text}"))
}

#[test]
fn cause_has_the_pull_request_of_its_own_fingerprint() {
    let causes = [("aaaa-1", "Alpha"), ("bbbb-2", "Beta"), ("cccc-3", "Gamma")];
    let begin = || vec![round(900), raised("a-dlq", 800, 5, None), sampled("a-dlq", &causes)];
    let two = [
        request("opened", 1, 700, Some("aaaa-1")),
        request("opened", 2, 600, Some("bbbb-2")),
        request("merged", 1, 300, None),
    ];
    let state = fold(&[begin(), two.to_vec()].concat());
    let view = shown(&state, ScreenView::Incidents, 120, 20);
    let has = |word: &str| line(&view, word).contains("a/b#");
    assert!(line(&view, "Alpha").contains("a/b#1"), "{view}");
    assert!(line(&view, "Beta").contains("a/b#2") && !has("Gamma"), "{view}");
    let rows = json_of(StatusPart::Incidents, &state);
    let row = |title: &str| {
        let rows = rows.as_array().unwrap();
        let row = rows.iter().find(|row| row["title"] == title).unwrap();
        [&row["pull_request"], &row["merged_at"]].map(Clone::clone)
    };
    assert_eq!(row("Alpha"), [json!("a/b#1"), json!(ago(300))]);
    assert_eq!(row("Beta"), [json!("a/b#2"), Value::Null], "it is not merged");
    assert_eq!(row("Gamma"), [Value::Null, Value::Null]);
}

#[test]
fn pull_request_that_names_no_cause_is_of_none_among_several() {
    let begin = |causes: &[(&str, &str)]| {
        let opened = request("opened", 1, 700, None);
        let merged = request("merged", 1, 300, None);
        vec![round(900), raised("a-dlq", 800, 5, None), sampled("a-dlq", causes), opened, merged]
    };
    let one = fold(&begin(&[("aaaa-1", "Alpha")]));
    let rows = json_of(StatusPart::Incidents, &one);
    assert_eq!(
        [&rows[0]["pull_request"], &rows[0]["merged_at"]],
        [&json!("a/b#1"), &json!(ago(300))]
    );
    let two = fold(&begin(&[("aaaa-1", "Alpha"), ("bbbb-2", "Beta")]));
    let rows = json_of(StatusPart::Incidents, &two);
    for row in rows.as_array().unwrap() {
        assert_eq!([&row["pull_request"], &row["merged_at"]], [&Value::Null, &Value::Null]);
    }
    let view = shown(&two, ScreenView::Incidents, 120, 20);
    assert!(line(&view, "Alpha").ends_with(" ?"), "it may be of this cause:\n{view}");
}

#[test]
fn cause_with_several_pull_requests_shows_the_one_that_is_open() {
    let cause = Some("aaaa-1");
    let lines = [
        round(900),
        raised("a-dlq", 800, 5, None),
        sampled("a-dlq", &[("aaaa-1", "Alpha")]),
        request("opened", 3, 700, cause),
        request("opened", 2, 600, cause),
        request("opened", 1, 500, cause),
        request("merged", 1, 300, cause),
        request("closed", 3, 200, cause),
    ];
    let state = fold(&lines);
    let row = &json_of(StatusPart::Incidents, &state)[0];
    assert_eq!([&row["pull_request"], &row["merged_at"]], [&json!("a/b#2"), &Value::Null]);
    let view = shown(&state, ScreenView::Incidents, 120, 20);
    assert!(line(&view, "Alpha").contains("#2+2"), "{view}");
    let incident = &state.incidents["incident of a-dlq"];
    assert_eq!(incident.merged_at, None, "one of them is still open");
}

#[test]
fn pull_request_that_was_opened_again_is_open() {
    let lines = [
        round(900),
        request("opened", 5, 400, None),
        request("closed", 5, 300, None),
        request("opened", 5, 200, None),
    ];
    let state_of = |state: &Dashboard| {
        let row = json_of(StatusPart::Prs, state)[0].clone();
        [row["state"].clone(), row["opened_at"].clone()]
    };
    assert_eq!(state_of(&fold(&lines[..3])), [json!("closed"), json!(ago(400))]);
    assert_eq!(state_of(&fold(&lines)), [json!("open"), json!(ago(400))]);
    let reversed: Vec<String> = lines.iter().rev().cloned().collect();
    assert_eq!(state_of(&fold(&reversed)), [json!("open"), json!(ago(400))]);
    assert!(line(&shown(&fold(&lines), ScreenView::Overview, 80, 24), "Pull").contains("1 open"));
}

#[test]
fn first_loss_comes_first() {
    let polled = |name: &str, depth: u64| {
        event("queue.polled", 2000, None, &json!({"queue": queue(name), "depth": depth}))
    };
    let lines = [
        round(3000),
        raised("never-dlq", 2000, 2000, None),
        raised("later-dlq", 2000, 1000, Some(240)),
        raised("today-dlq", 2000, 2, Some(20)),
        raised("small-dlq", 2000, 1, Some(3)),
        raised("equal-dlq", 2000, 9, Some(3)),
        raised("worst-dlq", 2000, 1, Some(1)),
        polled("below-dlq", 4000),
        round(10),
    ];
    let state = fold(&lines);
    let names = |rows: &Value| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["queue"].as_str().unwrap().replace("-dlq", "")).collect()
    };
    let queues = names(&json_of(StatusPart::Queues, &state));
    assert_eq!(queues, ["worst", "equal", "small", "today", "later", "never", "below"]);
    let incidents = names(&json_of(StatusPart::Incidents, &state));
    assert_eq!(incidents, ["worst", "equal", "small", "today", "later", "never"]);
    let view = shown(&state, ScreenView::Incidents, 80, 24);
    assert!(line(&view, "worst-dlq").starts_with("X open"), "as the queue:\n{view}");
}

#[test]
fn damaged_sessions_are_unknown_and_not_none() {
    let mut state = fold(&[round(90_000), round(10)]);
    state.set_folder(FolderReading { at: now(), ..FolderReading::default() });
    let overview = shown(&state, ScreenView::Overview, 80, 24);
    assert!(line(&overview, "Investigators").contains("unknown"), "{overview}");
    assert!(!overview.contains("none running") && !overview.contains("none in"), "{overview}");
    assert!(overview.contains("unknown: sessions.json cannot be read"), "{overview}");
    let view = shown(&state, ScreenView::Investigations, 80, 24);
    assert!(!view.contains("none"), "{view}");
    let sessions = Some(Vec::new());
    state.set_folder(FolderReading { at: now(), sessions, ..FolderReading::default() });
    let overview = shown(&state, ScreenView::Overview, 80, 24);
    assert!(overview.contains("none running") && overview.contains("none in the last 24h"));
}

#[test]
fn views_claim_nothing_without_an_event() {
    let mut unread = Dashboard::default();
    unread.source.problems = vec!["the folder cannot be read".into()];
    for state in [&Dashboard::default(), &unread] {
        for view in ScreenView::ALL {
            for (width, height) in [(40, 10), (80, 24)] {
                let shown = shown(state, view, width, height);
                let claims =
                    shown.lines().filter(|line| line.contains("none") || line.contains(" 0 "));
                assert_eq!(claims.count(), 0, "{shown}");
            }
        }
        assert!(!part(StatusPart::Spend, state).contains("no investigation has"));
    }
    for view in ScreenView::ALL {
        for width in [80, 130] {
            let shown = shown(&unread, view, width, 24);
            assert!(shown.lines().next().unwrap().ends_with("journal: not read"), "{shown}");
            assert!(!shown.contains("no event yet"), "{shown}");
        }
    }
}

#[test]
fn short_history_says_since_when_there_is_none() {
    let state = fold(&[round(10)]);
    let overview = shown(&state, ScreenView::Overview, 80, 24);
    assert!(overview.contains("none since 15:59:50Z"), "{overview}");
    assert!(line(&overview, "Pull").contains("none known"), "{overview}");
    let narrow = shown(&state, ScreenView::Overview, 40, 10);
    assert!(!narrow.contains("none open") && !narrow.contains("none running"), "{narrow}");
    let analytics = shown(&state, ScreenView::Analytics, 120, 60);
    assert!(analytics.contains("none has ended since 15:59:50Z"), "{analytics}");
    assert!(part(StatusPart::Spend, &state).contains("none has ended since 15:59:50Z"));
}

fn timed_out(cost: Option<f64>) -> Dashboard {
    fold(&[
        round(900),
        raised("a-dlq", 800, 5, None),
        investigation("started", 790, json!({"agent": "claude", "pid": 4711})),
        investigation("progressed", 780, json!({"step": "reads", "cost_usd": cost})),
        investigation("timed_out", 100, json!({"detail": "stopped", "duration_s": 690})),
        round(10),
    ])
}

#[test]
fn cost_of_an_end_without_one_is_the_least_that_it_can_be() {
    let state = timed_out(Some(0.42));
    assert!(
        line(&shown(&state, ScreenView::Analytics, 80, 60), "today").contains("$0.42+ 1 session")
    );
    assert!(
        line(&shown(&state, ScreenView::Overview, 80, 24), "timed out a-dlq").ends_with("$0.42+")
    );
    assert!(part(StatusPart::Spend, &state).contains("$0.42+"));
    let spend = json_of(StatusPart::Spend, &state);
    for sum in [&spend["days"][0], &spend["causes"][0]] {
        assert_eq!([&sum["usd"], &sum["unknown"]], [&json!(0.42), &json!(1)]);
    }
    let spend = json_of(StatusPart::Spend, &timed_out(None));
    assert_eq!([&spend["days"][0]["usd"], &spend["days"][0]["unknown"]], [&Value::Null, &json!(1)]);
}

#[test]
fn cost_of_what_runs_is_unknown_until_it_is_told() {
    let state = fold(&[
        round(900),
        raised("a-dlq", 800, 5, None),
        investigation("started", 790, json!({"agent": "claude", "pid": 4711})),
        round(10),
    ]);
    for shown in [shown(&state, ScreenView::Analytics, 80, 60), part(StatusPart::Spend, &state)] {
        assert!(line(&shown, "running").starts_with("running ?"), "{shown}");
    }
    let running = &json_of(StatusPart::Spend, &state)["running"];
    assert_eq!(*running, json!({"usd": null, "sessions": 1, "unknown": 1}));
}

#[test]
fn history_without_a_round_is_a_problem() {
    let state = fold(&[raised("a-dlq", 3 * 3600, 5, None)]);
    let warning = "no round of dlq-poll since 13:00:00Z, where the history begins";
    for view in ScreenView::ALL {
        let shown = shown(&state, view, 100, 40);
        assert!(shown.contains(warning), "{shown}");
    }
    assert!(part(StatusPart::Queues, &state).contains("no round of dlq-poll since"));
    let young = fold(&[raised("a-dlq", 600, 5, None)]);
    assert!(!shown(&young, ScreenView::Overview, 80, 24).contains("no round"));
}

#[test]
fn unknown_has_a_mark_of_its_own() {
    let data = json!({"queue": queue("b-dlq"), "depth": null, "reason": "denied"});
    let mut state = fold(&[
        round(90_000),
        raised("a-dlq", 800, 5, None),
        event("queue.unreadable", 700, None, &data),
        investigation("progressed", 5, json!({"step": "reads"})),
        round(10),
    ]);
    let session = |id: &str, status| {
        let mut session = Session { id: id.into(), status, ..Session::default() };
        session.queue.arn = arn("c-dlq");
        SessionReading { session, ..SessionReading::default() }
    };
    let running = session("s-2", SessionStatus::Running);
    let sessions = Some(vec![running, session("s-3", SessionStatus::Failed)]);
    state.set_folder(FolderReading { at: now(), sessions, ..FolderReading::default() });
    let overview = shown(&state, ScreenView::Overview, 130, 40);
    let running = line(&overview, "running a-dlq");
    assert_eq!(running, "> running a-dlq ? 0 ? ? ? ?", "{overview}");
    let recorded = line(&overview, "running c-dlq");
    assert_eq!(recorded.split(' ').nth(4), Some("?"), "none of its events was read:\n{overview}");
    assert!(line(&overview, "UNKNOWN b-dlq").contains('?'), "{overview}");
    let view = shown(&state, ScreenView::Investigations, 130, 40);
    assert!(line(&view, "failed").contains(" ? "), "its cost:\n{view}");
}

#[test]
fn events_ahead_of_the_clock_are_told() {
    let state = fold(&[round(5), round(-700), raised("a-dlq", -650, 5, None)]);
    for view in ScreenView::ALL {
        let shown = shown(&state, view, 100, 40);
        let told = "2 events are left out: they have no time, or one ahead of the clock";
        assert!(shown.contains(told), "{shown}");
    }
    assert!(part(StatusPart::Queues, &state).contains("2 events are left out"));
}

#[test]
fn statements_of_the_stream_mark_their_rows() {
    let ack = |seconds: i64, until: Option<Timestamp>| {
        let data = json!({"key": "incident of a-dlq", "until": until});
        event("notice.acked", seconds, None, &data)
    };
    let silence = |seconds: i64, until: Option<Timestamp>| {
        event("notice.silenced", seconds, None, &json!({"glob": "b-*", "until": until}))
    };
    let later = Some(now().plus(Duration::from_secs(3600)));
    let begin =
        [round(900), raised("a-dlq", 800, 5, None), raised("b-dlq", 800, 5, None), round(9)];
    let marks = |more: &[String]| {
        let view = shown(&fold(&[&begin, more].concat()), ScreenView::Overview, 130, 40);
        ["a-dlq", "b-dlq"].map(|name| {
            let row = line(&view, &format!("ERROR {name}"));
            ["acked", "silenced"].map(|word| row.contains(word))
        })
    };
    let none = [false, false];
    assert_eq!(marks(&[]), [none, none]);
    let said = [ack(700, later), silence(600, later)];
    assert_eq!(marks(&said), [[true, false], [false, true]]);
    let ended = [ack(500, None), silence(400, None)];
    assert_eq!(marks(&[said.clone(), ended.clone()].concat()), [none, none]);
    assert_eq!(marks(&[ended, said].concat()), [none, none], "the later one counts");
    let past = [ack(700, Some(ago(5))), silence(600, Some(ago(5)))];
    assert_eq!(marks(&past), [none, none]);
}

#[test]
fn narrow_incidents_are_told_apart_by_their_causes() {
    let view = shown(&states::normal(), ScreenView::Incidents, 40, 12);
    assert!(view.contains("KeyError") && view.contains("ReadTimeout"), "{view}");
}

#[test]
fn most_urgent_incidents_stay_and_the_number_is_right() {
    let open = INCIDENTS_MAX as u64 + 1000;
    let hours = |number: u64| Some(if number < 100 { 1 } else { 250 });
    let mut lines = vec![round(9000)];
    lines.extend((0..open).map(|n| raised(&format!("q-{n:05}"), 5000 - n as i64, 5, hours(n))));
    lines.push(round(5));
    let state = fold(&lines);
    let fatal =
        (0..100).filter(|n| state.incidents.contains_key(&*format!("incident of q-{n:05}")));
    assert_eq!(fatal.count(), 100);
    let view = shown(&state, ScreenView::Incidents, 100, 24);
    assert!(line(&view, "Incidents -").contains(&format!("{open} open")), "{view}");
    let kept = state.incidents.len() as u64;
    let told = format!("{} open incidents are not kept", open - kept);
    assert!(view.contains(&told), "{told}:\n{view}");
    assert!(part(StatusPart::Incidents, &state).contains(&told));
}
