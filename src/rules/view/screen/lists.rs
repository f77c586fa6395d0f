//! The state of a list on the screen: its rows in order, the selected row, and the part that is shown.
//!
//! Promises: rows are put in order only when the state, the filter or the order has changed; only
//! visible rows are laid out; the selection stays with its row wherever that goes.

use super::columns::{ColumnField, ShownColumns};
use super::filter::RowFilter;
use super::rows::{ListName, Look, RowKey};
use super::theme::{StyledLine, Tone};
use super::{cells, summary};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::incidents::IncidentStory;
use crate::rules::view::dashboard::queues::ShownQueue;
use crate::time::Timestamp;

/// The time after which an order that depends on the clock is made anew.
const CLOCK_MS: i64 = 10_000;
/// The cells before the first column, for the mark of the selection.
const INDENT: usize = 2;

/// The origin of the order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    events: u64,
    /// The changes of the state folder.
    folder: u64,
    records: usize,
    clock: i64,
}

#[derive(Debug, Default)]
pub struct ListState {
    rows: Vec<RowKey>,
    /// The rows without a filter.
    pub total: usize,
    at: usize,
    /// The selected row; None while nobody has moved, so that the first row is selected whatever it is.
    key: Option<RowKey>,
    top: usize,
    /// The rows that the last frame had room for.
    visible: usize,
    sort: Option<(ColumnField, bool)>,
    stamp: Option<Stamp>,
    /// A sentence about all rows, which is made with their order.
    pub summary: String,
    pub as_of: Option<Timestamp>,
    pub has_places: bool,
    pub has_marks: bool,
}

impl ListState {
    /// Makes the rows anew when that is due.
    pub fn derive(
        &mut self,
        name: ListName,
        state: &Dashboard,
        now: Timestamp,
        filter: &RowFilter,
    ) {
        let records = state.queues.len()
            + state.incidents.len()
            + state.investigations.len()
            + state.pull_requests.len()
            + state.timeline.entries.len();
        let clock = now.millis().div_euclid(CLOCK_MS);
        let stamp =
            Stamp { events: state.source.events, folder: state.folder_changes, records, clock };
        if self.stamp == Some(stamp) {
            return;
        }
        self.stamp = Some(stamp);
        self.rows = name.rows(state, now, filter, self.sort);
        self.total = match filter.is_empty() {
            true => self.rows.len(),
            false => name.rows(state, now, &RowFilter::default(), None).len(),
        };
        (self.summary, self.as_of) = summary::summary(name, state, now);
        let is_placed = matches!(name, ListName::Queues | ListName::Incidents);
        self.has_places = is_placed && has_places(state);
        self.has_marks = name == ListName::Queues && has_marks(state, now);
        let found = self.key.as_ref().map(|key| self.rows.iter().position(|row| row.is(key)));
        match found {
            // The row has gone: the selection moves to what stands in its place.
            Some(None) => {
                self.at = self.at.min(self.rows.len().saturating_sub(1));
                self.key = self.rows.get(self.at).cloned();
            }
            Some(Some(at)) => self.at = at,
            None => self.at = 0,
        }
    }

