//! The journal from its oldest line on, without end: the reader behind `dlq-log --follow`.
//!
//! Promises: over any number of rotations no line is lost and none is repeated. A rotation moves
//! lines into another file, so the position is kept by content: the segment that was read to its
//! end is recognised by its first line, and only newer segments are read.

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::segment::Segment;
use super::{Journal, JournalIdentity};
use crate::error::Error;

/// A reader of the journal that keeps its position.
pub struct Tail {
    journal: Journal,
    /// The segments that are still to be read; the last one stays, because it may grow.
    segments: VecDeque<Segment>,
    identity: JournalIdentity,
    /// The first line of the newest segment of which a line was read.
    first: Option<Vec<u8>>,
    /// Whether a rotation was seen whose segment is being read to its end.
    rotated: bool,
    gap: bool,
}

impl Tail {
    /// Starts at the oldest line.
    pub fn open(journal: Journal) -> Result<Self, Error> {
        let (segments, identity) = journal.open_identified()?;
        let segments = segments.into();
        Ok(Tail { journal, segments, identity, first: None, rotated: false, gap: false })
    }

    /// Moves to the next line; false when no more has been written yet. A segment that cannot be
    /// read to its end is an error once, and reading goes on behind it.
    pub fn advance(&mut self) -> Result<bool, Error> {
        while let Some(segment) = self.segments.front_mut() {
            match segment.advance() {
                Ok(true) => {
                    if segment.number == 1 {
                        self.first = Some(segment.line().to_owned());
                    }
                    return Ok(true);
                }
                Ok(false) if self.segments.len() > 1 => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    self.segments.pop_front();
                    return Err(error);
                }
            }
            self.segments.pop_front();
        }
        Ok(false)
    }

    /// Returns the line that [`Tail::advance`] has found, without its LF.
    pub fn line(&self) -> &[u8] {
        self.segments.front().map_or(&[], Segment::line)
    }

    /// Returns the file and the number of that line.
    pub fn position(&self) -> (&Path, u64) {
        let none = (self.journal.path.as_path(), 0);
        self.segments.front().map_or(none, |segment| (&segment.path, segment.number))
    }

    /// Whether the journal was rotated since the last call, so that there may be more to read.
    pub fn renew(&mut self) -> Result<bool, Error> {
        if !self.rotated {
            // The writer that rotated may have written before that: the old segment is read once
            // more, also because its first line, by which it is recognised, may be new.
            self.rotated = self.journal.identity() != self.identity;
            return Ok(self.rotated);
        }
        self.rotated = false;
        let (mut segments, identity) = self.journal.open_identified()?;
        let own = self.segments.front().map(|segment| segment.inode);
        let mut newer = VecDeque::new();
        let mut found = self.first.is_none();
        while let Some(mut segment) = segments.pop() {
            // A crash between compressing and removing: the segment that was read goes on.
            found |= !segment.packed && own == Some(segment.inode);
            if segment.packed && self.first.is_some() && !found {
                found = segment.advance().unwrap_or(false) && {
                    segment.again = true;
                    Some(segment.line()) == self.first.as_deref()
                };
            }
            if found && self.first.is_some() {
                break;
            }
            newer.push_front(segment);
        }
        self.gap |= !found && self.journal.rotation.keep > 0;
        self.segments.truncate(1);
        self.segments.extend(newer);
        self.identity = identity;
        Ok(true)
    }

    /// Returns the bytes of a last line that has no end yet; a crash may have left it for good.
    pub fn unfinished(&self) -> usize {
        self.segments.front().map_or(0, Segment::unfinished)
    }

    /// Whether the newest segment is shorter than what was read of it. No program of this family
    /// shortens it, and only a reader that starts anew finds what is written from then on.
    pub fn is_truncated(&self) -> bool {
        let newest = self.segments.front().filter(|one| !one.packed);
        let found = std::fs::metadata(&self.journal.path).ok();
        newest
            .zip(found)
            .is_some_and(|(segment, meta)| meta.ino() == segment.inode && meta.len() < segment.read)
    }

    /// Whether segments were deleted before they were read; true once.
    pub fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Rotation;
    use crate::store::Store;
    use std::path::PathBuf;
    use std::time::Duration;

    struct Temporary(PathBuf);

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn journal(name: &str, size_max: u64, keep: u32) -> (Journal, Temporary) {
        let dir = std::env::temp_dir().join(format!("dlq-tail-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let store = Store::open(&dir).unwrap();
        (Journal::new(&store, Rotation { size_max, keep, age_max: Duration::MAX }), Temporary(dir))
    }

    fn lines(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|n| format!("{{\"n\":{n:>20}}}")).collect()
    }

    fn write(journal: &Journal, numbers: std::ops::Range<usize>) {
        for line in lines(numbers) {
            journal.append((line + "\n").as_bytes()).unwrap();
        }
    }

    /// Reads all lines that there are now, renewals included.
    fn drain(tail: &mut Tail) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            while tail.advance().unwrap() {
                lines.push(String::from_utf8(tail.line().to_owned()).unwrap());
            }
            if !tail.renew().unwrap() {
                return lines;
            }
        }
    }

    #[test]
    fn tail_loses_and_repeats_no_line_over_rotations() {
        // A rotation every four lines; between two reads 0 to 18 lines are written.
        let (journal, _dir) = journal("rotations", 100, 100);
        let mut tail = Tail::open(journal.clone()).unwrap();
        let (mut read, mut written) = (Vec::new(), 0);
        for step in 0..19 {
            write(&journal, written..written + step);
            written += step;
            read.extend(drain(&mut tail));
            assert_eq!(read.len(), written, "after step {step}");
        }
        assert_eq!(read, lines(0..written));
        assert!(!tail.take_gap());
    }

    #[test]
    fn tail_reads_lines_written_just_before_a_rotation() {
        for before in 0..9 {
            let (journal, _dir) = journal("race", 100, 100);
            write(&journal, 0..before);
            let mut tail = Tail::open(journal.clone()).unwrap();
            while tail.advance().unwrap() {}
            write(&journal, before..before + 3);
            assert_eq!(drain(&mut tail), lines(before..before + 3));
        }
    }

    #[test]
    fn segment_rotated_before_its_first_line_was_read_is_read_once() {
        let (journal, dir) = journal("empty", 100, 100);
        std::fs::write(dir.0.join("journal.ndjson"), "").unwrap();
        let mut tail = Tail::open(journal.clone()).unwrap();
        assert!(!tail.advance().unwrap());
        write(&journal, 0..5);
        assert!(tail.renew().unwrap());
        assert_eq!(drain(&mut tail), lines(0..5));
    }

    #[test]
    fn journal_that_appears_later_is_read_from_its_start() {
        let (journal, _dir) = journal("later", 100, 100);
        let mut tail = Tail::open(journal.clone()).unwrap();
        assert!(drain(&mut tail).is_empty());
        write(&journal, 0..7);
        assert_eq!(drain(&mut tail), lines(0..7));
    }

    #[test]
    fn segments_deleted_before_they_were_read_are_a_gap() {
        let (journal, _dir) = journal("gap", 100, 2);
        write(&journal, 0..2);
        let mut tail = Tail::open(journal.clone()).unwrap();
        drain(&mut tail);
        write(&journal, 2..40);
        let read = drain(&mut tail);
        // The rest of the segment that was open is read, then those that are kept.
        assert_eq!(read, [lines(2..4), lines(42 - read.len()..40)].concat());
        assert!(tail.take_gap() && !tail.take_gap());
    }

    #[test]
    fn tail_tells_unfinished_line_and_truncation() {
        let (journal, dir) = journal("torn", 1 << 20, 5);
        let path = dir.0.join("journal.ndjson");
        std::fs::write(&path, "{\"n\":0}\n{\"n\":").unwrap();
        let mut tail = Tail::open(journal.clone()).unwrap();
        assert_eq!(drain(&mut tail), ["{\"n\":0}"]);
        assert_eq!((tail.unfinished(), tail.is_truncated()), (5, false));
        std::fs::write(&path, "{\"n\":0}\n{\"n\":1}\n").unwrap();
        assert_eq!(drain(&mut tail), ["{\"n\":1}"]);
        assert_eq!((tail.unfinished(), tail.is_truncated()), (0, false));
        std::fs::write(&path, "{\"n\":2}\n").unwrap();
        assert!(drain(&mut tail).is_empty() && tail.is_truncated());
        assert_eq!(drain(&mut Tail::open(journal).unwrap()), ["{\"n\":2}"]);
    }

    #[test]
    fn tail_repeats_nothing_after_crash_before_segment_removal() {
        let (journal, dir) = journal("crash", 1 << 20, 5);
        write(&journal, 0..3);
        let mut tail = Tail::open(journal.clone()).unwrap();
        assert_eq!(drain(&mut tail), lines(0..3));
        let (current, kept) = (dir.0.join("journal.ndjson"), dir.0.join("kept"));
        std::fs::hard_link(&current, &kept).unwrap();
        journal.rotate().unwrap();
        std::fs::rename(kept, current).unwrap();
        write(&journal, 3..5);
        assert_eq!(drain(&mut tail), lines(3..5));
        journal.rotate().unwrap();
        write(&journal, 5..6);
        assert_eq!(drain(&mut tail), lines(5..6));
    }
}
