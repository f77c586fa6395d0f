//! Desktop channel with notify-send and a notification daemon (dunst) on a virtual screen with its
//! own message bus.

use std::process::Stdio;
use std::time::Duration;

use dlq::event::Severity;
use dlq::rules::notification::delivery::{Action, Outcome};

use super::channels::delivery;
use crate::support::requirement::is_met;
use crate::support::workbench::{Bench, Running, event, wait_for};

/// Screen, bus and daemon, which end on drop in reverse order of their start.
struct Desktop {
    _daemon: Running,
    _bus: Running,
    _screen: Running,
}

const PARTS: [&str; 5] = ["notify-send", "dunst", "Xvfb", "dbus-daemon", "dbus-send"];

/// Returns the programs that are not installed.
fn missing() -> Vec<&'static str> {
    let path = std::env::var("PATH").unwrap_or_default();
    let here =
        |part: &&str| path.split(':').any(|dir| std::path::Path::new(dir).join(part).is_file());
    PARTS.into_iter().filter(|part| !here(part)).collect()
}

fn start_desktop(bench: &mut Bench) -> Desktop {
    let run = bench.path("run");
    std::fs::create_dir_all(&run).unwrap();
    bench.set("XDG_RUNTIME_DIR", &run);
    let home = bench.dir().to_owned();
    bench.set("HOME", home);
    let start = |bench: &Bench, program: &str, args: &[&str]| {
        Running::spawn(bench.command(program, args).stdin(Stdio::null()))
    };
    // Xvfb picks a free display and prints its number.
    let screen = ["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"];
    let mut screen = start(bench, "Xvfb", &screen);
    bench.set("DISPLAY", format!(":{}", screen.line().trim()));
    let bus = ["--session", "--nofork", "--print-address=1"];
    let mut bus = start(bench, "dbus-daemon", &bus);
    bench.set("DBUS_SESSION_BUS_ADDRESS", bus.line().trim());
    // The hook of the daemon records each notice, every field ended by a NUL.
    let hook = "#!/bin/sh\nprintf '%s\\0' \"$1\" \"$2\" \"$3\" \"$5\" >> \"${0%/*}/../shown\"\n";
    let hook = bench.stub("hook", hook).display().to_string();
    let rules =
        format!("[global]\nhistory_length = 20\n[all]\nsummary = \"*\"\nscript = \"{hook}\"\n");
    let rules = bench.write("dunstrc", rules).display().to_string();
    let daemon = start(bench, "dunst", &["-conf", &rules]);
    let owner = [
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.DBus",
        "/",
        "org.freedesktop.DBus.NameHasOwner",
        "string:org.freedesktop.Notifications",
    ];
    wait_for("the notification daemon", || {
        bench.run("dbus-send", &owner, "").text().contains("boolean true")
    });
    Desktop { _daemon: daemon, _bus: bus, _screen: screen }
}

/// Returns application, title, body and urgency of each notice.
fn shown_notices(bench: &Bench) -> Vec<[String; 4]> {
    let text = std::fs::read_to_string(bench.path("shown")).unwrap_or_default();
    let words: Vec<&str> = text.split_terminator('\0').collect();
    words.chunks_exact(4).map(|four| std::array::from_fn(|at| four[at].to_owned())).collect()
}

/// Delivers two notices of one incident, when a variable says that this process is a child of the
/// next tests. Prints the outcomes.
#[test]
fn delivery_worker() {
    if std::env::var("DLQ_TEST_DELIVERIES").is_err() {
        return;
    }
    let sender = dlq::edge::notify::desktop::Desktop::default();
    let mut one = delivery(Action::Trigger, None);
    for severity in [Severity::Warn, Severity::Fatal] {
        one.notice.severity = severity;
        let outcome = sender.deliver(&one, Duration::from_secs(20));
        println!("\noutcome {outcome:?}");
        let Outcome::Delivered { handle } = outcome else { return };
        one.handle = handle;
        one.action = Action::Update;
    }
}

/// Runs the worker with the environment of the bench, and returns its outcomes.
fn deliver_twice(bench: &mut Bench) -> Vec<String> {
    bench.set("DLQ_TEST_DELIVERIES", "1");
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", "notify::desktop::delivery_worker", "--nocapture"];
    let output = bench.run(program.to_str().unwrap(), &args, "");
    let text = output.text();
    let outcomes = text.lines().filter_map(|line| line.strip_prefix("outcome "));
    outcomes.map(str::to_owned).collect()
}

