//! Rows of incidents, one for each cause: open ones first, the worst before the others, then the newest.

use super::super::amounts::{self, NONE};
use super::super::columns::{ColumnField, TableCell};
use super::super::filter::RowFilter;
use super::super::places;
use super::super::theme::Tone;
use super::{KEYS, Look, RowKey, SortKey, descending};
use crate::event::Severity;
use crate::rules::investigation::wait;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::incidents::IncidentStory;
use crate::rules::view::dashboard::queues::ShownQueue;
use crate::time::Timestamp;

/// A cause of an incident: fingerprint, count, title.
pub type IncidentCause = (Box<str>, u64, Box<str>);

/// Returns a cause of an incident by its fingerprint.
pub fn cause<'a>(one: &'a IncidentStory, part: &str) -> Option<&'a IncidentCause> {
    one.causes.iter().find(|(fingerprint, ..)| &**fingerprint == part)
}

/// Returns the state in a word.
pub fn word(one: &IncidentStory) -> &str {
    match (one.cleared_at, one.cleared_by.as_deref()) {
        (None, None) => "open",
        (_, None | Some("unknown")) => "cleared",
        (_, Some(by)) => by,
    }
}

/// Returns the name of the queue.
pub fn queue_name(one: &IncidentStory) -> &str {
    if one.name.is_empty() { one.queue.rsplit(':').next().unwrap_or_default() } else { &one.name }
}

pub fn state_cell(look: &Look, one: &IncidentStory) -> TableCell {
    let symbols = look.symbols;
    let severity = severity(look.state, one, look.now);
    let (symbol, tone) = match word(one) {
        "open" if severity == Severity::Fatal => (symbols.worst, Tone::Worst),
        "open" if severity == Severity::Error => (symbols.bad, Tone::Bad),
        "open" => (symbols.warning, Tone::Warning),
        "expired" => (symbols.bad, Tone::Bad),
        "gone" => (symbols.gone, Tone::Plain),
        "cleared" if one.lost > 0 => (symbols.warning, Tone::Warning),
        _ => (symbols.good, Tone::Plain),
    };
    TableCell::new(look.signed(symbol, word(one)), tone)
}

pub fn rows<'a>(state: &'a Dashboard, filter: &RowFilter) -> Vec<(&'a str, &'a str)> {
    let mut rows = Vec::new();
    for (id, one) in &state.incidents {
        let texts = [queue_name(one), id, word(one)];
        let requests = |cause: &str| one.requests_of(cause).into_iter().map(|one| &*one.key);
        if one.causes.is_empty() && filter.passes(texts.into_iter().chain(requests(""))) {
            rows.push((&**id, ""));
        }
        let causes = one.causes.iter().filter(|(fingerprint, _, title)| {
            let cause = [&**fingerprint, &**title];
            filter.passes(texts.into_iter().chain(cause).chain(requests(fingerprint)))
        });
        rows.extend(causes.map(|(fingerprint, ..)| (&**id, &**fingerprint)));
    }
    rows
}

pub fn value<'a>(state: &'a Dashboard, id: &str, part: &str, field: ColumnField) -> SortKey<'a> {
    let Some(one) = state.incidents.get(id) else { return SortKey::Unknown };
    match field {
        ColumnField::Status => SortKey::Text(word(one)),
        ColumnField::Queue => SortKey::Text(queue_name(one)),
        ColumnField::Cause => SortKey::text(cause(one, part).map(|(_, _, title)| &**title)),
        ColumnField::Count => SortKey::known(cause(one, part).map(|(_, count, _)| *count)),
        ColumnField::Age => SortKey::age(one.raised_at),
        ColumnField::Runtime => {
            let newest = state.source.newest.unwrap_or_default();
            SortKey::known(lasted(one, newest))
        }
        ColumnField::Number => SortKey::text(one.requests_of(part).first().map(|one| &*one.key)),
        ColumnField::Redrive => SortKey::text(one.redrive.as_deref()),
        ColumnField::Place => SortKey::text(one.queue.split(':').nth(3)),
        _ => SortKey::Unknown,
    }
}

