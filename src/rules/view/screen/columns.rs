//! The columns of the lists, and which of them a width has room for.
//!
//! Promises: columns leave in a stated order, which the legend prints too, and none is squeezed below
//! its least width; names are cut in the middle, never at the end.

use std::ops::Range;

use super::amounts::UNKNOWN;
use super::cells;
use super::theme::{StyledLine, Tone};

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnField {
    Age,
    Agent,
    At,
    Author,
    Cause,
    Checks,
    Cost,
    Count,
    Cpu,
    Depth,
    Elapsed,
    History,
    InFlight,
    Loss,
    Mark,
    Memory,
    Number,
    Pid,
    Place,
    Queue,
    Redrive,
    Repository,
    Result,
    Review,
    Runtime,
    Session,
    Severity,
    Status,
    Subagents,
    Text,
    Title,
    Trend,
    Waiting,
}

/// A column of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub field: ColumnField,
    pub head: &'static str,
    /// The cells below which the column leaves.
    least: usize,
    /// The cells that it gets before others grow.
    ideal: usize,
    most: usize,
    /// The cells of its longer form; 0 without one.
    long: usize,
    /// Numbers stand on the right, and their greatest comes first when sorted.
    pub is_number: bool,
    /// Whether the column leaves already where others would not have their ideal width.
    is_spare: bool,
    /// The place in the order of leaving, the greatest first; 0 stays.
    pub leaves: u8,
}

/// Returns a column of fixed width.
const fn fixed(field: ColumnField, head: &'static str, width: usize, leaves: u8) -> Column {
    Column {
        field,
        head,
        least: width,
        ideal: width,
        most: width,
        long: 0,
        is_number: false,
        is_spare: false,
        leaves,
    }
}

const fn spare(column: Column) -> Column {
    Column { is_spare: true, ..column }
}

const fn number(field: ColumnField, head: &'static str, width: usize, leaves: u8) -> Column {
    Column { is_number: true, ..fixed(field, head, width, leaves) }
}

/// Returns a column that grows.
const fn wide(field: ColumnField, head: &'static str, widths: [usize; 3], leaves: u8) -> Column {
    let [least, ideal, most] = widths;
    Column { ideal, most, ..fixed(field, head, least, leaves) }
}

/// Returns a column with a longer form.
const fn either(field: ColumnField, head: &'static str, widths: [usize; 2], leaves: u8) -> Column {
    Column { long: widths[1], ..fixed(field, head, widths[0], leaves) }
}

pub static QUEUES: [Column; 10] = [
    fixed(ColumnField::Severity, "SEVERITY", 9, 0),
    wide(ColumnField::Queue, "QUEUE", [12, 34, 80], 0),
    number(ColumnField::Depth, "DEPTH", 7, 0),
    number(ColumnField::InFlight, "FLIGHT", 7, 4),
    number(ColumnField::Trend, "IN 1H", 6, 3),
    spare(fixed(ColumnField::History, "LAST 24H", 12, 5)),
    number(ColumnField::Age, "AGE", 4, 2),
    either(ColumnField::Loss, "TO LOSS", [7, 18], 0),
    either(ColumnField::Mark, "MARK", [10, 14], 1),
    spare(wide(ColumnField::Place, "PLACE", [14, 24, 40], 6)),
];

pub static INVESTIGATORS: [Column; 8] = [
    fixed(ColumnField::Status, "STATUS", 11, 0),
    wide(ColumnField::Queue, "QUEUE", [14, 34, 60], 0),
    number(ColumnField::Pid, "PID", 7, 5),
    either(ColumnField::Subagents, "AGENTS", [6, 26], 4),
    number(ColumnField::Cpu, "CPU", 5, 3),
    number(ColumnField::Memory, "MEMORY", 6, 2),
    number(ColumnField::Runtime, "RUNTIME", 7, 0),
    number(ColumnField::Cost, "COST", 7, 1),
];

pub static REQUESTS: [Column; 8] = [
    number(ColumnField::Number, "PR", 6, 0),
    wide(ColumnField::Repository, "REPOSITORY", [12, 14, 40], 4),
    wide(ColumnField::Title, "TITLE", [14, 40, 90], 0),
    spare(wide(ColumnField::Author, "AUTHOR", [8, 10, 16], 5)),
    number(ColumnField::Age, "AGE", 4, 3),
    fixed(ColumnField::Checks, "CHECKS", 9, 1),
    fixed(ColumnField::Review, "REVIEW", 10, 2),
    wide(ColumnField::Waiting, "WAITING ON", [10, 12, 24], 0),
];

