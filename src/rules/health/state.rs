//! The state folder: permissions, space, formats of documents, archives, and the last round.

use std::time::Duration;

use super::Diagnosis;
use super::machine::span;
use crate::event::stream_time::DRIFT;
use crate::text::count;
use crate::time::Timestamp;

const MIB: u64 = 1 << 20;
/// Space below which documents cannot be replaced for long.
const SPACE_FAILED: u64 = 64 * MIB;
const SPACE_WARNING: u64 = 1024 * MIB;
const INODES_FAILED: u64 = 100;
const INODES_WARNING: u64 = 2000;
/// The share of the limit of the archives, in percent, from which people have to act.
const ARCHIVE_WARNING: u64 = 80;
/// Least age of the last round that is worth a warning: cron makes one in five minutes.
const ROUND_WARNING: Duration = Duration::from_secs(15 * 60);
const ROUND_FAILED: Duration = Duration::from_secs(86_400);

/// The owner of a file, and this user, who has no permission for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedAccess {
    pub owner: String,
    pub user: String,
    pub is_owner: bool,
}

impl DeniedAccess {
    fn detail(&self) -> String {
        let DeniedAccess { owner, user, is_owner } = self;
        match is_owner {
            true => format!("its mode gives no permission to its owner, '{user}'"),
            false => format!("it belongs to '{owner}', and '{user}' has no permission"),
        }
    }

    fn remedy(&self) -> String {
        match self.is_owner {
            true => "give the permission back: 'chmod -R u+rwX' for the state folder".into(),
            false => format!(
                "run it as the user of the pipeline, such as 'sudo -u {} dlq-doctor', or set \
                 DLQ_STATE_DIR to a folder of your own",
                self.owner
            ),
        }
    }
}

/// A lock that is held all the time, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLock {
    pub name: String,
    pub holder: String,
    /// The time for which it was looked at.
    pub span: Duration,
}

/// Judges locks that are held all the time; None without any.
pub fn held(locks: &[HeldLock]) -> Option<Diagnosis> {
    let first = locks.first()?;
    let names: Vec<String> =
        locks.iter().map(|one| format!("'{}' by {}", one.name, one.holder)).collect();
    let names = names.join(", ");
    Some(Diagnosis::failed(
        format!("held for more than {}: {names}; other programs wait for it", span(first.span)),
        "see what that process waits for, or end it; a lock file is never deleted",
    ))
}

/// Judges the attempt to write a file into the folder. `denied`: by whom the folder is closed.
pub fn writable(
    folder: &str,
    written: &Result<(), String>,
    denied: Option<&DeniedAccess>,
) -> Diagnosis {
    match (written, denied) {
        (Ok(()), _) => Diagnosis::ok(format!("'{folder}' can be written")),
        (Err(why), Some(denied)) => Diagnosis::failed(
            format!("'{folder}' cannot be written: {why}; {}", denied.detail()),
            denied.remedy(),
        ),
        (Err(why), None) => Diagnosis::failed(
            format!("'{folder}' cannot be written: {why}"),
            "free space, or set DLQ_STATE_DIR to a folder that can be written",
        ),
    }
}

/// Judges the segments of the journal, by their sizes; `Err`: why one cannot be opened, and by whom it is
/// closed.
pub fn journal(sizes: &Result<Vec<u64>, (String, Option<DeniedAccess>)>) -> Diagnosis {
    match sizes {
        Err((why, Some(denied))) => {
            Diagnosis::failed(format!("{why}; {}", denied.detail()), denied.remedy())
        }
        Err((why, None)) => Diagnosis::failed(
            why,
            "move the segment away that cannot be read; the events in it are lost",
        ),
        Ok(sizes) if sizes.is_empty() => Diagnosis::ok("none yet"),
        Ok(sizes) => {
            let bytes: u64 = sizes.iter().sum();
            Diagnosis::ok(format!("{}, {} MiB", count(sizes.len() as u64, "segment"), bytes / MIB))
        }
    }
}

/// Judges the attempt to take a lock that a second attempt has to see. `Err`: the reason why not.
pub fn locks(seen: &Result<bool, String>) -> Diagnosis {
    let remedy =
        "put the state folder on a local file system: network file systems are not supported";
    match seen {
        Ok(true) => Diagnosis::ok("a lock is taken and seen"),
        Ok(false) => Diagnosis::failed("a lock that is held looks free", remedy),
        Err(why) => Diagnosis::failed(format!("no lock can be taken: {why}"), remedy),
    }
}

/// Space and inodes of a file system that are free for this user. None: it does not count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    pub bytes: u64,
    pub inodes: Option<u64>,
}

