//! Input of the screen: keys, signals and news of its sources, in one channel.
//!
//! Promises: a signal that ends the program ends it within half a second, also when the terminal
//! has stopped reading. Keys are read from the controlling terminal, so that standard input is free
//! for events.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::guard::TerminalGuard;
use crate::error::Error;
use crate::rules::view::dashboard::state_folder::FolderReading;
use crate::rules::view::keys::{Key, KeyParser};
use crate::store::{self, BlockingWait};

/// The time that a signal leaves for the last bytes to the terminal.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// The signals that end the program, also those that nobody means for it. Those of a fault of the
/// processor (SEGV, BUS, ILL, FPE, TRAP) cannot be left to another thread.
const ENDS: [i32; 13] = [
    SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU,
    SIGXFSZ, SIGSYS, SIGABRT,
];

/// A message to the screen.
pub enum ScreenMessage {
    /// Whole lines of the source.
    Lines(Vec<u8>),
    /// Lines of the source that were longer than a line may be.
    LongLines(u64),
    /// The end of the source, with the reason when that is a failure.
    Ended(Option<String>),
    /// Sentences about the journal that replace the former ones; empty when it is whole.
    JournalProblems(Vec<String>),
    Folder(Box<FolderReading>),
    Key(Key),
    Signal(i32),
    /// The terminal is gone.
    Hangup,
    /// A sentence for the person.
    Note(String),
    /// The end of a program that a key has started, with a sentence about it.
    ActionEnd(Vec<String>, String),
}

/// Starts the thread that reads keys.
pub fn read_keys(guard: &TerminalGuard, to: Sender<ScreenMessage>) -> Result<(), Error> {
    let mut tty = guard.reader()?;
    std::thread::spawn(move || {
        let mut parser = KeyParser::default();
        // The receiver ends with the program.
        while let Some(keys) = next_keys(&mut tty, &mut parser) {
            if keys.into_iter().any(|key| to.send(ScreenMessage::Key(key)).is_err()) {
                return;
            }
        }
        let _ = to.send(ScreenMessage::Hangup);
    });
    Ok(())
}

/// Returns the keys of the next bytes, or of the time that has passed without any; None at the end.
fn next_keys(tty: &mut File, parser: &mut KeyParser) -> Option<Vec<Key>> {
    if let Some(span) = parser.patience() {
        let timeout = Timespec { tv_sec: 0, tv_nsec: span.subsec_nanos().into() };
        if let Ok(0) = poll(&mut [PollFd::new(tty, PollFlags::IN)], Some(&timeout)) {
            return Some(parser.idle().into_iter().collect());
        }
    }
    let mut bytes = [0; 256];
    match tty.read(&mut bytes) {
        Ok(0) => None,
        Ok(count) => Some(bytes[..count].iter().filter_map(|byte| parser.byte(*byte)).collect()),
        Err(error) if error.kind() == ErrorKind::Interrupted => Some(Vec::new()),
        Err(_) => None,
    }
}

/// Starts the thread that receives signals. SIGTSTP keeps its default action: with a handler, an
/// orphaned process group would stop for ever, which the system prevents otherwise.
pub fn watch_signals(guard: &Arc<TerminalGuard>, to: Sender<ScreenMessage>) -> Result<(), Error> {
    let mut signals = Signals::new(ENDS.into_iter().chain([SIGWINCH, SIGCONT]))
        .map_err(|error| Error::failed("receive", "signals", error))?;
    let guard = Arc::downgrade(guard);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let is_lost = to.send(ScreenMessage::Signal(signal)).is_err();
            if ends(signal) {
                // The screen ends the program, unless it is stuck in a write.
                store::sleep(BlockingWait::ProcessEnd, LAST_WRITE);
                if let Some(guard) = guard.upgrade() {
                    guard.restore_modes();
                }
                let _ = emulate_default_handler(signal);
            }
            if is_lost {
                return;
            }
        }
    });
    Ok(())
}

/// Whether a signal ends the program.
pub fn ends(signal: i32) -> bool {
    ENDS.contains(&signal)
}

/// Ends the program as the signal does by default.
pub fn end_by(signal: i32) {
    let _ = emulate_default_handler(signal);
}
