//! The private program `dlq-supervise`: how `dlq-investigate` finds it, and how it runs itself.
//!
//! The supervisor is a program of its own so that the filter stays small (Claude Code, git,
//! transcripts, verdicts and reports are linked here only), and so that no option of the filter is
//! private.
//! `PATH` is not searched: a program of another release may be there.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment::passed_on;
use crate::edge::process::MARKER;
use crate::error::Error;

/// Name of the program.
pub const NAME: &str = "dlq-supervise";

/// Folder for private programs, beside the folder of the public ones.
const LIBEXEC: &str = "libexec/dlq-tools";

/// A command that starts `dlq-supervise` of the same installation as the running program.
pub fn sibling() -> Result<Command, Error> {
    let own = std::env::current_exe().map_err(|error| Error::failed("find", NAME, error))?;
    Ok(command(find_beside(&own)?.as_os_str()))
}

/// Looks in the folder of a program, then in `../libexec/dlq-tools`.
fn find_beside(program: &Path) -> Result<PathBuf, Error> {
    let folder = program.parent().unwrap_or(Path::new("/"));
    let libexec = folder.parent().unwrap_or(folder).join(LIBEXEC);
    let found = [folder, &libexec].map(|folder| folder.join(NAME)).into_iter();
    found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let cause = format!(
            "it is neither in '{}' nor in '{}'; install it from the release of dlq-investigate",
            folder.display(),
            libexec.display()
        );
        Error::failed("find", NAME, cause)
    })
}

/// A command that starts the running program again. On Linux its name also works when the file was
/// replaced meanwhile, so that a session is of one version from its start to its end.
pub(super) fn own() -> Command {
    if cfg!(target_os = "linux") {
        return command(OsStr::new("/proc/self/exe"));
    }
    command(std::env::current_exe().unwrap_or_else(|_| NAME.into()).as_os_str())
}

/// A command that executes the program and the arguments added to it, the agent or the tests of a
/// session, in a process group that ends with this process.
pub(super) fn shim(session_folder: &Path) -> Command {
    let mut command = own();
    command.args(["shim", &std::process::id().to_string()]);
    command.env_clear().envs(passed_on()).env("TERM", "dumb").env(MARKER, session_folder);
    command.process_group(0);
    command
}

fn command(path: &OsStr) -> Command {
    let mut command = Command::new(path);
    // The name that ps(1) shows.
    command.arg0(NAME);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supervisor_is_found_beside_the_filter_then_in_libexec() {
        let top = std::env::temp_dir().join(format!("dlq-sibling-{}", std::process::id()));
        let (bin, libexec) = (top.join("bin"), top.join(LIBEXEC));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&libexec).unwrap();
        let filter = bin.join("dlq-investigate");
        let why = find_beside(&filter).unwrap_err().to_string();
        assert!(why.starts_with("cannot find 'dlq-supervise': it is neither in '"), "{why}");
        assert!(why.ends_with("install it from the release of dlq-investigate"), "{why}");
        for folder in [libexec, bin] {
            std::fs::write(folder.join(NAME), "").unwrap();
            assert_eq!(find_beside(&filter).unwrap(), folder.join(NAME));
        }
        std::fs::remove_dir_all(top).unwrap();
    }
}
