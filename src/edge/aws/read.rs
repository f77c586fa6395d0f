//! Reading many queues at once, and what one queue says.
//!
//! Lanes take the next question as soon as they have an answer; all that they share is in
//! [`Round`]. Promises: the answers come in the order of the questions, one for each; a count that
//! is not there is a [`ReadError`], never zero.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use tokio::task::JoinSet;

use super::Want;
use super::error::of_call;
use super::list::{Hurry, World, stopped};
use crate::clock;
use crate::rules::queue::reading::{Attributes, Counts, ReadError, Reading, Redrive};

impl World {
    /// Reads queues, some at once, and gives the answers in the order of the questions.
    pub(super) async fn read(
        self: Arc<Self>,
        jobs: Vec<(usize, String)>,
        want: Want,
        hurry: Hurry,
    ) -> Vec<Reading> {
        let lanes = match hurry {
            Hurry::Now => self.lanes,
            Hurry::Aside => (self.lanes / 4).max(1),
        };
        let scopes: HashSet<usize> = jobs.iter().map(|(scope, _)| *scope).collect();
        let round = Arc::new(Round {
            streets: self.clone().streets(&scopes).await,
            next: AtomicUsize::new(0),
            answers: Mutex::new(vec![None; jobs.len()]),
            jobs,
            want,
            hurry,
            // As many failures as are under way at once.
            patience: lanes.max(8),
        });
        let mut working = JoinSet::new();
        for _ in 0..lanes.min(round.jobs.len()) {
            working.spawn(self.clone().lane(round.clone()));
        }
        working.join_all().await;
        for (scope, street) in &round.streets {
            if street.distrusted.load(Ordering::Relaxed) {
                self.doors[*scope].distrust().await;
            }
        }
        let mut answers = round.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let fill = |answer: Option<Reading>| {
            answer.unwrap_or_else(|| Reading { at: clock::now(), result: Err(stopped()) })
        };
        answers.drain(..).map(fill).collect()
    }

    /// A client for each scope, or why there is none: asked once, not once for every queue.
    async fn streets(self: Arc<Self>, scopes: &HashSet<usize>) -> HashMap<usize, Street> {
        let mut asked = JoinSet::new();
        for &scope in scopes {
            let world = self.clone();
            asked.spawn(async move { (scope, world.client(scope).await) });
        }
        let street = |(scope, client)| (scope, Street::new(client));
        asked.join_all().await.into_iter().map(street).collect()
    }

    async fn lane(self: Arc<Self>, round: Arc<Round>) {
        loop {
            let index = round.next.fetch_add(1, Ordering::Relaxed);
            let Some((scope, url)) = round.jobs.get(index) else {
                return;
            };
            let reading = match round.streets.get(scope) {
                Some(street) => self.read_one(street, url, &round).await,
                None => Reading { at: clock::now(), result: Err(stopped()) },
            };
            let mut answers = round.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers[index] = Some(reading);
        }
    }

    async fn read_one(&self, street: &Street, url: &str, round: &Round) -> Reading {
        let client = match street.open(round.patience) {
            Ok(client) => client,
            Err(miss) => {
                return Reading { at: clock::now(), result: Err(miss) };
            }
        };
        self.token(round.hurry).await;
        let at = clock::now();
        let names = Some(round.want.names().to_vec());
        let sent = client.get_queue_attributes().queue_url(url).set_attribute_names(names).send();
        let result = match sent.await {
            Ok(answer) => attributes(&answer.attributes.unwrap_or_default()),
            Err(error) => Err(of_call(&error)),
        };
        street.heed(&result);
        Reading { at, result }
    }
}

/// What the lanes of one reading share.
struct Round {
    jobs: Vec<(usize, String)>,
    next: AtomicUsize,
    answers: Mutex<Vec<Option<Reading>>>,
    streets: HashMap<usize, Street>,
    want: Want,
    hurry: Hurry,
    patience: usize,
}

/// One scope during one reading. When nothing there has answered and many have failed, the rest
/// are not asked: a network that is down is found out in seconds, not in seconds for every queue.
struct Street {
    client: Result<Client, ReadError>,
    answered: AtomicBool,
    failed: AtomicUsize,
    distrusted: AtomicBool,
    last: Mutex<Option<ReadError>>,
}

impl Street {
    fn new(client: Result<Client, ReadError>) -> Self {
        Street {
            client,
            answered: AtomicBool::new(false),
            failed: AtomicUsize::new(0),
            distrusted: AtomicBool::new(false),
            last: Mutex::new(None),
        }
    }

