//! The answer to a request in GraphQL: pull requests, pages and errors.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::rules::pull_request::reading::{
    ChecksState, LostParts, MergingItself, PullRequestAuthor, PullRequestHead, PullRequestReading,
    PullRequestState, ReviewDecision, ReviewOpinion, ReviewReading,
};
use crate::time::Timestamp;

/// The content of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryAnswer {
    /// The pages of the searches, by their index. A page that is missing could not be read.
    pub pages: BTreeMap<usize, QueryPage>,
    /// The pull requests that were asked for by id, in the order of the ids. None: not readable.
    pub nodes: Vec<Option<PullRequestReading>>,
    pub budget: Option<RateBudget>,
    /// The account of the token.
    pub login: Option<String>,
    /// The first error that the answer has beside its data, in the server's words.
    pub error: Option<String>,
}

/// A page of a search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryPage {
    pub found: Vec<PullRequestReading>,
    /// The pull requests of the page that could not be read.
    pub unread: u64,
    /// The number of all that the search finds.
    pub total: u64,
    /// The cursor of the next page; None at the end.
    pub next: Option<String>,
}

/// The rest of the points of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateBudget {
    pub cost: u64,
    pub remaining: u64,
    pub reset_at: Timestamp,
}

/// Reason why an answer of status 200 says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryFault {
    /// The points of the hour are spent.
    RateLimited,
    /// The request was too much for the server: a narrower page may pass.
    TooWide,
    /// Anything else, in the server's words.
    Refused(String),
    /// The answer is none of GitHub's.
    Malformed,
}

/// The points of the hour that are left to others.
const POINTS_LEFT: u64 = 200;
/// The longest time to the end of a window, with a margin.
const WINDOW_MAX: Duration = Duration::from_secs(3700);

impl RateBudget {
    /// Returns the end of the pause in which the rest of the points is left to others.
    pub fn pause(&self, now: Timestamp) -> Option<Timestamp> {
        let is_ahead = self.reset_at > now && self.reset_at <= now.plus(WINDOW_MAX);
        (self.remaining < POINTS_LEFT && is_ahead).then_some(self.reset_at)
    }
}

#[derive(Deserialize)]
struct Body {
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<BodyError>,
}

#[derive(Deserialize)]
struct BodyError {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: Vec<Value>,
}

/// Reads the answer to a request of [`super::search_body`] or [`super::nodes_body`].
pub fn read_answer(body: &[u8]) -> Result<QueryAnswer, QueryFault> {
    let body: Body = serde_json::from_slice(body).map_err(|_| QueryFault::Malformed)?;
    let error = body.errors.first().map(|error| error.message.clone());
    if let Some(fault) = body.errors.iter().find_map(fault_of) {
        return Err(fault);
    }
    let Some(Value::Object(data)) = body.data else {
        return Err(error.map_or(QueryFault::Malformed, QueryFault::Refused));
    };
    let lost = lost_parts(&body.errors);
    let mut answer = QueryAnswer { error, ..QueryAnswer::default() };
    answer.login = text(data.get("viewer"), "login");
    answer.budget = data.get("rateLimit").and_then(budget);
    let pages = data.iter().filter_map(|(alias, page)| {
        let index = alias.strip_prefix('s')?.parse().ok()?;
        Some((index, read_page(alias, page, &lost)?))
    });
    answer.pages = pages.collect();
    if let Some(Value::Array(nodes)) = data.get("nodes") {
        let read = |(n, node)| reading(node, &lost, &["nodes".to_owned(), format!("{n}")]);
        answer.nodes = nodes.iter().enumerate().map(read).collect();
    }
    Ok(answer)
}

/// Returns the fault of the whole answer that an error is; None for the loss of a part.
fn fault_of(error: &BodyError) -> Option<QueryFault> {
    let kind = error.kind.as_deref().unwrap_or_default();
    let has = |part: &str| error.message.to_lowercase().contains(part);
    match kind {
        "RATE_LIMITED" | "RATE_LIMIT" => Some(QueryFault::RateLimited),
        "RESOURCE_LIMITS_EXCEEDED" | "MAX_NODE_LIMIT_EXCEEDED" => Some(QueryFault::TooWide),
        _ if has("rate limit") => Some(QueryFault::RateLimited),
        _ if has("resource limits") || has("timeout") || has("something went wrong") => {
            Some(QueryFault::TooWide)
        }
        _ => None,
    }
}

