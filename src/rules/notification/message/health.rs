//! The sentences of notices about the checks of an installation.

use super::{Sentences, cap};
use crate::event::{HealthCheck, HealthReport};

/// Describes the checks of an installation: those that fail, each with what it has found.
pub(super) fn describe(report: &HealthReport) -> Sentences {
    let detail = |check: &HealthCheck| {
        let detail = check.detail.as_deref().filter(|detail| !detail.trim().is_empty());
        detail.map_or(String::new(), |detail| format!(": {}", cap(detail)))
    };
    let failing = report.failing();
    match failing.as_slice() {
        [] => Sentences::of_what("all checks succeed"),
        [one] => Sentences::of_what(format!("check '{}' fails{}", cap(&one.name), detail(one))),
        several => {
            let all = report.checks.len();
            let line = |one: &&HealthCheck| format!("{}{}", cap(&one.name), detail(one));
            Sentences::of_what(format!("{} of {all} checks fail", several.len()))
                .with_lines(several.iter().map(line))
        }
    }
}
