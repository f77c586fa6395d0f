//! The lines of a round, until they are in the journal and printed.
//!
//! Neighbouring lines repeat most of their text, so they are held compressed: a round that raises
//! 10,000 queues has 10 MiB of lines.

use std::io::{self, BufRead, BufReader, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::error::Error;

/// A line for the journal and the reader of standard output, and a line for the reader alone.
const JOURNALED: u8 = b'+';
const PRINTED_ONLY: u8 = b'-';

/// Lines in their order, each with its LF and behind a mark; `None` while there is no line.
#[derive(Debug, Default)]
pub struct RoundLines(Option<DeflateEncoder<Vec<u8>>>);

impl RoundLines {
    /// Adds a line; `journaled`: it is also written to the journal.
    pub fn push(&mut self, line: &[u8], journaled: bool) {
        let new = || DeflateEncoder::new(Vec::new(), Compression::fast());
        let packed = self.0.get_or_insert_with(new);
        let mark = if journaled { JOURNALED } else { PRINTED_ONLY };
        // Writing to memory does not fail.
        let _ = packed.write_all(&[mark]).and_then(|()| packed.write_all(line));
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Writes the lines that are for the journal. No line can be added afterwards.
    pub fn write_journaled(&mut self, out: &mut impl Write) -> io::Result<()> {
        for line in self.marked() {
            if let Some(line) = line?.strip_prefix(&[JOURNALED]) {
                out.write_all(line)?;
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Calls `see` with every line, without its LF. No line can be added afterwards.
    pub fn each(&mut self, see: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        for line in self.marked() {
            let line = line.map_err(|error| Error::failed("unpack", "the lines", error))?;
            see(line.get(1..).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Returns every line behind its mark, without its LF.
    fn marked(&mut self) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        self.0.iter_mut().flat_map(|packed| {
            // Writing to memory does not fail.
            let _ = packed.try_finish();
            BufReader::new(DeflateDecoder::new(packed.get_ref().as_slice())).split(b'\n')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_lines_keep_order_and_news_go_to_journal() {
        for count in [0, 1, 3000] {
            let line = |n: usize| format!("{{\"n\":{n},\"text\":\"{}\"}}\n", "x".repeat(n % 300));
            let mut lines = RoundLines::default();
            (0..count).for_each(|n| lines.push(line(n).as_bytes(), n % 2 == 0));
            assert_eq!(lines.is_empty(), count == 0);
            let (mut printed, mut journaled) = (Vec::new(), Vec::new());
            lines
                .each(&mut |line| {
                    printed.extend_from_slice(line);
                    printed.push(b'\n');
                    Ok(())
                })
                .unwrap();
            lines.write_journaled(&mut journaled).unwrap();
            let all: String = (0..count).map(line).collect();
            let even: String = (0..count).step_by(2).map(line).collect();
            assert_eq!((printed, journaled), (all.into_bytes(), even.into_bytes()), "{count}");
        }
    }
}
