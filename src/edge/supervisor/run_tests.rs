//! Verification of a fix: the changes as git shows them, and the proof by tests.

use std::path::PathBuf;

use super::check_verdict::CheckedVerdict;
use super::context::SessionContext;
use super::finish::SavedChanges;
use super::prove_patch::{Patch, TestRunner};
use super::workspace::Workspace;
use super::{Code, files};
use crate::edge::git::{Changes, Worktree};
use crate::error::Error;
use crate::rules::agent::transcript::Transcript;
use crate::rules::verdict::{PatchFacts, WrittenFiles, apply_patch_facts};
use crate::rules::verdict::{patch_gate, without_patch_facts};
use crate::store;

/// Verification of the fix that a session requests.
pub(super) struct FixCheck<'a> {
    pub(super) context: &'a SessionContext<'a>,
    pub(super) workspace: &'a Workspace,
    pub(super) tests: TestRunner<'a>,
}

impl FixCheck<'_> {
    /// Adds the facts of a fix to a verdict, and lowers it when they contradict it.
    pub(super) fn verify(&self, mut verdict: CheckedVerdict) -> CheckedVerdict {
        let facts = self.patch_facts(&verdict);
        let is_unknown = facts.is_err();
        match facts {
            Ok(None) => {}
            Ok(Some(patch)) => {
                verdict.checked = apply_patch_facts(verdict.checked, &patch);
                verdict.patch = Some(patch);
            }
            // The verdict is still worth reporting.
            Err(error) => {
                verdict.checked = without_patch_facts(verdict.checked, &error.to_string());
            }
        }
        verdict.suspect(is_unknown)
    }

    /// Tells the worktree which files Claude Code has written, as far as that is known: it has no
    /// shell but the tests, and other changes are what their runs, or `prepare`, have left.
    pub(super) fn note_written(&self, transcript: Option<&Transcript>) {
        let plan = &self.context.plan;
        let is_held = plan.agent.as_ref().is_some_and(|agent| agent.claude)
            && !plan.claude.dangerously_skip_permissions
            && plan.claude.mcp_config.is_none()
            // The transcript of the earlier sessions is not at hand.
            && plan.resumes.is_none();
        let written = transcript.filter(|_| is_held).and_then(Transcript::written);
        if let (Some(paths), Some(worktree)) = (written, &self.workspace.worktree) {
            let folder = worktree.folder.display().to_string();
            let paths: Vec<String> = paths.map(str::to_owned).collect();
            // A tool may have been given a path over a link within the repository.
            let target = |path: &String| worktree.folder.join(path).canonicalize().ok();
            let targets: Vec<String> =
                paths.iter().filter_map(target).map(|path| path.display().to_string()).collect();
            let all = paths.iter().chain(&targets).map(String::as_str);
            worktree.set_written(WrittenFiles::of_tools(all, &folder));
        }
    }

    /// Saves the changes of a fix as `patch.diff`, or, when they are not offered, as `held.diff`;
    /// `None` without changes.
    pub(super) fn save_changes(&self) -> Option<SavedChanges> {
        let (_, worktree) = self.fixed()?;
        let unsaved =
            |sentence: String| Some(SavedChanges { held: Some(sentence.clone()), sentence });
        let changes = match worktree.changes() {
            Ok(changes) if changes.is_empty() => return None,
            Ok(changes) => changes,
            Err(error) => return unsaved(format!("its changes are unknown: {error}")),
        };
        let path = self.patch_path(&changes);
        if let Err(error) = store::replace(&path, &changes.patch) {
            return unsaved(format!("its changes cannot be saved: {error}"));
        }
        let branch = &worktree.branch;
        let mut sentence =
            format!("its changes are in '{}' and on branch '{branch}'", path.display());
        let held = patch_gate::reason(&changes.gated, changes.truncated);
        held.iter().for_each(|held| sentence.push_str(&format!("; {held}")));
        Some(SavedChanges { sentence, held })
    }

    /// Path of a patch, which says whether it is offered.
    fn patch_path(&self, changes: &Changes) -> PathBuf {
        let held = patch_gate::reason(&changes.gated, changes.truncated);
        self.context.path(if held.is_some() { files::HELD } else { files::PATCH })
    }

    /// The code that a fix changes; `None` when no fix was requested.
    fn fixed(&self) -> Option<(&Code, &Worktree)> {
        let code = self.context.plan.code.as_ref().filter(|code| code.fix)?;
        Some((code, self.workspace.worktree.as_ref()?))
    }

    /// Facts of a fix; `None` when none was requested.
    fn patch_facts(&self, verdict: &CheckedVerdict) -> Result<Option<PatchFacts>, Error> {
        let Some((code, worktree)) = self.fixed() else { return Ok(None) };
        let changes = worktree.changes()?;
        let path = self.patch_path(&changes);
        if !changes.patch.is_empty() {
            store::replace(&path, &changes.patch)?;
        }
        let testable = !changes.truncated && !changes.patch.is_empty();
        let named = verdict.checked.verdict.fix.as_ref().map_or(&[][..], |fix| &fix.tests);
        let proof = match testable {
            true => self.tests.prove(code, &Patch { worktree, path: &path, named })?,
            false => None,
        };
        let Changes { files: files_changed, truncated, gated, left_out, .. } = changes;
        Ok(Some(PatchFacts { files_changed, truncated, gated, left_out, proof }))
    }
}
