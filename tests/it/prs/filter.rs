//! The stream through `dlq-prs`.

use super::*;
use crate::support::event_lines::unusual_lines;
use crate::support::workbench::{Running, event, processes_of, wait_for};

fn completed(n: u32) -> String {
    let data = format!(r#","data":{{"session":{{"id":"{}"}}}}"#, id(n));
    event("investigation.completed", &format!("completed-{n}"), "INFO", &data)
}

fn assert_no_process_left(machine: &Machine) {
    wait_for("the end of all children", || processes_of(&machine.bench).is_empty());
}

#[test]
fn lines_pass_at_once_while_the_server_hangs() {
    let Some(site) = Site::new("prs-hang", "") else { return };
    site.plant(1);
    site.act("faults", json!({"kind": "hang", "times": null}));
    let mut running = site.machine.bench.start("dlq-prs", &[]);
    wait_for("both children ask", || {
        let faults = site.server.read("faults").to_string();
        faults.contains("\"hits\":2") || faults.contains("\"hits\": 2")
    });
    let lines = unusual_lines() + &completed(9);
    running.write(&lines);
    let mut passed = String::new();
    while passed.len() < lines.len() {
        passed.push_str(&running.line());
    }
    assert_eq!(passed, lines);
    running.kill();
    site.act("faults", json!({"kind": "close", "times": null}));
    drop(site.server);
    assert_no_process_left(&site.machine);
}

#[test]
fn forged_line_opens_nothing_that_its_session_does_not_hold() {
    let Some(site) = Site::new("prs-forged", "") else { return };
    site.machine.plant(1, &site.base, |session, _| session["offers_patch"] = json!(false));
    site.machine.plant(2, &site.base, |session, _| session["status"] = json!("failed"));
    site.machine.plant(3, &site.base, |session, _| session["status"] = json!("running"));
    let data = r#","data":{"session":{"id":"x"},"patch":"/etc/passwd","proof":{"grade":"proven"}}"#;
    let forged = event("investigation.completed", "forged", "INFO", data);
    let lines: String = (1..=4).map(completed).collect::<String>() + &forged;
    let output = site.machine.bench.run("dlq-prs", &[], &lines);
    assert_eq!((output.code(), output.text()), (0, lines));
    assert!(site.branches().is_empty() && site.pulls().is_empty());
    assert_no_process_left(&site.machine);
    site.assert_allowed();
}

#[test]
fn completed_session_leads_to_a_pull_request_while_lines_flow() {
    let Some(site) = Site::new("prs-stream", "") else { return };
    let mut running = site.machine.bench.start("dlq-prs", &[]);
    wait_for("the first look", || !site.machine.document("prs.json")["look"].is_null());
    site.plant(1);
    let line = completed(1);
    running.write(&line);
    assert_eq!(running.line(), line);
    let opened: Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!((&opened["type"], &opened["data"]["session"]), (&json!("pr.opened"), &json!(id(1))));
    assert_eq!(site.machine.journal().last(), Some(&opened));
    // Another line of the same session opens nothing.
    running.write(&line);
    let output = running.finish();
    assert_eq!((output.code(), output.text()), (0, line));
    assert_eq!(site.pulls().len(), 1);
    site.assert_allowed();
}

#[test]
fn end_of_the_input_waits_for_an_opening() {
    let Some(site) = Site::new("prs-eof", "") else { return };
    site.plant(1);
    site.act("faults", json!({"method": "POST", "path": "pulls$", "delay_ms": 1500}));
    let output = site.machine.bench.run("dlq-prs", &[], completed(1));
    let text = output.text();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(text.starts_with(&completed(1)), "{text}");
    assert_eq!(types(&events(&text)).iter().filter(|kind| **kind == "pr.opened").count(), 1);
    assert_no_process_left(&site.machine);
    site.assert_allowed();
}

#[test]
fn killed_filter_leaves_its_opening_to_finish_and_nothing_is_told_twice() {
    let Some(site) = Site::new("prs-killed-filter", "") else { return };
    site.plant(1);
    site.act("faults", json!({"method": "POST", "path": "pulls$", "delay_ms": 1500}));
    let mut running = site.machine.bench.start("dlq-prs", &[]);
    wait_for("the pull request is asked for", || site.machine.fix(1)["step"] == json!("pushed"));
    running.kill();
    wait_for("the opening is recorded", || site.machine.fix(1)["step"] == json!("opened"));
    assert_no_process_left(&site.machine);
    let output = site.machine.bench.run("dlq-prs", &[], completed(1));
    assert_eq!((output.code(), output.text()), (0, completed(1)));
    assert_eq!(types(&site.machine.journal()), ["pr.opened"]);
    assert_eq!((site.pulls().len(), site.branches().len()), (1, 1));
    site.assert_allowed();
}

#[test]
fn stdin_of_a_person_only_watches() {
    let Some(site) = Site::new("prs-null-input", "") else { return };
    site.plant(1);
    site.pull("Fix it");
    let output = site.machine.bench.shell("dlq-prs </dev/null");
    assert_eq!(types(&events(&output.text())), ["pr.found"], "{output:?}");
    let output = site.machine.bench.run("dlq-prs", &["--once"], completed(1));
    assert_eq!((output.code(), output.text()), (0, String::new()));
    assert_eq!(site.pulls().len(), 1);
    assert!(site.branches().is_empty());
    site.assert_allowed();
}

#[test]
fn follow_goes_on_until_its_reader_ends() {
    let Some(site) = Site::new("prs-follow", "  interval: 1h\n") else { return };
    site.pull("Fix it");
    let line = "{ dlq-prs --follow; echo $? >status; } | head -n 1";
    let output = site.machine.bench.shell(line);
    assert_eq!(types(&events(&output.text())), ["pr.found"], "{output:?}");
    let status = std::fs::read_to_string(site.machine.bench.path("status")).unwrap();
    assert_eq!(status, "0\n", "{output:?}");
    site.assert_allowed();
}

/// Changes something before each look, and reads what is printed of it.
fn assert_each_look_tells_its_change(site: &Site, running: &mut Running, merged: u64, closed: u64) {
    let mut next = || -> Value { serde_json::from_str(&running.line()).unwrap() };
    let number = |told: &Value| told["data"]["pr"]["number"].clone();
    let mut all = vec![next(), next()];
    assert_eq!(types(&all), ["pr.found", "pr.found"]);
    site.on("merge", merged, json!({"login": "bob", "method": "merge"}));
    all.push(next());
    assert_eq!((&all[2]["type"], number(&all[2])), (&json!("pr.merged"), json!(merged)));
    site.server.queue_fault("forbidden", "POST", "graphql");
    all.push(next());
    assert_eq!((&all[3]["type"], number(&all[3])), (&json!("pr.unreadable"), Value::Null));
    site.on("state", closed, json!({"state": "closed"}));
    all.push(next());
    assert_eq!((&all[4]["type"], number(&all[4])), (&json!("pr.closed"), json!(closed)));
    assert_eq!(site.machine.journal(), all, "each is told once");
    assert_eq!(site.machine.document("prs.json")["look"]["failure"], Value::Null);
}

#[test]
fn followed_looks_tell_changes_and_faults_between_them_once() {
    let Some(site) = Site::new("prs-follow-looks", "  interval: 10s\n") else { return };
    let (first, second) = (site.pull("Fix it"), site.pull("Another"));
    let mut running = site.machine.bench.start("dlq-prs", &["--follow"]);
    assert_each_look_tells_its_change(&site, &mut running, first, second);
    assert_eq!(running.stderr().matches("could not all be read").count(), 1);
    running.kill();
    site.assert_allowed();
}

#[test]
fn looks_of_the_stream_tell_changes_and_faults_between_them_once() {
    let Some(site) = Site::new("prs-stream-looks", "  interval: 10s\n") else { return };
    let (first, second) = (site.pull("Fix it"), site.pull("Another"));
    let mut running = site.machine.bench.start("dlq-prs", &[]);
    assert_each_look_tells_its_change(&site, &mut running, first, second);
    let line = completed(9);
    running.write(&line);
    let output = running.finish();
    // One of its looks was not whole.
    assert_eq!((output.code(), output.text()), (1, line), "{output:?}");
    assert_eq!(output.stderr.matches("could not all be read").count(), 1, "{output:?}");
    assert_no_process_left(&site.machine);
    site.assert_allowed();
}

#[test]
fn missing_token_is_said_once_and_lines_pass() {
    let Some(mut site) = Site::new("prs-no-token", "") else { return };
    site.machine.bench.set("DLQ_GITHUB_INTERVAL", "10s");
    let config = std::fs::read_to_string(site.machine.bench.path("config.yaml")).unwrap();
    let without: String = config
        .lines()
        .filter(|line| !line.contains("token:"))
        .map(|line| format!("{line}\n"))
        .collect();
    site.machine.bench.configure(&without);
    site.plant(1);
    let output = site.machine.bench.run("dlq-prs", &[], completed(1) + &completed(2));
    assert_eq!((output.code(), output.text()), (1, completed(1) + &completed(2)));
    let fatal = output.stderr.matches("fatal: no token for").count();
    assert!(fatal <= 2 && output.stderr.contains("nothing is opened or watched"), "{output:?}");
    assert!(site.branches().is_empty());
}

/// An editor writes half a file: looks and openings go on when it is whole again.
#[test]
fn configuration_that_is_wrong_for_a_moment_stops_nothing_for_good() {
    let Some(mut site) = Site::new("prs-wrong-config", "") else { return };
    site.machine.bench.set("DLQ_GITHUB_INTERVAL", "10s");
    let config = site.machine.bench.path("config.yaml");
    let good = std::fs::read_to_string(&config).unwrap();
    let mut running = site.machine.bench.start("dlq-prs", &[]);
    wait_for("the first look", || !site.machine.document("prs.json")["look"].is_null());
    std::fs::write(&config, format!("{good}x: [\n")).unwrap();
    site.plant(1);
    running.write(completed(1));
    let first = site.machine.document("prs.json")["look"]["at"].clone();
    assert_eq!(running.line(), completed(1));
    wait_for("the next look has failed", || running.stderr().contains("nothing is opened"));
    std::fs::write(&config, &good).unwrap();
    let opened = running.line();
    assert!(opened.contains("pr.opened"), "{opened}");
    assert_ne!(site.machine.document("prs.json")["look"]["at"], first);
    let output = running.finish();
    assert_eq!(output.stderr.matches("nothing is opened or watched").count(), 1, "{output:?}");
    assert!(output.stderr.contains("the configuration is right again"), "{output:?}");
    site.assert_allowed();
}
