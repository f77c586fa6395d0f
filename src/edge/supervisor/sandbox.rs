//! Sandboxes of a session: decided before it begins, built around the agent and around its tests.
//!
//! Promises: of the session's folder the agent can write its worktree, home, temporary and
//! configuration folder, and read the evidence; nothing else of it is there. The tests see the
//! worktree alone. What is bound lies in no folder that an agent could write, so no link of an agent
//! is followed.

mod available;
mod prepare;

use std::path::{Path, PathBuf};
use std::process::Command;

use self::available::source;
pub(super) use self::available::{decide, decide_without};
use self::prepare::{HOME, prepare};
use super::context::SessionContext;
use super::workspace::Workspace;
use super::{files, program, shim};
use crate::edge::git::EVIDENCE;
use crate::edge::sandbox::{
    Bubblewrap, INSIDE, SELF, cgroup, init, relay, socket, test_server, write_plan,
};
use crate::error::Error;
use crate::log;
use crate::rules::sandbox::arguments::{Mount, SandboxPlan, bind_target, pinned_folders};
use crate::rules::sandbox::limits::{AGENT, TESTS};
use crate::rules::sandbox::program::BoundProgram;
use crate::rules::sandbox::upstream::PORT;
use crate::store;

/// Git's folder in a sandbox.
const GIT: &str = "/run/dlq/git";
/// Line by which the agent runs the tests.
pub(super) const TEST_LINE: &str = "/run/dlq/self test-client";
/// Name of the agent's sandbox.
pub(super) const OF_AGENT: &str = "agent";
/// Name of the sandbox of the tests that the agent runs.
const OF_TESTS: &str = "tests";
/// File of the user's own login, in the configuration folder of Claude Code.
const LOGIN: &str = ".credentials.json";
/// Home folder of tests.
const TEST_HOME: &str = "/tmp/home";
/// Variables of tests. Caches are written to memory, because the home folder may be read-only.
const TEST_VARIABLES: [(&str, &str); 4] = [
    ("TMPDIR", "/tmp"),
    ("XDG_CACHE_HOME", "/tmp/cache"),
    ("npm_config_cache", "/tmp/npm"),
    ("npm_config_update_notifier", "false"),
];

/// Sandbox that works, and all that it needs of this machine.
#[derive(Debug, Clone)]
pub(super) struct SessionSandbox {
    bubblewrap: Bubblewrap,
    route: relay::ModelRoute,
    program: BoundProgram,
    /// The user's own login, when the model has no credential.
    login: Option<PathBuf>,
    /// Mounts of both sandboxes.
    paths: Vec<Mount>,
}

impl SessionSandbox {
    /// Path of the agent's program in the sandbox.
    pub(super) fn program(&self) -> String {
        self.program.inside.clone()
    }

