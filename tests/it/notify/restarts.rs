//! Runs that are killed while something waits, and runs with a changed configuration: nothing is told
//! twice, and nothing is forgotten. Each run reads the whole journal, as `scripts/pipeline` does; the
//! time is that of the stream.

use std::time::Duration;

use dlq::time::Timestamp;

use crate::support::event_lines::{cleared, heartbeat, raised, seconds_ago};
use crate::support::workbench::{Bench, wait_for};

/// A command that notes each title by channel.
const NOTING: &str = "#!/bin/sh\necho \"$1 $DLQ_NOTICE_TITLE\" >> \"${0%/*}/../told\"\n";

/// A stream that one run after the other reads, each of which is killed.
struct Restarts {
    bench: Bench,
    begun: Timestamp,
    journal: String,
}

impl Restarts {
    /// Begins a story a number of seconds ago.
    fn new(name: &str, ago: u64) -> Self {
        let mut bench = Bench::new(name);
        bench.stub("note", NOTING);
        Restarts { bench, begun: seconds_ago(ago), journal: String::new() }
    }

    fn at(&self, second: u64) -> Timestamp {
        self.begun.plus(Duration::from_secs(second))
    }

    /// Configures channels that note what they get; `more` are the other keys.
    fn configure(&mut self, channels: &[&str], more: &str) {
        let program = self.bench.path("stubs/note").display().to_string();
        let channel = |name: &&str| format!("{name}: {{type: exec, command: [{program}, {name}]}}");
        let channels: Vec<String> = channels.iter().map(channel).collect();
        let channels = channels.join(", ");
        self.bench.configure(&format!(
            "notifications:\n  heartbeat_rounds: 0\n  channels: {{{channels}}}\n{more}"
        ));
    }

    /// Adds lines and the end of their round, lets a run read everything, and kills it when it has
    /// told `count` notices and has nothing left to do. Returns what was told since the last call.
    fn run(&mut self, second: u64, lines: &str, count: usize) -> Vec<String> {
        let end = heartbeat(self.at(second));
        self.journal += &format!("{lines}{end}");
        let before = self.told().len();
        let mut running = self.bench.start("dlq-notify", &[]);
        // A line behind the end of a round is passed on after its plan was made.
        running.write(self.journal.clone() + "{}\n");
        while running.line() != "{}\n" {}
        wait_for("the notices are told", || self.told().len() >= before + count);
        wait_for("they are recorded", || {
            let notices = std::fs::read_to_string(self.bench.state("notices.json"));
            let notices: serde_json::Value = serde_json::from_str(&notices.unwrap()).unwrap();
            notices["queue"].is_null()
        });
        running.kill();
        self.told().split_off(before)
    }

    /// Lets a last run come to its end. Returns what it has told.
    fn end(&self) -> Vec<String> {
        let before = self.told().len();
        let output = self.bench.run("dlq-notify", &[], &self.journal);
        assert_eq!(output.code(), 0, "{}", output.stderr);
        self.told().split_off(before)
    }

