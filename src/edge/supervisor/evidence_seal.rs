//! Seal of a folder of evidence: sizes and hashes of its files before the agent starts, by which a
//! later change is seen.
//!
//! Promises: reading is bounded by what was there first, follows no link, and opens no file of another
//! size or kind.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::regular_file;

/// Names, sizes and hashes of the files in a folder.
#[derive(Debug)]
pub(super) struct EvidenceSeal {
    folder: PathBuf,
    files: BTreeMap<PathBuf, (u64, [u8; 32])>,
}

impl EvidenceSeal {
    pub(super) fn take(folder: &Path) -> Result<Self, Error> {
        let failed = |error| Error::file("read", folder, &error);
        let mut files = BTreeMap::new();
        for path in list(folder, usize::MAX).map_err(failed)? {
            let size = path.symlink_metadata().map_err(failed)?.len();
            let hash = hash(&path, size).map_err(failed)?;
            files.insert(path, (size, hash));
        }
        Ok(EvidenceSeal { folder: folder.to_owned(), files })
    }

    /// Returns whether the folder still holds these files, and no other.
    pub(super) fn is_whole(&self) -> bool {
        let Ok(found) = list(&self.folder, self.files.len() + 1) else { return false };
        found.len() == self.files.len()
            && found.iter().all(|path| {
                let Some((size, sealed)) = self.files.get(path) else { return false };
                let same = path.symlink_metadata().is_ok_and(|now| now.len() == *size);
                same && hash(path, *size).is_ok_and(|now| now == *sealed)
            })
    }
}

/// Lists what is in a folder and those inside of it, up to `max` names. Other things than regular
/// files are in it, too.
fn list(folder: &Path, max: usize) -> std::io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
            if found.len() + folders.len() > max.saturating_mul(2) {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn hash(path: &Path, size: u64) -> std::io::Result<[u8; 32]> {
    let mut file = regular_file::open(path)?.take(size + 1);
    let (mut hash, mut block) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&block[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_of_any_kind_breaks_the_seal() {
        type Change<'a> = &'a dyn Fn(&Path);
        let rows: [(&str, Change); 7] = [
            ("none", &|_| {}),
            ("content", &|at| std::fs::write(at.join("a/b"), "two").unwrap()),
            ("size", &|at| std::fs::write(at.join("a/b"), "one more").unwrap()),
            ("removal", &|at| std::fs::remove_file(at.join("a/b")).unwrap()),
            ("new file", &|at| std::fs::write(at.join("a/c"), "").unwrap()),
            ("other name", &|at| std::fs::rename(at.join("a/b"), at.join("a/c")).unwrap()),
            ("link", &|at| {
                std::fs::rename(at.join("a/b"), at.with_extension("moved")).unwrap();
                std::os::unix::fs::symlink(at.with_extension("moved"), at.join("a/b")).unwrap();
            }),
        ];
        for (name, change) in rows {
            let folder = std::env::temp_dir().join(format!("dlq-seal-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(folder.join("a")).unwrap();
            std::fs::write(folder.join("a/b"), "one").unwrap();
            let seal = EvidenceSeal::take(&folder).unwrap();
            change(&folder);
            assert_eq!(seal.is_whole(), name == "none", "{name}");
            std::fs::remove_dir_all(&folder).unwrap();
            let _ = std::fs::remove_file(folder.with_extension("moved"));
        }
    }
}