    fn open(&self, patience: usize) -> Result<&Client, ReadError> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let hopeless = !self.answered.load(Ordering::Relaxed)
            && self.failed.load(Ordering::Relaxed) >= patience;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(miss) if hopeless => Err(miss.clone()),
            _ => Ok(client),
        }
    }

    fn heed(&self, result: &Result<Attributes, ReadError>) {
        match result {
            Err(
                miss @ (ReadError::Network(_) | ReadError::TimedOut | ReadError::Credentials(_)),
            ) => {
                if matches!(miss, ReadError::Credentials(_)) {
                    self.distrusted.store(true, Ordering::Relaxed);
                }
                self.failed.fetch_add(1, Ordering::Relaxed);
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                *last = Some(miss.clone());
            }
            // A refusal is an answer, too.
            _ => self.answered.store(true, Ordering::Relaxed),
        }
    }
}

impl Want {
    fn names(self) -> &'static [Name] {
        const NAMES: [Name; 7] = [
            Name::QueueArn,
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
            Name::MessageRetentionPeriod,
            Name::VisibilityTimeout,
            Name::RedrivePolicy,
        ];
        match self {
            Want::Counts => &NAMES[..5],
            Want::Settings => &NAMES,
        }
    }
}

/// What a queue says, read with patience; but counts that are not there are not zero.
fn attributes(said: &HashMap<Name, String>) -> Result<Attributes, ReadError> {
    let number = |name: Name| said.get(&name)?.trim().parse::<u64>().ok();
    let no_counts = || ReadError::Other("the answer has no counts".into());
    let count = |name| number(name).ok_or_else(no_counts);
    Ok(Attributes {
        arn: said.get(&Name::QueueArn).cloned().unwrap_or_default(),
        counts: Counts {
            visible: count(Name::ApproximateNumberOfMessages)?,
            in_flight: count(Name::ApproximateNumberOfMessagesNotVisible)?,
            delayed: count(Name::ApproximateNumberOfMessagesDelayed)?,
        },
        retention_s: number(Name::MessageRetentionPeriod),
        visibility_s: number(Name::VisibilityTimeout),
        redrive: said.get(&Name::RedrivePolicy).and_then(|policy| redrive(policy)),
    })
}

/// `{"deadLetterTargetArn":"arn:…","maxReceiveCount":5}`, the count as a number or a string.
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

    fn said(pairs: &[(Name, &str)]) -> HashMap<Name, String> {
        pairs.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect()
    }

    fn full() -> HashMap<Name, String> {
        said(&[
            (Name::QueueArn, "arn:aws:sqs:eu-west-1:123456789012:x"),
            (Name::ApproximateNumberOfMessages, "3"),
            (Name::ApproximateNumberOfMessagesNotVisible, "2"),
            (Name::ApproximateNumberOfMessagesDelayed, "1"),
            (Name::MessageRetentionPeriod, "345600"),
            (Name::VisibilityTimeout, "30"),
        ])
    }

    #[test]
    fn a_full_answer_is_read() {
        let read = attributes(&full()).unwrap();
        assert_eq!(read.counts.depth(), 6);
        assert_eq!(
            (read.retention_s, read.visibility_s, read.redrive),
            (Some(345_600), Some(30), None)
        );
    }

    #[test]
    fn counts_that_are_missing_or_odd_are_a_miss_and_never_zero() {
        for name in &Want::Counts.names()[1..4] {
            let mut without = full();
            without.remove(name);
            assert!(attributes(&without).is_err(), "{name}");
            for odd in ["", "-1", "many", "1.5"] {
                without.insert(name.clone(), odd.into());
                let miss = attributes(&without).unwrap_err();
                assert_eq!(miss.to_string(), "the answer has no counts", "{name} {odd}");
            }
        }
        assert!(attributes(&HashMap::new()).is_err());
    }

    #[test]
    fn other_values_may_be_missing_or_odd() {
        let mut odd = full();
        odd.remove(&Name::QueueArn);
        odd.insert(Name::MessageRetentionPeriod, "long".into());
        let read = attributes(&odd).unwrap();
        assert_eq!((read.arn.as_str(), read.retention_s), ("", None));
    }

    #[test]
    fn redrive_policies() {
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

    #[test]
    fn a_street_is_given_up_only_when_nothing_has_answered() {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
            .build();
        let street = || Street::new(Ok(Client::from_conf(config.clone())));
        let dead = street();
        for _ in 0..8 {
            assert!(dead.open(8).is_ok());
            dead.heed(&Err(ReadError::TimedOut));
        }
        assert_eq!(dead.open(8).unwrap_err(), ReadError::TimedOut);
        let limping = street();
        limping.heed(&Err(ReadError::Denied));
        for _ in 0..100 {
            limping.heed(&Err(ReadError::TimedOut));
        }
        assert!(limping.open(8).is_ok());
        let closed = Street::new(Err(ReadError::Credentials("none found".into())));
        assert!(closed.open(8).is_err());
    }
}
