use super::*;

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
    let rows: [Row; 11] = [
        ("raised", &|_| {}, Error),
        ("below the threshold", &|q| q.incident = None, Warn),
        ("empty, not cleared yet", &|q| q.depth = Some(0), Info),
        ("unreadable", &|q| (q.depth, q.unreadable) = (None, Some("denied".into())), Error),
        (
            "unreadable without an incident",
            &|q| (q.depth, q.unreadable, q.incident) = (None, Some("denied".into()), None),
            Error,
        ),
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
fn full_list_drops_gone_and_empty_queues_before_those_with_messages_and_incidents() {
    let queue = |incident: bool, depth: Option<u64>, is_gone: bool| ShownQueue {
        incident: incident.then(|| "i".into()),
        depth,
        is_gone,
        ..ShownQueue::default()
    };
    let older = ShownQueue { read_at: Some(at(1)), ..queue(false, Some(3), false) };
    let newer = ShownQueue { read_at: Some(at(2)), ..queue(false, Some(3), false) };
    let order = [
        queue(false, None, true),
        older,
        newer,
        queue(true, Some(0), false),
        queue(true, Some(3), false),
    ];
    assert!(order.windows(2).all(|pair| pair[0].worth() < pair[1].worth()));
    assert_eq!(queue(false, None, true).worth(), queue(false, Some(0), false).worth());
    assert!(queue(false, Some(0), false).worth() < queue(false, None, false).worth(), "unknown");
}
