//! Supervisors: the deadline, the whole tree, and what happens when one of them is killed.

use std::time::{Duration, Instant};

use crate::stream::{
    QUICK, agent, ago, beat, grew, investigate, noted, nothing_is_left, own, raised, sessions, told,
};
use crate::workbench::{Bench, alive, arguments, at_work, bin, signal, wait_for};

/// Children that are hard to find or to end, and who notes them in `pids`; in the end `ready`.
const BROOD: &str = r#"echo $$ >> "@/pids"
sleep 600 & echo $! >> "@/pids"
setsid sleep 601 & echo $! >> "@/pids"
env -i /bin/sh -c 'echo $$ >> "@/pids"; exec sleep 602' 2>/dev/null &
env -i /bin/sh -c 'trap "" INT TERM HUP; echo $$ >> "@/pids"; while :; do sleep 0.1; done' &
(setsid sh -c 'echo $$ >> "@/pids"; exec sleep 603' &)
(env -i setsid /bin/sh -c 'echo $$ >> "@/pids"; exec sleep 604' &)
until [ $(wc -l < "@/pids") -ge 7 ]; do sleep 0.02; done
echo > "@/ready""#;

/// The hardest: without marker, parent, session and log it is found only below a living supervisor.
const HIDDEN: &str = r#"(env -i setsid /bin/sh -c 'echo $$ >> "@/pids"; exec sleep 606' 2>/dev/null &)
until [ $(wc -l < "@/pids") -ge 8 ]; do sleep 0.02; done"#;

fn pids(bench: &Bench) -> Vec<i32> {
    noted(bench, "pids").lines().map(|line| line.parse().unwrap()).collect()
}

fn living(bench: &Bench) -> Vec<String> {
    let living = pids(bench).into_iter().filter(|pid| alive(*pid));
    living.map(|pid| format!("{pid}: {}", arguments(pid))).collect()
}

/// The processes of this bench that were started with this argument.
fn with_argument(bench: &Bench, argument: &str) -> Vec<i32> {
    let argument = format!(" {argument} ");
    let mut found = at_work(bench);
    found.retain(|pid| arguments(*pid).contains(&argument));
    found
}

fn one(bench: &Bench, argument: &str) -> i32 {
    let found = with_argument(bench, argument);
    assert_eq!(found.len(), 1, "{argument}");
    found[0]
}

/// The id of the first session.
fn session(bench: &Bench) -> String {
    sessions(bench)["sessions"][0]["id"].as_str().unwrap().to_owned()
}

/// Kills the first session's process that has this argument.
fn kill(bench: &Bench, argument: &str) {
    let pid = one(bench, &format!("{argument} {}", session(bench)));
    signal("KILL", pid);
    wait_for("it has gone", || !alive(pid));
}

/// Waits until the journal has an event of this type.
fn recorded(bench: &Bench, kind: &str) {
    wait_for(kind, || noted(bench, "state/journal.ndjson").contains(kind));
}

/// Starts an investigation, leaves it, and waits until the agent says that it is ready.
fn under_way(bench: &Bench) -> String {
    let input = raised("orders", "i", ago(0), None);
    let output = investigate(bench, &["--no-wait"], input);
    wait_for("the agent is ready", || bench.path("ready").exists());
    recorded(bench, "investigation.started");
    told(&output.text()).join(", ")
}

#[test]
fn defect_10_at_the_deadline_the_whole_tree_is_stopped() {
    let mut bench = Bench::new("deadline");
    agent(&mut bench, &format!("{BROOD}\n{HIDDEN}\nsleep 605"), "timeout_minutes: 0.03");
    let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
    // When its end is told, the tree has gone already.
    assert_eq!(living(&bench), [""; 0]);
    assert_eq!(told(&output.text()), ["started orders", "timed_out orders"]);
    assert_eq!(pids(&bench).len(), 8);
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "timed_out");
    nothing_is_left(&bench);
}

#[test]
fn an_agent_that_ignores_all_it_can_is_ended_too() {
    let mut bench = Bench::new("stubborn");
    let body = "trap '' INT TERM HUP QUIT\necho $$ >> \"@/pids\"\nwhile :; do sleep 0.05; done";
    agent(&mut bench, body, "timeout_minutes: 0.005");
    let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
    assert_eq!(living(&bench), [""; 0]);
    assert_eq!(told(&output.text()), ["started orders", "timed_out orders"]);
    assert_eq!(pids(&bench).len(), 1);
    nothing_is_left(&bench);
}

#[test]
fn an_agent_may_say_what_it_has_cost_when_it_is_stopped() {
    let mut bench = Bench::new("asked");
    // INT comes first, to the agent, and before TERM.
    let body = "trap 'echo int >> \"@/asked\"; exit 0' INT\ntrap 'echo term >> \"@/asked\"' TERM\n\
                while :; do sleep 0.02; done";
    agent(&mut bench, body, "timeout_minutes: 0.005");
    investigate(&bench, &[], raised("orders", "i", ago(0), None));
    assert_eq!(noted(&bench, "asked"), "int\n");
    nothing_is_left(&bench);
}

