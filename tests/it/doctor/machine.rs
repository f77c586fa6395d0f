//! Checks of the state folder, of files and of clones.

use std::os::unix::fs::PermissionsExt;

use super::{Findings, doctor};
use crate::support::poll::{bench, poll};
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::{Bench, bin};

fn sqs() -> FakeSqs {
    FakeSqs::start().with_queues(&[("orders-dlq", 1)])
}

/// Runs `dlq-doctor --json` with a program before it.
#[track_caller]
fn doctor_under(bench: &Bench, wrapper: &str) -> Findings {
    let begun = std::time::Instant::now();
    let output = bench.shell(&format!("{wrapper} {} --json", bin("dlq-doctor").display()));
    Findings::read(output, begun.elapsed())
}

#[test]
fn folder_that_cannot_be_written_fails() {
    let sqs = sqs();
    let mut bench = bench("doctor-folder", &sqs.url);
    // A limit on the size of files stands for a full disk: the write fails in the same way.
    let found = doctor_under(&bench, "prlimit --fsize=1024");
    found.assert_failed("state.writable", "file too large");
    assert_eq!(found.check("state.locks")[0], "skipped");
    if rustix::process::geteuid().is_root() {
        let set = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(bench.state(""), mode).unwrap();
        };
        set(0o500);
        let found = doctor_under(&bench, "setpriv --bounding-set=-dac_override,-dac_read_search");
        set(0o700);
        found.assert_failed("state.writable", "permission denied");
    }
    bench.write("file", "");
    let below = bench.path("file").join("state");
    bench.set("DLQ_STATE_DIR", below);
    let found = doctor(&bench, &[]);
    found.assert_failed("state.writable", "not a directory");
    assert!(found.stderr.contains("the result is not recorded"), "{found:#?}");
}

#[test]
fn newer_and_damaged_documents_fail_and_are_left_alone() {
    let sqs = sqs();
    let bench = bench("doctor-documents", &sqs.url);
    poll(&bench, &[]);
    assert_eq!(doctor(&bench, &[]).check("state.documents")[0], "ok");
    let path = bench.state("queues.json");
    let good = std::fs::read_to_string(&path).unwrap();
    let rows = [
        (good.replacen("\"version\":1", "\"version\":2", 1), "has version 2, this program knows 1"),
        (good[..good.len() / 2].to_owned(), "'queues.json': it does not parse"),
        ("{}".into(), "'queues.json': it does not parse: missing field `version`"),
        (r#"{"version":1,"queues":"\u001b[31m"}"#.into(), "'queues.json': "),
    ];
    for (text, detail) in rows {
        std::fs::write(&path, &text).unwrap();
        let found = doctor(&bench, &[]);
        found.assert_failed("state.documents", detail);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "left alone");
    }
    std::fs::write(&path, good).unwrap();
    std::fs::write(bench.state("discovery.json"), "nonsense").unwrap();
    let found = doctor(&bench, &[]);
    assert_eq!(found.check("state.documents")[0], "warning", "{found:#?}");
    assert_eq!((found.code, found.stderr.as_str()), (0, ""), "{found:#?}");
}