    /// Has the rows made anew before the next use.
    pub fn forget(&mut self) {
        self.stamp = None;
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn selected(&self) -> Option<&RowKey> {
        self.rows.get(self.at)
    }

    /// Selects a row by its key, and returns whether it is there.
    pub fn select(&mut self, id: &str) -> bool {
        let at = self.rows.iter().position(|row| &*row.id == id);
        if let Some(at) = at {
            self.put(at);
        }
        at.is_some()
    }

    fn put(&mut self, at: usize) {
        self.at = at.min(self.rows.len().saturating_sub(1));
        // On the first row the selection follows what is most urgent.
        self.key = self.rows.get(self.at).filter(|_| self.at > 0).cloned();
    }

    pub fn step(&mut self, rows: isize) {
        self.put(self.at.saturating_add_signed(rows));
    }

    /// Moves by half of the visible rows.
    pub fn page(&mut self, is_down: bool) {
        let half = isize::try_from((self.visible / 2).max(1)).unwrap_or(1);
        self.step(if is_down { half } else { -half });
    }

    pub fn end(&mut self, is_last: bool) {
        self.put(if is_last { self.rows.len() } else { 0 });
    }

    pub fn sort(&self) -> Option<(ColumnField, bool)> {
        self.sort
    }

    /// Sorts by the next column; behind the last one comes the order by urgency.
    pub fn sort_next(&mut self, name: ListName) {
        let columns = name.columns();
        let at = self.sort.and_then(|(field, _)| columns.iter().position(|one| one.field == field));
        let next = columns.get(at.map_or(0, |at| at + 1));
        // Numbers begin with the greatest, words with the first.
        self.sort = next.map(|column| (column.field, column.is_number));
        self.forget();
    }

    /// Turns the order round; without a chosen column it is that of the first one.
    pub fn turn(&mut self, name: ListName) {
        match &mut self.sort {
            Some((_, is_descending)) => *is_descending = !*is_descending,
            None => self.sort_next(name),
        }
        self.forget();
    }

    /// Returns the columns for a width.
    fn columns(&self, name: ListName, width: usize, symbol: usize) -> ShownColumns {
        ShownColumns::choose(name.columns(), width.saturating_sub(INDENT), symbol, |field| {
            match field {
                ColumnField::Place => self.has_places,
                ColumnField::Mark => self.has_marks,
                _ => true,
            }
        })
    }

    /// Returns the numbers of the first and last visible row; None when all are visible.
    pub fn window(&self) -> Option<(usize, usize)> {
        let last = (self.top + self.visible).min(self.rows.len());
        (self.visible < self.rows.len()).then_some((self.top + 1, last))
    }

    /// Scrolls so that the selected row is visible in so many rows.
    pub fn scroll(&mut self, visible: usize) {
        self.visible = visible;
        let last_top = self.rows.len().saturating_sub(visible);
        let least = (self.at + 1).saturating_sub(visible);
        self.top = self.top.clamp(least.min(self.at), self.at).min(last_top.max(least));
    }

    /// Returns the heading of the columns and the visible rows.
    pub fn lines(
        &self,
        name: ListName,
        look: &Look,
        width: usize,
        is_focused: bool,
        has_head: bool,
    ) -> Vec<StyledLine> {
        let symbols = look.symbols;
        let shown = self.columns(name, width, cells::width(symbols.bad));
        let sorted = self.sort.map(|(field, is_descending)| {
            (field, if is_descending { symbols.down } else { symbols.up })
        });
        let mut lines = Vec::with_capacity(self.visible + 1);
        if has_head {
            lines.push(shown.heads(INDENT, sorted));
        }
        let rows = self.rows.iter().enumerate().skip(self.top).take(self.visible);
        for (at, row) in rows {
            let mut line = StyledLine::new();
            let is_selected = is_focused && at == self.at;
            if is_selected {
                line.push(symbols.selected, Tone::Strong);
            }
            line.pad(INDENT);
            let cells = shown.columns.iter().map(|(column, _)| name.cell(look, row, column.field));
            let span = name.span(look, row);
            shown.lay(&mut line, cells, span.as_ref(), symbols.cut);
            if is_selected {
                line.pad(width);
                line.select();
            }
            lines.push(line);
        }
        lines
    }
}

/// Returns whether people said something about a queue that needs somebody.
fn has_marks(state: &Dashboard, now: Timestamp) -> bool {
    let said = &state.statements;
    let needs = |queue: &&ShownQueue| !queue.is_gone && queue.depth != Some(0);
    let mut names = state.queues.values().filter(needs).map(|queue| &queue.name);
    said.acked(now).any(|key| state.incidents.get(key).is_some_and(IncidentStory::is_open))
        || !said.silences.silences.is_empty()
            && names.any(|name| said.silenced(name, now).is_some())
}

/// Returns whether queues of more than one account or region are known.
fn has_places(state: &Dashboard) -> bool {
    let mut places = state.queues.values().map(|queue| (&queue.region, &queue.account));
    let first = places.next();
    places.any(|place| Some(place) != first)
}
