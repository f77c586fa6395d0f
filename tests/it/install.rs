//! `scripts/install`, `scripts/uninstall` and `scripts/release`.

#[cfg(feature = "aws")]
mod archive;
mod interrupted;
mod links;
mod prefix;
mod previous;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::workbench::{Bench, Output, Running};

/// User that owns nothing, and is not the one of the tests.
const OTHER: u32 = 65534;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the programs of Cargo.toml, private ones too.
pub fn binaries() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let entries = manifest.split("[[bin]]\nname = \"").skip(1);
    entries.map(|entry| entry.split('"').next().unwrap().to_owned()).collect()
}

/// Makes a folder with all programs, each a copy of this file.
pub fn programs(bench: &Bench, name: &str, content: &Path) -> PathBuf {
    let folder = bench.path(name);
    std::fs::create_dir_all(&folder).unwrap();
    for program in binaries() {
        std::fs::copy(content, folder.join(program)).unwrap();
    }
    folder
}

/// Runs a script of `scripts/` in the environment of the bench.
#[track_caller]
pub fn script(bench: &Bench, name: &str, args: &[&str]) -> Output {
    Running::spawn(&mut bench.command(root().join("scripts").join(name), args)).finish()
}

/// Returns the files and folders below a folder, by their paths from there.
pub fn tree(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut queue = vec![folder.to_owned()];
    while let Some(folder_now) = queue.pop() {
        for entry in std::fs::read_dir(folder_now).into_iter().flatten() {
            let path = entry.unwrap().path();
            found.insert(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            if path.is_dir() && !path.is_symlink() {
                queue.push(path);
            }
        }
    }
    found
}

/// Returns whether the tests run as root, who can become somebody else.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns a command as another user, if the tests run as root; else as this one.
pub fn as_user(user: u32, program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let id = user.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--inh-caps=-all", program]);
    command
}
