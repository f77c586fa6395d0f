//! May this incident be investigated now? Only what is cheap to know is asked here.

use std::fmt;
use std::time::Duration;

use crate::glob::GlobList;
use crate::text;
use crate::time::{Timestamp, show_span};

/// What the configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Whether anything is investigated at all.
    pub enabled: bool,
    /// The queues that are.
    pub targets: GlobList,
    /// So many at once.
    pub max_concurrent: usize,
    /// How long after an investigation of a queue the next may start.
    pub cooldown: Duration,
    /// The agent's program, when it cannot be found.
    pub agent_missing: Option<String>,
}

/// What is known of the queue and of the other investigations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The session that is investigating this queue.
    pub running_here: Option<String>,
    /// How many sessions are running.
    pub running: usize,
    /// The end of this queue's cooldown.
    pub cooldown_until: Option<Timestamp>,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Start an investigation.
    Start,
    /// Not now; judge again.
    Wait(Why),
    /// Not while the configuration is as it is.
    Never(Why),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Investigations are switched off.
    Disabled,
    /// The queue is not one that is investigated.
    NotTargeted,
    /// The agent's program is not there.
    AgentMissing(String),
    /// The queue is being investigated.
    Running(String),
    /// It was, not long ago.
    CoolingDown(Timestamp, Duration),
    /// As many as may run at once are running.
    Full(usize),
}

impl Why {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Why::Disabled => "disabled",
            Why::NotTargeted => "not_targeted",
            Why::AgentMissing(_) => "agent_missing",
            Why::Running(_) => "already_running",
            Why::CoolingDown(..) => "cooldown",
            Why::Full(_) => "max_concurrent",
        }
    }

    /// When the reason ends, where that is known.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Why::CoolingDown(until, _) => Some(*until),
            _ => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Disabled => f.write_str("auto_investigation.enabled is false"),
            Why::NotTargeted => {
                f.write_str("no pattern of auto_investigation.target_queues matches the queue")
            }
            Why::AgentMissing(agent) => {
                write!(f, "the agent '{agent}' was not found; it starts when it is there")
            }
            Why::Running(session) => write!(f, "session {session} is investigating this queue"),
            Why::CoolingDown(until, left) => {
                write!(
                    f,
                    "the queue was investigated not long ago; again at {until} (in {})",
                    show_span(*left)
                )
            }
            Why::Full(running) => {
                write!(
                    f,
                    "{} running, as many as auto_investigation.max_concurrent allows",
                    text::count(*running as u64, "investigation")
                )
            }
        }
    }
}

/// A rule, and why it says no.
pub type Rule = (&'static str, Option<Why>);

/// What every rule says, in their order. The names are what they ask for.
pub fn rules(policy: &Policy, queue: &str, past: &Past, now: Timestamp) -> [Rule; 6] {
    let cooling = past.cooldown_until.filter(|until| *until > now);
    [
        ("enabled", (!policy.enabled).then_some(Why::Disabled)),
        ("targeted", (!policy.targets.matches(queue)).then_some(Why::NotTargeted)),
        ("agent present", policy.agent_missing.clone().map(Why::AgentMissing)),
        ("not under way", past.running_here.clone().map(Why::Running)),
        ("cooldown over", cooling.map(|until| Why::CoolingDown(until, until.since(now)))),
        (
            "a place free",
            (past.running >= policy.max_concurrent).then_some(Why::Full(past.running)),
        ),
    ]
}

/// Judges one incident. The first rule that says no is the reason.
pub fn judge(policy: &Policy, queue: &str, past: &Past, now: Timestamp) -> Verdict {
    let why = rules(policy, queue, past, now).into_iter().find_map(|(_, why)| why);
    match why {
        None => Verdict::Start,
        Some(why @ (Why::Disabled | Why::NotTargeted)) => Verdict::Never(why),
        Some(why) => Verdict::Wait(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_says_no_is_the_reason() {
        let at = Timestamp::from_millis;
        let yes = || Policy {
            enabled: true,
            targets: GlobList::any(&["orders-*"]).unwrap(),
            max_concurrent: 2,
            cooldown: Duration::from_secs(3600),
            agent_missing: None,
        };
        let quiet = Past::default;
        let cooling = || Past { cooldown_until: Some(at(10_000)), ..quiet() };
        let rows: [(&str, Policy, Past, Option<&str>); 9] = [
            ("nothing speaks against it", yes(), quiet(), None),
            ("switched off", Policy { enabled: false, ..yes() }, quiet(), Some("disabled")),
            (
                "no targets, no investigation",
                Policy { targets: GlobList::default(), ..yes() },
                quiet(),
                Some("not_targeted"),
            ),
            (
                "the agent is not there",
                Policy { agent_missing: Some("claude".into()), ..yes() },
                cooling(),
                Some("agent_missing"),
            ),
            (
                "this queue is being investigated",
                yes(),
                Past { running_here: Some("s".into()), running: 1, ..cooling() },
                Some("already_running"),
            ),
            ("cooling down", yes(), Past { running: 2, ..cooling() }, Some("cooldown")),
            (
                "the cooldown ends at its end",
                yes(),
                Past { cooldown_until: Some(at(5000)), ..quiet() },
                None,
            ),
            ("one place left", yes(), Past { running: 1, ..quiet() }, None),
            ("no place left", yes(), Past { running: 2, ..quiet() }, Some("max_concurrent")),
        ];
        for (rule, policy, past, reason) in rows {
            let word = match judge(&policy, "orders-dlq", &past, at(5000)) {
                Verdict::Start => None,
                Verdict::Wait(why) | Verdict::Never(why) => Some(why.word()),
            };
            assert_eq!(word, reason, "{rule}");
        }
        assert_eq!(judge(&yes(), "other", &quiet(), at(0)), Verdict::Never(Why::NotTargeted));
    }
}
