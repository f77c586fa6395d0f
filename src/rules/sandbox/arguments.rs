//! Arguments of bubblewrap for a sandbox.
//!
//! Promises: the sandbox is built from nothing. It holds programs and libraries, a few files of
//! `/etc`, its own `/proc`, `/dev` and `/tmp`, and the mounts of the plan; all else is absent. It has
//! its own users, processes, network, host name and IPC, no capability, and cannot make a further
//! user namespace. Each file system in memory has a size, and all that is no mount of the plan is
//! read-only. Never: puts a secret into an argument.

/// Files of `/etc` that programs need, where they exist. None holds a secret: as root, root's files
/// would be readable inside.
const ETC: [&str; 11] = [
    "passwd",
    "group",
    "nsswitch.conf",
    "ld.so.cache",
    "ld.so.conf",
    "localtime",
    "alternatives",
    "ssl/certs",
    "ca-certificates",
    "pki/tls/certs",
    "mime.types",
];
/// Files of `/etc` that a sandbox with network needs as well.
const ETC_OF_NETWORK: [&str; 5] =
    ["resolv.conf", "hosts", "ssl/openssl.cnf", "services", "protocols"];

/// Folders at the top that are part of the system: links to `/usr`, or folders of their own.
pub const TOP: [&str; 6] = ["bin", "sbin", "lib", "lib64", "lib32", "libx32"];

/// Size of `/dev/shm`.
const SHARED_MEMORY: u64 = 64 << 20;
/// User in the sandbox of root, who would otherwise be root there.
const USER: &str = "1000";

/// Folder at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopFolder {
    /// A link, and its target.
    Link(String, String),
    Folder(String),
}

/// File or folder of a sandbox. A mount of a folder comes before those inside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    ReadOnly {
        from: String,
        to: String,
    },
    Writable {
        from: String,
        to: String,
    },
    /// Empty folder that cannot be written.
    Empty(String),
    /// New folder in memory.
    Folder(String),
}

impl Mount {
    /// Returns a read-only mount with the same path inside and outside.
    pub fn read_only(path: impl Into<String>) -> Self {
        let path = path.into();
        Mount::ReadOnly { from: path.clone(), to: path }
    }

    /// Returns a writable mount with the same path inside and outside.
    pub fn writable(path: impl Into<String>) -> Self {
        let path = path.into();
        Mount::Writable { from: path.clone(), to: path }
    }
}

/// Content of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPlan {
    /// Whether root starts it.
    pub as_root: bool,
    pub top: Vec<TopFolder>,
    /// Whether the network of the machine can be reached.
    pub network: bool,
    /// Bytes of `/tmp`.
    pub tmp: u64,
    pub mounts: Vec<Mount>,
    /// Current folder.
    pub folder: String,
}

impl SandboxPlan {
    /// Returns the arguments, in the order in which bubblewrap applies them.
    pub fn arguments(&self) -> Vec<String> {
        let mut list = Arguments::default();
        list.add(["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]);
        list.add(["--unshare-cgroup-try", "--disable-userns", "--cap-drop", "ALL"]);
        if !self.network {
            list.add(["--unshare-net"]);
        }
        // Bubblewrap's own first process ignores signals and shows its environment.
        list.add(["--new-session", "--die-with-parent", "--as-pid-1", "--hostname", "dlq"]);
        list.add(["--ro-bind", "/usr", "/usr"]);
        for folder in &self.top {
            match folder {
                TopFolder::Link(at, target) => list.add(["--symlink", target, at]),
                TopFolder::Folder(at) => list.add(["--ro-bind", at, at]),
            }
        }
        let more = if self.network { &ETC_OF_NETWORK[..] } else { &[] };
        for name in ETC.iter().chain(more) {
            let path = format!("/etc/{name}");
            list.add(["--ro-bind-try", &path, &path]);
        }
        list.add(["--proc", "/proc"]);
        if self.as_root {
            // The kernel lets user 0 of the machine write settings, whatever its capabilities.
            list.add(["--ro-bind", "/proc/sys", "/proc/sys", "--uid", USER, "--gid", USER]);
        }
        list.add(["--dev", "/dev"]);
        list.memory(SHARED_MEMORY, "1777", "/dev/shm");
        list.add(["--remount-ro", "/dev"]);
        list.memory(self.tmp, "1777", "/tmp");
        list.add(["--dir", "/home", "--dir", "/root"]);
        for mount in &self.mounts {
            match mount {
                Mount::ReadOnly { from, to } => list.add(["--ro-bind", from, to]),
                Mount::Writable { from, to } => list.add(["--bind", from, to]),
                Mount::Empty(at) => {
                    list.memory(4096, "0555", at);
                    list.add(["--remount-ro", at]);
                }
                Mount::Folder(at) => list.add(["--dir", at]),
            }
        }
        // After the last mount: bubblewrap could make no mount point any more.
        list.add(["--remount-ro", "/", "--chdir", &self.folder]);
        list.0
    }
}

#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(str::to_owned));
    }

    /// Adds a file system in memory, which would otherwise be half as large as the machine's.
    fn memory(&mut self, size: u64, mode: &str, at: &str) {
        self.add(["--size", &size.to_string(), "--perms", mode, "--tmpfs", at]);
    }
}

