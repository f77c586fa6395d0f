//! The text file for the collector of node_exporter, which reads it at any moment.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::{Error, if_found};

/// The mode of the file: another user reads it.
const MODE: u32 = 0o644;

/// Replaces the file: a reader sees the old text or the new one, never a part. The text is not synced:
/// after a crash of the machine the next one replaces it.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // node_exporter reads the files that end with .prom.
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    let written = create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // Whatever the umask.
        file.set_permissions(Permissions::from_mode(MODE))
    });
    written.map_err(|error| Error::file("write", &temporary, &error))?;
    std::fs::rename(&temporary, path).map_err(|error| Error::file("replace", path, &error))
}

/// Creates the file anew: a link of this name is replaced and not followed.
fn create(path: &Path) -> std::io::Result<File> {
    if_found(std::fs::remove_file(path))?;
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}
