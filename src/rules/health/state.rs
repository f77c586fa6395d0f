//! The state folder: permissions, space, formats of documents, archives, and the last round.

use std::time::Duration;

use super::Diagnosis;
use super::machine::span;
use crate::text::count;

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

/// Judges the attempt to write a file into the folder.
pub fn writable(folder: &str, written: &Result<(), String>) -> Diagnosis {
    match written {
        Ok(()) => Diagnosis::ok(format!("'{folder}' can be written")),
        Err(why) => Diagnosis::failed(
            format!("'{folder}' cannot be written: {why}"),
            "run it as the user of the pipeline, free space, or set DLQ_STATE_DIR",
        ),
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
    for DocumentState { name, reading } in all {
        match reading {
            DocumentReading::Absent | DocumentReading::Readable => {}
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

/// Judges the age of the last round of `dlq-poll`. `interval` is that of the configuration.
pub fn last_round(age: Option<Duration>, interval: Duration) -> Diagnosis {
    let Some(age) = age else {
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
