//! Arguments of the programs that keys run: what no program may be given.

use super::keys::{WRITE, press};
use super::states;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::screen::{Command, Ui};

/// Returns what the script runs, with one queue of this name and an incident of this id.
fn run(name: &str, incident: &str, script: &str) -> Option<Vec<String>> {
    let mut state = Dashboard::default();
    let arn = format!("arn:aws:sqs:eu-west-1:123456789012:{name}");
    let mut queue = states::queue(&arn, Some(1));
    queue.incident = Some(incident.into());
    state.queues.insert(arn.as_str().into(), queue);
    let mut story = states::normal().incidents.remove("0190-guru").unwrap();
    (story.queue, story.name) = (arn.as_str().into(), name.into());
    state.incidents.insert(incident.into(), story);
    match press(&mut Ui::new(WRITE), &state, script) {
        Some(Command::Run(argv)) => Some(argv),
        _ => None,
    }
}

#[test]
fn silence_is_never_by_a_name_that_is_a_pattern_or_an_option() {
    assert_eq!(run("a-dlq", "i-1", "z\r").unwrap().last().unwrap(), "4h");
    for name in ["a-*", "a-?", "a-[bc]", "{a,b}", "a\\b", "!a", "-a", "--all", ""] {
        assert_eq!(run(name, "i-1", "z\r"), None, "{name}");
    }
}

#[test]
fn incident_is_never_acknowledged_by_an_id_that_is_an_option() {
    assert_eq!(run("a-dlq", "i-1", "ay").unwrap(), ["dlq-status", "--ack", "i-1"]);
    for id in ["-i", "--unack", "", &"i".repeat(300)] {
        assert_eq!(run("a-dlq", id, "ay"), None, "{id}");
    }
}

#[test]
fn silence_has_a_span_that_is_more_than_nothing() {
    for (typed, is_span) in [("0s", false), ("0", false), ("x", false), ("1s", true), ("2d", true)]
    {
        assert_eq!(run("a-dlq", "i-1", &format!("z{typed}\r")).is_some(), is_span, "{typed}");
    }
}
