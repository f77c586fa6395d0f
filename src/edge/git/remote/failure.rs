//! Why a call to a server has failed, told apart by the words of git and of the server.

use super::RemoteAccess;
use crate::edge::command::CommandResult;
use crate::edge::git::askpass::USER;
use crate::error::Error;
use crate::text::{safe, shorten};

/// Longest sentence of a server that is repeated, in characters.
const SAID_MAX: usize = 300;

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteErrorKind {
    /// The server does not accept the token, or wants one.
    Auth,
    /// The server knows the token and refuses.
    Denied,
    /// There is no such repository, or the token may not see it.
    NotFound,
    /// The repository has another name or place now.
    Moved,
    /// The repository has no such branch.
    BranchMissing,
    /// The server does not have, or does not give, the commit.
    CommitMissing,
    /// No answer, a broken one, or one that says 'later'.
    Network,
    /// No end before the deadline.
    TimedOut,
    /// More than the limit would have been fetched.
    TooLarge,
    /// A failure on this machine.
    Local,
    Other,
}

/// Failure of a call to a server. The sentence has neither a token nor a user of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    pub kind: RemoteErrorKind,
    pub sentence: String,
}

impl RemoteError {
    /// Whether the same call may succeed later without a change of configuration or repository.
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, RemoteErrorKind::Network | RemoteErrorKind::TimedOut)
    }

    pub(super) fn branch_missing(access: &RemoteAccess<'_>, branch: &str) -> Self {
        let why = format!("the repository has no branch '{}'", safe(&shorten(branch, SAID_MAX)));
        RemoteError::new(access, RemoteErrorKind::BranchMissing, &why)
    }

    pub(super) fn commit_missing(access: &RemoteAccess<'_>, commit: &str) -> Self {
        let why = format!("the server does not give the commit {commit}");
        RemoteError::new(access, RemoteErrorKind::CommitMissing, &why)
    }

    pub(super) fn other(access: &RemoteAccess<'_>, why: &str) -> Self {
        RemoteError::new(access, RemoteErrorKind::Other, why)
    }

    fn new(access: &RemoteAccess<'_>, kind: RemoteErrorKind, why: &str) -> Self {
        let sentence = format!("cannot use '{}': {why}", access.url.as_str());
        RemoteError { kind, sentence }
    }

    /// Classifies the end of a git call.
    pub(super) fn from_result(access: &RemoteAccess<'_>, ran: &CommandResult) -> Self {
        let Some(_) = ran.status else {
            let why = if ran.more {
                "its answer is too long".to_owned()
            } else {
                format!("no end within {} s", access.deadline.as_secs())
            };
            return RemoteError::new(access, RemoteErrorKind::TimedOut, &why);
        };
        let errors = String::from_utf8_lossy(&ran.errors);
        let kind = kind(&errors);
        RemoteError::new(access, kind, &access.explained(words(kind), &errors))
    }
}

impl RemoteAccess<'_> {
    /// Returns a reason with what the server said, without the token.
    pub(super) fn explained(&self, why: &str, errors: &str) -> String {
        let said = said(errors);
        let said = match self.token {
            Some(token) => token.hidden_in(&said, USER),
            None => said,
        };
        match said.as_str() {
            "" => why.to_owned(),
            said => format!("{why} ({})", safe(&shorten(said, SAID_MAX))),
        }
    }
}

impl From<Error> for RemoteError {
    fn from(error: Error) -> Self {
        RemoteError { kind: RemoteErrorKind::Local, sentence: error.to_string() }
    }
}

/// Phrases of git, libcurl, and servers, in lower case. The first that is found decides.
const PHRASES: [(RemoteErrorKind, &[&str]); 10] = [
    (RemoteErrorKind::Local, &["no space left", "disk quota exceeded", "read-only file system"]),
    (
        // The file limit: SIGXFSZ ends the program that writes the pack, or its write fails.
        RemoteErrorKind::TooLarge,
        &["died of signal 25", "file too large", "pack exceeds maximum allowed size"],
    ),
    (
        RemoteErrorKind::Auth,
        &[
            "authentication failed",
            "could not read password",
            "could not read username",
            "terminal prompts disabled",
            "invalid username or",
            "bad credentials",
            "returned error: 401",
        ],
    ),
    (
        RemoteErrorKind::Moved,
        &[
            "unable to update url base from redirection",
            "returned error: 301",
            "returned error: 302",
            "returned error: 307",
            "returned error: 308",
        ],
    ),
    (
        RemoteErrorKind::BranchMissing,
        &["couldn't find remote ref refs/heads/", "could not find remote branch"],
    ),
    (
        RemoteErrorKind::CommitMissing,
        &["not our ref", "unadvertised object", "couldn't find remote ref"],
    ),
    (
        // GitHub and GitLab answer a token without access like a missing repository.
        RemoteErrorKind::NotFound,
        &[
            "repository not found",
            "returned error: 404",
            "not found",
            "does not appear to be a git repository",
            "does not exist",
        ],
    ),
    (
        RemoteErrorKind::Denied,
        &[
            "returned error: 403",
            "permission to ",
            "access denied",
            "write access to repository not granted",
            "saml sso",
            "access to this repository has been disabled",
        ],
    ),
    (
        RemoteErrorKind::Network,
        &[
            "could not resolve",
            "couldn't resolve",
            "failed to connect",
            "couldn't connect",
            "connection refused",
            "connection reset",
            "connection timed out",
            "operation timed out",
            "operation too slow",
            "timed out",
            "empty reply from server",
            "ssl",
            "tls",
            "certificate",
            "returned error: 429",
            "returned error: 5",
            "rpc failed",
            "remote end hung up",
            "early eof",
            "unexpected disconnect",
            "transfer closed",
            "received http/0.9",
            "proxy",
            // A page in the place of git's answer: a network that wants a login.
            "is this a git repository?",
            "could not read from remote repository",
        ],
    ),
    // What is left when the program that writes the pack dies without a word.
    (RemoteErrorKind::TooLarge, &["invalid index-pack output"]),
];

