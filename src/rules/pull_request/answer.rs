//! The meaning of an answer of GitHub's REST interface, and of the status of one in GraphQL.
//!
//! Promises: a limit is obeyed as GitHub asks: `Retry-After`, else the end of the hour's budget, else
//! a minute, doubled with each further one. What is not understood is a fault, never "not there".

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::rules::http::HttpAnswer;
use crate::text::shorten;
use crate::time::Timestamp;

/// The pause after a limit that names none.
const PAUSE_MIN: Duration = Duration::from_secs(60);
/// The longest pause of that kind.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The longest sentence of a server that is shown.
const SENTENCE_MAX: usize = 300;

/// The meaning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubAnswer {
    Success,
    /// A limit on requests: nothing is asked before `until`.
    Limited {
        until: Timestamp,
    },
    /// The token is not valid, or not any more.
    Unauthorized,
    /// The token may not do this. `permissions`: what GitHub says would suffice.
    Forbidden {
        sentence: String,
        permissions: Option<String>,
    },
    /// Something that is not there, or that the token may not see.
    NotFound,
    Invalid(InvalidRequest),
    /// The server failed, or its answer was cut: trying again may help.
    ServerFault {
        status: u16,
    },
    /// An answer of no known form. So is 304: no request names a tag.
    Unknown {
        status: u16,
    },
}

/// The reasons of GitHub for refusing what was asked with status 422.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidRequest {
    /// The repository has no draft pull requests.
    DraftsUnsupported,
    /// There is an open pull request for the branch.
    PullRequestExists,
    /// The branch is not seen: that of a push which GitHub has not finished, too.
    HeadUnseen,
    /// The branch does not differ from its base.
    NoCommits,
    /// The ref is there already.
    RefExists,
    /// A reviewer is the author, or no collaborator.
    Reviewer,
    /// Maintainers may not push to the branch of the fork, as in one of an organisation.
    ForkCollab,
    /// The fields that are not valid, and the sentence.
    Fields(String),
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidRequest::DraftsUnsupported => "the repository has no draft pull requests",
            InvalidRequest::PullRequestExists => "there is a pull request for the branch",
            InvalidRequest::HeadUnseen => "the branch is not there, or is not seen yet",
            InvalidRequest::NoCommits => "the branch has no commit that its base lacks",
            InvalidRequest::RefExists => "the ref is there already",
            InvalidRequest::Reviewer => "a reviewer is the author, or no collaborator",
            InvalidRequest::ForkCollab => "maintainers may not push to the branch of the fork",
            InvalidRequest::Fields(why) => why,
        })
    }
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

/// Returns the meaning of an answer. `limits`: how often in a row a limit was met before this one.
pub fn meaning(answer: &HttpAnswer, limits: u32, now: Timestamp) -> GithubAnswer {
    let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        200..=299 if answer.is_whole => GithubAnswer::Success,
        200..=299 => GithubAnswer::ServerFault { status: answer.status },
        401 => GithubAnswer::Unauthorized,
        403 | 429 if is_limit(answer, &body) => {
            GithubAnswer::Limited { until: pause_end(answer, limits, now) }
        }
        403 => GithubAnswer::Forbidden {
            sentence: sentence(&body, answer.status),
            permissions: answer.header("x-accepted-github-permissions").map(str::to_owned),
        },
        404 | 410 => GithubAnswer::NotFound,
        422 => GithubAnswer::Invalid(invalid(&body)),
        500..=599 | 408 => GithubAnswer::ServerFault { status: answer.status },
        status => GithubAnswer::Unknown { status },
    }
}

/// Returns whether a refusal is a limit on requests, and not on permissions.
fn is_limit(answer: &HttpAnswer, body: &ErrorBody) -> bool {
    answer.status == 429
        || answer.header("retry-after").is_some()
        || answer.header("x-ratelimit-remaining") == Some("0")
        || ["rate limit", "abuse detection"]
            .iter()
            .any(|part| body.message.to_lowercase().contains(part))
}

