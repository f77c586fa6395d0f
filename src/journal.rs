//! The append-only log of every event that was originated, and its rotation.
//!
//! A writer locks `journal.lock`, opens the file anew (it may have been rotated), starts with LF
//! when a crash has left half a line, and adds whole lines. When the file is over its size it is
//! compressed into `journal.ndjson.1.gz` and the older ones move up; the oldest beyond the number
//! kept goes. A crash in the middle of that can repeat lines, never lose one: readers tell them
//! apart by `source` and `id`.

mod corrupt_lines;
pub mod filter;
pub mod print;
mod tail;

pub use corrupt_lines::Torn;
pub use tail::Tail;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::config::State;
use crate::error::Error;
use crate::log;
use crate::store::{self, Lock, Store};

const BLOCK: usize = 64 * 1024;

/// The journal of a state folder.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
    lock: PathBuf,
    size_max: u64,
    keep: u32,
}

impl Journal {
    /// The journal, rotated beyond `size_max` bytes, with `keep` older parts.
    pub fn new(store: &Store, size_max: u64, keep: u32) -> Self {
        let path = store.dir().join("journal.ndjson");
        Journal { lock: path.with_file_name("journal.lock"), path, size_max, keep }
    }

    /// The journal as the configuration wants it.
    pub fn of(store: &Store, state: &State) -> Self {
        Journal::new(store, state.journal_max_mib << 20, state.journal_keep)
    }

    /// Adds lines, each with its LF, and returns when they are on disk.
    pub fn append(&self, lines: &[u8]) -> Result<(), Error> {
        self.append_all(&mut std::iter::once(lines))
    }

    /// The same, of lines that stand apart.
    pub fn append_all(&self, lines: &mut dyn Iterator<Item = &[u8]>) -> Result<(), Error> {
        let mut lines = lines.filter(|line| !line.is_empty()).peekable();
        if lines.peek().is_none() {
            return Ok(());
        }
        let _lock = Lock::wait(&self.lock)?;
        let written = self.write(&mut lines);
        let size = written.map_err(|error| Error::file("write", &self.path, &error))?;
        // The lines are there: that the file stays too long is no reason to stop.
        if size > self.size_max
            && let Err(error) = self.rotate()
        {
            log::warn(&error.to_string());
        }
        Ok(())
    }

