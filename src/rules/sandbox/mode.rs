//! Whether a session runs in a sandbox.

use super::refusal::Unavailable;
use crate::event::words;

words! {
    #[derive(Default)]
    /// Use of the sandbox.
    SandboxMode {
        #[default]
        /// The sandbox where it works; without it nothing runs that may run or change code.
        Auto = "auto",
        /// Always the sandbox: without it no agent runs.
        Require = "require",
        /// Never a sandbox.
        Off = "off",
    }
}

/// Decision for one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxDecision {
    Sandboxed,
    /// The session runs without a sandbox, for the reason given, if there is one to tell.
    Bare(Option<String>),
    /// The session does not run.
    Refused(String),
}

/// Decides for a session. `runs_code` is set when its agent may change files or run tests.
pub fn judge(
    mode: SandboxMode,
    available: Result<(), &Unavailable>,
    runs_code: bool,
) -> SandboxDecision {
    match (mode, available) {
        (SandboxMode::Off, _) => SandboxDecision::Bare(None),
        (_, Ok(())) => SandboxDecision::Sandboxed,
        (SandboxMode::Require, Err(why)) => {
            SandboxDecision::Refused(format!("auto_investigation.sandbox is 'require', and {why}"))
        }
        (SandboxMode::Auto, Err(why)) if runs_code => SandboxDecision::Refused(format!(
            "'fix' and 'test_command' need a sandbox, and {why}; or set auto_investigation.sandbox \
             to 'off', see SANDBOX in dlq-claude(7)"
        )),
        (SandboxMode::Auto, Err(why)) => {
            SandboxDecision::Bare(Some(format!("it runs without a sandbox: {why}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_sandboxed_bare_or_refused() {
        let why = Unavailable::missing();
        let (no, yes) = (Err(&why), Ok(()));
        let rows = [
            (SandboxMode::Auto, yes, true, "sandboxed"),
            (SandboxMode::Auto, yes, false, "sandboxed"),
            (SandboxMode::Auto, no, false, "bare, and says so"),
            (SandboxMode::Auto, no, true, "refused"),
            (SandboxMode::Require, yes, false, "sandboxed"),
            (SandboxMode::Require, no, false, "refused"),
            (SandboxMode::Require, no, true, "refused"),
            (SandboxMode::Off, yes, true, "bare"),
            (SandboxMode::Off, no, true, "bare"),
        ];
        for (mode, available, runs_code, expected) in rows {
            let word = match judge(mode, available, runs_code) {
                SandboxDecision::Sandboxed => "sandboxed",
                SandboxDecision::Bare(None) => "bare",
                SandboxDecision::Bare(Some(said)) => {
                    assert!(said.contains("apt-get install bubblewrap"), "{said}");
                    "bare, and says so"
                }
                SandboxDecision::Refused(said) => {
                    assert!(said.contains("apt-get install bubblewrap"), "{said}");
                    "refused"
                }
            };
            assert_eq!(word, expected, "{mode:?} {available:?} {runs_code}");
        }
    }
}
