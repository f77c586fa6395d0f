//! All records of a document in one file of JSON.
//!
//! Streams in both directions: neither the text of the old document nor that of the new one is ever
//! held in memory, because a document of 10,000 queues has several MiB of it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use super::files::replace_with;
use crate::document::{Document, Versioned};
use crate::error::{Error, if_found};
use crate::{log, regular_file};

/// Bytes that are read or written at once.
const BLOCK: usize = 64 * 1024;

/// Reads the document; an empty one when there is no file, or a cache is damaged.
pub(super) fn read<D: Document>(path: &Path) -> Result<D, Error> {
    let failed = |error: &io::Error| Error::file("read", path, error);
    let opened = if_found(regular_file::open(path)).map_err(|error| failed(&error))?;
    let Some(file) = opened else { return Ok(D::default()) };
    match parse(&file).map_err(|error| failed(&error))? {
        Ok(document) => Ok(document),
        Err(defect) => match D::WITHOUT {
            None => {
                warn_of_rebuild(path, &defect.to_string());
                Ok(D::default())
            }
            Some(without) => {
                // What another version has written is whole, and that version still needs it.
                let remedy = match defect {
                    Defect::Damage(_) => format!("move it away, {without}"),
                    Defect::Version { .. } => "install the dlq-tools that wrote it".to_owned(),
                };
                Err(Error::failed("read", path.display(), format!("{defect}; {remedy}")))
            }
        },
    }
}

/// The reason why a text is no document for this program.
enum Defect {
    Damage(String),
    Version { found: u64, known: u64 },
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::Damage(why) => f.write_str(why),
            Defect::Version { found, known } => {
                write!(f, "its version is {found}, this program knows {known}")
            }
        }
    }
}

/// The version of a document, whatever else it has.
#[derive(Deserialize)]
struct VersionAlone {
    version: u64,
}

/// Parses a file. The inner error is the defect of its text. A document of another version may have
/// fields of other types, which are no damage.
fn parse<D: Document>(file: &File) -> io::Result<Result<D, Defect>> {
    let of_version = |found| match found == D::VERSION {
        true => Ok(()),
        false => Err(Defect::Version { found, known: D::VERSION }),
    };
    let document = serde_json::from_reader(BufReader::with_capacity(BLOCK, file));
    let document: Versioned<D> = match document {
        Ok(document) => document,
        Err(error) if error.is_io() => return Err(error.into()),
        Err(error) => {
            let bytes = whole_text(file)?;
            let alone = serde_json::from_slice::<VersionAlone>(&bytes);
            if let Some(defect) = alone.ok().and_then(|alone| of_version(alone.version).err()) {
                return Ok(Err(defect));
            }
            // A reader's position is one byte further on where it has looked ahead.
            let error = serde_json::from_slice::<Versioned<D>>(&bytes).err().unwrap_or(error);
            let offset = byte_offset(&bytes, &error);
            let why = format!("not a valid state file at byte {offset} ({error})");
            return Ok(Err(Defect::Damage(why)));
        }
    };
    Ok(of_version(document.version).map(|()| document.body))
}

/// Warns once in a process: a run reads a cache several times before it replaces it.
fn warn_of_rebuild(path: &Path, defect: &str) {
    static HAS_WARNED: AtomicBool = AtomicBool::new(false);
    if !HAS_WARNED.swap(true, Ordering::Relaxed) {
        let path = path.display();
        log::warn(&format!("the cache '{path}' is rebuilt, because it cannot be read: {defect}"));
    }
}

/// Replaces the file, unless it holds the same already.
pub(super) fn write<D: Document>(path: &Path, document: &D) -> Result<(), Error> {
    let document = Versioned { version: D::VERSION, body: document };
    if holds(path, &document) {
        return Ok(());
    }
    replace_with(path, |file: &mut BufWriter<File>| {
        serde_json::to_writer(file, &document).map_err(io::Error::from)
    })
}

/// Compares the file with the text of a document, up to the first difference.
fn holds<T: serde::Serialize>(path: &Path, document: &T) -> bool {
    let Ok(file) = regular_file::open(path) else { return false };
    let mut comparison = Comparison { file: BufReader::with_capacity(BLOCK, file) };
    // Serde writes many short pieces.
    let mut text = BufWriter::with_capacity(BLOCK / 8, &mut comparison);
    let equal = serde_json::to_writer(&mut text, document).is_ok() && text.flush().is_ok();
    // After a difference the rest would be compared again when this is dropped.
    drop(text.into_parts());
    equal && matches!(comparison.file.read(&mut [0]), Ok(0))
}

/// A writer that fails when what is written is not what the file holds.
struct Comparison {
    file: BufReader<File>,
}

impl Write for Comparison {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut known = vec![0; bytes.len()];
        self.file.read_exact(&mut known)?;
        if known != bytes {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn whole_text(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns where in a text the line and the column (in bytes, from 1) of an error are.
fn byte_offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    (before + error.column().saturating_sub(1)).min(bytes.len())
}
