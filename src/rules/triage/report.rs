//! Report of a triage in Markdown, for a terminal or a browser, in the order of every report: see
//! `rules/report.rs`.
//!
//! Promises: external text stands in code spans and fenced blocks only, on one line, shortened,
//! without hidden characters and behind more backticks than it holds: it cannot be a heading, a
//! link, a mention or the end of a block. Unknown is stated as unknown. Every list has a limit.

mod logs;

use super::{BundleContents, CodeFault, RedriveAdvice, Triage};
use crate::event::{Finding, Queue};
use crate::markdown::{EXCERPT, LIST, Page, in_words, or_unknown, span, span_of};
use crate::rules::evidence::bundle::{Group, QueueFacts};
use crate::rules::report::{self, Lead, LossFacts, queue_with_sources, shown};
use crate::text::count;

const BY_RULES: &str = "built-in rules";

/// Renders the report of `triages`, which were judged from `bundle`.
pub fn render(bundle: &BundleContents, triages: &[Triage], loss: LossFacts) -> String {
    let verdict = super::verdict(triages);
    let facts = &bundle.queue;
    let queue = queue_with_sources(&facts.queue, facts.sources.as_deref(), &bundle.facts);
    let mut out = Page::default();
    let first = triages.first();
    let error = first.and_then(|first| first.error.as_deref()).map(|error| span_of(error, EXCERPT));
    let title = super::judged_title(triages);
    match &error {
        Some(error) => out.line(format!("# Triage: {error}; {title}\n")),
        None => out.line(format!("# Triage: {title}\n")),
    }
    let lead = first.map(|first| Lead {
        error: first.error.clone(),
        place: first.place.clone(),
        words: first.title.clone(),
        first: first.next.first().cloned(),
    });
    let lead = lead.unwrap_or_else(unknown);
    let depth = (facts.depth, bundle.sampled());
    report::head(&mut out, &queue, depth, loss, facts.retention_s, lead);
    let advice = triages.iter().map(|each| each.redrive).max().unwrap_or(RedriveAdvice::DoNot);
    let sure = report::confidence(verdict.confidence, BY_RULES);
    report::judgement(&mut out, &verdict.status, sure, report::redrive(advice, &queue));
    out.line(
        "\nNo model was asked: fixed rules were applied to the evidence. Nobody has checked the result.",
    );
    let is_single = triages.len() == 1;
    out.list(triages, "cause", "\nThe cause is unknown: no message was sampled.", |triage| {
        cause(bundle, triage, is_single)
    });
    out.heading("Settings that could be better");
    let finding = |Finding { rule, level, detail }: &Finding| {
        let id = span(&format!("lint.{rule}"));
        format!("- {id} ({}): {}", span(level), span_of(detail, 2 * EXCERPT))
    };
    out.list(&facts.lint, "finding", "No rule found any.", finding);
    report::timeline(&mut out, &bundle.timeline);
    unknowns(&mut out, bundle, triages);
    report::queue_settings(&mut out, facts);
    out.text()
}

/// Renders the report when no message could be sampled.
pub fn render_without_sample(queue: &Queue, why: &str, loss: LossFacts) -> String {
    let mut out = Page::default();
    out.line("# Triage: the cause is unknown\n");
    report::head(&mut out, queue, (None, 0), loss, None, unknown());
    let (sure, advice) = (report::confidence(None, BY_RULES), RedriveAdvice::DoNot);
    report::judgement(&mut out, "inconclusive", sure, report::redrive(advice, queue));
    out.heading("What is not known");
    out.line(format!("- Why the messages failed: {}", span_of(why, 2 * EXCERPT)));
    let facts = QueueFacts { queue: queue.clone(), ..QueueFacts::default() };
    report::queue_settings(&mut out, &facts);
    out.text()
}

/// Returns the head of a report without a cause.
fn unknown() -> Lead {
    Lead { words: "unknown".into(), ..Lead::default() }
}

