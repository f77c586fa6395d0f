//! Keys that act: a program of the family after a question, a browser, the clipboard.

use super::{bench, start};
use crate::support::workbench::wait_for;

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