#[test]
fn notice_of_an_incident_is_one_bubble_on_real_desktop() {
    let missing = missing();
    if !is_met(missing.is_empty(), &format!("not installed: {}", missing.join(", "))) {
        return;
    }
    let mut bench = Bench::new("desktop-update");
    let _desktop = start_desktop(&mut bench);
    let outcomes = deliver_twice(&mut bench);
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(outcomes[0].starts_with("Delivered { handle: Some("), "{outcomes:?}");
    assert_eq!(outcomes[0], outcomes[1], "the same bubble");
    wait_for("both notices are shown", || shown_notices(&bench).len() >= 2);
    let notices = shown_notices(&bench);
    let title = "orders-dlq: 12 <b>messages</b> & more";
    assert_eq!((notices[0][1].as_str(), notices[0][3].as_str()), (title, "NORMAL"));
    assert_eq!((notices[1][1].as_str(), notices[1][3].as_str()), (title, "CRITICAL"));
    let count = bench.run("dunstctl", &["count", "displayed"], "");
    assert_eq!(count.text().trim(), "1", "{count:?}");
}

#[test]
fn notify_send_that_cannot_replace_is_used_without() {
    let mut bench = Bench::new("old-notify-send");
    bench.stub(
        "notify-send",
        "#!/bin/sh\ncase \"$*\" in *--print-id*) echo 'Unknown option --print-id' >&2; exit 1;; esac\n\
         printf '%s\\n' \"$2 $4\" >> \"${0%/*}/../shown\"\n",
    );
    let outcomes = deliver_twice(&mut bench);
    assert_eq!(outcomes, ["Delivered { handle: None }"; 2]);
    let title = "orders-dlq: 12 <b>messages</b> & more";
    let shown = std::fs::read_to_string(bench.path("shown")).unwrap();
    assert_eq!(shown, format!("--urgency=normal {title}\n--urgency=critical {title}\n"));
}

#[test]
fn notice_arrives_on_real_desktop() {
    let missing = missing();
    if !is_met(missing.is_empty(), &format!("not installed: {}", missing.join(", "))) {
        return;
    }
    let mut bench = Bench::new("desktop");
    bench.configure("notifications: {channels: {desktop: {type: desktop, min_severity: WARN}}}");
    let desktop = start_desktop(&mut bench);
    let hostile = r#"--help <b>bold</b> & \"quoted\" 'x' \u001b[2J\u202e"#;
    let queue = r#"{"name":"q","url":"","arn":"","region":"","account":"","fifo":false,"sources":[],"profile":null,"endpoint":null}"#;
    let lost = format!(
        r#","data":{{"queue":{queue},"missing":1,"depth":2,"why":"x","detail":"{hostile} \\033[1m"}}"#
    );
    let input = event("queue.loss_suspected", "one", "ERROR", &lost).replace("orders-dlq", hostile)
        + &event("queue.gone", "two", "WARN", "")
        + &event("queue.cleared", "three", "INFO", "");
    let output = bench.run("dlq-notify", &[], &input);
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!(output.text().matches("\"notice.sent\"").count(), 2, "{}", output.text());
    wait_for("both notices are shown", || shown_notices(&bench).len() >= 2);
    let mut notices = shown_notices(&bench);
    notices.sort();
    let [app, title, body, urgency] = &notices[0];
    assert_eq!((app.as_str(), urgency.as_str()), ("dlq-tools", "CRITICAL"));
    let harmless = "--help <b>bold</b> & \"quoted\" 'x' \\u{1b}[2J\\u{202e}";
    assert_eq!(*title, format!("{harmless}: 1 message gone, perhaps moved"));
    let lines: Vec<&str> = body.lines().collect();
    assert!(lines[0].starts_with("ERROR "), "{body}");
    // The daemon gets markup that shows the original text.
    let marked = r#"--help &lt;b&gt;bold&lt;/b&gt; &amp; "quoted" 'x' \u{1b}[2J\u{202e} \033[1m"#;
    assert_eq!(lines[1], marked);
    assert_eq!(notices[1][1], "orders-dlq: queue.gone, with a payload that is not understood");
    assert_eq!(notices[1][3], "NORMAL");
    // A replay of the journal shows nothing again.
    let again = bench.run("dlq-notify", &[], &input);
    assert_eq!((again.text(), shown_notices(&bench).len()), (input, 2));

    // Without a daemon notify-send fails with a message.
    drop(desktop);
    let output = bench.run("dlq-notify", &["--test-channel", "desktop"], "");
    assert_eq!(output.code(), 1, "{}", output.stderr);
    assert!(output.stderr.starts_with("dlq-notify: fatal: cannot notify channel 'desktop': "));
}
