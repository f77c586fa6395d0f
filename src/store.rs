//! Locked JSON documents: `update(|document| …)`, and locks that are held for a life.
//!
//! An update locks `<name>.lock`, reads `<name>.json`, lets a function change it, writes a
//! temporary file beside it, syncs, renames, syncs the folder and unlocks. The file that is
//! renamed is never locked; a lock file is never deleted; readers take no lock and see the old
//! document or the new one. A document that does not parse is never overwritten. The only place
//! that locks files (with fs2, by its full name: std has methods of the same names).

#![allow(clippy::disallowed_methods)] // The one place for them; see clippy.toml.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::{self, Env, Settings};
use crate::error::Error;

/// What a document has to be: versioned, and empty when there is none yet.
pub trait Document: Serialize + DeserializeOwned + Default {
    /// The name of the file, without `.json`.
    const NAME: &str;
    /// The version that this program writes and the newest that it reads.
    const VERSION: u64;
    /// The version of this document.
    fn version(&self) -> u64;
}

/// The state folder.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// Opens the folder, and makes it (0700) when it is missing.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        make_dir(dir)?;
        Ok(Store { dir: dir.to_owned() })
    }

    /// The folder that the configuration and the environment name; made only when it is to be
    /// `written`.
    pub fn of(settings: &Settings, env: &Env, written: bool) -> Result<Self, Error> {
        let dir = config::state_dir(settings, env)?;
        if written { Store::open(&dir) } else { Ok(Store { dir }) }
    }

    /// Its path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The handle of a document.
    pub fn doc<D: Document>(&self) -> Doc<D> {
        Doc {
            path: self.dir.join(format!("{}.json", D::NAME)),
            lock: self.dir.join(format!("{}.lock", D::NAME)),
            holds: PhantomData,
        }
    }
}

/// A document on disk.
pub struct Doc<D> {
    path: PathBuf,
    lock: PathBuf,
    holds: PhantomData<D>,
}

impl<D: Document> Doc<D> {
    /// The document as it is; the empty one when there is none yet.
    pub fn read(&self) -> Result<D, Error> {
        let mut bytes = Vec::new();
        match File::open(&self.path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(D::default()),
            Err(error) => return Err(Error::file("read", &self.path, &error)),
        }
        let remedy = "move it away to start afresh";
        let document: D = serde_json::from_slice(&bytes).map_err(|error| {
            let offset = byte_offset(&bytes, error.line(), error.column());
            Error::failed(
                "read",
                self.path.display(),
                format!("not a document of ours at byte {offset} ({error}); {remedy}"),
            )
        })?;
        let version = document.version();
        if version != D::VERSION {
            let cause =
                format!("its version is {version}, this program knows {}; {remedy}", D::VERSION);
            return Err(Error::failed("read", self.path.display(), cause));
        }
        Ok(document)
    }

    /// Changes the document under its lock; what `change` returns is returned when all is on disk.
    ///
    /// Inside `change` only what the lock order allows may be locked (a document, then the
    /// journal), and nothing may wait for the network or for a child's work.
    pub fn update<R>(&self, change: impl FnOnce(&mut D) -> Result<R, Error>) -> Result<R, Error> {
        let _lock = Lock::wait(&self.lock)?;
        let mut document = self.read()?;
        let before = serde_json::to_vec(&document).ok();
        let result = change(&mut document)?;
        let bytes = serde_json::to_vec(&document)
            .map_err(|error| Error::failed("encode", self.path.display(), error))?;
        if before.as_deref() != Some(&bytes) || !self.path.exists() {
            replace(&self.path, &bytes)?;
        }
        Ok(result)
    }
}

/// Where in the text line and column (in bytes, from 1) are.
fn byte_offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let before: usize = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + column.saturating_sub(1)).min(bytes.len())
}

/// Puts new content in the place of a file, so that a reader or a crash sees either the old or
/// the new one, whole.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let written = create_private(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| Error::file("write", &temporary, &error))?;
    std::fs::rename(&temporary, path).map_err(|error| Error::file("replace", path, &error))?;
    sync_parent(path)
}

/// Reads a file of JSON that is no [`Document`]: written once, by one process.
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

/// Makes a folder and what is missing above it, readable by its owner only.
pub fn make_dir(dir: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::file("make folder", dir, &error))
}

/// Creates or empties a file that only its owner can read.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Opens a file to add to its end, and creates it readable by its owner only.
pub fn append_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// A lock, held for as long as this value, or a child that was given its file, lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock.
    pub fn wait(path: &Path) -> Result<Self, Error> {
        let file = append_private(path).map_err(|error| Error::file("open", path, &error))?;
        fs2::FileExt::lock_exclusive(&file).map_err(|error| Error::file("lock", path, &error))?;
        Ok(Lock { file })
    }

    /// Takes the lock if it is free.
    pub fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let file = append_private(path).map_err(|error| Error::file("open", path, &error))?;
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => Ok(Some(Lock { file })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Error::file("lock", path, &error)),
        }
    }

    /// The file, to be given to a child: the lock is then held until both have let go.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// Whether somebody holds the lock. Asks with a shared lock, which it lets go at once, so that
/// two who ask do not see each other.
pub fn held(path: &Path) -> Result<bool, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::file("open", path, &error)),
    };
    match fs2::FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(Error::file("ask for the lock of", path, &error)),
    }
}

#[cfg(test)]
mod tests;
