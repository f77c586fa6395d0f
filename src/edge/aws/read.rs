//! Reading many queues at once, and parsing the attributes of one queue.
//!
//! Promises: one reading for each queue, in the order given; never more requests in flight than
//! allowed; a missing count is a [`ReadError`], never zero.

use std::collections::{BTreeMap, HashMap};
use std::convert::identity;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Sqs;
use super::circuit_breaker::CircuitBreaker;
use super::client::{Clients, Priority, ScopeClient};
use super::error::call_error;
use crate::clock;
use crate::rules::queue::reading::{Attributes, Backlog, Counts, ReadError, Reading, Redrive};

/// The least and the most requests that a scope which has not answered may have in flight. Its
/// circuit breaker opens after as many failures.
const PROBES: (usize, usize) = (4, 8);
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
        self.sync(|clients| clients.read(queues, Priority::Foreground, identity))
    }

    /// Reads queues as [`Sqs::read`] does, and keeps of each what a round judges.
    pub fn read_backlogs(&self, queues: &[(usize, String)]) -> Vec<Reading<Backlog>> {
        self.sync(|clients| clients.read(queues, Priority::Foreground, Reading::backlog))
    }

    /// Returns what a queue says about the messages that are sent to it.
    pub fn sending_limits(&self, scope: usize, url: &str) -> Result<SendingLimits, ReadError> {
        let names = [Name::MaximumMessageSize, Name::DelaySeconds];
        let send = |client: Client| {
            let asked = Some(names.to_vec());
            client.get_queue_attributes().queue_url(url).set_attribute_names(asked).send()
        };
        let answer = self.sync(|clients| clients.request(scope, Priority::Foreground, send))?;
        let given = answer.attributes.unwrap_or_default();
        let number = |name| given.get(name).and_then(|number| number.trim().parse().ok());
        Ok(SendingLimits { size_max: number(&names[0]), delay_s: number(&names[1]) })
    }
}

/// The attributes of a queue that matter to a sender; None for one that it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendingLimits {
    /// The longest message that it accepts, in bytes.
    pub size_max: Option<u64>,
    /// The time for which a message waits before it can be received, in seconds.
    pub delay_s: Option<u64>,
}

/// A scope during one call of [`Clients::read`].
struct ScopeReader<'a> {
    scope: &'a ScopeClient,
    client: Client,
    breaker: CircuitBreaker,
    /// Limits the requests until one is answered, so that a silent scope does not use up the limit
    /// of all.
    probes: Semaphore,
}

