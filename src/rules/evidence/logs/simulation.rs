//! Precision and recall of the search, measured on synthetic logs of a busy function.
//!
//! A generator sends 5,000 messages and 20 poison messages through a queue with `maxReceiveCount` 3
//! to a function that logs as the runtimes of Lambda do. The truth is what ended the last receive.

mod generator;

use std::time::Duration;

use super::answer::{AnswerKind, LogAnswer};
use super::query::LogPage;
use super::search::search;
use super::{Consumer, FoundBy, Letter, LogEvent, query};
use crate::time::Timestamp;
use generator::{Backoff, Dead, Ids, LogForm, Mix, Random, generate};

/// Right and wrong answers, and letters that have a cause in the log.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    answered: usize,
    right: usize,
    letters: usize,
    /// Letters without a cause in the log, and those of them that got an answer.
    causeless: usize,
    made_up: usize,
    /// Calls of all searches about letters with a cause.
    calls: usize,
}

impl Score {
    fn add(&mut self, other: &Score) {
        self.answered += other.answered;
        self.right += other.right;
        self.letters += other.letters;
        self.causeless += other.causeless;
        self.made_up += other.made_up;
        self.calls += other.calls;
    }

    /// Returns the share of answers where there is no cause.
    fn invention(&self) -> f64 {
        self.made_up as f64 / self.causeless.max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.right as f64 / self.answered.max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.right as f64 / self.letters.max(1) as f64
    }
}

fn consumer(mix: &Mix) -> Consumer {
    let function = (mix.form != LogForm::Task).then(|| "orders".to_owned());
    Consumer {
        group: "/aws/lambda/orders".into(),
        function,
        timeout: Duration::from_secs(6),
        batching: Duration::ZERO,
        visibility: Duration::from_secs_f64(mix.visibility),
        receives: mix.receives,
    }
}

/// Searches for the cause of each letter; the log answers as CloudWatch Logs does. Also returns the
/// calls that it took, without those that find the log.
fn causes_of(
    log: &[LogEvent],
    mix: &Mix,
    letters: &[Letter],
    seen: Timestamp,
) -> (Vec<Option<(FoundBy, String)>>, usize) {
    let mut calls = 0;
    let now = seen.plus(Duration::from_secs(20 * 60));
    let mut ask = |asked: &query::LogQuery| {
        let first = log.partition_point(|event| event.at < asked.window.from);
        let span = log[first..].iter().take_while(|event| event.at <= asked.window.to);
        let terms: Vec<String> = asked.pattern.iter().flat_map(|pattern| terms(pattern)).collect();
        let matches = |event: &&LogEvent| {
            asked.stream.as_ref().is_none_or(|stream| *stream == event.stream)
                && (terms.is_empty() || terms.iter().any(|term| event.text.contains(term)))
        };
        let max = query::LIMIT as usize * asked.pages;
        let events: Vec<LogEvent> = span.filter(matches).take(max + 1).cloned().collect();
        let complete = events.len() <= max;
        calls += events.len().clamp(1, max).div_ceil(query::LIMIT as usize);
        if calls > CALLS_MAX {
            return Err(LogAnswer::new(AnswerKind::Cut, "calls"));
        }
        Ok(LogPage { events: events.into_iter().take(max).collect(), complete })
    };
    let found = search(letters, &consumer(mix), seen, now, &mut ask);
    let cause = |letter: &Letter| {
        let cause = found.causes.iter().find(|cause| cause.item == letter.item)?;
        Some((cause.by, cause.fingerprint.title.clone()))
    };
    (letters.iter().map(cause).collect(), calls)
}

/// Returns the terms of a pattern, any of which has to be in a line.
fn terms(pattern: &str) -> Vec<String> {
    let quoted = pattern.split('"').enumerate();
    quoted
        .flat_map(|(at, part)| match at % 2 {
            1 => vec![part.to_owned()],
            _ => part.split(' ').map(|term| term.trim_start_matches('?').to_owned()).collect(),
        })
        .filter(|term| !term.is_empty())
        .collect()
}

