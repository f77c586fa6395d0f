//! The clients: one for each scope, with its region, endpoint and credentials.
//!
//! Credentials are fetched before requests are made, not within them: a slow sign-in does not
//! count against the timeout of a request, and a failure costs one attempt instead of one for
//! every queue. They are renewed before they expire. After a refusal the configuration is read
//! again.

use std::collections::{HashMap, HashSet};
use std::error::Error as StdError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{
    Builder, ConfigBag, Credentials, IdentityCache, Intercept, RuntimeComponents,
    SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_sqs::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use tokio::sync::Mutex;

use super::Scope;
use super::error;
use super::rate_limit::RateLimiter;
use crate::clock;
use crate::config::Monitoring;
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
/// The longest wait for a connection; a shorter request timeout takes precedence.
const CONNECT: Duration = Duration::from_millis(3100);
/// The longest wait for credentials: a provider may call two services, or prompt a person.
const SIGN_IN: Duration = Duration::from_secs(30);
/// Credentials that expire within this time are renewed.
const RENEW: Duration = Duration::from_secs(5 * 60);

/// The clients of all scopes, and the limits that they share.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) scopes: Vec<ScopeClient>,
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

    /// Waits until the rate limit allows a request.
    pub(super) async fn acquire(&self, priority: Priority) {
        if priority == Priority::Background {
            self.background_rate.acquire().await;
        }
        self.rate.acquire().await;
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
        self.acquire(priority).await;
        let result = send(client).await.map_err(|error| error::call_error(&error));
        self.note_result(scope, result).await
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
    connection: Mutex<Connection>,
}

#[derive(Debug, Default)]
struct Connection {
    config: Option<SdkConfig>,
    /// A client, and when its credentials expire.
    client: Option<(Client, Option<Timestamp>)>,
}

impl ScopeClient {
    /// Reads the configuration. Sends a request only to find a region that is not configured.
    pub(super) async fn configure(
        scope: &Scope,
        limits: &Monitoring,
        http: &SharedHttpClient,
        calls: &Arc<AtomicU64>,
    ) -> Result<Self, Error> {
        let config = sdk_config(scope, http).await;
        let region = config.region().map(|region| region.as_ref().to_owned());
        let region = region.filter(|region| !region.is_empty()).ok_or_else(|| no_region(scope))?;
        let from_env = std::env::var("AWS_ENDPOINT_URL_SQS").ok().filter(|url| !url.is_empty());
        let endpoint = scope.endpoint.clone().or(from_env);
        Ok(ScopeClient {
            endpoint: endpoint.or_else(|| config.endpoint_url().map(str::to_owned)),
            scope: scope.clone(),
            region,
            timeout: limits.timeout,
            http: http.clone(),
            calls: calls.clone(),
            connection: Mutex::new(Connection { config: Some(config), client: None }),
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
        let config = match connection.config.take() {
            Some(config) => config,
            None => sdk_config(&self.scope, &self.http).await,
        };
        match sign_in(&config, self.scope.profile.as_deref()).await {
            Ok(credentials) => {
                let end = credentials.expiry().map(|at| {
                    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
                    Timestamp::from_millis(0).plus(since)
                });
                let client = self.build(&config, credentials);
                *connection =
                    Connection { config: Some(config), client: Some((client.clone(), end)) };
                Ok(client)
            }
            // Keep using credentials that have not expired. The next call reads the files again.
            Err(error) => match &connection.client {
                Some((client, Some(end))) if *end > clock::now() => Ok(client.clone()),
                _ => Err(error),
            },
        }
    }

    /// Forgets credentials and configuration, so that the next client reads both again.
    pub(super) async fn invalidate_credentials(&self) {
        *self.connection.lock().await = Connection::default();
    }

    fn build(&self, config: &SdkConfig, credentials: Credentials) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT.min(self.timeout))
            .operation_attempt_timeout(self.timeout)
            .operation_timeout(self.timeout * ATTEMPTS + BACKOFF)
            .build();
        let mut builder = Builder::from(config)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(RequestCounter(self.calls.clone()));
        if let Some(endpoint) = &self.scope.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Client::from_conf(builder.build())
    }
}

fn no_region(scope: &Scope) -> Error {
    let profile = scope.profile.as_ref().map(|name| format!(" for profile '{name}'"));
    Error::wrong(format!(
        "no region{}: give --region, or set aws.region in config.yaml, AWS_REGION, or the region of \
         the profile",
        profile.unwrap_or_default()
    ))
}

/// Loads the SDK's configuration from files and environment. A configured profile is used alone,
/// and its region first: the default chains would prefer the environment.
async fn sdk_config(scope: &Scope, http: &SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone());
    if let Ok(name) = AppName::new("dlq-tools") {
        loader = loader.app_name(name);
    }
    if let Some(region) = &scope.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let Some(profile) = &scope.profile else {
        if let Some(access_key) = &scope.access_key {
            loader = loader.credentials_provider(access_key.clone());
        }
        return loader.load().await;
    };
    let own = ProfileFileRegionProvider::builder().profile_name(profile).build();
    if scope.region.is_none()
        && let Some(region) = own.region().await
    {
        loader = loader.region(region);
    }
    let config = loader.profile_name(profile).no_credentials().load().await;
    let provider = ProviderConfig::without_region()
        .with_http_client(http.clone())
        .with_region(config.region().cloned());
    let alone = ProfileFileCredentialsProvider::builder()
        .configure(&provider)
        .profile_name(profile)
        .build();
    let alone = SharedCredentialsProvider::new(alone);
    config.into_builder().credentials_provider(alone).build()
}

async fn sign_in(config: &SdkConfig, profile: Option<&str>) -> Result<Credentials, ReadError> {
    let none = || ReadError::Credentials("none found".into());
    let provider = config.credentials_provider().ok_or_else(none)?;
    let asked = provider.as_ref().provide_credentials();
    match tokio::time::timeout(SIGN_IN, asked).await {
        Ok(Ok(credentials)) => Ok(credentials),
        Ok(Err(error)) => Err(error::credentials_error(&error, profile)),
        Err(_) => Err(ReadError::Credentials("their provider did not answer in time".into())),
    }
}

/// Returns the HTTP client of all scopes: TLS by ring, proxies from the environment, and a pool of
/// connections. Connectors depend on the timeouts only, so that clients can share them.
pub(super) fn http_client() -> SharedHttpClient {
    let made: std::sync::Mutex<HashMap<_, SharedHttpConnector>> = Default::default();
    http_client_fn(move |settings, components| {
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let make = || {
            let mut connector = aws_smithy_http_client::Connector::builder()
                .connector_settings(settings.clone())
                .proxy_config(ProxyConfig::from_env());
            connector.set_sleep_impl(components.sleep_impl());
            let tls = Provider::Rustls(CryptoMode::Ring);
            SharedHttpConnector::new(connector.tls_provider(tls).build())
        };
        made.entry(timeouts).or_insert_with(make).clone()
    })
}

/// Counts requests as they are sent, retries included.
#[derive(Debug)]
struct RequestCounter(Arc<AtomicU64>);

impl Intercept for RequestCounter {
    fn name(&self) -> &'static str {
        "RequestCounter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