impl Clients {
    /// Reads queues, and keeps of each reading what `keep` returns.
    pub(super) async fn read<T: Clone + Send>(
        &self,
        queues: &[(usize, String)],
        priority: Priority,
        keep: fn(Reading) -> Reading<T>,
    ) -> Vec<Reading<T>> {
        let mut by_scope: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, (scope, _)) in queues.iter().enumerate() {
            by_scope.entry(*scope).or_default().push(index);
        }
        let readings = Mutex::new(vec![None; queues.len()]);
        let put = |index: usize, reading: Reading| {
            readings.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(keep(reading));
        };
        // Each scope by itself: one that is slow to sign in or to answer must not hold up others.
        let read = by_scope
            .into_iter()
            .map(|(scope, indices)| self.read_scope(scope, indices, queues, priority, &put));
        join_all(read).await;
        let readings = readings.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::with_capacity(readings.len());
        all.extend(readings.into_iter().flatten());
        all
    }

    /// Reads the queues of one scope, given by their indices.
    async fn read_scope(
        &self,
        scope: usize,
        indices: Vec<usize>,
        queues: &[(usize, String)],
        priority: Priority,
        put: &(dyn Fn(usize, Reading) + Sync),
    ) {
        let scope = &self.scopes[scope];
        let client = match scope.client().await {
            Ok(client) => client,
            Err(error) => {
                for index in indices {
                    put(index, Reading { at: clock::now(), result: Err(error.clone()) });
                }
                return;
            }
        };
        scope.answers.begin();
        let workers = self.workers(priority);
        let probes = (workers / 4).clamp(PROBES.0, PROBES.1);
        let (breaker, probes) = (CircuitBreaker::new(probes), Semaphore::new(probes));
        let reader = ScopeReader { scope, client, breaker, probes };
        let requests = stream::iter(indices).map(|index| {
            let read = self.read_one(&reader, &queues[index].1, priority);
            async move { (index, read.await) }
        });
        // Unordered: one silent queue must not hold up the others.
        let mut answers = pin!(requests.buffer_unordered(workers));
        let mut refused = false;
        while let Some((index, reading)) = answers.next().await {
            refused |= matches!(reading.result, Err(ReadError::Credentials(_)));
            put(index, reading);
        }
        // At the end: a reading that fails late must not discard credentials that are new again.
        if refused {
            scope.invalidate_credentials().await;
        }
    }

    async fn read_one(&self, reader: &ScopeReader<'_>, url: &str, priority: Priority) -> Reading {
        // Closed by the first answer, or by as many failures as there are probes.
        let probe = reader.probes.acquire().await.ok();
        if let Err(error) = reader.breaker.check() {
            return Reading { at: clock::now(), result: Err(error) };
        }
        let _permits = self.acquire(priority).await;
        let at = clock::now();
        let names = Some(ATTRIBUTES.to_vec());
        let queue = reader.client.get_queue_attributes().queue_url(url);
        let result = match queue.set_attribute_names(names).send().await {
            Ok(answer) => attributes(&answer.attributes.unwrap_or_default()),
            Err(error) => Err(reader.scope.explained(call_error(&error), url)),
        };
        reader.breaker.record(&result);
        if reader.breaker.is_decided() {
            reader.probes.close();
        }
        // No other request takes the place of a probe that failed.
        probe.into_iter().for_each(SemaphorePermit::forget);
        Reading { at, result }
    }
}

/// Parses the attributes of a queue. Odd values are unknown. Odd or missing counts are an error, and
/// so is a redrive policy that is no JSON: the dead-letter queue that it names would be left out.
fn attributes(given: &HashMap<Name, String>) -> Result<Attributes, ReadError> {
    let number = |name: Name| given.get(&name)?.trim().parse::<u64>().ok();
    let no_counts = || ReadError::Other("the answer has no counts".into());
    let count = |name| number(name).ok_or_else(no_counts);
    let policy = given.get(&Name::RedrivePolicy).filter(|policy| !policy.trim().is_empty());
    let policy: Option<Value> = match policy.map(|policy| serde_json::from_str(policy)) {
        Some(Err(_)) => return Err(ReadError::Other("its redrive policy is no JSON".into())),
        read => read.and_then(Result::ok),
    };
    Ok(Attributes {
        arn: given.get(&Name::QueueArn).cloned().unwrap_or_default(),
        counts: Counts {
            visible: count(Name::ApproximateNumberOfMessages)?,
            in_flight: count(Name::ApproximateNumberOfMessagesNotVisible)?,
            delayed: count(Name::ApproximateNumberOfMessagesDelayed)?,
        },
        retention_s: number(Name::MessageRetentionPeriod),
        visibility_s: number(Name::VisibilityTimeout),
        redrive: policy.as_ref().and_then(redrive),
    })
}

/// Parses `{"deadLetterTargetArn":"arn:…","maxReceiveCount":5}`, the count a number or a string.
fn redrive(policy: &Value) -> Option<Redrive> {
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
            let mut all = full();
            all.insert(Name::RedrivePolicy, policy.into());
            let redrive = attributes(&all).unwrap().redrive;
            assert_eq!(redrive.map(|one| one.max_receive_count), expected, "{policy}");
        }
        let mut broken = full();
        broken.insert(Name::RedrivePolicy, "{\"deadLetter".into());
        let error = attributes(&broken).unwrap_err().to_string();
        assert_eq!(error, "its redrive policy is no JSON");
    }
}
