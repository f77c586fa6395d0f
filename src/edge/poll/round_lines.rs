//! The lines of a round, until they are in the journal and printed.
//!
//! Neighbouring lines repeat most of their text, so all but the newest are held compressed: a round
//! that raises 10,000 queues has 10 MiB of lines.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::error::Error;

/// Lines are compressed in blocks of this size, in bytes.
const BLOCK: usize = 256 * 1024;

/// A line for the journal and the reader of standard output, and a line for the reader alone.
const JOURNALED: u8 = b'+';
const PRINTED_ONLY: u8 = b'-';

/// Lines in their order, each with its LF.
#[derive(Debug, Default)]
pub struct RoundLines {
    packed: Vec<Vec<u8>>,
    /// The newest lines, each behind a mark.
    open: Vec<u8>,
}

impl RoundLines {
    /// Adds a line; `news` says whether it is for the journal, too.
    pub fn push(&mut self, line: &[u8], news: bool) {
        self.open.push(if news { JOURNALED } else { PRINTED_ONLY });
        self.open.extend_from_slice(line);
        // Writing to memory does not fail; if it did the lines would stay as they are.
        if self.open.len() >= BLOCK
            && let Ok(block) = packed(&self.open)
        {
            self.packed.push(block);
            self.open.clear();
        }
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.open.is_empty()
    }

    /// Writes the lines that are for the journal.
    pub fn write_news(&self, out: &mut impl Write) -> io::Result<()> {
        for block in self.blocks() {
            for line in block?.split_inclusive(|byte| *byte == b'\n') {
                if let Some(line) = line.strip_prefix(&[JOURNALED]) {
                    out.write_all(line)?;
                }
            }
        }
        Ok(())
    }

    /// Calls `see` with every line.
    pub fn each(&self, see: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        for block in self.blocks() {
            let block = block.map_err(|error| Error::failed("unpack", "the lines", error))?;
            for line in block.split_inclusive(|byte| *byte == b'\n') {
                see(line.get(1..).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn blocks(&self) -> impl Iterator<Item = io::Result<Cow<'_, [u8]>>> {
        let unpack = |block: &Vec<u8>| {
            let mut lines = Vec::with_capacity(BLOCK + 4096);
            DeflateDecoder::new(block.as_slice()).read_to_end(&mut lines)?;
            Ok(Cow::Owned(lines))
        };
        let open = std::iter::once(Ok(Cow::Borrowed(self.open.as_slice())));
        self.packed.iter().map(unpack).chain(open)
    }
}

fn packed(lines: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(lines)?;
    let mut block = encoder.finish()?;
    block.shrink_to_fit();
    Ok(block)
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
            assert_eq!(lines.packed.is_empty(), count < 3000);
            let (mut printed, mut journaled) = (Vec::new(), Vec::new());
            lines
                .each(&mut |line| {
                    printed.extend_from_slice(line);
                    Ok(())
                })
                .unwrap();
            lines.write_news(&mut journaled).unwrap();
            let all: String = (0..count).map(line).collect();
            let even: String = (0..count).step_by(2).map(line).collect();
            assert_eq!((printed, journaled), (all.into_bytes(), even.into_bytes()), "{count}");
        }
    }
}
