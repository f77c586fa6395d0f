//! `dlq-peek` by hand: peeks at the queues that are named.

use std::collections::BTreeSet;
use std::path::Path;

use super::{PeekOutcome, PeekTarget, Peeker};
use crate::document::Keys;
use crate::edge::evidence::read;
use crate::error::Error;
use crate::journal::filter::INCIDENT_MIN;
use crate::log;
use crate::rules::evidence::peek_limit::{PASSES_MAX, PEEKED, Peeks};
use crate::rules::evidence::sample;
use crate::rules::queue::document::Watched;
use crate::store::Store;
use crate::text::{count, safe};
use crate::wire::Output;

/// The most queues that are named where one is missing.
const NAMES_MAX: usize = 5;

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
                Err(error @ (Error::Pipe | Error::Wrong(_) | Error::Usage(_))) => {
                    return Err(error);
                }
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
        target.incident = match (&request.incident, target.incident) {
            (Some(given), open) => Some(incident_of(queue, given, open)),
            (None, open) => open,
        };
        let outcome = self.peek(&target, &mut |message, sampled| {
            if request.messages {
                out.put(&sample::json_line(message, sampled, request.raw))?;
            }
            Ok(())
        })?;
        let PeekOutcome::Reported { line, refusal, partly } = outcome else { return Ok(true) };
        let is_at_limit = refusal.as_ref().is_some_and(|refusal| refusal.code == PEEKED);
        if request.messages && is_at_limit {
            return self.print_filed(&target, request.raw, out);
        }
        if !request.messages {
            out.put(&line)?;
        }
        out.flush()?;
        if let Some(refusal) = &refusal {
            log::warn(&format!("queue '{queue}' is not peeked: {}", refusal.detail));
        }
        Ok(refusal.is_none() && !partly)
    }

    /// Prints the messages that the earlier passes have filed, those of the last pass first, each
    /// once. Returns whether there were any.
    fn print_filed(&self, target: &PeekTarget, raw: bool, out: &mut Output) -> Result<bool, Error> {
        let doc: Peeks = self.store.read(&target.keys())?;
        let past = doc.get(&target.queue.arn, &target.key());
        let passes = past.map_or(&[][..], |past| &past.passes);
        let mut printed = BTreeSet::new();
        let mut newest = None;
        for pass in passes.iter().rev() {
            let Some(bundle) = &pass.bundle else { continue };
            newest = newest.max(Some(pass.at));
            read::each_message(Path::new(bundle), |sampled, line| {
                if printed.insert(sampled.message_id) {
                    out.put(line)?;
                }
                Ok(true)
            })?;
        }
        out.flush()?;
        let name = &target.queue.name;
        let limit = format!("queue '{name}' was peeked {PASSES_MAX} times, which is the limit");
        let Some(newest) = newest else {
            log::warn(&format!("{limit}, and no message was filed"));
            return Ok(false);
        };
        let filed = count(printed.len() as u64, "message");
        let redacted =
            if raw { "; what is filed is redacted, so '--raw' has no effect" } else { "" };
        log::warn(&format!("{limit}: showing {filed} filed until {newest}{redacted}"));
        Ok(true)
    }
}

/// Returns the incident to file a pass under: the open one when the given id is its beginning, else
/// the given one, with a warning that names the open one.
fn incident_of(queue: &str, given: &str, open: Option<String>) -> String {
    match open {
        Some(open) if given.len() >= INCIDENT_MIN && open.starts_with(given) => return open,
        Some(open) => log::warn(&format!(
            "incident '{}' is not the one that is open in queue '{queue}': '{open}'",
            safe(given)
        )),
        None => {}
    }
    given.to_owned()
}

/// Returns the refusal of a start without a queue and without a pipe. It names the queues with an
/// open incident.
pub fn queue_required(store: &Store) -> Error {
    let watched: Watched = store.read(&Keys::none().with_all(Watched::QUEUE)).unwrap_or_default();
    let open = watched.entries().filter(|entry| entry.record.incident.is_some());
    let names: Vec<_> = open.map(|entry| safe(&entry.queue.name).into_owned()).collect();
    let shown = names.iter().take(NAMES_MAX).map(|name| format!("'{name}'")).collect::<Vec<_>>();
    let open = match (names.len(), names.len() - shown.len()) {
        (0, _) => String::new(),
        (_, 0) => format!("; there are open incidents in {}", shown.join(", ")),
        (_, more) => format!("; there are open incidents in {} and {more} more", shown.join(", ")),
    };
    Error::Usage(format!(
        "standard input is a terminal: give a QUEUE, or pipe events in with 'dlq-poll | \
         dlq-peek'{open}"
    ))
}
