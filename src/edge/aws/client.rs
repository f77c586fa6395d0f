//! The clients: one for each scope, with its region, endpoint and credentials.
//!
//! Credentials are fetched before requests are made, not within them: a slow sign-in does not
//! count against the timeout of a request, and a failure costs one attempt instead of one for
//! every queue. They are renewed before they expire. After a refusal the configuration is read
//! again.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{
    Builder, Credentials, IdentityCache, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use super::Scope;
use super::attempts::{Answers, NoRetryOfSilence, RequestCounter};
use super::rate_limit::RateLimiter;
use super::{credentials, endpoints, error, profiles, regions};
use crate::clock;
use crate::config::Monitoring;
use crate::edge::proxy::{Proxies, SILENCE, unanswered};
use crate::error::Error;
use crate::rules::queue::reading::ReadError;
use crate::time::Timestamp;

/// A list has at most this many pages of 1,000 queues.
const PAGES_MAX: usize = 1000;
/// Attempts at a request, the first included.
const ATTEMPTS: u32 = 4;
/// The sum of the SDK's waits between attempts: 1, 2 and 4 seconds. The operation timeout adds it
/// to the time for answers; otherwise lasting throttling would be reported as a timeout.
const BACKOFF: Duration = Duration::from_secs(7);
/// The longest wait for a connection. With a shorter request timeout it is nine tenths of that, so
/// that the error says what was waited for.
const CONNECT: Duration = Duration::from_millis(3100);
/// The longest wait for a service that signs in, all attempts together.
const SIGN_IN_ANSWER: Duration = Duration::from_secs(5);
/// Attempts at a request for signing in.
const SIGN_IN_ATTEMPTS: u32 = 2;
/// A sign-in that fails after this time is not repeated for ten times as long.
const SLOW_SIGN_IN: Duration = Duration::from_secs(2);
/// Credentials that expire within this time are renewed.
const RENEW: Duration = Duration::from_secs(5 * 60);

/// The clients of all scopes, and the limits that they share.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) scopes: Vec<ScopeClient>,
    /// Requests in flight at once; a background survey may use a quarter.
    in_flight: Semaphore,
    background_in_flight: Semaphore,
    concurrency: usize,
    rate: RateLimiter,
    background_rate: RateLimiter,
}

/// The share of the limits that a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// A caller waits for the answer.
    Foreground,
    /// A survey between rounds: a quarter of the rate, and of the concurrency.
    Background,
}

impl Clients {
    pub(super) fn new(scopes: Vec<ScopeClient>, limits: &Monitoring) -> Self {
        Clients {
            scopes,
            in_flight: Semaphore::new(limits.concurrency.max(1)),
            background_in_flight: Semaphore::new((limits.concurrency / 4).max(1)),
            concurrency: limits.concurrency.max(1),
            rate: RateLimiter::per_second(limits.rate_limit),
            background_rate: RateLimiter::per_second(limits.rate_limit / 4),
        }
    }

    /// Returns how many requests may be in flight at once.
    pub(super) fn workers(&self, priority: Priority) -> usize {
        match priority {
            Priority::Foreground => self.concurrency,
            Priority::Background => (self.concurrency / 4).max(1),
        }
    }

    /// Waits until the limits allow a request, which may be in flight while the result is held.
    pub(super) async fn acquire(&self, priority: Priority) -> [Option<SemaphorePermit<'_>>; 2] {
        let mut permits = [None, None];
        if priority == Priority::Background {
            permits[0] = self.background_in_flight.acquire().await.ok();
            self.background_rate.acquire().await;
        }
        permits[1] = self.in_flight.acquire().await.ok();
        self.rate.acquire().await;
        permits
    }

    /// Sends a request when the limits allow it.
    pub(super) async fn request<T, E, F>(
        &self,
        scope: usize,
        priority: Priority,
        send: impl FnOnce(Client) -> F,
    ) -> Result<T, ReadError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        let client = self.scopes[scope].client().await?;
        let permits = self.acquire(priority).await;
        let result = send(client).await;
        drop(permits);
        let explained = |error| self.scopes[scope].explained(error::call_error(&error), "");
        self.note_result(scope, result.map_err(explained)).await
    }

    /// Requests page after page of a list, and returns the URLs of all; a partial list is an error.
    /// `send` gets the token of a page, and returns its URLs and the token of the next one.
    pub(super) async fn pages<E, F>(
        &self,
        scope: usize,
        priority: Priority,
        action: &str,
        send: impl Fn(Client, Option<String>) -> F,
    ) -> Result<Vec<String>, ReadError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
        F: Future<Output = Result<(Vec<String>, Option<String>), SdkError<E>>>,
    {
        let (mut all, mut tokens, mut token) = (Vec::new(), HashSet::new(), None);
        for _ in 0..PAGES_MAX {
            let (urls, next) = self.request(scope, priority, |client| send(client, token)).await?;
            all.extend(urls);
            match next.filter(|token| !token.is_empty()) {
                None => return Ok(all),
                Some(next) if tokens.insert(next.clone()) => token = Some(next),
                Some(_) => return Err(ReadError::Other(format!("{action} returned a page twice"))),
            }
        }
        Err(ReadError::Other(format!("{action} has more than {PAGES_MAX} pages")))
    }

    /// Returns `result` unchanged, after invalidating credentials that the service refused.
    async fn note_result<T>(
        &self,
        scope: usize,
        result: Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        if let Err(ReadError::Credentials(_)) = result {
            self.scopes[scope].invalidate_credentials().await;
        }
        result
    }
}

