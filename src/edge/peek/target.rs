//! The target of a peek: a queue, its scope, and its open incident.

use std::collections::BTreeSet;

use super::Peeker;
use crate::document::Keys;
use crate::error::Error;
use crate::event::{self, Head, Queue, QueueGrew, QueueRaised, ToolName, Type};
use crate::log;
use crate::rules::evidence::peek_limit::Peeks;
use crate::rules::investigation::lookup;
use crate::rules::queue::address::{self, QueueAddress};
use crate::rules::queue::document::Watched;
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph::keep_first_of_each;
use crate::text;
use crate::time::Timestamp;

#[derive(Debug, Clone)]
pub struct PeekTarget {
    /// The index of the scope in this run.
    pub scope: usize,
    pub queue: Queue,
    /// The open incident.
    pub incident: Option<String>,
    /// The time at which the incident began, if known.
    pub raised_at: Option<Timestamp>,
    /// The id of the event that caused the pass; `None` for a pass by hand.
    pub cause: Option<String>,
}

impl PeekTarget {
    /// Returns the keys of the passes over the queue.
    pub(super) fn keys(&self) -> Keys<'_> {
        Keys::one(Peeks::QUEUE, self.queue.arn.as_str())
    }

    /// Returns the incident to count passes under, which is also the name of a folder.
    pub(in crate::edge) fn key(&self) -> String {
        let incident = self.incident.as_deref().unwrap_or_default();
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        // An unsafe id from outside must not become part of a path.
        match self.incident.is_some() && incident.len() <= 64 && incident.bytes().all(is_safe) {
            true => incident.to_owned(),
            false => event::derived_id(&[ToolName::Peek.as_str(), &self.queue.arn, incident]),
        }
    }
}

impl Peeker {
    /// Finds a queue by name or URL, in the given account if there is one.
    pub fn find(&self, name: &str, account: Option<&str>) -> Result<PeekTarget, Error> {
        let is_wanted = |scope: &usize| account.is_none_or(|account| self.is_in(*scope, account));
        let scopes: Vec<usize> = (0..self.sqs.scopes()).filter(is_wanted).collect();
        if scopes.is_empty() {
            let account = account.unwrap_or_default();
            let names: BTreeSet<_> =
                (0..self.sqs.scopes()).map(|at| self.sqs.account(at)).collect();
            let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
            let why = match names.as_slice() {
                [] => format!(
                    "no account '{0}' is configured; set 'aws.profile' to the profile of that account \
                     in the configuration that every program reads, or give --profile",
                    text::safe(account)
                ),
                names => text::unknown("account", account, names),
            };
            return Err(Error::Usage(format!("option '--account': {why}")));
        }
        let address = QueueAddress::parse(name);
        let scopes = self.sqs.scopes_for(&address, &scopes);
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for scope in &scopes {
            match self.sqs.look_up(*scope, &address) {
                Ok(dlq) => found.push(dlq),
                Err(error) => errors.push((*scope, error)),
            }
        }
        keep_first_of_each(&mut found);
        match (found.as_slice(), errors.as_slice()) {
            ([dlq], errors) => {
                let unasked = errors.iter().filter(|(_, error)| *error != ReadError::Missing);
                for (scope, error) in unasked {
                    let place = self.sqs.place(*scope);
                    log::warn(&format!("cannot look for queue '{name}' {place}: {error}"));
                }
                Ok(self.with_record(dlq.scope, dlq.queue.clone())?.0)
            }
            ([], []) => Err(Error::wrong(format!(
                "queue '{name}' is in a region that is not asked; give --region"
            ))),
            ([], errors) => Err(self.not_found(name, &address, errors)),
            (several, _) => {
                let arns = several.iter().map(|dlq| dlq.queue.arn.as_str()).collect();
                Err(lookup::in_several_places(name, &arns))
            }
        }
    }

