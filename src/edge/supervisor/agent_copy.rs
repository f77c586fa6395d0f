//! The files in which an agent gets the evidence and the history of the code.
//!
//! Promises: the files follow from the bundle and the base commit alone, so that a citation of a line
//! is looked up in what the agent was given, never in what it may have written since.

use std::path::Path;

use crate::edge::evidence::read;
use crate::edge::git::Worktree;
use crate::error::Error;
use crate::log;
use crate::rules::evidence::agent_copy::{self, AgentCopy, AgentFile, CopyForm};
use crate::rules::evidence::bundle::{Log, files};
use crate::rules::evidence::contrast;
use crate::rules::evidence::logs::first_error::{FirstError, first_error};
use crate::rules::evidence::logs::handled::handled_lines;
use crate::rules::evidence::logs::{LogEvent, command_output, lines_file};
use crate::rules::evidence::redact::Redactor;
use crate::rules::evidence::suspect_commits::{Commit, first_failure, suspects};
use crate::rules::evidence::timeline;
use crate::rules::triage::BundleContents;
use crate::time::Timestamp;

/// File with the last commits of the code.
const HISTORY: &str = "history.txt";
/// Folder with the changes of the commits before the first failure.
const COMMITS: &str = "commits";
/// Dead letters that are compared with handled messages.
const COMPARED_MAX: usize = 100;
/// Bytes of a log that are searched for its first error.
const LOG_MAX: u64 = 4 << 20;

/// Facts about an incident beyond its messages.
#[derive(Default)]
pub(super) struct Background {
    pub(super) contents: BundleContents,
    pub(super) errors: Vec<FirstError>,
    /// Last commits up to the base, which is the first.
    pub(super) commits: Vec<Commit>,
    pub(super) first_failure: Option<Timestamp>,
    /// Differences of the dead letters of the largest cause from handled messages of the logs.
    pub(super) contrast: Vec<String>,
    /// The configured redaction, for what the bundle does not hold.
    redactor: Redactor,
}

impl Background {
    pub(super) fn load(
        bundle: Option<&Path>,
        worktree: Option<&Worktree>,
        redactor: Redactor,
    ) -> Result<Self, Error> {
        let contents = bundle.map(read::load).transpose()?.unwrap_or_default();
        let text = |log: &Log| {
            let output = log.file.as_ref().zip(bundle);
            output.map(|(file, bundle)| log_text(&bundle.join(file))).unwrap_or_default()
        };
        let logs = &contents.logs.logs;
        let texts: Vec<String> = logs.iter().map(text).collect();
        let errors = logs.iter().zip(&texts).filter_map(|(log, text)| first_error(log, text));
        let (mut dead, mut ids) = (Vec::new(), Vec::new());
        let largest = contents.fingerprints.fingerprints.first().map(|group| group.id.as_str());
        if let Some(bundle) = bundle.filter(|_| !texts.is_empty()) {
            read::each_message(bundle, |message, _| {
                ids.push(message.message_id);
                if Some(message.fingerprint.as_str()) == largest {
                    dead.push(message.body.value());
                }
                Ok(dead.len() < COMPARED_MAX)
            })?;
        }
        let entries = logs.iter().zip(&texts).map(|(log, text)| match log.answer {
            Some(_) => lines_file::read(text),
            None => command_output::events_of(text),
        });
        let entries: Vec<Vec<LogEvent>> = entries.collect();
        let handled: Vec<&str> = entries.iter().flat_map(|log| handled_lines(log)).collect();
        let mut commits = worktree.map(Worktree::commits).transpose()?.unwrap_or_default();
        for commit in &mut commits {
            commit.subject = redactor.redact_text(&commit.subject).into_owned();
        }
        Ok(Background {
            errors: errors.collect(),
            contrast: contrast::differences(&dead, &handled, &ids),
            commits,
            first_failure: first_failure(&contents.queue, &contents.messages),
            contents,
            redactor,
        })
    }

