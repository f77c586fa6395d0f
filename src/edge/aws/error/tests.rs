//! The classification of errors, and texts that must not be repeated.

use aws_sdk_sqs::operation::list_queues::ListQueuesError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::*;

#[test]
fn failed_calls_map_to_read_errors() {
    type CallError = SdkError<ListQueuesError>;
    let broken = |cause: &str| ConnectorError::io(cause.into());
    let cases: [(CallError, ReadError); 4] = [
        (SdkError::timeout_error("late"), ReadError::TimedOut),
        (SdkError::dispatch_failure(ConnectorError::timeout("late".into())), ReadError::TimedOut),
        (
            SdkError::dispatch_failure(broken("connection refused")),
            ReadError::Network("connection refused".into()),
        ),
        (
            SdkError::construction_failure("bad URL.\nmore"),
            ReadError::Other("the request was not sent: bad URL".into()),
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(call_error(&error), expected, "{error:?}");
    }
}

#[test]
fn refusals_map_to_read_errors() {
    let expired = |code: &str| ReadError::Credentials(format!("they have expired ({code})"));
    let rejected =
        |code: &str| ReadError::Credentials(format!("AWS does not accept them ({code})"));
    let other = |text: &str| ReadError::Other(text.to_owned());
    let cases = [
        ("", 407, ReadError::Network("the proxy asks for credentials (HTTP 407)".into())),
        ("QueueDoesNotExist", 400, ReadError::Missing),
        ("com.amazonaws.sqs#QueueDoesNotExist", 400, ReadError::Missing),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, ReadError::Missing),
        ("com.amazonaws.sqs#AWS.SimpleQueueService.NonExistentQueue", 400, ReadError::Missing),
        ("ResourceNotFoundException", 404, ReadError::Missing),
        ("RequestThrottled", 403, ReadError::Throttled),
        ("com.amazonaws.sqs#RequestThrottled", 400, ReadError::Throttled),
        ("Throttling", 400, ReadError::Throttled),
        ("ThrottlingException", 400, ReadError::Throttled),
        ("ThrottledException", 400, ReadError::Throttled),
        ("TooManyRequestsException", 429, ReadError::Throttled),
        ("RequestLimitExceeded", 503, ReadError::Throttled),
        ("SlowDown", 503, ReadError::Throttled),
        ("", 429, ReadError::Throttled),
        ("AccessDenied", 403, ReadError::Denied),
        ("AccessDeniedException", 400, ReadError::Denied),
        ("KmsAccessDenied", 400, ReadError::Denied),
        ("UnauthorizedOperation", 403, ReadError::Denied),
        ("AccessDenied:http://internal/", 403, ReadError::Denied),
        ("", 403, ReadError::Denied),
        ("ExpiredToken", 403, expired("ExpiredToken")),
        ("ExpiredTokenException", 400, expired("ExpiredTokenException")),
        ("InvalidClientTokenId", 403, rejected("InvalidClientTokenId")),
        ("UnrecognizedClientException", 400, rejected("UnrecognizedClientException")),
        ("SignatureDoesNotMatch", 403, rejected("SignatureDoesNotMatch")),
        ("InternalFailure", 500, other("InternalFailure (HTTP 500)")),
        ("", 500, other("the service answered HTTP 500")),
        ("", 503, other("the service answered HTTP 503")),
        ("", 200, other("the answer is not one of SQS (HTTP 200)")),
    ];
    for (code, status, expected) in cases {
        let given = (!code.is_empty()).then_some(code);
        assert_eq!(answer_error(given, None, status), expected, "{code} {status}");
    }
}

#[test]
fn service_text_is_cut_to_one_short_line() {
    let said = |code: &str, message: &str, status| {
        answer_error((!code.is_empty()).then_some(code), Some(message), status)
    };
    let cases = [
        (
            said("InvalidAddress", "The address is not valid for this endpoint.\nMore", 400),
            "InvalidAddress: The address is not valid for this endpoint.".to_owned(),
        ),
        (said("", "Reduce your rate: Slow Down", 503), "throttled".to_owned()),
        (said("", "<html>", 502), "HTTP 502: <html>".to_owned()),
        (said("", "  ", 502), "the service answered HTTP 502".to_owned()),
        // What may hold parts of a request is never repeated.
        (
            said("SignatureDoesNotMatch", "The canonical request was: AKIA…", 403),
            "credentials: AWS does not accept them (SignatureDoesNotMatch)".to_owned(),
        ),
        (said("AccessDenied", "User: arn:aws:sts::1:x/y is not", 403), "access denied".to_owned()),
    ];
    for (miss, expected) in cases {
        assert_eq!(miss.to_string().trim_end_matches('.'), expected.trim_end_matches('.'));
    }
    let ReadError::Other(long) = said("E", &"x".repeat(1000), 400) else {
        panic!("another word");
    };
    assert_eq!(long.chars().count(), TEXT_MAX);
}

#[test]
fn credential_process_output_is_not_quoted() {
    let cause = "Error retrieving credentials: external process exited with code exit \
                 status: 1. Stderr: SECRET";
    let error = CredentialsError::provider_error(cause);
    let said = credentials_error(&error, Some("shop")).to_string();
    assert_eq!(said, "credentials: the credential process failed; run it by hand to see why");
}

#[test]
fn missing_credentials_name_the_remedy() {
    let sso = || "failed to read `/home/x/.aws/sso/cache/1.json`".to_owned();
    let cases = [
        (CredentialsError::not_loaded_no_source(), None, "none found"),
        (
            CredentialsError::not_loaded_no_source(),
            Some("shop"),
            "profile 'shop' does not exist, or has none",
        ),
        (CredentialsError::provider_error(sso()), None, "no SSO session: run 'aws sso login'"),
        (
            CredentialsError::provider_error(sso()),
            Some("shop"),
            "no SSO session: run 'aws sso login --profile shop'",
        ),
        (
            CredentialsError::invalid_configuration("profile `x` has invalid SSO config: y"),
            Some("x"),
            "profile `x` has invalid SSO config: y",
        ),
        (CredentialsError::provider_error("no such host\nmore"), None, "no such host"),
    ];
    for (error, profile, expected) in cases {
        let said = credentials_error(&error, profile).to_string();
        assert_eq!(said, format!("credentials: {expected}"));
    }
}
