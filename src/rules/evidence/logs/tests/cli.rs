//! Arguments and answers of the `aws` command.

use super::super::answer::AnswerKind;
use super::super::aws_cli::{self, CallScope};
use super::super::query::{self, LogQuery};
use super::super::windows;
use super::{M, at};

/// Functions with their states, and the selected one or a part of the reason.
type MappingRow<'a> = (&'a [(&'a str, &'a str)], Result<&'a str, &'a str>);

#[test]
fn refusals_are_read_from_standard_error() {
    let occurred = |code: &str, text: &str| {
        format!(
            "\nAn error occurred ({code}) when calling the FilterLogEvents operation (reached max retries: 1): {text}\n"
        )
    };
    let rows = [
        (
            occurred(
                "AccessDeniedException",
                "User: x is not authorized to perform: logs:FilterLogEvents",
            ),
            AnswerKind::Denied,
            "logs:FilterLogEvents",
        ),
        (
            occurred("ResourceNotFoundException", "no"),
            AnswerKind::UnknownGroup,
            "set 'logs' of the queue",
        ),
        (occurred("ThrottlingException", "Rate exceeded"), AnswerKind::Cut, "too often"),
        (occurred("ExpiredTokenException", "expired"), AnswerKind::Denied, "expired"),
        (occurred("UnrecognizedClientException", "invalid"), AnswerKind::Failed, "invalid"),
        (
            occurred(
                "InvalidOperationException",
                "The log group x is of log-group-class INFREQUENT_ACCESS.",
            ),
            AnswerKind::Failed,
            "class of the log group",
        ),
        (
            "Unable to locate credentials. You can configure credentials".into(),
            AnswerKind::Denied,
            "Unable to locate",
        ),
        (
            "\nThe config profile (x) could not be found".into(),
            AnswerKind::Denied,
            "could not be found",
        ),
        (
            "Could not connect to the endpoint URL: \"https://logs\"".into(),
            AnswerKind::Failed,
            "Could not connect",
        ),
        ("\u{1b}[31m An error occurred (AccessDenied".into(), AnswerKind::Failed, "\\u{1b}[31m An"),
        (String::new(), AnswerKind::Failed, "without a reason"),
    ];
    for (errors, kind, part) in rows {
        let found = aws_cli::refusal(&errors, "filter-log-events");
        assert!(found.kind == kind && found.reason.contains(part), "{errors}: {found:?}");
    }
}

#[test]
fn output_that_is_no_answer_is_refused() {
    for output in ["", "<html>proxy login</html>", "null", "[]", "{}", "{\"events\":[{}]}"] {
        assert_eq!(aws_cli::read_events(output.as_bytes()), None, "{output}");
    }
    let page = aws_cli::read_events(b"{\"events\":[],\"nextToken\":\"t\"}").unwrap();
    assert_eq!((page.events.len(), page.next.as_deref()), (0, Some("t")));
}

#[test]
fn arguments_hold_no_file_and_no_option() {
    let scope = |region: &str, profile: Option<&str>| CallScope {
        region: region.into(),
        profile: profile.map(str::to_owned),
        endpoint: Some("http://127.0.0.1:1".into()),
        ..CallScope::default()
    };
    let good = scope("eu-west-1", Some("prod"));
    let asked = |group: &str, stream: Option<&str>| LogQuery {
        group: group.into(),
        window: windows::Window { from: at(1), to: at(2) },
        pattern: Some(query::ids_pattern(&[M])),
        stream: stream.map(str::to_owned),
        pages: query::PAGES_MAX,
    };
    let argv =
        good.events(&asked("/aws/lambda/x", Some("2026/11/28/[$LATEST]0a")), Some("t")).unwrap();
    let expected = [
        "aws",
        "logs",
        "filter-log-events",
        "--log-group-name=/aws/lambda/x",
        "--start-time=1",
        "--end-time=2",
        &format!("--filter-pattern=\"{M}\""),
        "--log-stream-names=2026/11/28/[$LATEST]0a",
        "--limit=1000",
        "--next-token=t",
        "--region=eu-west-1",
        "--profile=prod",
        "--endpoint-url=http://127.0.0.1:1",
        "--output=json",
        "--no-paginate",
        "--cli-connect-timeout=5",
        "--cli-read-timeout=10",
    ];
    assert_eq!(argv, expected);
    let refused = [
        good.events(&asked("file:///etc/passwd", None), None),
        good.events(&asked("/a b", None), None),
        good.events(&asked("x", Some("file:///etc/passwd")), None),
        good.events(&asked("x", None), Some("http://127.0.0.1/")),
        good.function("fileb://x"),
        good.function("-x"),
        good.mappings("file:///etc/passwd", None),
        scope("file:///x", None).function("x"),
        scope("eu-west-1", Some("file:///x")).function("x"),
    ];
    assert!(refused.iter().all(Option::is_none), "{refused:?}");
    for group in ["a//b", "", "a\nb", "é"] {
        assert!(!query::is_group(group), "{group}");
    }
    assert_eq!(query::function_name("arn:aws:lambda:eu-west-1:1:function:x:live"), Some("x"));
}

#[test]
fn consumer_is_the_one_enabled_function() {
    let mapping = |name: &str, state: &str| aws_cli::Mapping {
        function_arn: format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}"),
        state: state.into(),
        maximum_batching_window_in_seconds: 0,
    };
    let rows: [MappingRow<'_>; 5] = [
        (&[], Err("no Lambda function")),
        (&[("a", "Enabled")], Ok("a")),
        (&[("a", "Disabled")], Ok("a")),
        (&[("a", "Disabled"), ("b:live", "Enabled"), ("b:live", "Enabling")], Ok("b:live")),
        (&[("a", "Enabled"), ("b", "Enabled")], Err("several functions")),
    ];
    for (given, expected) in rows {
        let mappings: Vec<_> = given.iter().map(|(name, state)| mapping(name, state)).collect();
        match (aws_cli::consumer_of(&mappings), expected) {
            (Ok(found), Ok(name)) => assert!(found.function_arn.ends_with(name), "{given:?}"),
            (Err(found), Err(part)) => {
                assert!(found.reason.contains(part) && found.kind == AnswerKind::UnknownGroup);
            }
            (found, _) => panic!("{given:?}: {found:?}"),
        }
    }
    let said = "the event source mapping of 'a' is not enabled now (state Disabled)";
    let states = [("Disabled", Some(said)), ("Enabled", None), ("Enabling", None), ("", None)];
    for (state, expected) in states {
        assert_eq!(mapping("a", state).disabled().as_deref(), expected, "{state}");
    }
    let knows = |text: &str| aws_cli::version(text).map(aws_cli::knows_log_group);
    assert_eq!(knows("aws-cli/2.9.19 Python/3.11.2"), Some(false));
    assert_eq!([knows("aws-cli/1.44.24 x"), knows("aws-cli/2.13.37 x")], [Some(true), Some(true)]);
    assert_eq!([knows("aws-cli/1.29.0 x"), knows("x")], [Some(false), None]);
}
