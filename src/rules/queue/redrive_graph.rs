//! The redrive graph: dead-letter queues and their source queues, from a survey.
//!
//! A survey has the listed queues of each scope and their attributes. A DLQ is the target of a
//! redrive policy, or a queue that is named like one. Promises: a part that the survey could not see
//! is unknown, never "no source".

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
    pub region: String,
    /// The account's label; empty when only its number is known.
    pub account: String,
    /// All queues, or the error of the listing; a list is never partial.
    pub queues: Result<Vec<ListedQueue>, ReadError>,
}

/// The survey of all scopes.
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
        /// The user named it.
        Given = "given",
    }
}

/// A dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterQueue {
    pub name: String,
    pub url: String,
    /// The ARN of the attributes, else the one that URL and region make.
    pub arn: String,
    pub region: String,
    /// The account's label, else its number.
    pub account: String,
    /// The index of the scope in this run; not stored, because the next run may have other scopes.
    #[serde(skip)]
    pub scope: usize,
    pub fifo: bool,
    pub found_by: FoundBy,
    /// The names of the source queues, sorted.
    pub sources: Vec<String>,
    /// The longest retention of a source, in seconds: the maximum age of an arriving message. Zero for
    /// FIFO (the age starts at arrival) and without sources; `None` when sources may be unseen.
    pub source_retention_s: Option<u64>,
    /// The time of the first discovery.
    pub found_at: Timestamp,
}

impl DeadLetterQueue {
    /// Returns a queue that the user named, with unknown sources; `None` when `url` is not a queue URL.
    pub fn given(
        scope: usize,
        url: &str,
        region: &str,
        account: &str,
        at: Timestamp,
    ) -> Option<Self> {
        let place = QueueAddress::parse(url, region)?;
        let fifo = dlq_name::is_fifo(&place.name);
        Some(DeadLetterQueue {
            url: url.to_owned(),
            arn: place.arn,
            region: region.to_owned(),
            account: label_or_number(account, place.account),
            scope,
            fifo,
            found_by: FoundBy::Given,
            sources: Vec::new(),
            source_retention_s: fifo.then_some(0),
            found_at: at,
            name: place.name,
        })
    }

    /// Returns the queue as in events.
    pub fn queue(&self) -> Queue {
        Queue {
            name: self.name.clone(),
            url: self.url.clone(),
            arn: self.arn.clone(),
            region: self.region.clone(),
            account: self.account.clone(),
            fifo: self.fifo,
            sources: self.sources.clone(),
        }
    }
}

/// The selection of queues by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// Only these, unless empty.
    pub matching: GlobList,
    /// Never these, also if they match.
    pub exclude: GlobList,
}

impl Selection {
    /// Whether a queue of this name is selected.
    pub fn accepts(&self, name: &str) -> bool {
        (self.matching.is_empty() || self.matching.matches(name)) && !self.exclude.matches(name)
    }
}

/// Returns the DLQs of a survey, sorted by scope and name. A queue that several scopes see (two
/// profiles of one account) is in the first of them only.
pub fn find(
    survey: &Survey,
    discover: Discover,
    patterns: Option<&GlobList>,
) -> Vec<DeadLetterQueue> {
    let mut found = Vec::new();
    let mut arns = HashSet::new();
    for (index, scope) in survey.scopes.iter().enumerate() {
        let graph = Graph::new(scope);
        let mut here: Vec<DeadLetterQueue> = graph
            .nodes
            .iter()
            .filter_map(|node| graph.judge(node, discover, patterns))
            .filter(|known| arns.insert(known.arn.clone()))
            .map(|known| DeadLetterQueue { scope: index, found_at: survey.at, ..known })
            .collect();
        here.sort_by(|a, b| a.name.cmp(&b.name));
        found.append(&mut here);
    }
    found
}

/// The queues of one scope, and their redrive policies.
pub(super) struct Graph<'a> {
    scope: &'a ScopeSurvey,
    /// The queues with a valid URL.
    pub(super) nodes: Vec<QueueNode<'a>>,
    /// Indices of the sources, by the ARN of the target.
    incoming: HashMap<&'a str, Vec<usize>>,
    /// Whether the redrive policies of all queues are known, so that no source is hidden.
    pub(super) complete: bool,
}

