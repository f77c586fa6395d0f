//! Plan files: reading one, the ids in it, and the copy of one that an interrupted redrive goes on with.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::mover::PlannedIds;
use crate::error::{Error, if_found};
use crate::log;
use crate::rules::redrive::document::Move;
use crate::rules::redrive::id_set::id_hash;
use crate::rules::redrive::plan::{LINE_MAX, PlanFault, PlanHead, PlanReader};
use crate::store;

/// The end of the name of a copy, which is that of the archive otherwise.
const KEPT: &str = "plan";

/// A plan as it was read.
pub(super) struct PlanFile {
    pub(super) head: PlanHead,
    pub(super) planned: PlannedIds,
    /// The SHA-256 of the file.
    pub(super) hash: String,
    bytes: Vec<u8>,
}

impl PlanFile {
    /// Writes a copy beside an archive: the plan itself may have come through a pipe.
    pub(super) fn keep(&self, archive: &Path) -> Result<(), Error> {
        store::replace(&kept(archive), &self.bytes)
    }
}

fn kept(archive: &Path) -> PathBuf {
    archive.with_extension(KEPT)
}

/// Reads the copy of the plan of a redrive; None when there is none.
pub(super) fn read_kept(state: &Move) -> Result<Option<PlanFile>, Error> {
    let (Some(archive), Some(_)) = (&state.archive, &state.plan) else { return Ok(None) };
    let path = kept(Path::new(archive));
    let opened = if_found(File::open(&path)).map_err(|error| Error::file("read", &path, &error))?;
    let name = path.display().to_string();
    opened.map(|file| read_from(&name, BufReader::new(file))).transpose()
}

/// Removes the copy of the plan of a redrive that has ended.
pub(super) fn remove_kept(archive: &Path) {
    let path = kept(archive);
    let removed = store::remove(&path);
    log::warn_on_error(removed.map_err(|error| Error::file("remove", &path, &error)));
}

/// Reads a plan from a file; `-` is standard input.
pub(super) fn read(path: &str) -> Result<PlanFile, Error> {
    match path {
        "-" => read_from(path, std::io::stdin().lock()),
        _ => {
            let file =
                File::open(path).map_err(|error| Error::file("read", Path::new(path), &error))?;
            read_from(path, BufReader::new(file))
        }
    }
}

fn read_from(name: &str, mut from: impl BufRead) -> Result<PlanFile, Error> {
    let failed = |why: String| {
        let queue = if is_queue(name) { "; give a queue of this name by its ARN" } else { "" };
        Error::failed(
            "read plan",
            name,
            format!("{why}; 'dlq-redrive plan QUEUE' makes one{queue}"),
        )
    };
    let (mut reader, mut hash) = (PlanReader::default(), Sha256::new());
    let mut bytes = Vec::new();
    let mut planned = PlannedIds::default();
    let mut arns: HashMap<String, u32> = HashMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LINE_MAX as u64 + 1;
        let count = from.by_ref().take(limit).read_until(b'\n', &mut line);
        if count.map_err(|error| Error::file("read", Path::new(name), &error))? == 0 {
            break;
        }
        hash.update(&line);
        bytes.extend_from_slice(&line);
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let read = reader.line(text).map_err(|fault| failed(fault.to_string()))?;
        let Some(message) = read else { continue };
        let next = u32::try_from(arns.len()).unwrap_or(u32::MAX);
        let index = *arns.entry(message.to.clone()).or_insert_with(|| {
            planned.arns.push(message.to.clone());
            next
        });
        if planned.ids.insert(id_hash(&message.id), index).is_some() {
            return Err(failed(PlanFault::Twice(reader.number()).to_string()));
        }
    }
    let head = reader.finish().map_err(|fault| failed(fault.to_string()))?;
    planned.at = head.at;
    let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(PlanFile { head, planned, hash, bytes })
}

/// Returns whether an operand could be a queue: a name, an ARN or a URL.
pub(super) fn is_queue(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let name = text.strip_suffix(".fifo").unwrap_or(text);
    text != "-" && name.bytes().all(is_name)
        || ["arn:", "http://", "https://"].iter().any(|begin| text.starts_with(begin))
}
