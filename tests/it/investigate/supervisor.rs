//! Supervisors: the deadline, the process tree, and a supervisor that is killed.

use std::time::Duration;

use crate::support::event_lines::{grew, heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, own_events, read_text, sessions,
    summaries,
};
use crate::support::workbench::{
    Bench, arguments_of, bin, is_alive, processes_of, signal, wait_for,
};

/// An environment without a variable, as a filter hands it over.
const EMPTY_ENVIRONMENT: &str = "\0";

/// Children that are hard to find or to end. Each writes its id into `pids`; `ready` follows.
const CHILDREN: &str = r#"echo $$ >> "@/pids"
sleep 600 & echo $! >> "@/pids"
setsid sleep 601 & echo $! >> "@/pids"
env -i /bin/sh -c 'echo $$ >> "@/pids"; exec sleep 602' 2>/dev/null &
env -i /bin/sh -c 'trap "" INT TERM HUP; echo $$ >> "@/pids"; while :; do sleep 0.1; done' &
(setsid sh -c 'echo $$ >> "@/pids"; exec sleep 603' &)
(env -i setsid /bin/sh -c 'echo $$ >> "@/pids"; exec sleep 604' &)
until [ $(wc -l < "@/pids") -ge 7 ]; do sleep 0.02; done
echo > "@/ready""#;

/// Child without marker, parent, session or log, which only a living supervisor finds.
const HIDDEN_CHILD: &str = r#"(env -i setsid /bin/sh -c 'echo $$ >> "@/pids"; exec sleep 606' 2>/dev/null &)
until [ $(wc -l < "@/pids") -ge 8 ]; do sleep 0.02; done"#;

fn noted_pids(bench: &Bench) -> Vec<i32> {
    read_text(bench, "pids").lines().map(|line| line.parse().unwrap()).collect()
}

fn living_processes(bench: &Bench) -> Vec<String> {
    let living_processes = noted_pids(bench).into_iter().filter(|pid| is_alive(*pid));
    living_processes.map(|pid| format!("{pid}: {}", arguments_of(pid))).collect()
}

/// Returns the processes of a bench that were started with this argument.
fn with_argument(bench: &Bench, argument: &str) -> Vec<i32> {
    let argument = format!(" {argument} ");
    let mut found = processes_of(bench);
    found.retain(|pid| arguments_of(*pid).contains(&argument));
    found
}

fn single_process(bench: &Bench, argument: &str) -> i32 {
    let found = with_argument(bench, argument);
    assert_eq!(found.len(), 1, "{argument}");
    found[0]
}

/// Returns the id of the first session.
fn session_id(bench: &Bench) -> String {
    sessions(bench)["sessions"][0]["id"].as_str().unwrap().to_owned()
}

/// Kills the process of the first session that has this argument.
fn kill(bench: &Bench, argument: &str) {
    let pid = single_process(bench, &format!("{argument} {}", session_id(bench)));
    signal("KILL", pid);
    wait_for("it has gone", || !is_alive(pid));
}

/// Waits until the journal has an event of this type.
fn wait_for_event(bench: &Bench, kind: &str) {
    wait_for(kind, || read_text(bench, "state/journal.ndjson").contains(kind));
}

/// Starts an investigation without waiting for its end, and waits until the agent is ready.
fn start_and_wait(bench: &Bench) -> String {
    let input = raised("orders", "i", seconds_ago(0), None);
    let output = investigate(bench, &["--no-wait"], input);
    wait_for("the agent is ready", || bench.path("ready").exists());
    wait_for_event(bench, "investigation.started");
    summaries(&output.text()).join(", ")
}

#[test]
fn deadline_ends_process_tree() {
    let mut bench = Bench::new("deadline");
    agent(&mut bench, &format!("{CHILDREN}\n{HIDDEN_CHILD}\nsleep 605"), "timeout_minutes: 0.03");
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    // The process tree has ended before the end of the session is printed.
    assert_eq!(living_processes(&bench), [""; 0]);
    assert_eq!(summaries(&output.text()), ["started orders", "timed_out orders"]);
    assert_eq!(noted_pids(&bench).len(), 8);
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "timed_out");
    assert_no_process_left(&bench);
}

#[test]
fn deadline_ends_agent_that_ignores_signals() {
    let mut bench = Bench::new("stubborn");
    let body = "trap '' INT TERM HUP QUIT\necho $$ >> \"@/pids\"\nwhile :; do sleep 0.05; done";
    agent(&mut bench, body, "timeout_minutes: 0.005");
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(living_processes(&bench), [""; 0]);
    assert_eq!(summaries(&output.text()), ["started orders", "timed_out orders"]);
    assert_eq!(noted_pids(&bench).len(), 1);
    assert_no_process_left(&bench);
}

#[test]
fn deadline_sends_sigint_to_agent_first() {
    let mut bench = Bench::new("asked");
    // The agent gets SIGINT first, before SIGTERM.
    let body = "trap 'echo int >> \"@/asked\"; exit 0' INT\ntrap 'echo term >> \"@/asked\"' TERM\n\
                while :; do sleep 0.02; done";
    agent(&mut bench, body, "timeout_minutes: 0.005");
    investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(read_text(&bench, "asked"), "int\n");
    assert_no_process_left(&bench);
}

