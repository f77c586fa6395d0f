//! Requests without an effect, which tell whether an action is allowed.
//!
//! Promise: nothing is received, sent, deleted or hidden. What deletes or hides gets a receipt handle
//! that SQS never gives.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};

use super::Sqs;
use super::client::Priority;
use super::error::{denial, is_denial, plain_code};
use crate::rules::queue::reading::ReadError;

/// The handle of no message.
const NO_HANDLE: &str = "dlq-doctor";
/// Attempts at a probe: the pauses between more would take longer than a check may.
const ATTEMPTS: u32 = 2;

fn few_attempts() -> Builder {
    Builder::default().retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}

impl Sqs {
    /// Returns the URLs on the first page of the list of queues: 1,000 at most.
    pub fn first_queues(&self, scope: usize) -> Result<Vec<String>, ReadError> {
        let send = |client: Client| {
            let request = client.list_queues().max_results(1000).customize();
            request.config_override(few_attempts()).send()
        };
        let page = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        Ok(page.queue_urls.unwrap_or_default())
    }

    /// Asks for the URL of a queue by its name.
    pub fn probe_url(&self, scope: usize, name: &str) -> Result<(), ReadError> {
        let send = |client: Client| {
            let request = client.get_queue_url().queue_name(name).customize();
            request.config_override(few_attempts()).send()
        };
        self.sync(|clients| clients.request(scope, Priority::Foreground, send)).map(drop)
    }

    /// Asks to make a message visible that does not exist.
    pub fn probe_visibility(&self, scope: usize, url: &str) -> Result<(), ReadError> {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id("0");
        let entry = entry.receipt_handle(NO_HANDLE).visibility_timeout(0).build();
        let entries = entry.ok().map(|entry| vec![entry]);
        let send = |client: Client| {
            let request = client.change_message_visibility_batch().queue_url(url);
            request.set_entries(entries).customize().config_override(few_attempts()).send()
        };
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        refused(&answer.failed)
    }

    /// Asks to delete a message that does not exist.
    pub fn probe_delete(&self, scope: usize, url: &str) -> Result<(), ReadError> {
        let entry = DeleteMessageBatchRequestEntry::builder().id("0").receipt_handle(NO_HANDLE);
        let entries = entry.build().ok().map(|entry| vec![entry]);
        let send = |client: Client| {
            let request = client.delete_message_batch().queue_url(url);
            request.set_entries(entries).customize().config_override(few_attempts()).send()
        };
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        refused(&answer.failed)
    }
}

/// Returns the denial among the failures of a batch. Any other failure is that of the handle: the
/// action itself is allowed.
fn refused(failed: &[BatchResultErrorEntry]) -> Result<(), ReadError> {
    let denied = failed.iter().find(|entry| is_denial(plain_code(&entry.code)));
    let Some(entry) = denied else { return Ok(()) };
    let what = entry.message.as_deref().and_then(denial);
    Err(what.map_or(ReadError::Denied, ReadError::NotAuthorized))
}
