use std::time::Duration;

use super::investigations::InvestigationStatus;
use super::queues::BUCKETS;
use super::timeline::{ENTRIES_MAX, Sign};
use super::*;
use crate::event::{Severity, Type, strict};
use crate::money::Usd;
use crate::rules::view::times::{IncidentStep, mean_times};

const TUESDAY: &str = include_str!("../../../../tests/fixtures/tuesday.ndjson");
const MONDAY: &str = include_str!("../../../../tests/fixtures/monday.ndjson");
const HOSTILE: &[u8] = include_bytes!("../../../../tests/fixtures/hostile.ndjson");
const ORDERS: &str = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq";
const EMAILS: &str = "arn:aws:sqs:eu-west-1:123456789012:emails-dlq";
const PAYMENTS: &str = "arn:aws:sqs:eu-west-1:123456789012:payments-events-dlq";

fn fold<'a>(lines: impl IntoIterator<Item = &'a str>) -> Dashboard {
    let mut state = Dashboard::default();
    apply(&mut state, lines);
    state
}

fn apply<'a>(state: &mut Dashboard, lines: impl IntoIterator<Item = &'a str>) {
    for line in lines {
        state.apply(&ShownEvent::read(line.as_bytes()).unwrap_or_else(|| panic!("{line}")));
    }
}

/// The lines of the scripted day before a time of day.
fn until(time: &str) -> impl Iterator<Item = &'static str> {
    let end = format!("2026-11-17T{time}");
    TUESDAY.lines().take_while(move |line| {
        let event = ShownEvent::read(line.as_bytes()).unwrap();
        event.head.time() < Timestamp::parse(&end)
    })
}

fn at(time: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-11-17T{time}")).unwrap()
}

#[track_caller]
fn assert_same(one: &Dashboard, other: &Dashboard) {
    assert_eq!(one.queues, other.queues);
    assert_eq!(one.incidents, other.incidents);
    assert_eq!(one.investigations, other.investigations);
    assert_eq!(one.pull_requests, other.pull_requests);
    assert_eq!(one.timeline, other.timeline);
    assert_eq!(one.rounds, other.rounds);
    assert_eq!(one.notices, other.notices);
    assert_eq!(one.source, other.source);
    assert_eq!(one.spend, other.spend);
}

fn incident<'a>(state: &'a Dashboard, arn: &str) -> &'a IncidentStory {
    state.incidents.values().find(|story| &*story.queue == arn).unwrap()
}

#[test]
fn scripted_day_is_as_this_family_writes_it() {
    for line in TUESDAY.lines() {
        let event = ShownEvent::read(line.as_bytes()).unwrap();
        match event.head.known {
            Some(kind) => strict(kind, line.as_bytes()).unwrap(),
            None => assert!(event.recorded.is_some(), "{line}"),
        }
    }
}

#[test]
fn queues_follow_the_scripted_day() {
    let state = fold(until("08:20:00Z"));
    let orders = &state.queues[ORDERS];
    assert_eq!((orders.depth, orders.in_flight), (Some(14), Some(2)));
    assert_eq!(orders.raised_at, Some(at("08:15:00.400Z")));
    assert_eq!(orders.severity(at("08:20:00Z")), Severity::Error);
    assert_eq!(state.queues[EMAILS].depth, Some(0));

    let state = fold(until("09:05:00Z"));
    let payments = &state.queues[PAYMENTS];
    assert_eq!((payments.depth, payments.unreadable.as_deref()), (None, Some("access denied")));
    assert_eq!(state.rounds.failure.as_ref().unwrap().1.as_ref(), "the security token has expired");

    let state = fold(TUESDAY.lines());
    let orders = &state.queues[ORDERS];
    assert_eq!((orders.depth, &orders.incident, orders.raised_at), (Some(0), &None, None));
    assert_eq!((orders.window().first(), orders.severity(at("12:00:00Z"))), (None, Severity::Info));
    let payments = &state.queues[PAYMENTS];
    assert_eq!(
        (payments.depth, payments.in_flight, &payments.unreadable),
        (Some(300), Some(5), &None)
    );
    assert_eq!(state.queues[EMAILS].severity(at("12:00:00Z")), Severity::Error);
    let rounds = &state.rounds;
    assert_eq!((rounds.interval_ms, rounds.queues, rounds.unread), (Some(300_000), Some(3), 0));
    assert_eq!(rounds.failure, None);
}