#[test]
fn leftover_processes_of_agent_are_ended() {
    let mut bench = Bench::new("behind");
    agent(&mut bench, &format!("{CHILDREN}\n{HIDDEN_CHILD}\n{QUICK_AGENT}"), "");
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(living_processes(&bench), [""; 0]);
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    assert_no_process_left(&bench);
}

#[test]
fn next_run_prints_end_of_session_once() {
    let mut bench = Bench::new("no-wait");
    let body = "echo > \"@/ready\"\nwhile [ ! -e \"@/open\" ]; do sleep 0.02; done\n\
                echo '{\"status\":\"likely\"}'";
    agent(&mut bench, body, "");
    // The filter has ended while the agent still waits for the file.
    let first = start_and_wait(&bench);
    assert_eq!(with_argument(&bench, "run").len(), 1);
    let second = summaries(&investigate(&bench, &["--no-wait"], "").text()).join(", ");
    assert_eq!(first + &second, "started orders");
    bench.write("open", "");
    wait_for_event(&bench, "investigation.completed");
    let third = investigate(&bench, &[], "").text();
    assert_eq!(summaries(&third), ["completed orders"]);
    assert_eq!(investigate(&bench, &[], "").text(), "");
    assert_no_process_left(&bench);
}

#[test]
fn killed_supervisor_ends_process_tree() {
    let mut bench = Bench::new("killed");
    agent(
        &mut bench,
        &format!("echo ran >> \"@/ran\"\n{CHILDREN}\nsleep 605"),
        "cooldown_hours: 0",
    );
    let first = start_and_wait(&bench);
    kill(&bench, "run");
    wait_for("the tree has gone", || living_processes(&bench).is_empty());
    let again = raised("orders", "i", seconds_ago(0), None) + &heartbeat(seconds_ago(0));
    let output = investigate(&bench, &[], &again);
    let all = first + ", " + &summaries(&output.text()).join(", ");
    let all = all.trim_start_matches(", ");
    assert_eq!(all, "started orders, failed orders crashed");
    assert_eq!(investigate(&bench, &[], &again).text(), again);
    assert_eq!(read_text(&bench, "ran"), "ran\n");
    assert_eq!(sessions(&bench)["sessions"][0]["status"], "crashed");
    // Growth starts the next attempt.
    agent(&mut bench, QUICK_AGENT, "cooldown_hours: 0");
    let output = investigate(&bench, &[], grew("orders", "i", seconds_ago(0)));
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    assert_no_process_left(&bench);
}

#[test]
fn agent_dies_with_supervisor_without_watchdog() {
    let mut bench = Bench::new("both");
    agent(&mut bench, "echo $$ >> \"@/pids\"\necho > \"@/ready\"\nexec sleep 600", "");
    start_and_wait(&bench);
    kill(&bench, "watch");
    // The agent may die a moment before the supervisor releases its lock.
    kill(&bench, "run");
    if cfg!(target_os = "linux") {
        wait_for("the agent has gone", || living_processes(&bench).is_empty());
    }
    let output = investigate(&bench, &[], "");
    assert!(summaries(&output.text()).contains(&"failed orders crashed".into()), "{output:?}");
    wait_for("the agent has gone", || living_processes(&bench).is_empty());
    assert_no_process_left(&bench);
}

#[test]
fn surviving_agent_is_ended_by_next_run() {
    let mut bench = Bench::new("survivor");
    let body = format!("trap '' TERM INT\n{CHILDREN}\nwhile :; do sleep 0.05; done");
    agent(&mut bench, &body, "");
    start_and_wait(&bench);
    kill(&bench, "watch");
    kill(&bench, "run");
    assert!(is_alive(noted_pids(&bench)[0]), "it ignores the parent-death signal");
    let output = investigate(&bench, &[], "");
    assert!(summaries(&output.text()).contains(&"failed orders crashed".into()), "{output:?}");
    wait_for("all have gone", || living_processes(&bench).is_empty());
    assert_no_process_left(&bench);
}

#[test]
fn sigterm_to_supervisor_stops_agent() {
    let mut bench = Bench::new("sigterm");
    agent(&mut bench, &format!("{CHILDREN}\n{HIDDEN_CHILD}\nsleep 605"), "");
    let first = start_and_wait(&bench);
    wait_for("all are there", || noted_pids(&bench).len() == 8);
    signal("TERM", single_process(&bench, &format!("run {}", session_id(&bench))));
    wait_for_event(&bench, "investigation.stopped");
    assert_eq!(living_processes(&bench), [""; 0]);
    assert_no_process_left(&bench);
    let output = summaries(&investigate(&bench, &[], "").text()).join(", ");
    let all = format!("{first}, {output}");
    assert_eq!(all.trim_start_matches(", "), "started orders, stopped orders");
}

