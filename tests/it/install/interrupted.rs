//! Installations and removals that are stopped, killed, made twice at once, or that fail halfway: what is
//! left can be installed again and removed.

use std::path::Path;
use std::process::Stdio;

use super::prefix::{bench, install, install_into};
use super::{root, script, tree};
use crate::support::workbench::{Bench, Output, Running, wait_for};

/// Puts a program of the system in the way: a call with this end of an argument does something else first.
fn trip(bench: &mut Bench, program: &str, end: &str, action: &str) {
    let line = format!(
        "#!/bin/sh\nfor word; do case $word in *{end}) {action};; esac; done\nexec /bin/{program} \"$@\"\n"
    );
    bench.stub(program, &line);
}

fn leftovers(prefix: &Path) -> Vec<String> {
    let is_left = |path: &String| path.contains("dlq-new") || path.contains("/running.");
    tree(prefix).into_iter().filter(is_left).collect()
}

#[track_caller]
fn uninstall(bench: &Bench, prefix: &Path) -> Output {
    script(bench, "uninstall", &["--prefix", &prefix.display().to_string()])
}

#[test]
fn failed_installation_names_the_command_that_removes_it() {
    for dest in ["", "image"] {
        let (mut bench, prefix) = bench("install-failed");
        let (mut made, kept) = (prefix.clone(), "share/man");
        if !dest.is_empty() {
            bench.set("DESTDIR", bench.path(dest));
            made = bench.path(dest).join(prefix.strip_prefix("/").unwrap());
        }
        // A file in the place of a folder.
        std::fs::create_dir_all(made.join(kept).parent().unwrap()).unwrap();
        std::fs::write(made.join(kept), "").unwrap();
        let output = install(&bench, &["--prefix", &prefix.display().to_string()]);
        assert_eq!(output.code(), 1, "{output:?}");
        assert!(made.join("bin/dlq-log").exists(), "it failed halfway");
        assert_eq!(leftovers(&made), [""; 0]);
        let remedy = output.stderr.trim_end().rsplit_once("remove what is there: ").unwrap().1;
        bench.unset("DESTDIR");
        let removed = bench.shell(remedy);
        assert_eq!(removed.code(), 0, "{remedy}: {removed:?}");
        let left = tree(&made);
        assert!(left.contains(kept) && left.len() <= 2, "{left:?}");
    }
}

#[test]
fn stopped_installation_leaves_no_half_file() {
    for signal in ["HUP", "INT", "TERM"] {
        let (mut bench, prefix) = bench("install-stopped");
        trip(&mut bench, "cp", "dlq-peek.1.dlq-new", &format!("kill -{signal} $PPID"));
        let output = install(&bench, &["--prefix", &prefix.display().to_string()]);
        assert!(!output.status.success(), "{output:?}");
        assert!(prefix.join("bin/dlq-log").exists(), "it was stopped halfway");
        assert_eq!(leftovers(&prefix), [""; 0], "{signal}");
        assert_eq!(uninstall(&bench, &prefix).code(), 0);
        assert!(!prefix.exists(), "{:?}", tree(&prefix));
    }
}

#[test]
fn leftovers_of_a_killed_installation_go_with_the_next_run() {
    let stop = "/bin/cp \"$@\"; kill -KILL $PPID";
    let (mut bench, prefix) = bench("install-killed");
    for again in [true, false] {
        trip(&mut bench, "cp", "dlq-peek.1.dlq-new", stop);
        let output = install(&bench, &["--prefix", &prefix.display().to_string()]);
        assert!(!output.status.success(), "{output:?}");
        let left = leftovers(&prefix);
        assert_eq!(left.len(), 2, "a file and the lock: {left:?}");
        bench.stub("cp", "#!/bin/sh\nexec /bin/cp \"$@\"\n");
        if again {
            install_into(&bench, &prefix);
            assert_eq!(leftovers(&prefix), [""; 0]);
        }
        assert_eq!(uninstall(&bench, &prefix).code(), 0);
        assert!(!prefix.exists(), "{:?}", tree(&prefix));
    }
}

#[test]
fn killed_removal_can_be_repeated_by_the_installed_command() {
    for (program, at) in [
        ("rm", "/share/zsh/site-functions/_dlq-poll"),
        ("rmdir", "/share/zsh"),
        ("rmdir", "/libexec/dlq-tools"),
    ] {
        let (mut bench, prefix) = bench("uninstall-killed");
        install_into(&bench, &prefix);
        // The call may be that of a subshell, whose parent is the script.
        let stop = format!(
            "[ -e '{0}' ] || {{ echo >'{0}'; kill -KILL $(cat script) $PPID; }}",
            bench.path("once").display()
        );
        trip(&mut bench, program, at, &stop);
        let command = prefix.join("libexec/dlq-tools/uninstall");
        let line = format!("echo $$ >script; exec '{}'", command.display());
        let killed = bench.shell(&line);
        assert!(!killed.status.success(), "{killed:?}");
        let output = Running::spawn(&mut bench.command(&command, &[])).finish();
        assert_eq!(output.code(), 0, "{program} {at}: {output:?}");
        assert!(!prefix.exists(), "{:?}", tree(&prefix));
    }
}

#[test]
fn second_run_on_one_prefix_is_refused_while_the_first_works() {
    let (mut bench, prefix) = bench("install-twice");
    install_into(&bench, &prefix);
    let wait = "echo >waiting; until [ -e go ]; do sleep 0.02; done";
    trip(&mut bench, "cp", "dlq-peek.1.dlq-new", wait);
    let (built, to) = (bench.path("built"), prefix.display().to_string());
    let args = ["--bin-dir", built.to_str().unwrap(), "--prefix", &to];
    let mut first = Running::spawn(&mut bench.command(root().join("scripts/install"), &args));
    wait_for("the first one", || bench.path("waiting").exists());
    for name in ["install", "uninstall"] {
        let args = if name == "install" { &args[..] } else { &args[2..] };
        let output = script(&bench, name, args);
        assert_eq!(output.code(), 1, "{name}: {output:?}");
        let message = format!(
            "{name}: error: another 'install' or 'uninstall' changes '{to}' (process {}); try again when",
            first.pid()
        );
        assert!(output.stderr.starts_with(&message), "{output:?}");
    }
    bench.write("go", "");
    assert_eq!(first.finish().code(), 0);
    assert_eq!(leftovers(&prefix), [""; 0]);
    assert!(prefix.join("bin/dlq-log").exists());
    // A removal holds an installation up in the same way.
    std::fs::remove_file(bench.path("go")).unwrap();
    std::fs::remove_file(bench.path("waiting")).unwrap();
    trip(&mut bench, "rm", "/bin/dlq-log", wait);
    let mut command = bench.command(root().join("scripts/uninstall"), &args[2..]);
    let mut first = Running::spawn(command.stdin(Stdio::null()));
    wait_for("the removal", || bench.path("waiting").exists());
    let output = script(&bench, "install", &args);
    assert_eq!(output.code(), 1, "{output:?}");
    bench.write("go", "");
    assert_eq!(first.finish().code(), 0);
    assert!(!prefix.exists(), "{:?}", tree(&prefix));
}