#[test]
fn incident_is_followed_from_raise_to_clear() {
    let state = fold(TUESDAY.lines());
    let story = incident(&state, ORDERS);
    let moments = [
        (story.empty_at, "08:14:30.200Z"),
        (story.raised_at, "08:15:00.400Z"),
        (story.investigated_at, "08:15:40.400Z"),
        (story.explained_at, "08:23:52.400Z"),
        (story.pull_request_at, "08:25:10.400Z"),
        (story.merged_at, "09:45:00.400Z"),
        (story.redriven_at, "10:12:00.400Z"),
        (story.cleared_at, "10:20:00.400Z"),
    ];
    for (found, expected) in moments {
        assert_eq!(found, Some(at(expected)));
    }
    assert_eq!(
        (story.cleared_by.as_deref(), story.redrive.as_deref()),
        (Some("redriven"), Some("completed"))
    );
    let requests = |cause: usize| story.requests_of(&story.causes[cause].0);
    assert_eq!(&*requests(0)[0].key, "acme/orders#431");
    assert!(requests(1).is_empty(), "it names the other cause");
    assert_eq!((story.causes.len(), story.causes[0].1), (2, 9));
    assert_eq!((story.depth, story.severity), (Some(0), Severity::Error));
    let waiting = incident(&state, EMAILS);
    assert_eq!(waiting.skipped.as_ref().unwrap().0.as_ref(), "not_targeted");
    assert!(waiting.is_open() && waiting.explained_at.is_none());
}

#[test]
fn elapsed_times_equal_the_mean_times() {
    let state = fold(TUESDAY.lines());
    let elapsed = |word: &str| {
        let mut entries = state.timeline.entries.iter();
        let entry = entries.find(|entry| entry.text.contains(word)).unwrap();
        (1, Ok(Duration::from_secs(entry.elapsed_s.unwrap())))
    };
    let times = mean_times(&state).map(|time| (time.count, time.mean));
    // orders 30.2 s, emails and payments as well: each was empty in the round before.
    assert_eq!(times[0], (3, Ok(Duration::from_millis(30_200))));
    assert_eq!(times[1], elapsed("investigation completed"));
    assert_eq!(times[1], (1, Ok(Duration::from_secs(8 * 60 + 52))));
    assert_eq!(times[2], elapsed("pull request opened"));
    assert_eq!(times[3], elapsed("merged"));
    assert_eq!(times[4], elapsed("empty again"));
    assert_eq!(times[4], (1, Ok(Duration::from_secs(7500))), "as the event says");
    assert_eq!(IncidentStep::ALL.map(IncidentStep::as_str)[4], "clear");
}

#[test]
fn investigations_have_steps_costs_and_an_end() {
    let state = fold(until("08:21:00Z"));
    let one = state.investigations.values().next().unwrap();
    assert_eq!(
        (one.status, one.steps.len(), one.pid),
        (InvestigationStatus::Running, 4, Some(4711))
    );
    assert_eq!(one.cost, Usd::from_dollars(0.31));
    let at_work: Vec<&str> = one.subagents.iter().map(|(who, _)| &**who).collect();
    assert_eq!(at_work, ["code-tracer"], "the other's last step is older than a minute");
    let sum = state.running_cost();
    assert_eq!((sum.known(), sum.sessions, sum.unknown), (Usd::from_dollars(0.31), 1, 0));

    let state = fold(TUESDAY.lines());
    let by_agent = |status| state.investigations.values().find(|one| one.status == status).unwrap();
    let explained = by_agent(InvestigationStatus::Completed);
    assert_eq!(explained.verdict.as_ref().unwrap().confidence, Some(0.92));
    assert!(explained.report.as_ref().unwrap().ends_with("report.md"));
    assert_eq!(by_agent(InvestigationStatus::TimedOut).cost, None);
    assert_eq!(state.spend.outcomes.success_rate(), Some(0.5));
    let [(day, sum)] = state.spend.by_day()[..] else { panic!() };
    assert_eq!(
        (day, sum.usd, sum.sessions, sum.unknown),
        (at("00:00:00Z"), Usd::from_dollars(0.47).unwrap(), 2, 1)
    );
    let causes = state.top_causes();
    assert_eq!((causes.len(), causes[0].messages, causes[0].open), (3, 9, 0));
    assert_eq!((causes[2].fingerprint, causes[2].spend.unwrap().unknown), ("unknown", 1));
    assert_eq!(causes[0].spend.unwrap().usd, sum.usd);
}

