//! Changed files of a worktree that belong to a patch: those that the agent has written, and not those
//! that runs of its tests, or what prepared them, have made or changed.

use std::collections::BTreeSet;

/// Folders that runs of programs and tests make.
const LEFT_FOLDERS: [&str; 16] = [
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".venv",
    "node_modules",
    ".nyc_output",
    ".gradle",
    ".cache",
    ".hypothesis",
    ".eggs",
    "htmlcov",
    "target",
    ".phpunit.cache",
];
/// Ends of the names of such files.
const LEFT_ENDS: [&str; 10] =
    [".pyc", ".pyo", ".class", ".o", ".obj", ".swp", ".log", ".tmp", ".egg-info", ".coverage"];

/// The files that an agent has written, by its own account: calls of its tools for files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WrittenFiles {
    /// No account of what it has written; it may have used a shell.
    #[default]
    Unknown,
    /// Paths in the repository.
    Known(BTreeSet<String>),
}

impl WrittenFiles {
    /// Takes the paths that tools were given, absolute or in the folder of the worktree.
    pub fn of_tools<'a>(paths: impl Iterator<Item = &'a str>, folder: &str) -> Self {
        let top = parts(folder);
        let inner = |path: &str| {
            let absolute = match path.starts_with('/') {
                true => path.to_owned(),
                false => format!("{folder}/{path}"),
            };
            Some(parts(&absolute).strip_prefix(top.as_slice())?.join("/"))
        };
        WrittenFiles::Known(paths.filter_map(inner).collect())
    }

    /// Whether the change of a file belongs to the patch. `is_new`: the base does not have the file.
    pub fn has(&self, path: &str, is_new: bool) -> bool {
        match self {
            WrittenFiles::Known(paths) => paths.contains(path),
            WrittenFiles::Unknown => !is_new || !is_left(path),
        }
    }
}

/// Returns the parts of an absolute path.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts
}

/// Whether a file looks like one that a run of a program has left.
fn is_left(path: &str) -> bool {
    path.split('/').any(|part| LEFT_FOLDERS.contains(&part))
        || LEFT_ENDS.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_edits_alone_make_a_file_part_of_a_patch() {
        let paths = [
            "/s/tree/test_a.py",
            "b.py",
            "/s/tree/./c//d.py",
            "/s/treeless/e.py",
            "/etc/f",
            "/s/tree/x/../g.py",
            "../tree/h.py",
            "/s/tree/../i.py",
        ];
        let known = WrittenFiles::of_tools(paths.into_iter(), "/s/tree");
        let rows = [
            ("test_a.py", true),
            ("b.py", true),
            ("c/d.py", true),
            ("e.py", false),
            ("less/e.py", false),
            ("etc/f", false),
            ("g.py", true),
            ("h.py", true),
            ("i.py", false),
            ("__pycache__/a.pyc", false),
            ("report.txt", false),
        ];
        for (path, has) in rows {
            assert_eq!(known.has(path, true), has, "{path}");
            assert_eq!(known.has(path, false), has, "{path}, of the base");
        }
    }

    #[test]
    fn unknown_edits_leave_out_caches_alone() {
        let rows = [
            ("test_a.py", true),
            ("src/target.rs", true),
            ("a/__pycache__/test_a.cpython-311.pyc", false),
            ("target/debug/x", false),
            ("web/node_modules/a/index.js", false),
            (".pytest_cache/v/cache/lastfailed", false),
            ("A.class", false),
            ("fresh.txt", true),
        ];
        for (path, has) in rows {
            assert_eq!(WrittenFiles::Unknown.has(path, true), has, "{path}");
            assert!(WrittenFiles::Unknown.has(path, false), "{path}, of the base");
        }
    }
}
