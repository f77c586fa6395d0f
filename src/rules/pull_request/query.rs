//! The requests by which pull requests are looked at, in GraphQL, and what their answers mean.
//!
//! Promises: a part that an answer has left out, or given as null with an error, is unknown; a page
//! that is not whole says so; nothing is taken from an answer whose form is not GitHub's.

mod answer;

pub use answer::{QueryAnswer, QueryFault, QueryPage, RateBudget, read_answer};

use serde_json::{Value, json};

/// The pull requests of one page. GitHub gives up on wider pages: answers with 50 have ended in 502.
pub const PAGE_MAX: u32 = 25;
/// The searches of one request.
pub const SEARCHES_MAX: usize = 4;
/// The scopes of one search. GitHub refuses more than five operators.
const SCOPES_MAX: usize = 6;

/// The fields of a pull request.
const FIELDS: &str = "fragment F on PullRequest {
  id number title url isDraft state createdAt mergedAt closedAt mergeCommit { oid }
  baseRefName headRefName headRefOid headRepository { nameWithOwner } repository { nameWithOwner }
  author { __typename login } isInMergeQueue autoMergeRequest { enabledAt } mergeable reviewDecision
  latestOpinionatedReviews(first: 20, writersOnly: true) { nodes { id state } } reviewRequests(first: 5) {
    totalCount nodes { requestedReviewer { __typename ... on User { login } ... on Bot { login } ... on Mannequin { login } ... on Team { name: slug } } } }
  labels(first: 20) { nodes { name } }
  timelineItems(last: 1, itemTypes: [REVIEW_REQUESTED_EVENT, READY_FOR_REVIEW_EVENT, HEAD_REF_FORCE_PUSHED_EVENT, PULL_REQUEST_COMMIT]) {
    nodes { __typename
      ... on ReviewRequestedEvent { createdAt } ... on ReadyForReviewEvent { createdAt }
      ... on HeadRefForcePushedEvent { createdAt } ... on PullRequestCommit { commit { committedDate } } } }
  commits(last: 1) { nodes { commit { oid statusCheckRollup { state } } } }
}";

/// A search for pull requests, and the page of it that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestSearch {
    /// The qualifiers.
    pub text: String,
    /// The parts of the scope that it covers: `repo:acme/web`, `org:acme`, `author:@me`.
    pub places: Vec<String>,
    /// The cursor behind which the page begins; None for the first page.
    pub after: Option<String>,
}

impl PullRequestSearch {
    /// Returns the parts of the scope by which a pull request of a repository was found. One of another
    /// name, because it was renamed, may be of any.
    pub fn places_of(&self, repo: &str) -> Vec<String> {
        let owner = repo.split('/').next().unwrap_or_default();
        let is_it = |place: &&String| match place.split_once(':') {
            Some(("repo", name)) => name.eq_ignore_ascii_case(repo),
            Some(("org", name)) => name.eq_ignore_ascii_case(owner),
            _ => true,
        };
        let found: Vec<String> = self.places.iter().filter(is_it).cloned().collect();
        if found.is_empty() { self.places.clone() } else { found }
    }
}

/// The pull requests that are watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchScope {
    /// `owner/name`.
    pub repos: Vec<String>,
    pub orgs: Vec<String>,
    /// Whether those of the account of the token are watched.
    pub is_mine_wanted: bool,
    /// Whether those are watched that the account was asked to review.
    pub is_review_wanted: bool,
}

/// Returns the searches for all open pull requests of a scope.
pub fn searches(scope: &WatchScope) -> Vec<PullRequestSearch> {
    let repos = scope.repos.iter().map(|repo| format!("repo:{repo}"));
    let orgs = scope.orgs.iter().map(|org| format!("org:{org}"));
    let places: Vec<String> = repos.chain(orgs).collect();
    let mut all: Vec<(String, Vec<String>)> = places
        .chunks(SCOPES_MAX)
        .map(|chunk| match chunk {
            [one] => (one.clone(), chunk.to_vec()),
            several => (format!("({})", several.join(" OR ")), chunk.to_vec()),
        })
        .collect();
    let own =
        [("author:@me", scope.is_mine_wanted), ("review-requested:@me", scope.is_review_wanted)];
    let own = own.into_iter().filter(|(_, is_wanted)| *is_wanted);
    all.extend(own.map(|(place, _)| (place.to_owned(), vec![place.to_owned()])));
    let search = |(text, places)| PullRequestSearch {
        text: format!("is:pr is:open archived:false sort:created-asc {text}"),
        places,
        after: None,
    };
    all.into_iter().map(search).collect()
}

/// Returns the body of a request for one page of each search, with pages of `width`. The page of the
/// search with index n has the alias `sN`.
pub fn search_body(searches: &[PullRequestSearch], width: u32) -> Value {
    let mut variables = json!({});
    let mut declared = String::new();
    let mut pages = String::new();
    for (n, search) in searches.iter().enumerate() {
        declared.push_str(&format!("$q{n}: String!, $a{n}: String, "));
        pages.push_str(&format!(
            "  s{n}: search(type: ISSUE, query: $q{n}, after: $a{n}, first: $w) {{ issueCount \
             pageInfo {{ hasNextPage endCursor }} nodes {{ ...F }} }}\n"
        ));
        variables[format!("q{n}")] = json!(search.text);
        variables[format!("a{n}")] = json!(search.after);
    }
    variables["w"] = json!(width);
    let query = format!(
        "query Watch({declared}$w: Int!) {{\n  rateLimit {{ cost remaining resetAt }}\n  viewer {{ login \
         }}\n{pages}}}\n{FIELDS}"
    );
    json!({"query": query, "variables": variables})
}

/// Returns the body of a request for pull requests by the ids of their nodes.
pub fn nodes_body(ids: &[String]) -> Value {
    let query = format!(
        "query Confirm($ids: [ID!]!) {{\n  rateLimit {{ cost remaining resetAt }}\n  viewer {{ login \
         }}\n  nodes(ids: $ids) {{ ...F }}\n}}\n{FIELDS}"
    );
    json!({"query": query, "variables": {"ids": ids}})
}

/// Returns the body of a request for the account of the token.
pub fn viewer_body() -> Value {
    json!({"query": "query Viewer {\n  rateLimit { cost remaining resetAt }\n  viewer { login }\n}"})
}

/// Returns the width of the pages after an answer that was too much for the server; None when they
/// cannot be narrower.
pub fn narrower(width: u32) -> Option<u32> {
    (width > 1).then_some(width / 2)
}

#[cfg(test)]
mod tests;
