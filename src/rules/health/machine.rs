//! The machine: memory, and the modes of files.

use std::time::Duration;

use super::Diagnosis;
use crate::time::show_span;

const MIB: u64 = 1 << 20;
/// Memory without which programs are ended by the system.
const MEMORY_FAILED: u64 = 128 * MIB;
/// Memory that an agent and the tests of a fix want.
const MEMORY_WARNING: u64 = 1024 * MIB;

/// Reads `MemAvailable` of `/proc/meminfo`, in bytes.
pub fn memory_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1024))
}

/// Judges the memory that is available.
pub fn memory(available: Option<u64>, investigates: bool) -> Diagnosis {
    let Some(bytes) = available else {
        return Diagnosis::skipped("unknown: the system does not tell what is available");
    };
    let detail = format!("{} MiB available", bytes / MIB);
    match bytes {
        _ if bytes < MEMORY_FAILED => {
            Diagnosis::failed(detail, "end other programs, or give the machine more memory")
        }
        _ if bytes < MEMORY_WARNING && investigates => Diagnosis::warning(
            detail,
            "an agent with tests wants 1 GiB: lower auto_investigation.max_concurrent, or add memory",
        ),
        _ => Diagnosis::ok(detail),
    }
}

/// A file or folder whose mode matters, and the mode; `Err` with the reason when it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    pub path: String,
    /// Whether it has secrets, which nobody else may read.
    pub is_secret: bool,
    pub mode: Result<u32, String>,
}

/// Judges the modes of files: secrets are for their owner, and nobody else writes a configuration.
pub fn files(files: &[CheckedFile]) -> Diagnosis {
    let mut wrong: Vec<String> = Vec::new();
    let mut commands: Vec<String> = Vec::new();
    for CheckedFile { path, is_secret, mode } in files {
        match mode {
            Err(why) => wrong.push(format!("'{path}': {why}")),
            Ok(mode) if *is_secret && mode & 0o004 != 0 => {
                wrong.push(format!("'{path}' ({:04o}): all users can read it", mode & 0o7777));
                commands.push(format!("chmod 600 '{path}'"));
            }
            Ok(mode) if mode & 0o022 != 0 => {
                wrong.push(format!("'{path}' ({:04o}): others can change it", mode & 0o7777));
                commands.push(format!("chmod go-w '{path}'"));
            }
            Ok(_) => {}
        }
    }
    if wrong.is_empty() {
        return match files.len() {
            0 => Diagnosis::ok("there are no files of secrets or settings"),
            n => Diagnosis::ok(crate::text::count(n as u64, "file") + " for their owner"),
        };
    }
    let remedy = match commands.as_slice() {
        [] => "correct the path, or make the file".to_owned(),
        some => some.join("; "),
    };
    Diagnosis::failed(wrong.join("; "), remedy)
}

/// Returns the words for a duration in whole seconds.
pub(super) fn span(span: Duration) -> String {
    show_span(Duration::from_secs(span.as_secs()))
}
