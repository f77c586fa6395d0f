//! Generator of synthetic logs: messages, batches, retries, failures, and what a function logs.

mod writer;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::{Letter, LogEvent};
use crate::time::Timestamp;
use writer::LineWriter;

/// Start of the log.
const T0: i64 = 1_790_000_000_000;
const MESSAGES: usize = 5000;
const POISON: usize = 20;
const TIMEOUT: f64 = 6.0;
const BATCH: usize = 10;
/// Lines about one message that report no error.
const LINES: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LogForm {
    Text,
    Json,
    Node,
    /// A task without invocations, as of ECS.
    Task,
}

/// Places where the code logs the ids of messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ids {
    None,
    Start,
    Both,
    Event,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Backoff {
    Visibility,
    Own,
}

/// Parameters of a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mix {
    pub form: LogForm,
    pub ids: Ids,
    /// Whether a failure returns the failed message only.
    pub partial: bool,
    /// Share of invocations that fail once.
    pub transient: f64,
    /// Share of messages for which an error is logged and handled.
    pub handled: f64,
    /// Share of receives that lead to no invocation.
    pub throttled: f64,
    pub retry: Backoff,
    pub seconds: f64,
    pub environments: usize,
    pub visibility: f64,
    pub receives: u64,
}

/// A dead letter, the mark of its cause in a title, and when it was seen.
pub(super) struct Dead {
    pub letter: Letter,
    pub truth: Option<&'static str>,
    pub seen: Timestamp,
}

/// A random number generator, splitmix64.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn within(&mut self, from: f64, to: f64) -> f64 {
        from + self.unit() * (to - from)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }

    pub(super) fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(
            (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes(),
        )
        .into_uuid()
        .to_string()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Poison {
    Error(&'static str, &'static str),
    Timeout,
    Memory,
}

const KEY: Poison = Poison::Error("KeyError", "'customer_id'");
const VALID: Poison = Poison::Error("ValidationError", "quantity must be positive");
const HTTP: Poison = Poison::Error(
    "HTTPError",
    "404 Client Error: Not Found for url: https://api.example.com/v1/items",
);
const TYPE: Poison =
    Poison::Error("TypeError", "unsupported operand type(s) for +: 'int' and 'NoneType'");
const RESET: (&str, &str) = ("ConnectionResetError", "[Errno 104] Connection reset by peer");
const GATEWAY: (&str, &str) = ("GatewayError", "503 Service Unavailable");

struct Sent {
    id: String,
    order: usize,
    sent: f64,
    visible: f64,
    receives: u64,
    first: Option<f64>,
    poison: Option<Poison>,
    /// Mark of the error that ended each receive; none where nothing failed.
    ends: Vec<Option<&'static str>>,
}

/// An execution environment: when it is free, and its stream.
struct Environment {
    free_at: f64,
    stream: Option<String>,
}

struct World<'a> {
    mix: &'a Mix,
    random: Random,
    events: Vec<LogEvent>,
}

/// Generates a log in the order of time, and its dead letters.
pub(super) fn generate(mix: &Mix, seed: u64) -> (Vec<LogEvent>, Vec<Dead>) {
    let mut world = World { mix, random: Random::new(seed), events: Vec::new() };
    let mut messages = world.messages();
    let mut queue: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
    let micros = |at: f64| (at * 1e6) as i64;
    queue.extend(messages.iter().enumerate().map(|(at, one)| Reverse((micros(one.visible), at))));
    let mut environments: Vec<Environment> = Vec::new();
    let (mut now, mut dead) = (0.0f64, Vec::new());
    while let Some(Reverse((next, _))) = queue.peek() {
        now = now.max(*next as f64 / 1e6);
        let mut free: Vec<usize> =
            (0..environments.len()).filter(|at| environments[*at].free_at <= now).collect();
        if free.is_empty() && environments.len() < mix.environments {
            environments.push(Environment { free_at: 0.0, stream: None });
            free.push(environments.len() - 1);
        } else if free.is_empty() {
            now = environments.iter().map(|one| one.free_at).fold(f64::MAX, f64::min);
            free = (0..environments.len()).filter(|at| environments[*at].free_at <= now).collect();
        }
        let environment = free[world.random.below(free.len())];
        now += world.random.within(0.005, 0.25);
        let mut available = Vec::new();
        while queue.peek().is_some_and(|Reverse((at, _))| *at <= micros(now)) {
            available.extend(queue.pop().map(|Reverse((_, at))| at));
        }
        world.random.shuffle(&mut available);
        let mut batch = Vec::new();
        for at in available {
            let message = &mut messages[at];
            if batch.len() >= BATCH {
                queue.push(Reverse((micros(message.visible), at)));
            } else if message.receives >= mix.receives {
                dead.push(world.dead(message, now));
            } else {
                message.receives += 1;
                message.first.get_or_insert(now);
                message.visible = now + mix.visibility;
                message.ends.push(None);
                batch.push(at);
            }
        }
        let failed = match batch.is_empty() {
            true => Vec::new(),
            false if world.random.unit() < mix.throttled => batch,
            false => {
                let environment = &mut environments[environment];
                let failed = world.invoke(&mut messages, &batch, environment, now);
                if mix.retry == Backoff::Own {
                    for at in &failed {
                        let message = &mut messages[*at];
                        message.visible =
                            environment.free_at + 10.0 * f64::from(1 << message.receives);
                    }
                }
                failed
            }
        };
        queue.extend(failed.into_iter().map(|at| Reverse((micros(messages[at].visible), at))));
    }
    let mut events = world.events;
    events.sort_by_key(|event| event.at);
    for (at, event) in events.iter_mut().enumerate() {
        event.id = format!("{at:056}");
    }
    (events, dead)
}

