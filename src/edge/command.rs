//! Runs a command for its output: no shell, no input, a deadline, and a limit on the output.
//!
//! Processes that the command starts end with it, unless they leave its process group. Those of
//! [`run_notifier`] end also then, as far as [`process::Tree`] finds them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::process;
use crate::clock;
use crate::store::{self, BlockingWait};

/// Bytes of standard error that are kept.
const ERRORS_MAX: u64 = 4096;

/// The time to wait for the end of the output of a command that has ended.
const PIPE_CLOSE: Duration = Duration::from_millis(500);

/// The result of a command.
#[derive(Debug)]
pub struct CommandResult {
    /// Standard output, up to the limit.
    pub output: Vec<u8>,
    /// Whether there was more output.
    pub more: bool,
    /// Beginning of standard error, when that is a pipe.
    pub errors: Vec<u8>,
    /// The exit status; `None` when the command was killed at the deadline or the output limit.
    pub status: Option<ExitStatus>,
}

/// Runs a command to its end or its deadline, and reads up to `max` bytes of output.
/// `environment`, if given, replaces the inherited one, but for [`process::RUN_MARKER`].
pub fn run(
    argv: &[String],
    environment: Option<&[(OsString, OsString)]>,
    deadline: Duration,
    max: u64,
    stderr: Stdio,
) -> Result<CommandResult, String> {
    run_with_input(argv, CommandInput::Nothing, environment, deadline, max, stderr)
}

/// The standard input of a command.
pub enum CommandInput<'a> {
    Nothing,
    /// At most 4 KiB, which a pipe holds.
    Bytes(&'a [u8]),
    File(File),
}

/// Runs a command as [`run`] does, with a standard input.
pub fn run_with_input(
    argv: &[String],
    input: CommandInput<'_>,
    environment: Option<&[(OsString, OsString)]>,
    deadline: Duration,
    max: u64,
    stderr: Stdio,
) -> Result<CommandResult, String> {
    let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).process_group(0);
    let (stdin, input) = match input {
        CommandInput::Nothing => (Stdio::null(), None),
        CommandInput::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
        CommandInput::File(file) => (file.into(), None),
    };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr);
    if let Some(environment) = environment {
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        // A run that ends all that it has started recognises it by this.
        let mark = std::env::var_os(process::RUN_MARKER);
        command.envs(mark.map(|mark| (process::RUN_MARKER, mark)));
    }
    let mut child = command.spawn().map_err(|cause| crate::error::io_cause(&cause))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A pipe holds it, so that this does not block; a command that has ended reads nothing.
        let _ = stdin.write_all(input);
    }
    let until = clock::tick() + deadline;
    let errors = child.stderr.take().map(|stderr| read(stderr, ERRORS_MAX, true));
    let output = child.stdout.take().and_then(|stdout| {
        let remaining = until.saturating_duration_since(clock::tick());
        store::receive(&read(stdout, max + 1, false), remaining).ok()
    });
    let (mut output, more, ended) = match output {
        Some(bytes) if bytes.len() as u64 <= max => {
            let remaining = until.saturating_duration_since(clock::tick());
            (bytes, false, wait(&mut child, remaining.into()))
        }
        Some(bytes) => (bytes, true, None),
        None => (Vec::new(), false, None),
    };
    if ended.is_none() {
        stop(&mut child);
    }
    output.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    // A process that the command has left running may hold the pipe open: do not wait for it.
    let errors = errors.and_then(|errors| store::receive(&errors, Duration::from_secs(1)).ok());
    Ok(CommandResult { output, more, errors: errors.unwrap_or_default(), status: ended })
}

/// Runs a command for its status, which is None at the deadline. Its output is dropped, however long;
/// the end of standard error is returned.
pub fn run_for_status(
    argv: &[String],
    deadline: Duration,
) -> Result<(Option<ExitStatus>, Vec<u8>), String> {
    let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    run_to_status(&mut command, deadline)
}

/// Runs a command as [`run_for_status`] does, with its own environment, input and output.
pub fn run_to_status(
    command: &mut Command,
    deadline: Duration,
) -> Result<(Option<ExitStatus>, Vec<u8>), String> {
    command.process_group(0).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|cause| crate::error::io_cause(&cause))?;
    let errors = child.stderr.take().map(read_end);
    let status = wait(&mut child, deadline.into());
    if status.is_none() {
        stop(&mut child);
    }
    // What the command has left running may hold the pipe open.
    let errors = errors.and_then(|errors| store::receive(&errors, PIPE_CLOSE).ok());
    Ok((status, errors.unwrap_or_default()))
}

