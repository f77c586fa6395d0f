//! `--log-file`: messages of real programs in a file.

use std::os::unix::process::ExitStatusExt;

use crate::support::event_lines::{raised, seconds_ago};
use crate::support::workbench::{Bench, event, signal, wait_for};

/// A configuration with a channel that refuses each notice.
const REFUSING: &str = "notifications: {channels: {pager: {type: exec, command: [sh, -c, 'exit 1']}},\n  \
     routes: [{channels: [pager]}]}\n";

#[test]
fn messages_are_written_to_the_file_with_time_process_and_incident() {
    let mut bench = Bench::new("log-file");
    bench.configure(REFUSING);
    let path = bench.path("dlq.log");
    let file = path.to_str().unwrap();
    let line = raised("a-dlq", "aaaaaaaa-1", seconds_ago(60), None);
    let output = bench.run(
        "dlq-notify",
        &["--drain", "1s", "--log-file", file],
        format!("{line}no object\n"),
    );
    let text = std::fs::read_to_string(&path).unwrap();
    for warning in output.stderr.lines() {
        let sentence = warning.strip_prefix("dlq-notify: ").unwrap();
        let found = text.lines().find(|line| line.contains(sentence)).unwrap_or_else(|| {
            panic!("{sentence} is not in\n{text}");
        });
        let (time, rest) = found.split_once(" dlq-notify[").unwrap();
        assert!(dlq::time::Timestamp::parse(time).is_some(), "{found}");
        let is_about = sentence.contains("channel 'pager'");
        assert_eq!(rest.ends_with(" [incident aaaaaaaa-1]"), is_about, "{found}");
    }
    assert_eq!((output.stderr.lines().count(), text.lines().count()), (3, 3), "{text}");
    // As JSON it is the line of standard error, and the setting is the option.
    let mut bench = Bench::new("log-file-json");
    bench.configure(&format!("{REFUSING}logging: {{format: json, file: '{file}', level: info}}\n"));
    let output = bench.run(
        "dlq-notify",
        &["--drain", "1s"],
        raised("b-dlq", "bbbbbbbb-1", seconds_ago(60), None),
    );
    let added = std::fs::read_to_string(&path).unwrap()[text.len()..].to_owned();
    assert_eq!(output.stderr, added);
    let about =
        |line: &str| line.contains("'pager'") && line.contains(r#""incident":"bbbbbbbb-1""#);
    assert!(added.lines().any(about), "{added}");
}

#[test]
fn file_that_cannot_be_written_stops_nothing() {
    let bench = Bench::new("log-file-none");
    let path = bench.path("none/dlq.log");
    let file = path.to_str().unwrap();
    let line = event("queue.odd", "1", "INFO", "");
    let output = bench.run("dlq-notify", &["-v", "--log-file", file], &line);
    assert_eq!((output.code(), output.text()), (0, line));
    let warning = format!("dlq-notify: warning: cannot open '{file}': no such file or directory; ");
    assert_eq!(output.stderr.matches(&warning).count(), 1, "{}", output.stderr);
}

/// logrotate(8) with `postrotate` sends SIGHUP. To a program that nobody told of a file it says that
/// the terminal is gone.
#[test]
fn hangup_ends_only_programs_without_a_log_file() {
    let bench = Bench::new("log-file-hup");
    let path = bench.path("dlq.log");
    let mut with = bench.start("dlq-notify", &["-v", "--log-file", path.to_str().unwrap()]);
    let mut without = bench.start("dlq-notify", &["-v"]);
    for one in [&mut with, &mut without] {
        one.write(event("queue.odd", "1", "INFO", ""));
        assert!(one.line().contains("queue.odd"));
    }
    std::fs::rename(&path, bench.path("dlq.log.old")).unwrap();
    signal("HUP", with.pid());
    signal("HUP", without.pid());
    assert_eq!(without.finish().status.signal(), Some(1));
    with.write("no object\n");
    wait_for("the new file", || {
        std::fs::read_to_string(&path).is_ok_and(|text| text.contains("line 2"))
    });
    assert_eq!(with.finish().code(), 1);
}
