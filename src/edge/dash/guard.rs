//! The guard of the terminal: full screen and raw mode, and the way back.
//!
//! Promises: the terminal is given back once, by whoever comes first: the end of the program, a
//! signal or a panic. Nothing is written to it afterwards.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::{Error, io_cause};

/// The controlling terminal, whatever the standard streams are.
const PATH: &str = "/dev/tty";

/// The alternate screen, no cursor, an empty screen.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[2J";
/// The end of a frame that was not finished, default colours, the cursor, the first screen.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[m\x1b[?25h\x1b[?1049l";

/// The terminal, and its modes as they were found.
#[derive(Debug)]
pub struct TerminalGuard {
    tty: OwnedFd,
    found: Termios,
    is_entered: AtomicBool,
}

impl TerminalGuard {
    /// Opens the controlling terminal and notes its modes. From now on a panic of any thread gives
    /// it back before the message is printed.
    pub fn open() -> Result<Arc<Self>, Error> {
        let failed = |cause: io::Error| {
            let cause = io_cause(&cause);
            let hint = "'dlq-dash --once' prints a view without a terminal";
            Error::wrong(format!("cannot open '{PATH}': {cause}; {hint}"))
        };
        let tty = File::options().read(true).write(true).open(PATH).map_err(failed)?;
        let found = tcgetattr(&tty).map_err(|cause| failed(cause.into()))?;
        let is_entered = AtomicBool::new(false);
        let guard = Arc::new(TerminalGuard { tty: tty.into(), found, is_entered });
        let (weak, hook) = (Arc::downgrade(&guard), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            if let Some(guard) = weak.upgrade() {
                guard.leave();
            }
            hook(panic);
        }));
        Ok(guard)
    }

    /// Takes the terminal: raw mode, then the full screen. In the background the system stops the
    /// process at the first step.
    pub fn enter(&self) -> Result<(), Error> {
        let mut raw = self.found.clone();
        raw.make_raw();
        tcsetattr(&self.tty, OptionalActions::Now, &raw)
            .map_err(|cause| Error::failed("set up", PATH, io_cause(&cause.into())))?;
        self.is_entered.store(true, Ordering::SeqCst);
        self.write(ENTER).map_err(|cause| Error::failed("write", PATH, io_cause(&cause)))
    }

    /// Gives the terminal back. A later call does nothing.
    pub fn leave(&self) {
        if self.is_entered.swap(false, Ordering::SeqCst) {
            // The terminal may be gone.
            let _ = self.write_all(LEAVE);
            self.restore_modes();
        }
    }

    /// Sets the modes as they were found, at once: a terminal that does not read holds up whoever
    /// waits for its output.
    pub(super) fn restore_modes(&self) {
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.found);
    }

    /// Whether the terminal is taken. A panic of another thread has given it back.
    pub fn is_entered(&self) -> bool {
        self.is_entered.load(Ordering::SeqCst)
    }

    /// Writes to the terminal while it is taken.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.is_entered() { self.write_all(bytes) } else { Ok(()) }
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.tty, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Ok(())
    }

    /// Opens the terminal once more, for the thread that reads it.
    pub(super) fn reader(&self) -> Result<File, Error> {
        let copy = self.tty.try_clone().map_err(|cause| Error::failed("open", PATH, cause))?;
        Ok(copy.into())
    }
}

impl AsFd for TerminalGuard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        self.leave();
    }
}
