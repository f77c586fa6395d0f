//! Reminders of a pull request that waits for somebody.
//!
//! A ladder of spans counts from the beginning of the turn of whoever has to act, in working time.
//! While the messages of its incident are near their loss, reminders count in plain time and come more
//! often: retention does not rest at weekends. Pure: whoever slept through several reminders gives one.

use std::time::Duration;

use crate::rules::working_time::WeekWindow;
use crate::time::Timestamp;

/// The time before a loss in which reminders come more often.
const NEAR_LOSS: Duration = Duration::from_secs(24 * 3600);
/// The shortest time between two reminders near a loss.
const NEAR_LOSS_MIN: Duration = Duration::from_secs(600);

/// A step of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderStep {
    /// A span of working time.
    Span(Duration),
    /// Working days: each is as long as the working hours of a day.
    Days(u32),
}

/// The times at which somebody is reminded.
#[derive(Debug, Clone, PartialEq)]
pub struct ReminderPolicy {
    /// The ages at which a reminder is due, shortest first. The last one repeats. Without any, nobody
    /// is reminded.
    pub steps: Vec<ReminderStep>,
    /// The working hours; None: all hours count.
    pub working_hours: Option<WeekWindow>,
}

/// A turn of somebody: the time for which a pull request has waited for the same act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingTurn {
    pub since: Timestamp,
    /// The last reminder of this turn.
    pub reminded_at: Option<Timestamp>,
    /// The moment at which messages of the incident are lost; None: unknown, or there are none.
    pub loss_at: Option<Timestamp>,
    /// The end of an acknowledgement or a snooze.
    pub snoozed_until: Option<Timestamp>,
}

/// A decision about a reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderVerdict {
    /// A reminder is due. `step` counts from 1.
    Due {
        step: u32,
        is_loss_near: bool,
    },
    NotYet,
    /// Outside of working hours.
    Resting,
    Snoozed {
        until: Timestamp,
    },
    /// The ladder is empty.
    Unwanted,
}

/// Returns whether somebody is reminded at `now`.
pub fn judge_reminder(
    policy: &ReminderPolicy,
    turn: &WaitingTurn,
    now: Timestamp,
) -> ReminderVerdict {
    if policy.steps.is_empty() {
        return ReminderVerdict::Unwanted;
    }
    if let Some(until) = turn.snoozed_until.filter(|until| *until > now) {
        return ReminderVerdict::Snoozed { until };
    }
    if let Some(gap) = gap_near_loss(turn, now) {
        let last = turn.reminded_at.unwrap_or(turn.since);
        let step = policy.steps_until(turn.since, now) + 1;
        return if now >= last.plus(gap) {
            ReminderVerdict::Due { step, is_loss_near: true }
        } else {
            ReminderVerdict::NotYet
        };
    }
    if policy.working_hours.as_ref().is_some_and(|hours| !hours.contains(now)) {
        return ReminderVerdict::Resting;
    }
    let step = policy.steps_until(turn.since, now);
    let reminded = turn.reminded_at.map_or(0, |at| policy.steps_until(turn.since, at));
    if step <= reminded {
        return ReminderVerdict::NotYet;
    }
    ReminderVerdict::Due { step, is_loss_near: false }
}

/// Returns the time between reminders while messages are near their loss: a quarter of what is left.
fn gap_near_loss(turn: &WaitingTurn, now: Timestamp) -> Option<Duration> {
    let loss = turn.loss_at.filter(|loss| *loss > now)?;
    let left = loss.since(now);
    (left <= NEAR_LOSS).then(|| (left / 4).max(NEAR_LOSS_MIN))
}

impl ReminderPolicy {
    /// Returns how many steps of the ladder have passed.
    fn steps_until(&self, since: Timestamp, now: Timestamp) -> u32 {
        let age = self.age(since, now);
        let mut spans = self.steps.iter().map(|step| self.span(*step));
        let passed = spans.clone().filter(|span| age >= *span).count();
        let Some(last) = spans.next_back().filter(|last| age >= *last && !last.is_zero()) else {
            return count(passed as u128);
        };
        let repeats = (age - last).as_millis() / last.as_millis().max(1);
        count(passed as u128 + repeats)
    }

    /// Returns the working time of a turn.
    pub fn age(&self, since: Timestamp, now: Timestamp) -> Duration {
        match &self.working_hours {
            Some(hours) => hours.time_between(since, now),
            None => now.since(since),
        }
    }

    fn span(&self, step: ReminderStep) -> Duration {
        match step {
            ReminderStep::Span(span) => span,
            ReminderStep::Days(days) => {
                let day = self.working_hours.as_ref().map_or(NEAR_LOSS, WeekWindow::length);
                day * days
            }
        }
    }
}

fn count(steps: u128) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
