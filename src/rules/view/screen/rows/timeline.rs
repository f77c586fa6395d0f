//! Rows of news: the newest first.

use super::super::amounts;
use super::super::cells;
use super::super::columns::{ColumnField, TableCell};
use super::super::filter::RowFilter;
use super::super::places;
use super::super::symbols::Symbols;
use super::super::theme::Tone;
use super::{Look, RowKey};
use crate::event::Severity;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::timeline::{Sign, TimelineEntry};

/// The cells of a name in a line that has no room for all of it.
const NAME: usize = 24;

pub fn rows(
    state: &Dashboard,
    filter: &RowFilter,
    sort: Option<(ColumnField, bool)>,
) -> Vec<RowKey> {
    let passes = |(_, entry): &(usize, &TimelineEntry)| {
        let queue = entry.queue.as_deref().unwrap_or_default();
        filter.passes([&*entry.text, queue, entry.severity.as_str()])
    };
    let entries = state.timeline.entries.iter().enumerate().rev().filter(passes);
    let mut entries: Vec<_> = entries.collect();
    let is_descending = sort.is_some_and(|(_, is_descending)| is_descending);
    match sort.map(|(field, _)| field) {
        Some(ColumnField::At) => {}
        Some(ColumnField::Elapsed) => entries.sort_by_key(|(_, entry)| entry.elapsed_s),
        Some(ColumnField::Severity) => entries.sort_by_key(|(_, entry)| entry.severity),
        Some(ColumnField::Text) => entries.sort_by(|(_, a), (_, b)| a.text.cmp(&b.text)),
        _ => {}
    }
    let is_by_time = sort.is_none_or(|(field, _)| field == ColumnField::At);
    if sort.is_some() && is_by_time != is_descending {
        entries.reverse();
    }
    let key = |(index, entry): (usize, &TimelineEntry)| RowKey {
        id: entry.at.millis().to_string().into(),
        part: entry.text.clone(),
        index,
    };
    entries.into_iter().map(key).collect()
}

/// Returns the text, with the place of its queue where another queue has the same name.
pub fn told(look: &Look, entry: &TimelineEntry) -> String {
    let state = look.state;
    let of_incident = || state.incidents.get(entry.incident.as_deref()?).map(|story| &*story.queue);
    let text = match entry.queue.as_deref().or_else(of_incident) {
        Some(arn) => places::told(state, arn, &entry.text),
        None => entry.text.to_string(),
    };
    text.replace(" × ", &format!(" {} ", look.symbols.times))
}

/// Returns a text with a long name of its queue cut in the middle, for lines in which it would push
/// out what happened; None when the name is short.
fn short_text(entry: &TimelineEntry, text: &str, mark: &str) -> Option<String> {
    let name = entry.queue.as_deref()?.rsplit(':').next().filter(|name| name.len() > NAME)?;
    let (before, after) = text.split_once(name)?;
    let name = cells::clean(name);
    Some(format!("{before}{}{after}", cells::cut_name(&name, NAME, mark)))
}

pub fn symbol(symbols: Symbols, sign: Sign) -> &'static str {
    match sign {
        Sign::Begin => symbols.begin,
        Sign::Good => symbols.good,
        Sign::Bad => symbols.bad,
        Sign::Warning => symbols.warning,
        Sign::Info => symbols.info,
    }
}

/// Returns the symbol of an entry. That of the gravest severity is one of its own: its style alone would tell
/// nothing without styles.
pub fn entry_symbol(symbols: Symbols, entry: &TimelineEntry) -> &'static str {
    match entry.severity {
        Severity::Fatal => symbols.worst,
        _ => symbol(symbols, entry.sign),
    }
}

fn tone(entry: &TimelineEntry) -> Tone {
    match (entry.sign, entry.severity) {
        (_, Severity::Fatal) => Tone::Worst,
        (Sign::Bad, _) => Tone::Bad,
        (Sign::Warning, _) => Tone::Warning,
        _ => Tone::Plain,
    }
}

pub fn cell(look: &Look, key: &RowKey, field: ColumnField) -> Option<TableCell> {
    let entry = look.state.timeline.entries.get(key.index)?;
    Some(match field {
        ColumnField::At => TableCell::new(amounts::moment(entry.at, look.now), Tone::Faint),
        ColumnField::Elapsed => match entry.elapsed_s {
            Some(seconds) => TableCell::new(format!("[{}]", amounts::clock(seconds)), Tone::Faint),
            None => TableCell::default(),
        },
        ColumnField::Severity => TableCell::new(entry_symbol(look.symbols, entry), tone(entry)),
        ColumnField::Text => {
            let tone = if tone(entry) == Tone::Worst { Tone::Bad } else { tone(entry) };
            let whole = told(look, entry);
            let short = short_text(entry, &whole, look.symbols.cut);
            let long = short.as_ref().map(|_| whole.clone());
            let text = short.unwrap_or(whole);
            TableCell { long, ..TableCell::sentence(text, tone) }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn long_name_leaves_room_for_what_happened() {
        let rows = [
            (
                Some("a:users-and-a-rather-long-name-dlq"),
                "users-and-a-rather-long-name-dlq: 5 died",
                Some("users-and-a-rat…name-dlq: 5 died"),
            ),
            (Some("a:users-dlq"), "users-dlq: 5 died", None),
            (Some("a:users-and-a-rather-long-name-dlq"), "another text", None),
            (None, "users-and-a-rather-long-name-dlq: 5 died", None),
        ];
        for (queue, text, expected) in rows {
            let entry = TimelineEntry {
                at: Timestamp::from_millis(0),
                severity: Severity::Error,
                elapsed_s: None,
                sign: Sign::Bad,
                text: text.into(),
                incident: None,
                queue: queue.map(Into::into),
            };
            assert_eq!(short_text(&entry, text, "…").as_deref(), expected, "{text}");
        }
    }
}
