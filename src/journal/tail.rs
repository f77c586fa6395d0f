//! The journal from its oldest line on, for ever: what `dlq-log --follow` reads.
//!
//! Promises: over any number of rotations no line is lost and none repeated. A rotation gives the
//! lines another file, so the place is kept by content: the part that has been read to its end is
//! known again by its first line, and what stands after it is new.

use std::collections::VecDeque;
use std::path::Path;

use super::{Journal, Part, Stamp};
use crate::error::Error;

/// A reader of the journal that keeps its place.
pub struct Tail {
    journal: Journal,
    /// What is still to be read; the last one stays, because it may grow.
    parts: VecDeque<Part>,
    stamp: Stamp,
    /// The first line of the newest part of which any was read.
    first: Option<Vec<u8>>,
    /// A rotation was seen; what it moved away is being read to its end.
    moved: bool,
    gap: bool,
}

impl Tail {
    /// From the oldest line that there is.
    pub fn open(journal: Journal) -> Result<Self, Error> {
        let (parts, stamp) = journal.open_stamped()?;
        Ok(Tail { journal, parts: parts.into(), stamp, first: None, moved: false, gap: false })
    }

    /// Goes to the next line; false when no more has been written yet. A part that cannot be read
    /// to its end is an error once, and reading goes on behind it.
    pub fn advance(&mut self) -> Result<bool, Error> {
        while let Some(part) = self.parts.front_mut() {
            match part.advance() {
                Ok(true) => {
                    if part.number == 1 {
                        self.first = Some(part.line().to_owned());
                    }
                    return Ok(true);
                }
                Ok(false) if self.parts.len() > 1 => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    self.parts.pop_front();
                    return Err(error);
                }
            }
            self.parts.pop_front();
        }
        Ok(false)
    }

    /// The line that [`Tail::advance`] has found, without its LF.
    pub fn line(&self) -> &[u8] {
        self.parts.front().map_or(&[], Part::line)
    }

    /// The file and the number of that line.
    pub fn place(&self) -> (&Path, u64) {
        let none = (self.journal.path.as_path(), 0);
        self.parts.front().map_or(none, |part| (&part.path, part.number))
    }

    /// Whether the journal has been rotated since, so that there may be more to read at once.
    pub fn renew(&mut self) -> Result<bool, Error> {
        if !self.moved {
            // Whoever rotated may have written before that: the old part is read once more, also
            // because its first line, by which it is known again, may be among that.
            self.moved = self.journal.stamp() != self.stamp;
            return Ok(self.moved);
        }
        self.moved = false;
        let (mut parts, stamp) = self.journal.open_stamped()?;
        let own = self.parts.front().map(|part| part.inode);
        let mut newer = VecDeque::new();
        let mut found = self.first.is_none();
        while let Some(mut part) = parts.pop() {
            // A crash between packing and removing: the part that was read goes on.
            found |= !part.packed && own == Some(part.inode);
            if part.packed && self.first.is_some() && !found {
                found = part.advance().unwrap_or(false) && {
                    part.again = true;
                    Some(part.line()) == self.first.as_deref()
                };
            }
            if found && self.first.is_some() {
                break;
            }
            newer.push_front(part);
        }
        self.gap |= !found && self.journal.keep > 0;
        self.parts.truncate(1);
        self.parts.extend(newer);
        self.stamp = stamp;
        Ok(true)
    }

    /// Whether parts have been dropped before they were read; says so once.
    pub fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use std::path::PathBuf;

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
        (Journal::new(&store, size_max, keep), Temporary(dir))
    }

    fn lines(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|n| format!("{{\"n\":{n:>20}}}")).collect()
    }

    fn write(journal: &Journal, numbers: std::ops::Range<usize>) {
        for line in lines(numbers) {
            journal.append((line + "\n").as_bytes()).unwrap();
        }
    }

    /// All that there is to read now, renewals included.
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
    fn no_line_is_lost_or_repeated_over_any_number_of_rotations() {
        // A rotation every four lines; between two looks 0 to 18 lines are written.
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
    fn what_is_written_before_a_rotation_but_after_a_look_is_read() {
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
    fn a_part_of_which_no_line_was_read_before_it_was_rotated_is_read_once() {
        let (journal, dir) = journal("empty", 100, 100);
        std::fs::write(dir.0.join("journal.ndjson"), "").unwrap();
        let mut tail = Tail::open(journal.clone()).unwrap();
        assert!(!tail.advance().unwrap());
        write(&journal, 0..5);
        assert!(tail.renew().unwrap());
        assert_eq!(drain(&mut tail), lines(0..5));
    }

    #[test]
    fn a_journal_that_appears_later_is_read_from_its_start() {
        let (journal, _dir) = journal("later", 100, 100);
        let mut tail = Tail::open(journal.clone()).unwrap();
        assert!(drain(&mut tail).is_empty());
        write(&journal, 0..7);
        assert_eq!(drain(&mut tail), lines(0..7));
    }

    #[test]
    fn parts_that_went_before_they_were_read_are_a_gap() {
        let (journal, _dir) = journal("gap", 100, 2);
        write(&journal, 0..2);
        let mut tail = Tail::open(journal.clone()).unwrap();
        drain(&mut tail);
        write(&journal, 2..40);
        let read = drain(&mut tail);
        // What its own file still held is read, then what is left.
        assert_eq!(read, [lines(2..4), lines(42 - read.len()..40)].concat());
        assert!(tail.take_gap() && !tail.take_gap());
    }

    #[test]
    fn a_crash_between_packing_and_removing_repeats_nothing_to_who_follows() {
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
