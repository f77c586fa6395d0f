//! Rows of queues: the worst first.

use super::super::amounts::{self, NONE, UNKNOWN};
use super::super::columns::{Field, TableCell};
use super::super::filter::RowFilter;
use super::super::history;
use super::super::theme::Tone;
use super::{Look, RowKey, SortKey};
use crate::event::Severity;
use crate::rules::loss_text;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::queues::ShownQueue;
use crate::time::Timestamp;

/// The hours before a loss in which a queue is among the worst.
const VERY_NEAR_MS: i64 = 2 * 3600 * 1000;

/// The standing of a queue, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Messages are lost within two hours, or the incident is of that severity.
    Fatal,
    Error,
    /// The queue cannot be read.
    Unknown,
    Warning,
    /// Messages below the threshold of an incident.
    Below,
    Quiet,
    Gone,
}

impl Standing {
    pub const ALL: [Standing; 7] = [
        Standing::Fatal,
        Standing::Error,
        Standing::Unknown,
        Standing::Warning,
        Standing::Below,
        Standing::Quiet,
        Standing::Gone,
    ];

    /// Returns the standing of a queue.
    pub fn new(state: &Dashboard, queue: &ShownQueue, now: Timestamp) -> Self {
        if queue.is_gone {
            return Standing::Gone;
        }
        let incident = queue.incident.as_deref().and_then(|id| state.incidents.get(id));
        let severity = incident.map(|incident| incident.severity);
        let is_raised = queue.raised_at.is_some() || queue.incident.is_some();
        let first = window(queue).first().filter(|_| is_raised && queue.depth != Some(0));
        let left = first.map(|first| first.millis().saturating_sub(now.millis()));
        match severity {
            _ if left.is_some_and(|left| left <= VERY_NEAR_MS) => Standing::Fatal,
            Some(Severity::Fatal) if is_raised => Standing::Fatal,
            _ if queue.unreadable.is_some() => Standing::Unknown,
            Some(Severity::Warn | Severity::Info | Severity::Debug) if is_raised => {
                Standing::Warning
            }
            _ if is_raised => Standing::Error,
            _ => match queue.depth {
                None => Standing::Unknown,
                Some(0) => Standing::Quiet,
                Some(_) => Standing::Below,
            },
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Standing::Fatal => "FATAL",
            Standing::Error => "ERROR",
            Standing::Unknown => "UNKNOWN",
            Standing::Warning => "WARN",
            Standing::Below => "below",
            Standing::Quiet => "quiet",
            Standing::Gone => "gone",
        }
    }

    /// Returns the sentence of the legend.
    pub fn meaning(self) -> &'static str {
        match self {
            Standing::Fatal => "messages may be lost within two hours",
            Standing::Error => "an incident is open",
            Standing::Unknown => "the queue cannot be read",
            Standing::Warning => "an incident of lower severity is open",
            Standing::Below => "there are messages, fewer than the threshold",
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
            Standing::Below => (symbols.info, Tone::Plain),
            Standing::Quiet => (symbols.good, Tone::Plain),
            Standing::Gone => (symbols.gone, Tone::Faint),
        };
        TableCell::new(look.signed(symbol, self.word()), tone)
    }
}

/// Returns the expiry of the oldest message.
pub fn window(queue: &ShownQueue) -> ExpiryWindow {
    ExpiryWindow { after: queue.expires_after, before: queue.expires_before }
}

pub fn rows<'a>(state: &'a Dashboard, filter: &RowFilter) -> Vec<(&'a str, &'a str)> {
    let queues = state.queues.iter();
    let passes = queues.filter(|(_, queue)| {
        filter.is_empty() || filter.passes([&*queue.name, &*queue.region, &*queue.account])
    });
    passes.map(|(arn, _)| (&**arn, "")).collect()
}

pub fn value<'a>(state: &'a Dashboard, now: Timestamp, id: &str, field: Field) -> SortKey<'a> {
    let Some(queue) = state.queues.get(id) else { return SortKey::Unknown };
    match field {
        Field::Severity => SortKey::Number(Standing::new(state, queue, now) as i64),
        Field::Queue => SortKey::text(Some(&queue.name)),
        Field::Depth => SortKey::known(queue.depth),
        Field::InFlight => SortKey::known(queue.in_flight),
        Field::Age => SortKey::age(queue.raised_at),
        Field::Loss => SortKey::moment(window(queue).first()),
        Field::Place => SortKey::text(Some(&queue.region)),
        Field::Trend => {
            let change = history::change_in_hour(queue, now);
            change.map_or(SortKey::Unknown, SortKey::Number)
        }
        // A history has no order but its depth.
        Field::History => SortKey::known(queue.depth),
        _ => SortKey::Unknown,
    }
}

pub fn urgency<'a>(state: &'a Dashboard, now: Timestamp, id: &str) -> [SortKey<'a>; 3] {
    let Some(queue) = state.queues.get(id) else { return [SortKey::Unknown; 3] };
    let standing = Standing::new(state, queue, now) as i64;
    let depth = queue.depth.and_then(|depth| i64::try_from(depth).ok());
    let depth = depth.map_or(SortKey::Unknown, |depth| SortKey::Number(-depth));
    [SortKey::Number(standing), depth, SortKey::Text(&queue.name)]
}

pub fn cell(look: &Look, key: &RowKey, field: Field) -> Option<TableCell> {
    let queue = look.state.queues.get(&key.id)?;
    let known = |value: Option<u64>| match value {
        Some(value) => TableCell::plain(amounts::count(value)),
        None => TableCell::new(UNKNOWN, Tone::Warning),
    };
    Some(match field {
        Field::Severity => Standing::new(look.state, queue, look.now).cell(look),
        Field::Queue => TableCell::plain(&*queue.name),
        Field::Depth => known(queue.depth),
        Field::InFlight => known(queue.in_flight),
        Field::Trend => match history::change_in_hour(queue, look.now) {
            Some(change) => TableCell::plain(amounts::change(change)),
            None => TableCell::new(NONE, Tone::Faint),
        },
        Field::History => {
            let depths = history::depths(&queue.depths, look.now);
            TableCell::plain(history::bars(&depths, 12, look.symbols))
        }
        Field::Age => match queue.raised_at {
            Some(at) => TableCell::plain(amounts::age(look.now.since(at))),
            None => TableCell::new(NONE, Tone::Faint),
        },
        Field::Loss => loss(queue, look.now),
        Field::Place => TableCell::plain(format!("{} {}", queue.region, queue.account)),
        _ => return None,
    })
}

/// Returns when messages of a queue are lost.
fn loss(queue: &ShownQueue, now: Timestamp) -> TableCell {
    let window = window(queue);
    if queue.depth == Some(0) || (queue.depth.is_none() && window == ExpiryWindow::default()) {
        return TableCell::new(NONE, Tone::Faint);
    }
    let left = window.first().map(|first| first.millis().saturating_sub(now.millis()));
    let tone = match left {
        Some(left) if left <= VERY_NEAR_MS => Tone::Bad,
        Some(_) if loss_text::is_near(window, now) => Tone::Warning,
        _ => Tone::Plain,
    };
    let long = Some(loss_text::clause(window, now));
    TableCell { long, ..TableCell::new(amounts::loss(window, now), tone) }
}
