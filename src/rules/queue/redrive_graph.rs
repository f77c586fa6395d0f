//! The redrive graph: dead-letter queues and their source queues, from a survey.
//!
//! A survey has the listed queues of each scope and their attributes. A DLQ is the target of a
//! redrive policy, or a queue that is named like one. Promises: a part that the survey could not
//! see is unknown, never "no source": a queue that could not be read keeps the DLQ that an earlier
//! survey has read.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::dlq_name;
use super::reading::{Attributes, ReadError};
use crate::event::{Queue, words};
use crate::glob::GlobList;
use crate::time::Timestamp;

words! {
    #[derive(Default)]
    /// The method that recognises dead-letter queues.
    Discover {
        #[default]
        /// The union of both methods.
        Both = "both",
        /// The queue is the target of a redrive policy.
        Redrive = "redrive",
        /// The name is that of a DLQ.
        Name = "name",
    }
}

impl Discover {
    /// Whether the method needs the attributes of all queues: a name is in the list already.
    pub fn reads_attributes(self) -> bool {
        self != Discover::Name
    }
}

/// A listed queue, with its attributes if they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedQueue {
    pub url: String,
    /// The attributes; `None` when they were not asked for.
    pub attributes: Option<Result<Attributes, ReadError>>,
}

/// The survey of one scope: an account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSurvey {
    /// The index of the scope in this run.
    pub scope: usize,
    pub region: String,
    /// The account's label; empty when only its number is known.
    pub account: String,
    /// All queues, or the error of the listing; a list is never partial.
    pub queues: Result<Vec<ListedQueue>, ReadError>,
}

/// The survey of all scopes, or of those that were due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The time at which the survey began.
    pub at: Timestamp,
    pub scopes: Vec<ScopeSurvey>,
}

words! {
    /// The way in which a DLQ was found.
    FoundBy {
        /// A redrive policy names the queue.
        Redrive = "redrive",
        /// The name is that of a DLQ.
        Name = "name",
        /// Redrive policy and name agree.
        Both = "both",
        /// The user named it, or only an open incident knows it.
        Given = "given",
    }
}

/// A dead-letter queue, or another queue that is polled like one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterQueue {
    #[serde(flatten)]
    pub queue: Queue,
    /// The index of the scope in this run; not stored, because the next run may have other scopes.
    #[serde(skip)]
    pub scope: usize,
    pub found_by: FoundBy,
    /// The longest retention of a source, in seconds: the maximum age of an arriving message. Zero
    /// for FIFO (the age starts at arrival) and without sources; `None` when sources may be unseen.
    pub source_retention_s: Option<u64>,
    /// The time of the first discovery.
    pub found_at: Timestamp,
}

impl DeadLetterQueue {
    /// Returns a queue that discovery did not find. Its sources may be unseen.
    pub fn given(scope: usize, queue: Queue, at: Timestamp) -> Self {
        let source_retention_s = queue.fifo.then_some(0);
        let found_by = FoundBy::Given;
        DeadLetterQueue { queue, scope, found_by, source_retention_s, found_at: at }
    }

    /// Whether discovery did not find the queue.
    pub fn is_given(&self) -> bool {
        self.found_by == FoundBy::Given
    }
}

/// Returns the DLQs of a survey, sorted by scope and name. A queue that several scopes see (two
/// profiles of one account) is in the first of them only.
pub fn find(
    survey: &Survey,
    discover: Discover,
    patterns: Option<&GlobList>,
) -> Vec<DeadLetterQueue> {
    let find = |seen| find_in(seen, &[], survey.at, discover, patterns);
    let mut found: Vec<DeadLetterQueue> = survey.scopes.iter().flat_map(find).collect();
    keep_first_of_each(&mut found);
    found
}

/// Removes each queue that an earlier element of the list has already.
pub fn keep_first_of_each(queues: &mut Vec<DeadLetterQueue>) {
    let mut arns = HashSet::new();
    queues.retain(|known| arns.insert(known.queue.arn.clone()));
}

