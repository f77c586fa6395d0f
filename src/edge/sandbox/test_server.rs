//! Runs the tests when an agent in its sandbox asks for them, in a sandbox of their own.
//!
//! A connection is the request; it has no argument. Its answer is the output, in frames, and the exit
//! status. Promises: one run at a time; a client that goes away ends its run.

use std::io::{self, PipeReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::store::{self, BlockingWait};

/// First byte of a frame of output; 4 bytes with the length follow, the highest first.
pub(super) const OUTPUT: u8 = b'o';
/// First byte of the last frame; the exit status follows.
pub(super) const END: u8 = b'x';

/// Bytes of output that a client gets; an agent reads far fewer.
const OUTPUT_MAX: usize = 1 << 20;
/// Interval of the checks whether a run has ended, after the end of its output.
const CHECK: Duration = Duration::from_millis(5);
/// Exit status of tests that could not be started, as in a shell.
const NOT_RUN: u8 = 127;

/// Serves a socket until this process ends. `tests` makes the command.
pub fn serve(listener: UnixListener, tests: impl Fn() -> Result<Command, Error> + Send + 'static) {
    // This thread starts the runs: the kernel ends a run with the thread that started it.
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // The client has gone away.
            let _ = answer(client, &tests);
        }
    });
}

fn answer(mut client: UnixStream, tests: &dyn Fn() -> Result<Command, Error>) -> io::Result<()> {
    let status = match tests().and_then(start) {
        Ok((child, output)) => {
            let child = Arc::new(Mutex::new(child));
            let (gone, watched) = (client.try_clone()?, child.clone());
            std::thread::spawn(move || end_with(gone, &watched));
            if pass_on(output, &mut client).is_err() {
                kill(&child);
            }
            wait(&child)
        }
        Err(error) => {
            send(&mut client, format!("{error}\n").as_bytes())?;
            NOT_RUN
        }
    };
    client.write_all(&[END, status])
}

/// Starts a run with its output in one pipe.
fn start(mut command: Command) -> Result<(Child, PipeReader), Error> {
    let failed = |error: io::Error| Error::failed("start", "the tests", error);
    let (output, writer) = io::pipe().map_err(failed)?;
    let again = writer.try_clone().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(writer).stderr(again);
    // The command, which holds the other end of the pipe, is dropped on return.
    Ok((command.spawn().map_err(failed)?, output))
}

/// Ends a run when its client goes away: nobody writes on this connection.
fn end_with(mut client: UnixStream, child: &Mutex<Child>) {
    let mut block = [0; 64];
    while client.read(&mut block).is_ok_and(|count| count > 0) {}
    kill(child);
}

fn kill(child: &Mutex<Child>) {
    // Does nothing to a child that was reaped.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// Sends the output to its end. What exceeds the limit is read and dropped.
fn pass_on(mut output: PipeReader, client: &mut UnixStream) -> io::Result<()> {
    let (mut block, mut sent) = ([0; 8192], 0);
    loop {
        let count = output.read(&mut block)?;
        if count == 0 {
            return Ok(());
        }
        if sent <= OUTPUT_MAX {
            send(client, &block[..count])?;
            sent += count;
            if sent > OUTPUT_MAX {
                send(client, b"\n(the rest of the output is left out)\n")?;
            }
        }
    }
}

fn send(client: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    client.write_all(&[&[OUTPUT][..], &length.to_be_bytes(), bytes].concat())
}

/// Waits for the end of a run whose output has ended.
fn wait(child: &Mutex<Child>) -> u8 {
    loop {
        let ended = child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        match ended {
            Ok(Some(status)) => {
                let signal = status.signal().map(|signal| 128 + signal);
                let code = status.code().or(signal).unwrap_or(1);
                return u8::try_from(code).unwrap_or(1);
            }
            Ok(None) => store::sleep(BlockingWait::ProcessEnd, CHECK),
            Err(_) => return NOT_RUN,
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::sandbox::socket;
    use crate::edge::sandbox::test_client::read_answer;

    /// Serves a shell script, and returns the folder with the socket.
    fn server(name: &str, script: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("dlq-tests-{name}-{}", std::process::id()));
        let listener = socket::listen(&folder, socket::TESTS).unwrap();
        let script = script.to_owned();
        serve(listener, move || {
            let mut command = Command::new("sh");
            command.args(["-c", &script]);
            Ok(command)
        });
        folder
    }

    #[test]
    fn client_gets_output_and_status() {
        let rows = [
            ("out", "echo one; echo two >&2; exit 3", "one\ntwo\n", 3),
            ("signal", "kill -9 $$", "", 137),
            ("silent", ":", "", 0),
        ];
        for (name, script, output, status) in rows {
            let folder = server(name, script);
            let client = socket::connect(&folder, socket::TESTS);
            let mut shown = Vec::new();
            let ended = read_answer(client, &mut |bytes| {
                shown.extend_from_slice(bytes);
                Ok(())
            });
            assert_eq!(
                (String::from_utf8(shown).unwrap().as_str(), ended.unwrap()),
                (output, status)
            );
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn long_output_is_cut() {
        let folder = server("long", "head -c 3000000 /dev/zero");
        let client = socket::connect(&folder, socket::TESTS);
        let mut count = 0;
        let mut last = Vec::new();
        read_answer(client, &mut |bytes| {
            count += bytes.len();
            last = bytes.to_vec();
            Ok(())
        })
        .unwrap();
        assert!(count > OUTPUT_MAX && count < OUTPUT_MAX + 20_000, "{count}");
        assert!(last.ends_with(b"left out)\n"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn client_that_goes_away_ends_its_run() {
        let folder = server("gone", "sleep 600");
        drop(socket::connect(&folder, socket::TESTS));
        // The next client is answered only after that run has ended; it goes away, too.
        drop(socket::connect(&folder, socket::TESTS));
        let listing = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(listing, 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
