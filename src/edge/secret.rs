//! Fetches a secret from the source that its reference names: a variable, a file or a command.
//!
//! Promises: a command gets no shell and no input, ten seconds and 64 KiB; a file that all users
//! can read or change is refused; no error shows any of the secret.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::command;

use crate::config::{Env, Secret, SecretValue};
use crate::error::Error;

/// The time for a command.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest secret, in bytes.
const MAX_SECRET: u64 = 64 << 10;

impl Secret {
    /// Fetches the secret. `env` includes the variables of `.env` files.
    pub fn resolve(&self, env: &Env) -> Result<SecretValue, Error> {
        match self {
            Secret::Env(name) => match env.get(name) {
                Some(value) => Ok(SecretValue::new(value.to_owned())),
                None => Err(Error::wrong(format!(
                    "cannot read secret: environment variable '{name}' is not set"
                ))),
            },
            Secret::File(path) => from_file(path),
            Secret::Command(argv) => from_command(argv, DEADLINE),
        }
    }
}

fn from_file(path: &Path) -> Result<SecretValue, Error> {
    let failed = |cause| Error::file("read secret", path, &cause);
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(Error::failed("read secret", path.display(), "not a regular file"));
    }
    let may = match meta.permissions().mode() {
        mode if mode & 0o004 != 0 => Some("all users can read it"),
        mode if mode & 0o002 != 0 => Some("all users can write it"),
        mode if mode & 0o020 != 0 => Some("its group can write it"),
        _ => None,
    };
    if let Some(may) = may {
        let path = path.display();
        return Err(Error::wrong(format!(
            "cannot read secret '{path}': {may}; run chmod 600 '{path}'"
        )));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(failed)?;
    value(bytes).map_err(|why| Error::failed("read secret", path.display(), why))
}

fn from_command(argv: &[String], deadline: Duration) -> Result<SecretValue, Error> {
    let Some(program) = argv.first() else {
        return Err(Error::wrong("cannot read secret: its command is empty"));
    };
    let failed = |cause: &str| Error::failed("read secret with", program, cause);
    let ran = command::run(argv, None, deadline, MAX_SECRET, Stdio::null())
        .map_err(|cause| failed(&cause))?;
    match ran.status {
        Some(status) if status.success() => value(ran.output).map_err(failed),
        Some(status) => Err(failed(&format!("{status}; run it by hand to see why"))),
        None if ran.more => Err(failed("more than 64 KiB of output")),
        None => Err(failed(&format!("no answer in {}s", deadline.as_secs()))),
    }
}

/// Strips the final newline that commands and editors add.
fn value(bytes: Vec<u8>) -> Result<SecretValue, &'static str> {
    if bytes.len() as u64 > MAX_SECRET {
        return Err("longer than 64 KiB");
    }
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    match text.strip_suffix('\r').unwrap_or(text) {
        "" => Err("it is empty"),
        text => Ok(SecretValue::new(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, deadline: Duration) -> Result<SecretValue, Error> {
        from_command(&["sh", "-c", script].map(str::to_owned), deadline)
    }

    #[test]
    fn secret_loses_one_trailing_newline_only() {
        let cases = [
            ("printf 'a'", "a"),
            ("echo a", "a"),
            ("printf 'a\\r\\n'", "a"),
            ("printf ' a \\n\\n'", " a \n"),
        ];
        for (script, expected) in cases {
            assert_eq!(shell(script, DEADLINE).unwrap().expose(), expected, "{script}");
        }
    }

    #[test]
    fn invalid_secret_is_refused_without_showing_it() {
        let cases = [
            ("a failure", "echo hunter2; exit 3", "exit status: 3"),
            ("nothing", "true", "it is empty"),
            ("a newline", "echo", "it is empty"),
            ("too much", "yes hunter2", "more than 64 KiB"),
            ("not text", "printf 'hunter2\\377'", "not UTF-8"),
        ];
        for (what, script, expected) in cases {
            let error = shell(script, DEADLINE).unwrap_err();
            assert!(error.to_string().contains(expected), "{what}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{what}: {error}");
            assert!(matches!(error, Error::Failed(_)), "{what}");
        }
    }

    #[test]
    fn command_past_deadline_is_stopped_with_its_children() {
        let dir = std::env::temp_dir().join(format!("dlq-secret-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mark = dir.join("late");
        let script = format!("(sleep 1; touch '{}') & wait", mark.display());
        assert!(shell(&script, Duration::from_millis(200)).is_err());
        std::thread::sleep(Duration::from_millis(1300));
        assert!(!mark.exists(), "a child lived on");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn command_has_no_shell_and_no_input() {
        let argv = ["echo", "$HOME; id"].map(str::to_owned);
        assert_eq!(from_command(&argv, DEADLINE).unwrap().expose(), "$HOME; id");
        assert!(from_command(&["cat".to_owned()], DEADLINE).is_err(), "cat read something");
        let missing = from_command(&["/no/such/program".to_owned()], DEADLINE).unwrap_err();
        assert!(missing.to_string().contains("no such file"), "{missing}");
    }

    #[test]
    fn file_that_others_can_read_or_write_is_refused_with_the_remedy() {
        let dir = std::env::temp_dir().join(format!("dlq-secret-file-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("token");
        std::fs::write(&path, "hunter2\n").unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            Secret::File(path.clone()).resolve(&Env::default())
        };
        let refused = [
            (0o644, "all users can read it"),
            (0o604, "all users can read it"),
            (0o602, "all users can write it"),
            (0o620, "its group can write it"),
        ];
        for (bits, why) in refused {
            let error = mode(bits).unwrap_err().to_string();
            assert!(error.contains(&format!("{why}; run chmod 600")), "{bits:o}: {error}");
        }
        assert_eq!(mode(0o640).unwrap().expose(), "hunter2");
        assert_eq!(mode(0o600).unwrap().expose(), "hunter2");
        assert!(Secret::File(dir.clone()).resolve(&Env::default()).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn variable_may_come_from_the_env_file() {
        let mut env = Env::from_pairs([("EMPTY", "")]);
        env.add_file("TOKEN='hunter2'", Path::new(".env"), false).unwrap();
        assert_eq!(Secret::Env("TOKEN".into()).resolve(&env).unwrap().expose(), "hunter2");
        for name in ["EMPTY", "MISSING"] {
            let error = Secret::Env(name.into()).resolve(&env).unwrap_err();
            assert!(matches!(error, Error::Wrong(_)) && error.to_string().contains(name));
        }
    }
}
