//! Receiving messages, and putting them back. Nothing here deletes, sends or moves.
//!
//! A receive is asked once: a second attempt could hide messages that the first one has taken, and
//! that nobody then puts back before their time. Putting back is tried as often as any question.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
};

use super::error::of_call;
use super::list::{Hurry, World};
use crate::rules::evidence::message::{Attribute, Message};
use crate::rules::queue::reading::ReadError;

/// What SQS hands out at once, and takes back at once.
pub const BATCH: usize = 10;
/// A long poll asks every server of the queue; a short one misses messages that are there.
const WAIT_S: i32 = 2;
/// Ten messages of 1 MiB take their time.
const RECEIVE: Duration = Duration::from_secs(30);
/// A queue is named by no more than so many pages of sources.
const PAGES_MAX: usize = 100;

/// A message, and what puts it back.
#[derive(Debug)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// The handle of this receive; the next one has another.
    pub handle: String,
}

impl World {
    /// Receives up to ten messages, which are then invisible for so long.
    pub(super) async fn receive(
        &self,
        scope: usize,
        url: &str,
        max: usize,
        invisible: Duration,
    ) -> Result<Vec<Received>, ReadError> {
        let client = self.client(scope).await?;
        self.token(Hurry::Now).await;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(RECEIVE)
            .operation_timeout(RECEIVE)
            .build();
        let once = Builder::default()
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .timeout_config(timeouts);
        let answer = client
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
            .await;
        let answer = self.heed(scope, answer.map_err(|error| of_call(&error))).await?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    /// Makes messages visible again, and tells for how many that failed. One whose time is over
    /// is visible, too.
    pub(super) async fn put_back(&self, scope: usize, url: &str, handles: &[String]) -> usize {
        let Ok(client) = self.client(scope).await else { return handles.len() };
        let mut left = 0;
        for batch in handles.chunks(BATCH) {
            self.token(Hurry::Now).await;
            let entries = batch.iter().enumerate().filter_map(|(at, handle)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(at.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(0)
                    .build()
                    .ok()
            });
            let asked = client
                .change_message_visibility_batch()
                .queue_url(url)
                .set_entries(Some(entries.collect()));
            left += match asked.send().await {
                Ok(answer) => {
                    answer.failed.iter().filter(|one| !one.code.contains("NotInflight")).count()
                }
                Err(_) => batch.len(),
            };
        }
        left
    }

    /// The URLs of the queues whose dead letters a queue gets.
    pub(super) async fn sources(&self, scope: usize, url: &str) -> Result<Vec<String>, ReadError> {
        let client = self.client(scope).await?;
        let (mut urls, mut token) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            self.token(Hurry::Now).await;
            let page = client
                .list_dead_letter_source_queues()
                .queue_url(url)
                .max_results(1000)
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| of_call(&error));
            let page = self.heed(scope, page).await?;
            urls.extend(page.queue_urls);
            match page.next_token.filter(|token| !token.is_empty()) {
                None => return Ok(urls),
                next => token = next,
            }
        }
        Err(ReadError::Other(format!("ListDeadLetterSourceQueues has more than {PAGES_MAX} pages")))
    }
}

fn received(given: aws_sdk_sqs::types::Message) -> Received {
    let attributes = given.message_attributes.unwrap_or_default().into_iter();
    let system: HashMap<MessageSystemAttributeName, String> = given.attributes.unwrap_or_default();
    Received {
        handle: given.receipt_handle.unwrap_or_default(),
        message: Message {
            id: given.message_id.unwrap_or_default(),
            body: given.body.unwrap_or_default(),
            attributes: attributes.map(|(name, value)| (name, attribute(value))).collect(),
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
