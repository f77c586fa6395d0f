//! The notices that are due, by channel, and what follows for the records of others: the channels of
//! escalations, and queues whose cause is known. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanInput;
use super::known::told_causes;
use crate::rules::notification::amend::{Amended, Amendment, EventHold, amend_each};
use crate::rules::notification::decision::DropReason;
use crate::rules::notification::due::{Due, judge_due};
use crate::rules::notification::escalate::{is_called, take_step};
use crate::rules::notification::group::{DueNotice, gather};
use crate::rules::notification::notices::Notices;
use crate::rules::notification::policy::{Channel, GroupBy};
use crate::rules::notification::restraints::Restraints;
use crate::rules::notification::topic::{HoldReason, Pending, SendReason, Topic};
use crate::time::Timestamp;

/// A notice that waits from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldNotice {
    pub channel: String,
    pub subject: String,
    pub incident: Option<String>,
    pub event: Pending,
    pub reason: HoldReason,
    pub until: Timestamp,
}

/// The notices that are due, and what follows for the records of others.
#[derive(Debug, Default)]
pub(super) struct DueNotices {
    /// The notices of each channel.
    pub by_channel: BTreeMap<String, Vec<DueNotice>>,
    /// The channels and the causes that a queue has joined of which the channel is not told.
    pub joined: BTreeSet<(String, String)>,
    pub held: Vec<HeldNotice>,
    pub amended: Vec<Amended>,
}

impl DueNotices {
    /// Adds what a channel is not told before `until`. `glob` is that of a silence of the subject.
    fn hold(&mut self, topic: &Topic, reason: HoldReason, until: Timestamp, glob: Option<String>) {
        let glob = glob.filter(|_| reason == HoldReason::Silence);
        let hold = Amendment::Held(EventHold { reason, until, glob });
        self.amended.extend(amend_each(&topic.pending, &topic.channel, &hold));
        // Who has switched them off needs no event of each.
        let last = topic.pending.last().filter(|_| reason != HoldReason::Off);
        self.held.extend(last.map(|event| HeldNotice {
            channel: topic.channel.clone(),
            subject: topic.subject.clone(),
            incident: topic.incident.clone(),
            event: event.clone(),
            reason,
            until,
        }));
    }

    /// Adds the notice of an escalation step, once for all channels whose step it is. A channel that knows of
    /// the problem already is told by what it knows, so that its alert is one.
    fn call(
        &mut self,
        notices: &mut Notices,
        input: PlanInput<'_>,
        to: String,
        mut notice: DueNotice,
        source: &Topic,
        now: Timestamp,
    ) {
        let target = notices.topics.entry(Topic::key(&to, &source.problem)).or_default();
        if is_called(target, source, notice.ordinal) {
            return;
        }
        if target.is_open() {
            notice.key_incident = target.key_incident().map(str::to_owned);
            let known = target.told_of_open().map(|told| told.severity);
            notice.known_severity = notice.known_severity.max(known);
        }
        target.channel.clone_from(&to);
        let policy = input.notifications.policy(source.route, &source.channel);
        take_step(target, source, policy.clear_wait, now);
        target.called = Some((notice.ordinal, now));
        self.by_channel.entry(to).or_default().push(notice);
    }
}

/// Collects what is due.
pub(super) fn collect_due(
    notices: &mut Notices,
    input: PlanInput<'_>,
    now: Timestamp,
) -> DueNotices {
    let notifications = input.notifications;
    let mut all = DueNotices::default();
    let told_causes = told_causes(notices, input, &mut all.amended, now);
    gather(&mut notices.topics, &notices.problems, now);
    let mut topics = std::mem::take(&mut notices.topics);
    let mut escalated = Vec::new();
    for topic in topics.values_mut() {
        if input.is_final {
            topic.end_group_wait(now);
        }
        let Some(channel) = notifications.channel(&topic.channel) else { continue };
        let quiet = notifications.quiet_hours.as_ref().filter(|_| channel.keeps_quiet());
        let since = notices.routed_since(&channel.name);
        let restraints = Restraints {
            silences: input.silences,
            acks: input.acks,
            quiet,
            is_off: input.is_off,
            has_alerts: !channel.can_merge(),
            since,
        };
        let policy = notifications.policy(topic.route, &topic.channel);
        let problem = notices.problems.get(&topic.problem);
        let steps =
            topic.step_route.map(|at| &notifications.policy(Some(at), &topic.channel).escalate);
        let steps = steps.unwrap_or(&policy.escalate).as_slice();
        for due in judge_due(topic, problem, (policy.repeat_interval, steps), restraints, now) {
            match due {
                Due::Notice(notice)
                    if is_of_told_cause(&notice, policy.group_by, channel, &told_causes) =>
                {
                    let known = Amendment::Dropped(DropReason::KnownCause);
                    all.amended.extend(amend_each(&notice.events, &channel.name, &known));
                    topic.joined.clone_from(&notice.cause);
                    all.joined.extend(notice.cause.map(|cause| (channel.name.clone(), cause)));
                }
                // There, it would open the alert again.
                Due::Notice(notice) if notice.is_late && !channel.can_merge() => {
                    let over = Amendment::Dropped(DropReason::Over);
                    all.amended.extend(amend_each(&notice.events, &channel.name, &over));
                }
                Due::Notice(notice) => {
                    all.by_channel.entry(topic.channel.clone()).or_default().push(notice);
                }
                Due::Escalation(to, notice) => escalated.push((to, notice, topic.clone())),
                Due::Held(reason, until) => {
                    let silence = input.silences.of_subject(&topic.subject, now);
                    all.hold(topic, reason, until, silence.map(|one| one.glob.clone()));
                }
            }
        }
    }
    notices.topics = topics;
    for (to, notice, source) in escalated {
        all.call(notices, input, to, notice, &source, now);
    }
    for due in all.by_channel.values_mut() {
        due.sort_by_key(|notice| notice.events.first().map(|event| event.at));
    }
    all
}

/// Returns whether a beginning is left out because the channel knows its cause from another queue. A
/// channel with an alert for each problem gets it.
fn is_of_told_cause(
    notice: &DueNotice,
    group_by: GroupBy,
    channel: &Channel,
    told: &BTreeSet<(String, String)>,
) -> bool {
    let begins =
        channel.can_merge() && matches!(notice.reason, SendReason::New | SendReason::Again);
    let cause = notice.cause.as_ref().filter(|_| begins && group_by == GroupBy::Fingerprint);
    cause.is_some_and(|cause| told.contains(&(channel.name.clone(), cause.clone())))
}
