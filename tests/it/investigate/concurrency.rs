//! Limit of concurrent investigations, and the order in which queues get their turn.

use std::time::Duration;

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    agent, assert_no_process_left, investigate, read_text, sessions, summaries,
};
use crate::support::workbench::Bench;

#[test]
fn max_concurrent_1_runs_six_queues_nearest_loss_first() {
    let mut bench = Bench::new("turns");
    let body = r#"mkdir "@/busy" || echo "two at once" >> "@/clash"
sleep 0.05
rmdir "@/busy"
echo '{"status":"likely"}'"#;
    agent(&mut bench, body, "");
    let config = read_text(&bench, "config.yaml").replace("max_concurrent: 8", "max_concurrent: 1");
    bench.configure(&config);
    let now = seconds_ago(0);
    let loss = |hours: u64| Some(now.plus(Duration::from_secs(hours * 3600)));
    let input = [
        raised("unknown", "i0", now, None),
        raised("in-40h", "i1", now, loss(40)),
        raised("in-2h", "i2", now, loss(2)),
        raised("in-90h", "i3", now, loss(90)),
        raised("in-1h", "i4", now, loss(1)),
        raised("in-9h", "i5", now, loss(9)),
        heartbeat(now),
    ]
    .concat();
    let output = investigate(&bench, &[], &input);
    let order = ["in-1h", "in-2h", "in-9h", "in-40h", "in-90h", "unknown"];
    let summaries = summaries(&output.text());
    let of_kind = |kind: &str| -> Vec<String> {
        let these = summaries.iter().filter_map(|message| message.strip_prefix(kind));
        these.map(|message| message.trim().to_owned()).collect()
    };
    assert_eq!(of_kind("started"), order);
    assert_eq!(of_kind("completed"), order);
    // The first queue starts at once; each of the others is skipped once.
    let waits: Vec<String> =
        order[1..].iter().map(|name| format!("{name} max_concurrent")).collect();
    assert_eq!(of_kind("skipped"), waits);
    assert_eq!((summaries.len(), read_text(&bench, "clash").as_str()), (17, ""));
    assert_no_process_left(&bench);
}

/// Agent that logs its start and end. The n-th agent runs until the (n+2)-th has started, so that
/// three run at the same time, and then a moment longer, in which a fourth would show. An agent
/// that waits in vain logs `alone`.
const OVERLAPPING_AGENT: &str = r#"echo "start $DLQ_QUEUE" >> "@/log"
starts() { grep -c '^start' "@/log"; }
mine=$(grep '^start' "@/log" | grep -nx "start $DLQ_QUEUE" | cut -d: -f1)
want=$((mine + 2)); [ $want -gt 20 ] && want=20
tries=0
until [ $(starts) -ge $want ]; do
  tries=$((tries + 1)); [ $tries -gt 1000 ] && { echo "alone $DLQ_QUEUE" >> "@/log"; break; }
  sleep 0.02
done
tries=0
until [ $(starts) -gt $want ] || [ $tries -ge 8 ]; do tries=$((tries + 1)); sleep 0.02; done
echo "end $DLQ_QUEUE" >> "@/log"
echo '{"status":"likely"}'"#;

/// Returns the highest number of agents that ran at the same time, and the number of all.
fn max_running_and_total(log: &str) -> (usize, usize) {
    let (mut now, mut most, mut all) = (0_usize, 0, 0);
    for line in log.lines() {
        match line.split(' ').next() {
            Some("start") => (now, all) = (now + 1, all + 1),
            Some("end") => now -= 1,
            _ => panic!("it was alone for too long: {log}"),
        }
        most = most.max(now);
    }
    (most, all)
}

#[test]
fn max_concurrent_3_runs_twenty_queues_nearest_loss_first() {
    let mut bench = Bench::new("twenty");
    agent(&mut bench, OVERLAPPING_AGENT, "");
    let config = read_text(&bench, "config.yaml").replace("max_concurrent: 8", "max_concurrent: 3");
    bench.configure(&config);
    let now = seconds_ago(0);
    // 7 and 17 are coprime: every hour occurs once, out of order. The first three queues have no
    // known loss.
    let hours: Vec<u64> = (0..17).map(|n| (n * 7) % 17 + 1).collect();
    let known = hours.iter().map(|hour| {
        let loss = now.plus(Duration::from_secs(hour * 3600));
        raised(&format!("in-{hour:02}h"), &format!("i-{hour}"), now, Some(loss))
    });
    let unknown = (0..3).map(|n| raised(&format!("unknown-{n}"), &format!("u-{n}"), now, None));
    let input: String = unknown.chain(known).chain([heartbeat(now)]).collect();
    let output = investigate(&bench, &[], &input);

    assert_eq!(
        max_running_and_total(&read_text(&bench, "log")),
        (3, 20),
        "{}",
        read_text(&bench, "log")
    );
    let order: Vec<String> = (1..=17)
        .map(|hour| format!("in-{hour:02}h"))
        .chain((0..3).map(|n| format!("unknown-{n}")))
        .collect();
    let document = sessions(&bench);
    let sessions = document["sessions"].as_array().unwrap();
    let started: Vec<&str> =
        sessions.iter().map(|session| session["queue_name"].as_str().unwrap()).collect();
    assert_eq!(started, order);
    assert!(sessions.iter().all(|session| session["status"] == "completed"), "{document}");
    let summaries = summaries(&output.text());
    let count = |kind: &str| summaries.iter().filter(|message| message.starts_with(kind)).count();
    assert_eq!((count("started "), count("completed "), summaries.len()), (20, 20, 57));
    // Seventeen queues waited, and each was skipped once.
    assert_eq!(count("skipped "), 17, "{summaries:?}");
    assert_no_process_left(&bench);
}
