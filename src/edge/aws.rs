//! Amazon SQS, asked synchronously.
//!
//! The only place that knows AWS or `async`: one runtime on one thread, driven while a method
//! here runs. Every scope (an account in a region) shares its connections, its limit of requests
//! a second and its count of requests. Promises: no answer is ever made up (a count that is not
//! there is a [`Miss`]); a list is whole or an error; no text of an error holds a secret.

mod client;
mod error;
mod list;
mod rate_limit;
mod read;
mod receive;

pub use receive::{BATCH, Received};

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use self::client::Door;
use self::list::{Hurry, World};
use self::rate_limit::Pace;
use crate::config::SecretValue;
use crate::error::Error;
use crate::glob::GlobList;
use crate::rules::queue::discovery_cache::Key;
use crate::rules::queue::loss::MoveTask;
use crate::rules::queue::reading::{Miss, Reading};
use crate::rules::queue::redrive_graph::{Discover, Survey};
use crate::store::{Wait, assert_may_wait};

/// An account in a region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// What people call the account: the configured name, else the profile, else nothing.
    pub account: String,
    /// The profile; it is used alone. Without one, the SDK's default chain.
    pub profile: Option<String>,
    /// The region; else the profile's, else the default chain's.
    pub region: Option<String>,
    /// Another server than AWS's; else what the SDK finds in its environment and profile.
    pub endpoint: Option<String>,
    /// Keys out of a `.env` file, which the SDK does not read. A profile goes before them.
    pub keys: Option<Keys>,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Its id, which is no secret.
    pub id: String,
    /// The secret.
    pub secret: SecretValue,
    /// The token that belongs to temporary keys.
    pub token: Option<SecretValue>,
}

/// What is never exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests under way at once.
    pub concurrency: usize,
    /// Requests begun in a second, retries not counted.
    pub rate_per_s: u32,
    /// For one attempt at a request.
    pub timeout: Duration,
}

/// What is asked of a queue. It costs one request in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its ARN, its counts and its retention; `visibility_s` and `redrive` are then `None`.
    Counts,
    /// Also its visibility timeout and its redrive policy.
    Settings,
}

/// What a survey does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Whether every queue is asked for its settings, or only listed.
    pub ask: bool,
}

impl Plan {
    /// What this way of looking needs.
    pub fn of(discover: Discover) -> Self {
        Plan { ask: discover != Discover::Name }
    }
}

/// SQS, in all scopes.
#[derive(Debug)]
pub struct Sqs {
    /// Always there, save in `drop`.
    runtime: Option<Runtime>,
    world: Arc<World>,
    calls: Arc<AtomicU64>,
    survey: RefCell<Option<JoinHandle<Survey>>>,
}

