//! Regular files below a folder that another program can write, such as that of a session.
//!
//! Promises: a FIFO never makes a reader wait, a link is never followed, and neither a device nor a
//! sparse file fills the memory. Each of them is an error that names what was found.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::if_found;

/// The flags that open no link and wait for no writer.
pub const FLAGS: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits().cast_signed();

/// Opens a file to read it.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(FLAGS).open(path).map_err(of_link)?;
    checked(file)
}

/// Reads a whole file of at most `max` bytes.
pub fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    if file.take(max.saturating_add(1)).read_to_end(&mut bytes)? as u64 > max {
        return Err(io::Error::other(format!("it has more than {max} bytes")));
    }
    Ok(bytes)
}

/// Reads the last `max` bytes of a file, which may be of any length, as text.
pub fn read_end(path: &Path, max: u64) -> io::Result<String> {
    let mut file = open(path)?;
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(max)))?;
    let mut bytes = Vec::new();
    file.take(max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Fails when anything but a regular file has this name, which a file is about to replace.
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    match if_found(std::fs::symlink_metadata(path))?.as_ref().and_then(other_kind) {
        None => Ok(()),
        Some(kind) => Err(io::Error::other(format!("it is {kind}, not a file"))),
    }
}

/// Returns the file when it is a regular one.
pub fn checked(file: File) -> io::Result<File> {
    match other_kind(&file.metadata()?) {
        None => Ok(file),
        Some(kind) => Err(io::Error::other(format!("it is {kind}, not a file"))),
    }
}

/// Names a link in the place of the system's "too many levels of symbolic links".
pub fn of_link(error: io::Error) -> io::Error {
    match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP) => io::Error::other("it is a symbolic link, not a file"),
        // A FIFO without a reader, opened to write, and a socket.
        Some(rustix::io::Errno::NXIO) => io::Error::other("it is a FIFO or a socket, not a file"),
        _ => error,
    }
}

fn other_kind(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_symlink() => Some("a symbolic link"),
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_fifo() => Some("a FIFO"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn other_kinds_of_files_are_named_and_never_waited_for() {
        let folder = std::env::temp_dir().join(format!("dlq-regular-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("folder")).unwrap();
        let at = |name: &str| folder.join(name);
        std::fs::write(at("file"), "12345").unwrap();
        symlink(at("file"), at("link")).unwrap();
        #[cfg(target_os = "linux")]
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        std::fs::File::create(at("sparse")).unwrap().set_len(1 << 40).unwrap();
        for (name, is_replaced) in [
            ("file", true),
            ("missing", true),
            ("link", false),
            ("folder", false),
            ("socket", false),
        ] {
            assert_eq!(check_replaceable(&at(name)).is_ok(), is_replaced, "{name}");
        }
        let rows = [
            ("file", Ok("12345")),
            ("link", Err("it is a symbolic link, not a file")),
            #[cfg(target_os = "linux")]
            ("fifo", Err("it is a FIFO, not a file")),
            ("folder", Err("it is a folder, not a file")),
            ("socket", Err("it is a FIFO or a socket, not a file")),
            ("sparse", Err("it has more than 5 bytes")),
            ("missing", Err("No such file or directory (os error 2)")),
            ("file/below", Err("Not a directory (os error 20)")),
        ];
        for (name, expected) in rows {
            let found = read(&at(name), 5).map_err(|error| error.to_string());
            let found = found.as_deref().map_err(String::as_str);
            assert_eq!(found, expected.map(str::as_bytes), "{name}");
        }
        std::fs::write(at("long"), "begin and end").unwrap();
        assert_eq!(read_end(&at("long"), 3).unwrap(), "end");
        assert_eq!(read_end(&at("long"), 300).unwrap(), "begin and end");
        assert_eq!(read_end(&at("sparse"), 5).unwrap(), "\0\0\0\0\0");
        assert!(read_end(&at("link"), 5).is_err());
        let device = read(Path::new("/dev/null"), 5).unwrap_err().to_string();
        assert_eq!(device, "it is a device, not a file");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
