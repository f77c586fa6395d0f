//! Control groups: where a new one can be made, and what is written to it.
//!
//! Version 2 has one hierarchy: a group can be made in the own group or above it, where the
//! controllers are handed down to groups inside. Version 1 has one hierarchy a controller, and a group
//! is made in the own one.

/// Folder in which a group can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupParent {
    pub folder: String,
    pub kind: CgroupKind,
}

/// Version, and the controller of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupKind {
    /// Version 2.
    Unified,
    Memory,
    Processes,
}

impl CgroupKind {
    /// Returns the files that set the limits, with their values. The first one has to exist.
    pub fn settings(self, memory: u64, processes: u64) -> Vec<(&'static str, String)> {
        match self {
            CgroupKind::Unified => vec![
                ("memory.max", memory.to_string()),
                ("pids.max", processes.to_string()),
                ("memory.swap.max", "0".to_owned()),
                ("memory.oom.group", "1".to_owned()),
            ],
            CgroupKind::Memory => vec![("memory.limit_in_bytes", memory.to_string())],
            CgroupKind::Processes => vec![("pids.max", processes.to_string())],
        }
    }

    /// Returns the file that counts the processes that were killed for their memory.
    pub fn kills(self) -> Option<&'static str> {
        match self {
            CgroupKind::Unified => Some("memory.events"),
            CgroupKind::Memory => Some("memory.oom_control"),
            CgroupKind::Processes => None,
        }
    }
}

/// Returns whether a file of [`CgroupKind::kills`] counts any.
pub fn was_killed(text: &str) -> bool {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.any(|(key, count)| key == "oom_kill" && count.trim() != "0")
}

/// Returns whether `cgroup.subtree_control` hands down what is needed.
pub fn hands_down(controllers: &str) -> bool {
    ["memory", "pids"].iter().all(|one| controllers.split_whitespace().any(|word| word == *one))
}

/// Lists the folders where a group may be made, the preferred first, from `/proc/self/cgroup` and
/// `/proc/self/mountinfo`.
pub fn parents(own: &str, mounts: &str) -> Vec<CgroupParent> {
    let groups: Vec<(&str, &str)> =
        own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let mut left = left.split(' ').skip(3);
        let (Some(root), Some(at)) = (left.next(), left.next()) else { continue };
        let mut right = right.split(' ');
        let kind = right.next().unwrap_or_default();
        let options: Vec<&str> = right.next_back().unwrap_or_default().split(',').collect();
        let group = |controller: &str| {
            let mut groups =
                groups.iter().filter(|(names, _)| names.split(',').any(|name| name == controller));
            let rest = groups.next()?.1.strip_prefix(root.trim_end_matches('/'))?;
            Some(format!("{at}{rest}").trim_end_matches('/').to_owned())
        };
        match kind {
            "cgroup2" => {
                let Some(mut folder) = group("") else { continue };
                while folder.starts_with(at) {
                    let kind = CgroupKind::Unified;
                    found.push(CgroupParent { folder: folder.clone(), kind });
                    folder.truncate(folder.rfind('/').unwrap_or(0));
                }
            }
            "cgroup" => {
                let all = [("memory", CgroupKind::Memory), ("pids", CgroupKind::Processes)];
                for (name, kind) in all.into_iter().filter(|(name, _)| options.contains(name)) {
                    found.extend(group(name).map(|folder| CgroupParent { folder, kind }));
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|parent| parent.kind != CgroupKind::Unified);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(own: &str, mounts: &str) -> Vec<String> {
        let all = parents(own, mounts);
        all.iter().map(|one| format!("{:?} {}", one.kind, one.folder)).collect()
    }

    #[test]
    fn parents_follow_from_groups_and_mounts() {
        let unified = "31 23 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = "0::/system.slice/cron.service\n";
        let above = [
            "Unified /sys/fs/cgroup/system.slice/cron.service",
            "Unified /sys/fs/cgroup/system.slice",
            "Unified /sys/fs/cgroup",
        ];
        assert_eq!(shown(own, unified), above);
        // A container sees a part of the hierarchy.
        let part = "31 23 0:27 /docker/7 /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(shown("0::/docker/7/a", part)[0], "Unified /sys/fs/cgroup/a");
        assert_eq!(shown("0::/other", part), [""; 0]);

        let first = "34 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                     35 31 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                     36 31 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                     37 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                     38 31 0:34 / /tmp rw - tmpfs tmpfs rw\n";
        let own = "9:pids:/\n4:memory,x:/a/b\n1:cpu,cpuacct:/\n0::/\n";
        let expected = [
            "Unified /sys/fs/cgroup/unified",
            "Memory /sys/fs/cgroup/memory/a/b",
            "Processes /sys/fs/cgroup/pids",
        ];
        assert_eq!(shown(own, first), expected);
        assert_eq!(shown("", first), [""; 0]);
        assert_eq!(shown("x\n::\n", "a b - c\n - cgroup2\n"), [""; 0]);
    }

    #[test]
    fn kills_and_controllers_are_read() {
        assert!(was_killed("low 0\noom 1\noom_kill 1\n"));
        assert!(!was_killed("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"));
        assert!(hands_down("cpu memory pids\n"));
        assert!(!hands_down("cpu memory\n") && !hands_down(""));
    }
}
