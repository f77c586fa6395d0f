//! Signing in: the credentials of a scope, from wherever its configuration takes them.
//!
//! A profile is used alone. Without one, the places of the SDK's default chain are asked in its
//! order: variables, the default profile, web identity, container, instance. The chain itself does
//! not say which of them failed, and for what reason. Promises: each credential has only characters
//! that a header may have; errors are sentences and show no secret.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::config::{Credentials, ProvideCredentials, SharedHttpClient};

use super::Scope;
use super::access_key::{PARTS, VARIABLES, flaw};
use super::credential_process;
use super::endpoints;
use super::error::sign_in_fault;
use super::profiles::{self, Base, Chain};
use super::sign_in_error::{no_instance_role, none_found, refusal};
use crate::clock;
use crate::error::io_cause;
use crate::rules::queue::reading::ReadError;
use crate::time::{Timestamp, show_span};

/// The time for signing in: a provider may call two services, or a command may prompt a person.
const SIGN_IN: Duration = Duration::from_secs(30);

/// Fetches the credentials of a scope, within [`SIGN_IN`].
pub(super) async fn sign_in(
    scope: &Scope,
    config: &SdkConfig,
    http: &SharedHttpClient,
) -> Result<Credentials, ReadError> {
    let mut provider = ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::v2026_01_12()))
        .with_http_client(http.clone())
        .with_region(config.region().cloned());
    if let Some(timeouts) = config.timeout_config() {
        provider = provider.with_timeout_config(timeouts.clone());
    }
    if let Some(retries) = config.retry_config() {
        provider = provider.with_retry_config(retries.clone());
    }
    let asking = Mutex::new("their provider".into());
    let sign_in = SignIn { scope, config, provider, asking };
    let credentials = match tokio::time::timeout(SIGN_IN, sign_in.credentials()).await {
        Ok(result) => result.map_err(sign_in_fault)?,
        Err(_) => {
            let (who, span) = (sign_in.asked(), show_span(SIGN_IN));
            let remedy = if who.contains("credential process") {
                ", and was ended; it cannot ask at the terminal"
            } else {
                ""
            };
            return Err(ReadError::Credentials(format!("{who} gave none within {span}{remedy}")));
        }
    };
    check(&credentials, &sign_in.asked()).map_err(ReadError::Credentials)?;
    Ok(credentials)
}

/// Refuses credentials with characters that no header may have, and those that have expired.
fn check(credentials: &Credentials, source: &str) -> Result<(), String> {
    let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
    let values = [Some(id), Some(secret), credentials.session_token()];
    for (part, value) in PARTS.iter().zip(values) {
        if let Some(flaw) = value.and_then(flaw) {
            return Err(format!("the {part} of {source} {flaw}"));
        }
    }
    match expiry(credentials) {
        Some(end) if end <= clock::now() => {
            Err(format!("{source} gave credentials that had expired at {end}"))
        }
        _ => Ok(()),
    }
}

/// Returns when credentials expire.
pub(super) fn expiry(credentials: &Credentials) -> Option<Timestamp> {
    let since = credentials.expiry()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Some(Timestamp::from_millis(0).plus(since))
}

struct SignIn<'a> {
    scope: &'a Scope,
    config: &'a SdkConfig,
    provider: ProviderConfig,
    /// The provider that is asked, for messages.
    asking: Mutex<String>,
}

/// The result of one place: credentials, none there, or a sentence about a failure.
type Place = Result<Option<Credentials>, String>;

