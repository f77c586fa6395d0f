//! Bare repositories behind `git http-backend` on loopback, which asks for a token.
//!
//! Promises: everything but the token check is git's own server, with its hooks.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::http::{Closed, HttpRequest, HttpServer, Reply};

/// Token that the server accepts.
pub const TOKEN: &str = "ghp_planted0123456789abcdefghijklmnopqr";

/// A scripted answer to a request; `None`: git answers.
pub type Script = dyn Fn(&HttpRequest, &mut Reply<'_>) -> Option<Result<(), Closed>> + Send + Sync;

/// Running server.
pub struct GitBackend {
    server: HttpServer,
    pub seen: Arc<Mutex<Vec<HttpRequest>>>,
}

impl GitBackend {
    /// Serves the repositories below `root` to clients with the token.
    pub fn start(root: &Path) -> Self {
        GitBackend::scripted(root, Box::new(|_, _| None))
    }

    /// Serves the repositories below `root`, where `script` has no answer of its own.
    pub fn scripted(root: &Path, script: Box<Script>) -> Self {
        let root = root.to_owned();
        let (server, seen) =
            HttpServer::recording(move |request, reply| match script(request, reply) {
                Some(done) => done,
                None => answer(&root, request, reply),
            });
        GitBackend { server, seen }
    }

    /// Returns the URL of a repository.
    pub fn url(&self, repository: &str) -> String {
        format!("{}/{repository}", self.server.url)
    }

    /// Returns host and port.
    pub fn host(&self) -> &str {
        self.server.url.trim_start_matches("http://")
    }
}

/// Whether a request carries the token, with the user name of tokens.
pub fn is_authorised(request: &HttpRequest) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("x-access-token:{TOKEN}")));
    request.header("authorization") == Some(&expected)
}

fn answer(root: &Path, request: &HttpRequest, reply: &mut Reply<'_>) -> Result<(), Closed> {
    if !is_authorised(request) {
        let headers = [("www-authenticate", "Basic realm=\"git\"")];
        let why = "Invalid username or token.";
        return reply.send_with(401, "text/plain", &headers, why);
    }
    let output = run_backend(root, request);
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let status = field("Status").map_or(200, |status| status[..3].parse().unwrap());
    let kind = field("Content-Type").unwrap_or_else(|| "text/plain".to_owned());
    reply.send_bytes(status, &kind, &output[end + 4..])
}

fn run_backend(root: &Path, request: &HttpRequest) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("PATH_INFO", path).env("QUERY_STRING", query);
    command.env("REQUEST_METHOD", &request.method).env("REMOTE_USER", "bot");
    command.env("CONTENT_LENGTH", request.body.len().to_string());
    let passed = [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ];
    for (header, variable) in passed {
        command.envs(request.header(header).map(|value| (variable, value)));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (mut stdin, body) = (child.stdin.take().unwrap(), request.body.clone());
    let writing = std::thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output().unwrap();
    let _ = writing.join();
    output.stdout
}

/// A server's repository and a person's clone of it, in a folder of a test.
pub struct Upstream {
    folder: PathBuf,
}

impl Upstream {
    /// Makes `acme/orders.git` with a first commit on `main`, below `folder`.
    pub fn new(folder: &Path, object_format: &str) -> Self {
        let upstream = Upstream { folder: folder.to_owned() };
        std::fs::create_dir_all(folder.join("root/acme")).unwrap();
        let format = format!("--object-format={object_format}");
        let init = ["init", "--quiet", "--initial-branch=main", &format];
        upstream.git(".", &[&init[..], &["--bare", "root/acme/orders.git"]].concat());
        upstream.git(".", &[&init[..], &["clone"]].concat());
        // The person's clone obeys no attribute of the repository.
        let attributes = "* diff merge -filter -text -working-tree-encoding -ident\n";
        let info = folder.join("clone/.git/info");
        std::fs::create_dir_all(&info).unwrap();
        std::fs::write(info.join("attributes"), attributes).unwrap();
        upstream.git("clone", &["remote", "add", "origin", "../root/acme/orders.git"]);
        upstream.write("src/app.py", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n");
        upstream.write("src/other.py", "other\n");
        upstream.commit("first");
        upstream
    }

    /// Returns the folder of all repositories of the server.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Returns the bare repository.
    pub fn bare(&self) -> PathBuf {
        self.folder.join("root/acme/orders.git")
    }

    /// Writes a file of the clone.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.join("clone").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all of the clone, pushes it to `main`, and returns the commit.
    pub fn commit(&self, message: &str) -> String {
        self.commit_to("main", message)
    }

    /// Commits all of the clone, and pushes it to a branch.
    pub fn commit_to(&self, branch: &str, message: &str) -> String {
        self.git("clone", &["add", "--all"]);
        self.git("clone", &["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git("clone", &["push", "--quiet", "origin", &format!("HEAD:refs/heads/{branch}")]);
        self.git("clone", &["rev-parse", "HEAD"])
    }

    /// Returns the patch of what is changed in the clone, which is undone.
    pub fn patch(&self) -> Vec<u8> {
        self.git("clone", &["add", "--all"]);
        let file = self.folder.join("made.patch");
        let output = format!("--output={}", file.display());
        let argv = ["diff", "--cached", "--binary", "--full-index", &output, "HEAD"];
        self.git("clone", &argv);
        self.git("clone", &["reset", "--quiet", "--hard", "HEAD"]);
        self.git("clone", &["clean", "--quiet", "--force", "-d"]);
        std::fs::read(file).unwrap()
    }

    /// Returns the output of git in the server's repository.
    pub fn server(&self, argv: &[&str]) -> String {
        self.git("root/acme/orders.git", argv)
    }

    /// Writes a hook of the server's repository.
    pub fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.bare().join("hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns the output of a user's git in a folder.
    pub fn git(&self, folder: &str, argv: &[&str]) -> String {
        let mut command = Command::new("git");
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A").env(format!("GIT_{who}_EMAIL"), "a@b");
        }
        let output = command.arg("-C").arg(self.folder.join(folder)).args(argv).output().unwrap();
        assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}
