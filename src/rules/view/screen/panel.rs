//! A list with its heading: what it is, what it has in short, and how old its figures are.
//!
//! Promises: an empty list says why it is empty; figures that are not known have no age.

use std::time::Duration;

use super::amounts;
use super::columns::ColumnField;
use super::filter::RowFilter;
use super::lists::ListState;
use super::rows::{ListName, Look};
use super::symbols::Symbols;
use super::theme::{StyledLine, Tone};
use super::{cells, problems, summary};

/// The time for which an ended investigation stays among the investigators.
const DAY: Duration = Duration::from_secs(86_400);

/// Returns a line of a heading: text on the left, text on the right, and a rule between them.
pub fn rule(
    symbols: Symbols,
    width: usize,
    title: &str,
    tone: Tone,
    left: &str,
    right: &str,
) -> StyledLine {
    let mut line = StyledLine::from_text(&format!("{} ", symbols.rule), Tone::Faint);
    line.push(title, tone);
    line.push(" ", Tone::Plain);
    let right = cells::clean(right);
    let tail = if right.is_empty() { 0 } else { cells::width(&right) + 3 };
    // A heading is worth more than the note beside it.
    let tail = if line.width() + tail > width { 0 } else { tail };
    let room = width.saturating_sub(line.width() + tail);
    // The last parts of a summary leave first, whole.
    let mut left = left;
    while !left.is_empty() && cells::width(&cells::clean(left)) + 3 > room {
        left = left.rfind(", ").map_or("", |at| &left[..at]);
    }
    if !left.is_empty() {
        line.push(&format!("{} ", symbols.rule), Tone::Faint);
        line.push(left, Tone::Plain);
        line.push(" ", Tone::Plain);
    }
    let rules = width.saturating_sub(line.width() + tail);
    line.push(&symbols.rule.repeat(rules), Tone::Faint);
    if tail > 0 {
        line.push(" ", Tone::Plain);
        line.push(&right, Tone::Faint);
        line.push(&format!(" {}", symbols.rule), Tone::Faint);
    }
    line.cut(width, symbols.cut)
}

/// A panel of a view.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    pub name: ListName,
    pub look: &'a Look<'a>,
    pub filter: &'a RowFilter,
    /// Whether the keys act on it.
    pub is_focused: bool,
    /// Whether a person can press keys at all.
    pub is_live: bool,
}

impl Panel<'_> {
    fn has_head(self) -> bool {
        self.name != ListName::Timeline
    }

    /// Returns the lines that the panel needs to show all rows.
    pub fn needs(self, list: &ListState) -> usize {
        1 + list.len().max(1) + usize::from(self.has_head() && !list.is_empty())
    }

    /// Returns the heading alone.
    pub fn heading(self, list: &ListState, width: usize) -> StyledLine {
        let symbols = self.look.symbols;
        let title = self.name.title();
        let (title, tone) = match self.is_focused && self.is_live {
            true => (format!("{} {title}", symbols.selected), Tone::Strong),
            false => (title.to_owned(), Tone::Strong),
        };
        let age = list.as_of.map(|at| format!("{} ago", amounts::age(self.look.now.since(at))));
        let sort = list.sort().map(|(field, is_descending)| self.sorted(field, is_descending));
        let window = list.window().map(|(first, last)| format!("{first}-{last} of {}", list.len()));
        let filter = (!self.filter.is_empty())
            .then(|| format!("/{} {} of {}", self.filter.text(), list.len(), list.total));
        let right: Vec<String> = [sort, window, age].into_iter().flatten().collect();
        let left: Vec<&str> =
            [filter.as_deref(), Some(&list.summary)].into_iter().flatten().collect();
        let left = left.join(", ");
        let mut right = right;
        // On a narrow screen the age is worth more than the rest.
        while right.len() > 1 && cells::width(&right.join(", ")) + 4 + title.len() > width / 2 {
            right.remove(0);
        }
        rule(symbols, width, &title, tone, &left, &right.join(", "))
    }

    fn sorted(self, field: ColumnField, is_descending: bool) -> String {
        let head = self.name.columns().iter().find(|column| column.field == field);
        let head = head.map_or("", |column| column.head).to_lowercase();
        let symbols = self.look.symbols;
        format!("by {head} {}", if is_descending { symbols.down } else { symbols.up })
    }

    /// Returns the heading and as many rows as there is room for.
    pub fn lines(self, list: &mut ListState, width: usize, height: usize) -> Vec<StyledLine> {
        let head = usize::from(self.has_head() && !list.is_empty() && height > 2);
        list.scroll(height.saturating_sub(1 + head));
        let mut lines = vec![self.heading(list, width)];
        if list.is_empty() {
            let reason = cells::clean(&self.empty_reason(list)).into_owned();
            let wrapped = cells::wrap(&reason, width.saturating_sub(2));
            lines.extend(wrapped.iter().map(|text| {
                let mut line = StyledLine::new();
                line.pad(2);
                line.with(text, Tone::Faint)
            }));
        } else {
            let is_marked = self.is_focused && self.is_live;
            lines.extend(list.lines(self.name, self.look, width, is_marked, head > 0));
        }
        lines.truncate(height);
        lines
    }

    fn empty_reason(self, list: &ListState) -> String {
        let state = self.look.state;
        if list.total > 0 {
            return format!("none of {} passes the filter", list.total);
        }
        if state.source.events == 0 {
            return match state.source.problems.first() {
                Some(problem) => format!("cannot be read: {problem}"),
                None if state.source.is_ahead_of_clock() => format!("unknown: {}", summary::AHEAD),
                None => summary::NOTHING.into(),
            };
        }
        let unread = state.unread.unwrap_or_default();
        let now = self.look.now;
        match (self.name, &state.rounds.failure) {
            (ListName::Queues, _) if unread.queues => {
                "unknown: queues.json cannot be read, and no event tells of a queue".into()
            }
            (ListName::Investigators | ListName::Investigations, _) if unread.sessions => {
                "unknown: sessions.json cannot be read".into()
            }
            (ListName::Queues, Some((_, reason))) => format!("cannot be read: {reason}"),
            (ListName::Queues, None) if state.rounds.last.is_none() => {
                "nothing is known yet: no round of dlq-poll has been read".into()
            }
            (ListName::Queues, None) => "no dead-letter queue is known".into(),
            (ListName::Investigators, _) => {
                let has_day = state.source.begins.is_some_and(|at| now.since(at) >= DAY);
                if has_day {
                    "none in the last 24h".into()
                } else {
                    summary::none_since(state, now, "none")
                }
            }
            (ListName::Requests, _) => "none is known: no event about one has been read".into(),
            (ListName::Timeline, _) => "no news".into(),
            (ListName::Investigations, _) => summary::none_since(state, now, "none"),
            (ListName::Incidents, _) => summary::none_since(state, now, "no queue was raised"),
        }
    }
}

/// Returns the line about what could not be read; None when everything could.
pub fn problem_line(look: &Look, width: usize) -> Option<StyledLine> {
    let all = problems::all(look.state, look.now);
    let first = all.first()?;
    let more = match all.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more: key 2)"),
    };
    let symbols = look.symbols;
    let first = cells::clean(first).into_owned();
    let room = width.saturating_sub(2 + cells::width(&more));
    let text = cells::cut_sentence(&first, room, symbols.cut);
    Some(StyledLine::from_text(&format!("{} {text}{more}", symbols.warning), Tone::Warning))
}
