//! Receiving messages and putting them back. Nothing here deletes, sends or moves a message.
//!
//! A receive is not retried: the lost answer of a first attempt may hold messages that would stay
//! invisible until their visibility timeout ends. Putting back is retried like other requests.

use std::collections::HashMap;
use std::convert::identity;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName,
};

use futures_util::future::{join, join_all};
use futures_util::stream::{self, StreamExt};

use super::Sqs;
use super::client::{Clients, Priority};
use crate::rules::evidence::message::{Attribute, Message};
use crate::rules::queue::reading::{Attributes, ReadError};
use crate::text;
use crate::time::show_span;

/// The most messages in one request, received or put back.
pub const BATCH: usize = 10;
/// Seconds of a long poll, which asks every server of the queue; a short poll may miss messages.
const WAIT_S: i32 = 2;
/// The timeout of a receive: ten messages of 1 MiB need more than the usual one.
pub(super) const RECEIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// A message and its receipt handle.
#[derive(Debug)]
pub struct Received {
    pub message: Message,
    /// The receipt handle, which puts the message back. Each receive returns another one.
    pub handle: String,
}

impl Sqs {
    /// Receives up to ten messages, which stay invisible for `invisible`. A message without an id
    /// cannot be cited, and one without a receipt handle cannot be put back: an answer with such a
    /// message is an error, and its other messages are put back.
    pub fn receive(
        &self,
        scope: usize,
        url: &str,
        max: usize,
        invisible: Duration,
    ) -> Result<Vec<Received>, ReadError> {
        let batch = self.sync(|clients| clients.receive(scope, url, max, invisible))?;
        self.check_whole(scope, url, batch, invisible)
    }

    /// Receives several batches at once. Returns also the first error: the other batches have come.
    pub fn receive_at_once(
        &self,
        scope: usize,
        url: &str,
        batches: usize,
        invisible: Duration,
    ) -> (Vec<Received>, Option<ReadError>) {
        let answers = self.sync(|clients| {
            let receives = (0..batches).map(|_| clients.receive(scope, url, BATCH, invisible));
            join_all(receives)
        });
        self.check_all(scope, url, answers, invisible)
    }

    /// Receives several batches of `max` messages, and reads the attributes of the queue beside that, which
    /// costs no further round trip.
    pub fn receive_and_read(
        &self,
        scope: usize,
        url: &str,
        (batches, max): (usize, usize),
        invisible: Duration,
    ) -> ((Vec<Received>, Option<ReadError>), Result<Attributes, ReadError>) {
        let queue = [(scope, url.to_owned())];
        let (answers, mut readings) = self.sync(|clients| {
            let receives = (0..batches).map(|_| clients.receive(scope, url, max, invisible));
            join(join_all(receives), clients.read(&queue, Priority::Foreground, identity))
        });
        let reading = readings.pop().map(|one| one.result);
        let reading = reading.unwrap_or_else(|| Err(ReadError::Other("no answer".into())));
        (self.check_all(scope, url, answers, invisible), reading)
    }

