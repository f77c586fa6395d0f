//! Configuration: text, environment and flags become validated [`Settings`].
//!
//! Layers, later wins: built-in defaults, the file ([`parse`]), the environment ([`overlay`]),
//! flags ([`set`]). These are pure; [`load()`] looks for the file, reads it and the `.env` beside it.
//! Promises: an unknown key, a value of the wrong type or beyond its limit is refused with file,
//! line and remedy; a secret is a reference; a file that was found in the current folder without
//! being named runs no command, starts nothing and sends nothing elsewhere. man/dlq-config.5 is the reference.

mod env;
mod evidence;
mod investigation;
mod keys;
mod load;
mod reload;
mod secret;
mod settings;
mod structured;
#[cfg(test)]
mod tests;
mod url;
mod value;
mod yaml;

use std::path::PathBuf;

pub use env::Env;
pub use evidence::Evidence;
pub use investigation::{Agent, AutoInvestigation, Claude, Format, QueueRule};
pub use load::{load, process_env, state_dir};
pub use reload::Switches;
pub use secret::{Secret, SecretValue};
pub use settings::{
    Account, Aws, Channel, ChannelKind, Discover, Features, Github, Level, LogFormat, Logging,
    Monitoring, Notifications, Origin, Route, Settings, Severity, State,
};

use crate::error::Error;
use crate::text::{nearest, safe};
use env::Source;
use keys::{KEYS, Known, SECTIONS};
use value::{Field, Giver, Problem, unknown};
use yaml::{Node, Value};

/// Reads the text of a configuration file over the built-in defaults.
pub fn parse(text: &str, origin: &Origin) -> Result<Settings, Error> {
    let file = origin.path.as_ref().map_or("configuration".into(), |path| path.to_string_lossy());
    let wrong = |line: u64, text: String| match line {
        0 => Error::wrong(format!("{}: {text}", safe(&file))),
        line => Error::wrong(format!("{}:{line}: {text}", safe(&file))),
    };
    let root = yaml::read(text).map_err(|(line, why)| wrong(line, safe(&why).into_owned()))?;
    let mut settings = Settings { origin: origin.clone(), ..Settings::default() };
    read_root(&mut settings, &root).map_err(|Problem { line, text }| wrong(line, text))?;
    Ok(settings)
}

fn read_root(settings: &mut Settings, root: &Node) -> Result<(), Problem> {
    if matches!(root.value, Value::Null) {
        return Ok(());
    }
    let giver = Giver::File { trusted: settings.origin.trusted };
    let top = Field { path: String::new(), line: root.line, node: root, giver };
    let Value::Map(_) = &root.value else {
        let text = format!("expected a map of sections: {}", SECTIONS.join(", "));
        return Err(Problem { line: root.line, text });
    };
    for (name, section) in top.any_entries()? {
        if !SECTIONS.contains(&name) {
            return Err(Problem { line: section.line, text: unknown_section(name) });
        }
        if !matches!(section.node.value, Value::Null) {
            read_section(settings, name, &section)?;
        }
    }
    Ok(())
}

/// A misspelt section, or a key that stands at the top and belongs into one.
fn unknown_section(name: &str) -> String {
    match KEYS.iter().find(|key| key.name() == name) {
        Some(key) => format!("unknown key '{name}'; did you mean '{}'?", key.path),
        None => unknown("", name, &SECTIONS),
    }
}

fn read_section(settings: &mut Settings, name: &str, section: &Field<'_>) -> Result<(), Problem> {
    let keys = KEYS.iter().filter(|key| key.within(name));
    let names: Vec<&str> = keys.clone().map(Known::name).collect();
    let entries = section.entries(&names)?;
    for key in keys {
        if let Some((_, field)) = entries.iter().find(|(given, _)| *given == key.name()) {
            (key.set)(settings, field)?;
        }
    }
    Ok(())
}

/// Lays the environment over the settings: the standard `AWS_*` variables, then `DLQ_*`.
pub fn overlay(settings: &mut Settings, env: &Env) -> Result<(), Error> {
    let aws = |names: &[&str], key: &str| {
        let name = names.iter().find(|name| env.get(name).is_some());
        name.map(|name| (key.to_owned(), (*name).to_owned()))
    };
    // Lists of accounts or regions were written to watch several; one variable meant for every
    // AWS program must not silently reduce them to one.
    let one_account = settings.aws.accounts.is_empty();
    let one_region = one_account && settings.aws.regions.is_empty();
    let standard = [
        aws(&["AWS_PROFILE"], "aws.profile").filter(|_| one_account && !keys_first(settings, env)),
        aws(&["AWS_REGION", "AWS_DEFAULT_REGION"], "aws.region").filter(|_| one_region),
        aws(&["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"], "aws.endpoint_url"),
    ];
    for (key, name) in standard.into_iter().flatten() {
        set_from(settings, &key, &name, env)?;
    }
    for name in env.names().filter(|name| name.starts_with("DLQ_")) {
        match KEYS.iter().find(|key| key.variable_name() == name) {
            Some(key) if key.variable => set_from(settings, key.path, name, env)?,
            Some(key) => {
                let text = format!("'{}' is set in the configuration file only", key.path);
                return Err(Error::wrong(format!("{}: {text}", label(name, env))));
            }
            None if sectioned(name) => return Err(unknown_variable(name, env)),
            None => {} // Not ours: somebody's own variable, or a program's.
        }
    }
    tilde(settings, env);
    Ok(())
}

