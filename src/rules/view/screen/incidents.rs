//! An incident whole: times, news, causes, verdict, patch, and the commands to run.

use super::amounts;
use super::investigations;
use super::page_lines::PageLines;
use super::places;
use super::rows::{incidents as rows, timeline};
use super::theme::{StyledLine, Tone};
use super::ui::AttachedFiles;
use crate::event::Severity;
use crate::rules::aws_command::word;
use crate::rules::loss_text;
use crate::rules::view::dashboard::incidents::{IncidentRequest, IncidentStory};
use crate::time::Timestamp;

/// Adds the page of an incident.
pub fn page(page: &mut PageLines, id: &str, attached: Option<&AttachedFiles>) {
    let Some(one) = page.look.state.incidents.get(id) else {
        return page.sentence(
            "this incident is not kept here; dlq-log --incident has its events",
            Tone::Warning,
        );
    };
    let name = places::named(page.look.state, &one.queue, rows::queue_name(one));
    page.heading(&format!("Incident of {name}"), id);
    let state = rows::state_cell(page.look, one);
    page.field("state", &state.text, state.tone);
    let severity = rows::severity(page.look.state, one, page.look.now);
    page.field("severity", severity.as_str(), severity_tone(severity));
    depth(page, one);
    if one.lost > 0 {
        page.field("lost", &format!("{} messages are missing", one.lost), Tone::Bad);
    }
    for request in &one.requests {
        page.field("pull request", &request_text(request), Tone::Link);
    }
    if let Some(redrive) = &one.redrive {
        page.field("redrive", redrive, Tone::Plain);
    }
    if let Some((_, detail)) = &one.skipped {
        page.field("not looked at", detail, Tone::Warning);
    }
    statements(page, one, id);
    times(page, one);
    causes(page, one);
    if let Some(session) = one.session.as_deref() {
        investigations::verdict(page, session);
    }
    commands(page, one, id);
    news(page, id);
    if let Some(session) = one.session.as_deref() {
        investigations::files(page, session, attached);
    }
}

/// Returns a pull request with its state, and the cause that it names.
fn request_text(request: &IncidentRequest) -> String {
    let state = match (request.merged_at, request.closed_at) {
        (Some(_), _) => "merged",
        (None, Some(_)) => "closed",
        (None, None) => "open",
    };
    let cause = request.fingerprint.as_deref().map(|cause| format!(", for cause {cause}"));
    format!("{} {state}{}", request.key, cause.unwrap_or_default())
}

/// Adds what people said about the incident and its queue.
fn statements(page: &mut PageLines, one: &IncidentStory, id: &str) {
    let (now, said) = (page.look.now, &page.look.state.statements);
    let name = rows::queue_name(one);
    let silence = said.silences.of_subject(name, now);
    if let Some(until) = said.acks.until(Some(id), name, now) {
        let text = format!("until {}", amounts::instant(until, now));
        page.field("acknowledged", &text, Tone::Plain);
    }
    if let Some(silence) = silence {
        let until = amounts::instant(silence.until, now);
        let reason = silence.reason.as_ref().map(|reason| format!(": {reason}"));
        let text = format!("'{}' until {until}{}", silence.glob, reason.unwrap_or_default());
        page.field("silenced", &text, Tone::Plain);
    }
}

fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Fatal | Severity::Error => Tone::Bad,
        Severity::Warn => Tone::Warning,
        Severity::Debug | Severity::Info => Tone::Plain,
    }
}

fn depth(page: &mut PageLines, one: &IncidentStory) {
    let now = page.look.now;
    let queue = page.look.state.queues.get(&one.queue).filter(|_| one.is_open());
    let depth = queue.map_or(one.depth, |queue| queue.depth);
    match depth {
        Some(depth) => page.field("depth", &amounts::count(depth), Tone::Plain),
        None => page.field("depth", "unknown", Tone::Warning),
    }
    let Some(queue) = queue else { return };
    let window = queue.window();
    let text = loss_text::phrase_with_instant(window, depth, now);
    let tone = if loss_text::is_near(window, now) { Tone::Bad } else { Tone::Plain };
    page.field("loss", &text, tone);
    if let Some(reason) = &queue.unreadable {
        page.field("unreadable", reason, Tone::Warning);
    }
}