#[test]
fn last_round_is_looked_for_in_the_journal() {
    let sqs = sqs();
    let bench = bench("doctor-polling", &sqs.url);
    assert_eq!(doctor(&bench, &[]).check("polling")[0], "warning");
    poll(&bench, &[]);
    assert_eq!(doctor(&bench, &[]).check("polling")[0], "ok");
    let path = bench.state("journal.ndjson");
    let text = std::fs::read_to_string(&path).unwrap();
    let year = &text.split("\"time\":\"").nth(1).unwrap()[..4];
    std::fs::write(&path, text.replace(&format!("\"time\":\"{year}"), "\"time\":\"2020")).unwrap();
    doctor(&bench, &[]).assert_failed("polling", "ago");
    std::fs::write(&path, text.replace(&format!("\"time\":\"{year}"), "\"time\":\"2999")).unwrap();
    doctor(&bench, &[]).assert_failed("polling", "in the future");
    // Just after a rotation the newest segment has no round yet, or is not there.
    std::fs::write(&path, &text).unwrap();
    assert_eq!(bench.shell("gzip -c state/journal.ndjson > state/journal.ndjson.1.gz").code(), 0);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(doctor(&bench, &["-n"]).check("polling")[0], "ok");
    assert_eq!(doctor(&bench, &["--bundle", "b.tgz"]).check("polling")[0], "ok");
    let heads = bench.shell("tar xOzf b.tgz dlq-doctor/journal.ndjson").text();
    assert!(heads.contains("poll.finished") && heads.contains("health.checked"), "{heads}");
    // What cannot be read of it is told, and the archive is written all the same.
    std::fs::write(bench.state("journal.ndjson.1.gz"), "no gzip").unwrap();
    doctor(&bench, &["--bundle", "damaged.tgz"]);
    let heads = bench.shell("tar xOzf damaged.tgz dlq-doctor/journal.ndjson").text();
    assert!(heads.contains("unreadable") && heads.contains("health.checked"), "{heads}");
}

#[test]
fn documents_of_the_state_are_all_checked() {
    let sqs = sqs();
    let bench = bench("doctor-every", &sqs.url);
    let root = env!("CARGO_MANIFEST_DIR");
    let named = bench.shell(&format!(
        "grep -rhA3 '^impl Document for' {root}/src/rules | sed -n 's/.*const NAME: &str = \"\\(.*\\)\".*/\\1/p'"
    ));
    let names: Vec<String> = named.text().lines().map(str::to_owned).collect();
    assert!(names.len() >= 12 && names.contains(&"metrics".to_owned()), "{names:?}");
    std::fs::create_dir_all(bench.state("")).unwrap();
    for name in names {
        let path = bench.state(&format!("{name}.json"));
        std::fs::write(&path, "nonsense").unwrap();
        let found = doctor(&bench, &[]);
        let [status, detail, _] = found.check("state.documents");
        assert!(status != "ok" && detail.contains(&name), "{name}: {found:#?}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn state_of_another_user_is_named_with_both_users() {
    let sqs = sqs();
    let bench = bench("doctor-other", &sqs.url);
    poll(&bench, &[]);
    let mode = std::fs::Permissions::from_mode;
    let (wrapper, user) = match rustix::process::geteuid().is_root() {
        true => ("setpriv --reuid=1234 --regid=1234 --clear-groups", "'#1234' has no permission"),
        false => ("env", "gives no permission to its owner"),
    };
    let program = bin("dlq-doctor").display().to_string();
    if bench.shell(&format!("{wrapper} {program} --version")).code() != 0 {
        return;
    }
    let file = bench.state("queues.json");
    std::fs::set_permissions(&file, mode(0)).unwrap();
    std::fs::set_permissions(bench.state(""), mode(0o755)).unwrap();
    let found = doctor_under(&bench, wrapper);
    std::fs::set_permissions(&file, mode(0o600)).unwrap();
    found.assert_failed("state.documents", user);
    assert!(!found.check("state.documents")[2].contains("move the file away"), "{found:#?}");
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(bench.state(""), mode(0o700)).unwrap();
        let found = doctor_under(&bench, wrapper);
        for check in ["state.writable", "state.documents", "journal"] {
            found.assert_failed(check, "belongs to 'root', and '#1234' has no permission");
            assert!(found.check(check)[2].contains("sudo -u root"), "{check}: {found:#?}");
        }
    }
}

#[test]
fn locks_that_are_held_all_the_time_are_named() {
    let sqs = sqs();
    let bench = bench("doctor-held", &sqs.url);
    poll(&bench, &[]);
    let take = |name: &str| dlq::store::Lock::wait(&bench.state(name)).unwrap();
    let held = ["journal.lock", "queues.lock"].map(take);
    let found = doctor(&bench, &[]);
    drop(held);
    found.assert_failed("journal", "'journal.lock' by ");
    found.assert_failed("state.documents", "'queues.lock' by ");
}

#[test]
fn folders_that_others_can_change_are_named() {
    let sqs = sqs();
    let mut bench = bench("doctor-folders", &sqs.url);
    bench.configure("features: {notify: true}\n");
    poll(&bench, &[]);
    let set = |name: &str, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(bench.path(name), mode).unwrap();
    };
    set("state", 0o700);
    set("", 0o755);
    assert_eq!(doctor(&bench, &[]).check("files")[0], "ok");
    // The sticky bit keeps nobody from adding a file.
    for (name, mode, found_mode) in [("state", 0o777, "(0777)"), ("", 0o1777, "(1777)")] {
        set(name, mode);
        let found = doctor(&bench, &[]);
        found.assert_failed("files", &format!("{found_mode}: others can change it"));
        assert!(found.check("files")[2].contains("chmod go-w '"), "{found:#?}");
        set(name, 0o700);
    }
}

