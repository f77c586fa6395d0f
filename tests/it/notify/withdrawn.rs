//! Notices that people silence or acknowledge while they wait: in the outbox, for the end of quiet hours, and for
//! the voice. Reminders and escalations have their table beside the plan.

use std::time::Duration;

use dlq::rules::speech::sound::Sound;
use dlq::time::Timestamp;

use super::outbox::entries;
use crate::support::event_lines::{cleared, heartbeat, raised, sampled, seconds_ago};
use crate::support::workbench::{Bench, Running, arguments_of, processes_of, wait_for};

/// A command that notes the subject of each notice.
const NOTING: &str = "#!/bin/sh\necho \"$DLQ_NOTICE_TITLE\" >> \"${0%/*}/../told\"\n";

/// Acknowledges an incident for an hour, as `dlq-status --ack` does.
fn acknowledge(bench: &Bench, incident: &str) {
    let now = dlq::clock::now();
    let until = now.plus(Duration::from_secs(3600));
    let ack = serde_json::json!({"key": incident, "at": now, "until": until});
    bench.write("state/acks.json", serde_json::json!({"version": 1, "acks": [ack]}).to_string());
}

fn silence(bench: &Bench) {
    let silenced = bench.run("dlq-status", &["--silence", "a-*", "1h"], "");
    assert_eq!(silenced.code(), 0, "{}", silenced.stderr);
}

fn text(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.path(name)).unwrap_or_default()
}

/// Withdraws one of two notices that wait in the outbox, where `left` stay afterwards.
fn withdraw_from_the_outbox(name: &str, left: usize, withdraw: impl Fn(&Bench)) -> Bench {
    let mut bench = Bench::new(name);
    let program = bench.stub("note", "#!/bin/sh\nexit 1\n").display().to_string();
    bench.configure(&format!(
        "notifications: {{heartbeat_rounds: 0, channels: {{c: {{type: exec, command: [{program}]}}}}}}"
    ));
    let at = seconds_ago(10);
    let lines = raised("a-dlq", "a", at, None) + &raised("b-dlq", "b", at, None);
    bench.write("state/journal.ndjson", &lines);
    bench.run("dlq-notify", &["--drain", "500ms"], lines + &heartbeat(at));
    assert_eq!(entries(&bench, "c"), 2);
    withdraw(&bench);
    bench.stub("note", NOTING);
    wait_for("the other is told", || {
        bench.run("dlq-notify", &["--drain", "1s"], "");
        entries(&bench, "c") == left
    });
    let told = text(&bench, "told");
    assert!(told.starts_with("b-dlq: ") && told.lines().count() == 1, "{told}");
    bench
}

#[test]
fn escalation_that_waits_in_the_outbox_is_not_sent_when_the_problem_has_ended() {
    let mut bench = Bench::new("outbox-over");
    let told = bench.stub("note", "#!/bin/sh\nexit 0\n").display().to_string();
    let lead = bench.stub("lead", "#!/bin/sh\nexit 1\n").display().to_string();
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels:\n    c: {{type: exec, command: [{told}]}}\n    \
         lead: {{type: exec, command: [{lead}]}}\n  routes:\n    - channels: [c]\n      clear_wait: 0s\n      \
         escalate: {{after: 1m, to: lead}}\n    - {{type: none, channels: [lead]}}\n"
    ));
    let (at, later) = (seconds_ago(600), seconds_ago(500));
    let lines = raised("a-dlq", "a", at, None) + &heartbeat(at) + &heartbeat(later);
    let output = bench.run("dlq-notify", &["--json", "--drain", "500ms"], lines);
    assert!(output.text().contains("\"notice.escalated\""), "{}", output.text());
    assert_eq!(entries(&bench, "lead"), 1);
    bench.stub("lead", NOTING);
    let (over, end) = (seconds_ago(400), seconds_ago(60));
    let lines = cleared("a-dlq", "a", over) + &heartbeat(over) + &heartbeat(end);
    bench.run("dlq-notify", &["--drain", "20s"], lines);
    // A command that fails may have told somebody.
    let told = text(&bench, "told");
    assert!(told.starts_with("a-dlq: empty again") && told.lines().count() == 1, "{told}");
    assert_eq!(entries(&bench, "lead"), 0);
}

