//! Faults around the outbox: a channel that is taken out, a record that is moved away or cannot be
//! written, a fallback that refuses too.

use std::path::PathBuf;
use std::process::Command;

use super::outbox::entries;
use crate::support::event_lines::{cleared, heartbeat, raised, seconds_ago};
use crate::support::workbench::{Bench, event, wait_for};

/// A command that writes the title of its notice to `told`.
const NOTING: &str = "#!/bin/sh\necho \"$DLQ_NOTICE_TITLE\" >> \"${0%/*}/../told\"\n";

/// Returns the titles that the command of stub `note` was told.
fn told(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn fallback_of_a_channel_that_is_gone_is_told_the_end_too() {
    let mut bench = Bench::new("gone-end");
    let failing = bench.stub("fail", "#!/bin/sh\nexit 1\n").display().to_string();
    let noting = bench.stub("note", NOTING).display().to_string();
    let spare = format!("spare: {{type: exec, command: [{noting}]}}");
    let old = format!("old: {{type: exec, command: [{failing}]}}");
    let none = "{type: none, channels: [spare], clear_wait: 0s}";
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels: {{{spare}, {old}}}\n  \
         routes: [{{channels: [old], fallback: spare}}, {none}]\n"
    ));
    let at = seconds_ago(900);
    bench.run("dlq-notify", &["--drain", "0s"], raised("a-dlq", "a", at, None) + &heartbeat(at));
    assert_eq!(entries(&bench, "old"), 1);
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels: {{{spare}}}\n  routes: [{none}]\n"
    ));
    let (over, end) = (seconds_ago(600), seconds_ago(10));
    let lines = cleared("a-dlq", "a", over) + &heartbeat(over) + &heartbeat(end);
    let output = bench.run("dlq-notify", &["--drain", "10s"], lines);
    let told = told(&bench);
    assert_eq!(told.len(), 2, "{told:?} {}", output.stderr);
    assert!(told[0].starts_with("a-dlq: 3 messages"), "{told:?}");
    assert!(told[1].starts_with("a-dlq: empty again"), "{told:?}");
}

#[test]
fn outbox_outlives_a_record_that_was_moved_away() {
    let mut bench = Bench::new("moved-away");
    let program = bench.stub("note", "#!/bin/sh\nexit 1\n").display().to_string();
    bench.configure(&format!(
        "notifications: {{channels: {{c: {{type: exec, command: [{program}]}}}}}}"
    ));
    let error = |id: &str| event("queue.odd", id, "ERROR", "");
    bench.run("dlq-notify", &["--drain", "0s"], error("a"));
    assert_eq!(entries(&bench, "c"), 1);
    std::fs::remove_file(bench.state("notices.json")).unwrap();
    bench.stub("note", NOTING);
    bench.run("dlq-notify", &["--drain", "10s"], error("b"));
    assert_eq!((told(&bench).len(), entries(&bench, "c")), (2, 0));
}

#[test]
fn console_is_told_what_cannot_be_recorded_and_the_warning_says_what_to_do() {
    let mut bench = Bench::new("unrecorded");
    let program = bench.stub("note", NOTING).display().to_string();
    bench.configure(&format!(
        "notifications: {{channels: {{console: {{type: console}}, c: {{type: exec, command: [{program}]}}}}}}"
    ));
    let error = |id: &str| event("queue.odd", id, "ERROR", "");
    bench.run("dlq-notify", &[], error("a"));
    // A folder in the place of the file that is written.
    std::fs::create_dir(bench.state("notices.tmp")).unwrap();
    let output = bench.run("dlq-notify", &["--json"], error("b"));
    assert_eq!((output.code(), output.text()), (1, error("b")), "{}", output.stderr);
    assert_eq!(output.stderr.matches("ERROR orders-dlq: ").count(), 1, "{}", output.stderr);
    let remedy = "1 event could not be recorded, and nobody is notified but on a console";
    assert!(output.stderr.contains(remedy), "{}", output.stderr);
    assert_eq!(told(&bench).len(), 1);
    std::fs::remove_dir(bench.state("notices.tmp")).unwrap();
    bench.run("dlq-notify", &[], error("a") + &error("b"));
    assert_eq!(told(&bench).len(), 2);
}

