//! The loop of a filter whose work can take longer than a line may wait: a thread of its own passes the lines on.
//!
//! Promises: a line is written before the filter gets it, and waits for the filter only while the queue between
//! the two is full; the filter gets every line that was passed on, in order, also after the reader has closed
//! the pipe, unless its own work fails; it does not wait for a reader that hangs before the end.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::filter::conclude;
use super::{BLOCK, Input, Output, Step, StreamFilter};
use crate::error::{Error, io_cause};
use crate::event::{self, Line};

/// The bytes of lines that wait for the filter: 7,000 lines of 300 bytes. The longest line has 1 MiB.
const QUEUE_MAX: usize = 2 << 20;
/// The bytes that a block takes beside its lines: slow lines come in blocks of one.
const BLOCK_COST: usize = 64;
/// The wait for a first line before the filter begins: what is there already goes before its own work.
const FIRST_LINE: Duration = Duration::from_millis(1);

/// Runs a filter to the end of its input. Returns whether a part of its work failed or a line was refused.
pub fn run_filter_beside<F: AsFd + Send + 'static>(
    input: Input<F>,
    out: &mut Output,
    filter: &mut impl StreamFilter,
) -> Result<bool, Error> {
    let queue = Arc::new(LineQueue::default());
    let mut stream = PassingStream { out: out.another(), block: Vec::new(), queue: queue.clone() };
    // A filter that ends before its input leaves the thread behind, which ends with the process.
    let started = thread::Builder::new().name("stream".into()).spawn(move || {
        let end = catch_unwind(AssertUnwindSafe(|| stream.pass(input)));
        stream.queue.end(end);
    });
    started.map_err(|error| Error::failed("start", "a thread", io_cause(&error)))?;
    // A failure of its own lines ends nothing: the stream meets it, too, at its next line.
    let mut own = out.unhurried()?;
    conclude(work(&queue, &mut own, filter), &mut own, filter)
}

/// Gives a filter what was passed on. Returns whether a line was refused.
fn work(
    queue: &LineQueue,
    out: &mut Output,
    filter: &mut impl StreamFilter,
) -> Result<bool, Error> {
    queue.wait_for_begin();
    loop {
        let next = match queue.next(Some(Duration::ZERO)) {
            Passed::Nothing => {
                out.flush()?;
                queue.next(filter.poll_timeout())
            }
            next => next,
        };
        match next {
            Passed::Lines(block) => {
                for line in block.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    let head = match event::peek(line) {
                        Line::Event(head) => Some(head),
                        _ => None,
                    };
                    filter.on_line(head.as_ref(), line, out)?;
                }
            }
            Passed::Nothing => filter.on_idle(out)?,
            Passed::End(end) => return end.unwrap_or_else(|panic| resume_unwind(panic)),
        }
    }
}

/// The thread that passes lines on.
struct PassingStream {
    out: Output,
    /// The lines that the queue does not have yet.
    block: Vec<u8>,
    queue: Arc<LineQueue>,
}

impl PassingStream {
    /// Passes all lines on. Returns whether one was refused.
    fn pass<F: AsFd>(&mut self, mut input: Input<F>) -> Result<bool, Error> {
        let mut is_first = true;
        loop {
            let timeout = is_first.then_some(FIRST_LINE);
            let is_end = match input.next(|| self.hand_over(), || timeout)? {
                Step::Line(line, _) => {
                    is_first = false;
                    let put = self.out.put(line);
                    self.block.extend_from_slice(line);
                    self.block.push(b'\n');
                    if put.is_err() || self.block.len() >= BLOCK {
                        self.hand_over().and(put)?;
                    }
                    false
                }
                Step::Refused => false,
                Step::Idle => {
                    is_first = false;
                    self.queue.begin();
                    false
                }
                Step::End => true,
            };
            if is_end {
                return Ok(input.bad() > 0);
            }
        }
    }

    /// Writes the lines, then gives them to the filter. It gets those, too, that nobody reads.
    fn hand_over(&mut self) -> Result<(), Error> {
        let written = self.out.flush();
        if !self.block.is_empty() {
            self.queue.push(std::mem::take(&mut self.block));
        }
        written
    }
}

/// The result of a look at the queue.
enum Passed {
    /// Whole lines.
    Lines(Vec<u8>),
    /// No line within the timeout.
    Nothing,
    /// The end of the input, or of the output.
    End(thread::Result<Result<bool, Error>>),
}

/// The lines between the stream and its filter.
#[derive(Default)]
struct LineQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    blocks: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether the stream has been looked at.
    has_begun: bool,
    end: Option<thread::Result<Result<bool, Error>>>,
}

