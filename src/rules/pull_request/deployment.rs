//! The question whether a merge is live: when it is asked.
//!
//! Promises: no merge keeps another one from its turn; the longer ago a merge was, the more seldom it is
//! asked about. Pure.

use std::time::Duration;

use super::document::PullRequests;
use super::watch::{PullRequestEnd, WatchedPullRequest};
use crate::time::Timestamp;

/// The time after a merge for which its deployment is looked for.
const ASKED_FOR: Duration = Duration::from_secs(30 * 86_400);
/// The age of a merge up to which each look asks about it.
const FRESH: Duration = Duration::from_secs(1800);
/// The part of the age of an older merge that the pause between two questions lasts, and the longest pause.
const PAUSE_PART: u32 = 20;
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The merges that one look asks about.
const MERGES_MAX: usize = 10;
/// Returns the merges of ours that are asked about at `now`, those first that have waited longest.
pub fn due(prs: &PullRequests, now: Timestamp) -> Vec<(&WatchedPullRequest, &str)> {
    let merge = |one: &'_ WatchedPullRequest| match &one.end {
        Some(PullRequestEnd::Merged { at, commit: Some(_) }) => Some(*at),
        _ => None,
    };
    let is_due = |one: &&WatchedPullRequest| {
        one.deployed_at.is_none()
            && merge(one).is_some_and(|at| {
                let asked_at = one.deployment.as_ref().map(|search| search.asked_at);
                now < at.plus(ASKED_FOR) && asked_at.is_none_or(|asked| now >= next(at, asked))
            })
            && prs.opener_of(one).is_some()
    };
    let mut due: Vec<&WatchedPullRequest> = prs.watched.values().filter(is_due).collect();
    due.sort_by_key(|one| one.deployment.as_ref().map(|search| search.asked_at));
    due.truncate(MERGES_MAX);
    due.into_iter().filter_map(|one| Some((one, merge_commit(one)?))).collect()
}

fn merge_commit(one: &WatchedPullRequest) -> Option<&str> {
    match &one.end {
        Some(PullRequestEnd::Merged { commit, .. }) => commit.as_deref(),
        _ => None,
    }
}

/// Whether an environment is production, by its name: `production`, `prod-eu`, `Prod`. GitHub's own mark is
/// set for `production` alone unless somebody has set it.
pub fn is_production(environment: &str) -> bool {
    let lower = environment.to_lowercase();
    let first = lower.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    matches!(first, "prod" | "production")
}

/// Returns when a merge is asked about again.
fn next(merged_at: Timestamp, asked_at: Timestamp) -> Timestamp {
    // A clock that was set back: the question counts as just asked.
    let age = asked_at.since(merged_at);
    let pause = if age < FRESH { Duration::ZERO } else { age / PAUSE_PART };
    asked_at.plus(pause.min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::super::document::{FixState, FixStep, OpenedPullRequest};
    use super::super::origin::PullRequestOrigin;
    use super::super::watch::{DeploymentSearch, fixtures, judge_reading};
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000).plus(HOUR * hours)
    }

    fn watched(number: u64, end: Option<PullRequestEnd>) -> WatchedPullRequest {
        let ours = PullRequestOrigin::Ours;
        let (record, _) = judge_reading(None, &fixtures::reading(), ours, true, at(0)).unwrap();
        WatchedPullRequest {
            id: format!("N{number:02}"),
            number,
            repo: "acme/orders".into(),
            end,
            ..record
        }
    }

    fn merged(hours: u32) -> Option<PullRequestEnd> {
        Some(PullRequestEnd::Merged { at: at(hours), commit: Some("c1".into()) })
    }

    fn document(watched: Vec<WatchedPullRequest>) -> PullRequests {
        let state = |one: &WatchedPullRequest| FixState {
            id: one.id.clone(),
            step: FixStep::Opened,
            repo: one.repo.clone(),
            pull_request: Some(OpenedPullRequest { number: one.number, ..Default::default() }),
            ..FixState::default()
        };
        let sessions = watched.iter().map(state).collect();
        let watched = watched.into_iter().map(|one| (one.id.clone(), one)).collect();
        PullRequests { sessions, watched, ..PullRequests::default() }
    }

    fn asked(one: WatchedPullRequest, asked_at: Timestamp) -> WatchedPullRequest {
        let deployment = Some(DeploymentSearch { asked_at, ..DeploymentSearch::default() });
        WatchedPullRequest { deployment, ..one }
    }

    #[test]
    fn merge_is_asked_about_more_seldom_with_its_age() {
        let minute = |hours, minutes: u32| at(hours).plus(HOUR / 60 * minutes);
        let live = WatchedPullRequest { deployed_at: Some(at(1)), ..watched(1, merged(0)) };
        let closed = watched(1, Some(PullRequestEnd::Closed { at: at(0) }));
        let no_commit = watched(1, Some(PullRequestEnd::Merged { at: at(0), commit: None }));
        let rows = [
            ("merged", watched(1, merged(0)), at(1), true),
            ("open", watched(1, None), at(1), false),
            ("closed", closed, at(1), false),
            ("its commit is not known yet", no_commit, at(1), false),
            ("live", live, at(2), false),
            (
                "fresh, asked just now",
                asked(watched(1, merged(1)), minute(1, 29)),
                minute(1, 29),
                true,
            ),
            ("no longer fresh", asked(watched(1, merged(1)), minute(1, 30)), minute(1, 31), false),
            (
                "after a day, within the hour",
                asked(watched(1, merged(0)), at(24)),
                minute(24, 59),
                false,
            ),
            ("after a day, an hour later", asked(watched(1, merged(0)), at(24)), at(25), true),
            (
                "after two hours, 5 minutes",
                asked(watched(1, merged(0)), at(2)),
                minute(2, 5),
                false,
            ),
            ("after two hours, 6 minutes", asked(watched(1, merged(0)), at(2)), minute(2, 6), true),
            ("after 30 days", watched(1, merged(0)), at(30 * 24), false),
            ("before that", watched(1, merged(0)), at(30 * 24 - 1), true),
        ];
        for (rule, one, now, expected) in rows {
            assert_eq!(!due(&document(vec![one]), now).is_empty(), expected, "{rule}");
        }
        let strange =
            PullRequests { sessions: Vec::new(), ..document(vec![watched(1, merged(0))]) };
        assert!(due(&strange, at(1)).is_empty(), "of others");
    }

    #[test]
    fn production_is_known_by_the_first_word_of_a_name() {
        for name in ["production", "Prod", "prod-eu", "production/eu"] {
            assert!(is_production(name), "{name}");
        }
        for name in ["product-demo", "staging", "preview-production", "nonprod", ""] {
            assert!(!is_production(name), "{name}");
        }
    }

    #[test]
    fn turns_of_merges_are_those_that_waited_longest() {
        let mut all: Vec<_> = (1..=11).map(|n| asked(watched(n, merged(0)), at(10))).collect();
        all.push(watched(12, merged(9)));
        all.extend((20..40).map(|n| watched(n, Some(PullRequestEnd::Closed { at: at(1) }))));
        let document = document(all);
        let due = due(&document, at(12));
        assert_eq!(due.len(), MERGES_MAX);
        assert_eq!((due[0].0.number, due[0].1), (12, "c1"), "never asked");
    }
}
