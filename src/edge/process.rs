//! Processes: a session of one's own, a whole tree and its end, and dying with a parent.
//!
//! A tree is told by a marker in the environment, which survives new sessions and the death of
//! parents; by descent, which survives a cleaned environment; and where parents have died too, by
//! the session, or by its log as standard error. A number of a process is used at once after it
//! was found, and never kept as an identity.

mod usage;

pub use usage::Usage;

use std::collections::HashSet;
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Signal, kill_process};

use crate::clock;
use crate::store::{Wait, assert_may_wait};

/// The variable that marks every process of an investigation: the session's folder, because the
/// session's id is the same in every state folder that hears of the incident.
pub const MARKER: &str = "DLQ_SESSION_DIR";

/// No file that an agent writes may be larger: 1 GiB.
const FILE_MAX: u64 = 1 << 30;

/// How long SIGKILL is given to show; a process in an uninterruptible wait takes longer.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// Leaves the terminal and the process group of whoever started us.
pub fn detach() {
    // It fails only for who leads a group already, and so has left.
    let _ = rustix::process::setsid();
    // Whatever loses its parent below us becomes our child, and is found.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// The process session that we are in.
pub fn own_session() -> Option<i32> {
    let session = rustix::process::getsid(None).ok()?;
    Some(session.as_raw_nonzero().into())
}

/// Becomes `argv`, to be ended with SIGTERM when the process `parent` dies. Returns only when
/// that fails. A pipe, when there is one, stays open for reading, and this variable has its number.
pub fn become_child_of(parent: i32, argv: &[String], pipe: Option<(&str, &Path)>) -> io::Error {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    // The parent may have died before the signal was asked for.
    if rustix::process::getppid().map(Pid::as_raw_nonzero).map(Into::into) != Some(parent) {
        return io::Error::other("the supervisor has gone");
    }
    // A file that grows without end would take the disk of journal and state. The limit is only
    // ever lowered, so that a lower one of the user's stays.
    let now = rustix::process::getrlimit(Resource::Fsize).maximum.unwrap_or(u64::MAX);
    let limit = Some(now.min(FILE_MAX));
    let limit = rustix::process::Rlimit { current: limit, maximum: limit };
    if let Err(error) = rustix::process::setrlimit(Resource::Fsize, limit) {
        return error.into();
    }
    let Some((program, args)) = argv.split_first() else {
        return io::Error::other("no program is named");
    };
    let mut command = Command::new(program);
    if let Some((variable, path)) = pipe {
        // Without waiting for who writes, and not to be closed by exec.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(pipe) => drop(command.env(variable, pipe.into_raw_fd().to_string())),
            Err(error) => return error.into(),
        }
    }
    command.args(args).exec()
}

/// Finds a program as a shell would: by its path, or in `PATH`.
pub fn find(program: &str, path: Option<&str>) -> Option<PathBuf> {
    let runs = |file: &Path| {
        file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
    };
    if program.contains('/') {
        return std::path::absolute(program).ok().filter(|file| runs(file));
    }
    path?.split(':').map(|dir| Path::new(dir).join(program)).find(|file| runs(file))
}

/// Which processes belong to an investigation.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The session's folder: the value of [`MARKER`].
    pub folder: PathBuf,
    /// The agent's process, while it is known to be ours.
    pub root: Option<i32>,
    /// The process session (without /proc: the process group) that is the tree's alone.
    pub group: Option<i32>,
    /// The supervisor, when it asks for itself: what is below it belongs to the tree.
    pub above: Option<i32>,
    /// Processes below the supervisor that do not.
    pub spare: Vec<i32>,
}

struct Row {
    pid: i32,
    parent: i32,
    group: i32,
    marked: bool,
}

impl Tree {
    /// The processes that are alive.
    pub fn alive(&self) -> Vec<i32> {
        let rows = table(&self.folder);
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let mut found: HashSet<i32> = HashSet::new();
        // Parents may stand behind their children: go over the rows until nothing is added.
        loop {
            let before = found.len();
            for row in &rows {
                // Where the marker can be read, a number that may have been given to another
                // process meanwhile is not needed.
                let by_number = !cfg!(target_os = "linux") && Some(row.pid) == self.root;
                let ours = row.marked
                    || by_number
                    || Some(row.group) == self.group
                    || Some(row.parent) == self.above
                    || found.contains(&row.parent);
                if ours && row.pid != own && !self.spare.contains(&row.pid) {
                    found.insert(row.pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        found.into_iter().collect()
    }

    /// Ends the whole tree: SIGINT to the agent, so that it can say what it has cost, after
    /// `grace` SIGTERM to all, and after half of it again SIGKILL to all. Returns whether all are
    /// gone.
    pub fn stop(&self, grace: Duration) -> bool {
        if let Some(root) = self.root
            && self.alive().contains(&root)
        {
            send(&[root], Signal::INT);
            if self.gone_within(grace, None) {
                return true;
            }
        }
        self.end(grace / 2)
    }

    /// Ends what is left of it, without asking first.
    pub fn end(&self, grace: Duration) -> bool {
        let alive = self.alive();
        if alive.is_empty() {
            return true;
        }
        send(&alive, Signal::TERM);
        self.gone_within(grace, None) || self.gone_within(KILL_PATIENCE, Some(Signal::KILL))
    }

    fn gone_within(&self, patience: Duration, signal: Option<Signal>) -> bool {
        assert_may_wait(Wait::ProcessEnd);
        let deadline = clock::tick() + patience;
        loop {
            let alive = self.alive();
            if alive.is_empty() {
                return true;
            }
            if let Some(signal) = signal {
                send(&alive, signal);
            }
            if clock::tick() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn send(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // It may have gone by itself meanwhile.
        let _ = kill_process(pid, signal);
    }
}

/// Every process that is not a zombie.
#[cfg(target_os = "linux")]
fn table(folder: &Path) -> Vec<Row> {
    let marker = format!("{MARKER}={}", folder.display());
    let log = folder.join("stderr.log");
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        // "PID (NAME) STATE PPID PGRP SESSION …": the name may hold anything, also a parenthesis.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.nth(1)?.parse().ok()?;
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let marked = environ.split(|byte| *byte == 0).any(|pair| pair == marker.as_bytes())
            || std::fs::read_link(format!("/proc/{pid}/fd/2")).is_ok_and(|file| file == log);
        (!matches!(state, "Z" | "X")).then_some(Row { pid, parent, group, marked })
    })
    .collect()
}

/// Every process that is not a zombie. Environments cannot be read here: descent must do, and
/// the process group that the agent leads.
#[cfg(not(target_os = "linux"))]
fn table(_folder: &Path) -> Vec<Row> {
    let Ok(output) = Command::new("ps").args(["-axo", "pid=,ppid=,pgid=,stat="]).output() else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let pid = fields.next()?.parse().ok()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let zombie = fields.next()?.starts_with('Z');
        (!zombie).then_some(Row { pid, parent, group, marked: false })
    });
    rows.collect()
}
