//! The classification of every fault, and texts that must not be repeated.

use super::*;

fn refusal(code: &str, status: u16) -> Fault {
    Fault::Refused { code: (!code.is_empty()).then(|| code.to_owned()), message: None, status }
}

#[test]
fn faults_map_to_read_errors() {
    let expired = |code: &str| ReadError::Credentials(format!("they have expired ({code})"));
    let rejected =
        |code: &str| ReadError::Credentials(format!("AWS does not accept them ({code})"));
    let other = |text: &str| ReadError::Other(text.to_owned());
    let cases = [
        (Fault::Timeout, ReadError::TimedOut),
        (
            Fault::Connection("connection refused".into()),
            ReadError::Network("connection refused".into()),
        ),
        (Fault::Request("bad URL.\nmore".into()), other("the request was not sent: bad URL")),
        (Fault::Garbled { status: 200 }, other("the answer is not one of SQS (HTTP 200)")),
        (Fault::Garbled { status: 429 }, ReadError::Throttled),
        (Fault::Garbled { status: 403 }, ReadError::Denied),
        (
            Fault::Garbled { status: 407 },
            ReadError::Network("the proxy asks for credentials (HTTP 407)".into()),
        ),
        (refusal("QueueDoesNotExist", 400), ReadError::Missing),
        (refusal("com.amazonaws.sqs#QueueDoesNotExist", 400), ReadError::Missing),
        (refusal("AWS.SimpleQueueService.NonExistentQueue", 400), ReadError::Missing),
        (
            refusal("com.amazonaws.sqs#AWS.SimpleQueueService.NonExistentQueue", 400),
            ReadError::Missing,
        ),
        (refusal("ResourceNotFoundException", 404), ReadError::Missing),
        (refusal("RequestThrottled", 403), ReadError::Throttled),
        (refusal("com.amazonaws.sqs#RequestThrottled", 400), ReadError::Throttled),
        (refusal("Throttling", 400), ReadError::Throttled),
        (refusal("ThrottlingException", 400), ReadError::Throttled),
        (refusal("ThrottledException", 400), ReadError::Throttled),
        (refusal("TooManyRequestsException", 429), ReadError::Throttled),
        (refusal("RequestLimitExceeded", 503), ReadError::Throttled),
        (refusal("SlowDown", 503), ReadError::Throttled),
        (refusal("", 429), ReadError::Throttled),
        (refusal("AccessDenied", 403), ReadError::Denied),
        (refusal("AccessDeniedException", 400), ReadError::Denied),
        (refusal("KmsAccessDenied", 400), ReadError::Denied),
        (refusal("UnauthorizedOperation", 403), ReadError::Denied),
        (refusal("AccessDenied:http://internal/", 403), ReadError::Denied),
        (refusal("", 403), ReadError::Denied),
        (refusal("ExpiredToken", 403), expired("ExpiredToken")),
        (refusal("ExpiredTokenException", 400), expired("ExpiredTokenException")),
        (refusal("InvalidClientTokenId", 403), rejected("InvalidClientTokenId")),
        (refusal("UnrecognizedClientException", 400), rejected("UnrecognizedClientException")),
        (refusal("SignatureDoesNotMatch", 403), rejected("SignatureDoesNotMatch")),
        (refusal("InternalFailure", 500), other("InternalFailure (HTTP 500)")),
        (refusal("", 500), other("the service answered HTTP 500")),
        (refusal("", 503), other("the service answered HTTP 503")),
        (refusal("", 200), other("the answer is not one of SQS (HTTP 200)")),
    ];
    for (fault, expected) in cases {
        assert_eq!(read_error(fault.clone()), expected, "{fault:?}");
    }
}

#[test]
fn service_text_is_cut_to_one_short_line() {
    let said = |code: &str, message: &str, status| {
        read_error(Fault::Refused {
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: Some(message.to_owned()),
            status,
        })
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
