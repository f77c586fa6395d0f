//! Files of the state that this user may not open, and locks that somebody holds.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::clock;
use crate::error::Error;
use crate::regular_file;
use crate::rules::health::state::{DeniedAccess, HeldLock};
use crate::store::{self, BlockingWait};

/// The time after which a lock is held too long: programs hold one for milliseconds.
const HELD_MAX: Duration = Duration::from_secs(3);
/// The pause between two looks at the locks.
const PAUSE: Duration = Duration::from_millis(50);

/// Returns who owns a file that this user may not read; None for any other fault, and without one.
pub(super) fn denied(path: &Path) -> Option<DeniedAccess> {
    let error = regular_file::open(path).err()?;
    (error.kind() == ErrorKind::PermissionDenied).then(|| closed(path))
}

/// Returns who owns a file, or the nearest folder above it that can be seen.
pub(super) fn closed(path: &Path) -> DeniedAccess {
    let found = path.ancestors().find_map(|path| path.symlink_metadata().ok());
    let user = rustix::process::geteuid().as_raw();
    let owner = found.map_or(user, |found| found.uid());
    DeniedAccess { owner: user_name(owner), user: user_name(user), is_owner: owner == user }
}

/// Returns the name of a user of this machine, else the number.
fn user_name(id: u32) -> String {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| format!("#{id}"))
}

/// Returns those of the locks that are held all the time.
pub(super) fn held_locks(folder: &Path, names: Vec<String>) -> Result<Vec<HeldLock>, Error> {
    let until = clock::tick() + HELD_MAX;
    let mut held = names;
    loop {
        let mut still = Vec::new();
        for name in held {
            if store::is_locked(&folder.join(&name))? {
                still.push(name);
            }
        }
        held = still;
        if held.is_empty() || clock::tick() >= until {
            break;
        }
        store::sleep(BlockingWait::Lock, PAUSE);
    }
    let named = held.into_iter().map(|name| {
        let holder = store::lock_holder(&folder.join(&name));
        HeldLock { name, holder, span: HELD_MAX }
    });
    Ok(named.collect())
}
