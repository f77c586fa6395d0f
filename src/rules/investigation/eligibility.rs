//! The rules that decide whether an incident may be investigated now. They use only facts that are
//! cheap to get.

use std::fmt;
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
pub enum SkipReason {
    Disabled,
    /// No pattern of the target queues matches.
    NotTargeted,
    AgentMissing(String),
    /// The session that is investigating the queue.
    Running(String),
    /// The end of the cooldown, and the time until then.
    CoolingDown(Timestamp, Duration),
    /// The number of running sessions.
    MaxConcurrent(usize),
}

impl SkipReason {
    /// Returns one word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            SkipReason::Disabled => "disabled",
            SkipReason::NotTargeted => "not_targeted",
            SkipReason::AgentMissing(_) => "agent_missing",
            SkipReason::Running(_) => "already_running",
            SkipReason::CoolingDown(..) => "cooldown",
            SkipReason::MaxConcurrent(_) => "max_concurrent",
        }
    }

    /// Returns the end of the reason, when it is known.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            SkipReason::CoolingDown(until, _) => Some(*until),
            _ => None,
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::Disabled => f.write_str("auto_investigation.enabled is false"),
            SkipReason::NotTargeted => {
                f.write_str("no pattern of auto_investigation.target_queues matches the queue")
            }
            SkipReason::AgentMissing(agent) => {
                write!(f, "the agent '{agent}' was not found; it starts when it is there")
            }
            SkipReason::Running(session) => {
                write!(f, "session {session} is investigating this queue")
            }
            SkipReason::CoolingDown(until, left) => {
                write!(
                    f,
                    "the queue was investigated not long ago; again at {until} (in {})",
                    show_span(*left)
                )
            }
            SkipReason::MaxConcurrent(running) => {
                write!(
                    f,
                    "{} running, as many as auto_investigation.max_concurrent allows",
                    text::count(*running as u64, "investigation")
                )
            }
        }
    }
}

/// A rule's name, and the reason when it refuses.
pub type Rule = (&'static str, Option<SkipReason>);

/// Applies every rule, in order. The names say what a rule requires.
pub fn rules(
    policy: &StartPolicy,
    queue: &str,
    activity: &QueueActivity,
    now: Timestamp,
) -> [Rule; 6] {
    let cooling = activity.cooldown_until.filter(|until| *until > now);
    [
        ("enabled", (!policy.enabled).then_some(SkipReason::Disabled)),
        ("targeted", (!policy.targets.matches(queue)).then_some(SkipReason::NotTargeted)),
        ("agent present", policy.agent_missing.clone().map(SkipReason::AgentMissing)),
        ("not under way", activity.running_here.clone().map(SkipReason::Running)),
        ("cooldown over", cooling.map(|until| SkipReason::CoolingDown(until, until.since(now)))),
        (
            "a place free",
            (activity.running >= policy.max_concurrent)
                .then_some(SkipReason::MaxConcurrent(activity.running)),
        ),
    ]
}

/// Returns the reason of the first rule that refuses; `None` when the incident may be investigated.
pub fn skip_reason(
    policy: &StartPolicy,
    queue: &str,
    activity: &QueueActivity,
    now: Timestamp,
) -> Option<SkipReason> {
    rules(policy, queue, activity, now).into_iter().find_map(|(_, why)| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_reason_is_the_first_refusing_rule() {
        let at = Timestamp::from_millis;
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
            ("one place left", yes(), QueueActivity { running: 1, ..quiet() }, None),
            (
                "no place left",
                yes(),
                QueueActivity { running: 2, ..quiet() },
                Some("max_concurrent"),
            ),
        ];
        for (rule, policy, activity, reason) in rows {
            let why = skip_reason(&policy, "orders-dlq", &activity, at(5000));
            assert_eq!(why.map(|why| why.word()), reason, "{rule}");
        }
        let other = skip_reason(&yes(), "other", &quiet(), at(0));
        assert_eq!(other, Some(SkipReason::NotTargeted));
    }
}
