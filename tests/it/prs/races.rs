//! Several machines, and several processes of one, that open the same cause at once.

use super::*;
use crate::support::workbench::Running;

/// Runs `dlq-prs --open-due` of several machines at once.
fn at_once(machines: &[&Machine]) -> Vec<Ran> {
    let start = |machine: &&Machine| machine.bench.start("dlq-prs", &["--open-due"]);
    let running: Vec<Running> = machines.iter().map(start).collect();
    let finish = |mut one: Running| {
        let output = one.finish();
        let text = output.text();
        Ran { code: output.code(), events: events(&text), text, stderr: output.stderr }
    };
    running.into_iter().map(finish).collect()
}

#[test]
fn two_machines_make_one_branch_and_one_pull_request() {
    let github = "  max_open: 50\n  max_per_day: 50\n";
    let Some(site) = Site::new("prs-race", github) else { return };
    let other = site.machine("prs-race-2", github);
    for n in 1..=6 {
        let fingerprint = format!("{n:012x}");
        let of_cause =
            |session: &mut Value, _: &mut Value| session["fingerprint"] = json!(fingerprint);
        // Sessions of their own, whose commits differ; in every third round, equal ones.
        let theirs = if n % 3 == 0 { n } else { n + 100 };
        site.machine.plant(n, &site.base, of_cause);
        other.plant(theirs, &site.base, of_cause);
        at_once(&[&site.machine, &other]);
        for (machine, n) in [(&site.machine, n), (&other, theirs)] {
            if machine.fix(n)["step"] != json!("opened") {
                machine.due_now();
                machine.open_due();
            }
            let step = machine.fix(n)["step"].clone();
            assert!(["opened", "commented"].contains(&step.as_str().unwrap()), "{n}: {step}");
        }
        let branch = format!("dlq/{fingerprint}-1");
        let pulls = site.pulls();
        let of_branch = pulls.iter().filter(|pull| pull["head"] == json!(branch)).count();
        assert_eq!((of_branch, pulls.len(), site.branches().len()), (1, n as usize, n as usize));
    }
    site.assert_allowed();
}

/// Nothing on the server makes an issue unique: of two, the lower number stays.
#[test]
fn two_machines_that_open_an_issue_at_once_keep_one() {
    let github = "  issues: true\n  max_open: 50\n  max_per_day: 50\n";
    let Some(site) = Site::new("prs-race-issue", github) else { return };
    let other = site.machine("prs-race-issue-2", github);
    for n in 1..=4 {
        let cause = |session: &mut Value, _: &mut Value| {
            session["fingerprint"] = json!(format!("{n:012x}"));
            session["offers_patch"] = json!(false);
        };
        site.machine.plant(n, &site.base, cause);
        other.plant(n + 100, &site.base, cause);
        site.machine.raise(None, None);
        other.raise(None, None);
        at_once(&[&site.machine, &other]);
        for machine in [&site.machine, &other] {
            machine.due_now();
            assert_eq!(machine.open_due().code, 0, "{n}");
        }
        let issues = site.state()["issues"].as_array().unwrap().clone();
        let marker = format!("<!-- dlq-tools issue {n:012x} -->");
        let of_cause = |one: &&Value| one["body"].as_str().unwrap().contains(&marker);
        let open: Vec<&Value> =
            issues.iter().filter(of_cause).filter(|one| one["state"] == json!("open")).collect();
        assert_eq!(open.len(), 1, "{n}: {issues:?}");
        for machine in [&site.machine, &other] {
            let prs = machine.document("prs.json");
            let known = prs["issues"].as_array().unwrap().last().unwrap().clone();
            assert_eq!(
                (&known["number"], &known["closed_at"]),
                (&open[0]["number"], &Value::Null),
                "{n}"
            );
        }
    }
    site.assert_allowed();
}

#[test]
fn two_processes_of_a_state_folder_open_once() {
    let Some(site) = Site::new("prs-twice", "") else { return };
    site.plant(1);
    let ran = at_once(&[&site.machine, &site.machine, &site.machine]);
    let opened: usize = ran.iter().map(|one| one.events.len()).sum();
    assert_eq!(opened, 1, "{ran:?}");
    assert!(ran.iter().all(|one| one.code == 0), "{ran:?}");
    assert_eq!((site.branches().len(), site.pulls().len()), (1, 1));
    assert_eq!(types(&site.machine.journal()), ["pr.opened"]);
    site.assert_allowed();
}

/// Two looks at once tell each change once.
#[test]
fn two_looks_tell_a_change_once() {
    let Some(site) = Site::new("prs-two-looks", "") else { return };
    site.pull("Fix it");
    let start = || site.machine.bench.start("dlq-prs", &["--once"]);
    let running = [start(), start(), start()];
    running.into_iter().for_each(|mut one| assert_eq!(one.finish().code(), 0));
    assert_eq!(types(&site.machine.journal()), ["pr.found"]);
    site.assert_allowed();
}

/// The state of the first machine is lost, or another one opens: what a person has closed stays a no.
#[test]
fn pull_request_that_another_machine_knows_as_closed_is_a_no() {
    for keeps_branch in [true, false] {
        let Some(site) = Site::new("prs-no-elsewhere", "") else { return };
        site.plant(1);
        site.machine.open_due().only("pr.opened");
        site.on("state", 1, json!({"state": "closed"}));
        if !keeps_branch {
            site.act("ref", json!({"repo": REPO, "ref": format!("refs/heads/{BRANCH}")}));
        }
        let other = site.machine("prs-no-elsewhere-2", "");
        other.plant(1, &site.base, as_is);
        let ran = other.open_due();
        assert_eq!(ran.only("pr.refused")["reason"], json!("rejected"), "{keeps_branch}");
        assert_eq!(site.pulls().len(), 1);
        other.prs(&["--open", "00000001"]).only("pr.opened");
        assert_eq!(site.pulls()[1]["head"], json!("dlq/d15cc665f7b7-2"));
        site.assert_allowed();
    }
}

#[test]
fn pull_request_that_another_machine_has_seen_merged_makes_a_regression() {
    let Some(site) = Site::new("prs-merged-elsewhere", "") else { return };
    site.plant(1);
    site.machine.open_due().only("pr.opened");
    site.on("draft", 1, json!({"draft": false, "login": "ann"}));
    let merged = site.on("merge", 1, json!({"login": "bob", "method": "squash"}));
    let other = site.machine("prs-merged-elsewhere-2", "");
    other.plant(2, merged["sha"].as_str().unwrap(), |session, _| {
        session["patch"] = json!(PATCH.replace("x = 2", "x = 3").replace("x = 1", "x = 2"));
    });
    let ran = other.open_due();
    assert_eq!(ran.only("pr.opened")["regression_of"], json!(format!("{REPO}#1")));
    assert_eq!(site.pulls()[1]["head"], json!("dlq/d15cc665f7b7-2"));
    site.assert_allowed();
}
