//! The origin of a pull request: of this family, of an automation, or of a person.
//!
//! The origin chooses sounds and ladders of reminders. It never permits an act: what is pushed,
//! commented or closed is decided from the records of `prs.json` alone.

use super::reading::PullRequestReading;
use crate::event::words;

/// The prefix of the branches that this family makes.
pub const BRANCH_PREFIX: &str = "dlq/";

/// Authors of automated pull requests beside apps.
const AUTOMATED_LOGINS: [&str; 4] = ["github-actions", "dependabot", "renovate", "mergify"];
/// Parts of titles by which the earlier system of this family and others mark what they open.
const AUTOMATED_TITLES: [&str; 5] =
    ["Auto-fix", "DLQ Investigation", "Automated Fix", "Auto-investigation", "Fix DLQ"];

/// Beginnings of the branches of automations. They stand for the markers in texts, which are not read: a
/// page of 25 texts can have 1.6 MB. Anybody can name a branch so, which gets a quieter sound.
const AUTOMATED_BRANCHES: [&str; 4] = [BRANCH_PREFIX, "dependabot/", "renovate/", "auto-fix/"];

/// Labels that automations set.
const AUTOMATED_LABELS: [&str; 6] =
    ["automated", "automation", "automated pr", "auto-fix", "bot", "dependencies"];

words! {
    /// The origin of a pull request.
    PullRequestOrigin {
        /// Opened by dlq-tools.
        Ours = "ours",
        /// Opened by another program.
        Automated = "automated",
        /// Opened by a person, as far as is known.
        Person = "person",
    }
}

/// Returns the origin; None when it depends on a part that is not known. `is_recorded`: `prs.json` says that
/// it was opened from here; `login` is the account of the token.
pub fn origin_of(
    reading: &PullRequestReading,
    is_recorded: bool,
    login: Option<&str>,
) -> Option<PullRequestOrigin> {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let lost = reading.lost;
    // The record may be lost. Anybody can name a branch like ours, but only the account of the token
    // can open a pull request as its author.
    let is_by_token =
        login.filter(|_| !lost.author).map(|login| is_same_account(login, &reading.author.login));
    let head_repo = reading.head.repo.as_deref();
    let is_in_place =
        (!lost.head_repo).then(|| head_repo.is_some_and(|repo| same(repo, &reading.repo)));
    let is_branch = reading.head.branch.starts_with(BRANCH_PREFIX);
    let is_own = match (is_by_token, is_in_place) {
        (Some(true), Some(true)) => Some(is_branch),
        (Some(false), _) | (_, Some(false)) => Some(false),
        _ => (!is_branch).then_some(false),
    };
    if is_recorded || is_own? {
        return Some(PullRequestOrigin::Ours);
    }
    let author = plain_login(&reading.author.login);
    let is_automated = reading.author.is_app
        || reading.author.login.ends_with("[bot]")
        || AUTOMATED_LOGINS.iter().any(|known| same(known, author))
        || AUTOMATED_BRANCHES.iter().any(|start| reading.head.branch.starts_with(start))
        || AUTOMATED_TITLES.iter().any(|part| reading.title.contains(part))
        || reading
            .labels
            .iter()
            .any(|label| AUTOMATED_LABELS.iter().any(|known| same(known, label)));
    match is_automated {
        true => Some(PullRequestOrigin::Automated),
        false => (!lost.author && !lost.labels).then_some(PullRequestOrigin::Person),
    }
}

/// Whether two logins name one account.
pub fn is_same_account(a: &str, b: &str) -> bool {
    plain_login(a).eq_ignore_ascii_case(plain_login(b))
}

/// Returns a login as GraphQL spells it: REST adds `[bot]` to those of apps.
fn plain_login(login: &str) -> &str {
    login.strip_suffix("[bot]").unwrap_or(login)
}

#[cfg(test)]
mod tests {
    use super::super::reading::{LostParts, PullRequestAuthor, PullRequestHead};
    use super::super::watch::fixtures::reading;
    use super::*;

