//! Filter `dlq-investigate`: lines that pass, sessions that start, their order and their events.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;

use crate::support::event_lines::{cleared, grew, heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, own_events, read_text, sessions,
    summaries,
};
use crate::support::workbench::{Bench, Running, event, signal, wait_for};

/// Agent that records its queue and has a result once the file `open` exists.
const GATED_AGENT: &str = r#"echo "$DLQ_QUEUE" >> "@/ran"
while [ ! -e "@/open" ]; do sleep 0.02; done
echo '{"status":"likely"}'"#;

fn count_started(bench: &Bench) -> usize {
    read_text(bench, "state/journal.ndjson").matches("\"investigation.started\"").count()
}

#[test]
fn exit_status_0_without_result_is_failure() {
    let mut bench = Bench::new("outcomes");
    let body = r#"case $DLQ_QUEUE in
well) printf 'thinking\n%s\n\n' '{"status":"confirmed","title":"t","cost_usd":1.5,"turns":4}' ;;
claims) echo "Investigation completed. I need Bash permissions" ;;
silent) exit 0 ;;
status) echo '{"status":"confirmed"}'; exit 3 ;;
signal) kill -KILL $$ ;;
absent) exit 127 ;;
esac"#;
    agent(&mut bench, body, "");
    let now = seconds_ago(0);
    let names = ["well", "claims", "silent", "status", "signal", "absent"];
    let input: String =
        names.iter().map(|name| raised(name, &format!("i-{name}"), now, None)).collect();
    let output = investigate(&bench, &[], &input);
    let mut summaries = summaries(&output.text());
    summaries.retain(|message| !message.starts_with("started"));
    summaries.sort();
    assert_eq!(
        summaries,
        [
            "completed well",
            "failed absent could_not_start",
            "failed claims no_result",
            "failed signal signal",
            "failed silent no_result",
            "failed status exit_status",
        ]
    );
    let own_events = own_events(&output.text());
    let well = own_events.iter().find(|message| message["type"] == "investigation.completed");
    let data = &well.unwrap()["data"];
    assert_eq!((&data["cost_usd"], &data["turns"]), (&1.5.into(), &4.into()));
    assert_eq!(data["verdict"]["title"], "t");
    let report = std::fs::read_to_string(data["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("- Status: confirmed, "), "{report}");
    // An agent that never ran starts no cooldown; all others do.
    for session in sessions(&bench)["sessions"].as_array().unwrap() {
        let cools = !session["cooldown_until"].is_null();
        assert_eq!(cools, session["queue_name"] != "absent", "{session}");
    }
    assert_no_process_left(&bench);
}

/// Each message about an incident names it, also the one that a session is started.
#[test]
fn start_of_a_session_is_logged_with_its_incident() {
    let mut bench = Bench::new("start-logged");
    agent(&mut bench, QUICK_AGENT, "");
    let input = raised("orders", "aaaaaaaa-1", seconds_ago(0), None);
    let output = bench.run("dlq-investigate", &["-v", "--log-format", "json"], &input);
    assert_eq!(output.code(), 0, "{output:?}");
    let session = sessions(&bench)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let about = output.stderr.lines().find(|line| line.contains("is started")).unwrap();
    assert!(about.contains(&session), "{about}");
    assert!(about.contains("\"incident\":\"aaaaaaaa-1\""), "{about}");
}

#[test]
fn missing_agent_starts_no_cooldown() {
    let mut bench = Bench::new("missing-agent");
    bench.configure(
        "auto_investigation: {enabled: true, target_queues: ['*'], \
                     require_evidence: false, agent: [an-agent]}",
    );
    let now = seconds_ago(0);
    let output = investigate(&bench, &[], raised("orders", "i", now, None) + &heartbeat(now));
    assert_eq!(summaries(&output.text()), ["skipped orders agent_missing"]);
    assert_eq!(sessions(&bench)["sessions"].as_array().unwrap().len(), 0);
    // The skip is reported once, however often the incident is judged.
    assert_eq!(investigate(&bench, &[], "").text(), "");
    bench.stub("an-agent", &format!("#!/bin/sh\n{QUICK_AGENT}\n"));
    let output = investigate(&bench, &[], "");
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    assert_no_process_left(&bench);
}

#[test]
fn cooldown_outlives_process() {
    let mut bench = Bench::new("cooldown");
    agent(&mut bench, QUICK_AGENT, "cooldown_hours: 1");
    let now = seconds_ago(0);
    let output = investigate(&bench, &[], raised("orders", "first", now, None));
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    // The next process gets another incident of the same queue, and one of another queue.
    let input = [
        cleared("orders", "first", seconds_ago(0)),
        raised("orders", "second", seconds_ago(0), None),
        raised("others", "third", seconds_ago(0), None),
    ];
    let output = investigate(&bench, &[], input.concat());
    assert_eq!(
        summaries(&output.text()),
        ["skipped orders cooldown", "started others", "completed others"]
    );
    let skipped = own_events(&output.text()).remove(0);
    let until = skipped["data"]["until"].as_str().unwrap();
    let until = dlq::time::Timestamp::parse(until).unwrap();
    let left = until.since(seconds_ago(0)).as_secs();
    assert!((3000..=3600).contains(&left), "{skipped}");
    // A wild timestamp ends no cooldown, and the reason is not repeated.
    let wild = dlq::time::Timestamp::parse("2099-01-01T00:00:00Z").unwrap();
    let input = raised("odd", "odd", wild, None) + &cleared("odd", "odd", wild) + &heartbeat(wild);
    assert_eq!(summaries(&investigate(&bench, &[], input).text()), [""; 0]);
    assert_eq!(count_started(&bench), 2);
    assert_no_process_left(&bench);
}

#[test]
fn queue_has_one_investigation_at_a_time() {
    let mut bench = Bench::new("one");
    agent(&mut bench, GATED_AGENT, "cooldown_hours: 0");
    let now = seconds_ago(0);
    let first = investigate(&bench, &["--no-wait"], raised("orders", "first", now, None));
    assert!(summaries(&first.text()).iter().all(|message| message == "started orders"));
    let second = raised("orders", "second", now, None);
    let output = investigate(&bench, &["--no-wait"], &second);
    let summaries: Vec<String> = summaries(&(first.text() + &output.text()));
    assert!(summaries.contains(&"skipped orders already_running".to_owned()), "{summaries:?}");
    wait_for("the agent runs, once", || read_text(&bench, "ran") == "orders\n");
    bench.write("open", "");
    assert_no_process_left(&bench);
}

#[test]
fn untargeted_and_disabled_queues_are_skipped_once() {
    let mut bench = Bench::new("never");
    agent(&mut bench, QUICK_AGENT, "");
    let with = read_text(&bench, "config.yaml");
    let input = raised("orders", "i", seconds_ago(0), None)
        + &heartbeat(seconds_ago(0))
        + &heartbeat(seconds_ago(0));
    bench.configure(&with.replace("[\"*\"]", "[\"payments-*\"]"));
    let output = investigate(&bench, &[], &input);
    assert_eq!(summaries(&output.text()), ["skipped orders not_targeted"]);
    bench.configure(&with.replace("enabled: true", "enabled: false"));
    let output = investigate(&bench, &[], &input);
    assert_eq!(summaries(&output.text()), ["skipped orders disabled"]);
    assert_eq!(investigate(&bench, &[], &input).text(), input);
    assert_eq!(count_started(&bench), 0);
}

#[test]
fn finished_incident_is_reinvestigated_only_after_growth() {
    let mut bench = Bench::new("grew");
    agent(&mut bench, QUICK_AGENT, "cooldown_hours: 0");
    let first = raised("orders", "i", seconds_ago(60), None);
    investigate(&bench, &[], &first);
    // A replay of the journal with heartbeats starts nothing.
    let again = first.clone() + &heartbeat(seconds_ago(0));
    assert_eq!(investigate(&bench, &[], &again).text(), again);
    let more = grew("orders", "i", seconds_ago(30));
    let output = investigate(&bench, &[], again.clone() + &more);
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    let output = investigate(&bench, &[], again.clone() + &more);
    assert_eq!(output.text(), again + &more);
    assert_eq!(count_started(&bench), 2);
    assert_no_process_left(&bench);
}

#[test]
fn replayed_raise_of_cleared_incident_starts_nothing() {
    let mut bench = Bench::new("old");
    agent(&mut bench, QUICK_AGENT, "cooldown_hours: 0");
    let day = [
        raised("orders", "i", seconds_ago(90), None),
        grew("orders", "i", seconds_ago(80)),
        cleared("orders", "i", seconds_ago(70)),
        heartbeat(seconds_ago(60)),
    ];
    investigate(&bench, &[], day.concat());
    investigate(&bench, &[], [&day[0], &day[1], &day[3]].map(String::as_str).concat());
    assert_eq!(count_started(&bench), 0);
}

#[test]
fn replayed_heartbeat_starts_nothing_before_end_of_stream() {
    let mut bench = Bench::new("stale");
    agent(&mut bench, QUICK_AGENT, "");
    let mut running = bench.start("dlq-investigate", &[]);
    let hours = 2 * 3600;
    running.write(
        raised("orders", "a", seconds_ago(hours), None)
            + &raised("users", "b", seconds_ago(hours), None),
    );
    running.write(heartbeat(seconds_ago(hours)) + &heartbeat(seconds_ago(310)));
    for _ in 0..4 {
        running.line();
    }
    // The filter has read the heartbeats when this later line has passed.
    running.write(cleared("orders", "a", seconds_ago(hours - 60)));
    running.line();
    assert!(!bench.state("sessions").exists(), "something was started");
    let output = running.finish();
    assert_eq!(summaries(&output.text()), ["started users", "completed users"]);
    assert_no_process_left(&bench);
}

#[test]
fn running_agent_delays_neither_stream_nor_ctrl_c() {
    let mut bench = Bench::new("prompt");
    agent(&mut bench, GATED_AGENT, "");
    let mut command = bench.command("dlq-investigate", &[]);
    let mut running = Running::spawn(command.process_group(0).stdin(Stdio::piped()));
    running.write(raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0)));
    let seen: Vec<String> = (0..3).map(|_| running.line()).collect();
    assert_eq!(summaries(&seen.concat()), ["started orders"]);
    // The agent waits for the file, so all of these lines pass while it runs.
    for n in 0..50 {
        let line = event("queue.polled", &format!("p{n}"), "DEBUG", "");
        running.write(&line);
        assert_eq!(running.line(), line);
    }
    wait_for("the agent runs", || read_text(&bench, "ran") == "orders\n");
    signal("INT", -running.pid());
    let output = running.finish();
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    // The session continues, and the next run prints its end.
    bench.write("open", "");
    wait_for("the end is recorded", || sessions(&bench)["sessions"][0]["status"] == "completed");
    let output = investigate(&bench, &[], "");
    assert_eq!(summaries(&output.text()), ["completed orders"]);
    assert_no_process_left(&bench);
}

