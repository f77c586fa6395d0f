//! A search in the log of one consumer for the causes of dead letters.
//!
//! First by message id, for all letters; then by recurrence, for the letters of each moment of first
//! receive. Where the log has too many lines to be asked at once, those are [`MOMENTS_MAX`] moments.
//! A failure ends the search and keeps what was found.

use std::time::Duration;

use super::answer::{AnswerKind, Course, LogAnswer, conclude};
use super::by_recurrence::{self, Recurrence};
use super::known_lines::{self, KnownLines};
use super::query::{self, ERRORS_PATTERN, IDS_MAX, LogPage, LogQuery, PAGES_MAX, WHOLE_PAGES_MAX};
use super::windows::{self, RecurrenceWindows, Window};
use super::{CitedLine, Consumer, FoundBy, Letter, LogEvent, LoggedCause, by_id};
use crate::rules::evidence::fingerprint::Fingerprint;
use crate::time::Timestamp;

/// Moments of first receive that are examined by questions of their own.
pub const MOMENTS_MAX: usize = 3;
/// Moments that have to agree on an error that is known by its times alone.
const AGREE_MIN: usize = 3;
/// Questions of recurrence that ask for one receive or control each.
const ASKED_MAX: usize = 24;
/// Receives that are examined by such questions.
const RECEIVES_MAX: usize = 10;
/// Questions for the lines of all receives and controls together.
const PIECES_MAX: u128 = 4;
/// Letters that are searched for.
pub const LETTERS_MAX: usize = 100;
/// The longest span of one question by id; a longer one is asked in parts.
const SPAN_MAX: Duration = Duration::from_secs(15 * 60);
/// Time around a receive, and after the sight of a letter, in which its lines may lie.
const MARGIN: Duration = Duration::from_secs(60);
const RECEIVE_MARGIN: Duration = Duration::from_secs(5);
/// Time after the time limit of an invocation in which its last line is written.
const END_MARGIN: Duration = Duration::from_millis(500);

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
    known: KnownLines,
    /// Receives that were examined of how many, when those were not all.
    thinned: Option<(usize, u64)>,
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
        known: KnownLines::default(),
        thinned: None,
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
                thinned: search.thinned,
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
                let page = self.lines(window, Some(&pattern), None, PAGES_MAX)?;
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
        let page = self.lines(window, None, Some(&event.stream), PAGES_MAX)?;
        blocks.push((event.clone(), page.events.clone()));
        Ok(page.events)
    }

    fn by_recurrence(&mut self, letters: &[Letter]) -> Result<(), LogAnswer> {
        let firsts: Vec<(usize, Timestamp)> = (letters.iter().enumerate())
            .filter(|(_, letter)| !self.has_cause(letter))
            .filter_map(|(at, letter)| Some((at, letter.first_received_at?)))
            .collect();
        let moments: Vec<(RecurrenceWindows, Timestamp, Vec<usize>)> =
            (by_recurrence::moments(&firsts).into_iter())
                .filter_map(|(first, members)| {
                    Some((windows::recurrence(first, self.consumer)?, first, members))
                })
                .collect();
        let spans: Vec<Window> =
            moments.iter().filter_map(|(windows, ..)| windows.span()).collect();
        let (from, to) = (spans.iter().map(|span| span.from), spans.iter().map(|span| span.to));
        if let (Some(from), Some(to)) = (from.min(), to.max()) {
            self.learn(self.with_ends(Window { from, to }))?;
        }
        let mut by_time: Vec<(Vec<usize>, Fingerprint, Vec<CitedLine>)> = Vec::new();
        let mut asked = 0;
        for (mut windows, first, members) in moments {
            let Some(span) = windows.span().map(|span| self.with_ends(span)) else { continue };
            if self.known.get(span).is_none() {
                asked += 1;
                let calls = 2 * windows.receives.len().min(RECEIVES_MAX);
                if asked > MOMENTS_MAX.min(ASKED_MAX / calls) {
                    // What was not asked for is not absent.
                    self.is_partial = true;
                    continue;
                }
            }
            if !self.learn(span)? {
                let all = windows.receives.len();
                windows.thin_out(RECEIVES_MAX);
                if windows.receives.len() < all {
                    self.thinned = Some((windows.receives.len(), self.consumer.receives));
                }
            }
            let found = by_recurrence::cause(&windows, |window| {
                let window = self.with_ends(window);
                self.errors(window)
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

    /// Returns a span of starts, with the ends of the invocations that start there.
    fn with_ends(&self, window: Window) -> Window {
        window.extended(self.consumer.timeout + END_MARGIN)
    }

    /// Asks for all lines of a span that matter to recurrence, unless the log has too many. Returns
    /// whether they are known.
    fn learn(&mut self, span: Window) -> Result<bool, LogAnswer> {
        // Fewer questions than receives and controls need.
        let max = u128::from(self.consumer.receives).min(PIECES_MAX);
        let mut known = std::mem::take(&mut self.known);
        let learnt = known.learn(span, max, |piece| {
            self.lines(piece, Some(ERRORS_PATTERN), None, WHOLE_PAGES_MAX)
        });
        self.known = known;
        learnt
    }

    /// Returns the lines of a span that matter to recurrence.
    fn errors(&mut self, span: Window) -> Result<Vec<LogEvent>, LogAnswer> {
        if let Some(known) = self.known.get(span) {
            return Ok(known.to_vec());
        }
        let page = self.lines(span, Some(ERRORS_PATTERN), None, PAGES_MAX)?;
        self.is_partial |= !page.complete;
        Ok(known_lines::what_matters(page.events))
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
        pages: usize,
    ) -> Result<LogPage, LogAnswer> {
        let mut page = (self.ask)(&LogQuery {
            group: self.consumer.group.clone(),
            window,
            pattern: pattern.map(str::to_owned),
            stream: stream.map(str::to_owned),
            pages,
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
pub(super) fn is_of(function: Option<&str>, stream: &str) -> bool {
    let (Some(function), Some((head, _))) = (function, stream.split_once('[')) else { return true };
    let name = head.rsplit('/').next().unwrap_or_default();
    name.is_empty() || name == function
}
