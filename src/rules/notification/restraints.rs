//! Restraints: why and until when notices about a topic wait. Pure.

use std::time::Duration;

use super::ack::Acks;
use super::quiet::QuietHours;
use super::silence::Silences;
use super::topic::{HoldReason, Topic};
use crate::event::Severity;
use crate::time::Timestamp;

/// The time after which a notice that is switched off is looked at again, if nothing comes before.
const OFF_FOR: Duration = Duration::from_secs(7 * 86_400);

/// The restraints of the notices of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Restraints<'a> {
    pub silences: &'a Silences,
    pub acks: &'a Acks,
    /// The quiet hours, when they hold for the channel.
    pub quiet: Option<&'a QuietHours>,
    /// Whether notices are switched off.
    pub is_off: bool,
    /// Whether the channel has an alert for each problem, which the end closes.
    pub has_alerts: bool,
    /// The moment from which the policy of the channel holds.
    pub since: Timestamp,
}

impl Restraints<'_> {
    /// Returns why and until when notices about a topic wait, the last of which is an `end` of that severity.
    /// An acknowledgement does not hold back the end of a problem, nor do quiet hours the end of what was
    /// told in them. Nothing holds back one that only closes an alert: until then people are called.
    pub fn hold(
        &self,
        topic: &Topic,
        severity: Severity,
        end: Option<Severity>,
        now: Timestamp,
    ) -> Option<(HoldReason, Timestamp)> {
        if self.is_off {
            return Some((HoldReason::Off, now.plus(OFF_FOR)));
        }
        if self.has_alerts && end.is_some_and(|severity| severity < Severity::Warn) {
            return None;
        }
        if let Some(silence) = self.silences.of_subject(&topic.subject, now) {
            return Some((HoldReason::Silence, silence.until));
        }
        if let Some(until) = self.ack(topic, now).filter(|_| end.is_none()) {
            return Some((HoldReason::Ack, until));
        }
        let told = topic.told.as_ref().filter(|_| end.is_some());
        let broke_through =
            |quiet: &&QuietHours| told.is_some_and(|told| quiet.is_one_night(told.at, now));
        let quiet = self.quiet.filter(|quiet| !broke_through(quiet));
        let until = quiet.and_then(|quiet| quiet.hold(severity, now))?;
        Some((HoldReason::QuietHours, until))
    }

    /// Returns the end of the acknowledgement that covers a topic.
    pub fn ack(&self, topic: &Topic, now: Timestamp) -> Option<Timestamp> {
        self.acks.until(topic.incident.as_deref(), &topic.subject, now)
    }
}

/// Quiet hours do not stop an escalation: somebody was to be told in any case.
pub fn is_restraining(hold: Option<(HoldReason, Timestamp)>) -> bool {
    matches!(hold, Some((HoldReason::Silence | HoldReason::Ack | HoldReason::Off, _)))
}
