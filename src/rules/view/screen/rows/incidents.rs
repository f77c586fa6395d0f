//! Rows of incidents, one for each cause: open ones first, the worst before the others, then the newest.

use super::super::amounts::{self, NONE};
use super::super::columns::{ColumnField, TableCell};
use super::super::filter::RowFilter;
use super::super::places;
use super::super::theme::Tone;
use super::{Look, RowKey, SortKey};
use crate::event::Severity;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::incidents::IncidentStory;

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
    let (symbol, tone) = match word(one) {
        "open" if one.severity == Severity::Fatal => (symbols.worst, Tone::Worst),
        "open" if one.severity == Severity::Error => (symbols.bad, Tone::Bad),
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
        let request = one.pull_request.as_deref().unwrap_or_default();
        let texts = [queue_name(one), id, request, word(one)];
        if one.causes.is_empty() && filter.passes(texts) {
            rows.push((&**id, ""));
        }
        let causes = one.causes.iter().filter(|(fingerprint, _, title)| {
            filter.passes(texts.into_iter().chain([&**fingerprint, &**title]))
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
        ColumnField::Number => SortKey::text(one.pull_request.as_deref()),
        ColumnField::Redrive => SortKey::text(one.redrive.as_deref()),
        _ => SortKey::Unknown,
    }
}

pub fn urgency<'a>(state: &'a Dashboard, id: &str, part: &str) -> [SortKey<'a>; 3] {
    let Some(one) = state.incidents.get(id) else { return [SortKey::Unknown; 3] };
    let severity = Severity::Fatal as i64 - one.severity as i64;
    let rank = SortKey::Number(if one.is_open() { severity } else { i64::MAX });
    let count = cause(one, part).and_then(|(_, count, _)| i64::try_from(*count).ok());
    [rank, SortKey::age(one.raised_at), count.map_or(SortKey::Unknown, |n| SortKey::Number(-n))]
}

fn lasted(one: &IncidentStory, now: crate::time::Timestamp) -> Option<u64> {
    let end = one.cleared_at.or_else(|| one.is_open().then_some(now))?;
    Some(end.since(one.raised_at?).as_secs())
}

pub fn cell(look: &Look, key: &RowKey, field: ColumnField) -> Option<TableCell> {
    let one = look.state.incidents.get(&key.id)?;
    let none = || TableCell::new(NONE, Tone::Faint);
    let known = |text: Option<String>| text.map_or_else(none, TableCell::plain);
    let cause = cause(one, &key.part);
    Some(match field {
        ColumnField::Status => state_cell(look, one),
        ColumnField::Queue => {
            TableCell::plain(places::named(look.state, &one.queue, queue_name(one)))
        }
        ColumnField::Cause => match (cause, &one.skipped) {
            (Some((_, _, title)), _) => TableCell::sentence(&**title, Tone::Plain),
            (None, Some((_, detail))) => TableCell::sentence(&**detail, Tone::Faint),
            (None, None) => TableCell::sentence("not sampled yet", Tone::Faint),
        },
        ColumnField::Count => known(cause.map(|(_, count, _)| amounts::count(*count))),
        ColumnField::Age => known(one.raised_at.map(|at| amounts::age(look.now.since(at)))),
        ColumnField::Runtime => known(lasted(one, look.now).map(amounts::clock)),
        ColumnField::Number => match one.pull_request.as_deref() {
            Some(key) => {
                let number = key.rfind('#').map_or(key, |at| &key[at..]);
                TableCell { long: Some(key.to_owned()), ..TableCell::plain(number) }
            }
            None => none(),
        },
        ColumnField::Redrive => known(one.redrive.as_deref().map(str::to_owned)),
        _ => return None,
    })
}
