//! Secrets in tables of text: below a head line that names them, and in the lines of `.pgpass`.
//!
//! Promises: a line is read at most twice. A head line consists of names only, and the table ends
//! at the first line with another number of cells, but for single ones with a separator too many.

use std::iter::repeat;
use std::ops::Range;

use super::bytes::{digits, run};
use super::secret_name::{EMPTY_VALUES, NormalizedName};
use super::{Match, SECRET};

/// Limit on the length of a head line, in bytes.
const HEAD_MAX: usize = 4096;
/// Limit on the length of the name of a column, in bytes.
const NAME_MAX: usize = 40;
/// Limit on the columns with secrets of one table.
const COLUMNS_MAX: usize = 8;
/// Signs between cells.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Bytes of a head line: those of names, quotes and separators.
const HEAD_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        bytes[byte] = byte >= 0x80 || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"_-. \"',;\t|";
    let mut at = 0;
    while at < others.len() {
        bytes[others[at] as usize] = true;
        at += 1;
    }
    bytes
};

/// Adds the cells of columns with secret names, and the passwords of `.pgpass`.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    let mut table: Option<Table> = None;
    let mut at = 0;
    while at < bytes.len() {
        let length = run_to_line_end(&bytes[at..]);
        let line = bytes[at..at + length].trim_ascii_end();
        let is_of_table = table.as_mut().is_some_and(|table| table.add_cells(line, at, found));
        if !is_of_table {
            table = if at + length < bytes.len() { Table::new(line) } else { None };
            found.extend(pgpass(line).map(|(start, end)| Match {
                start: at + start,
                end: at + end,
                kind: SECRET,
            }));
        }
        at += length + 1;
    }
}

fn run_to_line_end(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())
}

/// A head line that names secrets.
struct Table {
    separator: u8,
    cells: usize,
    /// Places of secrets, and whether a number there is a count.
    secrets: Vec<(usize, bool)>,
    /// Whether the last line had a separator too many.
    is_broken: bool,
}

impl Table {
    /// Reads a head line; `None` if it is none, or names no secret.
    fn new(line: &[u8]) -> Option<Self> {
        // Fast path: a line of another kind soon has a byte that no name has.
        let names = run(line, |byte| HEAD_BYTES[usize::from(byte)]);
        if names < line.len() || line.len() > HEAD_MAX {
            return None;
        }
        let count = |sign: u8| memchr::memchr_iter(sign, line).count();
        let separator = SEPARATORS.into_iter().find(|sign| count(*sign) > 0)?;
        let cells = split(line, separator);
        let mut secrets = Vec::new();
        for (place, cell) in cells.iter().enumerate() {
            let name = &line[cell.clone()];
            // A table with lines around it has empty cells at its sides.
            let is_side = separator == b'|' && (place == 0 || place + 1 == cells.len());
            let is_begun = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'_';
            let is_name = name.len() <= NAME_MAX && name.first().map_or(is_side, is_begun);
            if !is_name {
                return None;
            }
            let name = NormalizedName::read(name);
            if name.is_secret() && secrets.len() < COLUMNS_MAX {
                secrets.push((place, name.is_count()));
            }
        }
        (!secrets.is_empty()).then_some(Table {
            separator,
            cells: cells.len(),
            secrets,
            is_broken: false,
        })
    }

    /// Adds the secrets of a line that begins at `from`; returns whether the line is of this table.
    /// A secret of a line with a separator too many may stand in several cells. Behind a separator in
    /// prose stands a space.
    fn add_cells(&mut self, line: &[u8], from: usize, found: &mut Vec<Match<'_>>) -> bool {
        // The rule below the head line.
        if !line.is_empty() && line.iter().all(|byte| b"-+|:= ".contains(byte)) {
            return true;
        }
        let cells = split(line, self.separator);
        let Some(more) = cells.len().checked_sub(self.cells) else { return false };
        let reads_as_prose = || line.windows(2).any(|two| two == [self.separator, b' ']);
        if more > 0 && (self.is_broken || reads_as_prose()) {
            return false;
        }
        self.is_broken = more > 0;
        let places = self.secrets.iter();
        let places =
            places.flat_map(|(place, is_count)| (*place..=*place + more).zip(repeat(*is_count)));
        for (place, is_count) in places {
            let cell = cells[place].clone();
            let value = &line[cell.clone()];
            let is_quoted = cell.start > 0 && matches!(line[cell.start - 1], b'"' | b'\'');
            let is_prose = !is_quoted && value.contains(&b' ');
            let is_number = is_count && digits(value) == value.len();
            if !(value.is_empty() || is_prose || is_number || EMPTY_VALUES.contains(&value)) {
                found.push(Match { start: from + cell.start, end: from + cell.end, kind: SECRET });
            }
        }
        true
    }
}

/// Returns the cells of a line, without the quotes and spaces around them. A quoted cell may contain
/// the separator.
fn split(line: &[u8], separator: u8) -> Vec<Range<usize>> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let start = at + run(&line[at..], |byte| byte == b' ');
        let quote = line.get(start).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let closed = quote.and_then(|quote| {
            let close = start + 1 + memchr::memchr(quote, &line[start + 1..])?;
            let next = close + 1 + run(&line[close + 1..], |byte| byte == b' ');
            line.get(next).is_none_or(|byte| *byte == separator).then_some((close, next))
        });
        let (cell, end) = match closed {
            Some((close, next)) => (start + 1..close, next),
            None => {
                let end = at + memchr::memchr(separator, &line[at..]).unwrap_or(line.len() - at);
                let text = line[at..end].trim_ascii_end().len();
                (start.min(at + text)..at + text, end)
            }
        };
        cells.push(cell);
        if end >= line.len() {
            return cells;
        }
        at = end + 1;
    }
}

/// Returns the range of the password in a line `host:port:database:user:password`.
fn pgpass(line: &[u8]) -> Option<(usize, usize)> {
    let host = memchr::memchr(b':', &line[..line.len().min(256)])?;
    let is_host =
        line[..host].contains(&b'.') || [&b"*"[..], b"localhost"].contains(&&line[..host]);
    let port = line[host + 1..].split(|byte| *byte == b':').next()?;
    let is_port = port == b"*" || (4..=5).contains(&port.len()) && digits(port) == port.len();
    if !is_host || !is_port || line.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    let rest = host + 1 + port.len();
    let mut ends = memchr::memchr_iter(b':', &line[rest..]).map(|at| rest + at);
    let (database, user, start) = (ends.next()?, ends.next()?, ends.next()? + 1);
    let is_word = |text: &[u8]| text.iter().any(|byte| byte.is_ascii_alphabetic() || *byte == b'*');
    let is_plain = line[start..].iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b':');
    let are_words = is_word(&line[database + 1..user]) && is_word(&line[user + 1..start - 1]);
    (are_words && !is_plain).then_some((start, line.len()))
}
