//! A shell on a terminal of its own, with a screen that shows what it writes.
//!
//! The child gets its controlling terminal by a run of this test program that becomes the shell:
//! setting it between fork and exec would need unsafe code.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::workbench::{Bench, DEADLINE};

/// The variable with the line of the shell.
const LINE: &str = "DLQ_PTY_LINE";

/// Becomes the shell, in a run of this program as the child of a test.
#[test]
fn pty_child_becomes_shell() {
    let Some(line) = std::env::var_os(LINE) else { return };
    setsid().unwrap();
    ioctl_tiocsctty(rustix::stdio::stdin()).unwrap();
    let mut shell = Command::new("bash");
    let error = shell.args(["--norc", "--noprofile", "-c"]).arg(line).env_remove(LINE).exec();
    panic!("{error}");
}

/// The terminal, and the shell that runs on it.
pub struct Pty {
    /// None after a hangup.
    master: Option<File>,
    slave: OwnedFd,
    child: Child,
    screen: Arc<Mutex<vt100::Parser>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    is_reading: Arc<AtomicBool>,
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

impl Pty {
    /// Runs a line of bash on a terminal of this size, with the environment of the bench.
    #[track_caller]
    pub fn start(bench: &Bench, line: &str, columns: u16, rows: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
        tcsetwinsize(&slave, size(columns, rows)).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let mut command = bench.command(std::env::current_exe().unwrap(), &[]);
        command.args(["--exact", "support::pty::pty_child_becomes_shell", "--nocapture"]);
        command.env(LINE, line).env("TERM", "xterm-256color");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let parser = vt100::Parser::new(cells(rows), cells(columns), 0);
        let (screen, bytes) = (Arc::new(Mutex::new(parser)), Arc::new(Mutex::new(Vec::new())));
        let master = File::from(master);
        let is_reading = Arc::new(AtomicBool::new(true));
        let (mut reader, seen, kept) = (master.try_clone().unwrap(), screen.clone(), bytes.clone());
        let reads = is_reading.clone();
        std::thread::spawn(move || {
            let mut block = [0; 8192];
            loop {
                while !reads.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                let Ok(count @ 1..) = reader.read(&mut block) else { return };
                kept.lock().unwrap().extend_from_slice(&block[..count]);
                seen.lock().unwrap().process(&block[..count]);
            }
        });
        Pty { master: Some(master), slave, child, screen, bytes, is_reading }
    }

    /// Returns the text on the screen.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Returns whether the full screen is shown, and whether the cursor is.
    pub fn modes(&self) -> (bool, bool) {
        let screen = self.screen.lock().unwrap();
        (screen.screen().alternate_screen(), !screen.screen().hide_cursor())
    }

    /// Returns all bytes that were written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    pub fn termios(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    #[track_caller]
    pub fn wait_for(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let until = Instant::now() + DEADLINE;
        while !condition(self) {
            assert!(
                Instant::now() < until,
                "waited in vain: {what}; on the screen:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |pty| pty.text().contains(text));
    }

    #[track_caller]
    pub fn write(&mut self, keys: impl AsRef<[u8]>) {
        self.master.as_mut().unwrap().write_all(keys.as_ref()).unwrap();
    }

    #[track_caller]
    pub fn resize(&self, columns: u16, rows: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(cells(rows), cells(columns));
        tcsetwinsize(&self.slave, size(columns, rows)).unwrap();
    }

    /// Sets whether the terminal reads what programs write to it.
    pub fn set_reading(&self, is_reading: bool) {
        self.is_reading.store(is_reading, Ordering::SeqCst);
    }

    /// Waits for the end of the shell.
    #[track_caller]
    pub fn finish(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "no end; on the screen:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.set_reading(true);
        // The session leader dies, which hangs up the terminal.
        self.master = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether two states of a terminal are equal, as `stty -a` shows them.
pub fn is_same(a: &Termios, b: &Termios) -> bool {
    a.input_modes == b.input_modes
        && a.output_modes == b.output_modes
        && a.control_modes == b.control_modes
        && a.local_modes == b.local_modes
}
