//! Search and reading of the configuration file, and of the `.env` file beside it.
//!
//! Promises: a file that is named must exist, and so must one of the files that `DLQ_ENV` selects; one
//! that is looked for may be missing, but is never skipped because it cannot be read; nothing over its
//! limit is read.

use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{Env, Origin, Settings, overlay, parse};
use crate::error::{Error, io_cause};
use crate::text;

/// Largest configuration file, in bytes.
const MAX_CONFIG: u64 = 1 << 20;
/// Largest `.env` file, in bytes.
const MAX_ENV: u64 = 64 << 10;
/// Longest name of an environment in `DLQ_ENV`, in bytes.
const MAX_ENVIRONMENT: usize = 64;

/// Returns the environment of this process. Variables that are not UTF-8 are left out, but for those of
/// these programs, which are an error: what they are to set would be something else.
pub fn process_env() -> Result<Env, Error> {
    env_of(std::env::vars_os())
}

fn env_of(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Env, Error> {
    let mut pairs = Vec::new();
    for (name, value) in variables {
        let is_ours = name.as_encoded_bytes().starts_with(b"DLQ_");
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => pairs.push((name, value)),
            (Ok(name), Err(_)) if is_ours => {
                return Err(Error::wrong(format!("{name}: the value is not UTF-8")));
            }
            (Err(name), _) if is_ours => {
                let name = name.to_string_lossy();
                let shown = text::safe(&text::shorten(&name, MAX_ENVIRONMENT)).into_owned();
                return Err(Error::wrong(format!(
                    "{shown}: the name of the variable is not UTF-8"
                )));
            }
            _ => {}
        }
    }
    Ok(Env::from_pairs(pairs))
}

/// Finds and reads the configuration, and applies the environment to it. `explicit` is `--config`.
/// The `.env` file beside the configuration becomes the lower layer of `env`.
pub fn load(explicit: Option<&Path>, env: &mut Env) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    if let Some((path, trusted, text)) = find(explicit, env)? {
        let beside = path.with_file_name(".env");
        let origin = Origin { path: Some(path), trusted, ..Origin::default() };
        settings = parse(&text, &origin)?;
        if let Some(text) = read_searched(&beside, MAX_ENV)? {
            env.add_file(&text, &beside, trusted)?;
        }
    }
    overlay(&mut settings, env)?;
    Ok(settings)
}

/// Returns the first configuration of the search order: its path, whether it is trusted, its text.
fn find(explicit: Option<&Path>, env: &Env) -> Result<Option<(PathBuf, bool, String)>, Error> {
    let named = explicit.map(Path::to_owned).or_else(|| env.real("DLQ_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        let text = read_file(&path, MAX_CONFIG).map_err(|cause| {
            let (path, cause) = (path.display(), io_cause(&cause));
            Error::wrong(format!("cannot read configuration '{path}': {cause}"))
        })?;
        return Ok(Some((path, true, text?)));
    }
    let environment = environment(env)?;
    let places = searched(env, environment);
    for (path, trusted) in &places {
        if let Some(text) = read_searched(path, MAX_CONFIG)? {
            return Ok(Some((path.clone(), *trusted, text)));
        }
    }
    match environment {
        Some(name) => Err(not_found(name, &places)),
        None => Ok(None),
    }
}

/// Returns the files that are looked for when none is named, and whether each is trusted. An
/// environment has files of its own, which replace those without one.
fn searched(env: &Env, environment: Option<&str>) -> Vec<(PathBuf, bool)> {
    let name = file_name(environment);
    let here = Some((Path::new("config").join(&name), false));
    let own =
        base(env, "XDG_CONFIG_HOME", ".config").map(|dir| (dir.join("dlq").join(&name), true));
    let system = Some((Path::new("/etc/dlq").join(&name), true));
    [here, own, system].into_iter().flatten().collect()
}

fn file_name(environment: Option<&str>) -> String {
    environment.map_or("config.yaml".to_owned(), |name| format!("config.{name}.yaml"))
}

