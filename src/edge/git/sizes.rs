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
    /// Refuses files that would take too long to read. Ignored files are not read.
    pub(super) fn refuse_large(&self, git: &Git) -> Result<(), Error> {
        let refused = |why: String| Error::failed("read", self.folder.display(), why);
        let evidence = format!(":(exclude){EVIDENCE}");
        let mut total = 0_u64;
        for (kind, max) in [("--others", FILE_MAX), ("--cached", TOTAL_MAX)] {
            let argv = ["ls-files", "-z", "--exclude-standard", kind, "--", ".", &evidence];
            for name in self.list(git, &argv)? {
                let Ok(found) = self.folder.join(&name).symlink_metadata() else { continue };
                let size = if found.is_file() { found.len() } else { 0 };
                total = total.saturating_add(size);
                if size > max {
                    let (name, max) = (safe(&name), max >> 20);
                    return Err(refused(format!("'{name}' is larger than {max} MiB")));
                }
                if total > TOTAL_MAX {
                    return Err(refused("its files are larger than 4 GiB in sum".to_owned()));
                }
            }
        }
        Ok(())
    }
}
