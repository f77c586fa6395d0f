//! Appending to files of lines.
//!
//! Promises: the rest of a line that a crash has left never becomes part of the next one.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

/// Bytes that are written at once.
const BLOCK: usize = 64 * 1024;

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
    fn append_starts_a_line_of_its_own() {
        for (before, after) in [("", "c\n"), ("a\n", "a\nc\n"), ("a\nb", "a\nb\nc\n")] {
            let lines = Lines::new("append", before);
            append_with(lines.file(), |out| out.write_all(b"c\n")).unwrap();
            assert_eq!(lines.text(), after, "{before:?}");
        }
        let lines = Lines::new("size", "a\n");
        let size = append_with(lines.file(), |out| out.write_all(b"b\nc\n")).unwrap();
        assert_eq!((size, lines.text().as_str()), (6, "a\nb\nc\n"));
    }
}
