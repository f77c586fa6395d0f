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
    let failed = |text: &str| ReadError::Failed(text.to_owned());
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
        ("UnauthorizedOperation", 403, ReadError::Denied),
        ("AccessDenied:http://internal/", 403, ReadError::Denied),
        ("", 403, ReadError::Denied),
        ("ExpiredToken", 403, expired("ExpiredToken")),
        ("ExpiredTokenException", 400, expired("ExpiredTokenException")),
        ("InvalidClientTokenId", 403, rejected("InvalidClientTokenId")),
        ("UnrecognizedClientException", 400, rejected("UnrecognizedClientException")),
        ("SignatureDoesNotMatch", 403, rejected("SignatureDoesNotMatch")),
        ("InternalFailure", 500, failed("InternalFailure (HTTP 500)")),
        ("ServiceUnavailable", 503, failed("ServiceUnavailable (HTTP 503)")),
        ("", 500, failed("the service answered HTTP 500")),
        ("", 503, failed("the service answered HTTP 503")),
        ("InvalidAddress", 404, other("InvalidAddress (HTTP 404)")),
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
fn denial_names_action_and_resource_as_given() {
    let user = "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform:";
    let because = "because no identity-based policy allows the sqs:ListQueues action";
    let cases = [
        (
            format!("{user} sqs:ListQueues on resource: arn:aws:sqs:eu-west-1:1:* {because}"),
            Some("sqs:ListQueues on arn:aws:sqs:eu-west-1:1:*"),
        ),
        (
            format!(
                "{user} sqs:x on resource: arn:aws:sqs:eu-west-1:1:q with an explicit deny in a service control policy"
            ),
            Some("sqs:x on arn:aws:sqs:eu-west-1:1:q, by an explicit deny"),
        ),
        (format!("{user} sts:AssumeRole."), Some("sts:AssumeRole")),
        (
            "Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned(),
            Some("sts:AssumeRoleWithWebIdentity"),
        ),
        (format!("{user} a\u{1b}[2J on resource: b\u{202e}"), Some("a\\u{1b}[2J on b\\u{202e}")),
        ("Access to the resource https://sqs… is denied.".to_owned(), None),
        (format!("{user} "), None),
    ];
    for (message, expected) in cases {
        assert_eq!(denial(&message).as_deref(), expected, "{message}");
    }
    let long = denial(&format!("{user} {} on resource: {}", "a".repeat(999), "b".repeat(999)));
    assert!(long.unwrap().chars().count() < 2 * TEXT_MAX + 10);
}

#[test]
fn kms_errors_name_kms() {
    let user = "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:k";
    let cases = [
        (
            "KMS.AccessDeniedException",
            user,
            "access denied: KMS refuses the key of the queue (KMS.AccessDeniedException): \
             kms:Decrypt on arn:aws:kms:k",
        ),
        (
            "KmsAccessDenied",
            "The ciphertext refers to a key.",
            "access denied: KMS refuses the key of the queue (KmsAccessDenied)",
        ),
        (
            "KMS.DisabledException",
            "arn:aws:kms:k is disabled.",
            "KMS cannot use the key of the queue (KMS.DisabledException): arn:aws:kms:k is disabled",
        ),
        ("KmsNotFound", "", "KMS cannot use the key of the queue (KmsNotFound)"),
        (
            "KMS.InvalidStateException",
            "",
            "KMS cannot use the key of the queue (KMS.InvalidStateException)",
        ),
        ("KmsThrottled", "Rate exceeded", "throttled"),
    ];
    for (code, message, expected) in cases {
        assert_eq!(answer_error(Some(code), Some(message), 400).to_string(), expected);
    }
}

#[test]
fn clock_fault_says_how_much() {
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let now = at("2026-01-01T12:00:00Z");
    let expired = "Signature expired: 20260101T120000Z is now earlier than 20260101T121500Z \
                   (20260101T122000Z - 5 min.)";
    let early = "Signature not yet current: 20260101T120000Z is still later than \
                 20260101T113000Z (20260101T112500Z + 5 min.)";
    let wrong = |what: &str, code: &str| Some(format!("the clock of this machine {what} ({code})"));
    let late = "is wrong, or requests arrive minutes late";
    let signature = "InvalidSignatureException";
    let mismatch = "SignatureDoesNotMatch";
    let cases = [
        (signature, expired, None, wrong("is 20m behind", signature)),
        (mismatch, expired, None, wrong("is 20m behind", mismatch)),
        (signature, early, None, wrong("is 35m ahead", signature)),
        // The time of the answer precedes that of the message, which a retry has corrected.
        (signature, expired, Some("2026-01-01T10:00:00Z"), wrong("is 2h ahead", signature)),
        (signature, expired, Some("2026-01-01T12:00:10Z"), wrong("is 20m behind", signature)),
        (
            "RequestTimeTooSkewed",
            "",
            Some("2026-01-02T12:00:00Z"),
            wrong("is 1d behind", "RequestTimeTooSkewed"),
        ),
        ("RequestExpired", "Request has expired.", None, wrong(late, "RequestExpired")),
        (signature, "Signature expired: soon (x)", None, wrong(late, signature)),
        (signature, "Signature expired: 2026é101T12000Z (é)", None, wrong(late, signature)),
        (signature, "Credential should be scoped to a valid region.", None, None),
        (mismatch, "The request signature we calculated does not match", None, None),
        ("ExpiredToken", "The security token included in the request is expired", None, None),
    ];
    for (code, message, date, expected) in cases {
        assert_eq!(clock_fault(code, message, date.map(at), now), expected, "{code} {message}");
    }
}
