//! Files by which git reads a worktree, and that are none: git would wait for a FIFO for ever.

use std::path::{Path, PathBuf};

use super::EVIDENCE;
use crate::error::Error;
use crate::text::safe;

/// Names that git opens in each folder of a worktree.
const READ: [&str; 3] = [".gitignore", ".gitattributes", ".gitmodules"];
/// Most entries that are looked at: more than git reads by its deadline.
const ENTRIES_MAX: usize = 2_000_000;

/// Refuses a worktree in which such a name is neither a file, a link, nor a folder. Looks by `lstat`
/// alone and follows no link.
pub(super) fn refuse(tree: &Path) -> Result<(), Error> {
    let refused = |why: String| Error::failed("read", tree.display(), why);
    let mut folders: Vec<PathBuf> = vec![tree.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        // What cannot be listed, git cannot read either.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > ENTRIES_MAX {
                return Err(refused("it has too many files".to_owned()));
            }
            let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
            let is_top = folder == tree;
            if kind.is_dir() {
                if name != ".git" && !(is_top && name == EVIDENCE) {
                    folders.push(entry.path());
                }
            } else if !kind.is_file() && !kind.is_symlink() && READ.iter().any(|one| name == *one) {
                let path = entry.path();
                let shown = path.strip_prefix(tree).unwrap_or(&path).display().to_string();
                return Err(refused(format!("'{}' is no file", safe(&shown))));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn special_file_that_git_would_open_is_refused() {
        let tree = std::env::temp_dir().join(format!("dlq-special-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&tree);
        let fifo = |path: &str| {
            let path = tree.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
            path
        };
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::fs::write(tree.join(".gitignore"), "x\n").unwrap();
        std::os::unix::fs::symlink("none", tree.join("a/.gitignore")).unwrap();
        fifo("a/data.pipe");
        fifo(".dlq/.gitignore");
        assert!(refuse(&tree).is_ok());
        for path in ["a/b/.gitignore", ".gitattributes", "a/.gitmodules"] {
            let made = fifo(path);
            let why = refuse(&tree).unwrap_err().to_string();
            assert!(why.contains(&format!("'{path}' is no file")), "{why}");
            std::fs::remove_file(made).unwrap();
        }
        assert!(refuse(&tree).is_ok());
        std::fs::remove_dir_all(tree).unwrap();
    }
}