/// Returns the DLQs of one scope, sorted by name. `known` are those of the survey before: a queue
/// whose attributes this survey could not read keeps the DLQ that it had then.
pub fn find_in(
    seen: &ScopeSurvey,
    known: &[DeadLetterQueue],
    at: Timestamp,
    discover: Discover,
    patterns: Option<&GlobList>,
) -> Vec<DeadLetterQueue> {
    let graph = Graph::new(seen, known);
    let dead_letter_queue = |node: &QueueNode| {
        let found_by = found_by(&node.queue, discover, patterns)?;
        let source_retention_s = graph.source_retention(node);
        let (queue, scope) = (node.queue.clone(), seen.scope);
        Some(DeadLetterQueue { queue, scope, found_by, source_retention_s, found_at: at })
    };
    let mut found: Vec<DeadLetterQueue> =
        graph.nodes.iter().filter_map(dead_letter_queue).collect();
    found.sort_by(|a, b| a.queue.name.cmp(&b.queue.name));
    keep_first_of_each(&mut found);
    found
}

fn found_by(queue: &Queue, discover: Discover, patterns: Option<&GlobList>) -> Option<FoundBy> {
    let by_redrive = discover != Discover::Name && !queue.sources.is_empty();
    let by_name = discover != Discover::Redrive && dlq_name::is_dlq_name(&queue.name, patterns);
    match (by_redrive, by_name) {
        (true, true) => Some(FoundBy::Both),
        (true, false) => Some(FoundBy::Redrive),
        (false, true) => Some(FoundBy::Name),
        (false, false) => None,
    }
}

/// The queues of one scope, and their redrive policies.
pub(super) struct Graph<'a> {
    /// The queues with a valid URL.
    pub(super) nodes: Vec<QueueNode<'a>>,
    /// Indices of the sources, by the ARN of the target.
    incoming: HashMap<&'a str, Vec<usize>>,
    /// Whether the redrive policies of all queues are known, so that no source is hidden.
    pub(super) complete: bool,
}

/// A queue in the graph.
pub(super) struct QueueNode<'a> {
    pub(super) queue: Queue,
    pub(super) attributes: Option<&'a Attributes>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(scope: &'a ScopeSurvey, known: &'a [DeadLetterQueue]) -> Self {
        let seen = scope.queues.as_deref().unwrap_or_default();
        let known = KnownQueues::new(known);
        let mut complete = scope.queues.is_ok();
        let mut nodes = Vec::with_capacity(seen.len());
        let mut incoming: HashMap<&str, Vec<usize>> = HashMap::new();
        for listed in seen {
            // Also 'does not exist', which AWS answers after lost access as well.
            let attributes = listed.attributes.as_ref().and_then(|read| read.as_ref().ok());
            complete &= attributes.is_some();
            let Some(mut queue) = queue_at(&listed.url, &scope.region, &scope.account) else {
                continue;
            };
            match (attributes, &listed.attributes) {
                (Some(attributes), _) => {
                    if !attributes.arn.is_empty() {
                        queue.arn.clone_from(&attributes.arn);
                    }
                    if let Some(redrive) = &attributes.redrive {
                        incoming.entry(&redrive.target).or_default().push(nodes.len());
                    }
                }
                (None, Some(_)) => {
                    if let Some(arn) = known.arns.get(listed.url.as_str()) {
                        queue.arn = (*arn).to_owned();
                    }
                    for target in known.targets.get(queue.name.as_str()).into_iter().flatten() {
                        incoming.entry(target).or_default().push(nodes.len());
                    }
                }
                (None, None) => {}
            }
            nodes.push(QueueNode { queue, attributes });
        }
        let mut graph = Graph { nodes, incoming, complete };
        for index in 0..graph.nodes.len() {
            let sources = graph.sources(&graph.nodes[index]);
            let names: BTreeSet<String> = sources.map(|source| source.queue.name.clone()).collect();
            graph.nodes[index].queue.sources = names.into_iter().collect();
        }
        graph
    }

    /// Returns the source queues of a node.
    pub(super) fn sources(&self, node: &QueueNode) -> impl Iterator<Item = &QueueNode<'a>> {
        let indices = self.incoming.get(node.queue.arn.as_str());
        indices.into_iter().flatten().map(|&index| &self.nodes[index])
    }

    fn source_retention(&self, node: &QueueNode) -> Option<u64> {
        if node.queue.fifo {
            return Some(0);
        }
        if !self.complete {
            return None;
        }
        // One unknown retention makes the longest one unknown.
        self.sources(node)
            .map(|source| source.attributes.and_then(|attributes| attributes.retention_s))
            .try_fold(0, |longest, retention| Some(longest.max(retention?)))
    }
}

