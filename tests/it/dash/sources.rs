//! The journal and the state folder while the screen is shown: damage is said, never a crash.

use std::io::Write;
use std::time::Duration;

use dlq::journal::Journal;
use dlq::journal::rotation::Rotation;
use dlq::store::Store;

use super::{INCIDENT, bench, start};
use crate::support::event_lines::{cleared, heartbeat, raised, seconds_ago};
use crate::support::workbench::Bench;

fn append(bench: &Bench, text: &str) {
    let path = bench.state("journal.ndjson");
    let mut file = std::fs::File::options().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn journal_is_followed_over_a_rotation() {
    let bench = bench("dash-rotation");
    let mut pty = start(&bench, "dlq-dash");
    let store = Store::open(&bench.state("")).unwrap();
    let journal = Journal::new(&store, Rotation { size_max: 1, keep: 5, age_max: Duration::MAX });
    for name in ["payments-dlq", "users-dlq"] {
        journal.append(raised(name, name, seconds_ago(1), None).as_bytes()).unwrap();
    }
    assert!(bench.state("journal.ndjson.2.gz").exists());
    pty.wait_for_text("payments-dlq");
    pty.wait_for_text("users-dlq");
    pty.write("q");
    assert!(pty.finish().success());
}

#[test]
fn journal_that_appears_later_is_shown() {
    let bench = Bench::new("dash-later");
    let mut pty = crate::support::pty::Pty::start(&bench, "dlq-dash", 80, 24);
    pty.wait_for("the full screen", |pty| pty.modes() == (true, false));
    bench.write("state/journal.ndjson", raised("orders-dlq", INCIDENT, seconds_ago(60), None));
    pty.wait_for_text("orders-dlq");
    pty.write("q");
    assert!(pty.finish().success());
}

#[test]
fn truncated_journal_is_said_and_read_anew() {
    let bench = bench("dash-truncated");
    let pty = start(&bench, "dlq-dash");
    let newer = raised("p-dlq", "i2", seconds_ago(1), None);
    std::fs::write(bench.state("journal.ndjson"), newer).unwrap();
    pty.wait_for_text("p-dlq");
    pty.wait_for_text("truncated");
}

#[test]
fn line_without_its_end_is_said_until_it_has_one() {
    let bench = bench("dash-half");
    let pty = start(&bench, "dlq-dash");
    let line = raised("payments-dlq", "i2", seconds_ago(1), None);
    append(&bench, &line[..100]);
    pty.wait_for_text("last line");
    append(&bench, &line[100..]);
    pty.wait_for_text("payments-dlq");
    pty.wait_for("no problem", |pty| !pty.text().contains("last line"));
    append(&bench, "half a line\n");
    pty.wait_for_text("1 line");
}

#[test]
fn damaged_document_is_said_until_it_is_mended() {
    let bench = bench("dash-damaged");
    let pty = start(&bench, "dlq-dash");
    bench.write("state/sessions.json", "{\"version\":1,\"sessions\":[");
    pty.wait_for_text("sessions.json");
    bench.write("state/sessions.json", "{\"version\":1,\"sessions\":[]}");
    pty.wait_for("no problem", |pty| !pty.text().contains("sessions.json"));
}

#[test]
fn journal_without_permission_is_said() {
    if rustix::process::geteuid().is_root() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let bench = bench("dash-forbidden");
    let path = bench.state("journal.ndjson");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let pty = crate::support::pty::Pty::start(&bench, "dlq-dash", 80, 24);
    pty.wait_for_text("ermission denied");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    pty.wait_for_text("orders-dlq");
}

/// The line of the raise was rotated away from the journal, and the state of `dlq-poll` has the queue.
#[test]
fn queue_without_a_line_in_the_journal_is_shown() {
    let bench = bench("dash-polled");
    let at = seconds_ago(20);
    let queue = r#"{"name":"users-dlq","url":"u","arn":"arn:aws:sqs:us-east-1:000000000000:users-dlq","region":"us-east-1","account":"0","fifo":false,"sources":[],"profile":null,"endpoint":null}"#;
    let record = format!(
        r#"{{"seq":1,"sampled_at":"{at}","read":["{at}",{{"visible":7,"in_flight":0,"delayed":0}}],"incident":{{"id":"i9","raised_at":"{at}","raised_depth":1,"next_step":9,"tier":null}},"zeros":null,"misses":0,"cohorts":[],"retention_s":345600,"fall":null}}"#
    );
    let document = |entries: &str| {
        format!(
            r#"{{"version":1,"floor":1,"rounds":{{"all":"{}"}},"queues":{{{entries}}}}}"#,
            seconds_ago(0)
        )
    };
    let entry = format!(
        r#""arn:aws:sqs:us-east-1:000000000000:users-dlq":{{"queue":{queue},"record":{record}}}"#
    );
    bench.write("state/queues.json", document(&entry));
    let once = bench.shell("dlq-dash --once </dev/null").text();
    assert!(once.contains("users-dlq") && once.contains("2 raised"), "{once}");
    let mut pty = start(&bench, "dlq-dash");
    pty.wait_for("the queue with its depth", |pty| {
        pty.text().lines().any(|line| line.contains("users-dlq") && line.contains(" 7 "))
    });
    pty.write("4");
    pty.wait_for_text("users-dlq");
    pty.write("1");
    bench.write("state/queues.json", document(""));
    pty.wait_for_text("1 raised, 1 quiet");
    bench.write("state/queues.json", "{");
    pty.wait_for_text("queues.json");
}

/// A session runs by its record, and nobody holds the lock of its supervisor.
#[test]
fn session_with_dead_supervisor_is_crashed() {
    let bench = bench("dash-crashed");
    let session = r#"{"id":"5e551011-0000","incident":"1f2e3d4c-0000-8000-8000-000000000001","queue_name":"orders-dlq","queue":{"name":"orders-dlq","url":"u","arn":"arn:aws:sqs:us-east-1:000000000000:orders-dlq","region":"us-east-1","account":"0","fifo":false,"sources":[],"profile":null,"endpoint":null},"status":"running","pid":1,"start_time":"2026-11-22T19:57:32Z","timeout_at":"2026-11-22T20:57:32Z","ended_at":null,"cooldown_until":null,"printed":0}"#;
    bench.write("state/sessions.json", format!("{{\"version\":1,\"sessions\":[{session}]}}"));
    bench.write("state/sessions/5e551011-0000/supervisor.lock", "");
    let pty = start(&bench, "dlq-dash --view investigations");
    pty.wait_for_text("crashed");
}

#[test]
fn cleared_incident_leaves_the_screen_as_the_stream_says() {
    let bench = bench("dash-cleared");
    let pty = start(&bench, "dlq-dash");
    append(&bench, &cleared("orders-dlq", INCIDENT, seconds_ago(0)));
    append(&bench, &heartbeat(seconds_ago(0)));
    pty.wait_for("the news", |pty| pty.text().contains("empty again"));
}
