//! An investigation: state, verdict, live steps, files.

use super::amounts;
use super::page_lines::PageLines;
use super::places;
use super::rows::investigations as rows;
use super::theme::{StyledLine, Tone};
use super::ui::AttachedFiles;
use crate::rules::view::dashboard::investigations::{
    Investigation, InvestigationStatus, ShownProof,
};
use crate::text::count;

/// The lines of a patch or a report that a page shows.
const FILE_LINES: usize = 400;
/// The characters of a commit's id that are shown.
const COMMIT: usize = 12;

/// Adds the page of an investigation.
pub fn page(page: &mut PageLines, id: &str, attached: Option<&AttachedFiles>) {
    let Some(one) = page.look.state.investigations.get(id) else {
        return page.sentence("this investigation is no longer on record", Tone::Warning);
    };
    let now = page.look.now;
    let name = rows::queue_name(page.look.state, one);
    let name = places::named(page.look.state, &one.queue, name);
    page.heading(&format!("Investigation of {name}"), id);
    let status = rows::status_cell(page.look, one);
    page.field("status", &status.text, status.tone);
    if let Some(detail) = &one.detail {
        page.field("reason", detail, Tone::Plain);
    }
    times(page, one);
    let cost = match one.cost {
        Some(cost) if one.is_cost_least => format!("{cost} or more: its end told none"),
        Some(cost) => cost.to_string(),
        None => "unknown: not reported".into(),
    };
    page.field("cost", &cost, Tone::Plain);
    if rows::is_running(one) {
        usage(page, one);
    }
    if !one.incident.is_empty() {
        page.field("incident", &one.incident, Tone::Plain);
    }
    verdict(page, id);
    page.heading("Steps", "newest first");
    if one.steps.is_empty() {
        page.sentence("none was reported", Tone::Faint);
    }
    for step in one.steps.iter().rev() {
        let mut head = StyledLine::new();
        head.pad(2);
        head.push(&format!("{} ", amounts::instant(step.at, now)), Tone::Faint);
        let who = step.subagent.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
        let tool = step.tool.as_deref().map(|tool| format!(" ({tool})")).unwrap_or_default();
        page.hang(head, &format!("{who}{}{tool}", step.step), Tone::Plain);
    }
    files(page, id, attached);
}

fn times(page: &mut PageLines, one: &Investigation) {
    let now = page.look.now;
    let agent = if one.agent.is_empty() { "unknown" } else { &one.agent };
    let pid = one.pid.filter(|_| rows::is_running(one));
    let pid = pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    page.field("agent", &format!("{agent}{pid}"), Tone::Plain);
    if let Some(at) = one.started_at {
        page.field("begun", &amounts::instant(at, now), Tone::Plain);
    }
    let runtime = rows::runtime(one, now).map(amounts::clock);
    let runtime = runtime.unwrap_or_else(|| "unknown".into());
    match one.timeout_at.filter(|_| rows::is_running(one)) {
        Some(at) if at <= now => {
            page.field("runtime", &format!("{runtime}, past its deadline"), Tone::Bad);
        }
        Some(at) => {
            let left = amounts::age(at.since(now));
            page.field("runtime", &format!("{runtime}, {left} to its deadline"), Tone::Plain);
        }
        None => page.field("runtime", &runtime, Tone::Plain),
    }
}

fn usage(page: &mut PageLines, one: &Investigation) {
    let Some(usage) = one.usage else {
        return page.field("usage", "not known yet", Tone::Faint);
    };
    let cpu = usage.cpu_percent.map_or("CPU unknown".into(), |percent| format!("CPU {percent}%"));
    let processes = count(usage.processes, "process").replace("processs", "processes");
    let age = amounts::age(page.look.now.since(usage.at));
    let text = format!("{cpu}, {}, {processes}, {age} ago", amounts::memory(usage.rss_bytes));
    page.field("usage", &text, Tone::Plain);
    let names: Vec<&str> = one.subagents.iter().map(|(name, _)| &**name).collect();
    let names = if names.is_empty() { "none at work".to_owned() } else { names.join(", ") };
    page.field("subagents", &names, Tone::Plain);
}

/// Adds the verdict of an investigation.
pub fn verdict(page: &mut PageLines, id: &str) {
    let Some(one) = page.look.state.investigations.get(id) else { return };
    page.heading("Verdict", "");
    let Some(verdict) = &one.verdict else {
        let reason = match one.status {
            InvestigationStatus::Running => "not yet: the investigation goes on",
            _ => "none: the investigation ended without a result",
        };
        return page.sentence(reason, Tone::Faint);
    };
    page.field("status", rows::verdict_word(verdict), Tone::Strong);
    if let Some(why) = &verdict.needs_person {
        page.field("person", &format!("needed: {why}"), Tone::Warning);
    }
    if verdict.is_of_record {
        page.field("the rest", "unknown: its end is not among the events", Tone::Faint);
    }
    if let Some(title) = &verdict.title {
        page.field("title", title, Tone::Plain);
    }
    if let Some(category) = &verdict.category {
        page.field("category", category, Tone::Plain);
    }
    if let Some(confidence) = verdict.confidence.filter(|confidence| confidence.is_finite()) {
        page.field("confidence", &format!("{:.0} %", confidence * 100.0), Tone::Plain);
    }
    match verdict.redrive.as_deref() {
        Some("do_not") => page.field("redrive", "do not", Tone::Bad),
        Some("after_fix") => page.field("redrive", "after the fix only", Tone::Warning),
        Some(other) => page.field("redrive", other, Tone::Plain),
        None => {}
    }
    if let Some(proof) = &one.proof {
        fix(page, proof);
    }
    if let Some(why) = &one.patch_held {
        page.field("patch", &format!("not offered: {why}"), Tone::Warning);
    }
}

/// Adds what the tests say of the fix, and on which commit.
fn fix(page: &mut PageLines, proof: &ShownProof) {
    let tone = if &*proof.grade == "proven" { Tone::Strong } else { Tone::Warning };
    let word = rows::proof_word(&proof.grade);
    let detail = proof.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let base = proof.base.as_deref().map(|base| base.get(..COMMIT).unwrap_or(base));
    let base = base.map(|base| format!(" (on {base})")).unwrap_or_default();
    page.field("fix", &format!("{word}{detail}{base}"), tone);
}

/// Adds the report and the patch: their text, or else where they are.
pub fn files(page: &mut PageLines, id: &str, attached: Option<&AttachedFiles>) {
    let Some(one) = page.look.state.investigations.get(id) else { return };
    let Some(report) = &one.report else { return };
    page.heading("Report and patch", "");
    page.field("report", report, Tone::Link);
    let Some(attached) = attached.filter(|attached| &*attached.session == id) else {
        return page.field(
            "patch",
            "patch.diff beside the report, where there is one",
            Tone::Faint,
        );
    };
    for (name, text) in [("Patch", &attached.patch), ("Report", &attached.report)] {
        match text {
            Ok(text) if text.is_empty() => {}
            Ok(text) => {
                page.heading(name, "");
                page.verbatim(text, FILE_LINES);
            }
            Err(problem) => page.field(&name.to_lowercase(), problem, Tone::Faint),
        }
    }
}
