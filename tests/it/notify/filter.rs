//! Filter `dlq-notify`: lines that pass, notices that are sent, and the log of sent notices.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;
use std::time::{Duration, Instant};

use dlq::store::Lock;

use crate::support::event_lines::{heartbeat, unusual_lines};
use crate::support::investigate::assert_no_process_left;
use crate::support::workbench::{Bench, Running, event, is_alive, processes_of, signal, wait_for};

const DESKTOP: &str =
    "notifications: {channels: {console: {type: console}, desk: {type: desktop}}}";

/// Notifier that records its arguments.
const RECORDING_NOTIFIER: &str = "#!/bin/sh\nprintf '%s\\n' \"$*\" >> \"${0%/*}/../called\"\n";

fn notifier_calls(bench: &Bench) -> usize {
    std::fs::read_to_string(bench.path("called"))
        .map_or(0, |text| text.matches("--app-name").count())
}

fn error_lines(count: usize) -> String {
    (0..count).map(|n| event("queue.odd", &format!("id-{n}"), "ERROR", "")).collect()
}

#[test]
fn lines_pass_unchanged() {
    let output = Bench::new("pass").run("dlq-notify", &[], unusual_lines());
    assert_eq!((output.code(), output.text(), output.stderr.as_str()), (0, unusual_lines(), ""));
}

#[test]
fn closed_stdout_ends_quietly() {
    let bench = Bench::new("pipe");
    let line = event("queue.polled", "i", "DEBUG", "");
    bench.write("line", &line);
    let output =
        bench.shell("yes \"$(cat line)\" | { dlq-notify; echo \"status $?\" >&2; } | head -1");
    assert_eq!(output.text(), line);
    assert_eq!(output.stderr, "status 0\n");
}

#[test]
fn sent_log_is_written_when_stdout_is_closed() {
    let bench = Bench::new("pipe-record");
    bench.write("lines", event("queue.odd", "one", "ERROR", ""));
    bench.shell("dlq-notify < lines | true");
    let again = bench.run("dlq-notify", &[], event("queue.odd", "one", "ERROR", ""));
    assert_eq!(again.stderr, "");
}

#[test]
fn line_is_passed_before_next_arrives() {
    let bench = Bench::new("prompt");
    let mut running = bench.start("dlq-notify", &[]);
    for n in 0..5 {
        let line = event("queue.polled", &format!("{n}"), "DEBUG", "");
        running.write(&line);
        assert_eq!(running.line(), line);
    }
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn console_prints_each_error_once() {
    let bench = Bench::new("console");
    let data = r#","incident":"1f2e3d4c-aaaa-8bbb-8ccc-0123456789ab","data":{"queue":{"name":"orders-dlq","url":"","arn":"","region":"","account":"","fifo":false,"sources":[],"profile":null,"endpoint":null},"depth":12,"visible":12,"in_flight":0,"delayed":0,"previous":null,"threshold":1,"retention_s":null,"expires_after":null,"expires_before":null}"#;
    let input = [
        event("queue.polled", "a", "DEBUG", ""),
        event("queue.raised", "b", "ERROR", data),
        event("queue.raised", "b", "ERROR", data),
        event("notice.failed", "c", "ERROR", ""),
    ]
    .concat();
    let first = bench.run("dlq-notify", &["-n"], &input);
    let notice = "ERROR orders-dlq: 12 messages, loss time unknown: dlq-log --incident 1f2e3d4c\n";
    assert_eq!(first.stderr, format!("19:57Z {notice}"));
    assert!(!bench.state("notices.json").exists(), "a dry run records nothing");

    let second = bench.run("dlq-notify", &[], &input);
    assert!(second.stderr.ends_with(notice), "{}", second.stderr);
    assert_eq!((second.stderr.lines().count(), second.code()), (1, 0));
    // A crash is followed by a replay of the journal.
    let third = bench.run("dlq-notify", &[], &input);
    assert_eq!((third.stderr.as_str(), third.text()), ("", input));
    let memory = std::fs::read_to_string(bench.state("notices.json")).unwrap();
    let start =
        r#"{"version":1,"handled":[{"channel":"console","source":"test","event":"b","at":""#;
    assert!(memory.starts_with(start), "{memory}");
}

#[test]
fn sent_log_that_does_not_parse_is_fatal_and_kept() {
    let bench = Bench::new("garbage");
    bench.write("state/notices.json", "{\"version\":1,\"handled\":[garbage");
    let output = bench.run("dlq-notify", &[], error_lines(1));
    assert_eq!(output.code(), 1);
    assert!(
        output.stderr.contains("notices.json") && output.stderr.contains("byte 24"),
        "{}",
        output.stderr
    );
    let bundle_messages = std::fs::read_to_string(bench.state("notices.json")).unwrap();
    assert_eq!(bundle_messages, "{\"version\":1,\"handled\":[garbage");
}

#[test]
fn color_is_used_only_on_request() {
    let bench = Bench::new("colour");
    let plain = bench.run("dlq-notify", &["-n"], error_lines(1));
    assert!(!plain.stderr.contains('\u{1b}'), "{}", plain.stderr);
    let bright = bench.run("dlq-notify", &["-n", "--color", "always"], error_lines(1));
    assert!(bright.stderr.contains("\u{1b}[1;31mERROR\u{1b}[0m"), "{}", bright.stderr);
}

#[test]
fn control_characters_are_escaped_in_notices() {
    let bench = Bench::new("hostile");
    let evil = "\\u001b[2J\\u001b]52;c;aGk=\\u0007\\u202e\\u009b31m";
    let line = event("queue.odd", "x", "ERROR", "").replace("orders-dlq", evil);
    let output = bench.run("dlq-notify", &["-n"], &line);
    assert!(output.stderr.contains("\\u{1b}[2J"), "{}", output.stderr);
    let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!output.stderr.chars().any(steers), "{:?}", output.stderr);
    assert_eq!(output.text(), line);
}

