//! Control groups of sandboxes.
//!
//! Promises: where no group can be made, or none can be joined, nothing fails: the other limits
//! remain. A group is named after the folder of its session, so that it can be removed after a crash,
//! too; one that has processes is not removed by the kernel.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::rules::sandbox::cgroup::{CgroupKind, CgroupParent, hands_down, parents, was_killed};
use crate::rules::sandbox::limits::SandboxLimits;

/// File by which a process joins a group.
const JOIN: &str = "cgroup.procs";

/// Folders where groups can be made: one of version 2, else those of version 1.
fn usable() -> Vec<CgroupParent> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}"));
    let (own, mounts) = (read("cgroup"), read("mountinfo"));
    let all = parents(&own.unwrap_or_default(), &mounts.unwrap_or_default());
    let works = |parent: &CgroupParent| {
        let folder = Path::new(&parent.folder);
        let control = folder.join("cgroup.subtree_control");
        let controllers = || std::fs::read_to_string(control).unwrap_or_default();
        // Another file system may cover that of the groups.
        folder.join(JOIN).is_file()
            && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
            && (parent.kind != CgroupKind::Unified || hands_down(&controllers()))
    };
    let found: Vec<CgroupParent> = all.into_iter().filter(works).collect();
    let unified = found.iter().find(|parent| parent.kind == CgroupKind::Unified).cloned();
    unified.map_or(found, |one| vec![one])
}

/// Begin of the names of a session's groups.
fn prefix(session: &Path) -> String {
    let hash = Sha256::digest(session.as_os_str().as_encoded_bytes());
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("dlq-{digits}-")
}

fn folders(session: &Path, name: &str) -> Vec<(PathBuf, CgroupKind)> {
    let name = format!("{}{name}", prefix(session));
    let all = usable().into_iter();
    all.map(|parent| (Path::new(&parent.folder).join(&name), parent.kind)).collect()
}

/// Makes the groups of a sandbox of a session. Returns those that work; a process joins all of them.
pub fn create(session: &Path, name: &str, limits: SandboxLimits) -> Vec<PathBuf> {
    let made = folders(session, name).into_iter().filter(|(folder, kind)| {
        // One of an earlier run may be there.
        let _ = std::fs::create_dir(folder);
        let mut settings = kind.settings(limits.memory, limits.processes).into_iter();
        let write = |(file, value): (&str, String)| std::fs::write(folder.join(file), value);
        let works = settings.next().is_some_and(|first| write(first).is_ok());
        // Not every kernel has the others.
        settings.for_each(|one| drop(write(one)));
        works
    });
    made.map(|(folder, _)| folder).collect()
}

/// Moves this process, and those that it starts from now on, into a group.
pub fn join(folder: &Path) {
    // The other limits hold without it.
    let _ = std::fs::write(folder.join(JOIN), "0");
}

/// Returns whether processes of a sandbox were killed because they used too much memory.
pub fn was_killed_for_memory(session: &Path, name: &str) -> bool {
    folders(session, name).into_iter().any(|(folder, kind)| {
        let file = kind.kills().map(|file| folder.join(file));
        file.and_then(|file| std::fs::read_to_string(file).ok())
            .is_some_and(|text| was_killed(&text))
    })
}

/// Removes the groups of a session whose processes have ended.
pub fn remove(session: &Path) {
    let prefix = prefix(session);
    for parent in usable() {
        for entry in std::fs::read_dir(&parent.folder).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
                // A new supervisor of this session may use it.
                let _ = std::fs::remove_dir(entry.path());
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sandbox::limits::AGENT;

    #[test]
    fn group_is_made_with_its_limits_and_removed() {
        let session = std::env::temp_dir().join(format!("dlq-group-{}", std::process::id()));
        // Where none can be made, there is nothing to see.
        let made = create(&session, "agent", AGENT);
        for folder in &made {
            let set = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            let values = ["pids.max", "memory.max", "memory.limit_in_bytes"].map(set).concat();
            assert!(values.contains("512") || values.contains("4294967296"), "{values}");
        }
        assert!(!was_killed_for_memory(&session, "agent"));
        remove(&session);
        assert!(!made.iter().any(|folder| folder.exists()));
    }
}
