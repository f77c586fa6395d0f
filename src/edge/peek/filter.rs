//! `dlq-peek` as a filter: passes every line on, and peeks at the queue of each incident that
//! begins or grows.

use super::{PeekOutcome, Peeker};
use crate::error::Error;
use crate::event::Head;
use crate::log;
use crate::wire::{Output, StreamFilter};

impl StreamFilter for Peeker {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        let target = head.map_or(Ok(None), |head| self.target_of_line(head, line))?;
        let Some(target) = target else { return Ok(()) };
        // Flush, so that the incident's line does not wait for the messages.
        out.flush()?;
        match self.peek(&target, &mut |_, _| Ok(())) {
            Ok(PeekOutcome::Reported { line, refusal, partly }) => {
                out.line(&line)?;
                self.failed |= partly;
                if let Some(refusal) = refusal {
                    let queue = &target.queue.name;
                    log::info(&format!("queue '{queue}' is not peeked: {}", refusal.detail));
                }
            }
            Ok(PeekOutcome::AlreadyReported) => {}
            Err(Error::Pipe) => return Err(Error::Pipe),
            Err(error) => {
                log::warn(&error.to_string());
                self.failed = true;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Output) -> Result<bool, Error> {
        Ok(self.failed)
    }
}
