//! Listing queues, finding one by its name, and surveys of all scopes.

use std::convert::identity;

use aws_sdk_sqs::Client;
use futures_util::future::join_all;

use super::Sqs;
use super::client::{Clients, Priority};
use crate::clock;
use crate::rules::queue::address::{NameHint, QueueAddress};
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

    /// Returns which of `scopes` may have a queue: for a URL the first one of its region, else the
    /// first. Empty when no scope is in the region of an ARN.
    pub fn scopes_for(&self, address: &QueueAddress, scopes: &[usize]) -> Vec<usize> {
        let here = scopes.iter().filter(|scope| address.may_be_in(self.region(**scope))).copied();
        match address {
            QueueAddress::Url(_) => here.chain(scopes.first().copied()).take(1).collect(),
            _ => here.collect(),
        }
    }

    /// Compares a name that does not exist in a scope with those that do; with none when the scope
    /// cannot be listed.
    pub fn name_hint(&self, scope: usize, name: &str) -> NameHint {
        NameHint::new(name, &self.list(scope).unwrap_or_default())
    }

    /// Finds a queue in a scope; by URL without a request.
    pub fn look_up(
        &self,
        scope: usize,
        address: &QueueAddress,
    ) -> Result<DeadLetterQueue, ReadError> {
        let at = clock::now();
        let url = match address {
            QueueAddress::Url(url) => url.clone(),
            QueueAddress::Name(name) => self.queue_url(scope, name, None)?,
            QueueAddress::Arn { account, name, .. } => {
                self.queue_url(scope, name, Some(account))?
            }
        };
        let queue = queue_at(&url, self.region(scope), self.account(scope));
        let mut queue = queue.ok_or_else(|| ReadError::Other("not the URL of a queue".into()))?;
        self.set_scope(scope, &mut queue);
        Ok(DeadLetterQueue::given(scope, queue, at))
    }

    /// Returns the URL of the queue with this name, in another account if one is given.
    fn queue_url(
        &self,
        scope: usize,
        name: &str,
        owner: Option<&String>,
    ) -> Result<String, ReadError> {
        let send = |client: Client| {
            let request = client.get_queue_url().queue_name(name);
            request.set_queue_owner_aws_account_id(owner.cloned()).send()
        };
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        answer.queue_url.ok_or_else(|| ReadError::Other("the answer has no URL".into()))
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
        self.scopes[scope].answers.begin();
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

    /// Surveys the scopes of these indices, each by itself: a silent one must not hold up others.
    pub(super) async fn survey(&self, scopes: &[usize], read: bool, priority: Priority) -> Survey {
        let at = clock::now();
        let surveys = scopes.iter().map(async |&scope| {
            let queues = match self.list(scope, priority).await {
                Ok(urls) => Ok(self.listed(scope, urls, read, priority).await),
                Err(error) => Err(error),
            };
            let client = &self.scopes[scope];
            let (region, account) = (client.region.clone(), client.scope.account.clone());
            ScopeSurvey { scope, region, account, queues }
        });
        Survey { at, scopes: join_all(surveys).await }
    }

    /// Returns the listed queues of a scope, with `read` also their attributes.
    async fn listed(
        &self,
        scope: usize,
        urls: Vec<String>,
        read: bool,
        priority: Priority,
    ) -> Vec<ListedQueue> {
        let queues: Vec<(usize, String)> = urls.into_iter().map(|url| (scope, url)).collect();
        let readings = if read { self.read(&queues, priority, identity).await } else { Vec::new() };
        let mut readings = readings.into_iter();
        let listed = queues.into_iter().map(|(_, url)| ListedQueue {
            url,
            attributes: readings.next().map(|reading| reading.result),
        });
        listed.collect()
    }
}
