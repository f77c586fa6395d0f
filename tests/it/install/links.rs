//! Symbolic links in a prefix, scripts that are called by one, and file systems that cannot be written.

use std::os::unix::fs::symlink;
use std::process::Stdio;

use super::prefix::{bench, install, install_into};
use super::{root, script, tree};
use crate::support::workbench::{Bench, Output, Running};

#[test]
fn removal_follows_no_link_out_of_the_prefix() {
    let (bench, prefix) = bench("uninstall-link");
    install_into(&bench, &prefix);
    // The manual of another installation.
    let (man, elsewhere) = (prefix.join("share/man"), bench.path("elsewhere"));
    std::fs::rename(&man, &elsewhere).unwrap();
    symlink(&elsewhere, &man).unwrap();
    let before = tree(bench.dir());
    let output = script(&bench, "uninstall", &["--prefix", &prefix.display().to_string()]);
    assert_eq!(output.code(), 2, "{output:?}");
    assert!(output.stderr.contains("leads out of '"), "{output:?}");
    assert!(output.stderr.contains("nothing was removed"), "{output:?}");
    assert_eq!(tree(bench.dir()), before);
    std::fs::remove_file(&man).unwrap();
    let output = script(&bench, "uninstall", &["--prefix", &prefix.display().to_string()]);
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(elsewhere.join("man1/dlq-poll.1").exists());
}

#[test]
fn installation_writes_through_no_link_out_of_the_prefix() {
    let (bench, prefix) = bench("install-link");
    let to = prefix.display().to_string();
    std::fs::create_dir_all(bench.path("elsewhere")).unwrap();
    std::fs::create_dir_all(prefix.join("man")).unwrap();
    std::fs::create_dir_all(prefix.join("share")).unwrap();
    symlink(bench.path("elsewhere"), prefix.join("libexec")).unwrap();
    let output = install(&bench, &["--prefix", &to, "--force"]);
    assert_eq!(output.code(), 2, "{output:?}");
    let message =
        format!("a symbolic link leads its folder out of '{to}'; give another --prefix\n");
    assert!(output.stderr.ends_with(&message), "{output:?}");
    assert!(tree(&bench.path("elsewhere")).is_empty() && !prefix.join("bin").exists());
    // Within the prefix a link is as good as a folder: /usr/local/share/man is one on some systems.
    std::fs::remove_file(prefix.join("libexec")).unwrap();
    symlink("../man", prefix.join("share/man")).unwrap();
    install_into(&bench, &prefix);
    assert!(prefix.join("man/man1/dlq-poll.1").exists());
    assert_eq!(script(&bench, "uninstall", &["--prefix", &to]).code(), 0);
    assert_eq!(tree(&prefix), ["man", "share", "share/man"].map(str::to_owned).into());
}

#[test]
fn dangling_link_in_the_place_of_a_program_is_refused() {
    let (bench, prefix) = bench("install-dangling");
    std::fs::create_dir_all(prefix.join("bin")).unwrap();
    symlink("/nowhere/dlq-log", prefix.join("bin/dlq-log")).unwrap();
    let output = install(&bench, &["--prefix", &prefix.display().to_string()]);
    assert_eq!(output.code(), 2, "{output:?}");
    assert!(output.stderr.contains("exists, and this script has not installed it"), "{output:?}");
    assert_eq!(tree(&prefix), ["bin", "bin/dlq-log"].map(str::to_owned).into());
}

#[test]
#[cfg(target_os = "linux")]
fn read_only_file_system_is_named_with_its_remedy() {
    if !crate::support::requirement::has_bubblewrap() {
        return;
    }
    let (bench, prefix) = bench("install-read-only");
    install_into(&bench, &prefix);
    let (to, built) = (prefix.display().to_string(), bench.path("built").display().to_string());
    for (name, more) in [("install", &["--bin-dir", &*built][..]), ("uninstall", &[])] {
        let program = root().join("scripts").join(name).display().to_string();
        let bwrap = ["--dev-bind", "/", "/", "--ro-bind", &to, &to, &program, "--prefix", &to];
        let mut command = bench.command("bwrap", &[&bwrap[..], more].concat());
        let output = Running::spawn(command.stdin(Stdio::null())).finish();
        assert_eq!(output.code(), 1, "{name}: {output:?}");
        let remedy = ": the file system is read-only; mount it for writing";
        assert!(output.stderr.contains(remedy), "{name}: {output:?}");
        assert!(!output.stderr.contains("permission"), "{name}: {output:?}");
    }
}

/// Runs a line of shell in the prefix. CDPATH has a folder in which each relative path exists, too.
#[track_caller]
fn line(bench: &Bench, line: &str) -> Output {
    let line =
        format!("cd prefix; CDPATH='{}'; export CDPATH; {line}", bench.path("trap").display());
    bench.shell(&line)
}

#[test]
fn scripts_find_their_files_by_links_and_with_cdpath() {
    let (bench, prefix) = bench("install-called");
    install_into(&bench, &prefix);
    for folder in ["trap/bin", "trap/libexec/dlq-tools", "links"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    symlink("../prefix/bin/dlq-pipeline", bench.path("links/first")).unwrap();
    symlink("first", bench.path("links/dlq-pipeline")).unwrap();
    let calls = ["bin/dlq-pipeline", "../links/dlq-pipeline", "cd ./bin; sh dlq-pipeline"];
    for call in calls {
        let output = line(&bench, &format!("{call} --help"));
        assert_eq!((output.code(), &*output.stderr), (0, ""), "{call}");
        assert!(output.text().starts_with("dlq-pipeline: "), "{call}: {output:?}");
    }
    let installed = prefix.join("libexec/dlq-tools");
    for (name, more) in [("install", "--bin-dir ../built --prefix \"$PWD\""), ("uninstall", "")] {
        let link = bench.path(&format!("links/{name}"));
        let folder = if name == "install" { root().join("scripts") } else { installed.clone() };
        symlink(folder.join(name), &link).unwrap();
        let output = line(&bench, &format!("../links/{name} {more}"));
        assert_eq!((output.code(), &*output.stderr), (0, ""), "{name}");
    }
    assert!(!prefix.exists(), "{:?}", tree(&prefix));
}
