//! A synchronous client of Amazon SQS.
//!
//! Only this module knows the AWS SDK and `async`: one runtime on one thread, which runs while a
//! method here runs. The requests of one scope (an account in a region) share connections; all
//! scopes share the limits and the count of requests. Promises: no value is made up (a missing
//! count is a [`ReadError`](crate::rules::queue::reading::ReadError)); a list is complete or an
//! error; no error text contains a secret.

mod access_key;
mod attempts;
mod circuit_breaker;
mod client;
mod credential_process;
mod credentials;
mod delete;
mod endpoints;
mod error;
mod http;
mod identity;
mod list;
mod move_task;
mod probe;
mod profiles;
mod rate_limit;
mod read;
mod receive;
mod regions;
mod scopes;
mod send;
mod sign_in_error;
#[cfg(feature = "dynamodb")]
mod table;

pub use move_task::MoveTaskState;
pub use receive::{BATCH, Received};
#[cfg(feature = "dynamodb")]
pub use scopes::table_scope;
pub use scopes::{narrow, scopes};
pub use send::{BatchError, EntryError, Outgoing, SendResult};
#[cfg(feature = "dynamodb")]
pub use table::DynamoTable;

use scopes::without_repeats;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aws_sdk_sqs::config::Credentials;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use self::client::{Clients, Priority, ScopeClient};
use super::proxy::Proxies;
use crate::config::Monitoring;
use crate::error::{Error, io_cause};
use crate::event::Queue;
use crate::rules::evidence::logs::aws_cli::CallScope;
use crate::rules::queue::address;
use crate::rules::queue::discovery_cache::CacheKey;
use crate::rules::queue::redrive_graph::Survey;
use crate::store::{BlockingWait, assert_may_wait};

/// An account in a region.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The configured name of the account, else the profile, else empty.
    pub account: String,
    /// The profile, whose credentials are used alone. `None` selects the SDK's default chain.
    pub profile: Option<String>,
    /// The region. `None` selects that of the profile, else that of the default chain.
    pub region: Option<String>,
    /// A server other than AWS's. `None` leaves the choice to the SDK.
    pub endpoint: Option<String>,
    /// An access key from a `.env` file, which the SDK does not read. A profile takes precedence.
    pub access_key: Option<Credentials>,
}

/// SQS in all scopes of a run.
#[derive(Debug)]
pub struct Sqs {
    /// `None` in `drop` only.
    runtime: Option<Runtime>,
    clients: Arc<Clients>,
    calls: Arc<AtomicU64>,
    survey: RefCell<Option<JoinHandle<Survey>>>,
}

