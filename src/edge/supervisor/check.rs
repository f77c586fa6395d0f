//! A full verdict: read, held against the evidence and the code that it cites, and reported.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::evidence::{load, read};
use super::{Supervisor, files};
use crate::rules::evidence::{self as bundle, Logs, Timeline};
use crate::rules::found::{self, Checked, Citation};
use crate::rules::report::{Cost, Report};
use crate::rules::transcript::Transcript;
use crate::text::shorten;

/// So much of a line of code is shown.
const LINE: usize = 200;
/// A file of the code that is cited is read up to here.
const LINES_MAX: u64 = 1_000_000;

/// A verdict that was checked, and what the report needs beside it.
pub(super) struct Finding {
    pub(super) checked: Checked,
    excerpts: BTreeMap<String, String>,
    timeline: Timeline,
    denied: Vec<(String, u64)>,
}

impl Supervisor<'_> {
    /// Checks what the agent has found; an error says why it is no verdict.
    pub(super) fn check(
        &self,
        said: &Value,
        folder: Option<&Path>,
        transcript: &Transcript,
    ) -> Result<Finding, String> {
        let found = found::read(said)?;
        let mut excerpts = BTreeMap::new();
        let (mut resolved, mut timeline) = (Default::default(), Timeline::default());
        if let Some(folder) = folder {
            let all = load(folder).map_err(|error| error.to_string())?;
            let logs: Logs =
                read(folder, bundle::files::LOGS).map_err(|error| error.to_string())?;
            let ids = all.shown.iter().map(|message| message.id.as_str());
            resolved = found::items(&all.queue, &all.prints, &all.timeline, &logs, ids);
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
        for citation in found::cited(&found) {
            // Commits are not looked up yet, and so do not resolve.
            if let Citation::File { path, line } = &citation
                && let Some(text) = self.cited_line(path, *line)
            {
                resolved.insert(citation.to_string());
                excerpts.insert(citation.to_string(), text);
            }
        }
        let mut denied = BTreeMap::new();
        for denial in transcript.denials() {
            *denied.entry(denial.tool).or_insert(0) += 1;
        }
        let checked = found::check(found, &resolved);
        Ok(Finding { checked, excerpts, timeline, denied: denied.into_iter().collect() })
    }

    /// A line of the mapped code, or nothing when there is no such file or line in it.
    fn cited_line(&self, path: &str, line: Option<u64>) -> Option<String> {
        let repo = std::fs::canonicalize(self.plan.repo.as_ref()?).ok()?;
        let file = std::fs::canonicalize(repo.join(path)).ok()?;
        if !file.starts_with(&repo) || !file.is_file() {
            return None;
        }
        let Some(line) = line.filter(|line| *line > 0 && *line <= LINES_MAX) else {
            return line.is_none().then(String::new);
        };
        let mut lines = BufReader::new(File::open(file).ok()?).split(b'\n');
        let text = lines.nth(usize::try_from(line - 1).ok()?)?.ok()?;
        Some(shorten(String::from_utf8_lossy(&text).trim(), LINE).into_owned())
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
        Report {
            session: self.session,
            incident: &self.plan.incident.id,
            queue: &self.plan.incident.queue,
            checked: &finding.checked,
            excerpts: &finding.excerpts,
            patch: None,
            timeline: &finding.timeline,
            cost: Cost { usd, turns, took: Some(took) },
            denied: &finding.denied,
            files: &[
                ("what it found, in full", path(files::RESULT)),
                ("the transcript", path(files::TRANSCRIPT)),
            ],
        }
        .text()
    }
}