impl Sqs {
    /// Reads the configuration of every scope. Credentials are fetched when they are needed.
    pub fn connect(scopes: &[Scope], limits: &Limits) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(4) // for names of hosts, and files
            .build()
            .map_err(|error| {
                Error::failed("start", "the runtime", crate::error::io_cause(&error))
            })?;
        let calls = Arc::new(AtomicU64::new(0));
        let http = client::http_client();
        let found = async {
            let mut doors = Vec::with_capacity(scopes.len());
            for scope in scopes {
                doors.push(Door::find(scope, limits, &http, &calls).await?);
            }
            Ok(doors)
        };
        let world = World {
            doors: runtime.block_on(found)?,
            lanes: limits.concurrency.max(1),
            pace: Pace::per_second(limits.rate_per_s),
            aside: Pace::per_second(limits.rate_per_s / 4),
        };
        Ok(Sqs {
            runtime: Some(runtime),
            world: Arc::new(world),
            calls,
            survey: RefCell::new(None),
        })
    }

    /// How many scopes there are.
    pub fn scopes(&self) -> usize {
        self.world.doors.len()
    }

    /// The region of a scope; empty when there is no such scope.
    pub fn region(&self, scope: usize) -> &str {
        self.world.doors.get(scope).map_or("", |door| &door.region)
    }

    /// What people call a scope's account; empty when it has no name but its number.
    pub fn account(&self, scope: usize) -> &str {
        self.world.doors.get(scope).map_or("", Door::account)
    }

    /// What discovery in a scope is remembered by.
    pub fn key(&self, scope: usize, discover: Discover, patterns: Option<&GlobList>) -> Key {
        let door = self.world.doors.get(scope);
        Key {
            endpoint: door.and_then(|door| door.endpoint.clone()),
            profile: door.and_then(Door::profile),
            region: self.region(scope).to_owned(),
            discover,
            patterns: patterns.map(|globs| globs.patterns().to_vec()),
        }
    }

    /// The URLs of every queue of a scope, or of those whose names begin so.
    pub fn list(&self, scope: usize, prefix: Option<&str>) -> Result<Vec<String>, Miss> {
        self.wait(self.world.list(scope, prefix, Hurry::Now))
    }

    /// The URLs of every queue, scope by scope.
    pub fn list_all(&self) -> Vec<Result<Vec<String>, Miss>> {
        self.wait(self.world.clone().list_all(Hurry::Now))
    }

    /// Reads queues, each given by its scope and URL; the answers are in the same order.
    pub fn read(&self, queues: &[(usize, String)], want: Want) -> Vec<Reading> {
        self.wait(self.world.clone().read(queues.to_vec(), want, Hurry::Now))
    }

    /// The URL of a queue, given by its name.
    pub fn url_of(&self, scope: usize, name: &str) -> Result<String, Miss> {
        self.wait(self.world.url_of(scope, name))
    }

    /// The last ten tasks that moved messages out of a DLQ, the newest first.
    pub fn move_tasks(&self, scope: usize, dlq_arn: &str) -> Result<Vec<MoveTask>, Miss> {
        self.wait(self.world.move_tasks(scope, dlq_arn))
    }

    /// The URLs of the queues whose dead letters a queue gets.
    pub fn sources(&self, scope: usize, url: &str) -> Result<Vec<String>, Miss> {
        self.wait(self.world.sources(scope, url))
    }

    /// Receives up to ten messages, which are then invisible for so long.
    pub fn receive(
        &self,
        scope: usize,
        url: &str,
        max: usize,
        invisible: Duration,
    ) -> Result<Vec<Received>, Miss> {
        self.wait(self.world.receive(scope, url, max, invisible))
    }

    /// Makes messages visible again, and tells for how many that failed.
    pub fn put_back(&self, scope: usize, url: &str, handles: &[String]) -> usize {
        self.wait(self.world.put_back(scope, url, handles))
    }

    /// How many requests have left so far, retries included.
    pub fn api_calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Waits, while what goes on in the background goes on.
    pub fn wait_until(&self, moment: Instant) {
        // Inside: a timer can only be made where the runtime runs.
        self.wait(async { tokio::time::sleep_until(moment.into()).await });
    }

    /// Looks at every queue in every scope.
    pub fn survey(&self, plan: Plan) -> Survey {
        self.wait(self.world.clone().survey(plan, Hurry::Now))
    }

    /// The same in the background, at a quarter of the pace, unless that is going on already.
    pub fn start_survey(&self, plan: Plan) {
        let mut survey = self.survey.borrow_mut();
        if let (None, Some(runtime)) = (&*survey, &self.runtime) {
            *survey = Some(runtime.spawn(self.world.clone().survey(plan, Hurry::Aside)));
        }
    }

    /// What [`Sqs::start_survey`] has found, once, when it has come to its end.
    pub fn take_survey(&self) -> Option<Survey> {
        let done = self.survey.borrow_mut().take_if(|task| task.is_finished())?;
        self.wait(done).ok()
    }

    fn wait<F: Future>(&self, answer: F) -> F::Output {
        assert_may_wait(Wait::Network);
        match &self.runtime {
            Some(runtime) => runtime.block_on(answer),
            None => unreachable!("the runtime is taken in drop only"),
        }
    }
}

impl Drop for Sqs {
    /// Does not wait for what is under way: looking up a host's name can take half a minute.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
