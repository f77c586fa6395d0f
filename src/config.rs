//! Configuration: text, environment and flags become validated [`Settings`].
//!
//! Layers, later wins: built-in defaults, the file ([`parse`]), the environment ([`overlay`]),
//! flags ([`set`]). All are pure and go by the key tables of `settings.rs`; [`load()`] finds and
//! reads the file, and the `.env` file beside it.
//! Promises: an unknown key, a value of the wrong type or beyond its limit is refused with file,
//! line and remedy; a secret is a reference; a file that was found in the current folder without
//! being named runs no command, starts nothing and sends nothing to another machine.

mod collections;
mod env;
mod keys;
mod load;
mod reload;
mod secret;
mod settings;
#[cfg(test)]
mod tests;
mod valid;
mod value;
mod yaml;

use std::path::PathBuf;

pub use crate::secret::{Secret, SecretValue};
pub use env::Env;
pub use load::{cache_dir, in_force, load, process_env, read_file, state_dir};
pub use reload::Switches;
pub use settings::{
    Account, Agent, AutoInvestigation, Aws, Channel, ChannelKind, Claude, DynamodbTable, Evidence,
    Features, Github, LogSearch, Monitoring, Notifications, Origin, QueueRule, ResultFormat,
    Settings, SharedState, State,
};
pub use valid::{http_host, loopback};

use crate::error::Error;
use crate::text::{nearest, safe};
use collections::unknown;
use env::VariableOrigin;
use keys::{KeySpec, read_map};
use settings::{sections, setters};
use value::{ConfigError, Field, Source};
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
    read_root(&mut settings, &root).map_err(|ConfigError { line, text }| wrong(line, text))?;
    Ok(settings)
}

fn read_root(settings: &mut Settings, root: &Node) -> value::Result<()> {
    let source = Source { is_variable: false, trusted: settings.origin.trusted };
    let top = Field { path: String::new(), line: root.referenced.line(), node: root, source };
    match &root.value {
        Value::Null => return Ok(()),
        Value::Map(_) => {}
        _ => {
            let text = format!("expected a map of sections: {}", sections().join(", "));
            return Err(ConfigError { line: top.line, text });
        }
    }
    for (name, section) in top.any_entries()? {
        if !sections().contains(&name) {
            return Err(ConfigError { line: section.line, text: unknown_section(name) });
        }
        if !matches!(section.node.value, Value::Null) {
            read_map(settings, setters().filter(|key| key.spec.section() == name), &section)?;
        }
    }
    Ok(())
}

/// Returns the refusal of a misspelt section, or of a key that belongs into a section.
fn unknown_section(name: &str) -> String {
    match setters().find(|key| key.spec.name() == name) {
        Some(key) => format!("unknown key '{name}'; did you mean '{}'?", key.spec.path),
        None => unknown("", name, &sections()),
    }
}

/// Applies the environment to the settings: the standard `AWS_*` variables, then `DLQ_*`.
pub fn overlay(settings: &mut Settings, env: &Env) -> Result<(), Error> {
    let aws = |names: &[&str], key: &str| {
        let name = names.iter().find(|name| env.get(name).is_some());
        name.map(|name| (key.to_owned(), (*name).to_owned()))
    };
    // A variable meant for every AWS program must not silently replace a list of accounts or
    // regions.
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
        match setters().map(|key| &key.spec).find(|spec| spec.variable_name() == name) {
            Some(spec) if spec.variable => set_from(settings, spec.path, name, env)?,
            Some(spec) => {
                let text = format!("'{}' is set in the configuration file only", spec.path);
                return Err(Error::wrong(format!(
                    "{}: '{}': {text}",
                    location(name, env),
                    safe(name)
                )));
            }
            None if sectioned(name) => return Err(unknown_variable(name, env)),
            None => {} // A variable of another program.
        }
    }
    tilde(settings, env);
    Ok(())
}

/// Sets one key from an option: `set(&mut settings, "monitoring.check_interval", "10s",
/// "--interval")`. Commas separate the items of a list. A refusal names the option.
pub fn set(settings: &mut Settings, key: &str, text: &str, option: &str) -> Result<(), Error> {
    set_value(settings, key, Value::Text(text.to_owned()), option)
}

/// Sets one key, which takes a list, from an option that was given once for each item.
pub fn set_list<T: AsRef<str>>(
    settings: &mut Settings,
    key: &str,
    items: &[T],
    option: &str,
) -> Result<(), Error> {
    let text = |item: &T| yaml::outside_file(Value::Text(item.as_ref().to_owned()));
    set_value(settings, key, Value::List(items.iter().map(text).collect()), option)
}

