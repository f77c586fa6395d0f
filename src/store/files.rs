//! Private files, durable replacement, folders.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, if_found};

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

/// Reads a file of JSON that one process has written once, and that has no version.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::file("read", path, &error))?;
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

/// Makes a folder and its missing parents, readable by their owner only.
pub fn make_dir(dir: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::file("make folder", dir, &error))
}

/// Removes a folder with its files, a file or a link, when it exists. Links are not followed.
pub fn remove(path: &Path) -> io::Result<()> {
    match if_found(path.symlink_metadata())? {
        Some(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Some(_) => std::fs::remove_file(path),
        None => Ok(()),
    }
}

/// Creates or empties a file that only its owner can read.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Opens a file to add to its end, and creates it readable by its owner only.
pub fn append_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}
