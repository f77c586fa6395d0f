//! Limits, refusals, an expired token, and 304 without a tag, in looks and at each request of an opening: each
//! has an outcome with a name, none tells an end that was not, and nothing is lost.

use super::*;

/// An answer in the place of GitHub's.
struct Row {
    name: &'static str,
    fault: Value,
    /// What is said of it.
    said: &'static str,
    /// The kind of limit that is recorded: its shortest and longest end, in seconds.
    pause: Option<(i64, i64)>,
}

fn rows() -> Vec<Row> {
    let row = |name, fault, said, pause| Row { name, fault, said, pause };
    let limited = "GitHub limits";
    vec![
        row("403 with Retry-After", json!({"kind": "secondary_limit"}), limited, Some((80, 90))),
        row("403 without", json!({"kind": "secondary_limit_bare"}), limited, Some((50, 60))),
        row(
            "403 of another sentence with Retry-After",
            json!({"status": 403, "headers": {"Retry-After": "40"}, "body": {"message": "Forbidden"}}),
            limited,
            Some((30, 40)),
        ),
        row("403 that is no limit", json!({"kind": "forbidden"}), "Resource not accessible", None),
        row("429 with Retry-After", json!({"kind": "too_many_requests"}), limited, Some((20, 30))),
        row("429 without", json!({"kind": "too_many_requests_bare"}), limited, Some((50, 60))),
        row("429 without a sentence", json!({"status": 429}), limited, Some((50, 60))),
        row(
            "401 for good",
            json!({"kind": "bad_credentials"}),
            "the token is not valid (401)",
            None,
        ),
        row("304", json!({"status": 304}), "(status 304)", None),
        row(
            "304 with a tag",
            json!({"status": 304, "headers": {"ETag": "W/\"1\""}}),
            "(status 304)",
            None,
        ),
    ]
}

impl Row {
    /// Lets all requests of a method and path meet it.
    fn queue(&self, site: &Site, method: &str, path: &str) {
        let mut fault = self.fault.clone();
        let place = json!({"method": method, "path": path, "times": null});
        fault.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        site.act("faults", fault);
    }

    #[track_caller]
    fn assert_pause(&self, machine: &Machine, kind: &str) {
        let left = limits::pause(machine, kind);
        let is_it = match self.pause {
            Some((least, most)) => left.is_some_and(|left| (least..=most).contains(&left)),
            None => left.is_none(),
        };
        assert!(is_it, "{}: {left:?} of {:?}", self.name, self.pause);
    }
}

/// Lets the next run ask again.
fn due_now(machine: &Machine) {
    machine.edit("prs.json", |prs| prs["pauses"] = json!({}));
    machine.due_now();
}

