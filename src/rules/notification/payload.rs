//! The bodies that channels send: a notice in the words of each service.
//!
//! Promises: every text is safe, short and text: no name from outside becomes markup, a mention, an
//! option or a line of its own; every body is within the documented limits of its service, whatever
//! the notice holds.

pub mod desktop;
pub mod exec;
pub mod pagerduty;
pub mod slack;
pub mod webhook;

use serde_json::value::RawValue;

use super::delivery::{Delivery, EVENT_MAX};
use super::message::{BODY_MAX, NAMES_MAX, Notice, name_list};
use crate::text::{safe, shorten};

/// The longest sentence about the event, in characters.
const SENTENCE_MAX: usize = 1000;
/// The longest name, such as that of a queue or an incident, in characters.
const NAME_MAX: usize = 200;

/// The text that counts the names without room, at its longest.
const MORE: &str = " and 1000000 more";

/// The texts of a notice, safe and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Texts {
    title: String,
    /// Subject and fact, where the title may be cut.
    sentence: String,
    /// An instruction or a command each, together at most [`BODY_MAX`] characters, and the names of
    /// what the notice is about.
    lines: Vec<String>,
}

/// The room for the lines of a notice on a channel.
struct LineRoom {
    max: usize,
    length: fn(&str) -> usize,
}

impl LineRoom {
    /// Room for a text that people read.
    const USUAL: LineRoom = LineRoom { max: BODY_MAX, length: |text| text.chars().count() };
    /// Room for a text that a program takes.
    const WIDE: LineRoom = LineRoom { max: BODY_MAX + NAMES_MAX, ..LineRoom::USUAL };
}

impl Texts {
    fn new(notice: &Notice, place: &LineRoom) -> Self {
        let sentence = format!("{}: {}", notice.subject.trim(), notice.what);
        let mut room = BODY_MAX;
        let lines = notice.next.iter().chain(&notice.below).filter(|line| !line.trim().is_empty());
        let lines = lines.map_while(|line| {
            let line = safe(line).into_owned();
            // A part of a command must not be run.
            room = room.checked_sub(line.chars().count() + 1)?;
            Some(line)
        });
        let mut lines: Vec<String> = lines.collect();
        if !notice.names.is_empty() {
            let names: Vec<String> =
                notice.names.iter().map(|name| bounded(name, NAME_MAX)).collect();
            let used: usize = lines.iter().map(|line| (place.length)(line) + 1).sum();
            let room = place.max.saturating_sub(used + MORE.len());
            lines.push(name_list(&names, room, place.length));
        }
        Texts {
            lines,
            title: safe(&notice.title()).into_owned(),
            sentence: bounded(&sentence, SENTENCE_MAX),
        }
    }

    /// Returns the sentence and the lines below each other.
    fn whole(&self) -> String {
        [std::slice::from_ref(&self.sentence), &self.lines].concat().join("\n")
    }
}

/// Returns text made safe, of at most `max` characters.
fn bounded(text: &str, max: usize) -> String {
    // Cut twice: a name may have megabytes, and escapes make it longer.
    shorten(&safe(&shorten(text, max)), max).into_owned()
}

/// Returns the line of the event, when it is JSON and within its limit.
fn event(delivery: &Delivery) -> Option<&RawValue> {
    let line = delivery.event.as_deref().filter(|line| line.len() <= EVENT_MAX)?;
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests;
