//! Rows of pull requests: open ones first, those that wait longest before the others.

use std::time::Duration;

use super::super::amounts::{self, NONE, UNKNOWN};
use super::super::columns::{ColumnField, TableCell};
use super::super::filter::RowFilter;
use super::super::theme::Tone;
use super::{KEYS, Look, RowKey, SortKey};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::pull_requests::WatchedRequest;
use crate::time::Timestamp;

/// The time for which a merged or closed pull request stays in the list.
const RECENT: Duration = Duration::from_secs(24 * 3600);

pub fn rows<'a>(
    state: &'a Dashboard,
    now: Timestamp,
    filter: &RowFilter,
) -> Vec<(&'a str, &'a str)> {
    let is_recent = |one: &WatchedRequest| {
        let end = one.merged_at.or(one.closed_at);
        end.is_none_or(|end| end.plus(RECENT) >= now)
    };
    let passes = |id: &str, one: &WatchedRequest| {
        let people = [one.author.as_deref(), one.waiting_on.as_deref()];
        let words = [one.checks.as_deref(), one.review.as_deref()];
        let more = people.into_iter().chain(words).flatten();
        is_recent(one) && filter.passes([id, &*one.title].into_iter().chain(more))
    };
    let all = state.pull_requests.iter().map(|(id, one)| (&**id, one));
    all.filter(|(id, one)| passes(id, one)).map(|(id, _)| (id, "")).collect()
}

pub fn value<'a>(state: &'a Dashboard, id: &str, field: ColumnField) -> SortKey<'a> {
    let Some(one) = state.pull_requests.get(id) else { return SortKey::Unknown };
    match field {
        ColumnField::Number => SortKey::count(one.number),
        ColumnField::Repository => SortKey::text(Some(&one.repo)),
        ColumnField::Title => SortKey::text(Some(&one.title)),
        ColumnField::Author => SortKey::text(one.author.as_deref()),
        ColumnField::Age => SortKey::age(one.opened_at),
        ColumnField::Checks => SortKey::text(one.checks.as_deref()),
        ColumnField::Review => SortKey::text(one.review.as_deref()),
        ColumnField::Waiting => SortKey::text(one.waiting_on.as_deref()),
        _ => SortKey::Unknown,
    }
}

pub fn urgency<'a>(state: &'a Dashboard, id: &str) -> [SortKey<'a>; KEYS] {
    let Some(one) = state.pull_requests.get(id) else { return [SortKey::Unknown; KEYS] };
    let rank = SortKey::Number(i64::from(!one.is_open()) * 2 + i64::from(!one.is_ours));
    let (opened, number) = (SortKey::moment(one.opened_at), SortKey::count(one.number));
    [rank, opened, number, SortKey::Unknown, SortKey::Unknown]
}

pub fn cell(look: &Look, key: &RowKey, field: ColumnField) -> Option<TableCell> {
    let one = look.state.pull_requests.get(&key.id)?;
    let name = |name: &Option<Box<str>>| name.as_ref().map(|name| TableCell::plain(&**name));
    Some(match field {
        ColumnField::Number => TableCell::plain(format!("#{}", one.number)),
        ColumnField::Repository => TableCell::plain(&*one.repo),
        ColumnField::Title => match &one.unreadable {
            Some(reason) => TableCell::sentence(format!("cannot be read: {reason}"), Tone::Warning),
            None if one.is_draft => {
                TableCell::sentence(format!("draft: {}", one.title), Tone::Plain)
            }
            None => TableCell::sentence(&*one.title, Tone::Plain),
        },
        ColumnField::Author => name(&one.author).unwrap_or_else(TableCell::unknown),
        ColumnField::Age => match one.opened_at {
            Some(at) => TableCell::plain(amounts::age(look.now.since(at))),
            None => TableCell::unknown(),
        },
        ColumnField::Checks => checks(look, one),
        ColumnField::Review => review(look, one),
        ColumnField::Waiting => match name(&one.waiting_on) {
            Some(name) => name,
            None if one.unreadable.is_some() => TableCell::unknown(),
            None => TableCell::new(NONE, Tone::Faint),
        },
        _ => return None,
    })
}

fn checks(look: &Look, one: &WatchedRequest) -> TableCell {
    let symbols = look.symbols;
    match one.checks.as_deref().filter(|_| one.unreadable.is_none()) {
        Some("passing") => TableCell::plain(look.signed(symbols.good, "passing")),
        Some("failing") => TableCell::new(look.signed(symbols.bad, "failing"), Tone::Bad),
        Some("pending") => TableCell::plain(look.signed(symbols.begin, "pending")),
        Some(other) => TableCell::plain(other),
        None => TableCell::new(UNKNOWN, Tone::Faint),
    }
}

fn review(look: &Look, one: &WatchedRequest) -> TableCell {
    let symbols = look.symbols;
    if one.merged_at.is_some() {
        return TableCell::plain(look.signed(symbols.good, "merged"));
    }
    if one.closed_at.is_some() {
        return TableCell::plain(look.signed(symbols.gone, "closed"));
    }
    match one.review.as_deref().filter(|_| one.unreadable.is_none()) {
        Some("approved") => TableCell::plain(look.signed(symbols.good, "approved")),
        Some("changes_requested") => {
            TableCell::new(look.signed(symbols.warning, "changes"), Tone::Warning)
        }
        Some("required") => TableCell::plain(look.signed(symbols.info, "due")),
        Some(other) => TableCell::plain(other),
        None => TableCell::new(UNKNOWN, Tone::Faint),
    }
}
