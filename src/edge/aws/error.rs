//! Maps errors of the SDK and of the service to [`ReadError`].
//!
//! No text of a credential, a signature or a
//! command's output gets into a [`ReadError`]: those errors show their code only.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::rules::queue::reading::ReadError;
use crate::text::shorten;

/// The longest text that is taken from a server, in characters.
const TEXT_MAX: usize = 200;

/// Classifies an answer that is an error, or that is not one of SQS. Pure.
fn answer_error(code: Option<&str>, message: Option<&str>, status: u16) -> ReadError {
    if status == 407 {
        return ReadError::Network("the proxy asks for credentials (HTTP 407)".into());
    }
    let code = code.map(plain_code).filter(|code| !code.is_empty());
    refused(code, message, status).unwrap_or_else(|| {
        let message = message.filter(|text| !text.trim().is_empty());
        ReadError::Other(match (code, message) {
            (Some(code), Some(text)) => first_line(&format!("{code}: {text}")),
            (Some(code), None) => format!("{} (HTTP {status})", first_line(code)),
            (None, Some(text)) => first_line(&format!("HTTP {status}: {text}")),
            // An answer of a proxy or a captive portal.
            (None, None) if status < 300 => format!("the answer is not one of SQS (HTTP {status})"),
            (None, None) => format!("the service answered HTTP {status}"),
        })
    })
}

/// Strips an error code of its qualifiers: `com.amazonaws.sqs#QueueDoesNotExist`,
/// `AWS.SimpleQueueService.NonExistentQueue`, `AccessDenied:http://…`.
fn plain_code(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
}

/// Classifies error codes that have a [`ReadError`] of their own.
fn refused(code: Option<&str>, message: Option<&str>, status: u16) -> Option<ReadError> {
    let code = code.unwrap_or_default();
    Some(match code {
        "QueueDoesNotExist" | "NonExistentQueue" | "ResourceNotFoundException" => {
            ReadError::Missing
        }
        "SlowDown" | "RequestLimitExceeded" | "BandwidthLimitExceeded" => ReadError::Throttled,
        _ if code.to_ascii_lowercase().contains("throttl")
            || code.starts_with("TooManyRequests") =>
        {
            ReadError::Throttled
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            ReadError::Credentials(format!("they have expired ({code})"))
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => {
            ReadError::Credentials(format!("AWS does not accept them ({code})"))
        }
        "RequestTimeTooSkewed" => {
            ReadError::Credentials(format!("the clock of this machine is wrong ({code})"))
        }
        _ if code.contains("AccessDenied")
            || code.starts_with("Unauthorized")
            || code.starts_with("NotAuthorized")
            || code == "AuthorizationError" =>
        {
            ReadError::Denied
        }
        _ if status == 429 => ReadError::Throttled,
        "" if status == 401 => ReadError::Credentials("not accepted (HTTP 401)".into()),
        "" if status == 403 => ReadError::Denied,
        "" if status == 503
            && message.is_some_and(|text| text.to_lowercase().contains("slow down")) =>
        {
            ReadError::Throttled
        }
        _ => return None,
    })
}

/// Returns the first line of an external text, shortened.
fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    shorten(line.trim_end_matches(['.', ' ']), TEXT_MAX).into_owned()
}

/// Classifies the error of a call.
pub(super) fn call_error<E>(error: &SdkError<E>) -> ReadError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let status = |raw: &aws_sdk_sqs::config::http::HttpResponse| raw.status().as_u16();
    match error {
        SdkError::TimeoutError(_) => ReadError::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ReadError::TimedOut,
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error().map(|error| innermost(error));
            ReadError::Network(first_line(&cause.unwrap_or_else(|| "the call broke".into())))
        }
        SdkError::ResponseError(response) => answer_error(None, None, status(response.raw())),
        SdkError::ServiceError(service) => {
            let error = service.err();
            answer_error(error.code(), error.message(), status(service.raw()))
        }
        _ => {
            let cause = first_line(&innermost(error));
            ReadError::Other(format!("the request was not sent: {cause}"))
        }
    }
}

/// Classifies the error of a credential provider; `profile` is the configured one.
pub(super) fn credentials_error(error: &CredentialsError, profile: Option<&str>) -> ReadError {
    let cause = innermost(error);
    let mentions_sso = |text: String| text.contains("SSO") || text.contains("/sso/cache/");
    ReadError::Credentials(match (error, profile) {
        (CredentialsError::CredentialsNotLoaded(_), None) => "none found".into(),
        (CredentialsError::CredentialsNotLoaded(_), Some(profile)) => {
            format!("profile '{profile}' does not exist, or has none")
        }
        (CredentialsError::ProviderTimedOut(_), _) => {
            "their provider did not answer in time".into()
        }
        // The SDK quotes the output of the command, which may contain a secret.
        _ if cause.starts_with("Error retrieving credentials") => {
            "the credential process failed; run it by hand to see why".into()
        }
        (CredentialsError::InvalidConfiguration(_), _) => first_line(&cause),
        _ if chain(error).any(|error| mentions_sso(error.to_string())) => {
            let profile = profile.map_or_else(String::new, |name| format!(" --profile {name}"));
            format!("no SSO session: run 'aws sso login{profile}'")
        }
        _ => first_line(&cause),
    })
}

/// Returns the innermost cause, without the operating system's error number.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let last = chain(error).last().unwrap_or(error);
    match last.downcast_ref::<std::io::Error>() {
        Some(cause) => crate::error::io_cause(cause),
        None => last.to_string(),
    }
}

/// Iterates over an error and its causes.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests;
