//! A search in the log of one consumer for the causes of dead letters.
//!
//! First by message id, for all letters; then by recurrence, for the letters of at most
//! [`MOMENTS_MAX`] moments of first receive. A failure ends the search and keeps what was found.

use std::time::Duration;

use super::answer::{AnswerKind, Course, LogAnswer, conclude};
use super::by_recurrence::{self, Recurrence};
use super::query::{self, ERRORS_PATTERN, IDS_MAX, LogQuery};
use super::windows::{self, Window};
use super::{CitedLine, Consumer, FoundBy, Letter, LogEvent, LoggedCause, by_id, line};
use crate::rules::evidence::fingerprint::Fingerprint;
use crate::time::Timestamp;

/// Moments of first receive that are examined by recurrence.
pub const MOMENTS_MAX: usize = 3;
/// Moments that have to agree on an error that is known by its times alone.
const AGREE_MIN: usize = 3;
/// Letters that are searched for.
pub const LETTERS_MAX: usize = 100;
/// The longest span of one question by id; a longer one is asked in parts.
const SPAN_MAX: Duration = Duration::from_secs(15 * 60);
/// Time around a receive, and after the sight of a letter, in which its lines may lie.
const MARGIN: Duration = Duration::from_secs(60);
const RECEIVE_MARGIN: Duration = Duration::from_secs(5);

/// Lines that answer a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    pub events: Vec<LogEvent>,
    /// Whether the answer holds every line that was asked for.
    pub complete: bool,
}

/// The asker of a log. A failure is the answer of the whole search.
pub type Ask<'a> = &'a mut dyn FnMut(&LogQuery) -> Result<LogPage, LogAnswer>;

/// The outcome of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    pub answer: LogAnswer,
    pub causes: Vec<LoggedCause>,
}

/// A search under way.
struct Search<'a> {
    consumer: &'a Consumer,
    ask: Ask<'a>,
    now: Timestamp,
    causes: Vec<LoggedCause>,
    is_partial: bool,
    examined: usize,
    never_run: usize,
    received_at: Option<Timestamp>,
}

/// Searches for the causes of `letters`, which were seen in the dead-letter queue at `seen`: the
/// begin of the incident, or the request for the queue's attributes.
pub fn search(
    letters: &[Letter],
    consumer: &Consumer,
    seen: Timestamp,
    now: Timestamp,
    ask: Ask<'_>,
) -> SearchResult {
    let letters: Vec<Letter> = (letters.iter().take(LETTERS_MAX))
        .map(|letter| Letter {
            first_received_at: windows::trusted_first_receive(letter, seen),
            ..letter.clone()
        })
        .collect();
    let mut search = Search {
        consumer,
        ask,
        now,
        causes: Vec::new(),
        is_partial: false,
        examined: 0,
        never_run: 0,
        received_at: None,
    };
    let ended = search.run(&letters);
    let explained = search.causes.len();
    let answer = match ended {
        Err(answer) if explained > 0 => {
            let found = crate::text::count(explained as u64, "message");
            LogAnswer::new(AnswerKind::Partly, format!("the cause of {found}; then {answer}"))
        }
        Err(answer) => answer,
        Ok(()) => {
            let open = letters.iter().filter(|letter| !search.has_cause(letter));
            let moved = |letter: &Letter| {
                let first = letter.first_received_at;
                first.map_or(seen, |first| windows::moved_by(first, consumer))
            };
            let course = Course {
                letters: letters.len(),
                explained,
                is_partial: search.is_partial,
                examined: search.examined,
                never_run: search.never_run,
                received_at: search.received_at,
                moved_at: open.map(moved).max(),
            };
            conclude(&course, now)
        }
    };
    SearchResult { answer, causes: search.causes }
}