#[test]
fn pull_requests_and_notices_follow_the_scripted_day() {
    let state = fold(until("09:35:00Z"));
    let ours = &state.pull_requests["acme/orders#431"];
    assert_eq!(
        (ours.review.as_deref(), ours.checks.as_deref()),
        (Some("changes_requested"), Some("passing"))
    );
    assert_eq!(
        (ours.waiting_on.as_deref(), ours.is_ours, ours.is_open()),
        (Some("dlq-bot"), true, true)
    );
    let state = fold(TUESDAY.lines());
    let ours = &state.pull_requests["acme/orders#431"];
    assert_eq!(
        (ours.opened_at, ours.merged_at),
        (Some(at("08:25:10.400Z")), Some(at("09:45:00.400Z")))
    );
    let other = &state.pull_requests["acme/emails#77"];
    assert_eq!(
        (other.is_ours, other.opened_at),
        (false, Some(at("08:26:00.400Z").minus(Duration::from_secs(93_600))))
    );
    let counts = |sent, failed, held| NoticeCounts { sent, failed, held };
    assert_eq!(state.notices["slack"], counts(2, 0, 1));
    assert_eq!(state.notices["pagerduty"], counts(0, 1, 0));
    assert_eq!(state.notices.len(), 3);
}

#[test]
fn timeline_has_the_news_of_the_scripted_day() {
    let state = fold(TUESDAY.lines());
    let entries = &state.timeline.entries;
    let text: Vec<String> = entries
        .iter()
        .map(|entry| {
            format!(
                "{} {:?} {:?} {}",
                &entry.at.to_string()[11..19],
                entry.elapsed_s,
                entry.sign,
                entry.text
            )
        })
        .collect();
    let golden = include_str!("tests/tuesday.txt");
    assert_eq!(text.join("\n") + "\n", golden);
    assert!(entries.iter().is_sorted_by_key(|entry| entry.at));
}

#[test]
fn depth_and_arrivals_of_the_scripted_day_are_known_while_rounds_finish() {
    let state = fold(TUESDAY.lines());
    let totals = state.depth_over_time(at("12:04:00Z"));
    assert_eq!(totals.len(), BUCKETS);
    let depth_at = |time: &str| {
        let total = totals.iter().rev().find(|total| total.begins <= at(time)).unwrap();
        (total.depth, total.unknown)
    };
    assert_eq!(depth_at("06:00:00Z"), (None, 3), "before the history");
    assert_eq!(depth_at("08:05:00Z"), (Some(0), 0));
    assert_eq!(depth_at("08:20:00Z"), (Some(14), 0));
    assert_eq!(depth_at("08:50:00Z"), (Some(15), 0));
    assert_eq!(depth_at("09:05:00Z"), (Some(15), 0), "payments was empty in that bucket");
    assert_eq!(depth_at("12:00:00Z"), (Some(301), 0));
    let hours = state.arrivals(at("12:04:00Z"));
    let arrived = |time: &str| {
        let hour = hours.iter().find(|hour| hour.begins == at(time)).unwrap();
        (hour.arrived, hour.has_gaps)
    };
    assert_eq!(arrived("05:00:00Z"), (None, true));
    assert_eq!(arrived("08:00:00Z"), (Some(15), false));
    assert_eq!(arrived("10:00:00Z"), (Some(300), false));
    assert_eq!(arrived("11:00:00Z"), (Some(0), false));
    assert_eq!(hours.iter().filter_map(|hour| hour.arrived).sum::<u64>(), 315);
}

#[test]
fn repeated_events_change_nothing() {
    let once = fold(TUESDAY.lines());
    assert_same(&once, &fold(TUESDAY.lines().chain(TUESDAY.lines())));
    assert_same(&once, &fold(TUESDAY.lines().flat_map(|line| [line, line])));
    assert_eq!(once.source.events, TUESDAY.lines().count() as u64);
    assert_eq!(once.source.begins, Some(at("07:00:00.300Z")));
}