fn withdraw_from_the_digest(name: &str, left: usize, withdraw: impl Fn(&Bench)) {
    let mut bench = Bench::new(name);
    let program = bench.stub("note", "#!/bin/sh\nexit 1\n").display().to_string();
    bench.configure(&format!(
        "notifications: {{heartbeat_rounds: 0, channels: {{c: {{type: exec, command: [{program}]}}}}}}"
    ));
    let at = seconds_ago(9000);
    // The one that is withdrawn is not the first.
    let lines = ["0", "a", "c"].map(|one| raised(&format!("{one}-dlq"), one, at, None)).concat();
    bench.run("dlq-notify", &["--drain", "300ms"], lines + &heartbeat(at));
    assert_eq!(entries(&bench, "c"), 3);
    for file in std::fs::read_dir(bench.state("outbox/c")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut entry: serde_json::Value = serde_json::from_str(&text).unwrap();
            entry["queued_at"] = serde_json::json!(at);
            entry["not_before"] = serde_json::Value::Null;
            std::fs::write(&path, entry.to_string()).unwrap();
        }
    }
    withdraw(&bench);
    bench.stub("note", "#!/bin/sh\necho \"$DLQ_NOTICE_BODY\" >> \"${0%/*}/../told\"\n");
    bench.run("dlq-notify", &["--drain", "5s"], "");
    assert_eq!(entries(&bench, "c"), left);
    let told = text(&bench, "told");
    assert!(told.starts_with("2 notices: waiting"), "{told}");
    let names = ["0-dlq", "a-dlq", "c-dlq"].map(|name| told.contains(name));
    assert_eq!(names, [true, false, true], "{told}");
}

#[test]
fn silenced_problem_is_not_in_the_digest_of_old_news() {
    withdraw_from_the_digest("old-silence", 1, silence);
}

#[test]
fn acknowledged_problem_is_not_in_the_digest_of_old_news() {
    withdraw_from_the_digest("old-ack", 0, |bench| acknowledge(bench, "a"));
}

