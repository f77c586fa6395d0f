//! A circuit breaker: stops asking a scope in which nothing answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::rules::queue::reading::ReadError;

/// The failures of one scope during one reading. A network that is down is noticed after the
/// first failures, instead of after a timeout for every queue.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    limit: usize,
    /// The failures; `None` after an answer.
    failures: Mutex<Option<Vec<ReadError>>>,
}

impl CircuitBreaker {
    /// Opens after `limit` failures, if nothing has answered by then.
    pub(super) fn new(limit: usize) -> Self {
        CircuitBreaker { limit, failures: Mutex::new(Some(Vec::new())) }
    }

    /// Returns the last failure while the breaker is open, that is, no request should be sent.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        match self.failures().as_deref() {
            Some(failures @ [.., last]) if failures.len() >= self.limit => Err(last.clone()),
            _ => Ok(()),
        }
    }

    /// Whether the failures are decided: by an answer, or by reaching the limit.
    pub(super) fn is_decided(&self) -> bool {
        self.failures().as_ref().is_none_or(|failures| failures.len() >= self.limit)
    }

    /// Counts the result of a request. A refusal by the service is an answer, too.
    pub(super) fn record<T>(&self, result: &Result<T, ReadError>) {
        use ReadError::{Clock, Credentials, Network, TimedOut};
        let mut failures = self.failures();
        match result {
            Err(error @ (Network(_) | TimedOut | Credentials(_) | Clock(_))) => {
                failures.iter_mut().for_each(|failures| failures.push(error.clone()));
            }
            _ => *failures = None,
        }
    }

    fn failures(&self) -> MutexGuard<'_, Option<Vec<ReadError>>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaker_opens_after_failures_without_any_answer() {
        let timeout = || Err(ReadError::TimedOut);
        let network = || Err(ReadError::Network("connection refused".into()));
        let credentials = || Err(ReadError::Credentials("none found".into()));
        let denied = || Err(ReadError::Denied);
        type Answer = Result<(), ReadError>;
        let cases: [(&str, Vec<Answer>, Answer); 8] = [
            ("nothing was asked", vec![], Ok(())),
            ("fewer failures than the limit", vec![timeout(), timeout()], Ok(())),
            ("as many as the limit", vec![timeout(), timeout(), network()], network()),
            ("credentials count", vec![credentials(), credentials(), credentials()], credentials()),
            ("an answer before", vec![Ok(()), timeout(), timeout(), timeout()], Ok(())),
            ("an answer after", vec![timeout(), timeout(), timeout(), Ok(())], Ok(())),
            ("a refusal is an answer", vec![denied(), timeout(), timeout(), timeout()], Ok(())),
            ("refusals alone", vec![denied(), denied(), denied()], Ok(())),
        ];
        for (rule, results, expected) in cases {
            let breaker = CircuitBreaker::new(3);
            results.iter().for_each(|result| breaker.record(result));
            assert_eq!(breaker.check(), expected, "{rule}");
            // Else requests would wait for ever for a decision.
            assert!(breaker.is_decided() || results.len() < 3, "{rule}");
        }
    }
}
