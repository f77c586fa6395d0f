//! Reading of the journal from a position that outlives the process.
//!
//! Promises: over any number of rotations no line is read twice; lines that were rotated away, or are
//! in a damaged segment, are told as a gap.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use super::Journal;
use super::segment::Segment;
use crate::error::Error;
use crate::log;
use crate::rules::view::metrics::document::JournalPosition;

/// The result of reading on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalAdvance {
    /// The position behind the last line.
    pub position: JournalPosition,
    /// The places where lines are missing. Damage at the position is one of them once.
    pub gaps: u64,
    /// Whether segments were rotated away before they were read.
    pub is_cut: bool,
}

impl Journal {
    /// Calls `take` with each line behind a position, without its LF, the oldest first. A last line
    /// without its LF is left for a later call.
    pub fn read_on(
        &self,
        from: &JournalPosition,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<JournalAdvance, Error> {
        let (segments, _) = self.open_identified()?;
        let found = find(segments, from);
        let mut damage = found.damage;
        let mut position = JournalPosition { damaged: false, ..from.clone() };
        if let Some(first) = found.segments.front().filter(|first| !first.again) {
            // Fewer bytes than before, when the segment has become shorter.
            position.bytes = first.read;
        }
        for mut segment in found.segments {
            loop {
                match segment.advance() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        damage.push(error);
                        break;
                    }
                }
                if segment.number == 1 {
                    position.segment = name(segment.line());
                }
                position.bytes = segment.read;
                take(segment.line());
            }
        }
        let has_moved = (&position.segment, position.bytes) != (&from.segment, from.bytes);
        let mut gaps = u64::from(found.is_cut);
        if has_moved || !from.damaged {
            damage.iter().for_each(|error| log::warn(&error.to_string()));
            gaps += damage.len() as u64;
        }
        position.damaged = !damage.is_empty();
        Ok(JournalAdvance { position, gaps, is_cut: found.is_cut })
    }
}

/// The segments with lines behind a position, the first one at it.
struct UnreadSegments {
    segments: VecDeque<Segment>,
    damage: Vec<Error>,
    /// Whether the segment of the position is gone.
    is_cut: bool,
}

/// Finds the segments with lines behind the position.
fn find(mut segments: Vec<Segment>, from: &JournalPosition) -> UnreadSegments {
    let mut newer: VecDeque<Segment> = VecDeque::new();
    let mut newest_name = String::new();
    let mut damage = Vec::new();
    // The number of segments that are newer than the newest one without a name.
    let mut behind_damage = None;
    while let Some(mut segment) = segments.pop() {
        let first = segment.advance().map(|found| found.then(|| name(segment.line())));
        let first = match first {
            Ok(Some(first)) => first,
            Ok(None) => continue,
            Err(error) => {
                damage.push(error);
                behind_damage = behind_damage.or(Some(newer.len()));
                continue;
            }
        };
        // A crash between compressing and removing leaves a segment twice: the newer one goes on.
        if first == newest_name {
            continue;
        }
        if first == from.segment {
            match segment.skip_to(from.bytes) {
                Ok(()) => newer.push_front(segment),
                Err(error) => {
                    damage.push(error);
                    // A compressed one that is damaged before the position has nothing that is new.
                    if !segment.packed {
                        newer.push_front(segment);
                    }
                }
            }
            return UnreadSegments { segments: newer, damage, is_cut: false };
        }
        newest_name = first;
        segment.again = true;
        newer.push_front(segment);
    }
    let is_begun = !from.segment.is_empty();
    if let Some(count) = behind_damage.filter(|_| is_begun) {
        // The segment of the position is one that has lost its name: what is older was read.
        newer.drain(..newer.len() - count);
        return UnreadSegments { segments: newer, damage, is_cut: false };
    }
    // Without any line there is nothing to miss yet.
    let is_cut = is_begun && !newer.is_empty();
    UnreadSegments { segments: newer, damage, is_cut }
}

