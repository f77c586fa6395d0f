//! Tables of answers and their diagnoses.

use std::time::Duration;

use super::aws::{self, Probe};
use super::feature::AwsFeature;
use super::github::{self, TokenKind};
use super::investigator::{self, DryStart};
use super::machine::{self, CheckedFile};
use super::state::{
    self, DeniedAccess, DocumentReading, DocumentState, FreeSpace, HeldLock, LastRound,
};
use super::*;
use crate::event::{Event, LINE_MAX};
use crate::rules::http::HttpAnswer;
use crate::rules::queue::reading::ReadError;
use crate::rules::sandbox::mode::SandboxMode;
use crate::rules::sandbox::refusal::Unavailable;
use crate::time::Timestamp;

/// Checks status and a part of the finding; what fails or warns has a remedy.
#[track_caller]
fn assert_diagnosis(rule: &str, found: &Diagnosis, status: CheckStatus, part: &str) {
    assert_eq!(found.status, status, "{rule}: {found:?}");
    assert!(found.detail.contains(part), "{rule}: {found:?}");
    let needs = matches!(status, CheckStatus::Failed | CheckStatus::Warning);
    assert_eq!(needs, !found.remedy.is_empty(), "{rule}: {found:?}");
}

#[test]
fn unknown_answers_of_aws_are_never_ok() {
    use CheckStatus::{Failed, Ok as Good, Skipped, Warning};
    let other = || ReadError::Other("the answer is not one of STS (HTTP 200)".into());
    let errors = [
        ReadError::Throttled,
        ReadError::Denied,
        ReadError::NotAuthorized("sqs:ListQueues".into()),
        ReadError::Missing,
        ReadError::Network("'h': refused".into()),
        ReadError::TimedOut,
        ReadError::Credentials("expired".into()),
        ReadError::Clock("the clock of this machine is 1d behind (X)".into()),
        other(),
    ];
    for error in errors {
        let text = error.to_string();
        assert_diagnosis("list", &aws::list(&Err(error.clone())), Failed, &text);
        assert_diagnosis("identity", &aws::identity(&Err(error.clone()), None), Failed, &text);
        assert_diagnosis("attributes", &aws::attributes("q", Err(&error)), Failed, &text);
        assert_ne!(Probe::from_answer::<()>(Err(error.clone())), Probe::Allowed, "{text}");
    }
    assert_diagnosis("stand-in", &aws::identity(&Err(other()), Some("h")), Skipped, "unknown");
    let skewed = Err(ReadError::Clock("the clock is 1d behind".into()));
    let skewed = aws::identity(&skewed, None);
    assert!(skewed.remedy.contains("NTP") && !skewed.remedy.contains("sign in"), "{skewed:?}");
    let silent = Err(ReadError::TimedOut);
    assert_diagnosis("silent stand-in", &aws::identity(&silent, Some("h")), Failed, "no answer");
    assert_diagnosis("empty", &aws::list(&Ok(0)), Warning, "no queue");
    assert_diagnosis("page", &aws::list(&Ok(1000)), Good, "1000 queues or more");
    assert_diagnosis("one", &aws::list(&Ok(1)), Good, "1 queue");
}