fn set_value(settings: &mut Settings, key: &str, value: Value, option: &str) -> Result<(), Error> {
    put(settings, key, value, option, Source { is_variable: true, trusted: true })
        .map_err(|error| Error::Usage(format!("option {}", error.text)))
}

/// Whether the chain of the SDK, which takes an access key first, decides between key and profile:
/// the environment has both, and the file names no profile. A key of the `.env` file does not come
/// before a profile of the real environment.
fn keys_first(settings: &Settings, env: &Env) -> bool {
    let key = "AWS_ACCESS_KEY_ID";
    let over = env.real(key).is_some() || env.real("AWS_PROFILE").is_none();
    settings.aws.profile.is_none() && env.get(key).is_some() && over
}

fn put(
    settings: &mut Settings,
    key: &str,
    value: Value,
    given_as: &str,
    source: Source,
) -> value::Result<()> {
    let Some(setter) = setters().find(|known| known.spec.path == key && known.spec.variable) else {
        return Err(ConfigError { line: 0, text: unknown("", key, &[]) });
    };
    let node = yaml::outside_file(value);
    setter.apply(settings, &Field { path: given_as.to_owned(), line: 0, node: &node, source })
}

fn set_from(settings: &mut Settings, key: &str, name: &str, env: &Env) -> Result<(), Error> {
    let Some(value) = env.get(name) else {
        return Ok(()); // An empty value counts as unset.
    };
    let trusted = match env.origin(name) {
        VariableOrigin::Environment => true,
        VariableOrigin::File { trusted, .. } => *trusted,
    };
    let value = Value::Text(value.to_owned());
    put(settings, key, value, name, Source { is_variable: true, trusted })
        .map_err(|error| Error::wrong(format!("{}: {}", location(name, env), error.text)))?;
    let place = if env.real(name).is_some() { "" } else { " (.env)" };
    settings.origin.variables.push(format!("{name}{place}"));
    Ok(())
}

/// Returns where a variable was set: `environment`, or the file and line.
fn location(name: &str, env: &Env) -> String {
    match env.origin(name) {
        VariableOrigin::Environment => "environment".to_owned(),
        VariableOrigin::File { path, line, .. } => format!("{}:{line}", path.display()),
    }
}

/// Whether a variable begins with the name of a section.
fn sectioned(name: &str) -> bool {
    sections().iter().any(|section| {
        let rest = name.strip_prefix("DLQ_").and_then(|n| n.strip_prefix(&section.to_uppercase()));
        rest.is_some_and(|rest| rest.starts_with('_'))
    })
}

fn unknown_variable(name: &str, env: &Env) -> Error {
    let specs = setters().map(|key| &key.spec).filter(|spec| spec.variable);
    let known: Vec<String> = specs.map(KeySpec::variable_name).collect();
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "dlq-config(5) lists the variables".to_owned(),
    };
    let (location, name) = (location(name, env), safe(name));
    Error::wrong(format!("{location}: '{name}': unknown variable; {hint}"))
}

/// Replaces `~/` at the start of paths by the home folder.
fn tilde(settings: &mut Settings, env: &Env) {
    let Some(home) = env.real("HOME").map(PathBuf::from) else {
        return;
    };
    let investigation = &mut settings.auto_investigation;
    let claude = &mut investigation.claude;
    let notifications = &mut settings.notifications;
    let channels = notifications.channels.iter_mut();
    let named = [&mut settings.github.token, &mut claude.auth, &mut notifications.heartbeat_url];
    let secrets = named.into_iter().flatten();
    let secrets = secrets.chain(channels.flat_map(|channel| channel.secrets()));
    let secret_files = secrets.filter_map(|secret| match secret {
        Secret::File(path) => Some(path),
        _ => None,
    });
    let rules = investigation.queues.iter_mut();
    let repos = rules.flat_map(|rule| rule.repo.iter_mut().chain(&mut rule.bind));
    let given = [&mut claude.agents_dir, &mut claude.prompt_file, &mut claude.mcp_config];
    let given = given.into_iter().filter_map(Option::as_mut).chain(&mut claude.sandbox_paths);
    for path in secret_files.chain(repos).chain(given).chain(settings.state.dir.as_mut()) {
        if let Ok(rest) = path.strip_prefix("~") {
            *path = home.join(rest);
        }
    }
}
