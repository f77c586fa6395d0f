//! Reading the settings of a queue and of its sources, without receiving a message.

use super::{PeekTarget, Peeker};
use crate::error::Error;
use crate::log;
use crate::rules::evidence::bundle::QueueFacts;
use crate::rules::evidence::source_queues;
use crate::rules::queue::lint;
use crate::rules::queue::reading::{Attributes, ReadError};
use crate::rules::queue::redrive_graph::{ListedQueue, ScopeSurvey, Survey};

/// The most sources of a queue that are read.
const SOURCES_MAX: usize = 20;

/// The attributes of a queue, and the facts about it and its sources for the bundle.
pub(super) struct QueueSettings {
    pub(super) attributes: Attributes,
    pub(super) facts: QueueFacts,
}

impl Peeker {
    pub(super) fn read_settings(&self, target: &PeekTarget) -> Result<QueueSettings, Error> {
        let (scope, queue) = (target.scope, &target.queue);
        let failed = |error: &ReadError| Error::failed("read queue", &queue.name, error);
        let own = self.sqs.read(&[(scope, queue.url.clone())]).pop();
        let reading = own.ok_or_else(|| failed(&ReadError::Other("no answer".into())))?;
        let attributes = reading.result.map_err(|error| failed(&error))?;
        let sources = self.sqs.source_queues(scope, &queue.url);
        if let Err(error) = &sources {
            log::info(&format!("the sources of queue '{}' are unknown: {error}", queue.name));
        }
        let urls = sources.iter().flatten().take(SOURCES_MAX);
        let asked: Vec<_> = urls.map(|url| (scope, url.clone())).collect();
        let readings = self.sqs.read(&asked);
        let mut listed_queues: Vec<ListedQueue> = (asked.into_iter().zip(readings))
            .map(|((_, url), reading)| ListedQueue { url, attributes: Some(reading.result) })
            .collect();
        let region = self.sqs.region(scope).to_owned();
        let mut facts = QueueFacts {
            queue: queue.clone(),
            asked_at: Some(reading.at),
            depth: Some(attributes.counts.depth()),
            visible: Some(attributes.counts.visible),
            in_flight: Some(attributes.counts.in_flight),
            delayed: Some(attributes.counts.delayed),
            retention_s: attributes.retention_s,
            visibility_s: attributes.visibility_s,
            sources: sources.is_ok().then(|| source_queues::source_facts(&listed_queues, &region)),
            lint: Vec::new(),
        };
        listed_queues
            .push(ListedQueue { url: queue.url.clone(), attributes: Some(Ok(attributes.clone())) });
        let account = self.sqs.account(scope).to_owned();
        let scopes = vec![ScopeSurvey { scope, region, account, queues: Ok(listed_queues) }];
        let linted = lint::lint(&Survey { at: reading.at, scopes }, None);
        facts.lint = source_queues::findings(linted, &queue.name, sources.is_ok());
        Ok(QueueSettings { attributes, facts })
    }
}