/// Lists the folders of a tree in which something is mounted, the outer first. Each has to be mounted
/// itself, so that whoever writes the tree cannot put a link in its place, which the next sandbox
/// would follow out of the tree.
pub fn pinned_folders(tree: &str, mounts: &[Mount]) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for mount in mounts {
        let (Mount::ReadOnly { to, .. } | Mount::Writable { to, .. } | Mount::Empty(to)) = mount
        else {
            continue;
        };
        let Some(rest) = to.strip_prefix(tree).and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        let ends = rest.match_indices('/').map(|(at, _)| at);
        found.extend(ends.map(|at| rest[..at].to_owned()));
    }
    found.into_iter().collect()
}

/// Returns the place of a path of `queues[].bind`: that of a file in the repository is the same in
/// the worktree, any other path is its own place.
pub fn bind_target(path: &str, repo: &str, tree: &str) -> String {
    match path.strip_prefix(repo.trim_end_matches('/')) {
        Some(rest) if rest.starts_with('/') => format!("{tree}{rest}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> SandboxPlan {
        SandboxPlan {
            as_root: false,
            top: vec![
                TopFolder::Link("/bin".into(), "usr/bin".into()),
                TopFolder::Folder("/lib64".into()),
            ],
            network: false,
            tmp: 1024,
            mounts: vec![
                Mount::writable("/s/tree"),
                Mount::ReadOnly { from: "/s/evidence".into(), to: "/s/tree/.dlq".into() },
                Mount::Empty("/s/tree/x".into()),
                Mount::Folder("/tmp/home".into()),
                Mount::read_only("/s/agents.json"),
            ],
            folder: "/s/tree".into(),
        }
    }

    /// Position of words that follow each other.
    fn at(arguments: &[String], words: &str) -> Option<usize> {
        let words: Vec<&str> = words.split(' ').collect();
        arguments.windows(words.len()).position(|window| window == words)
    }

    #[test]
    fn arguments_come_in_the_order_of_mounts() {
        let arguments = plan().arguments();
        let ordered = [
            "--unshare-net",
            "--ro-bind /usr /usr",
            "--symlink usr/bin /bin",
            "--ro-bind /lib64 /lib64",
            "--ro-bind-try /etc/passwd /etc/passwd",
            "--proc /proc",
            "--dev /dev",
            "--size 67108864 --perms 1777 --tmpfs /dev/shm",
            "--remount-ro /dev",
            "--size 1024 --perms 1777 --tmpfs /tmp",
            "--bind /s/tree /s/tree",
            "--ro-bind /s/evidence /s/tree/.dlq",
            "--size 4096 --perms 0555 --tmpfs /s/tree/x --remount-ro /s/tree/x",
            "--dir /tmp/home",
            "--ro-bind /s/agents.json /s/agents.json",
            "--remount-ro / --chdir /s/tree",
        ];
        let places: Vec<_> = ordered.iter().map(|words| at(&arguments, words)).collect();
        assert!(places.iter().all(Option::is_some), "{places:?} {arguments:?}");
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!(arguments.last().unwrap(), "/s/tree");
    }

    #[test]
    fn arguments_of_each_sandbox_close_it() {
        let root = SandboxPlan { as_root: true, ..plan() };
        let open = SandboxPlan { network: true, ..plan() };
        for plan in [plan(), root, open] {
            let arguments = plan.arguments();
            for words in [
                "--unshare-user",
                "--unshare-pid",
                "--unshare-ipc",
                "--unshare-uts",
                "--disable-userns",
                "--cap-drop ALL",
                "--new-session",
                "--die-with-parent",
                "--as-pid-1",
            ] {
                assert!(at(&arguments, words).is_some(), "{words}: {arguments:?}");
            }
            let covered = at(&arguments, "--ro-bind /proc/sys /proc/sys --uid 1000 --gid 1000");
            assert_eq!(covered.is_some(), plan.as_root);
            assert_eq!(at(&arguments, "--unshare-net").is_some(), !plan.network);
            let resolver = at(&arguments, "--ro-bind-try /etc/resolv.conf /etc/resolv.conf");
            assert_eq!(resolver.is_some(), plan.network);
            assert!(
                !arguments
                    .iter()
                    .any(|word| word == "/etc"
                        || word == "/" && arguments[arguments.len() - 3] != "/"),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn folders_of_mounts_in_the_tree_are_pinned() {
        let mounts = [
            Mount::read_only("/s/tree/a/b/node_modules"),
            Mount::read_only("/s/tree/a/c"),
            Mount::read_only("/s/tree/.venv"),
            Mount::read_only("/s/tree2/x/y"),
            Mount::writable("/s/tree"),
            Mount::read_only("/opt/tool/bin"),
        ];
        assert_eq!(pinned_folders("/s/tree", &mounts), ["a", "a/b"]);
    }

    #[test]
    fn bind_of_the_repository_is_mounted_in_the_worktree() {
        let rows = [
            ("/src/orders/node_modules", "/src/orders", "/s/tree/node_modules"),
            ("/src/orders/a/.venv", "/src/orders/", "/s/tree/a/.venv"),
            ("/src/orders2/x", "/src/orders", "/src/orders2/x"),
            ("/opt/toolchain", "/src/orders", "/opt/toolchain"),
            ("/src/orders", "/src/orders", "/src/orders"),
        ];
        for (path, repo, target) in rows {
            assert_eq!(bind_target(path, repo, "/s/tree"), target, "{path} {repo}");
        }
    }
}
