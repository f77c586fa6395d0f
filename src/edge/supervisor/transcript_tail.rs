//! Reading an agent's transcript while the agent writes it.
//!
//! The agent writes to a file, so that a slow or dead reader loses nothing. The tail follows that
//! file line by line, reports progress, and says when the agent must be ended.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::finish::NoResult;
use super::wait::WaitResult;
use crate::clock;
use crate::regular_file;
use crate::rules::agent::transcript;
use crate::rules::agent::transcript::{
    ExpectedInit, LINE_MAX, Progress, Transcript, TranscriptEvent,
};

/// Least interval of progress about one step of one subagent.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// Time that an agent has to exit after its result.
const LINGER: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct TranscriptTail {
    file: Option<BufReader<File>>,
    /// Permissions that the agent must report; `None` for agents other than Claude Code.
    expected: Option<ExpectedInit>,
    /// File that a hook makes; without it the hooks, which limit the agent, do not run.
    hooked: Option<PathBuf>,
    pub(super) transcript: Transcript,
    partial: Vec<u8>,
    reported: HashMap<(String, Option<String>), Instant>,
    result_at: Option<Instant>,
}

impl TranscriptTail {
    pub(super) fn new(
        path: &Path,
        expected: Option<ExpectedInit>,
        hooked: Option<PathBuf>,
    ) -> Self {
        let file = regular_file::open(path).ok().map(BufReader::new);
        TranscriptTail { file, expected, hooked, ..TranscriptTail::default() }
    }

    /// Goes on with the transcript of an earlier run, which ended at `offset` in the same file.
    pub(super) fn after(mut self, earlier: Transcript, offset: u64) -> Self {
        let moved = self.file.as_mut().map(|file| file.seek(SeekFrom::Start(offset)));
        // Without it all lines are read again, which changes no fact.
        if moved.is_some_and(|moved| moved.is_ok()) {
            self.transcript = earlier;
        }
        self
    }

    /// Reads the lines that were added. `report` gets the progress that is due.
    pub(super) fn follow(&mut self, report: &mut dyn FnMut(Progress)) -> Option<WaitResult> {
        let mut ended = None;
        while let Some(line) = self.next_line() {
            ended = ended.or(self.apply_line(line.trim_ascii_end(), report));
        }
        let late = self.result_at.is_some_and(|at| clock::tick() >= at + LINGER);
        ended.or(late.then_some(WaitResult::Lingering))
    }

    /// Reads the rest. A killed agent leaves a last line without LF.
    pub(super) fn finish(&mut self, report: &mut dyn FnMut(Progress)) {
        // The agent has ended: a reason to end it no longer matters.
        let _ = self.follow(report);
        let partial = std::mem::take(&mut self.partial);
        if !partial.is_empty() {
            self.transcript.read_line(&partial);
        }
    }

    /// Reads a line that has its end, which may come with a later call.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let max = (LINE_MAX - self.partial.len() + 1) as u64;
        self.file.as_mut()?.take(max).read_until(b'\n', &mut self.partial).ok()?;
        let is_whole = self.partial.ends_with(b"\n");
        // A line without an end is not kept for ever; the rest of it is no JSON.
        (is_whole || self.partial.len() > LINE_MAX).then(|| std::mem::take(&mut self.partial))
    }

    fn apply_line(&mut self, line: &[u8], report: &mut dyn FnMut(Progress)) -> Option<WaitResult> {
        match self.transcript.read_line(line)? {
            TranscriptEvent::Init(init) => {
                let differs = transcript::difference(self.expected.as_ref()?, &init)?;
                let why = format!("its permissions are not as requested: {differs}");
                Some(abort("policy", &why))
            }
            TranscriptEvent::Unauthorized => Some(abort(
                "unauthorized",
                "the model's API refuses the credential; see auto_investigation.auth",
            )),
            TranscriptEvent::Result => {
                self.result_at.get_or_insert_with(clock::tick);
                None
            }
            TranscriptEvent::Progress(_)
                if self.hooked.as_ref().is_some_and(|file| !file.exists()) =>
            {
                let why = "it runs no hooks, which limit what it may do: its managed settings may \
                           have disableAllHooks";
                Some(abort("policy", why))
            }
            TranscriptEvent::Progress(progress) => {
                let now = clock::tick();
                let key = (progress.step.clone(), progress.subagent.clone());
                let last = self.reported.get(&key);
                if last.is_none_or(|last| now >= *last + PROGRESS_INTERVAL) {
                    self.reported.insert(key, now);
                    report(progress);
                }
                None
            }
        }
    }
}

fn abort(reason: &'static str, why: &str) -> WaitResult {
    WaitResult::Cut(NoResult::Failed(reason, why.to_owned()))
}
