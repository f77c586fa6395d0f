//! Investigations: open incidents, which of them are eligible, their sessions and what they wait
//! for, checks before any money is spent, and the budget.

pub mod branch_name;
pub mod budget;
pub mod claim;
pub mod claimed_cause;
pub mod document;
pub mod eligibility;
pub mod incident;
pub mod lookup;
pub mod plan;
pub mod preflight;
pub mod preflight_skip;
pub mod proof;
pub mod proof_again;
pub mod second_look;
pub mod session;
pub mod session_events;
pub mod wait;
