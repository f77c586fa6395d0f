//! Maps errors of the SDK and of the service to [`ReadError`].
//!
//! No text of a credential or a signature gets into a [`ReadError`]: of refusals about them only
//! the code is shown, and of denials the action and the resource.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::primitives::{DateTime, DateTimeFormat};

use crate::clock;
use crate::rules::queue::reading::ReadError;
use crate::text::{safe, shorten};
use crate::time::{Timestamp, show_span};

/// The beginning of a sentence about a wrong clock.
const CLOCK: &str = "the clock of this machine";
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
        let kind = if status >= 500 { ReadError::Failed } else { ReadError::Other };
        kind(match (code, message) {
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
pub(super) fn plain_code(code: &str) -> &str {
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
        _ if code.starts_with("KMS.") || code.starts_with("Kms") => kms_refusal(code, message)?,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
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
        _ if is_denial(code) => match message.and_then(denial) {
            Some(what) => ReadError::NotAuthorized(what),
            None => ReadError::Denied,
        },
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

/// Whether a code is that of a missing permission.
pub(super) fn is_denial(code: &str) -> bool {
    code.contains("AccessDenied")
        || code.starts_with("Unauthorized")
        || code.starts_with("NotAuthorized")
        || code == "AuthorizationError"
}

/// Returns action and resource of a denial: `User: … is not authorized to perform:
/// sqs:ListQueues on resource: arn:… because no identity-based policy allows the … action`.
pub(super) fn denial(message: &str) -> Option<String> {
    let word_after = |mark: &str| {
        let word = message.split_once(mark)?.1.split_whitespace().next()?;
        let word = word.trim_end_matches(['.', ',']);
        (!word.is_empty()).then(|| safe(&shorten(word, TEXT_MAX)).into_owned())
    };
    let mut what = word_after("to perform: ").or_else(|| word_after("to perform "))?;
    if let Some(resource) = word_after("on resource: ") {
        what = format!("{what} on {resource}");
    }
    // The usual reason, that no policy allows the action, says nothing new.
    if message.contains("explicit deny") {
        what += ", by an explicit deny";
    }
    Some(what)
}

/// Classifies an error of the key with which a queue is encrypted.
fn kms_refusal(code: &str, message: Option<&str>) -> Option<ReadError> {
    if code.to_ascii_lowercase().contains("throttl") {
        return None;
    }
    let message = message.unwrap_or_default();
    Some(if is_denial(code) {
        let what = denial(message).map_or_else(String::new, |what| format!(": {what}"));
        ReadError::NotAuthorized(format!("KMS refuses the key of the queue ({code}){what}"))
    } else {
        let says = first_line(message);
        let says = if says.is_empty() { says } else { format!(": {says}") };
        ReadError::Other(format!("KMS cannot use the key of the queue ({code}){says}"))
    })
}

/// Returns the sentence about a wrong clock, if a refusal is about the time of the request. `date`
/// is the time of the answer.
pub(super) fn clock_fault(
    code: &str,
    message: &str,
    date: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    /// AWS accepts requests that are five minutes off; less is no fault of the clock.
    const SKEW_MIN: Duration = Duration::from_secs(60);
    let by_message = ["Signature expired", "Signature not yet current", "Request has expired"];
    let by_code = ["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"];
    if !by_code.contains(&code) && !by_message.iter().any(|text| message.contains(text)) {
        return None;
    }
    let mut times = message.split([' ', '(', ')']).filter_map(basic_time);
    // '… expired: SIGNED is now earlier than LIMIT (SERVER - 5 min.)'
    let in_message = (times.next(), times.nth(1));
    let skew = |here: Timestamp, there: Timestamp| {
        let (ahead, behind) = (here.since(there), there.since(here));
        let (span, word) = if ahead > behind { (ahead, "ahead") } else { (behind, "behind") };
        (span >= SKEW_MIN).then(|| format!("is {} {word}", show_span(span)))
    };
    let found = date.and_then(|date| skew(now, date)).or_else(|| match in_message {
        (Some(signed), Some(server)) => skew(signed, server),
        _ => None,
    });
    let found = found.unwrap_or_else(|| "is wrong, or requests arrive minutes late".into());
    Some(format!("{CLOCK} {found} ({code})"))
}

/// Returns the error of a sign-in that has failed for this reason.
pub(super) fn sign_in_fault(reason: String) -> ReadError {
    match reason.starts_with(CLOCK) {
        true => ReadError::Clock(reason),
        false => ReadError::Credentials(reason),
    }
}

/// Parses `20230101T000000Z`.
fn basic_time(text: &str) -> Option<Timestamp> {
    let good = text.len() == 16 && text.is_ascii();
    let part = |from: usize, to: usize| good.then(|| &text[from..to]);
    Timestamp::parse(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    ))
}

/// Returns the first line of an external text, shortened.
pub(super) fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    shorten(line.trim_end_matches(['.', ' ']), TEXT_MAX).into_owned()
}

/// Classifies the error of a call.
pub(super) fn call_error<E>(error: &SdkError<E>) -> ReadError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let status = |raw: &HttpResponse| raw.status().as_u16();
    match error {
        SdkError::TimeoutError(_) => ReadError::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ReadError::TimedOut,
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error().map(|error| innermost(error));
            ReadError::Network(first_line(&cause.unwrap_or_else(|| "the call broke".into())))
        }
        SdkError::ResponseError(response) => answer_error(None, None, status(response.raw())),
        SdkError::ServiceError(service) => {
            let (error, raw) = (service.err(), service.raw());
            let (code, message) = (error.code().map(plain_code), error.message());
            let about_time = code.and_then(|code| {
                clock_fault(code, message.unwrap_or_default(), date(raw), clock::now())
            });
            match about_time {
                Some(fault) => ReadError::Clock(fault),
                None => answer_error(code, message, status(raw)),
            }
        }
        _ => {
            let cause = first_line(&innermost(error));
            ReadError::Other(format!("the request was not sent: {cause}"))
        }
    }
}

/// Returns the time of an answer.
pub(super) fn date(answer: &HttpResponse) -> Option<Timestamp> {
    let text = answer.headers().get("date")?;
    let millis = DateTime::from_str(text, DateTimeFormat::HttpDate).ok()?.to_millis().ok()?;
    Some(Timestamp::from_millis(millis))
}

/// Returns the innermost cause, without the operating system's error number.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let last = chain(error).last().unwrap_or(error);
    match last.downcast_ref::<std::io::Error>() {
        Some(cause) => crate::error::io_cause(cause),
        None => last.to_string(),
    }
}

/// Iterates over an error and its causes.
pub(super) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests;
