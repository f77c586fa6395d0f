//! Reminders: of others and of ours, acknowledged and snoozed, and after a long sleep.

use super::*;
use dlq::time::Timestamp;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

impl Machine {
    /// Sets the beginning of all turns, and the last reminder.
    fn turn_began(&self, seconds: u64, reminded: Option<u64>) {
        let reminded = reminded.map(|seconds| seconds_ago(seconds).to_string());
        self.edit("prs.json", |prs| {
            for record in prs["watched"].as_object_mut().unwrap().values_mut() {
                record["turn_since"] = json!(seconds_ago(seconds).to_string());
                record["reminded_at"] = json!(reminded);
            }
        });
    }

    /// Writes the record of the open incident of all planted sessions, with the time of its loss.
    pub(super) fn raise(&self, loss: Option<Timestamp>, closed: Option<Timestamp>) {
        let raised = seconds_ago(DAY).to_string();
        self.edit("sessions.json", |document| {
            document["incidents"] = json!([{
                "id": INCIDENT, "queue": queue(), "raised_at": raised, "depth": 3,
                "expires_after": loss, "expires_before": loss, "grew_at": null, "closed_at": closed,
                "armed": false, "reported": [], "attempts": 1,
            }]);
        });
    }
}

/// Plants a session that has ended two days ago: so old is its commit.
fn plant(site: &Site) {
    let ended = json!(seconds_ago(2 * DAY).to_string());
    site.machine.plant(1, &site.base, |session, _| session["ended_at"] = ended);
}

/// Makes a site with a pull request that waits for bob.
fn reviewed(name: &str) -> Option<(Site, u64)> {
    let site = Site::new(name, "")?;
    // What it writes is old: a push or a request begins a turn.
    site.act("clock", json!({"advance_s": -7 * (DAY as i64)}));
    let number = site.pull("Fix it");
    site.on("request", number, json!({"logins": ["bob"], "login": "ann"}));
    site.act("clock", json!({"advance_s": 7 * DAY}));
    let ran = site.machine.look();
    assert_eq!(ran.only("pr.found")["pr"]["turn"], json!("reviewer"));
    Some((site, number))
}

#[test]
fn reviewer_is_reminded_by_the_ladder() {
    let Some((site, number)) = reviewed("prs-remind") else { return };
    site.machine.turn_began(3 * HOUR, None);
    site.machine.look().assert_silent();
    site.machine.turn_began(5 * HOUR, None);
    let ran = site.machine.look();
    let data = ran.only("pr.review_due");
    assert_eq!((&data["reminder"], &data["detail"]), (&json!(1), &json!("review it")));
    assert_eq!(data["pr"]["waiting_on"], json!("bob"));
    site.machine.look().assert_silent();
    // The machine slept through the second and the third: one reminder.
    site.machine.turn_began(4 * DAY, Some(3 * DAY + 20 * HOUR));
    assert_eq!(site.machine.look().only("pr.review_due")["reminder"], json!(3));
    site.machine.look().assert_silent();
    // A push begins another turn.
    site.machine.turn_began(4 * DAY, None);
    let push = json!({"repo": REPO, "branch": "fix-it", "files": {"c.txt": "1\n"}, "message": "m", "login": "ann"});
    site.act("commit", push);
    site.machine.look().assert_silent();
    // Nobody is reminded of what has ended.
    site.machine.turn_began(4 * DAY, None);
    site.on("merge", number, json!({"login": "bob", "method": "merge"}));
    site.machine.look().only("pr.merged");
    site.machine.look().assert_silent();
    site.assert_allowed();
}

#[test]
fn snooze_of_a_pull_request_is_obeyed() {
    let Some((site, number)) = reviewed("prs-snooze") else { return };
    let key = format!("{REPO}#{number}");
    let snoozed = site.machine.bench.run("dlq-status", &["--snooze", &key, "2d"], "");
    assert_eq!(snoozed.code(), 0, "{snoozed:?}");
    site.machine.turn_began(5 * HOUR, None);
    site.machine.look().assert_silent();
    let ended = site.machine.bench.run("dlq-status", &["--unack", &key], "");
    assert_eq!(ended.code(), 0, "{ended:?}");
    site.machine.look().only("pr.review_due");
    site.assert_allowed();
}

