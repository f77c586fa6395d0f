//! The cache of audio: which files are deleted when it is full. Pure.

use crate::time::Timestamp;

/// A file of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFile {
    pub name: String,
    pub bytes: u64,
    /// The last time that it was written or played.
    pub used: Timestamp,
}

/// Returns the files to delete, least recently used first, so that the others have at most `max`
/// bytes. The file `kept` is about to be played, and stays.
pub fn evicted(mut files: Vec<CachedFile>, max: u64, kept: &str) -> Vec<String> {
    let mut total: u64 = files.iter().map(|file| file.bytes).sum();
    files.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
    let mut evicted = Vec::new();
    for file in files {
        if total <= max {
            break;
        }
        if file.name != kept {
            total -= file.bytes;
            evicted.push(file.name);
        }
    }
    evicted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_recently_used_files_are_evicted() {
        let file = |name: &str, bytes, used| CachedFile {
            name: name.into(),
            bytes,
            used: Timestamp::from_millis(used),
        };
        let files = || vec![file("new", 40, 30), file("old", 40, 10), file("middle", 40, 20)];
        let rows: [(&str, u64, &str, &[&str]); 6] = [
            ("all fit", 120, "new", &[]),
            ("one too many", 119, "new", &["old"]),
            ("two too many", 79, "new", &["old", "middle"]),
            ("the kept file is larger than the limit", 0, "new", &["old", "middle"]),
            ("the kept file is the oldest", 50, "old", &["middle", "new"]),
            ("the kept file is in no cache", 0, "", &["old", "middle", "new"]),
        ];
        for (rule, max, kept, expected) in rows {
            assert_eq!(evicted(files(), max, kept), expected, "{rule}");
        }
    }
}
