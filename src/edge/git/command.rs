//! Running git: which settings it gets, what it says, and when it is asked again.
//!
//! Promises: no shell, no input, no network, a deadline and a limit on what is read; nothing of the
//! user's environment but `PATH`; no settings of the machine or the user; no program that a
//! repository names (hooks, filters, monitors, differs, signers) is run. What is left to a
//! repository's own settings is data: what it ignores, its line ends, its sparse checkout.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::clock;
use crate::edge::command;
use crate::error::Error;
use crate::text::{safe, shorten};

/// The oldest git that knows all that is asked of it (`add --sparse`, settings by environment).
pub const OLDEST: (u32, u32) = (2, 34);

/// An answer that needs no working tree: even a slow disk has it by then.
pub const ASK: Duration = Duration::from_secs(30);
/// Writing or reading a whole working tree.
pub const TREE: Duration = Duration::from_secs(300);
/// For how long another git is waited for that is at work in the same repository.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much is read where not more is wanted.
pub const ANSWER_MAX: u64 = 1 << 20;
/// How much of its complaints is kept.
const COMPLAINT_MAX: u64 = 4096;

/// A git that is asked about one repository.
#[derive(Debug, Clone)]
pub struct Git {
    /// Arguments before the command: where the repository is.
    place: Vec<String>,
    environment: Vec<(OsString, OsString)>,
    settings: Vec<(String, String)>,
}

/// What git has answered.
#[derive(Debug)]
pub struct Answer {
    /// Its output.
    pub output: Vec<u8>,
    /// It had more to say than was wanted.
    pub more: bool,
    /// Exit status 0.
    pub ok: bool,
    /// Exit status 1: it did what it could.
    pub partly: bool,
    /// What it complained about, in one line.
    pub complaint: String,
}

impl Answer {
    /// The output as a line.
    pub fn line(&self) -> String {
        String::from_utf8_lossy(&self.output).trim_end_matches('\n').to_owned()
    }
}

impl Git {
    /// A git that finds the repository from a folder. Only that very folder may belong to another
    /// user: a repository that somebody else has put above it is refused by git.
    pub fn at(folder: &str) -> Self {
        let mut git = Git::bare(vec!["-C".to_owned(), folder.to_owned()]);
        git.settings.push(("safe.directory".to_owned(), folder.to_owned()));
        git
    }

    /// A git that looks for nothing: what an agent makes of `.git` in its tree is not read.
    pub fn within(admin: &str, tree: &str) -> Self {
        let place = [format!("--git-dir={admin}"), format!("--work-tree={tree}")];
        Git::bare(["-C", tree].map(str::to_owned).into_iter().chain(place).collect())
    }

