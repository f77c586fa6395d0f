//! Damaged state documents: the error names what to run, and that command restores what was lost.

use crate::support::investigate::{QUICK_AGENT, agent, sessions, summaries};
use crate::support::poll::{bench, parse_output};
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::{Bench, Output};

/// Damages a document, runs a line that fails because of it, moves the document away as the error
/// says, and runs the command that the error names.
fn repaired(bench: &Bench, document: &str, line: &str) -> Output {
    let path = bench.state(document);
    std::fs::create_dir_all(bench.state("")).unwrap();
    std::fs::write(&path, "{\"version\":1,").unwrap();
    let failed = bench.shell(line).stderr;
    let error = failed.lines().find(|line| line.contains("fatal")).unwrap_or_default();
    let begin = format!("cannot read '{}': not a valid state file at byte ", path.display());
    assert!(error.contains(&begin), "{failed}");
    let (_, command) = error.split_once("; move it away, then run '").unwrap();
    std::fs::rename(&path, bench.path("moved-away")).unwrap();
    bench.shell(command.split('\'').next().unwrap())
}

#[test]
fn remedy_of_a_damaged_document_restores_what_was_lost() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 2)]);
    let mut bench = bench("damage", &sqs.url);
    agent(&mut bench, QUICK_AGENT, "");
    // The damage is there when the queue is raised: the notice of the raise is not sent.
    let notified = repaired(&bench, "notices.json", "dlq-poll | dlq-notify");
    assert!(notified.stderr.contains("orders-dlq"), "{notified:?}");
    let investigated = repaired(&bench, "sessions.json", "dlq-poll | dlq-investigate");
    let text = investigated.text();
    let own: Vec<&str> = text.lines().filter(|line| line.contains("\"investigation.")).collect();
    let all = summaries(&own.join("\n"));
    assert_eq!(all, ["started orders-dlq", "completed orders-dlq"], "{investigated:?}");
    assert_eq!(sessions(&bench)["incidents"].as_array().map(Vec::len), Some(1));
    let raised = parse_output(repaired(&bench, "queues.json", "dlq-poll"));
    assert_eq!((raised.code, raised.subjects("queue.raised")), (0, vec!["orders-dlq".into()]));
}
