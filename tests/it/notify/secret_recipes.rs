//! Recipes of dlq-config(5) for secrets, each with its real program, and where a secret must not be: in the
//! process table, in messages, in the state, in a core dump.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::channels::accept;
use crate::support::aws_logs::{aws_v1, aws_v2};
use crate::support::event_lines::{raised, seconds_ago};
use crate::support::http::HttpServer;
use crate::support::moto::Moto;
use crate::support::requirement::has_pass;
use crate::support::workbench::{Bench, Running, is_alive, signal, wait_for};

/// The time for a request, and for the end of a program.
const DEADLINE: Duration = Duration::from_secs(20);

const SECRET: &str = "xoxb-hunter2-0123456789";

/// Returns the recipes of the manual page whose command, or whose form, is a word: values of `token`.
#[track_caller]
fn recipes(word: &str) -> Vec<Value> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-config.5");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n.Sh SECRETS\n").nth(1).unwrap();
    let section = section.split("\n.Sh ").next().unwrap();
    let blocks = section.split("\n.Bd -literal -offset indent\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n.Ed").next().unwrap());
    let tokens =
        blocks.map(|block| serde_saphyr::from_str::<Value>(block).unwrap()["token"].clone());
    let is_it = |token: &Value| token["command"][0] == word || token.get(word).is_some();
    let found: Vec<Value> = tokens.filter(is_it).collect();
    assert!(!found.is_empty(), "no recipe of {word}");
    found
}

/// Configures a bot of Slack with this token.
fn configure(bench: &mut Bench, server: &HttpServer, token: &Value) {
    bench.configure(&format!(
        "notifications:\n  channels:\n    ops: {{type: slack, channel: '#ops', endpoint: '{}/api', token: {token}}}\n  \
         routes: [{{channels: [ops], group_wait: 0s}}]\n",
        server.url
    ));
}

/// Returns the arguments of each process that has the secret in its arguments or its environment.
fn leaks() -> Vec<String> {
    let has = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let arguments = read("cmdline");
        if has(&arguments) || has(&read("environ")) {
            found.push(String::from_utf8_lossy(&arguments).replace('\0', " "));
        }
    }
    found
}

/// Asserts that no file below a folder holds the secret.
#[track_caller]
fn assert_nowhere(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_nowhere(&path);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(SECRET), "{}", path.display());
        }
    }
}

fn notice() -> String {
    raised("orders-dlq", "8dcf9e4c-0000-8000-8000-000000000000", seconds_ago(1), None)
}

/// Sends a notice with the secret, and looks around while the service is asked.
#[track_caller]
fn assert_is_sent_and_nowhere_else(bench: &mut Bench, token: &Value, what: &str) {
    let table = Arc::new(Mutex::new(Vec::new()));
    let seen = table.clone();
    let (server, requests) = HttpServer::recording(move |request, reply| {
        seen.lock().unwrap().extend(leaks());
        accept(request, reply)
    });
    configure(bench, &server, token);
    let args = ["-v", "--log-format", "json"];
    let output = bench.run("dlq-notify", &args, notice());
    assert_eq!(output.code(), 0, "{what}: {output:?}");
    let requests = requests.lock().unwrap();
    let header = requests.first().unwrap_or_else(|| panic!("{what}: {output:?}"));
    assert_eq!(header.header("authorization"), Some(&*format!("Bearer {SECRET}")), "{what}");
    assert_eq!(*table.lock().unwrap(), [""; 0], "{what}: in the process table");
    assert!(!output.text().contains(SECRET) && !output.stderr.contains(SECRET), "{what}");
    assert_nowhere(&bench.state(""));
    // The next notice is a first one, too.
    std::fs::remove_dir_all(bench.state("")).unwrap();
}

