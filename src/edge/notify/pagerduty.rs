//! The PagerDuty channel: the Events API v2.
//!
//! Promises: a repeated event is one alert, because its key is the incident's; the integration key
//! is in no error.

use std::sync::Arc;
use std::time::Duration;

use super::{Endpoint, secret, unusable};
use crate::clock;
use crate::config::{Channel, Env};
use crate::edge::http::Client;
use crate::error::Error;
use crate::rules::notification::answer::{self, Service};
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::notification::payload::pagerduty;
use crate::secret::SecretValue;

/// The base of the Events API.
const API: &str = "https://events.pagerduty.com";

/// A service of PagerDuty.
pub struct PagerDuty {
    endpoint: Endpoint,
    key: SecretValue,
}

impl PagerDuty {
    /// Fetches the integration key.
    pub fn new(channel: &Channel, env: &Env, http: &Arc<Client>) -> Result<Self, Error> {
        let connection = &channel.connection;
        let Some(key) = &connection.key else {
            return Err(unusable(channel, "it has no key"));
        };
        let base = connection.endpoint.as_deref().unwrap_or(API).trim_end_matches('/');
        let endpoint = Endpoint::new(channel, http, SecretValue::new(base))?;
        Ok(PagerDuty { endpoint, key: secret(channel, "key", key, env)? })
    }

    /// Triggers or resolves the alert of the notice's incident.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        let key = self.key.expose();
        let body = pagerduty::body(delivery, key).to_string();
        match self.endpoint.post("/v2/enqueue", &[], body.as_bytes(), deadline) {
            Ok(answer) => hidden(answer::judge(Service::PagerDuty, &answer, clock::now()), key),
            Err(error) => error.into(),
        }
    }
}

/// Removes the key from the sentence of the service, which may quote the event.
fn hidden(outcome: Outcome, key: &str) -> Outcome {
    match outcome {
        Outcome::Refused { cause } => Outcome::Refused { cause: cause.replace(key, "[secret]") },
        other => other,
    }
}
