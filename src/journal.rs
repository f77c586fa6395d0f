//! The append-only log of every event that was originated, and its rotation.
//!
//! A writer locks `journal.lock`, opens the newest segment anew (it may have been rotated), and
//! adds whole lines. A segment that exceeds its size is compressed into `journal.ndjson.1.gz` and
//! the older ones move up; those beyond the number or the age kept are deleted, and `journal.cut` has
//! the time up to which lines are gone. A crash during a rotation can repeat lines, never lose one:
//! readers recognise repeats by `source` and `id`.

pub mod filter;
pub mod position;
pub mod print;
pub mod rotation;
mod segment;
pub mod tail;

pub use tail::Tail;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::error::{Error, if_found};
use crate::ndjson;
use crate::regular_file;
use crate::store::{self, Lock, Store};
use crate::time::Timestamp;
use crate::{clock, log};
use rotation::Rotation;
use segment::Segment;

/// The openings of all segments after which a reader without the lock gives up.
const OPENINGS_MAX: usize = 100;

/// The journal of a state folder.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
    lock: PathBuf,
    rotation: Rotation,
}

impl Journal {
    /// Names the journal of a state folder; no file is made before the first line.
    pub fn new(store: &Store, rotation: Rotation) -> Self {
        let path = store.dir().join("journal.ndjson");
        Journal { lock: path.with_file_name("journal.lock"), path, rotation }
    }