    fn told(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.bench.path("told")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

const RAISED: &str = "3 messages, loss time unknown";

#[test]
fn group_wait_outlives_restarts() {
    let mut story = Restarts::new("restart-group", 200);
    story.configure(&["c"], "  routes: [{severity: WARN, channels: [c], group_wait: 30s}]\n");
    let lines: String = ["a", "b", "d", "e"]
        .map(|name| raised(&format!("{name}-dlq"), name, story.at(1), None))
        .concat();
    assert_eq!(story.run(2, &lines, 0), [""; 0], "they wait for others");
    assert_eq!(story.run(20, &raised("f-dlq", "f", story.at(19), None), 0), [""; 0], "still");
    assert_eq!(story.run(32, "", 1).len(), 1, "one notice for all: {:?}", story.told());
    let all = story.told().pop().unwrap();
    assert!(all.contains("5 queues"), "{all}");
    assert_eq!(story.run(50, "", 0), [""; 0]);
    assert_eq!(story.run(51, "", 0), [""; 0]);
    assert_eq!(story.end(), [""; 0]);
}

#[test]
fn quiet_hours_outlive_restarts() {
    // The quiet hours end at a full minute that is one to two minutes ago.
    let now = dlq::clock::now().millis();
    let end = Timestamp::from_millis((now / 60_000 - 1) * 60_000);
    let ago = dlq::clock::now().since(end).as_secs() + 60;
    let mut story = Restarts::new("restart-quiet", ago);
    let time = |at: Timestamp| at.to_string()[11..16].to_owned();
    let from = time(end.minus(Duration::from_secs(3600)));
    let quiet = format!(
        "  quiet_hours: {{zone: UTC, from: '{from}', to: '{}', severity: FATAL}}\n  routes: [{{severity: \
         WARN, channels: [c]}}]\n",
        time(end)
    );
    story.configure(&["c"], &quiet);
    let config = std::fs::read_to_string(story.bench.path("config.yaml")).unwrap();
    story.bench.configure(&config.replace("type: exec", "type: exec, quiet_hours: true"));
    let lines = raised("a-dlq", "a", story.at(1), None) + &raised("b-dlq", "b", story.at(1), None);
    assert_eq!(story.run(2, &lines, 0), [""; 0], "held");
    assert_eq!(story.run(30, &raised("d-dlq", "d", story.at(29), None), 0), [""; 0], "held");
    assert_eq!(story.run(40, &cleared("b-dlq", "b", story.at(39)), 0), [""; 0], "held");
    let digest = story.run(65, "", 1);
    assert_eq!(digest.len(), 1, "{digest:?}");
    assert!(digest[0].contains("2 notices: while it was quiet"), "{digest:?}");
    assert_eq!(story.run(70, "", 0), [""; 0]);
    assert_eq!(story.end(), [""; 0]);
    let journal = std::fs::read_to_string(story.bench.state("journal.ndjson")).unwrap();
    assert_eq!(journal.matches("\"notice.held\"").count(), 3, "each wait is said once: {journal}");
}

#[test]
fn escalation_outlives_restarts() {
    let mut story = Restarts::new("restart-escalation", 280);
    let route = "{severity: WARN, channels: [c], escalate: [{after: 1m, to: lead}, {after: 2m, to: \
                 boss}]}";
    let more = format!("  routes: [{route}, {{type: none, channels: [lead, boss]}}]\n");
    story.configure(&["c", "lead", "boss"], &more);
    let line = raised("a-dlq", "a", story.at(1), None);
    assert_eq!(story.run(2, &line, 1), [format!("c a-dlq: {RAISED}")]);
    assert_eq!(story.run(30, "", 0), [""; 0], "too early");
    // The text is that of the present, to which the time of the stream is late.
    let is_step = |told: &[String], to: &str| {
        let begin = format!("{to} a-dlq: not acknowledged for ");
        matches!(told, [one] if one.starts_with(&begin) && one.ends_with(RAISED))
    };
    let told = story.run(70, "", 1);
    assert!(is_step(&told, "lead"), "{told:?}");
    assert_eq!(story.run(90, "", 0), [""; 0], "once");
    let told = story.run(130, "", 1);
    assert!(is_step(&told, "boss"), "{told:?}");
    assert_eq!(story.run(200, "", 0), [""; 0], "once");
    assert_eq!(story.end(), [""; 0]);
}

#[test]
fn changed_configuration_causes_no_storm() {
    let mut story = Restarts::new("reload", 250);
    story.configure(&["c"], "");
    let lines: String = (0..20)
        .map(|n| raised(&format!("q{n}-dlq"), &format!("i{n}"), story.at(n), None))
        .collect();
    assert_eq!(story.run(20, &lines, 1).len(), 1, "20 queues are one notice");
    // Channels and routes are added, and reminders, and an escalation.
    let route = "{severity: INFO, channels: [c, new], repeat_interval: 1m, escalate: {after: 1m, to: \
                 boss}}";
    story.configure(
        &["new", "c", "boss"],
        &format!("  routes: [{{type: none, channels: [boss]}}, {route}]\n"),
    );
    assert_eq!(story.run(100, "", 0), [""; 0]);
    assert_eq!(story.run(200, "", 0), [""; 0], "reminders and escalations count from the change");
    // Whatever comes from now on is told to the new channel, too.
    let next = raised("next-dlq", "next", story.at(210), None);
    let mut told = story.run(211, &next, 2);
    told.sort();
    assert_eq!(told, [format!("c next-dlq: {RAISED}"), format!("new next-dlq: {RAISED}")]);
    // A channel that is renamed gets what nobody was told meanwhile.
    story.configure(&["renamed"], "");
    let missed = raised("missed-dlq", "missed", story.at(220), None);
    assert_eq!(story.run(221, &missed, 1), [format!("renamed missed-dlq: {RAISED}")]);
    assert_eq!(story.end(), [""; 0]);
}
