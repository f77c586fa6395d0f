//! The text file for the collector of node_exporter, which reads it at any moment.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::{Error, if_found};
use crate::regular_file;

/// The mode of the file: another user reads it.
const MODE: u32 = 0o644;

/// Replaces the file: a reader sees the old text or the new one, never a part. The text is not synced:
/// after a crash of the machine the next one replaces it. Anything but a file, such as a device or a link,
/// stays, and is an error.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error| Error::file("replace", path, &error);
    regular_file::check_replaceable(path).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // node_exporter reads the files that end with .prom.
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    let written = create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // Whatever the umask.
        file.set_permissions(Permissions::from_mode(MODE))
    });
    written.map_err(|error| Error::file("write", &temporary, &error))?;
    std::fs::rename(&temporary, path).map_err(failed)
}

/// Creates the file anew: a link of this name is replaced and not followed.
fn create(path: &Path) -> std::io::Result<File> {
    if_found(std::fs::remove_file(path))?;
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn text_file_replaces_only_files() {
        let folder = std::env::temp_dir().join(format!("dlq-text-file-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("folder")).unwrap();
        let at = |name: &str| folder.join(name);
        std::fs::write(at("target"), "kept").unwrap();
        symlink(at("target"), at("link")).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        for (name, kind) in
            [("link", "a symbolic link"), ("socket", "a socket"), ("folder", "a folder")]
        {
            let before = std::fs::symlink_metadata(at(name)).unwrap().file_type();
            let error = replace(&at(name), "text").unwrap_err().to_string();
            assert!(error.ends_with(&format!("it is {kind}, not a file")), "{error}");
            assert_eq!(std::fs::symlink_metadata(at(name)).unwrap().file_type(), before, "{name}");
        }
        for text in ["one", "two"] {
            replace(&at("new"), text).unwrap();
            assert_eq!(std::fs::read_to_string(at("new")).unwrap(), text);
        }
        assert_eq!(std::fs::read_to_string(at("target")).unwrap(), "kept");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
