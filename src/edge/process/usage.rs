//! Resource usage of the processes of an investigation, for people, not for decisions. Known on
//! Linux only.

use serde::Serialize;

use super::Tree;

/// A sample of resource usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The number of live processes.
    pub processes: u64,
    /// The sum of resident memory, in bytes; shared memory counts for each process.
    pub rss_bytes: u64,
    /// The processor time of these and of their ended children, in milliseconds.
    pub cpu_ms: u64,
}

impl Tree {
    /// Returns the current usage; `None` when it cannot be known.
    pub fn usage(&self) -> Option<Usage> {
        let (page, ticks) = (
            u64::try_from(rustix::param::page_size()).ok()?,
            rustix::param::clock_ticks_per_second().max(1),
        );
        let mut usage = Usage { processes: 0, rss_bytes: 0, cpu_ms: 0 };
        for pid in self.alive() {
            // The process may have ended since.
            let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let Some((cpu, pages)) = fields(&stat) else { continue };
            usage.processes += 1;
            usage.rss_bytes += pages * page;
            usage.cpu_ms += cpu * 1000 / ticks;
        }
        (usage.processes > 0).then_some(usage)
    }
}

/// Parses a line of `/proc/PID/stat` into ticks of processor time and pages of resident memory.
fn fields(stat: &str) -> Option<(u64, u64)> {
    // proc_pid_stat(5) counts from 1, and the name, its second, may hold anything. utime, stime,
    // cutime and cstime are 14 to 17, rss is 24.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let cpu = number(14)? + number(15)? + number(16)? + number(17)?;
    Some((cpu, number(24)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_fields_begin_after_name_with_parenthesis() {
        let stat = "7 (a) b 9) S 1 7 7 0 -1 4194560 9 0 0 0 5 6 7 8 20 0 1 0 99 1000 33 0";
        assert_eq!(fields(stat), Some((26, 33)));
        assert_eq!(fields("7 (a) S 1"), None);
    }
}
