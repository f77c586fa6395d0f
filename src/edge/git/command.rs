//! Running git: its settings, its output, and retries.
//!
//! Promises: no shell, no input but a file of this program, no network but for `remote.rs`; a deadline
//! and a limit on the output; no variable of the user's environment but `PATH`; no settings of the machine
//! or the user; no program that a repository names (hooks, filters, monitors, differs, signers). A
//! repository's own settings decide about data only: ignored files, line ends, sparse checkouts.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::clock;
use crate::edge::command::{self, CommandInput, CommandResult};
use crate::error::Error;
use crate::store::{self, BlockingWait};
use crate::text::{safe, shorten};

/// Oldest git with all features that are used (`add --sparse`, settings by environment).
pub const OLDEST: (u32, u32) = (2, 34);

/// Deadline of calls that need no working tree, on a slow disk.
pub const ASK: Duration = Duration::from_secs(30);
/// Deadline of calls that read or write a whole working tree.
pub const TREE: Duration = Duration::from_secs(300);
/// Time to wait for another git that works in the same repository.
const LOCK_TIMEOUT: Duration = Duration::from_secs(20);
/// Least time of a call, also after the end that [`end_by`] sets: what is short is still done.
const LEAST: Duration = Duration::from_secs(5);
/// End of all calls of this process.
static END: OnceLock<Instant> = OnceLock::new();

/// Bounds all later calls of this process, once. A supervisor serves one session, whose deadline
/// bounds the look at what its agent has left, too.
pub fn end_by(end: Instant) {
    let _ = END.set(end);
}

/// Shortens a deadline to the end of all calls, when that is set.
fn shortened(deadline: Duration, remaining: Option<Duration>) -> Duration {
    remaining.map_or(deadline, |remaining| deadline.min(remaining.max(LEAST)))
}

/// Longest short output, in bytes.
pub const ANSWER_MAX: u64 = 1 << 20;

