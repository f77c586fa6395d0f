//! Lines of a stream in batches, so that a busy stream costs one message for many lines.

use std::io::{self, ErrorKind, Read};

use crate::wire::LINE_CAP;

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// A batch of lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Whole lines, each with its LF; the last line of a stream may lack it.
    pub lines: Vec<u8>,
    /// Lines over 1 MiB that were left out.
    pub too_long: u64,
}

/// A stream that is read in batches.
#[derive(Debug)]
pub struct Batches<R> {
    from: R,
    /// The begin of a line whose end was not read yet.
    rest: Vec<u8>,
    /// Whether that line is too long, and dropped.
    is_dropping: bool,
}

impl<R: Read> Batches<R> {
    pub fn new(from: R) -> Self {
        Batches { from, rest: Vec::new(), is_dropping: false }
    }

    /// Returns the next batch, as soon as there is a whole line; None at the end.
    pub fn next(&mut self) -> io::Result<Option<Batch>> {
        let mut batch = Batch { lines: std::mem::take(&mut self.rest), too_long: 0 };
        loop {
            let begin = batch.lines.len();
            batch.lines.resize(begin + BLOCK, 0);
            let read = self.from.read(&mut batch.lines[begin..]);
            batch.lines.truncate(begin + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => return Ok(self.last(batch)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if self.is_dropping {
                let Some(end) = memchr::memchr(b'\n', &batch.lines) else {
                    batch.lines.clear();
                    continue;
                };
                batch.lines.drain(..=end);
                (self.is_dropping, batch.too_long) = (false, batch.too_long + 1);
            }
            if let Some(end) = memchr::memrchr(b'\n', &batch.lines) {
                self.rest = batch.lines.split_off(end + 1);
                return Ok(Some(batch));
            }
            if batch.too_long > 0 {
                self.rest = std::mem::take(&mut batch.lines);
                return Ok(Some(batch));
            }
            if batch.lines.len() > LINE_CAP {
                batch.lines.clear();
                self.is_dropping = true;
            }
        }
    }

    /// Returns the last line, which has no LF.
    fn last(&mut self, batch: Batch) -> Option<Batch> {
        let too_long = batch.too_long + u64::from(std::mem::take(&mut self.is_dropping));
        let batch = Batch { too_long, ..batch };
        (batch != Batch::default()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns pieces of a text, as a pipe may.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(self.1).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// Returns the lines of all batches, and the number of those left out.
    fn read(text: &[u8], piece: usize) -> (Vec<u8>, u64) {
        let (mut batches, mut lines, mut too_long) =
            (Batches::new(Pieces(text, piece)), Vec::new(), 0);
        while let Some(batch) = batches.next().unwrap() {
            let is_whole = batch.lines.is_empty() || batch.lines.ends_with(b"\n");
            assert!(is_whole || text.ends_with(&batch.lines), "a line is cut");
            lines.extend(batch.lines);
            too_long += batch.too_long;
        }
        assert_eq!(batches.next().unwrap(), None);
        (lines, too_long)
    }

    #[test]
    fn batches_hold_whole_lines_at_any_piece() {
        let text = b"{\"a\":1}\n\n{\"b\":22}\r\n{\"c\":333}";
        for piece in 1..=text.len() {
            assert_eq!(read(text, piece), (text.to_vec(), 0), "in pieces of {piece}");
        }
        assert_eq!(read(b"", 1), (Vec::new(), 0));
    }

    #[test]
    fn lines_over_1_mib_are_left_out_and_counted() {
        let long = vec![b'x'; LINE_CAP + BLOCK + 1];
        let rows = [
            ([b"a\n", &long[..], b"\nb\n"].concat(), &b"a\nb\n"[..], 1),
            ([&long[..], b"\n", &long[..], b"\nb"].concat(), b"b", 2),
            (long.clone(), b"", 1),
            ([&long[..], b"\n"].concat(), b"", 1),
        ];
        for (text, lines, too_long) in rows {
            for piece in [4096, BLOCK] {
                assert_eq!(read(&text, piece), (lines.to_vec(), too_long), "{}", text.len());
            }
        }
    }
}