#[test]
fn older_events_do_not_overwrite_newer_figures() {
    let once = fold(TUESDAY.lines());
    let reversed = fold(TUESDAY.lines().rev());
    for (arn, queue) in &once.queues {
        let other = &reversed.queues[arn];
        let figures = |queue: &ShownQueue| {
            let (depth, read_at) = (queue.depth, queue.read_at);
            (depth, read_at, queue.incident.clone(), queue.raised_at, queue.window().first())
        };
        assert_eq!(figures(queue), figures(other), "{arn}");
    }
    assert_eq!(once.timeline.entries.len(), reversed.timeline.entries.len());
    assert_eq!(once.rounds.last, reversed.rounds.last);
    for (key, request) in &once.pull_requests {
        assert_eq!(request, &reversed.pull_requests[key]);
    }
    for (id, story) in &once.incidents {
        let other = &reversed.incidents[id];
        let moments = |story: &IncidentStory| {
            let (session, skipped) = (story.session.clone(), story.skipped.clone());
            (
                story.raised_at,
                story.explained_at,
                story.merged_at,
                story.cleared_at,
                session,
                skipped,
            )
        };
        assert_eq!(moments(story), moments(other));
        assert_eq!(story.causes, other.causes);
    }
    for (id, one) in &once.investigations {
        assert_eq!(one.status, reversed.investigations[id].status);
        assert_eq!(
            (one.cost, &one.steps),
            (reversed.investigations[id].cost, &reversed.investigations[id].steps)
        );
    }
}

#[test]
fn history_that_begins_late_leaves_the_rest_unknown() {
    let late = |time: &str| {
        let skip = until(time).count();
        fold(TUESDAY.lines().skip(skip))
    };
    let state = late("10:20:00Z");
    let story = incident(&state, ORDERS);
    assert_eq!((story.raised_at, story.explained_at), (Some(at("08:15:00.400Z")), None));
    let state = late("11:10:00Z");
    let emails = &state.queues[EMAILS];
    assert!(emails.incident.is_some(), "an expiring queue has an incident");
    assert_eq!((emails.depth, emails.raised_at), (Some(1), None));
    assert_eq!(state.queues.len(), 1);
    assert_eq!(mean_times(&state)[4].mean, Err("no incident has begun in this history"));
}

