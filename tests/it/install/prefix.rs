//! Installation into a prefix, upgrade and removal, with copies of a small program in the place of ours.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{OTHER, as_user, binaries, is_root, programs, root, script, tree};
use crate::support::workbench::{Bench, Output, Running};

/// A bench with programs to install, and an empty prefix.
pub fn bench(name: &str) -> (Bench, PathBuf) {
    let mut bench = Bench::new(name);
    bench.set("HOME", bench.path("home"));
    programs(&bench, "built", Path::new("/bin/sleep"));
    let prefix = bench.path("prefix");
    (bench, prefix)
}

#[track_caller]
pub fn install(bench: &Bench, more: &[&str]) -> Output {
    let built = bench.path("built").display().to_string();
    script(bench, "install", &[&["--bin-dir", &built], more].concat())
}

#[track_caller]
pub fn install_into(bench: &Bench, prefix: &Path) {
    let output = install(bench, &["--prefix", &prefix.display().to_string()]);
    assert_eq!(output.code(), 0, "{output:?}");
    assert_eq!(output.stderr, "");
}

#[test]
fn installation_has_everything_and_is_removed_without_a_trace() {
    let (bench, prefix) = bench("install");
    install_into(&bench, &prefix);
    let installed = tree(&prefix);
    for program in binaries() {
        let page = root().join(format!("man/{program}.1"));
        let folder = if page.exists() { "bin" } else { "libexec/dlq-tools" };
        let path = prefix.join(folder).join(&program);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755, "{program}");
    }
    for path in [
        "bin/dlq-pipeline",
        "libexec/dlq-tools/dlq-supervise",
        "share/man/man1/dlq-poll.1",
        "share/man/man5/dlq-config.5",
        "share/bash-completion/completions/dlq-poll",
        "share/zsh/site-functions/_dlq-poll",
        "share/fish/vendor_completions.d/dlq-poll.fish",
        "share/dlq-tools/config.yaml.example",
        "share/doc/dlq-tools/LICENSE",
    ] {
        assert!(installed.contains(path), "{path}: {installed:?}");
    }
    assert!(installed.iter().all(|path| !path.contains("dlq-new")), "{installed:?}");
    let help = bench.command(prefix.join("bin/dlq-pipeline"), &["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.starts_with("dlq-pipeline: ") && help.contains("\n    dlq-pipeline [--since"));
    // An installation has no checkout.
    assert!(
        !help.contains("target/") && help.contains("$DLQ_BIN, else those beside it."),
        "{help}"
    );
    let wrong = bench.command(prefix.join("bin/dlq-pipeline"), &["--no"]).output().unwrap();
    let message = "dlq-pipeline: error: unexpected argument '--no'; try 'dlq-pipeline --help'\n";
    assert_eq!(String::from_utf8(wrong.stderr).unwrap(), message);

    let uninstall = prefix.join("libexec/dlq-tools/uninstall");
    let output = Running::spawn(&mut bench.command(uninstall, &[])).finish();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(output.text().contains("kept: configuration"), "{output:?}");
    assert!(!prefix.exists(), "{:?}", tree(&prefix));
}

#[test]
fn sentence_at_the_end_names_a_command_that_a_shell_can_run() {
    let (bench, _) = bench("install-words");
    let prefix = bench.path("a b'c/p");
    let output = install(&bench, &["--prefix", &prefix.display().to_string()]);
    assert_eq!(output.code(), 0, "{output:?}");
    let text = output.text();
    let (_, rest) = text.split_once("; remove it with ").unwrap();
    let removed = bench.shell(rest.lines().next().unwrap());
    assert_eq!(removed.code(), 0, "{removed:?}");
    assert!(!prefix.exists(), "{:?}", tree(&prefix));
}

#[test]
fn removal_keeps_what_others_have_put_there() {
    let (bench, prefix) = bench("install-beside");
    bench.write("prefix/bin/other", "#!/bin/sh\n");
    install_into(&bench, &prefix);
    bench.write("prefix/share/dlq-tools/notes", "mine");
    let output = script(&bench, "uninstall", &["--prefix", &prefix.display().to_string()]);
    assert_eq!(output.code(), 0, "{output:?}");
    let kept = ["bin", "bin/other", "share", "share/dlq-tools", "share/dlq-tools/notes"];
    assert_eq!(tree(&prefix), kept.map(str::to_owned).into());
}

#[test]
fn upgrade_lets_running_programs_go_on_and_removes_what_is_gone() {
    let (bench, prefix) = bench("upgrade");
    install_into(&bench, &prefix);
    let program = prefix.join("bin/dlq-log");
    let mut running = Running::spawn(bench.command(&program, &["600"]).stdin(Stdio::null()));
    let before = std::fs::metadata(&program).unwrap().ino();
    // A file of an earlier version.
    let manifest = prefix.join("share/dlq-tools/manifest");
    let listed = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, format!("{listed}f bin/dlq-former\n")).unwrap();
    bench.write("prefix/bin/dlq-former", "");
    programs(&bench, "built", Path::new("/bin/true"));
    install_into(&bench, &prefix);
    assert_ne!(std::fs::metadata(&program).unwrap().ino(), before);
    assert!(bench.command(&program, &["600"]).status().unwrap().success(), "the new one is 'true'");
    assert!(crate::support::workbench::is_alive(running.pid()), "the old one goes on");
    running.kill();
    assert!(!prefix.join("bin/dlq-former").exists());
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), listed);
}

