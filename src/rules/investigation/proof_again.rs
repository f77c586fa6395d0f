//! Proofs that are made after the end of a session: which can be made, and which are due because the
//! base has moved.

use super::document::Sessions;
use super::proof::{ProofReason, SessionProof};
use super::session::{Session, SessionStatus};
use crate::event::FixProof;
use crate::rules::pull_request::document::PullRequests;
use crate::time::Timestamp;

/// Most proofs that are begun for a session because its base has moved.
pub const AGAIN_MAX: usize = 2;
/// Most proofs in a record. The first one stays.
const KEPT: usize = 20;

impl Session {
    /// Records that a proof begins, and returns its number.
    pub fn begin_proof(&mut self, reason: ProofReason, base: &str, now: Timestamp) -> u64 {
        let number = self.proofs.last().map_or(1, |last| last.number.saturating_add(1));
        let base = base.to_owned();
        let (ended_at, result) = (None, None);
        self.proofs.push(SessionProof { number, reason, base, begun_at: now, ended_at, result });
        if self.proofs.len() > KEPT {
            // Those that are counted stay.
            let mut later = self.proofs.iter().skip(1);
            let at = later.position(|one| one.reason == ProofReason::Person);
            self.proofs.remove(at.map_or(1, |at| at + 1));
        }
        number
    }

    /// Records the result of a proof.
    pub fn end_proof(&mut self, number: u64, result: FixProof, now: Timestamp) {
        if let Some(proof) = self.proofs.iter_mut().find(|one| one.number == number) {
            (proof.ended_at, proof.result) = (Some(now), Some(result));
        }
    }

    /// Whether a proof on this commit has ended.
    pub fn is_judged_on(&self, base: &str) -> bool {
        self.proofs.iter().any(|one| one.base == base && one.result.is_some())
    }

    /// Returns why no proof of the session's fix can be made.
    pub fn unprovable(&self) -> Option<&'static str> {
        match self.status {
            SessionStatus::Running => Some("it is running"),
            SessionStatus::Completed if self.patch.is_some() => None,
            SessionStatus::Completed => Some("it has no patch"),
            _ => Some("it ended without a result"),
        }
    }
}

/// Returns the sessions whose fix is to be proven again, when the base is one on which it was not.
pub fn due<'a>(sessions: &'a Sessions, prs: &PullRequests) -> Vec<&'a Session> {
    let again = |one: &&Session| {
        let begun = one.proofs.iter().filter(|proof| proof.reason == ProofReason::BaseMoved);
        one.unprovable().is_none() && begun.count() < AGAIN_MAX
    };
    prs.base_moved().filter_map(|id| sessions.session(id)).filter(again).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pull_request::document::FixState;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn result(base: &str) -> FixProof {
        FixProof {
            base: base.into(),
            grade: "proven".into(),
            detail: "d".into(),
            on_base: None,
            with_tests: None,
            with_patch: None,
        }
    }

    fn session(status: SessionStatus, patch: bool) -> Session {
        let patch = patch.then(|| "hash".to_owned());
        Session { id: "s".into(), status, patch, ..Session::default() }
    }

    #[test]
    fn fix_is_proven_again_twice_at_most_and_only_when_its_base_has_moved() {
        let done = || session(SessionStatus::Completed, true);
        let begun = |reasons: &[ProofReason]| {
            let mut session = done();
            for reason in reasons {
                session.begin_proof(*reason, "b", at(1));
            }
            session
        };
        use ProofReason::{BaseMoved, Person};
        let moved = Some("base_moved");
        let rows = [
            ("moved", done(), moved, true),
            ("not looked at", done(), None, false),
            ("refused for another reason", done(), Some("secret"), false),
            ("once", begun(&[ProofReason::Session, BaseMoved]), moved, true),
            ("twice", begun(&[BaseMoved, BaseMoved]), moved, false),
            ("twice, and by a person", begun(&[BaseMoved, BaseMoved, Person]), moved, false),
            ("by a person", begun(&[Person, Person, Person]), moved, true),
            ("without a patch", session(SessionStatus::Completed, false), moved, false),
            ("running", session(SessionStatus::Running, true), moved, false),
            ("crashed", session(SessionStatus::Crashed, true), moved, false),
        ];
        for (row, session, refused, is_due) in rows {
            let sessions = Sessions { sessions: vec![session], ..Sessions::default() };
            let state = |id: &str, refused: Option<&str>| FixState {
                id: id.into(),
                refused: refused.map(str::to_owned),
                ..FixState::default()
            };
            let one = state("s", refused);
            let other = state("gone", moved);
            let prs = PullRequests { sessions: vec![other, one], ..PullRequests::default() };
            assert_eq!(due(&sessions, &prs).len(), usize::from(is_due), "{row}");
        }
    }

    #[test]
    fn proof_without_an_end_judges_nothing() {
        let mut session = session(SessionStatus::Completed, true);
        let first = session.begin_proof(ProofReason::Session, "a", at(1));
        assert!(!session.is_judged_on("a"));
        session.end_proof(first, result("a"), at(2));
        let second = session.begin_proof(ProofReason::BaseMoved, "b", at(3));
        assert_eq!((first, second), (1, 2));
        assert!(session.is_judged_on("a") && !session.is_judged_on("b"));
        session.end_proof(99, result("b"), at(4));
        assert!(!session.is_judged_on("b"));
    }

    #[test]
    fn record_keeps_the_first_proof_and_those_that_are_counted() {
        let mut session = session(SessionStatus::Completed, true);
        session.begin_proof(ProofReason::Session, "a", at(1));
        session.begin_proof(ProofReason::BaseMoved, "b", at(2));
        for n in 0..50 {
            session.begin_proof(ProofReason::Person, "c", at(n));
        }
        assert_eq!(session.proofs.len(), KEPT);
        let numbers: Vec<u64> = session.proofs.iter().map(|one| one.number).collect();
        assert_eq!(numbers[..3], [1, 2, 35]);
        assert_eq!(numbers.last(), Some(&52));
    }
}
