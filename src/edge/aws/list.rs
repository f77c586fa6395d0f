//! Listing queues, finding one by its name, and surveys of all scopes.

use std::collections::HashSet;

use futures_util::future::join_all;

use super::client::{Clients, Priority};
use super::error::call_error;
use super::{AttributeSet, Sqs, SurveyPlan};
use crate::clock;
use crate::rules::queue::loss::MoveTask;
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph::{ListedQueue, ScopeSurvey, Survey};
use crate::time::Timestamp;

/// A list has at most this many pages of 1,000 queues.
const PAGES_MAX: usize = 1000;

impl Sqs {
    /// Returns the URL of every queue in a scope.
    pub fn list(&self, scope: usize) -> Result<Vec<String>, ReadError> {
        self.sync(|clients| clients.list(scope, Priority::Foreground))
    }

    /// Returns the URL of the queue with this name.
    pub fn queue_url(&self, scope: usize, name: &str) -> Result<String, ReadError> {
        self.sync(async |clients| {
            let client = clients.client(scope).await?;
            clients.acquire(Priority::Foreground).await;
            let answer = client.get_queue_url().queue_name(name).send().await;
            let answer = answer.map_err(|error| call_error(&error));
            let answer = clients.note_result(scope, answer).await?;
            answer.queue_url.ok_or_else(|| ReadError::Other("the answer has no URL".into()))
        })
    }

    /// Returns the last ten tasks that moved messages out of a DLQ, the newest first.
    pub fn move_tasks(&self, scope: usize, dlq_arn: &str) -> Result<Vec<MoveTask>, ReadError> {
        self.sync(async |clients| {
            let client = clients.client(scope).await?;
            clients.acquire(Priority::Foreground).await;
            let request = client.list_message_move_tasks().source_arn(dlq_arn).max_results(10);
            let answer = request.send().await.map_err(|error| call_error(&error));
            let answer = clients.note_result(scope, answer).await?;
            let tasks = answer.results.unwrap_or_default().into_iter().map(|task| MoveTask {
                running: task.status.as_deref() == Some("RUNNING"),
                started_at: Timestamp::from_millis(task.started_timestamp),
            });
            Ok(tasks.collect())
        })
    }
}

impl Clients {
    /// Returns every queue of a scope; a partial list is an error.
    async fn list(&self, scope: usize, priority: Priority) -> Result<Vec<String>, ReadError> {
        let client = self.client(scope).await?;
        let mut urls = Vec::new();
        let mut tokens = HashSet::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            self.acquire(priority).await;
            // Without MaxResults, SQS cuts the list at 1,000 and returns no token.
            let page = client
                .list_queues()
                .max_results(1000)
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| call_error(&error));
            let page = self.note_result(scope, page).await?;
            urls.extend(page.queue_urls.unwrap_or_default());
            match page.next_token.filter(|token| !token.is_empty()) {
                None => return Ok(urls),
                Some(next) if tokens.insert(next.clone()) => token = Some(next),
                Some(_) => {
                    return Err(ReadError::Other("ListQueues returned a page twice".into()));
                }
            }
        }
        Err(ReadError::Other(format!("ListQueues has more than {PAGES_MAX} pages")))
    }

    pub(super) async fn survey(&self, plan: SurveyPlan, priority: Priority) -> Survey {
        let at = clock::now();
        let lists = join_all((0..self.scopes.len()).map(|scope| self.list(scope, priority))).await;
        let mut readings = Vec::new();
        if plan.read_settings {
            let each = lists.iter().enumerate();
            let queues = each.flat_map(|(scope, urls)| {
                let urls = urls.as_deref().unwrap_or_default();
                urls.iter().map(move |url| (scope, url.clone()))
            });
            let queues: Vec<_> = queues.collect();
            readings = self.read(&queues, AttributeSet::Settings, priority).await;
        }
        let mut readings = readings.into_iter();
        let scopes = self.scopes.iter().zip(lists).map(|(client, urls)| ScopeSurvey {
            region: client.region.clone(),
            account: client.account().to_owned(),
            queues: urls.map(|urls| {
                let listed = urls.into_iter().map(|url| ListedQueue {
                    url,
                    attributes: readings.next().map(|reading| reading.result),
                });
                listed.collect()
            }),
        });
        Survey { at, scopes: scopes.collect() }
    }
}
