//! Keys that act: a program of the family after a question, a browser, the clipboard.

use std::os::unix::fs::PermissionsExt;

use super::{bench, start};
use crate::support::pty::Pty;
use crate::support::workbench::{Bench, bin, wait_for};

/// A `dlq-dash` beside stand-ins for other programs.
const BESIDE: &str = "beside/dlq-dash --write";

#[test]
fn keys_act_with_write_and_after_a_question_only() {
    let bench = bench("dash-ack");
    let acks = || std::fs::read_to_string(bench.state("acks.json")).unwrap_or_default();
    let mut pty = start(&bench, "dlq-dash");
    pty.write("a");
    pty.wait_for_text("--write");
    pty.write("yq");
    assert!(pty.finish().success() && acks().is_empty());

    let mut pty = start(&bench, "dlq-dash --write");
    pty.write("jan");
    pty.wait_for_text("nothing was done");
    assert!(acks().is_empty());
    pty.write("a");
    pty.wait_for_text("cknowledge");
    pty.write("y");
    // The journal of this test knows the incident, and the documents do not.
    pty.wait_for_text("no open incident");
    pty.write("z");
    pty.wait_for_text("silence 'orders-dlq' for");
    pty.write("\r");
    pty.wait_for_text("done");
    pty.wait_for_text("⊗ silenced");
    let silences = std::fs::read_to_string(bench.state("silences.json")).unwrap();
    assert!(silences.contains("orders-dlq"), "{silences}");
    pty.write("q");
    assert!(pty.finish().success());
}

#[test]
fn address_opens_in_the_browser_of_a_desktop() {
    let mut bench = bench("dash-open");
    bench.stub("xdg-open", "#!/bin/sh\necho \"$#: $1\" >\"${0%/*}/../opened\"\n");
    let mut pty = start(&bench, "dlq-dash");
    pty.write("jo");
    pty.wait_for_text("no desktop");
    pty.write("q");
    assert!(pty.finish().success());
    bench.set("DISPLAY", ":0");
    let mut pty = start(&bench, "dlq-dash");
    pty.write("jo");
    let opened = || std::fs::read_to_string(bench.path("opened")).unwrap_or_default();
    wait_for("the browser", || opened().ends_with('\n'));
    assert!(opened().starts_with("1: https://us-east-1.console.aws.amazon.com/"), "{}", opened());
    pty.write("q");
    assert!(pty.finish().success());
}

#[test]
fn name_is_copied_by_the_terminal() {
    let bench = bench("dash-copy");
    let mut pty = start(&bench, "dlq-dash");
    pty.write("jy");
    // The base64 of 'orders-dlq'.
    pty.wait_for("the sequence", |pty| {
        String::from_utf8_lossy(&pty.bytes()).contains("\x1b]52;c;b3JkZXJzLWRscQ==\x07")
    });
    pty.write("q");
    assert!(pty.finish().success());
}

/// Starts a dashboard that finds a script in place of `dlq-investigate` beside it.
fn start_beside(bench: &Bench, command: &str, script: &str) -> Pty {
    let beside = bench.path("beside");
    std::fs::create_dir(&beside).unwrap();
    // A program finds itself by its file, whatever the link.
    std::fs::copy(bin("dlq-dash"), beside.join("dlq-dash")).unwrap();
    for name in ["dlq-investigate", "dlq-redrive"] {
        let program = bench.write(&format!("beside/{name}"), format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    start(bench, command)
}

#[test]
fn redrive_that_is_installed_moves_messages_after_a_question() {
    let bench = bench("dash-redrive");
    let mut pty = start_beside(&bench, BESIDE, "echo \"${0##*/} $*\" >>started");
    pty.write("jRy");
    let started = || std::fs::read_to_string(bench.path("started")).unwrap_or_default();
    wait_for("the program", || started().ends_with('\n'));
    assert!(started().starts_with("dlq-redrive arn:aws:sqs:"), "{}", started());
    pty.write("q");
    assert!(pty.finish().success());
}

/// A configuration of the current folder is found again by the program, and stays untrusted.
#[test]
fn configuration_of_the_current_folder_is_not_named_to_a_program() {
    let named = "DLQ_CONFIG=$PWD/config/config.yaml beside/dlq-dash --write";
    for (command, is_named) in [(named, true), (BESIDE, false)] {
        let bench = bench("dash-config");
        bench.write("config/config.yaml", "");
        let mut pty = start_beside(&bench, command, "echo \"$@\" >>started");
        pty.write("jiy");
        let started = || std::fs::read_to_string(bench.path("started")).unwrap_or_default();
        wait_for("the program", || started().ends_with('\n'));
        assert_eq!(started().contains(" --config "), is_named, "{}", started());
        pty.write("q");
        assert!(pty.finish().success());
    }
}

#[test]
fn action_that_runs_is_shown_and_starts_once() {
    let bench = bench("dash-runs");
    let script = "echo \"$@\" >>started; until [ -e go ]; do sleep .05; done";
    let mut pty = start_beside(&bench, BESIDE, script);
    pty.write("jiy");
    let started = || std::fs::read_to_string(bench.path("started")).unwrap_or_default();
    wait_for("the program", || started().ends_with('\n'));
    assert!(started().starts_with("--retry arn:") && started().contains(" --no-wait"));
    pty.wait_for_text("runs: dlq-investigate");
    pty.write("i");
    pty.wait_for_text("it runs already");
    bench.write("go", "");
    pty.wait_for_text("done");
    assert_eq!(started().lines().count(), 1);
    pty.write("q");
    assert!(pty.finish().success());
}

#[test]
fn long_output_of_an_action_is_no_failure() {
    let bench = bench("dash-long-output");
    let mut pty = start_beside(&bench, BESIDE, "head -c 300000 /dev/zero");
    pty.write("jiy");
    pty.wait_for_text("done");
    pty.write("q");
    assert!(pty.finish().success());
}