#[test]
fn lost_document_starts_no_session_twice() {
    let mut bench = Bench::new("unrecorded");
    let body = "echo ran >> \"@/ran\"\nwhile [ ! -e \"@/open\" ]; do sleep 0.02; done\n\
                echo '{\"status\":\"likely\"}'";
    agent(&mut bench, body, "cooldown_hours: 0");
    let input = raised("orders", "i", seconds_ago(0), None);
    investigate(&bench, &["--no-wait"], &input);
    wait_for_event(&bench, "investigation.started");
    // The missing document is what a kill between start and rename leaves.
    std::fs::remove_file(bench.state("sessions.json")).unwrap();

    let second = investigate(&bench, &["--no-wait"], &input).text();
    bench.write("open", "");
    wait_for_event(&bench, "investigation.completed");
    let third = investigate(&bench, &[], &input).text();
    assert_eq!(read_text(&bench, "ran"), "ran\n", "it was started twice");
    assert_eq!(summaries(&(second + &third)), ["started orders", "completed orders"]);
    assert_eq!(own_events(&read_text(&bench, "state/journal.ndjson")).len(), 2);
    assert_no_process_left(&bench);
}

#[test]
fn lock_probe_does_not_stop_supervisor_start() {
    let mut bench = Bench::new("asked-lock");
    agent(&mut bench, QUICK_AGENT, "");
    investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let session_id = session_id(&bench);
    // A probe takes the lock at the moment at which a supervisor needs it.
    let path = bench.state("sessions").join(&session_id).join("supervisor.lock");
    let probe = std::fs::File::open(path).unwrap();
    probe.lock_shared().unwrap();
    let mut running = bench.start("dlq-supervise", &["run", &session_id]);
    running.write(EMPTY_ENVIRONMENT);
    let leads = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.split(' ').nth(5) == Some(&pid.to_string())
    };
    wait_for("it has begun", || leads(running.pid()) || !is_alive(running.pid()));
    // The pause is not needed for success; it makes a regression more likely to show.
    std::thread::sleep(Duration::from_millis(50));
    drop(probe);
    let output = running.finish();
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_no_process_left(&bench);
}

#[test]
fn state_folders_do_not_end_each_others_agents() {
    // Both see the same incident, so the ids of their sessions are the same.
    let (mut bench, mut other) = (Bench::new("mine"), Bench::new("theirs"));
    agent(&mut bench, "echo $$ >> \"@/pids\"\necho > \"@/ready\"\nexec sleep 600", "");
    start_and_wait(&bench);
    agent(&mut other, "exec sleep 600", "timeout_minutes: 0.005");
    let output = investigate(&other, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(summaries(&output.text()), ["started orders", "timed_out orders"]);
    assert_eq!(living_processes(&bench).len(), 1);
    assert_eq!(session_id(&bench), session_id(&other));
    signal("TERM", single_process(&bench, &format!("run {}", session_id(&bench))));
    assert_no_process_left(&bench);
    assert_no_process_left(&other);
}

#[test]
fn filter_without_supervisor_names_remedy_and_tries_again() {
    let mut bench = Bench::new("alone");
    agent(&mut bench, QUICK_AGENT, "");
    std::fs::create_dir_all(bench.path("bin")).unwrap();
    let alone = bench.path("bin/dlq-investigate");
    std::fs::copy(bin("dlq-investigate"), &alone).unwrap();
    let input = raised("orders", "i", seconds_ago(0), None);
    let output = bench.run(alone.to_str().unwrap(), &[], &input);
    assert_eq!((output.code(), output.text()), (1, input.clone()));
    let why = "cannot find 'dlq-supervise': it is neither in ";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    std::fs::create_dir_all(bench.path("libexec/dlq-tools")).unwrap();
    let libexec = bench.path("libexec/dlq-tools/dlq-supervise");
    std::os::unix::fs::symlink(bin("dlq-supervise"), libexec).unwrap();
    let output = bench.run(alone.to_str().unwrap(), &[], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    assert_no_process_left(&bench);
}

/// The filter was killed while it handed over its environment, which may choose other credentials.
#[test]
fn part_of_an_environment_starts_no_session() {
    let bench = Bench::new("half-environment");
    let output = bench.run("dlq-supervise", &["run", "s"], "AWS_PROFILE=prod\0AWS_REG");
    let why = "dlq-supervise: fatal: cannot read 'the environment': dlq-investigate ended before it \
               had handed all of it over\n";
    assert_eq!((output.code(), output.stderr.as_str()), (1, why));
}

#[test]
fn plan_of_another_version_is_refused() {
    let mut bench = Bench::new("version");
    agent(&mut bench, QUICK_AGENT, "");
    investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    let session = session_id(&bench);
    let path = bench.state("sessions").join(&session).join("plan.json");
    let plan = std::fs::read_to_string(&path).unwrap();
    let later = plan.replacen(r#""version":1"#, r#""version":99"#, 1);
    assert_ne!(plan, later);
    std::fs::write(&path, later).unwrap();
    let output = bench.run("dlq-supervise", &["run", &session], EMPTY_ENVIRONMENT);
    assert_eq!(output.code(), 1);
    let why =
        "its version is 99, and this dlq-supervise reads version 1; install all programs from";
    assert!(output.stderr.contains(why), "{}", output.stderr);
}