#[test]
fn modes_of_secrets_and_settings_are_checked() {
    let sqs = sqs();
    let mut bench = bench("doctor-modes", &sqs.url);
    let token = bench.write("token", "hunter2");
    bench.configure(&format!(
        "github: {{token: {{file: {0}}}}}\nauto_investigation: {{auth: {{file: {0}.missing}}}}\n",
        token.display()
    ));
    bench.write(".env", "X=hunter2\n");
    let set = |name: &str, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(bench.path(name), mode).unwrap();
    };
    // One fault at a time: the length of a finding is limited, that of a folder's name is not.
    for (name, mode, why, advice) in [
        ("token", 0o644, "(0644): all users can read it", "chmod 600 '"),
        (".env", 0o604, "(0604): all users can read it", "chmod 600 '"),
        ("config.yaml", 0o666, "(0666): others can change it", "chmod go-w '"),
        ("token.missing", 0, "no such file", ""),
    ] {
        bench.write("token.missing", "hunter2");
        ["token", ".env", "config.yaml", "token.missing"].iter().for_each(|name| set(name, 0o600));
        match mode {
            0 => std::fs::remove_file(bench.path(name)).unwrap(),
            mode => set(name, mode),
        }
        let found = doctor(&bench, &[]);
        let [_, detail, remedy] = found.check("files");
        assert!(detail.contains(name) && detail.contains(why), "{name}: {found:#?}");
        assert!(remedy.contains(advice), "{name}: {found:#?}");
        found.assert_failed("files", "");
        assert!(!found.event.to_string().contains("hunter2"), "{found:#?}");
    }
}

#[test]
fn clones_and_programs_of_channels_are_looked_for() {
    let sqs = sqs();
    let mut bench = bench("doctor-clones", &sqs.url);
    let make = "git init -q -b main good && cd good && \
                git -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m x";
    assert_eq!(bench.shell(make).code(), 0);
    let dir = bench.dir().display().to_string();
    // The folder of the test may lie in a repository.
    let outside = std::env::temp_dir().join(format!("dlq-doctor-{}", std::process::id()));
    std::fs::create_dir_all(outside.join("plain")).unwrap();
    let plain = outside.join("plain").display().to_string();
    bench.configure(&format!(
        "auto_investigation:\n  queues:\n    - {{match: a, repo: {dir}/good}}\n    \
         - {{match: b, repo: {dir}/good, base: none}}\n    - {{match: c, repo: {plain}}}\n    \
         - {{match: d, repo: {dir}/absent}}\n\
         notifications:\n  channels:\n    pager: {{type: exec, command: [no-such-pager]}}\n    \
         hook: {{type: webhook, url: {{env: NO_SUCH_URL}}}}\n"
    ));
    let output = bench.run("dlq-doctor", &["-n"], "");
    let text = output.text().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "clone good ok '",
        "clone good failed",
        "clone plain failed",
        "not a git repository",
        "clone absent failed",
        "channel pager failed 'no-such-pager' is not found",
        "channel hook failed",
        "environment variable 'NO_SUCH_URL' is not set",
    ] {
        assert!(text.contains(part), "no '{part}' in {text}");
    }
    assert_eq!(output.code(), 1);
    std::fs::remove_dir_all(outside).unwrap();
}
