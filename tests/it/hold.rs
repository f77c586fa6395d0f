//! What holds when many queues come at once, and when the filter dies at the worst moment.

use std::collections::BTreeSet;
use std::time::Duration;

use dlq::store::{Lock, is_locked};

use crate::stream::{
    agent, ago, beat, cleared, investigate, noted, nothing_is_left, own, raised, sessions, told,
};
use crate::workbench::{Bench, alive, arguments, at_work, signal, wait_for};

/// Each notes its start and its end in one file. The one that is the n-th to start is at work until
/// the (n+2)-th has started, so that three really are at once; then a moment longer, in which a
/// fourth would show. Whoever waits in vain says so.
const OVERLAPPING: &str = r#"echo "start $DLQ_QUEUE" >> "@/log"
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

/// The most that were at work at any time, and how many in all.
fn at_once(log: &str) -> (usize, usize) {
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
fn twenty_queues_at_once_take_three_places_in_the_order_of_their_loss() {
    let mut bench = Bench::new("hold-twenty");
    agent(&mut bench, OVERLAPPING, "");
    let config = noted(&bench, "config.yaml").replace("max_concurrent: 8", "max_concurrent: 3");
    bench.configure(&config);
    let now = ago(0);
    // 7 and 20 have no factor in common: every hour comes once, and none in order. The three that
    // stand first are those of which no loss is known.
    let hours: Vec<u64> = (0..17).map(|n| (n * 7) % 17 + 1).collect();
    let known = hours.iter().map(|hour| {
        let loss = now.plus(Duration::from_secs(hour * 3600));
        raised(&format!("in-{hour:02}h"), &format!("i-{hour}"), now, Some(loss))
    });
    let unknown = (0..3).map(|n| raised(&format!("unknown-{n}"), &format!("u-{n}"), now, None));
    let input: String = unknown.chain(known).chain([beat(now)]).collect();
    let output = investigate(&bench, &[], &input);

    assert_eq!(at_once(&noted(&bench, "log")), (3, 20), "{}", noted(&bench, "log"));
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
    let told = told(&output.text());
    let count = |kind: &str| told.iter().filter(|said| said.starts_with(kind)).count();
    assert_eq!((count("started "), count("completed "), told.len()), (20, 20, 57));
    // Seventeen had to wait, and each was told so once.
    assert_eq!(count("skipped "), 17, "{told:?}");
    nothing_is_left(&bench);
}

/// It notes that it ran, and has its result when the file `open` is there. When a test has failed it
/// is not kept for ever.
const GATED: &str = r#"echo "$DLQ_QUEUE" >> "@/ran"
tries=0
until [ -e "@/open" ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
echo '{"status":"likely"}'"#;

/// Whether a process has a file of this name open.
fn has_open(pid: i32, name: &str) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut paths = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    paths.any(|path| path.file_name().is_some_and(|own| own == name))
}

/// Kills a filter with SIGKILL between its start of a supervisor and the record of that: it has a
/// line for the journal, whose lock this test holds, and the document is written after that.
/// Until then the supervisor waits for the document; `with_it` has it killed first. Returns the
/// session's id.
fn killed_before_the_record(bench: &mut Bench, input: &str, with_it: bool) -> String {
    // A second queue, for which there is no place, is what the filter has a line about.
    let config = noted(bench, "config.yaml").replace("max_concurrent: 8", "max_concurrent: 1");
    bench.configure(&config);
    std::fs::create_dir_all(bench.state("")).unwrap();
    let journal = Lock::wait(&bench.state("journal.lock")).unwrap();
    let mut filter = bench.start("dlq-investigate", &[]);
    filter.write(format!("{input}{}{}", raised("waits", "w", ago(0), None), beat(ago(0))));
    let folder = bench.state("sessions");
    let started = || {
        let mut found = std::fs::read_dir(&folder).ok()?.flatten();
        let entry =
            found.find(|entry| is_locked(&entry.path().join("supervisor.lock")).unwrap())?;
        Some(entry.file_name().into_string().unwrap())
    };
    wait_for("the supervisor holds its lock", || started().is_some());
    // Only then the filter is beyond the start, and nowhere near the record.
    wait_for("the filter stands at the journal", || has_open(filter.pid(), "journal.lock"));
    let session = started().unwrap();
    if with_it {
        let mut all = at_work(bench);
        all.retain(|pid| arguments(*pid).contains(&format!("--supervise {session}")));
        assert_eq!(all.len(), 1);
        signal("KILL", all[0]);
        wait_for("the supervisor has gone", || !alive(all[0]));
    }
    filter.kill();
    drop(journal);
    // The supervisor's own update may have made the document by now.
    let recorded = sessions(bench)["sessions"].as_array().map_or(0, Vec::len);
    assert_eq!(recorded, 0, "nothing is recorded");
    session
}

/// What the next run has to make of it: the same session, told once and recorded.
fn taken_over(bench: &Bench, session: &str, told_by_all: &str) {
    let mut ours = told(told_by_all);
    ours.retain(|said| said.ends_with(" orders"));
    assert_eq!(ours, ["started orders", "completed orders"]);
    assert_eq!(noted(bench, "ran").matches("orders\n").count(), 1, "the agent ran once");
    let document = sessions(bench);
    let recorded = document["sessions"].as_array().unwrap();
    let of_orders: Vec<_> =
        recorded.iter().filter(|session| session["queue_name"] == "orders").collect();
    assert_eq!(of_orders.len(), 1, "{document}");
    assert_eq!(
        (&of_orders[0]["id"], &of_orders[0]["status"]),
        (&session.into(), &"completed".into())
    );
    assert!(of_orders[0]["cooldown_until"].is_string(), "{document}");
    // The journal may repeat a line whose record was lost, and then with the same id.
    let journal = own(&noted(bench, "state/journal.ndjson"));
    let of_session = journal.iter().filter(|said| said["data"]["session"] == session);
    let ids: BTreeSet<&str> = of_session.map(|said| said["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{journal:?}");
}

/// An incident that loses messages in a minute.
fn near_its_loss() -> String {
    raised("orders", "i", ago(0), Some(ago(0).plus(Duration::from_secs(60))))
}

#[test]
fn a_filter_killed_before_its_record_leaves_a_session_that_is_taken_over_while_it_runs() {
    let mut bench = Bench::new("hold-adopted");
    agent(&mut bench, GATED, "");
    let input = near_its_loss();
    let session = killed_before_the_record(&mut bench, &input, false);
    wait_for("the agent runs", || noted(&bench, "ran") == "orders\n");
    let first = investigate(&bench, &["--no-wait"], &input).text();
    assert_eq!(noted(&bench, "ran"), "orders\n");
    bench.write("open", "");
    wait_for("its end", || noted(&bench, "state/journal.ndjson").contains("n.completed"));
    let second = investigate(&bench, &[], &input).text();
    taken_over(&bench, &session, &(first + &second));
    assert_eq!(investigate(&bench, &[], &input).text(), input, "told once");
    nothing_is_left(&bench);
}

#[test]
fn a_filter_killed_before_its_record_leaves_a_session_that_is_taken_over_after_its_end() {
    let mut bench = Bench::new("hold-ended");
    agent(&mut bench, GATED, "");
    bench.write("open", "");
    let input = near_its_loss();
    let session = killed_before_the_record(&mut bench, &input, false);
    nothing_is_left(&bench);
    assert!(noted(&bench, "state/journal.ndjson").contains("n.completed"));
    let first = investigate(&bench, &[], &input).text();
    taken_over(&bench, &session, &first);
    assert_eq!(investigate(&bench, &[], &input).text(), input, "told once");
    nothing_is_left(&bench);
}

#[test]
fn a_supervisor_that_dies_unrecorded_before_its_first_word_is_started_anew() {
    let mut bench = Bench::new("hold-silent");
    agent(&mut bench, GATED, "");
    bench.write("open", "");
    let input = near_its_loss();
    let session = killed_before_the_record(&mut bench, &input, true);
    nothing_is_left(&bench);
    assert_eq!(noted(&bench, "ran"), "", "it had not begun");
    let first = investigate(&bench, &[], &input).text();
    taken_over(&bench, &session, &first);
    nothing_is_left(&bench);
}

#[test]
fn an_unrecorded_session_has_its_place_before_any_other_is_started() {
    let mut bench = Bench::new("hold-place");
    agent(&mut bench, GATED, "");
    let loss = |seconds| Some(ago(0).plus(Duration::from_secs(seconds)));
    let input = raised("orders", "i", ago(0), loss(600));
    let session = killed_before_the_record(&mut bench, &input, false);
    wait_for("the agent runs", || noted(&bench, "ran") == "orders\n");
    // There is one place, and this one is nearer to its loss.
    let input = input + &raised("sooner", "s", ago(0), loss(60));
    let first = investigate(&bench, &["--no-wait"], &input).text();
    assert!(told(&first).contains(&"skipped sooner max_concurrent".into()), "{first}");
    assert!(!told(&first).contains(&"started sooner".into()), "{first}");
    bench.write("open", "");
    let second = investigate(&bench, &[], &input).text();
    assert_eq!(noted(&bench, "ran"), "orders\nsooner\n");
    taken_over(&bench, &session, &(first + &second));
    nothing_is_left(&bench);
}

#[test]
fn what_an_unrecorded_session_has_found_is_told_though_its_incident_is_closed() {
    let mut bench = Bench::new("hold-closed");
    agent(&mut bench, GATED, "");
    bench.write("open", "");
    let input = near_its_loss();
    let session = killed_before_the_record(&mut bench, &input, false);
    nothing_is_left(&bench);
    let input = input + &cleared("orders", "i", ago(0));
    let first = investigate(&bench, &[], &input).text();
    taken_over(&bench, &session, &first);
    assert_eq!(investigate(&bench, &[], &input).text(), input, "told once");
    nothing_is_left(&bench);
}
