//! A repository on a server, seen from a bare repository of this tool: what a pull request starts
//! from, and the branch that it consists of.
//!
//! Promises: nothing but the given URL is asked, by https (or, where the caller says so, by http to
//! this machine, or a file): no redirect, no other protocol, no submodule. No settings of the machine
//! or the user, no hook, helper, filter, alias or signer runs. No working tree is made, so that no
//! attribute of a file has an effect. A call has a deadline, and what it fetches a limit. The token
//! goes to `dlq-askpass` alone (`askpass.rs`); no message shows it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::askpass;
use super::command::{ANSWER_MAX, Git, TREE, argument};
use crate::edge::command::{CommandInput, CommandResult};
use crate::error::Error;
use crate::secret::SecretValue;
use crate::store::{self, make_dir};

pub use candidate::{Candidate, CommitIdentity};
pub use failure::{RemoteError, RemoteErrorKind};
pub use push::PushOutcome;
pub use remote_url::{RemoteUrl, UrlScheme};

mod candidate;
mod failure;
mod push;
mod remote_url;

/// Deadline of a call that asks a server, unless the caller sets one.
pub const REMOTE_DEADLINE: Duration = Duration::from_secs(300);
/// Transfers slower than [`SLOW_RATE`] bytes a second for so many seconds are given up.
const SLOW_SECONDS: &str = "60";
const SLOW_RATE: &str = "100";
/// References of the bare repository.
const TIP: &str = "refs/dlq/tip";
const PROVEN: &str = "refs/dlq/proven";