/// Returns what settles the order: of open incidents first that of their queues.
pub fn urgency<'a>(
    state: &'a Dashboard,
    now: Timestamp,
    id: &str,
    part: &str,
) -> [SortKey<'a>; KEYS] {
    let Some(one) = state.incidents.get(id) else { return [SortKey::Unknown; KEYS] };
    let severity = Severity::Fatal as i64 - severity(state, one, now) as i64;
    let rank = SortKey::Number(if one.is_open() { severity } else { i64::MAX });
    let queue = open_queue(state, one);
    let loss = queue.map_or(SortKey::Unknown, |queue| SortKey::moment(queue.loss()));
    let depth = queue.map_or(SortKey::Unknown, |queue| descending(queue.depth));
    let count = descending(cause(one, part).map(|(_, count, _)| *count));
    [rank, loss, depth, SortKey::age(one.raised_at), count]
}

/// Returns the queue of an incident that lasts.
fn open_queue<'a>(state: &'a Dashboard, one: &IncidentStory) -> Option<&'a ShownQueue> {
    state.queues.get(&one.queue).filter(|queue| one.is_open() && queue.incident.is_some())
}

/// Returns the severity: of an incident that lasts not less than that of its queue, which grows as a
/// loss comes near.
pub fn severity(state: &Dashboard, one: &IncidentStory, now: Timestamp) -> Severity {
    let queue = open_queue(state, one).map(|queue| queue.severity(now));
    queue.map_or(one.severity, |severity| severity.max(one.severity))
}

fn lasted(one: &IncidentStory, now: Timestamp) -> Option<u64> {
    let end = one.cleared_at.or_else(|| one.is_open().then_some(now))?;
    Some(end.since(one.raised_at?).as_secs())
}

pub fn cell(look: &Look, key: &RowKey, field: ColumnField) -> Option<TableCell> {
    let one = look.state.incidents.get(&key.id)?;
    let none = || TableCell::new(NONE, Tone::Faint);
    let known = |text: Option<String>| text.map_or_else(none, TableCell::plain);
    let told = |text: Option<String>| text.map_or_else(TableCell::unknown, TableCell::plain);
    let cause = cause(one, &key.part);
    Some(match field {
        ColumnField::Status => state_cell(look, one),
        ColumnField::Queue => {
            TableCell::plain(places::named(look.state, &one.queue, queue_name(one)))
        }
        ColumnField::Cause => match (cause, &one.skipped) {
            (Some((_, _, title)), _) => TableCell::sentence(&**title, Tone::Plain),
            // The sentence of the event begins with the name of the queue, which stands beside.
            (None, Some((reason, detail))) => {
                TableCell::sentence(wait::known_clause(reason).unwrap_or(detail), Tone::Faint)
            }
            (None, None) => TableCell::sentence("not sampled yet", Tone::Faint),
        },
        ColumnField::Count => known(cause.map(|(_, count, _)| amounts::count(*count))),
        ColumnField::Age => told(one.raised_at.map(|at| amounts::age(look.now.since(at)))),
        ColumnField::Runtime => told(lasted(one, look.now).map(amounts::clock)),
        ColumnField::Number => match &*one.requests_of(&key.part) {
            [] if one.has_request_of_unknown_cause() => TableCell::unknown(),
            [] => none(),
            [request, others @ ..] => request_cell(&request.key, others.len()),
        },
        ColumnField::Redrive => known(one.redrive.as_deref().map(str::to_owned)),
        ColumnField::Place if one.queue.is_empty() => TableCell::unknown(),
        ColumnField::Place => TableCell::plain(places::column(look.state, &one.queue)),
        _ => return None,
    })
}

/// Returns a pull request, with the number of further ones of the same cause.
fn request_cell(key: &str, others: usize) -> TableCell {
    let number = key.rfind('#').map_or(key, |at| &key[at..]);
    let more = |space: &str| if others > 0 { format!("{space}+{others}") } else { String::new() };
    let long = Some(format!("{key}{}", more(" ")));
    TableCell { long, ..TableCell::plain(format!("{number}{}", more(""))) }
}
