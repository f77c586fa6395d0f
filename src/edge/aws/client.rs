//! The way into one scope: its region, its server, its credentials, and a client that has them.
//!
//! Credentials are fetched before requests are made, not within them, so that a slow sign-in does
//! not count against a request's time, and failing costs one attempt instead of one for every
//! queue. They are fetched anew before they expire, and all is read anew after they were refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Quick, PoisonError};
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
use aws_sdk_sqs::error::BoxError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use tokio::sync::Mutex;

use super::error;
use super::{Keys, Limits, Scope};
use crate::clock;
use crate::error::Error;
use crate::rules::queue::reading::ReadError;
use crate::time::Timestamp;

/// Attempts at a request, the first included.
const ATTEMPTS: u32 = 4;
/// The longest that the SDK waits between attempts, all in all: 1, 2 and 4 seconds. It is not part
/// of the time for answers, or a refusal that lasts would read as silence.
const BACKOFF: Duration = Duration::from_secs(7);
/// The longest wait for a connection, as long as a request may take that long.
const CONNECT: Duration = Duration::from_millis(3100);
/// The longest wait for credentials: a person may be asked, or two services.
const SIGN_IN: Duration = Duration::from_secs(30);
/// Credentials with less time left than this are fetched anew.
const RENEW: Duration = Duration::from_secs(5 * 60);

/// One scope's way in.
#[derive(Debug)]
pub(super) struct Door {
    scope: Scope,
    /// The region that it leads to.
    pub(super) region: String,
    /// Another server than AWS's, from wherever that is configured.
    pub(super) endpoint: Option<String>,
    timeout: Duration,
    http: SharedHttpClient,
    calls: Arc<AtomicU64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    config: Option<SdkConfig>,
    open: Option<(Client, Option<Timestamp>)>,
}

impl Door {
    /// Reads the configuration; the network is asked only for a region that nothing names.
    pub(super) async fn find(
        scope: &Scope,
        limits: &Limits,
        http: &SharedHttpClient,
        calls: &Arc<AtomicU64>,
    ) -> Result<Self, Error> {
        if let Some(endpoint) = &scope.endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            return Err(Error::wrong(format!(
                "the endpoint '{endpoint}' is not a URL such as http://127.0.0.1:4566"
            )));
        }
        let config = configure(scope, http).await;
        let region = config.region().map(|region| region.as_ref().to_owned());
        let region = region.filter(|region| !region.is_empty()).ok_or_else(|| no_region(scope))?;
        let from_env = std::env::var("AWS_ENDPOINT_URL_SQS").ok().filter(|url| !url.is_empty());
        let endpoint = scope.endpoint.clone().or(from_env);
        Ok(Door {
            endpoint: endpoint.or_else(|| config.endpoint_url().map(str::to_owned)),
            scope: scope.clone(),
            region,
            timeout: limits.timeout,
            http: http.clone(),
            calls: calls.clone(),
            state: Mutex::new(State { config: Some(config), open: None }),
        })
    }

    /// What people call the account: the configured name, else the profile, else nothing.
    pub(super) fn account(&self) -> &str {
        &self.scope.account
    }

    /// The profile that is used, for keys only.
    pub(super) fn profile(&self) -> Option<String> {
        let from_env = || std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        self.scope.profile.clone().or_else(from_env)
    }

    /// A client with credentials that are good for a while.
    pub(super) async fn client(&self) -> Result<Client, ReadError> {
        let mut state = self.state.lock().await;
        let soon = clock::now().plus(RENEW);
        if let Some((client, end)) = &state.open
            && end.is_none_or(|end| end > soon)
        {
            return Ok(client.clone());
        }
        let config = match state.config.take() {
            Some(config) => config,
            None => configure(&self.scope, &self.http).await,
        };
        match sign_in(&config, self.scope.profile.as_deref()).await {
            Ok(credentials) => {
                let end = credentials.expiry().map(|at| {
                    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
                    Timestamp::from_millis(0).plus(since)
                });
                let client = self.build(&config, credentials);
                *state = State { config: Some(config), open: Some((client.clone(), end)) };
                Ok(client)
            }
            // What has not expired yet serves on. The files are read anew the next time.
            Err(miss) => match &state.open {
                Some((client, Some(end))) if *end > clock::now() => Ok(client.clone()),
                _ => Err(miss),
            },
        }
    }

    /// Forgets what was refused, so that the next client has what is configured by then.
    pub(super) async fn distrust(&self) {
        *self.state.lock().await = State::default();
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
            .interceptor(Count(self.calls.clone()));
        if let Some(endpoint) = &self.scope.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Client::from_conf(builder.build())
    }
}

fn no_region(scope: &Scope) -> Error {
    Error::wrong(match &scope.profile {
        Some(profile) => format!(
            "no region for profile '{profile}': set its region in the AWS configuration, \
             aws.region in config.yaml, or AWS_REGION"
        ),
        None => "no region: set aws.region in config.yaml, AWS_REGION, or a profile with a region"
            .into(),
    })
}

/// What the SDK makes of files and environment. A profile that is named here is used alone, and
/// its own region first: the default chains would ask the environment first.
async fn configure(scope: &Scope, http: &SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone());
    if let Ok(name) = AppName::new("dlq-tools") {
        loader = loader.app_name(name);
    }
    if let Some(region) = &scope.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let Some(profile) = &scope.profile else {
        if let Some(Keys { id, secret, token }) = &scope.keys {
            let token = token.as_ref().map(|token| token.expose().to_owned());
            let keys = Credentials::new(id, secret.expose(), token, None, ".env");
            loader = loader.credentials_provider(keys);
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
        Ok(Err(error)) => Err(error::of_credentials(&error, profile)),
        Err(_) => Err(ReadError::Credentials("their provider did not answer in time".into())),
    }
}

/// The HTTP client of every scope: TLS by ring, the proxies of the environment, and connections
/// that are used again. What is made depends on the timeouts only, so that clients share it.
pub(super) fn http_client() -> SharedHttpClient {
    let made: Quick<HashMap<_, SharedHttpConnector>> = Quick::default();
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

/// Counts requests as they leave, retries included.
#[derive(Debug)]
struct Count(Arc<AtomicU64>);

impl Intercept for Count {
    fn name(&self) -> &'static str {
        "Count"
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
