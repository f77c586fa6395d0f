//! Spans of a log of which recurrence knows all lines that matter to it.
//!
//! A question about a span costs less than one for each receive and each control, when the log has few
//! enough lines. A span with too many lines is asked for in pieces; how long they may be is learnt.

use std::time::Duration;

use super::LogEvent;
use super::line;
use super::query::LogPage;
use super::trace_lines;
use super::windows::Window;

/// Known spans, and how many lines the log has.
#[derive(Default)]
pub(super) struct KnownLines {
    spans: Vec<(Window, Vec<LogEvent>)>,
    /// The shortest span with too many lines for one question.
    too_long: Option<Duration>,
}

impl KnownLines {
    /// Returns the lines of a span in the order of time; `None` when they are not known.
    pub(super) fn get(&self, span: Window) -> Option<&[LogEvent]> {
        let (_, lines) = self.spans.iter().find(|(known, _)| known.covers(span))?;
        let first = lines.partition_point(|event| event.at < span.from);
        let end = lines.partition_point(|event| event.at <= span.to);
        Some(&lines[first..end])
    }

    /// Asks for the lines of a span, by at most `max` questions. Returns whether they are known.
    pub(super) fn learn<E>(
        &mut self,
        span: Window,
        max: u128,
        mut ask: impl FnMut(Window) -> Result<LogPage, E>,
    ) -> Result<bool, E> {
        if self.get(span).is_some() {
            return Ok(true);
        }
        let millis = |length: Duration| length.as_millis().max(1);
        let (mut from, mut asked, mut lines) = (span.from, 0, Vec::new());
        while from <= span.to {
            let rest = span.to.since(from);
            let length = self.too_long.map_or(rest, |too_long| rest.min(too_long / 2));
            if asked + (millis(rest)).div_ceil(millis(length)) > max {
                return Ok(false);
            }
            let piece = Window { from, to: from.plus(length) };
            let page = ask(piece)?;
            asked += 1;
            if page.complete {
                lines.extend(page.events);
                from = piece.to.plus(Duration::from_millis(1));
            } else {
                self.too_long = Some(length);
            }
        }
        self.spans.push((span, what_matters(lines)));
        Ok(true)
    }
}

/// Returns the starts, ends and errors among lines in the order of time, each error with its trace.
pub(super) fn what_matters(mut lines: Vec<LogEvent>) -> Vec<LogEvent> {
    super::invocation::sort(&mut lines);
    let mut lines = trace_lines::join(lines, |_| false);
    lines
        .retain(|event| line::mark(&event.text).is_some() || line::error_of(&event.text).is_some());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn span(from: i64, to: i64) -> Window {
        Window { from: Timestamp::from_millis(from), to: Timestamp::from_millis(to) }
    }

    /// Learns a span of a log with an error every 10 ms, of which an answer holds `lines`. Returns
    /// the lengths that were asked for, and whether all lines are known.
    fn learn(known: &mut KnownLines, of: Window, max: u128, lines: usize) -> (Vec<u64>, bool) {
        let mut asked = Vec::new();
        let found = known.learn(of, max, |piece| {
            asked.push(piece.to.since(piece.from).as_millis() as u64);
            let event = |at: i64| LogEvent {
                at: Timestamp::from_millis(at * 10),
                id: format!("{at:056}"),
                text: "[ERROR] KeyError: 'sku'".into(),
                ..LogEvent::default()
            };
            let all = (0..1000).map(event).filter(|event| piece.holds(event.at));
            let mut events: Vec<LogEvent> = all.collect();
            let complete = events.len() <= lines;
            events.truncate(lines);
            Ok::<_, ()>(LogPage { events, complete })
        });
        (asked, found.unwrap())
    }

    #[test]
    fn span_is_asked_for_at_once_in_pieces_or_not_at_all() {
        let rows: [(usize, u128, &[u64], bool); 5] = [
            (200, 4, &[1000], true),
            (60, 4, &[1000, 500, 499], true),
            (60, 2, &[1000], false),
            (30, 8, &[1000, 500, 250, 250, 250, 247], true),
            (30, 4, &[1000, 500], false),
        ];
        for (lines, max, expected, is_known) in rows {
            let mut known = KnownLines::default();
            let (asked, found) = learn(&mut known, span(1000, 2000), max, lines);
            assert_eq!((asked.as_slice(), found), (expected, is_known), "{lines} {max}");
            let count = known.get(span(1500, 1600)).map(<[_]>::len);
            assert_eq!(count, is_known.then_some(11), "{lines} {max}");
            assert_eq!(known.get(span(1500, 2100)), None);
        }
        // What was learnt about a long span holds for a shorter one.
        let mut known = KnownLines::default();
        learn(&mut known, span(0, 8000), 1, 200);
        assert_eq!(learn(&mut known, span(0, 8000), 1, 200), (vec![], false));
        assert_eq!(learn(&mut known, span(1000, 2000), 4, 200), (vec![1000], true));
        assert_eq!(learn(&mut known, span(1200, 1900), 4, 200), (vec![], true));
    }
}