fn pause_end(answer: &HttpAnswer, limits: u32, now: Timestamp) -> Timestamp {
    if let Some(pause) = answer.retry_after(now) {
        return now.plus(pause.max(Duration::from_secs(1)));
    }
    let is_spent = answer.header("x-ratelimit-remaining") == Some("0");
    let reset = answer.header("x-ratelimit-reset").filter(|_| is_spent);
    let reset = reset.and_then(|seconds| seconds.trim().parse::<i64>().ok());
    let reset = reset.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
    // An end in the past, or beyond the longest window, is a clock that cannot be believed.
    if let Some(reset) = reset.filter(|reset| *reset > now && *reset <= now.plus(PAUSE_MAX)) {
        return reset.plus(Duration::from_secs(1));
    }
    let doubled = PAUSE_MIN.saturating_mul(1 << limits.min(6));
    now.plus(doubled.min(PAUSE_MAX))
}

fn invalid(body: &ErrorBody) -> InvalidRequest {
    let parts = body.errors.iter().map(|error| match error.get("message") {
        Some(message) => message.as_str().unwrap_or_default().to_owned(),
        None => error.as_str().map_or_else(|| field(error), str::to_owned),
    });
    let mut all = vec![body.message.clone()];
    all.extend(parts.filter(|part| !part.is_empty()));
    let text = all.join("; ");
    let lower = text.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("draft pull requests are not supported") {
        InvalidRequest::DraftsUnsupported
    } else if has("a pull request already exists") {
        InvalidRequest::PullRequestExists
    } else if body.errors.iter().any(is_about_the_head) {
        // GitHub then says, too, that there are no commits between the two.
        InvalidRequest::HeadUnseen
    } else if has("fork_collab") || has("fork collab") {
        InvalidRequest::ForkCollab
    } else if has("no commits between") {
        InvalidRequest::NoCommits
    } else if has("reference already exists") {
        InvalidRequest::RefExists
    } else if has("review cannot be requested") || has("reviews may only be requested") {
        InvalidRequest::Reviewer
    } else {
        InvalidRequest::Fields(shorten(&text, SENTENCE_MAX).into_owned())
    }
}

/// Whether an error says that the head of a pull request is missing or not valid.
fn is_about_the_head(error: &serde_json::Value) -> bool {
    let part = |name: &str| error.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    matches!(part("field"), "head" | "head_sha" | "head_ref")
        && matches!(part("code"), "invalid" | "missing" | "missing_field")
}

/// Returns a field that is not valid, with the code: `base: invalid`.
fn field(error: &serde_json::Value) -> String {
    let part = |name: &str| error.get(name).and_then(serde_json::Value::as_str).unwrap_or("?");
    format!("{}: {}", part("field"), part("code"))
}

