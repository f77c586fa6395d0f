//! `dlq-status --watch`: what is new appears, the terminal stays as it was, and each end is the
//! documented one.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;

use serde_json::{Value, json};

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::pty::Pty;
use crate::support::workbench::{Bench, signal};

/// Returns a bench whose journal has an incident of `orders-dlq`.
fn bench(name: &str) -> Bench {
    let bench = Bench::new(name);
    let lines = raised("orders-dlq", "inc-1", seconds_ago(600), None) + &heartbeat(seconds_ago(5));
    bench.write("state/journal.ndjson", lines);
    bench
}

/// Adds an incident of another queue to the journal.
fn add(bench: &Bench, queue: &str) {
    let line = raised(queue, &format!("inc-{queue}"), seconds_ago(3), None);
    let mut journal = OpenOptions::new().append(true).open(bench.state("journal.ndjson")).unwrap();
    journal.write_all(line.as_bytes()).unwrap();
}

#[test]
fn line_is_printed_for_each_change() {
    let bench = bench("watch-lines");
    let mut watch = bench.start("dlq-status", &["queues", "--watch", "--json"]);
    let names = |line: String| -> Value {
        let all: Value = serde_json::from_str(&line).unwrap();
        let names = all["queues"].as_array().unwrap().iter().map(|one| one["queue"].clone());
        names.collect()
    };
    assert_eq!(names(watch.line()), json!(["orders-dlq"]));
    add(&bench, "stock-dlq");
    assert_eq!(names(watch.line()).as_array().unwrap().len(), 2);
    signal("TERM", watch.pid());
    let output = watch.finish();
    assert_eq!(output.status.signal(), Some(15), "{output:?}");
    assert!(output.text().is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn closed_reader_ends_it_with_status_0() {
    let bench = bench("watch-pipe");
    for args in ["", "queues", "incidents --json", "--json"] {
        let line = format!("set -o pipefail; dlq-status {args} --watch | head -n 1");
        let output = bench.run("bash", &["-c", &line], "");
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{args}");
        assert_eq!(output.text().lines().count(), 1);
    }
}

#[test]
fn terminal_shows_the_newest_state_and_stays_as_it_was() {
    let bench = bench("watch-terminal");
    for (args, shown) in [("queues", "orders-dlq"), ("", "nothing is known yet")] {
        let line = format!("trap : INT; dlq-status {args} --watch; echo \"status $?\"");
        let mut pty = Pty::start(&bench, &line, 80, 12);
        let before = format!("{:?}", pty.termios());
        pty.wait_for_text(shown);
        if args == "queues" {
            add(&bench, "stock-dlq");
            pty.wait_for_text("stock-dlq");
        }
        assert_eq!(pty.text().matches(shown).count(), 1, "{}", pty.text());
        pty.resize(60, 10);
        pty.wait_for("a frame of the new size", |pty| pty.text().matches(shown).count() == 1);
        assert_eq!(pty.modes(), (false, true), "no other screen, and a cursor");
        assert_eq!(format!("{:?}", pty.termios()), before);
        pty.write("\u{3}");
        pty.wait_for_text("status 130");
        assert!(pty.text().contains(shown), "the last frame stays:\n{}", pty.text());
        pty.finish();
    }
}

/// Elsewhere than on a terminal: within three seconds, of readings that find nothing new, one frame.
#[test]
fn frame_is_printed_once_while_only_ages_change() {
    let bench = bench("watch-unchanged");
    let state = serde_json::json!({"version": 1, "floor": 0, "rounds": {}, "failures": {}, "gone": {}, "queues": {}});
    bench.write("state/queues.json", state.to_string());
    let forms = ["", "queues", "incidents", "--json", "queues --json"];
    let run =
        |(n, form): (usize, &str)| format!("timeout 3.4 dlq-status {form} --watch > out{n} &");
    let runs: String = forms.iter().copied().enumerate().map(run).collect();
    bench.shell(&format!("{runs} wait"));
    for (n, form) in forms.iter().enumerate() {
        let told = std::fs::read_to_string(bench.path(&format!("out{n}"))).unwrap();
        let words: Vec<&str> = form.split_whitespace().collect();
        let once = bench.run("dlq-status", &words, "").text();
        for mark in ["orders-dlq", "incidents: ", "\"incidents\"", "\"queues\""] {
            let (shown, expected) = (told.matches(mark).count(), once.matches(mark).count());
            assert_eq!(shown, expected, "'{form}', {mark}: {told}");
        }
        assert!(!told.is_empty(), "'{form}'");
    }
}

#[test]
fn frames_for_people_have_an_empty_line_between() {
    let bench = bench("watch-frames");
    let mut watch = bench.start("dlq-status", &["queues", "--watch"]);
    let mut until = |text: &str| {
        let mut lines: Vec<String> = Vec::new();
        while !lines.iter().any(|line| line.contains(text)) {
            lines.push(watch.line());
        }
        lines
    };
    until("orders-dlq");
    add(&bench, "stock-dlq");
    let second = until("stock-dlq");
    assert!(second.iter().any(|line| line.trim().is_empty()), "{second:?}");
    assert_eq!(second.iter().filter(|line| line.contains("orders-dlq")).count(), 1, "{second:?}");
    signal("TERM", watch.pid());
    watch.finish();
}
