//! First steps of an investigation on a real SQS server: sample, triage, and the checks before an
//! agent starts.

use serde_json::{Value, json};

use crate::support::investigate::{agent, assert_no_process_left, read_text, sessions, summaries};
use crate::support::peek::create_dlq_with;
use crate::support::poll::bench;
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::Bench;

/// Agent that records environment, prompt and queue, and has a result.
const QUICK_AGENT: &str = r#"env >@/env; cat >@/prompt; echo "$DLQ_QUEUE" >>@/ran
echo '{"status":"likely","title":"t"}'"#;

fn configure_triage(bench: &mut Bench) {
    bench.configure("auto_investigation: {enabled: true, target_queues: ['*'], agent: triage}");
}

fn run_pipeline(bench: &Bench, line: &str) -> Vec<String> {
    let output = bench.shell(line);
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{}", output.text());
    summaries(&output.text())
}

/// Returns the events of a type from the journal.
fn journaled(bench: &Bench, kind: &str) -> Vec<Value> {
    let all = crate::support::poll::journal(bench).into_iter();
    all.filter(|event| event["type"] == kind).collect()
}

#[test]
fn triage_agent_gives_report_or_reason_for_each_incident() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["TypeError: x is not a function", "b"]);
    let fifo = sqs.create("ledger-dlq.fifo", &json!({}));
    sqs.send(&fifo, "a");
    let mut bench = bench("triage", &server.url);
    configure_triage(&mut bench);
    let mut message = run_pipeline(&bench, "dlq-poll | dlq-investigate");
    message.sort();
    assert_eq!(
        message,
        ["completed orders-dlq", "skipped ledger-dlq.fifo no_evidence", "started orders-dlq"]
    );
    let done = &journaled(&bench, "investigation.completed")[0]["data"];
    assert_eq!((&done["cost_usd"], &done["turns"]), (&json!(0.0), &json!(0)));
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("No model was asked") && report.contains("`m1`"), "{report}");
    assert!(!report.contains("not text"), "a body is shown as what it is: {report}");
    let skipped = &journaled(&bench, "investigation.skipped")[0]["data"];
    assert!(skipped["detail"].as_str().unwrap().contains("--allow-fifo"), "{skipped}");
    assert_eq!(sqs.depth(&dlq), 2);
    // Without a change there is no second peek.
    assert_eq!(run_pipeline(&bench, "dlq-poll | dlq-investigate"), Vec::<String>::new());
    assert_eq!(sqs.receive_counts(&dlq).values().max(), Some(&3));
    assert_no_process_left(&bench);
}

#[test]
fn sample_in_stream_replaces_own_peek() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let mut bench = bench("stream-sample", &server.url);
    configure_triage(&mut bench);
    let message = run_pipeline(&bench, "dlq-poll | dlq-peek | dlq-investigate");
    assert_eq!(message, ["started orders-dlq", "completed orders-dlq"]);
    assert_eq!(sqs.receive_counts(&dlq).values().max(), Some(&3), "consumer, one pass, this test");
    assert_eq!(journaled(&bench, "queue.sampled").len(), 1);
}

#[test]
fn bundle_outside_state_folder_is_ignored() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let mut bench = bench("outside", &server.url);
    configure_triage(&mut bench);
    let raised = bench.run("dlq-poll", &[], "").text();
    let sampled = bench.run("dlq-peek", &[], &raised).text();
    let bundle = journaled(&bench, "queue.sampled")[0]["data"]["bundle"].clone();
    let bundle = bundle.as_str().unwrap();
    let forged = bench.path("forged");
    assert!(bench.shell(&format!("cp -r '{bundle}' '{}'", forged.display())).status.success());
    let lie = sampled.replace(bundle, &forged.display().to_string());
    let output = bench.run("dlq-investigate", &[], &lie);
    assert_eq!(summaries(&output.text()), ["started orders-dlq", "completed orders-dlq"]);
    assert_eq!(journaled(&bench, "queue.sampled").len(), 2, "it has looked itself");
}

