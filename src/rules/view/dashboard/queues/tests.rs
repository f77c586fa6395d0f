use super::*;
use crate::rules::view::dashboard::Dashboard;

/// A moment in minutes after the begin of a bucket.
fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 * BUCKET_MS + minutes * 60_000)
}

/// Rounds every minute in each of some spans, both ends included.
fn rounds(spans: &[(i64, i64)]) -> Rounds {
    let mut rounds = Rounds::default();
    for (from, to) in spans {
        (*from..=*to).for_each(|minute| rounds.finish(at(minute), &ShownData::default()));
    }
    rounds
}

/// A queue with readings: minute, depth, depth before.
fn queue(readings: &[(i64, Option<u64>, Option<u64>)], rounds: &Rounds) -> ShownQueue {
    let mut queue = ShownQueue::default();
    for (minute, depth, previous) in readings.iter().copied() {
        let reading = ShownReading { at: at(minute), depth, in_flight: None, previous };
        queue.read(reading, rounds);
    }
    queue
}

/// The depths of the buckets from the first on.
fn depths(queue: &ShownQueue, rounds: &Rounds, count: i64) -> Vec<Option<u64>> {
    (0..count).map(|n| queue.depth_in(1_000_000 + n, rounds)).collect()
}

#[test]
fn history_holds_the_depth_while_rounds_finish() {
    let always = rounds(&[(0, 60)]);
    let outage = rounds(&[(0, 11), (40, 60)]);
    type Row<'a> = (&'a str, &'a [(i64, Option<u64>, Option<u64>)], &'a Rounds, [Option<u64>; 6]);
    let (o, n) = (Some(0), None);
    let rows: [Row; 8] = [
        ("always empty", &[(0, o, n)], &always, [o; 6]),
        ("never read", &[], &always, [n; 6]),
        (
            "rise",
            &[(0, o, n), (11, Some(3), o)],
            &always,
            [o, o, Some(3), Some(3), Some(3), Some(3)],
        ),
        (
            "greatest",
            &[(1, Some(2), o), (2, Some(9), n), (3, o, n), (12, o, n)],
            &always,
            [Some(9), o, o, o, o, o],
        ),
        (
            "begins filled",
            &[(6, Some(4), n)],
            &always,
            [n, Some(4), Some(4), Some(4), Some(4), Some(4)],
        ),
        (
            "unreadable",
            &[(1, Some(4), o), (11, n, n), (22, Some(6), n)],
            &always,
            [Some(4), Some(4), n, n, Some(6), Some(6)],
        ),
        (
            "outage",
            &[(1, Some(4), o), (26, Some(6), n)],
            &outage,
            [Some(4), Some(4), Some(4), n, n, Some(6)],
        ),
        ("outage to now", &[(1, Some(4), o)], &outage, [Some(4), Some(4), Some(4), n, n, n]),
    ];
    for (name, readings, rounds, expected) in rows {
        assert_eq!(depths(&queue(readings, rounds), rounds, 6), expected, "{name}");
    }
}

#[test]
fn history_is_bounded_and_forgets_a_day() {
    let rounds = rounds(&[(0, 3000)]);
    let mut one = queue(&[(0, Some(1), Some(0))], &rounds);
    assert!(queue(&[(0, Some(0), None), (9, Some(0), None)], &rounds).depths.buckets.is_empty());
    for minute in 1..3000 {
        let depth = Some(minute as u64);
        one.read(ShownReading { at: at(minute), depth, in_flight: None, previous: None }, &rounds);
    }
    assert_eq!(one.depths.buckets.len(), BUCKETS);
    assert!(one.depths.buckets.capacity() <= BUCKETS, "{}", one.depths.buckets.capacity());
    assert_eq!(one.depth_in(bucket(at(2999)), &rounds), Some(2999));
    assert_eq!(one.depth_in(bucket(at(2994)), &rounds), Some(2994));
    let far = at(1_000_000_000);
    one.read(
        ShownReading { at: far, depth: Some(u64::MAX), in_flight: None, previous: None },
        &rounds,
    );
    assert_eq!(one.depths.buckets, [u32::MAX]);
}

#[test]
fn trend_compares_with_the_oldest_known_depth_of_the_hour() {
    let always = rounds(&[(0, 120)]);
    let late = rounds(&[(100, 120)]);
    type Row<'a> = (&'a str, &'a [(i64, Option<u64>, Option<u64>)], &'a Rounds, Trend);
    let rows: [Row; 7] = [
        ("up", &[(0, Some(0), None), (110, Some(5), Some(0))], &always, Trend::Up),
        ("down", &[(0, Some(9), Some(0)), (110, Some(5), Some(9))], &always, Trend::Down),
        ("flat", &[(0, Some(9), Some(0))], &always, Trend::Flat),
        (
            "flat again",
            &[(61, Some(3), Some(9)), (70, Some(30), None), (80, Some(3), None)],
            &always,
            Trend::Flat,
        ),
        ("empty", &[(0, Some(0), None)], &always, Trend::Flat),
        ("unreadable", &[(0, Some(0), None), (110, None, None)], &always, Trend::Unknown),
        ("first reading", &[(120, Some(4), None)], &late, Trend::Unknown),
    ];
    for (name, readings, rounds, expected) in rows {
        assert_eq!(queue(readings, rounds).trend(rounds, at(120)), expected, "{name}");
    }
    let stale = queue(&[(0, Some(9), Some(0))], &always);
    assert_eq!(stale.trend(&always, at(1000)), Trend::Unknown, "no rounds for hours");
}