#[test]
fn missing_notifier_warns_once_and_lines_pass() {
    let mut bench = Bench::new("missing");
    bench.configure(DESKTOP);
    bench.set("PATH", bench.path("nothing-here"));
    let output = bench.run("dlq-notify", &["--drain", "1s"], error_lines(3));
    assert_eq!(output.code(), 0, "{}", output.stderr);
    let missing = "'desk', will be tried again: there is no program";
    assert_eq!(output.stderr.matches(missing).count(), 1, "{}", output.stderr);
    let waiting = "3 notices wait in the outbox; the next run sends them";
    assert!(output.stderr.contains(waiting), "{}", output.stderr);
    assert!(!output.text().contains("\"notice."), "{}", output.text());
    // The events were not sent, so they are sent once a notifier exists.
    bench.set("PATH", std::env::var("PATH").unwrap());
    for program in ["notify-send", "osascript"] {
        bench.stub(program, RECORDING_NOTIFIER);
    }
    let output = bench.run("dlq-notify", &[], error_lines(3));
    assert_eq!(output.text().matches("\"notice.sent\"").count(), 3, "{}", output.text());
    assert_eq!(any_notifier_calls(&bench), 3);
}

fn any_notifier_calls(bench: &Bench) -> usize {
    let text = std::fs::read_to_string(bench.path("called")).unwrap_or_default();
    text.matches("--app-name").count() + text.matches("on run argv").count()
}

