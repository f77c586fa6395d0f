use serde_json::Value;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

const HOUR: u64 = 3600;

fn policy() -> Policy {
    let tiers = [24, 6, 1].map(|h| Duration::from_secs(h * HOUR)).to_vec();
    let settling = Duration::ZERO;
    Policy { threshold: 1, clear_after: 2, growth_factor: 2, tiers, all: false, settling }
}

/// A reading in a story.
#[derive(Clone)]
enum S {
    /// Visible messages.
    D(u64),
    /// Visible, in flight.
    F(u64, u64),
    /// A failed reading.
    M(ReadError),
    /// Missing, and not listed.
    Unlisted,
}
use S::{D, F, M, Unlisted};

struct Story {
    policy: Policy,
    retention_s: u64,
    age_max_s: Option<u64>,
    empty_at: Option<Timestamp>,
    tasks: Result<Vec<MoveTask>, ReadError>,
    moves: Vec<OwnMove>,
    record: Option<Record>,
    /// The number of the next event.
    seq: u64,
    /// The times that move tasks, and the moves of ours, were asked for.
    asked: u64,
    asked_moves: u64,
    /// Whether the answers about move tasks are missing.
    unanswered: bool,
    /// Whether the events of the newest step go to the journal.
    news: Vec<bool>,
}

impl Story {
    fn new() -> Self {
        Story {
            policy: policy(),
            retention_s: 4 * 24 * HOUR,
            age_max_s: Some(0),
            empty_at: Some(at(-30)),
            tasks: Ok(Vec::new()),
            moves: Vec::new(),
            record: None,
            seq: 0,
            asked: 0,
            asked_moves: 0,
            unanswered: false,
            news: Vec::new(),
        }
    }

    fn step(&mut self, second: i64, outcome: S) -> Vec<Value> {
        let counts = match outcome {
            D(visible) => Ok(Counts { visible, ..Counts::default() }),
            F(visible, in_flight) => Ok(Counts { visible, in_flight, delayed: 0 }),
            M(ref miss) => Err(miss.clone()),
            Unlisted => Err(ReadError::Missing),
        };
        let result = counts.map(|counts| Backlog { counts, retention_s: Some(self.retention_s) });
        let reading = Reading { at: at(second), result };
        let asks = asks_for_tasks(&self.policy, self.record.as_ref(), &reading);
        self.asked += u64::from(asks);
        let wants_moves = asks_for_moves(&self.policy, self.record.as_ref(), &reading);
        self.asked_moves += u64::from(wants_moves);
        self.news.clear();
        let queue = Queue { arn: "arn:q".into(), ..Queue::default() };
        let given = DeadLetterQueue::given(0, queue, at(0));
        let target = DeadLetterQueue { source_retention_s: self.age_max_s, ..given };
        let polled = Polled {
            target: &target,
            reading,
            unlisted: matches!(outcome, Unlisted),
            tasks: (asks && !self.unanswered).then(|| self.tasks.clone()),
            moves: if wants_moves { self.moves.clone() } else { Vec::new() },
        };
        let (past, mut events) = (self.record.as_ref(), Vec::new());
        let (record, keep) =
            judge(&self.policy, past, &polled, self.empty_at, 0, &mut |line, is_news| {
                events.push(serde_json::from_slice(line).unwrap());
                self.news.push(is_news);
            });
        self.seq = record.seq;
        self.record = keep.then_some(record);
        events
    }

    /// Second and word for each edge but `polled`.
    fn edges(&mut self, readings: &[(i64, S)]) -> Vec<(i64, String)> {
        let mut words = Vec::new();
        for (second, reading) in readings {
            for event in self.step(*second, reading.clone()) {
                if let Some(word) = word(&event) {
                    words.push((*second, word));
                }
            }
        }
        words
    }
}