/// Judges what is left of the file system.
pub fn space(free: FreeSpace) -> Diagnosis {
    let inodes = free.inodes.map_or(String::new(), |n| format!(", {n} inodes"));
    let detail = format!("{} MiB{inodes} free", free.bytes / MIB);
    let remedy = "free space, or move the state folder (state.dir)";
    let few = |least: u64| free.inodes.is_some_and(|n| n < least);
    match free.bytes {
        _ if free.bytes < SPACE_FAILED || few(INODES_FAILED) => Diagnosis::failed(detail, remedy),
        _ if free.bytes < SPACE_WARNING || few(INODES_WARNING) => {
            Diagnosis::warning(detail, remedy)
        }
        _ => Diagnosis::ok(detail),
    }
}

/// A document, and how it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentState {
    pub name: &'static str,
    pub reading: DocumentReading,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentReading {
    Absent,
    Readable,
    /// Version of the document, and the one that the program knows.
    Newer(u64, u64),
    /// A file that this user may not read.
    Denied(DeniedAccess),
    /// Text that does not parse, or a file that cannot be opened. `is_cache`: the next run makes it anew.
    Damaged {
        why: String,
        is_cache: bool,
    },
}

/// Judges all documents.
pub fn documents(all: &[DocumentState]) -> Diagnosis {
    let readable = all.iter().filter(|one| one.reading == DocumentReading::Readable).count();
    let (mut failed, mut warned, mut is_newer) = (Vec::new(), Vec::new(), false);
    let mut denied = None;
    for DocumentState { name, reading } in all {
        match reading {
            DocumentReading::Absent | DocumentReading::Readable => {}
            DocumentReading::Denied(access) => {
                failed.push(format!("'{name}.json': {}", access.detail()));
                denied = Some(access);
            }
            DocumentReading::Newer(found, known) => {
                is_newer = true;
                failed
                    .push(format!("'{name}.json' has version {found}, this program knows {known}"));
            }
            DocumentReading::Damaged { why, is_cache: true } => {
                warned.push(format!("'{name}.json' is made anew: {why}"));
            }
            DocumentReading::Damaged { why, .. } => failed.push(format!("'{name}.json': {why}")),
        }
    }
    if let Some(access) = denied {
        return Diagnosis::failed(failed.join("; "), access.remedy());
    }
    if is_newer {
        let remedy = "use the programs of the newer release with this state folder";
        return Diagnosis::failed(failed.join("; "), remedy);
    }
    if !failed.is_empty() {
        let remedy = "move the file away; the program that reads it says what is forgotten then";
        return Diagnosis::failed(failed.join("; "), remedy);
    }
    if !warned.is_empty() {
        return Diagnosis::warning(warned.join("; "), "none is needed");
    }
    match readable {
        0 => Diagnosis::ok("none yet"),
        n => Diagnosis::ok(count(n as u64, "readable document")),
    }
}

/// Judges the sum of the archives, in bytes, by its limit.
pub fn archives(used: u64, most: u64) -> Diagnosis {
    let detail = format!("{} of {} MiB", used / MIB, most / MIB);
    let remedy = "delete archives that nobody needs, or raise state.archive_max_gib";
    match used {
        _ if used >= most => {
            Diagnosis::failed(format!("{detail}; nothing is archived or redriven any more"), remedy)
        }
        _ if used / 100 >= most / 100 * ARCHIVE_WARNING / 100 => Diagnosis::warning(detail, remedy),
        _ => Diagnosis::ok(detail),
    }
}

/// The newest rounds of a journal: by its clock, and one of the future, which a wrong clock has written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastRound {
    pub at: Option<Timestamp>,
    pub ahead: Option<Timestamp>,
}

impl LastRound {
    /// Looks for it in events, the newest one first. One of the future counts while nothing newer is known.
    pub fn find(times: impl Iterator<Item = Timestamp>, now: Timestamp) -> Self {
        let mut found = LastRound::default();
        for at in times {
            if at <= now.plus(DRIFT) {
                found.at = Some(at);
                break;
            }
            found.ahead = found.ahead.or(Some(at));
        }
        found
    }
}

/// Judges the age of the last round of `dlq-poll`. `interval` is that of the configuration.
pub fn last_round(last: LastRound, interval: Duration, now: Timestamp) -> Diagnosis {
    if let Some(ahead) = last.ahead {
        return Diagnosis::failed(
            format!("a round has finished at {ahead}, which is in the future"),
            "set the clock of the machine that polls, and let NTP keep it",
        );
    }
    let Some(age) = last.at.map(|at| now.since(at)) else {
        return Diagnosis::warning("no round of dlq-poll is on record", "start the pipeline");
    };
    let detail = format!("{} ago", span(age));
    let remedy = "start the pipeline, and see what ended it (systemctl status, or its log)";
    match age {
        _ if age > ROUND_FAILED.max(interval * 3) => Diagnosis::failed(detail, remedy),
        _ if age > ROUND_WARNING.max(interval * 5) => Diagnosis::warning(detail, remedy),
        _ => Diagnosis::ok(detail),
    }
}
