//! Feature switches of the configuration, changed while a program runs.

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{QUICK_AGENT, agent};
use crate::support::workbench::{Bench, wait_for};

const OFF: &str = "features: {investigate: false, notify: false}\n";

#[test]
fn investigate_switch_takes_effect_while_running() {
    let mut bench = Bench::new("switch-investigate");
    agent(&mut bench, QUICK_AGENT, "");
    let on = std::fs::read_to_string(bench.path("config.yaml")).unwrap();
    bench.write("config.yaml", format!("{on}{OFF}"));
    let mut filter = bench.start("dlq-investigate", &[]);
    filter.write(raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0)));
    let mut message = filter.line() + &filter.line() + &filter.line();
    assert!(message.contains("\"reason\":\"disabled\""), "{message}");
    // A file that does not parse changes nothing and does not end the program.
    bench.write("config.yaml", "auto_investigation: {enabled");
    filter.write(heartbeat(seconds_ago(0)));
    message += &filter.line();
    bench.write("config.yaml", on);
    // One line comes back for each heartbeat, and the start after some of them.
    wait_for("the start", || {
        filter.write(heartbeat(seconds_ago(0)));
        message += &filter.line();
        message.contains("investigation.started")
    });
    let output = filter.finish();
    assert_eq!(output.code(), 0);
    assert!((message + &output.text()).contains("investigation.completed"));
}

#[test]
fn notify_switch_takes_effect_while_running() {
    let mut bench = Bench::new("switch-notify");
    bench.configure(OFF);
    let mut filter = bench.start("dlq-notify", &["--json"]);
    filter.write(raised("silent", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0)));
    filter.line();
    filter.line();
    bench.write("config.yaml", "");
    let mut number = 0;
    wait_for("a notice", || {
        number += 1;
        filter.write(
            heartbeat(seconds_ago(0))
                + &raised("loud", &format!("i{number}"), seconds_ago(0), None),
        );
        filter.line();
        filter.line();
        // The record of what was told, not only judged.
        let notices = std::fs::read_to_string(bench.state("notices.json")).unwrap_or_default();
        notices.contains("\"first_at\"")
    });
    let output = filter.finish();
    let notices = output.stderr;
    // What has begun meanwhile is told afterwards.
    assert!(notices.contains(" loud: ") && notices.contains(" silent: "), "{notices}");
}