/// Runs a mix with these seeds.
fn run(mix: &Mix, seeds: std::ops::Range<u64>) -> Score {
    let mut score = Score::default();
    for seed in seeds {
        let (log, dead) = generate(mix, seed);
        for Dead { letter, truth, seen } in &dead {
            let (found, calls) = causes_of(&log, mix, std::slice::from_ref(letter), *seen);
            let found = found.into_iter().next().flatten();
            score.calls += calls;
            score.letters += usize::from(truth.is_some());
            score.answered += usize::from(found.is_some());
            let is_right = |title: &str| truth.is_some_and(|truth| title.contains(truth));
            score.right += usize::from(found.is_some_and(|(_, title)| is_right(&title)));
        }
        let mut random = Random::new(seed ^ 0x5eed);
        let span = log[log.len() - 1].at.since(log[0].at).as_secs_f64();
        for _ in 0..50 {
            let life = (mix.receives + 1) as f64 * mix.visibility;
            let first = log[0].at.plus(Duration::from_secs_f64(random.unit() * (span - life)));
            let letter = Letter {
                item: "m1".into(),
                message_id: random.uuid(),
                sent_at: Some(first.minus(Duration::from_secs(1))),
                first_received_at: Some(first),
            };
            let seen = first.plus(Duration::from_secs_f64(life));
            score.causeless += 1;
            let (found, _) = causes_of(&log, mix, &[letter], seen);
            score.made_up += usize::from(found[0].is_some());
        }
    }
    score
}

/// Calls that are left for the lines, when the log is found.
const CALLS_MAX: usize = 28;
/// Letters of one sample.
const SAMPLE: usize = 10;

/// Runs a mix with these seeds, by samples of several letters: all of one cause, or, `mixed`, any.
/// Causes without a line in the log of a task are left out.
fn run_samples(mix: &Mix, seeds: std::ops::Range<u64>, mixed: bool) -> Score {
    let mut score = Score::default();
    for seed in seeds {
        let (log, dead) = generate(mix, seed);
        let mut random = Random::new(seed ^ 0x5eed);
        let last = log[log.len() - 1].at;
        let has_line = |truth: &str| !truth.contains("timed out") && truth != "Runtime exited";
        let logged: Vec<&Dead> =
            dead.iter().filter(|one| one.truth.is_some_and(has_line)).collect();
        for _ in 0..15 {
            let start = logged[random.below(logged.len())];
            let fits = |one: &&&Dead| mixed || one.truth == start.truth;
            let mut sample: Vec<&Dead> = logged.iter().filter(fits).copied().collect();
            random.shuffle(&mut sample);
            sample.truncate(SAMPLE);
            let letters: Vec<Letter> = (sample.iter().enumerate())
                .map(|(n, one)| Letter { item: format!("m{n}"), ..one.letter.clone() })
                .collect();
            let (found, calls) = causes_of(&log, mix, &letters, last);
            score.calls += calls;
            for (one, found) in sample.iter().zip(found) {
                score.letters += 1;
                score.answered += usize::from(found.is_some());
                let is_right = |title: &str| one.truth.is_some_and(|truth| title.contains(truth));
                score.right += usize::from(found.is_some_and(|(_, title)| is_right(&title)));
            }
        }
        let span = last.since(log[0].at).as_secs_f64() - (mix.receives + 1) as f64 * mix.visibility;
        for _ in 0..15 {
            let letters: Vec<Letter> = (0..SAMPLE)
                .map(|n| {
                    let first = log[0].at.plus(Duration::from_secs_f64(random.unit() * span));
                    Letter {
                        item: format!("m{n}"),
                        message_id: random.uuid(),
                        sent_at: Some(first.minus(Duration::from_secs(1))),
                        first_received_at: Some(first),
                    }
                })
                .collect();
            let (found, _) = causes_of(&log, mix, &letters, last);
            score.causeless += SAMPLE;
            score.made_up += found.iter().flatten().count();
        }
    }
    score
}

const QUIET: Mix = Mix {
    form: LogForm::Text,
    ids: Ids::None,
    partial: false,
    transient: 0.004,
    handled: 0.01,
    throttled: 0.0,
    retry: Backoff::Visibility,
    seconds: 3600.0,
    environments: 10,
    visibility: 36.0,
    receives: 3,
};

/// Returns the seeds that `DLQ_SIMULATION_SEEDS` named when this was compiled (`821-823`), else
/// `built_in`.
fn seeds(built_in: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let parsed = option_env!("DLQ_SIMULATION_SEEDS").and_then(|named| {
        let (first, last) = named.split_once('-')?;
        Some(first.parse().ok()?..last.parse::<u64>().ok()? + 1)
    });
    parsed.unwrap_or(built_in)
}

