//! Notification channels, one a file, and the dispatcher that sends to them.

pub mod attempt;
pub mod console;
pub mod desktop;
pub mod dispatcher;
pub mod drain;
pub mod exec;
pub mod explain;
pub mod gone;
pub mod lines;
pub mod outbound_heartbeat;
pub mod outbox;
pub mod pagerduty;
pub mod records;
pub mod slack;
pub mod speech;
pub mod statements;
pub mod webhook;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::clock;
use crate::config::{Channel, ChannelKind, Env, Origin, Settings};
use crate::edge::http::{self, Client, Method, Request};
use crate::error::Error;
use crate::event::{Severity, fresh_id};
use crate::rules::http::{HttpAnswer, RequestError};
use crate::rules::notification::delivery::{Action, Delivery, Outcome, ProblemKeys};
use crate::rules::notification::message::Notice;
use crate::rules::notification::outbox::ASKED_PAUSE_MAX;
use crate::rules::view::notice::ConsoleStyle;
use crate::secret::{Secret, SecretValue};
use crate::text::{safe, shorten, unknown};
use crate::time::show_span;

/// The bytes of an answer that are read. Slack answers with the message.
const ANSWER_MAX: u64 = 256 << 10;
/// The time for a test notice.
const TEST_DEADLINE: Duration = Duration::from_secs(15);
/// The longest line of a command that is shown, in characters.
const LINE_MAX: usize = 200;

/// A channel that is ready to deliver; threads can share it. Each delivery is one attempt.
pub enum ChannelSender {
    /// Standard error.
    Console(ConsoleStyle),
    Desktop(desktop::Desktop),
    Speech(speech::Speech),
    Slack(slack::Slack),
    Webhook(webhook::Webhook),
    PagerDuty(pagerduty::PagerDuty),
    Exec(exec::Exec),
}

impl ChannelSender {
    /// Fetches the secrets of a channel, which can take seconds where a command has them. `origin` is
    /// that of the configuration.
    pub fn new(
        channel: &Channel,
        origin: &Origin,
        env: &Env,
        http: &Arc<Client>,
        style: ConsoleStyle,
    ) -> Result<Self, Error> {
        Ok(match channel.kind {
            ChannelKind::Speech => ChannelSender::Speech(speech::Speech::new(channel, origin)?),
            ChannelKind::Console => ChannelSender::Console(style),
            ChannelKind::Desktop => ChannelSender::Desktop(desktop::Desktop::default()),
            ChannelKind::Slack => ChannelSender::Slack(slack::Slack::new(channel, env, http)?),
            ChannelKind::Webhook => {
                ChannelSender::Webhook(webhook::Webhook::new(channel, env, http)?)
            }
            ChannelKind::PagerDuty => {
                ChannelSender::PagerDuty(pagerduty::PagerDuty::new(channel, env, http)?)
            }
            ChannelKind::Exec => ChannelSender::Exec(exec::Exec::new(channel, env)?),
        })
    }

    /// Lets a flag end the attempts that may wait long: those of speech.
    pub fn stopped_by(self, stop: &Arc<AtomicBool>) -> Self {
        match self {
            ChannelSender::Speech(sender) => ChannelSender::Speech(sender.stopped_by(stop)),
            other => other,
        }
    }

    /// Delivers a notice; blocks, up to the deadline. Speech takes the time that it needs.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        match self {
            ChannelSender::Console(style) => {
                console::show(&delivery.notice, *style);
                Outcome::Delivered { handle: None }
            }
            ChannelSender::Desktop(sender) => sender.deliver(delivery, deadline),
            ChannelSender::Speech(sender) => {
                sender.deliver(delivery, deadline.max(speech::DEADLINE))
            }
            ChannelSender::Slack(sender) => sender.deliver(delivery, deadline),
            ChannelSender::Webhook(sender) => sender.deliver(delivery, deadline),
            ChannelSender::PagerDuty(sender) => sender.deliver(delivery, deadline),
            ChannelSender::Exec(sender) => sender.deliver(delivery, deadline),
        }
    }
}

