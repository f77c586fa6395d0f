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
        [] => succeeding(report, detail),
        [one] => Sentences::of_what(format!("check '{}' fails{}", cap(&one.name), detail(one))),
        several => {
            let all = report.checks.len();
            let line = |one: &&HealthCheck| format!("{}{}", cap(&one.name), detail(one));
            Sentences::of_what(format!("{} of {all} checks fail", several.len()))
                .with_lines(several.iter().map(line))
        }
    }
}

/// Describes checks of which none fails.
fn succeeding(report: &HealthReport, detail: impl Fn(&HealthCheck) -> String) -> Sentences {
    let warning = report.warning();
    let skipped = report.checks.iter().filter(|check| check.ok.is_none()).count();
    match (warning.as_slice(), skipped) {
        ([], 0) => Sentences::of_what("all checks succeed"),
        ([], _) => {
            Sentences::of_what(format!("no check fails; {} not made", count(skipped, "is", "are")))
        }
        (several, _) => {
            let warn = count(several.len(), "warns", "warn");
            let line = |one: &&HealthCheck| format!("{}{}", cap(&one.name), detail(one));
            Sentences::of_what(format!("no check fails; {warn}"))
                .with_lines(several.iter().map(line))
        }
    }
}

fn count(n: usize, one: &str, several: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { several })
}
