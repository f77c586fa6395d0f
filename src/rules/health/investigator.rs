//! The investigator: its program, its credential, and its sandbox.

use super::Diagnosis;
use crate::rules::agent::invocation::unsupported_reason;
use crate::rules::sandbox::mode::{SandboxDecision, SandboxMode, judge};
use crate::rules::sandbox::refusal::Unavailable;

/// The end of a dry start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryStart {
    /// Output of `--version` and of `--help`.
    Answered { version: String, help: String },
    /// Failure to start, with its reason.
    NotStarted(String),
    /// No end in time.
    Endless,
}

/// Judges a dry start of Claude Code.
pub fn claude(path: &str, start: &DryStart) -> Diagnosis {
    let install = "install Claude Code of a release that dlq-claude(7) names";
    match start {
        DryStart::NotStarted(why) => {
            Diagnosis::failed(format!("'{path}' does not start: {why}"), install)
        }
        DryStart::Endless => Diagnosis::failed(
            format!("'{path}' --version does not end"),
            format!("run '{path} --version' by hand to see what it waits for"),
        ),
        DryStart::Answered { version, help } => match unsupported_reason(version, help) {
            Some(why) => Diagnosis::failed(format!("'{path}' is not supported: {why}"), install),
            None => Diagnosis::ok(format!("{} at '{path}'", version.trim())),
        },
    }
}

/// Judges the sandbox. `runs_code`: agents may change files, or tests run.
pub fn sandbox(
    mode: SandboxMode,
    available: Result<(), &Unavailable>,
    runs_code: bool,
) -> Diagnosis {
    let remedy = "see SANDBOX in dlq-claude(7)";
    match judge(mode, available, runs_code) {
        SandboxDecision::Sandboxed => Diagnosis::ok("bubblewrap builds one"),
        SandboxDecision::Bare(None) => Diagnosis::warning(
            "auto_investigation.claude.sandbox is 'off': agents and tests can read what you can",
            "set it to 'auto' or 'require'",
        ),
        SandboxDecision::Bare(Some(why)) => Diagnosis::warning(why, remedy),
        SandboxDecision::Refused(why) => Diagnosis::failed(why, remedy),
    }
}
