//! The ways out: each gives the terminal back as it was.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use dlq::edge::dash::guard::TerminalGuard;
use dlq::edge::dash::terminal::Screen;

use super::{bench, noted, noted_pid, start};
use crate::support::pty::{Pty, is_same};
use crate::support::workbench::{Bench, is_alive, signal, wait_for};

/// Waits until the first screen with a visible cursor is back, in the modes as they were before.
#[track_caller]
fn wait_for_terminal(pty: &Pty, before: &rustix::termios::Termios) {
    pty.wait_for("the first screen and its cursor", |pty| pty.modes() == (false, true));
    assert!(is_same(&pty.termios(), before), "{:?}", pty.termios());
}

/// Starts the dashboard with its modes of before. The shell waits for a line first.
#[track_caller]
fn start_noted(bench: &Bench, args: &str) -> (Pty, rustix::termios::Termios) {
    let mut pty = Pty::start(bench, &format!("read -r; {}", noted(args)), 80, 24);
    let before = pty.termios();
    pty.write("\n");
    pty.wait_for_text("orders-dlq");
    assert_eq!(pty.modes(), (true, false), "the full screen without a cursor");
    assert!(!is_same(&pty.termios(), &before), "raw mode");
    (pty, before)
}

#[test]
fn quit_keys_give_the_terminal_back() {
    for key in ["q", "\x03"] {
        let bench = bench("dash-quit");
        let (mut pty, before) = start_noted(&bench, "");
        pty.write(key);
        pty.wait_for_text("status 0");
        wait_for_terminal(&pty, &before);
        assert!(!pty.text().contains("orders-dlq"), "{}", pty.text());
    }
}

#[test]
fn signals_give_the_terminal_back_and_end_by_themselves() {
    let ends = [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131)];
    let strays = [("USR1", 138), ("USR2", 140), ("ALRM", 142), ("XCPU", 152)];
    for (name, status) in ends.into_iter().chain(strays) {
        let bench = bench("dash-signal");
        let (pty, before) = start_noted(&bench, "");
        signal(name, noted_pid(&bench));
        pty.wait_for_text(&format!("status {status}"));
        wait_for_terminal(&pty, &before);
    }
}

#[test]
fn closed_terminal_ends_dash() {
    let bench = bench("dash-hangup");
    let (pty, _) = start_noted(&bench, "");
    let pid = noted_pid(&bench);
    drop(pty);
    wait_for("the end", || !is_alive(pid));
}

