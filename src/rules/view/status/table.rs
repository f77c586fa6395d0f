//! The view as text for people: aligned, escaped, and on a terminal no wider than that.

use std::fmt::Write;

use super::{IncidentRow, InvestigationState, LastEvent, SessionRow, SpendSummary, StatusView};
use crate::text;
use crate::time::{Timestamp, show_span};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// The minimum width of a shortened queue name, in characters.
const NAME_MIN: usize = 12;
/// The characters of an id shown on a terminal.
const ID: usize = 8;
/// The spaces before each column.
const GAP: usize = 2;
/// The number of sessions shown; running sessions are always shown.
const SESSIONS: usize = 20;
/// The number of causes shown.
const CAUSES: usize = 5;

/// Renders the view. Lines are cut to the terminal width only on a terminal.
pub fn table(view: &StatusView, terminal: bool) -> String {
    let mut page = TextTable { text: String::new(), terminal };
    match &view.incidents {
        None => page.line("incidents: unknown"),
        Some(open) => page.incidents(open, view.at),
    }
    match &view.sessions {
        None => page.line("sessions: unknown"),
        Some(sessions) => page.sessions(sessions, &view.state),
    }
    match &view.spend {
        None => page.line("spend in 24 hours: unknown"),
        Some(spend) => page.spend(spend),
    }
    page.text
}

struct TextTable {
    text: String,
    terminal: bool,
}

impl TextTable {
    /// Adds a line, escaped and cut to the terminal width.
    fn line(&mut self, line: &str) {
        let line = text::safe(line.trim_end());
        let shown = if self.terminal { text::shorten(&line, WIDTH) } else { line };
        let _ = writeln!(self.text, "{shown}");
    }

