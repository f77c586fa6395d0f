//! Real pipeline, killed again and again while new queues are raised: no notice is lost and no
//! investigation starts twice.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::dice::{Dice, campaigns, is_long};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, read_text,
};
use crate::support::poll::bench;
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::{
    Bench, Running, arguments_of, bin, processes_of, signal, wait_for,
};

/// The stages of the pipeline that run on, dlq-poll first.
const STAGES: usize = 7;

/// What happens just before a kill.
#[derive(Clone, Copy)]
enum Moment {
    Any,
    /// The newest raise is in the journal and not yet printed.
    Raised,
    /// dlq-poll has read the depth of the new queue and not yet reported it.
    Counted,
}

/// Returns each kind of kill, a moment and a victim, once and in a random order.
fn kinds(dice: &mut Dice) -> Vec<(Moment, usize)> {
    let each = |moment| (0..STAGES).map(move |victim| (moment, victim));
    let mut kinds: Vec<_> = each(Moment::Any).chain(each(Moment::Raised)).collect();
    kinds.push((Moment::Counted, 0));
    for at in 1..kinds.len() {
        let other = usize::try_from(dice.roll(at as u64 + 1)).unwrap();
        kinds.swap(at, other);
    }
    kinds
}

/// Returns the processes of the stages once all of them run.
fn stage_pids(bench: &Bench) -> Option<[i32; STAGES]> {
    let all: Vec<(i32, String)> =
        processes_of(bench).into_iter().map(|pid| (pid, arguments_of(pid))).collect();
    let find = |name: &str, more: &str| {
        let is = |line: &str| {
            let program = line.split(' ').next().unwrap_or_default();
            program.ends_with(name) && line.contains(more)
        };
        all.iter().find(|(_, line)| is(line)).map(|(pid, _)| *pid)
    };
    let poll = find("/dlq-poll", "--follow")?;
    let filters = [
        find("/dlq-purge", "--archive-only")?,
        find("/dlq-investigate", "--no-wait")?,
        find("/dlq-prs", "")?,
        find("/dlq-redrive", "--auto")?,
        find("/dlq-notify", "")?,
        find("/dlq-metrics", "")?,
    ];
    let [purge, investigate, prs, redrive, notify, metrics] = filters;
    Some([poll, purge, investigate, prs, redrive, notify, metrics])
}

/// Every kind of kill comes at least once. `DLQ_LONG`, as `scripts/check --long kills` sets it, runs more
/// campaigns of 100 kills: a longer one would take quadratic time, because each restart replays the journal.
#[test]
fn kills_of_stages_lose_no_notice_and_start_nothing_twice() {
    for seed in 0..campaigns() {
        campaign(Dice(0x5eed + seed));
    }
}

fn campaign(mut dice: Dice) {
    let sqs = FakeSqs::start();
    let mut bench = bench("kills", &sqs.url);
    agent(
        &mut bench,
        &format!("echo \"$DLQ_INCIDENT\" >> \"@/ran\"\n{QUICK_AGENT}"),
        "cooldown_hours: 0",
    );
    // dlq-poll may have listed the queues before a queue is made.
    let monitoring = "monitoring: {discover: name, discovery_interval: 1s}\n";
    let config = read_text(&bench, "config.yaml") + monitoring;
    bench.configure(&config);
    bench.set("DLQ_PIPELINE_BACKOFF", "0.02");
    bench.set("DLQ_BIN", bin("dlq-poll").parent().unwrap());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pipeline");
    let mut stderr = String::new();
    // A multiple of the kills of one pipeline, and at least as many as there are kinds.
    let kills: usize = if is_long() { 100 } else { 16 };
    let mut left = Vec::new();
    // Each kill comes with a new queue, which has messages from the first poll on.
    let mut queues: usize = 1;
    sqs.state().queue("q000-dlq").depth(3);
    // The pause before a restart doubles, so the pipeline itself is restarted now and then.
    while queues <= kills {
        let mut command = bench.command(script, &["--interval", "1s", "--", "--refresh"]);
        let mut pipeline = Running::spawn(command.stdin(Stdio::null()));
        for _ in 0..4 {
            let mut found = None;
            wait_for("all stages run", || {
                found = stage_pids(&bench);
                found.is_some()
            });
            if left.is_empty() {
                left = kinds(&mut dice);
            }
            let (moment, victim) = left.pop().unwrap();
            if matches!(moment, Moment::Raised) {
                let line = format!("\"queue.raised\",\"subject\":\"q{:03}-dlq\"", queues - 1);
                wait_for("the raise is in the journal", || {
                    read_text(&bench, "state/journal.ndjson").contains(&line)
                });
            }
            let name = format!("q{queues:03}-dlq");
            sqs.state().queue(&name).depth(3);
            queues += 1;
            if matches!(moment, Moment::Counted) {
                wait_for("its messages are counted", || {
                    sqs.state().requests.iter().any(|one| one.queue == name)
                });
            }
            let span = if matches!(moment, Moment::Any) { 60 } else { 20 };
            let until = Instant::now() + Duration::from_millis(dice.roll(span));
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            signal("KILL", found.unwrap()[victim]);
            wait_for("it was seen", || stage_pids(&bench) != found);
        }
        signal("TERM", pipeline.pid());
        stderr += &pipeline.finish().stderr;
    }
    let mut command = bench.command(script, &["--once", "--", "--refresh"]);
    let mut last = Running::spawn(command.stdin(Stdio::null()));
    let output = last.finish();
    assert_eq!(output.code(), 0, "{output:?}");
    stderr += &output.stderr;
    // One run begins no more sessions than may run at once.
    wait_for("all incidents are investigated", || {
        investigate(&bench, &[], "");
        read_text(&bench, "ran").lines().count() >= queues
    });
    assert_no_process_left(&bench);

    for n in 0..queues {
        // Several raises at once are one notice, in which each has a line or, beyond 8, a name.
        let (alone, name) = (format!("q{n:03}-dlq: 3 messages, "), format!("q{n:03}-dlq"));
        let is_it = |line: &str| {
            line.contains(&alone) || (line.starts_with("    q") && line.contains(&name))
        };
        assert!(stderr.lines().any(is_it), "no notice of q{n:03}-dlq");
    }
    let ran = read_text(&bench, "ran");
    let once: BTreeSet<&str> = ran.lines().collect();
    assert_eq!((ran.lines().count(), once.len()), (queues, queues), "{stderr}");
    let folder = std::fs::read_dir(bench.state("")).unwrap();
    let mut documents = 0;
    for path in folder.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|kind| kind == "json") {
            serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap();
            documents += 1;
        }
    }
    assert!(documents >= 3, "queues, sessions and notices");
}