#[test]
fn failing_notifier_leaves_notices_in_the_outbox() {
    let mut bench = Bench::new("failing");
    bench.configure(DESKTOP);
    bench.stub("notify-send", "#!/bin/sh\necho 'no bus here' >&2\nexit 3\n");
    let output = bench.run("dlq-notify", &["--drain", "500ms"], error_lines(2));
    assert_eq!(output.code(), 0, "{}", output.stderr);
    let warning =
        "dlq-notify: warning: cannot notify channel 'desk', will be tried again: no bus here\n";
    assert_eq!(output.stderr.matches(warning).count(), 1, "{}", output.stderr);
    let folder = bench.state("outbox/desk");
    let entries = || {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name());
        files.filter(|name| name.to_string_lossy().ends_with(".json")).count()
    };
    assert_eq!(entries(), 2);
    // A later run delivers them in their order, whatever it reads.
    bench.stub("notify-send", RECORDING_NOTIFIER);
    wait_for("the pause is over", || {
        bench.run("dlq-notify", &["--drain", "500ms"], "");
        entries() == 0
    });
    assert_eq!(notifier_calls(&bench), 2);
    let journal = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    let sent: Vec<serde_json::Value> =
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = sent.iter().map(|one| one["data"]["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["id-0", "id-1"]);
    assert!(sent[0]["data"]["attempts"].as_u64().unwrap() >= 2, "{}", sent[0]);
}

#[test]
fn hanging_notifier_delays_no_line() {
    let mut bench = Bench::new("hanging");
    bench.configure(DESKTOP);
    // The notifier hangs with a child that keeps its standard error open.
    let hang = "#!/bin/sh\necho $$ >> \"${0%/*}/../pids\"\nsleep 600 &\necho $! >> \"${0%/*}/../pids\"\nwait\n";
    bench.stub("notify-send", hang);
    let mut running: Running = bench.start("dlq-notify", &["--drain", "6s"]);
    running.write(error_lines(2));
    assert!(running.line().contains("id-0"));
    assert!(running.line().contains("id-1"));
    let pids = || std::fs::read_to_string(bench.path("pids")).unwrap_or_default();
    wait_for("a notifier runs", || pids().lines().count() == 2);
    // Lines pass while the notifiers hang.
    for n in 0..20 {
        let line = event("queue.polled", &format!("p{n}"), "DEBUG", "");
        running.write(&line);
        assert_eq!(running.line(), line);
    }
    let output = running.finish();
    assert_eq!(output.code(), 0, "the notices stand in the outbox");
    let hangs = "'desk', will be tried again: no answer within 5s";
    assert!(output.stderr.contains(hangs), "{}", output.stderr);
    for pid in pids().lines() {
        wait_for("what it started has gone with it", || !is_alive(pid.parse().unwrap()));
    }
}

#[test]
fn lines_of_a_round_do_not_wait_for_its_record() {
    let bench = Bench::new("held-record");
    bench.run("dlq-notify", &[], error_lines(1));
    for document in ["notices", "heartbeat"] {
        let now = dlq::clock::now();
        let round = event("queue.odd", document, "ERROR", "") + &heartbeat(now);
        let mut running = bench.start("dlq-notify", &["--json"]);
        // It has taken up the records when the first line has passed.
        running.write("{}\n");
        assert_eq!(running.line(), "{}\n");
        let lock = Lock::try_take(&bench.state(&format!("{document}.lock"))).unwrap().unwrap();
        running.write(&round);
        assert_eq!(running.line() + &running.line(), round, "{document}");
        drop(lock);
        let output = running.finish();
        assert_eq!(output.code(), 0, "{document}: {}", output.stderr);
        assert!(output.stderr.contains("ERROR orders-dlq: "), "{document}: {}", output.stderr);
    }
}

/// Also while a plan waits that no round has begun.
#[test]
fn lines_pass_while_notices_are_planned() {
    // The stream is silent before the plan, or goes on.
    for gap in [250, 20].map(Duration::from_millis) {
        let bench = Bench::new("held-plan");
        bench.run("dlq-notify", &[], error_lines(1));
        let mut running = bench.start("dlq-notify", &["--json"]);
        running.write("{}\n");
        assert_eq!(running.line(), "{}\n");
        let lock = Lock::try_take(&bench.state("notices.lock")).unwrap().unwrap();
        let line = event("queue.odd", "late", "ERROR", "");
        running.write(&line);
        assert_eq!(running.line(), line);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2500) {
            std::thread::sleep(gap);
            running.write("{}\n");
            assert_eq!(running.line(), "{}\n", "{gap:?}");
        }
        assert!(!running.stderr().contains("ERROR orders-dlq"), "it was planned");
        drop(lock);
        let output = running.finish();
        assert_eq!(output.code(), 0, "{}", output.stderr);
        assert!(output.stderr.contains("ERROR orders-dlq: "), "{}", output.stderr);
    }
}

#[test]
fn notice_overflow_becomes_one_notice_and_is_not_resent() {
    let mut bench = Bench::new("crowd");
    bench.configure("notifications: {channels: {desk: {type: desktop}}}");
    // The notifier waits until all lines have come.
    let gate = "#!/bin/sh\nwhile [ ! -e \"${0%/*}/../open\" ]; do sleep 0.05; done\n";
    let noting = RECORDING_NOTIFIER.trim_start_matches("#!/bin/sh\n");
    bench.stub("notify-send", &format!("{gate}{noting}"));
    let input = error_lines(180);
    let mut running = bench.start("dlq-notify", &[]);
    running.write(&input);
    for _ in 0..180 {
        running.line();
    }
    bench.write("open", "");
    let output = running.finish();
    assert_eq!(output.code(), 0, "{}", output.stderr);
    let called = std::fs::read_to_string(bench.path("called")).unwrap();
    assert!(called.contains(" notices: waiting since "), "{called}");
    assert!(notifier_calls(&bench) < 180);
    let again = bench.run("dlq-notify", &[], &input);
    assert_eq!((again.text(), again.stderr.as_str()), (input, ""));
}

