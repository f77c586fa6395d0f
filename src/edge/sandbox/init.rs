//! Process 1 of a sandbox.
//!
//! It starts the program in a process session of its own, passes signals on to it, reaps what its
//! descendants leave, and ends as the program does: with its status, or 128 and the signal. It ends,
//! and all of the sandbox with it, when the supervisor ends, and when its processes exceed a limit,
//! which the kernel may not count. With a port it takes connections on loopback and passes their
//! bytes to the socket of the API.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::pump::pump;
use super::{INSIDE, SELF, process_limits, socket};
use crate::error::Error;
use crate::rules::sandbox::limits::{EXCEEDED, SandboxLimits};
use crate::store;

/// Interval of the wait, which nothing depends on.
const WAIT: Duration = Duration::from_secs(3600);

/// Words by which this program starts itself as process 1 of a sandbox.
pub const ENTER: &str = "enter";
pub const INIT: &str = "init";
/// Word by which this program starts itself as the leader of a process session.
pub const LEAD: &str = "lead";

/// End of the sandbox.
enum SandboxEnd {
    Program(u8),
    Supervisor,
    Exceeded,
}

/// Becomes process 1, without the descriptors that bubblewrap leaves open: with those, what runs in the
/// sandbox could open the file of its plan again, which the next run of the tests reads. Returns only
/// on failure.
pub fn enter(kept: &str, words: &[&str]) -> io::Error {
    close_fds::set_fds_cloexec(3, kept_descriptor(kept).as_slice());
    Command::new(SELF).arg(INIT).args(words).exec()
}

/// Returns the descriptor that the variable `kept` has.
fn kept_descriptor(kept: &str) -> Option<i32> {
    std::env::var(kept).ok().and_then(|number| number.parse().ok())
}

/// Runs process 1; returns the exit status of the program. `purpose` is the word of its limits.
pub fn run(port: u16, purpose: &str, limits: SandboxLimits, argv: &[&str]) -> Result<u8, Error> {
    let failed = |what: &'static str| move |error: io::Error| Error::failed("set up", what, error);
    let path = |name: &str| format!("{INSIDE}/{name}");
    let life = UnixStream::connect(path(socket::LIFE)).map_err(failed("the sandbox"))?;
    if port > 0 {
        let listener = TcpListener::bind(("127.0.0.1", port)).map_err(failed("the relay"))?;
        std::thread::spawn(move || listener.incoming().flatten().for_each(relay));
    }
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed("the signals of the sandbox"))?;
    let child = Command::new(SELF)
        .args([LEAD, purpose, "--"])
        .args(argv)
        .spawn()
        .map_err(failed("the program of the sandbox"))?;
    let Some(child) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return Err(Error::failed("set up", "the sandbox", "a process has no id"));
    };
    let (sender, ends) = mpsc::channel();
    let of_supervisor = sender.clone();
    std::thread::spawn(move || watch(life, &of_supervisor));
    let of_limits = sender.clone();
    std::thread::spawn(move || {
        process_limits::watch(limits);
        let _ = of_limits.send(SandboxEnd::Exceeded);
    });
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let signal = match signal {
                SIGINT => Signal::INT,
                SIGHUP => Signal::HUP,
                _ => Signal::TERM,
            };
            // It may have ended already.
            let _ = kill_process(child, signal);
        }
    });
    std::thread::spawn(move || reap(child, &sender));
    loop {
        match store::receive(&ends, WAIT) {
            Ok(SandboxEnd::Program(status)) => return Ok(status),
            Ok(SandboxEnd::Exceeded) => return Ok(EXCEEDED),
            Ok(SandboxEnd::Supervisor) | Err(RecvTimeoutError::Disconnected) => return Ok(137),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Waits until the supervisor's end of the connection is closed.
fn watch(mut life: UnixStream, ends: &Sender<SandboxEnd>) {
    let mut block = [0; 16];
    while life.read(&mut block).is_ok_and(|count| count > 0) {}
    let _ = ends.send(SandboxEnd::Supervisor);
}

/// Reaps all children, those of ended processes too, and reports the end of the program.
fn reap(program: Pid, ends: &Sender<SandboxEnd>) {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                let signal = status.terminating_signal().map(|signal| 128 + signal);
                let code = status.exit_status().or(signal).unwrap_or(1);
                let _ = ends.send(SandboxEnd::Program(u8::try_from(code).unwrap_or(1)));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // No child is left; the end of the program was reported.
            Err(_) => return,
        }
    }
}

/// Passes a connection on to the socket of the API.
fn relay(client: TcpStream) {
    std::thread::spawn(move || {
        let server = UnixStream::connect(format!("{INSIDE}/{}", socket::API))?;
        pump(client, server)
    });
}

/// Becomes the program of a sandbox, in a process session of its own, with limits, and with no
/// descriptor but the standard ones and the one that the variable `kept` has. Returns only on
/// failure.
pub fn lead(limits: SandboxLimits, kept: &str, argv: &[&str]) -> io::Error {
    let Some((program, args)) = argv.split_first() else {
        return io::Error::other("no program is given");
    };
    close_fds::set_fds_cloexec(3, kept_descriptor(kept).as_slice());
    let _ = rustix::process::setsid();
    let all = [
        (Resource::As, limits.address_space),
        (Resource::Fsize, limits.file_size),
        (Resource::Core, 0),
        // The kernel counts the processes of this sandbox alone: it has users of its own.
        #[cfg(target_os = "linux")]
        (Resource::Nproc, limits.processes),
    ];
    for (resource, limit) in all {
        // A lower limit of the user stays.
        let now = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Some(now.min(limit));
        if let Err(error) =
            rustix::process::setrlimit(resource, Rlimit { current: limit, maximum: limit })
        {
            return error.into();
        }
    }
    Command::new(program).args(args).exec()
}