/// Returns the name of a segment by its first line.
fn name(first_line: &[u8]) -> String {
    use std::fmt::Write;
    let mut name = String::with_capacity(32);
    for byte in &Sha256::digest(first_line)[..16] {
        // Writing to memory does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Rotation;
    use crate::store::Store;
    use std::path::PathBuf;
    use std::time::Duration;

    struct JournalFolder(PathBuf);

    impl Drop for JournalFolder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn journal(name: &str, size_max: u64, keep: u32) -> (Journal, JournalFolder) {
        let dir = std::env::temp_dir().join(format!("dlq-position-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let store = Store::open(&dir).unwrap();
        (
            Journal::new(&store, Rotation { size_max, keep, age_max: Duration::MAX }),
            JournalFolder(dir),
        )
    }

    fn lines(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|n| format!("{{\"n\":{n:>20}}}")).collect()
    }

    fn write(journal: &Journal, numbers: std::ops::Range<usize>) {
        for line in lines(numbers) {
            journal.append((line + "\n").as_bytes()).unwrap();
        }
    }

    /// Reads on, as another process would: with nothing but the position.
    fn read(journal: &Journal, position: &mut JournalPosition) -> (Vec<String>, u64) {
        let mut found = Vec::new();
        let mut take = |line: &[u8]| found.push(String::from_utf8(line.to_owned()).unwrap());
        let advance = journal.read_on(position, &mut take).unwrap();
        *position = advance.position;
        (found, advance.gaps)
    }

    #[test]
    fn position_loses_and_repeats_no_line_over_rotations() {
        // A rotation every four lines; between two reads 0 to 18 lines are written.
        let (journal, _dir) = journal("rotations", 100, 100);
        let (mut position, mut all, mut written) = (JournalPosition::default(), Vec::new(), 0);
        for step in 0..19 {
            write(&journal, written..written + step);
            written += step;
            let (found, gaps) = read(&journal, &mut position);
            all.extend(found);
            assert_eq!((all.len(), gaps), (written, 0), "after step {step}");
            assert_eq!(read(&journal, &mut position), (Vec::new(), 0), "nothing is new");
        }
        assert_eq!(all, lines(0..written));
    }

    #[test]
    fn lines_rotated_away_are_a_gap_once() {
        let (journal, _dir) = journal("gap", 100, 2);
        let mut position = JournalPosition::default();
        write(&journal, 0..2);
        assert_eq!(read(&journal, &mut position), (lines(0..2), 0));
        write(&journal, 2..40);
        let (found, gaps) = read(&journal, &mut position);
        assert_eq!((found.last(), gaps), (lines(39..40).first(), 1));
        assert_eq!(read(&journal, &mut position), (Vec::new(), 0));
    }

    #[test]
    fn first_reading_of_rotated_journal_is_no_gap() {
        let (journal, _dir) = journal("first", 100, 2);
        write(&journal, 0..40);
        assert_eq!(read(&journal, &mut JournalPosition::default()).1, 0);
    }

    #[test]
    fn truncated_segment_is_a_gap_and_read_from_its_end() {
        let (journal, dir) = journal("truncated", 1 << 20, 2);
        let mut position = JournalPosition::default();
        write(&journal, 0..5);
        read(&journal, &mut position);
        std::fs::write(dir.0.join("journal.ndjson"), lines(0..2).join("\n") + "\n").unwrap();
        assert_eq!(read(&journal, &mut position), (Vec::new(), 1));
        write(&journal, 5..6);
        assert_eq!(read(&journal, &mut position), (lines(5..6), 0));
    }

    /// The newest segment with lines is a compressed one until the first line after a rotation.
    #[test]
    fn damage_is_a_gap_once_and_repeats_no_line() {
        type Damage = (&'static str, fn(&mut Vec<u8>));
        let damages: [Damage; 3] = [
            ("its first line", |bytes| bytes[3..].fill(0xff)),
            ("its end", |bytes| bytes.truncate(bytes.len() - 12)),
            ("all of it", |bytes| bytes.fill(b'x')),
        ];
        for (part, damage) in damages {
            for is_read in [true, false] {
                let (journal, dir) = journal("damage", 100, 9);
                let mut position = JournalPosition::default();
                write(&journal, 0..8);
                if is_read {
                    assert_eq!(read(&journal, &mut position), (lines(0..8), 0));
                }
                let path = dir.0.join("journal.ndjson.1.gz");
                let mut bytes = std::fs::read(&path).unwrap();
                damage(&mut bytes);
                std::fs::write(&path, bytes).unwrap();
                let (found, gaps) = read(&journal, &mut position);
                let rule = format!("{part}, read before: {is_read}: {found:?}");
                assert_eq!(gaps, 1, "{rule}");
                match is_read {
                    true => assert!(found.is_empty(), "{rule}"),
                    false => assert_eq!(found[..4], lines(0..4), "{rule}"),
                }
                for _ in 0..3 {
                    assert_eq!(read(&journal, &mut position), (Vec::new(), 0), "{rule}");
                }
                write(&journal, 8..10);
                let (found, gaps) = read(&journal, &mut position);
                assert_eq!(found, lines(8..10), "{rule}");
                assert!(gaps <= 1, "{rule}");
                assert_eq!(read(&journal, &mut position), (Vec::new(), 0), "{rule}");
            }
        }
    }

    #[test]
    fn line_without_its_end_is_left_for_later() {
        let (journal, dir) = journal("torn", 1 << 20, 2);
        let path = dir.0.join("journal.ndjson");
        let mut position = JournalPosition::default();
        std::fs::write(&path, "{\"n\":0}\n{\"n\":").unwrap();
        assert_eq!(read(&journal, &mut position).0, ["{\"n\":0}"]);
        std::fs::write(&path, "{\"n\":0}\n{\"n\":1}\n").unwrap();
        assert_eq!(read(&journal, &mut position), (vec!["{\"n\":1}".into()], 0));
    }

    #[test]
    fn crash_between_compressing_and_removing_repeats_nothing() {
        let (journal, dir) = journal("crash", 1 << 20, 5);
        let mut position = JournalPosition::default();
        write(&journal, 0..3);
        read(&journal, &mut position);
        let (current, kept) = (dir.0.join("journal.ndjson"), dir.0.join("kept"));
        std::fs::hard_link(&current, &kept).unwrap();
        journal.rotate().unwrap();
        std::fs::rename(kept, current).unwrap();
        write(&journal, 3..5);
        assert_eq!(read(&journal, &mut position), (lines(3..5), 0));
        assert_eq!(read(&journal, &mut JournalPosition::default()), (lines(0..5), 0));
    }
}
