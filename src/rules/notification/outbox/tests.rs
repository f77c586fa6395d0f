//! Entries: their action, key, pauses, and what people withdraw.

use super::digest::digest;
use super::*;
use crate::event::{Severity, derived_id};
use crate::rules::notification::ack::{Ack, Acks};
use crate::rules::notification::delivery::ProblemKeys;
use crate::rules::notification::overtake::EntryFacts;
use crate::rules::notification::silence::{Silence, Silences};
use crate::rules::notification::topic::{Pending, Topic};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(0).plus(Duration::from_secs(seconds))
}

fn entry(subjects: &[&str], incidents: &[&str], reason: SendReason) -> OutboxEntry {
    let notice = Notice::plain(Severity::Error, "orders-dlq", "it broke", "look", at(0));
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    OutboxEntry {
        sequence: 1,
        channel: "slack".into(),
        reason,
        delivery: Delivery {
            id: "id".into(),
            action: Action::Trigger,
            key: String::new(),
            problems: ProblemKeys::default(),
            incident: None,
            event: None,
            notice,
            handle: None,
            at: at(0),
        },
        event: EventKey::default(),
        subjects: texts(subjects),
        incidents: texts(incidents),
        ends_problem: false,
        fallback: None,
        refused_by: Vec::new(),
        queued_at: at(0),
        attempts: 0,
        perhaps_sent: false,
        not_before: None,
        silence: None,
        silenced_ms: 0,
        slot: None,
    }
}

#[test]
fn delivery_resolves_when_all_that_it_tells_of_is_over() {
    use SendReason::{Ended, New, News};
    let due = |reasons: &[SendReason]| {
        let event = |reason: &SendReason| Pending {
            key: EventKey::default(),
            reason: *reason,
            severity: Severity::Error,
            at: at(0),
            due: at(0),
            hold: None,
            line: "".into(),
            causes: Vec::new(),
        };
        let events = reasons.iter().map(event).collect();
        DueNotice { events, ..DueNotice::new(&Topic::default(), None, reasons[0], at(0)) }
    };
    let rows: [(&[&[SendReason]], bool, Action); 6] = [
        (&[&[New]], false, Action::Trigger),
        (&[&[News]], true, Action::Update),
        (&[&[Ended]], false, Action::Resolve),
        (&[&[News, Ended]], false, Action::Resolve),
        (&[&[Ended], &[News, Ended]], false, Action::Resolve),
        (&[&[Ended], &[News]], false, Action::Trigger),
    ];
    for (told, is_update, expected) in rows {
        let notices = told.iter().map(|reasons| due(reasons)).collect();
        let planned = PlannedDelivery { is_update, notices, ..planned(&[]) };
        let entry = OutboxEntry::new(&planned, Notice::default(), at(0), at(0));
        assert_eq!(entry.delivery.action, expected, "{told:?}");
        assert_eq!(entry.ends_problem, told.iter().any(|one| one.contains(&Ended)));
    }
}

#[test]
fn end_makes_needless_what_has_begun_an_alert() {
    let with = |action: Action, key: &str, severity: Severity| {
        let mut one = entry(&["q"], &["i"], SendReason::New);
        (one.delivery.action, one.delivery.key) = (action, key.into());
        one.delivery.notice.severity = severity;
        one
    };
    use Action::{Resolve, Trigger, Update};
    let end = with(Resolve, "k", Severity::Info);
    let lost = with(Resolve, "k", Severity::Error);
    let rows = [
        ("an alert that is over", Trigger, "k", &end, true, true),
        ("elsewhere people are told", Trigger, "k", &end, false, false),
        ("a loss is no quiet end", Trigger, "k", &lost, true, false),
        ("another alert", Trigger, "other", &end, true, false),
        ("an edit", Update, "k", &end, false, true),
        ("an end", Resolve, "k", &end, true, false),
    ];
    for (rule, action, key, later, keeps_alerts, expected) in rows {
        let one = with(action, key, Severity::Error);
        let later = EntryFacts::new(later);
        assert_eq!(one.is_outdated_by(&later, keeps_alerts), expected, "{rule}");
    }
}