fn word(event: &Value) -> Option<String> {
    let data = |key: &str| match &event["data"][key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(match event["type"].as_str()? {
        "queue.polled" => return None,
        "queue.gone" => "gone".into(),
        "queue.raised" => format!("raised {}", data("depth")),
        "queue.grew" => format!("grew {}", data("depth")),
        "queue.expiring" => {
            let certain = if event["data"]["certain"] == true { "" } else { "?" };
            format!("expiring {}{certain}", data("tier"))
        }
        "queue.loss_suspected" => format!("lost {} {}", data("missing"), data("why")),
        "queue.cleared" => format!("cleared {}", data("cause")),
        "queue.unreadable" => format!("unreadable {}", data("misses")),
        "queue.readable" => format!("readable {}", data("depth")),
        other => panic!("{other}"),
    })
}

#[test]
fn moves_of_ours_are_no_loss() {
    let purge = |deleted, ended: Option<i64>| OwnMove {
        id: "p".into(),
        cause: "purged",
        deleted,
        is_running: ended.is_none(),
        ended_at: at(ended.unwrap_or(0)),
    };
    let emptied = || vec![(0, D(9)), (30, D(0)), (60, D(0)), (90, D(0))];
    type Row = (&'static str, Vec<OwnMove>, Vec<(i64, S)>, Vec<(i64, &'static str)>);
    let rows: Vec<Row> = vec![
        (
            "purged",
            vec![purge(9, Some(20))],
            emptied(),
            vec![(0, "raised 9"), (90, "cleared purged")],
        ),
        (
            "purged, and seen in flight",
            vec![purge(9, Some(20))],
            vec![(0, D(9)), (30, F(0, 4)), (60, D(0)), (90, D(0)), (120, D(0))],
            vec![(0, "raised 9"), (120, "cleared purged")],
        ),
        (
            "more is missing than was purged",
            vec![purge(7, Some(20))],
            emptied(),
            vec![(0, "raised 9"), (90, "lost 2 unexplained"), (90, "cleared purged")],
        ),
        (
            "a part was purged",
            vec![purge(4, Some(20))],
            vec![(0, D(9)), (30, D(5)), (90, D(5)), (120, D(0)), (180, D(0)), (210, D(0))],
            vec![(0, "raised 9"), (180, "lost 5 unexplained"), (180, "cleared purged")],
        ),
        (
            "a move that goes on is waited for",
            vec![purge(2, None)],
            vec![(0, D(9)), (30, D(5)), (90, D(5)), (120, D(5))],
            vec![(0, "raised 9")],
        ),
        (
            "of long ago",
            vec![purge(9, Some(-90))],
            emptied(),
            vec![(0, "raised 9"), (90, "lost 9 unexplained"), (90, "cleared unknown")],
        ),
    ];
    for (rule, moves, readings, expected) in rows {
        let mut story = Story { moves, ..Story::new() };
        let words = story.edges(&readings);
        let words: Vec<(i64, &str)> = words.iter().map(|(at, word)| (*at, word.as_str())).collect();
        assert_eq!(words, expected, "{rule}");
    }
}

#[test]
fn monitor_reports_the_edges_of_each_history() {
    let denied = || M(ReadError::Denied);
    type Row = (&'static str, Vec<(i64, S)>, Vec<(i64, &'static str)>);
    let rows: Vec<Row> = vec![
        (
            "unchanged is raised once",
            vec![(0, D(3)), (30, D(3)), (3600, D(3))],
            vec![(0, "raised 3")],
        ),
        ("in flight and delayed count", vec![(0, F(0, 2))], vec![(0, "raised 2")]),
        (
            "0 to 50 within minutes of a raise is reported",
            vec![(0, D(1)), (60, D(50)), (90, D(60)), (120, D(64))],
            vec![(0, "raised 1"), (60, "grew 50"), (120, "grew 64")],
        ),
        (
            "denied in the middle is never a clear",
            vec![(0, D(3)), (30, denied()), (60, denied()), (90, denied()), (120, D(3))],
            vec![(0, "raised 3"), (60, "unreadable 2"), (120, "readable 3")],
        ),
        ("one miss reports nothing", vec![(0, denied()), (30, D(0))], vec![]),
        (
            "a miss before anything was read raises nothing",
            vec![(0, denied()), (30, denied())],
            vec![(30, "unreadable 2")],
        ),
        (
            "a queue that does not exist is unreadable while it is listed",
            vec![
                (0, D(1)),
                (30, M(ReadError::Missing)),
                (60, M(ReadError::Missing)),
                (90, Unlisted),
            ],
            vec![(0, "raised 1"), (60, "unreadable 2"), (90, "gone")],
        ),
        (
            "drained by somebody who was seen reading: no loss",
            vec![(0, D(3)), (30, F(1, 2)), (60, D(0)), (125, D(0))],
            vec![(0, "raised 3"), (125, "cleared unknown")],
        ),
        (
            "gone without a trace: loss, and the clear",
            vec![(0, D(3)), (30, D(0)), (90, D(0))],
            vec![(0, "raised 3"), (90, "lost 3 unexplained"), (90, "cleared unknown")],
        ),
        (
            "two incidents",
            vec![(0, D(3)), (30, F(0, 3)), (60, D(0)), (120, D(0)), (150, D(1))],
            vec![(0, "raised 3"), (120, "cleared unknown"), (150, "raised 1")],
        ),
    ];
    for (rule, readings, expected) in rows {
        let words = Story::new().edges(&readings);
        let words: Vec<_> = words.iter().map(|(second, word)| (*second, word.as_str())).collect();
        assert_eq!(words, expected, "{rule}");
    }
}

