//! Report of an investigation in Markdown, the verdict first.
//!
//! Promises: text of a model is prose without markup, and external text stands in code spans, so
//! that neither can forge a heading, a link or a status. A lowered status is stated beside the
//! status. Unknown is stated as unknown. Every list has a limit.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Citation, Claim, Fix, Hypothesis, PatchFacts, RedriveAdvice, TestResult, TestRun, VerdictCheck,
    VerdictStatus,
};
use crate::event::{Queue, Verdict};
use crate::markdown::{EXCERPT, Page, in_words, or_unknown, prose, span, span_of};
use crate::money::Usd;
use crate::rules::evidence::bundle::Timeline;
use crate::rules::triage::quoted;
use crate::rules::triage::report::timeline;
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
    /// Cost in US dollars, as far as it is known.
    pub cost_usd: Option<Usd>,
    pub turns: Option<u64>,
    pub took: Duration,
    /// Denied tools and the number of denials.
    pub denied: &'a [(String, u64)],
    /// Names and paths of files, such as `the transcript` and `/…/transcript.ndjson`.
    pub files: &'a [(&'a str, String)],
}

impl Report<'_> {
    pub fn render(&self) -> String {
        let verdict = &self.checked.verdict;
        let mut out = Page::default();
        out.line(format!("# {}\n", prose(&verdict.title)));
        out.facts([("Status", in_a_phrase(verdict.status).into())]);
        if let Some((from, to)) = self.checked.demoted {
            out.line(format!("- The model stated {from}; lowered to {to}, see 'Checked' below"));
        }
        out.facts([
            ("Confidence", confidence(verdict.confidence)),
            ("Category", or_unknown(verdict.category.as_deref(), span)),
            ("Redrive", redrive(verdict.redrive, self.queue)),
            ("Queue", span(&self.queue.name)),
            ("Incident", span(self.incident)),
            ("Session", span(self.session)),
        ]);
        out.heading("Root cause");
        out.line(text_or_unknown(&verdict.root_cause));
        self.evidence(&mut out);
        hypotheses(&mut out, &verdict.hypotheses);
        self.fix(&mut out);
        out.heading("Prevention");
        out.line(text_or_unknown(&verdict.prevention));
        out.heading("Next steps");
        out.steps(verdict.next_steps.iter().map(|step| prose(step)));
        if verdict.next_steps.is_empty() {
            out.line("None named.");
        }
        timeline(&mut out, self.timeline);
        self.checked(&mut out);
        out.heading("Cost");
        out.facts([
            ("Cost", or_unknown(self.cost_usd, |usd| usd.to_string())),
            ("Turns", or_unknown(self.turns, |turns| turns.to_string())),
            ("Took", show_span(self.took)),
        ]);
        out.heading("Denied tools");
        out.list(self.denied, "tool", "None.", |(tool, times)| {
            format!("- {}: {}", span(tool), count(*times, "time"))
        });
        out.heading("Files");
        out.list(self.files, "file", "None kept.", |(what, path)| {
            format!("- {}: {}", prose(what), span_of(path, PATH))
        });
        out.text()
    }

    fn evidence(&self, out: &mut Page) {
        out.heading("Evidence");
        let claims = &self.checked.verdict.evidence;
        out.list(claims, "claim", "None cited.", |Claim { id, claim }| {
            let cited = match id.as_str() {
                "" => "cites nothing".into(),
                id if self.checked.unresolved.iter().any(|gone| gone == id) => {
                    format!("{} (**does not exist**)", span(id))
                }
                id => span(id),
            };
            let usual = Citation::parse(id).map(|cited| cited.to_string());
            let excerpt = self.excerpts.get(id).or_else(|| self.excerpts.get(&usual?));
            let excerpt = excerpt.map(|excerpt| format!("\n  - {}", span_of(excerpt, ITEM)));
            format!("- {cited}: {}{}", prose(claim), excerpt.unwrap_or_default())
        });
    }

    fn fix(&self, out: &mut Page) {
        out.heading("Fix");
        if let Some(Fix { summary, files, tests }) = &self.checked.verdict.fix {
            out.line(format!("Claimed by the model: {}\n", prose(summary)));
            for (what, all) in [("Changed", files), ("Tested by", tests)] {
                out.list(all, "name", "", |name| format!("- {what}: {}", span(name)));
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
        let changed = |path: &String| format!("- Changed: {}", span(path));
        out.list(files_changed, "file", "- Changed: nothing", changed);
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
}

/// Renders the report for an agent without a full verdict. Nothing in it is checked.
pub fn render_unchecked(
    session: &str,
    incident: &str,
    queue: &Queue,
    verdict: &Verdict,
    took: Duration,
) -> String {
    let word = |text: &Option<String>| or_unknown(text.as_deref(), span);
    let mut out = Page::default();
    out.line(format!("# {}\n", prose(verdict.title.as_deref().unwrap_or("Investigation"))));
    out.facts([
        ("Status", span(&verdict.status)),
        ("Confidence", confidence(verdict.confidence)),
        ("Category", word(&verdict.category)),
        ("Redrive", word(&verdict.redrive)),
        ("Queue", span(&queue.name)),
        ("Incident", span(incident)),
        ("Session", span(session)),
        ("Took", show_span(took)),
    ]);
    out.line("\nNone of this was checked. The agent's output is in `transcript.ndjson`.");
    out.text()
}

fn hypotheses(out: &mut Page, all: &[Hypothesis]) {
    out.heading("Hypotheses");
    out.list(all, "hypothesis", "None named.", |Hypothesis { hypothesis, verdict, why }| {
        let verdict = if verdict.is_empty() { "not judged".into() } else { prose(verdict) };
        let why = if why.is_empty() { why.clone() } else { format!("\n  - Why: {}", prose(why)) };
        format!("- {} ({verdict}){why}", prose(hypothesis))
    });
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
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty());
    let region = region.map_or(String::new(), |region| format!(" --region={}", quoted(region)));
    Some(format!("aws sqs start-message-move-task --source-arn={}{region}", quoted(arn)))
}

fn text_or_unknown(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| "Unknown.".into(), prose)
}

fn confidence(value: Option<f64>) -> String {
    let value = value.filter(|value| value.is_finite());
    or_unknown(value, |value| format!("{} ({value}, stated by the model)", in_words(value)))
}

#[cfg(test)]
mod tests;
