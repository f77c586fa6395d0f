//! Limits of the processes in a sandbox.
//!
//! Most are per process, so their sum has a limit of its own, which the supervisor watches: as root
//! the kernel counts no processes of a user.

/// Bytes of memory and files, and numbers of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Address space of one process.
    pub address_space: u64,
    /// Largest file.
    pub file_size: u64,
    /// Processes and threads of the sandbox, where the kernel counts them: not as root.
    pub processes: u64,
    /// The file system `/tmp`, which is in memory.
    pub tmp: u64,
}

/// Limits of the agent. Claude Code works from 1 GiB on; it needs 20 threads and processes.
pub const AGENT: SandboxLimits =
    SandboxLimits { address_space: 4 << 30, file_size: 1 << 30, processes: 512, tmp: 256 << 20 };

/// Limits of tests. A Java machine takes 4 GiB of address space at its start.
pub const TESTS: SandboxLimits =
    SandboxLimits { address_space: 16 << 30, file_size: 1 << 30, processes: 1024, tmp: 1 << 30 };

/// Limits of the sum over all processes of a session, which the supervisor watches.
pub const SESSION_PROCESSES: u64 = 1500;
/// Memory in use by all processes of a session, in bytes.
pub const SESSION_MEMORY: u64 = 8 << 30;

/// Returns why the processes of a session have to end.
pub fn exceeded(processes: u64, memory: u64) -> Option<String> {
    if processes > SESSION_PROCESSES {
        return Some(format!("it has {processes} processes, and {SESSION_PROCESSES} are allowed"));
    }
    let mib = |bytes: u64| bytes >> 20;
    (memory > SESSION_MEMORY).then(|| {
        let (used, allowed) = (mib(memory), mib(SESSION_MEMORY));
        format!("its processes use {used} MiB of memory, and {allowed} are allowed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_over_a_limit_is_named() {
        assert_eq!(exceeded(SESSION_PROCESSES, SESSION_MEMORY), None);
        let why = exceeded(SESSION_PROCESSES + 1, 0).unwrap();
        assert_eq!(why, "it has 1501 processes, and 1500 are allowed");
        let why = exceeded(1, SESSION_MEMORY + (1 << 20)).unwrap();
        assert_eq!(why, "its processes use 8193 MiB of memory, and 8192 are allowed");
    }
}
