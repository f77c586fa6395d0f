//! Console channel on a real terminal, that of tmux: columns, wide characters, a change of its width,
//! and the forms that options choose.

use std::process::Stdio;

use crate::support::requirement::is_met;
use crate::support::terminal::run_on_terminal;
use crate::support::workbench::{Bench, event, wait_for};

/// A tmux server of its own, which ends on drop.
struct Tmux<'a> {
    bench: &'a Bench,
    socket: String,
}

impl<'a> Tmux<'a> {
    /// Starts a shell command on a terminal of so many columns; None without tmux.
    fn start(bench: &'a Bench, columns: usize, command: &str) -> Option<Self> {
        let installed = bench.command("tmux", &["-V"]).output().is_ok();
        if !is_met(installed, "tmux is not installed; install the package tmux") {
            return None;
        }
        let tmux = Tmux { bench, socket: bench.path("tmux").display().to_string() };
        let size = columns.to_string();
        let start = ["new-session", "-d", "-x", &size, "-y", "60", command, ";"];
        let window = ["set", "remain-on-exit", "on", ";", "set", "window-size", "manual"];
        tmux.run(&[&start[..], &window].concat());
        Some(tmux)
    }

    fn run(&self, args: &[&str]) -> String {
        let all = [&["-S", &self.socket, "-f", "/dev/null"], args].concat();
        let mut command = self.bench.command("tmux", &all);
        let output = command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the lines on the screen.
    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"]).trim_end().to_owned()
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

fn failed(id: &str, subject: &str, reason: &str) -> String {
    let data = serde_json::json!({"account": null, "region": format!("r{id}"), "reason": reason});
    event("poll.failed", id, "ERROR", &format!(r#","data":{data}"#))
        .replace("\"orders-dlq\"", &serde_json::json!(subject).to_string())
}

#[test]
fn notices_stand_in_columns_of_the_terminal_as_wide_as_it_is() {
    let bench = Bench::new("console-tmux");
    let hostile = "<b>-e\u{1b}[2J\n\u{202e}";
    let first = failed("1", "注文-dlq", "access denied") + &failed("2", hostile, "access denied");
    bench.write("one", first);
    bench.write("two", failed("3", "orders-dlq", "access denied"));
    // The second input comes when the terminal has another width.
    let wait = "while [ ! -e again ]; do sleep 0.02; done";
    let command = format!(
        "cd '{}'; {{ cat one; {wait}; cat two; }} | dlq-notify -n --color never >/dev/null",
        bench.dir().display()
    );
    let Some(tmux) = Tmux::start(&bench, 120, &command) else { return };
    let first = "19:57Z ERROR 注文-dlq                          cannot poll r1: access denied               dlq-poll --list\n\
         19:57Z ERROR <b>-e\\u{1b}[2J\\n\\u{202e}          cannot poll r2: access denied               dlq-poll --list";
    let mut shown = String::new();
    wait_for("two notices", || {
        shown = tmux.screen();
        shown.lines().count() >= 2
    });
    assert_eq!(shown, first);
    tmux.run(&["resize-window", "-x", "60"]);
    bench.write("again", "");
    let second = "19:57Z ERROR orders-dlq\n    cannot poll r3: access denied\n    dlq-poll --list";
    wait_for("a narrow notice", || tmux.screen().contains(second));
}

#[test]
fn form_of_notices_follows_the_terminal_and_the_options() {
    let mut bench = Bench::new("console-forms");
    bench.write("event", failed("1", "orders-dlq", "access denied"));
    let line = "19:57Z ERROR orders-dlq: cannot poll r1: access denied: dlq-poll --list\n";
    let columns = "19:57Z ERROR orders-dlq                cannot poll r1: access denied\n"
        .to_owned()
        + &" ".repeat(39)
        + "dlq-poll --list\n";
    let input = "exec dlq-notify -n --color never \"$@\" < event";
    let on_terminal = |bench: &Bench, option: &str| {
        let args = ["-c", &input.replace("\"$@\"", option)];
        let shown = run_on_terminal(bench, 80, "sh", &args);
        assert_eq!(shown.code, Some(0), "{}", shown.text);
        shown.text
    };
    assert_eq!(on_terminal(&bench, ""), columns);
    assert_eq!(on_terminal(&bench, "--plain"), line);
    let with_symbol = on_terminal(&bench, "--symbols");
    assert!(with_symbol.starts_with("19:57Z ✗ ERROR orders-dlq  "), "{with_symbol}");
    for options in [&["-n"][..], &["-n", "--symbols"], &["-n", "--plain"]] {
        let event = std::fs::read(bench.path("event")).unwrap();
        assert_eq!(bench.run("dlq-notify", options, event).stderr, line, "{options:?} in a pipe");
    }
    let both = bench.run("dlq-notify", &["--plain", "--symbols"], "");
    assert_eq!(both.code(), 2, "{}", both.stderr);
    let coloured = "exec dlq-notify -n < event";
    let bright = run_on_terminal(&bench, 80, "sh", &["-c", coloured]).text;
    assert!(
        bright.contains("\u{1b}[1;31mERROR\u{1b}[0m \u{1b}[1morders-dlq\u{1b}[0m"),
        "{bright:?}"
    );
    bench.set("NO_COLOR", "1");
    assert_eq!(run_on_terminal(&bench, 80, "sh", &["-c", coloured]).text, columns);
}