pub static TIMELINE: [Column; 4] = [
    fixed(ColumnField::At, "TIME", 11, 0),
    number(ColumnField::Elapsed, "ELAPSED", 9, 1),
    fixed(ColumnField::Severity, "", 1, 0),
    wide(ColumnField::Text, "NEWS", [24, 60, 400], 0),
];

pub static INVESTIGATIONS: [Column; 8] = [
    fixed(ColumnField::Status, "STATUS", 11, 0),
    wide(ColumnField::Queue, "QUEUE", [14, 22, 60], 0),
    wide(ColumnField::Result, "RESULT", [14, 40, 120], 1),
    number(ColumnField::Age, "BEGUN", 5, 2),
    number(ColumnField::Runtime, "RUNTIME", 7, 0),
    number(ColumnField::Cost, "COST", 7, 3),
    spare(fixed(ColumnField::Session, "SESSION", 8, 4)),
    spare(wide(ColumnField::Agent, "AGENT", [6, 8, 14], 5)),
];

pub static INCIDENTS: [Column; 9] = [
    fixed(ColumnField::Status, "STATE", 10, 0),
    wide(ColumnField::Queue, "QUEUE", [12, 22, 60], 0),
    wide(ColumnField::Cause, "CAUSE", [13, 40, 120], 0),
    spare(number(ColumnField::Count, "SAMPLED", 7, 4)),
    number(ColumnField::Age, "RAISED", 6, 2),
    number(ColumnField::Runtime, "LASTED", 7, 1),
    either(ColumnField::Number, "PR", [6, 24], 3),
    spare(fixed(ColumnField::Redrive, "REDRIVE", 9, 5)),
    spare(wide(ColumnField::Place, "PLACE", [14, 22, 40], 6)),
];

/// A cell of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableCell {
    pub text: String,
    /// The longer form, for columns that have one.
    pub long: Option<String>,
    pub tone: Tone,
    /// Whether the text is cut at its end, as a sentence, and not in the middle, as a name.
    pub is_sentence: bool,
}

impl TableCell {
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        TableCell { text: text.into(), tone, ..TableCell::default() }
    }

    pub fn plain(text: impl Into<String>) -> Self {
        TableCell::new(text, Tone::Plain)
    }

    /// Returns the cell of what is unknown.
    pub fn unknown() -> Self {
        TableCell::new(UNKNOWN, Tone::Warning)
    }

    pub fn sentence(text: impl Into<String>, tone: Tone) -> Self {
        TableCell { is_sentence: true, ..TableCell::new(text, tone) }
    }
}

/// A sentence in place of the cells that are unknown for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSpan {
    /// The column before the sentence.
    pub after: ColumnField,
    /// The columns that are known all the same; the sentence ends before the first of them.
    pub known: Vec<ColumnField>,
    pub cell: TableCell,
}

/// The columns of a list that a width has room for, with their widths.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownColumns {
    pub columns: Vec<(&'static Column, usize)>,
    gap: usize,
}

/// The width from which columns are two cells apart.
const SPACIOUS: usize = 110;

impl ShownColumns {
    /// Chooses columns for a width. `is_used` says whether a column has anything to show, and `symbol`
    /// is the width of a symbol.
    pub fn choose(
        all: &'static [Column],
        width: usize,
        symbol: usize,
        is_used: impl Fn(ColumnField) -> bool,
    ) -> Self {
        let gap = if width < SPACIOUS { 1 } else { 2 };
        let columns = kept(all, width, gap, symbol, is_used);
        let mut shown: Vec<_> =
            columns.into_iter().map(|one| (one, one.least + one.more(symbol))).collect();
        let used: usize = shown.iter().map(|(_, width)| width + gap).sum();
        let mut left = (width + gap).saturating_sub(used);
        for (column, width) in &mut shown {
            let more = left.min(column.ideal - column.least);
            *width += more;
            left -= more;
        }
        for (column, width) in &mut shown {
            if let Some(more) = column.long.checked_sub(*width).filter(|more| *more <= left) {
                *width += more;
                left -= more;
            }
        }
        while left > 0 {
            let before = left;
            for (column, width) in &mut shown {
                if *width < column.most && left > 0 {
                    *width += 1;
                    left -= 1;
                }
            }
            if left == before {
                break;
            }
        }
        ShownColumns { columns: shown, gap }
    }