#[test]
fn events_without_a_time_or_from_the_future_are_only_counted() {
    let event = |id: &str, time: &str, depth: u64| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"{}",{time}"data":{{"queue":{{"arn":"a"}},"depth":{depth}}}}}"#,
            Type::QueuePolled.as_str()
        )
    };
    let lines = [
        event("1", r#""time":"2026-11-17T08:00:00Z","#, 1),
        event("2", r#""time":"9999-01-01T00:00:00Z","#, 2),
        event("3", r#""time":"soon","#, 3),
        event("4", "", 4),
    ];
    let mut state = Dashboard { latest: Some(at("08:05:00Z")), ..Dashboard::default() };
    apply(&mut state, lines.iter().map(String::as_str));
    assert_eq!(
        (state.queues["a"].depth, state.source.untimely, state.source.events),
        (Some(1), 3, 1)
    );
    assert_eq!(state.source.newest, Some(at("08:00:00Z")));
}

#[test]
fn hostile_streams_are_bounded_and_damage_is_no_event() {
    let mut state = Dashboard::default();
    let mut damaged = 0;
    for line in HOSTILE.split(|byte| *byte == b'\n') {
        match ShownEvent::read(line) {
            Some(event) => state.apply(&event),
            None => damaged += 1,
        }
    }
    assert_eq!((damaged, state.source.untimely), (5, 1));
    assert_eq!(
        state
            .queues
            .values()
            .filter(|queue| queue.severity(at("12:00:00Z")) == Severity::Fatal)
            .count(),
        3
    );
    let longest = state.timeline.entries.iter().map(|entry| entry.text.len()).max();
    assert!(longest < Some(2500), "{longest:?}");
    assert!(state.queues.keys().all(|arn| arn.len() <= limits::NAME_MAX));
    assert!(
        state
            .investigations
            .values()
            .flat_map(|one| &one.steps)
            .all(|step| step.step.len() <= limits::TEXT_MAX)
    );
    assert_eq!(state.top_causes().len(), 1);
    let other = state.timeline.entries.iter().find(|entry| entry.text.contains("thing.happened"));
    assert_eq!(other.unwrap().sign, Sign::Bad);
    for time in ["12:00:30Z", "12:30:00Z"] {
        let now = at(time);
        state.depth_over_time(now);
        state.arrivals(now);
    }
    assert!(mean_times(&state)[1].mean.is_ok());
}

/// The size of what the state keeps, in items and bytes of history.
fn size(state: &Dashboard) -> [usize; 9] {
    let buckets = |queue: &ShownQueue| queue.depths.buckets.capacity();
    [
        state.queues.len(),
        state.queues.values().map(buckets).sum(),
        state.incidents.len(),
        state.investigations.len(),
        state.investigations.values().map(|one| one.steps.len() + one.subagents.len()).sum(),
        state.pull_requests.len(),
        state.timeline.entries.len(),
        state.notices.len(),
        state.spend.causes.len() + state.spend.days.len(),
    ]
}

/// The day again and again with other ids and names, `step` apart.
fn repeated(state: &mut Dashboard, days: std::ops::Range<u32>, step: Duration, is_renamed: bool) {
    let day = TUESDAY.lines().chain(MONDAY.lines()).filter(|line| line.contains("incident"));
    let lines: Vec<&str> = day.collect();
    for n in days {
        for line in &lines {
            let (_, rest) = line.split_once(r#""time":""#).unwrap();
            let time = &rest[..24];
            let later = Timestamp::parse(time).unwrap().plus(step * n).to_string();
            let mut line = line.replace(time, &later);
            let keys: &[&str] = if is_renamed { &["arn", "repo"] } else { &[] };
            for key in ["id", "incident", "session"].iter().chain(keys) {
                // The first id is that of the event.
                line = line.replacen(&format!(r#""{key}":""#), &format!(r#""{key}":"{n} "#), 1);
            }
            state.apply(&ShownEvent::read(line.as_bytes()).unwrap());
        }
    }
}

/// Rounds every five minutes over two queues, with a session that never ends.
fn rounds(state: &mut Dashboard, minutes: std::ops::Range<u64>) {
    let begin = at("00:00:00Z");
    for n in minutes.step_by(5) {
        let time = begin.plus(Duration::from_secs(n * 60));
        let event = |id: &str, kind: Type, data: &str| {
            let kind = kind.as_str();
            format!(
                r#"{{"specversion":"1.0","id":"{id} {n}","source":"s","type":"{kind}","time":"{time}","data":{{{data}}}}}"#
            )
        };
        let lines = [
            event("a", Type::QueuePolled, &format!(r#""queue":{{"arn":"a"}},"depth":{}"#, n % 7)),
            event("b", Type::QueuePolled, &format!(r#""queue":{{"arn":"b"}},"depth":{}"#, n + 1)),
            event(
                "s",
                Type::InvestigationProgressed,
                &format!(r#""session":"s","step":"x","subagent":"{n}""#),
            ),
            event("f", Type::PollFinished, ""),
        ];
        apply(state, lines.iter().map(String::as_str));
    }
}

#[test]
fn state_stays_flat_while_it_is_left_open() {
    let mut state = Dashboard::default();
    const DAY: u64 = 24 * 60;
    // The news of two days every four minutes and rounds, for longer than the day that a history holds;
    // then the news for as long again, and the rounds of 8 hours.
    let step = Duration::from_secs(4 * 60);
    repeated(&mut state, 0..480, step, false);
    rounds(&mut state, 0..DAY);
    let before = size(&state);
    repeated(&mut state, 480..960, step, false);
    rounds(&mut state, DAY..DAY + 8 * 60);
    assert!(before[1] >= 2 * BUCKETS && before[2] > 1500 && before[3] > 400, "{before:?}");
    for (now, before) in size(&state).into_iter().zip(before) {
        // Each day of spend is one more, up to the limit of days.
        assert!(now <= before + before / 5 + 3, "{:?}, before: {before}", size(&state));
    }
    assert_eq!(state.timeline.entries.len(), ENTRIES_MAX);
    assert_eq!(state.investigations["s"].steps.len(), investigations::STEPS_MAX);
}

#[test]
fn collections_have_a_limit() {
    let mut state = Dashboard::default();
    repeated(&mut state, 0..1300, Duration::from_secs(60), true);
    let [_, _, incidents, investigations, _, requests, timeline, notices, _] = size(&state);
    assert!(incidents <= incidents::INCIDENTS_MAX && incidents > 1000, "{incidents}");
    assert!(investigations <= investigations::INVESTIGATIONS_MAX, "{investigations}");
    assert!(requests <= pull_requests::REQUESTS_MAX, "{requests}");
    assert_eq!((timeline, notices), (ENTRIES_MAX, 0));
    let open = state.incidents.values().filter(|story| story.is_open()).count();
    assert!(open > incidents / 2, "those that were cleared are dropped first: {open}");
}
