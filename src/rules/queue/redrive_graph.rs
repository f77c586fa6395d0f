//! Which queues are dead-letter queues, and whose dead letters they get.
//!
//! A survey (what is listed in each scope, and what each queue says about itself) goes in, the
//! known DLQs come out: those that some queue names in its redrive policy, and those that are
//! named like one. Promises: what a survey could not see is unknown, never "no source". Pure.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::dlq_name;
use super::reading::{Attributes, ReadError};
use crate::event::Queue;
use crate::glob::GlobList;
use crate::time::Timestamp;

/// How dead-letter queues are told from other queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discover {
    /// By either sign.
    #[default]
    Both,
    /// By being the target of another queue's redrive policy.
    Redrive,
    /// By name.
    Name,
}

/// What was seen of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedQueue {
    /// Its URL.
    pub url: String,
    /// What it says about itself; `None` when it was not asked.
    pub attributes: Option<Result<Attributes, ReadError>>,
}

/// What was seen in one scope: an account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSurvey {
    /// The region.
    pub region: String,
    /// What people call the account; empty when it has no name but its number.
    pub account: String,
    /// Every queue, or why they could not be listed: a list is never partial.
    pub queues: Result<Vec<ListedQueue>, ReadError>,
}

/// What was seen everywhere, the scopes in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// When it began.
    pub at: Timestamp,
    /// The scopes.
    pub scopes: Vec<ScopeSurvey>,
}

impl Survey {
    /// Whether the queue was listed; `None` when its scope could not be listed.
    pub fn lists(&self, scope: usize, url: &str) -> Option<bool> {
        let seen = self.scopes.get(scope)?.queues.as_ref().ok()?;
        Some(seen.iter().any(|queue| queue.url == url))
    }
}

/// How a DLQ came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// A queue sends it its dead letters.
    Redrive,
    /// It is named like one.
    Name,
    /// Both.
    Both,
    /// Somebody named it.
    Given,
}

impl FoundBy {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            FoundBy::Redrive => "redrive",
            FoundBy::Name => "name",
            FoundBy::Both => "both",
            FoundBy::Given => "given",
        }
    }
}

/// A dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterQueue {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// Its ARN, as it says itself, else as its URL and its region make it.
    pub arn: String,
    /// The region.
    pub region: String,
    /// What people call the account, else its number.
    pub account: String,
    /// The place of its scope among those of this run: not written down, the next run may have
    /// others.
    #[serde(skip)]
    pub scope: usize,
    /// Whether it keeps its messages in order.
    pub fifo: bool,
    /// How it came to be known.
    pub found_by: FoundBy,
    /// The names of the queues whose dead letters it gets, sorted.
    pub sources: Vec<String>,
    /// The longest that a message can have lived before it came here. Zero for FIFO (the clock
    /// starts anew) and without sources; `None` when there may be sources that were not seen.
    pub source_retention_s: Option<u64>,
    /// When it was found first.
    pub found_at: Timestamp,
}

impl DeadLetterQueue {
    /// A queue that somebody named: nothing is known of its sources. `None` when the URL is none.
    pub fn given(
        scope: usize,
        url: &str,
        region: &str,
        account: &str,
        at: Timestamp,
    ) -> Option<Self> {
        let address = QueueAddress::parse(url, region)?;
        let fifo = dlq_name::is_fifo(&address.name);
        Some(DeadLetterQueue {
            url: url.to_owned(),
            arn: address.arn,
            region: region.to_owned(),
            account: or(account, address.account),
            scope,
            fifo,
            found_by: FoundBy::Given,
            sources: Vec::new(),
            source_retention_s: fifo.then_some(0),
            found_at: at,
            name: address.name,
        })
    }

    /// As events show it.
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

/// Which of the known queues are wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// When not empty, only these.
    pub matching: GlobList,
    /// Never these.
    pub exclude: GlobList,
}

impl Selection {
    /// Whether a queue of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        (self.matching.is_empty() || self.matching.matches(name)) && !self.exclude.matches(name)
    }
}

/// The DLQs of a survey, by scope and name. Scopes that see the same queue (two profiles of one
/// account) have it once, in the first of them.
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

