//! The checks of an installation, as far as people are notified of them. Reading is liberal: streams that
//! other versions have recorded have fewer fields.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Head, HealthChecked, RecordedType};

/// The status of a check that succeeds and needs a look.
const WARNING: &str = "warning";

/// The result of the checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthReport {
    pub checks: Vec<HealthCheck>,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HealthCheck {
    pub name: String,
    /// Result; None for a check that was not made. The key has to be there: a check without it is unknown.
    #[serde(deserialize_with = "Option::deserialize")]
    pub ok: Option<bool>,
    #[serde(default)]
    pub status: Option<String>,
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
        self.named(|one| one.ok == Some(false))
    }

    /// Returns the checks that succeed with a warning, by name.
    pub fn warning(&self) -> Vec<&HealthCheck> {
        self.named(|one| one.ok == Some(true) && one.status.as_deref() == Some(WARNING))
    }

    fn named(&self, is_meant: impl Fn(&HealthCheck) -> bool) -> Vec<&HealthCheck> {
        let mut found: Vec<&HealthCheck> = self.checks.iter().filter(|one| is_meant(one)).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }
}

impl From<&HealthChecked> for HealthReport {
    fn from(data: &HealthChecked) -> Self {
        let checks = data.checks.iter().map(|one| HealthCheck {
            name: one.name.clone(),
            ok: one.ok,
            status: Some(one.status.clone()),
            detail: one.detail.clone(),
        });
        HealthReport { checks: checks.collect() }
    }
}
