//! Lint of queue settings that lose messages.
//!
//! Promises: a rule that needs an unreadable setting reports nothing; no finding is a guess.

use std::collections::HashSet;
use std::time::Duration;

use super::dlq_name;
use super::reading::{Attributes, Redrive};
use super::redrive_graph::{Graph, QueueNode, Survey};
use crate::event::{Finding, Queue};
use crate::glob::GlobList;
use crate::time::show_span;

/// The least maxReceiveCount that leaves room for retries.
const RECEIVES_MIN: u64 = 5;
/// The visibility timeout that SQS sets by default, in seconds.
const VISIBILITY_DEFAULT_S: u64 = 30;

/// A queue and its findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Linted {
    /// The index of the scope in this run.
    pub scope: usize,
    /// The queue; it need not be a DLQ.
    pub queue: Queue,
    /// The findings, at least one.
    pub findings: Vec<Finding>,
}

/// Returns the findings of a survey that read the queues' attributes, in its order.
pub fn lint(survey: &Survey, patterns: Option<&GlobList>) -> Vec<Linted> {
    let mut all = Vec::new();
    for (scope, seen) in survey.scopes.iter().enumerate() {
        let graph = Graph::new(seen);
        let arns: HashSet<&str> = graph.nodes.iter().map(|node| node.queue.arn.as_str()).collect();
        for node in &graph.nodes {
            let findings = judge(&graph, &arns, node, patterns);
            if !findings.is_empty() {
                let queue = node.queue.clone();
                all.push(Linted { scope, queue, findings });
            }
        }
    }
    all
}

fn judge(
    graph: &Graph,
    arns: &HashSet<&str>,
    node: &QueueNode,
    patterns: Option<&GlobList>,
) -> Vec<Finding> {
    let has_source = !node.queue.sources.is_empty();
    let is_named = dlq_name::is_dlq_name(&node.queue.name, patterns);
    let mut findings = Vec::new();
    if is_named && !has_source && graph.complete {
        findings.push(orphan());
    }
    let Some(attributes) = node.attributes else {
        return findings;
    };
    findings.extend(retention(graph, node, attributes));
    let Some(redrive) = &attributes.redrive else {
        return findings;
    };
    if has_source || is_named {
        findings.push(chained(redrive));
    }
    if arns.contains(redrive.target.as_str()) {
        findings.extend(mixed(node, redrive));
    } else {
        findings.push(dangling(node, redrive));
    }
    findings.extend(receives(redrive));
    findings.extend(visibility(attributes));
    findings
}

/// Compares the retention with that of the sources. A dead letter of a standard queue keeps the time
/// at which it was first sent, so the DLQ may delete it on arrival when a source keeps messages as
/// long. In FIFO queues the time starts at arrival.
fn retention(graph: &Graph, node: &QueueNode, attributes: &Attributes) -> Option<Finding> {
    if dlq_name::is_fifo(&node.queue.name) {
        return None;
    }
    let own = attributes.retention_s?;
    let (longest, source) = graph
        .sources(node)
        .filter_map(|source| Some((source.attributes?.retention_s?, source.queue.name.as_str())))
        .max()?;
    let (level, verb) = match own.cmp(&longest) {
        std::cmp::Ordering::Less => ("error", "less than"),
        std::cmp::Ordering::Equal => ("warning", "no longer than"),
        std::cmp::Ordering::Greater => return None,
    };
    let detail = format!(
        "it keeps messages {}, {verb} its source '{source}' ({}); a dead letter's age counts from \
         when it was first sent, so one that waited there may be deleted on arrival: keep them 14d",
        span(own),
        span(longest)
    );
    Some(finding("retention-not-longer", level, detail))
}

fn chained(redrive: &Redrive) -> Finding {
    let detail = format!(
        "it has a redrive policy of its own: whoever looks at its messages too often pushes them \
         on to '{}'",
        name_of(&redrive.target)
    );
    finding("chained", "warning", detail)
}

fn orphan() -> Finding {
    let detail = "it is named like a dead-letter queue, and no queue here sends it dead letters: \
                  a leftover, or the target of a Lambda function, an SNS subscription or an \
                  EventBridge rule";
    finding("orphan", "advice", detail.into())
}

fn dangling(node: &QueueNode, redrive: &Redrive) -> Finding {
    let target = name_of(&redrive.target);
    let place = |arn: &str| arn.rsplit_once(':').map(|(place, _)| place.to_owned());
    let why = if place(&redrive.target) == place(&node.queue.arn) {
        "which does not exist"
    } else {
        "which is in another account or region, where SQS does not deliver"
    };
    let detail = format!("it sends dead letters to '{target}', {why}: they will not arrive");
    finding("dangling-target", "error", detail)
}

fn mixed(node: &QueueNode, redrive: &Redrive) -> Option<Finding> {
    let target = name_of(&redrive.target);
    let kind = |fifo| {
        if fifo { "a FIFO queue" } else { "a standard queue" }
    };
    let (own, other) = (dlq_name::is_fifo(&node.queue.name), dlq_name::is_fifo(target));
    (own != other).then(|| {
        let detail = format!(
            "it is {} and its dead-letter queue '{target}' is {}: they have to be of one kind",
            kind(own),
            kind(other)
        );
        finding("type-mismatch", "error", detail)
    })
}

fn receives(redrive: &Redrive) -> Option<Finding> {
    let count = redrive.max_receive_count?;
    let level = match count {
        ..=1 => "warning",
        2..RECEIVES_MIN => "advice",
        _ => return None,
    };
    let detail = format!(
        "maxReceiveCount is {count}: a deployment, a throttled function or one slow dependency \
         makes dead letters of good messages; {RECEIVES_MIN} or more leaves room for retries"
    );
    Some(finding("max-receive-count", level, detail))
}

fn visibility(attributes: &Attributes) -> Option<Finding> {
    let visibility_s = attributes.visibility_s?;
    (visibility_s <= VISIBILITY_DEFAULT_S).then(|| {
        let detail = format!(
            "a received message is visible again after {visibility_s}s: a consumer that takes \
             longer gets it twice and dead-letters it early; for Lambda at least 6 times the \
             function's timeout"
        );
        finding("visibility-timeout", "advice", detail)
    })
}

fn finding(rule: &str, level: &str, detail: String) -> Finding {
    Finding { rule: rule.into(), level: level.into(), detail }
}

/// Returns the name at the end of an ARN.
fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn span(seconds: u64) -> String {
    show_span(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
