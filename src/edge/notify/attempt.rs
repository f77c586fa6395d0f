//! The thread in which a channel makes its attempts, one after the other.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use super::ChannelSender;
use crate::config::{Channel, ChannelKind, Env, Origin};
use crate::edge::http::Client;
use crate::error::Error;
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::view::notice::ConsoleStyle;

/// The time for one attempt.
const DEADLINE: Duration = Duration::from_secs(10);
/// The time for a program of this machine that shows a notice.
const DESKTOP_DEADLINE: Duration = Duration::from_secs(5);

/// A function that makes one attempt.
pub type Attempt = Box<dyn FnMut(&Delivery) -> Outcome + Send>;

/// Returns the attempts of a channel; None for the console, which needs none. The secrets of the
/// channel are fetched by the first attempt, and again after one that could not have them.
pub fn open(channel: &Channel, origin: &Origin, env: &Env, http: &Arc<Client>) -> Option<Attempt> {
    if channel.kind == ChannelKind::Console {
        return None;
    }
    let (channel, origin) = (channel.clone(), origin.clone());
    let (env, http) = (env.clone(), http.clone());
    let deadline = match channel.kind {
        ChannelKind::Desktop => DESKTOP_DEADLINE,
        _ => DEADLINE,
    };
    let mut sender: Option<ChannelSender> = None;
    Some(Box::new(move |delivery| {
        let opened = match sender.take() {
            Some(opened) => Ok(opened),
            None => ChannelSender::new(&channel, &origin, &env, &http, ConsoleStyle::default()),
        };
        match opened {
            Ok(opened) => sender.insert(opened).deliver(delivery, deadline),
            Err(error) => not_ready(&error),
        }
    }))
}

fn not_ready(error: &Error) -> Outcome {
    Outcome::Later { cause: error.to_string(), after: None, unknown: false }
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
            for delivery in waiting {
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