/// Reads a pipe to its end in a thread, and keeps its last bytes.
fn read_end(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut kept, mut block) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = pipe.read(&mut block) {
            kept.extend_from_slice(&block[..count]);
            let most = usize::try_from(ERRORS_MAX).unwrap_or(usize::MAX);
            kept.drain(..kept.len().saturating_sub(most));
        }
        // The receiver is dropped when the command leaves the pipe open.
        let _ = sender.send(kept);
    });
    receiver
}

/// The end of a command that does not end by itself.
#[derive(Debug, Clone, Copy)]
pub struct RunLimit<'a> {
    pub deadline: Duration,
    /// A flag that another thread sets to end the command before its deadline.
    pub stop: Option<&'a AtomicBool>,
}

impl From<Duration> for RunLimit<'_> {
    fn from(deadline: Duration) -> Self {
        RunLimit { deadline, stop: None }
    }
}

impl RunLimit<'_> {
    fn is_stopped(self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        self.stop.is_some_and(is_set) || is_set(&ENDING)
    }
}

/// Whether this process ends.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Lets no command outlive this process, which ends: each is killed as at its deadline.
pub fn end_all() {
    ENDING.store(true, Ordering::Relaxed);
}

/// Runs a command that delivers a notice: `input` is its standard input, `variables` are added to the
/// inherited environment, and the beginning of its output is kept. At its limit its whole process tree
/// is killed. What it leaves running when it ends by itself is its own matter.
pub fn run_notifier<'a>(
    argv: &[String],
    variables: &[(&str, String)],
    input: Vec<u8>,
    limit: impl Into<RunLimit<'a>>,
) -> io::Result<CommandResult> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mark = process::command_mark();
    let mut command = Command::new(program);
    command.args(arguments).process_group(0);
    command.envs(variables.iter().map(|(name, value)| (name, value))).env(mark.0, &mark.1);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let limit = limit.into();
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read must not stop us.
        std::thread::spawn(move || stdin.write_all(&input));
    }
    let output = child.stdout.take().map(|pipe| read(pipe, ERRORS_MAX, true));
    let errors = child.stderr.take().map(|pipe| read(pipe, ERRORS_MAX, true));
    let status = wait(&mut child, limit);
    if status.is_none() {
        process::Tree::of_command(mark, child.id()).kill();
        stop(&mut child);
    }
    // What the command has left running may hold the pipes open.
    let kept = |pipe: Option<Receiver<Vec<u8>>>| {
        pipe.and_then(|pipe| store::receive(&pipe, PIPE_CLOSE).ok()).unwrap_or_default()
    };
    Ok(CommandResult { output: kept(output), more: false, errors: kept(errors), status })
}

/// Reads up to `max` bytes in a thread, which may outlive the deadline until the pipe closes. `drain`
/// reads the rest too, so that the command does not block; without it the pipe is closed, so that a
/// process which has left the command's group gets SIGPIPE.
fn read(mut pipe: impl Read + Send + 'static, max: u64, drain: bool) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if pipe.by_ref().take(max).read_to_end(&mut bytes).is_ok() {
            // The receiver is dropped at the deadline.
            let _ = sender.send(bytes);
            if drain {
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            }
        }
    });
    receiver
}

/// Waits for the end of a command.
fn wait(child: &mut Child, limit: RunLimit<'_>) -> Option<ExitStatus> {
    let until = clock::tick() + limit.deadline;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if clock::tick() >= until || limit.is_stopped() {
            return None;
        }
        store::sleep(BlockingWait::Command, Duration::from_millis(5));
    }
}