#[test]
fn permissions_are_named_with_their_feature() {
    use AwsFeature::{Peek, Read, Redrive};
    use CheckStatus::{Failed, Ok as Good, Skipped, Warning};
    let unknown = || Probe::Unknown("throttled".into());
    let rows: [(&str, Vec<aws::ProbedAction>, CheckStatus, &str); 6] = [
        (
            "allowed",
            vec![("a", Read, Probe::Allowed), ("b", Peek, Probe::NotTried)],
            Good,
            "allowed: a; not tried: b",
        ),
        ("nothing tried", vec![("b", Peek, Probe::NotTried)], Skipped, "unknown; not tried: b"),
        (
            "denied",
            vec![("a", Read, Probe::Denied), ("b", Redrive, Probe::Denied)],
            Failed,
            "missing: a (read), b (redrive)",
        ),
        (
            "optional",
            vec![("sqs:ListMessageMoveTasks", Read, Probe::Denied), ("a", Read, Probe::Allowed)],
            Warning,
            "missing: sqs:ListMessageMoveTasks (read)",
        ),
        ("unknown", vec![("a", Read, unknown())], Failed, "unknown: a: throttled"),
        (
            "denied before unknown",
            vec![("a", Read, unknown()), ("b", Read, Probe::Denied)],
            Failed,
            "missing: b (read)",
        ),
    ];
    for (rule, probes, status, part) in rows {
        assert_diagnosis(rule, &aws::permissions(&probes), status, part);
    }
    let answers = [
        (Err(ReadError::Missing), true),
        (Err(ReadError::Other("InvalidParameterValue: no".into())), true),
        (Err(ReadError::Other("the answer is not one of SQS (HTTP 200)".into())), false),
        (Err(ReadError::Denied), false),
        (Ok(()), true),
    ];
    for (answer, is_allowed) in answers {
        let probe = Probe::from_move_tasks(answer.clone());
        assert_eq!(probe == Probe::Allowed, is_allowed, "{answer:?}");
    }
}

#[test]
fn clock_is_judged_by_the_difference() {
    use CheckStatus::{Failed, Ok as Good, Skipped, Warning};
    let now = Timestamp::from_millis(1_700_000_000_000);
    let by = |seconds: u64| Duration::from_secs(seconds);
    let rows = [
        ("same", Some(now), Good, "within a minute"),
        ("a minute", Some(now.plus(by(60))), Good, "within a minute"),
        ("behind", Some(now.plus(by(61))), Warning, "behind"),
        ("ahead", Some(now.minus(by(300))), Warning, "5m ahead"),
        ("too far", Some(now.minus(by(301))), Failed, "ahead; AWS refuses"),
        ("unknown", None, Skipped, "unknown"),
    ];
    for (rule, server, status, part) in rows {
        assert_diagnosis(rule, &aws::clock(server, now), status, part);
    }
}

