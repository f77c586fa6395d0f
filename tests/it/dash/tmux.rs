//! The dashboard in tmux, as a person runs it. Skipped where tmux is not installed.

use std::process::Command;

use dlq::text::columns;

use super::{INCIDENT, bench};
use crate::support::event_lines::{sampled, seconds_ago};
use crate::support::requirement::is_met;
use crate::support::workbench::{Bench, wait_for};

/// A server of tmux of its own, with one window.
struct Tmux<'a> {
    bench: &'a Bench,
}

impl<'a> Tmux<'a> {
    /// Starts a shell in a window; None without tmux.
    fn start(bench: &'a Bench) -> Option<Self> {
        let tmux = Tmux { bench };
        let is_installed = tmux.command(&["-V"]).output().is_ok();
        is_met(is_installed, "there is no 'tmux' here; install tmux").then_some(())?;
        let shell = "exec bash --norc --noprofile -i";
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", shell]);
        tmux.type_line("PS1='ready> '; clear; stty -a >before");
        tmux.wait_for_text("ready>");
        Some(tmux)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command("tmux", &[]);
        // A whole path may be too long for a socket.
        command.args(["-S", "./tmux.socket"]).args(args).env("TERM", "xterm-256color");
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn text(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    #[track_caller]
    fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"][..], keys].concat());
    }

    #[track_caller]
    fn type_line(&self, line: &str) {
        self.run(&["send-keys", "-l", line]);
        self.keys(&["Enter"]);
    }

    #[track_caller]
    fn wait_for_text(&self, text: &str) {
        wait_for(text, || self.text().contains(text));
    }

    /// Waits for the prompt on the first screen, and asserts that the terminal is as it was.
    #[track_caller]
    fn wait_for_shell(&self) {
        let modes = "#{alternate_on} #{cursor_flag}";
        wait_for("the first screen", || self.run(&["display", "-p", modes]) == "0 1\n");
        let name = self.bench.path("now");
        let _ = std::fs::remove_file(&name);
        self.type_line("stty -a >now.part; mv now.part now");
        wait_for("the modes", || name.exists());
        let read = |name: &str| std::fs::read_to_string(self.bench.path(name)).unwrap();
        let without_size = |text: String| text.split_once("; line").unwrap().1.to_owned();
        assert_eq!(without_size(read("now")), without_size(read("before")));
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

#[test]
fn dash_lives_in_tmux() {
    let bench = bench("dash-tmux");
    let Some(tmux) = Tmux::start(&bench) else { return };
    tmux.type_line("dlq-log --follow | dlq-dash");
    tmux.wait_for_text("orders-dlq");
    tmux.run(&["resize-window", "-x", "40", "-y", "10"]);
    wait_for("10 lines", || tmux.text().lines().count() == 10);
    tmux.run(&["resize-window", "-x", "120", "-y", "40"]);
    tmux.wait_for_text("orders-dlq");
    for key in ["2", "3", "4", "1"] {
        let before = tmux.text();
        tmux.keys(&[key]);
        wait_for("another view", || tmux.text() != before);
    }

    tmux.keys(&["C-z"]);
    tmux.wait_for_text("Stopped");
    tmux.wait_for_shell();
    tmux.type_line("fg");
    tmux.wait_for_text("orders-dlq");
    wait_for("the full screen", || tmux.run(&["display", "-p", "#{alternate_on}"]) == "1\n");

    tmux.keys(&["j", "y"]);
    wait_for("the copied name", || {
        let output = tmux.command(&["show-buffer"]).output().unwrap();
        output.stdout == b"orders-dlq"
    });
    tmux.keys(&["q"]);
    tmux.wait_for_shell();
}

#[test]
fn signals_give_tmux_its_terminal_back() {
    let bench = bench("dash-tmux-signals");
    let Some(tmux) = Tmux::start(&bench) else { return };
    for name in ["INT", "TERM", "HUP", "QUIT", "ABRT", "SYS", "VTALRM", "PROF", "XFSZ"] {
        let _ = std::fs::remove_file(bench.path("pid"));
        tmux.type_line("clear; sh -c 'echo $$ >pid; exec dlq-dash'");
        tmux.wait_for_text("orders-dlq");
        crate::support::workbench::signal(name, super::noted_pid(&bench));
        tmux.wait_for_shell();
    }
}

/// Terminals and libraries disagree about these: a Thai vowel that stands in a cell of its own, and
/// Japanese marks of half width.
#[test]
fn characters_of_disputed_width_stay_in_their_cells() {
    const TITLES: [&str; 2] = [
        "\u{e44}\u{e21}\u{e48}\u{e1e}\u{e1a}\u{e19}\u{e49}\u{e33}\u{e21}\u{e31}\u{e19}",
        "ｻｰﾊﾞｰﾃﾞｰﾀﾍﾞｰｽ ｴﾗｰ",
    ];
    let bench = bench("dash-tmux-widths");
    let Some(tmux) = Tmux::start(&bench) else { return };
    let line = sampled("orders-dlq", INCIDENT, seconds_ago(500), &TITLES);
    let journal = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    bench.write("state/journal.ndjson", journal + &line);
    tmux.type_line("LC_ALL=C.UTF-8 dlq-dash --view incidents");
    for title in TITLES {
        tmux.wait_for_text(title);
    }
    let text = tmux.text();
    let row = |part: &str| text.lines().find(|line| line.contains(part)).unwrap();
    let once = bench.shell("dlq-dash --once --view incidents --width 80 </dev/null").text();
    for title in TITLES {
        let shown = row(title).trim_start_matches('❯').trim();
        let cells =
            |line: &str| line.split_whitespace().take(4).map(str::to_owned).collect::<Vec<_>>();
        let plain = once.lines().find(|line| line.contains(title)).unwrap();
        assert_eq!(cells(shown), cells(plain), "{text}");
        assert!(columns(row(title)) <= 80);
    }
    tmux.keys(&["3"]);
    tmux.wait_for_text("3 Investigations]");
    let text = tmux.text();
    assert!(!text.contains(['\u{e33}', '\u{ff9e}']), "{text}");
    tmux.keys(&["q"]);
    tmux.wait_for_shell();
}
