//! The questions: which queues there are, where one is, what is being moved; and all of them at
//! once, for a survey. What each queue says is asked in `read.rs`.

use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use tokio::task::JoinSet;

use super::client::Door;
use super::error::of_call;
use super::rate_limit::Pace;
use super::{Plan, Want};
use crate::clock;
use crate::rules::queue::loss::MoveTask;
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph::{ListedQueue, ScopeSurvey, Survey};
use crate::time::Timestamp;

/// No account has more queues than so many pages of 1,000.
const PAGES_MAX: usize = 1000;

/// What all questions share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) doors: Vec<Door>,
    pub(super) lanes: usize,
    pub(super) pace: Pace,
    /// A survey in the background has a quarter of the pace, and of the lanes.
    pub(super) aside: Pace,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hurry {
    /// Somebody waits for the answers.
    Now,
    /// Rounds go first.
    Aside,
}

impl World {
    pub(super) async fn token(&self, hurry: Hurry) {
        if hurry == Hurry::Aside {
            self.aside.token().await;
        }
        self.pace.token().await;
    }

    pub(super) async fn client(&self, scope: usize) -> Result<Client, ReadError> {
        match self.doors.get(scope) {
            Some(door) => door.client().await,
            None => Err(ReadError::Other("there is no such scope".into())),
        }
    }

    /// Passes the answer on, and forgets credentials that were refused.
    pub(super) async fn heed<T>(
        &self,
        scope: usize,
        answer: Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        if let (Err(ReadError::Credentials(_)), Some(door)) = (&answer, self.doors.get(scope)) {
            door.distrust().await;
        }
        answer
    }

    /// Every queue of a scope, or of those with a prefix; never a part of them.
    pub(super) async fn list(
        &self,
        scope: usize,
        prefix: Option<&str>,
        hurry: Hurry,
    ) -> Result<Vec<String>, ReadError> {
        let client = self.client(scope).await?;
        let mut urls = Vec::new();
        let mut tokens = HashSet::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            self.token(hurry).await;
            // Without MaxResults the list is cut at 1,000, and nothing says so.
            let page = client
                .list_queues()
                .max_results(1000)
                .set_queue_name_prefix(prefix.map(str::to_owned))
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| of_call(&error));
            let page = self.heed(scope, page).await?;
            urls.extend(page.queue_urls.unwrap_or_default());
            match page.next_token.filter(|token| !token.is_empty()) {
                None => return Ok(urls),
                Some(next) if tokens.insert(next.clone()) => token = Some(next),
                Some(_) => return Err(ReadError::Other("ListQueues gave one page twice".into())),
            }
        }
        Err(ReadError::Other(format!("ListQueues has more than {PAGES_MAX} pages")))
    }

    pub(super) async fn url_of(&self, scope: usize, name: &str) -> Result<String, ReadError> {
        let client = self.client(scope).await?;
        self.token(Hurry::Now).await;
        let answer = client.get_queue_url().queue_name(name).send().await;
        let answer = self.heed(scope, answer.map_err(|error| of_call(&error))).await?;
        answer.queue_url.ok_or_else(|| ReadError::Other("the answer has no URL".into()))
    }

    pub(super) async fn move_tasks(
        &self,
        scope: usize,
        arn: &str,
    ) -> Result<Vec<MoveTask>, ReadError> {
        let client = self.client(scope).await?;
        self.token(Hurry::Now).await;
        let answer = client.list_message_move_tasks().source_arn(arn).max_results(10).send().await;
        let answer = self.heed(scope, answer.map_err(|error| of_call(&error))).await?;
        let tasks = answer.results.unwrap_or_default();
        let task = |task: aws_sdk_sqs::types::ListMessageMoveTasksResultEntry| MoveTask {
            running: task.status.as_deref() == Some("RUNNING"),
            started_at: Timestamp::from_millis(task.started_timestamp),
        };
        Ok(tasks.into_iter().map(task).collect())
    }

    /// What was seen of every queue in every scope.
    pub(super) async fn survey(self: Arc<Self>, plan: Plan, hurry: Hurry) -> Survey {
        let at = clock::now();
        let lists = self.clone().list_all(hurry).await;
        let mut readings = Vec::new();
        if plan.ask {
            let each = lists.iter().enumerate();
            let jobs = each.flat_map(|(scope, urls)| {
                let urls = urls.as_deref().unwrap_or_default();
                urls.iter().map(move |url| (scope, url.clone()))
            });
            readings = self.clone().read(jobs.collect(), Want::Settings, hurry).await;
        }
        let mut readings = readings.into_iter();
        let scopes = self.doors.iter().zip(lists).map(|(door, urls)| ScopeSurvey {
            region: door.region.clone(),
            account: door.account().to_owned(),
            queues: urls.map(|urls| {
                let seen = urls.into_iter().map(|url| ListedQueue {
                    url,
                    attributes: readings.next().map(|reading| reading.result),
                });
                seen.collect()
            }),
        });
        Survey { at, scopes: scopes.collect() }
    }

    /// Every queue of every scope, the scopes at once.
    pub(super) async fn list_all(
        self: Arc<Self>,
        hurry: Hurry,
    ) -> Vec<Result<Vec<String>, ReadError>> {
        let mut asked = JoinSet::new();
        for scope in 0..self.doors.len() {
            let world = self.clone();
            asked.spawn(async move { (scope, world.list(scope, None, hurry).await) });
        }
        let mut lists = vec![Err(stopped()); self.doors.len()];
        for (scope, list) in asked.join_all().await {
            lists[scope] = list;
        }
        lists
    }
}

/// A task of ours that ended without an answer.
pub(super) fn stopped() -> ReadError {
    ReadError::Other("the reader stopped".into())
}