fn cause(bundle: &BundleContents, triage: &Triage, is_single: bool) -> String {
    let mut out = Page::default();
    let messages = count(triage.count, "message");
    let title = if is_single { String::new() } else { format!(": {}", triage.title) };
    out.heading(&format!("{}{title} ({messages})", report::CAUSE));
    out.line(format!("{}\n", triage.reason));
    let mut groups = bundle.fingerprints.fingerprints.iter();
    if let Some(group) = groups.find(|group| group.item == triage.group) {
        out.line(format!("- Seen: {}", span(&group.title)));
        if let Some(place) = &group.place {
            out.line(format!("- Place: {}", span(place)));
        }
    }
    let (group, print) = (span(&triage.group), span(&triage.fingerprint));
    out.facts([
        ("Category", format!("{}; code: {}", triage.category, triage.fault)),
        ("Confidence", format!("{} ({})", in_words(triage.confidence), triage.confidence)),
        ("Redrive", triage.redrive.to_string()),
        ("Group", format!("{group}, fingerprint {print}")),
    ]);
    out.line(format!("\n{}:\n", report::WHAT_TO_DO));
    out.steps(triage.next.iter().cloned());
    report::commands(&mut out, &triage.commands);
    out.line(format!("\n{}:\n", report::EVIDENCE));
    for id in &triage.evidence {
        out.line(format!("- {}: {}", span(id), excerpt(bundle, id)));
    }
    out.text()
}

/// Returns an item of the bundle on one line.
fn excerpt(bundle: &BundleContents, id: &str) -> String {
    let queue = &bundle.queue;
    let is_group = |group: &&Group| group.item == id;
    if let Some(group) = bundle.fingerprints.fingerprints.iter().find(is_group) {
        let why = group.why.first().map(|why| format!(", by {}", span(why))).unwrap_or_default();
        return format!("{}{why}", span(&group.title));
    }
    if let Some(seen) = bundle.messages.iter().find(|seen| seen.id == id) {
        let (sent, times) = (shown(seen.sent_at), shown(seen.receives));
        let body = seen.body.shown().map_or_else(|| seen.form.clone(), |text| span(&text));
        return format!("sent {sent}, received {times}×, {} bytes: {body}", seen.size);
    }
    if let Some(log) = bundle.logs.logs.iter().find(|log| log.id == id) {
        return logs::excerpt(log);
    }
    let finding = |rule: &str| queue.lint.iter().find(|finding| finding.rule == rule);
    if let Some(finding) = id.strip_prefix("lint.").and_then(finding) {
        return span_of(&finding.detail, 2 * EXCERPT);
    }
    match id {
        "q.depth" => or_unknown(queue.depth, |depth| count(depth, "message")),
        "q.asked_at" => shown(queue.asked_at),
        "q.sources" => or_unknown(queue.sources.as_ref(), |all| count(all.len() as u64, "source")),
        _ => shown(None::<&str>),
    }
}

fn unknowns(out: &mut Page, bundle: &BundleContents, triages: &[Triage]) {
    out.heading("What is not known");
    let queue = &bundle.queue;
    let sampled = bundle.sampled();
    match queue.depth {
        None => {
            out.line("- The number of messages. Messages outside the sample may have other causes.")
        }
        Some(depth) if depth > sampled => out.line(format!(
            "- Why the other {} failed: {sampled} of {depth} were sampled.",
            count(depth - sampled, "message")
        )),
        Some(_) => {}
    }
    if queue.sources.is_none() {
        out.line("- Which queues send their dead letters to this queue.");
    }
    let unsent = bundle.messages.iter().filter(|seen| seen.sent_at.is_none()).count() as u64;
    if unsent > 0 {
        out.line(format!("- When {} was sent.", count(unsent, "message")));
    }
    let open: Vec<&str> = triages
        .iter()
        .filter(|triage| matches!(triage.fault, CodeFault::Unknown | CodeFault::Unconfirmed))
        .map(|triage| triage.group.as_str())
        .collect();
    if !open.is_empty() {
        let named = open.iter().take(LIST).map(|id| span(id)).collect::<Vec<_>>().join(", ");
        let more = if open.len() > LIST { ", …" } else { "" };
        out.line(format!("- Whether the code is at fault in {named}{more}."));
    }
    logs::unknowns(out, &bundle.logs);
}
