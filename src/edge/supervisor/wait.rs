//! Waiting for an agent, and the watchdog that ends its tree when its supervisor has died.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{Supervisor, files, folder};
use crate::clock;
use crate::edge::exe;
use crate::edge::process::{self, Tree};
use crate::error::Error;
use crate::store::{Wait, assert_may_wait};

/// Why waiting for the agent has ended.
pub(super) enum Ended {
    ByItself(ExitStatus),
    Deadline,
    /// By a signal, or by a file in its folder.
    Told,
    /// Because of what it writes: a word, and a sentence.
    Aborted(&'static str, String),
    /// It has its result and does not end.
    Lingering,
}

impl Supervisor<'_> {
    /// From now on a signal that tells us to end is noted, also between two waits.
    pub(super) fn heed_signals(&self) -> Result<(), Error> {
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, self.signalled.clone())
                .map_err(|error| Error::failed("listen for", "signals", error))?;
        }
        Ok(())
    }

    /// Whether somebody asks for the end, by a signal or by a file.
    pub(super) fn is_told(&self) -> bool {
        self.signalled.load(Ordering::Relaxed) || self.folder.join(files::STOP).exists()
    }

    /// Started before the agent: reads from us, and sees us die.
    pub(super) fn watchdog(&self) -> Result<Child, Error> {
        exe()
            .args(["--watch", self.session, "--grace-ms", &self.plan.grace_ms.to_string()])
            .env("DLQ_STATE_DIR", self.store.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| Error::file("start", Path::new("watchdog"), &error))
    }
}

/// How often what the agent writes is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Waits for the agent, the deadline, or what `look` finds.
pub(super) fn wait(
    mut agent: Child,
    timeout: Duration,
    look: &mut dyn FnMut() -> Option<Ended>,
) -> Ended {
    assert_may_wait(Wait::ProcessEnd);
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        if let Ok(status) = agent.wait() {
            let _ = sender.send(Ended::ByItself(status));
        }
    });
    let deadline = clock::tick() + timeout;
    loop {
        let left = deadline.saturating_duration_since(clock::tick());
        match ended.recv_timeout(left.min(LOOK)) {
            Ok(ended) => return ended,
            Err(RecvTimeoutError::Disconnected) => return Ended::Deadline,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(ended) = look() {
            return ended;
        }
        if left.is_zero() {
            return Ended::Deadline;
        }
    }
}

/// Tells the watchdog that all is over, and waits for it.
pub(super) fn dismiss(mut watchdog: Child) -> Result<(), Error> {
    assert_may_wait(Wait::ProcessEnd);
    let _ = watchdog.stdin.take().map(|mut pipe| pipe.write_all(b"done\n"));
    watchdog.wait().map(|_| ()).map_err(|error| Error::failed("wait for", "the watchdog", error))
}

/// The watchdog: reads from its supervisor until that says that it is done, or dies. Then it
/// ends the tree. With nothing to read from, it ends the tree at once.
pub fn watch(state: &Path, session: &str, grace: Duration) {
    let mut said = String::new();
    let _ = std::io::stdin().read_to_string(&mut said);
    if said.lines().any(|line| line == "done") {
        return;
    }
    let root: Option<i32> = said.lines().next().and_then(|line| line.parse().ok());
    // Who was told of an agent is in the session that the supervisor led: while we are there, its
    // number is given to no other.
    let group = match cfg!(target_os = "linux") {
        true => root.and_then(|_| process::own_session()),
        false => root,
    };
    Tree { folder: folder(state, session), root, group, ..Tree::default() }.end(grace / 2);
}
