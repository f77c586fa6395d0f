//! The outbox of one channel that cannot be read or written: it costs that channel alone. As root, the runs
//! drop the right to pass over modes.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::outbox::entries;
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::workbench::{Bench, Output, bin};

/// A command that fails for its name until the file `works` is there, and then notes the title.
const NOTING: &str = "#!/bin/sh\nd=\"${0%/*}/..\"\ncase $1 in old*|first) [ -e \"$d/works\" ] || exit 1;; \
    refusing) exit 64;; esac\necho \"$1 ${DLQ_NOTICE_TITLE%%:*}\" >> \"$d/told\"\n";

fn told(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path("told")).unwrap_or_default();
    let mut told: Vec<String> = text.lines().map(str::to_owned).collect();
    told.sort();
    told
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|one| (*one).to_owned()).collect()
}

/// Configures channels, and routes.
fn configure(bench: &mut Bench, channels: &[&str], routes: &str) {
    let noting = bench.stub("note", NOTING).display().to_string();
    let channel = |name: &&str| format!("{name}: {{type: exec, command: [{noting}, {name}]}}");
    // Without a route, a channel gets everything.
    let none = format!("{{type: none, channels: [{}]}}", channels.join(", "));
    let channels: Vec<String> = channels.iter().map(channel).collect();
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels: {{{}}}\n  routes: [{routes}{none}]\n",
        channels.join(", ")
    ));
}

fn set_mode(bench: &Bench, channel: &str, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(bench.state(&format!("outbox/{channel}")), mode).unwrap();
}

/// Runs dlq-notify as somebody whom modes bind. Fails when it waits for what is closed.
#[track_caller]
fn notify(bench: &Bench, lines: &str) -> Output {
    let input = bench.write("lines", lines);
    let wrapper = match rustix::process::geteuid().is_root() {
        true => "setpriv --bounding-set=-dac_override,-dac_read_search",
        false => "",
    };
    let program = bin("dlq-notify");
    let line =
        format!("{wrapper} '{}' --json --drain 100s < '{}'", program.display(), input.display());
    let begun = Instant::now();
    let output = bench.shell(&line);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}: {}", begun.elapsed(), output.stderr);
    output
}

#[test]
fn closed_outbox_of_a_channel_stops_no_other() {
    // (mode, part of the warning, what is told beside it)
    let rows: [(u32, &str, &[&str]); 4] = [
        (0o000, "make that folder readable", &["other b-dlq"]),
        (0o300, "make that folder readable", &["other b-dlq"]),
        (0o600, "channel.lock': permission denied; make that folder writable", &["other b-dlq"]),
        (0o500, "permission denied; make that folder writable\n", &["first a-dlq", "other b-dlq"]),
    ];
    for (mode, warning, beside) in rows {
        let mut bench = Bench::new("closed-outbox");
        let routes =
            "{queue: 'a-*', channels: [first]}, {queue: 'b-*', channels: [first, other]}, ";
        configure(&mut bench, &["first", "other"], routes);
        let at = seconds_ago(5);
        bench.run("dlq-notify", &["--drain", "0s"], raised("a-dlq", "a", at, None));
        assert_eq!((entries(&bench, "first"), told(&bench).len()), (1, 0), "{mode:o}");
        bench.write("works", "");
        set_mode(&bench, "first", mode);
        let output = notify(&bench, &raised("b-dlq", "b", at, None));
        set_mode(&bench, "first", 0o700);
        let stderr = &output.stderr;
        assert_eq!((told(&bench), output.code()), (owned(beside), 1), "{mode:o}: {stderr}");
        assert_eq!(stderr.matches(warning).count(), 1, "{mode:o}: {stderr}");
        // Nobody else was to be told of it.
        assert!(stderr.contains("b-dlq: 3 messages"), "{mode:o}: {stderr}");
        let output = notify(&bench, "");
        let all = owned(&["first a-dlq", "other b-dlq"]);
        assert_eq!((told(&bench), output.code()), (all, 0), "{mode:o}: {}", output.stderr);
        assert_eq!(entries(&bench, "first"), 0, "{mode:o}");
    }
}

#[test]
fn closed_outbox_and_damaged_entry_of_a_channel_that_is_gone_stop_no_other() {
    let mut bench = Bench::new("closed-gone");
    let routes = ["old1", "old2", "old3"]
        .map(|old| format!("{{queue: '{old}-*', channels: [{old}], fallback: spare}}, "));
    let all = ["old1", "old2", "old3", "spare"];
    configure(&mut bench, &all, &routes.concat());
    let raised = |old: &str| raised(&format!("{old}-dlq"), old, seconds_ago(5), None);
    let lines = ["old1", "old2", "old3"].map(raised).concat();
    bench.run("dlq-notify", &["--drain", "0s"], lines);
    configure(&mut bench, &["spare"], "");
    set_mode(&bench, "old1", 0o000);
    let entry = std::fs::read_dir(bench.state("outbox/old2")).unwrap().find_map(|file| {
        Some(file.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "json"))
    });
    std::fs::write(entry.unwrap(), "{").unwrap();
    let output = notify(&bench, "");
    set_mode(&bench, "old1", 0o700);
    let stderr = &output.stderr;
    assert_eq!((told(&bench), output.code()), (owned(&["spare old3-dlq"]), 1), "{stderr}");
    assert_eq!(stderr.matches("permission denied").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("move it away to go on").count(), 1, "{stderr}");
    notify(&bench, "");
    assert_eq!(told(&bench), ["spare old1-dlq", "spare old3-dlq"]);
}

/// What a channel refuses goes to its fallback, and where that cannot be written to the console.
#[test]
fn closed_outbox_of_a_fallback_stops_no_other_fallback() {
    let mut bench = Bench::new("closed-fallback");
    let routes = "{queue: 'a-*', channels: [refusing], fallback: first}, \
        {queue: 'b-*', channels: [refusing], fallback: other}, ";
    configure(&mut bench, &["refusing", "first", "other"], routes);
    bench.write("works", "");
    std::fs::create_dir_all(bench.state("outbox/first")).unwrap();
    set_mode(&bench, "first", 0o500);
    let at = seconds_ago(5);
    let lines = raised("a-dlq", "a", at, None) + &raised("b-dlq", "b", at, None);
    let output = notify(&bench, &lines);
    set_mode(&bench, "first", 0o700);
    let stderr = &output.stderr;
    assert_eq!((told(&bench), output.code()), (owned(&["other b-dlq"]), 1), "{stderr}");
    assert_eq!(stderr.matches("make that folder writable").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("a-dlq: 3 messages").count(), 1, "{stderr}");
    let output = notify(&bench, "");
    assert_eq!((told(&bench).len(), output.code()), (1, 0), "{}", output.stderr);
}
