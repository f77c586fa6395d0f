//! The outbox: a delivery from its decision to its success, one file each.
//!
//! Promises: attempts are made in the order of decisions, so that an end never overtakes its
//! beginning; the pause after a failed attempt is an instant in the file, which a restart keeps; what
//! is old news when it can be sent is summed up. Pure: the present is an argument.

mod keys;
mod withdrawal;

pub mod digest;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::keys::key_of;
use self::keys::{ends, key, problem_keys, tells_end};
pub use self::withdrawal::{SilencedSpan, Withdrawal};
use super::delivery::{Action, Delivery, EVENT_MAX};
use super::group::DueNotice;
use super::message::Notice;
use super::notice_key::EventKey;
use super::plan::PlannedDelivery;
use super::topic::SendReason;
use crate::rules::loss_text;
use crate::time::Timestamp;

/// The first pause after a failed attempt; each one is twice as long as the one before.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause that a service can ask for.
pub const ASKED_PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The age from which a notice is old news.
pub const OLD_NEWS: Duration = Duration::from_secs(3600);
/// The age at which a delivery is given up.
pub const GIVEN_UP: Duration = Duration::from_secs(3 * 86_400);
/// The age from which a notice says how old it is.
const LATE: Duration = Duration::from_secs(600);

/// A delivery that was decided and has not succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxEntry {
    pub sequence: u64,
    pub channel: String,
    pub reason: SendReason,
    pub delivery: Delivery,
    /// The event that decided, for `notice.sent`.
    pub event: EventKey,
    /// The queues or pull requests, and the incidents, that it tells of.
    pub subjects: Vec<String>,
    pub incidents: Vec<String>,
    /// Whether it tells the end of a problem, whatever else it tells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_problem: bool,
    pub fallback: Option<String>,
    /// The channels that have refused it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_by: Vec<String>,
    /// The moment of the decision, by the wall clock.
    pub queued_at: Timestamp,
    pub attempts: u64,
    /// Whether an attempt had no answer, so that it may have arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub perhaps_sent: bool,
    /// No attempt is made before this.
    pub not_before: Option<Timestamp>,
    /// The silence that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<SilencedSpan>,
    /// The time for which silences have held it before, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silenced_ms: u64,
    /// The slot of the process that prints the notice, when the channel is a console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl OutboxEntry {
    /// Returns the entry of a delivery that was just decided. `now` is the moment of the decision in
    /// the stream, `wall` by the clock.
    pub fn new(
        planned: &PlannedDelivery,
        mut notice: Notice,
        now: Timestamp,
        wall: Timestamp,
    ) -> Self {
        let first = &planned.notices[0];
        let event = first.events.last().map(|event| event.key.clone()).unwrap_or_default();
        let is_end = planned.notices.iter().all(ends);
        let action = match (planned.is_update, is_end) {
            (true, _) => Action::Update,
            (false, true) => Action::Resolve,
            (false, false) => Action::Trigger,
        };
        let line = match planned.notices.as_slice() {
            [one] => one.main_event().map(|event| event.line.clone()),
            _ => None,
        };
        notice.known_severity = first.known_severity.filter(|_| planned.notices.len() == 1);
        let incident_of = |due: &DueNotice| due.incident.clone().unwrap_or_default();
        OutboxEntry {
            sequence: planned.sequence,
            channel: planned.channel.clone(),
            reason: planned.reason,
            delivery: Delivery {
                id: planned.id.clone(),
                action,
                key: key(planned),
                problems: problem_keys(planned),
                incident: first.incident.clone().filter(|_| planned.notices.len() == 1),
                event: line.filter(|line| !line.is_empty() && line.len() <= EVENT_MAX),
                notice,
                handle: planned.handle.clone(),
                at: now,
            },
            event,
            subjects: planned.notices.iter().map(|due| due.subject.clone()).collect(),
            incidents: planned.notices.iter().map(incident_of).collect(),
            ends_problem: planned.notices.iter().any(tells_end),
            fallback: planned.fallback.clone(),
            refused_by: Vec::new(),
            queued_at: wall,
            attempts: 0,
            perhaps_sent: false,
            not_before: None,
            silence: None,
            silenced_ms: 0,
            slot: None,
        }
    }

    /// Returns the delivery for an attempt. One that comes late says so: its numbers and times are those of
    /// the decision.
    pub fn delivery_at(&self, now: Timestamp) -> Delivery {
        let mut delivery = self.delivery.clone();
        let age = now.since(self.queued_at);
        if age >= LATE {
            let notice = &mut delivery.notice;
            notice.what = format!("{} ({} ago)", notice.what, loss_text::lasting(age));
        }
        delivery
    }

    /// Records a failed attempt: the next one comes after a pause that the service asks for, or that
    /// doubles.
    pub fn postpone(&mut self, asked: Option<Duration>, now: Timestamp) {
        let pause = match asked {
            Some(asked) => asked.clamp(FIRST_PAUSE, ASKED_PAUSE_MAX),
            None => pause(&self.delivery.id, self.attempts),
        };
        self.attempts += 1;
        self.not_before = Some(now.plus(pause));
    }

    /// Returns the end of its pause; None when it is over. A pause longer than any that is made comes
    /// from a clock that was ahead.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before.filter(|at| *at > now && at.since(now) <= ASKED_PAUSE_MAX)
    }

    /// Returns whether it is too late for another attempt. The time under a silence does not count.
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        now.since(self.queued_at).saturating_sub(self.silenced_for(now)) >= GIVEN_UP
    }

    /// Returns whether it has become old news.
    pub fn is_old_news(&self, now: Timestamp) -> bool {
        now.since(self.queued_at) >= OLD_NEWS
    }
}

/// Returns the pause after a number of failed attempts: up to a fifth shorter or longer, by the id,
/// so that channels that failed together do not come back together.
fn pause(id: &str, attempts: u64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.min(16)).min(LONGEST_PAUSE);
    let byte = Sha256::digest(format!("{id} {attempts}"))[0];
    doubled.mul_f64(0.8 + 0.4 * f64::from(byte) / 255.0)
}

#[cfg(test)]
mod tests;
