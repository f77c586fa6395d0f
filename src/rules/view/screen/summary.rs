//! All rows of a list in short.

use super::amounts;
use super::rows::queues::Standing;
use super::rows::{ListName, investigations};
use crate::rules::view::dashboard::Dashboard;
use crate::time::Timestamp;

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
            (counted(running, "running"), steps.chain(ends).chain(usage).max())
        }
        ListName::Requests => {
            let all = state.pull_requests.values();
            let open = all.clone().filter(|one| one.is_open()).count();
            (told(state, open, "open"), all.filter_map(|one| one.seen_at).max())
        }
        ListName::Timeline => {
            let text = state.source.begins.map(|at| format!("since {}", amounts::instant(at, now)));
            let newest = state.timeline.entries.back();
            (text.unwrap_or_default(), newest.map(|entry| entry.at))
        }
        ListName::Incidents => {
            let all = state.incidents.values();
            let open = all.filter(|one| one.is_open()).count();
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

fn newest_reading(state: &Dashboard) -> Option<Timestamp> {
    state.queues.values().filter_map(|queue| queue.read_at).max()
}

fn queues(state: &Dashboard, now: Timestamp) -> String {
    let mut counts = [0_usize; 4];
    for queue in state.queues.values() {
        let part = match Standing::new(queue, now) {
            Standing::Fatal | Standing::Error => 0,
            Standing::Unknown => 1,
            Standing::Warning => 2,
            Standing::Quiet => 3,
            Standing::Gone => continue,
        };
        counts[part] += 1;
    }
    let words = ["raised", "unknown", "below threshold", "quiet"];
    let parts = counts.iter().zip(words).filter(|(count, word)| **count > 0 || *word == "raised");
    let parts: Vec<String> = parts.map(|(count, word)| counted(*count, word)).collect();
    if state.queues.is_empty() { String::new() } else { parts.join(", ") }
}
