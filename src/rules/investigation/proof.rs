//! Proofs of a fix, as the record of its session has them.
//!
//! Promises: a proof that was begun and has no end says nothing, whether it runs or was interrupted.

use serde::{Deserialize, Serialize};

use crate::event::{FixProof, words};
use crate::time::Timestamp;

words! {
    /// The reason of a proof.
    ProofReason {
        /// The session itself made it.
        Session = "session",
        /// A person asked for it.
        Person = "person",
        BaseMoved = "base_moved",
    }
}

/// A proof of a session's fix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionProof {
    /// The number in the session, from 1.
    pub number: u64,
    pub reason: ProofReason,
    /// The commit on which the tests run.
    pub base: String,
    pub begun_at: Timestamp,
    /// Null while it runs, and when it was interrupted.
    pub ended_at: Option<Timestamp>,
    /// Null until it has ended.
    pub result: Option<FixProof>,
}