#[test]
fn damaged_record_or_outbox_leaves_the_stream_and_the_console() {
    let error = |id: &str, at| raised(&format!("{id}-dlq"), id, at, None);
    let rows = [("notices.json", "cannot read"), ("outbox", "cannot make folder")];
    for (damaged, cause) in rows {
        for console in ["console: {type: console}, ", ""] {
            let mut bench = Bench::new("damaged");
            let noting = bench.stub("note", NOTING).display().to_string();
            bench.configure(&format!(
                "notifications: {{heartbeat_rounds: 0, channels: {{{console}c: {{type: exec, command: [{noting}]}}}}}}"
            ));
            std::fs::create_dir(bench.path("state")).unwrap();
            std::fs::write(bench.state(damaged), "{ no").unwrap();
            let lines = error("old", seconds_ago(7200)) + &error("new", seconds_ago(1));
            let output = bench.run("dlq-notify", &["--json"], &lines);
            let told = &output.stderr;
            assert_eq!((output.code(), output.text()), (1, lines), "{damaged}: {told}");
            let warning = format!("dlq-notify: warning: {cause} '");
            assert!(told.starts_with(&warning), "{damaged}: {told}");
            assert_eq!(told.matches("new-dlq: 3 messages").count(), 1, "{damaged}: {told}");
            // Without the record nobody knows what people were told.
            assert_eq!(told.contains("old-dlq"), damaged == "outbox", "{damaged}: {told}");
            assert_eq!(told.matches("2 events could not be recorded").count(), 1, "{told}");
            let fatal = format!("dlq-notify: fatal: {cause} '{}", bench.state(damaged).display());
            assert!(told.lines().last().unwrap().starts_with(&fatal), "{damaged}: {told}");
            let left = std::fs::read_to_string(bench.state(damaged)).unwrap();
            assert_eq!(left, "{ no", "a damaged file is never replaced");
            assert_eq!(self::told(&bench), [""; 0]);
        }
    }
}

#[test]
fn running_stream_goes_on_when_a_damaged_record_is_moved_away() {
    let mut bench = Bench::new("damaged-moved");
    let noting = bench.stub("note", NOTING).display().to_string();
    bench.configure(&format!(
        "notifications: {{heartbeat_rounds: 0, channels: {{c: {{type: exec, command: [{noting}]}}}}}}"
    ));
    bench.run("dlq-notify", &[], raised("a-dlq", "a", seconds_ago(60), None));
    std::fs::write(bench.state("notices.json"), "{ no").unwrap();
    let mut running = bench.start("dlq-notify", &["--json"]);
    running.write(raised("b-dlq", "b", seconds_ago(2), None));
    wait_for("the console is told", || running.stderr().contains("b-dlq: 3 messages"));
    assert_eq!(told(&bench).len(), 1, "nothing is delivered meanwhile");
    std::fs::rename(bench.state("notices.json"), bench.path("damaged.json")).unwrap();
    running.write(raised("c-dlq", "c", seconds_ago(1), None));
    wait_for("both are delivered", || told(&bench).len() == 3);
    let output = running.finish();
    assert_eq!(output.code(), 1, "a part of its work failed: {}", output.stderr);
    assert!(!output.stderr.contains("fatal"), "{}", output.stderr);
}

#[test]
fn fallback_that_refuses_too_has_its_own_fallback() {
    let mut bench = Bench::new("fallback-chain");
    let refusing = bench.stub("refuse", "#!/bin/sh\nexit 64\n").display().to_string();
    let noting = bench.stub("note", NOTING).display().to_string();
    bench.configure(&format!(
        "notifications:\n  channels:\n    first: {{type: exec, command: [{refusing}]}}\n    \
         second: {{type: exec, command: [{refusing}]}}\n    last: {{type: exec, command: [{noting}]}}\n  \
         routes:\n    - {{channels: [first], fallback: second}}\n    \
         - {{type: none, channels: [second], fallback: last}}\n    \
         - {{type: none, channels: [last], fallback: first}}\n"
    ));
    let output = bench.run("dlq-notify", &["--drain", "20s"], event("queue.odd", "a", "ERROR", ""));
    assert_eq!(output.code(), 1, "{}", output.stderr);
    assert_eq!(told(&bench).len(), 1, "{}", output.stderr);
    assert_eq!(entries(&bench, "first") + entries(&bench, "second") + entries(&bench, "last"), 0);
}

