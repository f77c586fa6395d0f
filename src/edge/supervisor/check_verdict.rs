//! Result of an agent's run: read, checked against the evidence and the code that it cites, and
//! rendered as a report.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use serde_json::Value;

use super::agent_program::Program;
use super::context::SessionContext;
use super::files;
use super::workspace::Workspace;
use crate::edge::evidence::read;
use crate::edge::git::Worktree;
use crate::error::Error;
use crate::money::Usd;
use crate::regular_file;
use crate::rules::agent::last_line;
use crate::rules::agent::last_line::{Exit, Failure, StatedResult};
use crate::rules::agent::transcript;
use crate::rules::agent::transcript::Transcript;
use crate::rules::evidence::agent_copy::{self, CopyForm};
use crate::rules::evidence::bundle::Log;
use crate::rules::pull_request::finding::{self, Finding};
use crate::rules::pull_request::published::EvidenceExcerpt;
use crate::rules::triage::BundleContents;
use crate::rules::verdict;
use crate::rules::verdict::report::Report;
use crate::rules::verdict::suspicion::{self, Cited, Signs};
use crate::rules::verdict::{Citation, Claim, ModelVerdict, PatchFacts};
use crate::rules::verdict::{Repetition, RepetitionSearch, VerdictCheck};
use crate::store;
use crate::text;
use crate::text::shorten;

/// Characters of a line of code that a report shows.
const LINE: usize = 200;
/// Characters of a cited item that a report can show.
const ITEM: usize = 1000;
/// Bytes at the end of the output in which the last line is looked for.
const LAST_LINE_MAX: u64 = 1 << 20;

/// A verdict of Claude Code that was checked, and the details of its report.
pub(super) struct CheckedVerdict {
    pub(super) checked: VerdictCheck,
    /// Changes to the code, when a fix was requested.
    pub(super) patch: Option<PatchFacts>,
    pub(super) turns: Option<u64>,
    /// Whether it cites something that is no text of a message.
    grounded: bool,
    /// Instruction of the evidence that it repeats.
    repetition: Option<Repetition>,
    excerpts: BTreeMap<String, String>,
    /// The evidence; empty without any.
    bundle: BundleContents,
    denied: Vec<(String, u64)>,
    branch: Option<String>,
    /// The commit from which the code was read.
    pub(super) base: Option<String>,
}

/// Result of an agent that succeeded.
pub(super) enum CheckOutcome {
    /// The result of Claude Code.
    Checked(Box<CheckedVerdict>),
    /// The result of another agent.
    Stated(StatedResult),
}

/// Returns the end of a process as rules see it.
pub(super) fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Status(code),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

/// Reads the result of an agent that exited, and checks that of Claude Code.
pub(super) fn read_outcome(
    context: &SessionContext,
    program: &Program,
    status: ExitStatus,
    transcript: Option<&Transcript>,
    bundle: Option<&Path>,
    workspace: &Workspace,
) -> Result<Result<CheckOutcome, Failure>, Error> {
    let exit = exit_of(status);
    let Some(transcript) = transcript else {
        let line = last_line(&context.path(files::TRANSCRIPT));
        return Ok(last_line::judge(exit, line.as_deref()).map(CheckOutcome::Stated));
    };
    let is_claude = program.claude;
    if let Err(failure) = transcript::outcome(exit, transcript, is_claude) {
        return Ok(Err(failure));
    }
    let result = match (transcript.structured(), transcript.text()) {
        (Some(result), _) => result.to_string(),
        (None, text) => text.and_then(|text| text.trim().lines().last()).unwrap_or("").into(),
    };
    let safe = text::safe_json(result.as_bytes()).into_owned();
    store::replace(&context.path(files::RESULT), &safe)?;
    if is_claude {
        let result = transcript.structured().unwrap_or(&Value::Null);
        let checked = check(result, bundle, workspace, transcript);
        let failure = |why: String| format!("its result is not a verdict: {}", text::safe(&why));
        let checked = checked.map(|verdict| CheckOutcome::Checked(Box::new(verdict)));
        return Ok(checked.map_err(|why| ("no_result", failure(why))));
    }
    let stated = last_line::stated(Some(result.as_bytes()));
    Ok(stated
        .map(|stated| CheckOutcome::Stated(StatedResult { turns: transcript.turns(), ..stated })))
}

