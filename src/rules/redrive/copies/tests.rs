use super::*;
use crate::rules::queue::server_clock::ServerClock;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn message(body: &str, sent: Option<i64>) -> Message {
    let system = sent.map(|at| ("SentTimestamp".to_owned(), at.to_string()));
    Message { body: body.into(), system: system.into_iter().collect(), ..Message::default() }
}

/// Sends messages within bounds.
fn send(sent: &mut SentContents, after: i64, by: i64, bodies: &[&str]) {
    sent.begin_send(at(after));
    assert_eq!(sent.end_send(at(by)).by, Some(at(by)));
    bodies.iter().for_each(|body| sent.add(&message(body, None)));
}

#[test]
fn copy_is_later_than_the_send_of_its_own_body() {
    let mut sent = SentContents::default();
    assert_eq!(sent.is_copy(&message("a", Some(2000))), IsLater::No, "nothing was sent");
    sent.begin(at(1000));
    send(&mut sent, 1000, 2900, &["a"]);
    // It came long after the begin.
    send(&mut sent, 90_000, 91_000, &["late"]);
    let rows = [
        ("copy", "a", Some(2901), IsLater::Yes),
        ("within the bounds of the send", "a", Some(2900), IsLater::Perhaps),
        ("at the lower bound", "a", Some(1000), IsLater::No),
        ("the same body, died before", "a", Some(500), IsLater::No),
        ("another body", "c", Some(4000), IsLater::No),
        ("no time", "a", None, IsLater::No),
        ("a copy of one that came meanwhile", "late", Some(91_001), IsLater::Yes),
        ("equal to one that came meanwhile, before its send", "late", Some(89_000), IsLater::No),
    ];
    for (rule, body, at, expected) in rows {
        assert_eq!(sent.is_copy(&message(body, at)), expected, "{rule}");
    }
    assert!(sent.is_later(&message("a", Some(3001))) && !sent.is_later(&message("a", Some(3000))));
}

#[test]
fn messages_that_were_received_are_older_than_the_next_send() {
    let mut sent = SentContents::default();
    sent.see(&message("tick", Some(1700)));
    sent.see(&message("tick", None));
    send(&mut sent, 1000, 2900, &["tick"]);
    assert_eq!(sent.is_copy(&message("tick", Some(1700))), IsLater::No);
    assert_eq!(sent.is_copy(&message("tick", Some(1701))), IsLater::Perhaps);
    sent.exclude("of a restore");
    assert!(sent.is_of_others(&id_hash("of a restore")) && !sent.is_of_others(&id_hash("other")));
}

#[test]
fn copies_of_what_was_proven_are_older_than_its_proof() {
    let mut sent = SentContents::default();
    send(&mut sent, 1000, 2900, &["a", "b"]);
    assert!(sent.prove(at(10_000)), "something was open");
    assert!(!sent.prove(at(20_000)), "nothing was open");
    send(&mut sent, 30_000, 31_000, &["b"]);
    let rows = [
        ("before the proof", "a", 10_000, IsLater::Yes),
        ("after it", "a", 10_001, IsLater::No),
        ("after it, and sent anew later", "b", 25_000, IsLater::No),
        ("after it, and sent anew before", "b", 31_001, IsLater::Yes),
    ];
    for (rule, body, at, expected) in rows {
        assert_eq!(sent.is_copy(&message(body, Some(at))), expected, "{rule}");
    }
    assert_eq!((sent.unproven_before(), sent.unproven_now()), (None, Some(at(30_000))));
    assert_eq!(sent.is_after_unproven(&message("x", Some(31_001))), IsLater::Yes);
    assert_eq!(sent.is_after_unproven(&message("x", Some(30_500))), IsLater::Perhaps);
    assert_eq!(sent.is_after_unproven(&message("x", Some(29_000))), IsLater::No);
}

