//! Lint of queue settings that lose messages.
//!
//! Promises: a rule that needs an unreadable setting reports nothing; no finding is a guess.

use std::collections::HashSet;
use std::time::Duration;

use super::dlq_name;
use super::reading::{Attributes, Redrive};
use super::redrive_graph::{Graph, QueueNode, ScopeSurvey, Survey};
use crate::event::{Finding, Queue, QueueLinted};
use crate::glob::GlobList;
use crate::time::show_span;

/// The least maxReceiveCount that leaves room for retries.
const RECEIVES_MIN: u64 = 5;
/// The visibility timeout that SQS sets by default, in seconds.
const VISIBILITY_DEFAULT_S: u64 = 30;

/// Returns the findings of a survey that read the queues' attributes, in its order. A queue with
/// findings need not be a DLQ.
pub fn lint(survey: &Survey, patterns: Option<&GlobList>) -> Vec<QueueLinted> {
    let mut all = Vec::new();
    for seen in &survey.scopes {
        let graph = Graph::new(seen, &[]);
        let arns: HashSet<&str> = graph.nodes.iter().map(|node| node.queue.arn.as_str()).collect();
        for node in &graph.nodes {
            let findings = judge(&graph, &arns, node, patterns);
            if !findings.is_empty() {
                all.push(QueueLinted { queue: node.queue.clone(), findings });
            }
        }
    }
    all
}

/// Returns the names of queues of which cannot be told whether they are orphans, because the survey
/// could not read queues that may be their sources.
pub fn undecided_orphans(seen: &ScopeSurvey, patterns: Option<&GlobList>) -> Vec<String> {
    let graph = Graph::new(seen, &[]);
    let is_undecided = |queue: &&Queue| {
        !graph.complete && queue.sources.is_empty() && dlq_name::is_dlq_name(&queue.name, patterns)
    };
    let queues = graph.nodes.iter().map(|node| &node.queue);
    queues.filter(is_undecided).map(|queue| queue.name.clone()).collect()
}

fn judge(
    graph: &Graph,
    arns: &HashSet<&str>,
    node: &QueueNode,
    patterns: Option<&GlobList>,
) -> Vec<Finding> {
    let has_source = !node.queue.sources.is_empty();
    let is_named = dlq_name::is_dlq_name(&node.queue.name, patterns);
    let redrive = node.attributes.and_then(|attributes| attributes.redrive.as_ref());
    let findings = [
        (is_named && !has_source && graph.complete).then(orphan),
        node.attributes.and_then(|attributes| retention(graph, node, attributes)),
        redrive.filter(|_| has_source || is_named).map(chained),
        redrive.and_then(|redrive| match arns.contains(redrive.target.as_str()) {
            true => mixed(node, redrive),
            false => Some(dangling(node, redrive)),
        }),
        redrive.and_then(receives),
        redrive.and(node.attributes).and_then(visibility),
    ];
    findings.into_iter().flatten().collect()
}

/// Compares the retention with that of the sources. A dead letter of a standard queue keeps the
/// time at which it was first sent, so the DLQ may delete it on arrival when a source keeps
/// messages as long. In FIFO queues the time starts at arrival.
fn retention(graph: &Graph, node: &QueueNode, attributes: &Attributes) -> Option<Finding> {
    if node.queue.fifo {
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
        "it has a redrive policy of its own: repeated receives move its messages on to '{}'",
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
    let scope_of = |arn: &str| arn.rsplit_once(':').map(|(scope, _)| scope.to_owned());
    let why = if scope_of(&redrive.target) == scope_of(&node.queue.arn) {
        "which does not exist"
    } else {
        "which is in another account or region, where SQS does not deliver"
    };
    let detail = format!("it sends dead letters to '{target}', {why}: they will not arrive");
    finding("dangling-target", "error", detail)
}

fn mixed(node: &QueueNode, redrive: &Redrive) -> Option<Finding> {
    let target = name_of(&redrive.target);
    let (own, other) = match (node.queue.fifo, dlq_name::is_fifo(target)) {
        (true, false) => ("a FIFO queue", "a standard queue"),
        (false, true) => ("a standard queue", "a FIFO queue"),
        _ => return None,
    };
    let detail = format!(
        "it is {own} and its dead-letter queue '{target}' is {other}: they have to be of one kind"
    );
    Some(finding("type-mismatch", "error", detail))
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
    let visibility_s = attributes.visibility_s.filter(|time| *time <= VISIBILITY_DEFAULT_S)?;
    let detail = format!(
        "a received message is visible again after {visibility_s}s: a consumer that takes longer \
         gets it twice and dead-letters it early; for Lambda at least 6 times the function's timeout"
    );
    Some(finding("visibility-timeout", "advice", detail))
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