/// Sets one key from a flag: `set(&mut settings, "monitoring.check_interval", "10s", "--interval")`.
/// Lists have commas. `given_as` is what the sentence names when the value is refused.
pub fn set(settings: &mut Settings, key: &str, text: &str, given_as: &str) -> Result<(), Error> {
    put(settings, key, text, given_as, true).map_err(|problem| Error::wrong(problem.text))
}

/// Whether the SDK's own chain decides between a profile and an access key, which it takes first:
/// both come from the environment, and the file names no profile. A key of the `.env` file does
/// not come before a profile of the real environment.
fn keys_first(settings: &Settings, env: &Env) -> bool {
    let key = "AWS_ACCESS_KEY_ID";
    let over = env.real(key).is_some() || env.real("AWS_PROFILE").is_none();
    settings.aws.profile.is_none() && env.get(key).is_some() && over
}

fn put(s: &mut Settings, key: &str, text: &str, named: &str, trusted: bool) -> Result<(), Problem> {
    let Some(known) = KEYS.iter().find(|known| known.path == key && known.variable) else {
        return Err(Problem { line: 0, text: unknown("", key, &[]) });
    };
    let node = Node { line: 0, value: Value::Text(text.to_owned()) };
    let giver = Giver::Variable { trusted };
    (known.set)(s, &Field { path: named.to_owned(), line: 0, node: &node, giver })
}

fn set_from(settings: &mut Settings, key: &str, name: &str, env: &Env) -> Result<(), Error> {
    let Some(value) = env.get(name) else {
        return Ok(()); // Empty counts as unset.
    };
    let trusted = match env.source(name) {
        Source::Real => true,
        Source::File { trusted, .. } => trusted,
    };
    put(settings, key, value, name, trusted).map_err(|problem| match env.source(name) {
        Source::Real => Error::wrong(format!("environment: {}", problem.text)),
        Source::File { path, line, .. } => {
            Error::wrong(format!("{}:{line}: {}", path.display(), problem.text))
        }
    })
}

/// `environment: 'NAME'` or `.env:3: 'NAME'`.
fn label(name: &str, env: &Env) -> String {
    match env.source(name) {
        Source::Real => format!("environment: '{}'", safe(name)),
        Source::File { path, line, .. } => format!("{}:{line}: '{}'", path.display(), safe(name)),
    }
}

fn sectioned(name: &str) -> bool {
    SECTIONS.iter().any(|section| {
        let rest = name.strip_prefix("DLQ_").and_then(|n| n.strip_prefix(&section.to_uppercase()));
        rest.is_some_and(|rest| rest.starts_with('_'))
    })
}

fn unknown_variable(name: &str, env: &Env) -> Error {
    let known: Vec<String> =
        KEYS.iter().filter(|key| key.variable).map(Known::variable_name).collect();
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "dlq-config(5) lists the variables".to_owned(),
    };
    Error::wrong(format!("{}: unknown variable; {hint}", label(name, env)))
}

/// `~/` at the start of a path is the home folder, in every layer.
fn tilde(settings: &mut Settings, env: &Env) {
    let Some(home) = env.real("HOME").map(PathBuf::from) else {
        return;
    };
    let investigation = &mut settings.auto_investigation;
    let claude = &mut investigation.claude;
    let secret_files = [&mut settings.github.token, &mut claude.auth].into_iter().filter_map(
        |secret| match secret {
            Some(Secret::File(path)) => Some(path),
            _ => None,
        },
    );
    let repos = investigation.queues.iter_mut().filter_map(|rule| rule.repo.as_mut());
    let given = [&mut claude.agents_dir, &mut claude.prompt_file, &mut claude.mcp_config];
    let given = given.into_iter().filter_map(Option::as_mut);
    for path in secret_files.chain(repos).chain(given).chain(settings.state.dir.as_mut()) {
        if let Ok(rest) = path.strip_prefix("~") {
            *path = home.join(rest);
        }
    }
}
