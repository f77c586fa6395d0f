//! A wall clock that jumps: sessions end by the clock that never does, and no cooldown outlives its
//! length. What a jump leaves behind is written into `sessions.json`, as a jump would.

use dlq::document::Keys;
use dlq::rules::investigation::document::Sessions;
use std::time::{Duration, Instant};

use dlq::rules::investigation::session::Session;
use dlq::store::Store;
use dlq::time::Timestamp;
use serde_json::{Value, json};

use crate::stream::{
    QUICK, agent, ago, beat, grew, investigate, noted, nothing_is_left, own, raised, sessions, told,
};
use crate::workbench::{Bench, arguments, at_work, signal, wait_for};

const HOUR: Duration = Duration::from_secs(3600);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Long before anything here, and long after it.
fn far() -> [(&'static str, Timestamp); 2] {
    [("behind", at("1971-01-01T00:00:00Z")), ("ahead", at("2199-01-01T00:00:00Z"))]
}

/// Changes the first session, under the document's lock.
fn rewrite(bench: &Bench, change: impl FnOnce(&mut Session)) {
    let store = Store::open(&bench.state("")).unwrap();
    let update = store.update(&Keys::all(), |document: &mut Sessions| {
        change(&mut document.sessions[0]);
        Ok(())
    });
    update.unwrap();
}

/// A time of a session, and how far that is from now, whichever way.
fn distance(session: &Value, key: &str) -> Duration {
    let at = at(session[key].as_str().unwrap_or_else(|| panic!("{key}: {session}")));
    let now = ago(0);
    at.since(now).max(now.since(at))
}

#[test]
fn a_session_ends_by_its_own_clock_whatever_the_wall_and_the_record_say() {
    for (which, wall) in far() {
        let mut bench = Bench::new(&format!("hold-jump-{which}"));
        agent(&mut bench, "echo > \"@/ready\"\nexec sleep 600", "timeout_minutes: 0.05");
        let begun = Instant::now();
        investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
        wait_for("the agent is ready", || bench.path("ready").exists());
        rewrite(&bench, |session| {
            session.start_time = wall;
            session.timeout_at = wall.plus(Duration::from_secs(3));
        });
        // A filter that comes meanwhile ends nothing, though by its record the time is long over.
        let early = investigate(&bench, &["--no-wait"], beat(ago(0))).text();
        assert_eq!(sessions(&bench)["sessions"][0]["status"], "running", "{which}: {early}");
        wait_for("its end", || sessions(&bench)["sessions"][0]["status"] != "running");
        assert!(begun.elapsed() >= Duration::from_secs(3), "{which}: not before its time");
        let document = sessions(&bench);
        let session = &document["sessions"][0];
        assert_eq!(session["status"], "timed_out", "{which}");
        assert!(distance(session, "ended_at") < HOUR / 2, "{which}: {session}");
        assert!(distance(session, "cooldown_until") <= HOUR, "{which}: {session}");
        let late = investigate(&bench, &[], "").text();
        let all = told(&(early + &late)).join(", ");
        assert!(all.ends_with("timed_out orders"), "{which}: {all}");
        nothing_is_left(&bench);
    }
}

#[test]
fn a_session_of_another_time_whose_supervisor_died_is_crashed_and_cools_down_from_now() {
    for (which, wall) in far() {
        let mut bench = Bench::new(&format!("hold-died-{which}"));
        agent(&mut bench, "echo > \"@/ready\"\nexec sleep 600", "");
        investigate(&bench, &["--no-wait"], raised("orders", "i", ago(0), None));
        wait_for("the agent is ready", || bench.path("ready").exists());
        rewrite(&bench, |session| (session.start_time, session.timeout_at) = (wall, wall));
        let mut supervisors = at_work(&bench);
        supervisors.retain(|pid| arguments(*pid).contains("--supervise "));
        supervisors.iter().for_each(|pid| signal("KILL", *pid));
        nothing_is_left(&bench);
        let output = investigate(&bench, &[], "");
        assert_eq!(told(&output.text()).last().unwrap(), "failed orders crashed", "{which}");
        let document = sessions(&bench);
        let session = &document["sessions"][0];
        assert_eq!(session["status"], "crashed", "{which}");
        assert!(distance(session, "cooldown_until") <= HOUR, "{which}: {session}");
    }
}

#[test]
fn incidents_of_the_far_future_and_past_are_investigated_once_nearest_loss_first() {
    let mut bench = Bench::new("hold-wild");
    agent(&mut bench, "echo \"$DLQ_QUEUE\" >> \"@/ran\"; echo '{\"status\":\"likely\"}'", "");
    let config = noted(&bench, "config.yaml").replace("max_concurrent: 8", "max_concurrent: 1");
    bench.configure(&config);
    let [(_, old), (_, new)] = far();
    let input = [
        raised("unknown", "u", old, None),
        raised("born-ahead", "a", new, Some(new.plus(HOUR))),
        beat(new),
        raised("born-behind", "b", old, Some(old.plus(HOUR))),
        beat(old),
        raised("loss-ahead", "c", old, Some(new)),
        raised("loss-behind", "d", new, Some(old)),
    ];
    let output = investigate(&bench, &[], input.concat());
    let all = told(&output.text());
    assert_eq!(all.iter().filter(|said| said.starts_with("completed ")).count(), 5, "{all:?}");
    let ran = noted(&bench, "ran");
    // The heartbeat of the future is the first to be judged by: what had come by then is in order.
    assert_eq!(ran, "born-ahead\nloss-behind\nborn-behind\nloss-ahead\nunknown\n");
    for session in sessions(&bench)["sessions"].as_array().unwrap() {
        for key in ["start_time", "ended_at", "timeout_at", "cooldown_until"] {
            assert!(distance(session, key) <= HOUR, "{key}: {session}");
        }
    }
    // The same again, and the present: nothing is investigated twice, and a growth of the future
    // ends no cooldown.
    let again = input.concat() + &grew("unknown", "u", new) + &beat(new) + &beat(ago(0));
    let again = investigate(&bench, &[], again).text();
    assert_eq!(
        (told(&again), noted(&bench, "ran")),
        (vec!["skipped unknown cooldown".into()], ran)
    );
    nothing_is_left(&bench);
}

#[test]
fn a_cooldown_that_a_clock_far_ahead_has_written_ends_a_cooldown_from_now() {
    let mut bench = Bench::new("hold-cooldown");
    agent(&mut bench, QUICK, "");
    investigate(&bench, &[], raised("orders", "i", ago(60), None));
    let [_, (_, ahead)] = far();
    rewrite(&bench, |session| {
        (session.start_time, session.ended_at) = (ahead, Some(ahead));
        session.cooldown_until = Some(ahead.plus(HOUR));
    });
    // An explanation changes nothing, and says what is going to be.
    let explained = investigate(&bench, &["--explain", "orders"], "").text();
    assert!(explained.contains("(in 59m") || explained.contains("(in 1h)"), "{explained}");
    let output = investigate(&bench, &[], grew("orders", "i", ago(50)));
    assert_eq!(told(&output.text()), ["skipped orders cooldown"]);
    let until = at(own(&output.text())[0]["data"]["until"].as_str().unwrap());
    assert!(until.since(ago(0)) <= HOUR, "it lasts until {until}");
    let document = sessions(&bench);
    assert!(distance(&document["sessions"][0], "ended_at") < HOUR, "{document}");
    // Its end does not move on with every look.
    investigate(&bench, &[], grew("orders", "i", ago(40)));
    assert_eq!(sessions(&bench)["sessions"], document["sessions"]);
    // When that hour is over, here by taking it away, the growth that waits is investigated.
    rewrite(&bench, |session| {
        session.ended_at = session.ended_at.map(|at| at.minus(HOUR));
        session.cooldown_until = session.cooldown_until.map(|until| until.minus(HOUR));
    });
    let output = investigate(&bench, &[], "");
    assert_eq!(told(&output.text()), ["started orders", "completed orders"]);
    nothing_is_left(&bench);
}

#[test]
fn a_cooldown_that_a_clock_far_behind_has_written_is_over() {
    let mut bench = Bench::new("hold-over");
    agent(&mut bench, QUICK, "");
    investigate(&bench, &[], raised("orders", "i", ago(60), None));
    let [(_, behind), _] = far();
    rewrite(&bench, |session| {
        (session.start_time, session.ended_at) = (behind, Some(behind));
        session.cooldown_until = Some(behind.plus(HOUR));
    });
    let output = investigate(&bench, &[], grew("orders", "i", ago(50)));
    assert_eq!(told(&output.text()), ["started orders", "completed orders"]);
    nothing_is_left(&bench);
}

#[test]
fn money_that_a_clock_far_ahead_has_spent_is_back_within_a_day() {
    let mut bench = Bench::new("hold-money");
    let script = agent(&mut bench, QUICK, "");
    let yaml = noted(&bench, "config.yaml");
    let argv = format!("[\"{}\"]", script.display());
    bench.configure(&yaml.replace(&argv, &format!("{{command: {argv}, format: json}}")));
    let [_, (_, ahead)] = far();
    let spend = json!({"session": "s", "queue": "q", "fingerprint": null, "at": ahead,
        "reserved_usd": 24.0, "cost_usd": 24.0, "settled_at": ahead});
    bench.write("state/budget.json", json!({"version": 1, "spends": [spend]}).to_string());
    let output = investigate(&bench, &[], raised("orders", "i", ago(0), None));
    assert_eq!(told(&output.text()), ["skipped orders budget"]);
    let until = at(own(&output.text())[0]["data"]["until"].as_str().unwrap());
    assert!(until.since(ago(0)) <= HOUR * 24, "there is money from {until}");
    nothing_is_left(&bench);
}
