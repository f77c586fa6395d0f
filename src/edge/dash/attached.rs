//! The files of a session that a page shows: the report and the patch.

use std::io::Read;
use std::path::Path;

use crate::edge::session_folder::session_folder;
use crate::edge::supervisor::files;
use crate::error::{Error, if_found};
use crate::regular_file;
use crate::rules::view::screen::AttachedFiles;
use crate::store::Store;

/// The part of a file that is shown, in bytes.
const SHOWN_MAX: u64 = 256 * 1024;

/// Reads the report and the patch of a session. A session has only the name of a folder.
pub fn read_attached(store: &Store, session: &str) -> AttachedFiles {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if session.is_empty() || !session.chars().all(in_name) {
        let why = || Err("the id of the session names no folder".to_owned());
        return AttachedFiles { session: session.into(), report: why(), patch: why() };
    }
    let folder = session_folder(store.dir(), session);
    let read = |name: &str| text(&folder.join(name)).map_err(|error| error.to_string());
    AttachedFiles {
        session: session.into(),
        report: read(files::REPORT),
        patch: read(files::PATCH),
    }
}

/// Returns the begin of a file; empty without a file.
fn text(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::file("read", path, &error);
    let Some(file) = if_found(regular_file::open(path)).map_err(failed)? else {
        return Ok(String::new());
    };
    let mut bytes = Vec::new();
    file.take(SHOWN_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_report_and_patch_are_said_and_never_waited_for() {
        let state = std::env::temp_dir().join(format!("dlq-attached-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&state);
        let folder = state.join("sessions/s-1");
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&state).unwrap();
        let (report, patch) = (folder.join(files::REPORT), folder.join(files::PATCH));
        std::fs::File::create(&report).unwrap().set_len(1 << 40).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &patch).unwrap();
        let found = read_attached(&store, "s-1");
        assert_eq!(found.report.unwrap().len() as u64, SHOWN_MAX);
        let why = found.patch.unwrap_err();
        assert!(why.ends_with("it is a symbolic link, not a file"), "{why}");
        std::fs::remove_file(&report).unwrap();
        std::fs::remove_file(&patch).unwrap();
        std::fs::create_dir(&report).unwrap();
        #[cfg(target_os = "linux")]
        rustix::fs::mkfifoat(rustix::fs::CWD, &patch, 0o600.into()).unwrap();
        let found = read_attached(&store, "s-1");
        let why = found.report.unwrap_err();
        assert!(why.ends_with("it is a folder, not a file"), "{why}");
        #[cfg(target_os = "linux")]
        assert!(found.patch.unwrap_err().ends_with("it is a FIFO, not a file"));
        assert_eq!(read_attached(&store, "other").report.as_deref(), Ok(""));
        std::fs::remove_dir_all(state).unwrap();
    }
}
