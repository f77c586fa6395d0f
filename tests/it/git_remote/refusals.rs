//! Servers that refuse, fail or stay silent.

use std::time::Instant;

use dlq::edge::git::remote::{RemoteError, RemoteErrorKind};

use super::*;
use crate::support::git_backend::Script;
use crate::support::http::{Closed, HttpRequest, Reply};

/// Makes a site whose server answers by a script.
fn scripted(name: &str, script: Box<Script>) -> Site {
    let bench = Bench::new(name);
    let upstream = Upstream::new(bench.dir(), "sha1");
    let backend = GitBackend::scripted(&upstream.root(), script);
    Site::served(bench, upstream, backend)
}

fn fetch_error(site: &Site, access: &RemoteAccess<'_>, branch: &str) -> RemoteError {
    let error = site.client("client").fetch(access, branch, &site.tip()).unwrap_err();
    assert!(!error.sentence.contains(TOKEN), "{error:?}");
    assert!(!error.sentence.contains("x-access-token"), "{error:?}");
    error
}

#[test]
fn failures_of_a_fetch_are_told_apart() {
    let site = Site::new("refused-fetch");
    let access = site.access();
    let kind = |access: &RemoteAccess<'_>, branch: &str| fetch_error(&site, access, branch).kind;
    let wrong = SecretValue::new("ghp_wrong");
    let missing = loopback(&site.backend.url("acme/none.git"));
    let nowhere = loopback("http://127.0.0.1:1/acme/orders.git");
    assert_eq!(
        kind(&RemoteAccess { token: None, ..access.clone() }, "main"),
        RemoteErrorKind::Auth
    );
    let refused = RemoteAccess { token: Some(&wrong), ..access.clone() };
    assert_eq!(kind(&refused, "main"), RemoteErrorKind::Auth);
    assert_eq!(
        kind(&RemoteAccess { url: &missing, ..access.clone() }, "main"),
        RemoteErrorKind::NotFound
    );
    assert_eq!(
        kind(&RemoteAccess { url: &nowhere, ..access.clone() }, "main"),
        RemoteErrorKind::Network
    );
    assert_eq!(kind(&access, "none"), RemoteErrorKind::BranchMissing);
    assert_eq!(kind(&access, "a*b"), RemoteErrorKind::Local);
    for token in ["two\nlines", "", "a b", "größe"] {
        let token = SecretValue::new(token);
        let access = RemoteAccess { token: Some(&token), ..access.clone() };
        assert_eq!(kind(&access, "main"), RemoteErrorKind::Local);
    }
    let client = site.client("client");
    for commit in ["0123456789012345678901234567890123456789", &"a".repeat(64)] {
        let error = client.fetch(&access, "main", commit).unwrap_err();
        assert_eq!(error.kind, RemoteErrorKind::CommitMissing, "{error:?}");
    }
    for commit in ["main", "", "--all"] {
        let error = client.fetch(&access, "main", commit).unwrap_err();
        assert_eq!(error.kind, RemoteErrorKind::Other, "{error:?}");
    }
}

#[test]
fn answers_that_are_not_git_have_a_kind() {
    let rows = [
        ("403", 403, RemoteErrorKind::Denied),
        ("404", 404, RemoteErrorKind::NotFound),
        ("429", 429, RemoteErrorKind::Network),
        ("500", 500, RemoteErrorKind::Network),
        ("502", 502, RemoteErrorKind::Network),
        ("a page", 200, RemoteErrorKind::Network),
    ];
    for (rule, status, kind) in rows {
        let page = "<html>\n<p>Log in to the network</p>\n</html>\n";
        let script = move |_: &HttpRequest, reply: &mut Reply<'_>| {
            Some(reply.send(status, "text/html", page))
        };
        let site = scripted("refused-status", Box::new(script));
        let error = fetch_error(&site, &site.access(), "main");
        assert_eq!(error.kind, kind, "{rule}: {error:?}");
        assert_eq!(error.is_temporary(), kind == RemoteErrorKind::Network, "{rule}");
    }
}

