//! Settings, variables, attributes and hooks that somebody has planted, and parents that die.
//!
//! A case runs in a process of its own: this test program, which is started again with the planted
//! environment and one test to run.

use std::process::{Command, Stdio};
use std::time::Instant;

use dlq::edge::git::remote::RemoteErrorKind;

use super::*;
use crate::support::http::{HttpRequest, Reply};
use crate::support::workbench::DEADLINE;

/// Variable with the folder of the case, in its own process.
const CASE: &str = "DLQ_GIT_CASE_FOLDER";
/// Variable with the URL of the repository.
const URL: &str = "DLQ_GIT_CASE_URL";
/// Variable with the proven commit.
const PROVEN: &str = "DLQ_GIT_CASE_PROVEN";

/// Returns what a case needs in its own process; none in the process of all tests.
fn case() -> Option<(PathBuf, RemoteUrl, String)> {
    let folder = PathBuf::from(std::env::var_os(CASE)?);
    let (url, proven) = (std::env::var(URL).unwrap(), std::env::var(PROVEN).unwrap());
    Some((folder, loopback(&url), proven))
}

/// Returns a command that runs one test in a process of its own, after a line of shell.
fn again(test: &str, site: &Site, proven: &str, before: &str) -> Command {
    let mut command = Command::new("sh");
    let own = std::env::current_exe().unwrap();
    let test = format!("git_remote::hostile::{test}");
    command.args(["-c", &format!("{before}; exec \"$0\" --exact --nocapture \"$1\"")]);
    command.arg(own).arg(test).stdin(Stdio::null());
    command.env(CASE, site.bench.dir()).env(URL, site.url.as_str()).env(PROVEN, proven);
    command
}

/// Fetches, commits and pushes with the environment of this process.
fn publish(folder: &Path, url: &RemoteUrl, proven: &str) -> PushOutcome {
    let (token, askpass) = (SecretValue::new(TOKEN), bin("dlq-askpass"));
    let deadline = Duration::from_secs(60);
    let access = RemoteAccess { url, token: Some(&token), askpass: &askpass, deadline };
    let client = RemoteRepository::create(&folder.join("client")).unwrap();
    let base = client.fetch(&access, "main", proven).unwrap();
    let patch = std::fs::read(folder.join("fix.patch")).unwrap();
    let (commit, _) = committed(client.candidate(&base, &patch, MESSAGE, WHO).unwrap());
    client.push(&access, &commit, BRANCH, None).unwrap()
}