#[test]
fn answer_of_a_look_has_its_outcome() {
    let Some(site) = Site::new("prs-answers-look", "") else { return };
    let (first, second) = (site.pull("Fix it"), site.pull("Another"));
    assert_eq!(site.machine.look().types(), ["pr.found", "pr.found"]);
    for row in rows() {
        row.queue(&site, "POST", "graphql");
        let ran = site.machine.look();
        assert_eq!(ran.code, 1, "{}: {ran:?}", row.name);
        let data = ran.only("pr.unreadable");
        assert_eq!(data["pr"], Value::Null, "{}", row.name);
        let reason = data["reason"].as_str().unwrap();
        assert!(reason.contains(row.said), "{}: {reason}", row.name);
        row.assert_pause(&site.machine, "graphql");
        let again = site.machine.look();
        assert_eq!((again.code, again.types().len()), (1, 0), "{}: {again:?}", row.name);
        site.forget_faults();
        due_now(&site.machine);
        site.machine.look().assert_silent();
    }
    // What happened meanwhile is told behind the last of them.
    rows()[0].queue(&site, "POST", "graphql");
    site.on("merge", first, json!({"login": "bob", "method": "merge"}));
    site.on("state", second, json!({"state": "closed"}));
    site.machine.look().only("pr.unreadable");
    site.forget_faults();
    due_now(&site.machine);
    assert_eq!(site.machine.look().types(), ["pr.merged", "pr.closed"]);
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// A try that has stopped at an answer, and the next one, which opens it.
fn assert_finished_by_the_next_run(
    site: &Site,
    n: u32,
    row: &Row,
    method: &str,
    path: &str,
    said: &str,
) {
    let what = format!("{}, {method} {path}", row.name);
    let fingerprint = json!(format!("{n:012x}"));
    site.machine.plant(n, &site.base, |session, _| session["fingerprint"] = fingerprint);
    row.queue(site, method, path);
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{what}: {ran:?}");
    assert!(ran.stderr.contains(said) && ran.stderr.contains("next try at"), "{what}: {ran:?}");
    let fix = site.machine.fix(n);
    assert_eq!(
        (&fix["refused"], fix["retry_at"].is_null()),
        (&Value::Null, false),
        "{what}: {fix}"
    );
    assert_eq!(site.pulls().len(), n as usize - 1, "{what}");
    assert!(site.branches().len() <= n as usize, "{what}");
    let patch = std::fs::read_to_string(site.machine.folder(n).join("patch.diff"));
    assert_eq!(patch.unwrap(), PATCH, "{what}");
    site.forget_faults();
}

#[track_caller]
fn assert_opened(site: &Site, n: u32, what: &str) {
    due_now(&site.machine);
    let ran = site.machine.open_due();
    assert_eq!(ran.only("pr.opened")["session"], json!(id(n)), "{what}");
    let (pulls, branches) = (site.pulls(), site.branches());
    assert_eq!((pulls.len(), branches.len()), (n as usize, n as usize), "{what}");
}

const MANY: &str = "  max_open: 100\n  max_per_day: 100\n";

#[test]
fn answer_of_a_request_of_an_opening_has_its_outcome() {
    let Some(site) = Site::new("prs-answers-open", MANY) else { return };
    let requests = [("GET", "/repos/acme/web$"), ("GET", "/pulls\\?"), ("POST", "/pulls$")];
    let mut n = 0;
    for (method, path) in requests {
        for row in rows() {
            n += 1;
            assert_finished_by_the_next_run(&site, n, &row, method, path, row.said);
            row.assert_pause(&site.machine, "rest");
            // A limit is no failure of the fix, which is given up after many.
            let tries = u32::from(row.pause.is_none());
            assert_eq!(site.machine.fix(n)["tries"], json!(tries), "{} {path}", row.name);
            assert_opened(&site, n, &format!("{}, {method} {path}", row.name));
        }
    }
    let told = site.machine.journal();
    assert!(types(&told).iter().all(|kind| *kind == "pr.opened"), "{told:?}");
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// git says less of an answer than the API.
#[test]
fn answer_of_git_in_an_opening_has_its_outcome() {
    let Some(site) = Site::new("prs-answers-git", MANY) else { return };
    let requests = [("GET", "info/refs.*upload-pack"), ("POST", "git-receive-pack")];
    let mut n = 0;
    for (method, path) in requests {
        for row in rows() {
            n += 1;
            let said = match row.name.split(' ').next().unwrap() {
                "403" => "403",
                "429" => "429",
                "401" => "token",
                _ => "304",
            };
            assert_finished_by_the_next_run(&site, n, &row, method, path, said);
            assert_opened(&site, n, &format!("{}, {method} {path}", row.name));
        }
    }
    site.machine.look().assert_silent();
    site.assert_allowed();
}

/// The token ends behind each request of an opening in turn, also those of git: it is fetched anew, and the
/// same run opens the pull request.
#[test]
fn token_that_ends_within_an_opening_is_fetched_once_more() {
    let Some(mut site) = Site::new("prs-answers-expired", MANY) else { return };
    site.act("token", json!({"token": "new", "login": "bot"}));
    faults::token_command(&mut site, MANY);
    let mut n = 0;
    loop {
        site.act("token", json!({"token": "old", "login": "bot", "requests_left": n}));
        std::fs::write(site.machine.bench.path("asked"), "").unwrap();
        n += 1;
        let fingerprint = json!(format!("{n:012x}"));
        site.machine.plant(n, &site.base, |session, _| session["fingerprint"] = fingerprint);
        let ran = site.machine.open_due();
        assert_eq!(ran.only("pr.opened")["session"], json!(id(n)), "{n}");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{n}");
        assert_eq!((site.pulls().len(), site.branches().len()), (n as usize, n as usize), "{n}");
        match faults::asked(&site) {
            1 => break,
            asked => assert_eq!(asked, 2, "{n}: {ran:?}"),
        }
        assert!(n < 60, "an opening has few requests");
    }
    assert!(n > 10, "{n}: requests of the API and of git");
    assert_eq!(site.machine.journal().len(), n as usize);
    site.assert_allowed();
}

/// Neither token is valid: that is said, and an administrator gives another one.
#[test]
fn opening_without_a_valid_token_is_finished_when_there_is_one() {
    let Some(mut site) = Site::new("prs-answers-no-token", "") else { return };
    faults::token_command(&mut site, "");
    site.plant(1);
    let ran = site.machine.open_due();
    assert_eq!((ran.code, ran.types().len()), (1, 0), "{ran:?}");
    assert!(ran.stderr.contains("the token is not valid (401)"), "{ran:?}");
    assert_eq!(faults::asked(&site), 2);
    site.act("token", json!({"token": "new", "login": "bot"}));
    assert_opened(&site, 1, "with a token");
    site.assert_allowed();
}
