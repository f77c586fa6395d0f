//! The view as text for people: aligned, escaped, and as wide as the terminal.
//!
//! Promises: no name, id or path is cut, so that each can be copied; a name that is too long for its
//! column has a line of its own.

mod restraint;

use std::time::Duration;

use super::{
    IncidentRow, InvestigationState, LastEvent, SameCause, SessionRow, SpendSummary, StatusView,
};
use crate::rules::investigation::session::SessionStatus;
use crate::rules::investigation::wait;
use crate::rules::loss_text;
use crate::rules::view::page::{PageStyle, Shade};
use crate::rules::view::screen::rows::investigations::proof_word;
use crate::text;
use crate::time::{Timestamp, show_span};

/// The narrowest column of names.
const NAME_MIN: usize = 12;
/// The characters of an id shown on a terminal. As the beginning of an id, options take them.
const ID: usize = 8;
/// The spaces before each column.
const GAP: usize = 2;
/// The indents of the lines below a row, and of their further lines.
const BELOW: usize = 4;
const FURTHER: usize = 6;
/// The narrowest page on which the account and region have a column. On others they stand below the
/// row.
const SCOPE_COLUMN: usize = 100;
/// The number of sessions shown; running sessions are always shown.
const SESSIONS: usize = 20;
/// The number of causes shown.
const CAUSES: usize = 5;
/// The times left at which a loss is near, and very near.
const NEAR: Duration = Duration::from_secs(24 * 3600);
const VERY_NEAR: Duration = Duration::from_secs(6 * 3600);

/// The form of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStyle {
    pub page: PageStyle,
    /// Whether ids are shown by their first characters.
    pub short_ids: bool,
    /// Whether more than one account or region is watched, so that each queue is shown with its
    /// own.
    pub has_scopes: bool,
}

/// Renders the view.
pub fn table(view: &StatusView, style: TableStyle) -> String {
    let rows = view.incidents.iter().flatten().map(|row| (&row.region, &row.account));
    let sessions = view.sessions.iter().flatten().map(|row| (&row.region, &row.account));
    let scopes: Vec<_> = rows.chain(sessions).collect();
    let regions = scopes.iter().any(|(region, _)| *region != scopes[0].0);
    let accounts = scopes.iter().any(|(_, account)| *account != scopes[0].1);
    // What all rows share is left out; without a difference both are shown.
    let parts = (regions || !accounts, accounts || !regions);
    let mut page = TextTable { text: String::new(), style, parts };
    match &view.incidents {
        None => page.heading("incidents: unknown"),
        Some(open) => page.incidents(open, view.at),
    }
    page.restraints(view);
    match &view.sessions {
        None => page.heading("sessions: unknown"),
        Some(sessions) => page.sessions(sessions),
    }
    match &view.spend {
        None => page.heading("spend in 24 hours: unknown"),
        Some(spend) => page.spend(spend),
    }
    page.text
}

/// A cell of a table.
struct Cell(String, Option<Shade>);

impl Cell {
    fn plain(text: impl Into<String>) -> Self {
        Cell(text.into(), None)
    }
}

struct TextTable {
    text: String,
    style: TableStyle,
    /// Whether regions are shown, and accounts.
    parts: (bool, bool),
}

impl TextTable {
    fn heading(&mut self, line: &str) {
        self.text += &self.style.page.paint(Shade::Heading, line);
        self.text.push('\n');
    }

    /// Adds a paragraph below a row.
    fn below(&mut self, line: &str) {
        let (line, start) = (text::safe(line), " ".repeat(BELOW));
        self.text += &self.style.page.paragraph(&start, BELOW, &line, FURTHER);
    }

    /// Adds rows, each column as wide as its widest cell, but the column `names` only as wide as
    /// the others leave it. A row may have further lines below it.
    fn rows<const N: usize>(
        &mut self,
        head: [&str; N],
        names: usize,
        rows: Vec<([Cell; N], Vec<String>)>,
    ) {
        let head = (head.map(|cell| Cell(cell.to_owned(), Some(Shade::Faint))), Vec::new());
        // Escaped text decides the width, because it is longer.
        let escaped = |(row, below): ([Cell; N], Vec<String>)| {
            (row.map(|Cell(cell, shade)| Cell(text::safe(&cell).into_owned(), shade)), below)
        };
        let rows: Vec<_> = std::iter::once(head).chain(rows).map(escaped).collect();
        let mut widths = [0; N];
        for (column, Cell(cell, _)) in rows.iter().flat_map(|(row, _)| (0..N).zip(row)) {
            widths[column] = text::columns(cell).max(widths[column]);
        }
        // A column without any text takes no place.
        let others = (0..N).filter(|column| *column != names && widths[*column] > 0);
        let others: usize = others.map(|column| widths[column] + GAP).sum();
        let left = self.style.page.width.saturating_sub(others + GAP).max(NAME_MIN);
        let lengths = rows.iter().map(|(row, _)| text::columns(&row[names].0));
        widths[names] = lengths.filter(|length| *length <= left).max().unwrap_or(NAME_MIN);
        for (row, below) in rows {
            self.row(&row, &widths, names);
            below.iter().for_each(|line| self.below(line));
        }
    }

