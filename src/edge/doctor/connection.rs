//! A connection to AWS for checks.

use std::time::Duration;

use super::DoctorContext;
use crate::config::Monitoring;
use crate::edge::aws::{Scope, Sqs};
use crate::error::Error;

/// The longest wait for one answer: several fit into the limit of a check.
pub const ANSWER: Duration = Duration::from_millis(2500);

/// Connects to a scope with limits that suit a check.
pub fn connect(context: &DoctorContext, scope: &Scope) -> Result<Sqs, Error> {
    let monitoring = &context.settings.monitoring;
    let limits = Monitoring { timeout: monitoring.timeout.min(ANSWER), ..monitoring.clone() };
    Sqs::connect(std::slice::from_ref(scope), &limits)
}
