//! `dlq-peek` by hand: peeks at the queues that are named.

use super::{PeekOutcome, Peeker};
use crate::error::Error;
use crate::log;
use crate::rules::evidence::sample;
use crate::wire::Output;

/// The operands and options of a peek by hand.
#[derive(Debug, Default, PartialEq)]
pub struct PeekRequest {
    /// Names or URLs of queues.
    pub queues: Vec<String>,
    /// The incident to count the passes under, instead of the open one.
    pub incident: Option<String>,
    pub account: Option<String>,
    /// Whether messages are printed instead of events.
    pub messages: bool,
    /// Whether messages are printed without redaction.
    pub raw: bool,
}

impl Peeker {
    /// Peeks at each queue. Returns whether one of them failed or was refused.
    pub fn by_hand(&self, request: &PeekRequest, out: &mut Output) -> Result<bool, Error> {
        let mut failed = false;
        for queue in &request.queues {
            match self.peek_by_name(queue, request, out) {
                Ok(received) => failed |= !received,
                Err(error @ (Error::Pipe | Error::Wrong(_))) => return Err(error),
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
        }
        Ok(failed)
    }

    /// Returns whether messages were received and put back, or in a dry run would be.
    fn peek_by_name(
        &self,
        queue: &str,
        request: &PeekRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let mut target = self.find(queue, request.account.as_deref())?;
        target.incident = request.incident.clone().or(target.incident);
        let outcome = self.peek(&target, &mut |message, sampled| {
            if request.messages {
                out.put(&sample::json_line(message, sampled, request.raw))?;
            }
            Ok(())
        })?;
        let PeekOutcome::Reported { line, refusal, partly } = outcome else { return Ok(true) };
        if !request.messages {
            out.put(&line)?;
        }
        out.flush()?;
        if let Some(refusal) = &refusal {
            log::warn(&format!("queue '{queue}' is not peeked: {}", refusal.detail));
        }
        Ok(refusal.is_none() && !partly)
    }
}