#[test]
fn other_programs_start_no_investigation() {
    let mut bench = Bench::new("status");
    agent(&mut bench, r#"echo ran >> "@/ran""#, "cooldown_hours: 0");
    let open = raised("orders", "i", seconds_ago(0), None);
    investigate(&bench, &["--dry-run"], &open);
    bench.write("state/journal.ndjson", &open);
    let journal = read_text(&bench, "state/journal.ndjson");
    bench.run("dlq-log", &["--since", "1h"], "");
    bench.run("dlq-notify", &["--dry-run"], open.clone() + &heartbeat(seconds_ago(0)));
    bench.run("dlq-notify", &[], open + &heartbeat(seconds_ago(0)));
    assert_eq!(read_text(&bench, "ran"), "");
    assert!(!bench.state("sessions").exists() && !bench.state("sessions.json").exists());
    assert_eq!(read_text(&bench, "state/journal.ndjson"), journal);
    assert_no_process_left(&bench);
}

#[test]
fn conflicting_options_are_refused() {
    let mut bench = Bench::new("after-dry");
    agent(&mut bench, "echo '{\"status\":\"likely\"}'", "");
    let wrong: [&[&str]; 5] = [
        &["-n", "--retry", "orders"],
        &["-n", "--resume", "x"],
        &["--dry-run", "--stop", "x"],
        &["--retry", "a", "--stop", "b"],
        &["--explain", "a", "--resume", "b"],
    ];
    for options in wrong {
        let output = bench.run("dlq-investigate", options, "");
        assert_eq!((output.code(), output.stdout.len()), (2, 0), "{options:?}");
        assert!(
            output.stderr.contains("cannot be combined with"),
            "{options:?}: {}",
            output.stderr
        );
    }
    assert!(!bench.state("sessions.json").exists());
}

#[test]
fn unread_events_are_printed_by_next_run() {
    let mut bench = Bench::new("reader");
    agent(&mut bench, QUICK_AGENT, "");
    let first = investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
    wait_for("the end", || sessions(&bench)["sessions"][0]["status"] == "completed");
    let before = summaries(&first.text());
    let mut filter = bench.command("dlq-investigate", &[]);
    let filter = filter.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = filter.spawn().unwrap();
    drop(running.stdout.take());
    drop(running.stdin.take());
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let after = summaries(&investigate(&bench, &[], "").text());
    assert_eq!([before, after].concat(), ["started orders", "completed orders"]);
    assert_eq!(investigate(&bench, &[], "").text(), "", "printed once");
}