/// The queues of one scope, and who sends dead letters to whom.
pub(super) struct Graph<'a> {
    scope: &'a ScopeSurvey,
    /// Every queue whose URL names one.
    pub(super) nodes: Vec<Node<'a>>,
    /// ARN of a target to the nodes that name it.
    incoming: HashMap<&'a str, Vec<usize>>,
    /// Whether every queue has told of its redrive policy, so that no source is hidden.
    pub(super) complete: bool,
}

/// A queue in the graph.
pub(super) struct Node<'a> {
    pub(super) address: QueueAddress,
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
                // Also one that is said not to exist: AWS says so of lost access, too.
                Some(Err(_)) | None => {
                    complete = false;
                    None
                }
            };
            let Some(mut address) = QueueAddress::parse(&queue.url, &scope.region) else {
                continue;
            };
            if let Some(attributes) = attributes {
                if !attributes.arn.is_empty() {
                    address.arn.clone_from(&attributes.arn);
                }
                if let Some(redrive) = &attributes.redrive {
                    incoming.entry(&redrive.target).or_default().push(nodes.len());
                }
            }
            nodes.push(Node { address, url: &queue.url, attributes });
        }
        Graph { scope, nodes, incoming, complete }
    }

    /// The queues that send their dead letters to this one.
    pub(super) fn sources(&self, node: &Node) -> impl Iterator<Item = &Node<'a>> {
        let indices = self.incoming.get(node.address.arn.as_str());
        indices.into_iter().flatten().map(|&index| &self.nodes[index])
    }

    /// As events show it.
    pub(super) fn queue(&self, node: &Node) -> Queue {
        Queue {
            name: node.address.name.clone(),
            url: node.url.to_owned(),
            arn: node.address.arn.clone(),
            region: self.scope.region.clone(),
            account: or(&self.scope.account, node.address.account.clone()),
            fifo: dlq_name::is_fifo(&node.address.name),
            sources: self.source_names(node),
        }
    }

    fn source_names(&self, node: &Node) -> Vec<String> {
        let names: BTreeSet<&str> = self.sources(node).map(|s| s.address.name.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    fn judge(
        &self,
        node: &Node,
        discover: Discover,
        patterns: Option<&GlobList>,
    ) -> Option<DeadLetterQueue> {
        let by_redrive = discover != Discover::Name && self.sources(node).next().is_some();
        let by_name =
            discover != Discover::Redrive && dlq_name::is_dlq_name(&node.address.name, patterns);
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

    fn source_retention(&self, node: &Node, fifo: bool) -> Option<u64> {
        if fifo {
            return Some(0);
        }
        if !self.complete {
            return None;
        }
        // A source that does not tell its retention makes the longest one unknown.
        self.sources(node)
            .map(|source| source.attributes.and_then(|attributes| attributes.retention_s))
            .try_fold(0, |longest, retention| Some(longest.max(retention?)))
    }
}

/// Whether a whole list of an account's queues shows that a queue is not there any more. URLs of
/// one queue differ by the name of the server, and a queue that was named by its URL may belong to
/// another account, of which the list says nothing.
pub fn is_unlisted(queue: &Queue, was_named: bool, urls: &[String], region: &str) -> bool {
    let Some(address) = QueueAddress::parse(&queue.url, region) else { return false };
    let listed: Vec<QueueAddress> =
        urls.iter().filter_map(|url| QueueAddress::parse(url, region)).collect();
    let is_ours = !was_named || listed.iter().any(|other| other.account == address.account);
    let is_there =
        |other: &QueueAddress| other.account == address.account && other.name == address.name;
    is_ours && !listed.iter().any(is_there)
}

/// What a URL tells of its queue: `…/<account>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAddress {
    /// The queue's name.
    pub name: String,
    /// The number of the account that owns it.
    pub account: String,
    /// The ARN that these and the region make.
    pub arn: String,
}

impl QueueAddress {
    /// Reads a queue's URL; `None` when it is none. Some servers have other words where the
    /// account stands: for those it is zero, as their ARNs have it.
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

/// The first, unless it is empty.
fn or(label: &str, number: String) -> String {
    if label.is_empty() { number } else { label.to_owned() }
}

#[cfg(test)]
mod tests;
