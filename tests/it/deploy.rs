//! Files of `deploy/`, as an installation has them: units judged by systemd, property lists by Python, the
//! lines of cron and the files of containers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::install::{is_root, programs, script};
use crate::support::requirement::is_met;
use crate::support::workbench::{Bench, Running, wait_for};

/// The highest exposure of a unit, by 'systemd-analyze security'.
const EXPOSURE: [(&str, f64); 4] = [
    ("dlq-heartbeat.service", 2.0),
    ("dlq-pipeline.service", 4.0),
    ("dlq-round.service", 4.0),
    ("dlq-watch.service", 2.0),
];

/// Unit whose settings the others have, or say why not.
const STRICT: &str = "dlq-watch.service";

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path.as_ref()).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Installs copies of `true` as the programs; returns the prefix.
fn installed(bench: &mut Bench) -> PathBuf {
    bench.set("HOME", bench.path("home"));
    let built = programs(bench, "built", Path::new("/bin/true")).display().to_string();
    let prefix = bench.path("prefix");
    let to = prefix.display().to_string();
    let output = script(bench, "install", &["--bin-dir", &built, "--prefix", &to]);
    assert_eq!(output.code(), 0, "{output:?}");
    prefix
}

fn has_systemd() -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    let version = Command::new("systemd-analyze").arg("--version").output();
    is_met(version.is_ok(), "systemd-analyze is not installed; install the package systemd")
}

#[test]
fn units_are_valid_and_little_exposed() {
    if !has_systemd() {
        return;
    }
    let mut bench = Bench::new("units");
    let units = installed(&mut bench).join("lib/systemd/system");
    let names = files(&units);
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).args(names.iter().map(|name| units.join(name)));
    let output = verify.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");

    let services = names.iter().filter(|name| name.ends_with(".service"));
    assert_eq!(services.collect::<Vec<_>>(), EXPOSURE.map(|(name, _)| name));
    for (name, limit) in EXPOSURE {
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--offline=true", "--no-pager"]).arg(units.join(name));
        let output = security.env("LC_ALL", "C.UTF-8").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let level =
            text.split("exposure level for ").nth(1).and_then(|rest| rest.split(' ').nth(1));
        let level: f64 = level.and_then(|level| level.parse().ok()).expect(&text);
        assert!(level > 0.0 && level <= limit, "{name}: {level}\n{text}");
    }
}

