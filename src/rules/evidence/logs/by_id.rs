//! The rule by message id: the error on a line with the id, else in the invocation of that line.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::invocation::{self, LoggedRun};
use super::line::{self, Mark, uuids};
use super::text_line::worded_error;
use super::{Consumer, LogEvent, fingerprint_of, trace_lines};
use crate::rules::evidence::fingerprint::Fingerprint;

/// Invocations of one letter that are examined, the newest first.
const INVOCATIONS_MAX: usize = 3;
/// Time after a line in which a logger that splits traces writes the rest.
const SPLIT: Duration = Duration::from_secs(1);

/// The error of a letter, and the line that reports it.
pub(super) type Found = (Fingerprint, LogEvent);

/// Finds the error of a message among `hits`, the lines with its id in the order of time. `block`
/// returns the lines of a stream from a line on, for as long as an invocation can take.
pub(super) fn cause<E>(
    id: &str,
    hits: &[&LogEvent],
    consumer: &Consumer,
    mut block: impl FnMut(&LogEvent, Duration) -> Result<Vec<LogEvent>, E>,
) -> Result<Option<Found>, E> {
    // An error without a class may be explained by the lines that follow it.
    let mut vague: Option<Found> = None;
    let span = consumer.timeout + SPLIT;
    let firsts = first_hits(hits, span);
    // The first error of the last invocation: what follows it is often its consequence.
    for first in firsts.iter().rev() {
        for hit in hits.iter().filter(|hit| is_near(first, hit, span)) {
            let Some(found) = on_line(id, hit) else { continue };
            if found.exception.is_some() {
                return Ok(Some((found, (*hit).clone())));
            }
            vague = vague.or(Some((found, (*hit).clone())));
        }
    }
    let mut blocks = Vec::new();
    for first in firsts.iter().rev().take(INVOCATIONS_MAX) {
        let mut events = block(first, if consumer.function.is_some() { span } else { SPLIT })?;
        invocation::sort(&mut events);
        if consumer.function.is_none()
            && !events.iter().any(|event| line::mark(&event.text).is_some())
        {
            // Threads share the stream: only the rest of a split trace belongs to the line.
            if let Some(found) = split_trace(first, &events) {
                return Ok(Some(found));
            }
            continue;
        }
        let events = trace_lines::join(events, |event| is_same(event, first));
        match in_block(id, first, &events) {
            InBlock::Found(found) => return Ok(Some(*found)),
            InBlock::Ambiguous => return Ok(vague),
            InBlock::Nothing => blocks.push((*first, events)),
        }
    }
    Ok(vague.or_else(|| in_words(id, hits, &blocks)))
}

/// Returns a failure that has no level and no class: on a line with the id, the newest first, else on
/// one behind it in its invocation.
fn in_words(id: &str, hits: &[&LogEvent], blocks: &[(&LogEvent, Vec<LogEvent>)]) -> Option<Found> {
    let found = |event: &LogEvent| {
        let print = fingerprint_of(&worded_error(&event.text)?.text)?;
        Some((print, event.clone()))
    };
    let mut named = hits.iter().rev().filter(|hit| !is_about_another(id, hit));
    named.find_map(|hit| found(hit)).or_else(|| {
        blocks.iter().find_map(|(hit, events)| {
            let invocations = invocation::group(events);
            let own =
                invocations.iter().find(|one| one.lines.iter().any(|own| is_same(own, hit)))?;
            (!own.names_others(id, hit)).then(|| after(id, own, hit).find_map(found))?
        })
    })
}

fn is_same(event: &LogEvent, other: &LogEvent) -> bool {
    event.id == other.id && event.at == other.at
}

/// Returns whether a text names a message: its whole id, and no longer word.
pub(super) fn names(text: &str, id: &str) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    text.match_indices(id).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        !id.is_empty() && !is_part(before) && !is_part(text.as_bytes().get(at + id.len()))
    })
}

/// Returns the error of a line that is not about another message.
fn on_line(id: &str, event: &LogEvent) -> Option<Fingerprint> {
    if is_about_another(id, event) {
        return None;
    }
    fingerprint_of(&line::error_of(&event.text)?.text)
}

/// Returns whether a line names another message first.
fn is_about_another(id: &str, event: &LogEvent) -> bool {
    let request = match line::mark(&event.text) {
        Some(Mark::Start(id) | Mark::Report(id) | Mark::Request(id)) => id,
        None => String::new(),
    };
    uuids(&event.text).find(|other| *other != request).is_some_and(|first| first != id)
}

/// Returns the first hit of each invocation: hits of one stream that lie close together.
fn first_hits<'e>(hits: &[&'e LogEvent], span: Duration) -> Vec<&'e LogEvent> {
    let mut firsts: Vec<&LogEvent> = Vec::new();
    for hit in hits {
        if !firsts.iter().any(|first| is_near(first, hit, span)) {
            firsts.push(*hit);
        }
    }
    firsts
}

