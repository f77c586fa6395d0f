//! A full verdict: read, held against the evidence and the code that it cites, and reported.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::evidence::load;
use super::{Supervisor, files};
use crate::edge::git::Workspace;
use crate::rules::agent::transcript::Transcript;
use crate::rules::evidence::bundle;
use crate::rules::evidence::bundle::{Logs, Timeline};
use crate::rules::verdict;
use crate::rules::verdict::report::{Cost, Report};
use crate::rules::verdict::{CheckedVerdict, Citation, PatchFacts};
use crate::store;
use crate::text::shorten;

/// So much of a line of code is shown.
const LINE: usize = 200;

/// A verdict that was checked, and what the report needs beside it.
pub(super) struct Finding {
    pub(super) checked: CheckedVerdict,
    excerpts: BTreeMap<String, String>,
    timeline: Timeline,
    denied: Vec<(String, u64)>,
    /// What has become of the code, when a fix was wanted.
    patch: Option<PatchFacts>,
    /// The branch of its worktree.
    branch: Option<String>,
}

impl Finding {
    /// The same, with what the tool has seen of the fix.
    pub(super) fn with(self, patch: Option<PatchFacts>) -> Self {
        let checked = match &patch {
            None => self.checked,
            Some(patch) => verdict::apply_patch_facts(self.checked, patch),
        };
        Finding { checked, patch, ..self }
    }

    /// The same, with a sentence more.
    pub(super) fn noting(mut self, why: String) -> Self {
        self.checked.notes.push(why);
        self
    }
}

impl Supervisor<'_> {
    /// Checks what the agent has found; an error says why it is no verdict.
    pub(super) fn check(
        &self,
        said: &Value,
        folder: Option<&Path>,
        tree: Option<&Workspace>,
        transcript: &Transcript,
    ) -> Result<Finding, String> {
        let found = verdict::parse(said)?;
        let mut excerpts = BTreeMap::new();
        let (mut resolved, mut timeline) = (Default::default(), Timeline::default());
        if let Some(folder) = folder {
            let all = load(folder).map_err(|error| error.to_string())?;
            let logs: Logs = store::read_json(&folder.join(bundle::files::LOGS))
                .map_err(|error| error.to_string())?;
            let ids = all.shown.iter().map(|message| message.id.as_str());
            resolved = verdict::citable_ids(&all.queue, &all.prints, &all.timeline, &logs, ids);
            let messages = all.shown.iter().map(|one| {
                let text = one.body.as_str().unwrap_or(one.form.as_str());
                (one.id.clone(), text.to_owned())
            });
            let groups = all.prints.fingerprints.iter().map(|g| (g.item.clone(), g.title.clone()));
            let moments =
                all.timeline.timeline.iter().map(|one| (one.id.clone(), one.what.clone()));
            excerpts.extend(messages.chain(groups).chain(moments));
            timeline = all.timeline;
        }
        for citation in verdict::citations(&found) {
            let text = tree.and_then(|tree| looked_up(tree, &citation));
            if let Some(text) = text {
                resolved.insert(citation.to_string());
                excerpts.insert(citation.to_string(), text);
            }
        }
        let mut denied = BTreeMap::new();
        for denial in transcript.denials() {
            *denied.entry(denial.tool).or_insert(0) += 1;
        }
        let checked = verdict::check(found, &resolved);
        let branch = tree.map(|tree| tree.branch().to_owned());
        Ok(Finding {
            checked,
            excerpts,
            timeline,
            denied: denied.into_iter().collect(),
            patch: None,
            branch,
        })
    }

    /// The text of its report.
    pub(super) fn report_of(
        &self,
        finding: &Finding,
        usd: Option<f64>,
        turns: Option<u64>,
        took: Duration,
    ) -> String {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut files = vec![
            ("what it found, in full", path(files::RESULT)),
            ("the transcript", path(files::TRANSCRIPT)),
        ];
        if let Some(patch) = finding.patch.as_ref().filter(|patch| !patch.files_changed.is_empty())
        {
            files.push(("the patch", path(files::PATCH)));
            files.extend(patch.tests.as_ref().map(|_| ("the tests", path(files::TESTS))));
            files.extend(finding.branch.clone().map(|name| ("the branch", name)));
        }
        Report {
            session: self.session,
            incident: &self.plan.incident.id,
            queue: &self.plan.incident.queue,
            checked: &finding.checked,
            excerpts: &finding.excerpts,
            patch: finding.patch.as_ref(),
            timeline: &finding.timeline,
            cost: Cost { usd, turns, took: Some(took) },
            denied: &finding.denied,
            files: &files,
        }
        .render()
    }
}

/// What stands at a place of the code, or nothing when there is none such. What cannot be asked is
/// not there: a citation has to be shown to be true.
fn looked_up(tree: &Workspace, citation: &Citation) -> Option<String> {
    match citation {
        Citation::Item(_) => None,
        Citation::Commit(hash) => Some(shorten(&tree.commit(hash).ok()??, LINE).into_owned()),
        // A file as such shows nothing.
        Citation::File { line: None, .. } => None,
        Citation::File { path, line, to } => {
            if to.is_some() {
                tree.cited(path, *to).ok()??;
            }
            let text = tree.cited(path, *line).ok()??;
            Some(shorten(text.trim(), LINE).into_owned())
        }
    }
}