#[test]
fn redirect_is_not_followed_and_gets_no_token() {
    for status in [301, 302, 307] {
        let other = GitBackend::start(Path::new("/nonexistent"));
        let target = other.url("acme/orders.git/info/refs?service=git-upload-pack");
        let script = move |_: &HttpRequest, reply: &mut Reply<'_>| {
            Some(reply.send_with(status, "text/plain", &[("location", &target)], ""))
        };
        let site = scripted("refused-moved", Box::new(script));
        let error = fetch_error(&site, &site.access(), "main");
        assert_eq!(error.kind, RemoteErrorKind::Moved, "{error:?}");
        assert!(other.seen.lock().unwrap().is_empty(), "{status}");
    }
}

#[test]
fn server_that_stays_silent_is_given_up_at_the_deadline() {
    let script = |_: &HttpRequest, reply: &mut Reply<'_>| Some(reply.hang());
    let site = scripted("refused-silent", Box::new(script));
    let access = RemoteAccess { deadline: Duration::from_secs(1), ..site.access() };
    let begun = Instant::now();
    let error = fetch_error(&site, &access, "main");
    assert_eq!(error.kind, RemoteErrorKind::TimedOut, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn refusals_of_a_push_are_told_apart() {
    let site = Site::new("refused-push");
    let client = site.client("client");
    let commit = prepared(&site, &client, &site.fix(), 1);
    site.upstream.hook("update", "echo \"GH006: no $0 \u{1b}[31mred\"; exit 1");
    let outcome = client.push(&site.access(), &commit, BRANCH, None).unwrap();
    let PushOutcome::Protected { sentence } = outcome else { panic!("{outcome:?}") };
    assert!(sentence.starts_with("a rule of the repository refuses the push (GH006: no "));
    assert!(!sentence.contains('\u{1b}'), "{sentence}");
    site.upstream.hook("update", "exit 0");

    let wrong = SecretValue::new("ghp_wrong");
    let access = RemoteAccess { token: Some(&wrong), ..site.access() };
    let error = client.push(&access, &commit, BRANCH, None).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Auth, "{error:?}");

    for branch in ["a*b", "", "a:b", "-x y", "a..b"] {
        assert!(client.push(&site.access(), &commit, branch, None).is_err(), "{branch}");
    }
    for commit in ["HEAD", "", "--all"] {
        assert!(client.push(&site.access(), commit, BRANCH, None).is_err(), "{commit}");
    }
    assert_eq!(site.head(), None);
}

#[test]
fn token_that_may_read_and_not_write_is_denied() {
    let script = |request: &HttpRequest, reply: &mut Reply<'_>| {
        let is_push = request.target.contains("git-receive-pack");
        let why = format!("Permission to acme/orders.git denied to bot with {TOKEN}.");
        is_push.then(|| reply.send(403, "text/plain", &why))
    };
    let site = scripted("refused-denied", Box::new(script));
    let client = site.client("client");
    let commit = prepared(&site, &client, &site.fix(), 1);
    let outcome = client.push(&site.access(), &commit, BRANCH, None).unwrap();
    let PushOutcome::Denied { sentence } = outcome else { panic!("{outcome:?}") };
    assert!(sentence.starts_with("the token may not push (Permission to"), "{sentence}");
    assert!(sentence.contains("[token]") && !sentence.contains(TOKEN), "{sentence}");
}

/// The server has taken the push, and the answer is lost.
#[test]
fn push_whose_answer_is_lost_is_found_on_the_server() {
    let bench = Bench::new("refused-lost");
    let upstream = Upstream::new(bench.dir(), "sha1");
    let inner = GitBackend::start(&upstream.root());
    let target = inner.url("");
    let script = move |request: &HttpRequest, _: &mut Reply<'_>| {
        let is_push = request.method == "POST" && request.target.ends_with("git-receive-pack");
        is_push.then(|| {
            forward(&target, request);
            Err(Closed)
        })
    };
    let backend = GitBackend::scripted(&upstream.root(), Box::new(script));
    let site = Site::served(bench, upstream, backend);
    let client = site.client("client");
    let commit = prepared(&site, &client, &site.fix(), 1);
    let pushed = client.push(&site.access(), &commit, BRANCH, None);
    assert_eq!(pushed, Ok(PushOutcome::Pushed));
    assert_eq!(site.head(), Some(commit));
}

/// Sends a request to another server, and reads the answer to its end.
fn forward(base: &str, request: &HttpRequest) {
    use std::io::{Read, Write};
    let host = base.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (mut answer, mut block) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&answer).contains("unpack ok") {
        let count = stream.read(&mut block).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&block[..count]);
    }
}
