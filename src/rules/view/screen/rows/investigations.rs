//! Rows of investigations: those that run first, then the newest.

use std::time::Duration;

use super::super::amounts::{self, NONE};
use super::super::columns::{ColumnField, TableCell};
use super::super::filter::RowFilter;
use super::super::places;
use super::super::theme::Tone;
use super::{KEYS, Look, RowKey, SortKey};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::investigations::{
    Investigation, InvestigationStatus, ShownVerdict,
};
use crate::time::Timestamp;

/// The time for which an ended investigation stays among the investigators.
const RECENT: Duration = Duration::from_secs(24 * 3600);
/// The characters of a session's id that are shown.
pub const ID: usize = 8;

/// Returns the name of the queue of an investigation.
pub fn queue_name<'a>(state: &'a Dashboard, one: &'a Investigation) -> &'a str {
    let known = state.queues.get(&one.queue).map(|queue| &*queue.name);
    let named = known.filter(|name| !name.is_empty());
    // The last part of an ARN is the name.
    named.unwrap_or_else(|| one.queue.rsplit(':').next().unwrap_or(&one.queue))
}

pub fn word(status: InvestigationStatus) -> &'static str {
    match status {
        InvestigationStatus::Running => "running",
        InvestigationStatus::Completed => "completed",
        InvestigationStatus::Failed => "failed",
        InvestigationStatus::TimedOut => "timed out",
        InvestigationStatus::Stopped => "stopped",
        InvestigationStatus::Crashed => "crashed",
    }
}

pub fn status_cell(look: &Look, one: &Investigation) -> TableCell {
    let symbols = look.symbols;
    let (symbol, tone) = match one.status {
        InvestigationStatus::Completed if needs_person(one) => (symbols.warning, Tone::Warning),
        InvestigationStatus::Running => (symbols.begin, Tone::Strong),
        InvestigationStatus::Completed => (symbols.good, Tone::Plain),
        InvestigationStatus::Stopped => (symbols.gone, Tone::Plain),
        InvestigationStatus::Failed
        | InvestigationStatus::TimedOut
        | InvestigationStatus::Crashed => (symbols.bad, Tone::Bad),
    };
    TableCell::new(look.signed(symbol, word(one.status)), tone)
}

pub fn is_running(one: &Investigation) -> bool {
    one.status == InvestigationStatus::Running
}

/// Returns the seconds from the begin to the end, or to now.
pub fn runtime(one: &Investigation, now: Timestamp) -> Option<u64> {
    let end = one.ended_at.or_else(|| is_running(one).then_some(now));
    match (one.started_at, end) {
        (Some(begin), Some(end)) => Some(end.since(begin).as_secs()),
        _ => one.usage.map(|usage| usage.runtime_s),
    }
}

/// Returns the status of a verdict in words.
pub fn verdict_word(verdict: &ShownVerdict) -> &str {
    if &*verdict.status == "not_a_bug" { "not a bug" } else { &verdict.status }
}

/// Returns whether a person has to look at the verdict before anybody acts on it.
fn needs_person(one: &Investigation) -> bool {
    one.verdict.as_ref().is_some_and(|verdict| verdict.needs_person.is_some())
}

/// Returns the grade of a fix in words; a word of another version as it is.
pub fn proof_word(grade: &str) -> &str {
    match grade {
        "unproven" => "not proven",
        "unknown" => "proof unknown",
        other => other,
    }
}

/// Returns the result in a sentence: the words that decide what to do come before the title.
fn result(one: &Investigation) -> Option<String> {
    let Some(verdict) = &one.verdict else { return one.detail.as_deref().map(str::to_owned) };
    let person = needs_person(one).then_some("needs a person");
    let proof = one.proof.as_ref().map(|proof| proof_word(&proof.grade));
    let words = [Some(verdict_word(verdict)), person, proof].into_iter().flatten();
    let words = words.collect::<Vec<_>>().join(", ");
    Some(match &verdict.title {
        Some(title) => format!("{words}: {title}"),
        None => words,
    })
}

pub fn rows<'a>(
    state: &'a Dashboard,
    now: Timestamp,
    filter: &RowFilter,
    recent_only: bool,
) -> Vec<(&'a str, &'a str)> {
    let is_recent = |one: &Investigation| {
        is_running(one) || one.ended_at.is_some_and(|end| end.plus(RECENT) >= now)
    };
    let passes = |id: &str, one: &Investigation| {
        let title = one.verdict.as_ref().and_then(|verdict| verdict.title.as_deref());
        let texts = [queue_name(state, one), id, &*one.agent, word(one.status)];
        let words = one.verdict.as_ref().and_then(|_| result(one)).unwrap_or_default();
        let more = [title.unwrap_or_default(), one.detail.as_deref().unwrap_or_default(), &*words];
        (!recent_only || is_recent(one)) && filter.passes(texts.into_iter().chain(more))
    };
    let all = state.investigations.iter().map(|(id, one)| (&**id, one));
    all.filter(|(id, one)| passes(id, one)).map(|(id, _)| (id, "")).collect()
}