#[test]
fn what_an_agent_leaves_behind_is_stopped_with_it() {
    let mut bench = Bench::new("behind");
    agent(&mut bench, &format!("{BROOD}\n{HIDDEN}\n{QUICK}"), "");
    let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
    assert_eq!(living(&bench), [""; 0]);
    assert_eq!(told(&output.text()), ["started orders", "completed orders"]);
    nothing_is_left(&bench);
}

#[test]
fn what_one_run_leaves_the_next_one_prints_exactly_once() {
    let mut bench = Bench::new("no-wait");
    let body = "echo > \"@/ready\"\nwhile [ ! -e \"@/open\" ]; do sleep 0.02; done\n\
                echo '{\"status\":\"likely\"}'";
    agent(&mut bench, body, "");
    // It has left while the agent, which waits for the gate, runs.
    let first = under_way(&bench);
    assert_eq!(with_argument(&bench, "run").len(), 1);
    let second = told(&investigate(&bench, &["--no-wait"], "").text()).join(", ");
    assert_eq!(first + &second, "started orders");
    bench.write("open", "");
    recorded(&bench, "investigation.completed");
    let third = investigate(&bench, &[], "").text();
    assert_eq!(told(&third), ["completed orders"]);
    assert_eq!(investigate(&bench, &[], "").text(), "");
    nothing_is_left(&bench);
}

#[test]
fn a_killed_supervisor_takes_its_tree_with_it() {
    let mut bench = Bench::new("killed");
    agent(&mut bench, &format!("echo ran >> \"@/ran\"\n{BROOD}\nsleep 605"), "cooldown_hours: 0");
    let first = under_way(&bench);
    kill(&bench, "run");
    let begun = Instant::now();
    wait_for("the tree has gone", || living(&bench).is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10));
    let again = raised("orders", "i", ago(0), None) + &beat(ago(0));
    let output = investigate(&bench, &[], &again);
    let all = first + ", " + &told(&output.text()).join(", ");
    let all = all.trim_start_matches(", ");
    assert_eq!(all, "started orders, failed orders crashed");
    assert_eq!(investigate(&bench, &[], &again).text(), again);
    assert_eq!(noted(&bench, "ran"), "ran\n");
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "crashed");
    // It may be tried again when there is news.
    agent(&mut bench, QUICK, "cooldown_hours: 0");
    let output = investigate(&bench, &[], grew("orders", "i", ago(0)));
    assert_eq!(told(&output.text()), ["started orders", "completed orders"]);
    nothing_is_left(&bench);
}

#[test]
fn an_agent_dies_with_its_supervisor_though_the_watchdog_was_killed_too() {
    let mut bench = Bench::new("both");
    agent(&mut bench, "echo $$ >> \"@/pids\"\necho > \"@/ready\"\nexec sleep 600", "");
    under_way(&bench);
    kill(&bench, "watch");
    // The agent may die a moment before the last of the supervisor's threads, and its lock.
    kill(&bench, "run");
    if cfg!(target_os = "linux") {
        wait_for("the agent has gone", || living(&bench).is_empty());
    }
    let output = investigate(&bench, &[], "");
    assert!(told(&output.text()).contains(&"failed orders crashed".into()), "{output:?}");
    wait_for("the agent has gone", || living(&bench).is_empty());
    nothing_is_left(&bench);
}

#[test]
fn who_outlives_supervisor_and_watchdog_is_ended_by_the_next_run() {
    let mut bench = Bench::new("survivor");
    let body = format!("trap '' TERM INT\n{BROOD}\nwhile :; do sleep 0.05; done");
    agent(&mut bench, &body, "");
    under_way(&bench);
    kill(&bench, "watch");
    kill(&bench, "run");
    assert!(alive(pids(&bench)[0]), "it ignores the parent-death signal");
    let output = investigate(&bench, &[], "");
    assert!(told(&output.text()).contains(&"failed orders crashed".into()), "{output:?}");
    wait_for("all have gone", || living(&bench).is_empty());
    nothing_is_left(&bench);
}

#[test]
fn a_supervisor_that_is_told_to_end_stops_the_agent_and_says_so() {
    let mut bench = Bench::new("told");
    agent(&mut bench, &format!("{BROOD}\n{HIDDEN}\nsleep 605"), "");
    let first = under_way(&bench);
    wait_for("all are there", || pids(&bench).len() == 8);
    signal("TERM", one(&bench, &format!("run {}", session(&bench))));
    recorded(&bench, "investigation.stopped");
    assert_eq!(living(&bench), [""; 0]);
    nothing_is_left(&bench);
    let output = told(&investigate(&bench, &[], "").text()).join(", ");
    let all = format!("{first}, {output}");
    assert_eq!(all.trim_start_matches(", "), "started orders, stopped orders");
}