#[test]
fn move_tasks_are_asked_for_once_and_only_after_lasting_drop() {
    let mut story = Story::new();
    story.tasks = Ok(vec![MoveTask { running: false, started_at: at(10) }]);
    let words =
        story.edges(&[(0, D(5)), (30, D(2)), (60, D(2)), (95, D(2)), (130, D(2)), (200, D(2))]);
    assert_eq!(words, [(0, "raised 5".to_owned())]);
    assert_eq!((story.asked, story.asked_moves), (1, 1));
}

#[test]
fn drop_is_judged_once_move_tasks_are_known() {
    let mut story = Story { unanswered: true, ..Story::new() };
    let words = story.edges(&[(0, D(5)), (30, D(2)), (95, D(2)), (130, D(2))]);
    assert_eq!(words, [(0, "raised 5".to_owned())]);
    story.unanswered = false;
    assert_eq!(story.edges(&[(160, D(2))]), [(160, "lost 3 unexplained".to_owned())]);
}

/// The deletions of a reader are over with the settled count; later nobody is seen reading.
#[test]
fn messages_that_leave_after_a_reader_has_gone_are_a_loss() {
    let mut story = Story::new();
    let words = story.edges(&[
        (0, D(5)),
        (30, F(1, 2)),
        (60, D(3)),
        (95, D(3)),
        (130, D(0)),
        (160, D(0)),
        (190, D(0)),
    ]);
    let words: Vec<&str> = words.iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words, ["raised 5", "lost 3 unexplained", "cleared unknown"]);
}

/// Rows: whether the `queue.polled` of each reading goes to the journal. One that does not is an event
/// only when all readings are.
#[test]
fn reading_is_news_when_a_count_has_changed() {
    let never_read = || Story { empty_at: None, ..Story::new() };
    let denied = || M(ReadError::Denied);
    let (news, same) = (true, false);
    type Row = (&'static str, Story, Vec<S>, Vec<bool>);
    let rows: Vec<Row> = vec![
        ("empty at first", never_read(), vec![D(0)], vec![same]),
        ("with messages at first", never_read(), vec![D(2), D(2)], vec![news, same]),
        ("still empty", Story::new(), vec![D(0)], vec![same]),
        ("more", Story::new(), vec![D(1), D(2), D(2)], vec![news, news, same]),
        ("received", Story::new(), vec![D(2), F(1, 1), F(1, 1)], vec![news, news, same]),
        ("unread", Story::new(), vec![D(2), denied(), D(2)], vec![news, same, same]),
    ];
    for (rule, mut story, readings, expected) in rows {
        let mut all = Story { empty_at: story.empty_at, ..Story::new() };
        all.policy.all = true;
        for ((second, reading), is_news) in (0..).step_by(30).zip(readings).zip(expected) {
            let polled = |story: &mut Story| {
                let events = story.step(second, reading.clone());
                let at = events.iter().position(|event| event["type"] == "queue.polled");
                at.map(|at| story.news[at])
            };
            assert_eq!(polled(&mut story), is_news.then_some(true), "{rule} at {second}");
            assert_eq!(polled(&mut all), Some(is_news), "{rule} at {second}, all readings");
        }
    }
}

#[test]
fn tier_is_named_as_in_the_configuration() {
    for (seconds, name) in
        [(86_400, "24h"), (6 * HOUR, "6h"), (5400, "90m"), (1800, "30m"), (60, "1m"), (90, "90s")]
    {
        assert_eq!(tier_name(Duration::from_secs(seconds)), name);
    }
}

#[test]
fn clear_after_redrive_has_cause_redriven() {
    let mut story = Story::new();
    story.tasks = Ok(vec![MoveTask { running: false, started_at: at(10) }]);
    let words = story.edges(&[(0, D(5)), (30, D(0)), (60, D(0)), (95, D(0))]);
    assert_eq!(words[1], (95, "cleared redriven".to_owned()));
}

#[test]
fn clear_of_queue_emptied_in_steps_has_known_cause() {
    let mut story = Story::new();
    story.tasks = Ok(vec![MoveTask { running: false, started_at: at(10) }]);
    let words =
        story.edges(&[(0, D(5)), (30, D(2)), (95, D(2)), (120, F(0, 2)), (150, D(0)), (220, D(0))]);
    assert_eq!(words[1], (220, "cleared redriven".to_owned()));
}

#[test]
fn loss_of_each_message_is_reported_once() {
    let mut story = Story::new();
    let drain = [10, 8, 6, 4, 2, 0, 0, 0];
    let readings: Vec<(i64, S)> = (0..).step_by(40).zip(drain.map(D)).collect();
    let lost: Vec<String> = story.edges(&readings).into_iter().map(|(_, word)| word).collect();
    assert_eq!(lost[0], "raised 10");
    assert_eq!(lost.last().unwrap(), "cleared unknown");
    let numbers = lost.iter().filter_map(|word| word.strip_prefix("lost ")?.split(' ').next());
    assert_eq!(numbers.map(|n| n.parse::<u64>().unwrap()).sum::<u64>(), 10, "{lost:?}");
}

#[test]
fn future_times_of_record_silence_nothing() {
    let mut story = Story::new();
    story.edges(&[(1_000_000, D(3))]);
    let words = story.edges(&[(0, D(300)), (30, M(ReadError::Denied)), (60, M(ReadError::Denied))]);
    let words: Vec<&str> = words.iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words, ["grew 300", "unreadable 2"]);
}

