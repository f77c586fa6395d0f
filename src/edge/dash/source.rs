//! The sources of events: standard input, the journal, or a recording.
//!
//! Promises: what is read and not yet shown has a bound, so that a busy stream holds up neither keys
//! nor memory; the journal is followed over rotations, truncation and damage, and what is missing is
//! said.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Sender, SyncSender};
use std::time::Duration;

use rustix::fs::{FileType, fstat, major, minor};

use super::batches::Batches;
use super::input::ScreenMessage;
use crate::clock;
use crate::edge::closed_folder;
use crate::error::{Error, io_cause};
use crate::journal::{Journal, Tail};
use crate::store::{self, BlockingWait};
use crate::wire;

/// The batches that are read ahead of the screen.
pub const AHEAD: usize = 64;
/// The size of a batch of the journal, in bytes.
const BATCH: usize = 64 * 1024;
/// The interval at which the journal is looked at.
const INTERVAL: Duration = Duration::from_millis(200);
/// The interval of attempts at a journal that cannot be opened.
const RETRY: Duration = Duration::from_secs(2);
/// The age at which a last line without its end is told: its writer has had the time to finish it.
const TORN_AFTER: Duration = Duration::from_secs(2);
/// The begin of a file that gzip has compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The problems of the journal that are kept, the newest ones.
const PROBLEMS_MAX: usize = 8;

/// Whether standard input brings events: it is neither a terminal nor `/dev/null`.
pub fn stdin_has_events() -> bool {
    !wire::stdin_is_terminal() && !is_null_device()
}

fn is_null_device() -> bool {
    let (Ok(input), Ok(null)) = (fstat(rustix::stdio::stdin()), rustix::fs::stat("/dev/null"))
    else {
        return false;
    };
    FileType::from_raw_mode(input.st_mode) == FileType::CharacterDevice
        && (major(input.st_rdev), minor(input.st_rdev))
            == (major(null.st_rdev), minor(null.st_rdev))
}

/// Starts the thread that reads standard input. It waits while [`AHEAD`] batches are not taken.
pub fn read_stdin(to: Sender<ScreenMessage>, ahead: SyncSender<()>) {
    std::thread::spawn(move || {
        let mut batches = Batches::new(std::io::stdin());
        let ended = loop {
            match batches.next() {
                Ok(Some(batch)) => {
                    let long =
                        (batch.too_long > 0).then_some(ScreenMessage::LongLines(batch.too_long));
                    let messages = long.into_iter().chain([ScreenMessage::Lines(batch.lines)]);
                    let is_lost = ahead.send(()).is_err();
                    if is_lost || messages.into_iter().any(|message| to.send(message).is_err()) {
                        return;
                    }
                }
                Ok(None) => break None,
                Err(error) => {
                    break Some(format!("cannot read standard input: {}", io_cause(&error)));
                }
            }
        };
        // The receiver ends with the program.
        let _ = to.send(ScreenMessage::Ended(ended));
    });
}

/// Starts the thread that follows the journal.
pub fn follow_journal(journal: Journal, to: Sender<ScreenMessage>, ahead: SyncSender<()>) {
    std::thread::spawn(move || {
        let mut reader = JournalReader::new(journal);
        let mut told = Vec::new();
        loop {
            let lines = reader.lines();
            if !lines.is_empty() {
                if ahead.send(()).is_err() || to.send(ScreenMessage::Lines(lines)).is_err() {
                    return;
                }
                continue;
            }
            if told != reader.problems() {
                told = reader.problems();
                if to.send(ScreenMessage::JournalProblems(told.clone())).is_err() {
                    return;
                }
            }
            store::sleep(BlockingWait::ProcessEnd, reader.pause());
        }
    });
}

/// The journal, read to its end again and again.
pub struct JournalReader {
    journal: Journal,
    tail: Option<Tail>,
    /// The reason why the journal cannot be opened.
    closed: Option<String>,
    /// Lines that are lost for good.
    lost: Vec<String>,
    /// The moment since when the last line is not whole, and its length.
    torn: Option<(std::time::Instant, usize)>,
}

impl JournalReader {
    pub fn new(journal: Journal) -> Self {
        JournalReader { journal, tail: None, closed: None, lost: Vec::new(), torn: None }
    }

    /// Returns the next lines, each with its LF; empty when there are none yet.
    pub fn lines(&mut self) -> Vec<u8> {
        let mut lines = Vec::new();
        let Some(mut tail) = self.opened() else { return lines };
        while lines.len() < BATCH {
            match tail.advance() {
                Ok(true) => {
                    lines.extend_from_slice(tail.line());
                    lines.push(b'\n');
                }
                Ok(false) if !lines.is_empty() => break,
                Ok(false) => match tail.renew() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        self.closed = Some(closed_folder::sentence(self.journal.folder(), &error));
                        return lines;
                    }
                },
                Err(error) => self.lose(error.to_string()),
            }
        }
        if tail.take_gap() {
            self.lose("the journal was rotated away before it was read: lines are missing".into());
        }
        if tail.is_truncated() {
            self.lose("the journal was truncated, and is read anew: lines may be missing".into());
            self.torn = None;
            return lines;
        }
        let torn = tail.unfinished();
        if self.torn.map(|(_, length)| length) != Some(torn) {
            self.torn = (torn > 0).then(|| (clock::tick(), torn));
        }
        self.tail = Some(tail);
        lines
    }

    fn opened(&mut self) -> Option<Tail> {
        if let Some(tail) = self.tail.take() {
            return Some(tail);
        }
        match Tail::open(self.journal.clone()) {
            Ok(tail) => {
                self.closed = None;
                Some(tail)
            }
            Err(error) => {
                self.closed = Some(closed_folder::sentence(self.journal.folder(), &error));
                None
            }
        }
    }

    fn lose(&mut self, problem: String) {
        self.lost.retain(|known| *known != problem);
        self.lost.push(problem);
        let excess = self.lost.len().saturating_sub(PROBLEMS_MAX);
        self.lost.drain(..excess);
    }

    /// Returns a sentence for each part that cannot be read, or was lost.
    pub fn problems(&self) -> Vec<String> {
        let is_old = |(since, _): &(std::time::Instant, usize)| since.elapsed() >= TORN_AFTER;
        let torn = self.torn.filter(is_old).map(|(_, length)| torn_sentence(length));
        self.lost.iter().cloned().chain(self.closed.clone()).chain(torn).collect()
    }

    /// Returns the problems at an end that is not waited for.
    pub fn problems_at_end(&self) -> Vec<String> {
        let torn = self.torn.map(|(_, length)| torn_sentence(length));
        self.lost.iter().cloned().chain(self.closed.clone()).chain(torn).collect()
    }

    fn pause(&self) -> Duration {
        if self.closed.is_some() { RETRY } else { INTERVAL }
    }
}

fn torn_sentence(length: usize) -> String {
    format!("the last line of the journal has no end: {length} bytes are not shown")
}

/// Opens a recording.
pub fn open_recording(path: &Path) -> Result<Batches<File>, Error> {
    let file = File::open(path).map_err(|error| Error::file("open", path, &error))?;
    let mut begin = [0; 2];
    // A pipe has no bytes at a place, and is read as it comes.
    if matches!(file.read_at(&mut begin, 0), Ok(2)) && begin == GZIP {
        let hint = "'zcat FILE | dlq-dash' shows it";
        let cause = format!("it is compressed; {hint}");
        return Err(Error::failed("read", path.display(), cause));
    }
    Ok(Batches::new(file))
}
