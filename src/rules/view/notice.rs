//! A notice for a person: in columns on a terminal, else as one line.
//!
//! Promises: no name, command or path is cut, so that each can be copied; a name that is too long for
//! its column pushes the sentence to the next line, where it begins in its own column all the same.
//! Beside those, no line is longer than the page. Nothing is told by a colour or a symbol alone. The
//! text of the notice is safe for a terminal already. Pure.

use super::page::{PageStyle, Shade};
use crate::event::Severity;
use crate::rules::notification::message::Notice;
use crate::text::{columns, spaces, wrap};

/// The columns of a time of day, and of a severity.
const TIME: usize = 6;
const SEVERITY: usize = 5;
/// The blanks between the columns of the queue, the sentence and the command.
const GAP: usize = 2;
/// The columns of a sentence, where the command has a column of its own.
const SENTENCE: usize = 44;
/// The narrowest column of sentences. On a narrower page they stand below the queue.
const SENTENCE_MIN: usize = 24;
/// The indent of what stands below its column.
const BELOW: usize = 4;

/// The choices of a user about the notices of a console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsoleStyle {
    pub color: bool,
    /// Whether a notice is one line on a terminal, too.
    pub plain: bool,
    /// Whether a symbol stands before the severity, on a terminal.
    pub symbols: bool,
}

impl ConsoleStyle {
    /// Returns the lines of a notice, without the last LF, for a terminal of so many columns, or for
    /// another output: there one line has it all, whatever its length.
    pub fn text(self, notice: &Notice, terminal: Option<usize>) -> String {
        let page = PageStyle::new(terminal, self.color);
        match terminal.filter(|_| !self.plain) {
            Some(_) => in_columns(notice, page, self.symbols).trim_end().to_owned(),
            None => {
                format!("{} {} {}", notice.when, page.severity(notice.severity), notice.text())
            }
        }
    }
}

/// Returns the lines of a notice on a terminal.
pub fn in_columns(notice: &Notice, page: PageStyle, symbols: bool) -> String {
    let mut layout = Layout::new(notice, page, symbols);
    let next = layout.sentence(&notice.what, notice.next.as_deref());
    next.into_iter().for_each(|next| layout.below(next));
    notice.below_within_limit().iter().for_each(|line| layout.below(line));
    if let Some(names) = notice.names_within_limit() {
        layout.text += &page.indented(BELOW, &names);
    }
    layout.text
}

/// Returns the columns of the names of queues. A narrow page has none.
fn name_width(width: usize) -> usize {
    match width {
        ..80 => 0,
        80..100 => 24,
        100..120 => 28,
        120..160 => 32,
        _ => 42,
    }
}

/// Returns the symbol of a severity: one column wide on every terminal.
fn symbol(severity: Severity) -> &'static str {
    match severity {
        Severity::Debug => " ",
        Severity::Info => "›",
        Severity::Warn => "!",
        Severity::Error | Severity::Fatal => "✗",
    }
}

/// The lines of a notice, as they are added.
struct Layout {
    page: PageStyle,
    text: String,
    /// The column at which sentences begin.
    column: usize,
    /// Whether the line that is begun has reached it.
    is_beside: bool,
}

impl Layout {
    /// Begins with the time, the severity and the queue.
    fn new(notice: &Notice, page: PageStyle, symbols: bool) -> Self {
        let symbol = if symbols { format!("{} ", symbol(notice.severity)) } else { String::new() };
        let word = page.severity(notice.severity);
        let gap = SEVERITY.saturating_sub(notice.severity.as_str().len()) + 1;
        let before = columns(&notice.when).max(TIME) + 1 + columns(&symbol) + SEVERITY + 1;
        let mut text = page.paint(Shade::Faint, &notice.when);
        text += &" ".repeat(TIME.saturating_sub(columns(&notice.when)) + 1);
        text += &format!("{symbol}{word}{}", spaces(gap));
        let (names, length) = (name_width(page.width), columns(&notice.subject));
        let column = before + names + GAP;
        let has_column = names > 0 && column + SENTENCE_MIN <= page.width;
        if before + length > page.width {
            // A name that is longer than the rest of the line begins as far left as it has to.
            let indent = page.width.saturating_sub(length).min(BELOW);
            text = format!("{}\n{}", text.trim_end(), spaces(indent));
        }
        text += &page.paint(Shade::Heading, &notice.subject);
        let is_beside = has_column && length <= names;
        if is_beside {
            text += &" ".repeat(column - before - length);
        } else {
            text.push('\n');
        }
        Layout { page, text, column: if has_column { column } else { BELOW }, is_beside }
    }

    /// Adds the sentence, and the command beside it. Returns a command for which there is no room.
    fn sentence<'a>(&mut self, what: &str, next: Option<&'a str>) -> Option<&'a str> {
        let length = columns(what);
        let room = self.page.width.saturating_sub(self.column);
        let beside = next.filter(|next| {
            length + GAP <= SENTENCE && SENTENCE + columns(next) <= room && self.column > BELOW
        });
        match beside {
            Some(next) => self.put(&[format!("{what}{}{next}", spaces(SENTENCE - length))]),
            None => self.below(what),
        }
        next.filter(|_| beside.is_none())
    }

    /// Adds a sentence or a command. One that does not fit its column stands below it.
    fn below(&mut self, text: &str) {
        let room = self.page.width.saturating_sub(self.column);
        let lines = wrap(text, room);
        if lines.iter().all(|line| columns(line) <= room) {
            return self.put(&lines);
        }
        if std::mem::take(&mut self.is_beside) {
            self.text.truncate(self.text.trim_end().len());
            self.text.push('\n');
        }
        self.text += &self.page.indented(BELOW, text);
    }

    /// Adds lines at the column of sentences.
    fn put(&mut self, lines: &[String]) {
        for line in lines {
            if !std::mem::take(&mut self.is_beside) {
                self.text += &" ".repeat(self.column);
            }
            self.text += line;
            self.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests;
