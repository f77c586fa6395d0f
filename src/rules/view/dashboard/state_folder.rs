//! Additions of the state folder to the events: queues, sessions with the use of their processes, and
//! what people said.
//!
//! Events come first: the folder fills what no event tells. A part that could not be read stays as it
//! was, with the moment of its last reading.

use super::Dashboard;
use super::investigations::{
    AgentUsage, INVESTIGATIONS_MAX, Investigation, InvestigationStatus, ShownProof, ShownVerdict,
};
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::notification::ack::Acks;
use crate::rules::notification::silence::Silences;
use crate::rules::queue::document::Watched;
use crate::time::Timestamp;

/// A reading of the state folder.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct FolderReading {
    pub at: Timestamp,
    /// The queues; None when the document has not changed or could not be read.
    pub queues: Option<Watched>,
    /// The sessions; None when the document could not be read.
    pub sessions: Option<Vec<SessionReading>>,
    pub acks: Option<Acks>,
    pub silences: Option<Silences>,
    /// A sentence for each part that could not be read.
    pub problems: Vec<String>,
    /// Whether the document of queues could not be read.
    pub is_queues_unread: bool,
}

/// The documents of the newest reading that could not be read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct UnreadDocuments {
    pub queues: bool,
    pub sessions: bool,
}

/// A session as the folder shows it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SessionReading {
    pub session: Session,
    /// Whether it runs by its record while the lock of its supervisor is free.
    pub is_dead: bool,
    pub usage: Option<AgentUsage>,
}

impl Dashboard {
    /// Takes a reading of the state folder.
    pub fn set_folder(&mut self, reading: FolderReading) {
        let FolderReading { at, queues, sessions, acks, silences, is_queues_unread, .. } = reading;
        let mut is_changed = queues.is_some();
        let unread = UnreadDocuments { queues: is_queues_unread, sessions: sessions.is_none() };
        is_changed |= self.unread != Some(unread);
        self.unread = Some(unread);
        for one in sessions.into_iter().flatten() {
            is_changed |= self.set_session(one);
        }
        is_changed |= self.statements.set(at, acks, silences);
        if let Some(queues) = queues {
            self.set_queues(&queues, at);
        }
        self.folder_changes += u64::from(is_changed);
    }

    /// Takes a session. Returns whether that changes what is shown of it.
    fn set_session(&mut self, reading: SessionReading) -> bool {
        let SessionReading { session, is_dead, usage } = reading;
        let Some(recorded) = shown_status(session.status) else { return false };
        let is_new = !self.investigations.contains_key(session.id.as_str());
        let is_full = self.investigations.len() >= INVESTIGATIONS_MAX;
        if is_new && is_full && recorded != InvestigationStatus::Running {
            return false;
        }
        let investigation = self.investigations.entry(session.id.as_str().into());
        let one = investigation.or_insert_with(|| Investigation {
            queue: session.queue.arn.as_str().into(),
            incident: session.incident.as_str().into(),
            started_at: Some(session.start_time),
            ..Investigation::default()
        });
        let figures = |one: &Investigation| {
            let proven_at = one.proof.as_ref().map(|proof| proof.at);
            let figures = (one.status, one.ended_at, one.pid, one.timeout_at, one.cost, one.usage);
            (figures, proven_at, one.verdict.is_some())
        };
        let before = figures(one);
        if one.status == InvestigationStatus::Running {
            one.status = if is_dead { InvestigationStatus::Crashed } else { recorded };
            one.ended_at = one.ended_at.or(session.ended_at);
        }
        one.pid = one.pid.or(session.pid);
        one.timeout_at = one.timeout_at.or(Some(session.timeout_at));
        let is_told = session.ended_at.is_some() && session.cost_usd.is_some();
        if one.ended_at.is_some() && (one.is_cost_least || before.0.0 != one.status) {
            one.is_cost_least = !is_told;
            one.cost = session.cost_usd.max(one.cost);
        }
        one.cost = one.cost.or(session.cost_usd);
        one.usage = with_share(usage, one.usage).or(one.usage);
        let verdict = session.verdict.as_deref();
        let verdict = verdict.filter(|_| one.status == InvestigationStatus::Completed);
        one.verdict = one.verdict.take().or_else(|| verdict.map(ShownVerdict::of_record));
        let proofs = session.proofs.iter().rev();
        let mut ended = proofs.filter_map(|proof| Some((proof.result.as_ref()?, proof.ended_at?)));
        one.set_proof(ended.next().map(|(result, at)| ShownProof::of_record(result, at)));
        is_new || figures(one) != before
    }
}