/// The client of one scope.
#[derive(Debug)]
pub(super) struct ScopeClient {
    pub(super) scope: Scope,
    pub(super) region: String,
    /// A server other than AWS's, from any configuration.
    pub(super) endpoint: Option<String>,
    timeout: Duration,
    http: SharedHttpClient,
    calls: Arc<AtomicU64>,
    proxies: Arc<Proxies>,
    pub(super) answers: Answers,
    connection: Mutex<Connection>,
}

#[derive(Debug, Default)]
struct Connection {
    config: Option<SdkConfig>,
    /// A client, and when its credentials expire.
    client: Option<(Client, Option<Timestamp>)>,
    /// The credentials of that client.
    credentials: Option<Credentials>,
    /// The failure of a slow sign-in, and until when it stands for further ones.
    failed: Option<(Instant, ReadError)>,
}

/// Returns how long a scope is not signed in to again after an attempt that failed in `took`: each
/// part of a round would wait for it again.
fn pause_after(took: Duration) -> Option<Duration> {
    (took >= SLOW_SIGN_IN).then(|| took * 10)
}

impl ScopeClient {
    /// Reads the configuration. Sends a request only to find a region that is not configured.
    pub(super) async fn configure(
        scope: &Scope,
        limits: &Monitoring,
        (http, proxies): (&SharedHttpClient, &Arc<Proxies>),
        calls: &Arc<AtomicU64>,
    ) -> Result<Self, Error> {
        let config = sdk_config(scope, http).await;
        let region = config.region().map(|region| region.as_ref().to_owned());
        let Some(region) = region.filter(|region| !region.is_empty()) else {
            return Err(no_region(scope).await);
        };
        let endpoint = endpoints::of_sqs(scope, &config).map_err(Error::wrong)?;
        check_region(&region, endpoint.as_deref())?;
        Ok(ScopeClient {
            endpoint,
            scope: scope.clone(),
            region,
            timeout: limits.timeout,
            http: http.clone(),
            calls: calls.clone(),
            proxies: proxies.clone(),
            answers: Answers::default(),
            connection: Mutex::new(Connection { config: Some(config), ..Connection::default() }),
        })
    }

    /// Returns the profile in use, for keys of the discovery cache.
    pub(super) fn profile(&self) -> Option<String> {
        let from_env = || std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        self.scope.profile.clone().or_else(from_env)
    }

    /// Returns a client whose credentials do not expire soon.
    pub(super) async fn client(&self) -> Result<Client, ReadError> {
        let mut connection = self.connection.lock().await;
        let soon = clock::now().plus(RENEW);
        if let Some((client, end)) = &connection.client
            && end.is_none_or(|end| end > soon)
        {
            return Ok(client.clone());
        }
        if let Some((until, error)) = &connection.failed
            && clock::tick() < *until
        {
            return Err(error.clone());
        }
        let begun = clock::tick();
        let config = match connection.config.take() {
            Some(config) => config,
            None => sdk_config(&self.scope, &self.http).await,
        };
        match credentials::sign_in(&self.scope, &config, &self.http).await {
            Ok(credentials) => {
                let end = credentials::expiry(&credentials);
                let client = self.build(&config, credentials.clone());
                connection.config = Some(config);
                connection.credentials = Some(credentials);
                connection.client = Some((client.clone(), end));
                connection.failed = None;
                Ok(client)
            }
            // Keep using credentials that have not expired. The next call reads the files again.
            Err(error) => match &connection.client {
                Some((client, Some(end))) if *end > clock::now() => Ok(client.clone()),
                _ => {
                    let pause = pause_after(begun.elapsed());
                    connection.failed = pause.map(|pause| (clock::tick() + pause, error.clone()));
                    Err(error)
                }
            },
        }
    }

