//! Report of an investigation in Markdown, the verdict first.
//!
//! Promises: text of a model is prose without markup, and external text stands in code spans, so that
//! neither can forge a heading, a link or a status. A lowered status is stated beside the status.
//! Unknown is stated as unknown. Every list has a limit.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use super::{
    Citation, Claim, Fix, Hypothesis, PatchFacts, RedriveAdvice, TestResult, TestRun, VerdictCheck,
    VerdictStatus,
};
use crate::event::{Queue, Verdict};
use crate::markdown::{EXCERPT, Page, in_words, prose, span, span_of, unknown};
use crate::rules::evidence::bundle::Timeline;
use crate::rules::triage::quoted;
use crate::text::count;
use crate::time::show_span;

/// Limit of a cited item, in characters.
const ITEM: usize = 2 * EXCERPT;
/// Limit of a path, in characters.
const PATH: usize = 4096;

/// Facts of an investigation that ended with a full verdict.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    pub session: &'a str,
    pub incident: &'a str,
    pub queue: &'a Queue,
    pub checked: &'a VerdictCheck,
    /// Redacted texts of the cited items, by the id of the claim or the [`Citation`]'s `Display`.
    pub excerpts: &'a BTreeMap<String, String>,
    /// Changes that this tool has read; none without a repository.
    pub patch: Option<&'a PatchFacts>,
    pub timeline: &'a Timeline,
    pub cost: Cost,
    /// Denied tools and the number of denials.
    pub denied: &'a [(String, u64)],
    /// Names and paths of files, such as `the transcript` and `/…/transcript.ndjson`.
    pub files: &'a [(&'a str, String)],
}

/// Cost of an investigation, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// US dollars.
    pub usd: Option<f64>,
    pub turns: Option<u64>,
    pub took: Option<Duration>,
}

impl Report<'_> {
    pub fn render(&self) -> String {
        let verdict = &self.checked.verdict;
        let mut out = Page::default();
        out.line(format!("# {}\n", prose(&verdict.title)));
        out.line(format!("- Status: {}", in_a_phrase(verdict.status)));
        if let Some((from, to)) = self.checked.demoted {
            out.line(format!("- The model stated {from}; lowered to {to}, see 'Checked' below"));
        }
        out.line(format!("- Confidence: {}", sure(verdict.confidence)));
        out.line(format!("- Category: {}", verdict.category.as_deref().map_or_else(unknown, span)));
        out.line(format!("- Redrive: {}", redrive(verdict.redrive, self.queue)));
        out.line(format!("- Queue: {}", span(&self.queue.name)));
        out.line(format!("- Incident: {}", span(self.incident)));
        out.line(format!("- Session: {}", span(self.session)));
        out.heading("Root cause");
        out.line(text_or_unknown(&verdict.root_cause));
        self.evidence(&mut out);
        hypotheses(&mut out, &verdict.hypotheses);
        self.fix(&mut out);
        out.heading("Prevention");
        out.line(text_or_unknown(&verdict.prevention));
        out.heading("Next steps");
        for (number, step) in verdict.next_steps.iter().enumerate() {
            out.line(format!("{}. {}", number + 1, prose(step)));
        }
        if verdict.next_steps.is_empty() {
            out.line("None named.");
        }
        self.happened(&mut out);
        self.checked(&mut out);
        self.cost(&mut out);
        self.rest(&mut out);
        out.text()
    }

    fn evidence(&self, out: &mut Page) {
        out.heading("Evidence");
        let claims = &self.checked.verdict.evidence;
        out.list(claims, "claim", |out, Claim { id, claim }| {
            let cited = match id.as_str() {
                "" => "cites nothing".into(),
                id if self.checked.unresolved.iter().any(|gone| gone == id) => {
                    format!("{} (**does not exist**)", span(id))
                }
                id => span(id),
            };
            out.line(format!("- {cited}: {}", prose(claim)));
            let usual = Citation::parse(id).map(|cited| cited.to_string());
            let excerpt = self.excerpts.get(id).or_else(|| self.excerpts.get(&usual?));
            if let Some(excerpt) = excerpt {
                out.line(format!("  - {}", span_of(excerpt, ITEM)));
            }
        });
        if claims.is_empty() {
            out.line("None cited.");
        }
    }

    fn fix(&self, out: &mut Page) {
        out.heading("Fix");
        if let Some(Fix { summary, files, tests }) = &self.checked.verdict.fix {
            out.line(format!("Claimed by the model: {}\n", prose(summary)));
            for (what, all) in [("Changed", files), ("Tested by", tests)] {
                out.list(all, "name", |out, name| out.line(format!("- {what}: {}", span(name))));
            }
            out.line("");
        } else {
            out.line("The model claims no change.\n");
        }
        let Some(PatchFacts { files_changed, tests, .. }) = self.patch else {
            out.line(
                "This tool has not checked for changes: no fix was requested, or there is no code.",
            );
            return;
        };
        out.line("Verified by this tool:\n");
        out.list(files_changed, "file", |out, path| out.line(format!("- Changed: {}", span(path))));
        if files_changed.is_empty() {
            out.line("- Changed: nothing");
        }
        out.line(match tests {
            None => "- Tests: this tool ran none".to_owned(),
            Some(TestRun { command, result: TestResult::Passed }) => {
                format!("- Tests: passed, {}", span(command))
            }
            Some(TestRun { command, result }) => {
                format!("- Tests: **{}**, {}", result.sentence(), span(command))
            }
        });
    }

    fn happened(&self, out: &mut Page) {
        out.heading("Timeline");
        let moments = &self.timeline.timeline;
        out.list(moments, "moment", |out, moment| {
            out.line(format!("- {} {}: {}", moment.at, span(&moment.id), span(&moment.what)));
        });
        if moments.is_empty() {
            out.line("No event is known.");
        }
    }

    fn checked(&self, out: &mut Page) {
        out.heading("Checked");
        for note in &self.checked.notes {
            out.line(format!("- {}", prose(note)));
        }
        if self.checked.unresolved.is_empty() && !self.checked.verdict.evidence.is_empty() {
            out.line(
                "- Every citation exists. A program cannot check whether it supports its claim.",
            );
        } else if self.checked.notes.is_empty() {
            out.line("- The verdict has no citation that could be checked.");
        }
    }

    fn cost(&self, out: &mut Page) {
        out.heading("Cost");
        let Cost { usd, turns, took } = self.cost;
        out.line(format!("- Cost: {}", dollars(usd)));
        out.line(format!("- Turns: {}", number(turns)));
        out.line(format!("- Took: {}", took.map_or_else(unknown, show_span)));
    }

    fn rest(&self, out: &mut Page) {
        out.heading("Denied tools");
        out.list(self.denied, "tool", |out, (tool, times)| {
            out.line(format!("- {}: {}", span(tool), count(*times, "time")));
        });
        if self.denied.is_empty() {
            out.line("None.");
        }
        out.heading("Files");
        out.list(self.files, "file", |out, (what, path)| {
            out.line(format!("- {}: {}", prose(what), span_of(path, PATH)));
        });
        if self.files.is_empty() {
            out.line("None kept.");
        }
    }
}