/// A process that waits for such a terminal cannot handle a signal in its main thread.
#[test]
fn terminal_that_stops_reading_delays_no_signal() {
    let bench = bench("dash-stalled");
    let (mut pty, before) = start_noted(&bench, "");
    let pid = noted_pid(&bench);
    pty.set_reading(false);
    // Each key draws another view, until the terminal takes no more.
    for _ in 0..200 {
        pty.write("1234");
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    signal("TERM", pid);
    wait_for("the end", || !is_alive(pid));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(is_same(&pty.termios(), &before));
    pty.set_reading(true);
}

/// Draws a frame that panics, or lets another thread panic, in a run of this program as a child.
#[test]
fn pty_child_panics() {
    let Some(place) = std::env::var_os("DLQ_PTY_PANIC") else { return };
    let guard = TerminalGuard::open().unwrap();
    guard.enter().unwrap();
    let mut screen = Screen::new(guard.clone()).unwrap();
    screen.draw(|frame| frame.render_widget("whole-frame", frame.area())).unwrap();
    if place == "thread" {
        let ended = std::thread::spawn(|| panic!("in a thread")).join();
        assert!(
            ended.is_err() && !guard.is_entered() && guard.as_fd().try_clone_to_owned().is_ok()
        );
        screen.draw(|frame| frame.render_widget("later-frame", frame.area())).unwrap();
        return;
    }
    let _ = screen.draw(|frame| {
        frame.render_widget("half-frame", frame.area());
        panic!("in a view");
    });
}

#[test]
fn panic_gives_the_terminal_back_before_its_message() {
    for (place, message) in [("view", "in a view"), ("thread", "in a thread")] {
        let bench = Bench::new("dash-panic");
        let test = std::env::current_exe().unwrap();
        let child = "--exact dash::leaving::pty_child_panics --nocapture";
        let line = format!(
            "read -r; DLQ_PTY_PANIC={place} '{}' {child}; echo \"status $?\"",
            test.display()
        );
        let mut pty = Pty::start(&bench, &line, 80, 24);
        let before = pty.termios();
        pty.write("\n");
        pty.wait_for_text("status ");
        wait_for_terminal(&pty, &before);
        let (text, bytes) = (pty.text(), String::from_utf8_lossy(&pty.bytes()).into_owned());
        assert!(text.contains(message), "{text}");
        assert!(bytes.contains("whole-frame"), "{bytes:?}");
        assert!(!bytes.contains("half-frame") && !bytes.contains("later-frame"), "{bytes:?}");
    }
}

#[test]
fn dash_without_terminal_names_the_way_out() {
    let bench = bench("dash-no-terminal");
    let output = bench.shell("setsid -w dlq-dash </dev/null");
    assert_eq!(output.code(), 2);
    assert!(output.stderr.contains("'/dev/tty'"), "{}", output.stderr);
    assert!(output.stderr.contains("dlq-dash --once"), "{}", output.stderr);
    assert_eq!(output.text(), "");
}

#[test]
fn dumb_terminal_is_refused_without_a_byte_to_it() {
    let bench = bench("dash-dumb");
    let pty = Pty::start(&bench, "TERM=dumb dlq-dash; echo \"status $?\"", 80, 24);
    pty.wait_for_text("status 2");
    assert!(pty.text().contains("TERM=dumb"), "{}", pty.text());
    assert!(!pty.bytes().contains(&0x1b));
}

/// Keys, garbage, replies of the terminal and changes of size, as fast as they can come.
#[test]
fn keys_and_sizes_draw_whole_frames() {
    let bench = bench("dash-storm");
    let mut pty = start(&bench, "dlq-dash; echo \"status $?\"");
    let sizes = [(40, 10), (200, 60), (80, 24), (1, 1), (120, 40), (20, 5)];
    let begun = |pty: &Pty| String::from_utf8_lossy(&pty.bytes()).matches("\x1b[?2026h").count();
    for round in 0..3 {
        let before = begun(&pty);
        for (columns, rows) in sizes {
            pty.resize(columns, rows);
            pty.write(["1jkgG?\x1b", "2\x1b[5~\x04\x15", "3s/x\r", "4\r\x1b[1000~S\x1b"][round]);
            pty.write("\x1b[?1;2c\x1b]11;rgb:0000/0000/0000\x07\x1b[M !!\x1b[<0;1\x1b[1;300Apr");
            pty.write([0xff, 0xc3, 0x80, 0xf0, 0x9f, 0x00]);
        }
        pty.wait_for("a frame", |pty| begun(pty) > before);
    }
    // CAN ends whatever sequence was begun; behind another ESC, the first one is a key at once.
    pty.write("\x18\x1b\x1b\x18\x1b\x1b\x18");
    pty.resize(80, 24);
    pty.write("1");
    pty.wait_for_text("orders-dlq");
    pty.write("\x03");
    pty.wait_for_text("status 0");
    let bytes = String::from_utf8_lossy(&pty.bytes()).into_owned();
    let frames = [bytes.matches("\x1b[?2026h").count(), bytes.matches("\x1b[?2026l").count()];
    assert!(frames[0] > 3 && frames[1] == frames[0] + 1, "the way back ends a frame: {frames:?}");
}

/// Returns the age of the figures that the header shows, in seconds.
fn shown_age(pty: &Pty) -> Option<u64> {
    let text = pty.text();
    text.lines().next()?.strip_suffix("s ago")?.rsplit(' ').next()?.parse().ok()
}

/// A screen without news changes the ages and nothing else, and costs next to no processor time.
#[test]
fn idle_screen_writes_little_and_uses_no_processor() {
    let bench = bench("dash-idle");
    let pty = start(&bench, &noted(""));
    let pid = noted_pid(&bench);
    pty.wait_for("the age of the figures", |pty| shown_age(pty).is_some());
    let (began, bytes, used) = (shown_age(&pty).unwrap(), pty.bytes().len(), ticks(pid));
    pty.wait_for("ages of four seconds more", |pty| shown_age(pty) >= Some(began + 4));
    let (bytes, used) = ((pty.bytes().len() - bytes) as u64, ticks(pid) - used);
    let seconds = shown_age(&pty).unwrap() - began;
    assert!(bytes < 1024 * seconds, "{bytes} bytes in {seconds} seconds");
    // 100 ticks a second: 5 are 5 % of one processor, in a debug build.
    assert!(used <= 5 * seconds, "{used} ticks in {seconds} seconds");
}

/// Returns the processor time of a process, in ticks of 10 ms.
fn ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