/// Variables of the user that a connection by https needs: proxies, and certificates of a company.
const NETWORK: [&str; 8] = [
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Settings of every call that asks a server, beside those of all calls.
const SETTINGS: [(&str, &str); 13] = [
    ("http.followRedirects", "false"),
    ("http.sslVerify", "true"),
    ("http.lowSpeedLimit", SLOW_RATE),
    ("http.lowSpeedTime", SLOW_SECONDS),
    ("credential.username", askpass::USER),
    ("credential.interactive", "true"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.fsckObjects", "false"),
    // One pack, whose size the limit on files bounds.
    ("fetch.unpackLimit", "1"),
    ("push.recurseSubmodules", "no"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("transfer.bundleURI", "false"),
];

/// Access to a repository on a server.
#[derive(Debug, Clone)]
pub struct RemoteAccess<'a> {
    pub url: &'a RemoteUrl,
    /// Token for a server that asks for a password.
    pub token: Option<&'a SecretValue>,
    /// Path of `dlq-askpass`: see [`askpass::program`].
    pub askpass: &'a Path,
    /// Deadline of each call.
    pub deadline: Duration,
}

/// Commits from which a branch is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedBase {
    /// Commit of the base branch on the server.
    pub tip: String,
    /// Commit on which the patch was proven.
    pub proven: String,
}

/// Bare repository in a private folder, removed on drop. One process at a time uses the folder.
#[derive(Debug)]
pub struct RemoteRepository {
    folder: PathBuf,
}

impl Drop for RemoteRepository {
    fn drop(&mut self) {
        // The next run of the same folder removes the rest.
        let _ = store::remove(&self.folder);
    }
}

impl RemoteRepository {
    /// Makes an empty folder in the place of what an interrupted run has left there. The repository in
    /// it is made by [`RemoteRepository::fetch`].
    pub fn create(folder: &Path) -> Result<Self, Error> {
        store::remove(folder).map_err(|error| Error::file("remove", folder, &error))?;
        make_dir(folder)?;
        let folder = folder.canonicalize();
        let folder = folder.map_err(|error| Error::file("make folder", Path::new("."), &error))?;
        let repository = RemoteRepository { folder };
        make_dir(&repository.folder.join("none"))?;
        super::command::check(&repository.outside()?.must(&["version"], TREE)?.line())?;
        Ok(repository)
    }

    /// Returns the commit of a reference on the server, such as `refs/heads/main`; none when there is
    /// no such reference.
    pub fn ls_remote(
        &self,
        access: &RemoteAccess<'_>,
        reference: &str,
    ) -> Result<Option<String>, RemoteError> {
        self.check_reference(reference)?;
        let argv = ["ls-remote", "--quiet", "--refs", "--", access.url.as_str(), reference];
        let listed = access.must(&self.outside()?, &argv)?;
        let text = String::from_utf8_lossy(&listed.output).into_owned();
        // The server's list also has references that end with this name.
        let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
        let found = lines.find(|(_, name)| *name == reference).map(|(object, _)| object.to_owned());
        match found {
            Some(object) if !is_object_id(&object) => {
                Err(RemoteError::other(access, "the server's list of references is damaged"))
            }
            found => Ok(found),
        }
    }

    /// Fetches the newest commit of a branch, and the commit on which a patch was proven, both without
    /// their ancestors.
    pub fn fetch(
        &self,
        access: &RemoteAccess<'_>,
        branch: &str,
        proven: &str,
    ) -> Result<FetchedBase, RemoteError> {
        if !is_object_id(proven) {
            return Err(RemoteError::other(access, "the proven commit is not named by its hash"));
        }
        let reference = format!("refs/heads/{branch}");
        let Some(tip) = self.ls_remote(access, &reference)? else {
            return Err(RemoteError::branch_missing(access, branch));
        };
        let git = self.initialised(&tip)?;
        self.fetch_one(&git, access, &format!("+{reference}:{TIP}"))?;
        // The branch may have moved since it was listed.
        let tip = git.must(&["rev-parse", "--verify", TIP], TREE)?.line();
        if tip != proven {
            if proven.len() != tip.len() {
                return Err(RemoteError::commit_missing(access, proven));
            }
            self.fetch_one(&git, access, &format!("+{proven}:{PROVEN}"))?;
        }
        Ok(FetchedBase { tip, proven: proven.to_owned() })
    }

    /// Fetches the ancestors of a branch, too.
    pub fn fetch_history(
        &self,
        access: &RemoteAccess<'_>,
        branch: &str,
    ) -> Result<(), RemoteError> {
        let refspec = format!("+refs/heads/{branch}:{TIP}");
        self.fetch_to(&self.git()?, access, "--unshallow", &refspec)
    }

    fn fetch_one(
        &self,
        git: &Git,
        access: &RemoteAccess<'_>,
        refspec: &str,
    ) -> Result<(), RemoteError> {
        self.fetch_to(git, access, "--depth=1", refspec)
    }

    fn fetch_to(
        &self,
        git: &Git,
        access: &RemoteAccess<'_>,
        depth: &str,
        refspec: &str,
    ) -> Result<(), RemoteError> {
        let mut argv = vec!["fetch", "--quiet", depth, "--no-tags", "--no-write-fetch-head"];
        argv.extend(["--no-recurse-submodules", "--no-auto-gc", "--no-progress", "--"]);
        argv.extend([access.url.as_str(), refspec]);
        access.must(git, &argv).map(drop)
    }

    /// Makes the bare repository, with the kind of hash that the server has.
    fn initialised(&self, tip: &str) -> Result<Git, Error> {
        let format = if tip.len() == 64 { "sha256" } else { "sha1" };
        let bare = self.bare();
        if bare.symlink_metadata().is_err() {
            let format = format!("--object-format={format}");
            let argv = ["init", "--quiet", "--bare", "--template=", &format, argument(&bare)?];
            self.outside()?.must(&argv, TREE)?;
        }
        self.git()
    }

    fn bare(&self) -> PathBuf {
        self.folder.join("bare.git")
    }

    /// Returns a git of the bare repository, which asks no server. It reads no index unless the caller
    /// names one: an index could hold attributes.
    fn git(&self) -> Result<Git, Error> {
        let git = Git::bare(argument(&self.bare())?);
        let git = git.with("GIT_LITERAL_PATHSPECS", "1");
        Ok(git.with("GIT_INDEX_FILE", self.folder.join("no-index")))
    }

    /// Returns a git outside of every repository.
    fn outside(&self) -> Result<Git, Error> {
        let git = Git::at(argument(&self.folder.join("none"))?);
        Ok(git.with("GIT_CEILING_DIRECTORIES", self.folder.clone()))
    }

    /// Refuses a reference that git would read as something else.
    fn check_reference(&self, reference: &str) -> Result<(), Error> {
        let is_name = reference.starts_with("refs/") && !reference.contains(['*', ':', '^', '+']);
        if is_name && self.outside()?.ask(&["check-ref-format", reference])?.ok {
            return Ok(());
        }
        let name = crate::text::safe(reference);
        Err(Error::wrong(format!("'{name}' is not the name of a branch")))
    }
}

impl RemoteAccess<'_> {
    /// Runs a git command that asks the server.
    fn run(&self, git: &Git, argv: &[&str]) -> Result<CommandResult, Error> {
        let mut git = git.clone().setting(self.url.protocol_setting(), "always");
        for (key, value) in SETTINGS {
            git = git.setting(key, value);
        }
        git = git.with("GIT_ASKPASS", self.askpass).with(askpass::SERVER, self.url.server());
        if self.url.is_remote() {
            let set = |name: &str| Some((name.to_owned(), std::env::var_os(name)?));
            let set: Vec<(String, OsString)> = NETWORK.into_iter().filter_map(set).collect();
            git = set.into_iter().fold(git, |git, (name, value)| git.with(&name, value));
        }
        let input = match self.token {
            Some(token) => askpass::input(token).ok_or_else(|| {
                Error::wrong("the token of GitHub is not one line of printable characters")
            })?,
            None => Vec::new(),
        };
        let shim = askpass::shim(self.askpass)?;
        git.run_through(&shim, CommandInput::Bytes(&input), argv, self.deadline, ANSWER_MAX)
    }

    /// Runs a git command that asks the server; a failed command is an error.
    fn must(&self, git: &Git, argv: &[&str]) -> Result<CommandResult, RemoteError> {
        let ran = self.run(git, argv)?;
        match ran.status {
            Some(status) if status.success() => Ok(ran),
            _ => Err(RemoteError::from_result(self, &ran)),
        }
    }
}

/// Whether a text is the hash of an object, SHA-1 or SHA-256.
fn is_object_id(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    [40, 64].contains(&text.len()) && text.bytes().all(is_hex)
}
