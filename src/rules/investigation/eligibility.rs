//! The rules that decide whether an incident may be investigated now. They use only facts that are
//! cheap to get.

use std::time::Duration;

use crate::glob::GlobList;
use crate::text;
use crate::time::{Timestamp, show_span};

/// The settings that the rules depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct StartPolicy {
    pub enabled: bool,
    /// The queues that are investigated.
    pub targets: GlobList,
    pub max_concurrent: usize,
    /// The time between an investigation of a queue and the next one.
    pub cooldown: Duration,
    /// The agent's program, when it was not found.
    pub agent_missing: Option<String>,
}

/// The running sessions and the cooldown that concern a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueActivity {
    pub running_here: Option<String>,
    /// The number of running sessions, of all queues.
    pub running: usize,
    pub cooldown_until: Option<Timestamp>,
}

/// The reason why an incident is not investigated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipReason {
    /// Word for programs.
    pub word: &'static str,
    /// Sentence for people.
    pub detail: String,
    /// The end of the reason, when it is known.
    pub until: Option<Timestamp>,
}

impl SkipReason {
    /// Whether the reason ends with a running session.
    pub fn ends_with_session(&self) -> bool {
        matches!(self.word, "already_running" | "max_concurrent")
    }
}

/// Applies every rule, in order. Returns the requirement of each, and the reason when it is not
/// met. The first reason decides.
pub fn rules(
    policy: &StartPolicy,
    queue: &str,
    activity: &QueueActivity,
    now: Timestamp,
) -> [(&'static str, Option<SkipReason>); 6] {
    let QueueActivity { running_here, running, cooldown_until } = activity;
    let disabled = (!policy.enabled).then(|| "auto_investigation.enabled is false".to_owned());
    let untargeted = (!policy.targets.matches(queue))
        .then(|| "no pattern of auto_investigation.target_queues matches the queue".to_owned());
    let missing = policy.agent_missing.as_ref().map(|agent| {
        format!("the agent '{agent}' was not found; the investigation starts once it is installed")
    });
    let here = running_here.as_ref().map(|id| format!("session {id} is investigating this queue"));
    let until = cooldown_until.filter(|until| *until > now);
    let cooling = until.map(|until| {
        let remaining = show_span(until.since(now));
        format!("the queue is in its cooldown until {until} (in {remaining})")
    });
    let full = (*running >= policy.max_concurrent).then(|| {
        let running = text::count(*running as u64, "investigation");
        format!("{running} running, as many as auto_investigation.max_concurrent allows")
    });
    [
        ("enabled", "disabled", disabled, None),
        ("targeted", "not_targeted", untargeted, None),
        ("agent present", "agent_missing", missing, None),
        ("not under way", "already_running", here, None),
        ("cooldown over", "cooldown", cooling, until),
        ("a free slot", "max_concurrent", full, None),
    ]
    .map(|(required, word, detail, until)| {
        (required, detail.map(|detail| SkipReason { word, detail, until }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_reason_is_the_first_refusing_rule() {
        let at = Timestamp::from_millis;
        let first_reason = |policy: &_, queue, activity: &_, now| {
            rules(policy, queue, activity, at(now)).into_iter().find_map(|(_, why)| why)
        };
        let yes = || StartPolicy {
            enabled: true,
            targets: GlobList::any(&["orders-*"]).unwrap(),
            max_concurrent: 2,
            cooldown: Duration::from_secs(3600),
            agent_missing: None,
        };
        let quiet = QueueActivity::default;
        let cooling = || QueueActivity { cooldown_until: Some(at(10_000)), ..quiet() };
        let rows: [(&str, StartPolicy, QueueActivity, Option<&str>); 9] = [
            ("nothing speaks against it", yes(), quiet(), None),
            ("switched off", StartPolicy { enabled: false, ..yes() }, quiet(), Some("disabled")),
            (
                "no targets, no investigation",
                StartPolicy { targets: GlobList::default(), ..yes() },
                quiet(),
                Some("not_targeted"),
            ),
            (
                "the agent is not there",
                StartPolicy { agent_missing: Some("claude".into()), ..yes() },
                cooling(),
                Some("agent_missing"),
            ),
            (
                "this queue is being investigated",
                yes(),
                QueueActivity { running_here: Some("s".into()), running: 1, ..cooling() },
                Some("already_running"),
            ),
            ("cooling down", yes(), QueueActivity { running: 2, ..cooling() }, Some("cooldown")),
            (
                "the cooldown ends at its end",
                yes(),
                QueueActivity { cooldown_until: Some(at(5000)), ..quiet() },
                None,
            ),
            (
                "one session fewer than the limit",
                yes(),
                QueueActivity { running: 1, ..quiet() },
                None,
            ),
            (
                "as many sessions as the limit",
                yes(),
                QueueActivity { running: 2, ..quiet() },
                Some("max_concurrent"),
            ),
        ];
        for (rule, policy, activity, reason) in rows {
            let why = first_reason(&policy, "orders-dlq", &activity, 5000);
            assert_eq!(why.as_ref().map(|why| why.word), reason, "{rule}");
            let alone = QueueActivity { running_here: None, running: 0, ..activity };
            let later = first_reason(&policy, "orders-dlq", &alone, 5000);
            let ends = why.as_ref().is_some_and(SkipReason::ends_with_session);
            assert_eq!(ends, later != why, "{rule}: once the sessions have ended");
            let until = (reason == Some("cooldown")).then(|| at(10_000));
            assert_eq!(why.and_then(|why| why.until), until, "{rule}");
        }
        let other = first_reason(&yes(), "other", &quiet(), 0);
        assert_eq!(other.map(|why| why.word), Some("not_targeted"));
    }
}
