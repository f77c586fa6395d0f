//! What an agent writes, read from its transcript while it runs.
//!
//! The agent writes to a file, so that nothing is lost to a slow reader or a dead one; this goes
//! after it, line by line, tells of its progress, and says when it has to be ended.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::wait::Ended;
use crate::clock;
use crate::rules::agent::transcript;
use crate::rules::agent::transcript::{
    ExpectedInit, LINE_MAX, Progress, Transcript, TranscriptEvent,
};

/// One step of one subagent is told so often.
const EVERY: Duration = Duration::from_secs(5);
/// After its result an agent has this long to end.
const LINGER: Duration = Duration::from_secs(30);
/// So much is read at once.
const CHUNK: u64 = 1 << 20;

/// What was heard so far.
pub(super) struct Listener {
    path: PathBuf,
    /// What it must say of itself; nothing is asked of other agents.
    asked: Option<ExpectedInit>,
    /// A file that is there when its hooks run, which keep it within bounds.
    hooked: Option<PathBuf>,
    pub(super) transcript: Transcript,
    read: u64,
    rest: Vec<u8>,
    told: HashMap<(String, Option<String>), Instant>,
    result_at: Option<Instant>,
}

impl Listener {
    pub(super) fn new(path: PathBuf, asked: Option<ExpectedInit>, hooked: Option<PathBuf>) -> Self {
        Listener {
            path,
            asked,
            hooked,
            transcript: Transcript::default(),
            read: 0,
            rest: Vec::new(),
            told: HashMap::new(),
            result_at: None,
        }
    }

    /// Takes in what has been written since. `tell` gets what is worth telling.
    pub(super) fn listen(&mut self, tell: &mut dyn FnMut(Progress)) -> Option<Ended> {
        let mut ended = None;
        while let Some(bytes) = self.next() {
            self.rest.extend(bytes);
            let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let lines: Vec<u8> = self.rest.drain(..whole).collect();
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                ended = ended.or(self.hear(line, tell));
            }
            // A line without an end is not kept for ever; what is left of it is no JSON.
            if self.rest.len() > LINE_MAX {
                self.rest.clear();
            }
        }
        let late = self.result_at.is_some_and(|at| clock::tick() >= at + LINGER);
        ended.or(late.then_some(Ended::Lingering))
    }

    /// The end of the file has no LF when the agent was killed.
    pub(super) fn finish(&mut self, tell: &mut dyn FnMut(Progress)) {
        // Why it might have been ended no longer matters.
        let _ = self.listen(tell);
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.transcript.read_line(&rest);
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.read)).ok()?;
        let mut bytes = Vec::new();
        let count = file.take(CHUNK).read_to_end(&mut bytes).ok()?;
        self.read += count as u64;
        (count > 0).then_some(bytes)
    }

    fn hear(&mut self, line: &[u8], tell: &mut dyn FnMut(Progress)) -> Option<Ended> {
        match self.transcript.read_line(line)? {
            TranscriptEvent::Init(init) => {
                let differs = transcript::difference(self.asked.as_ref()?, &init)?;
                Some(Ended::Aborted("policy", format!("it does not run as asked for: {differs}")))
            }
            TranscriptEvent::Unauthorized => Some(Ended::Aborted(
                "unauthorized",
                "the model's credential is refused; see auto_investigation.auth".into(),
            )),
            TranscriptEvent::Result => {
                self.result_at.get_or_insert_with(clock::tick);
                None
            }
            TranscriptEvent::Progress(_)
                if self.hooked.as_ref().is_some_and(|file| !file.exists()) =>
            {
                let why = "it runs no hooks, which keep it within bounds: its managed settings may \
                           have disableAllHooks";
                Some(Ended::Aborted("policy", why.into()))
            }
            TranscriptEvent::Progress(progress) => {
                let now = clock::tick();
                let key = (progress.step.clone(), progress.subagent.clone());
                let last = self.told.insert(key.clone(), now);
                match last.filter(|last| now < *last + EVERY) {
                    Some(last) => drop(self.told.insert(key, last)),
                    None => tell(progress),
                }
                None
            }
        }
    }
}