/// Writes a file that only its owner can read.
fn private(bench: &Bench, name: &str, mode: u32) -> PathBuf {
    let path = bench.write(name, format!("{SECRET}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn aws_gives_secrets_of_both_services_with_both_versions() {
    let Some(v1) = aws_v1() else { return };
    let moto = Moto::start(&v1.join("python"));
    let tokens = recipes("aws");
    assert_eq!(tokens.len(), 2);
    for (at, folder) in [Some(v1), aws_v2()].into_iter().enumerate() {
        let Some(folder) = folder else { continue };
        let mut bench = Bench::new("recipe-aws");
        let path = std::env::var("PATH").unwrap();
        bench.set("PATH", format!("{}:{path}", folder.display()));
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("HOME", "/nonexistent"),
        ] {
            bench.set(name, value);
        }
        // Without a newline, which the services would keep, and the command adds one.
        bench.write("value", SECRET);
        if at == 0 {
            // A terminal of the owner puts them there; the file keeps them out of the arguments.
            for line in [
                "secretsmanager create-secret --name dlq/slack --secret-string file://value",
                "ssm put-parameter --name /dlq/slack --type SecureString --value file://value",
            ] {
                let output = bench.shell(&format!("aws --endpoint-url {} {line}", moto.url()));
                assert_eq!(output.code(), 0, "{output:?}");
            }
        }
        std::fs::remove_file(bench.path("value")).unwrap();
        for token in &tokens {
            let what = format!("version {}, {token}", at + 1);
            // Version 2.9 of Debian knows no variable for the address of a server.
            let line = format!(
                "#!/bin/sh\nexec '{}/aws' --endpoint-url {} \"$@\"\n",
                folder.display(),
                moto.url()
            );
            bench.stub("aws", &line);
            assert_is_sent_and_nowhere_else(&mut bench, token, &what);
        }
    }
}

#[test]
fn password_store_gives_a_secret() {
    if !has_pass() {
        return;
    }
    let mut bench = Bench::new("recipe-pass");
    // The path of a socket is short.
    let home = std::env::temp_dir().join(format!("dlq-pass-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
    bench.set("HOME", bench.path("home"));
    bench.set("GNUPGHOME", &home);
    private(&bench, "value", 0o600);
    let line = "gpg --batch --quiet --passphrase '' --quick-generate-key dlq@example.com && \
                pass init dlq@example.com && pass insert --multiline dlq/slack <value && rm value";
    let output = bench.shell(line);
    assert_eq!(output.code(), 0, "{output:?}");
    assert_is_sent_and_nowhere_else(&mut bench, &recipes("pass")[0], "pass");
    bench.shell("gpgconf --kill all");
    let _ = std::fs::remove_dir_all(home);
}

/// A stand-in judges the arguments as security(1) of macOS does.
#[test]
fn keychain_is_asked_in_the_words_of_its_command() {
    let mut bench = Bench::new("recipe-keychain");
    private(&bench, "value", 0o600);
    let value = bench.path("value");
    let line = format!(
        "#!/bin/sh\n[ \"$1\" = find-generic-password ] || exit 2\nshift\n\
         while getopts a:c:C:D:G:j:l:s:wg name; do\n  case $name in\n    s) service=$OPTARG;;\n    w) password=1;;\n    \
         '?') exit 2;;\n  esac\ndone\n[ \"$service $password\" = 'dlq-slack 1' ] || exit 44\ncat '{}'\n",
        value.display()
    );
    bench.stub("security", &line);
    assert_is_sent_and_nowhere_else(&mut bench, &recipes("security")[0], "keychain");
}

#[test]
fn file_gives_a_secret_unless_others_can_read_or_write_it() {
    let mut bench = Bench::new("recipe-file");
    let mut token = recipes("file").remove(0);
    for (mode, is_refused) in
        [(0o600, false), (0o640, false), (0o644, true), (0o602, true), (0o620, true)]
    {
        let path = private(&bench, "token", mode);
        token["file"] = path.display().to_string().into();
        if !is_refused {
            assert_is_sent_and_nowhere_else(&mut bench, &token, "file");
            continue;
        }
        let output = bench.run("dlq-notify", &["--test-channel", "ops"], "");
        assert_eq!(output.code(), 2, "{mode:o}: {output:?}");
        let remedy = format!("; run chmod 600 '{}'\n", path.display());
        assert!(output.stderr.ends_with(&remedy), "{mode:o}: {output:?}");
        assert!(!output.stderr.contains(SECRET));
    }
}

/// Returns the core dumps in the folder.
fn dumps(bench: &Bench) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(bench.dir()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("core")).collect()
}

#[test]
fn core_dump_of_a_program_with_a_secret_is_not_written() {
    let mut bench = Bench::new("core");
    let path = private(&bench, "token", 0o600);
    let control = bench.shell("ulimit -c unlimited && sh -c 'kill -SEGV $$'");
    let writes = dumps(&bench);
    writes.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    for name in ["SEGV", "QUIT", "ABRT"] {
        let (at_request, reached): (Sender<()>, Receiver<()>) = channel();
        let (go_on, answer): (Sender<()>, Receiver<()>) = channel();
        let answer = Mutex::new(answer);
        let server = HttpServer::start(move |request, reply| {
            at_request.send(()).unwrap();
            // The end of the program ends the wait, and so does a test that has failed.
            let _ = answer.lock().unwrap().recv_timeout(DEADLINE);
            accept(request, reply)
        });
        configure(&mut bench, &server, &serde_json::json!({"file": path}));
        let line = "ulimit -c unlimited; exec dlq-notify";
        let mut running = Running::spawn(bench.command("sh", &["-c", line]).stdin(Stdio::piped()));
        running.write(notice());
        reached.recv_timeout(DEADLINE).unwrap();
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
        // Rust's handler for overflows of the stack lets the first SIGSEGV from outside pass.
        wait_for("its end", || {
            signal(name, running.pid());
            !is_alive(running.pid())
        });
        let output = running.finish();
        drop(go_on);
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        // A limit of 1 byte keeps the memory also from a program that is given the dump; 0 does not.
        assert_eq!(core.split_whitespace().nth(4), Some("1"), "{core}");
        assert!(output.status.signal().is_some(), "{name}: {output:?}");
        assert!(!output.status.core_dumped(), "{name}");
        let found = dumps(&bench);
        assert!(found.is_empty(), "{name}: {found:?}; the control: {control:?} {writes:?}");
        let _ = std::fs::remove_dir_all(bench.state(""));
    }
}
