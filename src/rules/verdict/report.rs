//! Report of an investigation in Markdown, in the order of every report: see `rules/report.rs`.
//!
//! Promises: text of a model is prose without markup, and external text stands in code spans, so
//! that neither can forge a heading, a link or a status. A lowered status is stated beside the
//! status. Unknown is stated as unknown. Every list has a limit.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Citation, Claim, Fix, Hypothesis, PatchFacts, PatchProof, PatchSplit, RedriveAdvice,
    TestResult, VerdictCheck,
};
use crate::event::{Queue, Verdict};
use crate::markdown::{EXCERPT, Page, or_unknown, prose, span, span_of};
use crate::money::Usd;
use crate::rules::evidence::bundle::QueueFacts;
use crate::rules::report::{self, Lead, LossFacts, queue_with_sources};
use crate::rules::triage::{self, BundleContents};
use crate::text::count;
use crate::time::show_span;

/// Limit of a cited item, in characters.
const ITEM: usize = 2 * EXCERPT;
const BY_MODEL: &str = "the model";
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
    /// The evidence; empty without any.
    pub bundle: &'a BundleContents,
    pub loss: LossFacts,
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
        let BundleContents { queue: known, facts: sample, timeline, .. } = self.bundle;
        let facts = QueueFacts { queue: self.queue.clone(), ..known.clone() };
        let queue = queue_with_sources(self.queue, facts.sources.as_deref(), sample);
        let oldest = sample.iter().filter_map(|seen| seen.sent_at).min();
        let loss = self.loss.with_sample(&facts, oldest);
        let verdict = &self.checked.verdict;
        let mut out = Page::default();
        out.line(format!("# {}\n", prose(&verdict.title)));
        let depth = (facts.depth, self.bundle.sampled());
        report::head(&mut out, &queue, depth, loss, facts.retention_s, self.lead());
        let sure = report::confidence(verdict.confidence, BY_MODEL);
        let redrive = report::redrive(verdict.redrive, &queue);
        report::judgement(&mut out, verdict.status.as_str(), sure, redrive);
        if let Some((from, to)) = self.checked.demoted {
            out.line(format!("- The model stated {from}; lowered to {to}, see 'Checked' below"));
        }
        needs_person(&mut out, &self.checked.needs_person);
        out.heading(report::CAUSE);
        out.line(format!("{}\n", text_or_unknown(&verdict.root_cause)));
        if let Some(place) = self.place() {
            out.line(format!("- Place: {}", span(&place)));
        }
        out.facts([("Category", or_unknown(verdict.category.as_deref(), span))]);
        out.heading(report::WHAT_TO_DO);
        out.steps(verdict.next_steps.iter().map(|step| prose(step)));
        if verdict.next_steps.is_empty() {
            out.line("None named.");
        }
        self.fix(&mut out);
        self.evidence(&mut out);
        hypotheses(&mut out, &verdict.hypotheses);
        out.heading("Prevention");
        out.line(text_or_unknown(&verdict.prevention));
        self.checked(&mut out);
        report::timeline(&mut out, timeline);
        out.heading("Session");
        out.facts([
            ("Session", span(self.session)),
            ("Incident", span(self.incident)),
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
        report::queue_settings(&mut out, &facts);
        out.text()
    }

    /// Returns the error of the largest group that states one, its place, and what to do first.
    fn lead(&self) -> Lead {
        let verdict = &self.checked.verdict;
        let mut groups = self.bundle.fingerprints.fingerprints.iter();
        Lead {
            error: groups.find_map(triage::error),
            place: self.place(),
            words: prose(&verdict.title),
            first: verdict.next_steps.first().map(|step| prose(step)),
        }
    }

    /// Returns the place in the code that the first claim with an existing one cites, else that of
    /// the stack trace in the evidence: `src/orders.py line 12`.
    fn place(&self) -> Option<String> {
        let exists = |id: &&str| !self.checked.unresolved.iter().any(|gone| gone == id);
        let claims = self.checked.verdict.evidence.iter().map(|claim| claim.id.as_str());
        let cited = claims.filter(exists).find_map(|id| match Citation::parse(id)? {
            Citation::File { path, lines: Some((line, _)) } => Some(format!("{path} line {line}")),
            _ => None,
        });
        let mut groups = self.bundle.fingerprints.fingerprints.iter();
        cited.or_else(|| groups.find_map(|group| group.place.clone()))
    }

    fn evidence(&self, out: &mut Page) {
        out.heading(report::EVIDENCE);
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
        let Some(PatchFacts { files_changed, proof, .. }) = self.patch else {
            out.line(
                "This tool has not checked for changes: no fix was requested, or there is no code.",
            );
            return;
        };
        out.line("Verified by this tool:\n");
        if let Some(held) = self.patch.and_then(PatchFacts::held) {
            out.line(format!("- **Held back**: {}", prose(&held)));
        }
        let changed = |path: &String| format!("- Changed: {}", span(path));
        out.list(files_changed, "file", "- Changed: nothing", changed);
        match proof {
            None => out.line("- Tests: this tool ran none"),
            Some(proof) => proof_lines(out, proof),
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
}

/// Renders the report for an agent without a full verdict. Nothing in it is checked.
pub fn render_unchecked(
    session: &str,
    incident: &str,
    queue: &Queue,
    verdict: &Verdict,
    took: Duration,
    loss: LossFacts,
) -> String {
    let word = |text: &Option<String>| or_unknown(text.as_deref(), span);
    let mut out = Page::default();
    out.line(format!("# {}\n", prose(verdict.title.as_deref().unwrap_or("Investigation"))));
    let words = verdict.title.as_deref().map_or("unknown".into(), prose);
    report::head(&mut out, queue, (None, 0), loss, None, Lead { words, ..Lead::default() });
    let sure = report::confidence(verdict.confidence, "the agent");
    let advice = RedriveAdvice::ALL
        .iter()
        .find(|advice| verdict.redrive.as_deref() == Some(advice.as_str()));
    let redrive = advice.map_or(word(&verdict.redrive), |advice| report::redrive(*advice, queue));
    report::judgement(&mut out, &verdict.status, sure, redrive);
    needs_person(&mut out, verdict.needs_person.as_slice());
    out.facts([("Category", word(&verdict.category))]);
    out.line(
        "\nNone of this was checked, and the agent ran without a sandbox. Its output is in \
         `transcript.ndjson`.",
    );
    out.heading("Session");
    out.facts([
        ("Session", span(session)),
        ("Incident", span(incident)),
        ("Took", show_span(took)),
    ]);
    report::queue_settings(&mut out, &QueueFacts { queue: queue.clone(), ..QueueFacts::default() });
    out.text()
}

/// Adds the runs of the tests, and what they prove.
fn proof_lines(out: &mut Page, proof: &PatchProof) {
    let shown = |result: Option<TestResult>| match result {
        None => "not run".to_owned(),
        Some(TestResult::Passed) => "passed".to_owned(),
        Some(result) => format!("**{}**", result.sentence()),
    };
    let with_tests = match (proof.split, proof.with_tests) {
        (PatchSplit::Shared, None) => "unknown: a file has tests and fix".to_owned(),
        (PatchSplit::NoTests, None) => "the patch has no tests".to_owned(),
        (_, Some(TestResult::Failed)) => "did not pass, as is expected".to_owned(),
        (_, result) => shown(result),
    };
    let judged = proof.judge();
    out.facts([
        ("Tests", span(&proof.command)),
        ("Base", span(&proof.base)),
        ("On the base", shown(proof.on_base)),
        ("On the base with the new tests", with_tests),
        ("On the base with the patch", shown(Some(proof.with_patch))),
    ]);
    if !proof.runner_files.is_empty() {
        let names: Vec<String> = proof.runner_files.iter().map(|path| span(path)).collect();
        let what = format!("With the patch, but {} of the base", names.join(", "));
        out.facts([(what.as_str(), shown(proof.with_old_runner))]);
    }
    out.facts([("Proof", format!("{}: {}", judged.grade, prose(&judged.why)))]);
}

fn needs_person(out: &mut Page, reasons: &[String]) {
    out.list(reasons, "reason", "", |why| format!("- **Needs a person**: {}", prose(why)));
}

fn hypotheses(out: &mut Page, all: &[Hypothesis]) {
    out.heading("Hypotheses");
    out.list(all, "hypothesis", "None named.", |Hypothesis { hypothesis, verdict, why }| {
        let verdict = if verdict.is_empty() { "not judged".into() } else { prose(verdict) };
        let why = if why.is_empty() { why.clone() } else { format!("\n  - Why: {}", prose(why)) };
        format!("- {} ({verdict}){why}", prose(hypothesis))
    });
}

fn text_or_unknown(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| "Unknown.".into(), prose)
}

#[cfg(test)]
mod tests;
