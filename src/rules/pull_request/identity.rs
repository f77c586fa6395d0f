//! The identity of a pull request: the id of its node. Names of repositories change, are swapped, and are
//! given again, and numbers begin anew with them. Pure.

use std::collections::BTreeMap;

use super::document::{FixState, FixStep, OpenedPullRequest, PullRequests};
use super::watch::{PullRequestEnd, WatchedPullRequest};

impl OpenedPullRequest {
    /// Whether it is the pull request of a node. Repository and number decide where its own id is not
    /// known. `is_there`: whether it was opened in the repository of that one.
    pub fn is_it(&self, id: &str, number: u64, is_there: bool) -> bool {
        match self.id.is_empty() {
            true => is_there && self.number == number,
            false => self.id == id,
        }
    }
}

impl PullRequests {
    /// Returns the state of the fix that has opened a pull request.
    pub fn opener(&self, id: &str, repo: &str, number: u64) -> Option<&FixState> {
        let is_it = |one: &&FixState| {
            let is_there = one.repo.eq_ignore_ascii_case(repo);
            one.step == FixStep::Opened
                && one.pull_request.as_ref().is_some_and(|pr| pr.is_it(id, number, is_there))
        };
        self.sessions.iter().find(is_it)
    }

    /// Returns the state of the fix that has opened a watched pull request.
    pub fn opener_of(&self, one: &WatchedPullRequest) -> Option<&FixState> {
        self.opener(&one.id, &one.repo, one.number)
    }

    /// Returns the record of the pull request that a fix has opened, or commented on.
    pub fn watched_of(&self, state: &FixState) -> Option<&WatchedPullRequest> {
        let opened = state.pull_request.as_ref()?;
        if !opened.id.is_empty() {
            return self.watched.get(&opened.id);
        }
        let is_it = |one: &&WatchedPullRequest| {
            opened.is_it(&one.id, one.number, one.repo.eq_ignore_ascii_case(&state.repo))
        };
        self.watched.values().find(is_it)
    }

    /// Returns the end of the pull request that a fix has opened. None: it is open, or not read yet.
    pub fn end_of(&self, state: &FixState) -> Option<&PullRequestEnd> {
        self.watched_of(state)?.end.as_ref()
    }

