//! The queue of a move, its sources, and the destinations that the command line gives.

use std::collections::BTreeMap;
use std::time::Duration;

use super::route::{self, MoveRoutes};
use super::{RedriveRequest, Redriver};
use crate::edge::peek::PeekTarget;
use crate::error::Error;
use crate::log;
use crate::rules::queue::reading::Attributes;
use crate::rules::redrive::destination::Destinations;

/// The least number of receives that the queue's own redrive policy has to allow: one that has brought
/// the message to its state, one for a look, one for the move.
const OWN_RECEIVES_MIN: u64 = 3;
/// The most sources that are read.
const SOURCES_MAX: usize = 100;

/// A queue that messages are moved out of.
pub(super) struct MoveSource {
    pub(super) target: PeekTarget,
    pub(super) attributes: Attributes,
    pub(super) destinations: Destinations,
    pub(super) routes: MoveRoutes,
    /// Whether it is known that no queue has this one as its dead-letter queue.
    has_no_source: bool,
}

impl MoveSource {
    /// Returns the receives that the queue's own redrive policy allows; None without a policy.
    pub(super) fn own_receives_max(&self) -> Option<u64> {
        self.attributes.redrive.as_ref().map(|own| own.max_receive_count.unwrap_or(1))
    }

    /// Refuses a queue that is a source and no dead-letter queue: its messages are alive, and a look
    /// hides them and counts as a receive.
    pub(super) fn refuse_live(&self) -> Result<(), Error> {
        let is_source = self.has_no_source && self.attributes.redrive.is_some();
        match is_source && self.destinations.given.is_none() {
            true => Err(Error::Failed(format!(
                "queue '{}' is the dead-letter queue of no queue, and has one of its own: its messages \
                 are alive; give the dead-letter queue, or --to to move them all the same",
                self.target.queue.name
            ))),
            false => Ok(()),
        }
    }
}

impl Redriver {
    /// Finds a queue and where its messages may go.
    pub(super) fn source(
        &self,
        queue: &str,
        request: &RedriveRequest,
    ) -> Result<MoveSource, Error> {
        let mut target = self.peeker.find(queue, None)?;
        let sqs = self.sqs();
        let name = target.queue.name.clone();
        let failed = |error: &dyn std::fmt::Display| Error::failed("read queue", &name, error);
        let attributes =
            route::read(sqs, target.scope, &target.queue.url).map_err(|error| failed(&error))?;
        if target.queue.arn.is_empty() {
            target.queue.arn.clone_from(&attributes.arn);
        }
        if request.incident.is_some() {
            target.incident.clone_from(&request.incident);
        }
        log::set_incident(target.incident.as_deref());
        let retention = attributes.retention_s.map(Duration::from_secs);
        let mut routes = MoveRoutes(BTreeMap::new(), retention);
        let given = request.to.as_deref().map(|to| self.given(to, &mut routes)).transpose()?;
        let sources = self.source_arns(&target);
        let has_no_source = sources.as_ref().is_some_and(Vec::is_empty);
        let sources = sources.unwrap_or_default();
        let destinations = Destinations { own: target.queue.arn.clone(), given, sources };
        let source = MoveSource { target, attributes, destinations, routes, has_no_source };
        match source.own_receives_max() {
            Some(most) if most < OWN_RECEIVES_MIN => Err(Error::Failed(format!(
                "queue '{name}' has a redrive policy of its own, which moves a message on after {most} \
                 receives: looking at its messages would lose them from it; raise its \
                 maxReceiveCount to {OWN_RECEIVES_MIN} or more"
            ))),
            _ => Ok(source),
        }
    }

    /// Reads the attributes of the queue once more.
    pub(super) fn read_again(&self, source: &mut MoveSource) -> Result<(), Error> {
        let target = &source.target;
        let read = route::read(self.sqs(), target.scope, &target.queue.url);
        let failed = |error| Error::failed("read queue", &target.queue.name, error);
        source.attributes = read.map_err(failed)?;
        Ok(())
    }

    /// Finds the queue that `--to` gives. Returns its ARN.
    fn given(&self, to: &str, routes: &mut MoveRoutes) -> Result<String, Error> {
        let found = self.peeker.find(to, None)?;
        let read = route::read(self.sqs(), found.scope, &found.queue.url);
        let failed = |error| Error::failed("read queue", to, error);
        let arn = read.map_err(failed)?.arn;
        routes.add_url(self.sqs(), found.scope, &arn, found.queue.url).map_err(failed)?;
        Ok(arn)
    }

    /// Returns the ARNs of the queues whose redrive policy names this one. None when they cannot be
    /// listed: then a message needs an origin of its own.
    fn source_arns(&self, target: &PeekTarget) -> Option<Vec<String>> {
        let urls = match self.sqs().source_queues(target.scope, &target.queue.url) {
            Ok(urls) => urls,
            Err(error) => {
                let name = &target.queue.name;
                log::info(&format!("the sources of queue '{name}' are unknown: {error}"));
                return None;
            }
        };
        if urls.len() > SOURCES_MAX {
            return None;
        }
        let asked: Vec<_> = urls.into_iter().map(|url| (target.scope, url)).collect();
        let readings = self.sqs().read(&asked).into_iter();
        readings.map(|one| one.result.ok().map(|read| read.arn)).collect()
    }
}