    /// Variables by which the agent reaches its model.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        self.route.upstream.variables()
    }

    /// Whether the agent uses the user's own login.
    pub(super) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Opens the sockets of the agent's sandbox and writes its plan. Returns the words for the shim,
    /// and those before the agent's own. `readable` are files that the agent reads.
    pub(super) fn enter(
        &self,
        context: &SessionContext,
        workspace: &Workspace,
        readable: &[PathBuf],
    ) -> Result<(Vec<String>, Vec<String>), Error> {
        let run = context.path(files::SOCKETS);
        socket::hold(socket::listen(&run, socket::LIFE)?);
        let prepared = prepare(context, workspace, self)?;
        self.serve_tests(context, workspace)?;
        relay::serve(socket::listen(&run, socket::API)?, self.route.clone());
        let mut mounts = self.paths.clone();
        mounts.extend(workspace_mounts(context, workspace, &workspace.folder)?);
        // As in the tests' sandboxes, so that no link can be put in the way of their mounts.
        mounts.extend(bound(context, workspace)?);
        if let Some(evidence) = &workspace.evidence {
            let to = utf8(&workspace.folder.join(EVIDENCE))?;
            mounts.push(Mount::ReadOnly { from: utf8(evidence)?, to });
        }
        let home = context.conversation_folder();
        for name in [files::HOME, files::TEMPORARY, files::CONFIGURATION] {
            mounts.push(Mount::writable(utf8(&home.join(name))?));
        }
        if let Some(login) = &self.login {
            let to = home.join(files::CONFIGURATION).join(LOGIN);
            let failed = |error| Error::file("make", &to, &error);
            store::remove(&to).map_err(failed)?;
            store::create_private(&to).map_err(failed)?;
            mounts.push(Mount::ReadOnly { from: utf8(login)?, to: utf8(&to)? });
        }
        mounts.extend(prepared.mounts(&utf8(&workspace.folder)?));
        for path in readable {
            mounts.push(Mount::read_only(utf8(path)?));
        }
        let tests = context.plan.code.as_ref().is_some_and(|code| code.test_command.is_some());
        let sockets = [socket::LIFE, socket::API].into_iter();
        for name in sockets.chain(tests.then_some(socket::TESTS)) {
            mounts.push(inner(&run.join(name), name)?);
        }
        let folder = utf8(&workspace.folder)?;
        let mounts = pinned(mounts, &workspace.folder, &folder)?;
        let plan = self.bubblewrap.plan(false, AGENT.tmp, mounts, &folder);
        let words = self.shim_words(context, OF_AGENT, &plan, shim::OF_AGENT)?;
        Ok((words, init_words(PORT, shim::OF_AGENT)))
    }

    /// Prepares for sandboxes of tests without an agent: they end with this process.
    pub(super) fn enter_for_tests(
        &self,
        context: &SessionContext,
        workspace: &Workspace,
    ) -> Result<(), Error> {
        socket::hold(socket::listen(&context.path(files::SOCKETS), socket::LIFE)?);
        if let Some(worktree) = &workspace.worktree {
            // Most tests do without git.
            log::warn_on_error(worktree.clone_history(&context.path(files::GIT)));
        }
        Ok(())
    }

    /// Writes a plan and returns the words by which the shim builds it.
    fn shim_words(
        &self,
        context: &SessionContext,
        name: &str,
        plan: &SandboxPlan,
        kind: &str,
    ) -> Result<Vec<String>, Error> {
        let path = plan_file(context, name);
        write_plan(&path, plan)?;
        let (program, path) = (utf8(&self.bubblewrap.program)?, utf8(&path)?);
        let mut words = vec!["--sandbox".into(), program, path, kind.into()];
        for group in cgroup::create(&context.folder, name, shim::kind(kind)?.1) {
            words.extend(["--group".to_owned(), utf8(&group)?]);
        }
        Ok(words)
    }

    /// Prepares runs of tests of the files in `tree`, which is mounted at the place of the worktree.
    /// `name` distinguishes sandboxes that run at once.
    pub(super) fn tests(
        &self,
        context: &SessionContext,
        workspace: &Workspace,
        name: &str,
        tree: &Path,
        argv: &[String],
    ) -> Result<TestRuns, Error> {
        let prepared = prepare(context, workspace, self)?;
        let mut mounts = self.test_mounts(context, workspace, tree)?;
        mounts.extend(prepared.mounts(&utf8(&workspace.folder)?));
        let home = prepared.home();
        let at = if home.is_some() { HOME } else { TEST_HOME };
        mounts.push(home.unwrap_or_else(|| Mount::Folder(TEST_HOME.to_owned())));
        let network = context.plan.code.as_ref().is_some_and(|code| code.test_network);
        self.runs(context, workspace, &TestPlace { name, tree, home: at, network }, mounts, argv)
    }

    /// Returns the command that prepares the code.
    pub(super) fn preparation(
        &self,
        context: &SessionContext,
        workspace: &Workspace,
        home: &Path,
        argv: &[String],
    ) -> Result<Command, Error> {
        let mut mounts = self.test_mounts(context, workspace, &workspace.folder)?;
        mounts.push(Mount::Writable { from: utf8(home)?, to: HOME.to_owned() });
        let tree = &workspace.folder;
        let place = TestPlace { name: "prepare", tree, home: HOME, network: true };
        let runs = self.runs(context, workspace, &place, mounts, argv)?;
        Ok(runs.command())
    }

    /// Mounts that the preparation and all runs of the tests have.
    fn test_mounts(
        &self,
        context: &SessionContext,
        workspace: &Workspace,
        tree: &Path,
    ) -> Result<Vec<Mount>, Error> {
        let mut mounts = self.paths.clone();
        mounts.extend(workspace_mounts(context, workspace, tree)?);
        if tree == workspace.folder && workspace.evidence.is_some() {
            mounts.push(Mount::Empty(utf8(&tree.join(EVIDENCE))?));
        }
        mounts.extend(bound(context, workspace)?);
        Ok(mounts)
    }

    /// Writes the plan of a sandbox for tests.
    fn runs(
        &self,
        context: &SessionContext,
        workspace: &Workspace,
        place: &TestPlace<'_>,
        mut mounts: Vec<Mount>,
        argv: &[String],
    ) -> Result<TestRuns, Error> {
        let path = search_path(&mounts);
        mounts.push(inner(&context.path(files::SOCKETS).join(socket::LIFE), socket::LIFE)?);
        let folder = utf8(&workspace.folder)?;
        let mounts = pinned(mounts, place.tree, &folder)?;
        let plan = self.bubblewrap.plan(place.network, TESTS.tmp, mounts, &folder);
        let mut words = self.shim_words(context, place.name, &plan, shim::OF_TESTS)?;
        words.push("--".to_owned());
        words.extend(init_words(0, shim::OF_TESTS));
        words.extend_from_slice(argv);
        let mut variables = vec![("HOME", place.home.to_owned()), ("PATH", path)];
        variables.extend(TEST_VARIABLES.map(|(name, value)| (name, value.to_owned())));
        if !place.network {
            variables.push(("CARGO_NET_OFFLINE", "true".to_owned()));
        }
        let (session, folder) = (context.folder.clone(), place.tree.to_owned());
        Ok(TestRuns { session, folder, words, variables })
    }

    /// Serves the agent's requests to run the tests, before it starts.
    fn serve_tests(&self, context: &SessionContext, workspace: &Workspace) -> Result<(), Error> {
        let tests = context.plan.code.as_ref().and_then(|code| code.test_command.as_ref());
        let Some(argv) = tests else { return Ok(()) };
        if let Some(worktree) = &workspace.worktree {
            // Most tests do without git.
            log::warn_on_error(worktree.clone_history(&context.path(files::GIT)));
        }
        let runs = self.tests(context, workspace, OF_TESTS, &workspace.folder, argv)?;
        let listener = socket::listen(&context.path(files::SOCKETS), socket::TESTS)?;
        test_server::serve(listener, move || Ok(runs.command()));
        Ok(())
    }
}

