//! The webhook channel: a signed POST to any receiver of Standard Webhooks.

use std::sync::Arc;
use std::time::Duration;

use super::{Endpoint, secret, unusable};
use crate::clock;
use crate::config::{Channel, Env};
use crate::edge::http::Client;
use crate::error::Error;
use crate::rules::notification::answer::{self, Service};
use crate::rules::notification::connection::ChannelUrl;
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::notification::payload::webhook::{self, SigningKey};
use crate::secret::SecretValue;

/// A receiver of webhooks.
pub struct Webhook {
    endpoint: Endpoint,
    key: Option<SigningKey>,
}

impl Webhook {
    /// Fetches the URL and the signing secret.
    pub fn new(channel: &Channel, env: &Env, http: &Arc<Client>) -> Result<Self, Error> {
        let url = match &channel.connection.url {
            Some(ChannelUrl::Plain(url)) => SecretValue::new(url),
            Some(ChannelUrl::Secret(url)) => secret(channel, "url", url, env)?,
            None => return Err(unusable(channel, "it has no URL")),
        };
        let key = match &channel.connection.secret {
            None => None,
            Some(reference) => {
                let value = secret(channel, "secret", reference, env)?;
                let key = SigningKey::parse(value.expose());
                Some(key.ok_or_else(|| {
                    unusable(
                        channel,
                        "its secret is not whsec_ and 24 to 64 bytes in base64; make one with: \
                         echo whsec_$(openssl rand -base64 32)",
                    )
                })?)
            }
        };
        Ok(Webhook { endpoint: Endpoint::new(channel, http, url)?, key })
    }

    /// Posts a notice.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        let (now, body) = (clock::now(), webhook::body(delivery));
        let headers = webhook::headers(delivery, &body, self.key.as_ref(), now);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match self.endpoint.post("", &headers, &body, deadline) {
            Ok(answer) => answer::judge(Service::Webhook, &answer, clock::now()),
            Err(error) => error.into(),
        }
    }
}
