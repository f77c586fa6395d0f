use super::*;
use ConsumptionState::{Backlog, Consumed, Held, Slow, Stuck, Unknown};

/// The window of the rows, and the time between their readings.
const WINDOW: Duration = Duration::from_secs(70);
const PAUSE: Duration = Duration::from_secs(10);

fn waiting(visible: u64) -> Counts {
    Counts { visible, ..Counts::default() }
}

/// Reads these counts, one after the other, after `sent` messages were sent to a queue of a depth, all of
/// which was in flight.
fn read(before: u64, sent: u64, readings: &[Counts]) -> Consumption {
    let mut one = Consumption::new(before).since(before, before);
    one.add_sent(sent);
    let mut after = Duration::ZERO;
    for counts in readings {
        one.add(*counts, after);
        after += PAUSE;
    }
    one
}

#[test]
fn quiet_queue_has_to_lose_what_was_sent() {
    // before, sent, messages that wait
    type Row<'a> = (&'a str, u64, u64, &'a [u64], ConsumptionState);
    let rows: [Row<'_>; 20] = [
        ("no reading", 0, 1, &[], Unknown),
        ("two readings only", 0, 1, &[0, 0], Unknown),
        ("consumed", 0, 1, &[1, 0, 0, 0], Consumed),
        ("stopped", 0, 1, &[1, 1, 1], Stuck(1)),
        ("taken late, with readings that are few", 0, 1, &[1, 1, 0, 0], Slow(1)),
        ("stopped with a backlog", 7, 10, &[17, 17, 17], Stuck(10)),
        ("a stopped one with arrivals", 0, 1, &[1, 2, 3, 4, 5, 6, 7, 8, 9], Stuck(1)),
        ("arrivals in bursts", 0, 1, &[1, 1, 6, 6, 6, 11, 11, 16], Stuck(1)),
        ("half", 0, 100, &[70, 60, 50], Slow(70)),
        ("slow", 0, 10, &[10, 9, 8, 7, 6, 5, 4, 3], Slow(5)),
        ("almost all", 0, 100, &[9, 5, 4, 5], Consumed),
        ("as many have left as were sent", 7, 10, &[12, 8, 7, 7], Slow(1)),
        ("a steady backlog", 7, 10, &[12, 7, 7, 7], Backlog(7)),
        ("the backlog drains", 60, 1, &[50, 45, 40], Backlog(40)),
        ("one is left of the backlog, or it is ours", 60, 1, &[3, 2, 1], Backlog(1)),
        ("the backlog has drained", 60, 1, &[9, 4, 0, 0, 0], Consumed),
        ("the backlog has drained to a share", 60, 100, &[30, 9, 5, 5, 5], Consumed),
        ("a flow that covers the backlog in part", 60, 1, &[50, 55, 45], Backlog(41)),
        ("the count of ours is late", 0, 10, &[0, 0, 0, 10, 10, 10], Backlog(10)),
        ("the count of ours was late in a backlog", 5, 3, &[5, 8, 8, 8], Stuck(3)),
    ];
    for (rule, before, sent, depths, expected) in rows {
        let readings: Vec<Counts> = depths.iter().copied().map(waiting).collect();
        assert_eq!(read(before, sent, &readings).state(WINDOW), expected, "{rule}");
    }
}