    /// Returns the line of headings, with a mark beside the column that a person sorts by.
    pub fn heads(&self, indent: usize, sorted: Option<(ColumnField, &str)>) -> StyledLine {
        let cells = self.columns.iter().map(|(column, width)| match sorted {
            Some((field, mark)) if field == column.field => {
                let head = cells::cut_sentence(column.head, width.saturating_sub(1), "");
                TableCell::new(format!("{head}{mark}"), Tone::Strong)
            }
            _ => TableCell::new(column.head, Tone::Faint),
        });
        let mut line = StyledLine::new();
        line.pad(indent);
        self.lay(&mut line, cells, None, "");
        line
    }

    /// Returns the columns that a sentence takes the place of.
    fn spanned(&self, span: &RowSpan) -> Range<usize> {
        let place = |field| self.columns.iter().position(|(column, _)| column.field == field);
        let Some(begin) = place(span.after).map(|at| at + 1) else { return 0..0 };
        let end = span.known.iter().filter_map(|field| place(*field)).min();
        begin..end.unwrap_or(self.columns.len()).max(begin)
    }

    /// Adds the cells of a row, one for each column, with a sentence in place of some.
    pub fn lay(
        &self,
        line: &mut StyledLine,
        row: impl IntoIterator<Item = TableCell>,
        span: Option<&RowSpan>,
        mark: &str,
    ) {
        let mut column_start = line.width();
        let spanned = span.map_or(0..0, |span| self.spanned(span));
        for (at, ((column, width), cell)) in self.columns.iter().zip(row).enumerate() {
            if let Some(span) = span.filter(|_| spanned.contains(&at)) {
                if at == spanned.start {
                    let widths = self.columns[spanned.clone()].iter().map(|(_, width)| width);
                    let room = widths.map(|width| width + self.gap).sum::<usize>() - self.gap;
                    line.pad(column_start);
                    let text = cells::clean(&span.cell.text);
                    line.push(&cells::cut_sentence(&text, room, mark), span.cell.tone);
                }
                column_start += width + self.gap;
                continue;
            }
            let long = cell.long.as_deref().map(cells::clean);
            let text = match long {
                Some(long) if cells::width(&long) <= *width => long,
                _ => cells::clean(&cell.text),
            };
            let text = match cell.is_sentence {
                // A part of a number would be another number.
                _ if column.is_number && cells::width(&text) > *width => mark.into(),
                true => cells::cut_sentence(&text, *width, mark),
                false => cells::cut_name(&text, *width, mark),
            };
            let free = width - cells::width(&text).min(*width);
            line.pad(column_start + if column.is_number { free } else { 0 });
            line.push(&text, cell.tone);
            column_start += width + self.gap;
        }
    }
}

/// Returns the columns that stay: first the spare ones leave, until the others have their ideal width,
/// then those that have to, until the others have their least width.
fn kept(
    all: &'static [Column],
    width: usize,
    gap: usize,
    symbol: usize,
    is_used: impl Fn(ColumnField) -> bool,
) -> Vec<&'static Column> {
    let mut columns: Vec<&Column> = all.iter().filter(|one| is_used(one.field)).collect();
    loop {
        let used = |wanted: fn(&Column) -> usize| {
            let each = columns.iter().map(|one| wanted(one) + one.more(symbol) + gap);
            each.sum::<usize>().saturating_sub(gap)
        };
        let Some(last) = columns.iter().max_by_key(|one| one.leaves) else { return columns };
        let has_to = used(|one| one.least) > width;
        let should = last.is_spare && used(|one| one.ideal) > width;
        let rank = last.leaves;
        if rank == 0 || !(has_to || should) {
            return columns;
        }
        columns.retain(|one| one.leaves != rank);
    }
}

