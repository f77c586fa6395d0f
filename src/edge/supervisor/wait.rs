//! Waiting for an agent, and the watchdog that ends its process tree when the supervisor dies.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::context::{SessionContext, canonical_session_folder};
use super::finish::NoResult;
use super::{files, program};
use crate::clock;
use crate::edge::process::{self, Tree};
use crate::error::Error;
use crate::store;

/// Reason why waiting for a child has ended.
pub(super) enum WaitResult {
    Exited(ExitStatus),
    /// The agent has written its result and does not exit.
    Lingering,
    /// Deadline, stop request, or output of the agent that requires its end.
    Cut(NoResult),
}

/// A request to end the session: a signal, or the file `stop` in its folder.
pub(super) struct StopRequest {
    signalled: Arc<AtomicBool>,
    file: PathBuf,
}

impl StopRequest {
    /// Notes signals from now on, also those that arrive between two waits.
    pub(super) fn listen(folder: &Path) -> Result<Self, Error> {
        let signalled = Arc::<AtomicBool>::default();
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, signalled.clone())
                .map_err(|error| Error::failed("listen for", "signals", error))?;
        }
        Ok(StopRequest { signalled, file: folder.join(files::STOP) })
    }

    pub(super) fn check(&self) -> Option<WaitResult> {
        let is_made = self.signalled.load(Ordering::Relaxed) || self.file.exists();
        is_made.then_some(WaitResult::Cut(NoResult::Stopped))
    }
}

/// Returns why the session has no result when its agent has written events in its name.
pub(super) fn forgery(context: &SessionContext) -> Option<NoResult> {
    context.is_forged().then(|| {
        let path = context.path(files::EVENTS);
        let detail = format!(
            "something else than its supervisor has written to '{}'; its result is not trusted",
            path.display()
        );
        NoResult::Failed("forged", detail)
    })
}

/// Interval of the checks of an agent's output.
const CHECK: Duration = Duration::from_millis(100);

/// Waits for the child, the deadline, or a result of `check`.
pub(super) fn wait(
    mut child: Child,
    timeout: Duration,
    check: &mut dyn FnMut() -> Option<WaitResult>,
) -> WaitResult {
    let (sender, exited) = mpsc::channel();
    std::thread::spawn(move || {
        if let Ok(status) = store::wait_for_end(&mut child) {
            let _ = sender.send(WaitResult::Exited(status));
        }
    });
    let deadline = clock::tick() + timeout;
    loop {
        let remaining = deadline.saturating_duration_since(clock::tick());
        match store::receive(&exited, remaining.min(CHECK)) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return WaitResult::Cut(NoResult::TimedOut),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(result) = check() {
            return result;
        }
        if remaining.is_zero() {
            return WaitResult::Cut(NoResult::TimedOut);
        }
    }
}

/// The watchdog's process. When it is dropped its input ends, and it ends the agent's tree.
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts the watchdog, before the agent, so that no agent is without one.
    pub(super) fn start(context: &SessionContext) -> Result<Self, Error> {
        program::own()
            .args(["watch", &context.place, &context.plan.grace_ms.to_string()])
            .env("DLQ_STATE_DIR", context.store.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Watchdog)
            .map_err(|error| Error::file("start", Path::new("watchdog"), &error))
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Names the agent's process. A watchdog that died is no reason to fail: the kernel still ends
    /// the agent with its supervisor.
    pub(super) fn set_agent(&mut self, pid: u32) {
        let _ = self.0.stdin.as_mut().map(|pipe| writeln!(pipe, "{pid}"));
    }

    /// Ends the watchdog without ending the tree.
    pub(super) fn dismiss(mut self) -> Result<(), Error> {
        let _ = self.0.stdin.take().map(|mut pipe| pipe.write_all(b"done\n"));
        let failed = |error| Error::failed("wait for", "the watchdog", error);
        store::wait_for_end(&mut self.0).map(drop).map_err(failed)
    }
}

/// Runs the watchdog: waits until the supervisor dismisses it or dies, and in the second case ends
/// the tree. Without input it ends the tree at once.
pub fn watch(state: &Path, session: &str, grace: Duration) {
    let mut input = String::new();
    let _ = std::io::stdin().read_to_string(&mut input);
    if input.lines().any(|line| line == "done") {
        return;
    }
    let root: Option<i32> = input.lines().next().and_then(|line| line.parse().ok());
    // With an agent, this process is in the session that the supervisor led: the kernel
    // reserves that number while this process lives.
    let group = match cfg!(target_os = "linux") {
        true => root.and_then(|_| process::own_session()),
        false => root,
    };
    let tree = Tree::of_session(&canonical_session_folder(state, session));
    Tree { root, group, ..tree }.end(grace / 2);
}