    /// Returns the error of a queue that is in no scope: that of a scope which could not be asked,
    /// if there is one.
    fn not_found(
        &self,
        name: &str,
        address: &QueueAddress,
        errors: &[(usize, ReadError)],
    ) -> Error {
        let is_missing = |(_, error): &&(usize, ReadError)| *error == ReadError::Missing;
        if let Some((scope, error)) = errors.iter().find(|one| !is_missing(one)) {
            let place = self.sqs.place(*scope);
            return Error::Failed(format!("cannot find queue '{name}' {place}: {error}"));
        }
        let hint = errors.first().map(|(scope, _)| self.sqs.name_hint(*scope, address.name()));
        let number = hint.as_ref().map(|hint| hint.account.as_str()).unwrap_or_default();
        let place = |(at, (scope, _)): (usize, &(usize, ReadError))| {
            // The number of the account is known where the names were listed.
            match self.sqs.account(*scope) {
                "" if at == 0 => address::place(number, self.sqs.region(*scope)),
                _ => self.sqs.place(*scope),
            }
        };
        let places: Vec<String> = errors.iter().enumerate().map(place).collect();
        Error::Failed(format!(
            "cannot find queue '{name}' {}: {}{}",
            places.join(", "),
            ReadError::Missing,
            hint.unwrap_or_default().sentence()
        ))
    }

    /// Returns whether a scope may be the account of this name. A scope without a name matches any
    /// account number.
    fn is_in(&self, scope: usize, account: &str) -> bool {
        match self.sqs.account(scope) {
            "" => account.bytes().all(|byte| byte.is_ascii_digit()),
            label => label == account,
        }
    }

    /// Adds what `queues.json` records of the queue: its incident and its sources. Returns also
    /// whether there is a record.
    fn with_record(&self, scope: usize, mut queue: Queue) -> Result<(PeekTarget, bool), Error> {
        let watched: Watched = self.store.read(&Keys::one(Watched::QUEUE, queue.arn.as_str()))?;
        let entry = watched.entries().find(|entry| entry.queue.arn == queue.arn);
        let incident = entry.and_then(|entry| entry.record.incident.as_ref());
        let (raised_at, incident) =
            (incident.map(|one| one.raised_at), incident.map(|one| one.id.clone()));
        if let Some(entry) = entry {
            queue.sources.clone_from(&entry.queue.sources);
        }
        self.sqs.set_scope(scope, &mut queue);
        Ok((PeekTarget { scope, queue, incident, raised_at, cause: None }, entry.is_some()))
    }

    /// Returns the target of a queue that a line names, as `queues.json` has it, and whether it has it;
    /// `None` when the queue is in no scope of this run.
    pub(in crate::edge) fn target_of_queue(
        &self,
        queue: Queue,
    ) -> Result<Option<(PeekTarget, bool)>, Error> {
        let sqs = &self.sqs;
        let here = (0..sqs.scopes())
            .find(|scope| sqs.region(*scope) == queue.region && self.is_in(*scope, &queue.account));
        here.map(|scope| self.with_record(scope, queue)).transpose()
    }

    /// Returns the target of an incident that begins or grows; `None` for another line, and when
    /// the incident is no longer open or its queue is in no scope of this run.
    pub(super) fn target_of_line(
        &self,
        head: &Head<'_>,
        line: &[u8],
    ) -> Result<Option<PeekTarget>, Error> {
        let queue = match head.known {
            Some(Type::QueueRaised) => event::read::<QueueRaised>(line).map(|e| e.data.queue),
            Some(Type::QueueGrew) => event::read::<QueueGrew>(line).map(|e| e.data.queue),
            _ => None,
        };
        let (Some(queue), Some(incident)) = (queue, head.incident.as_deref()) else {
            return Ok(None);
        };
        let Some((found, is_recorded)) = self.target_of_queue(queue)? else { return Ok(None) };
        // An incident of a queue without a record is accepted as it is.
        if is_recorded && found.incident.as_deref() != Some(incident) {
            return Ok(None);
        }
        let (incident, cause) = (Some(incident.to_owned()), Some(head.id.to_string()));
        Ok(Some(PeekTarget { incident, cause, ..found }))
    }
}