#[test]
fn severity_is_by_loss_reading_incident_and_depth() {
    let (hour, now) = (60, at(0));
    let base = ShownQueue { depth: Some(3), incident: Some("i".into()), ..ShownQueue::default() };
    let with = |change: &dyn Fn(&mut ShownQueue)| {
        let mut queue = base.clone();
        change(&mut queue);
        queue.severity(now)
    };
    use Severity::*;
    assert_eq!(ShownQueue::default().severity(now), Warn, "never read");
    type Row<'a> = (&'a str, &'a dyn Fn(&mut ShownQueue), Severity);
    let rows: [Row; 10] = [
        ("raised", &|_| {}, Error),
        ("below the threshold", &|q| q.incident = None, Warn),
        ("empty, not cleared yet", &|q| q.depth = Some(0), Info),
        ("unreadable", &|q| (q.depth, q.unreadable) = (None, Some("denied".into())), Error),
        ("far loss", &|q| q.expires_before = Some(at(48 * hour)), Error),
        (
            "loss within a day",
            &|q| (q.incident, q.expires_before) = (None, Some(at(23 * hour))),
            Error,
        ),
        ("loss within two hours", &|q| q.expires_after = Some(at(2 * hour)), Fatal),
        ("loss while unreadable", &|q| (q.depth, q.expires_before) = (None, Some(at(-1))), Fatal),
        ("nothing to lose", &|q| (q.depth, q.expires_before) = (Some(0), Some(at(1))), Info),
        ("gone", &|q| (q.is_gone, q.expires_before) = (true, Some(at(1))), Info),
    ];
    for (name, change, expected) in rows {
        assert_eq!(with(change), expected, "{name}");
    }
}

#[test]
fn last_empty_moment_is_that_of_the_last_round() {
    let mut watch = rounds(&[(0, 10)]);
    watch.began = Some(at(9));
    let empty_at = |readings: &[_]| queue(readings, &watch).empty_at;
    assert_eq!(empty_at(&[(11, Some(3), Some(0))]), Some(at(9)));
    assert_eq!(
        empty_at(&[(0, Some(0), None), (11, Some(3), Some(0)), (11, Some(3), Some(0))]),
        Some(at(9))
    );
    assert_eq!(empty_at(&[(10, Some(0), None), (11, Some(3), None)]), Some(at(10)));
    assert_eq!(empty_at(&[(11, Some(3), None)]), None, "not known to be empty before");
    assert_eq!(empty_at(&[(11, Some(3), Some(1))]), None, "filled before");
    assert_eq!(empty_at(&[(11, Some(3), Some(0)), (12, Some(0), None)]), None, "empty again");
    assert_eq!(empty_at(&[(0, Some(0), None), (1, None, None), (11, Some(3), None)]), None, "gap");
}

#[test]
fn queues_are_sorted_by_any_column() {
    let now = at(0);
    let mut state = Dashboard::default();
    let queue = |name: &str, depth, loss: Option<i64>| ShownQueue {
        name: name.into(),
        depth,
        in_flight: depth,
        incident: depth.filter(|n| *n > 0).map(|_| "i".into()),
        raised_at: loss.map(at),
        expires_before: loss.map(at),
        ..ShownQueue::default()
    };
    let all = [
        queue("b", Some(0), None),
        queue("a", Some(0), None),
        queue("deep", Some(900), None),
        queue("soon", Some(1), Some(60)),
        queue("later", Some(2), Some(30_000)),
        queue("unknown", None, None),
    ];
    for queue in all {
        state.queues.insert(format!("arn:{}", queue.name).into(), queue);
    }
    let names = |order, is_reversed| -> Vec<String> {
        let rows = state.sorted_queues(order, is_reversed, now);
        rows.iter().map(|(_, queue)| queue.name.to_string()).collect()
    };
    let rows = [
        (QueueOrder::Severity, "soon later deep unknown a b"),
        (QueueOrder::Name, "a b deep later soon unknown"),
        (QueueOrder::Depth, "unknown deep later soon a b"),
        (QueueOrder::InFlight, "unknown deep later soon a b"),
        (QueueOrder::Trend, "unknown deep later soon a b"),
        (QueueOrder::Age, "soon later a b deep unknown"),
        (QueueOrder::Loss, "soon later unknown deep a b"),
    ];
    for (order, expected) in rows {
        assert_eq!(names(order, false).join(" "), expected, "{order:?}");
    }
    assert_eq!(names(QueueOrder::Name, true).join(" "), "unknown soon later deep b a");
    assert_eq!(names(QueueOrder::Depth, true).join(" "), "a b soon later deep unknown");
}