/// Returns the settings of a unit, each with all of its values.
fn settings(unit: &str) -> BTreeMap<String, Vec<String>> {
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    for (name, value) in lines.filter_map(|line| line.split_once('=')) {
        settings.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    settings
}

#[test]
fn relaxed_settings_are_named_in_a_comment() {
    let strict = settings(&read(deploy("systemd").join(STRICT)));
    let mut relaxed = BTreeSet::new();
    for (name, _) in EXPOSURE.iter().filter(|(_, limit)| *limit > 2.0) {
        let text = read(deploy("systemd").join(name));
        let (own, comments) = (
            settings(&text),
            text.lines().filter(|line| line.starts_with('#')).collect::<String>(),
        );
        let hardening = strict.iter().filter(|(name, _)| {
            ["Protect", "Private", "Restrict", "Memory", "Proc", "SystemCall", "Lock", "NoNew"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        for (setting, values) in hardening {
            let more = own.get(setting).into_iter().flatten().flat_map(|text| text.split(' '));
            let more: Vec<&str> = more.filter(|word| !values.join(" ").contains(word)).collect();
            if own.get(setting) == Some(values) {
                continue;
            }
            relaxed.insert(setting.clone());
            let is_named = if more.is_empty() || more == ["no"] {
                comments.contains(setting.as_str())
            } else {
                more.iter().all(|word| comments.contains(word))
            };
            assert!(is_named, "{name}: {setting} is relaxed without a word: {more:?}");
        }
    }
    assert!(relaxed.contains("RestrictNamespaces") && relaxed.contains("SystemCallFilter"));
}

#[test]
fn user_of_the_services_has_the_state_folder_as_home() {
    if !has_systemd() || !is_root() {
        return;
    }
    let bench = Bench::new("sysusers");
    bench.write("root/etc/passwd", "");
    let mut sysusers = Command::new("systemd-sysusers");
    sysusers.arg(format!("--root={}", bench.path("root").display()));
    let output = sysusers.arg(deploy("systemd/dlq-tools.sysusers")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let user = read(bench.path("root/etc/passwd"));
    assert!(user.starts_with("dlq:") && user.contains(":/var/lib/dlq:"), "{user}");
    for (unit, _) in EXPOSURE {
        let settings = settings(&read(deploy("systemd").join(unit)));
        assert_eq!(
            (&*settings["User"], &*settings["StateDirectory"]),
            (&["dlq".into()][..], &["dlq".into()][..])
        );
    }
}

#[test]
fn property_lists_start_what_is_installed() {
    let mut bench = Bench::new("plists");
    let prefix = installed(&mut bench);
    let folder = prefix.join("share/dlq-tools/deploy/launchd");
    let parse = "import json, plistlib, sys
print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    for name in files(&folder) {
        let mut python = Command::new("python3");
        let output = python.args(["-c", parse]).arg(folder.join(&name)).output();
        if !is_met(output.is_ok(), "python3 is not installed; install the package python3") {
            return;
        }
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(format!("{}.plist", list["Label"].as_str().unwrap()), name);
        let line = list["ProgramArguments"][2].as_str().unwrap();
        assert!(line.contains(&format!("exec {}/bin/dlq-", prefix.display())), "{name}: {line}");
        // The line runs: the log is where a user of macOS looks for it.
        std::fs::create_dir_all(bench.path("home/Library/Logs")).unwrap();
        let words = list["ProgramArguments"].as_array().unwrap();
        let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
        bench.set("DLQ_BIN", prefix.join("bin"));
        let mut command = bench.command(words[0], &words[1..]);
        let mut child = command.env("DLQ_PIPELINE_BACKOFF", "60").spawn().unwrap();
        wait_for("the log", || bench.path("home/Library/Logs/dlq-tools.log").exists());
        crate::support::workbench::signal("TERM", child.id().cast_signed());
        child.wait().unwrap();
        std::fs::remove_file(bench.path("home/Library/Logs/dlq-tools.log")).unwrap();
    }
}

/// Returns the commands of a file for /etc/cron.d, each with its user.
fn cron_lines(text: &str) -> Vec<(String, String)> {
    let is_line = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let mut lines = Vec::new();
    for line in text.lines().filter(is_line) {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            assert!(line.split_once('=').is_some_and(|(name, _)| !name.contains(' ')), "{line}");
            continue;
        }
        let mut words = line.split_whitespace();
        for field in words.by_ref().take(5) {
            assert!(field.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c)), "{line}");
        }
        let user = words.next().unwrap().to_owned();
        // cron makes a line feed of a percent sign.
        assert!(!line.contains('%'), "{line}");
        lines.push((user, words.collect::<Vec<_>>().join(" ")));
    }
    lines
}

#[test]
fn cron_line_that_overlaps_ends_in_silence() {
    let mut bench = Bench::new("cron");
    let prefix = installed(&mut bench);
    let text = read(prefix.join("share/dlq-tools/deploy/cron/dlq-tools"));
    assert!(text.contains(&format!("\nPATH={}/bin:", prefix.display())), "{text}");
    let lines = cron_lines(&text);
    assert!(lines.len() == 2 && lines.iter().all(|(user, _)| user == "dlq"), "{lines:?}");
    std::fs::create_dir_all(bench.path("home")).unwrap();
    bench.stub(
        "dlq-pipeline",
        "#!/bin/sh\necho start >>started\nwhile [ ! -e go ]; do sleep 0.02; done\n",
    );
    let round = || {
        let mut command = bench.command("sh", &["-c", &lines[0].1]);
        Running::spawn(command.stdin(Stdio::null()))
    };
    let mut first = round();
    wait_for("the first round", || bench.path("started").exists());
    let second = round().finish();
    assert!(second.stdout.is_empty() && second.stderr.is_empty(), "{second:?}");
    bench.write("go", "");
    assert_eq!(first.finish().code(), 0);
    assert_eq!(read(bench.path("started")), "start\n");
}

/// Returns the examples of a part of dlq-service(7), as lines of shell.
#[cfg(target_os = "linux")]
fn examples(part: &str) -> String {
    let page = read(concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-service.7"));
    let part = page.split(&format!("\n.Ss {part}\n")).nth(1).unwrap();
    let part = part.split("\n.Ss ").next().unwrap();
    let blocks = part.split("\n.Bd -literal -offset indent\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n.Ed").next().unwrap().replace("\\e\n", "\\\n"));
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
#[cfg(target_os = "linux")]
fn commands_of_the_manual_make_the_user_of_the_cron_lines() {
    use std::os::unix::fs::MetadataExt;
    if !is_root() {
        return;
    }
    let mut bench = Bench::new("cron-user");
    let prefix = installed(&mut bench);
    for folder in ["etc", "lib"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    std::fs::create_dir_all(bench.path("etc/cron.d")).unwrap();
    for name in ["passwd", "group", "shadow", "gshadow", "login.defs", "nsswitch.conf"] {
        let _ = std::fs::copy(Path::new("/etc").join(name), bench.path("etc").join(name));
    }
    let commands = examples("cron").replace("/usr/local", &prefix.display().to_string());
    assert!(commands.contains("useradd "), "{commands}");
    // Folders of the bench in the place of those of this machine.
    let line = format!("set -e\nmount --bind etc /etc\nmount --bind lib /var/lib\n{commands}");
    let mut command = bench.command("unshare", &["-m", "sh", "-c", &line]);
    let output = Running::spawn(command.stdin(Stdio::null())).finish();
    assert_eq!(output.code(), 0, "{commands}: {output:?}");
    let users = read(bench.path("etc/passwd"));
    let user = users.lines().find(|line| line.starts_with("dlq:")).expect(&users);
    let fields: Vec<&str> = user.split(':').collect();
    assert_eq!(fields[5], "/var/lib/dlq");
    let home = std::fs::metadata(bench.path("lib/dlq")).unwrap();
    assert_eq!((home.uid().to_string().as_str(), home.mode() & 0o777), (fields[2], 0o700));
    for (user, _) in cron_lines(&read(bench.path("etc/cron.d/dlq-tools"))) {
        assert_eq!(user, "dlq");
    }
}

#[test]
fn sudo_accepts_the_example_and_keeps_the_environment_of_the_services() {
    let path = deploy("sudoers/dlq-oncall");
    let text = read(&path);
    for (alias, all) in [("DLQ_LOOK", false), ("DLQ_ACT", true)] {
        assert!(text.contains(&format!("\nDefaults!{alias} env_keep += \"DLQ_ENV\"\n")), "{alias}");
        let commands = text.split(&format!("Cmnd_Alias {alias} = ")).nth(1).unwrap();
        let commands = commands.split("\n\n").next().unwrap().split("Cmnd_Alias").next().unwrap();
        let has_all = commands.replace("\\\n", "").split(',').any(|one| !one.trim().contains(' '));
        assert_eq!(has_all, all, "{alias}: a command without a pattern takes all arguments");
    }
    let version = Command::new("visudo").arg("--version").output();
    if !is_met(version.is_ok(), "visudo is not installed; install the package sudo") {
        return;
    }
    let output = Command::new("visudo").args(["-c", "-f"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn manual_names_each_folder_of_files_for_services() {
    let page = read(concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-service.7")).to_lowercase();
    for folder in files(&deploy("")) {
        let name = folder.trim_end_matches("ers").trim_end_matches("er");
        assert!(page.contains(name), "{folder}");
    }
}

#[test]
fn compose_file_gives_few_rights() {
    let text = read(deploy("container/compose.yaml"));
    let file: Value = serde_saphyr::from_str(&text).unwrap();
    let service = &file["services"]["dlq"];
    assert_eq!(service["read_only"], true);
    assert_eq!(service["cap_drop"][0], "ALL");
    assert_eq!(service["security_opt"][0], "no-new-privileges:true");
    let built = &service["build"];
    let context = deploy("container").join(built["context"].as_str().unwrap());
    assert!(context.join(built["dockerfile"].as_str().unwrap()).exists());
    let steps = read(deploy("container/Dockerfile"));
    let user = steps.lines().filter_map(|line| line.strip_prefix("USER ")).next_back();
    assert_eq!(user, Some("10001:10001"));
    assert!(steps.contains("\nHEALTHCHECK ") && steps.contains("\"dlq-status\", \"--summary\""));
}