/// Sandbox of tests.
struct TestPlace<'a> {
    /// Name that distinguishes it from others of the session.
    name: &'a str,
    /// Folder that is mounted at the place of the worktree.
    tree: &'a Path,
    /// Home folder in it.
    home: &'a str,
    network: bool,
}

/// Runs of the tests in a sandbox.
#[derive(Debug, Clone)]
pub(super) struct TestRuns {
    session: PathBuf,
    folder: PathBuf,
    /// Words for the shim.
    words: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl TestRuns {
    /// Returns the command of one run.
    pub(super) fn command(&self) -> Command {
        let mut command = program::shim(&self.session);
        command.args(&self.words).current_dir(&self.folder);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// File of the plan of a sandbox.
pub(super) fn plan_file(context: &SessionContext, name: &str) -> PathBuf {
    context.path(&format!("{name}.sandbox"))
}

/// Words that start process 1 of a sandbox.
fn init_words(port: u16, kind: &str) -> Vec<String> {
    [SELF, init::ENTER, &port.to_string(), kind, "--"].map(str::to_owned).to_vec()
}

/// Mounts a tree at the place of the worktree. Its link to the repository is covered: neither the
/// repository is there, nor can the link be replaced, which the user's git reads later.
fn workspace_mounts(
    context: &SessionContext,
    workspace: &Workspace,
    tree: &Path,
) -> Result<Vec<Mount>, Error> {
    let mut mounts = vec![Mount::Writable { from: utf8(tree)?, to: utf8(&workspace.folder)? }];
    if workspace.worktree.is_some() {
        let link = tree.join(".git");
        if !link.symlink_metadata().is_ok_and(|found| found.is_file()) {
            let cause = "it is no file of git any more";
            return Err(Error::failed("protect", link.display(), cause));
        }
        let cover = context.path(files::GIT_LINK);
        store::replace(&cover, format!("gitdir: {GIT}\n").as_bytes())?;
        let to = utf8(&workspace.folder.join(".git"))?;
        mounts.push(Mount::ReadOnly { from: utf8(&cover)?, to });
        let history = context.path(files::GIT);
        if history.exists() {
            mounts.push(Mount::ReadOnly { from: utf8(&history)?, to: GIT.to_owned() });
        }
    }
    Ok(mounts)
}

/// Mounts what `bind` names, read-only.
fn bound(context: &SessionContext, workspace: &Workspace) -> Result<Vec<Mount>, Error> {
    let Some(code) = &context.plan.code else { return Ok(Vec::new()) };
    let (repo, folder) = (utf8(&canonical(&code.repo))?, utf8(&workspace.folder)?);
    let mounts = code.bind.iter().map(|path| {
        let from = source(context, "bind", path)
            .map_err(|why| Error::failed("run", "the tests", why.to_string()))?;
        let given = utf8(path)?;
        let to = bind_target(&given, &utf8(&code.repo)?, &folder);
        let to = if to == given { bind_target(&from, &repo, &folder) } else { to };
        Ok(Mount::ReadOnly { from, to })
    });
    mounts.collect()
}

/// Adds mounts of the folders in which something of the tree is mounted, after that of the tree. A
/// link in the place of one would lead bubblewrap, which makes missing folders, out of the sandbox.
fn pinned(mut mounts: Vec<Mount>, tree: &Path, at: &str) -> Result<Vec<Mount>, Error> {
    let mut pins = Vec::new();
    for name in pinned_folders(at, &mounts) {
        let from = tree.join(&name);
        match from.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                let cause = "it is no folder, and something is mounted in it";
                return Err(Error::failed("bind", from.display(), cause));
            }
            Err(_) => store::make_dir(&from)?,
        }
        pins.push(Mount::Writable { from: utf8(&from)?, to: format!("{at}/{name}") });
    }
    let is_tree = |mount: &Mount| matches!(mount, Mount::Writable { to, .. } if to == at);
    let after = mounts.iter().position(is_tree).map_or(0, |found| found + 1);
    mounts.splice(after..after, pins);
    Ok(mounts)
}

/// Returns the search path of tests: the programs of what is mounted for them come first.
fn search_path(mounts: &[Mount]) -> String {
    let folders = mounts.iter().filter_map(|mount| match mount {
        Mount::ReadOnly { from, to } if Path::new(from).join("bin").is_dir() => {
            Some(format!("{to}/bin"))
        }
        _ => None,
    });
    folders.chain(std::env::var("PATH").ok()).collect::<Vec<_>>().join(":")
}

/// Ends a sandbox by its first process outside.
fn end(bubblewrap: u32) {
    let pid = i32::try_from(bubblewrap).ok().and_then(rustix::process::Pid::from_raw);
    // It may have ended by itself.
    let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
}

/// Mounts a file of ours in our folder of the sandbox.
fn inner(path: &Path, name: &str) -> Result<Mount, Error> {
    Ok(Mount::ReadOnly { from: utf8(path)?, to: format!("{INSIDE}/{name}") })
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn utf8(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::failed("bind", path.display(), "its name is not UTF-8, and a sandbox needs that")
    })
}
