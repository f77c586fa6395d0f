//! The start of the dispatcher: it takes up what earlier runs have left.
//!
//! Promises: records that cannot be read are never replaced, and do not stop the stream. Until they can be
//! read, nothing is delivered, because nobody knows what was; the console is told of the events.

use super::Dispatcher;
use super::deliveries::EndedDeliveries;
use crate::edge::notify::console;
use crate::edge::notify::records::take_up::TakenUp;

impl Dispatcher {
    /// Takes up the records and the outbox, unless that is done. A failure is tried again before the next
    /// plan: people move a damaged file away while the stream goes on.
    pub(super) fn take_up(&mut self) {
        let Some(state) = self.state.as_mut().filter(|_| self.unused_drain.is_some()) else {
            return;
        };
        match state.take_up(&self.notifications, &self.router) {
            Ok(TakenUp { unprinted, unreadable, judged }) => {
                self.damage = None;
                // No attempt was looked at: what the first lines bring may go before what waits.
                self.ended = EndedDeliveries::new();
                self.drain = self.unused_drain.take();
                self.known = judged;
                let printed = console::print_left(unprinted, &self.notifications, self.style);
                printed.into_iter().for_each(|finished| self.ended.push(finished));
                unreadable.into_iter().for_each(|error| self.report_error(Err(error)));
            }
            Err(error) => {
                self.damage = Some(error.clone());
                self.report_error(Err(error));
            }
        }
    }
}