/// Tells a failure by what git has written to standard error.
pub(super) fn kind(errors: &str) -> RemoteErrorKind {
    let errors = errors.to_lowercase();
    let is_in = |phrases: &&[&str]| phrases.iter().any(|phrase| errors.contains(phrase));
    let found = PHRASES.iter().find(|(_, phrases)| is_in(phrases));
    found.map_or(RemoteErrorKind::Other, |(kind, _)| *kind)
}

fn words(kind: RemoteErrorKind) -> &'static str {
    match kind {
        RemoteErrorKind::Auth => "the server does not accept the token",
        RemoteErrorKind::Denied => "the server denies access",
        RemoteErrorKind::NotFound => "no such repository, or the token may not see it",
        RemoteErrorKind::Moved => "the repository has moved; configure its present name",
        RemoteErrorKind::BranchMissing => "the repository has no such branch",
        RemoteErrorKind::CommitMissing => "the server does not give the commit",
        RemoteErrorKind::Network => "the server gives no usable answer",
        RemoteErrorKind::TimedOut => "no end before the deadline",
        RemoteErrorKind::TooLarge => "its files are larger than 1 GiB in sum",
        RemoteErrorKind::Local => "the disk of this machine is full or read-only",
        RemoteErrorKind::Other => "git failed",
    }
}

/// Returns what the server said, else the reason that git gives, in one line.
fn said(errors: &str) -> String {
    let text = |line: &str| line.trim().to_owned();
    let remote = errors.lines().filter_map(|line| line.strip_prefix("remote:")).map(text);
    let remote: Vec<String> = remote.filter(|line| !line.is_empty()).collect();
    if !remote.is_empty() {
        return remote.join(" ");
    }
    let reason = |line: &str| {
        let plain = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: "))?;
        Some(text(plain))
    };
    errors.lines().find_map(reason).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_told_by_the_words_of_git_and_server() {
        use RemoteErrorKind::{
            Auth, BranchMissing, CommitMissing, Denied, Local, Moved, Network, NotFound, Other,
            TooLarge,
        };
        let rows = [
            (
                Auth,
                "remote: Invalid username or token. Password authentication is not supported for \
                 Git operations.\nfatal: Authentication failed for 'https://github.com/a/b.git/'",
            ),
            (
                Auth,
                "fatal: could not read Password for 'https://x-access-token@github.com': terminal \
                 prompts disabled",
            ),
            (
                Denied,
                "remote: The 'acme' organization has enabled or enforced SAML SSO.\nfatal: unable \
                 to access 'https://github.com/a/b.git/': The requested URL returned error: 403",
            ),
            (
                NotFound,
                "remote: Repository not found.\nfatal: repository 'https://github.com/a/b.git/' \
                 not found",
            ),
            (
                Moved,
                "fatal: unable to update url base from redirection:\n  asked for: https://a/info\n",
            ),
            (BranchMissing, "fatal: couldn't find remote ref refs/heads/main"),
            (
                CommitMissing,
                "fatal: remote error: upload-pack: not our ref 0123456789abcdef0123456789abcdef",
            ),
            (
                CommitMissing,
                "error: Server does not allow request for unadvertised object 0123456789abcdef",
            ),
            (
                Network,
                "fatal: unable to access 'https://nohost/a/b/': Could not resolve host: nohost",
            ),
            (
                Network,
                "fatal: unable to access 'https://a/': The requested URL returned error: 503",
            ),
            (
                Network,
                "fatal: unable to access 'https://a/': The requested URL returned error: 429",
            ),
            (Network, "fatal: unable to access 'https://a/': SSL certificate problem: expired"),
            (Network, "fatal: the remote end hung up unexpectedly\nfatal: early EOF"),
            (TooLarge, "error: index-pack died of signal 25\nfatal: index-pack failed"),
            (TooLarge, "fatal: fetch-pack: invalid index-pack output"),
            (Network, "fatal: early EOF\nfatal: fetch-pack: invalid index-pack output"),
            (
                Local,
                "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack \
                 output",
            ),
            (Network, "fatal: https://a/b/info/refs not valid: is this a git repository?"),
            (Other, "fatal: something new"),
            (Other, ""),
        ];
        for (expected, errors) in rows {
            assert_eq!(kind(errors), expected, "{errors}");
        }
    }

    #[test]
    fn server_is_quoted_without_its_marks() {
        let rows = [
            ("remote: a\nremote:\nremote:   b  \nfatal: c", "a b"),
            ("warning: x\nfatal: c", "c"),
            ("", ""),
        ];
        for (errors, expected) in rows {
            assert_eq!(said(errors), expected);
        }
    }
}
