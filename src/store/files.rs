//! Private files, durable replacement, folders.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, if_found};
use crate::{log, regular_file, shell};

/// Replaces the content of a file, so that a reader or a crash sees the old or the new content,
/// never a part.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_with(path, |file| file.write_all(bytes))
}

/// Replaces the content of a file with what `write` writes.
pub fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let written = create_private(&temporary).and_then(|file| {
        let mut file = BufWriter::with_capacity(64 * 1024, file);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    });
    written.map_err(|error| Error::file("write", &temporary, &error))?;
    std::fs::rename(&temporary, path).map_err(|error| Error::file("replace", path, &error))?;
    sync_parent(path)
}

/// The size of the largest file of JSON that is read, in bytes: a plan has a prompt and samples.
const JSON_MAX: u64 = 64 << 20;

/// Reads a file of JSON that one process has written once, and that has no version.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = regular_file::read(path, JSON_MAX);
    let bytes = bytes.map_err(|error| Error::file("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::failed("read", path.display(), error))
}

/// Makes the entry of a file in its folder durable.
pub fn sync_parent(path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::file("sync", parent, &error))
}

/// Makes everything durable that was written to the file system of a folder, by whomever. Returns false
/// where the system has no call for it, as macOS.
pub fn sync_file_system(folder: &Path) -> Result<bool, Error> {
    let failed = |error: &io::Error| Error::file("sync", folder, error);
    let file = File::open(folder).map_err(|error| failed(&error))?;
    #[cfg(target_os = "linux")]
    let synced = rustix::fs::syncfs(&file).map(|()| true).map_err(io::Error::from);
    #[cfg(not(target_os = "linux"))]
    let synced = file.metadata().map(|_| false);
    synced.map_err(|error| failed(&error))
}

/// Makes a folder and its missing parents, readable by their owner only.
pub fn make_dir(dir: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::file("make folder", dir, &error))
}

/// Warns of a folder in which other users can replace files.
pub fn warn_of_writable(dir: &Path) {
    let mode = std::fs::metadata(dir).map_or(0, |found| found.permissions().mode() & 0o777);
    if mode & 0o022 != 0 {
        let (path, quoted) = (dir.display(), shell::quote(&dir.to_string_lossy()));
        log::warn(&format!(
            "other users can write to the state folder '{path}' (mode {mode:04o}): run 'chmod 700 {quoted}'"
        ));
    }
}

/// Removes a folder with its files, a file or a link, when it exists. Links are not followed.
pub fn remove(path: &Path) -> io::Result<()> {
    match if_found(path.symlink_metadata())? {
        Some(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Some(_) => std::fs::remove_file(path),
        None => Ok(()),
    }
}

/// Creates a file that only its owner can read, in the place of an earlier one. A link of this name
/// is replaced and not followed.
pub fn create_private(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if_found(std::fs::remove_file(path))?;
            create()
        }
        created => created,
    }
}

/// Opens a file to add to its end, and creates it readable by its owner only. Anything else of this
/// name, such as a link, is an error.
pub fn append_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(regular_file::FLAGS);
    regular_file::checked(options.open(path).map_err(regular_file::of_link)?)
}
