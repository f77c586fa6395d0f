//! The pipeline, killed at a hundred moments while ever more queues are raised: nobody is left
//! untold, and nothing is investigated twice.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fake_sqs::FakeSqs;
use crate::polling;
use crate::stream::{QUICK, agent, investigate, noted, nothing_is_left};
use crate::workbench::{Bench, Running, arguments, at_work, bin, signal, wait_for};

const KILLS: usize = 100;

/// The programs of the pipeline that run now, by the start of their arguments.
fn stages(bench: &Bench) -> Option<[i32; 3]> {
    let all: Vec<(i32, String)> =
        at_work(bench).into_iter().map(|pid| (pid, arguments(pid))).collect();
    let find = |name: &str, more: &str| {
        let is = |line: &str| {
            let program = line.split(' ').next().unwrap_or_default();
            program.ends_with(name) && line.contains(more)
        };
        all.iter().find(|(_, line)| is(line)).map(|(pid, _)| *pid)
    };
    let poll = find("/dlq-poll", "--follow")?;
    Some([poll, find("/dlq-investigate", "--no-wait")?, find("/dlq-notify", "")?])
}

/// `DLQ_LONG`, as `scripts/check --long kills` sets it, runs more campaigns: a longer one would
/// take quadratic time, because each restart replays the journal.
#[test]
fn a_hundred_kills_lose_no_notice_and_start_nothing_twice() {
    let campaigns = if std::env::var_os("DLQ_LONG").is_some() { 5 } else { 1 };
    for seed in 0..campaigns {
        campaign(0x5eed + seed);
    }
}

fn campaign(mut dice: u64) {
    let sqs = FakeSqs::start();
    let mut bench = polling::bench("kills", &sqs.url);
    agent(
        &mut bench,
        &format!("echo \"$DLQ_INCIDENT\" >> \"@/ran\"\n{QUICK}"),
        "cooldown_hours: 0",
    );
    let config = noted(&bench, "config.yaml") + "monitoring: {discover: name}\n";
    bench.configure(&config);
    bench.set("DLQ_PIPELINE_BACKOFF", "0.02");
    bench.set("DLQ_BIN", bin("dlq-poll").parent().unwrap());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pipeline");
    let mut told = String::new();
    // The pipeline's own pauses double: it is begun anew now and then, itself by force.
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    // With each kill there is one more queue, which has messages from the first look at it.
    let mut queues: usize = 0;
    while queues < KILLS {
        let mut command = bench.command(script, &["--interval", "1s", "--", "--refresh"]);
        let mut pipeline = Running::of(command.stdin(Stdio::null()));
        for _ in 0..4 {
            let mut found = None;
            wait_for("all three stages run", || {
                found = stages(&bench);
                found.is_some()
            });
            let moment = roll(4);
            let (mut span, mut victim) = (60, usize::try_from(roll(3)).unwrap());
            // Half of them when the newest raise has just come to the journal, and is on its way.
            if let Some(newest) = queues.checked_sub(1).filter(|_| moment < 2) {
                let line = format!("\"queue.raised\",\"subject\":\"q{newest:03}-dlq\"");
                wait_for("the raise is in the journal", || {
                    noted(&bench, "state/journal.ndjson").contains(&line)
                });
                span = 20;
            }
            let name = format!("q{queues:03}-dlq");
            sqs.world().queue(&name).depth(3);
            queues += 1;
            // A quarter when dlq-poll has been told of the messages, and is about to tell it.
            if moment == 2 {
                wait_for("its messages are counted", || {
                    sqs.world().asked.iter().any(|one| one.queue == name)
                });
                (span, victim) = (20, 0);
            }
            let until = Instant::now() + Duration::from_millis(roll(span));
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            signal("KILL", found.unwrap()[victim]);
            wait_for("it was seen", || stages(&bench) != found);
        }
        signal("TERM", pipeline.pid());
        told += &pipeline.finish().stderr;
    }
    let mut command = bench.command(script, &["--once", "--", "--refresh"]);
    let mut last = Running::of(command.stdin(Stdio::null()));
    let output = last.finish();
    assert_eq!(output.code(), 0, "{output:?}");
    told += &output.stderr;
    investigate(&bench, &[], "");
    nothing_is_left(&bench);

    for n in 0..queues {
        let begins = format!("ERROR q{n:03}-dlq (");
        let is_it = |line: &str| line.contains(&begins) && line.contains("3 messages died");
        assert!(told.lines().any(is_it), "nobody was told of q{n:03}-dlq");
    }
    let ran = noted(&bench, "ran");
    let once: BTreeSet<&str> = ran.lines().collect();
    assert_eq!((ran.lines().count(), once.len()), (queues, queues), "{told}");
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
