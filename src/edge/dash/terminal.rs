//! The screen: frames of ratatui on the terminal, each with one write.
//!
//! Promises: a frame in which nothing changed writes nothing; a terminal with synchronized output
//! shows a frame whole. Never: asks the terminal a question, whose answer would arrive among the
//! keys, or keeps bytes that a panic would write later.

use std::io::{self, Write};
use std::sync::Arc;

use ratatui::backend::{Backend, ClearType, TermionBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::{Frame, Terminal};
use rustix::termios::tcgetwinsize;

use super::guard::TerminalGuard;
use crate::error::{Error, io_cause};

/// The size of a terminal that does not tell its own.
const SIZE: Size = Size::new(80, 24);

/// Synchronized output: what lies between is shown at once.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// The full screen on the terminal of a guard.
pub struct Screen {
    terminal: Terminal<TtyBackend>,
}

impl Screen {
    /// Prepares the frames; nothing is written before the first one.
    pub fn new(guard: Arc<TerminalGuard>) -> Result<Self, Error> {
        let output =
            TermionBackend::new(FrameBytes { bytes: BEGIN.to_vec(), guard: guard.clone() });
        let backend = TtyBackend { output, guard, has_cursor: false };
        Ok(Screen { terminal: Terminal::new(backend).map_err(failed)? })
    }

    /// Draws a frame, and writes what has changed.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> Result<(), Error> {
        self.terminal.draw(view).map_err(failed)?;
        Write::flush(&mut self.terminal.backend_mut().output).map_err(failed)
    }

    /// Makes the next frame draw every cell.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.terminal.clear().map_err(failed)
    }
}

#[allow(clippy::needless_pass_by_value)] // As `map_err` calls it.
fn failed(cause: io::Error) -> Error {
    Error::failed("draw on", "the terminal", io_cause(&cause))
}

/// The bytes of a frame, after [`BEGIN`]. Not a `BufWriter`: dropped by a panic, that would write
/// half a frame onto the terminal that was given back.
struct FrameBytes {
    bytes: Vec<u8>,
    guard: Arc<TerminalGuard>,
}

impl Write for FrameBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bytes.len() == BEGIN.len() {
            return Ok(());
        }
        self.bytes.extend_from_slice(END);
        let written = self.guard.write(&self.bytes);
        self.bytes.truncate(BEGIN.len());
        written
    }
}

/// Termion's backend for the terminal of the guard: its size is that of the terminal drawn on, it
/// asks for no cursor, and only [`Screen::draw`] flushes.
struct TtyBackend {
    output: TermionBackend<FrameBytes>,
    guard: Arc<TerminalGuard>,
    has_cursor: bool,
}

impl TtyBackend {
    fn put_cursor(&mut self, is_shown: bool) -> io::Result<()> {
        if self.has_cursor == is_shown {
            return Ok(());
        }
        self.has_cursor = is_shown;
        self.output.write_all(if is_shown { b"\x1b[?25h" } else { b"\x1b[?25l" })
    }
}

impl Backend for TtyBackend {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        match content.peek() {
            Some(_) => Backend::draw(&mut self.output, content),
            None => Ok(()),
        }
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.put_cursor(false)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.put_cursor(true)
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        write!(self.output, "\x1b[{};{}H", y.saturating_add(1), x.saturating_add(1))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.output.write_all(b"\x1b[m\x1b[2J")
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        let size = tcgetwinsize(&*self.guard)?;
        match (size.ws_col, size.ws_row) {
            (0, _) | (_, 0) => Ok(SIZE),
            (columns, rows) => Ok(Size::new(columns, rows)),
        }
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
