//! The file that has the messages of programs, for those that nobody watches.
//!
//! Several programs write to one file: each message is one write(2) to its end. Before each message the
//! file is opened anew if its name leads elsewhere, so that neither a rotation by another program nor
//! one by logrotate(8) loses a line, with or without a signal.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, if_found};
use crate::log::{self, MessageSink};
use crate::store::{self, Lock};

/// The messages of programs in a file, and its rotation.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    /// The size, in bytes, at which the file is rotated.
    size_max: u64,
    /// The number of older files that are kept.
    keep: u32,
    state: Mutex<LogState>,
}

#[derive(Debug, Default)]
struct LogState {
    open: Option<File>,
    /// Whether the last message could not be written.
    fails: bool,
}

impl LogFile {
    /// Has all later messages written to the file, too. From then on SIGHUP does not end a program whose
    /// standard error is no terminal. A file that cannot be opened is a warning: what the program is for
    /// goes on.
    pub fn keep_messages(path: PathBuf, size_max: u64, keep: u32) {
        let file = LogFile { path, size_max, keep, state: Mutex::default() };
        file.change(|state| file.renew(state).map(drop));
        log::set_file(Box::new(file));
        if log::is_detached() {
            // The flag is never read: each message looks whether the file is still the same.
            let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default());
        }
    }

    /// Does something with the open file. A failure is reported on standard error, the first of a row.
    fn change(&self, act: impl FnOnce(&mut LogState) -> Result<(), Error>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut state);
        let failed = done.is_err();
        if let Err(error) = done
            && !state.fails
        {
            let next = "messages are on standard error only";
            log::write_stderr(&format!("{}: warning: {error}; {next}", log::name()));
        }
        state.fails = failed;
    }

    /// Returns the file that the path names now.
    fn renew<'a>(&self, state: &'a mut LogState) -> Result<&'a mut File, Error> {
        let failed = |error: io::Error| Error::file("open", &self.path, &error);
        let is_same = |file: &File| {
            let named = if_found(self.path.metadata())?;
            io::Result::Ok(named.zip(file.metadata().ok()).is_some_and(|(named, open)| {
                (named.dev(), named.ino()) == (open.dev(), open.ino())
            }))
        };
        let open = state.open.take().filter(|file| is_same(file).unwrap_or(false));
        let file = match open {
            Some(file) => file,
            None => store::append_private(&self.path).map_err(failed)?,
        };
        Ok(state.open.insert(file))
    }

    /// Rotates the file, unless another program does. Two at once would delete one file too many.
    fn rotate(&self, state: &mut LogState) -> Result<(), Error> {
        let Some(_lock) = Lock::try_take(&self.with_suffix("lock"))? else { return Ok(()) };
        let failed = |error: io::Error| Error::file("rotate", &self.path, &error);
        // Another program may have rotated between the write and the lock.
        let size = self.renew(state)?.metadata().map_err(failed)?.len();
        if size < self.size_max {
            return Ok(());
        }
        state.open = None;
        for n in (1..self.keep).rev() {
            let (from, to) = (self.with_suffix(n), self.with_suffix(n + 1));
            if_found(std::fs::rename(from, to)).map_err(failed)?;
        }
        match self.keep {
            0 => std::fs::remove_file(&self.path),
            _ => std::fs::rename(&self.path, self.with_suffix(1)),
        }
        .map_err(failed)
    }

    fn with_suffix(&self, suffix: impl std::fmt::Display) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{suffix}"));
        Path::new(&path).to_owned()
    }
}

impl MessageSink for LogFile {
    fn write(&self, line: &str) {
        self.change(|state| {
            let failed = |error: io::Error| Error::file("write", &self.path, &error);
            let file = self.renew(state)?;
            file.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            if size >= self.size_max { self.rotate(state) } else { Ok(()) }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::os::unix::fs::PermissionsExt;

    struct LogFolder(PathBuf);

    impl LogFolder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("dlq-log-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir(&folder).unwrap();
            LogFolder(folder)
        }

        fn file(&self, size_max: u64, keep: u32) -> LogFile {
            LogFile { path: self.0.join("log"), size_max, keep, state: Mutex::default() }
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.0.join(name)).unwrap_or_default()
        }
    }

    impl Drop for LogFolder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn full_file_is_rotated_and_only_so_many_are_kept() {
        let folder = LogFolder::new("rotated");
        let file = folder.file(8, 2);
        for n in 0..9 {
            file.write(&format!("line {n}"));
        }
        let found = ["log", "log.1", "log.2", "log.3"].map(|name| folder.read(name));
        assert_eq!(found, ["line 8\n", "line 6\nline 7\n", "line 4\nline 5\n", ""]);
        let mode = folder.0.join("log").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let none = LogFolder::new("none-kept");
        let file = none.file(8, 0);
        (0..5).for_each(|n| file.write(&format!("line {n}")));
        assert_eq!((none.read("log"), none.read("log.1")), ("line 4\n".into(), String::new()));
    }

    /// Programs that share a file: none of them holds it open alone.
    #[test]
    fn writers_at_once_lose_no_line() {
        let folder = LogFolder::new("shared");
        std::thread::scope(|threads| {
            for writer in 0..4 {
                let file = folder.file(2000, 100);
                threads.spawn(move || (0..250).for_each(|n| file.write(&format!("{writer} {n}"))));
            }
        });
        let names = std::iter::once("log".to_owned()).chain((1..100).map(|n| format!("log.{n}")));
        let all: String = names.map(|name| folder.read(&name)).collect();
        let mut lines: Vec<&str> = all.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!((lines.len(), all.lines().count()), (1000, 1000));
        assert!(folder.read("log.1").len() >= 2000);
    }

    #[test]
    fn file_that_was_renamed_or_deleted_is_made_anew() {
        let folder = LogFolder::new("renamed");
        let file = folder.file(1 << 20, 1);
        file.write("one");
        std::fs::rename(folder.0.join("log"), folder.0.join("log-20261130")).unwrap();
        file.write("two");
        assert_eq!(
            (folder.read("log-20261130"), folder.read("log")),
            ("one\n".into(), "two\n".into())
        );
        std::fs::remove_file(folder.0.join("log")).unwrap();
        file.write("three");
        assert_eq!(folder.read("log"), "three\n");
    }

    #[test]
    fn name_of_something_else_is_refused_without_waiting() {
        let folder = LogFolder::new("pipe");
        let path = folder.0.join("log");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        let (file, begun) = (folder.file(1 << 20, 1), clock::tick());
        file.write("one");
        assert!(begun.elapsed().as_secs() < 5 && file.state.lock().unwrap().fails);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.0.join("other"), &path).unwrap();
        file.write("two");
        assert!(file.state.lock().unwrap().fails && folder.read("other").is_empty());
        std::fs::remove_file(&path).unwrap();
        file.write("three");
        assert!(!file.state.lock().unwrap().fails && folder.read("log") == "three\n");
    }
}