#[test]
fn busy_queue_has_to_show_a_consumer_at_work() {
    // before, sent, readings as (messages that wait, messages in flight)
    type Row<'a> = (&'a str, u64, u64, &'a [(u64, u64)], ConsumptionState);
    let rows: [Row<'_>; 17] = [
        (
            "healthy, with steady arrivals",
            2,
            1,
            &[(0, 2), (0, 1), (0, 3), (0, 2), (0, 2), (0, 1), (0, 2), (0, 2)],
            Consumed,
        ),
        (
            "healthy, and some wait at times",
            2,
            10,
            &[(9, 2), (0, 3), (1, 2), (0, 2), (1, 3), (0, 1), (2, 2), (0, 2), (0, 2)],
            Consumed,
        ),
        (
            "the window since nothing waited has not passed",
            2,
            10,
            &[(9, 2), (0, 3), (1, 2), (0, 2), (1, 3), (0, 1), (2, 2), (0, 2)],
            Backlog(2),
        ),
        (
            "one waits at the newest reading: it may be ours",
            2,
            1,
            &[(0, 2), (0, 1), (0, 3), (0, 2), (0, 2), (0, 1), (0, 2), (1, 1)],
            Backlog(2),
        ),
        (
            "the queue was quiet before",
            0,
            1,
            &[(0, 2), (0, 1), (0, 3), (0, 2), (0, 2), (0, 1), (0, 2), (0, 2)],
            Slow(1),
        ),
        (
            "it was, and as many have left since then as were there",
            0,
            1,
            &[(0, 2), (0, 1), (0, 3), (0, 2), (0, 2), (0, 1), (0, 2), (0, 2), (0, 3), (0, 2)],
            Held(1),
        ),
        (
            "it was, and is again at times",
            0,
            1,
            &[(0, 2), (0, 0), (0, 3), (0, 0), (0, 2), (0, 1), (0, 0), (0, 2)],
            Consumed,
        ),
        (
            "many arrive and leave",
            5,
            1,
            &[(0, 6), (0, 0), (0, 7), (0, 0), (0, 8), (0, 0)],
            Consumed,
        ),
        ("a consumer that holds ours", 0, 1, &[(0, 1); 9], Slow(1)),
        ("it holds, and held before", 3, 1, &[(0, 1); 9], Backlog(1)),
        (
            "it takes all that arrive, and holds them",
            0,
            1,
            &[(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (0, 8)],
            Slow(1),
        ),
        (
            "it holds half of them",
            0,
            10,
            &[(10, 0), (0, 10), (0, 7), (0, 5), (0, 5), (0, 5), (0, 5), (0, 5), (0, 5)],
            Slow(5),
        ),
        (
            "it dies midway",
            0,
            10,
            &[(10, 0), (0, 10), (0, 7), (0, 5), (5, 0), (5, 0), (5, 0), (5, 0)],
            Slow(5),
        ),
        (
            "it has died midway, and takes them again",
            3,
            1,
            &[
                (0, 3),
                (0, 1),
                (0, 2),
                (1, 1),
                (1, 0),
                (1, 0),
                (1, 0),
                (0, 1),
                (0, 1),
                (0, 2),
                (0, 1),
                (0, 1),
            ],
            Backlog(1),
        ),
        (
            "it has died midway, and messages arrive",
            0,
            10,
            &[(0, 10), (5, 0), (6, 0), (6, 0), (7, 0), (8, 0), (8, 0), (9, 0), (9, 0)],
            Slow(6),
        ),
        (
            "it has died, and before it had much to do",
            3,
            1,
            &[(0, 3), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (1, 0), (1, 0)],
            Backlog(1),
        ),
        (
            "stopped, or slow: counts wobble",
            100,
            10,
            &[(110, 0), (107, 0), (111, 0), (108, 0), (110, 0), (107, 0), (111, 0), (109, 0)],
            Slow(8),
        ),
    ];
    for (rule, before, sent, readings, expected) in rows {
        let counts = |&(visible, in_flight)| Counts { visible, in_flight, delayed: 0 };
        let readings: Vec<Counts> = readings.iter().map(counts).collect();
        assert_eq!(read(before, sent, &readings).state(WINDOW), expected, "{rule}");
    }
}

/// A consumer may hold messages for hours, and handle others.
#[test]
fn messages_in_flight_may_be_ours_unless_as_few_were_before() {
    // the few in flight before, sent, readings as (messages that wait, messages in flight)
    type Row<'a> = (&'a str, u64, u64, &'a [(u64, u64)], ConsumptionState);
    let steady = [2, 3, 2, 4, 2, 3, 2, 4, 3, 2].map(|in_flight| (0, in_flight));
    let bursts = [(0, 5), (20, 5), (0, 5), (30, 5), (0, 5), (25, 5)];
    let wide = [40, 60, 45, 55, 41, 58, 42, 60, 43, 60].map(|in_flight| (0, in_flight));
    let once = [2, 3, 2, 4, 2, 3, 2, 4, 3, 1, 2, 3].map(|in_flight| (0, in_flight));
    let taken_late = [&[(1, 1)][..], &steady].concat();
    let rows: [Row<'_>; 11] = [
        ("healthy: as before", 2, 1, &steady, Consumed),
        ("healthy: as before at one of many readings", 1, 1, &once, Consumed),
        ("it holds one, which waited while few were in flight", 1, 1, &taken_late, Held(1)),
        ("it holds one of two", 1, 1, &steady, Held(1)),
        ("it holds both", 0, 2, &steady, Held(2)),
        ("it holds fewer than were sent", 0, 3, &steady, Held(2)),
        ("healthy: before there were more", 9, 1, &steady, Consumed),
        ("one in twenty may be left", 0, 40, &steady, Consumed),
        ("it holds all beside bursts", 0, 5, &bursts, Held(5)),
        ("healthy beside many", 43, 1, &wide, Consumed),
        ("more in flight than before", 36, 10, &wide, Held(10)),
    ];
    for (rule, floor, sent, readings, expected) in rows {
        let mut one = Consumption::new(floor).since(floor, floor);
        one.add_sent(sent);
        let mut after = Duration::ZERO;
        for &(visible, in_flight) in readings {
            one.add(Counts { visible, in_flight, delayed: 0 }, after);
            after += PAUSE;
        }
        assert_eq!(one.state(WINDOW), expected, "{rule}");
    }
}

/// A consumer that fails at ours holds them again and again, and deletes what arrives.
#[test]
fn destination_where_nothing_dies_has_to_lose_what_was_sent() {
    let busy = [2, 1, 3, 2, 2, 1, 2, 2, 2, 1].map(|in_flight| Counts { in_flight, ..waiting(0) });
    let quiet = [1, 0, 0, 0].map(waiting);
    let rows: [(&str, &[Counts], _, _); 2] =
        [("busy", &busy, Consumed, Backlog(1)), ("quiet", &quiet, Consumed, Consumed)];
    for (rule, readings, with_policy, without) in rows {
        assert_eq!(read(2, 1, readings).state(WINDOW), with_policy, "{rule}");
        let mut one = Consumption::new(2).since(2, 2).deathless();
        one.add_sent(1);
        let mut after = Duration::ZERO;
        for counts in readings {
            one.add(*counts, after);
            after += PAUSE;
        }
        assert_eq!(one.state(WINDOW), without, "{rule}");
    }
}

#[test]
fn wobbling_counts_of_a_stopped_consumer_add_up_to_nothing() {
    for (before, sent) in [(0, 1), (0, 10), (5, 1), (60, 10)] {
        let mut one = Consumption::new(before);
        one.add_sent(sent);
        let mut after = Duration::ZERO;
        for at in 0..200 {
            one.add(waiting(before + sent + [0, 1, 0, 2][at % 4]), after);
            after += PAUSE;
            let state = one.state(WINDOW);
            assert!(
                matches!(state, Slow(_) | Stuck(_) | Unknown),
                "{before} {sent} {at}: {state:?}"
            );
        }
    }
}

#[test]
fn messages_that_were_delayed_before_are_no_backlog() {
    let counts = |visible, delayed| Counts { visible, in_flight: 0, delayed };
    let rows = [
        ("they are delayed still", counts(0, 4), Consumed),
        ("ours wait beside them", counts(3, 4), Stuck(3)),
        ("ours are delayed", counts(0, 7), Stuck(3)),
        ("their delay has passed", counts(4, 0), Backlog(4)),
    ];
    for (rule, counts, expected) in rows {
        let mut one = Consumption::of_counts(Counts { delayed: 4, ..Counts::default() });
        one.add_sent(3);
        (0..READINGS_MIN).for_each(|_| one.add(counts, PAUSE));
        assert_eq!(one.state(WINDOW), expected, "{rule}");
    }
}

#[test]
fn later_sends_begin_anew() {
    let mut one = read(0, 1, &[waiting(0); 8]);
    assert_eq!(one.state(WINDOW), Consumed);
    one.add_sent(10);
    assert_eq!((one.sent(), one.state(WINDOW)), (11, Unknown));
    (0..READINGS_MIN).for_each(|_| one.add(waiting(10), PAUSE));
    assert_eq!(one.state(WINDOW), Stuck(10));
}

#[test]
fn baseline_is_the_depth_before_the_first_message() {
    let rows = [
        ("nothing sent, nothing recorded", None, 0, 7, 7),
        ("recorded before a kill, nothing sent", Some(7), 0, 9, 7),
        ("sent by an earlier run", Some(7), 3, 10, 7),
        ("the backlog has shrunk meanwhile", Some(7), 3, 2, 7),
        ("it was empty", Some(0), 3, 10, 0),
        ("sent, and not recorded", None, 3, 10, 0),
    ];
    for (rule, recorded, sent, depth, expected) in rows {
        assert_eq!(baseline(recorded, sent, depth), expected, "{rule}");
    }
}
