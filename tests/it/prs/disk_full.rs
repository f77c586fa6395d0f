//! A full disk: nothing is lost, the error names the file, and the next run with room goes on.
//!
//! A limit on the size of files acts like a full disk, and fails at another step for each size.

use super::*;
use crate::support::dice::Dice;

/// Sizes at which files end, in blocks of the shell.
const BLOCKS: [u32; 10] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 64];

/// Runs `dlq-prs` with a limit on the size of files.
fn limited(machine: &Machine, blocks: u32, words: &str) -> Ran {
    let output = machine.bench.shell(&format!("ulimit -f {blocks}; exec dlq-prs {words}"));
    let text = output.text();
    Ran { code: output.code(), events: events(&text), text, stderr: output.stderr }
}

/// Fails unless a run has ended well, or with status 1 and an error that says what could not be done.
#[track_caller]
fn assert_clear(ran: &Ran, blocks: u32) {
    let is_said = ["cannot write", "cannot append", "cannot open the pull request", "cannot run"];
    let is_clear = ran.code == 1 && is_said.iter().any(|part| ran.stderr.contains(part));
    assert!(ran.code == 0 || is_clear, "{blocks}: {ran:?}");
}

#[test]
fn opening_on_a_full_disk_is_finished_by_the_next_run() {
    let github = "  max_open: 100\n  max_per_day: 100\n  labels: [dlq]\n";
    let Some(site) = Site::new("prs-full", github) else { return };
    let mut failed = 0;
    for (n, blocks) in (1..).zip(BLOCKS) {
        let fingerprint = json!(format!("{n:012x}"));
        site.machine.plant(n, &site.base, |session, _| session["fingerprint"] = fingerprint);
        let ran = limited(&site.machine, blocks, "--open-due");
        assert_clear(&ran, blocks);
        failed += u32::from(ran.code == 1);
        let patch = std::fs::read_to_string(site.machine.folder(n).join("patch.diff")).unwrap();
        assert_eq!(patch, PATCH, "{blocks}");
        if !site.machine.document("prs.json").is_null() {
            site.machine.due_now();
        }
        let ran = site.machine.open_due();
        assert_eq!(ran.code, 0, "{blocks}: {ran:?}");
        assert_eq!(site.machine.fix(n)["step"], json!("opened"), "{blocks}");
        assert_eq!((site.pulls().len(), site.branches().len()), (n as usize, n as usize));
        assert_eq!(site.pulls()[n as usize - 1]["labels"], json!(["dlq"]), "{blocks}");
        let journal = site.machine.journal();
        let told = journal.iter().filter(|one| one["data"]["session"] == json!(id(n)));
        let ids: Vec<&Value> = told.map(|one| &one["id"]).collect();
        assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{blocks}: {ids:?}");
    }
    assert!((3..BLOCKS.len() as u32).contains(&failed), "{failed} runs have failed");
    site.assert_allowed();
}

/// What git says of a full disk is no verdict on the fix, such as that its repository is too large.
#[test]
fn repository_that_does_not_fit_on_the_disk_is_fetched_later() {
    let mut dice = Dice(0x0000_d15c);
    let text: String =
        (0..40_000).map(|_| format!("{:08x}\n", dice.roll(u64::MAX) as u32)).collect();
    let more = json!({"private": true, "files": {"src/a.py": "x = 1\n", "big.txt": text}});
    let Some(site) = Site::with_repository("prs-full-fetch", "", more) else { return };
    for (n, blocks) in [(1, 16), (2, 64), (3, 128)] {
        let fingerprint = json!(format!("{n:012x}"));
        site.machine.plant(n, &site.base, |session, _| session["fingerprint"] = fingerprint);
        let ran = limited(&site.machine, blocks, "--open-due");
        assert_eq!((ran.code, ran.types().len()), (1, 0), "{blocks}: {ran:?}");
        assert_clear(&ran, blocks);
        if !site.machine.document("prs.json").is_null() {
            site.machine.due_now();
        }
        site.machine.open_due().only("pr.opened");
    }
    site.assert_allowed();
}

#[test]
fn look_on_a_full_disk_loses_no_news() {
    let Some(site) = Site::new("prs-full-look", "") else { return };
    let mut failed = 0;
    for blocks in BLOCKS {
        let number = site.pull(&format!("Fix {blocks}"));
        let subject = json!(format!("{REPO}#{number}"));
        let ran = limited(&site.machine, blocks, "--once");
        assert_clear(&ran, blocks);
        failed += u32::from(ran.code == 1);
        let again = site.machine.look();
        assert_eq!(again.code, 0, "{blocks}: {again:?}");
        let told: Vec<&Value> =
            ran.events.iter().chain(&again.events).map(|event| &event["subject"]).collect();
        assert_eq!(told, [&subject], "{blocks}: each is printed once");
        site.machine.look().assert_silent();
    }
    assert!((1..BLOCKS.len() as u32).contains(&failed), "{failed} runs have failed");
    site.assert_allowed();
}
