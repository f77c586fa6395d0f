//! The programs that an investigation starts: the agent that the configuration names, and
//! `dlq-peek`, which looks at the messages first.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Agent, AutoInvestigation, Format, Origin};
use crate::edge::process::find;
use crate::rules::investigation::incident::Incident;

/// Who investigates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The program; `None`: the triage alone.
    pub program: Option<Program>,
    /// The program that was not found.
    pub missing: Option<String>,
    /// `auto` had to do without Claude Code.
    pub stands_in: bool,
}

/// An agent's program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its path, and its arguments. Those of Claude Code are added when it is started.
    pub argv: Vec<String>,
    /// How it gives its result.
    pub format: Format,
    /// Whether it is Claude Code.
    pub claude: bool,
}

/// Who investigates; programs are looked for in `path`.
pub fn choose(settings: &AutoInvestigation, path: Option<&str>) -> Chosen {
    let claude = Program { argv: vec!["claude".into()], format: Format::StreamJson, claude: true };
    let (mut program, auto) = match &settings.agent {
        Agent::Triage => return Chosen { program: None, missing: None, stands_in: false },
        Agent::Command(argv, format) => {
            (Program { argv: argv.clone(), format: *format, claude: false }, false)
        }
        Agent::Claude => (claude, false),
        Agent::Auto => (claude, true),
    };
    match find(&program.argv[0], path) {
        Some(found) => program.argv[0] = found.display().to_string(),
        None if auto => return Chosen { program: None, missing: None, stands_in: true },
        None => {
            let missing = Some(program.argv[0].clone());
            return Chosen { program: Some(program), missing, stands_in: false };
        }
    }
    Chosen { program: Some(program), missing: None, stands_in: false }
}

/// `dlq-peek` from the folder of this program, else from `path`, with the configuration of this
/// run. A configuration that was found in the current folder is found again, and not trusted.
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

/// The look at the messages of an incident.
pub fn look(peek: &[String], incident: &Incident) -> Vec<String> {
    let queue = &incident.queue;
    let mut argv = peek.to_vec();
    // A value that begins with a dash stays one.
    argv.push(format!("--incident={}", incident.id));
    for (option, value) in [("--region", &queue.region), ("--account", &queue.account)] {
        if !value.is_empty() {
            argv.push(format!("{option}={value}"));
        }
    }
    let name = if queue.url.is_empty() { &queue.name } else { &queue.url };
    argv.extend(["--".to_owned(), name.clone()]);
    argv
}
