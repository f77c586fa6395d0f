//! Sending messages in batches.
//!
//! A send is tried once: a repetition of one whose answer was lost sends the messages twice. The error
//! says whether SQS has refused the request, or may have taken it. Promise: an entry counts as sent
//! only when the answer confirms it.

use std::cell::Cell;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, MessageAttributeValue, MessageSystemAttributeNameForSends as SystemName,
    MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};
use futures_util::stream::{self, StreamExt};

use super::Sqs;
use super::client::{Clients, Priority};
use super::receive::RECEIVE_TIMEOUT;
use crate::rules::evidence::message::{Attribute, Message};
use crate::rules::queue::reading::ReadError;

/// The data types of attributes without one.
const TYPES: [&str; 2] = ["String", "Binary"];
/// The system attributes of a received message that are sent again.
const TRACE: &str = "AWSTraceHeader";
const GROUP: &str = "MessageGroupId";

/// A message to send: with its body, its attributes of all types, its group and its trace header.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub message: &'a Message,
    /// The deduplication id, for a FIFO queue.
    pub dedup_id: Option<&'a str>,
}

/// The failure of one entry of a batch, in the words of SQS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryError {
    pub code: String,
    pub message: String,
    /// Whether the entry itself is at fault: sending it again fails again.
    pub is_permanent: bool,
}

/// The failure of a whole batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchError {
    pub error: ReadError,
    /// Whether SQS has certainly not taken the batch. Otherwise each message of it may have been sent.
    pub is_refused: bool,
}

/// The results of a batch in the order of its entries: the id of each sent message.
pub type SendResult = Result<Vec<Result<String, EntryError>>, BatchError>;

impl Sqs {
    /// Sends a batch of at most ten messages.
    pub fn send(&self, scope: usize, url: &str, batch: &[Outgoing<'_>]) -> SendResult {
        self.sync(|clients| clients.send(scope, url, batch))
    }

    /// Sends several batches at once, and returns their results in the same order.
    pub fn send_batches(
        &self,
        scope: usize,
        url: &str,
        batches: &[Vec<Outgoing<'_>>],
    ) -> Vec<SendResult> {
        self.sync(|clients| async move {
            let sends = batches.iter().map(|batch| clients.send(scope, url, batch));
            let workers = clients.workers(Priority::Foreground);
            stream::iter(sends).buffered(workers).collect().await
        })
    }
}

impl Clients {
    async fn send(&self, scope: usize, url: &str, batch: &[Outgoing<'_>]) -> SendResult {
        // Until the request is on its way nothing can have been sent.
        let is_refused = Cell::new(true);
        let refused = |error: ReadError| BatchError { error, is_refused: true };
        let entries = batch.iter().enumerate().map(|(at, one)| entry(at, *one));
        let entries: Result<Vec<_>, String> = entries.collect();
        let entries = entries.map_err(|why| refused(ReadError::Other(why)))?;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(RECEIVE_TIMEOUT)
            .operation_timeout(RECEIVE_TIMEOUT)
            .build();
        let once = Builder::default()
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .timeout_config(timeouts);
        let send = async |client: Client| {
            let request = client.send_message_batch().queue_url(url).set_entries(Some(entries));
            let answer = request.customize().config_override(once).send().await;
            is_refused.set(answer.as_ref().is_err_and(is_refusal));
            answer
        };
        let answer = self.request(scope, Priority::Foreground, send).await;
        let answer = answer.map_err(|error| BatchError { error, is_refused: is_refused.get() })?;
        let mut results = vec![Err(unconfirmed()); batch.len()];
        for sent in answer.successful {
            if let Some(place) = place(&mut results, &sent.id)
                && !sent.message_id.is_empty()
            {
                *place = Ok(sent.message_id);
            }
        }
        for failed in &answer.failed {
            if let Some(place) = place(&mut results, &failed.id) {
                *place = Err(entry_error(failed));
            }
        }
        Ok(results)
    }
}

/// Returns whether SQS has refused a request, so that none of it has happened.
fn is_refusal<E>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(service) => service.raw().status().is_client_error(),
        _ => false,
    }
}

/// Returns the place of an entry by its id, which is its index.
pub(super) fn place<'a, T>(results: &'a mut [T], id: &str) -> Option<&'a mut T> {
    results.get_mut(id.parse::<usize>().ok()?)
}

pub(super) fn entry_error(failed: &BatchResultErrorEntry) -> EntryError {
    EntryError {
        code: failed.code.clone(),
        message: failed.message.clone().unwrap_or_default(),
        is_permanent: failed.sender_fault,
    }
}

/// Returns the error of an entry that the answer does not name.
pub(super) fn unconfirmed() -> EntryError {
    let message = "the answer does not confirm it".into();
    EntryError { code: "Unconfirmed".into(), message, is_permanent: false }
}

fn entry(at: usize, one: Outgoing<'_>) -> Result<SendMessageBatchRequestEntry, String> {
    let message = one.message;
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(at.to_string())
        .message_body(&message.body)
        .set_message_group_id(message.system.get(GROUP).cloned())
        .set_message_deduplication_id(one.dedup_id.map(str::to_owned));
    for (name, value) in &message.attributes {
        let data_type = message.attribute_types.get(name).cloned();
        entry = entry.message_attributes(name, attribute(value, data_type)?);
    }
    if let Some(trace) = message.system.get(TRACE) {
        let value = MessageSystemAttributeValue::builder()
            .data_type("String")
            .string_value(trace)
            .build()
            .map_err(|error| error.to_string())?;
        entry = entry.message_system_attributes(SystemName::AwsTraceHeader, value);
    }
    entry.build().map_err(|error| error.to_string())
}

fn attribute(
    value: &Attribute,
    data_type: Option<String>,
) -> Result<MessageAttributeValue, String> {
    let [text, binary] = TYPES;
    let builder = MessageAttributeValue::builder();
    let builder = match value {
        Attribute::Text(value) => {
            builder.string_value(value).data_type(data_type.unwrap_or_else(|| text.into()))
        }
        Attribute::Binary(bytes) => builder
            .binary_value(Blob::new(bytes.clone()))
            .data_type(data_type.unwrap_or_else(|| binary.into())),
    };
    builder.build().map_err(|error| error.to_string())
}

impl std::fmt::Display for EntryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.message.is_empty() {
            true => f.write_str(&super::error::first_line(&self.code)),
            false => {
                f.write_str(&super::error::first_line(&format!("{}: {}", self.code, self.message)))
            }
        }
    }
}