    /// Returns the configuration and the credentials of the client, for a client of another service.
    pub(super) async fn signed_in(&self) -> Result<(SdkConfig, Credentials), ReadError> {
        self.client().await?;
        let connection = self.connection.lock().await;
        match (&connection.config, &connection.credentials) {
            (Some(config), Some(credentials)) => Ok((config.clone(), credentials.clone())),
            _ => Err(ReadError::Credentials("they were refused meanwhile".into())),
        }
    }

    /// Adds to an error what it does not know: the endpoint that is silent, and that the region may
    /// not exist. Of a denial, the resource is left out when it is the queue at `url` itself.
    pub(super) fn explained(&self, error: ReadError, url: &str) -> ReadError {
        match error {
            ReadError::TimedOut if !self.answers.any() => {
                let silence = |url| {
                    let (endpoint, proxy) = self.proxies.route(url);
                    unanswered(&endpoint, proxy.as_ref(), SILENCE)
                };
                self.answers.url().map(silence).map_or(ReadError::TimedOut, ReadError::Network)
            }
            ReadError::Network(cause) if self.endpoint.is_none() => {
                let hint = regions::hint(&self.region).map(|hint| format!("; {hint}"));
                ReadError::Network(cause + &hint.unwrap_or_default())
            }
            ReadError::NotAuthorized(what) => {
                let queue = url.rsplit('/').next().filter(|name| !name.is_empty());
                let own = queue.and_then(|queue| what.strip_suffix(&format!(":{queue}")));
                let action = own.and_then(|own| own.split_once(" on "));
                ReadError::NotAuthorized(match action {
                    Some((action, _)) => action.to_owned(),
                    None => what,
                })
            }
            other => other,
        }
    }

    /// Forgets credentials and configuration, so that the next client reads both again.
    pub(super) async fn invalidate_credentials(&self) {
        *self.connection.lock().await = Connection::default();
    }

    fn build(&self, config: &SdkConfig, credentials: Credentials) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT.min(self.timeout * 9 / 10))
            .operation_attempt_timeout(self.timeout)
            .operation_timeout(self.timeout * ATTEMPTS + BACKOFF)
            .build();
        let mut builder = Builder::from(config)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_classifier(NoRetryOfSilence(self.answers.clone()))
            .interceptor(RequestCounter(self.calls.clone(), self.answers.clone()));
        // The SDK panics at an empty one.
        builder.set_endpoint_url(self.endpoint.clone());
        Client::from_conf(builder.build())
    }
}

/// Refuses a region that would break a host name or a header, and, where AWS itself is asked, one
/// that cannot exist. Other servers have names of their own, such as 'elasticmq' or 'ru-central1'; a
/// zone is no region there either.
fn check_region(region: &str, endpoint: Option<&str>) -> Result<(), Error> {
    let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = region.chars().all(is_label) && !region.starts_with('-') && !region.ends_with('-');
    let is_aws = |url: &str| url.contains(".amazonaws.com") || url.contains(".api.aws");
    let other_server = endpoint.is_some_and(|url| !is_aws(url)) && !regions::is_zone(region);
    if regions::has_form(region) || (other_server && label) {
        return Ok(());
    }
    Err(Error::wrong(regions::hint(region).unwrap_or_default()))
}

/// Returns the error of a scope without a region.
async fn no_region(scope: &Scope) -> Error {
    let from_env = std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    if let Some(name) = scope.profile.as_ref().or(from_env.as_ref()) {
        match profiles::load(name).await {
            Err(cause) => return Error::wrong(cause),
            Ok(set) if set.get_profile(name).is_none() => {
                return Error::wrong(profiles::missing(&set, name));
            }
            Ok(_) => {}
        }
    }
    let profile = scope.profile.as_ref().map(|name| format!(" for profile '{name}'"));
    Error::wrong(format!(
        "no region{}: give --region, or set aws.region in config.yaml, AWS_REGION, or the region of \
         the profile",
        profile.unwrap_or_default()
    ))
}

/// Loads the SDK's configuration from files and environment, without credentials. The region of a
/// configured profile comes first: the default chain would prefer the environment.
pub(super) async fn sdk_config(scope: &Scope, http: &SharedHttpClient) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(SIGN_IN_ANSWER)
        .operation_timeout(SIGN_IN_ANSWER)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(SIGN_IN_ATTEMPTS))
        .no_credentials();
    if let Ok(name) = AppName::new("dlq-tools") {
        loader = loader.app_name(name);
    }
    if let Some(region) = &scope.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &scope.profile {
        loader = loader.profile_name(profile);
        let own = ProfileFileRegionProvider::builder().profile_name(profile).build();
        if scope.region.is_none()
            && let Some(region) = own.region().await
        {
            loader = loader.region(region);
        }
    }
    loader.load().await
}
