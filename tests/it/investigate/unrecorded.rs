//! Sessions that started and were not recorded, because the filter was killed in between.

use std::collections::BTreeSet;
use std::time::Duration;

use dlq::store::{Lock, is_locked};

use crate::support::event_lines::{cleared, heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    agent, assert_no_process_left, investigate, own_events, read_text, sessions, summaries,
};
use crate::support::workbench::{Bench, arguments_of, is_alive, processes_of, signal, wait_for};

/// Agent that records its queue and has a result once the file `open` exists; it ends after a
/// minute when a test has failed.
const GATED_AGENT: &str = r#"echo "$DLQ_QUEUE" >> "@/ran"
tries=0
until [ -e "@/open" ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
echo '{"status":"likely"}'"#;

/// Returns whether a process has a file of this name open.
fn has_open(pid: i32, name: &str) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut paths = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    paths.any(|path| path.file_name().is_some_and(|file| file == name))
}

/// Kills a filter with SIGKILL between the start of a supervisor and its record, and returns the id
/// of the session.
///
/// The test holds the lock of the journal. The filter needs that lock for an event, and writes the
/// document only after it; the supervisor waits for the document. With `kill_supervisor` the
/// supervisor is killed first.
fn kill_filter_before_record(bench: &mut Bench, input: &str, kill_supervisor: bool) -> String {
    // The filter has an event about a second queue, for which there is no slot.
    let config = read_text(bench, "config.yaml").replace("max_concurrent: 8", "max_concurrent: 1");
    bench.configure(&config);
    std::fs::create_dir_all(bench.state("")).unwrap();
    let journal = Lock::wait(&bench.state("journal.lock")).unwrap();
    let mut filter = bench.start("dlq-investigate", &[]);
    filter.write(format!(
        "{input}{}{}",
        raised("waits", "w", seconds_ago(0), None),
        heartbeat(seconds_ago(0))
    ));
    let folder = bench.state("sessions");
    let started = || {
        let mut found = std::fs::read_dir(&folder).ok()?.flatten();
        let entry =
            found.find(|entry| is_locked(&entry.path().join("supervisor.lock")).unwrap())?;
        Some(entry.file_name().into_string().unwrap())
    };
    wait_for("the supervisor holds its lock", || started().is_some());
    // The filter is now past the start, and before the record.
    wait_for("the filter waits for the journal", || has_open(filter.pid(), "journal.lock"));
    let session = started().unwrap();
    if kill_supervisor {
        let mut all = Vec::new();
        // A child of the supervisor has its arguments until it executes its own program.
        wait_for("one process is the supervisor", || {
            all = processes_of(bench);
            all.retain(|pid| arguments_of(*pid).contains(&format!("run {session}")));
            all.len() == 1
        });
        signal("KILL", all[0]);
        wait_for("the supervisor has ended", || !is_alive(all[0]));
    }
    filter.kill();
    drop(journal);
    // The supervisor may have created the document by now.
    let recorded = sessions(bench)["sessions"].as_array().map_or(0, Vec::len);
    assert_eq!(recorded, 0, "nothing is recorded");
    session
}

/// Fails unless the next run has adopted the session: reported once and recorded.
fn assert_adopted(bench: &Bench, session: &str, output: &str) {
    let mut messages = summaries(output);
    messages.retain(|message| message.ends_with(" orders"));
    assert_eq!(messages, ["started orders", "completed orders"]);
    assert_eq!(read_text(bench, "ran").matches("orders\n").count(), 1, "the agent ran once");
    let document = sessions(bench);
    let recorded = document["sessions"].as_array().unwrap();
    let of_orders: Vec<_> =
        recorded.iter().filter(|session| session["queue_name"] == "orders").collect();
    assert_eq!(of_orders.len(), 1, "{document}");
    assert_eq!(
        (&of_orders[0]["id"], &of_orders[0]["status"]),
        (&session.into(), &"completed".into())
    );
    assert!(of_orders[0]["cooldown_until"].is_string(), "{document}");
    // The journal may repeat an event whose record was lost, with the same id.
    let journal = own_events(&read_text(bench, "state/journal.ndjson"));
    let of_session = journal.iter().filter(|event| event["data"]["session"] == session);
    let ids: BTreeSet<&str> = of_session.map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{journal:?}");
}

