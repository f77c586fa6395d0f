//! Count of the processes of a sandbox, and of their memory, by its process 1.
//!
//! The kernel counts no processes of root, and no memory of several processes, unless there is a
//! control group. The view of `/proc` in a sandbox holds its own processes alone, so that counting is
//! cheap.

use std::time::Duration;

use crate::log;
use crate::rules::sandbox::limits::SandboxLimits;
use crate::store::{self, BlockingWait};

/// Interval of the counts. A process of root can make some thousand others in it.
const INTERVAL: Duration = Duration::from_millis(50);
/// Counts of processes for one of memory, which reads a file of each.
const MEMORY_EVERY: u32 = 10;

/// Returns when the processes exceed a limit, and says so on standard error.
pub fn watch(limits: SandboxLimits) {
    for round in 0_u32.. {
        let pids = pids();
        let memory = if round.is_multiple_of(MEMORY_EVERY) { memory_of(&pids) } else { 0 };
        if let Some(why) = limits.exceeded(pids.len() as u64, memory) {
            log::log(log::Level::Critical, &format!("the sandbox ends: {why}"));
            return;
        }
        store::sleep(BlockingWait::ProcessEnd, INTERVAL);
    }
}

fn pids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Returns the sum of resident memory, in bytes.
fn memory_of(pids: &[u32]) -> u64 {
    let page = rustix::param::page_size() as u64;
    let resident = |pid: &u32| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        text.split(' ').nth(1)?.parse().ok()
    };
    pids.iter().filter_map(resident).sum::<u64>() * page
}