    /// Passes each file for the agent to `visit`, the index last.
    pub(super) fn each_file(
        &self,
        bundle: Option<&Path>,
        worktree: Option<&Worktree>,
        form: CopyForm,
        visit: &mut dyn FnMut(AgentFile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut copy = AgentCopy::new(form);
        self.each_text(bundle, worktree, &mut |name, what, text| {
            copy.add(name, what, text).into_iter().try_for_each(&mut *visit)
        })?;
        copy.index().into_iter().try_for_each(visit)
    }

    /// Passes the name, the description and the whole text of each document to `add`.
    pub(super) fn each_text(
        &self,
        bundle: Option<&Path>,
        worktree: Option<&Worktree>,
        add: &mut dyn FnMut(&str, &str, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(bundle) = bundle {
            self.add_bundle(bundle, add)?;
        }
        let Some(worktree) = worktree else { return Ok(()) };
        // What git cannot tell is missing for the agent, and for the check of what it cites.
        let history = worktree.history().unwrap_or_else(unread);
        let history = String::from_utf8_lossy(&history);
        let what = "the last commits of the code, with their files";
        add(HISTORY, what, &self.redactor.redact_text(&history))?;
        for Commit { hash, at, subject, .. } in suspects(&self.commits, self.first_failure) {
            let diff = worktree.commit_diff(hash).unwrap_or_else(unread);
            let what = format!("changes of {at}: {}", crate::text::safe(subject));
            add(&format!("{COMMITS}/{hash}.diff"), &what, &self.redactor.redact_text(&diff))?;
        }
        Ok(())
    }

    fn add_bundle(
        &self,
        bundle: &Path,
        add: &mut dyn FnMut(&str, &str, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let BundleContents { queue, fingerprints, timeline, logs, .. } = &self.contents;
        let timeline = timeline::with_context(timeline, &self.commits, &self.errors);
        let text = |name: &str, text: serde_json::Result<Vec<u8>>| {
            let text = text.map_err(|error| Error::failed("encode", name, error))?;
            Ok::<_, Error>(String::from_utf8_lossy(&text).into_owned())
        };
        let groups = "the causes f1, f2 …, with their messages";
        add(
            files::FINGERPRINTS,
            groups,
            &text(files::FINGERPRINTS, agent_copy::pretty(fingerprints))?,
        )?;
        let facts = "the queue and its sources, cited as q.depth or lint.chained";
        add(files::QUEUE, facts, &text(files::QUEUE, agent_copy::pretty(queue))?)?;
        let moments = "moments t1, t2 …, commits, and the first error of each log";
        add(files::TIMELINE, moments, &text(files::TIMELINE, agent_copy::pretty(&timeline))?)?;
        let commands = "the log commands and searches log:1, log:2 …";
        add(files::LOGS, commands, &text(files::LOGS, agent_copy::pretty(logs))?)?;
        for log in &logs.logs {
            let Some(file) = &log.file else { continue };
            add(file, &format!("output of {}", log.id), &log_text(&bundle.join(file)))?;
        }
        read::each_message(bundle, |message, _| {
            let groups = fingerprints.fingerprints.iter();
            let mut group = groups.filter(|group| group.messages.contains(&message.id));
            let group = group.next().map_or(String::new(), |group| format!(" of {}", group.item));
            let name = format!("{}.json", message.id);
            let what = format!("message {}{group}", message.id);
            add(&name, &what, &text(&name, agent_copy::pretty(&message))?)?;
            Ok(true)
        })
    }
}

/// Warns of what cannot be read.
fn unread<T: Default>(error: Error) -> T {
    log::warn(&error.to_string());
    T::default()
}

/// Returns the output of a log command; empty when it cannot be read.
fn log_text(path: &Path) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read =
        crate::regular_file::open(path).map(|file| file.take(LOG_MAX).read_to_end(&mut bytes));
    drop(read);
    String::from_utf8_lossy(&bytes).into_owned()
}
