//! The Slack channel: a bot that posts and updates, or an incoming webhook.
//!
//! Promises: with a bot, the message of an incident is updated in place; one that Slack no longer
//! lets be updated is followed by a new one. Neither the token nor the URL is in an error.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Endpoint, secret};
use crate::clock;
use crate::config::{Channel, Env};
use crate::edge::http::Client;
use crate::error::Error;
use crate::rules::http::{HttpAnswer, RequestError};
use crate::rules::notification::answer::{self, Service};
use crate::rules::notification::connection::ChannelUrl;
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::notification::payload::slack;
use crate::secret::SecretValue;

/// The base of the methods of Slack's API.
const API: &str = "https://slack.com/api";

/// A channel of Slack.
pub struct Slack {
    endpoint: Endpoint,
    access: SlackAccess,
}

enum SlackAccess {
    Webhook,
    /// A bot's token, and the channel that it posts to.
    Bot(SecretValue, String),
}

impl Slack {
    /// Fetches the token or the URL.
    pub fn new(channel: &Channel, env: &Env, http: &Arc<Client>) -> Result<Self, Error> {
        let connection = &channel.connection;
        if let Some(ChannelUrl::Secret(url)) = &connection.url {
            let endpoint = Endpoint::new(channel, http, secret(channel, "url", url, env)?)?;
            return Ok(Slack { endpoint, access: SlackAccess::Webhook });
        }
        let (Some(token), Some(to)) = (&connection.token, &connection.channel) else {
            return Err(super::unusable(channel, "it has neither a token nor a URL"));
        };
        let base = connection.endpoint.as_deref().unwrap_or(API).trim_end_matches('/');
        let endpoint = Endpoint::new(channel, http, SecretValue::new(base))?;
        let token = secret(channel, "token", token, env)?;
        Ok(Slack { endpoint, access: SlackAccess::Bot(token, to.clone()) })
    }

    /// Posts a notice, or updates that of its handle, which is `CHANNEL/TS`.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        let (token, channel) = match &self.access {
            SlackAccess::Bot(token, channel) => (token, channel),
            SlackAccess::Webhook => {
                let body = slack::webhook_body(delivery);
                let answer = self.endpoint.post("", &[], &bytes(&body), deadline);
                return judge(Service::SlackWebhook, answer);
            }
        };
        let until = clock::tick() + deadline;
        let call = |method: &str, body: &Value| {
            let authorization = format!("Bearer {}", token.expose());
            let headers = [("authorization", authorization.as_str())];
            let remaining = until.saturating_duration_since(clock::tick());
            self.endpoint.post(method, &headers, &bytes(body), remaining)
        };
        let update = delivery.handle.as_deref().and_then(|at| slack::update_body(delivery, at));
        if let Some(body) = update {
            let answer = call("/chat.update", &body);
            if !answer.as_ref().is_ok_and(answer::is_update_impossible) {
                return judge(Service::SlackApi, answer);
            }
        }
        judge(Service::SlackApi, call("/chat.postMessage", &slack::post_body(delivery, channel)))
    }
}

fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

fn judge(service: Service, answer: Result<HttpAnswer, RequestError>) -> Outcome {
    match answer {
        Ok(answer) => answer::judge(service, &answer, clock::now()),
        Err(error) => error.into(),
    }
}