    fn bare(place: Vec<String>) -> Self {
        let fixed = [
            ("HOME", "/nonexistent"),
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            // Nothing is fetched behind our back in a partial clone.
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            // Moves of branches are logged, and a log wants a name.
            ("GIT_COMMITTER_NAME", "dlq-tools"),
            ("GIT_COMMITTER_EMAIL", "dlq-tools@localhost"),
        ];
        let path = std::env::var_os("PATH").map(|path| ("PATH".into(), path));
        let fixed = fixed.into_iter().map(|(name, value)| (name.into(), value.into()));
        let settings = [
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
            // It would write an extension into the settings of the user's repository.
            ("worktree.useRelativePaths", "false"),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Git {
            place,
            environment: path.into_iter().chain(fixed).collect(),
            settings: settings.into(),
        }
    }

    /// The same, with a variable more.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The same, with the programs disarmed that the repository's settings name for files and
    /// events. Asked anew before each use: settings may have changed since.
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

    /// Asks for a short answer. That git says no is an answer.
    pub fn ask(&self, argv: &[&str]) -> Result<Answer, Error> {
        self.run(argv, ASK, ANSWER_MAX)
    }

    /// Asks, and takes no for a failure.
    pub fn must(&self, argv: &[&str], deadline: Duration) -> Result<Answer, Error> {
        let answer = self.run(argv, deadline, ANSWER_MAX)?;
        if answer.ok { Ok(answer) } else { Err(Error::failed("run", line(argv), answer.complaint)) }
    }

    /// Asks; while another git is in the way, again.
    pub fn run(&self, argv: &[&str], deadline: Duration, max: u64) -> Result<Answer, Error> {
        let until = clock::tick() + PATIENCE;
        loop {
            let answer = self.once(argv, deadline, max)?;
            if answer.ok || !is_busy(&answer.complaint) || clock::tick() >= until {
                return Ok(answer);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn once(&self, argv: &[&str], deadline: Duration, max: u64) -> Result<Answer, Error> {
        let failed = |cause: String| Error::failed("run", line(argv), cause);
        let mut all = vec!["git".to_owned(), "--no-pager".to_owned()];
        all.extend(self.place.iter().cloned());
        all.extend(argv.iter().map(|word| (*word).to_owned()));
        let (complaints, stderr) =
            complaints().map_err(|error| failed(crate::error::io_cause(&error)))?;
        let ran = command::run(&all, Some(&self.environment()), deadline, max, stderr);
        let ran = ran.map_err(|cause| {
            let (major, minor) = OLDEST;
            Error::wrong(format!("cannot run 'git': {cause}; install git {major}.{minor} or later"))
        })?;
        // What git has left running may hold the pipe open: nobody waits for that.
        let said = complaints.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        if ran.status.is_none() && !ran.more {
            return Err(failed(format!("no end after {} s", deadline.as_secs())));
        }
        let complaint = complaint(&String::from_utf8_lossy(&said));
        let code = ran.status.and_then(|status| status.code());
        let (ok, partly) = (ran.more || code == Some(0), code == Some(1));
        Ok(Answer { output: ran.output, more: ran.more, ok, partly, complaint })
    }

    /// Settings travel by environment, where a name may hold anything, also `=`.
    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut all = self.environment.clone();
        all.push(("GIT_CONFIG_COUNT".into(), self.settings.len().to_string().into()));
        for (n, (key, value)) in self.settings.iter().enumerate() {
            all.push((format!("GIT_CONFIG_KEY_{n}").into(), key.into()));
            all.push((format!("GIT_CONFIG_VALUE_{n}").into(), value.into()));
        }
        all
    }
}

/// What was asked, for a sentence.
fn line(argv: &[&str]) -> String {
    format!("git {}", argv.first().unwrap_or(&""))
}

/// A pipe for complaints that never fills: what is too much is read and dropped.
fn complaints() -> std::io::Result<(Receiver<Vec<u8>>, Stdio)> {
    let (reader, writer) = std::io::pipe()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut reader = reader;
        let read = reader.by_ref().take(COMPLAINT_MAX).read_to_end(&mut kept);
        if read.is_ok() {
            // The rest is of no interest, only that git can write it.
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
        }
        // Nobody may be listening any more.
        let _ = sender.send(kept);
    });
    Ok((receiver, writer.into()))
}

/// The line that says why, which is the first that git calls fatal or an error.
fn complaint(text: &str) -> String {
    let why = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let line =
        text.lines().find(why).or_else(|| text.lines().last()).unwrap_or("git gave no reason");
    let plain = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: "));
    shorten(&safe(plain.unwrap_or(line)), 300).to_string()
}

/// Another git is at work: a lock is there that will go, or a worktree is half made or half
/// removed. The second is not guarded by any lock of git's: whoever lists worktrees then may fail.
fn is_busy(complaint: &str) -> bool {
    let is_locked = complaint.contains(".lock") && complaint.contains("File exists");
    let is_half = complaint.contains("failed to read") && complaint.contains("worktrees/");
    is_locked || is_half || complaint.contains("could not lock")
}

/// Refuses a git that is too old, by the version as it says it.
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
        // A version of another form is given the benefit of the doubt.
        _ => Ok(()),
    }
}

/// A path as an argument.
pub fn argument(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| {
        Error::wrong(format!("cannot use '{}' with git: its name is not UTF-8", path.display()))
    })
}
