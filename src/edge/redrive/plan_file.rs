//! Plan files: reading one, and the ids in it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::mover::PlannedIds;
use crate::error::Error;
use crate::rules::redrive::id_set::id_hash;
use crate::rules::redrive::plan::{LINE_MAX, PlanFault, PlanHead, PlanReader};

/// A plan as it was read.
pub(super) struct PlanFile {
    pub(super) head: PlanHead,
    pub(super) planned: PlannedIds,
    /// The SHA-256 of the file.
    pub(super) hash: String,
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
    Ok(PlanFile { head, planned, hash })
}

/// Returns whether an operand could be a queue: a name, an ARN or a URL.
pub(super) fn is_queue(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let name = text.strip_suffix(".fifo").unwrap_or(text);
    text != "-" && name.bytes().all(is_name)
        || ["arn:", "http://", "https://"].iter().any(|begin| text.starts_with(begin))
}
