//! The branch of a pull request in a real repository behind `git http-backend`.

mod hostile;
mod push;
mod refusals;
mod token;

use std::path::{Path, PathBuf};
use std::time::Duration;

use dlq::edge::git::remote::{
    Candidate, CommitIdentity, FetchedBase, PushOutcome, RemoteAccess, RemoteRepository, RemoteUrl,
    UrlScheme,
};
use dlq::rules::verdict::patch_gate::Difference;
use dlq::secret::SecretValue;

use crate::support::git_backend::{GitBackend, TOKEN, Upstream};
use crate::support::workbench::{Bench, bin};

const BRANCH: &str = "dlq/0123456789abcdef-1";
const WHO: CommitIdentity<'_> =
    CommitIdentity { name: "dlq-tools", mail: "dlq@example.com", seconds: 1_700_000_000 };
const MESSAGE: &str = "Fix the total of an order\n\nThe rounding was wrong.\n";

/// A server with a repository, and what a client needs.
struct Site {
    bench: Bench,
    upstream: Upstream,
    backend: GitBackend,
    url: RemoteUrl,
    token: SecretValue,
    askpass: PathBuf,
}

impl Site {
    fn new(name: &str) -> Self {
        Site::with_format(name, "sha1")
    }

    fn with_format(name: &str, object_format: &str) -> Self {
        let bench = Bench::new(name);
        let upstream = Upstream::new(bench.dir(), object_format);
        let backend = GitBackend::start(&upstream.root());
        Site::served(bench, upstream, backend)
    }

    fn served(bench: Bench, upstream: Upstream, backend: GitBackend) -> Self {
        let url = loopback(&backend.url("acme/orders.git"));
        let (token, askpass) = (SecretValue::new(TOKEN), bin("dlq-askpass"));
        Site { bench, upstream, backend, url, token, askpass }
    }

    fn access(&self) -> RemoteAccess<'_> {
        let deadline = Duration::from_secs(60);
        let token = Some(&self.token);
        RemoteAccess { url: &self.url, token, askpass: &self.askpass, deadline }
    }

    /// Makes the private folder of a client.
    fn client(&self, name: &str) -> RemoteRepository {
        RemoteRepository::create(&self.bench.path(name)).unwrap()
    }

    fn tip(&self) -> String {
        self.upstream.server(&["rev-parse", "refs/heads/main"])
    }

    /// Returns the commit of the branch of the pull request.
    fn head(&self) -> Option<String> {
        let reference = format!("refs/heads/{BRANCH}");
        let found = self.upstream.server(&["for-each-ref", "--format=%(objectname)", &reference]);
        Some(found).filter(|found| !found.is_empty())
    }

    /// Returns a patch of one line, on what the clone has.
    fn fix(&self) -> Vec<u8> {
        let text = std::fs::read_to_string(self.bench.path("clone/src/app.py")).unwrap();
        self.upstream.write("src/app.py", &text.replace("five\n", "FIVE\n"));
        self.upstream.patch()
    }
}

fn loopback(url: &str) -> RemoteUrl {
    RemoteUrl::new(url, UrlScheme::HttpsOrLoopback).unwrap()
}

/// Returns the commit and its difference; any other result fails the test.
#[track_caller]
fn committed(candidate: Candidate) -> (String, Difference) {
    match candidate {
        Candidate::Commit { commit, difference } => (commit, difference),
        other => panic!("{other:?}"),
    }
}

/// Fetches and makes the commit of a patch.
#[track_caller]
fn prepared(site: &Site, client: &RemoteRepository, patch: &[u8], seconds: i64) -> String {
    let base = client.fetch(&site.access(), "main", &site.tip()).unwrap();
    let who = CommitIdentity { seconds, ..WHO };
    committed(client.candidate(&base, patch, MESSAGE, who).unwrap()).0
}

/// Whether a file below a folder holds the bytes, also in a packed object.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}