/// Renders the report for an agent without a full verdict. Nothing in it is checked.
pub fn render_unchecked(
    session: &str,
    incident: &str,
    queue: &Queue,
    verdict: &Verdict,
    took: Duration,
) -> String {
    let word = |text: &Option<String>| text.as_deref().map_or_else(unknown, span);
    let mut out = Page::default();
    out.line(format!("# {}\n", prose(verdict.title.as_deref().unwrap_or("Investigation"))));
    for (name, value) in [
        ("Status", span(&verdict.status)),
        ("Confidence", sure(verdict.confidence)),
        ("Category", word(&verdict.category)),
        ("Redrive", word(&verdict.redrive)),
        ("Queue", span(&queue.name)),
        ("Incident", span(incident)),
        ("Session", span(session)),
        ("Took", show_span(took)),
    ] {
        out.line(format!("- {name}: {value}"));
    }
    out.line("\nNone of this was checked. The agent's output is in `transcript.ndjson`.");
    out.text()
}

fn hypotheses(out: &mut Page, all: &[Hypothesis]) {
    out.heading("Hypotheses");
    out.list(all, "hypothesis", |out, Hypothesis { hypothesis, verdict, why }| {
        let verdict = if verdict.is_empty() { "not judged".into() } else { prose(verdict) };
        out.line(format!("- {} ({verdict})", prose(hypothesis)));
        if !why.is_empty() {
            out.line(format!("  - Why: {}", prose(why)));
        }
    });
    if all.is_empty() {
        out.line("None named.");
    }
}

fn in_a_phrase(status: VerdictStatus) -> &'static str {
    match status {
        VerdictStatus::Confirmed => "confirmed, the evidence proves the cause",
        VerdictStatus::Likely => "likely, the evidence points to this cause but does not prove it",
        VerdictStatus::Inconclusive => "inconclusive, the cause is not known",
        VerdictStatus::NotABug => "not a bug, the code is not at fault",
    }
}

fn redrive(advice: RedriveAdvice, queue: &Queue) -> String {
    // AWS refuses to move messages that a service put there, and sources may be unknown.
    let but = if queue.sources.is_empty() { ", if the messages came from a queue" } else { "" };
    let how = match move_back(queue) {
        Some(command) => format!("run {}{but}", span_of(&command, PATH)),
        None => "put the messages back".to_owned(),
    };
    match advice {
        RedriveAdvice::Safe => format!("safe; {how}"),
        RedriveAdvice::AfterFix => format!("after the fix; when it is deployed, {how}"),
        RedriveAdvice::DoNot => "do not put the messages back. Follow the next steps first".into(),
    }
}

/// Returns the shell command that redrives a queue; none without the queue's ARN. The AWS command
/// line would read a value such as `file://…` from a file.
fn move_back(queue: &Queue) -> Option<String> {
    let arn = Some(queue.arn.as_str()).filter(|arn| arn.starts_with("arn:"))?;
    let command = format!("aws sqs start-message-move-task --source-arn={}", quoted(arn));
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty());
    Some(match region {
        Some(region) => format!("{command} --region={}", quoted(region)),
        None => command,
    })
}

fn text_or_unknown(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| "Unknown.".into(), prose)
}

fn sure(confidence: Option<f64>) -> String {
    match confidence.filter(|sure| sure.is_finite()) {
        Some(sure) => format!("{} ({sure}, stated by the model)", in_words(sure)),
        None => unknown(),
    }
}

fn dollars(usd: Option<f64>) -> String {
    match usd.filter(|usd| usd.is_finite() && *usd >= 0.0) {
        Some(usd) if usd > 0.0 && usd < 0.01 => "less than $0.01".into(),
        Some(usd) => format!("${usd:.2}"),
        None => unknown(),
    }
}

fn number(n: Option<impl Display>) -> String {
    n.map_or_else(unknown, |n| n.to_string())
}

#[cfg(test)]
mod tests;
