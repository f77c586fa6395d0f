//! Deleting messages, and all messages of a queue.
//!
//! Promise: a message counts as deleted only when the answer confirms it. A delete is retried, because
//! a repetition does nothing.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use futures_util::stream::{self, StreamExt};

use super::Sqs;
use super::client::{Clients, Priority};
use super::receive::BATCH;
use super::send::{EntryError, entry_error, place, unconfirmed};
use crate::rules::queue::reading::ReadError;

impl Sqs {
    /// Deletes messages by their receipt handles, in batches at once. Returns a result for each, in
    /// their order. A handle whose message was received again since may delete nothing, and be
    /// confirmed.
    pub fn delete(&self, scope: usize, url: &str, handles: &[&str]) -> Vec<Result<(), EntryError>> {
        self.sync(|clients| async move {
            let deletes = handles.chunks(BATCH).map(|batch| clients.delete(scope, url, batch));
            let workers = clients.workers(Priority::Foreground);
            let results: Vec<_> = stream::iter(deletes).buffered(workers).collect().await;
            results.into_iter().flatten().collect()
        })
    }

    /// Asks SQS to delete all messages of a queue, which takes up to 60 seconds, and includes those
    /// that arrive meanwhile. SQS refuses a second purge within 60 seconds.
    pub fn purge(&self, scope: usize, url: &str) -> Result<(), ReadError> {
        let send = |client: Client| client.purge_queue().queue_url(url).send();
        self.sync(|clients| clients.request(scope, Priority::Foreground, send)).map(drop)
    }
}

impl Clients {
    async fn delete(
        &self,
        scope: usize,
        url: &str,
        handles: &[&str],
    ) -> Vec<Result<(), EntryError>> {
        let mut results = vec![Err(unconfirmed()); handles.len()];
        let entries = handles.iter().enumerate().filter_map(|(at, handle)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
            entry.receipt_handle(*handle).build().ok()
        });
        let entries = Some(entries.collect());
        let send = |client: Client| {
            client.delete_message_batch().queue_url(url).set_entries(entries).send()
        };
        match self.request(scope, Priority::Foreground, send).await {
            Ok(answer) => {
                for deleted in &answer.successful {
                    if let Some(place) = place(&mut results, &deleted.id) {
                        *place = Ok(());
                    }
                }
                for failed in &answer.failed {
                    if let Some(place) = place(&mut results, &failed.id) {
                        *place = Err(entry_error(failed));
                    }
                }
            }
            Err(error) => {
                let failed =
                    EntryError { code: error.to_string(), ..unconfirmed_without_message() };
                results.fill(Err(failed));
            }
        }
        results
    }
}

fn unconfirmed_without_message() -> EntryError {
    EntryError { message: String::new(), ..unconfirmed() }
}