/// Checks the citations of a result. An error says why it is no verdict.
fn check(
    result: &Value,
    bundle: Option<&Path>,
    workspace: &Workspace,
    transcript: &Transcript,
) -> Result<CheckedVerdict, String> {
    let worktree = workspace.worktree.as_ref();
    let folder = workspace.folder.display().to_string();
    let found = verdict::parse(&verdict::relative_to(result, &[&folder]))?;
    let silent_logs = bundle.map(silent_logs).transpose().map_err(|error| error.to_string())?;
    let (mut resolved, mut excerpts, contents) = match bundle {
        Some(bundle) => read_citable(bundle, &found.evidence).map_err(|error| error.to_string())?,
        None => Citable::default(),
    };
    let citations = verdict::citations(&found);
    let mut add = |citation: &Citation, text: String| {
        resolved.insert(citation.to_string());
        excerpts.insert(citation.to_string(), text);
    };
    for citation in &citations {
        let text = worktree.and_then(|worktree| cited_text(worktree, citation));
        text.into_iter().for_each(|text| add(citation, text));
    }
    let lines = evidence_lines(workspace, bundle, &citations).map_err(|error| error.to_string())?;
    lines.into_iter().for_each(|(citation, text)| add(citation, text));
    let is_missing = |citation: &Citation| !citation.is_in(&resolved);
    let changed = match citations.iter().any(is_missing) {
        // What is unknown is not changed.
        true => worktree.and_then(|worktree| worktree.changes().ok()),
        false => None,
    };
    let changed = changed.map(|changes| changes.files.into_iter().collect()).unwrap_or_default();
    let mut denied = BTreeMap::new();
    for tool in transcript.denied_tools() {
        *denied.entry(tool.to_owned()).or_insert(0) += 1;
    }
    let repetition =
        find_repetition(&found, workspace, bundle).map_err(|error| error.to_string())?;
    Ok(CheckedVerdict {
        grounded: suspicion::is_grounded(
            &found,
            Cited {
                resolved: &resolved,
                texts: &excerpts,
                silent_logs: &silent_logs.unwrap_or_default(),
            },
        ),
        repetition,
        checked: verdict::check(found, &resolved, &changed),
        excerpts,
        bundle: contents,
        denied: denied.into_iter().collect(),
        patch: None,
        turns: transcript.turns(),
        branch: worktree.map(|worktree| worktree.branch.clone()),
        base: worktree.map(|worktree| worktree.base().to_owned()),
    })
}

/// Ids of a bundle that a verdict may cite, texts that a report shows of them, and the bundle.
type Citable = (BTreeSet<String>, BTreeMap<String, String>, BundleContents);

fn read_citable(bundle: &Path, claims: &[Claim]) -> Result<Citable, Error> {
    let all = read::load(bundle)?;
    let logs = read::load_logs(bundle)?;
    let resolved = verdict::citable_ids(&all, &logs);
    let mut excerpts = verdict::excerpts(&all, claims);
    excerpts.values_mut().for_each(|text| *text = shorten(text, ITEM).into_owned());
    Ok((resolved, excerpts, all))
}

/// Returns the ids of the logs of a bundle whose output has no line.
fn silent_logs(bundle: &Path) -> Result<BTreeSet<String>, Error> {
    let logs = read::load_logs(bundle)?;
    let is_silent = |log: &Log| {
        let output = log.file.as_ref().map(|file| bundle.join(file).symlink_metadata());
        log.lines.is_empty() && !output.is_some_and(|file| file.is_ok_and(|file| file.len() > 1))
    };
    Ok(logs.logs.into_iter().filter(is_silent).map(|log| log.id).collect())
}

/// The cited line or commit, or `None` when it does not exist or cannot be read: a citation counts
/// only when it is shown to be true.
fn cited_text(worktree: &Worktree, citation: &Citation) -> Option<String> {
    match citation {
        Citation::Item(_) | Citation::Items { .. } | Citation::Evidence { .. } => None,
        Citation::Commit(hash) => Some(shorten(&worktree.commit(hash).ok()??, LINE).into_owned()),
        Citation::File { path, lines: None } => {
            let is_there = worktree.has_file(path).ok()?;
            let is_empty = || worktree.cited(path, 1).is_ok_and(|line| line.is_none());
            is_there.then(|| if is_empty() { "" } else { "the file as a whole" }.to_owned())
        }
        Citation::File { path, lines: Some((first, last)) } => {
            if last != first {
                worktree.cited(path, *last).ok()??;
            }
            let text = worktree.cited(path, *first).ok()??;
            Some(shorten(text.trim(), LINE).into_owned())
        }
    }
}