#[test]
fn delivery_that_comes_late_says_so() {
    let one = entry(&["q"], &["i"], SendReason::New);
    let rows = [(0, "it broke"), (599, "it broke"), (36_000, "it broke (10h ago)")];
    for (age, expected) in rows {
        let found = one.delivery_at(at(age));
        assert_eq!((found.notice.what.as_str(), found.id), (expected, "id".to_owned()));
    }
}

#[test]
fn event_of_a_delivery_is_the_one_that_its_title_tells_of() {
    let event = |line: &str, severity| Pending {
        key: EventKey::default(),
        reason: SendReason::Grew,
        severity,
        at: at(0),
        due: at(0),
        hold: None,
        line: line.into(),
        causes: Vec::new(),
    };
    let mut planned = planned(&[("queue\na", Some("i"))]);
    planned.notices[0].events = vec![
        event("error", Severity::Error),
        event("fatal", Severity::Fatal),
        event("newest", Severity::Error),
    ];
    let made = OutboxEntry::new(&planned, Notice::default(), at(0), at(0));
    assert_eq!(made.delivery.event.as_deref(), Some("fatal"));
}

/// A delivery of notices: the problem and the incident of each.
fn planned(notices: &[(&str, Option<&str>)]) -> PlannedDelivery {
    let due = |(problem, incident): &(&str, Option<&str>)| DueNotice {
        problem: (*problem).to_owned(),
        incident: incident.map(str::to_owned),
        key_incident: incident.map(str::to_owned),
        ..DueNotice::new(&Topic::default(), None, SendReason::New, at(0))
    };
    PlannedDelivery {
        id: "id".into(),
        sequence: 1,
        channel: "pager".into(),
        is_update: false,
        reason: SendReason::New,
        notices: notices.iter().map(due).collect(),
        handle: None,
        fallback: None,
    }
}

#[test]
fn key_is_that_of_the_problem_and_the_incident_is_its_queue() {
    let unreadable = derived_id(&["unreadable\narn"]);
    let missing = derived_id(&["missing"]);
    type Row<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)], &'a str);
    let rows: [Row<'_>; 6] = [
        ("the queue", &[("queue\narn", Some("i"))], "i"),
        ("unreadable while raised", &[("unreadable\narn", Some("i"))], &unreadable),
        ("unreadable while quiet", &[("unreadable\narn", None)], &unreadable),
        ("polling", &[("missing", None)], &missing),
        ("without an incident", &[("queue\narn", None)], &derived_id(&["queue\narn"])),
        ("several", &[("queue\na", Some("i")), ("queue\nb", Some("j"))], "id"),
    ];
    for (rule, notices, expected) in rows {
        let entry = OutboxEntry::new(&planned(notices), Notice::default(), at(0), at(0));
        assert_eq!(entry.delivery.key, expected, "{rule}");
        let incident = notices[0].1.filter(|_| notices.len() == 1);
        assert_eq!(entry.delivery.incident.as_deref(), incident, "{rule}");
    }
}

#[test]
fn pause_doubles_within_its_limits() {
    let mut entry = entry(&["q"], &["i"], SendReason::New);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        entry.postpone(None, at(0));
        pauses.push(entry.not_before.unwrap().since(at(0)).as_secs_f64());
    }
    for (attempts, pause) in pauses.iter().enumerate() {
        let middle = f64::from(1 << attempts.min(16)).min(300.0);
        assert!((middle * 0.8..=middle * 1.2).contains(pause), "{attempts}: {pause}");
    }
    entry.postpone(Some(Duration::from_secs(42)), at(0));
    assert_eq!(entry.not_before, Some(at(42)), "Retry-After");
    entry.postpone(Some(Duration::from_secs(86_400)), at(0));
    assert_eq!(entry.not_before, Some(at(3600)), "a Retry-After of a day");
    assert_eq!(entry.attempts, 14);
}

