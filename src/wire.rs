//! Lines in, lines out, byte for byte.
//!
//! A filter reads lines with [`Input`] and writes them unchanged with [`Output`].
//!
//! Promises: every line is checked to its last byte; output is written in blocks, and flushed
//! before a read that may wait, so that no line is delayed; only this file writes standard output.

#![allow(clippy::disallowed_methods)] // The one place for them; see clippy.toml.

mod beside;
mod filter;
mod output_writer;

pub use beside::run_filter_beside;
pub use filter::{StreamFilter, failed_in_part, run_filter};

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use output_writer::OutputWriter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, io_cause};
use crate::event::{self, Head, Line};
use crate::{log, text};

/// The longest line that is accepted, in bytes without its LF.
pub const LINE_CAP: usize = 1 << 20;
/// The number of refused lines that are reported one by one.
const WARNINGS_MAX: u64 = 100;
const BLOCK: usize = 64 * 1024;

/// The result of one read.
pub enum Step<'a> {
    /// A JSON object without its LF, and its head when it is an event.
    Line(&'a [u8], Option<Head<'a>>),
    /// A line that is too long or not a JSON object; it was reported.
    Refused,
    /// No line within the timeout.
    Idle,
    /// The end of the stream.
    End,
}

/// A stream of lines.
pub struct Input<F> {
    from: F,
    buffer: Vec<u8>,
    /// `buffer[start..end]` has been read and not yet returned.
    start: usize,
    end: usize,
    /// No LF stands before this.
    searched: usize,
    /// Skips the rest of a line over the cap.
    dropping: bool,
    ended: bool,
    number: u64,
    bad: Cell<u64>,
}

impl Input<rustix::fd::BorrowedFd<'static>> {
    /// Reads standard input; reports when that is a terminal.
    pub fn stdin() -> Self {
        if stdin_is_terminal() {
            log::write_stderr(&format!("{}: reading events from the terminal", log::name()));
        }
        Input::new(rustix::stdio::stdin())
    }
}

impl<F: AsFd> Input<F> {
    /// Reads a file, pipe or socket.
    pub fn new(from: F) -> Self {
        let buffer = vec![0; BLOCK];
        Input {
            from,
            buffer,
            start: 0,
            end: 0,
            searched: 0,
            dropping: false,
            ended: false,
            number: 0,
            bad: Cell::new(0),
        }
    }

    /// Returns the number of refused lines.
    pub fn bad(&self) -> u64 {
        self.bad.get()
    }

    /// Returns the next line. Calls `flush` before it waits, for `timeout` at most, which is asked for
    /// then only: nearly all lines are in the buffer.
    pub fn next(
        &mut self,
        mut flush: impl FnMut() -> Result<(), Error>,
        timeout: impl Fn() -> Option<Duration>,
    ) -> Result<Step<'_>, Error> {
        let (from, to) = loop {
            if let Some(line) = self.cut() {
                break line;
            }
            flush()?;
            if self.ended {
                return Ok(Step::End);
            }
            if !self.ready(timeout())? {
                return Ok(Step::Idle);
            }
            self.fill()?;
        };
        let line = &self.buffer[from..to];
        Ok(match event::peek(line) {
            Line::Event(head) => Step::Line(line, Some(head)),
            Line::Object => Step::Line(line, None),
            Line::Bad(why) => {
                self.refuse(why);
                Step::Refused
            }
        })
    }

    /// Returns the bounds of the next line in the buffer that is not blank, without its LF.
    fn cut(&mut self) -> Option<(usize, usize)> {
        loop {
            let found = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]);
            let (to, next) = match found.map(|offset| self.searched + offset) {
                Some(at) => (at, at + 1),
                None if self.ended && (self.end > self.start || self.dropping) => {
                    (self.end, self.end)
                }
                None => {
                    self.searched = self.end;
                    if self.end - self.start > LINE_CAP {
                        // The line is incomplete and too long already.
                        (self.start, self.searched, self.end) = (0, 0, 0);
                        self.dropping = true;
                    }
                    return None;
                }
            };
            let from = std::mem::replace(&mut self.start, next);
            self.searched = next;
            self.number += 1;
            if std::mem::take(&mut self.dropping) || to - from > LINE_CAP {
                self.refuse("longer than 1 MiB");
            } else if self.buffer[from..to].iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Some((from, to));
            }
        }
    }

    fn refuse(&self, why: &str) {
        self.bad.set(self.bad.get() + 1);
        match self.bad.get() {
            ..=WARNINGS_MAX => {
                log::warn(&format!("line {} is not passed on: {why}", self.number));
            }
            bad if bad == WARNINGS_MAX + 1 => log::warn("further such lines are not named"),
            _ => {}
        }
    }

    fn ready(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        match timeout {
            Some(span) => {
                wait(&self.from, PollFlags::IN, span).map_err(|error| cannot("wait for", error))
            }
            None => Ok(true), // Reading waits by itself.
        }
    }

    fn fill(&mut self) -> Result<(), Error> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.searched -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < BLOCK / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match rustix::io::read(&self.from, &mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(cannot("read", error.into())),
        }
        Ok(())
    }
}