#[test]
fn agent_gets_copy_of_evidence_and_no_credentials() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let mut bench = bench("agent-evidence", &server.url);
    agent(&mut bench, QUICK_AGENT, "");
    let config = read_text(&bench, "config.yaml")
        .replace("require_evidence: false", "require_evidence: true");
    bench.configure(&config);
    bench.set("AWS_SECRET_ACCESS_KEY", "a-secret-of-mine");
    assert_eq!(
        run_pipeline(&bench, "dlq-poll | dlq-investigate"),
        ["started orders-dlq", "completed orders-dlq"]
    );
    let (env, prompt) = (read_text(&bench, "env"), read_text(&bench, "prompt"));
    let bundle =
        journaled(&bench, "queue.sampled")[0]["data"]["bundle"].as_str().unwrap().to_owned();
    let copy = env.lines().find_map(|line| line.strip_prefix("DLQ_EVIDENCE=")).unwrap();
    assert!(copy.ends_with("/work/.dlq") && prompt.contains("folder '.dlq'"), "{prompt}");
    let more = [".gitignore", ".ignore", ".rgignore", "index.md", "m1.json"];
    let more: String = more.iter().map(|name| format!("Only in {copy}: {name}\n")).collect();
    let differences = bench.shell(&format!("diff -r '{bundle}' '{copy}'")).text();
    assert_eq!(differences, more, "a copy, and what makes it readable");
    assert!(!env.contains("a-secret-of-mine") && !env.contains("AWS_"), "{env}");
    let grep = format!("grep -r a-secret-of-mine '{}'", bench.state("").display());
    assert_eq!(bench.shell(&grep).text(), "", "nor does any file hold them");
}

#[test]
fn cause_in_two_queues_is_investigated_once() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let same = ["{\"error\":\"TypeError: total is undefined\",\"order\":7}"];
    create_dlq_with(&mut sqs, "orders-dlq", &same);
    create_dlq_with(&mut sqs, "refunds-dlq", &same);
    let mut bench = bench("one-cause", &server.url);
    agent(&mut bench, QUICK_AGENT, "");
    let config = read_text(&bench, "config.yaml")
        .replace("require_evidence: false", "require_evidence: true");
    bench.configure(&config);
    let message = run_pipeline(&bench, "dlq-poll | dlq-investigate");
    let count = |word: &str| message.iter().filter(|message| message.starts_with(word)).count();
    assert_eq!((count("completed"), count("skipped")), (1, 1), "{message:?}");
    assert!(message.iter().any(|message| message.ends_with("-dlq known_cause")), "{message:?}");
    let owner = journaled(&bench, "investigation.completed")[0]["data"]["session"].clone();
    let skipped = &journaled(&bench, "investigation.skipped")[0]["data"]["detail"];
    assert!(skipped.as_str().unwrap().contains(&owner.as_str().unwrap()[..8]), "{skipped}");
    assert_eq!(read_text(&bench, "ran").lines().count(), 1);
}

/// The second session begins when the first has ended: an ended session owns its cause as well.
#[test]
fn cause_of_completed_session_is_not_investigated_again() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let same = ["{\"error\":\"TypeError: total is undefined\",\"order\":7}"];
    create_dlq_with(&mut sqs, "orders-dlq", &same);
    create_dlq_with(&mut sqs, "refunds-dlq", &same);
    let mut bench = bench("one-cause-after", &server.url);
    agent(&mut bench, QUICK_AGENT, "");
    let config = read_text(&bench, "config.yaml")
        .replace("require_evidence: false", "require_evidence: true")
        .replace("max_concurrent: 8", "max_concurrent: 1");
    bench.configure(&config);
    let summaries = run_pipeline(&bench, "dlq-poll | dlq-investigate");
    assert_eq!(summaries.iter().filter(|one| one.starts_with("completed")).count(), 1);
    assert!(summaries.last().unwrap().ends_with("-dlq known_cause"), "{summaries:?}");
    assert_eq!(read_text(&bench, "ran").lines().count(), 1);
}

#[test]
fn missing_evidence_skips_until_retry_time() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &["a"]);
    let mut bench = bench("no-evidence", &server.url);
    agent(&mut bench, QUICK_AGENT, "cooldown_hours: 0");
    let config = read_text(&bench, "config.yaml")
        .replace("require_evidence: false", "require_evidence: true");
    bench.configure(&config);
    let raised = bench.run("dlq-poll", &[], "").text();
    bench.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let output = bench.run("dlq-investigate", &[], &raised);
    assert_eq!(summaries(&output.text()), ["skipped orders-dlq no_evidence"]);
    let skipped = &journaled(&bench, "investigation.skipped")[0]["data"];
    assert!(
        skipped["detail"].as_str().unwrap().contains("cannot read queue 'orders-dlq'"),
        "{skipped}"
    );
    assert!(skipped["until"].is_string(), "{skipped}");
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "skipped");
    // The retry waits until the time that the event names.
    assert_eq!(summaries(&bench.run("dlq-investigate", &[], "").text()), Vec::<String>::new());
    let mut later = sessions(&bench);
    later["incidents"][0]["hold"]["until"] = later["sessions"][0]["start_time"].clone();
    std::fs::write(bench.state("sessions.json"), later.to_string()).unwrap();
    bench.set("AWS_ENDPOINT_URL", &server.url);
    let output = bench.run("dlq-investigate", &[], "");
    assert_eq!(summaries(&output.text()), ["started orders-dlq", "completed orders-dlq"]);
}