#[test]
fn earlier_runs_are_taken_over_with_the_moments_of_their_sends() {
    let moment = |after, by| SendMoment { after: at(after), by };
    let mut sent = SentContents::default();
    let sends = [
        (id_hash("proven"), moment(1000, Some(at(2000)))),
        (id_hash("open"), moment(9000, Some(at(9500)))),
        (id_hash("not recorded"), moment(500, None)),
    ];
    sent.resume(Some(at(5000)), sends);
    let rows = [
        ("proven", 4000, IsLater::Yes),
        ("proven", 6000, IsLater::No),
        ("open", 9600, IsLater::Yes),
        ("open", 8000, IsLater::No),
        ("not recorded", 4000, IsLater::Perhaps),
    ];
    for (body, at, expected) in rows {
        assert_eq!(sent.is_copy(&message(body, Some(at))), expected, "{body} {at}");
    }
    assert_eq!((sent.unproven_before(), sent.unproven_now()), (Some(at(9000)), None));
}

#[test]
fn returns_are_no_more_than_were_sent_and_doubtful_ones_no_more_than_arrived() {
    let mut sent = SentContents::default();
    send(&mut sent, 1000, 2000, &["a", "b", "b"]);
    let count = |all: &[(&str, i64)], returned: u64| {
        let mut count = ReturnCount::default();
        (0..returned).for_each(|_| count.add_return());
        for (body, at) in all {
            let one = message(body, Some(*at));
            count.add_copy(&one, sent.is_copy(&one));
        }
        count
    };
    type Row<'a> = (&'a str, &'a [(&'a str, i64)], u64, u64, u64);
    let rows: [Row<'_>; 8] = [
        ("none", &[], 0, 5, 0),
        ("equal ones, none has arrived", &[("a", 1500); 19], 0, 0, 0),
        ("equal ones, some have arrived", &[("a", 1500); 19], 0, 3, 1),
        ("more than were sent", &[("a", 3000); 19], 0, 19, 1),
        ("two of two", &[("b", 3000), ("b", 1500), ("b", 1500)], 0, 9, 2),
        ("a certain one, whatever has arrived", &[("b", 3000), ("b", 1500)], 0, 0, 1),
        ("of several bodies", &[("a", 1500), ("b", 1500), ("b", 1500)], 0, 2, 2),
        ("known by their ids", &[("a", 1500)], 4, 0, 4),
    ];
    for (rule, all, by_id, arrivals, expected) in rows {
        assert_eq!(count(all, by_id).returned(&sent, arrivals), expected, "{rule}");
    }
    let mut beside_others = count(&[("a", 1500)], 0);
    beside_others.add_foreign();
    assert_eq!([1, 2].map(|arrivals| beside_others.returned(&sent, arrivals)), [0, 1]);
}

#[test]
fn arrivals_without_an_origin_hide_failures_when_they_are_many() {
    let mut count = ReturnCount::default();
    for is_later in [IsLater::Yes, IsLater::Perhaps, IsLater::Perhaps, IsLater::No] {
        count.add_unattributed(is_later);
    }
    assert_eq!([0, 1, 9].map(|arrivals| count.unattributed(arrivals)), [1, 2, 3]);
    let rows = [
        (0, 0, false),
        (0, 1, false),
        (1, 1, true),
        (1, 3, false),
        (2, 4, true),
        (9, 20, false),
        (10, 20, true),
        (10, 60, false),
        (12, 60, true),
        // A consumer that fails at half of them, in its own form.
        (23, 49, true),
        (58, 1000, false),
        (59, 1000, true),
    ];
    for (arrivals, sent, expected) in rows {
        assert_eq!(hides_failures(arrivals, sent), expected, "{arrivals} of {sent}");
    }
}

/// The clock of a machine may be ten minutes off, or less than the dates of a server show: what is a copy
/// does not depend on it.
#[test]
fn copies_are_told_by_the_time_of_the_server() {
    let ms = Duration::from_millis;
    for skew in [-600_000, 0, 1200, 600_000] {
        let mut server = ServerClock::default();
        server.hear(at(1_000_000), ms(500));
        let own = at(1_000_600 + skew);
        let mut sent = SentContents::default();
        sent.begin_send(server.earliest(ms(700), own));
        sent.end_send(server.latest(ms(800), own));
        sent.add(&message("a", Some(10)));
        let rows = [
            (999_000, IsLater::No),
            (1_000_700, IsLater::Perhaps),
            (1_005_000, IsLater::Yes),
            (1_300_000, IsLater::Yes),
            (400_000, IsLater::No),
        ];
        for (at, expected) in rows {
            assert_eq!(sent.is_copy(&message("a", Some(at))), expected, "{skew} {at}");
        }
    }
}
