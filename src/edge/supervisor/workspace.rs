//! Folder in which an agent works: a worktree of the mapped code, or an empty folder, with a copy
//! of the evidence in `.dlq/`: for Claude Code in files that its tools take, else each text whole, with
//! all messages in one file too.
//!
//! Promises: changes to the copy have no effect on the verdict, which is checked against the
//! bundle.

use std::path::{Path, PathBuf};

use super::agent_copy::Background;
use super::context::SessionContext;
use super::evidence::EvidenceSummary;
use super::evidence_seal::EvidenceSeal;
use super::files;
use crate::edge::git::{self, EVIDENCE, Worktree};
use crate::edge::sandbox::cgroup;
use crate::error::Error;
use crate::log;
use crate::rules::evidence::agent_copy::CopyForm;
use crate::rules::evidence::bundle::files::MESSAGES;
use crate::store;

/// Rules for git, and for searches, which the rules of git or of the repository would make blind to the
/// evidence.
const IGNORES: [(&str, &[u8]); 3] =
    [(".gitignore", b"*\n"), (".ignore", b"!*\n"), (".rgignore", b"!*\n")];

pub(super) struct Workspace {
    /// Current folder of the agent.
    pub(super) folder: PathBuf,
    /// The worktree, when code is mapped.
    pub(super) worktree: Option<Worktree>,
    pub(super) has_evidence: bool,
    /// Folder of the evidence outside of the agent's folder, for an agent in a sandbox.
    pub(super) evidence: Option<PathBuf>,
    pub(super) background: Background,
    pub(super) seals: EvidenceSeals,
}

/// Seals of the bundle, by which a verdict is checked, and of the agent's copy.
#[derive(Default)]
pub(super) struct EvidenceSeals {
    original: Option<EvidenceSeal>,
    copy: Option<EvidenceSeal>,
}

impl Workspace {
    /// Returns why no verdict can be checked: the bundle is not as it was when the agent started.
    pub(super) fn broken_evidence(&self) -> Option<String> {
        let broken = self.seals.original.as_ref().is_some_and(|original| !original.is_whole());
        broken.then(|| {
            "the evidence was changed while the agent ran; its result is not trusted".to_owned()
        })
    }

    /// Returns a note when the agent has changed its copy of the evidence.
    pub(super) fn changed_copy(&self) -> Option<String> {
        let changed = self.seals.copy.as_ref().is_some_and(|copy| !copy.is_whole());
        changed.then(|| {
            "its copy of the evidence was changed, and is not what it was checked against"
                .to_owned()
        })
    }

    /// Seals bundle and copy.
    fn seal(&mut self, bundle: Option<&Path>) -> Result<(), Error> {
        self.seals.original = bundle.map(EvidenceSeal::take).transpose()?;
        let inside = self.folder.join(EVIDENCE);
        let copy = self.evidence.as_ref().unwrap_or(&inside);
        self.seals.copy = copy.is_dir().then(|| EvidenceSeal::take(copy)).transpose()?;
        Ok(())
    }
}

/// Creates the workspace, or reopens that of the resumed session, and copies the evidence there, or,
/// for a sandbox, beside it: a mount must not come from a folder that an agent could write.
pub(super) fn open_workspace(
    context: &SessionContext,
    evidence: &EvidenceSummary,
    sandboxed: bool,
) -> Result<Workspace, Error> {
    let home = context.conversation_folder();
    let (folder, worktree) = match &context.plan.code {
        None => (home.join(files::WORK), None),
        Some(code) => {
            let at = home.join(files::TREE);
            let queue = &context.plan.incident.queue.name;
            let cause = evidence.cause().map(|cause| cause.fingerprint.as_str());
            let branch = git::branch(queue, cause, context.session);
            let worktree = match Worktree::reopen(&code.repo, &at)? {
                Some(worktree) => worktree,
                None => Worktree::open(&code.repo, code.base.as_deref(), &branch, &at)?,
            };
            (worktree.folder.clone(), Some(worktree))
        }
    };
    store::make_dir(&folder)?;
    let beside = sandboxed.then(|| home.join(files::EVIDENCE));
    let has_evidence = evidence.bundle.is_some();
    let bundle = evidence.bundle.as_deref();
    let background = Background::default();
    let (evidence, seals) = (beside, EvidenceSeals::default());
    let mut workspace = Workspace { folder, worktree, has_evidence, evidence, background, seals };
    let copied = context.plan.redactor().and_then(|redactor| {
        workspace.background = Background::load(bundle, workspace.worktree.as_ref(), redactor)?;
        let is_claude = context.plan.agent.as_ref().is_some_and(|agent| agent.claude);
        copy_evidence(&workspace, bundle, is_claude)?;
        workspace.seal(bundle)
    });
    match copied {
        Ok(()) => Ok(workspace),
        Err(error) => {
            clean_up(context, workspace);
            Err(error)
        }
    }
}

/// Copies the evidence into a new folder: an agent may have replaced the earlier one by a link.
fn copy_evidence(
    workspace: &Workspace,
    bundle: Option<&Path>,
    is_claude: bool,
) -> Result<(), Error> {
    let inside = workspace.folder.join(EVIDENCE);
    let evidence = workspace.evidence.as_ref().unwrap_or(&inside);
    for folder in [&inside, evidence] {
        store::remove(folder).map_err(|error| Error::file("remove", folder, &error))?;
    }
    if workspace.evidence.is_some() {
        // The place of the mount.
        store::make_dir(&inside)?;
    } else if workspace.worktree.is_none() && bundle.is_none() {
        return Ok(());
    }
    store::make_dir(evidence)?;
    let worktree = workspace.worktree.as_ref();
    // Without a worktree, too: a folder above, such as the user's home, can have rules.
    IGNORES.iter().try_for_each(|(name, rule)| store::replace(&evidence.join(name), rule))?;
    let form = if is_claude { CopyForm::Divided } else { CopyForm::Whole };
    workspace.background.each_file(bundle, worktree, form, &mut |file| {
        let path = evidence.join(&file.name);
        path.parent().map_or(Ok(()), store::make_dir)?;
        store::replace(&path, file.text.as_bytes())
    })?;
    if let (CopyForm::Whole, Some(bundle)) = (form, bundle) {
        let (from, to) = (bundle.join(MESSAGES), evidence.join(MESSAGES));
        std::fs::copy(&from, &to).map_err(|error| Error::file("copy", &from, &error))?;
    }
    Ok(())
}

/// Removes what is no longer needed. A worktree with changes stays when a fix was requested, for
/// the user to review; in any other session changes, such as files of a test run, are discarded.
pub(super) fn clean_up(context: &SessionContext, workspace: Workspace) {
    let _ = std::fs::remove_file(context.path(files::KEY));
    cgroup::remove(&context.folder);
    workspace.evidence.iter().for_each(|copy| drop(store::remove(copy)));
    let Some(worktree) = workspace.worktree else { return };
    let fix = context.plan.code.as_ref().is_some_and(|code| code.fix);
    log::warn_on_error(if fix { worktree.close().map(drop) } else { worktree.discard() });
}