    fn check_all(
        &self,
        scope: usize,
        url: &str,
        answers: Vec<Result<Vec<Received>, ReadError>>,
        invisible: Duration,
    ) -> (Vec<Received>, Option<ReadError>) {
        let (mut all, mut first_error) = (Vec::new(), None);
        for answer in answers {
            match answer.and_then(|batch| self.check_whole(scope, url, batch, invisible)) {
                Ok(batch) => all.extend(batch),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        (all, first_error)
    }

    /// Returns the batch, when each of its messages has an id and a handle.
    fn check_whole(
        &self,
        scope: usize,
        url: &str,
        batch: Vec<Received>,
        invisible: Duration,
    ) -> Result<Vec<Received>, ReadError> {
        let is_whole = |one: &&Received| !one.message.id.is_empty() && !one.handle.is_empty();
        let odd = batch.len() - batch.iter().filter(is_whole).count();
        if odd == 0 {
            return Ok(batch);
        }
        let handles = batch.iter().map(|one| one.handle.clone()).filter(|one| !one.is_empty());
        self.put_back(scope, url, &handles.collect::<Vec<_>>());
        Err(ReadError::Other(format!(
            "{odd} of {} came without an id or a receipt handle; what is not put back stays \
             invisible for {}",
            text::count(batch.len() as u64, "message"),
            show_span(invisible)
        )))
    }

    /// Makes messages visible again. Returns how many SQS does not confirm, with the first reason. A
    /// message whose visibility timeout has ended is visible already.
    pub fn put_back(
        &self,
        scope: usize,
        url: &str,
        handles: &[String],
    ) -> Option<(usize, ReadError)> {
        let results: Vec<_> = self.sync(|clients| async move {
            let batches = handles.chunks(BATCH).map(|batch| clients.put_back(scope, url, batch));
            let workers = clients.workers(Priority::Foreground);
            stream::iter(batches).buffered(workers).collect().await
        });
        let add = |(sum, first), (count, _)| (sum + count, first);
        results.into_iter().flatten().reduce(add)
    }
}

impl Clients {
    async fn receive(
        &self,
        scope: usize,
        url: &str,
        max: usize,
        invisible: Duration,
    ) -> Result<Vec<Received>, ReadError> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(RECEIVE_TIMEOUT)
            .operation_timeout(RECEIVE_TIMEOUT)
            .build();
        let once = Builder::default()
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .timeout_config(timeouts);
        let send = |client: Client| {
            client
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(i32::try_from(max.min(BATCH)).unwrap_or(1))
                .visibility_timeout(i32::try_from(invisible.as_secs()).unwrap_or(i32::MAX))
                .wait_time_seconds(WAIT_S)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .message_attribute_names("All")
                .customize()
                .config_override(once)
                .send()
        };
        let answer = self.request(scope, Priority::Foreground, send).await?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    /// Makes a batch visible again. Returns how many SQS does not confirm, with the first reason.
    async fn put_back(
        &self,
        scope: usize,
        url: &str,
        batch: &[String],
    ) -> Option<(usize, ReadError)> {
        let entries = batch.iter().enumerate().filter_map(|(at, handle)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(at.to_string())
                .receipt_handle(handle)
                .visibility_timeout(0)
                .build()
                .ok()
        });
        let entries = Some(entries.collect());
        let send = |client: Client| {
            client.change_message_visibility_batch().queue_url(url).set_entries(entries).send()
        };
        let answer = match self.request(scope, Priority::Foreground, send).await {
            Err(error) => return Some((batch.len(), error)),
            Ok(answer) => answer,
        };
        let is_visible = |one: &&BatchResultErrorEntry| one.code.contains("NotInflight");
        let visible = answer.failed.iter().filter(is_visible).count();
        let hidden = batch.len().saturating_sub(answer.successful.len() + visible);
        let code = answer.failed.iter().find(|one| !is_visible(one)).map(|one| &*one.code);
        let reason = ReadError::Other(code.unwrap_or("the answer does not confirm it").into());
        (hidden > 0).then_some((hidden, reason))
    }
}

fn received(given: aws_sdk_sqs::types::Message) -> Received {
    let attributes = given.message_attributes.unwrap_or_default();
    let types = attributes.iter().map(|(name, value)| (name.clone(), value.data_type.clone()));
    let attribute_types = types.collect();
    let attributes = attributes.into_iter();
    let system: HashMap<MessageSystemAttributeName, String> = given.attributes.unwrap_or_default();
    Received {
        handle: given.receipt_handle.unwrap_or_default(),
        message: Message {
            id: given.message_id.unwrap_or_default(),
            body: given.body.unwrap_or_default(),
            attributes: attributes.map(|(name, value)| (name, attribute(value))).collect(),
            attribute_types,
            system: system.into_iter().map(|(name, text)| (name.as_str().into(), text)).collect(),
        },
    }
}

fn attribute(value: MessageAttributeValue) -> Attribute {
    match (value.string_value, value.binary_value) {
        (Some(text), _) => Attribute::Text(text),
        (None, Some(bytes)) => Attribute::Binary(bytes.into_inner()),
        (None, None) => Attribute::Text(String::new()),
    }
}