    fn write(&self, lines: &mut dyn Iterator<Item = &[u8]>) -> io::Result<u64> {
        let mut file = store::append_private(&self.path)?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        let mut out = BufWriter::with_capacity(BLOCK, file);
        if last != *b"\n" {
            out.write_all(b"\n")?;
        }
        for line in lines {
            out.write_all(line)?;
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_data()?;
        Ok(file.metadata()?.len())
    }

    /// The path of the `n`-th older part.
    fn part(&self, n: u32) -> PathBuf {
        self.path.with_file_name(format!("journal.ndjson.{n}.gz"))
    }

    fn rotate(&self) -> Result<(), Error> {
        let packed = self.path.with_file_name("journal.ndjson.tmp");
        let pack = || -> io::Result<()> {
            let mut gzip = GzEncoder::new(store::create_private(&packed)?, Compression::fast());
            io::copy(&mut File::open(&self.path)?, &mut gzip)?;
            gzip.finish()?.sync_all()?;
            for n in (1..self.keep).rev() {
                match std::fs::rename(self.part(n), self.part(n + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            if self.keep > 0 {
                std::fs::rename(&packed, self.part(1))?;
            } else {
                std::fs::remove_file(&packed)?;
            }
            std::fs::remove_file(&self.path)
        };
        pack().map_err(|error| Error::file("rotate", &self.path, &error))?;
        store::sync_parent(&self.path)
    }

    /// The parts that there are, oldest first, the current one last, opened together so that a
    /// rotation meanwhile neither hides nor repeats a line.
    pub fn open_all(&self) -> Result<Vec<Part>, Error> {
        Ok(self.open_stamped()?.0)
    }

    /// The same, with the stamp that they had under the lock.
    fn open_stamped(&self) -> Result<(Vec<Part>, Stamp), Error> {
        // Rotation holds the lock; without a journal there is nothing to lock either.
        let _lock = self
            .path
            .parent()
            .is_some_and(Path::exists)
            .then(|| Lock::wait(&self.lock))
            .transpose()?;
        // Parts beyond `keep` are left by an earlier setting: they are still read.
        let mut parts = Vec::new();
        for n in (1..=self.keep.max(100)).rev() {
            parts.extend(Part::open(&self.part(n), true)?);
        }
        parts.extend(Part::open(&self.path, false)?);
        Ok((parts, self.stamp()))
    }

    /// What a rotation changes.
    fn stamp(&self) -> Stamp {
        let newest = std::fs::metadata(self.part(1)).ok();
        Stamp {
            current: std::fs::metadata(&self.path).ok().map(|meta| meta.ino()),
            packed: newest.map(|meta| (meta.ino(), meta.size(), meta.mtime_nsec())),
        }
    }
}

/// The identity of the current part, and of the newest packed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    current: Option<u64>,
    packed: Option<(u64, u64, i64)>,
}

/// One file of the journal, open for reading.
pub struct Part {
    reader: Box<dyn BufRead>,
    path: PathBuf,
    inode: u64,
    packed: bool,
    line: Vec<u8>,
    /// `line` is whole, and the next call begins another.
    whole: bool,
    /// `line` has been looked at and is to be given out once more.
    again: bool,
    number: u64,
}

impl Part {
    fn open(path: &Path, packed: bool) -> Result<Option<Self>, Error> {
        let failed = |error: io::Error| Error::file("read", path, &error);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let inode = file.metadata().map_err(failed)?.ino();
        let reader: Box<dyn BufRead> = if packed {
            Box::new(BufReader::with_capacity(BLOCK, MultiGzDecoder::new(file)))
        } else {
            Box::new(BufReader::with_capacity(BLOCK, file))
        };
        Ok(Some(Part {
            reader,
            path: path.to_owned(),
            inode,
            packed,
            line: Vec::new(),
            whole: false,
            again: false,
            number: 0,
        }))
    }

    /// Goes to the next whole line; false at the end. A line that has no LF yet is not given out:
    /// its writer may be about to finish it, and a later call finds the whole.
    pub fn advance(&mut self) -> Result<bool, Error> {
        if std::mem::take(&mut self.again) {
            return Ok(true);
        }
        if std::mem::take(&mut self.whole) {
            self.line.clear();
        }
        self.reader
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Error::file("read", &self.path, &error))?;
        self.whole = self.line.pop_if(|last| *last == b'\n').is_some();
        self.number += u64::from(self.whole);
        Ok(self.whole)
    }

    /// The line that [`Part::advance`] has found, without its LF.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The next whole line, as a copy; `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.advance()?.then(|| std::mem::take(&mut self.line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(name: &str, size_max: u64, keep: u32) -> (Journal, PathBuf) {
        let dir = std::env::temp_dir().join(format!("dlq-journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        (Journal::new(&Store::open(&dir).unwrap(), size_max, keep), dir)
    }

    fn all(journal: &Journal) -> Vec<String> {
        let mut lines = Vec::new();
        for mut part in journal.open_all().unwrap() {
            while let Some(line) = part.next_line().unwrap() {
                lines.push(String::from_utf8(line).unwrap());
            }
        }
        lines
    }

    #[test]
    fn lines_stay_in_order_over_rotations() {
        let (journal, dir) = journal("order", 100, 50);
        for n in 0..40 {
            journal.append(format!("{{\"n\":{n:>20}}}\n").as_bytes()).unwrap();
        }
        assert!(dir.join("journal.ndjson.3.gz").exists());
        let expected: Vec<String> = (0..40).map(|n| format!("{{\"n\":{n:>20}}}")).collect();
        assert_eq!(all(&journal), expected);
        let _ = std::fs::remove_dir_all(dir);
    }

    #[test]
    fn only_so_many_parts_are_kept() {
        let (journal, dir) = journal("keep", 1, 2);
        for n in 0..5 {
            journal.append(format!("{{\"n\":{n}}}\n").as_bytes()).unwrap();
        }
        assert_eq!(all(&journal), ["{\"n\":3}", "{\"n\":4}"]);
        let _ = std::fs::remove_dir_all(dir);
    }

    #[test]
    fn half_a_line_of_a_crash_stays_a_line_of_its_own() {
        let (journal, dir) = journal("half", 1 << 20, 2);
        std::fs::write(dir.join("journal.ndjson"), "{\"n\":0}\n{\"n\":").unwrap();
        journal.append(b"{\"n\":1}\n").unwrap();
        assert_eq!(all(&journal), ["{\"n\":0}", "{\"n\":", "{\"n\":1}"]);
        let _ = std::fs::remove_dir_all(dir);
    }
}