    /// Returns the state folder.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Adds lines, each with its LF, and returns when they are on disk.
    pub fn append(&self, lines: &[u8]) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        self.append_with(|out| out.write_all(lines))
    }

    /// Adds the lines that `write` writes, each with its LF, and returns when they are on disk.
    pub fn append_with(
        &self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), Error> {
        let _lock = Lock::wait(&self.lock)?;
        let size = store::append_private(&self.path)
            .and_then(|file| ndjson::append_with(file, write))
            .map_err(|error| Error::file("write", &self.path, &error))?;
        // The lines are on disk: a segment that stays too long is no reason to fail.
        if size > self.rotation.size_max
            && let Err(error) = self.rotate()
        {
            log::warn(&error.to_string());
        }
        Ok(())
    }

    /// Returns the highest number that an older segment can have: settings may have been others.
    fn older_max(&self) -> u32 {
        self.rotation.keep.max(100)
    }

    /// Returns the sizes of all segments, oldest first; each is opened. The error names the segment.
    pub fn sizes(&self) -> Result<Vec<u64>, (PathBuf, io::Error)> {
        let mut sizes = Vec::new();
        for path in self.segment_paths() {
            match if_found(regular_file::open(&path).and_then(|file| file.metadata())) {
                Ok(found) => sizes.extend(found.map(|found| found.len())),
                Err(error) => return Err((path, error)),
            }
        }
        Ok(sizes)
    }

    /// Returns the lines that lie as a whole in the last bytes of the newest segment, each with its LF, or
    /// of the segment before that. No lock is taken.
    pub fn last_lines(&self, is_newest: bool, bytes_max: u64) -> Result<Vec<u8>, Error> {
        if is_newest {
            return ndjson::last_lines(&self.path, bytes_max)
                .map_err(|error| Error::file("read", &self.path, &error));
        }
        let path = self.segment_path(1);
        let failed = |error: io::Error| Error::file("read", &path, &error);
        let Some(file) = if_found(regular_file::open(&path)).map_err(failed)? else {
            return Ok(Vec::new());
        };
        let mut text = MultiGzDecoder::new(file);
        let most = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let (mut end, mut block, mut is_cut) = (Vec::new(), vec![0; 1 << 16], false);
        loop {
            let count = text.read(&mut block).map_err(failed)?;
            end.extend_from_slice(&block[..count]);
            if count == 0 || end.len() > most.saturating_mul(2) {
                is_cut |= end.len() > most;
                end.drain(..end.len().saturating_sub(most));
            }
            if count == 0 {
                break;
            }
        }
        let begin = end.iter().position(|byte| *byte == b'\n').filter(|_| is_cut);
        end.drain(..begin.map_or(0, |at| at + 1));
        Ok(end)
    }

    /// Returns the path of the `n`-th older segment.
    fn segment_path(&self, n: u32) -> PathBuf {
        self.path.with_file_name(format!("journal.ndjson.{n}.gz"))
    }

    fn rotate(&self) -> Result<(), Error> {
        let packed = self.path.with_file_name("journal.ndjson.tmp");
        let failed = |error: io::Error| Error::file("rotate", &self.path, &error);
        let pack = || -> io::Result<()> {
            let mut gzip = GzEncoder::new(store::create_private(&packed)?, Compression::fast());
            io::copy(&mut regular_file::open(&self.path)?, &mut gzip)?;
            gzip.finish()?.sync_all()
        };
        pack().map_err(failed)?;
        self.delete_old(clock::now())?;
        let shift = || -> io::Result<()> {
            for n in (1..self.rotation.keep).rev() {
                if_found(std::fs::rename(self.segment_path(n), self.segment_path(n + 1)))?;
            }
            if self.rotation.keep > 0 {
                std::fs::rename(&packed, self.segment_path(1))?;
            } else {
                std::fs::remove_file(&packed)?;
            }
            std::fs::remove_file(&self.path)
        };
        shift().map_err(failed)?;
        store::sync_parent(&self.path)
    }

    /// Deletes the segments that do not stay after a rotation. The time of the last line that goes is
    /// on disk before, so that a reader can tell what it does not see.
    fn delete_old(&self, now: Timestamp) -> Result<(), Error> {
        let last = |path: &Path| {
            let meta = std::fs::metadata(path).ok()?;
            Some(Timestamp::from_millis(meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000))
        };
        let newest = (0, self.path.clone());
        let all =
            [newest].into_iter().chain((1..=self.older_max()).map(|n| (n, self.segment_path(n))));
        let found = all.filter_map(|(n, path)| Some((n, last(&path)?, path)));
        let old: Vec<_> =
            found.filter(|(n, last, _)| self.rotation.deletes(n + 1, *last, now)).collect();
        let Some(cut) = old.iter().map(|(_, last, _)| *last).max() else { return Ok(()) };
        let cut = self.cut()?.map_or(cut, |earlier| earlier.max(cut));
        store::replace(&self.cut_path(), format!("{cut}\n").as_bytes())?;
        for (_, _, path) in old.iter().filter(|(n, ..)| *n > 0) {
            std::fs::remove_file(path).map_err(|error| Error::file("delete", path, &error))?;
        }
        Ok(())
    }

    fn cut_path(&self) -> PathBuf {
        self.path.with_file_name("journal.cut")
    }

    /// Returns the time of the newest line that was deleted; None when none was, as far as is known.
    pub fn cut(&self) -> Result<Option<Timestamp>, Error> {
        let path = self.cut_path();
        let text = if_found(regular_file::read(&path, 100));
        let text = text.map_err(|error| Error::file("read", &path, &error))?;
        Ok(text.and_then(|text| Timestamp::parse(String::from_utf8_lossy(&text).trim())))
    }

    /// Opens all segments, oldest first, the newest one last, and returns the identity of the
    /// journal. They are opened under the lock, so that a rotation meanwhile neither hides nor
    /// repeats a line. Who may not lock, as in the folder of another user, opens them anew until
    /// there was no rotation meanwhile.
    fn open_identified(&self) -> Result<(Vec<Segment>, JournalIdentity), Error> {
        // Without a folder there is no journal and nothing to lock.
        if !self.path.parent().is_some_and(Path::exists) {
            return Ok((Vec::new(), self.identity()));
        }
        let _lock = Lock::wait_to_read(&self.lock)?;
        // A folder that cannot be entered is the cause, not the first of the names in it.
        if let Some(folder) = self.path.parent() {
            std::fs::metadata(folder.join("."))
                .map_err(|error| Error::file("open", folder, &error))?;
        }
        self.open_settled(|| {})
    }

    /// Opens all segments, until those that were opened are those that are there. `meanwhile` is
    /// called after each opening.
    fn open_settled(
        &self,
        mut meanwhile: impl FnMut(),
    ) -> Result<(Vec<Segment>, JournalIdentity), Error> {
        for _ in 0..OPENINGS_MAX {
            // Segments beyond `keep` are from an earlier setting: they are read until a rotation.
            let mut segments = Vec::new();
            for path in self.segment_paths() {
                segments.extend(Segment::open(&path, path != self.path)?);
            }
            let identity = self.identity();
            meanwhile();
            let found = self.segment_paths().filter_map(|path| std::fs::metadata(path).ok());
            if found.map(|meta| meta.ino()).eq(segments.iter().map(|segment| segment.inode)) {
                return Ok((segments, identity));
            }
        }
        let cause = "it was rotated again and again while it was opened";
        Err(Error::failed("read", self.path.display(), cause))
    }

    /// Returns the paths that segments can have, the oldest first.
    fn segment_paths(&self) -> impl Iterator<Item = PathBuf> {
        let packed = (1..=self.older_max()).rev().map(|n| self.segment_path(n));
        packed.chain([self.path.clone()])
    }

    /// Returns the identity of the journal, which a rotation changes.
    fn identity(&self) -> JournalIdentity {
        let newest = std::fs::metadata(self.segment_path(1)).ok();
        JournalIdentity {
            current: std::fs::metadata(&self.path).ok().map(|meta| meta.ino()),
            packed: newest.map(|meta| (meta.ino(), meta.size(), meta.mtime_nsec())),
        }
    }
}

