//! Files of lines that grow at their end: add lines, read the last one, read what is new.
//!
//! Promises: a line that has no LF yet is never returned, because its writer may be about to finish
//! it; what a crash has left of a line never becomes part of the next one.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::if_found;
use crate::regular_file;

/// Bytes that are written at once.
const BLOCK: usize = 64 * 1024;

/// Adds a line, with its LF, to a file that was opened to append, and waits until it is on disk.
pub fn append_line(file: File, line: &[u8]) -> io::Result<()> {
    append_with(file, |out| out.write_all(line)).map(drop)
}

/// Adds the whole lines that `write` writes, waits until they are on disk, and returns the new size
/// of the file. The rest of a torn line, as after a crash, becomes a line of its own.
pub fn append_with(
    mut file: File,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<u64> {
    let torn = !ends_with_lf(&mut file)?;
    let mut out = BufWriter::with_capacity(BLOCK, file);
    if torn {
        out.write_all(b"\n")?;
    }
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_data()?;
    Ok(file.metadata()?.len())
}

/// The longest rest of a torn line that is removed. A longer one stays, and becomes a line of its own.
const TORN_MAX: u64 = 64 << 20;

/// Removes the rest of a torn line at the end of a file, for files in which every line is an event.
pub fn cut_torn_line(file: &mut File) -> io::Result<()> {
    if ends_with_lf(file)? {
        return Ok(());
    }
    let size = file.seek(SeekFrom::End(0))?;
    let (mut end, least) = (size, size.saturating_sub(TORN_MAX));
    let mut block = vec![0; BLOCK];
    // Backwards, because the file may be larger than the memory.
    while end > least {
        let begin = end.saturating_sub(BLOCK as u64);
        let part = &mut block[..usize::try_from(end - begin).unwrap_or(BLOCK)];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        let lines = whole(part) as u64;
        if lines > 0 {
            return file.set_len(begin + lines);
        }
        end = begin;
    }
    if least == 0 { file.set_len(0) } else { Ok(()) }
}

/// Returns where the first line begins that lies in the last bytes of a file, as a whole or unfinished; the
/// size of the file when none begins there.
pub fn line_in_last(path: &Path, bytes_max: u64) -> io::Result<u64> {
    let Some(mut file) = if_found(regular_file::open(path))? else { return Ok(0) };
    let size = file.metadata()?.len();
    let from = size.saturating_sub(bytes_max);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(bytes_max).read_to_end(&mut bytes)?;
    let begin = bytes.iter().position(|byte| *byte == b'\n').map(|at| from + at as u64 + 1);
    Ok(begin.unwrap_or(size))
}

/// Returns the last whole line of a file, without its LF, when it is at most `max` bytes long;
/// `None` when there is no such line or no file.
pub fn last_line(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    // The line, its LF, the LF before it, and as much again of a line that is being written.
    let lines = last_lines(path, 2 * max + 2)?;
    let Some(lines) = lines.strip_suffix(b"\n") else { return Ok(None) };
    let line = lines.rsplit(|byte| *byte == b'\n').next();
    Ok(line.filter(|line| line.len() as u64 <= max).map(<[u8]>::to_vec))
}

/// Returns the lines that lie as a whole in the last bytes of a file, each with its LF; empty when there is
/// none, or no file.
pub fn last_lines(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let Some(mut file) = if_found(regular_file::open(path))? else { return Ok(Vec::new()) };
    let size = file.metadata()?.len();
    let from = size.saturating_sub(bytes_max);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut bytes)?;
    bytes.truncate(whole(&bytes));
    // The first line is whole only when it begins with the file.
    let begin = bytes.iter().position(|byte| *byte == b'\n').filter(|_| from > 0);
    bytes.drain(..begin.map_or(0, |at| at + 1));
    Ok(bytes)
}

/// Returns the whole lines of a file behind the first `offset` bytes, each with its LF, as one
/// piece of at most `max` bytes; empty when there is no file. Their length is how far the next call
/// goes on.
pub fn lines_after(path: &Path, offset: u64, max: u64) -> io::Result<Vec<u8>> {
    let Some(mut file) = if_found(regular_file::open(path))? else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(max).read_to_end(&mut bytes)?;
    bytes.truncate(whole(&bytes));
    Ok(bytes)
}

/// Returns whether a line of a file begins, or can be added, at an offset. False when the file was
/// rewritten since it was read up to there.
pub fn begins_line_at(path: &Path, offset: u64) -> io::Result<bool> {
    let Some(before) = offset.checked_sub(1) else { return Ok(true) };
    let Some(mut file) = if_found(regular_file::open(path))? else { return Ok(false) };
    let mut last = Vec::new();
    file.seek(SeekFrom::Start(before))?;
    file.take(1).read_to_end(&mut last)?;
    Ok(last == b"\n")
}