/// A folder that cannot be written until this is dropped.
struct UnwritableFolder {
    path: PathBuf,
    undo: &'static str,
}

impl UnwritableFolder {
    /// Runs a line of shell for a folder that is `$0`; None where the user may not do that.
    fn new(bench: &Bench, channel: &str, line: &str, undo: &'static str) -> Option<Self> {
        let path = bench.state(&format!("outbox/{channel}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let made = Command::new("sh").args(["-c", line]).arg(&path).output().unwrap();
        let folder = UnwritableFolder { path, undo };
        made.status.success().then_some(folder)
    }
}

impl Drop for UnwritableFolder {
    fn drop(&mut self) {
        let _ = Command::new("sh").args(["-c", self.undo]).arg(&self.path).output();
    }
}

#[test]
fn outbox_that_cannot_be_written_in_any_way_tells_the_fallback_until_it_can() {
    let full = "mkdir \"$0\" && mount -t tmpfs -o size=16k tmpfs \"$0\" && \
                { dd if=/dev/zero of=\"$0\"/filler bs=4k; true; }";
    // No mode keeps root out.
    let forbidden =
        "mkdir -m 500 \"$0\" && { ! touch \"$0/x\" || { rm \"$0/x\" && chattr +i \"$0\"; }; }";
    let rows = [
        (
            "a link to nothing",
            "ln -s /nonexistent/folder \"$0\"",
            "rm \"$0\"",
            "cannot make folder",
        ),
        ("a file", "echo > \"$0\"", "rm \"$0\"", "cannot make folder"),
        ("a full disk", full, "umount -l \"$0\"", "no space left"),
        ("forbidden", forbidden, "chattr -i \"$0\"; chmod 700 \"$0\"", "permitted"),
    ];
    for (way, make, undo, cause) in rows {
        let mut bench = Bench::new("unwritable-ways");
        let noting = "#!/bin/sh\necho \"$1 ${DLQ_NOTICE_TITLE%%:*}\" >> \"${0%/*}/../told\"\n";
        let noting = bench.stub("note", noting).display().to_string();
        let channel = |name: &str| format!("{name}: {{type: exec, command: [{noting}, {name}]}}");
        let channels = ["first", "other", "second"].map(channel).join(", ");
        bench.configure(&format!(
            "notifications:\n  heartbeat_rounds: 0\n  channels: {{{channels}}}\n  routes:\n    \
             - {{channels: [first], fallback: second}}\n    - {{channels: [other]}}\n    \
             - {{type: none, channels: [second]}}\n"
        ));
        let raise = |name: &str| raised(&format!("{name}-dlq"), name, seconds_ago(1), None);
        let run = |lines: &str| {
            let output = bench.run("dlq-notify", &["--json", "--drain", "9s"], lines);
            let mut told = told(&bench);
            told.sort();
            (told, output)
        };
        let Some(folder) = UnwritableFolder::new(&bench, "first", make, undo) else { continue };
        let (all, output) = run(&raise("a"));
        assert_eq!(all, ["other a-dlq", "second a-dlq"], "{way}: {}", output.stderr);
        assert_eq!(output.code(), 1, "{way}: {}", output.stderr);
        let warning = "warning: cannot notify channel 'first': ";
        let said = output.stderr.lines().find(|line| line.contains(warning)).unwrap_or_default();
        assert!(said.contains(cause), "{way}: {}", output.stderr);
        drop(folder);
        let (all, output) = run(&raise("b"));
        let expected = ["first b-dlq", "other a-dlq", "other b-dlq", "second a-dlq"];
        assert_eq!(
            (all.as_slice(), output.code()),
            (&expected.map(String::from)[..], 0),
            "{way}: {}",
            output.stderr
        );
    }
}

/// A link to nothing in the place of a folder: it reads as an empty one, and cannot be written, for root too.
fn make_unwritable(bench: &Bench, channel: &str) {
    std::fs::create_dir_all(bench.state("outbox")).unwrap();
    std::os::unix::fs::symlink("/nonexistent/folder", bench.state(&format!("outbox/{channel}")))
        .unwrap();
}

#[test]
fn unwritable_outbox_of_a_channel_tells_its_fallback_and_holds_up_no_other() {
    let lines = raised("a-dlq", "a", seconds_ago(1), None);
    // Which folders cannot be written, what the commands are told, and how often the console is.
    let rows: [(&[&str], &[&str], usize); 3] = [
        (&["first"], &["other a-dlq", "second a-dlq"], 0),
        (&["first", "second"], &["last a-dlq", "other a-dlq"], 0),
        (&["first", "second", "last"], &["other a-dlq"], 1),
    ];
    for (unwritable, expected, shown) in rows {
        let mut bench = Bench::new("unwritable");
        let noting = "#!/bin/sh\necho \"$1 ${DLQ_NOTICE_TITLE%%:*}\" >> \"${0%/*}/../told\"\n";
        let noting = bench.stub("note", noting).display().to_string();
        let channel = |name: &str| format!("{name}: {{type: exec, command: [{noting}, {name}]}}");
        let channels = ["first", "second", "last", "other"].map(channel).join(", ");
        bench.configure(&format!(
            "notifications:\n  heartbeat_rounds: 0\n  channels: {{{channels}}}\n  routes:\n    \
             - {{channels: [first], fallback: second}}\n    \
             - {{type: none, channels: [second], fallback: last}}\n    \
             - {{type: none, channels: [last]}}\n    - {{channels: [other]}}\n"
        ));
        unwritable.iter().for_each(|channel| make_unwritable(&bench, channel));
        let output = bench.run("dlq-notify", &["--json", "--drain", "9s"], &lines);
        let mut told = told(&bench);
        told.sort();
        let stderr = &output.stderr;
        assert_eq!(told, expected, "{unwritable:?}: {stderr}");
        assert_eq!(output.code(), 1, "{stderr}");
        for channel in unwritable {
            let warning = format!("warning: cannot notify channel '{channel}': cannot make folder");
            assert!(stderr.contains(&warning), "{unwritable:?}: {stderr}");
        }
        assert!(stderr.contains("; make that folder writable. Until then"), "{stderr}");
        let failed = output.text().matches("\"notice.failed\"").count();
        assert_eq!(failed, unwritable.len(), "{}", output.text());
        assert_eq!(stderr.matches("a-dlq: 3 messages").count(), shown, "{stderr}");
        // It was told: nothing waits, and a replay tells nobody again.
        let again = bench.run("dlq-notify", &["--json", "--drain", "9s"], &lines);
        assert_eq!(again.text(), lines, "{}", again.stderr);
    }
}

#[test]
fn unwritable_outbox_of_the_only_channel_keeps_its_events_for_a_later_run() {
    let lines = raised("a-dlq", "a", seconds_ago(1), None);
    let mut bench = Bench::new("unwritable-only");
    let noting = bench.stub("note", NOTING).display().to_string();
    bench.configure(&format!(
        "notifications: {{heartbeat_rounds: 0, channels: {{c: {{type: exec, command: [{noting}]}}}}}}"
    ));
    make_unwritable(&bench, "c");
    let output = bench.run("dlq-notify", &["--json"], &lines);
    assert_eq!((output.code(), output.text()), (1, lines.clone()), "{}", output.stderr);
    assert!(output.stderr.contains("1 event could not be recorded"), "{}", output.stderr);
    assert!(output.stderr.contains("a-dlq: 3 messages"), "{}", output.stderr);
    std::fs::remove_file(bench.state("outbox/c")).unwrap();
    bench.run("dlq-notify", &["--json", "--drain", "9s"], &lines);
    assert_eq!(told(&bench).len(), 1);
}