/// Returns an incident that loses messages in a minute.
fn raised_near_loss() -> String {
    raised("orders", "i", seconds_ago(0), Some(seconds_ago(0).plus(Duration::from_secs(60))))
}

#[test]
fn unrecorded_session_is_adopted_while_it_runs() {
    let mut bench = Bench::new("adopted");
    agent(&mut bench, GATED_AGENT, "");
    let input = raised_near_loss();
    let session = kill_filter_before_record(&mut bench, &input, false);
    wait_for("the agent runs", || read_text(&bench, "ran") == "orders\n");
    let first = investigate(&bench, &["--no-wait"], &input).text();
    assert_eq!(read_text(&bench, "ran"), "orders\n");
    bench.write("open", "");
    // The supervisor records the session after its last event.
    assert_no_process_left(&bench);
    assert!(read_text(&bench, "state/journal.ndjson").contains("n.completed"));
    let second = investigate(&bench, &[], &input).text();
    assert_adopted(&bench, &session, &(first + &second));
    assert_eq!(investigate(&bench, &[], &input).text(), input, "reported once");
    assert_no_process_left(&bench);
}

#[test]
fn unrecorded_session_is_adopted_after_its_end() {
    let mut bench = Bench::new("ended");
    agent(&mut bench, GATED_AGENT, "");
    bench.write("open", "");
    let input = raised_near_loss();
    let session = kill_filter_before_record(&mut bench, &input, false);
    assert_no_process_left(&bench);
    assert!(read_text(&bench, "state/journal.ndjson").contains("n.completed"));
    let first = investigate(&bench, &[], &input).text();
    assert_adopted(&bench, &session, &first);
    assert_eq!(investigate(&bench, &[], &input).text(), input, "reported once");
    assert_no_process_left(&bench);
}

#[test]
fn unrecorded_session_without_events_is_started_again() {
    let mut bench = Bench::new("silent");
    agent(&mut bench, GATED_AGENT, "");
    bench.write("open", "");
    let input = raised_near_loss();
    let session = kill_filter_before_record(&mut bench, &input, true);
    assert_no_process_left(&bench);
    assert_eq!(read_text(&bench, "ran"), "", "it had not begun");
    let first = investigate(&bench, &[], &input).text();
    assert_adopted(&bench, &session, &first);
    assert_no_process_left(&bench);
}

#[test]
fn unrecorded_session_keeps_its_concurrency_slot() {
    let mut bench = Bench::new("place");
    agent(&mut bench, GATED_AGENT, "");
    let loss = |seconds| Some(seconds_ago(0).plus(Duration::from_secs(seconds)));
    let input = raised("orders", "i", seconds_ago(0), loss(600));
    let session = kill_filter_before_record(&mut bench, &input, false);
    wait_for("the agent runs", || read_text(&bench, "ran") == "orders\n");
    // There is one slot, and this incident is nearer to its loss.
    let input = input + &raised("sooner", "s", seconds_ago(0), loss(60));
    let first = investigate(&bench, &["--no-wait"], &input).text();
    assert!(summaries(&first).contains(&"skipped sooner max_concurrent".into()), "{first}");
    assert!(!summaries(&first).contains(&"started sooner".into()), "{first}");
    bench.write("open", "");
    let second = investigate(&bench, &[], &input).text();
    assert_eq!(read_text(&bench, "ran"), "orders\nsooner\n");
    assert_adopted(&bench, &session, &(first + &second));
    assert_no_process_left(&bench);
}

#[test]
fn unrecorded_session_is_reported_after_incident_cleared() {
    let mut bench = Bench::new("closed");
    agent(&mut bench, GATED_AGENT, "");
    bench.write("open", "");
    let input = raised_near_loss();
    let session = kill_filter_before_record(&mut bench, &input, false);
    assert_no_process_left(&bench);
    let input = input + &cleared("orders", "i", seconds_ago(0));
    let first = investigate(&bench, &[], &input).text();
    assert_adopted(&bench, &session, &first);
    assert_eq!(investigate(&bench, &[], &input).text(), input, "reported once");
    assert_no_process_left(&bench);
}