/// Returns the length of the whole lines at the start of a text.
fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// Whether a file ends with LF, or is empty.
fn ends_with_lf(file: &mut File) -> io::Result<bool> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::path::PathBuf;

    struct Lines(PathBuf);

    impl Lines {
        fn new(name: &str, text: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("dlq-ndjson-{name}-{}", std::process::id()));
            std::fs::write(&path, text).unwrap();
            Lines(path)
        }

        fn file(&self) -> File {
            OpenOptions::new().read(true).append(true).open(&self.0).unwrap()
        }

        fn text(&self) -> String {
            std::fs::read_to_string(&self.0).unwrap()
        }
    }

    impl Drop for Lines {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn append_line_starts_a_line_of_its_own() {
        for (before, after) in [("", "c\n"), ("a\n", "a\nc\n"), ("a\nb", "a\nb\nc\n")] {
            let lines = Lines::new("append", before);
            append_line(lines.file(), b"c\n").unwrap();
            assert_eq!(lines.text(), after, "{before:?}");
        }
        let lines = Lines::new("size", "a\n");
        let size = append_with(lines.file(), |out| out.write_all(b"b\nc\n")).unwrap();
        assert_eq!((size, lines.text().as_str()), (6, "a\nb\nc\n"));
    }

    #[test]
    fn cut_torn_line_keeps_whole_lines() {
        for (before, after) in [("", ""), ("a\n", "a\n"), ("a\nb", "a\n"), ("b", "")] {
            let lines = Lines::new("cut", before);
            cut_torn_line(&mut lines.file()).unwrap();
            assert_eq!(lines.text(), after, "{before:?}");
        }
    }

    /// A sparse file of 900 GB, which is read in no time and little memory.
    #[test]
    fn endless_line_is_neither_read_nor_cut() {
        let lines = Lines::new("endless", "a\n");
        let size = 900 << 30;
        lines.file().set_len(size).unwrap();
        let begun = std::time::Instant::now();
        cut_torn_line(&mut lines.file()).unwrap();
        assert_eq!(std::fs::metadata(&lines.0).unwrap().len(), size);
        assert_eq!(line_in_last(&lines.0, 1 << 20).unwrap(), size);
        append_line(lines.file(), b"end\n").unwrap();
        let begin = line_in_last(&lines.0, 1 << 20).unwrap();
        assert_eq!(begin, size + 1);
        assert_eq!(lines_after(&lines.0, begin, 99).unwrap(), b"end\n");
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }

    #[test]
    fn last_line_is_whole_and_within_the_limit() {
        let long = format!("{}\n", "x".repeat(9));
        let rows = [
            ("", None),
            ("half", None),
            ("a\n", Some("a")),
            ("a\nb\n", Some("b")),
            ("a\nb\nhalf", Some("b")),
            ("12345678\n", Some("12345678")),
            (&long, None),
            ("a\n123456789\n", None),
            ("123456789\na\n", Some("a")),
            ("a\n\n", Some("")),
        ];
        for (text, expected) in rows {
            let lines = Lines::new("last", text);
            let found = last_line(&lines.0, 8).unwrap();
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{text:?}");
        }
        assert_eq!(last_line(Path::new("/no/such/file"), 8).unwrap(), None);
    }

    #[test]
    fn last_lines_are_whole() {
        let rows = [
            ("", ""),
            ("half", ""),
            ("a\nb\nhalf", "a\nb\n"),
            ("1234\n4567\n89\n", "4567\n89\n"),
            ("1234567890123456\na\n", "a\n"),
            ("123456789012345678\n", ""),
        ];
        for (text, expected) in rows {
            let lines = Lines::new("tail", text);
            let found = last_lines(&lines.0, 12).unwrap();
            assert_eq!(found, expected.as_bytes(), "{text:?}");
        }
        assert_eq!(last_lines(Path::new("/no/such/file"), 5).unwrap(), b"");
    }

    #[test]
    fn lines_after_an_offset_are_whole() {
        let rows = [
            ("", 0, ""),
            ("a\nb\n", 0, "a\nb\n"),
            ("a\nb\n", 2, "b\n"),
            ("a\nhalf", 2, ""),
            ("a\nb\nhalf", 2, "b\n"),
            ("a\n", 2, ""),
            ("a\n", 99, ""),
            ("a\nb\nc\n", 0, "a\nb\n"),
            ("12345", 0, ""),
        ];
        for (text, offset, expected) in rows {
            let lines = Lines::new("after", text);
            let found = lines_after(&lines.0, offset, 5).unwrap();
            assert_eq!(found, expected.as_bytes(), "{text:?} {offset}");
        }
        assert_eq!(lines_after(Path::new("/no/such/file"), 0, 5).unwrap(), b"");
    }

    #[test]
    fn line_begins_at_the_start_and_behind_each_lf() {
        for (offset, expected) in
            [(0, true), (1, false), (2, true), (3, false), (4, true), (5, false)]
        {
            let lines = Lines::new("begins", "a\nb\n");
            assert_eq!(begins_line_at(&lines.0, offset).unwrap(), expected, "{offset}");
        }
        assert!(!begins_line_at(Path::new("/no/such/file"), 1).unwrap());
    }
}
