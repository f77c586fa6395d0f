//! A look at all pull requests that are watched.
//!
//! Promises: a page that could not be read makes the look a partial one, and says why; a known pull
//! request that no search finds is asked for by its id.

use std::collections::BTreeMap;

use super::client::{GithubClient, GithubError};
use crate::clock;
use crate::rules::pull_request::query::{
    PAGE_MAX, PullRequestSearch, QueryAnswer, SEARCHES_MAX, narrower, nodes_body, search_body,
};
use crate::rules::pull_request::round::{RoundReading, missing_ids};
use crate::rules::pull_request::watch::WatchedPullRequest;

/// The pages of one look. GitHub's searches end after 1,000 results each.
const PAGES_MAX: u32 = 400;
/// The results of a search that GitHub shows.
const RESULTS_MAX: u64 = 1000;
/// The reason of a look that no narrower page has saved.
const GIVES_UP: &str = "GitHub fails, or gives up on a single pull request (status 502)";
/// The reason of a look that a limit has ended. It has no moment, which would differ each time.
pub const LIMITED: &str = "GitHub limits the requests of this account";

/// A look, with the reason why it was not whole.
pub struct PullRequestLook {
    pub reading: RoundReading,
    pub failure: Option<String>,
}

/// Reads all open pull requests of the searches, and those that are known and no search has found.
pub fn look(
    client: &GithubClient<'_>,
    searches: &[PullRequestSearch],
    known: &BTreeMap<String, WatchedPullRequest>,
) -> Result<PullRequestLook, GithubError> {
    let mut look = PullRequestLook {
        reading: RoundReading { is_whole: true, ..RoundReading::default() },
        failure: None,
    };
    match look.read_all(client, searches, known) {
        // What was read until then counts.
        Err(GithubError::Limited { .. }) if look.reading.login.is_some() => look.fail(LIMITED),
        read => read?,
    }
    Ok(look)
}

impl PullRequestLook {
    fn read_all(
        &mut self,
        client: &GithubClient<'_>,
        searches: &[PullRequestSearch],
        known: &BTreeMap<String, WatchedPullRequest>,
    ) -> Result<(), GithubError> {
        for batch in searches.chunks(SEARCHES_MAX) {
            self.search(client, batch)?;
        }
        let missing = missing_ids(known, &self.reading.read, clock::now());
        self.confirm(client, &missing)
    }

    /// Reads all pages of a few searches.
    fn search(
        &mut self,
        client: &GithubClient<'_>,
        batch: &[PullRequestSearch],
    ) -> Result<(), GithubError> {
        let mut pending = batch.to_vec();
        let mut width = PAGE_MAX;
        let mut pages = 0;
        while !pending.is_empty() {
            pages += 1;
            if pages > PAGES_MAX {
                self.fail("more pages than a look may have");
                return Ok(());
            }
            let answer = match client.query(&search_body(&pending, width)) {
                Ok(answer) => answer,
                Err(GithubError::TooWide) => match narrower(width) {
                    Some(less) => {
                        width = less;
                        continue;
                    }
                    None => {
                        self.fail(GIVES_UP);
                        return Ok(());
                    }
                },
                Err(error) => return Err(error),
            };
            pending = self.take(answer, &pending);
        }
        Ok(())
    }

    /// Takes the pages of an answer. Returns the searches that have more.
    fn take(
        &mut self,
        answer: QueryAnswer,
        pending: &[PullRequestSearch],
    ) -> Vec<PullRequestSearch> {
        self.reading.login = answer.login.or(self.reading.login.take());
        let why = answer.error;
        self.note_error(&why);
        let mut more = Vec::new();
        let mut pages = answer.pages;
        for (at, search) in pending.iter().enumerate() {
            let Some(page) = pages.remove(&at) else {
                let what = format!("the search '{}' could not be read", search.text);
                self.fail(why.as_deref().unwrap_or(&what));
                continue;
            };
            if page.unread > 0 {
                self.note(why.as_deref().unwrap_or("some pull requests could not be read"));
            }
            if page.total > RESULTS_MAX {
                self.note(
                    "a search finds more than 1000 pull requests, of which GitHub shows 1000",
                );
            }
            for found in page.found {
                let places = search.places_of(&found.repo);
                self.reading.found_in.entry(found.id.clone()).or_default().extend(places);
                self.reading.read.push(found);
            }
            match page.next {
                Some(next) => {
                    more.push(PullRequestSearch { after: Some(next), ..search.clone() });
                }
                None => self.reading.whole.extend(search.places.iter().cloned()),
            }
        }
        more
    }

    /// Asks for pull requests by their ids.
    fn confirm(
        &mut self,
        client: &GithubClient<'_>,
        missing: &[String],
    ) -> Result<(), GithubError> {
        let mut rest = missing;
        let mut width = PAGE_MAX;
        // The pull request on which GitHub has given up just before.
        let mut given_up: Option<&String> = None;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(width as usize));
            let answer = match client.query(&nodes_body(now)) {
                Ok(answer) => answer,
                Err(GithubError::TooWide) => match narrower(width) {
                    Some(less) => {
                        width = less;
                        continue;
                    }
                    // Two in a row, or no answer at all: the server has failed, and not a pull request.
                    None if given_up.is_some() || self.reading.login.is_none() => {
                        given_up.map(|id| self.reading.unread.remove(id));
                        self.note(GIVES_UP);
                        return Ok(());
                    }
                    None => {
                        given_up = now.first();
                        QueryAnswer::default()
                    }
                },
                Err(error) => return Err(error),
            };
            if answer.login.is_some() {
                self.reading.login.clone_from(&answer.login);
                given_up = None;
            }
            self.note_error(&answer.error);
            let why =
                answer.error.unwrap_or_else(|| "GitHub does not show it to this token".into());
            let before = self.reading.unread.len();
            let mut nodes = answer.nodes.into_iter();
            for id in now {
                match nodes.next().flatten() {
                    Some(found) if found.id == *id => self.reading.read.push(found),
                    // A node that was moved has a new id; the record keeps its own.
                    _ => {
                        self.reading.unread.insert(id.clone(), why.clone());
                    }
                }
            }
            if self.reading.unread.len() > before {
                self.note(&format!("known pull requests: {why}"));
            }
            rest = later;
        }
        Ok(())
    }

    /// Notes that a search was not read to its end.
    fn fail(&mut self, why: &str) {
        self.reading.is_whole = false;
        self.note(why);
    }

    fn note_error(&mut self, error: &Option<String>) {
        self.reading.error = self.reading.error.take().or_else(|| error.clone());
    }

    /// Notes a pull request that could not be read; the first reason is told. Such a one is unknown, and
    /// may stay so for ever: the rest of its search is no less a baseline.
    fn note(&mut self, why: &str) {
        self.failure.get_or_insert_with(|| why.to_owned());
    }
}
