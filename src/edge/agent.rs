//! The programs that an investigation starts: the agent that the configuration names, and
//! `dlq-peek`, which looks at the messages first.

use std::path::{Path, PathBuf};

use super::process::find;
use crate::config::{Agent, AutoInvestigation, Origin};
use crate::rules::incident::Incident;

/// Who investigates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The program with its path, and its arguments; `None`: the triage alone.
    pub argv: Option<Vec<String>>,
    /// The program that was not found.
    pub missing: Option<String>,
    /// `auto` had to do without Claude Code.
    pub stands_in: bool,
}

/// Who investigates; programs are looked for in `path`.
pub fn choose(settings: &AutoInvestigation, path: Option<&str>) -> Chosen {
    let (mut argv, auto) = match &settings.agent {
        Agent::Triage => return Chosen { argv: None, missing: None, stands_in: false },
        Agent::Command(argv) => (argv.clone(), false),
        Agent::Claude => (claude(settings.model.as_deref()), false),
        Agent::Auto => (claude(settings.model.as_deref()), true),
    };
    match find(&argv[0], path) {
        Some(found) => argv[0] = found.display().to_string(),
        None if auto => return Chosen { argv: None, missing: None, stands_in: true },
        None => {
            let missing = Some(argv[0].clone());
            return Chosen { argv: Some(argv), missing, stands_in: false };
        }
    }
    Chosen { argv: Some(argv), missing: None, stands_in: false }
}

/// Claude Code, with no tools and no settings of its own: it reasons about what the prompt says.
fn claude(model: Option<&str>) -> Vec<String> {
    let fixed =
        ["-p", "--output-format", "text", "--restricted", "--tools", "", "--setting-sources", ""];
    let more = ["--strict-mcp-config", "--permission-prompts", "none", "--disable-slash-commands"];
    let model = model.into_iter().flat_map(|model| ["--model", model]);
    ["claude"].into_iter().chain(fixed).chain(more).chain(model).map(str::to_owned).collect()
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