/// Returns the paths of the parts that errors concern: `s0/nodes/3/commits`, with every folder above.
fn lost_parts(errors: &[BodyError]) -> BTreeSet<String> {
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    errors.iter().map(|error| error.path.iter().map(step).collect::<Vec<_>>().join("/")).collect()
}

fn read_page(alias: &str, page: &Value, lost: &BTreeSet<String>) -> Option<QueryPage> {
    let nodes = page.get("nodes")?.as_array()?;
    let info = page.get("pageInfo")?;
    let has_next = info.get("hasNextPage")?.as_bool()?;
    let next = text(Some(info), "endCursor").filter(|_| has_next);
    // Without its cursor the rest of the search is out of reach: the page is not whole.
    if has_next && next.is_none() {
        return None;
    }
    let total = page.get("issueCount").and_then(Value::as_u64)?;
    let mut read = QueryPage { total, next, ..QueryPage::default() };
    for (n, node) in nodes.iter().enumerate() {
        match reading(node, lost, &[alias.to_owned(), "nodes".to_owned(), n.to_string()]) {
            Some(reading) => read.found.push(reading),
            None => read.unread += 1,
        }
    }
    Some(read)
}

/// Reads a pull request. None: it is null, lacks what every pull request has, or contradicts itself.
fn reading(node: &Value, lost: &BTreeSet<String>, path: &[String]) -> Option<PullRequestReading> {
    let own = |name: &str| text(Some(node), name);
    let path = path.join("/");
    let is_lost = |part: &str| {
        let part = format!("{path}/{part}");
        lost.iter().any(|lost| *lost == part || lost.starts_with(&format!("{part}/")))
    };
    let repo = text(node.get("repository"), "nameWithOwner")?;
    Some(PullRequestReading {
        id: own("id")?,
        repo,
        number: node.get("number")?.as_u64()?,
        title: own("title")?,
        url: own("url")?,
        author: PullRequestAuthor {
            login: text(node.get("author"), "login").unwrap_or_default(),
            is_app: text(node.get("author"), "__typename").as_deref() == Some("Bot"),
        },
        state: state(node)?,
        is_draft: node.get("isDraft")?.as_bool()?,
        base: own("baseRefName")?,
        head: PullRequestHead {
            branch: own("headRefName")?,
            commit: own("headRefOid")?,
            repo: text(node.get("headRepository"), "nameWithOwner"),
        },
        created_at: time(node, "createdAt")?,
        checks: if is_lost("commits") { ChecksState::Unavailable } else { checks(node) },
        review: review(node, &is_lost),
        merging: merging(node, &is_lost),
        has_conflicts: match own("mergeable").as_deref() {
            Some("MERGEABLE") => Some(false),
            Some("CONFLICTING") => Some(true),
            _ => None,
        },
        labels: nodes(node, "labels").filter_map(|label| text(Some(label), "name")).collect(),
        renewed_at: nodes(node, "timelineItems").filter_map(renewal).max(),
        lost: LostParts {
            author: is_lost("author"),
            labels: is_lost("labels"),
            head_repo: is_lost("headRepository"),
            renewals: is_lost("timelineItems"),
        },
    })
}

/// Reads the state. None: the fields contradict each other.
fn state(node: &Value) -> Option<PullRequestState> {
    let (merged, closed) = (time(node, "mergedAt"), time(node, "closedAt"));
    match (text(Some(node), "state")?.as_str(), merged, closed) {
        ("OPEN", None, None) => Some(PullRequestState::Open),
        ("MERGED", Some(at), _) => {
            Some(PullRequestState::Merged { at, commit: text(node.get("mergeCommit"), "oid") })
        }
        ("CLOSED", None, Some(at)) => Some(PullRequestState::Closed { at }),
        _ => None,
    }
}

