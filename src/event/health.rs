//! The checks of an installation, as far as people are notified of them. Recorded streams have them; no
//! program of this version writes them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Head, RecordedType};

/// The result of the checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthReport {
    pub checks: Vec<HealthCheck>,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HealthCheck {
    pub name: String,
    pub ok: bool,
    #[serde(default)]
    pub detail: Option<String>,
}

impl HealthReport {
    /// Reads the checks of `health.checked`; None for any other type or payload.
    pub fn read(head: &Head, line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Outer<'a> {
            #[serde(borrow)]
            data: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct Inner {
            checks: Vec<HealthCheck>,
        }
        if !Self::is_of(head) {
            return None;
        }
        let outer: Outer<'_> = serde_json::from_slice(line).ok()?;
        let inner: Inner = serde_json::from_str(outer.data.get()).ok()?;
        Some(HealthReport { checks: inner.checks })
    }

    /// Returns whether an event tells of checks.
    pub fn is_of(head: &Head) -> bool {
        head.kind == RecordedType::HealthChecked.as_str()
    }

    /// Returns the checks that fail, by name.
    pub fn failing(&self) -> Vec<&HealthCheck> {
        let mut failing: Vec<&HealthCheck> = self.checks.iter().filter(|one| !one.ok).collect();
        failing.sort_by(|one, other| one.name.cmp(&other.name));
        failing
    }
}