/// The identity of the newest segment, and of the newest compressed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct JournalIdentity {
    current: Option<u64>,
    packed: Option<(u64, u64, i64)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn journal(name: &str, size_max: u64, keep: u32) -> (Journal, PathBuf) {
        let dir = std::env::temp_dir().join(format!("dlq-journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        (
            Journal::new(
                &Store::open(&dir).unwrap(),
                Rotation { size_max, keep, age_max: Duration::MAX },
            ),
            dir,
        )
    }

    fn all(journal: &Journal) -> Vec<String> {
        let mut lines = Vec::new();
        for mut segment in journal.open_identified().unwrap().0 {
            while segment.advance().unwrap() {
                lines.push(String::from_utf8(segment.line().to_owned()).unwrap());
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
    fn last_lines_are_those_of_a_segment() {
        let (journal, dir) = journal("last-lines", 100, 5);
        let line = |n: u32| format!("{{\"n\":{n:>20}}}\n");
        assert_eq!(journal.last_lines(true, 99).unwrap(), b"");
        assert_eq!(journal.last_lines(false, 99).unwrap(), b"");
        (0..9).for_each(|n| journal.append(line(n).as_bytes()).unwrap());
        // Four lines a segment: the last one is alone.
        let rows = [
            (true, 1000, 8..9),
            (false, 1000, 4..8),
            (false, 60, 6..8),
            (false, 5, 8..8),
            (true, 5, 9..9),
        ];
        for (is_newest, most, lines) in rows {
            let expected: String = lines.map(line).collect();
            let found = journal.last_lines(is_newest, most).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{is_newest} {most}");
        }
        let _ = std::fs::remove_dir_all(dir);
    }

    /// A FIFO in the place of a segment makes no reader wait.
    #[cfg(target_os = "linux")]
    #[test]
    fn fifo_in_the_place_of_a_segment_is_an_error() {
        for name in ["journal.ndjson", "journal.ndjson.1.gz"] {
            let (journal, dir) = journal("fifo", 100, 5);
            rustix::fs::mkfifoat(rustix::fs::CWD, dir.join(name), 0o600.into()).unwrap();
            let (sender, ended) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let opened = journal.open_identified().map(drop).map_err(|error| error.to_string());
                let sizes = journal.sizes().map(drop).map_err(|(_, error)| error.to_string());
                sender.send([opened, sizes]).unwrap();
            });
            let found = ended.recv_timeout(Duration::from_secs(30)).expect("a reader waits");
            for result in found {
                let error = result.unwrap_err();
                assert!(error.contains("it is a FIFO"), "{name}: {error}");
            }
            let _ = std::fs::remove_dir_all(dir);
        }
    }

    #[test]
    fn rotation_keeps_so_many_segments() {
        let (journal, dir) = journal("keep", 1, 2);
        for n in 0..5 {
            journal.append(format!("{{\"n\":{n}}}\n").as_bytes()).unwrap();
        }
        assert_eq!(all(&journal), ["{\"n\":3}", "{\"n\":4}"]);
        let _ = std::fs::remove_dir_all(dir);
    }

    #[test]
    fn time_up_to_which_lines_are_gone_is_kept() {
        let (mut journal, dir) = journal("cut", 1, 12);
        let append = |journal: &Journal| journal.append(b"{}\n").unwrap();
        (0..12).for_each(|_| append(&journal));
        assert_eq!((all(&journal).len(), journal.cut().unwrap()), (12, None));
        let begun = clock::now();
        append(&journal);
        let cut = journal.cut().unwrap();
        assert!(all(&journal).len() == 12 && cut.is_some_and(|cut| cut <= begun), "{cut:?}");
        // A smaller number takes effect at the next rotation, and the time never goes back.
        journal.rotation.keep = 10;
        append(&journal);
        assert_eq!(all(&journal).len(), 10);
        assert!(journal.cut().unwrap() > cut);
        journal.rotation.age_max = Duration::ZERO;
        std::thread::sleep(Duration::from_millis(2));
        append(&journal);
        assert_eq!(all(&journal).len(), 8);
        let _ = std::fs::remove_dir_all(dir);
    }

    #[test]
    fn segments_are_opened_anew_after_a_rotation_meanwhile() {
        let (journal, dir) = journal("settled", 1, 9);
        let append = |n: u32| journal.append(format!("{{\"n\":{n}}}\n").as_bytes()).unwrap();
        append(0);
        let (mut openings, mut lines) = (0, Vec::new());
        let opened = journal.open_settled(|| {
            openings += 1;
            if openings < 3 {
                append(openings);
            }
        });
        for mut segment in opened.unwrap().0 {
            while segment.advance().unwrap() {
                lines.push(String::from_utf8(segment.line().to_owned()).unwrap());
            }
        }
        assert_eq!((openings, lines.join("")), (3, "{\"n\":0}{\"n\":1}{\"n\":2}".into()));
        let endless = journal.open_settled(|| append(9)).map(drop).unwrap_err();
        assert!(endless.to_string().contains("again and again"), "{endless}");
        let _ = std::fs::remove_dir_all(dir);
    }

    /// The folder of another user, or a medium that nobody writes to.
    #[test]
    fn journal_in_a_folder_without_write_permission_is_read() {
        use std::os::unix::fs::PermissionsExt;
        if rustix::process::geteuid().is_root() {
            return;
        }
        for is_lock_readable in [true, false] {
            let (journal, dir) = journal("read-only", 1 << 20, 2);
            journal.append(b"{\"n\":1}\n").unwrap();
            let set = |path: &Path, mode| {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            };
            match is_lock_readable {
                true => set(&journal.lock, 0o400),
                false => std::fs::remove_file(&journal.lock).unwrap(),
            }
            set(&dir, 0o500);
            let lines = all(&journal);
            set(&dir, 0o700);
            assert_eq!(lines, ["{\"n\":1}"], "{is_lock_readable}");
            let _ = std::fs::remove_dir_all(dir);
        }
    }

    #[test]
    fn append_after_a_crash_starts_a_new_line() {
        let (journal, dir) = journal("half", 1 << 20, 2);
        std::fs::write(dir.join("journal.ndjson"), "{\"n\":0}\n{\"n\":").unwrap();
        journal.append(b"{\"n\":1}\n").unwrap();
        assert_eq!(all(&journal), ["{\"n\":0}", "{\"n\":", "{\"n\":1}"]);
        let _ = std::fs::remove_dir_all(dir);
    }

    /// An event a second for a year, 17 GB of lines. `DLQ_LONG`, as `scripts/check --long soak` sets
    /// it, writes them; else those of 40 minutes, in smaller segments.
    #[test]
    fn year_of_events_stays_within_the_limits() {
        let is_long = std::env::var_os("DLQ_LONG").is_some();
        let (events, size_max) = if is_long { (31_536_000, 16 << 20) } else { (2_400, 16 << 10) };
        let (journal, dir) = journal("year", size_max, 64);
        let (mut lines, mut most) = (Vec::new(), 0);
        for n in 0..events {
            let filler = n % 97;
            writeln!(
                lines,
                "{{\"id\":\"018f-{n:012}\",\"depth\":{filler},\"text\":\"{filler:0>500}\"}}"
            )
            .unwrap();
            if lines.len() as u64 > size_max / 4 || n + 1 == events {
                journal.append(&lines).unwrap();
                lines.clear();
                most = most.max(journal.sizes().unwrap().iter().sum());
            }
        }
        let sizes = journal.sizes().unwrap();
        println!("{events} events: {} segments, {} KiB at most", sizes.len(), most >> 10);
        // The newest segment exceeds its size by one append before it is rotated.
        assert!(sizes.len() <= 65 && most <= 65 * size_max + size_max / 2, "{most} {sizes:?}");
        assert!(journal.cut().unwrap().is_some_and(|cut| cut <= clock::now()), "what went is told");
        let _ = std::fs::remove_dir_all(dir);
    }
}