impl Sqs {
    /// Reads the configuration of every scope. Credentials are fetched with the first request.
    /// Requests are limited as in `limits`: in number, rate (without retries) and time.
    pub fn connect(scopes: &[Scope], limits: &Monitoring) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(32) // for host names; a lookup may hang
            .build()
            .map_err(|error| Error::failed("start", "the runtime", io_cause(&error)))?;
        let calls = Arc::new(AtomicU64::new(0));
        let proxies = Proxies::from_variables(|name| std::env::var(name).ok())?;
        let proxies = Arc::new(proxies);
        let http = http::http_client(proxies.clone());
        check_execution_env()?;
        let configure = |scope| ScopeClient::configure(scope, limits, (&http, &proxies), &calls);
        let configured = runtime.block_on(join_all(scopes.iter().map(configure)));
        let scopes = configured.into_iter().collect::<Result<_, _>>()?;
        let clients = Clients::new(without_repeats(scopes)?, limits);
        Ok(Sqs {
            runtime: Some(runtime),
            clients: Arc::new(clients),
            calls,
            survey: RefCell::new(None),
        })
    }

    /// Returns the number of scopes. Methods name a scope by its index.
    pub fn scopes(&self) -> usize {
        self.clients.scopes.len()
    }

    pub fn region(&self, scope: usize) -> &str {
        &self.clients.scopes[scope].region
    }

    /// Returns the present time of the server of a scope, with which times of its messages are compared:
    /// the clock of this machine may be off.
    pub fn now(&self, scope: usize) -> crate::time::Timestamp {
        self.clients.scopes[scope].answers.server_time()
    }

    /// Returns a time that is not later than the present one of the server of a scope: what has a later time
    /// came later.
    pub fn earliest_now(&self, scope: usize) -> crate::time::Timestamp {
        self.clients.scopes[scope].answers.earliest_server_time()
    }

    /// Returns a time that is not earlier than the present one of the server of a scope.
    pub fn latest_now(&self, scope: usize) -> crate::time::Timestamp {
        self.clients.scopes[scope].answers.latest_server_time()
    }

    /// Returns the name of a scope's account; empty when it has a number only.
    pub fn account(&self, scope: usize) -> &str {
        &self.clients.scopes[scope].scope.account
    }

    /// Returns whether a queue may be in a scope, by region and name of the account.
    pub fn has(&self, scope: usize, queue: &Queue) -> bool {
        let label = self.account(scope);
        self.region(scope) == queue.region && (label.is_empty() || label == queue.account)
    }

    /// Records the profile and the endpoint of a scope in a queue, for commands that ask AWS the
    /// same way. What the SDK itself finds in the environment, the AWS command line finds as well.
    pub fn set_scope(&self, scope: usize, queue: &mut Queue) {
        let Scope { profile, endpoint, .. } = &self.clients.scopes[scope].scope;
        queue.profile.clone_from(profile);
        queue.endpoint.clone_from(endpoint);
    }

    /// Returns how the `aws` command asks in a scope, with the endpoint of SQS, and the variables
    /// that it needs beside those of this process.
    pub fn call_scope(&self, scope: usize) -> (CallScope, Vec<(&'static str, String)>) {
        let Scope { profile, access_key, .. } = &self.clients.scopes[scope].scope;
        let key = access_key.as_ref().filter(|_| profile.is_none()).into_iter().flat_map(|key| {
            let token = key.session_token().map(|token| ("AWS_SESSION_TOKEN", token));
            let secret = ("AWS_SECRET_ACCESS_KEY", key.secret_access_key());
            [Some(("AWS_ACCESS_KEY_ID", key.access_key_id())), Some(secret), token]
        });
        let call = CallScope {
            region: self.region(scope).to_owned(),
            profile: profile.clone(),
            endpoint: self.clients.scopes[scope].endpoint.clone(),
            ..CallScope::default()
        };
        (call, key.flatten().map(|(name, value)| (name, value.to_owned())).collect())
    }

    /// Names a scope in a sentence.
    pub fn place(&self, scope: usize) -> String {
        address::place(self.account(scope), self.region(scope))
    }

    /// Returns the server that is asked in a scope in place of AWS; None for AWS itself.
    pub fn other_server(&self, scope: usize) -> Option<&str> {
        self.clients.scopes[scope].endpoint.as_deref()
    }

    /// Returns the URL of the server of SQS in a scope.
    pub fn server_url(&self, scope: usize) -> String {
        let region = self.region(scope);
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        let aws = || format!("https://sqs.{region}.amazonaws.com{end}/");
        self.other_server(scope).map_or_else(aws, str::to_owned)
    }

    /// Returns the key of a scope in the discovery cache.
    pub fn cache_key(&self, scope: usize, monitoring: &Monitoring) -> CacheKey {
        let client = &self.clients.scopes[scope];
        CacheKey {
            endpoint: client.endpoint.clone(),
            profile: client.profile(),
            region: client.region.clone(),
            discover: monitoring.discover,
            patterns: monitoring.patterns.as_ref().map(|globs| globs.patterns().to_vec()),
        }
    }

    /// Returns the number of requests sent so far, retries included.
    pub fn api_calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Sleeps until `moment`, while a background survey continues.
    pub fn wait_until(&self, moment: Instant) {
        // Async, because a timer can only be created inside of the runtime.
        self.sync(async |_| tokio::time::sleep_until(moment.into()).await);
    }

    /// Lists every queue in these scopes, and with `read` reads their attributes.
    pub fn survey(&self, scopes: &[usize], read: bool) -> Survey {
        self.sync(|clients| clients.survey(scopes, read, Priority::Foreground))
    }

    /// Starts a survey in the background, unless one is running.
    pub fn start_survey(&self, scopes: Vec<usize>, read: bool) {
        let mut survey = self.survey.borrow_mut();
        if let (None, Some(runtime)) = (&*survey, &self.runtime) {
            let clients = self.clients.clone();
            let task = async move { clients.survey(&scopes, read, Priority::Background).await };
            *survey = Some(runtime.spawn(task));
        }
    }

    /// Whether a background survey is running, or its result was not taken yet.
    pub fn is_surveying(&self) -> bool {
        self.survey.borrow().is_some()
    }

    /// Returns the result of a finished background survey, at most once.
    pub fn take_survey(&self) -> Option<Survey> {
        let done = self.survey.borrow_mut().take_if(|task| task.is_finished())?;
        self.sync(|_| done).ok()
    }

    /// Runs the runtime until `ask` has its answer.
    fn sync<'a, F: Future>(&'a self, ask: impl FnOnce(&'a Clients) -> F) -> F::Output {
        assert_may_wait(BlockingWait::Network);
        match &self.runtime {
            Some(runtime) => runtime.block_on(ask(&self.clients)),
            None => unreachable!("the runtime is taken in drop only"),
        }
    }
}

/// Refuses a variable that the SDK puts into a header as it is.
fn check_execution_env() -> Result<(), Error> {
    const NAME: &str = "AWS_EXECUTION_ENV";
    let value = std::env::var(NAME).unwrap_or_default();
    let flaw = access_key::flaw(&value.replace(' ', ""));
    flaw.map_or(Ok(()), |flaw| Err(Error::wrong(format!("{NAME} {flaw}; remove it"))))
}

impl Drop for Sqs {
    /// Abandons pending work: the lookup of a host name can take half a minute.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
