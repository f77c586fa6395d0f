//! The queues that a run was given by name, URL or ARN.
//!
//! A look-up that fails is a failure of the round like that of any other queue, and is made again in
//! the next one. A queue that is known from an earlier round is polled meanwhile.

use super::Poller;
use super::discover::Unseen;
use crate::clock;
use crate::document::Keys;
use crate::edge::aws::Sqs;
use crate::error::Error;
use crate::rules::queue::address::{self, NameHint, QueueAddress};
use crate::rules::queue::document::{FailedPart, QUEUE_NOT_FOUND, ScopeFailure, Watched};
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph::DeadLetterQueue;

/// A queue that a run was given.
pub(super) struct GivenQueue {
    address: QueueAddress,
    /// The scopes that have to be asked.
    pending: Vec<usize>,
    is_found: bool,
    /// The nearest name to one that does not exist.
    hint: Option<NameHint>,
}

impl GivenQueue {
    /// Reads an address. An ARN of a region that no scope is in is a usage error.
    pub(super) fn new(text: &str, sqs: &Sqs) -> Result<Self, Error> {
        let address = QueueAddress::parse(text);
        let all: Vec<usize> = (0..sqs.scopes()).collect();
        let pending = sqs.scopes_for(&address, &all);
        match &address {
            QueueAddress::Arn { region, .. } if pending.is_empty() => Err(Error::wrong(format!(
                "queue '{text}' is in region '{region}', which is not asked: give --region {region}"
            ))),
            _ => Ok(GivenQueue { address, pending, is_found: false, hint: None }),
        }
    }
}

impl Poller {
    /// Looks up the given queues that were not found yet, and adds to `unseen` those that cannot be
    /// found.
    pub(super) fn find_given(&mut self, unseen: &mut Unseen) -> Result<(), Error> {
        let mut given = std::mem::take(&mut self.given);
        for one in &mut given {
            self.find(one, unseen)?;
        }
        self.given = given;
        Ok(())
    }

    fn find(&mut self, given: &mut GivenQueue, unseen: &mut Unseen) -> Result<(), Error> {
        let asked = std::mem::take(&mut given.pending);
        let mut errors: Vec<(usize, ReadError)> = Vec::new();
        for &scope in &asked {
            match self.sqs.look_up(scope, &given.address) {
                Ok(target) => {
                    given.is_found = true;
                    unseen.failures.push(self.not_found(scope, given, None));
                    self.add_target(target);
                }
                Err(error) => errors.push((scope, error)),
            }
        }
        // A scope without the queue is asked again only while no other one has it.
        errors.retain(|(_, error)| !given.is_found || *error != ReadError::Missing);
        given.pending = errors.iter().map(|(scope, _)| *scope).collect();
        // Its reading tells more than the look-up.
        errors.retain(|(scope, _)| match self.known_queue(*scope, given.address.name()) {
            Ok(Some(target)) => {
                self.add_target(target);
                false
            }
            _ => true,
        });
        let is_missing = |(_, error): &(usize, ReadError)| *error == ReadError::Missing;
        if !errors.iter().all(is_missing) {
            errors.retain(|one| !is_missing(one));
        }
        unseen.unfound_queues += u64::from(!errors.is_empty());
        for (scope, error) in errors {
            let name = given.address.name().to_owned();
            let (mut place, mut hint) = (self.sqs.place(scope), String::new());
            if error == ReadError::Missing {
                let near = given.hint.get_or_insert_with(|| self.sqs.name_hint(scope, &name));
                if self.sqs.account(scope).is_empty() {
                    place = address::place(&near.account, self.sqs.region(scope));
                }
                hint = near.sentence();
            }
            unseen.sentences.push(format!("cannot find queue '{name}' {place}: {error}{hint}"));
            let reason = format!("{QUEUE_NOT_FOUND} '{name}': {error}");
            unseen.failures.push(self.not_found(scope, given, Some(reason)));
        }
        Ok(())
    }

    fn not_found(&self, scope: usize, given: &GivenQueue, reason: Option<String>) -> ScopeFailure {
        self.failure(scope, FailedPart::Queue(given.address.name().to_owned()), reason)
    }

    fn add_target(&mut self, target: DeadLetterQueue) {
        if !self.targets.iter().any(|known| known.queue.arn == target.queue.arn) {
            self.targets.push(target);
        }
    }

    /// Returns the queue of this name in a scope, if it has a record or discovery has found it.
    fn known_queue(&self, scope: usize, name: &str) -> Result<Option<DeadLetterQueue>, Error> {
        let now = clock::now();
        let keys = Keys::none().with_all(Watched::QUEUE);
        let recorded = self.with_watched(&keys, |doc| {
            let is_it = |queue: &_| self.sqs.has(scope, queue);
            let mut entries = doc.entries().map(|entry| &entry.queue);
            entries.find(|queue| queue.name == name && is_it(queue)).cloned()
        })?;
        if let Some(queue) = recorded {
            return Ok(Some(DeadLetterQueue::given(scope, queue, now)));
        }
        let doc = self.now_discovered()?;
        let key = self.sqs.cache_key(scope, &self.monitoring);
        let entry = doc.entry(&key);
        let mut known = entry.into_iter().flat_map(|e| e.queues_in(scope, self.sqs.account(scope)));
        Ok(known.find(|known| known.queue.name == name))
    }
}