/// Nobody knows when the messages arrived, but they will be lost.
#[test]
fn messages_of_a_clock_that_was_ahead_expire() {
    let mut story = Story { retention_s: 5 * HOUR, ..Story::new() };
    story.edges(&[(1_000_000, D(3))]);
    assert_eq!(story.edges(&[(0, D(3))]), [(0, "expiring 6h?".to_owned())]);
}

#[test]
fn tier_is_reported_once_however_many_arrive() {
    let mut story = Story::new();
    story.retention_s = 20 * HOUR;
    story.policy.growth_factor = 1000;
    let readings: Vec<(i64, S)> =
        (0..100).map(|n| (n * 10, D(u64::try_from(n).unwrap() + 1))).collect();
    let expiring = story.edges(&readings).iter().filter(|(_, w)| w.starts_with("expiring")).count();
    assert_eq!(expiring, 1);
}

#[test]
fn loss_without_permission_is_cannot_tell() {
    let mut story = Story::new();
    story.tasks = Err(ReadError::Denied);
    let words = story.edges(&[(0, D(5)), (30, D(2)), (95, D(2))]);
    assert_eq!(words[1], (95, "lost 3 cannot_tell".to_owned()));
}

#[test]
fn expiry_is_reported_before_and_after() {
    let mut story = Story::new();
    story.retention_s = 2 * HOUR;
    let end = i64::try_from(2 * HOUR).unwrap();
    let words = story.edges(&[
        (0, D(2)),
        (end / 2, D(2)),
        (end, D(2)),
        (end + 60, D(0)),
        (end + 130, D(0)),
    ]);
    let words: Vec<&str> = words.iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(
        words,
        ["raised 2", "expiring 6h", "expiring 1h", "lost 2 retention", "cleared expired"]
    );
}

#[test]
fn expiry_follows_the_age_of_sampled_messages() {
    let (hour, day) = (3600, 24 * 3600);
    let mut story = Story { age_max_s: Some(96 * HOUR), ..Story::new() };
    assert_eq!(story.edges(&[(0, D(2)), (30, D(2))]), [(0, "raised 2".into())]);
    // They are 3 days and 20 hours old, of 4 days.
    let sample = |story: &mut Story, sent: i64| {
        story.record.as_mut().unwrap().add_sample(at(sent));
        story.record.as_ref().unwrap().window(story.age_max_s)
    };
    let window = sample(&mut story, -92 * hour);
    assert_eq!(window, ExpiryWindow { after: None, before: Some(at(4 * hour)) });
    assert_eq!(sample(&mut story, -10 * hour), window, "a younger one says nothing more");
    assert_eq!(
        story.edges(&[(60, D(2)), (3 * hour, D(2)), (3 * hour + 30, D(2))]),
        [(60, "expiring 6h?".into()), (3 * hour, "expiring 1h?".into())]
    );
    // The oldest is lost. The other one has its own tiers.
    assert_eq!(
        story.edges(&[(4 * hour + 301, D(1)), (3 * day, D(1)), (3 * day + 30, D(1))]),
        [(3 * day, "lost 1 retention".into()), (3 * day, "expiring 24h?".into())]
    );
    sample(&mut story, 2 * day);
    story.edges(&[(3 * day + 60, D(0))]);
    assert_eq!(story.record.unwrap().oldest_sent_at, None, "an empty queue has no oldest message");
}