/// Every planted program writes this file.
fn plant(site: &Site) -> (PathBuf, String) {
    let ran = site.bench.path("ran");
    let (mark, dir) = (ran.display().to_string(), site.bench.dir().display().to_string());
    let evil = site.bench.write("evil/evil", format!("#!/bin/sh\necho \"$0 $*\" >>'{mark}'\n"));
    make_executable(&evil);
    for hook in ["pre-push", "post-checkout", "reference-transaction", "post-index-change"] {
        let path = site.bench.write(
            &format!("evil/hooks/{hook}"),
            format!("#!/bin/sh\necho {hook} >>'{mark}'\nexit 1\n"),
        );
        make_executable(&path);
    }
    let evil = evil.display();
    let config = format!(
        "[core]\n\thooksPath = {dir}/evil/hooks\n\taskPass = {evil}\n\tfsmonitor = {evil}\n\
         \tsshCommand = {evil}\n\tgitProxy = {evil}\n\tattributesFile = {dir}/evil/attributes\n\
         [credential]\n\thelper = !{evil}\n[alias]\n\tfetch = !{evil}\n\tpush = !{evil}\n\
         \tls-remote = !{evil}\n\tapply = !{evil}\n\
         [url \"http://127.0.0.1:1/\"]\n\tinsteadOf = {url}\n\tpushInsteadOf = {url}\n\
         [filter \"evil\"]\n\tclean = {evil}\n\tsmudge = {evil}\n\trequired = true\n\
         [diff \"evil\"]\n\ttextconv = {evil}\n\tcommand = {evil}\n[diff]\n\texternal = {evil}\n\
         [merge \"evil\"]\n\tdriver = {evil}\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {evil}\n\
         [push]\n\tgpgSign = true\n[http]\n\tproxy = http://127.0.0.1:1\n\
         \textraHeader = \"x-planted: 1\"\n[transfer]\n\tfsckObjects = true\n\
         [remote \"origin\"]\n\turl = http://127.0.0.1:1/\n\tvcs = evil\n\tuploadpack = {evil}\n",
        url = site.url.as_str()
    );
    site.bench.write("home/.gitconfig", &config);
    site.bench.write("home/.config/git/config", &config);
    let attributes = "* filter=evil diff=evil merge=evil ident working-tree-encoding=UTF-16\n";
    site.bench.write("evil/attributes", attributes);
    site.bench.write("home/.config/git/attributes", attributes);
    site.bench.write("home/.netrc", "machine 127.0.0.1 login planted password planted\n");
    (ran, config)
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn settings_variables_attributes_and_hooks_that_were_planted_have_no_effect() {
    if let Some((folder, url, proven)) = case() {
        assert_eq!(publish(&folder, &url, &proven), PushOutcome::Pushed);
        return;
    }
    let site = Site::new("hostile-planted");
    // In the repository: attributes that name programs, and files that git could take for its own.
    let attributes = "* filter=evil diff=evil merge=evil working-tree-encoding=UTF-16 text eol=crlf\n\
                      *.py binary -diff ident\n";
    site.upstream.write(".gitattributes", attributes);
    site.upstream.write("src/.gitattributes", attributes);
    site.upstream.write(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ext::evil\n");
    site.upstream.write("hooks/pre-push", "#!/bin/sh\nexit 1\n");
    site.upstream.write("config", "[core]\n\tfsmonitor = evil\n");
    let proven = site.upstream.commit("hostile");
    let app = "one\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine\nten\n";
    site.upstream.write("src/app.py", app);
    site.bench.write("fix.patch", site.upstream.patch());
    site.upstream.write("later.txt", "later\n");
    let tip = site.upstream.commit("later");

    let (ran, config) = plant(&site);
    let (dir, evil) = (site.bench.dir().display(), site.bench.path("evil/evil"));
    let mut command = again(
        "settings_variables_attributes_and_hooks_that_were_planted_have_no_effect",
        &site,
        &proven,
        "umask 0",
    );
    command
        .env("HOME", site.bench.path("home"))
        .env("XDG_CONFIG_HOME", format!("{dir}/home/.config"));
    let planted = site.bench.write("evil/config", &config);
    command.env("GIT_CONFIG_GLOBAL", &planted).env("GIT_CONFIG_SYSTEM", &planted);
    command.env("GIT_CONFIG_PARAMETERS", format!("'core.hooksPath={dir}/evil/hooks'"));
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "core.hooksPath");
    command.env("GIT_CONFIG_VALUE_0", format!("{dir}/evil/hooks"));
    for name in ["GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_EDITOR", "EDITOR"]
    {
        command.env(name, &evil);
    }
    for name in ["GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "GIT_PROXY_COMMAND"] {
        command.env(name, &evil);
    }
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        command.env(name, site.bench.path("clone"));
    }
    for name in ["GIT_INDEX_FILE", "GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE2_EVENT"] {
        command.env(name, site.bench.path(&format!("trace-{name}")));
    }
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    command.env("GIT_TEMPLATE_DIR", site.bench.path("evil")).env("GIT_NAMESPACE", "x");
    command.env("GIT_AUTHOR_NAME", "planted").env("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z");
    command.env("GIT_PROTOCOL_FROM_USER", "0").env("GIT_ALLOW_PROTOCOL", "ext:ssh");
    command.env("GIT_DEFAULT_HASH", "sha256").env("GIT_ATTR_SOURCE", "HEAD");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    assert!(!ran.exists(), "{}", std::fs::read_to_string(&ran).unwrap());
    let traces = std::fs::read_dir(site.bench.dir()).unwrap().flatten();
    let traces: Vec<_> =
        traces.filter(|file| file.file_name().to_string_lossy().starts_with("trace-")).collect();
    assert!(traces.is_empty(), "{traces:?}");
    let head = site.head().unwrap();
    assert_eq!(
        site.upstream.server(&["cat-file", "blob", &format!("{head}:src/app.py")]),
        app.trim_end()
    );
    assert_eq!(site.upstream.server(&["diff", "--name-only", &tip, &head]), "src/app.py");
    let raw = site.upstream.server(&["cat-file", "commit", &head]);
    assert!(raw.contains("author dlq-tools <dlq@example.com> 1700000000 +0000"), "{raw}");
    assert!(!raw.contains("gpgsig"), "{raw}");
    let requests = site.backend.seen.lock().unwrap();
    assert!(requests.iter().all(|request| request.header("x-planted").is_none()));
    let asked = requests.iter().filter_map(|request| request.header("authorization"));
    assert!(asked.into_iter().all(|value| value.contains("eC1hY2Nlc3MtdG9rZW46")), "its own user");
}