#[test]
fn owner_is_reminded_of_a_draft_of_ours() {
    let Some(site) = Site::new("prs-remind-ours", "") else { return };
    plant(&site);
    site.machine.open_due().only("pr.opened");
    site.machine.look().assert_silent();
    site.machine.turn_began(9 * 60, None);
    site.machine.look().assert_silent();
    site.machine.turn_began(11 * 60, None);
    let ran = site.machine.look();
    let data = ran.only("pr.review_due");
    assert_eq!(data["pr"]["waiting_on"], json!("ann"), "the owner stands for the author");
    assert!(data["detail"].as_str().unwrap().starts_with("it is a draft"), "{data}");
    assert_eq!(ran.events[0]["incident"], json!(INCIDENT));
    site.on("check", 1, json!({"name": "ci", "conclusion": "success"}));
    site.machine.turn_began(30 * 60, Some(15 * 60));
    let ran = site.machine.look();
    let detail = &ran.only("pr.review_due")["detail"];
    assert_eq!(*detail, json!("its checks pass: mark it ready for review"));
    site.on("check", 1, json!({"name": "ci", "conclusion": "failure"}));
    site.machine.look().only("pr.checks_failed");
    site.machine.turn_began(30 * 60, None);
    let ran = site.machine.look();
    assert_eq!(ran.only("pr.review_due")["detail"], json!("its checks fail: look at them"));
    site.assert_allowed();
}

#[test]
fn acknowledged_incident_reminds_nobody() {
    let Some(site) = Site::new("prs-ack", "") else { return };
    plant(&site);
    site.machine.raise(None, None);
    site.machine.open_due().only("pr.opened");
    site.machine.look().assert_silent();
    let acked = site.machine.bench.run("dlq-status", &["--ack", INCIDENT, "1h"], "");
    assert_eq!(acked.code(), 0, "{acked:?}");
    site.machine.turn_began(HOUR, None);
    site.machine.look().assert_silent();
    let ended = site.machine.bench.run("dlq-status", &["--unack", INCIDENT], "");
    assert_eq!(ended.code(), 0, "{ended:?}");
    site.machine.look().only("pr.review_due");
    site.assert_allowed();
}

/// Near the loss of messages, reminders come more often, and stop when the messages are gone.
#[test]
fn loss_that_is_near_tightens_the_ladder() {
    let Some(site) = Site::new("prs-near-loss", "  remind_ours: [3d]\n") else { return };
    plant(&site);
    let loss = seconds_ago(0).plus(std::time::Duration::from_secs(2 * HOUR));
    site.machine.raise(Some(loss), None);
    site.machine.open_due().only("pr.opened");
    site.machine.look();
    site.machine.turn_began(5 * HOUR, Some(4 * HOUR));
    let ran = site.machine.look();
    assert_eq!(ran.only("pr.review_due")["loss_at"], json!(loss.to_string()));
    site.machine.raise(Some(loss), Some(seconds_ago(60)));
    site.machine.turn_began(5 * HOUR, Some(4 * HOUR));
    site.machine.look().assert_silent();
    site.assert_allowed();
}

#[test]
fn hours_without_work_do_not_count() {
    // A window of the week that is over: yesterday's.
    let Some((site, _)) = reviewed("prs-hours") else { return };
    let url = site.server.url.clone();
    let mut machine = site.machine;
    let now = seconds_ago(0).millis() / 1000;
    let yesterday =
        ["thu", "fri", "sat", "sun", "mon", "tue", "wed"][((now / 86_400 + 6) % 7) as usize];
    machine.configure(
        &url,
        &format!(
            "  working_hours: {{zone: UTC, days: [{yesterday}], from: \"09:00\", to: \"17:00\"}}\n"
        ),
    );
    machine.turn_began(6 * DAY, None);
    machine.look().assert_silent();
    site.server.assert_allowed();
}
