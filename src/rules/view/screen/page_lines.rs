//! Lines of a page that a person scrolls: headings, fields, sentences, commands.

use super::cells;
use super::panel;
use super::rows::Look;
use super::theme::{StyledLine, Tone};

/// The cells before a field, and of its name.
const INDENT: usize = 2;
const NAME: usize = 14;

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
