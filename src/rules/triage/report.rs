//! Report of a triage in Markdown, for a terminal or a browser.
//!
//! Promises: external text stands in code spans and fenced blocks only, on one line, shortened,
//! without hidden characters and behind more backticks than it holds: it cannot be a heading, a
//! link, a mention or the end of a block. Unknown is stated as unknown. Every list has a limit.

mod logs;

use std::fmt::Display;
use std::time::Duration;

use super::{BundleContents, CodeFault, Triage};
use crate::event::{Finding, Queue};
use crate::markdown::{EXCERPT, LIST, Page, fence, in_words, or_unknown, plain, span, span_of};
use crate::rules::evidence::bundle::{Group, QueueFacts, Timeline};
use crate::text::count;
use crate::time::show_span;

/// Limit of a command, in characters; its words are shortened already.
const COMMAND: usize = 8192;

/// Renders the report of `triages`, which were judged from `bundle`.
pub fn render(bundle: &BundleContents, triages: &[Triage]) -> String {
    let verdict = super::verdict(triages);
    let sure = verdict.confidence.map_or("none", in_words);
    let redrive = verdict.redrive.as_deref().unwrap_or("unknown");
    let title = verdict.title.as_deref().unwrap_or("the cause is unknown");
    let status = format!("{}. Confidence: {sure}. Redrive: {redrive}.\n", verdict.status);
    let mut out = page(title, &bundle.queue.queue, &status);
    out.line(
        "No model was asked: fixed rules were applied to the evidence. Nobody has checked the result.",
    );
    queue_facts(&mut out, &bundle.queue);
    out.heading("Causes");
    let none = "Unknown: no message was sampled.";
    out.list(triages, "cause", none, |triage| cause(bundle, triage));
    out.heading("Settings that could be better");
    let finding = |Finding { rule, level, detail }: &Finding| {
        let id = span(&format!("lint.{rule}"));
        format!("- {id} ({}): {}", span(level), span_of(detail, 2 * EXCERPT))
    };
    out.list(&bundle.queue.lint, "finding", "No rule found any.", finding);
    timeline(&mut out, &bundle.timeline);
    unknowns(&mut out, bundle, triages);
    out.text()
}

/// Renders the report when no message could be sampled.
pub fn render_without_sample(queue: &Queue, why: &str) -> String {
    let status = "inconclusive. Confidence: none. Redrive: unknown.";
    let mut out = page("the cause is unknown", queue, status);
    out.heading("What is not known");
    out.line(format!("- Why the messages failed: {}", span_of(why, 2 * EXCERPT)));
    out.text()
}

fn page(title: &str, queue: &Queue, status: &str) -> Page {
    let mut out = Page::default();
    out.line(format!("# Triage: {title}\n\nQueue: {}\n\nStatus: {status}", span(&queue.name)));
    out
}

/// Adds the timeline of a bundle.
pub(in crate::rules) fn timeline(out: &mut Page, timeline: &Timeline) {
    out.heading("Timeline");
    out.list(&timeline.timeline, "moment", "No event is known.", |moment| {
        format!("- {} {}: {}", moment.at, span(&moment.id), span(&moment.what))
    });
}

fn queue_facts(out: &mut Page, queue: &QueueFacts) {
    out.heading("The queue");
    let text = |text: &str| or_unknown(Some(text).filter(|text| !text.is_empty()), span);
    out.facts([
        ("ARN (`q.queue`)", text(&queue.queue.arn)),
        ("Region", text(&queue.queue.region)),
        ("Asked at (`q.asked_at`)", shown(queue.asked_at)),
        ("Depth (`q.depth`)", shown(queue.depth)),
        ("Visible (`q.visible`)", shown(queue.visible)),
        ("In flight (`q.in_flight`)", shown(queue.in_flight)),
        ("Delayed (`q.delayed`)", shown(queue.delayed)),
        ("Keeps messages (`q.retention_s`)", time(queue.retention_s)),
        ("Visibility timeout (`q.visibility_s`)", time(queue.visibility_s)),
    ]);
    let Some(sources) = &queue.sources else {
        return out.line("- Sources (`q.sources`): unknown");
    };
    out.line(format!("- Sources (`q.sources`):{}", if sources.is_empty() { " none" } else { "" }));
    out.list(sources, "source", "", |source| {
        format!(
            "  - {}: depth {}, in flight {}, keeps messages {}, visibility timeout {}, \
             maxReceiveCount {}",
            span(&source.name),
            shown(source.depth),
            shown(source.in_flight),
            time(source.retention_s),
            time(source.visibility_s),
            shown(source.max_receive_count)
        )
    });
}

fn cause(bundle: &BundleContents, triage: &Triage) -> String {
    let mut out = Page::default();
    out.line(format!("### {} ({})\n", triage.title, count(triage.count, "message")));
    out.line(format!("{}\n", triage.reason));
    let (group, print) = (span(&triage.group), span(&triage.fingerprint));
    out.facts([
        ("Group", format!("{group}, fingerprint {print}")),
        ("Category", format!("{}; code: {}", triage.category, triage.fault)),
        ("Confidence", format!("{} ({})", in_words(triage.confidence), triage.confidence)),
        ("Redrive", triage.redrive.to_string()),
    ]);
    out.line("\nEvidence:\n");
    for id in &triage.evidence {
        out.line(format!("- {}: {}", span(id), excerpt(bundle, id)));
    }
    out.line("\nNext:\n");
    out.steps(triage.next.iter().cloned());
    if !triage.commands.is_empty() {
        let shown: Vec<String> = triage.commands.iter().map(|line| plain(line, COMMAND)).collect();
        let fence = fence(&shown.concat(), 3);
        out.line(format!("\n{fence}sh\n{}\n{fence}", shown.join("\n")));
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
        let body = match &seen.body {
            serde_json::Value::Null => seen.form.clone(),
            serde_json::Value::String(text) => span(text),
            value => span(&value.to_string()),
        };
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
    let sampled: u64 = bundle.fingerprints.fingerprints.iter().map(|group| group.count).sum();
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

fn shown(value: Option<impl Display>) -> String {
    or_unknown(value, |value| value.to_string())
}

fn time(seconds: Option<u64>) -> String {
    or_unknown(seconds, |seconds| show_span(Duration::from_secs(seconds)))
}