#[test]
fn silence_holds_what_waits_in_the_outbox_until_its_end() {
    let bench = withdraw_from_the_outbox("outbox-silence", 1, silence);
    let said = explained(&bench);
    assert!(said.contains("\n    waits in the outbox after 1 attempt that failed"), "{said}");
    assert!(said.contains("failed, for the end of the silence\n"), "{said}");
    let mut running = bench.start("dlq-notify", &[]);
    wait_for("the program runs", || processes_of(&bench).contains(&running.pid()));
    let ended = bench.run("dlq-status", &["--unsilence", "a-*"], "");
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    wait_for("the outbox is empty", || entries(&bench, "c") == 0);
    assert_eq!(running.finish().code(), 0);
    let told = text(&bench, "told");
    assert!(told.contains("\na-dlq: "), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
}

/// Returns what is said of the first event of the journal.
fn explained(bench: &Bench) -> String {
    let journal = text(bench, "state/journal.ndjson");
    let event: serde_json::Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let explained = bench.run("dlq-notify", &["--explain", event["id"].as_str().unwrap()], "");
    assert_eq!((explained.code(), explained.stderr.as_str()), (0, ""));
    explained.text()
}

#[test]
fn ack_withdraws_what_waits_in_the_outbox() {
    let bench = withdraw_from_the_outbox("outbox-ack", 0, |bench| acknowledge(bench, "a"));
    let text = explained(&bench);
    let why = "    not sent: it was acknowledged while it waited in the outbox\n";
    assert!(text.ends_with(why), "{text}");
}

#[test]
fn acknowledged_problem_is_not_in_the_digest_of_quiet_hours() {
    let mut bench = Bench::new("digest-ack");
    let program = bench.stub("note", NOTING).display().to_string();
    // They end at a full minute that is one to two minutes ago.
    let end = Timestamp::from_millis((dlq::clock::now().millis() / 60_000 - 1) * 60_000);
    let time = |at: Timestamp| at.to_string()[11..16].to_owned();
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels: {{c: {{type: exec, command: [{program}], \
         quiet_hours: true}}}}\n  quiet_hours: {{zone: UTC, from: '{}', to: '{}'}}\n",
        time(end.minus(Duration::from_secs(3600))),
        time(end)
    ));
    let at = end.minus(Duration::from_secs(30));
    let lines = raised("a-dlq", "a", at, None) + &raised("b-dlq", "b", at, None);
    bench.run("dlq-notify", &[], lines + &heartbeat(at));
    assert_eq!(text(&bench, "told"), "");
    acknowledge(&bench, "a");
    bench.run("dlq-notify", &[], heartbeat(end.plus(Duration::from_secs(5))));
    let told = text(&bench, "told");
    assert!(told.contains("b-dlq") && !told.contains("a-dlq"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

fn withdraw_from_the_voice(name: &str, left: usize, withdraw: impl Fn(&Bench)) {
    let mut bench = Bench::new(name);
    bench.set("XDG_CACHE_HOME", bench.path("cache"));
    bench.write("voice.wav", Sound::Relief.wav().unwrap());
    bench.stub(
        "espeak-ng",
        "#!/bin/sh\necho \"$*\" >>\"${0%/*}/../spoken\"\ncat \"${0%/*}/../voice.wav\"\n",
    );
    // The player plays until the test lets it end.
    bench.stub(
        "mpv",
        "#!/bin/sh\nwhile [ ! -e \"${0%/*}/../open\" ]; do sleep 0.05; done\nsleep 2\n",
    );
    bench.configure(
        "notifications: {heartbeat_rounds: 0, channels: {voice: {type: speech, engine: local}}}",
    );
    let mut other: Running = bench.start("dlq-say", &["Somebody speaks"]);
    wait_for("somebody speaks", || text(&bench, "spoken").contains("Somebody"));
    let mut running = bench.start("dlq-notify", &[]);
    let at = seconds_ago(10);
    running.write(raised("a-dlq", "a", at, None) + &heartbeat(at));
    let waits = || {
        let pids = processes_of(&bench);
        pids.into_iter().any(|pid| arguments_of(pid).contains("dlq-say --channel voice"))
    };
    wait_for("dlq-say waits for the voice", waits);
    withdraw(&bench);
    wait_for("dlq-say has ended", || !waits());
    wait_for("the outbox is settled", || entries(&bench, "voice") == left);
    bench.write("open", "");
    assert_eq!(other.finish().code(), 0);
    let output = running.finish();
    let waits = "dlq-notify: warning: 1 notice waits in the outbox; the next run sends it\n";
    assert_eq!((output.code(), output.stderr.as_str()), (0, waits.repeat(left).as_str()));
    assert!(!output.text().contains("\"notice.sent\""), "{}", output.text());
    assert_eq!(text(&bench, "spoken").lines().count(), 1, "{}", text(&bench, "spoken"));
}

#[test]
fn ack_stops_a_sentence_that_waits_for_the_voice() {
    withdraw_from_the_voice("voice-ack", 0, |bench| acknowledge(bench, "a"));
}

#[test]
fn silence_stops_a_sentence_that_waits_for_the_voice() {
    withdraw_from_the_voice("voice-silence", 1, silence);
}

#[test]
fn queue_that_another_notice_stands_for_is_told_in_the_run_that_withdraws_it() {
    let mut bench = Bench::new("outbox-cause");
    bench.run("dlq-notify", &[], heartbeat(seconds_ago(10)));
    acknowledge(&bench, "a");
    let (acks, later) = (bench.path("state/acks.json"), bench.path("later.json"));
    std::fs::rename(&acks, &later).unwrap();
    // The first attempt fails, and then its incident is acknowledged.
    let script = format!(
        "#!/bin/sh\n[ -e {acks} ] || {{ mv {later} {acks}; exit 1; }}\n\
         echo \"$DLQ_NOTICE_TITLE\" >> \"${{0%/*}}/../told\"\n",
        acks = acks.display(),
        later = later.display(),
    );
    let program = bench.stub("note", &script).display().to_string();
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels: {{c: {{type: exec, command: [{program}]}}}}\n  \
         routes: [{{channels: [c], group_by: fingerprint}}]\n"
    ));
    let (at, next) = (seconds_ago(10), seconds_ago(5));
    let of = |name: &str, at| {
        let queue = format!("{name}-dlq");
        raised(&queue, name, at, None) + &sampled(&queue, name, at, &["one cause"]) + &heartbeat(at)
    };
    bench.run("dlq-notify", &["--drain", "20s"], of("a", at) + &of("b", next));
    let told = text(&bench, "told");
    assert!(told.starts_with("b-dlq: ") && told.lines().count() == 1, "{told}");
}
