//! Where the token is during a push and afterwards, and which question gets it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};

use super::*;
use crate::support::http::{HttpRequest, Reply};

/// Returns the arguments and the environments of all processes that may be read.
#[cfg(target_os = "linux")]
fn process_table() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let rows = pids.filter_map(|entry| {
        let read = |name: &str| std::fs::read(entry.path().join(name)).ok();
        let arguments = read("cmdline")?;
        let all = [arguments.clone(), read("environ").unwrap_or_default()].concat();
        Some((String::from_utf8_lossy(&arguments).replace('\0', " "), all))
    });
    rows.collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The server holds the last request of the push until the table has been read.
#[cfg(target_os = "linux")]
#[test]
fn token_is_in_no_argument_environment_or_file() {
    let bench = Bench::new("token-table");
    let upstream = Upstream::new(bench.dir(), "sha1");
    let (reached, at_request) = sync_channel(1);
    let (go_on, answered) = channel::<()>();
    let answered = Mutex::new(answered);
    let script = move |request: &HttpRequest, _: &mut Reply<'_>| {
        if request.method == "POST" && request.target.ends_with("git-receive-pack") {
            reached.send(()).unwrap();
            answered.lock().unwrap().recv().unwrap();
        }
        None
    };
    let backend = GitBackend::scripted(&upstream.root(), Box::new(script));
    let site = Site::served(bench, upstream, backend);
    let client = site.client("client");
    let commit = prepared(&site, &client, &site.fix(), 1);
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| client.push(&site.access(), &commit, BRANCH, None));
        at_request.recv().unwrap();
        let table = process_table();
        let host = site.backend.host();
        let ours = table.iter().filter(|(arguments, _)| arguments.contains(host));
        let ours: BTreeSet<&str> =
            ours.filter_map(|(arguments, _)| arguments.split(' ').next()).collect();
        let leaks: Vec<&String> =
            table.iter().filter(|(_, all)| contains(all, TOKEN)).map(|(name, _)| name).collect();
        go_on.send(()).unwrap();
        assert_eq!(pushing.join().unwrap(), Ok(PushOutcome::Pushed));
        assert!(ours.len() >= 2, "git and its helper are in the table: {ours:?}");
        assert!(leaks.is_empty(), "{leaks:?}");
    });
    for folder in ["client", "root"] {
        assert!(!holds(&site.bench.path(folder), TOKEN), "{folder}");
        assert!(!holds(&site.bench.path(folder), "x-access-token"), "{folder}");
    }
    assert!(!site.bench.path("client/bare.git/FETCH_HEAD").exists());
    let config = std::fs::read_to_string(site.bench.path("client/bare.git/config")).unwrap();
    assert!(!config.contains("remote") && !config.contains("http"), "{config}");
}

/// Runs the program as git does, with a descriptor that holds two answers.
fn ask(server: &str, questions: &[&str]) -> Vec<String> {
    let askpass = bin("dlq-askpass");
    let mut shell = "exit 0".to_owned();
    for question in questions.iter().rev() {
        shell =
            format!("\"$GIT_ASKPASS\" '{}' || echo none; {shell}", question.replace('\'', "'\\''"));
    }
    let mut command = Command::new(&askpass);
    command.args(["exec", &std::process::id().to_string(), "sh", "-c", &shell]).env_clear();
    command.env("GIT_ASKPASS", &askpass).env("DLQ_ASKPASS_FOR", server);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"first\nsecond\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn answer_is_for_the_password_of_the_one_server() {
    let server = "https://x-access-token@github.com";
    let password = format!("Password for '{server}': ");
    let elsewhere = "Password for 'https://x-access-token@evil.com': ";
    let rows: [(&str, &[&str], &[&str]); 5] = [
        ("its password", &[&password], &["first"]),
        ("again", &[&password, &password], &["first", "second"]),
        ("a third time", &[&password, &password, &password], &["first", "second", "none"]),
        ("another server", &[elsewhere, &password], &["none", "first"]),
        ("the user", &["Username for 'https://github.com': "], &["none"]),
    ];
    for (rule, questions, answers) in rows {
        assert_eq!(ask(server, questions), answers, "{rule}");
    }
}

#[test]
fn askpass_without_a_token_or_for_people_gives_none() {
    let bench = Bench::new("token-none");
    let question = "Password for 'https://x-access-token@github.com': ";
    let output = bench.run("dlq-askpass", &[question], "");
    assert_eq!((output.code(), output.stdout.as_slice()), (1, &b""[..]));
    let output = bench.run("dlq-askpass", &[], "");
    assert_eq!(output.code(), 2);
    assert!(output.stderr.contains("it has no options for people, see dlq-prs(1)"));
    // Without the process that started it there is nobody to answer.
    let output = bench.run("dlq-askpass", &["exec", "1", "sh", "-c", "echo ran"], "");
    assert_eq!((output.code(), output.stdout.as_slice()), (1, &b""[..]));
}

#[test]
fn token_is_sent_only_when_the_server_asks() {
    let site = Site::new("token-asked");
    let client = site.client("client");
    client.fetch(&site.access(), "main", &site.tip()).unwrap();
    let seen = site.backend.seen.clone();
    let seen: Arc<Mutex<Vec<HttpRequest>>> = seen;
    let requests = seen.lock().unwrap();
    assert!(requests[0].header("authorization").is_none(), "{:?}", requests[0]);
    assert!(requests.iter().all(|request| request.header("cookie").is_none()));
}
