//! The rows of the lists: which there are, what a filter sees of them, how they are sorted, and the
//! text of their cells.

pub mod incidents;
pub mod investigations;
pub mod queues;
pub mod requests;
pub mod timeline;

use super::columns::{self, Column, ColumnField, RowSpan, TableCell};
use super::filter::RowFilter;
use super::symbols::Symbols;
use crate::rules::view::dashboard::Dashboard;
use crate::time::Timestamp;

/// The lists of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListName {
    Queues,
    Investigators,
    Requests,
    Timeline,
    Investigations,
    Incidents,
}

/// The identity of a row, whatever its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowKey {
    /// The key in the state.
    pub id: Box<str>,
    /// The part of it: the fingerprint of a cause, the text of news.
    pub part: Box<str>,
    /// The place in the state, of rows that have no key there.
    pub index: usize,
}

impl RowKey {
    pub fn new(id: &str) -> Self {
        RowKey { id: id.into(), ..RowKey::default() }
    }

    /// Returns whether the keys are of the same row.
    pub fn is(&self, other: &RowKey) -> bool {
        self.id == other.id && self.part == other.part
    }
}

/// The value by which a row is sorted; what is unknown comes last, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey<'a> {
    Number(i64),
    Text(&'a str),
    Unknown,
}

impl<'a> SortKey<'a> {
    pub fn count(number: u64) -> Self {
        SortKey::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub fn known(number: Option<u64>) -> Self {
        number.map_or(SortKey::Unknown, SortKey::count)
    }

    pub fn moment(at: Option<Timestamp>) -> Self {
        at.map_or(SortKey::Unknown, |at| SortKey::Number(at.millis()))
    }

    /// Returns an age: the later, the smaller.
    pub fn age(since: Option<Timestamp>) -> Self {
        since.map_or(SortKey::Unknown, |at| SortKey::Number(at.millis().saturating_neg()))
    }

    pub fn text(text: Option<&'a str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(SortKey::Unknown, SortKey::Text)
    }
}

/// The keys that put rows in order when a person chose none.
pub const KEYS: usize = 5;

/// Returns a key that puts the greatest number first.
fn descending<'a>(number: Option<u64>) -> SortKey<'a> {
    let number = number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    number.map_or(SortKey::Unknown, |number| SortKey::Number(-number))
}

/// The facts that the text of a cell depends on.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    pub state: &'a Dashboard,
    pub now: Timestamp,
    pub symbols: Symbols,
}

impl Look<'_> {
    /// Returns a word with its symbol.
    pub fn signed(&self, symbol: &str, word: &str) -> String {
        format!("{symbol} {word}")
    }
}

impl ListName {
    pub const ALL: [ListName; 6] = [
        ListName::Queues,
        ListName::Investigators,
        ListName::Requests,
        ListName::Timeline,
        ListName::Investigations,
        ListName::Incidents,
    ];

    pub fn columns(self) -> &'static [Column] {
        match self {
            ListName::Queues => &columns::QUEUES,
            ListName::Investigators => &columns::INVESTIGATORS,
            ListName::Requests => &columns::REQUESTS,
            ListName::Timeline => &columns::TIMELINE,
            ListName::Investigations => &columns::INVESTIGATIONS,
            ListName::Incidents => &columns::INCIDENTS,
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            ListName::Queues => "DLQ status",
            ListName::Investigators => "Investigators",
            ListName::Requests => "Pull requests",
            ListName::Timeline => "Timeline",
            ListName::Investigations => "Investigations",
            ListName::Incidents => "Incidents",
        }
    }

    /// Returns the rows that pass, in order. The first key sorts by what a person chose, or by what is
    /// most urgent; the others settle ties.
    pub fn rows(
        self,
        state: &Dashboard,
        now: Timestamp,
        filter: &RowFilter,
        sort: Option<(ColumnField, bool)>,
    ) -> Vec<RowKey> {
        let rows = match self {
            ListName::Queues => queues::rows(state, now, filter),
            ListName::Investigators => investigations::rows(state, now, filter, true),
            ListName::Investigations => investigations::rows(state, now, filter, false),
            ListName::Requests => requests::rows(state, now, filter),
            ListName::Timeline => return timeline::rows(state, filter, sort),
            ListName::Incidents => incidents::rows(state, filter),
        };
        let field = sort.map(|(field, _)| field);
        let keyed = rows.into_iter().map(|row| (self.order(state, now, row, field), row));
        let mut keyed: Vec<_> = keyed.collect();
        keyed.sort_unstable_by(|(a, _), (b, _)| {
            let by_choice = match (a[0], b[0], sort) {
                (SortKey::Unknown, _, _) | (_, SortKey::Unknown, _) => a[0].cmp(&b[0]),
                (one, other, Some((_, true))) => other.cmp(&one),
                (one, other, _) => one.cmp(&other),
            };
            by_choice.then_with(|| a.cmp(b))
        });
        let owned = |(_, (id, part)): (_, (&str, &str))| RowKey {
            id: id.into(),
            part: part.into(),
            index: 0,
        };
        keyed.into_iter().map(owned).collect()
    }

    /// Returns the keys that put a row in order, the chosen one first.
    fn order<'a>(
        self,
        state: &'a Dashboard,
        now: Timestamp,
        row: (&'a str, &'a str),
        field: Option<ColumnField>,
    ) -> [SortKey<'a>; KEYS + 3] {
        let chosen = field.map_or(SortKey::Unknown, |field| self.value(state, now, row, field));
        let [a, b, c, d, e] = self.urgency(state, now, row);
        [chosen, a, b, c, d, e, SortKey::Text(row.0), SortKey::Text(row.1)]
    }

    fn value<'a>(
        self,
        state: &'a Dashboard,
        now: Timestamp,
        (id, part): (&'a str, &'a str),
        field: ColumnField,
    ) -> SortKey<'a> {
        match self {
            ListName::Queues => queues::value(state, now, id, field),
            ListName::Investigators | ListName::Investigations => {
                investigations::value(state, id, field)
            }
            ListName::Requests => requests::value(state, id, field),
            ListName::Incidents => incidents::value(state, id, part, field),
            ListName::Timeline => SortKey::Unknown,
        }
    }

    fn urgency<'a>(
        self,
        state: &'a Dashboard,
        now: Timestamp,
        (id, part): (&'a str, &'a str),
    ) -> [SortKey<'a>; KEYS] {
        match self {
            ListName::Queues => queues::urgency(state, now, id),
            ListName::Investigators | ListName::Investigations => {
                investigations::urgency(state, id)
            }
            ListName::Requests => requests::urgency(state, id),
            ListName::Incidents => incidents::urgency(state, now, id, part),
            ListName::Timeline => [SortKey::Unknown; KEYS],
        }
    }

    /// Returns the sentence that stands in a row in place of what it makes unknown.
    pub fn span(self, look: &Look, key: &RowKey) -> Option<RowSpan> {
        match self {
            ListName::Queues => queues::span(look, key),
            _ => None,
        }
    }

    /// Returns a cell; an empty one when the row is no longer in the state.
    pub fn cell(self, look: &Look, key: &RowKey, field: ColumnField) -> TableCell {
        let cell = match self {
            ListName::Queues => queues::cell(look, key, field),
            ListName::Investigators | ListName::Investigations => {
                investigations::cell(look, key, field)
            }
            ListName::Requests => requests::cell(look, key, field),
            ListName::Timeline => timeline::cell(look, key, field),
            ListName::Incidents => incidents::cell(look, key, field),
        };
        cell.unwrap_or_default()
    }
}
