//! Problems of the figures: parts that cannot be read, and rounds that are missing.

use std::time::Duration;

use super::rows::Look;
use super::theme::{StyledLine, Tone};
use super::{amounts, cells, summary};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::queues::QUEUES_MAX;
use crate::text::count;
use crate::time::Timestamp;

/// The intervals after which a round is missing, and the time where none is known, in milliseconds.
const MISSED: u64 = 3;
const INTERVAL_MS: u64 = 300_000;

/// Returns a sentence for each problem, the gravest first.
pub fn all(state: &Dashboard, now: Timestamp) -> Vec<String> {
    let mut problems: Vec<String> = overdue(state, now).into_iter().collect();
    if let Some((at, reason)) = &state.rounds.failure {
        problems.push(format!("{} a round failed: {reason}", amounts::instant(*at, now)));
    }
    if state.rounds.unread > 0 {
        let unread = count(state.rounds.unread, "queue or scope");
        let unread = unread.replace("queue or scopes", "queues or scopes");
        problems.push(format!("{unread} could not be read in the last round"));
    }
    problems.extend(state.source.problems.iter().cloned());
    problems.extend(untimely(state));
    problems.extend(dropped_queues(state));
    problems.extend(dropped(state));
    match state.source.damaged {
        0 => {}
        1 => problems.push("1 line of the source is no event".into()),
        lines => problems.push(format!("{lines} lines of the source are no events")),
    }
    problems
}

/// Returns the sentence about events that were not taken.
pub fn untimely(state: &Dashboard) -> Option<String> {
    if state.source.is_ahead_of_clock() {
        let all = count(state.source.untimely, "event");
        return Some(format!("{}: none of {all} has a time of the past", summary::AHEAD));
    }
    let left_out = match state.source.untimely {
        0 => return None,
        1 => "1 event is left out: it has no time".to_owned(),
        number => format!("{number} events are left out: they have no time"),
    };
    Some(format!("{left_out}, or one ahead of the clock"))
}

/// Returns the sentence about queues that are not kept.
fn dropped_queues(state: &Dashboard) -> Option<String> {
    let left_out = match summary::dropped_queues(state) {
        Some(0) => return None,
        Some(1) => "1 queue is".into(),
        Some(number) => format!("{number} queues are"),
        None => "queues are".into(),
    };
    Some(format!(
        "the list is cut: {left_out} left out, quiet ones first; there is room for {QUEUES_MAX}"
    ))
}

/// Returns the sentence about open incidents that are not kept.
fn dropped(state: &Dashboard) -> Option<String> {
    let number = summary::dropped_incidents(state);
    let are = if number == 1 { "incident is" } else { "incidents are" };
    let kept = state.incidents.len();
    (number > 0).then(|| {
        format!("{number} open {are} not kept, those whose messages are lost last: there is room for {kept}")
    })
}

/// Returns each problem in full, for a text that no key scrolls.
pub fn lines(look: &Look, width: usize) -> Vec<StyledLine> {
    let head = format!("{} ", look.symbols.warning);
    let sentences = all(look.state, look.now);
    let lines = sentences.iter().flat_map(|sentence| {
        let sentence = format!("{head}{}", cells::clean(sentence));
        cells::wrap(&sentence, width)
    });
    lines.map(|line| StyledLine::from_text(&line, Tone::Warning)).collect()
}

/// Returns the sentence about rounds that are missing. A stream that has ended has no more rounds.
pub fn overdue(state: &Dashboard, now: Timestamp) -> Option<String> {
    let usual_ms = state.rounds.interval_ms;
    let Some(last) = state.rounds.last.max(state.rounds.recorded) else {
        let begins = state.source.begins?;
        missing_for(begins, None, now)?;
        let begins = amounts::instant(begins, now);
        return Some(format!("no round of dlq-poll since {begins}, where the history begins"));
    };
    let since = missing_for(last, usual_ms, now)?;
    let interval = usual_ms.map(Duration::from_millis);
    let usual = interval.map(|span| format!(" (usually every {})", amounts::age(span)));
    let usual = usual.unwrap_or_default();
    Some(format!("no round of dlq-poll for {}{usual}", amounts::age(since)))
}

/// Returns the time since the last round, when that is several of the usual intervals.
pub fn missing_for(last: Timestamp, usual_ms: Option<u64>, now: Timestamp) -> Option<Duration> {
    let usual = usual_ms.unwrap_or(INTERVAL_MS);
    let since = now.since(last);
    (since.as_millis() > u128::from(usual.saturating_mul(MISSED))).then_some(since)
}
