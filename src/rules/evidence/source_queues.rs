//! The part of a bundle about the source queues of a dead-letter queue. Pure.

use super::bundle::SourceFacts;
use crate::event::{Finding, QueueLinted};
use crate::rules::queue::redrive_graph::{ListedQueue, queue_at};

/// Returns facts about the source queues. An unreadable queue appears by name, with all else
/// unknown.
pub fn source_facts(seen: &[ListedQueue], region: &str) -> Vec<SourceFacts> {
    let source = |seen: &ListedQueue| {
        let address = queue_at(&seen.url, region, "")?;
        let named = SourceFacts { name: address.name, arn: address.arn, ..SourceFacts::default() };
        let Some(Ok(read)) = &seen.attributes else { return Some(named) };
        Some(SourceFacts {
            arn: if read.arn.is_empty() { named.arn } else { read.arn.clone() },
            depth: Some(read.counts.depth()),
            in_flight: Some(read.counts.in_flight),
            retention_s: read.retention_s,
            visibility_s: read.visibility_s,
            max_receive_count: read.redrive.as_ref().and_then(|policy| policy.max_receive_count),
            name: named.name,
        })
    };
    seen.iter().filter_map(source).collect()
}

/// Returns the findings about the queue, and those about its sources prefixed with their names.
/// `orphan` is dropped unless the sources are known: without them nothing shows that there are
/// none.
pub fn findings(linted: Vec<QueueLinted>, queue: &str, sources_known: bool) -> Vec<Finding> {
    let mut all = Vec::new();
    for one in linted {
        let own = one.queue.name == queue;
        for finding in one.findings {
            let detail = match own {
                true => finding.detail,
                false => format!("source '{}': {}", one.queue.name, finding.detail),
            };
            if finding.rule != "orphan" || (own && sources_known) {
                all.push(Finding { detail, ..finding });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Queue;
    use crate::rules::queue::reading::{Attributes, Counts, ReadError, Redrive};

    #[test]
    fn unreadable_source_has_only_its_name() {
        let attributes = Attributes {
            arn: "arn:aws:sqs:eu-west-1:123456789012:orders".into(),
            counts: Counts { visible: 1, in_flight: 2, delayed: 3 },
            retention_s: Some(60),
            visibility_s: None,
            redrive: Some(Redrive { target: "arn:dlq".into(), max_receive_count: Some(3) }),
        };
        let url = |name: &str| format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}");
        let seen = [
            ListedQueue { url: url("orders"), attributes: Some(Ok(attributes)) },
            ListedQueue { url: url("refunds"), attributes: Some(Err(ReadError::Denied)) },
        ];
        let found = source_facts(&seen, "eu-west-1");
        assert_eq!((found[0].depth, found[0].in_flight), (Some(6), Some(2)));
        assert_eq!((found[0].max_receive_count, found[0].visibility_s), (Some(3), None));
        assert_eq!((found[1].name.as_str(), found[1].depth), ("refunds", None));
    }

    #[test]
    fn finding_of_a_source_names_the_source() {
        let linted = |name: &str, rule: &str| QueueLinted {
            queue: Queue { name: name.into(), ..Queue::default() },
            findings: vec![Finding {
                rule: rule.into(),
                level: "advice".into(),
                detail: "so".into(),
            }],
        };
        let all =
            || vec![linted("dlq", "orphan"), linted("dlq", "chained"), linted("orders", "orphan")];
        let details = |known| {
            let found = findings(all(), "dlq", known).into_iter();
            found.map(|one| one.rule + ": " + &one.detail).collect::<Vec<_>>()
        };
        assert_eq!(details(true), ["orphan: so", "chained: so"]);
        assert_eq!(details(false), ["chained: so"]);
        let found = findings(vec![linted("orders", "visibility-timeout")], "dlq", true);
        assert_eq!(found[0].detail, "source 'orders': so");
    }
}
