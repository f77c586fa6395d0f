//! Groups whose error a log shows, and reports on logs that show none.

use super::super::*;
use super::{Story, no_loss};
use crate::rules::evidence::bundle::{Log, LogLine};
use crate::rules::evidence::logs::FoundBy;
use crate::rules::evidence::logs::answer::AnswerKind;

fn logged(by: FoundBy, class: &str, text: &str) -> Story {
    let logged = |group: &mut Group| {
        group.found_by = Some(by);
        group.logs = vec!["log:1".into()];
    };
    Story::new("error_text", "sqs", 1).class(class).says(text).group(logged)
}

#[test]
fn logged_error_is_likely_and_never_the_word_of_a_service() {
    let errors = [
        ("KeyError", "'items'"),
        ("AccessDeniedException", "User is not authorized to perform: sqs:SendMessage"),
        ("ThrottlingException", "Rate exceeded"),
        ("TimeoutError", "connection timed out"),
        ("Strange", "nothing that a rule knows"),
    ];
    for by in FoundBy::ALL {
        for (class, text) in errors {
            let judged = logged(by, class, text).judge();
            let verdict = verdict(&judged);
            let confidence = verdict.confidence.unwrap();
            assert!(confidence <= 0.6, "{class}: {confidence}");
            assert!(["likely", "inconclusive"].contains(&verdict.status.as_str()), "{verdict:?}");
            assert_ne!(judged[0].fault, CodeFault::NotACodeBug, "{class}");
            assert!(judged[0].evidence.contains(&"log:1".to_owned()), "{judged:?}");
        }
    }
    let judged = logged(FoundBy::MessageId, "KeyError", "'items'").judge();
    assert_eq!(
        (verdict(&judged).status.as_str(), judged[0].category),
        ("likely", Category::CodeError)
    );
}

#[test]
fn report_cites_line_by_group_stream_event_and_receive() {
    let story = logged(FoundBy::Recurrence, "KeyError", "'items'");
    let line = LogLine {
        at: Timestamp::from_millis(1000),
        stream: "2026/11/28/[$LATEST]0a".into(),
        event: "5601".into(),
        messages: vec!["m1".into()],
        found_by: FoundBy::Recurrence,
        receive: Some(2),
        receives: Some(3),
        text: "[ERROR] KeyError: 'items'\n`x` # heading".into(),
    };
    let log = Log {
        id: "log:1".into(),
        group: Some("/aws/lambda/orders".into()),
        answer: Some(AnswerKind::Found),
        lines: vec![line],
        ..Log::default()
    };
    let bundle = BundleContents { logs: Logs { logs: vec![log] }, ..story.bundle() };
    let report = report::render(&bundle, &judge(&bundle), no_loss());
    let parts = [
        "- `log:1`: log group `/aws/lambda/orders`, stream `2026/11/28/[$LATEST]0a`, event `5601`",
        "receive 2 of 3, recurs at every receive: ``[ERROR] KeyError: 'items'\\n`x` # heading``",
        "likely, and no proof",
        "- Deployments and code: they were not read.",
    ];
    for part in parts {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[test]
fn report_names_answer_and_command_where_log_shows_nothing() {
    let log = |kind, reason: &str| Log {
        id: "log:1".into(),
        answer: Some(kind),
        detail: Some(reason.into()),
        command: ["aws", "logs", "filter-log-events", "--log-group-name=/a b"]
            .map(Into::into)
            .to_vec(),
        ..Log::default()
    };
    for (kind, words) in [
        (AnswerKind::NoCause, "no cause in the logs: so"),
        (AnswerKind::NotYet, "not yet: so"),
        (AnswerKind::Partly, "from logs, in part: so"),
        (AnswerKind::PartlyNotYet, "from logs, in part: so"),
        (AnswerKind::Cut, "cut: so"),
        (AnswerKind::Denied, "denied: so"),
        (AnswerKind::UnknownGroup, "cannot tell the log group: so"),
        (AnswerKind::NoCommand, "no aws command: so"),
        (AnswerKind::NoEndpoint, "not asked: so"),
        (AnswerKind::NeverRun, "received but never run: so"),
    ] {
        let logs = Logs { logs: vec![log(kind, "so")] };
        let bundle = BundleContents { logs, ..Story::new("shape", "sqs", 3).bundle() };
        let report = report::render(&bundle, &judge(&bundle), no_loss());
        assert!(report.contains(words), "{words}: {report}");
        let command = "aws logs filter-log-events '--log-group-name=/a b'";
        assert!(report.contains(command), "{report}");
    }
}