/// Waits until an event occurs on the file, for `span` at most. Returns whether one did; a signal
/// ends the wait, too.
fn wait(file: &impl AsFd, events: PollFlags, span: Duration) -> io::Result<bool> {
    let timeout = Timespec {
        tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: span.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(file, events)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn cannot(doing: &str, error: io::Error) -> Error {
    Error::failed(doing, "standard input", io_cause(&error))
}

/// Standard output, written in blocks. Control characters are escaped for a terminal only.
pub struct Output {
    buffer: Vec<u8>,
    shown: bool,
    terminal: bool,
    /// Writes the blocks, if the program must not wait for a reader.
    writer: Option<Arc<OutputWriter>>,
}

impl Default for Output {
    fn default() -> Self {
        Output::new()
    }
}

impl Output {
    /// Standard output.
    pub fn new() -> Self {
        Output {
            buffer: Vec::with_capacity(BLOCK + 4096),
            shown: true,
            terminal: stdout_is_terminal(),
            writer: None,
        }
    }

    /// Returns an output that drops every line.
    pub fn hidden() -> Self {
        Output { buffer: Vec::new(), shown: false, terminal: false, writer: None }
    }

    /// Returns another output to the same place, for another thread. Each writes whole lines.
    fn another(&self) -> Self {
        let (shown, terminal) = (self.shown, self.terminal);
        Output { buffer: Vec::new(), shown, terminal, writer: None }
    }

    /// Returns another output to the same place that waits for no reader before [`Output::finish`], which
    /// also tells of a failure.
    fn unhurried(&self) -> Result<Self, Error> {
        let mut own = self.another();
        own.writer = Some(OutputWriter::start()?);
        Ok(own)
    }

    /// Adds a line, unchanged, with one LF.
    pub fn put(&mut self, line: &[u8]) -> Result<(), Error> {
        if !self.shown {
            return Ok(());
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if self.terminal {
            self.buffer.extend_from_slice(&text::safe_json(line));
        } else {
            self.buffer.extend_from_slice(line);
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Adds lines for people, which the caller has made safe for a terminal.
    pub fn put_text(&mut self, text: &str) -> Result<(), Error> {
        self.buffer.extend_from_slice(text.as_bytes());
        if self.buffer.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes a line at once with one write(2), as originators do.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.put(line)?;
        self.flush()
    }

    /// Waits for `span`. Returns [`Error::Pipe`] as soon as the reader closes the pipe, which a
    /// program without lines to write would not notice.
    pub fn pause(&self, span: Duration) -> Result<(), Error> {
        // Without requested events only the end is reported.
        match wait(&rustix::stdio::stdout(), PollFlags::empty(), span) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Error::Pipe),
            Err(error) => Err(Error::failed("wait for", "standard output", io_cause(&error))),
        }
    }

    pub fn flush(&mut self) -> Result<(), Error> {
        if let Some(writer) = &self.writer {
            writer.add(&mut self.buffer);
            return Ok(());
        }
        let result = write_all(&self.buffer);
        self.buffer.clear();
        result
    }

    /// Returns when all lines are written.
    fn finish(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.writer.as_ref().map_or(Ok(()), |writer| writer.finish())
    }
}

/// Writes the lines that were passed on before a failure.
impl Drop for Output {
    fn drop(&mut self) {
        // The failure before it is the one that is reported.
        let _ = self.finish();
    }
}

/// Writes text that is not an event, such as help and tables.
pub fn print(text: &[u8]) -> Result<(), Error> {
    write_all(text)
}

pub fn stdout_is_terminal() -> bool {
    use std::io::IsTerminal;
    io::stdout().is_terminal()
}

/// Returns the columns of the terminal that standard output is; None when it is no terminal.
pub fn stdout_width() -> Option<usize> {
    log::terminal_width(io::stdout())
}

/// Returns the columns and rows of the terminal that standard output is; None when it is no terminal.
pub fn stdout_size() -> Option<(usize, usize)> {
    const ROWS: usize = 24;
    let columns = stdout_width()?;
    let rows = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).map(|size| size.ws_row);
    Some((columns, rows.ok().filter(|rows| *rows > 0).map_or(ROWS, usize::from)))
}

/// Returns whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    use std::io::IsTerminal;
    io::stdin().is_terminal()
}

/// Returns whether standard input is `/dev/null`, from which no line will ever come.
pub fn stdin_is_null() -> bool {
    let (Ok(input), Ok(null)) =
        (rustix::fs::fstat(rustix::stdio::stdin()), rustix::fs::stat("/dev/null"))
    else {
        return false;
    };
    let is_device = rustix::fs::FileType::from_raw_mode(input.st_mode).is_char_device();
    is_device && input.st_rdev == null.st_rdev
}

/// Held while whole lines are written, so that those of two threads do not mix.
static WRITING: Mutex<()> = Mutex::new(());

fn write_all(mut bytes: &[u8]) -> Result<(), Error> {
    if bytes.is_empty() {
        // Who has nothing to write does not wait for a slow reader.
        return Ok(());
    }
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::PIPE) => return Err(Error::Pipe),
            Err(error) => {
                return Err(Error::failed("write", "standard output", io_cause(&error.into())));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// Writes bytes in pieces. Returns the lengths of the accepted lines, and the number refused.
    fn read(pieces: Vec<Vec<u8>>) -> (Vec<usize>, u64) {
        let (from, mut to) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || {
            for piece in pieces {
                to.write_all(&piece).unwrap();
            }
        });
        let (mut input, mut out, mut lines) = (Input::new(from), Output::hidden(), Vec::new());
        loop {
            match input.next(|| out.flush(), || None).unwrap() {
                Step::Line(line, _) => lines.push(line.len()),
                Step::Refused | Step::Idle => {}
                Step::End => break,
            }
        }
        writer.join().unwrap();
        (lines, input.bad())
    }

    /// Returns an object of `size` bytes.
    fn object(size: usize) -> Vec<u8> {
        format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8)).into_bytes()
    }

    #[test]
    fn input_splits_lines_at_any_piece() {
        let text = b"{\"a\":1}\n\n  \r\n{\"b\":22}\r\nnot json\n{\"c\":333}".to_vec();
        for size in 1..text.len() {
            let pieces = text.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(read(pieces), (vec![7, 9, 9], 1), "in pieces of {size}");
        }
    }

    #[test]
    fn input_refuses_a_line_over_1_mib_and_goes_on() {
        let rows = [
            (object(LINE_CAP), b"\n{}\n".to_vec(), vec![LINE_CAP, 2], 0),
            (object(LINE_CAP + 1), b"\n{}\n".to_vec(), vec![2], 1),
            (object(3 * LINE_CAP), b"\n{}\n".to_vec(), vec![2], 1),
            (object(LINE_CAP), b"".to_vec(), vec![LINE_CAP], 0),
            (object(3 * LINE_CAP), b"".to_vec(), vec![], 1),
        ];
        for (long, rest, lines, bad) in rows {
            let size = long.len();
            assert_eq!(read(vec![long, rest]), (lines, bad), "{size} bytes");
        }
    }

    #[test]
    fn input_is_idle_after_the_timeout() {
        let (from, _to) = UnixStream::pair().unwrap();
        let mut input = Input::new(from);
        let step = input.next(|| Ok(()), || Some(Duration::from_millis(1))).unwrap();
        assert!(matches!(step, Step::Idle));
    }
}
