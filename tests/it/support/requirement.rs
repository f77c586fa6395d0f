//! Programs that tests need and that may be missing.
//!
//! A test whose program is missing is skipped with one line on standard error that names the
//! remedy, and the runner counts it as passed. Under `CI=true` it fails instead.

use std::io::{Write, stderr};
use std::path::PathBuf;

/// Returns whether a test can run; else says on standard error why it is skipped.
///
/// # Panics
///
/// Panics under `CI=true` when the test cannot run.
pub fn is_met(present: bool, missing: &str) -> bool {
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(present || !ci, "{missing}");
    if !present {
        // `eprintln!` would be captured by the test runner, which shows no output of passed tests.
        let _ = writeln!(stderr(), "skipped: {missing}");
    }
    present
}

/// Returns the program that starts a real SQS server.
#[cfg(feature = "aws")]
pub fn sqs_server() -> Option<PathBuf> {
    let program = std::env::var_os("DLQ_SQS_SERVER").map(PathBuf::from);
    let missing = "DLQ_SQS_SERVER is not set; run scripts/test, which sets it";
    is_met(program.is_some(), missing).then_some(program)?
}

/// Returns the program that judges bodies by the libraries of their services.
pub fn notice_judge() -> Option<PathBuf> {
    let program = std::env::var_os("DLQ_NOTICE_JUDGE").map(PathBuf::from);
    let missing = "DLQ_NOTICE_JUDGE is not set; run scripts/test, which sets it";
    is_met(program.is_some(), missing).then_some(program)?
}

/// Returns the program that starts a stand-in for GitHub.
pub fn github_server() -> Option<PathBuf> {
    let program = std::env::var_os("DLQ_GITHUB_SERVER").map(PathBuf::from);
    let missing = "DLQ_GITHUB_SERVER is not set; run scripts/test, which sets it unless offline";
    is_met(program.is_some(), missing).then_some(program)?
}

/// Returns whether `gh` can be run.
pub fn has_gh() -> bool {
    let version = std::process::Command::new("gh").arg("--version").output();
    is_met(version.is_ok(), "gh is not installed; install the package gh")
}

/// Returns the real Claude Code.
pub fn claude_cli() -> Option<PathBuf> {
    let program = std::env::var_os("DLQ_E2E_CLAUDE").map(PathBuf::from);
    if program.is_none() && !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let _ = writeln!(stderr(), "skipped: there is no Claude Code for this machine");
        return None;
    }
    let missing = "DLQ_E2E_CLAUDE is not set; run scripts/test, which sets it";
    is_met(program.is_some(), missing).then_some(program)?
}

/// Returns whether bubblewrap builds sandboxes here.
#[cfg(target_os = "linux")]
pub fn has_bubblewrap() -> bool {
    let built = std::process::Command::new("bwrap")
        .args(["--unshare-all", "--disable-userns", "--unshare-user", "--ro-bind", "/", "/"])
        .args(["--proc", "/proc", "true"])
        .output();
    let missing = "bwrap is not installed; install the package bubblewrap";
    if !is_met(built.is_ok(), missing) {
        return false;
    }
    let works = built.is_ok_and(|output| output.status.success());
    is_met(works, "bubblewrap builds no sandbox here; see SANDBOX in dlq-claude(7)")
}

/// Returns whether `jq` can be run.
pub fn has_jq() -> bool {
    let version = std::process::Command::new("jq").arg("--version").output();
    is_met(version.is_ok(), "jq is not installed; install the package jq")
}

/// Returns whether GnuPG can be run.
#[cfg(feature = "aws")]
pub fn has_gpg() -> bool {
    let present = std::process::Command::new("gpg").arg("--version").output().is_ok();
    is_met(present, "gpg is not installed; install the package gnupg")
}

/// Returns whether age can be run.
#[cfg(feature = "aws")]
pub fn has_age() -> bool {
    let present = std::process::Command::new("age").arg("--version").output().is_ok();
    is_met(present, "age is not installed; install the package age")
}

/// Returns whether the password store and GnuPG can be run.
#[cfg(all(feature = "aws", target_os = "linux"))]
pub fn has_pass() -> bool {
    let run = |name: &str| std::process::Command::new(name).arg("--version").output();
    let present = run("pass").is_ok() && run("gpg").is_ok();
    is_met(present, "pass or gpg is not installed; install the package pass")
}
