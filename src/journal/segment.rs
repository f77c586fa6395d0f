//! A segment, which is a file of the journal, read line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::{Error, if_found};
use crate::regular_file;

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// A segment, open for reading.
pub struct Segment {
    reader: Box<dyn BufRead>,
    /// The file, to change the place in it; None when it is compressed.
    file: Option<File>,
    pub(super) path: PathBuf,
    pub(super) inode: u64,
    pub(super) packed: bool,
    line: Vec<u8>,
    /// Whether `line` is whole, so that the next call begins another.
    whole: bool,
    /// Whether the next call returns `line` once more.
    pub(super) again: bool,
    pub(super) number: u64,
    /// The bytes that were read, without compression.
    pub(super) read: u64,
}

impl Segment {
    pub(super) fn open(path: &Path, packed: bool) -> Result<Option<Self>, Error> {
        let failed = |error: io::Error| Error::file("read", path, &error);
        let Some(file) = if_found(regular_file::open(path)).map_err(failed)? else {
            return Ok(None);
        };
        let inode = file.metadata().map_err(failed)?.ino();
        let copy = if packed { None } else { Some(file.try_clone().map_err(failed)?) };
        let reader: Box<dyn BufRead> = if packed {
            Box::new(BufReader::with_capacity(BLOCK, MultiGzDecoder::new(file)))
        } else {
            Box::new(BufReader::with_capacity(BLOCK, file))
        };
        Ok(Some(Segment {
            reader,
            file: copy,
            path: path.to_owned(),
            inode,
            packed,
            line: Vec::new(),
            whole: false,
            again: false,
            number: 0,
            read: 0,
        }))
    }

    /// Moves to the next whole line; false at the end. A line without an LF is not returned: its
    /// writer may be about to finish it, and a later call finds the whole line.
    pub fn advance(&mut self) -> Result<bool, Error> {
        if std::mem::take(&mut self.again) {
            return Ok(true);
        }
        if std::mem::take(&mut self.whole) {
            self.line.clear();
        }
        let count = self
            .reader
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Error::file("read", &self.path, &error))?;
        self.read += count as u64;
        self.whole = self.line.pop_if(|last| *last == b'\n').is_some();
        self.number += u64::from(self.whole);
        Ok(self.whole)
    }

    /// Moves behind so many bytes of the text, of which a part was read. Moves to the end, and fails,
    /// when there are fewer.
    pub(super) fn skip_to(&mut self, bytes: u64) -> Result<(), Error> {
        let failed = |error: io::Error| Error::file("read", &self.path, &error);
        self.line.clear();
        (self.whole, self.number) = (false, self.number.max(2));
        let found = match &mut self.file {
            Some(file) => {
                let size = file.metadata().map_err(failed)?.len();
                let file = file.try_clone().map_err(failed)?;
                let mut reader = BufReader::with_capacity(BLOCK, file);
                reader.seek(SeekFrom::Start(bytes.min(size))).map_err(failed)?;
                self.reader = Box::new(reader);
                size
            }
            None => {
                let rest = bytes.saturating_sub(self.read);
                let skipped = io::copy(&mut self.reader.by_ref().take(rest), &mut io::sink());
                self.read + skipped.map_err(failed)?
            }
        };
        self.read = bytes.min(found);
        match found < bytes {
            true => Err(Error::failed("read on", self.path.display(), "it has become shorter")),
            false => Ok(()),
        }
    }

    /// Returns the bytes of a last line that has no LF yet.
    pub(super) fn unfinished(&self) -> usize {
        if self.whole { 0 } else { self.line.len() }
    }

    /// Returns the line that [`Segment::advance`] has found, without its LF.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}
