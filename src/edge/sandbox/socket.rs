//! Sockets by which a sandbox and its supervisor talk, files of a folder that only the supervisor
//! writes.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::error::Error;
use crate::store;

/// Connection by which process 1 of a sandbox sees that its supervisor lives.
pub const LIFE: &str = "life.sock";
/// Way to the API of the model.
pub const API: &str = "api.sock";
/// Requests to run the tests.
pub const TESTS: &str = "tests.sock";

/// Connections that are kept open; an agent could make more.
const HELD_MAX: usize = 16;

/// Makes a socket in a folder. The path of the folder may be longer than an address can be.
pub fn listen(folder: &Path, name: &str) -> Result<UnixListener, Error> {
    let path = folder.join(name);
    let failed = |error: std::io::Error| Error::file("make socket", &path, &error);
    store::make_dir(folder)?;
    store::remove(&path).map_err(failed)?;
    let opened = File::open(folder).map_err(failed)?;
    let short = format!("/proc/self/fd/{}/{name}", opened.as_raw_fd());
    UnixListener::bind(short).map_err(failed)
}

/// Holds each connection of a socket until this process ends.
pub fn hold(listener: UnixListener) {
    std::thread::spawn(move || {
        let mut held: Vec<UnixStream> = Vec::new();
        for stream in listener.incoming().flatten() {
            if held.len() < HELD_MAX {
                held.push(stream);
            }
        }
    });
}

/// Connects to a socket in a folder, whatever the length of its path.
#[cfg(target_os = "linux")]
#[cfg(test)]
pub(super) fn connect(folder: &Path, name: &str) -> UnixStream {
    let opened = File::open(folder).unwrap();
    UnixStream::connect(format!("/proc/self/fd/{}/{name}", opened.as_raw_fd())).unwrap()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_in_a_folder_with_a_long_path_is_reached() {
        let folder = std::env::temp_dir().join(format!("dlq-socket-{}", std::process::id()));
        let deep = folder.join("x".repeat(100)).join("y".repeat(100));
        let listener = listen(&deep, LIFE).unwrap();
        let client = connect(&deep, LIFE);
        hold(listener);
        drop(client);
        // A socket of an earlier run is replaced.
        listen(&deep, LIFE).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