impl Column {
    /// Returns the cells that a symbol wider than one adds.
    fn more(&self, symbol: usize) -> usize {
        match self.field {
            ColumnField::Severity
            | ColumnField::Status
            | ColumnField::Checks
            | ColumnField::Review => symbol.saturating_sub(1),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::ListName;
    use super::*;

    /// All tables, by the heading that the legend has for them.
    const ALL: [&[Column]; 6] =
        [&QUEUES, &INVESTIGATORS, &REQUESTS, &TIMELINE, &INVESTIGATIONS, &INCIDENTS];

    #[test]
    fn columns_fit_every_width_and_leave_in_their_order() {
        for table in ALL {
            let mut before = usize::MAX;
            for width in (38..=300).rev() {
                let shown = ShownColumns::choose(table, width, 1, |_| true);
                let used: usize = shown.columns.iter().map(|(_, width)| width + shown.gap).sum();
                assert!(used - shown.gap <= width, "{width}: {shown:?}");
                // The gap is narrower below, so a column may come back there once.
                if width != SPACIOUS - 1 {
                    assert!(shown.columns.len() <= before, "{width}");
                }
                before = shown.columns.len();
                let hidden =
                    table.iter().filter(|one| !shown.columns.iter().any(|(shown, _)| shown == one));
                let first_left = hidden.map(|one| one.leaves).min().unwrap_or(u8::MAX);
                assert!(shown.columns.iter().all(|(one, _)| one.leaves < first_left));
            }
        }
    }

    #[test]
    fn order_of_leaving_has_no_ties() {
        for table in ALL {
            let mut ranks: Vec<u8> = table.iter().map(|one| one.leaves).collect();
            ranks.retain(|rank| *rank > 0);
            ranks.sort_unstable();
            assert_eq!(ranks, (1..=ranks.len() as u8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn manual_states_the_order_of_leaving() {
        let manual = include_str!("../../../../man/dlq-dash.1");
        let part = manual.split(".Ss Columns").nth(1).unwrap().split(".Ss ").next().unwrap();
        let rows: Vec<&str> = part.split(".It ").skip(1).collect();
        assert_eq!(rows.len(), ListName::ALL.len());
        for (list, row) in ListName::ALL.into_iter().zip(rows) {
            let mut leaving: Vec<_> = list.columns().iter().filter(|one| one.leaves > 0).collect();
            leaving.sort_by_key(|one| std::cmp::Reverse(one.leaves));
            let heads: Vec<&str> = leaving.iter().map(|one| one.head).collect();
            let words: Vec<&str> =
                row.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            assert_eq!(words[..2], [list.title(), &heads.join(", ")]);
        }
    }

    #[test]
    fn cells_keep_their_columns() {
        static TABLE: [Column; 3] = [
            wide(ColumnField::Queue, "QUEUE", [6, 8, 8], 0),
            number(ColumnField::Depth, "DEPTH", 5, 0),
            either(ColumnField::Loss, "LOSS", [4, 9], 1),
        ];
        let row = || {
            let loss = TableCell { long: Some("within 5m".into()), ..TableCell::plain("<5m") };
            [TableCell::plain("注文処理-dlq"), TableCell::plain("12"), loss]
        };
        let rows =
            [(40, "注文…dlq    12 within 5m"), (19, "注文…dlq    12 <5m"), (13, "注文…lq    12")];
        for (width, expected) in rows {
            let mut line = StyledLine::new();
            ShownColumns::choose(&TABLE, width, 1, |_| true).lay(&mut line, row(), None, "…");
            assert_eq!(line.text(), expected, "{width}");
        }
    }

    #[test]
    fn sentence_takes_the_place_of_unknown_cells() {
        static TABLE: [Column; 4] = [
            wide(ColumnField::Queue, "QUEUE", [6, 8, 8], 0),
            number(ColumnField::Depth, "DEPTH", 5, 2),
            number(ColumnField::Age, "AGE", 4, 1),
            fixed(ColumnField::Loss, "LOSS", 4, 0),
        ];
        let rows = [
            (40, vec![], "orders   access denied"),
            (40, vec![ColumnField::Loss], "orders   access de… <5m"),
            (18, vec![ColumnField::Loss], "orders   acc… <5m"),
            (12, vec![ColumnField::Loss], "orders  <5m"),
            (12, vec![], "orders  acc…"),
        ];
        for (width, known, expected) in rows {
            let row = ["orders", "?", "-", "<5m"].map(TableCell::plain);
            let cell = TableCell::plain("access denied");
            let span = RowSpan { after: ColumnField::Queue, known, cell };
            let shown = ShownColumns::choose(&TABLE, width, 1, |_| true);
            let row = TABLE.iter().zip(row).filter_map(|(column, cell)| {
                shown.columns.iter().any(|(one, _)| *one == column).then_some(cell)
            });
            let mut line = StyledLine::new();
            shown.lay(&mut line, row, Some(&span), "…");
            assert_eq!(line.text(), expected, "{width}");
        }
    }
}
