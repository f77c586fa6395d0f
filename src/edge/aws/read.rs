//! Reading many queues at once, and parsing the attributes of one queue.
//!
//! Promises: one reading for each queue, in the order given; never more requests in flight than
//! allowed; a missing count is a [`ReadError`], never zero.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};

use super::Sqs;
use super::circuit_breaker::CircuitBreaker;
use super::client::{Clients, Priority};
use super::error::call_error;
use crate::clock;
use crate::rules::queue::reading::{Attributes, Counts, ReadError, Reading, Redrive};

/// A circuit breaker tolerates this many failures at least.
const FAILURES_MIN: usize = 8;
const ATTRIBUTES: [Name; 7] = [
    Name::QueueArn,
    Name::ApproximateNumberOfMessages,
    Name::ApproximateNumberOfMessagesNotVisible,
    Name::ApproximateNumberOfMessagesDelayed,
    Name::MessageRetentionPeriod,
    Name::VisibilityTimeout,
    Name::RedrivePolicy,
];

impl Sqs {
    /// Reads queues, each given by its scope and URL, and returns the readings in their order.
    pub fn read(&self, queues: &[(usize, String)]) -> Vec<Reading> {
        self.sync(|clients| clients.read(queues, Priority::Foreground))
    }
}

/// A scope during one call of [`Clients::read`].
struct ScopeReader {
    client: Result<Client, ReadError>,
    breaker: CircuitBreaker,
}

impl Clients {
    pub(super) async fn read(
        &self,
        queues: &[(usize, String)],
        priority: Priority,
    ) -> Vec<Reading> {
        let workers = self.workers(priority);
        let readers = self.scope_readers(queues, workers.max(FAILURES_MIN)).await;
        let requests = stream::iter(0..queues.len()).map(|index| {
            let (scope, url) = &queues[index];
            let read = self.read_one(&readers[scope], url, priority);
            async move { (index, read.await) }
        });
        // Unordered: one silent queue must not hold up the others.
        let mut answers = pin!(requests.buffer_unordered(workers));
        let mut readings = vec![None; queues.len()];
        while let Some((index, reading)) = answers.next().await {
            readings[index] = Some(reading);
        }
        let readings: Vec<Reading> = readings.into_iter().flatten().collect();
        // Once a scope: a reading that fails late must not discard credentials that are new again.
        let refused = |reading: &Reading| matches!(reading.result, Err(ReadError::Credentials(_)));
        let answered = queues.iter().zip(&readings).filter(|(_, reading)| refused(reading));
        for scope in answered.map(|((scope, _), _)| *scope).collect::<BTreeSet<usize>>() {
            self.scopes[scope].invalidate_credentials().await;
        }
        readings
    }

    /// Fetches each scope's client once, or its error.
    async fn scope_readers(
        &self,
        queues: &[(usize, String)],
        limit: usize,
    ) -> HashMap<usize, ScopeReader> {
        let scopes: BTreeSet<usize> = queues.iter().map(|(scope, _)| *scope).collect();
        let reader = async |scope: usize| {
            let breaker = CircuitBreaker::new(limit);
            (scope, ScopeReader { client: self.scopes[scope].client().await, breaker })
        };
        join_all(scopes.into_iter().map(reader)).await.into_iter().collect()
    }

    async fn read_one(&self, reader: &ScopeReader, url: &str, priority: Priority) -> Reading {
        let client = match (reader.client.clone(), reader.breaker.check()) {
            (Ok(client), Ok(())) => client,
            (Err(error), _) | (_, Err(error)) => {
                return Reading { at: clock::now(), result: Err(error) };
            }
        };
        self.acquire(priority).await;
        let at = clock::now();
        let names = Some(ATTRIBUTES.to_vec());
        let sent = client.get_queue_attributes().queue_url(url).set_attribute_names(names).send();
        let result = match sent.await {
            Ok(answer) => attributes(&answer.attributes.unwrap_or_default()),
            Err(error) => Err(call_error(&error)),
        };
        reader.breaker.record(&result);
        Reading { at, result }
    }
}