/// The texts of the gate are those of git's objects, whatever attributes say: also of a file that an
/// attribute calls binary.
#[test]
fn attributes_hide_no_text_from_the_gate() {
    let site = Site::new("hostile-binary");
    site.upstream.write(".gitattributes", "* binary -diff\n");
    site.upstream.commit("attributes");
    let client = site.client("client");
    let base = client.fetch(&site.access(), "main", &site.tip()).unwrap();
    let candidate = client.candidate(&base, &site.fix(), MESSAGE, WHO).unwrap();
    let (_, difference) = committed(candidate);
    assert_eq!(difference.files[0].lines, Some(2), "{difference:?}");
    assert!(difference.files[0].after.as_ref().unwrap().contains("FIVE"));
}

/// The folder of a client is for its user alone, also with an open umask.
#[test]
fn folder_of_a_client_is_private_and_replaces_what_was_left() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let site = Site::new("hostile-folder");
    let outside = site.bench.write("outside/keep", "x");
    for old in ["folder", "link", "file"] {
        let path = site.bench.path("client");
        match old {
            "folder" => {
                drop(site.bench.write("client/bare.git/config", "[core]\n\thooksPath = /x\n"))
            }
            "link" => symlink(site.bench.path("outside"), &path).unwrap(),
            _ => drop(site.bench.write("client", "x")),
        }
        let client = site.client("client");
        let mode = path.symlink_metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{old}");
        assert!(!path.join("bare.git").exists(), "{old}");
        drop(client);
        assert!(outside.exists() && path.symlink_metadata().is_err(), "{old}");
    }
}

#[test]
fn repository_over_the_size_limit_is_not_fetched() {
    if let Some((folder, url, proven)) = case() {
        let (token, askpass) = (SecretValue::new(TOKEN), bin("dlq-askpass"));
        let deadline = Duration::from_secs(60);
        let access = RemoteAccess { url: &url, token: Some(&token), askpass: &askpass, deadline };
        let client = RemoteRepository::create(&folder.join("client")).unwrap();
        let error = client.fetch(&access, "main", &proven).unwrap_err();
        assert_eq!(error.kind, RemoteErrorKind::TooLarge, "{error:?}");
        return;
    }
    let site = Site::new("hostile-size");
    let mut dice = 1_u64;
    let noise: String = (0..400_000)
        .map(|_| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + u8::try_from((dice >> 40) % 90).unwrap())
        })
        .collect();
    site.upstream.write("noise", &noise);
    let proven = site.upstream.commit("noise");
    // Blocks of 512 bytes in a POSIX shell.
    let test = "repository_over_the_size_limit_is_not_fetched";
    let output = again(test, &site, &proven, "ulimit -f 200").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The server never answers: git would wait for it, and has to end with the program that started it.
#[cfg(target_os = "linux")]
#[test]
fn git_ends_when_its_program_is_killed() {
    if let Some((folder, url, proven)) = case() {
        let client = RemoteRepository::create(&folder.join("client")).unwrap();
        let askpass = bin("dlq-askpass");
        let deadline = Duration::from_secs(600);
        let access = RemoteAccess { url: &url, token: None, askpass: &askpass, deadline };
        let _ = client.fetch(&access, "main", &proven);
        return;
    }
    let bench = Bench::new("hostile-killed");
    let upstream = Upstream::new(bench.dir(), "sha1");
    let backend = GitBackend::scripted(
        &upstream.root(),
        Box::new(|_: &HttpRequest, reply: &mut Reply<'_>| Some(reply.hang())),
    );
    let site = Site::served(bench, upstream, backend);
    let mut child = again("git_ends_when_its_program_is_killed", &site, &site.tip(), ":");
    let mut child = child.spawn().unwrap();
    wait_until(|| !site.backend.seen.lock().unwrap().is_empty(), "git asks the server");
    let host = site.backend.host().to_owned();
    let running = || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| String::from_utf8_lossy(line).contains(&host)).count()
    };
    assert!(running() >= 2);
    child.kill().unwrap();
    child.wait().unwrap();
    // Sooner than a transfer without progress is given up.
    wait_until(|| running() == 0, "git and its helper end");
}

fn wait_until(done: impl Fn() -> bool, what: &str) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