#[test]
fn tokens_of_github_are_judged_by_kind_scopes_and_limits() {
    use CheckStatus::{Failed, Ok as Good, Warning};
    let kinds = [
        ("ghp_x", false, TokenKind::Classic),
        ("github_pat_x", false, TokenKind::FineGrained),
        ("gho_x", false, TokenKind::OAuth),
        ("ghu_x", false, TokenKind::AppUser),
        ("ghs_x", false, TokenKind::Installation),
        ("ghs_x", true, TokenKind::Workflow),
        ("ghp_x", true, TokenKind::Classic),
        ("0123456789abcdef0123456789abcdef01234567", false, TokenKind::Unknown),
    ];
    for (token, in_workflow, kind) in kinds {
        assert_eq!(TokenKind::read(token, in_workflow), kind, "{token}");
    }
    let now = Timestamp::from_millis(1_700_000_000_000);
    let limits = |remaining: u64| {
        let core = format!(r#""limit":5000,"remaining":{remaining},"reset":1700000060"#);
        format!(r#"{{"resources":{{"core":{{{core}}}}}}}"#)
    };
    let answer = |status: u16, scopes: Option<&str>, body: &str| HttpAnswer {
        status,
        headers: scopes.map(|all| ("x-oauth-scopes".into(), all.into())).into_iter().collect(),
        body: body.as_bytes().to_owned(),
        is_whole: true,
    };
    let well = limits(4999);
    let rows = [
        (
            "classic",
            TokenKind::Classic,
            answer(200, Some("repo, gist"), &well),
            Good,
            "4999 of 5000",
        ),
        (
            "without scopes",
            TokenKind::Classic,
            answer(200, Some(""), &well),
            Failed,
            "no pull request",
        ),
        (
            "other scopes",
            TokenKind::OAuth,
            answer(200, Some("gist"), &well),
            Failed,
            "no pull request",
        ),
        ("fine-grained", TokenKind::FineGrained, answer(200, None, &well), Good, "left for 1m"),
        ("workflow", TokenKind::Workflow, answer(200, None, &well), Warning, "start no CI"),
        (
            "few left",
            TokenKind::Classic,
            answer(200, Some("repo"), &limits(499)),
            Warning,
            "499 of",
        ),
        ("none left", TokenKind::Classic, answer(200, Some("repo"), &limits(0)), Failed, "0 of"),
        (
            "no limits",
            TokenKind::Classic,
            answer(404, Some("repo"), ""),
            Good,
            "limits no requests",
        ),
        ("refused", TokenKind::Classic, answer(401, None, ""), Failed, "401"),
        ("a page", TokenKind::Classic, answer(200, None, "<html>"), Failed, "not one of GitHub"),
        ("empty", TokenKind::Classic, answer(200, None, ""), Failed, "not one of GitHub"),
        ("fault", TokenKind::Classic, answer(502, None, ""), Failed, "(502)"),
    ];
    for (rule, kind, answer, status, part) in rows {
        assert_diagnosis(rule, &github::token(kind, &answer, true, now), status, part);
    }
    let page = |status, body: &str| github::repository(&answer(status, None, body));
    assert_diagnosis("push", &page(200, r#"{"permissions":{"push":true}}"#), Good, "may push");
    assert_diagnosis("pull", &page(200, r#"{"permissions":{"push":false}}"#), Failed, "not push");
    assert_diagnosis(
        "said not",
        &page(200, r#"{"full_name":"a/b"}"#),
        CheckStatus::Skipped,
        "unknown",
    );
    assert_diagnosis("hidden", &page(404, ""), Failed, "404");
    assert_diagnosis("a page", &page(200, "<html>"), Failed, "not one of GitHub");
}

#[test]
fn investigator_and_sandbox_are_judged() {
    use CheckStatus::{Failed, Ok as Good, Warning};
    let help = "--restricted --permission-prompts --json-schema --max-budget-usd";
    let answered = |version: &str, help: &str| DryStart::Answered {
        version: version.into(),
        help: help.into(),
    };
    let rows = [
        ("good", answered("2.1.330 (Claude Code)\n", help), Good, "2.1.330 (Claude Code) at"),
        ("old", answered("1.0.0", help), Failed, "not supported"),
        ("other program", answered("\u{1b}[2J", ""), Failed, "reports no version"),
        ("not started", DryStart::NotStarted("no such file".into()), Failed, "does not start"),
        ("endless", DryStart::Endless, Failed, "does not end"),
    ];
    for (rule, start, status, part) in rows {
        assert_diagnosis(rule, &investigator::claude("/bin/claude", &start), status, part);
    }
    let missing = Unavailable::missing();
    let sandbox = |mode, is_there, runs_code| {
        investigator::sandbox(mode, if is_there { Ok(()) } else { Err(&missing) }, runs_code)
    };
    assert_diagnosis("there", &sandbox(SandboxMode::Auto, true, true), Good, "bubblewrap");
    assert_diagnosis("missing", &sandbox(SandboxMode::Auto, false, false), Warning, "without");
    assert_diagnosis("needed", &sandbox(SandboxMode::Auto, false, true), Failed, "need a sandbox");
    assert_diagnosis("required", &sandbox(SandboxMode::Require, false, false), Failed, "'require'");
    assert_diagnosis("off", &sandbox(SandboxMode::Off, false, true), Warning, "'off'");
}

fn access(is_owner: bool) -> DeniedAccess {
    let owner = if is_owner { "ana" } else { "dlq" };
    DeniedAccess { owner: owner.into(), user: "ana".into(), is_owner }
}

#[test]
fn state_folder_is_judged() {
    use CheckStatus::{Failed, Ok as Good, Warning};
    let mib = 1_u64 << 20;
    let space = |mib_free, inodes| state::space(FreeSpace { bytes: mib_free * mib, inodes });
    assert_diagnosis("room", &space(2000, Some(1_000_000)), Good, "2000 MiB");
    assert_diagnosis("no inodes counted", &space(2000, None), Good, "2000 MiB free");
    assert_diagnosis("little", &space(1023, Some(1_000_000)), Warning, "1023 MiB");
    assert_diagnosis("none", &space(63, None), Failed, "63 MiB");
    assert_diagnosis("few inodes", &space(2000, Some(1999)), Warning, "1999 inodes");
    assert_diagnosis("no inodes", &space(2000, Some(99)), Failed, "99 inodes");
    let one = |reading| state::documents(&[DocumentState { name: "queues", reading }]);
    let damaged = |is_cache| DocumentReading::Damaged { why: "cut".into(), is_cache };
    assert_diagnosis("absent", &one(DocumentReading::Absent), Good, "none yet");
    assert_diagnosis("readable", &one(DocumentReading::Readable), Good, "1 readable document");
    assert_diagnosis("newer", &one(DocumentReading::Newer(2, 1)), Failed, "version 2");
    assert_diagnosis("damaged", &one(damaged(false)), Failed, "'queues.json': cut");
    assert_diagnosis("damaged cache", &one(damaged(true)), Warning, "made anew");
    assert!(one(DocumentReading::Newer(2, 1)).remedy.contains("newer release"));
    assert_diagnosis("archives", &state::archives(79 * mib, 100 * mib), Good, "79 of 100");
    assert_diagnosis("archives", &state::archives(80 * mib, 100 * mib), Warning, "80 of 100");
    assert_diagnosis("archives", &state::archives(100 * mib, 100 * mib), Failed, "nothing is");
    let denied = |is_owner| DocumentReading::Denied(access(is_owner));
    assert_diagnosis("other user", &one(denied(false)), Failed, "it belongs to 'dlq', and 'ana'");
    assert!(one(denied(false)).remedy.contains("sudo -u dlq"), "{:?}", one(denied(false)));
    assert_diagnosis("own mode", &one(denied(true)), Failed, "its owner, 'ana'");
    let folder =
        |denied: Option<DeniedAccess>| state::writable("/s", &Err("no".into()), denied.as_ref());
    assert_diagnosis("folder of another", &folder(Some(access(false))), Failed, "belongs to 'dlq'");
    assert_diagnosis("full", &folder(None), Failed, "'/s' cannot be written: no");
    let segment = |denied| state::journal(&Err(("cannot open 'x'".into(), denied)));
    assert!(segment(Some(access(false))).remedy.contains("sudo -u dlq"));
    assert!(segment(None).remedy.contains("move the segment away"));
    let lock = |name: &str| HeldLock {
        name: name.into(),
        holder: "process 7 ('x')".into(),
        span: Duration::from_secs(3),
    };
    assert_eq!(state::held(&[]), None);
    let held = state::held(&[lock("a.lock"), lock("b.lock")]).unwrap();
    assert_diagnosis("held", &held, Failed, "'a.lock' by process 7 ('x'), 'b.lock' by");
    let now = Timestamp::from_millis(1_700_000_000_000);
    let round = |minutes: Option<u64>, interval: u64| {
        let at = minutes.map(|n| now.minus(Duration::from_secs(n * 60)));
        let last = LastRound { at, ahead: None };
        state::last_round(last, Duration::from_secs(interval), now)
    };
    let times = |minutes: &[i64]| {
        let times = minutes.iter().map(|n| Timestamp::from_millis(now.millis() - n * 60_000));
        state::last_round(LastRound::find(times, now), Duration::from_secs(30), now)
    };
    assert_diagnosis("newest of all", &times(&[2, 700]), Good, "2m ago");
    assert_diagnosis("within the drift", &times(&[-4]), Good, "0s ago");
    assert_diagnosis("wrong clock, since set", &times(&[2, -9999, 3]), Good, "2m ago");
    assert_diagnosis("wrong clock", &times(&[-9999, 2]), Failed, "in the future");
    assert_diagnosis("now", &round(Some(0), 30), Good, "0s ago");
    assert_diagnosis("cron", &round(Some(15), 30), Good, "15m ago");
    assert_diagnosis("late", &round(Some(16), 30), Warning, "16m ago");
    assert_diagnosis("rare", &round(Some(16), 3600), Good, "16m ago");
    assert_diagnosis("gone", &round(Some(1441), 30), Failed, "ago");
    assert_diagnosis("never", &round(None, 30), Warning, "no round");
    assert_diagnosis("lock", &state::locks(&Ok(true)), Good, "seen");
    assert_diagnosis("network", &state::locks(&Ok(false)), Failed, "looks free");
}

#[test]
fn memory_and_modes_are_judged() {
    use CheckStatus::{Failed, Ok as Good, Skipped, Warning};
    let meminfo = "MemTotal:       16000000 kB\nMemAvailable:     524288 kB\n";
    let available = machine::memory_available(meminfo);
    assert_eq!(available, Some(512 << 20));
    assert_eq!(machine::memory_available("MemAvailable: many kB"), None);
    assert_diagnosis("agents", &machine::memory(available, true), Warning, "512 MiB");
    assert_diagnosis("none", &machine::memory(available, false), Good, "512 MiB");
    assert_diagnosis("little", &machine::memory(Some(127 << 20), false), Failed, "127 MiB");
    assert_diagnosis("unknown", &machine::memory(None, true), Skipped, "unknown");
    let file = |is_secret, mode: Result<u32, &str>| {
        let mode = mode.map_err(str::to_owned);
        machine::files(&[CheckedFile { path: "/f".into(), is_secret, mode }])
    };
    let rows = [
        ("own secret", true, Ok(0o100_600), Good, "1 file"),
        ("secret of a group", true, Ok(0o640), Good, "1 file"),
        ("public secret", true, Ok(0o644), Failed, "(0644): all users"),
        ("public settings", false, Ok(0o644), Good, "1 file"),
        ("settings of a group", false, Ok(0o664), Failed, "others can change"),
        ("secret that others write", true, Ok(0o620), Failed, "others can change"),
        ("no file", true, Err("no such file"), Failed, "no such file"),
    ];
    for (rule, is_secret, mode, status, part) in rows {
        assert_diagnosis(rule, &file(is_secret, mode), status, part);
    }
    assert_diagnosis("no files", &machine::files(&[]), Good, "no files");
}

fn result(name: &str, diagnosis: Diagnosis) -> CheckResult {
    CheckResult { name: name.into(), diagnosis, took: Duration::from_millis(3) }
}

#[test]
fn hostile_texts_become_harmless_and_short() {
    let text = format!("\u{1b}[31m\u{202e}\u{200b}\r\n{}", "x".repeat(10_000));
    let results = [result("a", Diagnosis::failed(&text, &text))];
    let shown = table::table(&results, 80) + &serde_json::to_string(&payload(&results)).unwrap();
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\r']), "{shown}");
    assert!(shown.len() < 4000, "{} bytes", shown.len());
}

#[test]
fn event_fits_a_line_with_the_gravest_first() {
    let many = |n: usize, make: fn(String) -> Diagnosis| {
        (0..n).map(move |i| result(&format!("check number {i}"), make("é".repeat(300))))
    };
    let ok = |text: String| Diagnosis::ok(text);
    let failed = |text: String| Diagnosis::failed(&text, &text);
    for (good, bad) in [(1, 1), (30, 0), (30, 5), (0, 40), (200, 200)] {
        let results: Vec<CheckResult> = many(good, ok).chain(many(bad, failed)).collect();
        let data = payload(&results);
        assert_eq!((data.failed, data.checks.len()), (bad as u64, good + bad));
        let is_sorted = data.checks.is_sorted_by_key(|one| one.ok != Some(false));
        assert!(is_sorted, "{good} {bad}");
        let line = Event::new("i".into(), "", Timestamp::default(), data).line();
        assert!(line.len() < LINE_MAX, "{good} {bad}: {} bytes", line.len());
    }
}

#[test]
fn table_aligns_and_wraps() {
    let results = [
        result("clock", Diagnosis::ok("within a minute")),
        result(
            "aws.list",
            Diagnosis::failed("no answer in time", "check the network or the proxy"),
        ),
        result("x", Diagnosis::skipped("")),
    ];
    let expected = "\
clock     ok       within a minute
aws.list  failed   no answer in time
                   remedy: check the network
                   or the proxy
x         skipped
3 checks: 1 ok, 1 skipped, 1 failed
";
    assert_eq!(table::table(&results, 45), expected);
}
