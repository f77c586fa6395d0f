//! The agent's program in a sandbox: its path there, and what has to be mounted for it.

use super::arguments::Mount;
use super::refusal::Unavailable;

/// Folders that each sandbox has.
const SYSTEM: [&str; 5] = ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"];
/// Path of a program in one file.
const INSIDE: &str = "/run/dlq/claude";

/// Program with its path in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundProgram {
    pub inside: String,
    mount: Option<Mount>,
}

impl BoundProgram {
    /// Returns the mount that the program needs.
    pub fn mount(&self) -> Option<Mount> {
        self.mount.clone()
    }
}

/// Judges a program by its real path and its first bytes. A script is mounted at its own path. One
/// of node needs the files of its package, which are in the folder around it.
pub fn bound(path: &str, head: &[u8]) -> Result<BoundProgram, Unavailable> {
    if SYSTEM.iter().any(|folder| path.starts_with(folder)) {
        return Ok(BoundProgram { inside: path.to_owned(), mount: None });
    }
    if head.starts_with(b"\x7fELF") {
        let mount = Mount::ReadOnly { from: path.to_owned(), to: INSIDE.to_owned() };
        return Ok(BoundProgram { inside: INSIDE.to_owned(), mount: Some(mount) });
    }
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    if !first.starts_with("#!") {
        return Err(Unavailable::because(
            format!("'{path}' is neither a program nor a script"),
            "install Claude Code as one file",
        ));
    }
    let package =
        path.rsplit_once('/').map(|(folder, _)| folder).filter(|_| first.contains("node"));
    let mount = Mount::read_only(package.unwrap_or(path));
    Ok(BoundProgram { inside: path.to_owned(), mount: Some(mount) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_mounted_as_it_needs() {
        let own = |path: &str| Some(Mount::read_only(path));
        let elf = Mount::ReadOnly { from: "/h/claude".into(), to: INSIDE.into() };
        let rows = [
            ("/usr/bin/claude", &b"\x7fELF"[..], "/usr/bin/claude", None),
            ("/h/claude", b"\x7fELF\x02", INSIDE, Some(elf)),
            ("/h/claude", b"#!/bin/sh\nexec node\n", "/h/claude", own("/h/claude")),
            ("/h/p/cli.js", b"#!/usr/bin/env node\n", "/h/p/cli.js", own("/h/p")),
        ];
        for (path, head, inside, mount) in rows {
            let found = bound(path, head).unwrap();
            assert_eq!((found.inside.as_str(), found.mount()), (inside, mount), "{path}");
        }
        assert!(bound("/h/claude", b"MZ").is_err());
    }
}