/// Returns the status of a session in the words of the dashboard; None for one that was skipped,
/// which is no investigation.
fn shown_status(status: SessionStatus) -> Option<InvestigationStatus> {
    Some(match status {
        SessionStatus::Running => InvestigationStatus::Running,
        SessionStatus::Completed => InvestigationStatus::Completed,
        SessionStatus::Failed => InvestigationStatus::Failed,
        SessionStatus::TimedOut => InvestigationStatus::TimedOut,
        SessionStatus::Stopped => InvestigationStatus::Stopped,
        SessionStatus::Crashed => InvestigationStatus::Crashed,
        SessionStatus::Skipped => return None,
    })
}

/// Returns a sample with the share of one processor since the sample before it.
fn with_share(sample: Option<AgentUsage>, before: Option<AgentUsage>) -> Option<AgentUsage> {
    let sample = sample?;
    let Some(before) = before else { return Some(sample) };
    if before.at >= sample.at {
        return Some(before);
    }
    let span = u64::try_from(sample.at.since(before.at).as_millis()).unwrap_or(u64::MAX);
    // Ended processes whose time nobody collected are missing in the newer sample.
    let used = sample.cpu_ms.checked_sub(before.cpu_ms);
    let percent = used.and_then(|used| (used.saturating_mul(100)).checked_div(span));
    let cpu_percent = percent.and_then(|percent| u32::try_from(percent).ok());
    Some(AgentUsage { cpu_percent, ..sample })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rules::notification::ack::Ack;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(seconds))
    }

    fn usage(seconds: u64, cpu_ms: u64) -> AgentUsage {
        AgentUsage {
            at: at(seconds),
            runtime_s: seconds,
            processes: 1,
            rss_bytes: 1,
            cpu_ms,
            cpu_percent: None,
        }
    }

    fn reading(status: SessionStatus, is_dead: bool) -> FolderReading {
        let session = Session { id: "s1".into(), status, ..Session::default() };
        let one = SessionReading { session, is_dead, usage: None };
        FolderReading { sessions: Some(vec![one]), ..FolderReading::default() }
    }

    #[test]
    fn events_precede_the_record_of_a_session() {
        use InvestigationStatus as Shown;
        let rows = [
            (None, SessionStatus::Running, false, Some(Shown::Running)),
            (None, SessionStatus::Running, true, Some(Shown::Crashed)),
            (None, SessionStatus::TimedOut, false, Some(Shown::TimedOut)),
            (None, SessionStatus::Skipped, false, None),
            (Some(Shown::Running), SessionStatus::Running, true, Some(Shown::Crashed)),
            (Some(Shown::Running), SessionStatus::Stopped, false, Some(Shown::Stopped)),
            (Some(Shown::Completed), SessionStatus::Running, true, Some(Shown::Completed)),
        ];
        for (known, status, is_dead, expected) in rows {
            let mut state = Dashboard::default();
            if let Some(status) = known {
                let one = Investigation { status, ..Investigation::default() };
                state.investigations.insert("s1".into(), one);
            }
            state.set_folder(reading(status, is_dead));
            let shown = state.investigations.get("s1").map(|one| one.status);
            assert_eq!(shown, expected, "{known:?} {status} {is_dead}");
        }
    }

    #[test]
    fn processor_share_is_that_between_two_samples() {
        let rows = [
            (usage(0, 0), usage(5, 2500), Some(50)),
            (usage(0, 0), usage(5, 12_500), Some(250)),
            (usage(0, 900), usage(5, 800), None),
            (AgentUsage { cpu_percent: Some(7), ..usage(5, 9) }, usage(5, 9), Some(7)),
        ];
        for (before, sample, expected) in rows {
            let share = with_share(Some(sample), Some(before)).unwrap().cpu_percent;
            assert_eq!(share, expected, "{before:?} {sample:?}");
        }
        assert_eq!(with_share(Some(usage(0, 1)), None).unwrap().cpu_percent, None);
    }

    #[test]
    fn reading_that_changes_nothing_is_told_apart() {
        let mut state = Dashboard::default();
        let mut changes = |reading: FolderReading| {
            let before = state.folder_changes;
            state.set_folder(reading);
            state.folder_changes - before
        };
        assert_eq!(changes(FolderReading::default()), 1, "what cannot be read");
        assert_eq!(changes(FolderReading::default()), 0);
        assert_eq!(changes(reading(SessionStatus::Running, false)), 1, "a new session");
        assert_eq!(changes(reading(SessionStatus::Running, false)), 0);
        assert_eq!(changes(reading(SessionStatus::Running, true)), 1, "its supervisor died");
        assert_eq!(changes(reading(SessionStatus::Skipped, false)), 0);
        let acks = Acks { acks: vec![Ack { key: "i".into(), at: at(0), until: at(60) }] };
        let acked = FolderReading { acks: Some(acks), ..FolderReading::default() };
        assert_eq!((changes(acked.clone()), changes(acked)), (1, 0));
        let polled = FolderReading { queues: Some(Watched::default()), ..FolderReading::default() };
        assert_eq!(changes(polled), 1);
    }
}