#[test]
fn refusals_name_cause_and_remedy_and_change_nothing() {
    let (mut bench, prefix) = bench("install-refused");
    bench.write("prefix/bin/dlq-log", "of somebody else");
    bench.write("empty/x", "");
    let at = |name: &str| bench.path(name).display().to_string();
    let (prefix_text, empty) = (at("prefix"), at("empty"));
    let cases: [(&[&str], i32, &str); 7] = [
        (
            &["--prefix", &prefix_text],
            2,
            "exists, and this script has not installed it; move it away",
        ),
        (
            &["--prefix", "relative"],
            2,
            "option '--prefix': expected an absolute path, found 'relative'",
        ),
        (&["--prefix"], 2, "option '--prefix' requires a value"),
        (&["--user", "--prefix=/x"], 2, "'--user' cannot be combined with '--prefix'"),
        (&["--bin-dir", &empty], 2, "/empty'; try 'cargo build --release', or give their folder"),
        (&["--prefix", "/dev/null/x"], 2, "'/dev/null' is not a folder"),
        (&["--everything"], 2, "unexpected argument '--everything'; try 'install --help'"),
    ];
    for (args, code, message) in cases {
        let output = install(&bench, args);
        assert_eq!(output.code(), code, "{args:?}: {output:?}");
        assert!(output.stderr.starts_with("install: error: "), "{args:?}: {output:?}");
        assert!(output.stderr.contains(message), "{args:?}: {output:?}");
    }
    let found = ["bin", "bin/dlq-log"];
    assert_eq!(tree(&prefix), found.map(str::to_owned).into());
    let output = install(&bench, &["--prefix", &prefix_text, "--force"]);
    assert_eq!(output.code(), 0, "{output:?}");
    bench.set("HOME", bench.path("nothing"));
    let output = script(&bench, "uninstall", &["--user"]);
    assert_eq!(output.code(), 2, "{output:?}");
    assert!(output.stderr.contains("nothing is installed in '"), "{output:?}");
}

/// A script with an unset variable must not remove the installation of another prefix.
#[test]
fn removal_refuses_an_empty_prefix() {
    let (mut bench, _) = bench("install-empty-prefix");
    bench.set("DESTDIR", bench.path("dest"));
    for more in [&["--prefix="][..], &["--prefix", ""], &["--prefix"]] {
        let output = script(&bench, "uninstall", more);
        assert_eq!(output.code(), 2, "{more:?} {output:?}");
        assert!(output.stderr.contains("option '--prefix' requires a value"), "{output:?}");
    }
}

#[test]
fn damaged_manifest_removes_nothing() {
    let (bench, prefix) = bench("manifest");
    install_into(&bench, &prefix);
    bench.write("precious", "");
    let manifest = prefix.join("share/dlq-tools/manifest");
    let listed = std::fs::read_to_string(&manifest).unwrap();
    for line in ["f ../precious", "f /etc/passwd", "f bin/../../precious", "x bin", "d .."] {
        std::fs::write(&manifest, format!("{listed}{line}\n")).unwrap();
        let output = script(&bench, "uninstall", &["--prefix", &prefix.display().to_string()]);
        assert_eq!(output.code(), 2, "{line}: {output:?}");
        assert!(output.stderr.contains("is damaged: it names what is not below"), "{output:?}");
        assert!(prefix.join("bin/dlq-log").exists() && bench.path("precious").exists());
    }
}

#[test]
fn user_installation_needs_no_root_and_no_unit() {
    let (bench, _) = bench("install-user");
    std::fs::create_dir_all(bench.path("home")).unwrap();
    let output = install(&bench, &["--user"]);
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(output.text().contains("/home/.local/bin to PATH\n"), "{output:?}");
    let installed = tree(&bench.path("home/.local"));
    assert!(installed.contains("bin/dlq-poll") && !installed.contains("lib"), "{installed:?}");
    assert_eq!(script(&bench, "uninstall", &["--user"]).code(), 0);
    assert!(tree(&bench.path("home")).is_empty());
}

#[test]
fn destdir_precedes_all_paths_and_is_in_none() {
    let (mut bench, _) = bench("install-destdir");
    bench.set("DESTDIR", bench.path("image"));
    assert_eq!(install(&bench, &["--prefix", "/opt/dlq"]).code(), 0);
    assert!(bench.path("image/opt/dlq/bin/dlq-poll").exists());
    let unit = bench.path("image/opt/dlq/lib/systemd/system/dlq-pipeline.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    assert!(unit.contains("\nExecStart=/opt/dlq/bin/dlq-pipeline\n"), "{unit}");
    assert_eq!(script(&bench, "uninstall", &["--prefix", "/opt/dlq"]).code(), 0);
    assert_eq!(tree(&bench.path("image")), ["opt".to_owned()].into());
}

#[test]
fn folder_that_cannot_be_written_is_named_with_the_remedy() {
    if !is_root() {
        return;
    }
    let (bench, prefix) = bench("install-denied");
    let mut command = as_user(OTHER, "sh");
    command.arg(root().join("scripts/install")).arg("--prefix").arg(&prefix);
    let output = Running::spawn(command.arg("--bin-dir").arg(bench.path("built"))).finish();
    assert_eq!(output.code(), 1, "{output:?}");
    let remedy = "permission denied; run as root, or install for you with --user\n";
    assert!(output.stderr.ends_with(remedy), "{output:?}");
    assert!(!prefix.exists());
}