impl LineQueue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds lines, as soon as there is room for them.
    fn push(&self, block: Vec<u8>) {
        let bytes = block.len() + BLOCK_COST;
        let is_full = |state: &mut QueueState| state.bytes + bytes > QUEUE_MAX;
        let waited = self.changed.wait_while(self.state(), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.bytes += bytes;
        state.blocks.push_back(block);
        state.has_begun = true;
        self.changed.notify_all();
    }

    fn end(&self, end: thread::Result<Result<bool, Error>>) {
        self.state().end = Some(end);
        self.begin();
    }

    fn begin(&self) {
        self.state().has_begun = true;
        self.changed.notify_all();
    }

    fn wait_for_begin(&self) {
        let has_not = |state: &mut QueueState| !state.has_begun;
        drop(self.changed.wait_while(self.state(), has_not));
    }

    /// Returns the next lines. Waits for them for `timeout` at most; None waits for ever.
    fn next(&self, timeout: Option<Duration>) -> Passed {
        let is_empty = |state: &mut QueueState| state.blocks.is_empty() && state.end.is_none();
        let mut state = match timeout {
            None => self
                .changed
                .wait_while(self.state(), is_empty)
                .unwrap_or_else(PoisonError::into_inner),
            Some(span) => {
                self.changed
                    .wait_timeout_while(self.state(), span, is_empty)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        let Some(block) = state.blocks.pop_front() else {
            return state.end.take().map_or(Passed::Nothing, Passed::End);
        };
        state.bytes -= block.len() + BLOCK_COST;
        self.changed.notify_all();
        Passed::Lines(block)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;

    use super::*;
    use crate::event::Head;
    use crate::wire::LINE_CAP;

    /// A filter that notes its lines, and takes a line only when it may.
    struct Gated {
        may_go_on: mpsc::Receiver<()>,
        lines: Vec<usize>,
        idle: usize,
        fails_at: usize,
    }

    impl StreamFilter for Gated {
        fn on_line(
            &mut self,
            _: Option<&Head<'_>>,
            line: &[u8],
            _: &mut Output,
        ) -> Result<(), Error> {
            let _ = self.may_go_on.iter().next();
            self.lines.push(line.len());
            if self.lines.len() == self.fails_at { Err(Error::Pipe) } else { Ok(()) }
        }

        fn poll_timeout(&self) -> Option<Duration> {
            (self.idle == 0).then_some(Duration::from_millis(1))
        }

        fn on_idle(&mut self, _: &mut Output) -> Result<(), Error> {
            self.idle += 1;
            Ok(())
        }

        fn finish(&mut self, _: &mut Output) -> Result<bool, Error> {
            Ok(false)
        }
    }

    fn gated(may_go_on: mpsc::Receiver<()>) -> Gated {
        Gated { may_go_on, lines: Vec::new(), idle: 0, fails_at: usize::MAX }
    }

    fn object(size: usize) -> Vec<u8> {
        format!("{{\"a\":\"{}\"}}\n", "x".repeat(size - 8)).into_bytes()
    }

    #[test]
    fn stream_goes_on_while_the_filter_works_until_the_queue_is_full() {
        let (from, mut to) = UnixStream::pair().unwrap();
        let (go_on, may_go_on) = mpsc::channel();
        let (noted, all_written) = mpsc::channel();
        let writer = thread::spawn(move || {
            // More than the buffers of the socket and of the input take, and less than the queue has room for.
            for _ in 0..200 {
                to.write_all(&object(1000)).unwrap();
            }
            noted.send(()).unwrap();
            // More than there is room for: this blocks until the filter goes on.
            for _ in 0..4000 {
                to.write_all(&object(1000)).unwrap();
            }
            noted.send(()).unwrap();
        });
        let watcher = thread::spawn(move || {
            let wait = || all_written.recv_timeout(Duration::from_secs(60));
            assert!(wait().is_ok(), "200 lines were held");
            assert!(all_written.recv_timeout(Duration::from_millis(300)).is_err(), "no limit");
            drop(go_on);
            assert!(wait().is_ok(), "the stream did not go on");
        });
        let mut filter = gated(may_go_on);
        let ended = run_filter_beside(Input::new(from), &mut Output::hidden(), &mut filter);
        assert_eq!((ended, filter.lines.len()), (Ok(false), 4200));
        writer.join().unwrap();
        watcher.join().unwrap();
    }

    #[test]
    fn filter_is_idle_gets_every_line_and_learns_of_refused_ones() {
        let (from, mut to) = UnixStream::pair().unwrap();
        let (_, may_go_on) = mpsc::channel();
        let writer = thread::spawn(move || {
            to.write_all(b"{}\nnot json\n").unwrap();
            to.write_all(&object(LINE_CAP)).unwrap();
            to.write_all(b"{\"b\":1}").unwrap();
        });
        let mut filter = gated(may_go_on);
        let ended = run_filter_beside(Input::new(from), &mut Output::hidden(), &mut filter);
        assert_eq!((ended, filter.lines), (Ok(true), vec![2, LINE_CAP, 7]));
        writer.join().unwrap();
        let (from, to) = UnixStream::pair().unwrap();
        let (_, may_go_on) = mpsc::channel();
        let mut filter = gated(may_go_on);
        let closing = thread::spawn(move || {
            // The filter is idle after a millisecond.
            thread::park_timeout(Duration::from_millis(50));
            drop(to);
        });
        let ended = run_filter_beside(Input::new(from), &mut Output::hidden(), &mut filter);
        assert!(ended == Ok(false) && filter.idle > 0);
        closing.join().unwrap();
    }

    #[test]
    fn filter_that_ends_does_not_wait_for_the_stream() {
        let (from, mut to) = UnixStream::pair().unwrap();
        let (_, may_go_on) = mpsc::channel();
        to.write_all(b"{}\n{}\n").unwrap();
        let mut filter = Gated { fails_at: 2, ..gated(may_go_on) };
        let ended = run_filter_beside(Input::new(from), &mut Output::hidden(), &mut filter);
        assert_eq!((ended, filter.lines.len()), (Err(Error::Pipe), 2));
    }
}
