//! Lines that a thread of their own writes: a reader that hangs holds the thread, and not the program.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::write_all;
use crate::error::{Error, io_cause};

/// The lines of a program that wait for the reader of its standard output.
#[derive(Default)]
pub(super) struct OutputWriter {
    state: Mutex<PendingOutput>,
    changed: Condvar,
}

#[derive(Default)]
struct PendingOutput {
    lines: Vec<u8>,
    is_writing: bool,
    /// The first failure. What comes after it is dropped.
    error: Option<Error>,
    has_failed: bool,
}

impl OutputWriter {
    /// Starts the thread, which ends with the process.
    pub fn start() -> Result<Arc<Self>, Error> {
        let writer = Arc::new(OutputWriter::default());
        let in_thread = writer.clone();
        let started =
            thread::Builder::new().name("output".into()).spawn(move || in_thread.write(write_all));
        started.map_err(|error| Error::failed("start", "a thread", io_cause(&error)))?;
        Ok(writer)
    }

    /// Takes whole lines, which are written soon.
    pub fn add(&self, lines: &mut Vec<u8>) {
        let mut state = self.state();
        if !state.has_failed {
            state.lines.append(lines);
        }
        lines.clear();
        self.changed.notify_all();
    }

    /// Waits until all lines are written. Returns the first failure, once.
    pub fn finish(&self) -> Result<(), Error> {
        let waits = |state: &mut PendingOutput| state.is_writing || !state.lines.is_empty();
        let waited = self.changed.wait_while(self.state(), waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.error.take().map_or(Ok(()), Err)
    }

    fn state(&self) -> MutexGuard<'_, PendingOutput> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, until a failure.
    fn write(&self, mut write: impl FnMut(&[u8]) -> Result<(), Error>) {
        let mut state = self.state();
        while !state.has_failed {
            let waits = |state: &mut PendingOutput| state.lines.is_empty();
            state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
            let lines = std::mem::take(&mut state.lines);
            state.is_writing = true;
            drop(state);
            let written = write(&lines);
            state = self.state();
            state.is_writing = false;
            if let Err(error) = written {
                (state.error, state.has_failed) = (Some(error), true);
                state.lines.clear();
            }
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn program_goes_on_while_a_reader_hangs_and_learns_of_a_failure_at_the_end() {
        let writer = Arc::new(OutputWriter::default());
        let (go_on, may_go_on) = mpsc::channel();
        let (took, taken) = mpsc::channel();
        let in_thread = writer.clone();
        let thread = thread::spawn(move || {
            in_thread.write(|lines| {
                took.send(lines.to_owned()).unwrap();
                let is_open: bool = may_go_on.recv().unwrap();
                if is_open { Ok(()) } else { Err(Error::Pipe) }
            });
        });
        writer.add(&mut b"one\n".to_vec());
        assert_eq!(taken.recv().unwrap(), b"one\n");
        // Nobody has read the first line, and these return.
        writer.add(&mut b"two\n".to_vec());
        writer.add(&mut b"three\n".to_vec());
        go_on.send(true).unwrap();
        assert_eq!(taken.recv().unwrap(), b"two\nthree\n");
        go_on.send(false).unwrap();
        assert_eq!(writer.finish(), Err(Error::Pipe));
        thread.join().unwrap();
        writer.add(&mut b"four\n".to_vec());
        assert_eq!(writer.finish(), Ok(()), "a failure is told once");
    }
}