/// Returns the cited lines of the evidence, of the files that the agent was given.
fn evidence_lines<'a>(
    workspace: &Workspace,
    bundle: Option<&Path>,
    citations: &'a BTreeSet<Citation>,
) -> Result<Vec<(&'a Citation, String)>, Error> {
    let cited = |citation: &'a Citation| match citation {
        Citation::Evidence { file, lines } => Some((citation, file, *lines)),
        _ => None,
    };
    let wanted: Vec<_> = citations.iter().filter_map(cited).collect();
    let mut found = Vec::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let (background, worktree) = (&workspace.background, workspace.worktree.as_ref());
    background.each_file(bundle, worktree, CopyForm::Divided, &mut |file| {
        for (citation, name, lines) in &wanted {
            let (first, last) = lines.unwrap_or((1, 1));
            let at = |line: u64| file.text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?);
            if let (true, Some(text), Some(_)) = (**name == file.name, at(first), at(last)) {
                let text = text.trim_start_matches(agent_copy::CONTINUED).trim();
                found.push((*citation, shorten(text, LINE).into_owned()));
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Returns the instruction of the evidence that a verdict repeats.
fn find_repetition(
    verdict: &ModelVerdict,
    workspace: &Workspace,
    bundle: Option<&Path>,
) -> Result<Option<Repetition>, Error> {
    let mut search = RepetitionSearch::new(verdict);
    let worktree = workspace.worktree.as_ref();
    workspace.background.each_text(bundle, worktree, &mut |name, _, text| {
        search.read(name, text);
        Ok(())
    })?;
    Ok(search.found())
}

impl CheckedVerdict {
    /// Number of denied calls of tools.
    pub(super) fn denied(&self) -> u64 {
        self.denied.iter().map(|(_, times)| times).sum()
    }

    /// Lowers the verdict when the session speaks against it. `unknown_changes`: git has failed.
    pub(super) fn suspect(mut self, unknown_changes: bool) -> Self {
        let signs = Signs {
            grounded: self.grounded,
            denied: self.denied(),
            patch: self.patch.as_ref(),
            unknown_changes,
            repetition: self.repetition.as_ref(),
        };
        self.checked = suspicion::apply(self.checked, &signs);
        self
    }
}

/// Renders the report of a checked verdict.
pub(super) fn render_report(
    context: &SessionContext,
    verdict: &CheckedVerdict,
    cost: Option<Usd>,
) -> String {
    let path = |name: &str| context.path(name).display().to_string();
    let mut files = vec![
        ("what it found, in full", path(files::RESULT)),
        ("the transcript", path(files::TRANSCRIPT)),
    ];
    if let Some(patch) = verdict.patch.as_ref().filter(|patch| !patch.files_changed.is_empty()) {
        files.push(match patch.held() {
            None => ("the patch", path(files::PATCH)),
            Some(_) => ("the patch, which is not offered", path(files::HELD)),
        });
        let proof = patch.proof.as_ref();
        let logs = [
            ("the tests with the patch", files::TESTS, proof.is_some()),
            (
                "the new tests alone",
                files::NEW_TESTS,
                proof.is_some_and(|one| one.with_tests.is_some()),
            ),
            (
                "the tests on the base",
                files::BASE_TESTS,
                proof.is_some_and(|one| one.on_base.is_some()),
            ),
            (
                "the tests with the patch, run as on the base",
                files::RUNNER_TESTS,
                proof.is_some_and(|one| one.with_old_runner.is_some()),
            ),
        ];
        let logs = logs.into_iter().filter(|(.., is_there)| *is_there);
        files.extend(logs.map(|(what, name, _)| (what, path(name))));
        files.extend(verdict.branch.clone().map(|name| ("the branch", name)));
    }
    Report {
        session: context.session,
        incident: &context.plan.incident.id,
        queue: &context.plan.incident.queue,
        checked: &verdict.checked,
        excerpts: &verdict.excerpts,
        patch: verdict.patch.as_ref(),
        bundle: &verdict.bundle,
        loss: context.loss(),
        cost_usd: cost,
        turns: verdict.turns,
        took: context.elapsed(),
        denied: &verdict.denied,
        files: &files,
    }
    .render()
}

/// Returns what is published of a verdict when its patch becomes a pull request.
pub(super) fn finding(verdict: &CheckedVerdict, cost: Option<Usd>) -> Finding {
    let found = &verdict.checked.verdict;
    let excerpt = |claim: &Claim| EvidenceExcerpt {
        id: claim.id.clone(),
        claim: claim.claim.clone(),
        excerpt: verdict.excerpts.get(&claim.id).cloned().unwrap_or_default(),
    };
    let cited = verdict::citations(found).into_iter().filter_map(|citation| match citation {
        Citation::File { path, .. } => Some(path),
        _ => None,
    });
    let changed = verdict.patch.iter().flat_map(|patch| patch.files_changed.iter().cloned());
    let mut files: Vec<String> = cited.chain(changed).collect();
    files.sort();
    files.dedup();
    files.truncate(finding::ITEMS_MAX);
    let causes = verdict.bundle.fingerprints.fingerprints.iter();
    Finding {
        title: found.title.clone(),
        root_cause: found.root_cause.clone().unwrap_or_default(),
        status: found.status.to_string(),
        category: found.category.clone(),
        redrive: Some(found.redrive.to_string()),
        causes: causes.map(|one| one.id.clone()).take(finding::ITEMS_MAX).collect(),
        evidence: found.evidence.iter().take(finding::ITEMS_MAX).map(excerpt).collect(),
        files,
        needs_person: verdict.checked.needs_person.clone(),
        cost: cost.map(|usd| usd.to_string()),
    }
}

/// The last line of a file that is not blank.
fn last_line(path: &Path) -> Option<Vec<u8>> {
    let mut file = regular_file::open(path).ok()?;
    let size = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(size.saturating_sub(LAST_LINE_MAX))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.rfind(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec)
}
