//! The checks of the investigator: program, credential and sandbox. Nothing is asked of a model.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use super::DoctorContext;
use super::run::CheckGroup;
use crate::config::Agent;
use crate::edge::command;
use crate::edge::process;
use crate::edge::sandbox::Bubblewrap;
use crate::edge::supervisor::agent_program;
use crate::rules::agent::invocation::is_token;
use crate::rules::health::Diagnosis;
use crate::rules::health::investigator::{self as judge, DryStart};
use crate::rules::sandbox::mode::SandboxMode;
use crate::secret::Secret;

/// The time for `--version`, and for `--help`.
const ANSWER: Duration = Duration::from_millis(3500);
const ANSWER_MAX: u64 = 256 << 10;
/// The file of the user's own login, below the home folder.
const LOGIN: &str = ".claude/.credentials.json";

/// Returns the groups.
pub fn groups(context: &Arc<DoctorContext>) -> Vec<CheckGroup> {
    const NAMES: [&str; 3] = ["investigator", "investigator.credential", "sandbox"];
    if !context.investigates() {
        let off = |name| CheckGroup::known(name, Diagnosis::skipped("investigations are off"));
        return NAMES.map(off).into();
    }
    let [program, credential, sandbox] = [context.clone(), context.clone(), context.clone()];
    vec![
        CheckGroup::one(NAMES[0], move || agent(&program)),
        CheckGroup::one(NAMES[1], move || login(&credential)),
        CheckGroup::one(NAMES[2], move || boxed(&sandbox)),
    ]
}

fn agent(context: &DoctorContext) -> Diagnosis {
    let settings = &context.settings.auto_investigation;
    let chosen = agent_program::choose(settings, context.env.get("PATH"));
    if chosen.is_fallback {
        return Diagnosis::warning(
            "'claude' is not installed: fixed rules alone judge",
            "install Claude Code, or set auto_investigation.agent to 'triage'",
        );
    }
    if let Some(missing) = chosen.missing {
        let remedy = "install it, or correct auto_investigation.agent and PATH";
        return Diagnosis::failed(format!("'{missing}' is not found"), remedy);
    }
    match chosen.program {
        None => Diagnosis::ok("fixed rules alone, by auto_investigation.agent"),
        Some(program) if program.claude => {
            judge::claude(&program.argv[0], &dry_start(&program.argv[0]))
        }
        // What a command of the user does when it is started is not known.
        Some(program) => {
            Diagnosis::ok(format!("'{}' is there; it was not started", program.argv[0]))
        }
    }
}

fn dry_start(program: &str) -> DryStart {
    let ask = |option: &str| {
        let argv = [program.to_owned(), option.to_owned()];
        let ran = command::run(&argv, None, ANSWER, ANSWER_MAX, Stdio::null());
        let ran = ran.map_err(DryStart::NotStarted)?;
        match ran.status {
            None => Err(DryStart::Endless),
            Some(_) => Ok(String::from_utf8_lossy(&ran.output).into_owned()),
        }
    };
    let both = ask("--version").and_then(|version| Ok((version, ask("--help")?)));
    both.map_or_else(|end| end, |(version, help)| DryStart::Answered { version, help })
}

fn login(context: &DoctorContext) -> Diagnosis {
    let settings = &context.settings.auto_investigation;
    let chosen = agent_program::choose(settings, context.env.get("PATH"));
    if !chosen.program.is_some_and(|program| program.claude) {
        return Diagnosis::skipped("the agent is not Claude Code");
    }
    let Some(secret) = &settings.claude.auth else {
        return own_login(context);
    };
    match secret.resolve(&context.env) {
        Ok(value) if is_token(value.expose()) => {
            Diagnosis::ok(format!("an OAuth token, from {}", source(secret)))
        }
        Ok(_) => Diagnosis::ok(format!("an API key, from {}", source(secret))),
        Err(error) => {
            Diagnosis::failed(error.to_string(), "correct auto_investigation.auth and its source")
        }
    }
}

/// Names the source of a secret.
pub(super) fn source(secret: &Secret) -> String {
    match secret {
        Secret::Env(name) => format!("the variable {name}"),
        Secret::File(path) => format!("the file '{}'", path.display()),
        Secret::Command(argv) => {
            format!("the command '{}'", argv.first().map_or("", String::as_str))
        }
    }
}

fn own_login(context: &DoctorContext) -> Diagnosis {
    let remedy = "run 'claude' once to log in, or set auto_investigation.auth";
    let Some(home) = context.env.get("HOME") else {
        return Diagnosis::failed("no credential is set, and HOME is not either", remedy);
    };
    let file = std::path::Path::new(home).join(LOGIN);
    match file.is_file() {
        true => Diagnosis::ok("the login of this user; whether it is valid is not known"),
        false if cfg!(target_os = "macos") => {
            Diagnosis::skipped("unknown: the login of this user may be in the keychain")
        }
        false => Diagnosis::failed("no credential is set, and this user is not logged in", remedy),
    }
}

fn boxed(context: &DoctorContext) -> Diagnosis {
    let settings = &context.settings.auto_investigation;
    if settings.agent == Agent::Triage {
        return Diagnosis::skipped("no agent runs");
    }
    let mode = settings.claude.sandbox;
    let runs_code = settings.queues.iter().any(|rule| rule.fix || rule.test_command.is_some());
    let available = match mode {
        SandboxMode::Off => Ok(()),
        _ => Bubblewrap::find(context.env.get("PATH")).map(drop),
    };
    judge::sandbox(mode, available.as_ref().copied(), runs_code)
}

/// Returns whether a program is found, for channels that run one.
pub(super) fn is_found(context: &DoctorContext, program: &str) -> bool {
    process::find(program, context.env.get("PATH")).is_some()
}
