//! Preparation of the code for its tests: one command, with network, before the agent.
//!
//! Promises: the command runs before an agent has changed a file, and without evidence or secrets.
//! What it makes is moved to where no agent can write, and is read-only from then on: in the
//! worktree of the agent and in that of the fix alike.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::super::context::SessionContext;
use super::super::files;
use super::super::finish::NoResult;
use super::super::wait::{WaitResult, wait};
use super::super::workspace::Workspace;
use super::SessionSandbox;
use crate::edge::git::EVIDENCE;
use crate::error::Error;
use crate::regular_file;
use crate::rules::sandbox::arguments::Mount;
use crate::store;
use crate::text::{safe, shorten};

/// Home folder of the preparation and, read-only, of the tests after it.
pub(super) const HOME: &str = "/home/dlq";
/// Characters of the output that a message quotes.
const QUOTED: usize = 200;
/// Bytes at the end of the output in which its last line is.
const SAID_MAX: u64 = 64 << 10;

/// Folders that a preparation has made, as paths in the worktree.
#[derive(Debug, Clone, Default)]
pub(super) struct Prepared {
    /// Home folder outside of the sandbox; `None` without a preparation.
    home: Option<PathBuf>,
    folders: Vec<(PathBuf, String)>,
}

impl Prepared {
    /// Returns the mounts of all sandboxes that hold the worktree `tree`.
    pub(super) fn mounts(&self, tree: &str) -> Vec<Mount> {
        let folders = self.folders.iter().map(|(from, name)| Mount::ReadOnly {
            from: from.display().to_string(),
            to: format!("{tree}/{name}"),
        });
        folders.collect()
    }

    /// Returns the mount of the home folder of tests.
    pub(super) fn home(&self) -> Option<Mount> {
        let from = self.home.as_ref()?.display().to_string();
        Some(Mount::ReadOnly { from, to: HOME.to_owned() })
    }
}

/// Prepares the code, or finds what an earlier session of the conversation has prepared.
pub(super) fn prepare(
    context: &SessionContext,
    workspace: &Workspace,
    sandbox: &SessionSandbox,
) -> Result<Prepared, Error> {
    let code = context.plan.code.as_ref();
    let (Some(argv), Some(worktree)) =
        (code.and_then(|code| code.prepare.as_ref()), workspace.worktree.as_ref())
    else {
        return Ok(Prepared::default());
    };
    let top = context.conversation_folder();
    let (home, made) = (top.join(files::TEST_HOME), top.join(files::PREPARED));
    let list = top.join(files::PREPARED_LIST);
    if !list.exists() {
        store::make_dir(&home)?;
        run(context, workspace, sandbox, &home, argv)?;
        let mut names = Vec::new();
        for name in worktree.untracked_folders()? {
            if name != EVIDENCE {
                move_folder(&workspace.folder.join(&name), &made.join(&name))?;
                names.push(name);
            }
        }
        let text = serde_json::to_vec(&names)
            .map_err(|error| Error::failed("encode", files::PREPARED_LIST, error))?;
        store::replace(&list, &text)?;
    }
    let names: Vec<String> = store::read_json(&list)?;
    let folders = names.into_iter().map(|name| (made.join(&name), name)).collect();
    Ok(Prepared { home: Some(home), folders })
}

fn move_folder(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::file("move", from, &error);
    to.parent().map_or(Ok(()), store::make_dir)?;
    store::remove(to).map_err(failed)?;
    std::fs::rename(from, to).map_err(failed)
}

fn run(
    context: &SessionContext,
    workspace: &Workspace,
    sandbox: &SessionSandbox,
    home: &Path,
    argv: &[String],
) -> Result<(), Error> {
    let path = context.path(files::PREPARE_LOG);
    let failed = |error: std::io::Error| Error::file("write", &path, &error);
    store::remove(&path).map_err(failed)?;
    let log = store::create_private(&path).map_err(failed)?;
    let stderr = log.try_clone().map_err(failed)?;
    let name = shorten(&argv.join(" "), QUOTED).into_owned();
    let child = sandbox
        .preparation(context, workspace, home, argv)?
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(stderr)
        .spawn()
        .map_err(|error| Error::failed("start", &name, error))?;
    let stop = context.path(files::STOP);
    let number = child.id();
    let mut stopped = || stop.exists().then_some(WaitResult::Cut(NoResult::Stopped));
    match wait(child, context.time_remaining(), &mut stopped) {
        WaitResult::Exited(status) if status.success() => Ok(()),
        WaitResult::Exited(_) => {
            let said = regular_file::read_end(&path, SAID_MAX).unwrap_or_default();
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output");
            let cause = format!("{}; see '{}'", safe(&shorten(last, QUOTED)), path.display());
            Err(Error::failed("prepare the code with", safe(&name), cause))
        }
        _ => {
            super::end(number);
            Err(Error::failed("prepare the code with", safe(&name), "it did not end in time"))
        }
    }
}