/// Variables of every call, besides `PATH`.
const ENVIRONMENT: [(&str, &str); 10] = [
    ("HOME", "/nonexistent"),
    ("LC_ALL", "C"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // A partial clone fetches nothing.
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    // The reflog of a branch requires a name.
    ("GIT_COMMITTER_NAME", "dlq-tools"),
    ("GIT_COMMITTER_EMAIL", "dlq-tools@localhost"),
];

/// Settings of every call.
const SETTINGS: [(&str, &str); 15] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.pager", "cat"),
    ("core.safecrlf", "false"),
    ("core.quotePath", "false"),
    ("core.splitIndex", "false"),
    ("diff.external", ""),
    ("protocol.allow", "never"),
    ("credential.helper", ""),
    ("commit.gpgSign", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    // Relative paths add an extension to the settings of the user's repository.
    ("worktree.useRelativePaths", "false"),
];

/// Git for one repository.
#[derive(Debug, Clone)]
pub struct Git {
    /// Arguments before the command, which locate the repository.
    location: Vec<String>,
    /// Variables and settings of its calls alone.
    environment: Vec<(OsString, OsString)>,
    settings: Vec<(String, String)>,
    /// File of the standard input; none: it is empty.
    input: Option<PathBuf>,
}

/// Result of a git call.
#[derive(Debug)]
pub struct GitOutput {
    /// Standard output.
    pub output: Vec<u8>,
    /// Whether the output was cut at the limit.
    pub more: bool,
    /// Whether the exit status was 0.
    pub ok: bool,
    /// Whether the exit status was 1: a part was done.
    pub partly: bool,
    /// Error message of git, in one line.
    pub complaint: String,
}

impl GitOutput {
    /// Returns the output as a line.
    pub fn line(&self) -> String {
        String::from_utf8_lossy(&self.output).trim_end_matches('\n').to_owned()
    }
}

impl Git {
    /// Creates a git that finds the repository from a folder. Only that very folder may belong to
    /// another user: git refuses a repository of another user above it.
    pub fn at(folder: &str) -> Self {
        Git {
            location: vec!["-C".to_owned(), folder.to_owned()],
            environment: Vec::new(),
            settings: vec![("safe.directory".to_owned(), folder.to_owned())],
            input: None,
        }
    }

    /// Creates a git with a fixed repository: `.git` in the tree, which an agent may write, is not
    /// read.
    pub fn within(admin: &str, tree: &str) -> Self {
        let location = [format!("--git-dir={admin}"), format!("--work-tree={tree}")];
        let location = ["-C", tree].map(str::to_owned).into_iter().chain(location).collect();
        Git { location, environment: Vec::new(), settings: Vec::new(), input: None }
    }

    /// Creates a git for a bare repository of this tool.
    pub(super) fn bare(admin: &str) -> Self {
        let location = ["-C".to_owned(), admin.to_owned(), format!("--git-dir={admin}")];
        Git {
            location: location.into(),
            environment: Vec::new(),
            settings: Vec::new(),
            input: None,
        }
    }

    /// Adds a variable to the environment.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Gives it a file as its standard input.
    pub fn reading(mut self, input: PathBuf) -> Self {
        self.input = Some(input);
        self
    }

    /// Adds a setting.
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Disables the programs that the repository's settings name for files and events. Each use
    /// reads the settings again: they may have changed.
    pub fn disarmed(mut self) -> Result<Self, Error> {
        let pattern = r"^(filter|hook)\.";
        let named = self.ask(&["config", "--null", "--name-only", "--get-regexp", pattern])?;
        let text = String::from_utf8_lossy(&named.output).into_owned();
        if named.more {
            return Err(Error::failed("run", "git", "the repository names too many filters"));
        }
        let mut names: Vec<(&str, &str)> = text
            .split_terminator('\0')
            .filter_map(|key| key.split_once('.'))
            .filter_map(|(kind, rest)| Some((kind, rest.rsplit_once('.')?.0)))
            .collect();
        names.sort_unstable();
        names.dedup();
        for (kind, name) in names {
            let off: &[(&str, &str)] = match kind {
                "filter" => {
                    &[("smudge", ""), ("clean", ""), ("process", ""), ("required", "false")]
                }
                _ => &[("enabled", "false"), ("event", "")],
            };
            for (key, value) in off {
                self.settings.push((format!("{kind}.{name}.{key}"), (*value).to_owned()));
            }
        }
        Ok(self)
    }

    /// Runs a command with a short output. A failed command is a result, no error.
    pub fn ask(&self, argv: &[&str]) -> Result<GitOutput, Error> {
        self.run(argv, ASK, ANSWER_MAX)
    }

    /// Runs a command; a failed command is an error.
    pub fn must(&self, argv: &[&str], deadline: Duration) -> Result<GitOutput, Error> {
        let answer = self.run(argv, deadline, ANSWER_MAX)?;
        if answer.ok {
            Ok(answer)
        } else {
            Err(Error::failed("run", command_name(argv), answer.complaint))
        }
    }

    /// Runs a command, again while another git holds a lock.
    pub fn run(&self, argv: &[&str], deadline: Duration, max: u64) -> Result<GitOutput, Error> {
        let until = clock::tick() + LOCK_TIMEOUT;
        loop {
            let answer = self.once(argv, deadline, max)?;
            if answer.ok || !is_busy(&answer.complaint) || clock::tick() >= until {
                return Ok(answer);
            }
            store::sleep(BlockingWait::Command, Duration::from_millis(50));
        }
    }

    fn once(&self, argv: &[&str], deadline: Duration, max: u64) -> Result<GitOutput, Error> {
        let failed = |cause: String| Error::failed("run", command_name(argv), cause);
        let remaining = END.get().map(|end| end.saturating_duration_since(clock::tick()));
        let deadline = shortened(deadline, remaining);
        let input = self
            .input
            .as_ref()
            .map(|path| File::open(path).map_err(|error| Error::file("read", path, &error)));
        let input = input.transpose()?.map_or(CommandInput::Nothing, CommandInput::File);
        let ran = self.run_through(&[], input, argv, deadline, max)?;
        if ran.status.is_none() && !ran.more {
            return Err(failed(format!("it did not end within {} s", deadline.as_secs())));
        }
        let complaint = complaint(&String::from_utf8_lossy(&ran.errors));
        let code = ran.status.and_then(|status| status.code());
        let (ok, partly) = (ran.more || code == Some(0), code == Some(1));
        Ok(GitOutput { output: ran.output, more: ran.more, ok, partly, complaint })
    }

    /// Runs a command once. `shim` is a program with arguments that runs git; it gets `input`.
    pub(super) fn run_through(
        &self,
        shim: &[String],
        input: CommandInput<'_>,
        argv: &[&str],
        deadline: Duration,
        max: u64,
    ) -> Result<CommandResult, Error> {
        let mut all = shim.to_vec();
        all.extend(["git".to_owned(), "--no-pager".to_owned()]);
        all.extend(self.location.iter().cloned());
        all.extend(argv.iter().map(|word| (*word).to_owned()));
        let environment = self.environment();
        let errors = Stdio::piped();
        let ran = command::run_with_input(&all, input, Some(&environment), deadline, max, errors);
        ran.map_err(|cause| {
            let (program, (major, minor)) = (&all[0], OLDEST);
            let remedy = format!("install git {major}.{minor} or later");
            Error::wrong(format!("cannot run '{program}': {cause}; {remedy}"))
        })
    }

    /// Passes settings by environment, where a key may hold any character, also `=`.
    fn environment(&self) -> Vec<(OsString, OsString)> {
        let path = std::env::var_os("PATH").map(|path| ("PATH".into(), path));
        let fixed = ENVIRONMENT.map(|(name, value)| (name.into(), value.into()));
        let own = self.environment.iter().cloned();
        let mut all: Vec<_> = path.into_iter().chain(fixed).chain(own).collect();
        let own = self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let settings: Vec<_> = SETTINGS.into_iter().chain(own).collect();
        all.push(("GIT_CONFIG_COUNT".into(), settings.len().to_string().into()));
        for (n, (key, value)) in settings.into_iter().enumerate() {
            all.push((format!("GIT_CONFIG_KEY_{n}").into(), key.into()));
            all.push((format!("GIT_CONFIG_VALUE_{n}").into(), value.into()));
        }
        all
    }
}

/// Names the command for a message.
fn command_name(argv: &[&str]) -> String {
    format!("git {}", argv.first().unwrap_or(&""))
}

/// Returns the first line that git marks as fatal or an error, else the last line.
fn complaint(text: &str) -> String {
    let why = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let line =
        text.lines().find(why).or_else(|| text.lines().last()).unwrap_or("git gave no reason");
    let plain = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: "));
    shorten(&safe(plain.unwrap_or(line)), 300).to_string()
}

/// Whether another git is at work: it holds a lock, or a worktree is half made or half removed. Git
/// guards worktrees with no lock, so listing them may fail meanwhile.
fn is_busy(complaint: &str) -> bool {
    let is_locked = complaint.contains(".lock") && complaint.contains("File exists");
    let is_half = complaint.contains("failed to read") && complaint.contains("worktrees/");
    is_locked || is_half || complaint.contains("could not lock")
}

/// Refuses a git that is older than [`OLDEST`].
pub fn check(version: &str) -> Result<(), Error> {
    let number = version.trim_start_matches("git version ").trim();
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
    let found = (parts.next().flatten(), parts.next().flatten());
    match found {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            let (major, minor) = OLDEST;
            let number = safe(number);
            Err(Error::wrong(format!(
                "cannot use git {number}: {major}.{minor} or later is needed"
            )))
        }
        // A version of unknown form is accepted.
        _ => Ok(()),
    }
}

/// Returns a path as an argument; it must be UTF-8.
pub fn argument(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| {
        Error::wrong(format!("cannot use '{}' with git: its name is not UTF-8", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadline_of_a_call_ends_with_that_of_the_session() {
        let seconds = Duration::from_secs;
        let rows = [
            ("no session", TREE, None, TREE),
            ("much time", ASK, Some(seconds(600)), ASK),
            ("little time", TREE, Some(seconds(12)), seconds(12)),
            ("hardly any", TREE, Some(seconds(1)), LEAST),
            ("none", ASK, Some(Duration::ZERO), LEAST),
            ("a short call", seconds(2), Some(Duration::ZERO), seconds(2)),
        ];
        for (row, deadline, remaining, expected) in rows {
            assert_eq!(shortened(deadline, remaining), expected, "{row}");
        }
    }
}