/// Reads the checks of the head commit. Null without an error means that it has none.
fn checks(node: &Value) -> ChecksState {
    let Some(last) = nodes(node, "commits").last() else {
        return ChecksState::Unavailable;
    };
    let head = text(Some(node), "headRefOid");
    let Some(commit) = last.get("commit") else {
        return ChecksState::Unavailable;
    };
    // The list of commits can lag behind the head after a push.
    if text(Some(commit), "oid") != head {
        return ChecksState::Unavailable;
    }
    match commit.get("statusCheckRollup") {
        Some(Value::Null) => ChecksState::NoChecks,
        Some(rollup) => match text(Some(rollup), "state").as_deref() {
            Some("SUCCESS") => ChecksState::Passing,
            Some("FAILURE" | "ERROR") => ChecksState::Failing,
            Some("PENDING" | "EXPECTED") => ChecksState::Pending,
            _ => ChecksState::Unavailable,
        },
        None => ChecksState::Unavailable,
    }
}

fn merging(node: &Value, is_lost: &dyn Fn(&str) -> bool) -> MergingItself {
    let auto = node.get("autoMergeRequest").filter(|_| !is_lost("autoMergeRequest"));
    match (node.get("isInMergeQueue").and_then(Value::as_bool), auto) {
        (Some(true), _) => MergingItself::Queue,
        (Some(false), Some(Value::Object(_))) => MergingItself::Auto,
        (Some(false), Some(Value::Null)) => MergingItself::No,
        _ => MergingItself::Unavailable,
    }
}

/// Reads the reviews. Null without an error means that no decision is wanted. Without decision, requests
/// or opinions the others say nothing: an approval may be one of two.
fn review(node: &Value, is_lost: &dyn Fn(&str) -> bool) -> ReviewReading {
    let known = |part: &str| node.get(part).filter(|_| !is_lost(part));
    let decision = match known("reviewDecision") {
        Some(Value::Null) => Some(None),
        Some(Value::String(word)) => match word.as_str() {
            "APPROVED" => Some(Some(ReviewDecision::Approved)),
            "CHANGES_REQUESTED" => Some(Some(ReviewDecision::ChangesRequested)),
            "REVIEW_REQUIRED" => Some(Some(ReviewDecision::ReviewRequired)),
            _ => None,
        },
        _ => None,
    };
    let opinion = |node: &Value| {
        let is_approval = match text(Some(node), "state")?.as_str() {
            "APPROVED" => true,
            "CHANGES_REQUESTED" => false,
            _ => return None,
        };
        Some(ReviewOpinion { id: text(Some(node), "id")?, is_approval })
    };
    let given = known("latestOpinionatedReviews").and_then(|given| given.get("nodes")?.as_array());
    let given = given.filter(|all| all.iter().all(Value::is_object));
    let requested = known("reviewRequests").and_then(|all| all.get("totalCount")?.as_u64());
    let opinions = match (decision, requested) {
        (Some(_), Some(_)) => given.map(|all| all.iter().filter_map(opinion).collect()),
        _ => None,
    };
    // The name of a team or account that the token may not see is null.
    let name = |node: &Value| {
        let reviewer = node.get("requestedReviewer");
        text(reviewer, "login").or_else(|| text(reviewer, "name"))
    };
    let asked = nodes(node, "reviewRequests").filter_map(name).collect();
    let (decision, requested) = (decision.flatten(), requested.unwrap_or(0));
    ReviewReading { decision, opinions, requested, asked }
}

fn renewal(item: &Value) -> Option<Timestamp> {
    time(item, "createdAt").or_else(|| time(item.get("commit")?, "committedDate"))
}

fn budget(limit: &Value) -> Option<RateBudget> {
    let number = |name: &str| limit.get(name).and_then(Value::as_u64);
    Some(RateBudget {
        cost: number("cost")?,
        remaining: number("remaining")?,
        reset_at: time(limit, "resetAt")?,
    })
}

fn nodes<'a>(node: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = node.get(name).and_then(|list| list.get("nodes")).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn text(object: Option<&Value>, name: &str) -> Option<String> {
    object?.get(name)?.as_str().map(str::to_owned)
}

fn time(object: &Value, name: &str) -> Option<Timestamp> {
    object.get(name)?.as_str().and_then(Timestamp::parse)
}
