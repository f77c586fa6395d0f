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