impl SignIn<'_> {
    async fn credentials(&self) -> Result<Credentials, String> {
        if let Some(profile) = &self.scope.profile {
            let set = profiles::load(profile).await?;
            let chain = profiles::resolve(&set, profile)?;
            let chain = chain.ok_or_else(|| profiles::no_credentials(profile))?;
            return self.of_profile(profile, &chain).await;
        }
        if let Some(credentials) = self.variables()? {
            return Ok(credentials);
        }
        let mut tried = vec!["the variables (AWS_ACCESS_KEY_ID is not set)".to_owned()];
        if let Some(credentials) = self.default_profile(&mut tried).await? {
            return Ok(credentials);
        }
        if let Some(credentials) = self.web_identity().await? {
            return Ok(credentials);
        }
        if let Some(credentials) = self.container().await? {
            return Ok(credentials);
        }
        match self.instance(&mut tried).await? {
            Some(credentials) => Ok(credentials),
            None => Err(none_found(&tried)),
        }
    }

    fn ask(&self, source: impl Into<String>) {
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) = source.into();
    }

    fn asked(&self) -> String {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the access key of the environment, else that of a `.env` file.
    fn variables(&self) -> Place {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        if set(VARIABLES[0]).is_none() {
            self.ask("the .env file");
            return Ok(self.scope.access_key.clone());
        }
        if set(VARIABLES[1]).is_none() && set("SECRET_ACCESS_KEY").is_none() {
            return Err("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not".into());
        }
        for name in VARIABLES {
            if let Some(flaw) = set(name).as_deref().and_then(flaw) {
                return Err(format!("{name} {flaw}; remove it"));
            }
        }
        self.ask("the environment");
        let provider = EnvironmentVariableCredentialsProvider::new();
        let asked = futures_util::FutureExt::now_or_never(provider.provide_credentials());
        Ok(asked.and_then(Result::ok))
    }

    async fn default_profile(&self, tried: &mut Vec<String>) -> Place {
        let from_env = std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        let name = from_env.as_deref().unwrap_or("default");
        let set = profiles::load(name).await?;
        if from_env.is_none() && set.get_profile(name).is_none() {
            tried.push("the profile 'default' (there is none)".into());
            return Ok(None);
        }
        match profiles::resolve(&set, name)? {
            Some(chain) => self.of_profile(name, &chain).await.map(Some),
            None => {
                tried.push(format!("the profile '{name}' (it names no credentials)"));
                Ok(None)
            }
        }
    }

    async fn of_profile(&self, name: &str, chain: &Chain) -> Result<Credentials, String> {
        let base = &chain.profile;
        self.ask(format!("profile '{name}'"));
        if let Base::Sso { .. } = &chain.base {
            endpoints::check_service(self.config, "SSO")?;
        }
        if let (Base::WebIdentity(_), _) | (_, [_, ..]) = (&chain.base, chain.roles.as_slice()) {
            endpoints::check_service(self.config, "STS")?;
        }
        match &chain.base {
            Base::Process(command) => {
                let who = format!("the credential process of profile '{base}'");
                self.ask(&who);
                let ran = credential_process::run(command).await;
                let mut credentials =
                    ran.map_err(|did| format!("{who} {did}; run it by hand to see why"))?;
                check(&credentials, &who)?;
                self.ask(format!("profile '{name}'"));
                for role in &chain.roles {
                    credentials = self.assume(role, credentials, chain).await?;
                }
                return Ok(credentials);
            }
            Base::WebIdentity(file) => readable(file).map_err(|cause| {
                format!("profile '{base}' has the web_identity_token_file '{file}': {cause}")
            })?,
            Base::Source(source)
                if source.eq_ignore_ascii_case("Environment") && self.variables()?.is_none() =>
            {
                return Err(format!(
                    "profile '{base}' takes its credentials from the environment, and \
                     AWS_ACCESS_KEY_ID is not set"
                ));
            }
            _ => {}
        }
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&self.provider)
            .profile_name(name)
            .build();
        let asked = provider.provide_credentials().await;
        asked.map_err(|error| refusal(&error, Some(chain)))
    }

    async fn assume(
        &self,
        role: &profiles::Role,
        credentials: Credentials,
        chain: &Chain,
    ) -> Result<Credentials, String> {
        let mut provider = AssumeRoleProvider::builder(&role.arn).configure(self.config);
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let session = role.session_name.as_deref().unwrap_or("dlq-tools");
        let provider = provider.session_name(session).build_from_provider(credentials).await;
        let asked = provider.provide_credentials().await;
        asked.map_err(|error| refusal(&error, Some(chain)))
    }

    async fn web_identity(&self) -> Place {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(file), Some(_)) = (set("AWS_WEB_IDENTITY_TOKEN_FILE"), set("AWS_ROLE_ARN"))
        else {
            return Ok(None);
        };
        self.ask("web identity");
        endpoints::check_service(self.config, "STS")?;
        readable(&file)
            .map_err(|cause| format!("AWS_WEB_IDENTITY_TOKEN_FILE names '{file}': {cause}"))?;
        let chain =
            Chain { profile: String::new(), base: Base::WebIdentity(file), roles: Vec::new() };
        let provider =
            WebIdentityTokenCredentialsProvider::builder().configure(&self.provider).build();
        let asked = provider.provide_credentials().await;
        asked.map(Some).map_err(|error| refusal(&error, Some(&chain)))
    }

    async fn container(&self) -> Place {
        self.ask("the container's credentials endpoint");
        endpoints::check_container()?;
        check_container_token()?;
        let provider = EcsCredentialsProvider::builder().configure(&self.provider).build();
        match provider.provide_credentials().await {
            Ok(credentials) => Ok(Some(credentials)),
            Err(CredentialsError::CredentialsNotLoaded(_)) => Ok(None),
            Err(error) => Err(format!("{}: {}", self.asked(), refusal(&error, None))),
        }
    }

    async fn instance(&self, tried: &mut Vec<String>) -> Place {
        const IMDS: &str = "the instance metadata service, IMDS";
        self.ask(IMDS);
        endpoints::check_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")?;
        let provider = ImdsCredentialsProvider::builder().configure(&self.provider).build();
        let error = match provider.provide_credentials().await {
            Ok(credentials) => return Ok(Some(credentials)),
            Err(error) => error,
        };
        match &error {
            CredentialsError::CredentialsNotLoaded(_) => {
                tried.push(format!("{IMDS} ({})", no_instance_role(&error)));
                Ok(None)
            }
            _ => Err(format!("{IMDS}: {}", refusal(&error, None))),
        }
    }
}

/// Refuses a token for the container's endpoint that no header may have.
fn check_container_token() -> Result<(), String> {
    const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    let set = |name: &str| std::env::var(name).ok();
    let (source, token) = match set(&format!("{TOKEN}_FILE")) {
        Some(file) => {
            let token = readable(&file)
                .and_then(|()| std::fs::read_to_string(&file).map_err(|cause| io_cause(&cause)));
            let token = token.map_err(|cause| format!("{TOKEN}_FILE names '{file}': {cause}"))?;
            (format!("the file '{file}' ({TOKEN}_FILE)"), Some(token))
        }
        None => (TOKEN.to_owned(), set(TOKEN)),
    };
    // 'Bearer TOKEN' has a space.
    let flaw = token.and_then(|token| flaw(&token.replace(' ', "")));
    flaw.map_or(Ok(()), |flaw| Err(format!("{source} {flaw}; remove it")))
}

/// Opens a file, and returns why that cannot be done.
fn readable(file: &str) -> Result<(), String> {
    let opened = std::fs::File::open(file).and_then(|file| file.metadata());
    match opened {
        Ok(meta) if meta.is_file() => Ok(()),
        Ok(_) => Err("not a file".into()),
        Err(cause) => Err(io_cause(&cause)),
    }
}
