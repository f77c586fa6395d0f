//! Answers of GitHub: the kind of a token, its scopes, and the requests that are left.

use super::Diagnosis;
use crate::rules::http::HttpAnswer;
use crate::text::shorten;
use crate::time::{Timestamp, show_span};

/// The share of the requests of an hour below which others use the token, in percent.
const LEFT_MIN: u64 = 10;

/// Kinds of tokens, by what they begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Personal, with scopes.
    Classic,
    /// Personal, for chosen repositories.
    FineGrained,
    /// Token of an OAuth app, such as gh.
    OAuth,
    /// Token of an app, for a user.
    AppUser,
    /// Token of the installation of an app.
    Installation,
    /// `GITHUB_TOKEN` of a workflow, which is one of an installation.
    Workflow,
    Unknown,
}

impl TokenKind {
    /// Returns the kind of a token. `in_workflow`: it is used in a run of GitHub Actions.
    pub fn read(token: &str, in_workflow: bool) -> Self {
        let kinds = [
            ("github_pat_", TokenKind::FineGrained),
            ("ghp_", TokenKind::Classic),
            ("gho_", TokenKind::OAuth),
            ("ghu_", TokenKind::AppUser),
            ("ghs_", TokenKind::Installation),
        ];
        let found = kinds.into_iter().find(|(begin, _)| token.starts_with(begin));
        match found.map(|(_, kind)| kind) {
            Some(TokenKind::Installation) if in_workflow => TokenKind::Workflow,
            Some(kind) => kind,
            None => TokenKind::Unknown,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            TokenKind::Classic => "a classic personal token",
            TokenKind::FineGrained => "a fine-grained personal token",
            TokenKind::OAuth => "a token of gh or another OAuth app",
            TokenKind::AppUser => "a token of an app for a user",
            TokenKind::Installation => "a token of an app's installation",
            TokenKind::Workflow => "the GITHUB_TOKEN of a workflow",
            TokenKind::Unknown => "a token of unknown kind",
        }
    }
}

/// Judges the answer to a request for the limits of a token. `opens`: pull requests are to be opened.
pub fn token(kind: TokenKind, answer: &HttpAnswer, opens: bool, now: Timestamp) -> Diagnosis {
    let words = kind.words();
    match answer.status {
        200 => {}
        401 => {
            let remedy = "make a new token, or run 'gh auth login'";
            return Diagnosis::failed(format!("{words} that is not valid (401)"), remedy);
        }
        // Limits can be switched off at GitHub Enterprise.
        404 => {}
        status => {
            let remedy = "see github.host and github.endpoint, and what answers in its place";
            return Diagnosis::failed(
                format!("the answer is not one of GitHub ({status})"),
                remedy,
            );
        }
    }
    let left = match left(answer, now) {
        Ok(left) => left,
        Err(diagnosis) => return diagnosis,
    };
    let scopes = answer.header("x-oauth-scopes").map(str::trim);
    let shown = match scopes {
        Some("") => ", without scopes".to_owned(),
        Some(scopes) => format!(", with the scopes {}", shorten(scopes, 120)),
        None => String::new(),
    };
    let detail = format!("{words}{shown}; {left}");
    let has =
        |wanted: &str| scopes.is_some_and(|all| all.split(',').any(|one| one.trim() == wanted));
    if opens && scopes.is_some() && !has("repo") && !has("public_repo") {
        let remedy =
            "give the token the scope repo, or public_repo where all repositories are public";
        return Diagnosis::failed(format!("{detail}; it may open no pull request"), remedy);
    }
    match kind {
        TokenKind::Workflow | TokenKind::Installation if opens => Diagnosis::warning(
            format!("{detail}; pull requests that a workflow's GITHUB_TOKEN opens start no CI"),
            "use the token of an app of your own, or a fine-grained personal token",
        ),
        _ => Diagnosis::ok(detail),
    }
}

/// Reads the requests that are left, in words.
fn left(answer: &HttpAnswer, now: Timestamp) -> Result<String, Diagnosis> {
    if answer.status == 404 {
        return Ok("the server limits no requests".into());
    }
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let core = &body["resources"]["core"];
    let number = |key: &str| core[key].as_u64();
    let (Some(limit), Some(remaining)) = (number("limit"), number("remaining")) else {
        let remedy = "see github.host and github.endpoint, and what answers in its place";
        return Err(Diagnosis::failed("the answer is not one of GitHub", remedy));
    };
    let end = number("reset").and_then(|at| i64::try_from(at).ok());
    let end = end.map(|at| Timestamp::from_millis(at.saturating_mul(1000)).since(now));
    let until = end.map_or(String::new(), |span| format!(" for {}", show_span(span)));
    let words = format!("{remaining} of {limit} requests left{until}");
    if remaining == 0 {
        return Err(Diagnosis::failed(words, "wait, or use a token of its own for dlq-prs"));
    }
    if remaining.saturating_mul(100) < limit.saturating_mul(LEFT_MIN) {
        return Err(Diagnosis::warning(words, "use a token of its own for dlq-prs"));
    }
    Ok(words)
}

/// Judges whether a token may push to a repository.
pub fn repository(answer: &HttpAnswer) -> Diagnosis {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let grant = "give the account or the app of the token write access to it, or correct the name";
    match (answer.status, body["permissions"]["push"].as_bool()) {
        (200, Some(true)) => Diagnosis::ok("the token may push"),
        (200, Some(false)) => Diagnosis::failed("the token may read, and not push", grant),
        (200, None) if body["full_name"].is_string() => {
            Diagnosis::skipped("unknown: GitHub does not tell whether the token may push")
        }
        (404, _) => Diagnosis::failed("not there, or the token may not see it (404)", grant),
        (401 | 403, _) => Diagnosis::failed(format!("refused ({})", answer.status), grant),
        (status, _) => Diagnosis::failed(
            format!("the answer is not one of GitHub ({status})"),
            "see github.host and github.endpoint, and what answers in its place",
        ),
    }
}
