//! Jumps of the wall clock: sessions end by the monotonic clock, and no cooldown outlives its
//! length. The tests write the times that a jump leaves into `sessions.json`.

use std::time::{Duration, Instant};

use dlq::rules::investigation::document::Sessions;
use dlq::rules::investigation::session::Session;
use dlq::store::Store;
use dlq::time::Timestamp;
use serde_json::{Value, json};

use crate::support::event_lines::{grew, heartbeat, raised, seconds_ago};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, own_events, read_text, sessions,
    summaries,
};
use crate::support::workbench::{Bench, arguments_of, processes_of, signal, wait_for};

const HOUR: Duration = Duration::from_secs(3600);

fn parse_time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Returns times long before and long after the test.
fn wild_times() -> [(&'static str, Timestamp); 2] {
    [("behind", parse_time("1971-01-01T00:00:00Z")), ("ahead", parse_time("2199-01-01T00:00:00Z"))]
}

/// Changes the first session under the lock of the document.
fn rewrite_session(bench: &Bench, change: impl FnOnce(&mut Session)) {
    let store = Store::open(&bench.state("")).unwrap();
    let update = store.update(&dlq::document::Keys::all(), |document: &mut Sessions| {
        change(&mut document.sessions[0]);
        Ok(())
    });
    update.unwrap();
}

/// Returns the distance of a time of a session from now, in either direction.
fn distance_from_now(session: &Value, key: &str) -> Duration {
    let at = parse_time(session[key].as_str().unwrap_or_else(|| panic!("{key}: {session}")));
    let now = seconds_ago(0);
    at.since(now).max(now.since(at))
}

#[test]
fn session_deadline_ignores_wall_clock() {
    for (which, wall) in wild_times() {
        let mut bench = Bench::new(&format!("jump-{which}"));
        agent(&mut bench, "echo > \"@/ready\"\nexec sleep 600", "timeout_minutes: 0.05");
        let begun = Instant::now();
        investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
        wait_for("the agent is ready", || bench.path("ready").exists());
        rewrite_session(&bench, |session| {
            session.start_time = wall;
            session.timeout_at = wall.plus(Duration::from_secs(3));
        });
        // A filter that runs meanwhile does not end the session, although its recorded deadline is
        // over.
        let early = investigate(&bench, &["--no-wait"], heartbeat(seconds_ago(0))).text();
        assert_eq!(sessions(&bench)["sessions"][0]["status"], "running", "{which}: {early}");
        wait_for("its end", || sessions(&bench)["sessions"][0]["status"] != "running");
        assert!(begun.elapsed() >= Duration::from_secs(3), "{which}: not before its time");
        let document = sessions(&bench);
        let session = &document["sessions"][0];
        assert_eq!(session["status"], "timed_out", "{which}");
        assert!(distance_from_now(session, "ended_at") < HOUR / 2, "{which}: {session}");
        assert!(distance_from_now(session, "cooldown_until") <= HOUR, "{which}: {session}");
        let late = investigate(&bench, &[], "").text();
        let all = summaries(&(early + &late)).join(", ");
        assert!(all.ends_with("timed_out orders"), "{which}: {all}");
        assert_no_process_left(&bench);
    }
}

#[test]
fn crashed_session_with_wild_times_cools_down_from_now() {
    for (which, wall) in wild_times() {
        let mut bench = Bench::new(&format!("died-{which}"));
        agent(&mut bench, "echo > \"@/ready\"\nexec sleep 600", "");
        investigate(&bench, &["--no-wait"], raised("orders", "i", seconds_ago(0), None));
        wait_for("the agent is ready", || bench.path("ready").exists());
        rewrite_session(&bench, |session| (session.start_time, session.timeout_at) = (wall, wall));
        let mut supervisors = processes_of(&bench);
        supervisors.retain(|pid| arguments_of(*pid).contains("dlq-supervise run "));
        supervisors.iter().for_each(|pid| signal("KILL", *pid));
        assert_no_process_left(&bench);
        let output = investigate(&bench, &[], "");
        assert_eq!(summaries(&output.text()).last().unwrap(), "failed orders crashed", "{which}");
        let document = sessions(&bench);
        let session = &document["sessions"][0];
        assert_eq!(session["status"], "crashed", "{which}");
        assert!(distance_from_now(session, "cooldown_until") <= HOUR, "{which}: {session}");
    }
}

#[test]
fn incidents_with_wild_times_run_once_nearest_loss_first() {
    let mut bench = Bench::new("wild");
    agent(&mut bench, "echo \"$DLQ_QUEUE\" >> \"@/ran\"; echo '{\"status\":\"likely\"}'", "");
    let config = read_text(&bench, "config.yaml").replace("max_concurrent: 8", "max_concurrent: 1");
    bench.configure(&config);
    let [(_, old), (_, new)] = wild_times();
    let input = [
        raised("unknown", "u", old, None),
        raised("born-ahead", "a", new, Some(new.plus(HOUR))),
        heartbeat(new),
        raised("born-behind", "b", old, Some(old.plus(HOUR))),
        heartbeat(old),
        raised("loss-ahead", "c", old, Some(new)),
        raised("loss-behind", "d", new, Some(old)),
    ];
    let output = investigate(&bench, &[], input.concat());
    let all = summaries(&output.text());
    assert_eq!(
        all.iter().filter(|message| message.starts_with("completed ")).count(),
        5,
        "{all:?}"
    );
    let ran = read_text(&bench, "ran");
    // The heartbeat of the future triggers the first decisions, in the order of loss among what
    // came before it.
    assert_eq!(ran, "born-ahead\nloss-behind\nborn-behind\nloss-ahead\nunknown\n");
    for session in sessions(&bench)["sessions"].as_array().unwrap() {
        for key in ["start_time", "ended_at", "timeout_at", "cooldown_until"] {
            assert!(distance_from_now(session, key) <= HOUR, "{key}: {session}");
        }
    }
    // A replay and a present heartbeat start nothing, and growth in the future ends no cooldown.
    let again =
        input.concat() + &grew("unknown", "u", new) + &heartbeat(new) + &heartbeat(seconds_ago(0));
    let again = investigate(&bench, &[], again).text();
    assert_eq!(
        (summaries(&again), read_text(&bench, "ran")),
        (vec!["skipped unknown cooldown".into()], ran)
    );
    assert_no_process_left(&bench);
}

#[test]
fn cooldown_from_clock_ahead_is_limited_to_its_length() {
    let mut bench = Bench::new("cooldown");
    agent(&mut bench, QUICK_AGENT, "");
    investigate(&bench, &[], raised("orders", "i", seconds_ago(60), None));
    let [_, (_, ahead)] = wild_times();
    rewrite_session(&bench, |session| {
        (session.start_time, session.ended_at) = (ahead, Some(ahead));
        session.cooldown_until = Some(ahead.plus(HOUR));
    });
    // An explanation changes nothing and shows the corrected time.
    let explained = investigate(&bench, &["--explain", "orders"], "").text();
    assert!(explained.contains("(in 59m") || explained.contains("(in 1h)"), "{explained}");
    let output = investigate(&bench, &[], grew("orders", "i", seconds_ago(50)));
    assert_eq!(summaries(&output.text()), ["skipped orders cooldown"]);
    let until = parse_time(own_events(&output.text())[0]["data"]["until"].as_str().unwrap());
    assert!(until.since(seconds_ago(0)) <= HOUR, "it lasts until {until}");
    let document = sessions(&bench);
    let session = &document["sessions"][0];
    assert_eq!(session["ended_at"], ahead.to_string(), "counts when the clock is there again");
    assert!(distance_from_now(session, "seen_ahead_at") < HOUR, "{document}");
    // The end of the cooldown does not move with each run.
    investigate(&bench, &[], grew("orders", "i", seconds_ago(40)));
    assert_eq!(sessions(&bench)["sessions"], document["sessions"]);
    // An hour later the cooldown is over, and the growth is investigated.
    let text = document.to_string();
    let seen = session["seen_ahead_at"].as_str().unwrap();
    bench.write("state/sessions.json", text.replace(seen, &seconds_ago(3601).to_string()));
    let output = investigate(&bench, &[], "");
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    assert_no_process_left(&bench);
}

#[test]
fn cooldown_from_clock_behind_is_over() {
    let mut bench = Bench::new("over");
    agent(&mut bench, QUICK_AGENT, "");
    investigate(&bench, &[], raised("orders", "i", seconds_ago(60), None));
    let [(_, behind), _] = wild_times();
    rewrite_session(&bench, |session| {
        (session.start_time, session.ended_at) = (behind, Some(behind));
        session.cooldown_until = Some(behind.plus(HOUR));
    });
    let output = investigate(&bench, &[], grew("orders", "i", seconds_ago(50)));
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    assert_no_process_left(&bench);
}

#[cfg(target_os = "linux")]
#[test]
fn spend_that_a_step_forward_makes_old_still_counts() {
    let boot = dlq::clock::reading().boot.expect("the time since the start of the machine");
    let other = json!({"boot": boot.boot ^ 1, "ms": boot.ms});
    let rows = [(json!(boot), "skipped orders budget"), (other, "failed orders no_result")];
    for (boot, last) in rows {
        let mut bench = Bench::new("money-forward");
        let script = agent(&mut bench, QUICK_AGENT, "");
        let yaml = read_text(&bench, "config.yaml");
        let argv = format!("[\"{}\"]", script.display());
        bench.configure(&yaml.replace(&argv, &format!("{{command: {argv}, format: json}}")));
        let long_ago = seconds_ago(3 * 86_400);
        let spend = json!({"session": "s", "queue": "q", "fingerprint": null, "at": long_ago,
            "reserved_usd": 24.0, "cost_usd": 24.0, "settled_at": long_ago, "boot": boot});
        bench.write("state/budget.json", json!({"version": 1, "spends": [spend]}).to_string());
        let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
        assert_eq!(summaries(&output.text()).last().unwrap(), last);
        assert_no_process_left(&bench);
    }
}

#[test]
fn spend_from_clock_ahead_is_released_within_a_day() {
    let mut bench = Bench::new("money");
    let script = agent(&mut bench, QUICK_AGENT, "");
    let yaml = read_text(&bench, "config.yaml");
    let argv = format!("[\"{}\"]", script.display());
    bench.configure(&yaml.replace(&argv, &format!("{{command: {argv}, format: json}}")));
    let [_, (_, ahead)] = wild_times();
    let spend = json!({"session": "s", "queue": "q", "fingerprint": null, "at": ahead,
        "reserved_usd": 24.0, "cost_usd": 24.0, "settled_at": ahead});
    bench.write("state/budget.json", json!({"version": 1, "spends": [spend]}).to_string());
    let output = investigate(&bench, &[], raised("orders", "i", seconds_ago(0), None));
    assert_eq!(summaries(&output.text()), ["skipped orders budget"]);
    let until = parse_time(own_events(&output.text())[0]["data"]["until"].as_str().unwrap());
    assert!(until.since(seconds_ago(0)) <= HOUR * 24, "there is money from {until}");
    // The refused run has moved nothing: when the clock is there again, the spend counts from there.
    let budget: Value = serde_json::from_str(&read_text(&bench, "state/budget.json")).unwrap();
    assert_eq!(budget["spends"][0]["settled_at"], ahead.to_string(), "{budget}");
    assert_eq!(budget["spends"][0]["at"], ahead.to_string(), "{budget}");
    assert_no_process_left(&bench);
}
