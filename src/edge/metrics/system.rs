//! Figures of the system: this process, and the space of the state. What cannot be read, as the process
//! on macOS, is unknown.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::if_found;
use crate::rules::view::metrics::gauges::SystemFigures;

/// The time for which the size of the state is kept: its files are looked at one by one.
const KEPT: Duration = Duration::from_secs(60);
/// The most files that are looked at; the size of more is unknown.
const FILES_MAX: usize = 200_000;

/// The size of the state as it was last computed, or the reason why a part of it cannot be read.
#[derive(Debug, Clone, Default)]
pub(super) struct StateSize(Option<(Instant, Result<Option<u64>, ErrorKind>)>);

impl StateSize {
    /// Returns the sum of the sizes of all files, at most a minute old; None when there are too many.
    pub(super) fn bytes(&mut self, folder: &Path) -> Result<Option<u64>, ErrorKind> {
        match self.0 {
            Some((at, bytes)) if at.elapsed() < KEPT => bytes,
            _ => {
                let bytes = size(folder).map_err(|error| error.kind());
                self.0 = Some((clock::tick(), bytes));
                bytes
            }
        }
    }
}

/// Returns the sum of the sizes of the files of a folder; links are not followed. What goes meanwhile has
/// none.
fn size(folder: &Path) -> io::Result<Option<u64>> {
    let (mut sum, mut files) = (0_u64, 0);
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in if_found(std::fs::read_dir(&folder))?.into_iter().flatten() {
            let entry = entry?;
            files += 1;
            if files > FILES_MAX {
                return Ok(None);
            }
            match if_found(entry.metadata())? {
                Some(meta) if meta.is_dir() => folders.push(entry.path()),
                Some(meta) if meta.is_file() => sum = sum.saturating_add(meta.len()),
                _ => {}
            }
        }
    }
    Ok(Some(sum))
}

/// Reads all figures.
pub(super) fn figures(folder: &Path, state_bytes: Option<u64>) -> SystemFigures {
    let free = rustix::fs::statvfs(folder).ok();
    let free_bytes = free.and_then(|found| found.f_bavail.checked_mul(found.f_frsize));
    let mut figures = SystemFigures {
        state_bytes,
        free_bytes,
        descriptors: std::fs::read_dir("/proc/self/fd").ok().map(|found| found.count() as u64),
        ..SystemFigures::default()
    };
    if let Ok(stat) = std::fs::read_to_string("/proc/self/stat") {
        let machine = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        add_process(&stat, &machine, &mut figures);
    }
    figures
}

/// Takes the figures of a line of `/proc/PID/stat`, and the start of the machine of `/proc/stat`.
fn add_process(stat: &str, machine: &str, figures: &mut SystemFigures) {
    // proc_pid_stat(5) counts from 1, and the name, its second, may hold anything. utime and stime are
    // 14 and 15, starttime is 22, rss is 24.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    let cpu = number(14).zip(number(15)).map(|(user, system)| user + system);
    figures.cpu_seconds = cpu.map(|cpu| cpu as f64 / ticks);
    let page = u64::try_from(rustix::param::page_size()).ok();
    figures.resident_bytes = number(24).zip(page).map(|(pages, page)| pages * page);
    let booted = machine.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
    figures.started_at =
        number(22).zip(booted).map(|(since, booted): (u64, f64)| booted + since as f64 / ticks);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unknown is never 0, and never a part of the sum.
    #[test]
    fn size_of_a_folder_that_cannot_be_read_is_unknown() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("dlq-state-size-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("closed")).unwrap();
        std::fs::write(folder.join("file"), "12345").unwrap();
        std::fs::write(folder.join("closed/file"), "678").unwrap();
        assert_eq!(size(&folder).unwrap(), Some(8));
        assert_eq!(size(&folder.join("missing")).unwrap(), Some(0));
        assert!(size(&folder.join("file")).is_err());
        let mode = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.join("closed"), mode).unwrap();
        };
        if !rustix::process::geteuid().is_root() {
            mode(0);
            assert!(size(&folder).is_err());
            mode(0o700);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn process_figures_are_read_from_the_files_of_the_system() {
        let stat = "7 (a) b 9) S 1 7 7 0 -1 4194560 9 0 0 0 50 60 7 8 20 0 1 0 200 1000 33 0";
        let mut figures = SystemFigures::default();
        add_process(stat, "cpu 1 2\nbtime 1000\n", &mut figures);
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(figures.cpu_seconds, Some(110.0 / ticks));
        assert_eq!(figures.started_at, Some(1000.0 + 200.0 / ticks));
        assert_eq!(figures.resident_bytes, Some(33 * rustix::param::page_size() as u64));
        let mut unknown = SystemFigures::default();
        add_process("7 (a) S 1", "", &mut unknown);
        assert_eq!(unknown, SystemFigures::default());
    }
}
