//! Private programs: programs that other programs of the same installation start.
//!
//! `PATH` is not searched: a program of another release may be there.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Folder for private programs, beside the folder of the public ones.
const LIBEXEC: &str = "libexec/dlq-tools";

/// Finds a private program of the running program `of`.
pub fn find(name: &str, of: &str) -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(|error| Error::failed("find", name, error))?;
    find_beside(&own, name, of)
}

/// Looks in the folder of a program, then in `../libexec/dlq-tools`.
fn find_beside(program: &Path, name: &str, of: &str) -> Result<PathBuf, Error> {
    let folder = program.parent().unwrap_or(Path::new("/"));
    let libexec = folder.parent().unwrap_or(folder).join(LIBEXEC);
    let found = [folder, &libexec].map(|folder| folder.join(name)).into_iter();
    found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let cause = format!(
            "it is neither in '{}' nor in '{}'; install it from the release of {of}",
            folder.display(),
            libexec.display()
        );
        Error::failed("find", name, cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_found_beside_the_running_one_then_in_libexec() {
        let top = std::env::temp_dir().join(format!("dlq-sibling-{}", std::process::id()));
        let (bin, libexec) = (top.join("bin"), top.join(LIBEXEC));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&libexec).unwrap();
        let filter = bin.join("dlq-investigate");
        let find = || find_beside(&filter, "dlq-supervise", "dlq-investigate");
        let why = find().unwrap_err().to_string();
        assert!(why.starts_with("cannot find 'dlq-supervise': it is neither in '"), "{why}");
        assert!(why.ends_with("install it from the release of dlq-investigate"), "{why}");
        for folder in [libexec, bin] {
            std::fs::write(folder.join("dlq-supervise"), "").unwrap();
            assert_eq!(find().unwrap(), folder.join("dlq-supervise"));
        }
        std::fs::remove_dir_all(top).unwrap();
    }
}
