//! Which queue is meant, where it is, and which incident is open there.

use super::{Peeker, Subject};
use crate::document::Keys;
use crate::error::Error;
use crate::event::Queue;
use crate::rules::queue::document::Watched;
use crate::rules::queue::reading::Miss;
use crate::rules::queue::redrive_graph::Known;
use crate::time::Timestamp;

impl Peeker {
    /// The queue of this name or URL, in the account of that name when one is given.
    pub fn find(&self, name: &str, account: Option<&str>, at: Timestamp) -> Result<Subject, Error> {
        let sqs = &self.sqs;
        let wanted = |scope: &usize| account.is_none_or(|account| self.is_in(*scope, account));
        let mut scopes: Vec<usize> = (0..sqs.scopes()).filter(wanted).collect();
        if scopes.is_empty() {
            let account = account.unwrap_or_default();
            return Err(Error::wrong(format!("no account '{account}' is configured")));
        }
        let is_url = name.contains("://");
        if is_url {
            let named = |scope: &&usize| name.contains(&format!(".{}.", sqs.region(**scope)));
            scopes = vec![*scopes.iter().find(named).unwrap_or(&scopes[0])];
        }
        let (mut found, mut miss) = (Vec::new(), Miss::Missing);
        for scope in scopes {
            let url = if is_url { Ok(name.to_owned()) } else { sqs.url_of(scope, name) };
            match url {
                Ok(url) => {
                    let (region, label) = (sqs.region(scope), sqs.account(scope));
                    found.extend(Known::given(scope, &url, region, label, at));
                }
                Err(Miss::Missing) => {}
                Err(other) => miss = other,
            }
        }
        match found.as_slice() {
            [known] => self.subject(known.scope, known.queue()),
            [] => Err(Error::failed("find queue", name, miss)),
            _ => Err(Error::wrong(format!(
                "queue '{name}' is in {} places; say which with --account and --region, or give \
                 its URL",
                found.len()
            ))),
        }
    }

    /// Whether a scope is the account that people call so. One without a name has a number only.
    fn is_in(&self, scope: usize, account: &str) -> bool {
        match self.sqs.account(scope) {
            "" => account.bytes().all(|byte| byte.is_ascii_digit()),
            label => label == account,
        }
    }

    /// With what `dlq-poll` knows of the queue.
    fn subject(&self, scope: usize, mut queue: Queue) -> Result<Subject, Error> {
        let watched: Watched = self.store.read(&Keys::one(Watched::QUEUE, queue.arn.as_str()))?;
        let entry = watched.entries().find(|entry| entry.queue.arn == queue.arn);
        let incident = entry.and_then(|entry| entry.record.incident.as_ref());
        let (raised_at, incident) =
            (incident.map(|one| one.raised_at), incident.map(|one| one.id.clone()));
        if let Some(entry) = entry {
            queue.sources.clone_from(&entry.queue.sources);
        }
        Ok(Subject { scope, queue, incident, raised_at, cause: None })
    }

    /// The queue that an event is about. None for an incident that is not open any more, and where
    /// this run does not ask.
    pub fn called(
        &self,
        queue: Queue,
        incident: &str,
        cause: &str,
    ) -> Result<Option<Subject>, Error> {
        let sqs = &self.sqs;
        let here = (0..sqs.scopes())
            .find(|scope| sqs.region(*scope) == queue.region && self.is_in(*scope, &queue.account));
        let Some(scope) = here else { return Ok(None) };
        let arn = queue.arn.clone();
        let found = self.subject(scope, queue)?;
        // What this state folder has never heard of is taken at its word.
        let keys = Keys::one(Watched::QUEUE, arn.as_str());
        let known = self.store.read::<Watched>(&keys)?.knows(&arn);
        if known && found.incident.as_deref() != Some(incident) {
            return Ok(None);
        }
        let (incident, cause) = (Some(incident.to_owned()), Some(cause.to_owned()));
        Ok(Some(Subject { incident, cause, ..found }))
    }
}
