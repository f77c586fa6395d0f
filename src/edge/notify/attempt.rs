//! The thread in which a channel makes its attempts, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// The attempts of a channel.
pub struct Attempt {
    /// Makes one.
    make: Box<dyn FnMut(&Delivery) -> Outcome + Send>,
    /// Set to end one that is under way, where the channel can.
    stop: Arc<AtomicBool>,
}

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
    let stop: Arc<AtomicBool> = Arc::default();
    let stopped_by = stop.clone();
    let mut sender: Option<ChannelSender> = None;
    let make = Box::new(move |delivery: &Delivery| {
        let opened = match sender.take() {
            Some(opened) => Ok(opened),
            None => ChannelSender::new(&channel, &origin, &env, &http, ConsoleStyle::default())
                .map(|opened| opened.stopped_by(&stopped_by)),
        };
        match opened {
            Ok(opened) => sender.insert(opened).deliver(delivery, deadline),
            Err(error) => not_ready(&error),
        }
    });
    Some(Attempt { make, stop })
}

fn not_ready(error: &Error) -> Outcome {
    Outcome::Later { cause: error.to_string(), after: None, unknown: false }
}

#[cfg(test)]
impl Attempt {
    /// Returns attempts that a function makes.
    pub fn made_by(make: impl FnMut(&Delivery) -> Outcome + Send + 'static) -> Self {
        Attempt { make: Box::new(make), stop: Arc::default() }
    }
}

/// The thread of a channel. It ends with the process: an attempt under way is then unknown, and its
/// entry stays in the outbox.
#[derive(Debug)]
pub struct ChannelThread {
    jobs: Sender<Delivery>,
    stop: Arc<AtomicBool>,
}

impl ChannelThread {
    /// Starts the thread. Outcomes come with the number of the channel.
    pub fn start(number: usize, attempt: Attempt, outcomes: Sender<(usize, Outcome)>) -> Self {
        let Attempt { mut make, stop } = attempt;
        let (jobs, waiting) = mpsc::channel::<Delivery>();
        std::thread::spawn(move || {
            for delivery in waiting {
                if outcomes.send((number, make(&delivery))).is_err() {
                    break;
                }
            }
        });
        ChannelThread { jobs, stop }
    }

    /// Ends the attempt under way, where the channel can.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Begins an attempt. Returns whether the thread takes it.
    pub fn begin(&self, delivery: Delivery) -> bool {
        self.stop.store(false, Ordering::Relaxed);
        self.jobs.send(delivery).is_ok()
    }
}