impl World<'_> {
    /// Returns messages that are sent in bursts, with the poison spread over them.
    fn messages(&mut self) -> Vec<Sent> {
        let mut kinds = [
            [KEY; 6].as_slice(),
            &[VALID; 3],
            &[HTTP; 3],
            &[TYPE; 2],
            &[Poison::Timeout; 4],
            &[Poison::Memory; 2],
        ]
        .concat();
        self.random.shuffle(&mut kinds);
        let total = MESSAGES + POISON;
        let (mut at, mut sent) = (0.0, Vec::new());
        while sent.len() < total {
            at += -self.random.unit().max(1e-9).ln() * self.mix.seconds / total as f64 * 8.0;
            for _ in 0..=self.random.below(15).min(total - sent.len() - 1) {
                sent.push(at + self.random.unit() * 0.2);
            }
        }
        let scale = self.mix.seconds / sent.iter().copied().fold(0.0, f64::max);
        let mut places: Vec<usize> = (0..total).collect();
        self.random.shuffle(&mut places);
        let mut messages: Vec<Sent> = (sent.into_iter().enumerate())
            .map(|(order, sent)| Sent {
                id: self.random.uuid(),
                order,
                sent: sent * scale,
                visible: sent * scale,
                receives: 0,
                first: None,
                poison: None,
                ends: Vec::new(),
            })
            .collect();
        for (place, kind) in places.into_iter().zip(kinds) {
            messages[place].poison = Some(kind);
        }
        messages
    }

    fn dead(&mut self, message: &Sent, moved: f64) -> Dead {
        Dead {
            letter: Letter {
                item: "m1".into(),
                message_id: message.id.clone(),
                sent_at: Some(moment(message.sent)),
                first_received_at: message.first.map(moment),
            },
            truth: message.ends.iter().rev().find_map(|end| *end),
            seen: moment(moved + self.random.within(0.0, 60.0)),
        }
    }

    /// Runs one invocation and returns the messages that come again.
    fn invoke(
        &mut self,
        messages: &mut [Sent],
        batch: &[usize],
        environment: &mut Environment,
        now: f64,
    ) -> Vec<usize> {
        let (mix, request) = (self.mix, self.random.uuid());
        let mut start = now + self.random.within(0.008, 0.06);
        let is_cold = environment.stream.is_none() || self.random.unit() < 0.01;
        if is_cold {
            start += self.random.within(0.1, 0.6);
            environment.stream =
                Some(format!("2026/11/28/[$LATEST]{}", self.random.uuid().replace('-', "")));
        }
        let stream = environment.stream.clone().unwrap();
        let mut log = LineWriter { world: self, stream: &stream, request: &request };
        log.start(start, is_cold);
        let (mut at, mut failed, mut end) = (start + 0.002, Vec::new(), None);
        if mix.ids == Ids::Event {
            log.batch(at, batch.iter().map(|one| messages[*one].id.as_str()));
        }
        if log.world.random.unit() < mix.transient {
            at += 0.3;
            log.unhandled(at, RESET);
            end = Some(RESET.0);
        }
        for one in batch {
            if end.is_some() {
                break;
            }
            let message = &mut messages[*one];
            at = log.processing(at, message);
            match message.poison {
                Some(Poison::Error(class, text)) if mix.partial => {
                    log.failed(at, &message.id, (class, text));
                    failed.push(*one);
                    *message.ends.last_mut().unwrap() = Some(class);
                }
                Some(Poison::Error(class, text)) => {
                    log.unhandled(at + 0.001, (class, text));
                    end = Some(class);
                }
                Some(Poison::Timeout) => {
                    at = start + TIMEOUT;
                    log.timed_out(at);
                    end = Some("Task timed out");
                }
                Some(Poison::Memory) => {
                    at += log.world.random.within(0.2, 1.0);
                    log.killed(at);
                    end = Some("Runtime exited");
                    environment.stream = None;
                }
                None => {}
            }
        }
        if end.is_some() {
            failed = batch.to_vec();
            for one in batch {
                *messages[*one].ends.last_mut().unwrap() = end;
            }
        }
        log.report(at + 0.001, start, end);
        environment.free_at = at + 0.01;
        failed
    }
}

fn moment(at: f64) -> Timestamp {
    Timestamp::from_millis(T0 + (at * 1000.0) as i64)
}
