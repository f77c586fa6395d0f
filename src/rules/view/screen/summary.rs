//! All rows of a list in short.

use super::amounts;
use super::rows::queues::Standing;
use super::rows::{ListName, investigations};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::incidents::INCIDENTS_MAX;
use crate::time::Timestamp;

/// The sentence before the first event.
pub const NOTHING: &str = "nothing is known yet: no event has been read";

/// The sentence about a clock that all events are ahead of.
pub const AHEAD: &str = "the clock is behind, or that of the events is ahead";

/// Returns what all rows of a list are in short, and the moment of their figures.
pub fn summary(name: ListName, state: &Dashboard, now: Timestamp) -> (String, Option<Timestamp>) {
    match name {
        ListName::Queues => {
            (queues(state, now), state.rounds.last.or_else(|| newest_reading(state)))
        }
        ListName::Investigators | ListName::Investigations => {
            let all = state.investigations.values();
            let running = all.clone().filter(|one| investigations::is_running(one)).count();
            let steps = all.clone().filter_map(|one| one.steps.last()).map(|step| step.at);
            let ends = all.clone().flat_map(|one| [one.started_at, one.ended_at]).flatten();
            let usage = all.filter_map(|one| one.usage).map(|usage| usage.at);
            (investigators(state, running), steps.chain(ends).chain(usage).max())
        }
        ListName::Requests => {
            let all = state.pull_requests.values();
            let open = all.clone().filter(|one| one.is_open()).count();
            let text = match state.pull_requests.is_empty() {
                true => told(state, 0, "known"),
                false => told(state, open, "open"),
            };
            (text, all.filter_map(|one| one.seen_at).max())
        }
        ListName::Timeline => {
            let text = state.source.begins.map(|at| format!("since {}", amounts::instant(at, now)));
            let newest = state.timeline.entries.back();
            (text.unwrap_or_default(), newest.map(|entry| entry.at))
        }
        ListName::Incidents => {
            let all = state.incidents.values();
            let open = all.filter(|one| one.is_open()).count();
            let open = open + dropped_incidents(state);
            (told(state, open, "open"), state.source.newest)
        }
    }
}

fn counted(number: usize, word: &str) -> String {
    if number == 0 { format!("none {word}") } else { format!("{number} {word}") }
}

/// Returns how many there are of what events alone tell; nothing while none was read.
fn told(state: &Dashboard, number: usize, word: &str) -> String {
    if state.source.events == 0 { String::new() } else { counted(number, word) }
}

/// Returns how many investigations run, as far as that is known.
fn investigators(state: &Dashboard, running: usize) -> String {
    match running {
        0 if !has_sessions(state) => {
            if state.source.events > 0 {
                "unknown".into()
            } else {
                String::new()
            }
        }
        0 if state.investigations.is_empty() && state.unread.is_none() => told(state, 0, "known"),
        0 if state.investigations.is_empty() => told(state, 0, "running"),
        running if !has_sessions(state) => format!("{running} running or more"),
        running => counted(running, "running"),
    }
}

/// Returns whether the sessions are known: by events, and by the document unless it cannot be read.
pub fn has_sessions(state: &Dashboard) -> bool {
    let is_unread = state.unread.is_some_and(|unread| unread.sessions);
    !is_unread && (state.source.events > 0 || !state.investigations.is_empty())
}

/// Returns the sentence that there was nothing, which names the begin of the history that tells it.
pub fn none_since(state: &Dashboard, now: Timestamp, none: &str) -> String {
    match state.source.begins {
        Some(begins) => format!("{none} since {}", amounts::instant(begins, now)),
        None if state.source.is_ahead_of_clock() => format!("unknown: {AHEAD}"),
        None => NOTHING.into(),
    }
}

/// Returns the number of queues that are not kept, by the newest round; None where the round does not
/// tell it.
pub fn dropped_queues(state: &Dashboard) -> Option<u64> {
    if !state.is_queue_list_cut {
        return Some(0);
    }
    let kept = state.queues.values().filter(|queue| !queue.is_gone).count() as u64;
    state.rounds.queues.map(|all| all.saturating_sub(kept))
}

/// Returns the number of open incidents that are not kept, by their queues.
pub fn dropped_incidents(state: &Dashboard) -> usize {
    // A full list has lost a tenth at most.
    if state.incidents.len() < INCIDENTS_MAX - INCIDENTS_MAX / 10 - 1 {
        return 0;
    }
    let open = state.queues.values().filter_map(|queue| queue.incident.as_deref());
    open.filter(|id| !state.incidents.contains_key(*id)).count()
}

fn newest_reading(state: &Dashboard) -> Option<Timestamp> {
    state.queues.values().filter_map(|queue| queue.read_at).max()
}

fn queues(state: &Dashboard, now: Timestamp) -> String {
    let mut counts = [0_usize; 4];
    for queue in state.queues.values() {
        let part = match Standing::new(queue, now) {
            Standing::Fatal | Standing::Error => 0,
            // An incident stays open while its queue cannot be read.
            Standing::Unknown => {
                counts[0] += usize::from(queue.incident.is_some());
                1
            }
            Standing::Warning => 2,
            Standing::Quiet => 3,
            Standing::Gone => continue,
        };
        counts[part] += 1;
    }
    let words = ["raised", "unknown", "below threshold", "quiet"];
    let parts = counts.iter().zip(words).filter(|(count, word)| **count > 0 || *word == "raised");
    let mut parts: Vec<String> = parts.map(|(count, word)| counted(*count, word)).collect();
    match dropped_queues(state) {
        Some(0) => {}
        Some(number) => parts.insert(1, counted(number as usize, "left out")),
        None => parts.insert(1, "some left out".into()),
    }
    if state.queues.is_empty() { String::new() } else { parts.join(", ") }
}