/// A queue in the graph.
pub(super) struct QueueNode<'a> {
    pub(super) place: QueueAddress,
    pub(super) url: &'a str,
    pub(super) attributes: Option<&'a Attributes>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(scope: &'a ScopeSurvey) -> Self {
        let seen = scope.queues.as_deref().unwrap_or_default();
        let mut complete = scope.queues.is_ok();
        let mut nodes = Vec::with_capacity(seen.len());
        let mut incoming: HashMap<&str, Vec<usize>> = HashMap::new();
        for queue in seen {
            let attributes = match &queue.attributes {
                Some(Ok(attributes)) => Some(attributes),
                // Also 'does not exist', which AWS answers after lost access as well.
                Some(Err(_)) | None => {
                    complete = false;
                    None
                }
            };
            let Some(mut place) = QueueAddress::parse(&queue.url, &scope.region) else {
                continue;
            };
            if let Some(attributes) = attributes {
                if !attributes.arn.is_empty() {
                    place.arn.clone_from(&attributes.arn);
                }
                if let Some(redrive) = &attributes.redrive {
                    incoming.entry(&redrive.target).or_default().push(nodes.len());
                }
            }
            nodes.push(QueueNode { place, url: &queue.url, attributes });
        }
        Graph { scope, nodes, incoming, complete }
    }

    /// Returns the source queues of a node.
    pub(super) fn sources(&self, node: &QueueNode) -> impl Iterator<Item = &QueueNode<'a>> {
        let indices = self.incoming.get(node.place.arn.as_str());
        indices.into_iter().flatten().map(|&index| &self.nodes[index])
    }

    /// Returns the queue as in events.
    pub(super) fn queue(&self, node: &QueueNode) -> Queue {
        Queue {
            name: node.place.name.clone(),
            url: node.url.to_owned(),
            arn: node.place.arn.clone(),
            region: self.scope.region.clone(),
            account: label_or_number(&self.scope.account, node.place.account.clone()),
            fifo: dlq_name::is_fifo(&node.place.name),
            sources: self.source_names(node),
        }
    }

    fn source_names(&self, node: &QueueNode) -> Vec<String> {
        let names: BTreeSet<&str> = self.sources(node).map(|s| s.place.name.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    fn judge(
        &self,
        node: &QueueNode,
        discover: Discover,
        patterns: Option<&GlobList>,
    ) -> Option<DeadLetterQueue> {
        let by_redrive = discover != Discover::Name && self.sources(node).next().is_some();
        let by_name =
            discover != Discover::Redrive && dlq_name::is_dlq_name(&node.place.name, patterns);
        let found_by = match (by_redrive, by_name) {
            (true, true) => FoundBy::Both,
            (true, false) => FoundBy::Redrive,
            (false, true) => FoundBy::Name,
            (false, false) => return None,
        };
        let queue = self.queue(node);
        Some(DeadLetterQueue {
            source_retention_s: self.source_retention(node, queue.fifo),
            name: queue.name,
            url: queue.url,
            arn: queue.arn,
            region: queue.region,
            account: queue.account,
            scope: 0,
            fifo: queue.fifo,
            found_by,
            sources: queue.sources,
            found_at: Timestamp::from_millis(0),
        })
    }

    fn source_retention(&self, node: &QueueNode, fifo: bool) -> Option<u64> {
        if fifo {
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

/// Whether a complete list of an account's queues lacks the queue. URLs of one queue may differ in the
/// host, so account and name are compared. A queue that the user named by URL may belong to another
/// account, which the list does not cover.
pub fn is_unlisted(queue: &Queue, was_named: bool, urls: &[String], region: &str) -> bool {
    let Some(place) = QueueAddress::parse(&queue.url, region) else { return false };
    let listed: Vec<QueueAddress> =
        urls.iter().filter_map(|url| QueueAddress::parse(url, region)).collect();
    let is_ours = !was_named || listed.iter().any(|other| other.account == place.account);
    let is_there =
        |other: &QueueAddress| other.account == place.account && other.name == place.name;
    is_ours && !listed.iter().any(is_there)
}

/// The parts of a queue's URL: `…/<account>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAddress {
    pub name: String,
    /// The number of the owning account.
    pub account: String,
    /// The ARN made from account, name and region.
    pub arn: String,
}

impl QueueAddress {
    /// Parses a queue's URL; `None` when it is not one. Some servers have no account number in the path;
    /// it is then zero, as in their ARNs.
    pub fn parse(url: &str, region: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if scheme != "https" && scheme != "http" {
            return None;
        }
        let (_, path) = rest.split(['?', '#']).next()?.split_once('/')?;
        let mut parts = path.rsplit('/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let account = parts
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
        Some(QueueAddress {
            name: name.to_owned(),
            account: account.to_owned(),
            arn: format!("arn:{partition}:sqs:{region}:{account}:{name}"),
        })
    }
}

/// Returns the label, or the number when the label is empty.
fn label_or_number(label: &str, number: String) -> String {
    if label.is_empty() { number } else { label.to_owned() }
}

#[cfg(test)]
mod tests;
