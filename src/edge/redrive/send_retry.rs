//! Sends that are repeated while SQS throttles them.

use std::time::Duration;

use crate::clock;
use crate::edge::aws::{BatchError, Outgoing, SendResult, Sqs};
use crate::rules::queue::reading::ReadError;

/// The waits before a send that was throttled is tried again.
const RETRIES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Sends requests, and repeats those that were throttled: SQS has not taken them.
pub(super) fn send_all(
    sqs: &Sqs,
    scope: usize,
    url: &str,
    batches: &[Vec<Outgoing<'_>>],
) -> Vec<SendResult> {
    let mut results = sqs.send_batches(scope, url, batches);
    for wait in RETRIES {
        let is_throttled = |one: &SendResult| {
            matches!(one, Err(BatchError { error: ReadError::Throttled, is_refused: true }))
        };
        if !results.iter().any(is_throttled) {
            break;
        }
        sqs.wait_until(clock::tick() + wait);
        for (result, batch) in results.iter_mut().zip(batches) {
            if is_throttled(result) {
                *result = sqs.send(scope, url, batch);
            }
        }
    }
    results
}
