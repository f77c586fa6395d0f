//! The rate of a channel, and the order of deliveries around a silence.

use super::*;
use crate::document::Keys;
use crate::event::Severity;
use crate::rules::notification::connection::Rate;
use crate::rules::notification::delivery::{Action, Delivery};
use crate::rules::notification::message::Notice;
use crate::rules::notification::policy::ChannelKind;
use crate::rules::notification::silence::{Silence, Silences};
use crate::rules::notification::topic::SendReason;

/// Returns the attempts that begin within 10 seconds when the channel is looked at every `every`.
fn attempts(rate: &str, every: Duration) -> u32 {
    let dir = std::env::temp_dir();
    let mut drain = Drain::new(&Store::at(&dir));
    let mut channel = Channel { name: "c".into(), ..Channel::default() };
    channel.connection.rate = Rate::parse(rate);
    drain.add(&channel, None);
    let channel = &mut drain.channels[0];
    let (begin, mut attempts) = (channel.next_at + Duration::from_secs(60), 0);
    let mut passed = Duration::ZERO;
    while passed < Duration::from_secs(10) {
        if begin + passed >= channel.next_at {
            channel.take_turn(begin + passed);
            attempts += 1;
        }
        passed += every;
    }
    attempts
}

#[test]
fn fast_channel_makes_up_for_lost_time_and_no_channel_sends_a_burst() {
    let rows = [
        ("1000/s, in time", "1000/s", 1, 10_000),
        ("1000/s, a call takes 3 ms", "1000/s", 3, 3334),
        ("20/s, looked at every 20 ms", "20/s", 20, 200),
        ("1/s, looked at every 300 ms", "1/s", 300, 9),
    ];
    for (rule, rate, every, expected) in rows {
        let attempts = attempts(rate, Duration::from_millis(every));
        assert!(attempts.abs_diff(expected) <= expected / 40 + 1, "{rule}: {attempts}");
    }
    // After a minute without work: what 250 ms allow, at once, and no more.
    assert!(attempts("1000/s", Duration::from_millis(1)) <= 10_251);
}

fn entry(sequence: u64, action: Action) -> OutboxEntry {
    let at = clock::now();
    let (id, key) = (format!("id-{sequence}"), "k".to_owned());
    let severity = if action == Action::Resolve { Severity::Info } else { Severity::Error };
    let notice = Notice::plain(severity, "a-dlq", "it broke", "look", at);
    let (problems, event) = (Default::default(), None);
    let delivery =
        Delivery { id, action, key, problems, incident: None, event, notice, handle: None, at };
    OutboxEntry {
        sequence,
        channel: "c".into(),
        reason: SendReason::New,
        delivery,
        event: Default::default(),
        subjects: vec!["a-dlq".into()],
        incidents: vec![String::new()],
        ends_problem: action == Action::Resolve,
        fallback: None,
        refused_by: Vec::new(),
        queued_at: at,
        attempts: 0,
        perhaps_sent: false,
        not_before: None,
        silence: None,
        silenced_ms: 0,
        slot: None,
    }
}

/// A notice is silenced in the outbox; the silence ends, and the end of the problem is queued.
#[test]
fn end_of_a_silence_lets_no_end_overtake_its_beginning() {
    use Action::{Resolve, Trigger};
    let rows = [
        ("all in order", ChannelKind::Webhook, false, vec![Trigger, Resolve]),
        ("an alert that is over", ChannelKind::PagerDuty, false, vec![Resolve]),
        ("the end of an alert waits for no silence", ChannelKind::PagerDuty, true, vec![Resolve]),
    ];
    for (number, (rule, kind, stays, expected)) in rows.into_iter().enumerate() {
        let dir = std::env::temp_dir().join(format!("dlq-drain-{number}-{}", std::process::id()));
        let store = Store::open(&dir).unwrap();
        let silence = |store: &Store, until: u64| {
            store
                .update(&Keys::all(), |silences: &mut Silences| {
                    let (from, now) = (clock::now().minus(Duration::from_secs(1)), clock::now());
                    let until = now.plus(Duration::from_secs(until));
                    let glob = "a-*".to_owned();
                    let id = "s".to_owned();
                    silences.add(Silence { id, glob, from, until, reason: None }, now);
                    Ok(())
                })
                .unwrap();
        };
        silence(&store, 3600);
        let made = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = made.clone();
        let attempt = Attempt::made_by(move |delivery| {
            seen.lock().unwrap().push(delivery.action);
            Outcome::Delivered { handle: None }
        });
        let mut channel = Channel { name: "c".into(), kind, ..Channel::default() };
        channel.connection.rate = Rate::parse("1000/s");
        let mut drain = Drain::new(&store);
        drain.add(&channel, Some(attempt));
        let queue = |drain: &mut Drain, entry: &OutboxEntry| {
            drain.outbox(0).draft(entry).unwrap();
            drain.outbox(0).release(entry).unwrap();
            drain.wake(0);
        };
        queue(&mut drain, &entry(1, Trigger));
        drain.tick(Duration::ZERO);
        assert!(made.lock().unwrap().is_empty(), "{rule}: silenced");
        if !stays {
            std::fs::remove_file(dir.join("silences.json")).unwrap();
        }
        queue(&mut drain, &entry(2, Resolve));
        let until = clock::tick() + Duration::from_secs(10);
        while made.lock().unwrap().last() != Some(&Resolve) && clock::tick() < until {
            drain.tick(Duration::from_millis(20));
        }
        assert_eq!(*made.lock().unwrap(), expected, "{rule}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

/// A channel with a thousand entries would read a thousand files for each attempt.
#[test]
fn file_of_a_later_entry_is_read_once() {
    let dir = std::env::temp_dir().join(format!("dlq-drain-once-{}", std::process::id()));
    let store = Store::open(&dir).unwrap();
    let mut drain = Drain::new(&store);
    let kind = ChannelKind::PagerDuty;
    drain.add(&Channel { name: "c".into(), kind, ..Channel::default() }, None);
    let outbox = drain.outbox(0).clone();
    let (begun, end) = (entry(1, Action::Trigger), entry(2, Action::Resolve));
    for one in [&begun, &end] {
        outbox.draft(one).unwrap();
        outbox.release(one).unwrap();
    }
    let channel = &mut drain.channels[0];
    assert_eq!(channel.next_entry().unwrap().map(|one| one.sequence), Some(1));
    assert!(channel.is_outdated(&begun), "its end waits behind it");
    outbox.remove(&end).unwrap();
    assert!(channel.is_outdated(&begun), "the end is known");
    std::fs::remove_dir_all(&dir).unwrap();
}