    #[test]
    fn origin_is_the_record_or_branch_and_account_together() {
        use PullRequestOrigin::{Automated, Ours, Person};
        let (here, fork) = (Some("acme/orders"), Some("mallory/orders"));
        // (rule, recorded, author, app, branch, repository of the branch, title, origin)
        let rows = [
            ("recorded", true, "robot", false, "renamed", fork, "x", Ours),
            ("record lost", false, "robot", false, "dlq/3fae11ee-1", here, "x", Ours),
            (
                "repository in other letters",
                false,
                "Robot",
                false,
                "dlq/1-1",
                Some("Acme/Orders"),
                "x",
                Ours,
            ),
            (
                "branch of a stranger",
                false,
                "mallory",
                false,
                "dlq/3fae11ee-1",
                here,
                "x",
                Automated,
            ),
            ("branch of a fork", false, "robot", false, "dlq/3fae11ee-1", fork, "x", Automated),
            ("repository is gone", false, "robot", false, "dlq/3fae11ee-1", None, "x", Automated),
            (
                "branch of an automation",
                false,
                "ana",
                false,
                "renovate/tar-7.x",
                here,
                "x",
                Automated,
            ),
            ("branch like one", false, "ana", false, "fix-renovate/x", here, "x", Person),
            ("another branch of the account", false, "robot", false, "feature", here, "x", Person),
            ("app", false, "dependabot", true, "bump", here, "x", Automated),
            ("bot by REST", false, "some-app[bot]", false, "bump", here, "x", Automated),
            ("title", false, "ana", false, "fix", here, "Auto-fix: retry", Automated),
            ("person", false, "ana", false, "fix", here, "Fix retry", Person),
        ];
        for (rule, is_recorded, login, is_app, branch, repo, title, expected) in rows {
            let reading = PullRequestReading {
                author: PullRequestAuthor { login: login.into(), is_app },
                head: PullRequestHead {
                    branch: branch.into(),
                    commit: "c1".into(),
                    repo: repo.map(str::to_owned),
                },
                title: title.into(),
                ..reading()
            };
            assert_eq!(origin_of(&reading, is_recorded, Some("robot")), Some(expected), "{rule}");
        }
        let labelled = |label: &str| PullRequestReading { labels: vec![label.into()], ..reading() };
        assert_eq!(origin_of(&labelled("Dependencies"), false, None), Some(Automated));
        assert_eq!(origin_of(&labelled("bug"), false, None), Some(Person));
        let app = PullRequestReading {
            author: PullRequestAuthor { login: "our-app".into(), is_app: true },
            head: PullRequestHead {
                branch: "dlq/1-1".into(),
                commit: "c1".into(),
                repo: Some("acme/orders".into()),
            },
            ..reading()
        };
        assert_eq!(origin_of(&app, false, Some("our-app[bot]")), Some(Ours), "app of the token");
        assert_eq!(origin_of(&app, false, None), None, "account unknown");
    }

    #[test]
    fn origin_is_unknown_only_where_a_lost_part_decides() {
        use PullRequestOrigin::{Automated, Ours, Person};
        let none = LostParts::default();
        let author = LostParts { author: true, ..none };
        let labels = LostParts { labels: true, ..none };
        let head_repo = LostParts { head_repo: true, ..none };
        let all = LostParts { author: true, labels: true, head_repo: true, renewals: true };
        // (rule, recorded, lost, author, branch, origin)
        let rows = [
            ("recorded", true, all, "", "dlq/1-1", Some(Ours)),
            ("author of a branch like ours", false, author, "", "dlq/1-1", None),
            ("place of a branch like ours", false, head_repo, "robot", "dlq/1-1", None),
            (
                "place of a stranger's branch",
                false,
                head_repo,
                "mallory",
                "dlq/1-1",
                Some(Automated),
            ),
            ("labels of ours", false, labels, "robot", "dlq/1-1", Some(Ours)),
            ("author", false, author, "", "fix", None),
            ("labels", false, labels, "ana", "fix", None),
            ("place of another branch", false, head_repo, "ana", "fix", Some(Person)),
            ("an automation by its branch", false, all, "", "renovate/x", Some(Automated)),
        ];
        for (rule, is_recorded, lost, login, branch, expected) in rows {
            let here = reading();
            let reading = PullRequestReading {
                author: PullRequestAuthor { login: login.into(), is_app: false },
                head: PullRequestHead {
                    branch: branch.into(),
                    repo: here.head.repo.clone().filter(|_| !lost.head_repo),
                    ..here.head
                },
                lost,
                ..here
            };
            assert_eq!(origin_of(&reading, is_recorded, Some("robot")), expected, "{rule}");
        }
    }
}