/// The DLQs of an earlier survey, as far as they stand in for what a survey could not read.
#[derive(Default)]
struct KnownQueues<'a> {
    /// The ARN of each DLQ, by its URL.
    arns: HashMap<&'a str, &'a str>,
    /// The ARNs of its DLQs, by the name of a source.
    targets: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> KnownQueues<'a> {
    fn new(known: &'a [DeadLetterQueue]) -> Self {
        let mut index = KnownQueues::default();
        for DeadLetterQueue { queue, .. } in known {
            index.arns.insert(&queue.url, &queue.arn);
            for source in &queue.sources {
                index.targets.entry(source).or_default().push(&queue.arn);
            }
        }
        index
    }
}

/// Returns the URLs of the known queues that the list of a scope lacks; none when it was not listed.
pub fn unlisted<'a>(known: &'a [DeadLetterQueue], seen: &ScopeSurvey) -> Vec<&'a str> {
    let Ok(listed) = &seen.queues else { return Vec::new() };
    let urls: HashSet<&str> = listed.iter().map(|queue| queue.url.as_str()).collect();
    let known = known.iter().map(|known| known.queue.url.as_str());
    let mut unlisted: Vec<&str> = known.filter(|url| !urls.contains(url)).collect();
    if !unlisted.is_empty() {
        // URLs of one queue may differ in the host.
        let arn = |url: &str| queue_at(url, &seen.region, "").map(|queue| queue.arn);
        let arns: HashSet<String> = urls.into_iter().filter_map(arn).collect();
        unlisted.retain(|url| arn(url).is_some_and(|arn| !arns.contains(&arn)));
    }
    unlisted
}

/// Whether a complete list of an account's queues lacks the queue. URLs of one queue may differ in
/// the host, so account and name are compared. A queue that the user named by URL may belong to
/// another account, which the list does not cover.
pub fn is_unlisted(known: &DeadLetterQueue, urls: &[String]) -> bool {
    let parse = |url: &String| queue_at(url, &known.queue.region, "");
    let Some(own) = parse(&known.queue.url) else { return false };
    let listed: Vec<Queue> = urls.iter().filter_map(parse).collect();
    let is_ours = !known.is_given() || listed.iter().any(|other| other.account == own.account);
    is_ours && !listed.iter().any(|other| other.arn == own.arn)
}

/// Returns the queue of a URL `…/<account>/<name>`, with the ARN that account, name and region
/// make; `None` when the URL is not one of a queue. Some servers have no account number in the
/// path; it is then zero, as in their ARNs. `label` is the account's name; an empty one selects the
/// number.
pub fn queue_at(url: &str, region: &str, label: &str) -> Option<Queue> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme != "https" && scheme != "http" {
        return None;
    }
    let (_, path) = rest.split(['?', '#']).next()?.split_once('/')?;
    let mut parts = path.rsplit('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let number = parts
        .next()
        .filter(|part| part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit()))
        .unwrap_or("000000000000");
    let partition = match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        r if r.starts_with("us-iso-") => "aws-iso",
        r if r.starts_with("us-isob-") => "aws-iso-b",
        r if r.starts_with("eu-isoe-") => "aws-iso-e",
        r if r.starts_with("us-isof-") => "aws-iso-f",
        r if r.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    };
    Some(Queue {
        name: name.to_owned(),
        url: url.to_owned(),
        arn: format!("arn:{partition}:sqs:{region}:{number}:{name}"),
        region: region.to_owned(),
        account: if label.is_empty() { number } else { label }.to_owned(),
        fifo: dlq_name::is_fifo(name),
        ..Queue::default()
    })
}

#[cfg(test)]
mod tests;
