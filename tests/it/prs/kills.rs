//! Openings that are killed at random moments: one branch, one pull request, no lost patch.

use std::time::{Duration, Instant};

use super::*;
use crate::support::dice::{Dice, campaigns};
use crate::support::workbench::{processes_of, signal, wait_for};

const MANY: &str = "  max_open: 100\n  max_per_day: 100\n  labels: [dlq]\n";

/// `DLQ_LONG`, as `scripts/check --long kills` sets it, makes 30 kills.
#[test]
fn killed_opening_is_finished_by_the_next_run() {
    let kills = if campaigns() > 1 { 30 } else { 8 };
    let Some(site) = Site::new("prs-kills", MANY) else { return };
    assert_kills_are_finished(&site, kills, Dice(0x9b5_5eed));
}

/// An app may not ask for its account in REST, and its login is spelt in two ways.
#[test]
fn killed_opening_of_an_app_is_finished_by_the_next_run() {
    let kills = if campaigns() > 1 { 30 } else { 3 };
    let Some(site) = app_token::app_site("prs-kills-app", MANY) else { return };
    assert_kills_are_finished(&site, kills, Dice(0xa99_5eed));
    assert!(site.pulls().iter().all(|pull| pull["author"] == json!("robot[bot]")));
}

/// Kills so many openings, and lets the next run finish each.
fn assert_kills_are_finished(site: &Site, kills: u32, mut dice: Dice) {
    let cause = |n: u32| {
        move |session: &mut Value, _: &mut Value| {
            session["fingerprint"] = json!(format!("{n:012x}"));
        }
    };
    site.machine.plant(1, &site.base, cause(1));
    let began = Instant::now();
    site.machine.open_due().only("pr.opened");
    let span = began.elapsed();
    let names = names_in(&site.machine);
    let mut interrupted = 0;
    for n in 2..kills + 2 {
        site.machine.plant(n, &site.base, cause(n));
        let mut running = site.machine.bench.start("dlq-prs", &["--open-due"]);
        // Without sleep there is no random moment.
        std::thread::sleep(span.mul_f64(dice.roll(1000) as f64 / 1000.0));
        running.kill();
        // Every other time, git goes with it, as when the machine loses its power.
        if dice.roll(2) == 0 {
            processes_of(&site.machine.bench).into_iter().for_each(|pid| signal("KILL", pid));
        }
        interrupted += u32::from(site.machine.fix(n)["step"] != json!("opened"));
        let ran = site.machine.open_due();
        assert_eq!(ran.code, 0, "{n}: {ran:?}");
        let fix = site.machine.fix(n);
        assert_eq!(fix["step"], json!("opened"), "{n}: {ran:?}");
        let branch = format!("dlq/{n:012x}-1");
        let pulls = site.pulls();
        let ours: Vec<&Value> = pulls.iter().filter(|one| one["head"] == json!(branch)).collect();
        assert_eq!((ours.len(), pulls.len()), (1, n as usize), "{n}");
        assert_eq!(
            (&ours[0]["number"], &ours[0]["head_sha"]),
            (&fix["pull_request"]["number"], &fix["commit"])
        );
        assert_eq!(site.branches().len(), n as usize, "{n}");
        assert_eq!(
            std::fs::read_to_string(site.machine.folder(n).join("patch.diff")).unwrap(),
            PATCH
        );
        // Told at least once, and each time with the same id.
        let journal = site.machine.journal();
        let told: Vec<&Value> = journal
            .iter()
            .filter(|one| one["data"]["session"] == json!(id(n)))
            .map(|one| &one["id"])
            .collect();
        assert!(!told.is_empty() && told.iter().all(|one| *one == told[0]), "{n}: {told:?}");
        wait_for("the end of all children", || processes_of(&site.machine.bench).is_empty());
        // The folder of a run that was killed behind its record stays until the next opening.
        let _ = std::fs::remove_dir_all(site.machine.bench.state("prs-work"));
        assert_eq!(names_in(&site.machine), names, "{n}: something is left");
    }
    assert!(interrupted > 0, "no kill came before the end, within {span:?}");
    assert!(span < Duration::from_secs(30));
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// Killed in the second try: the branch has a commit, and the base has moved since.
#[test]
fn killed_second_try_is_finished_by_the_next_run() {
    let kills = if campaigns() > 1 { 30 } else { 6 };
    let github = "  max_open: 100\n  max_per_day: 100\n";
    let Some(site) = Site::new("prs-kills-again", github) else { return };
    let mut dice = Dice(0x05ec_017d);
    let mut span = Duration::from_millis(500);
    for n in 1..=kills {
        let fingerprint = json!(format!("{n:012x}"));
        let base = site.branch("main");
        let base = base.as_str().unwrap();
        site.machine.plant(n, base, |session, _| session["fingerprint"] = fingerprint);
        site.server.queue_fault("server_error", "POST", "pulls$");
        assert_eq!(site.machine.open_due().code, 1, "{n}");
        assert_eq!(site.machine.fix(n)["step"], json!("pushed"), "{n}");
        let files = json!({"README.md": format!("{n}\n")});
        site.act(
            "commit",
            json!({"repo": REPO, "branch": "main", "files": files, "message": "m", "login": "ann"}),
        );
        site.machine.due_now();
        let mut running = site.machine.bench.start("dlq-prs", &["--open-due"]);
        // Without sleep there is no random moment.
        std::thread::sleep(span.mul_f64(dice.roll(1000) as f64 / 1000.0));
        running.kill();
        if dice.roll(2) == 0 {
            processes_of(&site.machine.bench).into_iter().for_each(|pid| signal("KILL", pid));
        }
        // A child on its way to be git has the lock for a moment longer.
        wait_for("the end of all children", || processes_of(&site.machine.bench).is_empty());
        site.machine.due_now();
        let began = Instant::now();
        let ran = site.machine.open_due();
        span = span.max(began.elapsed());
        assert_eq!((ran.code, &site.machine.fix(n)["step"]), (0, &json!("opened")), "{n}: {ran:?}");
        assert_eq!((site.pulls().len(), site.branches().len()), (n as usize, n as usize), "{n}");
        assert_eq!(site.branch(&format!("dlq/{n:012x}-1")), site.machine.fix(n)["commit"], "{n}");
    }
    site.assert_allowed();
}

/// Returns the names in the state folder, sorted.
fn names_in(machine: &Machine) -> Vec<String> {
    let entries = std::fs::read_dir(machine.bench.state("")).unwrap().flatten();
    let mut all: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}