/// A mix with its name, and the least precision and recall.
type Row = (&'static str, Mix, f64, f64);

/// Runs mixes, and asserts the least precision and recall of each, and at most 3 % of answers where
/// there is no cause. Returns the score of all.
#[track_caller]
fn assert_scores(seeds: std::ops::Range<u64>, rows: &[Row]) -> Score {
    let mut all = Score::default();
    for (name, mix, precision, recall) in rows {
        let score = run(mix, seeds.clone());
        let (p, r) = (score.precision(), score.recall());
        let calls = score.calls as f64 / score.letters.max(1) as f64;
        let none = score.invention();
        println!(
            "{name}: precision {p:.3}, recall {r:.3} of {}, {calls:.1} calls; no cause: {none:.3}",
            score.letters
        );
        assert!(p >= *precision && r >= *recall, "{name}: {score:?}: {p:.3}, {r:.3}");
        all.add(&score);
    }
    let none = all.invention();
    assert!(none <= 0.03, "{none:.3} answers where there is no cause");
    println!(
        "all: precision {:.3}, recall {:.3} of {}; no cause: {none:.3}",
        all.precision(),
        all.recall(),
        all.letters
    );
    all
}

#[test]
fn search_by_id_is_precise_and_complete() {
    let all = assert_scores(
        seeds(401..404),
        &[
            ("id at the start", Mix { ids: Ids::Start, ..QUIET }, 0.97, 0.95),
            ("ids in errors", Mix { ids: Ids::Both, partial: true, ..QUIET }, 0.98, 0.95),
            ("JSON, event", Mix { ids: Ids::Event, form: LogForm::Json, ..QUIET }, 0.98, 0.95),
        ],
    );
    assert!(all.precision() >= 0.98 && all.recall() >= 0.95, "{all:?}");
}

#[test]
fn search_by_recurrence_is_precise_on_quiet_logs() {
    // The letters of one batch share their fate, so that the recall of one mix varies.
    let all = assert_scores(
        seeds(401..404),
        &[
            ("text", QUIET, 0.95, 0.75),
            ("JSON", Mix { form: LogForm::Json, ..QUIET }, 0.95, 0.75),
            ("Node, partial", Mix { form: LogForm::Node, partial: true, ..QUIET }, 0.95, 0.75),
        ],
    );
    assert!(all.precision() >= 0.95 && all.recall() >= 0.85, "{all:?}");
}

#[test]
fn search_by_recurrence_is_precise_for_many_receives() {
    let many = |receives| Mix { receives, ..QUIET };
    let rows = [("5 receives", many(5), 0.95, 0.85), ("10 receives", many(10), 0.95, 0.8)];
    assert_scores(seeds(401..402), &rows);
}

/// The log of a task has no invocations: letters of three moments have to agree.
#[test]
fn search_by_times_of_errors_is_precise_for_tasks() {
    let quiet = Mix { form: LogForm::Task, partial: true, ..QUIET };
    let rows = [
        ("task", quiet, false, 0.1),
        ("task, mixed causes", quiet, true, 0.0),
        ("task, 5 % noise", Mix { transient: 0.05, handled: 0.05, ..quiet }, false, 0.1),
    ];
    for (name, mix, mixed, recall) in rows {
        let score = run_samples(&mix, seeds(401..403), mixed);
        let (p, r, none) = (score.precision(), score.recall(), score.invention());
        println!(
            "{name}: precision {p:.3}, recall {r:.3} of {}; no cause: {none:.3}",
            score.letters
        );
        assert!((score.answered == 0 || p >= 0.95) && r >= recall, "{name}: {score:?}");
        assert!(none <= 0.03, "{name}: {score:?}");
    }
}

#[test]
fn search_abstains_in_noise() {
    let busy = Mix { partial: true, seconds: 900.0, environments: 20, ..QUIET };
    assert_scores(
        seeds(401..402),
        &[
            ("4 × traffic", busy, 0.95, 0.6),
            ("30 % handled errors, 4 × traffic", Mix { handled: 0.3, ..busy }, 0.93, 0.5),
            ("20 % transient failures", Mix { transient: 0.2, ..QUIET }, 0.93, 0.2),
            ("throttled", Mix { throttled: 0.3, ids: Ids::Start, ..QUIET }, 0.93, 0.4),
            ("own back-off", Mix { retry: Backoff::Own, ids: Ids::Start, ..QUIET }, 0.95, 0.7),
            ("two receives", Mix { receives: 2, ..QUIET }, 0.95, 0.5),
        ],
    );
}
