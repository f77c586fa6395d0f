//! Sizes of the files that a snapshot reads, by `lstat` alone: an agent can make files of any size at
//! no cost, and git would read them whole.

use super::command::Git;
use super::{EVIDENCE, Worktree};
use crate::error::Error;
use crate::text::safe;

/// Largest new file, in bytes: as much as hosts of repositories accept.
const FILE_MAX: u64 = 100 << 20;
/// Most bytes of all files.
const TOTAL_MAX: u64 = 4 << 30;

impl Worktree {
    /// Refuses files of the base that would take too long to read.
    pub(super) fn refuse_large_in_sum(&self, git: &Git) -> Result<(), Error> {
        let evidence = format!(":(exclude){EVIDENCE}");
        let argv = ["ls-files", "-z", "--cached", "--", ".", &evidence];
        let names = self.list(git, &argv)?;
        let total = names.iter().fold(0_u64, |total, name| total.saturating_add(self.size(name)));
        match total > TOTAL_MAX {
            true => Err(self.too_large("its files are larger than 4 GiB in sum".to_owned())),
            false => Ok(()),
        }
    }

    /// Refuses a new file that would take too long to read.
    pub(super) fn refuse_large_file(&self, name: &str) -> Result<(), Error> {
        match self.size(name) > FILE_MAX {
            true => {
                let (name, max) = (safe(name), FILE_MAX >> 20);
                Err(self.too_large(format!("'{name}' is larger than {max} MiB")))
            }
            false => Ok(()),
        }
    }

    fn size(&self, name: &str) -> u64 {
        let found = self.folder.join(name).symlink_metadata();
        found.ok().filter(|found| found.is_file()).map_or(0, |found| found.len())
    }

    fn too_large(&self, why: String) -> Error {
        Error::failed("read", self.folder.display(), why)
    }
}