/// Returns the name in `DLQ_ENV`. It becomes a part of a file name, so that it has no separators and
/// no dots.
fn environment(env: &Env) -> Result<Option<&str>, Error> {
    let Some(name) = env.real("DLQ_ENV") else {
        return Ok(None);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.len() > MAX_ENVIRONMENT || !name.chars().all(plain) {
        let shown = text::shorten(name, MAX_ENVIRONMENT);
        return Err(Error::wrong(format!(
            "DLQ_ENV: expected at most {MAX_ENVIRONMENT} letters, digits, '-' and '_', found '{}'",
            text::safe(&shown)
        )));
    }
    Ok(Some(name))
}

/// Returns the error for an environment without a file. Another file is no substitute: it may name
/// another account.
fn not_found(environment: &str, places: &[(PathBuf, bool)]) -> Error {
    let places = places.iter().map(|(path, _)| format!("'{}'", path.display()));
    Error::wrong(format!(
        "no configuration for DLQ_ENV '{environment}': looked for {}; make one of them, or unset \
         DLQ_ENV",
        places.collect::<Vec<_>>().join(", ")
    ))
}

/// Returns the folder for state: `state.dir`, else `$XDG_STATE_HOME/dlq`, else
/// `~/.local/state/dlq`. The path is absolute, and so are those of reports and evidence.
pub fn state_dir(settings: &Settings, env: &Env) -> Result<PathBuf, Error> {
    let own = || base(env, "XDG_STATE_HOME", ".local/state").map(|dir| dir.join("dlq"));
    let dir = settings.state.dir.clone().or_else(own).ok_or_else(|| {
        Error::wrong("no folder for state: HOME is not set; set DLQ_STATE_DIR to an absolute path")
    })?;
    std::path::absolute(&dir).map_err(|error| Error::file("locate", &dir, &error))
}

/// Returns the folder for files that can be made again: `$XDG_CACHE_HOME/dlq`, else `~/.cache/dlq`,
/// else a folder in that for state.
pub fn cache_dir(settings: &Settings, env: &Env) -> Result<PathBuf, Error> {
    match base(env, "XDG_CACHE_HOME", ".cache") {
        Some(dir) => Ok(dir.join("dlq")),
        None => state_dir(settings, env).map(|dir| dir.join("cache")),
    }
}

/// Returns the sentence about the configuration in force and where it comes from; `options` are
/// those that override settings.
pub fn in_force(settings: &Settings, env: &Env, options: &[String]) -> String {
    let Origin { path, trusted, variables } = &settings.origin;
    let shown = |path: &Path| match std::path::absolute(path) {
        Ok(path) => format!("'{}'", path.display()),
        Err(_) => format!("'{}'", path.display()),
    };
    let mut file = match path {
        Some(path) if *trusted => format!("file {}", shown(path)),
        Some(path) => format!("file {}, found in the current folder", shown(path)),
        None => "no file".to_owned(),
    };
    if let Some(name) = env.real("DLQ_ENV") {
        let own = searched(env, Some(name)).iter().any(|(place, _)| Some(place) == path.as_ref());
        let role = if own { "selected by" } else { "named, which leaves no effect to" };
        file.push_str(&format!(", {role} DLQ_ENV '{}'", text::safe(name)));
    }
    let mut parts = vec![file];
    for (layer, names) in [("environment", variables.as_slice()), ("options", options)] {
        if !names.is_empty() {
            parts.push(format!("{layer} {}", names.join(", ")));
        }
    }
    parts.push("else the built-in defaults".to_owned());
    parts.extend(state_dir(settings, env).ok().map(|dir| format!("state in {}", shown(&dir))));
    format!("configuration: {}", parts.join("; "))
}

/// Returns a base folder of the XDG specification, which ignores relative paths.
fn base(env: &Env, variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| env.real(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
}

/// Reads a file that may be missing.
fn read_searched(path: &Path, limit: u64) -> Result<Option<String>, Error> {
    let failed = |cause: std::io::Error| Error::file("read", path, &cause);
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(None), // `.env` is a usual name for Python's folders.
        // Reading a pipe in a shared folder could block for ever.
        Ok(meta) if !meta.is_file() => {
            Err(Error::wrong(format!("cannot read '{}': not a regular file", path.display())))
        }
        Ok(_) => read_file(path, limit).map_err(failed)?.map(Some),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(cause) => Err(failed(cause)),
    }
}

/// Reads a file. The outer error is that of the system, the inner one is about the content.
pub fn read_file(path: &Path, limit: u64) -> std::io::Result<Result<String, Error>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    let shown = path.display();
    if bytes.len() as u64 > limit {
        let kib = limit >> 10;
        return Ok(Err(Error::wrong(format!("cannot read '{shown}': larger than {kib} KiB"))));
    }
    Ok(String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::wrong(format!("{shown}:{line}: not UTF-8"))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_ours_that_are_not_utf8_are_refused_by_name() {
        use std::os::unix::ffi::OsStringExt;
        let read = |name: &[u8], value: &[u8]| {
            let os = |bytes: &[u8]| OsString::from_vec(bytes.to_owned());
            let pairs = [(os(name), os(value)), (os(b"HOME"), os(b"/h"))];
            env_of(pairs.into_iter()).map(|env| env.names().map(str::to_owned).collect::<Vec<_>>())
        };
        type Row<'a> = (&'a [u8], &'a [u8], Result<&'a [&'a str], &'a str>);
        let rows: [Row<'_>; 5] = [
            (b"DLQ_AWS_REGION", b"eu", Ok(&["DLQ_AWS_REGION", "HOME"])),
            (b"LS_COLORS", b"\xff", Ok(&["HOME"])),
            (b"N\xffME", b"x", Ok(&["HOME"])),
            (b"DLQ_AWS_REGION", b"eu\xff", Err("DLQ_AWS_REGION: the value is not UTF-8")),
            (
                b"DLQ_\xff\x1b",
                b"x",
                Err("DLQ_\u{fffd}\\u{1b}: the name of the variable is not UTF-8"),
            ),
        ];
        for (name, value, expected) in rows {
            let found = read(name, value).map_err(|error| error.to_string());
            let expected = expected.map_err(str::to_owned);
            let expected = expected.map(|names| names.iter().map(|&n| n.to_owned()).collect());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn search_order_is_nearest_first_and_needs_no_home() {
        let shown = |env: &Env| {
            let paths = searched(env, None).into_iter();
            paths.map(|(path, trusted)| format!("{} {trusted}", path.display())).collect::<Vec<_>>()
        };
        let (here, system) = ("config/config.yaml false", "/etc/dlq/config.yaml true");
        let env = Env::from_pairs([("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]);
        assert_eq!(shown(&env), [here, "/x/dlq/config.yaml true", system]);
        let env = Env::from_pairs([("HOME", "/h"), ("XDG_CONFIG_HOME", "relative")]);
        assert_eq!(shown(&env), [here, "/h/.config/dlq/config.yaml true", system]);
        assert_eq!(shown(&Env::default()), [here, system]);
    }

    #[test]
    fn sentence_about_the_configuration_names_each_layer() {
        let mut settings = Settings::default();
        let env = Env::from_pairs([("HOME", "/h")]);
        let end = "else the built-in defaults; state in '/h/.local/state/dlq'";
        assert_eq!(in_force(&settings, &env, &[]), format!("configuration: no file; {end}"));
        let variables = vec!["AWS_REGION".to_owned(), "DLQ_STATE_DIR (.env)".to_owned()];
        settings.origin = Origin { path: Some("/c.yaml".into()), trusted: true, variables };
        let options = ["--max".to_owned()];
        let expected = "configuration: file '/c.yaml'; environment AWS_REGION, DLQ_STATE_DIR \
                        (.env); options --max; ";
        assert_eq!(in_force(&settings, &env, &options), format!("{expected}{end}"));
        settings.origin =
            Origin { path: Some("/c.yaml".into()), trusted: false, variables: vec![] };
        let found = in_force(&settings, &env, &[]);
        assert!(found.starts_with("configuration: file '/c.yaml', found in the current folder; "));
    }

    #[test]
    fn state_folder_is_found_or_the_remedy_is_named() {
        let mut settings = Settings::default();
        let env = Env::from_pairs([("HOME", "/h")]);
        assert_eq!(state_dir(&settings, &env).unwrap(), Path::new("/h/.local/state/dlq"));
        let env = Env::from_pairs([("HOME", "/h"), ("XDG_STATE_HOME", "/s")]);
        assert_eq!(state_dir(&settings, &env).unwrap(), Path::new("/s/dlq"));
        assert!(
            state_dir(&settings, &Env::default())
                .unwrap_err()
                .to_string()
                .contains("DLQ_STATE_DIR")
        );
        settings.state.dir = Some("/own".into());
        assert_eq!(state_dir(&settings, &Env::default()).unwrap(), Path::new("/own"));
        settings.state.dir = Some("below".into());
        let below = std::env::current_dir().unwrap().join("below");
        assert_eq!(state_dir(&settings, &Env::default()).unwrap(), below);
    }
}
