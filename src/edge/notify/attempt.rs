//! One attempt to deliver, by the type of the channel, and the thread in which a channel makes its
//! attempts.

use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use super::desktop;
use crate::config::{ChannelKind, Env};
use crate::error::Error;
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::notification::policy::Channel;

/// The time for one attempt.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A function that makes one attempt.
pub type Attempt = Box<dyn FnMut(&Delivery) -> Outcome + Send>;

/// Opens a channel; None for the console, which needs no attempts.
pub fn open(channel: &Channel, _env: &Env) -> Result<Option<Attempt>, Error> {
    Ok(match channel.kind {
        ChannelKind::Console => None,
        ChannelKind::Desktop => Some(Box::new(|delivery| desktop::deliver(delivery))),
    })
}

/// The thread of a channel. It ends with the process: an attempt under way is then unknown, and its
/// entry stays in the outbox.
#[derive(Debug)]
pub struct ChannelThread {
    jobs: Sender<Delivery>,
}

impl ChannelThread {
    /// Starts the thread. Outcomes come with the number of the channel.
    pub fn start(number: usize, mut attempt: Attempt, outcomes: Sender<(usize, Outcome)>) -> Self {
        let (jobs, waiting) = mpsc::channel::<Delivery>();
        std::thread::spawn(move || {
            while let Ok(delivery) = waiting.recv() {
                if outcomes.send((number, attempt(&delivery))).is_err() {
                    break;
                }
            }
        });
        ChannelThread { jobs }
    }

    /// Begins an attempt. Returns whether the thread takes it.
    pub fn begin(&self, delivery: Delivery) -> bool {
        self.jobs.send(delivery).is_ok()
    }
}