#[test]
fn a_filter_that_dies_between_start_and_record_starts_nothing_twice() {
    let mut bench = Bench::new("unrecorded");
    let body = "echo ran >> \"@/ran\"\nwhile [ ! -e \"@/open\" ]; do sleep 0.02; done\n\
                echo '{\"status\":\"likely\"}'";
    agent(&mut bench, body, "cooldown_hours: 0");
    let input = raised("orders", "i", ago(0), None);
    investigate(&bench, &["--no-wait"], &input);
    recorded(&bench, "investigation.started");
    // As if it had been killed after the start, before the rename.
    std::fs::remove_file(bench.state("sessions.json")).unwrap();

    let second = investigate(&bench, &["--no-wait"], &input).text();
    bench.write("open", "");
    recorded(&bench, "investigation.completed");
    let third = investigate(&bench, &[], &input).text();
    assert_eq!(noted(&bench, "ran"), "ran\n", "it was started twice");
    assert_eq!(told(&(second + &third)), ["started orders", "completed orders"]);
    assert_eq!(own(&noted(&bench, "state/journal.ndjson")).len(), 2);
    nothing_is_left(&bench);
}

#[test]
fn whoever_asks_for_the_lock_stops_no_supervisor_from_starting() {
    let mut bench = Bench::new("asked-lock");
    agent(&mut bench, QUICK, "");
    investigate(&bench, &[], raised("orders", "i", ago(0), None));
    let session = session(&bench);
    // Somebody probes the lock at the very moment at which a supervisor takes it.
    let path = bench.state("sessions").join(&session).join("supervisor.lock");
    let probe = std::fs::File::open(path).unwrap();
    probe.lock_shared().unwrap();
    let mut running = bench.start("dlq-supervise", &["run", &session]);
    let leads = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.split(' ').nth(5) == Some(&pid.to_string())
    };
    wait_for("it has begun", || leads(running.pid()) || !alive(running.pid()));
    // Green needs no luck here; longer only makes a regression more certain to show.
    std::thread::sleep(Duration::from_millis(50));
    drop(probe);
    let output = running.finish();
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    nothing_is_left(&bench);
}

#[test]
fn two_state_folders_do_not_end_each_others_agents() {
    // Both hear of the same incident: the ids of their sessions are the same.
    let (mut bench, mut other) = (Bench::new("mine"), Bench::new("theirs"));
    agent(&mut bench, "echo $$ >> \"@/pids\"\necho > \"@/ready\"\nexec sleep 600", "");
    under_way(&bench);
    agent(&mut other, "exec sleep 600", "timeout_minutes: 0.005");
    let output = investigate(&other, &[], raised("orders", "i", ago(0), None));
    assert_eq!(told(&output.text()), ["started orders", "timed_out orders"]);
    assert_eq!(living(&bench).len(), 1);
    assert_eq!(session(&bench), session(&other));
    signal("TERM", one(&bench, &format!("run {}", session(&bench))));
    nothing_is_left(&bench);
    nothing_is_left(&other);
}

#[test]
fn a_filter_without_its_supervisor_says_what_to_install_and_tries_again() {
    let mut bench = Bench::new("alone");
    agent(&mut bench, QUICK, "");
    std::fs::create_dir_all(bench.path("bin")).unwrap();
    let alone = bench.path("bin/dlq-investigate");
    std::fs::copy(bin("dlq-investigate"), &alone).unwrap();
    let input = raised("orders", "i", ago(0), None);
    let output = bench.run(alone.to_str().unwrap(), &[], &input);
    assert_eq!((output.code(), output.text()), (1, input.clone()));
    let why = "cannot find 'dlq-supervise': it is neither in ";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    // In libexec it is found.
    std::fs::create_dir_all(bench.path("libexec/dlq-tools")).unwrap();
    let libexec = bench.path("libexec/dlq-tools/dlq-supervise");
    std::os::unix::fs::symlink(bin("dlq-supervise"), libexec).unwrap();
    let output = bench.run(alone.to_str().unwrap(), &[], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!(told(&output.text()), ["started orders", "completed orders"]);
    nothing_is_left(&bench);
}

#[test]
fn a_plan_of_another_version_is_refused_with_the_reason() {
    let mut bench = Bench::new("version");
    agent(&mut bench, QUICK, "");
    investigate(&bench, &[], raised("orders", "i", ago(0), None));
    let session = session(&bench);
    let path = bench.state("sessions").join(&session).join("plan.json");
    let plan = std::fs::read_to_string(&path).unwrap();
    let later = plan.replacen(r#""version":1"#, r#""version":99"#, 1);
    assert_ne!(plan, later);
    std::fs::write(&path, later).unwrap();
    let output = bench.run("dlq-supervise", &["run", &session], "");
    assert_eq!(output.code(), 1);
    let why =
        "its version is 99, and this dlq-supervise reads version 1; install all programs from";
    assert!(output.stderr.contains(why), "{}", output.stderr);
}
