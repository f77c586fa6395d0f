//! git's own list of a difference: `diff-tree -r -z --raw --numstat --no-abbrev --no-renames`.
//!
//! Promises: names come from the list alone, whatever characters they hold, never from the text of a
//! patch; a list that is cut, or that names a path which is not UTF-8, is an error.

use super::FileChange;

/// A changed file in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChange {
    pub change: FileChange,
    /// Object in the base; zeros for a new path.
    pub old_object: String,
    /// Object afterwards; zeros for a removed path.
    pub object: String,
    /// Lines added and removed; `None` for a file that is not text.
    pub lines: Option<u64>,
}

/// A difference, as the gate sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    pub files: Vec<DifferingFile>,
    /// Length of the patch, in bytes.
    pub patch_bytes: u64,
}

/// A changed file, with its texts. A text is `None` when it was not read: it is too long, not a file,
/// or not text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferingFile {
    pub change: FileChange,
    /// Lines added and removed; `None` for a file that is not text.
    pub lines: Option<u64>,
    /// Text in the base; empty for a new path.
    pub before: Option<String>,
    /// Text afterwards; empty for a removed path.
    pub after: Option<String>,
}

/// Parses a list. The error is the reason, as words behind 'the list of changes'.
pub fn parse(listed: &[u8]) -> Result<Vec<ListedChange>, String> {
    let Some(whole) = listed.strip_suffix(b"\0") else {
        return if listed.is_empty() { Ok(Vec::new()) } else { Err("is cut".to_owned()) };
    };
    let parts: Result<Vec<&str>, _> = whole.split(|byte| *byte == 0).map(str::from_utf8).collect();
    let parts = parts.map_err(|_| "has a name that is not UTF-8".to_owned())?;
    let mut changes = Vec::new();
    let mut rest = &parts[..];
    while let [about, path, more @ ..] = rest
        && about.starts_with(':')
    {
        changes.push(raw(about, path).ok_or("is not of the form of git")?);
        rest = more;
    }
    // The same paths again, each with its numbers.
    if rest.len() != changes.len() {
        return Err("has another number of paths than of sizes".to_owned());
    }
    for (numbers, change) in rest.iter().zip(&mut changes) {
        change.lines = numbers_of(numbers, change).ok_or("is not of the form of git")?;
    }
    Ok(changes)
}

/// Reads `:MODE MODE OBJECT OBJECT STATUS`.
fn raw(about: &str, path: &str) -> Option<ListedChange> {
    let words: Vec<&str> = about.strip_prefix(':')?.split(' ').collect();
    let [was, mode, old_object, object, status] = words[..] else { return None };
    let is_hex = |word: &&str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    // A status with a number is a rename, and has two paths.
    let is_plain = status.len() == 1 && [was, mode, old_object, object].iter().all(is_hex);
    is_plain.then(|| ListedChange {
        change: FileChange { was: was.to_owned(), mode: mode.to_owned(), path: path.to_owned() },
        old_object: old_object.to_owned(),
        object: object.to_owned(),
        lines: None,
    })
}

/// Reads `ADDED<tab>REMOVED<tab>PATH`; two dashes stand for what is not text.
fn numbers_of(numbers: &str, listed: &ListedChange) -> Option<Option<u64>> {
    let (added, rest) = numbers.split_once('\t')?;
    let (removed, path) = rest.split_once('\t')?;
    if path != listed.change.path {
        return None;
    }
    if (added, removed) == ("-", "-") {
        return Some(None);
    }
    Some(Some(added.parse::<u64>().ok()?.checked_add(removed.parse().ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";

    fn raw_line(path: &str) -> String {
        format!(":100644 100755 {OLD} {NEW} M\0{path}\0")
    }

    #[test]
    fn list_of_git_is_read_whatever_the_names_are() {
        let paths = ["a b", ":100644 x", "-\t-\tq", "new\nline", "+++ b/x", "größe"];
        let raw: String = paths.iter().map(|path| raw_line(path)).collect();
        let numbers: String = paths.iter().map(|path| format!("3\t4\t{path}\0")).collect();
        let found = parse(format!("{raw}{numbers}").as_bytes()).unwrap();
        let names: Vec<&str> = found.iter().map(|one| one.change.path.as_str()).collect();
        assert_eq!(names, paths);
        assert!(found.iter().all(|one| one.lines == Some(7) && one.object == NEW));
        let found = parse(format!("{}-\t-\tx\0", raw_line("x")).as_bytes()).unwrap();
        assert_eq!(found[0].lines, None);
        assert_eq!(parse(b""), Ok(Vec::new()));
    }

    #[test]
    fn list_that_is_cut_or_strange_is_an_error() {
        let whole = format!("{}{}1\t0\tx\0001\t0\ty\0", raw_line("x"), raw_line("y"));
        assert_eq!(parse(whole.as_bytes()).unwrap().len(), 2);
        for end in 1..whole.len() {
            assert!(parse(&whole.as_bytes()[..end]).is_err(), "{end}");
        }
        let rename = format!(":100644 100644 {OLD} {NEW} R100\0x\0y\0001\t0\tx\0");
        let rows: [(&str, Vec<u8>); 5] = [
            ("a rename", rename.into()),
            ("another order", format!("{}1\t0\tz\0", raw_line("x")).into()),
            ("no number", format!("{}1\tz\tx\0", raw_line("x")).into()),
            ("not UTF-8", [raw_line("x").as_bytes(), b"1\t0\tx\xff\0"].concat()),
            ("too large", format!("{}{}\t1\tx\0", raw_line("x"), u64::MAX).into()),
        ];
        for (rule, listed) in rows {
            assert!(parse(&listed).is_err(), "{rule}");
        }
    }
}
