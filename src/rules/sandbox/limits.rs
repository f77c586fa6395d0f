//! Limits of the processes in a sandbox.
//!
//! The kernel's are per process, and it counts no processes of root. The sums of a sandbox are held
//! by a control group where one can be made, and are counted by process 1 of the sandbox; the sums of
//! a session are watched by its supervisor.

/// Bytes of memory and files, and numbers of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Address space of one process.
    pub address_space: u64,
    /// Largest file.
    pub file_size: u64,
    /// Processes of the sandbox. Where the kernel counts them, threads count, too.
    pub processes: u64,
    /// Memory of all processes of the sandbox.
    pub memory: u64,
    /// The file system `/tmp`, which is in memory.
    pub tmp: u64,
}

/// Limits of the agent. Claude Code works from 1 GiB on; it needs 20 threads and processes.
pub const AGENT: SandboxLimits = SandboxLimits {
    address_space: 4 << 30,
    file_size: 1 << 30,
    processes: 512,
    memory: 4 << 30,
    tmp: 256 << 20,
};

/// Limits of tests. A Java machine takes 4 GiB of address space at its start.
pub const TESTS: SandboxLimits = SandboxLimits {
    address_space: 16 << 30,
    file_size: 1 << 30,
    processes: 1024,
    memory: 8 << 30,
    tmp: 1 << 30,
};

/// Exit status of a sandbox that ended because its processes exceeded a limit.
pub const EXCEEDED: u8 = 122;

/// Whether an exit status of a sandbox says that a limit has ended its program: its own, a kill for
/// memory, or a file that has become too large. Statuses of 128 and more name a signal.
pub fn has_ended(status: i32) -> bool {
    const KILL: i32 = 128 + 9;
    const FILE_SIZE: i32 = 128 + 25;
    status == i32::from(EXCEEDED) || [KILL, FILE_SIZE].contains(&status)
}

/// Limits of the sum over all processes of a session, which the supervisor watches.
pub const SESSION_PROCESSES: u64 = 1500;
/// Memory in use by all processes of a session, in bytes.
pub const SESSION_MEMORY: u64 = 8 << 30;

impl SandboxLimits {
    /// Returns why the processes of the sandbox have to end.
    pub fn exceeded(&self, processes: u64, memory: u64) -> Option<String> {
        over(processes, self.processes, memory, self.memory)
    }
}

/// Returns why the processes of a session have to end.
pub fn exceeded(processes: u64, memory: u64) -> Option<String> {
    over(processes, SESSION_PROCESSES, memory, SESSION_MEMORY)
}

fn over(processes: u64, processes_max: u64, memory: u64, memory_max: u64) -> Option<String> {
    if processes > processes_max {
        return Some(format!("it has {processes} processes, and {processes_max} are allowed"));
    }
    let mib = |bytes: u64| bytes >> 20;
    (memory > memory_max).then(|| {
        let (used, allowed) = (mib(memory), mib(memory_max));
        format!("its processes use {used} MiB of memory, and {allowed} are allowed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_says_whether_a_limit_has_ended_a_program() {
        let rows = [(0, false), (1, false), (122, true), (134, false), (137, true), (139, false)];
        for (status, is_ended) in rows {
            assert_eq!(has_ended(status), is_ended, "{status}");
        }
        assert!(has_ended(153), "a file that is too large");
    }

    #[test]
    fn sum_over_a_limit_is_named() {
        assert_eq!(exceeded(SESSION_PROCESSES, SESSION_MEMORY), None);
        let why = exceeded(SESSION_PROCESSES + 1, 0).unwrap();
        assert_eq!(why, "it has 1501 processes, and 1500 are allowed");
        let why = exceeded(1, SESSION_MEMORY + (1 << 20)).unwrap();
        assert_eq!(why, "its processes use 8193 MiB of memory, and 8192 are allowed");
        assert_eq!(AGENT.exceeded(AGENT.processes, AGENT.memory), None);
        let why = AGENT.exceeded(AGENT.processes + 1, 0).unwrap();
        assert_eq!(why, "it has 513 processes, and 512 are allowed");
    }
}
