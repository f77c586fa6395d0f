//! Rows of queues: the worst first, of equal ones that whose messages are lost first.

use super::super::amounts::{self, NONE, UNKNOWN};
use super::super::columns::{ColumnField, RowSpan, TableCell};
use super::super::filter::RowFilter;
use super::super::history;
use super::super::places;
use super::super::theme::Tone;
use super::{KEYS, Look, RowKey, SortKey, descending};
use crate::event::Severity;
use crate::rules::loss_text;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::queues::ShownQueue;
use crate::rules::view::dashboard::statements::QueueMark;
use crate::time::Timestamp;

/// The standing of a queue, the most urgent first: its severity, and why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Fatal,
    Error,
    /// The queue cannot be read.
    Unknown,
    Warning,
    Quiet,
    Gone,
}

impl Standing {
    pub const ALL: [Standing; 6] = [
        Standing::Fatal,
        Standing::Error,
        Standing::Unknown,
        Standing::Warning,
        Standing::Quiet,
        Standing::Gone,
    ];

    /// Returns the standing of a queue.
    pub fn new(queue: &ShownQueue, now: Timestamp) -> Self {
        match queue.severity(now) {
            _ if queue.is_gone => Standing::Gone,
            Severity::Fatal => Standing::Fatal,
            _ if queue.depth.is_none() => Standing::Unknown,
            Severity::Error => Standing::Error,
            Severity::Warn => Standing::Warning,
            Severity::Info | Severity::Debug => Standing::Quiet,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Standing::Fatal => "FATAL",
            Standing::Error => "ERROR",
            Standing::Unknown => "UNKNOWN",
            Standing::Warning => "WARN",
            Standing::Quiet => "quiet",
            Standing::Gone => "gone",
        }
    }

    /// Returns the sentence of the legend.
    pub fn meaning(self) -> &'static str {
        match self {
            Standing::Fatal => "messages may be lost within two hours",
            Standing::Error => "an incident is open, or messages may be lost within a day",
            Standing::Unknown => "the queue cannot be read",
            Standing::Warning => "there are messages, fewer than the threshold",
            Standing::Quiet => "the queue is empty",
            Standing::Gone => "the queue is no longer listed",
        }
    }

    pub fn cell(self, look: &Look) -> TableCell {
        let symbols = look.symbols;
        let (symbol, tone) = match self {
            Standing::Fatal => (symbols.worst, Tone::Worst),
            Standing::Error => (symbols.bad, Tone::Bad),
            Standing::Unknown => (symbols.unknown, Tone::Warning),
            Standing::Warning => (symbols.warning, Tone::Warning),
            Standing::Quiet => (symbols.good, Tone::Plain),
            Standing::Gone => (symbols.gone, Tone::Faint),
        };
        TableCell::new(look.signed(symbol, self.word()), tone)
    }
}

/// Returns the mark of a queue about which people said something.
pub fn mark(state: &Dashboard, queue: &ShownQueue, now: Timestamp) -> Option<QueueMark> {
    state.statements.mark(queue.incident.as_deref(), &queue.name, now)
}

pub fn rows<'a>(
    state: &'a Dashboard,
    now: Timestamp,
    filter: &RowFilter,
) -> Vec<(&'a str, &'a str)> {
    let queues = state.queues.iter();
    let passes = queues.filter(|(_, queue)| {
        filter.is_empty()
            || filter.passes([
                &*queue.name,
                &*queue.region,
                &*queue.account,
                Standing::new(queue, now).word(),
                queue.unreadable.as_deref().unwrap_or_default(),
                mark(state, queue, now).map_or("", QueueMark::word),
            ])
    });
    passes.map(|(arn, _)| (&**arn, "")).collect()
}

pub fn value<'a>(
    state: &'a Dashboard,
    now: Timestamp,
    id: &str,
    field: ColumnField,
) -> SortKey<'a> {
    let Some(queue) = state.queues.get(id) else { return SortKey::Unknown };
    match field {
        ColumnField::Severity => SortKey::Number(Standing::new(queue, now) as i64),
        ColumnField::Queue => SortKey::text(Some(&queue.name)),
        ColumnField::Depth => SortKey::known(queue.depth),
        ColumnField::InFlight => SortKey::known(queue.in_flight),
        ColumnField::Age => SortKey::age(queue.raised_at),
        ColumnField::Loss => SortKey::moment(queue.loss()),
        ColumnField::Mark => SortKey::text(mark(state, queue, now).map(QueueMark::word)),
        ColumnField::Place => SortKey::text(Some(&queue.region)),
        ColumnField::Trend => {
            let change = history::change_in_hour(queue, &state.rounds, now);
            change.map_or(SortKey::Unknown, SortKey::Number)
        }
        // A history has no order but its depth.
        ColumnField::History => SortKey::known(queue.depth),
        _ => SortKey::Unknown,
    }
}

