//! `dlq-doctor`: finds what is wrong, names the remedy, and ends whatever does not answer.

mod bundle;
mod ends;
mod machine;
mod policy;
mod servers;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::poll::parse_output;
use crate::support::workbench::{Bench, Output};

/// The time in which the program ends: 8 seconds for the checks, one for the record, and one for a busy
/// machine.
const ENDS: Duration = Duration::from_secs(10);

/// The results of a run.
#[derive(Debug)]
struct Findings {
    code: i32,
    stderr: String,
    took: Duration,
    /// Status, detail and remedy of each check by its name.
    checks: BTreeMap<String, [String; 3]>,
    event: Value,
}

impl Findings {
    #[track_caller]
    fn read(output: Output, took: Duration) -> Self {
        let output = parse_output(output);
        let event = output.single("health.checked").clone();
        let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let checks = event["data"]["checks"].as_array().unwrap().iter().map(|one| {
            let found = ["status", "detail", "remedy"].map(|key| text(one, key));
            (text(one, "name"), found)
        });
        let checks = checks.collect();
        Findings { code: output.code, stderr: output.stderr, took, checks, event }
    }

    /// Returns status, detail and remedy of a check.
    #[track_caller]
    fn check(&self, name: &str) -> [&str; 3] {
        let found = self.checks.get(name).unwrap_or_else(|| panic!("no '{name}' in {self:#?}"));
        [&found[0], &found[1], &found[2]]
    }

    /// Returns the names of the checks of a status.
    fn names(&self, status: &str) -> Vec<&str> {
        let of_status = self.checks.iter().filter(|(_, found)| found[0] == status);
        of_status.map(|(name, _)| name.as_str()).collect()
    }

    /// Checks that a check failed with a remedy, and that the program said so in time.
    #[track_caller]
    fn assert_failed(&self, name: &str, detail: &str) {
        let [status, found, remedy] = self.check(name);
        assert_eq!(status, "failed", "{name}: {self:#?}");
        assert!(found.contains(detail), "{name}: {self:#?}");
        assert!(!remedy.is_empty(), "{name} has no remedy: {self:#?}");
        assert_eq!(self.code, 1, "{self:#?}");
        assert!(self.took < ENDS, "it took {:?}", self.took);
    }
}

/// Runs `dlq-doctor --json` to its end.
#[track_caller]
fn doctor(bench: &Bench, args: &[&str]) -> Findings {
    let begun = Instant::now();
    let output = bench.run("dlq-doctor", &[&["--json"], args].concat(), "");
    Findings::read(output, begun.elapsed())
}
