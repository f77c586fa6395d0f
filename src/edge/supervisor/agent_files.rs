//! Files of the user's own subagents and prompt.
//!
//! They are read and checked before an investigation starts, so that an invalid file is reported
//! before money is spent.

use std::path::{Path, PathBuf};

use crate::config;
use crate::error::Error;
use crate::rules::agent::prompt;
use crate::rules::agent::subagent;
use crate::rules::agent::subagent::{MAX_AGENTS, MAX_FILE, Subagent};

/// Loads the subagents of a folder, one per file that ends in `.md`, sorted by file name.
pub(super) fn load(dir: &Path) -> Result<Vec<Subagent>, Error> {
    let unreadable = |error: std::io::Error| Error::file("read", dir, &error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        // Editors keep unsaved text in files whose names begin with a dot.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|end| end == "md") {
            paths.push(path);
        }
    }
    if paths.len() > MAX_AGENTS {
        let (dir, found) = (dir.display(), paths.len());
        let why = format!("{found} subagents, and at most {MAX_AGENTS} are allowed; remove some");
        return Err(Error::wrong(format!("'{dir}': {why}")));
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let text = text(path, MAX_FILE)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let parsed = subagent::parse(&stem, &text);
        parsed.map_err(|why| Error::wrong(format!("{}/{why}", dir.display())))
    };
    paths.iter().map(read).collect()
}

/// Returns the template of the prompt: that of the file, or the built-in one.
pub(super) fn template(path: Option<&Path>) -> Result<String, Error> {
    let Some(path) = path else { return Ok(prompt::TEMPLATE.to_owned()) };
    let text = text(path, prompt::MAX_PROMPT)?;
    prompt::check(&text).map_err(|why| Error::wrong(format!("{}: {why}", path.display())))?;
    Ok(text)
}

/// Reads a file of at most `max` bytes.
pub(super) fn text(path: &Path, max: usize) -> Result<String, Error> {
    let unreadable = |error: std::io::Error| Error::file("read", path, &error);
    // Reading a pipe may never end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::wrong(format!("cannot read '{}': not a file", path.display())));
    }
    config::read_file(path, max as u64).map_err(unreadable)?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty folder of this test.
    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("dlq-agents-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    const AGENT: &str = "---\ndescription: d\ntools: Read\n---\np\n";

    #[test]
    fn subagent_files_are_read_in_order_up_to_16() {
        let dir = folder("order");
        for name in ["b.md", "a.md", "a.txt", ".#a.md", "c.md~"] {
            std::fs::write(dir.join(name), AGENT).unwrap();
        }
        let names: Vec<String> = load(&dir).unwrap().into_iter().map(|each| each.name).collect();
        assert_eq!(names, ["a", "b"]);
        for number in 3..=17 {
            std::fs::write(dir.join(format!("c{number}.md")), AGENT).unwrap();
        }
        let why = load(&dir).unwrap_err().to_string();
        let wanted = format!("'{}': 17 subagents, and at most 16 are allowed", dir.display());
        assert!(why.contains(&wanted), "{why}");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn unreadable_subagent_file_is_named_with_its_path() {
        let dir = folder("unreadable");
        let path = dir.join("x.md");
        let long = vec![b'a'; MAX_FILE + 1];
        let rows: [(&[u8], &str); 3] = [
            (b"---\ntolls: x\n", "/x.md:2: unknown key 'tolls'"),
            (b"\xff", "/x.md:1: not UTF-8"),
            (&long, "/x.md': larger than 64 KiB"),
        ];
        for (bytes, why) in rows {
            std::fs::write(&path, bytes).unwrap();
            let error = load(&dir).unwrap_err();
            assert!(matches!(error, Error::Wrong(_)) && error.to_string().contains(why), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(load(&dir).unwrap_err().to_string().ends_with("/x.md': not a file"));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(matches!(load(&dir), Err(Error::Failed(_))));
        assert!(matches!(template(Some(&path)), Err(Error::Failed(_))));
    }

    #[test]
    fn template_with_forbidden_placeholder_is_refused() {
        let dir = folder("template");
        let path = dir.join("prompt.md");
        std::fs::write(&path, "Look at {{depth}}").unwrap();
        assert_eq!(template(Some(&path)).unwrap(), "Look at {{depth}}");
        std::fs::write(&path, "a\n{{queue}}").unwrap();
        let why = template(Some(&path)).unwrap_err().to_string();
        assert!(why.contains("/prompt.md: line 2: 'queue' holds"), "{why}");
        assert_eq!(template(None).unwrap(), prompt::TEMPLATE);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