/// Kills a child that leads a process group, with its group.
pub(super) fn stop(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // The group may have ended by itself.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = store::wait_for_end(child);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Keys;
    use crate::rules::investigation::budget::Budget;
    use crate::store::Store;

    fn shell(script: &str, deadline: u64, max: u64) -> CommandResult {
        let argv = ["sh", "-c", script].map(str::to_owned);
        run(&argv, None, Duration::from_millis(deadline), max, Stdio::null()).unwrap()
    }

    #[test]
    fn command_is_ended_at_deadline_or_output_limit() {
        let rows = [
            ("an answer", "printf abc", 10_000, "abc", false, Some(0)),
            ("as much as fits", "printf abcde", 10_000, "abcde", false, Some(0)),
            ("a failure", "printf abc; exit 3", 10_000, "abc", false, Some(3)),
            ("too much", "yes", 10_000, "y\ny\ny", true, None),
            ("silence", "sleep 600 & sleep 600", 200, "", false, None),
            ("no end", "printf abc; exec >&-; sleep 600", 200, "abc", false, None),
        ];
        for (rule, script, deadline, output, more, status) in rows {
            let ran = shell(script, deadline, 5);
            assert_eq!(String::from_utf8_lossy(&ran.output), output, "{rule}");
            assert_eq!((ran.more, ran.status.and_then(|s| s.code())), (more, status), "{rule}");
        }
    }

    #[test]
    fn status_of_a_command_does_not_depend_on_its_output() {
        let status = |script: &str, deadline: u64| {
            let argv = ["sh", "-c", script].map(str::to_owned);
            let (status, errors) = run_for_status(&argv, Duration::from_millis(deadline)).unwrap();
            let errors = String::from_utf8_lossy(&errors).trim_end().to_owned();
            (status.and_then(|status| status.code()), errors)
        };
        let long = "head -c 1000000 /dev/zero";
        assert_eq!(status(long, 10_000), (Some(0), String::new()));
        let (code, errors) =
            status(&format!("{long} | tr '\\0' x >&2; echo; echo why >&2; exit 3"), 10_000);
        assert!(code == Some(3) && errors.ends_with("xwhy") && errors.len() < 5000, "{code:?}");
        assert_eq!(status("sleep 600", 200).0, None);
    }

    /// A process that left the command's group is not killed with it.
    #[cfg(target_os = "linux")]
    #[test]
    fn endless_descendant_gets_sigpipe_at_output_limit() {
        let mark = std::env::temp_dir().join(format!("dlq-descendant-{}", std::process::id()));
        let script =
            format!("setsid sh -c 'yes; echo ended >{}' & exec >&-; sleep 600", mark.display());
        assert!(shell(&script, 10_000, 5).more);
        let deadline = clock::tick() + Duration::from_secs(20);
        while !mark.exists() {
            assert!(clock::tick() < deadline, "'yes' still writes");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::remove_file(&mark).unwrap();
    }

    /// The deadline ends processes that have left the group and the session, and whose parent has died.
    /// Many shells make it likely that the child of one is killed before the shell.
    #[cfg(target_os = "linux")]
    #[test]
    fn notifier_that_leaves_its_session_is_killed_at_the_deadline() {
        let mark = std::env::temp_dir().join(format!("dlq-notifier-{}", std::process::id()));
        let _ = std::fs::remove_file(&mark);
        let script = format!(
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do \
             (setsid sh -c 'sleep 600; echo x >{}' &); done; setsid sleep 600 & exec sleep 600",
            mark.display()
        );
        let argv = ["sh", "-c", &script].map(str::to_owned);
        let ran = run_notifier(&argv, &[], Vec::new(), Duration::from_millis(500)).unwrap();
        assert!(ran.status.is_none());
        assert!(!mark.exists(), "a shell went on after its child was killed");
    }

    #[test]
    fn notifier_gets_input_and_variables_and_may_leave_a_process() {
        let notifier = |script: &str, input: Vec<u8>| {
            let argv = ["sh", "-c", script].map(str::to_owned);
            let variables = [("DLQ_NOTICE_TITLE", "a\nb".to_owned())];
            run_notifier(&argv, &variables, input, Duration::from_secs(10)).unwrap()
        };
        let ran =
            notifier("cat; printf %s \"$DLQ_NOTICE_TITLE\"; echo e >&2; exit 3", b"{}\n".into());
        assert_eq!((ran.output.as_slice(), ran.errors.as_slice()), (&b"{}\na\nb"[..], &b"e\n"[..]));
        assert_eq!(ran.status.unwrap().code(), Some(3));
        // More input than a pipe holds, to a command that does not read it.
        let begun = clock::tick();
        let ran = notifier("sleep 5 & exit 0", vec![b'x'; 1 << 20]);
        assert!(ran.status.unwrap().success() && begun.elapsed() < Duration::from_secs(4));
        let missing = ["/no/such/program".to_owned()];
        let error = run_notifier(&missing, &[], Vec::new(), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn command_inside_an_update_of_a_document_panics() {
        let dir = std::env::temp_dir().join(format!("dlq-command-{}", std::process::id()));
        let store = Store::open(&dir).unwrap();
        let update =
            || store.update(&Keys::none(), |_: &mut Budget| Ok(shell("true", 10_000, 5).more));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(update));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(ended.is_err());
        assert!(!shell("true", 10_000, 5).more, "the thread may wait again");
    }

    #[test]
    fn environment_of_command_is_the_given_one_alone() {
        let argv = ["/usr/bin/env".to_owned()];
        let environment = [("DLQ_ONLY".into(), "this".into())];
        let ran =
            run(&argv, Some(&environment), Duration::from_secs(10), 100, Stdio::null()).unwrap();
        assert_eq!(ran.output, b"DLQ_ONLY=this\n");
        assert!(run(&["/nonexistent".to_owned()], None, Duration::ZERO, 1, Stdio::null()).is_err());
    }
}
