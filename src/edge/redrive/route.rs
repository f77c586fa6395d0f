//! The destinations of a move, with what is known of each.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::clock;
use crate::edge::aws::Sqs;
use crate::rules::queue::address::QueueAddress;
use crate::rules::queue::reading::{Attributes, Counts, ReadError};
use crate::rules::redrive::consumption::{Consumption, NEWEST};
use crate::rules::redrive::ramp::DestinationProgress;
use crate::rules::redrive::verification::DestinationSettings;
use crate::time::Timestamp;

/// The size that a queue accepts when it does not say it, in bytes.
const SIZE_MAX: u64 = 1_048_576;
/// The pause between two readings of a busy destination before the first message.
const FLOOR_PAUSE: Duration = Duration::from_millis(200);

/// A destination.
#[derive(Debug, Clone)]
pub(super) struct MoveRoute {
    pub(super) scope: usize,
    pub(super) url: String,
    pub(super) fifo: bool,
    pub(super) settings: DestinationSettings,
    /// The longest message that it accepts, in bytes.
    pub(super) size_max: u64,
    /// The time after which it deletes messages, consumed or not.
    pub(super) retention: Option<Duration>,
    /// The time after which what was sent shows nothing: the destination has deleted it, or it has died, and
    /// the dead-letter queue has deleted it. There the time of its send counts, too.
    pub(super) kept_for: Option<Duration>,
    /// The moment of the last send to it, on the clock that nobody sets.
    pub(super) sent_at: Option<Instant>,
    /// The moment from which it may have deleted messages that were sent and not proven.
    pub(super) kept_until: Option<Instant>,
    /// The ARN of the queue that its messages go to when they die.
    pub(super) dies_into: Option<String>,
    pub(super) consumption: Consumption,
    /// The messages sent to it that were seen to be consumed, and to stay gone.
    pub(super) proven: u64,
    /// The messages sent to it before its steps began anew.
    pub(super) base: u64,
}

impl MoveRoute {
    /// Returns how far it has come through the steps.
    pub(super) fn progress(&self) -> DestinationProgress {
        let (sent, proven, base) = (self.consumption.sent(), self.proven, self.base);
        DestinationProgress { sent, proven, base }
    }

    /// Adds messages that were sent, by requests of which the first began at `begun`.
    pub(super) fn add_sent(&mut self, count: u64, begun: Instant) {
        self.consumption.add_sent(count);
        self.sent_at = Some(clock::tick());
        let kept_until = self.kept_for.map(|kept_for| begun + kept_for);
        self.kept_until = self.kept_until.or(kept_until);
    }

    /// Notes that what was sent was seen to be consumed, and to stay gone.
    pub(super) fn prove(&mut self) {
        self.proven = self.consumption.sent();
        self.kept_until = None;
    }

    /// Whether it may have deleted what was sent and is not proven.
    pub(super) fn may_have_deleted(&self) -> bool {
        self.kept_until.is_some_and(|until| clock::tick() >= until)
    }
}

/// The destinations, by ARN, and the retention of the dead-letter queue.
#[derive(Debug, Default)]
pub(super) struct MoveRoutes(pub(super) BTreeMap<String, MoveRoute>, pub(super) Option<Duration>);

impl MoveRoutes {
    /// Adds the queue of an ARN, when it can be read. `scope` is that of the dead-letter queue: SQS
    /// moves dead letters within an account and region only.
    pub(super) fn add(&mut self, sqs: &Sqs, scope: usize, arn: &str) -> Result<(), ReadError> {
        if self.0.contains_key(arn) {
            return Ok(());
        }
        let address = QueueAddress::parse(arn);
        let scopes: Vec<usize> = (0..sqs.scopes()).collect();
        let near = sqs.scopes_for(&address, &[scope]);
        let scope = match near.first() {
            Some(scope) => *scope,
            None => *sqs.scopes_for(&address, &scopes).first().ok_or(ReadError::Missing)?,
        };
        let url = sqs.look_up(scope, &address)?.queue.url;
        self.add_url(sqs, scope, arn, url)
    }

    /// Records until when each destination keeps what is not proven, where that is not recorded.
    pub(super) fn record_kept_until(&self, known: &mut BTreeMap<String, Timestamp>) {
        for (to, route) in &self.0 {
            if let Some(until) = route.kept_until.filter(|_| !known.contains_key(to)) {
                let left = until.saturating_duration_since(clock::tick());
                known.insert(to.clone(), clock::now().plus(left));
            }
        }
    }

    /// Adds a queue by its URL.
    pub(super) fn add_url(
        &mut self,
        sqs: &Sqs,
        scope: usize,
        arn: &str,
        url: String,
    ) -> Result<(), ReadError> {
        let attributes = read(sqs, scope, &url)?;
        let limits = sqs.sending_limits(scope, &url)?;
        let settings = DestinationSettings {
            visibility_s: attributes.visibility_s,
            max_receive_count: attributes.redrive.as_ref().and_then(|own| own.max_receive_count),
            delay_s: limits.delay_s,
            batch_window: None,
        };
        let counts = match limits.delay_s {
            // What is sent is delayed as well, and cannot be told from what was.
            Some(1..) => Counts { visible: attributes.counts.depth(), ..Counts::default() },
            _ => attributes.counts,
        };
        let floor = few_in_flight(sqs, scope, &url, attributes.counts.in_flight);
        let consumption = Consumption::of_counts(counts).since(counts.depth(), floor);
        let retention = attributes.retention_s.map(Duration::from_secs);
        let route = MoveRoute {
            scope,
            url,
            fifo: arn.ends_with(".fifo"),
            settings,
            size_max: limits.size_max.unwrap_or(SIZE_MAX),
            sent_at: None,
            kept_until: None,
            retention,
            kept_for: [retention, self.1].into_iter().flatten().min(),
            consumption: match attributes.redrive {
                Some(_) => consumption,
                None => consumption.deathless(),
            },
            dies_into: attributes.redrive.map(|own| own.target),
            proven: 0,
            base: 0,
        };
        self.0.insert(arn.to_owned(), route);
        Ok(())
    }
}

/// Reads a queue until nothing is in flight twice, or as often as consumption is judged by. Returns the second
/// lowest number of messages that were: the lowest of few readings is more often below that of many later ones.
fn few_in_flight(sqs: &Sqs, scope: usize, url: &str, first: u64) -> u64 {
    let mut lowest = [first, u64::MAX];
    for _ in 1..NEWEST {
        if lowest[1] == 0 {
            break;
        }
        sqs.wait_until(clock::tick() + FLOOR_PAUSE);
        if let Ok(own) = read(sqs, scope, url) {
            let mut all = [lowest[0], lowest[1], own.counts.in_flight];
            all.sort_unstable();
            lowest = [all[0], all[1]];
        }
    }
    if lowest[1] == u64::MAX { first } else { lowest[1] }
}

/// Reads the attributes of a queue.
pub(super) fn read(sqs: &Sqs, scope: usize, url: &str) -> Result<Attributes, ReadError> {
    let mut readings = sqs.read(&[(scope, url.to_owned())]);
    let reading = readings.pop().ok_or_else(|| ReadError::Other("no answer".into()))?;
    reading.result
}
