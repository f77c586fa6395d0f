//! Listing queues, finding one by its name, and surveys of all scopes.

use aws_sdk_sqs::Client;
use futures_util::future::join_all;

use super::Sqs;
use super::client::{Clients, Priority};
use crate::clock;
use crate::rules::queue::loss::MoveTask;
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph::{
    DeadLetterQueue, ListedQueue, ScopeSurvey, Survey, queue_at,
};
use crate::time::Timestamp;

impl Sqs {
    /// Returns the URL of every queue in a scope.
    pub fn list(&self, scope: usize) -> Result<Vec<String>, ReadError> {
        self.sync(|clients| clients.list(scope, Priority::Foreground))
    }

    /// Returns the URL of the queue with this name.
    fn queue_url(&self, scope: usize, name: &str) -> Result<String, ReadError> {
        let send = |client: Client| client.get_queue_url().queue_name(name).send();
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        answer.queue_url.ok_or_else(|| ReadError::Other("the answer has no URL".into()))
    }

    /// Finds a queue: by name in each of `scopes`; by URL without a request, in the first scope of
    /// the region that the URL names, else in the first of `scopes`.
    ///
    /// Returns an error when no scope has the queue: that of a scope which could not be asked, if
    /// there is one, else [`ReadError::Missing`].
    pub fn find_queue(
        &self,
        name: &str,
        scopes: &[usize],
    ) -> Result<Vec<DeadLetterQueue>, ReadError> {
        let at = clock::now();
        let mut found = Vec::new();
        let mut error = ReadError::Missing;
        let mut add = |scope: usize, url: &str| {
            let (region, account) = (self.region(scope), self.account(scope));
            if let Some(mut queue) = queue_at(url, region, account) {
                self.set_scope(scope, &mut queue);
                found.push(DeadLetterQueue::given(scope, queue, at));
            }
        };
        if name.contains("://") {
            let in_url = |scope: &&usize| name.contains(&format!(".{}.", self.region(**scope)));
            if let Some(scope) = scopes.iter().find(in_url).or(scopes.first()) {
                add(*scope, name);
            }
        } else {
            for scope in scopes {
                match self.queue_url(*scope, name) {
                    Ok(url) => add(*scope, &url),
                    Err(ReadError::Missing) => {}
                    Err(other) => error = other,
                }
            }
        }
        if found.is_empty() { Err(error) } else { Ok(found) }
    }

    /// Returns the URLs of the queues that send their dead letters to this one.
    pub fn source_queues(&self, scope: usize, url: &str) -> Result<Vec<String>, ReadError> {
        let action = "ListDeadLetterSourceQueues";
        self.sync(|clients| {
            clients.pages(scope, Priority::Foreground, action, |client, token| {
                let request = client.list_dead_letter_source_queues().queue_url(url);
                let request = request.max_results(1000).set_next_token(token);
                async { request.send().await.map(|page| (page.queue_urls, page.next_token)) }
            })
        })
    }

    /// Returns the last ten tasks that moved messages out of a DLQ, the newest first.
    pub fn move_tasks(&self, scope: usize, dlq_arn: &str) -> Result<Vec<MoveTask>, ReadError> {
        let send = |client: Client| {
            client.list_message_move_tasks().source_arn(dlq_arn).max_results(10).send()
        };
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        let tasks = answer.results.unwrap_or_default().into_iter().map(|task| MoveTask {
            running: task.status.as_deref() == Some("RUNNING"),
            started_at: Timestamp::from_millis(task.started_timestamp),
        });
        Ok(tasks.collect())
    }
}

impl Clients {
    async fn list(&self, scope: usize, priority: Priority) -> Result<Vec<String>, ReadError> {
        let send = |client: Client, token| {
            // Without MaxResults, SQS cuts the list at 1,000 and returns no token.
            let request = client.list_queues().max_results(1000).set_next_token(token);
            async {
                let page = request.send().await?;
                Ok((page.queue_urls.unwrap_or_default(), page.next_token))
            }
        };
        self.pages(scope, priority, "ListQueues", send).await
    }

    pub(super) async fn survey(&self, read: bool, priority: Priority) -> Survey {
        let at = clock::now();
        let lists = join_all((0..self.scopes.len()).map(|scope| self.list(scope, priority))).await;
        let mut readings = Vec::new();
        if read {
            let each = lists.iter().enumerate();
            let each_url = each.flat_map(|(scope, urls)| {
                urls.iter().flatten().map(move |url| (scope, url.clone()))
            });
            let queues: Vec<_> = each_url.collect();
            readings = self.read(&queues, priority).await;
        }
        let mut readings = readings.into_iter();
        let scopes = self.scopes.iter().zip(lists).map(|(client, urls)| ScopeSurvey {
            region: client.region.clone(),
            account: client.scope.account.clone(),
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