    /// Adds rows, each column as wide as its widest cell. On a terminal the column `names` shrinks
    /// so that the row fits. A row may have further lines below it.
    fn rows<const N: usize>(
        &mut self,
        head: [&str; N],
        names: usize,
        rows: Vec<([String; N], Vec<String>)>,
    ) {
        let head = (head.map(str::to_owned), Vec::new());
        // Escaped text decides the width, because it is longer.
        let escaped = |(row, below): ([String; N], Vec<String>)| {
            (row.map(|cell| text::safe(&cell).into_owned()), below)
        };
        let rows: Vec<_> = std::iter::once(head).chain(rows).map(escaped).collect();
        let mut widths = [0; N];
        for (column, cell) in rows.iter().flat_map(|(row, _)| (0..N).zip(row)) {
            widths[column] = cell.chars().count().max(widths[column]);
        }
        let total: usize = widths.iter().map(|width| width + GAP).sum();
        if self.terminal && total > WIDTH {
            widths[names] = widths[names].saturating_sub(total - WIDTH).max(NAME_MIN);
        }
        for (row, below) in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "  {:width$}", text::shorten(cell, *width));
            }
            self.line(&line);
            for line in below {
                self.line(&format!("    {line}"));
            }
        }
    }

    fn id<'a>(&self, id: &'a str) -> &'a str {
        let end = id.char_indices().nth(ID).map_or(id.len(), |(at, _)| at);
        if self.terminal { &id[..end] } else { id }
    }

    fn incidents(&mut self, open: &[IncidentRow], now: Timestamp) {
        if open.is_empty() {
            return self.line("incidents: none open");
        }
        self.line(&format!("incidents: {} open", open.len()));
        let row = |one: &IncidentRow| {
            let depth = one.depth.map_or("unknown".to_owned(), |depth| depth.to_string());
            let since = show_span(now.since(one.since));
            let row = [one.queue.clone(), depth, since, loss(one, now)];
            (row, vec![self.investigation(&one.investigation, now)])
        };
        let rows: Vec<_> = open.iter().map(row).collect();
        self.rows(["QUEUE", "DEPTH", "SINCE", "LOSS"], 0, rows);
    }

    fn investigation(&self, of: &InvestigationState, now: Timestamp) -> String {
        let session = of.session.as_deref().map(|id| self.id(id)).unwrap_or_default();
        let reason = of.reason.as_deref();
        match of.state {
            "running" => format!("session {session} running"),
            "ended" if session.is_empty() => "investigated; not again until it grows".into(),
            "ended" => format!("session {session}: {}", reason.unwrap_or("ended")),
            "waiting" => match (reason, of.until) {
                (None, _) => "to be evaluated at the next heartbeat".into(),
                (Some(reason), None) => format!("waiting: {reason}"),
                (Some(reason), Some(until)) => {
                    format!("waiting: {reason}, for {}", show_span(until.since(now)))
                }
            },
            _ => "not yet seen by dlq-investigate".into(),
        }
    }

    fn sessions(&mut self, sessions: &[SessionRow], state: &str) {
        if sessions.is_empty() {
            return self.line("sessions: none on record");
        }
        self.line(&format!("sessions: {} on record", sessions.len()));
        let shown: Vec<&SessionRow> = sessions
            .iter()
            .enumerate()
            .filter(|(at, session)| *at < SESSIONS || session.ended_at.is_none())
            .map(|(_, session)| session)
            .collect();
        let row = |one: &&SessionRow| {
            let unrecorded = if one.recorded { "" } else { " (not yet recorded)" };
            let row = [
                self.id(&one.id).to_owned(),
                one.queue.clone(),
                format!("{}{unrecorded}", one.status),
                match one.age_s {
                    0 => "0s".to_owned(), // Not 0ms: the age is known in seconds.
                    age => show_span(std::time::Duration::from_secs(age)),
                },
                one.last_event.cost_usd.map_or("-".to_owned(), |cost| cost.to_string()),
            ];
            (row, self.result(&one.last_event, state))
        };
        let rows: Vec<_> = shown.iter().map(row).collect();
        self.rows(["ID", "QUEUE", "STATUS", "AGE", "COST"], 1, rows);
        let more = sessions.len() - shown.len();
        if more > 0 {
            self.line(&format!("  and {more} older; --json has all"));
        }
    }

    /// Returns the result lines of a session's last event. On a terminal the report's path is
    /// relative to the state folder, so that it is not cut.
    fn result(&self, one: &LastEvent, state: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let both = |word: &Option<String>, rest: &Option<String>| match (word, rest) {
            (Some(word), Some(rest)) => Some(format!("{word}: {rest}")),
            (word, rest) => word.clone().or_else(|| rest.clone()),
        };
        lines.extend(both(&one.verdict, &one.title));
        lines.extend(both(&one.reason, &one.detail));
        if let Some(report) = &one.report {
            let within = report.strip_prefix(state).map(|rest| rest.trim_start_matches('/'));
            lines.push(within.filter(|_| self.terminal).unwrap_or(report).to_owned());
        }
        lines
    }

    fn spend(&mut self, spend: &SpendSummary) {
        let (spent, reserved) = (spend.spent_usd, spend.reserved_usd);
        let (limit, left) = (spend.limit_usd, spend.left_usd);
        self.line(&format!(
            "spend in 24 hours: {spent} spent, {reserved} reserved, limit {limit}, left {left}"
        ));
        if spend.left_unless_near_usd != left {
            self.line(&format!(
                "  left for causes that are not near a loss: {}",
                spend.left_unless_near_usd
            ));
        }
        if spend.fingerprints.is_empty() {
            return;
        }
        let row = |one: &super::CauseSpend| {
            let cause = self.id(&one.fingerprint).to_owned();
            ([cause, one.usd.to_string()], Vec::new())
        };
        let rows: Vec<_> = spend.fingerprints.iter().take(CAUSES).map(row).collect();
        self.rows(["CAUSE", "IN 30 DAYS"], 0, rows);
    }
}

/// Describes when messages will be lost.
fn loss(one: &IncidentRow, now: Timestamp) -> String {
    let left = |at: Timestamp| show_span(at.since(now));
    match (one.expires_after, one.expires_before) {
        (_, Some(by)) if by <= now => "expiring now".into(),
        (Some(after), Some(by)) if after > now => {
            format!("not before {}, by {}", left(after), left(by))
        }
        (Some(after), None) if after > now => format!("not before {}", left(after)),
        (Some(_), None) => "at any moment".into(),
        (_, Some(by)) => format!("by {}", left(by)),
        (None, None) => "unknown".into(),
    }
}