fn is_near(first: &LogEvent, hit: &LogEvent, span: Duration) -> bool {
    first.stream == hit.stream && hit.at >= first.at && hit.at.since(first.at) <= span
}

enum InBlock {
    Found(Box<Found>),
    /// The invocation had several messages and several errors.
    Ambiguous,
    Nothing,
}

/// Finds the error in the lines of a stream from the hit on.
fn in_block(id: &str, hit: &LogEvent, events: &[LogEvent]) -> InBlock {
    let invocations = invocation::group(events);
    let is_hit = |event: &&&LogEvent| is_same(event, hit);
    let Some(own) = invocations.iter().find(|one| one.lines.iter().any(|own| is_same(own, hit)))
    else {
        return InBlock::Nothing;
    };
    let found = |event: &LogEvent, text: &str| {
        let found = fingerprint_of(text).map(|print| Box::new((print, event.clone())));
        found.map_or(InBlock::Nothing, InBlock::Found)
    };
    if let Some((event, error)) = own.errors().find(|(_, error)| error.terminal) {
        return found(event, &error.text);
    }
    // The events of a trace that follow the hit are a part of it now.
    if let Some(joined) = own.lines.iter().find(is_hit).filter(|joined| joined.text != hit.text)
        && let Some(error) = line::error_of(&joined.text)
        && let InBlock::Found(found) = found(joined, &error.text)
        && found.0.exception.is_some()
    {
        return InBlock::Found(found);
    }
    if own.names_others(id, hit) {
        return one_of(id, own, found);
    }
    for event in after(id, own, hit) {
        if let Some(error) = line::error_of(&event.text) {
            return found(event, &error.text);
        }
    }
    InBlock::Nothing
}

/// Returns the lines of an invocation behind the hit that are about no other message.
fn after<'e>(id: &str, own: &LoggedRun<'e>, hit: &LogEvent) -> impl Iterator<Item = &'e LogEvent> {
    let rest = own.lines.iter().copied().skip_while(|event| !is_same(event, hit)).skip(1);
    rest.take_while(move |event| !own.names_another(id, event))
}

impl LoggedRun<'_> {
    /// Whether a line names other messages than that of `id`.
    fn names_another(&self, id: &str, event: &LogEvent) -> bool {
        let request = self.request.as_deref().unwrap_or_default();
        uuids(&event.text).any(|other| other != id && other != request)
    }

    /// Whether a hit shows a batch of several messages.
    fn names_others(&self, id: &str, hit: &LogEvent) -> bool {
        hit.text.contains("Records") || self.names_another(id, hit)
    }
}

/// Returns the error of an invocation whose line names all messages of the batch: the only one.
fn one_of(id: &str, own: &LoggedRun<'_>, found: impl Fn(&LogEvent, &str) -> InBlock) -> InBlock {
    let errors: Vec<_> = own.errors().filter(|(event, _)| !is_about_another(id, event)).collect();
    let distinct: BTreeSet<_> = errors.iter().map(|(_, e)| signature_of(&e.text)).collect();
    match (errors.first(), distinct.len()) {
        (Some((event, error)), 1) => found(event, &error.text),
        (Some(_), _) => InBlock::Ambiguous,
        (None, _) => InBlock::Nothing,
    }
}

fn signature_of(text: &str) -> Option<String> {
    fingerprint_of(text).map(|print| signature(&print))
}

/// Returns what errors of one cause share: class and masked text. The place in the code is not part
/// of it, because a handler logs it in one line and not in the next.
pub(super) fn signature(print: &Fingerprint) -> String {
    let class = print.exception.as_deref().or(print.code.as_deref()).unwrap_or_default();
    format!("{class}: {}", print.message.as_deref().unwrap_or_default())
}

/// Returns the error of a trace whose lines follow the hit as lines of their own, with the text of all
/// of them.
fn split_trace(hit: &LogEvent, events: &[LogEvent]) -> Option<Found> {
    let mut seen = HashSet::new();
    let own = events.iter().filter(|event| event.stream == hit.stream);
    let mut rest =
        own.skip_while(|event| event.id != hit.id).filter(|event| seen.insert(&event.id));
    rest.next()?;
    let starts =
        ["Traceback (most recent call last)", "Exception in thread ", "panic: ", "Caused by: "];
    let is_trace = |text: &str| {
        text.starts_with([' ', '\t'])
            || starts.iter().any(|start| text.starts_with(start))
            || fingerprint_of(text).is_some_and(|found| found.exception.is_some())
    };
    let trace: Vec<&str> =
        rest.map(|event| event.text.as_str()).take_while(|text| is_trace(text)).collect();
    let trace = trace.join("\n");
    let found = fingerprint_of(&trace).filter(|found| found.exception.is_some())?;
    line::error_of(&hit.text)?;
    Some((found, LogEvent { text: format!("{}\n{trace}", hit.text), ..hit.clone() }))
}