#[test]
fn dry_run_is_repeatable_and_shows_notices() {
    let mut bench = Bench::new("dry");
    bench.configure(DESKTOP);
    bench.stub("notify-send", RECORDING_NOTIFIER);
    let input = error_lines(2) + &event("poll.finished", "h", "DEBUG", "");
    let first = bench.run("dlq-notify", &["--dry-run"], &input);
    let second = bench.run("dlq-notify", &["--dry-run"], &input);
    assert_eq!(first.text(), second.text());
    assert_eq!(first.stderr, second.stderr);
    assert_eq!((first.stderr.lines().count(), notifier_calls(&bench)), (2, 0));
    let sent: Vec<String> = first
        .text()
        .lines()
        .filter(|line| line.contains("notice.sent"))
        .map(str::to_owned)
        .collect();
    assert_eq!(sent.len(), 2);
    for line in &sent {
        dlq::event::strict(dlq::event::Type::NoticeSent, line.as_bytes()).unwrap();
        assert!(line.contains("\"time\":\"2026-11-22T19:57:32.000Z\""), "{line}");
    }
    assert!(!bench.path("state").exists());
}

#[test]
fn notice_sent_event_is_journaled_before_it_is_printed() {
    let mut bench = Bench::new("journal");
    bench.configure(DESKTOP);
    bench.stub("notify-send", RECORDING_NOTIFIER);
    let mut running = bench.start("dlq-notify", &[]);
    running.write(error_lines(1));
    running.line();
    let sent = running.line();
    let journal = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    assert_eq!(journal, sent);
    // The sent log is written during the run, so that a kill loses nothing.
    wait_for("the memory", || {
        let memory = std::fs::read_to_string(bench.state("notices.json")).unwrap_or_default();
        memory.contains("\"channel\":\"desk\"")
    });
    running.kill();
    let again = bench.run("dlq-notify", &[], error_lines(1));
    assert_eq!((again.stderr.as_str(), notifier_calls(&bench)), ("", 1));
}

#[test]
fn feature_switch_turns_notices_off() {
    let mut bench = Bench::new("switch");
    bench.configure("features: {notify: false}");
    let output = bench.run("dlq-notify", &[], error_lines(1));
    assert_eq!((output.code(), output.text(), output.stderr.as_str()), (0, error_lines(1), ""));
}

#[test]
fn test_channel_option_sends_test_notice() {
    let mut bench = Bench::new("try");
    bench.configure(DESKTOP);
    bench.stub("notify-send", RECORDING_NOTIFIER);
    let desk = bench.run("dlq-notify", &["--test-channel", "desk"], "");
    assert_eq!((desk.code(), desk.stderr.as_str(), notifier_calls(&bench)), (0, "", 1));
    let console = bench.run("dlq-notify", &["--test-channel", "console"], "");
    assert!(
        console.stderr.contains("a test notice: channel 'console' works"),
        "{}",
        console.stderr
    );
    let none = bench.run("dlq-notify", &["--test-channel", "desc"], "");
    assert_eq!(none.code(), 2);
    assert!(none.stderr.contains("did you mean 'desk'?"), "{}", none.stderr);
    bench.set("PATH", bench.path("nothing-here"));
    let missing = bench.run("dlq-notify", &["--test-channel", "desk"], "");
    assert_eq!(missing.code(), 1);
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    let bench = Bench::new("usage");
    for (program, args) in [
        ("dlq-notify", ["--no-such-flag"].as_slice()),
        ("dlq-notify", &["--color", "red"]),
        ("dlq-notify", &["word"]),
        ("dlq-log", &["--since", "1x"]),
        ("dlq-log", &["--incident", "short"]),
        ("dlq-log", &["--type", "[a"]),
    ] {
        let output = bench.run(program, args, "");
        assert_eq!((output.code(), output.stderr.lines().count()), (2, 1), "{output:?}");
        assert!(output.stderr.contains(&format!("try '{program} --help'")), "{}", output.stderr);
    }
    for program in ["dlq-notify", "dlq-log"] {
        let help = bench.run(program, &["--help"], "").text();
        assert!(help.lines().count() <= 24 && help.lines().all(|line| line.len() <= 80), "{help}");
    }
}

#[test]
fn ctrl_c_ends_dlq_notify_while_notifier_hangs() {
    let mut bench = Bench::new("notify-int");
    bench.configure("notifications: {channels: {desk: {type: desktop}}}");
    for name in ["notify-send", "osascript"] {
        bench.stub(name, "#!/bin/sh\necho > \"${0%/*}/../hangs\"\nexec sleep 600\n");
    }
    let mut command = bench.command("dlq-notify", &[]);
    let mut running = Running::spawn(command.process_group(0).stdin(Stdio::piped()));
    running.write(event("queue.odd", "id", "ERROR", ""));
    wait_for("the notifier hangs", || bench.path("hangs").exists());
    signal("INT", -running.pid());
    let output = running.finish();
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    // A notifier has its own process group and outlives the program, which did not wait for it.
    assert!(!processes_of(&bench).is_empty());
    for pid in processes_of(&bench) {
        signal("KILL", pid);
    }
    assert_no_process_left(&bench);
}