#[test]
fn expiry_is_reported_while_queue_is_unreadable() {
    let mut story = Story::new();
    story.retention_s = 25 * HOUR;
    let words = story.edges(&[(0, D(2)), (7200, M(ReadError::TimedOut))]);
    assert_eq!(words[1], (7200, "expiring 24h".to_owned()));
    let events = story.step(100_000, M(ReadError::TimedOut));
    let expiring = events.iter().find(|event| event["type"] == "queue.expiring").unwrap();
    assert_eq!(expiring["data"]["depth"], Value::Null, "unknown is never a number");
}

#[test]
fn expiry_of_queue_never_seen_empty_is_uncertain() {
    let mut story = Story::new();
    story.empty_at = None;
    story.retention_s = 5 * HOUR;
    assert_eq!(story.edges(&[(0, D(2))]), [(0, "raised 2".into()), (0, "expiring 6h?".into())]);
}

#[test]
fn older_readings_change_nothing() {
    let mut story = Story::new();
    story.edges(&[(0, D(3)), (60, D(3))]);
    let before = story.record.clone();
    assert_eq!(story.step(30, D(0)), Vec::<Value>::new());
    assert_eq!(story.record, before);
    let mut quiet = Story::new();
    quiet.empty_at = Some(at(10));
    assert_eq!(quiet.step(5, D(3)), Vec::<Value>::new(), "it has been seen empty since");
}

#[test]
fn quiet_queue_has_no_record_and_ids_continue() {
    let mut story = Story::new();
    story.edges(&[(0, D(3)), (30, F(0, 3)), (60, D(0))]);
    let seq = story.record.as_ref().unwrap().seq;
    let events = story.step(120, D(0));
    let (cleared, polled) = (events.last().unwrap(), events.len() as u64);
    assert_eq!(story.seq, seq + polled);
    assert!(cleared["incident"].is_string(), "the clear belongs to the incident");
    assert_eq!(story.record, None);
}

/// Every sequence of five readings over seven kinds: raise and clear or gone alternate, a miss is
/// followed by neither, and a clear needs two zeros.
#[test]
fn unread_queue_is_never_cleared() {
    let kinds = [D(0), D(1), D(9), F(0, 2), M(ReadError::Denied), M(ReadError::Missing), Unlisted];
    for code in 0..kinds.len().pow(5) {
        let readings: Vec<(i64, S)> = (0..5u32)
            .map(|n| (i64::from(n) * 40, kinds[code / kinds.len().pow(n) % kinds.len()].clone()))
            .collect();
        let mut story = Story::new();
        let mut open = false;
        for (second, reading) in &readings {
            for event in story.step(*second, reading.clone()) {
                match event["type"].as_str().unwrap() {
                    "queue.raised" => {
                        assert!(!open && matches!(reading, D(_) | F(..)), "code {code}");
                        open = true;
                    }
                    "queue.cleared" => {
                        assert!(open && matches!(reading, D(0)), "code {code}");
                        open = false;
                    }
                    "queue.gone" => open = false,
                    "queue.polled" => {
                        assert_eq!(event["data"]["depth"].is_null(), matches!(reading, M(_)))
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Adaptive polling reads a queue in every round for an hour after it became empty: the record tells.
#[test]
fn emptied_queue_keeps_its_record_while_it_settles() {
    let settling = Duration::from_secs(HOUR);
    let rows = [
        ("quiet all the time", &[0, 30, 60][..], 0, settling, false),
        ("raised before", &[1, 0, 0], 60, settling, true),
        ("within an hour", &[1, 0, 0], 3629, settling, true),
        ("for an hour", &[1, 0, 0], 3630, settling, false),
        ("not adaptive", &[1, 0, 0], 90, Duration::ZERO, false),
    ];
    for (rule, depths, last, settling, keeps) in rows {
        let mut story = Story::new();
        story.policy.settling = settling;
        for (second, depth) in [0, 30, 60].into_iter().zip(depths) {
            let depth = if last == 0 { 0 } else { *depth };
            story.step(second, D(depth));
        }
        story.step(last.max(90), D(0));
        assert_eq!(story.record.is_some(), keeps, "{rule}");
        assert!(story.record.is_none_or(|record| record.incident.is_none()), "{rule}");
    }
}
