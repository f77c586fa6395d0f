//! The facts of a fix that are published.

use super::OpenableFix;
use crate::clock;
use crate::document::Keys;
use crate::edge::prs::Prs;
use crate::rules::investigation::document::Sessions;
use crate::rules::loss_text;
use crate::rules::pull_request::opening::ProofGrade;
use crate::rules::pull_request::proof_words;
use crate::rules::pull_request::published::{self, AffectedQueue, FixSummary};
use crate::rules::queue::document::Watched;

impl Prs<'_> {
    /// Collects what is published of a fix. What cannot be read is unknown.
    pub(in crate::edge::prs) fn summary(
        &self,
        fix: &OpenableFix<'_>,
        regression_of: Option<String>,
        tip: &str,
    ) -> FixSummary {
        let (session, finding) = (fix.session, &fix.finding);
        let proof = session.proofs.iter().rev().find_map(|one| one.result.as_ref());
        let keys = Keys::one(Watched::QUEUE, session.queue.arn.as_str());
        let record = self.store.read::<Watched>(&keys).ok();
        let read = record.as_ref().and_then(|watched| watched.record(&session.queue.arn)?.read);
        let depth = read.map(|(_, counts)| counts.depth());
        let keys = Keys::one(Sessions::INCIDENT, session.incident.as_str());
        let sessions = self.store.read::<Sessions>(&keys).unwrap_or_default();
        let incident = sessions.incidents.iter().find(|one| one.id == session.incident);
        let window = incident.map(|one| one.window()).unwrap_or_default();
        FixSummary {
            fingerprint: fix.facts.fingerprint.clone(),
            session: session.id.clone(),
            title: finding.title.clone(),
            root_cause: finding.root_cause.clone(),
            proof: proof_words::sentences(proof, tip),
            is_proven: fix.facts.grade == ProofGrade::Proven,
            evidence: finding.evidence.clone(),
            queues: vec![AffectedQueue {
                name: session.queue_name.clone(),
                depth,
                loss: loss_text::phrase(window, depth, clock::now()),
            }],
            redrive: published::redrive_advice(finding.redrive.as_deref()),
            cost: finding.cost.clone(),
            regression_of,
        }
    }
}