impl Search<'_> {
    fn run(&mut self, letters: &[Letter]) -> Result<(), LogAnswer> {
        let valid: Vec<&Letter> =
            letters.iter().filter(|letter| query::is_message_id(&letter.message_id)).collect();
        for letters in valid.chunks(IDS_MAX) {
            self.by_id(letters)?;
        }
        self.by_recurrence(letters)
    }

    fn has_cause(&self, letter: &Letter) -> bool {
        self.causes.iter().any(|cause| cause.item == letter.item)
    }

    fn by_id(&mut self, letters: &[&Letter]) -> Result<(), LogAnswer> {
        let ids: Vec<&str> = letters.iter().map(|letter| letter.message_id.as_str()).collect();
        let pattern = query::ids_pattern(&ids);
        let mut hits: Vec<LogEvent> = Vec::new();
        let mut is_partial = false;
        for windows in self.id_windows(letters) {
            for window in windows {
                let page = self.lines(window, Some(&pattern), None)?;
                is_partial |= !page.complete;
                let has_id = |event: &LogEvent| ids.iter().any(|id| event.text.contains(id));
                hits.extend(page.events.into_iter().filter(has_id));
            }
            if !hits.is_empty() {
                break;
            }
        }
        super::invocation::sort(&mut hits);
        hits.dedup();
        let mut blocks: Vec<(LogEvent, Vec<LogEvent>)> = Vec::new();
        for letter in letters {
            let own: Vec<&LogEvent> =
                hits.iter().filter(|event| by_id::names(&event.text, &letter.message_id)).collect();
            let consumer = self.consumer;
            let block = |event: &LogEvent, span| self.block(&mut blocks, event, span);
            let Some((fingerprint, event)) =
                by_id::cause(&letter.message_id, &own, consumer, block)?
            else {
                continue;
            };
            let first = letter.first_received_at;
            let receive = first.and_then(|first| windows::receive_at(first, event.at, consumer));
            self.causes.push(LoggedCause {
                item: letter.item.clone(),
                by: FoundBy::MessageId,
                fingerprint,
                lines: vec![CitedLine { event, receive }],
            });
        }
        self.is_partial |= is_partial && letters.iter().any(|letter| !self.has_cause(letter));
        Ok(())
    }

    /// Returns the spans to ask for lines with ids: those of the first step, and those of a second
    /// step in case that the first finds nothing.
    fn id_windows(&self, letters: &[&Letter]) -> [Vec<Window>; 2] {
        let end = self.now.plus(MARGIN);
        let firsts: Option<Vec<Timestamp>> =
            letters.iter().map(|letter| letter.first_received_at).collect();
        let sent = letters.iter().filter_map(|letter| letter.sent_at).min();
        let firsts = firsts.unwrap_or_default();
        let (Some(first), Some(last)) = (firsts.iter().min(), firsts.iter().max()) else {
            // The first receive of a letter is unknown: it came after the message was sent.
            let from = sent.unwrap_or(end.minus(SPAN_MAX)).minus(Duration::from_secs(1));
            return [vec![Window { from, to: end }], Vec::new()];
        };
        let from = first.minus(Duration::from_secs(1));
        let Consumer { timeout, batching, .. } = *self.consumer;
        let margin = timeout + batching + RECEIVE_MARGIN;
        let moved = windows::moved_by(*last, self.consumer).plus(timeout + MARGIN).min(end);
        let rest = vec![Window { from, to: end }];
        if moved.since(from) <= SPAN_MAX {
            return [vec![Window { from, to: moved }], if moved < end { rest } else { Vec::new() }];
        }
        let interval = self.consumer.retry_interval();
        let start = windows::moved_by(*first, self.consumer).minus(interval);
        let end_of_last = windows::moved_by(*last, self.consumer).minus(interval);
        let tail = Window {
            from: start.minus(Duration::from_secs(1)),
            to: end_of_last.plus(margin + MARGIN),
        };
        [vec![Window { from, to: last.plus(margin) }, tail], rest]
    }

    /// Returns the lines of a stream from a line on. A block that was asked for once is kept.
    fn block(
        &mut self,
        blocks: &mut Vec<(LogEvent, Vec<LogEvent>)>,
        event: &LogEvent,
        span: Duration,
    ) -> Result<Vec<LogEvent>, LogAnswer> {
        if let Some((_, known)) = blocks.iter().find(|(known, _)| known == event) {
            return Ok(known.clone());
        }
        if !query::is_stream(&event.stream) {
            return Ok(Vec::new());
        }
        let window = Window { from: event.at, to: event.at.plus(span) };
        let page = self.lines(window, None, Some(&event.stream))?;
        blocks.push((event.clone(), page.events.clone()));
        Ok(page.events)
    }

    fn by_recurrence(&mut self, letters: &[Letter]) -> Result<(), LogAnswer> {
        let firsts: Vec<(usize, Timestamp)> = (letters.iter().enumerate())
            .filter(|(_, letter)| !self.has_cause(letter))
            .filter_map(|(at, letter)| Some((at, letter.first_received_at?)))
            .collect();
        let mut by_time: Vec<(Vec<usize>, Fingerprint, Vec<CitedLine>)> = Vec::new();
        for (first, members) in by_recurrence::moments(&firsts, MOMENTS_MAX) {
            let Some(windows) = windows::recurrence(first, self.consumer) else { continue };
            let timeout = self.consumer.timeout;
            let found = by_recurrence::cause(&windows, |window| {
                let to = window.to.plus(timeout + Duration::from_millis(500));
                let page = self.lines(Window { to, ..window }, Some(ERRORS_PATTERN), None)?;
                self.is_partial |= !page.complete;
                let matters = |event: &LogEvent| {
                    line::mark(&event.text).is_some() || line::error_of(&event.text).is_some()
                };
                Ok::<_, LogAnswer>(page.events.into_iter().filter(matters).collect())
            })?;
            self.examined += members.len();
            match found {
                Recurrence::Nothing => {}
                Recurrence::NeverStarted => {
                    self.never_run += members.len();
                    self.received_at = self.received_at.max(Some(first));
                }
                Recurrence::Found(fingerprint, lines) => {
                    self.explain(letters, &members, &fingerprint, &lines);
                }
                Recurrence::FoundByTime(fingerprint, lines) => {
                    by_time.push((members, *fingerprint, lines));
                }
            }
        }
        let agree = |print: &Fingerprint| {
            let key = by_id::signature(print);
            by_time.iter().filter(|(_, other, _)| by_id::signature(other) == key).count()
        };
        for (members, fingerprint, lines) in &by_time {
            if agree(fingerprint) >= AGREE_MIN {
                self.explain(letters, members, fingerprint, lines);
            }
        }
        Ok(())
    }

    /// Adds a recurring cause of letters.
    fn explain(
        &mut self,
        letters: &[Letter],
        members: &[usize],
        fingerprint: &Fingerprint,
        lines: &[CitedLine],
    ) {
        self.causes.extend(members.iter().map(|&at| LoggedCause {
            item: letters[at].item.clone(),
            by: FoundBy::Recurrence,
            fingerprint: fingerprint.clone(),
            lines: lines.to_vec(),
        }));
    }

    /// Asks for lines, and drops those of other functions that share the group.
    fn lines(
        &mut self,
        window: Window,
        pattern: Option<&str>,
        stream: Option<&str>,
    ) -> Result<LogPage, LogAnswer> {
        let mut page = (self.ask)(&LogQuery {
            group: self.consumer.group.clone(),
            window,
            pattern: pattern.map(str::to_owned),
            stream: stream.map(str::to_owned),
        })?;
        let function = self.consumer.function.as_deref();
        page.events.retain(|event| {
            window.holds(event.at)
                && stream.is_none_or(|stream| event.stream == stream)
                && is_of(function, &event.stream)
        });
        Ok(page)
    }
}

/// Returns whether a stream may be one of this function: a shared group has `DATE/NAME[VERSION]ID`.
fn is_of(function: Option<&str>, stream: &str) -> bool {
    let (Some(function), Some((head, _))) = (function, stream.split_once('[')) else { return true };
    let name = head.rsplit('/').next().unwrap_or_default();
    name.is_empty() || name == function
}