#[test]
fn pause_ends_and_is_no_longer_than_an_hour() {
    let rows = [(None, None), (Some(99), None), (Some(100), None), (Some(101), Some(101))];
    let far = [(Some(3700), Some(3700)), (Some(3701), None), (Some(900_000), None)];
    for (not_before, expected) in rows.into_iter().chain(far) {
        let not_before = not_before.map(at);
        let entry = OutboxEntry { not_before, ..entry(&["q"], &["i"], SendReason::New) };
        assert_eq!(entry.paused_until(at(100)), expected.map(at), "{not_before:?}");
    }
}

#[test]
fn delivery_is_withdrawn_when_all_that_it_tells_of_is_silenced_or_acked() {
    let mut silences = Silences::default();
    let (glob, reason) = ("orders-*".to_owned(), None);
    silences.add(Silence { id: "s".into(), glob, from: at(0), until: at(60), reason }, at(0));
    let mut acks = Acks::default();
    acks.add(Ack { key: "i1".into(), at: at(0), until: at(60) }, at(0));
    use SendReason::{Ended, New};
    let ends = |entry| OutboxEntry { ends_problem: true, ..entry };
    let rows: [(&str, OutboxEntry, u64, Option<Withdrawal>); 11] = [
        ("a result and the end", ends(entry(&["q"], &["i1"], SendReason::News)), 1, None),
        ("neither", entry(&["q"], &["i2"], New), 1, None),
        ("silenced", entry(&["orders-dlq"], &["i2"], New), 1, Some(Withdrawal::Silenced)),
        ("silence is over", entry(&["orders-dlq"], &["i2"], New), 60, None),
        ("one of two", entry(&["orders-dlq", "q"], &["i2", "i3"], New), 1, None),
        ("acknowledged", entry(&["q"], &["i1"], New), 1, Some(Withdrawal::Acked)),
        ("one of two", entry(&["q", "p"], &["i1", "i2"], New), 1, None),
        ("the end of what was acknowledged", entry(&["q"], &["i1"], Ended), 1, None),
        ("each", entry(&["orders-dlq", "q"], &["", "i1"], New), 1, Some(Withdrawal::Silenced)),
        ("acknowledged alone", entry(&["q", "p"], &["i1", "i1"], New), 1, Some(Withdrawal::Acked)),
        ("the end of both", entry(&["orders-dlq", "q"], &["", "i1"], Ended), 1, None),
    ];
    for (rule, entry, now, expected) in rows {
        assert_eq!(entry.withdrawal(&silences, &acks, at(now)), expected, "{rule}");
    }
}