    /// Gives all records of a repository its present name. `read`: the ids of nodes, each with the name
    /// of its repository now. A pull request never moves to another repository, so that a new name is a
    /// rename, or a transfer, of the whole.
    ///
    /// A record that was read has the name that was read. The others follow those of their old name, when
    /// these agree: a name that two repositories have had says nothing.
    pub fn take_renames<'a>(&mut self, read: impl Iterator<Item = (&'a str, &'a str)>) {
        let read: BTreeMap<&str, &str> = read.collect();
        let mut names: BTreeMap<String, Option<&str>> = BTreeMap::new();
        for (id, one) in &self.watched {
            let Some(now) = read.get(&**id).copied() else { continue };
            let known = names.entry(one.repo.to_lowercase()).or_insert(Some(now));
            if known.is_some_and(|known| !known.eq_ignore_ascii_case(now)) {
                *known = None;
            }
        }
        let name_of = |id: Option<&str>, name: &str| -> Option<&'a str> {
            let of_node = id.and_then(|id| read.get(id)).copied();
            let now = of_node.or_else(|| names.get(&name.to_lowercase()).copied().flatten());
            now.filter(|now| !name.eq_ignore_ascii_case(now))
        };
        let rename = |id: Option<&str>, name: &mut String| {
            name_of(id, name).into_iter().for_each(|now| now.clone_into(name));
        };
        for one in &mut self.sessions {
            rename(one.pull_request.as_ref().map(|pr| &*pr.id), &mut one.repo);
        }
        // What is new in it is news also under the new name.
        let baselines = self.baselines.iter().filter_map(|(key, at)| {
            let (start, repo) = key.rsplit_once(" repo:")?;
            let now = names.get(repo).copied().flatten()?;
            Some((format!("{start} repo:{}", now.to_lowercase()), *at))
        });
        let baselines: Vec<_> = baselines.collect();
        for (key, at) in baselines {
            self.baselines.entry(key).or_insert(at);
        }
        self.issues.iter_mut().for_each(|one| rename(None, &mut one.repo));
        for (id, one) in &mut self.watched {
            name_of(Some(id), &one.repo).into_iter().for_each(|now| one.rename(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::watch::fixtures::watched;
    use super::*;

    fn opened(session: &str, id: &str, repo: &str) -> FixState {
        let pull_request = OpenedPullRequest { id: id.into(), number: 1, url: String::new() };
        FixState {
            id: session.into(),
            step: FixStep::Opened,
            repo: repo.into(),
            pull_request: Some(pull_request),
            ..FixState::default()
        }
    }

    fn document(sessions: &[FixState], nodes: &[(&str, &str)]) -> PullRequests {
        let record = |(id, repo): &(&str, &str)| ((*id).to_owned(), watched(id, repo, 1));
        PullRequests {
            sessions: sessions.to_vec(),
            watched: nodes.iter().map(record).collect(),
            ..PullRequests::default()
        }
    }

    #[test]
    fn pull_request_is_known_by_its_node_and_by_name_only_without_one() {
        // (rule, id of the record, node, repository, whether it is the opened one)
        let rows = [
            ("the node", "PR_1", "PR_1", "acme/web", true),
            ("the node, renamed", "PR_1", "PR_1", "acme/site", true),
            ("made anew under the name", "PR_1", "PR_9", "acme/web", false),
            ("no id, by name and number", "", "PR_9", "Acme/Web", true),
            ("no id, of another repository", "", "PR_9", "acme/site", false),
        ];
        for (rule, recorded, node, repo, expected) in rows {
            let prs = document(&[opened("a", recorded, "acme/web")], &[(node, repo)]);
            assert_eq!(prs.opener(node, repo, 1).is_some(), expected, "{rule}");
            assert_eq!(prs.watched_of(&prs.sessions[0]).is_some(), expected, "{rule}");
        }
        let prs = document(&[opened("a", "", "acme/web")], &[]);
        assert!(prs.opener("PR_9", "acme/web", 2).is_none(), "another number");
    }

    #[test]
    fn names_follow_the_nodes_also_when_they_are_swapped() {
        let sessions = || {
            [opened("a", "A1", "acme/a"), opened("b", "B1", "acme/b"), opened("c", "", "acme/a")]
        };
        let nodes = [("A1", "acme/a"), ("A2", "acme/a"), ("B1", "acme/b")];
        type Names<'a> = &'a [(&'a str, &'a str)];
        // (rule, read, repositories of sessions a, b, c and of A1, A2, B1)
        let rows: [(&str, Names<'_>, [&str; 6]); 5] = [
            (
                "renamed",
                &[("A1", "acme/n")],
                ["acme/n", "acme/b", "acme/n", "acme/n", "acme/n", "acme/b"],
            ),
            (
                "swapped",
                &[("A1", "acme/b"), ("B1", "acme/a")],
                ["acme/b", "acme/a", "acme/b", "acme/b", "acme/b", "acme/a"],
            ),
            (
                "one took the other's name",
                &[("A1", "acme/b"), ("B1", "acme/c")],
                ["acme/b", "acme/c", "acme/b", "acme/b", "acme/b", "acme/c"],
            ),
            (
                "the old name was given again",
                &[("A1", "acme/old"), ("A2", "acme/a")],
                ["acme/old", "acme/b", "acme/a", "acme/old", "acme/a", "acme/b"],
            ),
            (
                "as before",
                &[("A1", "Acme/A")],
                ["acme/a", "acme/b", "acme/a", "acme/a", "acme/a", "acme/b"],
            ),
        ];
        for (rule, read, expected) in rows {
            let mut prs = document(&sessions(), &nodes);
            prs.take_renames(read.iter().copied());
            let found = prs.sessions.iter().map(|one| &*one.repo);
            let found: Vec<&str> =
                found.chain(prs.watched.values().map(|one| &*one.repo)).collect();
            assert_eq!(found, expected, "{rule}");
        }
    }
}
