//! The wait of an incident whose session had no reason to start an agent: for a moment, for another
//! session, or for a larger budget. A change of the incident can end the wait, too: see
//! `incident::apply_change`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::BudgetLimits;
use super::claimed_cause::ClaimedCause;
use super::preflight_skip::LOGS_NOT_YET;
use super::session::SessionStatus;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// The reason, as one word for programs.
    pub reason: String,
    pub since: Timestamp,
    /// The wait ends at this time.
    pub until: Option<Timestamp>,
    /// The session that is waited for. The wait ends when it has ended without a result, unless
    /// `cause` says what the wait is for.
    pub session: Option<String>,
    /// The wait ends when nothing prevents the investigation of this cause.
    #[serde(default)]
    pub cause: Option<ClaimedCause>,
    /// The wait ends when the configured limits differ from these.
    pub limits: Option<BudgetLimits>,
    /// The fingerprint of the cause on which the budget was to be spent. The wait ends when the
    /// budget suffices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spends_on: Option<String>,
}

/// The reason of a wait for budget.
pub const BUDGET: &str = "budget";
/// The reason of a wait after the model's API was not available.
pub const API_UNAVAILABLE: &str = "api_unavailable";

/// The first pause after the model's API was not available.
const PAUSE: Duration = Duration::from_secs(2 * 60);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(60 * 60);

/// Returns the pause before the next try, after so many failures before this one. It doubles, and a
/// part that depends on the session keeps many queues from a try at the same time.
pub fn pause(failures: u32, session: &str) -> Duration {
    let pause = PAUSE.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX);
    let share = session.bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 256);
    pause + pause / 4 * share / 256
}

impl Wait {
    /// Creates a wait that ends at a time.
    pub fn ending_at(reason: &str, since: Timestamp, until: Timestamp) -> Self {
        let reason = reason.to_owned();
        let until = Some(until);
        Wait { reason, since, until, session: None, cause: None, limits: None, spends_on: None }
    }

    /// Whether the lines of a log are waited for. These come with time alone.
    pub fn is_for_logs(&self) -> bool {
        self.reason == LOGS_NOT_YET
    }

    /// Whether money is waited for.
    pub fn is_for_budget(&self) -> bool {
        self.reason == BUDGET
    }

    /// Whether a session with this status is still waited for; None when it is no longer recorded.
    pub fn awaits(&self, session: Option<SessionStatus>) -> bool {
        self.session.is_none()
            || matches!(session, Some(SessionStatus::Running | SessionStatus::Completed))
    }

    /// Whether the wait goes on. `stands` says whether what it is for still stands; see
    /// [`super::claim::waited_for`].
    pub fn is_active(&self, now: Timestamp, limits: &BudgetLimits, stands: bool) -> bool {
        // A clock that was ahead wrote a wait that has not begun.
        let begun = now >= self.since;
        let same = self.limits.as_ref().is_none_or(|before| before == limits);
        let ahead = self.until.is_none_or(|until| now < until);
        begun && same && ahead && stands
    }
}

/// Returns the clause for a reason for which an incident is not investigated.
pub fn clause(reason: &str) -> String {
    known_clause(reason).map_or_else(|| format!("waiting: {reason}"), str::to_owned)
}

/// Returns the clause for a reason that this version knows.
pub fn known_clause(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "needs_person" => "waits for a person: nothing proves who states the cause",
        "unexplained" => "waits for --retry or new evidence: investigations found no cause",
        "same_shape" => "waits for a session about messages of the same shape",
        "cooldown" => "waits for the end of the cooldown",
        "known_cause" => "waits for a session about the same cause",
        LOGS_NOT_YET => "waits for the lines of the log, then looks once more",
        "no_evidence" => "waits for a sample of the messages",
        BUDGET => "waits: the budget is used up",
        API_UNAVAILABLE => "waits: the model's API does not answer; it is tried again",
        "could_not_start" => "waits: the agent could not be started; it is tried again",
        "already_running" | "max_concurrent" => "waits for the end of another investigation",
        "not_a_code_bug" => "not investigated: the code is not at fault",
        "not_targeted" => "not investigated: not in auto_investigation.target_queues",
        "disabled" => "not investigated: auto_investigation.enabled is false",
        "agent_missing" => "waits: the agent is not installed",
        "agent_unfit" => "waits: the agent does not fit",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::money::Usd;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn pause_doubles_up_to_an_hour_and_differs_by_session() {
        for (failures, minutes) in [(0, 2), (1, 4), (2, 8), (4, 32), (5, 60), (40, 60)] {
            for session in ["", "a", "01234567-89ab", "ffffffff"] {
                let found = pause(failures, session).as_secs();
                let least = minutes * 60;
                assert!(
                    (least..=least + least / 4).contains(&found),
                    "{failures} {session}: {found}"
                );
            }
        }
        assert_ne!(pause(0, "a"), pause(0, "b"));
    }

    #[test]
    fn pauses_of_many_sessions_are_spread() {
        let ids = (0..100).map(|n| format!("0190a1b2-{n:04}"));
        let pauses: BTreeSet<_> = ids.map(|id| pause(5, &id)).collect();
        assert!(pauses.len() > 50, "{pauses:?}");
        let (least, most) = (pauses.first().unwrap(), pauses.last().unwrap());
        assert!(*most - *least > Duration::from_secs(10 * 60), "of 15 minutes: {pauses:?}");
    }

    #[test]
    fn reason_tells_what_is_waited_for() {
        let rows = [
            (BUDGET, false, true, "waits: the budget is used up"),
            (LOGS_NOT_YET, true, false, "waits for the lines of the log, then looks once more"),
            ("cooldown", false, false, "waits for the end of the cooldown"),
            ("of_a_later_version", false, false, "waiting: of_a_later_version"),
        ];
        for (reason, is_for_logs, is_for_budget, text) in rows {
            let wait = Wait::ending_at(reason, at(0), at(1));
            let found = (wait.is_for_logs(), wait.is_for_budget());
            assert_eq!(found, (is_for_logs, is_for_budget), "{reason}");
            assert_eq!(clause(reason), text);
        }
    }

    #[test]
    fn wait_ends_by_its_time_limits_or_session() {
        let limits = BudgetLimits::default();
        let more = BudgetLimits { per_run: Usd::from_micros(1), ..limits.clone() };
        let hour = Wait::ending_at("budget", at(0), at(3600));
        let spent = Wait { limits: Some(limits.clone()), ..hour.clone() };
        let owned = Wait { until: None, session: Some("s".into()), ..hour.clone() };
        let rows = [
            ("before its end", &hour, 3599, &limits, None, true),
            ("at its end", &hour, 3600, &limits, None, false),
            ("the clock was ahead", &hour, -1, &limits, None, false),
            ("the same money", &spent, 1, &limits, None, true),
            ("more money", &spent, 1, &more, None, false),
            ("more money, which is not why", &hour, 1, &more, None, true),
            ("its owner runs", &owned, 9999, &limits, Some(SessionStatus::Running), true),
            ("its owner knows", &owned, 9999, &limits, Some(SessionStatus::Completed), true),
            ("its owner has failed", &owned, 1, &limits, Some(SessionStatus::Failed), false),
            ("its owner was skipped", &owned, 1, &limits, Some(SessionStatus::Skipped), false),
            ("its owner is forgotten", &owned, 1, &limits, None, false),
        ];
        for (rule, wait, now, limits, session, is_active) in rows {
            let stands = wait.awaits(session);
            assert_eq!(wait.is_active(at(now), limits, stands), is_active, "{rule}");
        }
    }
}