#[test]
fn time_under_a_silence_is_not_part_of_the_age() {
    let silence = |from: u64, until: u64| {
        let (id, glob, reason) = ("s".to_owned(), "q*".to_owned(), None);
        let silence = Silence { id, glob, from: at(from), until: at(until), reason };
        Silences { silences: vec![silence] }
    };
    let given_up = GIVEN_UP.as_secs();
    let day = 86_400;
    // Silences by the moment at which they hold the entry, the end of the last, the age added.
    type Row<'a> = (&'a str, u64, &'a [(u64, u64, u64)], Option<u64>, u64);
    let rows: [Row<'_>; 8] = [
        ("never silenced", 0, &[], None, 0),
        ("to its end", 0, &[(200, 100, 9 * day)], None, 9 * day - 100),
        ("taken back", 0, &[(200, 100, 9 * day)], Some(5 * day), 5 * day - 100),
        ("silenced before", 50, &[(200, 10, 9 * day)], None, 9 * day - 50),
        ("prolonged", 0, &[(200, 100, day), (300, 300, 4 * day)], None, 4 * day - 100),
        ("cut short", 0, &[(200, 100, 9 * day), (300, 300, day)], None, day - 100),
        ("twice", 0, &[(200, 100, day), (2 * day, 2 * day, 4 * day)], None, 3 * day - 100),
        ("read twice", 0, &[(200, 100, 2 * day), (300, 100, 2 * day)], None, 2 * day - 100),
    ];
    for (rule, queued, held, ended, added) in rows {
        let mut entry = entry(&["q"], &["i"], SendReason::New);
        entry.queued_at = at(queued);
        for (now, from, until) in held {
            entry.begin_silence(&silence(*from, *until), at(*now));
            let silence = silence(*from, *until);
            assert!(!entry.begin_silence(&silence, at(*now)), "{rule}: nothing has changed");
        }
        if let Some(now) = ended {
            entry.end_silence(at(now));
        }
        let limit = queued + given_up + added;
        assert!(!entry.is_given_up(at(limit - 1)), "{rule}");
        assert!(entry.is_given_up(at(limit)), "{rule}");
        entry.end_silence(at(limit - 1));
        assert!(!entry.is_given_up(at(limit - 1)) && entry.is_given_up(at(limit)), "{rule}");
    }
    let mut other = entry(&["other"], &["i"], SendReason::New);
    assert!(!other.begin_silence(&silence(0, day), at(1)));
    // Silenced at the very end of a silence, it goes on as one.
    let mut prolonged = entry(&["q"], &["i"], SendReason::New);
    prolonged.queued_at = at(0);
    prolonged.begin_silence(&silence(10, day), at(20));
    prolonged.begin_silence(&silence(day, 2 * day), at(day));
    assert_eq!(prolonged.silence.map(|span| span.from), Some(at(10)));
    // A moment later it begins anew.
    let mut later = entry(&["q"], &["i"], SendReason::New);
    later.queued_at = at(0);
    later.begin_silence(&silence(10, 100), at(20));
    later.begin_silence(&silence(101, 200), at(101));
    let (from, before) = (later.silence.map(|span| span.from), later.silenced_ms);
    assert_eq!((from, before), (Some(at(101)), 90_000));
    // Of several problems, the silence counts that ends first: they are looked at again then.
    let mut several = entry(&["r", "q"], &["i", "j"], SendReason::New);
    let other = Silence { glob: "r".into(), ..silence(0, 300).silences.remove(0) };
    let mut both = silence(0, 200);
    both.silences.insert(0, other);
    several.begin_silence(&both, at(20));
    assert_eq!(several.silence.map(|span| span.until), Some(at(200)));
}

#[test]
fn old_news_is_one_notice_that_counts_them() {
    let entries = vec![entry(&["q"], &["i"], SendReason::New); 50];
    assert!(!entries[0].is_old_news(at(3599)) && entries[0].is_old_news(at(3600)));
    let delivery = digest(&entries, at(7200));
    assert_eq!(delivery.notice.title(), "50 notices: waiting since 1970-01-01T00:00:00.000Z");
    let Notice { below, names, .. } = &delivery.notice;
    assert_eq!((below.len(), names.len()), (26, 25), "50 in all, and the line between");
    assert_eq!(below.last().unwrap(), "and 25 more:");
    assert!(names.iter().all(|name| name == "orders-dlq"));
    assert_ne!(delivery.id, "id", "a receiver may have seen the first of them");
    assert_ne!(delivery.id, digest(&entries[1..], at(7200)).id);
    assert_eq!(delivery.id, digest(&entries, at(7300)).id, "the next attempt");
    assert_eq!(delivery.key, delivery.id);
}

#[test]
fn digest_has_the_newest_state_of_each_problem() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let with = |open: &[&str], ended: &[&str]| {
        let mut one = entry(&["a"], &["a"], SendReason::New);
        one.delivery.problems = ProblemKeys { open: keys(open), ended: keys(ended) };
        one
    };
    let entries =
        [with(&["a", "b", "c"], &[]), with(&[], &["b"]), with(&["d"], &["a"]), with(&["b"], &[])];
    let problems = digest(&entries, at(0)).problems;
    assert_eq!(problems, ProblemKeys { open: keys(&["c", "d", "b"]), ended: keys(&["a"]) });
}