/// Parses the attributes of a queue. Odd values are unknown; odd or missing counts are an error.
fn attributes(given: &HashMap<Name, String>) -> Result<Attributes, ReadError> {
    let number = |name: Name| given.get(&name)?.trim().parse::<u64>().ok();
    let no_counts = || ReadError::Other("the answer has no counts".into());
    let count = |name| number(name).ok_or_else(no_counts);
    Ok(Attributes {
        arn: given.get(&Name::QueueArn).cloned().unwrap_or_default(),
        counts: Counts {
            visible: count(Name::ApproximateNumberOfMessages)?,
            in_flight: count(Name::ApproximateNumberOfMessagesNotVisible)?,
            delayed: count(Name::ApproximateNumberOfMessagesDelayed)?,
        },
        retention_s: number(Name::MessageRetentionPeriod),
        visibility_s: number(Name::VisibilityTimeout),
        redrive: given.get(&Name::RedrivePolicy).and_then(|policy| redrive(policy)),
    })
}

/// Parses `{"deadLetterTargetArn":"arn:…","maxReceiveCount":5}`, the count a number or a string.
fn redrive(policy: &str) -> Option<Redrive> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    let target = policy.get("deadLetterTargetArn")?.as_str().filter(|arn| !arn.is_empty())?;
    let count = policy.get("maxReceiveCount");
    let count = count.and_then(|n| n.as_u64().or_else(|| n.as_str()?.trim().parse().ok()));
    Some(Redrive { target: target.to_owned(), max_receive_count: count })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(Name, &str)]) -> HashMap<Name, String> {
        pairs.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect()
    }

    fn full() -> HashMap<Name, String> {
        given(&[
            (Name::QueueArn, "arn:aws:sqs:eu-west-1:123456789012:x"),
            (Name::ApproximateNumberOfMessages, "3"),
            (Name::ApproximateNumberOfMessagesNotVisible, "2"),
            (Name::ApproximateNumberOfMessagesDelayed, "1"),
            (Name::MessageRetentionPeriod, "345600"),
            (Name::VisibilityTimeout, "30"),
        ])
    }

    #[test]
    fn attributes_of_a_full_answer_are_parsed() {
        let read = attributes(&full()).unwrap();
        assert_eq!(read.counts.depth(), 6);
        assert_eq!(
            (read.retention_s, read.visibility_s, read.redrive),
            (Some(345_600), Some(30), None)
        );
    }

    #[test]
    fn counts_missing_or_odd_are_an_error_never_zero() {
        for name in &ATTRIBUTES[1..4] {
            let mut without = full();
            without.remove(name);
            assert!(attributes(&without).is_err(), "{name}");
            for odd in ["", "-1", "many", "1.5"] {
                without.insert(name.clone(), odd.into());
                let error = attributes(&without).unwrap_err();
                assert_eq!(error.to_string(), "the answer has no counts", "{name} {odd}");
            }
        }
        assert!(attributes(&HashMap::new()).is_err());
    }

    #[test]
    fn attributes_other_than_counts_may_be_missing_or_odd() {
        let mut odd = full();
        odd.remove(&Name::QueueArn);
        odd.insert(Name::MessageRetentionPeriod, "long".into());
        let read = attributes(&odd).unwrap();
        assert_eq!((read.arn.as_str(), read.retention_s), ("", None));
    }

    #[test]
    fn redrive_policies_are_parsed() {
        let cases = [
            (r#"{"deadLetterTargetArn":"arn:x","maxReceiveCount":5}"#, Some(Some(5))),
            (r#"{"deadLetterTargetArn":"arn:x","maxReceiveCount":"5"}"#, Some(Some(5))),
            (r#"{"deadLetterTargetArn":"arn:x","maxReceiveCount":"a lot"}"#, Some(None)),
            (r#"{"deadLetterTargetArn":"arn:x","new":[1]}"#, Some(None)),
            (r#"{"deadLetterTargetArn":"","maxReceiveCount":5}"#, None),
            (r#"{"maxReceiveCount":5}"#, None),
            ("", None),
            ("null", None),
            ("[]", None),
        ];
        for (policy, expected) in cases {
            let count = redrive(policy).map(|redrive| redrive.max_receive_count);
            assert_eq!(count, expected, "{policy}");
        }
    }
}
