//! Lines of a page that a person scrolls: headings, fields, sentences, commands.

use super::cells;
use super::panel;
use super::rows::Look;
use super::theme::{StyledLine, Tone};

/// The cells before a field, and of its name.
const INDENT: usize = 2;
const NAME: usize = 14;
/// The cells of an amount.
const AMOUNT: usize = 8;

pub struct PageLines<'a> {
    pub look: &'a Look<'a>,
    pub width: usize,
    pub lines: Vec<StyledLine>,
}

impl<'a> PageLines<'a> {
    pub fn new(look: &'a Look<'a>, width: usize) -> Self {
        PageLines { look, width, lines: Vec::new() }
    }

    /// Adds the heading of a part, behind an empty line unless it is the first.
    pub fn heading(&mut self, title: &str, note: &str) {
        if !self.lines.is_empty() {
            self.lines.push(StyledLine::new());
        }
        let symbols = self.look.symbols;
        self.lines.push(panel::rule(symbols, self.width, title, Tone::Strong, "", note));
    }

    /// Adds a named value; further lines begin below its first.
    pub fn field(&mut self, name: &str, text: &str, tone: Tone) {
        let mut head = StyledLine::new();
        head.pad(INDENT);
        head.push(name, Tone::Faint);
        head.pad(INDENT + NAME);
        self.hang(head, text, tone);
    }

    /// Adds a named number, the last digit of which stands below those of other lines, and what it is of.
    pub fn amount(&mut self, name: &str, amount: &str, note: &str, tone: Tone) {
        let mut head = StyledLine::new();
        head.pad(INDENT);
        head.push(name, Tone::Faint);
        head.pad(INDENT + NAME);
        head.pad((INDENT + NAME + AMOUNT).saturating_sub(cells::width(amount)));
        head.push(amount, tone);
        if note.is_empty() {
            return self.lines.push(head);
        }
        head.push("  ", Tone::Plain);
        let (indent, note) = (head.width(), cells::clean(note));
        for text in cells::wrap(&note, self.width.saturating_sub(indent)) {
            head.pad(indent);
            self.lines.push(std::mem::take(&mut head).with(&text, Tone::Plain));
        }
    }

    /// Adds a sentence behind a head.
    pub fn hang(&mut self, head: StyledLine, text: &str, tone: Tone) {
        let indent = head.width().min(self.width / 2);
        let text = cells::clean(text).into_owned();
        let mut wrapped = cells::wrap(&text, self.width.saturating_sub(indent)).into_iter();
        let mut first = head;
        first.push(&wrapped.next().unwrap_or_default(), tone);
        self.lines.push(first);
        for text in wrapped {
            let mut line = StyledLine::new();
            line.pad(indent);
            self.lines.push(line.with(&text, tone));
        }
    }

    pub fn sentence(&mut self, text: &str, tone: Tone) {
        let mut head = StyledLine::new();
        head.pad(INDENT);
        self.hang(head, text, tone);
    }

    /// Adds a command. Where it is wider than the page, each line but the last ends in a backslash, so
    /// that it can be copied.
    pub fn command(&mut self, command: &str) {
        let room = self.width.saturating_sub(INDENT + 2);
        let command = cells::clean(command).into_owned();
        let is_breakable = command.split(' ').all(|word| cells::width(word) + INDENT <= room);
        let lines = match is_breakable && cells::width(&command) > room {
            true => cells::wrap(&command, room.saturating_sub(INDENT)),
            false => cells::wrap(&command, room + 2),
        };
        let last = lines.len() - 1;
        for (at, text) in lines.iter().enumerate() {
            let mut line = StyledLine::new();
            line.pad(INDENT + if at == 0 { 0 } else { INDENT });
            line.push(text, Tone::Plain);
            if at < last && is_breakable {
                line.push(" \\", Tone::Plain);
            }
            self.lines.push(line);
        }
    }

    /// Adds lines of text as they are, each cut to the width.
    pub fn verbatim(&mut self, text: &str, lines_max: usize) {
        let mark = self.look.symbols.cut;
        let all = text.lines().count();
        for text in text.lines().take(lines_max) {
            // A tab is no hidden character here.
            let mut line = StyledLine::new();
            line.pad(INDENT);
            self.lines
                .push(line.with(&text.replace('\t', "    "), Tone::Plain).cut(self.width, mark));
        }
        if all > lines_max {
            self.sentence(&format!("{} more lines are in the file", all - lines_max), Tone::Faint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::view::dashboard::Dashboard;
    use crate::rules::view::screen::symbols::Symbols;
    use crate::time::Timestamp;

    #[test]
    fn amounts_stand_below_each_other() {
        let state = Dashboard::default();
        let (now, symbols) = (Timestamp::default(), Symbols::new(true, false));
        let look = Look { state: &state, now, symbols };
        let mut page = PageLines::new(&look, 40);
        page.amount("limit", "$25.00", "", Tone::Plain);
        page.amount("today", "$0.42+", "1 session", Tone::Plain);
        page.amount("2026-11-22", "$1234567+", "3 sessions", Tone::Plain);
        page.amount("", "?", "", Tone::Plain);
        let lines: Vec<String> = page.lines.iter().map(StyledLine::text).collect();
        let expected = [
            "  limit           $25.00",
            "  today           $0.42+  1 session",
            "  2026-11-22    $1234567+  3 sessions",
            "                       ?",
        ];
        assert_eq!(lines, expected);
    }
}
