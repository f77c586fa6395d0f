//! The identity behind the credentials of a scope, as STS tells it. No permission is needed for that.

use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, IdentityCache};

use super::client::ScopeClient;
use super::{Sqs, endpoints, error};
use crate::rules::queue::reading::ReadError;

/// The time for the answer.
const ANSWER: Duration = Duration::from_millis(2500);

impl Sqs {
    /// Returns the ARN of the user or the role of a scope. A server in place of AWS is asked, too.
    pub fn identity(&self, scope: usize) -> Result<String, ReadError> {
        self.sync(|clients| clients.scopes[scope].identity())
    }
}

impl ScopeClient {
    async fn identity(&self) -> Result<String, ReadError> {
        let (config, credentials) = self.signed_in().await?;
        endpoints::check_service(&config, "STS").map_err(ReadError::Other)?;
        let timeouts =
            TimeoutConfig::builder().connect_timeout(ANSWER).operation_timeout(ANSWER).build();
        let mut builder = Builder::from(&config)
            .timeout_config(timeouts)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled());
        if let Some(endpoint) = &self.scope.endpoint {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        let answer = Client::from_conf(builder.build()).get_caller_identity().send().await;
        let answer = answer.map_err(|error| match error::call_error(&error) {
            ReadError::Other(text) => ReadError::Other(text.replace("one of SQS", "one of STS")),
            other => other,
        })?;
        answer.arn.ok_or_else(|| ReadError::Other("the answer of STS names no identity".into()))
    }
}
