//! `dlq-peek` as a filter: passes every line on, and peeks at the queue of each incident that
//! begins or grows.

use super::{PeekOutcome, PeekTarget, Peeker};
use crate::error::Error;
use crate::event::Head;
use crate::log;
use crate::wire::{Output, StreamFilter, failed_in_part};

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
        self.failed |= failed_in_part(self.report_pass(&target, out))?;
        Ok(())
    }

    fn finish(&mut self, _: &mut Output) -> Result<bool, Error> {
        Ok(self.failed)
    }
}

impl Peeker {
    /// Peeks at a queue, and prints the event. Returns whether a part failed.
    fn report_pass(&mut self, target: &PeekTarget, out: &mut Output) -> Result<bool, Error> {
        let _scope = log::about(target.incident.as_deref());
        match self.peek(target, &mut |_, _| Ok(()))? {
            PeekOutcome::Reported { line, refusal, partly } => {
                out.line(&line)?;
                if let Some(refusal) = refusal {
                    let queue = &target.queue.name;
                    log::info(&format!("queue '{queue}' is not peeked: {}", refusal.detail));
                }
                Ok(partly)
            }
            PeekOutcome::AlreadyReported => Ok(false),
        }
    }
}
