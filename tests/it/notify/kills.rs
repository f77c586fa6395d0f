//! `dlq-notify`, killed at fifty moments between the draft of a delivery and its record: no notice is
//! lost, and none is told twice by one run or under two ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::dice::{Dice, campaigns};
use crate::support::http::HttpServer;
use crate::support::workbench::{Bench, event, signal, wait_for};

const KILLS: usize = 50;
/// The events of one run.
const EVENTS: usize = 6;
/// The longest wait for a moment, which may have passed between two looks.
const MOMENT: Duration = Duration::from_secs(1);

/// A command that notes its start, then the run, the id and the event that it tells. Without an event,
/// because the run was killed before it wrote one, it tells nothing.
const NOTING: &str = "#!/bin/sh\nread -r line || exit 1\necho \"$DLQ_NOTICE_ID\" >> \"${0%/*}/../begun\"\n\
                      echo \"$PPID $DLQ_NOTICE_ID $line\" >> \"${0%/*}/../told\"\n";

/// The moments at which a run is killed, in the order in which it comes to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Start,
    Draft,
    Plan,
    Rename,
    Attempt,
    Answer,
    Journal,
    Record,
}

const MOMENTS: [Moment; 8] = [
    Moment::Start,
    Moment::Draft,
    Moment::Plan,
    Moment::Rename,
    Moment::Attempt,
    Moment::Answer,
    Moment::Journal,
    Moment::Record,
];

fn text(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.path(name)).unwrap_or_default()
}

/// Returns the names of the files of an outbox with this ending.
fn files(bench: &Bench, channel: &str, ending: &str) -> BTreeSet<String> {
    let listed = std::fs::read_dir(bench.state("outbox").join(channel));
    let names = listed.into_iter().flatten().flatten();
    let names = names.map(|file| file.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(ending)).collect()
}

/// The files as they were before a run.
struct Before {
    drafts: BTreeSet<String>,
    entries: BTreeSet<String>,
    begun: usize,
    told: usize,
    journal: usize,
}

impl Before {
    fn look(bench: &Bench) -> Self {
        Before {
            drafts: files(bench, "c", ".draft"),
            entries: files(bench, "c", ".json"),
            begun: text(bench, "begun").len(),
            told: text(bench, "told").len(),
            journal: text(bench, "state/journal.ndjson").len(),
        }
    }

    /// Returns whether a run whose last event is `last` has come to a moment.
    fn is_reached(&self, bench: &Bench, moment: Moment, last: &str) -> bool {
        match moment {
            Moment::Start => true,
            Moment::Draft => !files(bench, "c", ".draft").is_subset(&self.drafts),
            Moment::Plan => text(bench, "state/notices.json").contains(&format!("\"{last}\"")),
            Moment::Rename => !files(bench, "c", ".json").is_subset(&self.entries),
            Moment::Attempt => text(bench, "begun").len() > self.begun,
            Moment::Answer => text(bench, "told").len() > self.told,
            Moment::Journal => text(bench, "state/journal.ndjson").len() > self.journal,
            Moment::Record => !self.entries.is_subset(&files(bench, "c", ".json")),
        }
    }
}

fn lines(from: usize, count: usize) -> String {
    (from..from + count).map(|n| event("queue.odd", &format!("id-{n}"), "ERROR", "")).collect()
}

/// `DLQ_LONG`, as `scripts/check --long kills` sets it, runs more campaigns.
#[test]
fn kills_between_draft_and_record_lose_no_notice() {
    for seed in 0..campaigns() {
        campaign(Dice(0xd0_5eed + seed));
    }
}

fn campaign(mut dice: Dice) {
    let posted: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let seen = posted.clone();
    let server = HttpServer::start(move |request, reply| {
        let id = request.header("webhook-id").unwrap_or_default().to_owned();
        let event = request.json()["data"]["event"]["id"].as_str().unwrap_or("?").to_owned();
        seen.lock().unwrap().push((event, id));
        reply.send(200, "text/plain", "")
    });
    let mut bench = Bench::new("notify-kills");
    let program = bench.stub("note", NOTING).display().to_string();
    let hook = format!("{{type: webhook, url: '{}/hook', rate: 1000/s}}", server.url);
    bench.configure(&format!(
        "notifications: {{channels: {{c: {{type: exec, command: [{program}]}}, hook: {hook}}}}}"
    ));
    let mut hits: BTreeMap<Moment, usize> = BTreeMap::new();
    let mut total = 0;
    for kill in 0..KILLS {
        let moment = MOMENTS[kill % MOMENTS.len()];
        let before = Before::look(&bench);
        let mut running = bench.start("dlq-notify", &[]);
        // The run before was killed, so its events are replayed, as the journal is.
        let replayed = EVENTS.min(total);
        running.write(lines(total - replayed, replayed + EVENTS));
        total += EVENTS;
        let (last, begun) = (format!("id-{}", total - 1), Instant::now());
        let mut is_hit = false;
        while !is_hit && begun.elapsed() < MOMENT {
            is_hit = before.is_reached(&bench, moment, &last);
        }
        *hits.entry(moment).or_default() += usize::from(is_hit);
        let span = if moment == Moment::Start { 60_000 } else { 6_000 };
        let until = Instant::now() + Duration::from_micros(dice.roll(span));
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        signal("KILL", running.pid());
        drop(running.finish());
    }
    let output = bench.run("dlq-notify", &[], lines(0, total));
    assert_eq!(output.code(), 0, "{}", output.stderr);
    // A command that a killed run has started may still write.
    let begun = || text(&bench, "begun").lines().count();
    wait_for("all commands have ended", || text(&bench, "told").lines().count() == begun());

    let mut told: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for line in text(&bench, "told").lines() {
        let [run, id, event] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        let event = event["id"].as_str().unwrap().to_owned();
        told.entry(event).or_default().push((run.to_owned(), id.to_owned()));
    }
    assert_eq!(told.len(), total, "lost; moments: {hits:?}");
    for (event, tellings) in &told {
        let runs: BTreeSet<&String> = tellings.iter().map(|(run, _)| run).collect();
        assert_eq!(runs.len(), tellings.len(), "{event} was told twice by a run: {tellings:?}");
        assert!(tellings.iter().all(|(_, id)| *id == tellings[0].1), "{event}: {tellings:?}");
    }
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (event, id) in posted.lock().unwrap().drain(..) {
        ids.entry(event).or_default().insert(id);
    }
    assert_eq!(ids.len(), total, "lost by the webhook; moments: {hits:?}");
    assert!(ids.values().all(|ids| ids.len() == 1), "two ids: {ids:?}");
    for channel in ["c", "hook"] {
        for ending in [".json", ".draft"] {
            assert_eq!(files(&bench, channel, ending), BTreeSet::new(), "{channel}");
        }
    }
    // A draft can come and go between two looks.
    assert!(hits.values().sum::<usize>() >= KILLS * 3 / 5 && hits[&Moment::Record] > 0, "{hits:?}");
    let notices: serde_json::Value =
        serde_json::from_str(&text(&bench, "state/notices.json")).unwrap();
    assert_eq!(notices["queue"], serde_json::Value::Null, "no delivery is on record");
}