fn times(page: &mut PageLines, one: &IncidentStory) {
    let milestones: [(&str, Option<Timestamp>); 7] = [
        ("raised", one.raised_at),
        ("investigated", one.investigated_at),
        ("explained", one.explained_at),
        ("pull request", one.pull_request_at),
        ("merged", one.merged_at),
        ("redriven", one.redriven_at),
        ("cleared", one.cleared_at),
    ];
    page.heading("Times", "time since the raise");
    for (name, at) in milestones {
        let Some(at) = at else {
            let none = if one.is_open() { "not yet" } else { "never" };
            page.field(name, none, Tone::Faint);
            continue;
        };
        let elapsed = one.raised_at.map(|raised| amounts::clock(at.since(raised).as_secs()));
        let instant = amounts::instant(at, page.look.now);
        let elapsed = elapsed.filter(|_| name != "raised");
        let text = elapsed.map_or(instant.clone(), |elapsed| format!("{instant} [{elapsed}]"));
        page.field(name, &text, Tone::Plain);
    }
}

fn causes(page: &mut PageLines, one: &IncidentStory) {
    page.heading("Causes", "messages of the newest sample");
    if one.causes.is_empty() {
        page.sentence("not known yet: no message was sampled", Tone::Faint);
    }
    if let Some(bundle) = &one.bundle {
        page.field("evidence", bundle, Tone::Link);
    }
    for (fingerprint, count, title) in &one.causes {
        let mut head = StyledLine::new();
        head.pad(2);
        head.push(&format!("{:>4} ", amounts::count(*count)), Tone::Strong);
        page.hang(head, title, Tone::Plain);
        let mut head = StyledLine::new();
        head.pad(7);
        page.hang(head, &format!("cause {fingerprint}"), Tone::Faint);
    }
}

/// Adds the commands that a person runs next. A name that cannot be written safely has none.
fn commands(page: &mut PageLines, one: &IncidentStory, id: &str) {
    page.heading("Commands", "");
    // A name may stand for queues of several accounts and regions.
    let name = rows::queue_name(one);
    let queues = page.look.state.queues.values();
    let is_ambiguous = queues.filter(|queue| &*queue.name == name).nth(1).is_some();
    let queue = if is_ambiguous { &one.queue } else { name };
    let queue = word(queue).filter(|name| !name.starts_with('-'));
    let incident = word(id).filter(|id| !id.starts_with('-'));
    let line = |command: &str, operand: &Option<String>| {
        operand.as_ref().map(|operand| format!("{command} {operand}"))
    };
    let mut lines = vec![line("dlq-log --incident", &incident)];
    if one.is_open() {
        lines.push(line("dlq-peek --messages", &queue));
        lines.push(line("dlq-investigate --explain", &queue));
        lines.push(line("dlq-status --ack", &incident));
    }
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    if lines.is_empty() {
        page.sentence("none: its name cannot be written safely in a shell", Tone::Warning);
    }
    for line in lines {
        page.command(&line);
    }
}

fn news(page: &mut PageLines, id: &str) {
    page.heading("News", "newest first");
    let state = page.look.state;
    let of_incident = state.timeline.entries.iter().rev();
    let of_incident = of_incident.filter(|entry| entry.incident.as_deref() == Some(id));
    let before = page.lines.len();
    for entry in of_incident {
        let mut head = StyledLine::new();
        head.pad(2);
        head.push(&amounts::instant(entry.at, page.look.now), Tone::Faint);
        let symbol = timeline::entry_symbol(page.look.symbols, entry);
        head.push(&format!(" {symbol} "), Tone::Plain);
        page.hang(head, &timeline::told(page.look, entry), Tone::Plain);
    }
    if page.lines.len() == before {
        page.sentence("none among the newest news; dlq-log has all", Tone::Faint);
    }
}