    fn row(&mut self, row: &[Cell], widths: &[usize], names: usize) {
        let mut line = String::new();
        let mut gap = 0;
        for (column, Cell(cell, shade)) in row.iter().enumerate() {
            if widths[column] == 0 {
                continue;
            }
            let (length, width) = (text::columns(cell), widths[column]);
            line += &" ".repeat(gap + GAP);
            // A name that is longer than the rest of the page begins as far left as it has to.
            if column == names && column_start(widths, column) + length > self.style.page.width {
                let indent = self.style.page.width.saturating_sub(length).min(GAP);
                let before = line.trim_end();
                line = if before.is_empty() { String::new() } else { format!("{before}\n") };
                line += &" ".repeat(indent);
            }
            line += &shade.map_or(cell.clone(), |shade| self.style.page.paint(shade, cell));
            gap = width.saturating_sub(length);
            if column == names && length > width {
                line += &format!("\n{}", text::spaces(column_start(widths, column) + width));
            }
        }
        self.text += line.trim_end();
        self.text.push('\n');
    }

    fn id<'a>(&self, id: &'a str) -> &'a str {
        let end = id.char_indices().nth(ID).map_or(id.len(), |(at, _)| at);
        if self.style.short_ids { &id[..end] } else { id }
    }

    /// Returns the heading of the column of regions and accounts; empty without that column.
    fn scope_heading(&self) -> &'static str {
        let has_column = self.style.has_scopes && self.style.page.width >= SCOPE_COLUMN;
        if has_column { "WHERE" } else { "" }
    }

    /// Adds the region and account of a queue, where there are several, to its row: as the cell that
    /// is returned, or to the lines below the row.
    fn scope(&self, region: &str, account: &str, below: &mut Vec<String>) -> Cell {
        let parts = [(region, self.parts.0), (account, self.parts.1)].into_iter();
        let parts = parts.filter(|(part, is_shown)| *is_shown && !part.is_empty());
        let scope = parts.map(|(part, _)| part).collect::<Vec<_>>().join(", ");
        if !self.scope_heading().is_empty() {
            return Cell::plain(scope);
        }
        if self.style.has_scopes && !scope.is_empty() {
            below.insert(0, format!("in {scope}"));
        }
        Cell::plain("")
    }

    fn incidents(&mut self, open: &[IncidentRow], now: Timestamp) {
        if open.is_empty() {
            return self.heading("incidents: none open");
        }
        self.heading(&format!("incidents: {} open", open.len()));
        let row = |one: &IncidentRow| {
            let depth = match one.depth {
                Some(depth) => Cell::plain(depth.to_string()),
                None => Cell("unknown".to_owned(), Some(Shade::Warning)),
            };
            let since = Cell::plain(age(now.since(one.since)));
            let mut below = vec![self.investigation(&one.investigation, now)];
            below.extend(self.held_back(one, now));
            let scope = self.scope(&one.region, &one.account, &mut below);
            ([Cell::plain(&one.queue), depth, since, loss(one, now), scope], below)
        };
        let rows: Vec<_> = open.iter().map(row).collect();
        self.rows(["QUEUE", "DEPTH", "SINCE", "LOSS", self.scope_heading()], 0, rows);
    }

    fn investigation(&self, of: &InvestigationState, now: Timestamp) -> String {
        let session = of.session.as_deref().map(|id| self.id(id)).unwrap_or_default();
        let reason = of.reason.as_deref();
        match of.state {
            "running" => format!("session {session} running"),
            "ended" if session.is_empty() => "investigated; not again until it grows".into(),
            "ended" => {
                let person = if of.needs_person.is_some() { ", needs a person" } else { "" };
                format!("session {session}: {}{person}", reason.unwrap_or("ended"))
            }
            "waiting" => {
                let what = match (&of.same_cause, reason) {
                    (Some(owner), _) => self.same_cause(owner),
                    (None, Some(reason)) => wait::clause(reason),
                    (None, None) => return "to be evaluated at the next heartbeat".into(),
                };
                let left = of.until.map(|until| show_span(until.since(now)));
                left.map_or(what.clone(), |left| format!("{what}, for {left}"))
            }
            _ => "not yet seen by dlq-investigate".into(),
        }
    }

    fn same_cause(&self, owner: &SameCause) -> String {
        let of = if owner.queue.is_empty() { "another queue" } else { &owner.queue };
        let id = self.id(&owner.session);
        match owner.report {
            Some(_) => format!("same cause as {of}, report {id}"),
            None => format!("same cause as {of}, session {id}"),
        }
    }

    fn sessions(&mut self, sessions: &[SessionRow]) {
        if sessions.is_empty() {
            return self.heading("sessions: none on record");
        }
        self.heading(&format!("sessions: {} on record", sessions.len()));
        let shown: Vec<&SessionRow> = sessions
            .iter()
            .enumerate()
            .filter(|(at, session)| *at < SESSIONS || session.ended_at.is_none())
            .map(|(_, session)| session)
            .collect();
        let row = |one: &&SessionRow| {
            let cost = one.last_event.cost_usd.map_or("-".to_owned(), |cost| cost.to_string());
            let mut below = result(&one.last_event);
            if !one.recorded {
                below.insert(0, "not yet recorded".to_owned());
            }
            let row = [
                Cell::plain(self.id(&one.id)),
                Cell::plain(&one.queue),
                Cell(one.status.to_string(), shade(one.status)),
                Cell::plain(age(Duration::from_secs(one.age_s))),
                Cell::plain(cost),
                self.scope(&one.region, &one.account, &mut below),
            ];
            (row, below)
        };
        let rows: Vec<_> = shown.iter().map(row).collect();
        self.rows(["ID", "QUEUE", "STATUS", "AGE", "COST", self.scope_heading()], 1, rows);
        let more = sessions.len() - shown.len();
        if more > 0 {
            self.text += &format!("  and {more} older; --json has all\n");
        }
    }

    fn spend(&mut self, spend: &SpendSummary) {
        let (spent, reserved) = (spend.spent_usd, spend.reserved_usd);
        let (limit, left) = (spend.limit_usd, spend.left_usd);
        let amounts = format!("{spent} spent, {reserved} reserved, limit {limit}, left {left}");
        let head = "spend in 24 hours:";
        let heading = format!("{} ", self.style.page.paint(Shade::Heading, head));
        self.text += &self.style.page.paragraph(&heading, head.len() + 1, &amounts, BELOW);
        if spend.left_unless_near_usd != left {
            self.text += &format!(
                "  left for causes that are not near a loss: {}\n",
                spend.left_unless_near_usd
            );
        }
        if spend.fingerprints.is_empty() {
            return;
        }
        let row = |one: &super::CauseSpend| {
            let cause = self.id(&one.fingerprint).to_owned();
            ([Cell::plain(cause), Cell::plain(one.usd.to_string())], Vec::new())
        };
        let rows: Vec<_> = spend.fingerprints.iter().take(CAUSES).map(row).collect();
        self.rows(["CAUSE", "IN 30 DAYS"], 0, rows);
    }
}