pub fn value<'a>(state: &'a Dashboard, id: &'a str, field: ColumnField) -> SortKey<'a> {
    let Some(one) = state.investigations.get(id) else { return SortKey::Unknown };
    match field {
        ColumnField::Status => SortKey::Text(word(one.status)),
        ColumnField::Queue => SortKey::Text(queue_name(state, one)),
        ColumnField::Pid => SortKey::known(one.pid),
        ColumnField::Subagents => SortKey::count(one.subagents.len() as u64),
        ColumnField::Cpu => {
            SortKey::known(one.usage.and_then(|usage| usage.cpu_percent.map(u64::from)))
        }
        ColumnField::Memory => SortKey::known(one.usage.map(|usage| usage.rss_bytes)),
        ColumnField::Runtime => {
            let newest = state.source.newest.unwrap_or_default();
            SortKey::known(runtime(one, newest))
        }
        ColumnField::Cost => SortKey::known(one.cost.map(|cost| (cost.dollars() * 1e6) as u64)),
        ColumnField::Age => SortKey::age(one.started_at),
        ColumnField::Session => SortKey::Text(id),
        ColumnField::Agent => SortKey::text(Some(&one.agent)),
        ColumnField::Result => {
            let verdict = one.verdict.as_ref();
            SortKey::text(verdict.map(|verdict| &*verdict.status).or(one.detail.as_deref()))
        }
        _ => SortKey::Unknown,
    }
}

pub fn urgency<'a>(state: &'a Dashboard, id: &str) -> [SortKey<'a>; KEYS] {
    let Some(one) = state.investigations.get(id) else { return [SortKey::Unknown; KEYS] };
    let rank = SortKey::Number(i64::from(!is_running(one)));
    let begun = SortKey::age(one.started_at);
    [rank, begun, SortKey::Unknown, SortKey::Unknown, SortKey::Unknown]
}

pub fn cell(look: &Look, key: &RowKey, field: ColumnField) -> Option<TableCell> {
    let one = look.state.investigations.get(&key.id)?;
    let told = |text: Option<String>| text.map_or_else(TableCell::unknown, TableCell::plain);
    // What has ended has no process.
    let of_process = |text: Option<String>| match is_running(one) {
        true => told(text),
        false => TableCell::new(NONE, Tone::Faint),
    };
    // The usage of an investigation that has ended is that of no process.
    let usage = one.usage.filter(|_| is_running(one));
    Some(match field {
        ColumnField::Status => status_cell(look, one),
        ColumnField::Queue => {
            let name = queue_name(look.state, one);
            TableCell::plain(places::named(look.state, &one.queue, name))
        }
        ColumnField::Pid => of_process(one.pid.map(|pid| pid.to_string())),
        ColumnField::Subagents => subagents(one),
        ColumnField::Cpu => {
            let percent = usage.and_then(|usage| usage.cpu_percent);
            of_process(percent.map(|percent| format!("{}%", percent.min(9999))))
        }
        ColumnField::Memory => of_process(usage.map(|usage| amounts::memory(usage.rss_bytes))),
        ColumnField::Runtime => told(runtime(one, look.now).map(amounts::clock)),
        ColumnField::Cost => told(cost(one)),
        ColumnField::Age => told(one.started_at.map(|at| amounts::age(look.now.since(at)))),
        ColumnField::Session => TableCell::plain(key.id.chars().take(ID).collect::<String>()),
        ColumnField::Agent => TableCell::plain(&*one.agent),
        ColumnField::Result => match result(one) {
            Some(result) if needs_person(one) => TableCell::sentence(result, Tone::Warning),
            Some(result) => TableCell::sentence(result, Tone::Plain),
            None => TableCell::sentence(last_step(one).unwrap_or_default(), Tone::Faint),
        },
        _ => return None,
    })
}

/// Returns the cost, with a `+` where it can be more; None when it is unknown.
fn cost(one: &Investigation) -> Option<String> {
    let lacks = if one.is_cost_least { "+" } else { "" };
    one.cost.map(|cost| format!("{}{lacks}", amounts::usd(cost)))
}

fn subagents(one: &Investigation) -> TableCell {
    if !is_running(one) {
        return TableCell::new(NONE, Tone::Faint);
    }
    // Without any event of the session nothing is known of them.
    if one.agent.is_empty() && one.steps.is_empty() {
        return TableCell::unknown();
    }
    let names: Vec<&str> = one.subagents.iter().map(|(name, _)| &**name).collect();
    let long = Some(names.join(", ")).filter(|names| !names.is_empty());
    TableCell { long, ..TableCell::plain(names.len().to_string()) }
}

/// Returns the newest step in a few words.
pub fn last_step(one: &Investigation) -> Option<String> {
    let step = one.steps.last()?;
    Some(match &step.tool {
        Some(tool) => format!("{}: {tool}", step.step),
        None => step.step.to_string(),
    })
}
