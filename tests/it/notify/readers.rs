//! Readers of the stream that leave, or that hang.

use std::io::Write;
use std::process::Stdio;

use crate::support::event_lines::heartbeat;
use crate::support::workbench::{Bench, event, wait_for};

/// Returns the line of an event about a queue of its own.
fn odd(n: usize) -> String {
    event("queue.odd", &format!("id-{n}"), "ERROR", "").replace("orders-dlq", &format!("q{n}-dlq"))
}

#[test]
fn events_that_passed_are_judged_when_the_reader_leaves() {
    let mut bench = Bench::new("reader-leaves");
    bench.configure(
        "notifications: {heartbeat_rounds: 0, channels: {c: {type: exec, command: [/bin/true], \
         rate: 1000/s}}}",
    );
    let round = heartbeat(dlq::clock::now());
    let lines = (0..900).map(|n| if n % 30 == 29 { odd(n) + &round } else { odd(n) });
    bench.write("lines", lines.collect::<String>());
    let output = bench.shell(
        "{ dlq-notify --json --drain 1s < lines; echo \"status $?\" >&2; } | head -n 600 > read",
    );
    assert!(output.stderr.ends_with("status 0\n"), "{}", output.stderr);
    assert!(output.stderr.lines().count() <= 2, "{}", output.stderr);
    let read = std::fs::read_to_string(bench.path("read")).unwrap();
    let passed: Vec<&str> = read.lines().filter(|line| line.contains("\"queue.odd\"")).collect();
    assert!(passed.len() > 100, "{} lines", passed.len());
    let again = bench.run("dlq-notify", &["-v", "--drain", "1s"], passed.join("\n") + "\n");
    assert_eq!(again.stderr.matches("was judged before").count(), passed.len(), "{}", again.stderr);
}

#[test]
fn notices_are_sent_while_the_reader_hangs() {
    let mut bench = Bench::new("reader-hangs");
    let told = bench.stub("told", "#!/bin/sh\necho told >> \"${0%/*}/../called\"\n");
    bench.configure(&format!(
        "notifications: {{channels: {{c: {{type: exec, command: [{}], rate: 1/s}}}}}}",
        told.display()
    ));
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = bench.command("dlq-notify", &["--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(writer).spawn().unwrap();
    drop(command);
    let mut input = child.stdin.take().unwrap();
    // The last line is more than the pipe takes, and nobody reads.
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(200_000));
    input.write_all((odd(1) + &odd(2) + &odd(3) + &long).as_bytes()).unwrap();
    let calls =
        || std::fs::read_to_string(bench.path("called")).map_or(0, |text| text.lines().count());
    wait_for("all are told", || calls() == 3);
    drop((input, reader));
    child.wait().unwrap();
}