/// Returns the characters before a column.
fn column_start(widths: &[usize], column: usize) -> usize {
    let before = widths[..column].iter().filter(|width| **width > 0);
    before.map(|width| width + GAP).sum::<usize>() + GAP
}

/// Formats an age in whole seconds or more.
fn age(span: Duration) -> String {
    show_span(Duration::from_secs(span.as_secs()))
}

/// Returns the result lines of a session's last event.
fn result(one: &LastEvent) -> Vec<String> {
    let mut lines = Vec::new();
    let both = |word: &Option<String>, rest: &Option<String>| match (word, rest) {
        (Some(word), Some(rest)) => Some(format!("{word}: {rest}")),
        (word, rest) => word.clone().or_else(|| rest.clone()),
    };
    lines.extend(both(&one.verdict, &one.title));
    lines.extend(one.needs_person.as_ref().map(|why| format!("needs a person: {why}")));
    lines.extend(
        one.proof
            .as_ref()
            .map(|proof| format!("fix {}: {}", proof_word(&proof.grade), proof.detail)),
    );
    lines.extend(one.patch_held.as_ref().map(|why| format!("patch not offered: {why}")));
    lines.extend(one.detail.clone().or_else(|| one.reason.clone()));
    lines.extend(one.report.clone());
    lines
}

fn shade(status: SessionStatus) -> Option<Shade> {
    match status {
        SessionStatus::Running | SessionStatus::Completed => Some(Shade::Good),
        SessionStatus::Failed | SessionStatus::TimedOut | SessionStatus::Crashed => {
            Some(Shade::Bad)
        }
        SessionStatus::Stopped | SessionStatus::Skipped => None,
    }
}

/// Describes when messages will be lost.
fn loss(one: &IncidentRow, now: Timestamp) -> Cell {
    // An incident ends when the queue stays empty, so it may be open with nothing to lose.
    if one.depth == Some(0) {
        return Cell::plain("empty");
    }
    let window = one.window();
    let shade = window.first().and_then(|first| match first.since(now) {
        left if left <= VERY_NEAR => Some(Shade::Bad),
        left if left <= NEAR => Some(Shade::Warning),
        _ => None,
    });
    Cell(loss_text::clause(window, now), shade)
}
