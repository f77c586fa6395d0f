//! Finding a queue by its name or URL in the scopes of a run.

use super::Sqs;
use crate::clock;
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph::{self, DeadLetterQueue};

impl Sqs {
    /// Finds a queue: by name in each of `scopes`; by URL without a request, in the first scope of
    /// the region that the URL names, else in the first of `scopes`.
    ///
    /// Returns an error when no scope has the queue: that of a scope which could not be asked, if
    /// there is one, else [`ReadError::Missing`].
    pub fn find_queue(
        &self,
        name: &str,
        scopes: &[usize],
    ) -> Result<Vec<DeadLetterQueue>, ReadError> {
        let at = clock::now();
        let mut found = Vec::new();
        let mut error = ReadError::Missing;
        let mut add = |scope: usize, url: &str| {
            let (region, account) = (self.region(scope), self.account(scope));
            let queue = redrive_graph::queue_at(url, region, account);
            found.extend(queue.map(|queue| DeadLetterQueue::given(scope, queue, at)));
        };
        if name.contains("://") {
            let in_url = |scope: &&usize| name.contains(&format!(".{}.", self.region(**scope)));
            if let Some(scope) = scopes.iter().find(in_url).or(scopes.first()) {
                add(*scope, name);
            }
        } else {
            for scope in scopes {
                match self.queue_url(*scope, name) {
                    Ok(url) => add(*scope, &url),
                    Err(ReadError::Missing) => {}
                    Err(other) => error = other,
                }
            }
        }
        if found.is_empty() { Err(error) } else { Ok(found) }
    }
}