pub fn urgency<'a>(state: &'a Dashboard, now: Timestamp, id: &str) -> [SortKey<'a>; KEYS] {
    let Some(queue) = state.queues.get(id) else { return [SortKey::Unknown; KEYS] };
    let standing = SortKey::Number(Standing::new(queue, now) as i64);
    let (loss, depth) = (SortKey::moment(queue.loss()), descending(queue.depth));
    [standing, loss, depth, SortKey::Text(&queue.name), SortKey::Unknown]
}

pub fn cell(look: &Look, key: &RowKey, field: ColumnField) -> Option<TableCell> {
    let queue = look.state.queues.get(&key.id)?;
    let known = |value: Option<u64>| match value {
        Some(value) => TableCell::plain(amounts::count(value)),
        None => TableCell::new(UNKNOWN, Tone::Warning),
    };
    Some(match field {
        ColumnField::Severity => Standing::new(queue, look.now).cell(look),
        ColumnField::Queue => TableCell::plain(places::named(look.state, &key.id, &queue.name)),
        ColumnField::Depth => known(queue.depth),
        ColumnField::InFlight => known(queue.in_flight),
        ColumnField::Trend => match history::change_in_hour(queue, &look.state.rounds, look.now) {
            Some(change) => TableCell::plain(amounts::change(change)),
            None if queue.is_gone => TableCell::new(NONE, Tone::Faint),
            None => TableCell::unknown(),
        },
        ColumnField::History => {
            let depths = history::depths(queue, &look.state.rounds, look.now);
            let tone = match Standing::new(queue, look.now) {
                Standing::Quiet => Tone::Faint,
                _ => Tone::Plain,
            };
            TableCell::new(history::bars(&depths, 12, look.symbols), tone)
        }
        ColumnField::Age => match queue.raised_at {
            Some(at) => TableCell::plain(amounts::age(look.now.since(at))),
            None => TableCell::new(NONE, Tone::Faint),
        },
        ColumnField::Loss => loss(queue, look.now),
        ColumnField::Mark => match mark(look.state, queue, look.now) {
            Some(mark) => mark_cell(look, mark),
            None => TableCell::default(),
        },
        ColumnField::Place => TableCell::plain(places::column(look.state, &key.id)),
        _ => return None,
    })
}

/// Returns a mark with its symbol, in its longer form also with the time that is left of it.
pub fn mark_cell(look: &Look, mark: QueueMark) -> TableCell {
    let symbol = match mark {
        QueueMark::Acked(_) => look.symbols.acked,
        QueueMark::Silenced(_) => look.symbols.silenced,
    };
    let short = look.signed(symbol, mark.word());
    let left = amounts::age(mark.until().since(look.now));
    TableCell { long: Some(format!("{short} {left}")), ..TableCell::plain(short) }
}

/// Returns why a queue cannot be read, in place of its figures. The loss and the mark may be known.
pub fn span(look: &Look, key: &RowKey) -> Option<RowSpan> {
    let queue = look.state.queues.get(&key.id)?;
    let reason = queue.unreadable.as_deref().filter(|_| queue.depth.is_none() && !queue.is_gone)?;
    let mut known = vec![ColumnField::Place];
    known.extend(queue.loss().map(|_| ColumnField::Loss));
    known.extend(mark(look.state, queue, look.now).map(|_| ColumnField::Mark));
    let cell = TableCell::sentence(reason, Tone::Warning);
    Some(RowSpan { after: ColumnField::Depth, known, cell })
}

/// Returns when messages of a queue are lost.
fn loss(queue: &ShownQueue, now: Timestamp) -> TableCell {
    let window = queue.window();
    if queue.depth == Some(0) || queue.is_gone {
        return TableCell::new(NONE, Tone::Faint);
    }
    if queue.depth.is_none() && window == ExpiryWindow::default() {
        return TableCell::unknown();
    }
    let tone = match Standing::new(queue, now) {
        Standing::Fatal => Tone::Bad,
        _ if loss_text::is_near(window, now) => Tone::Warning,
        _ => Tone::Plain,
    };
    let long = Some(amounts::loss_clause(window, now));
    TableCell { long, ..TableCell::new(amounts::loss(window, now), tone) }
}
