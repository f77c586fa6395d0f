//! The loop of filters: read a line, pass it on, act on it; then finish.
//!
//! Promises: every line is put into the output, byte for byte, before anything is decided about it;
//! refused lines are counted; output is flushed before every read that may wait.

use std::os::fd::AsFd;
use std::time::Duration;

use super::{Input, Output, Step};
use crate::error::Error;
use crate::event::Head;
use crate::log;

/// The work of a filter between the lines of its stream.
pub trait StreamFilter {
    /// Acts on a line that was passed on; `head` is None for an object that is not an event.
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error>;

    /// Returns the longest wait for a line before [`StreamFilter::on_idle`]; None waits for ever.
    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// Acts after a timeout without a line.
    fn on_idle(&mut self, _out: &mut Output) -> Result<(), Error> {
        Ok(())
    }

    /// Completes the work after the end of the input. Returns whether a part of it failed.
    fn finish(&mut self, out: &mut Output) -> Result<bool, Error>;

    /// Saves what must not be lost after `error`, which ended the loop or [`StreamFilter::finish`].
    /// Prints nothing: the reader may be gone.
    fn abort(&mut self, _error: &Error) -> Result<(), Error> {
        Ok(())
    }
}

/// Runs a filter to the end of its input. Returns whether a part of its work failed or a line was
/// refused.
pub fn run_filter<F: AsFd>(
    input: &mut Input<F>,
    out: &mut Output,
    filter: &mut impl StreamFilter,
) -> Result<bool, Error> {
    let passed = pass(input, out, filter).map(|()| input.bad() > 0);
    conclude(passed, out, filter)
}

/// Finishes the work of a filter whose input has ended, with whether a line was refused, or aborts it.
pub(super) fn conclude(
    passed: Result<bool, Error>,
    out: &mut Output,
    filter: &mut impl StreamFilter,
) -> Result<bool, Error> {
    let finished = passed.and_then(|refused| Ok(filter.finish(out)? || refused));
    match finished {
        Ok(failed) => out.finish().map(|()| failed),
        Err(error) => {
            filter.abort(&error)?;
            Err(error)
        }
    }
}

/// Returns whether a part of the work of a line has failed. An error is warned of, and the stream goes
/// on; a closed output ends it.
pub fn failed_in_part(result: Result<bool, Error>) -> Result<bool, Error> {
    match result {
        Err(Error::Pipe) => Err(Error::Pipe),
        Err(error) => {
            log::warn(&error.to_string());
            Ok(true)
        }
        Ok(failed) => Ok(failed),
    }
}

fn pass<F: AsFd>(
    input: &mut Input<F>,
    out: &mut Output,
    filter: &mut impl StreamFilter,
) -> Result<(), Error> {
    loop {
        match input.next(|| out.flush(), || filter.poll_timeout())? {
            Step::Line(line, head) => {
                out.put(line)?;
                filter.on_line(head.as_ref(), line, out)?;
            }
            Step::Refused => {}
            Step::Idle => filter.on_idle(out)?,
            Step::End => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// A filter that records its calls and fails at a line of `fail`.
    #[derive(Default)]
    struct Recorder {
        calls: Vec<&'static str>,
        timeout: Option<Duration>,
        closes: Option<UnixStream>,
    }

    impl StreamFilter for Recorder {
        fn on_line(
            &mut self,
            head: Option<&Head<'_>>,
            line: &[u8],
            _: &mut Output,
        ) -> Result<(), Error> {
            self.calls.push(if head.is_some() { "event" } else { "object" });
            if line == br#"{"fail":1}"# { Err(Error::Pipe) } else { Ok(()) }
        }

        fn poll_timeout(&self) -> Option<Duration> {
            self.timeout
        }

        fn on_idle(&mut self, _: &mut Output) -> Result<(), Error> {
            self.calls.push("idle");
            self.closes = None;
            Ok(())
        }

        fn finish(&mut self, _: &mut Output) -> Result<bool, Error> {
            self.calls.push("finish");
            Ok(false)
        }

        fn abort(&mut self, error: &Error) -> Result<(), Error> {
            assert_eq!(*error, Error::Pipe);
            self.calls.push("abort");
            Ok(())
        }
    }

    fn run(text: &str, filter: &mut Recorder) -> Result<bool, Error> {
        let (from, mut to) = UnixStream::pair().unwrap();
        to.write_all(text.as_bytes()).unwrap();
        if filter.timeout.is_some() {
            filter.closes = Some(to);
        } else {
            drop(to);
        }
        run_filter(&mut Input::new(from), &mut Output::hidden(), filter)
    }

    #[test]
    fn lines_are_acted_on_in_order_and_then_finished() {
        let event = r#"{"specversion":"1.0","id":"i","source":"s","type":"t"}"#;
        let mut filter = Recorder::default();
        assert_eq!(run(&format!("{event}\n{{}}\n"), &mut filter), Ok(false));
        assert_eq!(filter.calls, ["event", "object", "finish"]);
    }

    #[test]
    fn refused_line_is_a_failure() {
        let mut filter = Recorder::default();
        assert_eq!(run("not json\n{}\n", &mut filter), Ok(true));
        assert_eq!(filter.calls, ["object", "finish"]);
    }

    #[test]
    fn error_aborts_without_finishing() {
        let mut filter = Recorder::default();
        assert_eq!(run("{\"fail\":1}\n{}\n", &mut filter), Err(Error::Pipe));
        assert_eq!(filter.calls, ["object", "abort"]);
    }

    #[test]
    fn silent_input_makes_the_filter_idle() {
        let timeout = Some(Duration::from_millis(1));
        let mut filter = Recorder { timeout, ..Recorder::default() };
        assert_eq!(run("{}\n", &mut filter), Ok(false));
        assert_eq!(filter.calls, ["object", "idle", "finish"]);
    }
}
