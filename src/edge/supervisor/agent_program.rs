//! Programs that an investigation starts: `dlq-peek`, which collects evidence, and the agent.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Agent, AutoInvestigation, Origin, ResultFormat};
use crate::edge::process::find;
use crate::event::Queue;
use crate::rules::investigation::incident::Incident;

/// Choice of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentChoice {
    /// The program; `None` for the triage alone.
    pub program: Option<Program>,
    /// The program that was not found.
    pub missing: Option<String>,
    /// Whether `auto` chose the triage because Claude Code is not installed.
    pub is_fallback: bool,
}

/// Program of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Path and arguments. Those of Claude Code are added when it is started.
    pub argv: Vec<String>,
    /// Format of its output.
    pub format: ResultFormat,
    /// Whether it is Claude Code.
    pub claude: bool,
}

impl Program {
    /// Returns the path, or the name if it was not found.
    pub(super) fn name(&self) -> &str {
        self.argv.first().map_or("claude", String::as_str)
    }
}

/// Chooses the agent that the settings name; programs are looked for in `path`.
pub fn choose(settings: &AutoInvestigation, path: Option<&str>) -> AgentChoice {
    let mut program = match &settings.agent {
        Agent::Triage => return AgentChoice::default(),
        Agent::Command(argv, format) => {
            Program { argv: argv.clone(), format: *format, claude: false }
        }
        Agent::Claude | Agent::Auto => {
            Program { argv: vec!["claude".into()], format: ResultFormat::StreamJson, claude: true }
        }
    };
    let mut missing = None;
    match find(&program.argv[0], path) {
        Some(found) => program.argv[0] = found.display().to_string(),
        None if settings.agent == Agent::Auto => {
            return AgentChoice { is_fallback: true, ..AgentChoice::default() };
        }
        None => missing = Some(program.argv[0].clone()),
    }
    AgentChoice { program: Some(program), missing, is_fallback: false }
}

/// Finds `dlq-peek` in the folder of this program, else in `path`, and passes it the configuration
/// of this run. A configuration of the current folder is not passed: `dlq-peek` finds it itself,
/// and does not trust it.
pub fn peek(origin: &Origin, path: Option<&str>) -> Option<Vec<String>> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(|folder| folder.join("dlq-peek"));
    let program = beside.filter(|path| path.is_file()).or_else(|| find("dlq-peek", path))?;
    let mut argv = vec![program.display().to_string()];
    if let Some(config) = origin.path.as_ref().filter(|_| origin.trusted) {
        let config = std::fs::canonicalize(config).unwrap_or_else(|_| PathBuf::from(config));
        argv.extend(["--config".to_owned(), config.display().to_string()]);
    }
    Some(argv)
}

/// Arguments of `dlq-peek` for an incident. `polled` is the queue as `dlq-poll` has recorded it.
///
/// A profile that only an option of `dlq-poll` named is in no configuration. It is taken from the
/// record alone: a line on standard input must not choose whose credentials are used.
pub fn peek_arguments(peek: &[String], incident: &Incident, polled: Option<&Queue>) -> Vec<String> {
    let queue = &incident.queue;
    let profile = polled.and_then(|polled| polled.profile.as_deref());
    // An account without a name of its own has that of its profile.
    let profile = profile.filter(|profile| !profile.is_empty() && *profile == queue.account);
    let account = match profile {
        Some(profile) => ("--profile", profile),
        None => ("--account", queue.account.as_str()),
    };
    let mut argv = peek.to_vec();
    // With `=` a value that begins with a dash is no option.
    argv.push(format!("--incident={}", incident.id));
    for (option, value) in [("--region", queue.region.as_str()), account] {
        if !value.is_empty() {
            argv.push(format!("{option}={value}"));
        }
    }
    let name = if queue.url.is_empty() { &queue.name } else { &queue.url };
    argv.extend(["--".to_owned(), name.clone()]);
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_comes_from_the_record_and_not_from_a_line() {
        let queue = |account: &str, profile: Option<&str>| Queue {
            name: "orders-dlq".into(),
            region: "eu-west-1".into(),
            account: account.into(),
            profile: profile.map(str::to_owned),
            ..Queue::default()
        };
        let named = queue("base", Some("base"));
        let rows = [
            ("by an option of dlq-poll", named.clone(), Some(named.clone()), "--profile=base"),
            ("by the line alone", named.clone(), None, "--account=base"),
            ("another one", queue("base", Some("x")), Some(queue("9", None)), "--account=base"),
            ("a name of its own", queue("a", None), Some(queue("a", Some("p"))), "--account=a"),
        ];
        for (rule, queue, polled, option) in rows {
            let incident = Incident { id: "i".into(), queue, ..Incident::default() };
            let argv = peek_arguments(&["dlq-peek".into()], &incident, polled.as_ref());
            let expected = ["dlq-peek", "--incident=i", "--region=eu-west-1", option];
            assert!(argv.starts_with(&expected.map(str::to_owned)), "{rule}: {argv:?}");
        }
    }
}
