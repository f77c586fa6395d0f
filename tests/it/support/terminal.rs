//! Programs that run on a terminal: a pseudo-terminal of so many columns is their standard input,
//! output and error.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::workbench::{Bench, DEADLINE};

/// The end of a program, and what its terminal has shown.
#[derive(Debug)]
pub struct TerminalOutput {
    pub code: Option<i32>,
    pub text: String,
}

impl TerminalOutput {
    /// Returns the first line that is longer than the terminal is wide, other than those that
    /// contain one of `whole`.
    pub fn wide_line(&self, columns: usize, whole: &[&str]) -> Option<&str> {
        let is_wide = |line: &&str| line.chars().count() > columns;
        self.text
            .lines()
            .find(|line| is_wide(line) && !whole.iter().any(|part| line.contains(part)))
    }
}

/// Runs a program on a terminal that understands colours.
#[track_caller]
pub fn run_on_terminal(
    bench: &Bench,
    columns: u16,
    program: &str,
    args: &[&str],
) -> TerminalOutput {
    let mut command = bench.command(program, args);
    command.env("TERM", "xterm");
    run_command(command, columns)
}

#[track_caller]
fn run_command(mut command: Command, columns: u16) -> TerminalOutput {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    let end = || Stdio::from(slave.try_clone().unwrap());
    command.stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    // The reader sees the end when the last copy of the slave is closed.
    drop(command);
    drop(slave);
    let (give, shown) = channel();
    std::thread::spawn(move || {
        let (mut master, mut bytes, mut block) = (File::from(master), Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = master.read(&mut block) {
            bytes.extend_from_slice(&block[..count]);
        }
        let _ = give.send(bytes);
    });
    let code = wait(&mut child);
    let bytes = shown.recv_timeout(DEADLINE).unwrap();
    TerminalOutput { code, text: String::from_utf8(bytes).unwrap().replace("\r\n", "\n") }
}

#[track_caller]
fn wait(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it has not ended within {DEADLINE:?}");
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