fn sentence(body: &ErrorBody, status: u16) -> String {
    if body.message.is_empty() {
        return format!("status {status} without a reason");
    }
    shorten(&body.message, SENTENCE_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a str)];

    fn answer(status: u16, headers: Headers<'_>, body: &str) -> HttpAnswer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        HttpAnswer { status, headers: headers.collect(), body: body.into(), is_whole: true }
    }

    fn now() -> Timestamp {
        Timestamp::from_millis(1_000_000_000)
    }

    fn limited(seconds: u64) -> GithubAnswer {
        GithubAnswer::Limited { until: now().plus(Duration::from_secs(seconds)) }
    }

    #[test]
    fn limit_is_obeyed_in_the_order_of_its_statements() {
        let secondary = r#"{"message": "You have exceeded a secondary rate limit."}"#;
        let spent = ("x-ratelimit-remaining", "0");
        // (rule, status, headers, body, limits before, seconds)
        let rows: [(&str, u16, Headers<'_>, &str, u32, u64); 9] = [
            (
                "Retry-After",
                403,
                &[("retry-after", "90"), spent, ("x-ratelimit-reset", "1000300")],
                secondary,
                0,
                90,
            ),
            ("Retry-After of zero", 429, &[("retry-after", "0")], "", 0, 1),
            ("end of the hour", 403, &[spent, ("x-ratelimit-reset", "1000300")], "", 0, 301),
            ("end of the hour in the past", 403, &[spent, ("x-ratelimit-reset", "1")], "", 0, 60),
            (
                "end of the hour in milliseconds",
                403,
                &[spent, ("x-ratelimit-reset", "1000300000")],
                "",
                0,
                60,
            ),
            ("nothing said", 429, &[], "", 0, 60),
            ("nothing said, third time", 403, &[], secondary, 2, 240),
            ("nothing said, often", 403, &[], secondary, 40, 3600),
            (
                "older word",
                403,
                &[],
                r#"{"message": "You have triggered an abuse detection mechanism."}"#,
                0,
                60,
            ),
        ];
        for (rule, status, headers, body, limits, seconds) in rows {
            let found = meaning(&answer(status, headers, body), limits, now());
            assert_eq!(found, limited(seconds), "{rule}");
        }
    }

    #[test]
    fn status_has_one_meaning() {
        let forbidden = GithubAnswer::Forbidden {
            sentence: "Resource not accessible by personal access token".into(),
            permissions: Some("pull_requests=write".into()),
        };
        let text = r#"{"message": "Resource not accessible by personal access token"}"#;
        let accepted: Headers<'_> = &[("x-accepted-github-permissions", "pull_requests=write")];
        let rows: [(u16, Headers<'_>, &str, GithubAnswer); 9] = [
            (200, &[], "{}", GithubAnswer::Success),
            (304, &[], "", GithubAnswer::Unknown { status: 304 }),
            (401, &[], "{}", GithubAnswer::Unauthorized),
            (403, accepted, text, forbidden),
            (404, &[], "{}", GithubAnswer::NotFound),
            (410, &[], "{}", GithubAnswer::NotFound),
            (502, &[], "<html>", GithubAnswer::ServerFault { status: 502 }),
            (301, &[], "{}", GithubAnswer::Unknown { status: 301 }),
            (418, &[], "{}", GithubAnswer::Unknown { status: 418 }),
        ];
        for (status, headers, body, expected) in rows {
            assert_eq!(meaning(&answer(status, headers, body), 0, now()), expected, "{status}");
        }
        let cut = HttpAnswer { is_whole: false, ..answer(200, &[], "{") };
        assert_eq!(meaning(&cut, 0, now()), GithubAnswer::ServerFault { status: 200 });
    }

    #[test]
    fn status_422_has_its_meaning_in_words() {
        let with = |message: &str| {
            format!(
                r#"{{"message": "Validation Failed", "errors": [{{"resource": "PullRequest", "code": "custom", "message": "{message}"}}]}}"#
            )
        };
        let plain = |message: &str| format!(r#"{{"message": "{message}"}}"#);
        let rows = [
            (with("Draft pull requests are not supported in this repository."), InvalidRequest::DraftsUnsupported),
            (plain("Draft pull requests are not supported in this repository."), InvalidRequest::DraftsUnsupported),
            (with("A pull request already exists for acme:dlq/1-1."), InvalidRequest::PullRequestExists),
            (with("No commits between main and dlq/1-1"), InvalidRequest::NoCommits),
            (with("Fork collab can't be granted by someone without permission"), InvalidRequest::ForkCollab),
            (r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "field": "fork_collab", "code": "invalid"}]}"#.into(), InvalidRequest::ForkCollab),
            (plain("Reference already exists"), InvalidRequest::RefExists),
            (plain("Review cannot be requested from pull request author."), InvalidRequest::Reviewer),
            (plain("Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the acme/orders repository."), InvalidRequest::Reviewer),
            (r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "field": "base", "code": "invalid"}]}"#.into(), InvalidRequest::Fields("Validation Failed; base: invalid".into())),
            (r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "code": "missing_field", "field": "head_sha"}, {"resource": "PullRequest", "code": "missing_field", "field": "base_sha"}, {"resource": "PullRequest", "code": "custom", "message": "No commits between main and dlq/1-1"}, {"resource": "PullRequest", "field": "head_ref", "code": "invalid"}]}"#.into(), InvalidRequest::HeadUnseen),
            (r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "field": "head", "code": "invalid"}]}"#.into(), InvalidRequest::HeadUnseen),
            (r#"{"message": "Validation Failed", "errors": ["base is gone"]}"#.into(), InvalidRequest::Fields("Validation Failed; base is gone".into())),
        ];
        for (body, expected) in rows {
            let found = meaning(&answer(422, &[], &body), 0, now());
            assert_eq!(found, GithubAnswer::Invalid(expected), "{body}");
        }
    }
}