/// Sends one test notice through the channel of that name, and waits for the result.
pub fn test_channel(
    settings: &Settings,
    env: &Env,
    name: &str,
    style: ConsoleStyle,
) -> Result<(), Error> {
    let channels = &settings.notifications.channels;
    let Some(channel) = channels.iter().find(|channel| channel.name == name) else {
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        return Err(Error::wrong(format!(
            "option '--test-channel': {}",
            unknown("channel", name, &names)
        )));
    };
    let http = Arc::new(Client::new(env)?);
    let sender = ChannelSender::new(channel, &settings.origin, env, &http, style)?;
    send_test(channel, &sender, TEST_DEADLINE)
}

/// Sends one test notice by a sender of the channel, and waits for the result.
pub fn send_test(
    channel: &Channel,
    sender: &ChannelSender,
    deadline: Duration,
) -> Result<(), Error> {
    let name = channel.name.as_str();
    let now = clock::now();
    let next = format!("channel '{name}' works");
    let delivery = Delivery {
        id: fresh_id(now, &std::process::id().to_string()),
        action: Action::Trigger,
        key: String::new(),
        problems: ProblemKeys::default(),
        incident: None,
        event: None,
        notice: Notice::plain(Severity::Info, "dlq-tools", "a test notice", &next, now),
        handle: None,
        at: now,
    };
    let mut outcome = sender.deliver(&delivery, deadline);
    if channel.kind == ChannelKind::PagerDuty && matches!(outcome, Outcome::Delivered { .. }) {
        // Nobody has to close the alert of a test.
        let resolve = Delivery { action: Action::Resolve, ..delivery };
        outcome = sender.deliver(&resolve, deadline);
    }
    match outcome {
        Outcome::Delivered { .. } => Ok(()),
        Outcome::Later { cause, after, unknown } => {
            let pause = after.map(|after| after.min(ASKED_PAUSE_MAX));
            let asks = pause.map(|pause| format!("; it asks for a pause of {}", show_span(pause)));
            let arrived = if unknown { "; it may have arrived" } else { "" };
            let cause = format!("{cause}{arrived}{}", asks.unwrap_or_default());
            Err(Error::failed("notify channel", name, cause))
        }
        Outcome::Refused { cause } | Outcome::Gone { cause } => {
            Err(Error::failed("notify channel", name, cause))
        }
    }
}

/// A URL that notices are posted to, which may be a secret.
struct Endpoint {
    http: Arc<Client>,
    url: SecretValue,
}

impl Endpoint {
    /// Refuses a URL that no notice can be sent to.
    fn new(channel: &Channel, http: &Arc<Client>, url: SecretValue) -> Result<Self, Error> {
        http::check(url.expose()).map_err(|why| unusable(channel, &why))?;
        Ok(Endpoint { http: http.clone(), url })
    }

    /// Posts JSON to a path below the URL.
    fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        deadline: Duration,
    ) -> Result<HttpAnswer, RequestError> {
        let url = format!("{}{path}", self.url.expose());
        let mut all = vec![("content-type", "application/json; charset=utf-8")];
        all.extend(headers);
        self.http.send(&Request {
            method: Method::Post,
            url: &url,
            headers: &all,
            body,
            deadline,
            answer_max: ANSWER_MAX,
        })
    }
}

/// Fetches a secret of a channel.
fn secret(channel: &Channel, key: &str, secret: &Secret, env: &Env) -> Result<SecretValue, Error> {
    let named = |cause: String| format!("channel '{}': {key}: {cause}", safe(&channel.name));
    secret.resolve(env).map_err(|error| match error {
        Error::Wrong(cause) => Error::Wrong(named(cause)),
        Error::Failed(cause) => Error::Failed(named(cause)),
        other => other,
    })
}

/// Returns the error of a channel whose configuration no attempt can use.
fn unusable(channel: &Channel, why: &str) -> Error {
    Error::wrong(format!("channel '{}' cannot be used: {why}", safe(&channel.name)))
}

/// Returns the outcome of a command that was killed at its deadline.
fn unanswered(deadline: Duration) -> Outcome {
    let cause = format!("no answer within {}", show_span(deadline));
    Outcome::Later { cause, after: None, unknown: true }
}

/// Returns the first line that a command wrote, safe and short.
fn first_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(shorten(&safe(line), LINE_MAX).into_owned())
}
