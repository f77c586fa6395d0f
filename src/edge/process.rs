//! Processes: detaching, ending a whole process tree, and ending with the parent.
//!
//! Three signs identify the processes of a tree: a marker in the environment, which survives new
//! process sessions and the death of parents; descent, which survives a cleared environment; and,
//! if parents have died too, the process session, or the session's log as standard error. A process
//! id is used right after it was found, never kept as an identity. An investigation and a command
//! that is killed at its deadline are such trees.

mod usage;

pub use usage::Usage;

use std::collections::HashSet;
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Signal, kill_process};

use crate::clock;
use crate::store::{self, BlockingWait};

/// The variable that marks every process of an investigation. Its value is the session's folder:
/// the session's id is the same in every state folder that sees the incident.
pub const MARKER: &str = "DLQ_SESSION_DIR";

/// The variable that marks every process that one run of `dlq-doctor` has started.
pub const RUN_MARKER: &str = "DLQ_DOCTOR_RUN";

/// The variable that marks every process of one run of a command.
const COMMAND_MARKER: &str = "DLQ_COMMAND_RUN";

/// The largest file that an agent may write: 1 GiB.
const FILE_MAX: u64 = 1 << 30;

/// The time that SIGKILL may take; a process in an uninterruptible wait takes longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Leaves the terminal and the process group of the caller.
pub fn detach() {
    // Fails only for the leader of a process group, which has left already.
    let _ = rustix::process::setsid();
    // Orphaned descendants become our children, where the tree search finds them.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Returns the id of our process session.
pub fn own_session() -> Option<i32> {
    let session = rustix::process::getsid(None).ok()?;
    Some(session.as_raw_nonzero().into())
}

/// Binds this process to its parent: it gets SIGTERM when the process `parent` dies. Limits the size
/// of the files that it may write.
pub fn follow_parent(parent: i32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    // The parent may have died before the signal was requested.
    if rustix::process::getppid().map(Pid::as_raw_nonzero).map(Into::into) != Some(parent) {
        return Err(io::Error::other("the supervisor has ended"));
    }
    // A file that grows without end would fill the disk of journal and state. A lower limit of the
    // user stays.
    let now = rustix::process::getrlimit(Resource::Fsize).maximum.unwrap_or(u64::MAX);
    let limit = Some(now.min(FILE_MAX));
    let limit = rustix::process::Rlimit { current: limit, maximum: limit };
    Ok(rustix::process::setrlimit(Resource::Fsize, limit)?)
}

/// Keeps the memory of this process, which may hold secrets, out of core dumps, and that of its children
/// unless they raise the limit again. With a limit of 1 Linux neither writes a dump nor gives one to the
/// program that collects them; with 0 that program still gets it.
pub fn limit_core_dumps() {
    let maximum = rustix::process::getrlimit(Resource::Core).maximum;
    let limit =
        rustix::process::Rlimit { current: Some(maximum.map_or(1, |most| most.min(1))), maximum };
    // It is no reason not to run.
    let _ = rustix::process::setrlimit(Resource::Core, limit);
}

/// Replaces this program by `argv`. Returns only on failure. `pipe` is a variable and a FIFO: the
/// FIFO is opened for reading, and the variable holds the number of its descriptor.
pub fn become_program(argv: &[String], pipe: Option<(&str, &Path)>) -> io::Error {
    let Some((program, args)) = argv.split_first() else {
        return io::Error::other("no program is given");
    };
    let mut command = Command::new(program);
    if let Some((variable, path)) = pipe {
        // Non-blocking, so that open does not wait for a writer; without CLOEXEC, so that exec
        // keeps the descriptor.
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

/// Returns the variable, and its value, that mark the processes of the next run of a command.
pub fn command_mark() -> (&'static str, String) {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    (COMMAND_MARKER, format!("{}.{run}", std::process::id()))
}

/// The signs by which processes belong together.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The variable and the value that mark them.
    pub mark: (&'static str, String),
    /// The file that is their standard error.
    pub log: Option<PathBuf>,
    /// The first process, while its id is known to be valid.
    pub root: Option<i32>,
    /// The process session (without /proc: the process group) that only the tree uses.
    pub group: Option<i32>,
    /// A process whose descendants belong to the tree.
    pub ancestor: Option<i32>,
    /// Descendants of that process that do not belong to the tree.
    pub excluded: Vec<i32>,
    /// Whether the first process is bubblewrap. A signal would end it, and the sandbox with it: its
    /// child, process 1 of the sandbox, passes signals on.
    pub sandboxed: bool,
}

struct ProcessRow {
    pid: i32,
    parent: i32,
    group: i32,
    marked: bool,
}

impl Tree {
    /// Returns the tree of an investigation, by its session's folder.
    pub fn of_session(folder: &Path) -> Self {
        let mark = (MARKER, folder.display().to_string());
        Tree { mark, log: Some(folder.join("stderr.log")), ..Tree::default() }
    }

    /// Returns the tree of a command that was started with a mark of [`command_mark`], in a process
    /// group of its own.
    pub fn of_command(mark: (&'static str, String), child: u32) -> Self {
        let child = i32::try_from(child).ok();
        Tree { mark, root: child, group: child, ancestor: child, ..Tree::default() }
    }

    /// Returns the ids of the live processes.
    pub fn alive(&self) -> Vec<i32> {
        let rows = table(self);
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let mut found: HashSet<i32> = HashSet::new();
        // A child may come before its parent: repeat until nothing is added.
        loop {
            let before = found.len();
            for row in &rows {
                // The id may have been reused. Where the marker can be read, it is not needed.
                let by_number = !cfg!(target_os = "linux") && Some(row.pid) == self.root;
                let belongs = row.marked
                    || by_number
                    || Some(row.group) == self.group
                    || Some(row.parent) == self.ancestor
                    || found.contains(&row.parent);
                if belongs && row.pid != own && !self.excluded.contains(&row.pid) {
                    found.insert(row.pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        found.into_iter().collect()
    }

    /// Ends the whole tree: SIGINT to the agent, so that it can report its cost; after `grace`
    /// SIGTERM to all; after another half of `grace` SIGKILL to all. Returns whether all have
    /// ended.
    pub fn stop(&self, grace: Duration) -> bool {
        if let Some(root) = self.root
            && self.alive().contains(&root)
        {
            send(&self.agent(root), Signal::INT);
            if self.gone_within(grace, None) {
                return true;
            }
        }
        self.end(grace / 2)
    }

    /// Returns the processes that pass a signal on to the agent.
    fn agent(&self, root: i32) -> Vec<i32> {
        if !self.sandboxed {
            return vec![root];
        }
        let rows = table(self).into_iter().filter(|row| row.parent == root);
        rows.map(|row| row.pid).collect()
    }

    /// Ends the remaining processes with SIGTERM, then SIGKILL. Returns whether all have ended.
    pub fn end(&self, grace: Duration) -> bool {
        let alive = self.alive();
        if alive.is_empty() {
            return true;
        }
        send(&alive, Signal::TERM);
        self.gone_within(grace, None) || self.kill()
    }

    /// Kills the processes, and those that they start meanwhile. Returns whether all have ended.
    pub fn kill(&self) -> bool {
        self.gone_within(KILL_TIMEOUT, Some(Signal::KILL))
    }

    fn gone_within(&self, timeout: Duration, signal: Option<Signal>) -> bool {
        let deadline = clock::tick() + timeout;
        loop {
            let alive = self.alive();
            if alive.is_empty() {
                return true;
            }
            if let Some(signal) = signal {
                // A shell whose child is killed first would go on to its next command.
                send(&alive, Signal::STOP);
                send(&alive, signal);
            }
            if clock::tick() >= deadline {
                return false;
            }
            store::sleep(BlockingWait::ProcessEnd, Duration::from_millis(20));
        }
    }
}

/// Returns the ids in /proc.
#[cfg(target_os = "linux")]
fn pids() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Returns whether the environment of a process has the pair. That of a zombie is empty.
#[cfg(target_os = "linux")]
fn has_variable(pid: i32, pair: &str) -> bool {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environ.split(|byte| *byte == 0).any(|one| one == pair.as_bytes())
}

fn send(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // The process may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// Lists every process that is not a zombie.
#[cfg(target_os = "linux")]
fn table(tree: &Tree) -> Vec<ProcessRow> {
    let marker = format!("{}={}", tree.mark.0, tree.mark.1);
    let is_log = |file: PathBuf| tree.log.as_ref() == Some(&file);
    let rows = pids().into_iter().filter_map(|pid| {
        // "PID (NAME) STATE PPID PGRP SESSION …": the name may hold anything, also a parenthesis.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.nth(1)?.parse().ok()?;
        let marked = has_variable(pid, &marker)
            || std::fs::read_link(format!("/proc/{pid}/fd/2")).is_ok_and(is_log);
        (!matches!(state, "Z" | "X")).then_some(ProcessRow { pid, parent, group, marked })
    });
    rows.collect()
}

/// Lists every process that is not a zombie. Environments cannot be read here: descent and the
/// process group must do.
#[cfg(not(target_os = "linux"))]
fn table(_tree: &Tree) -> Vec<ProcessRow> {
    let mut ps = Command::new("ps");
    let Ok(output) = store::output_of(ps.args(["-axo", "pid=,ppid=,pgid=,stat="])) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let pid = fields.next()?.parse().ok()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let zombie = fields.next()?.starts_with('Z');
        (!zombie).then_some(ProcessRow { pid, parent, group, marked: false })
    });
    rows.collect()
}
