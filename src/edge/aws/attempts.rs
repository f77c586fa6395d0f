//! Attempts at requests: counted, and not repeated where nothing answers.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_sqs::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

use super::error::date;
use crate::clock;
use crate::rules::queue::server_clock::ServerClock;
use crate::time::Timestamp;

/// A scope that has answered nothing for this long is not asked again by the same request.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// The answers of a scope during one reading.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(Arc<AnswerState>);

#[derive(Debug, Default)]
struct AnswerState {
    /// The start of the reading.
    begun: Mutex<Option<Instant>>,
    answered: AtomicBool,
    /// The URL that is asked.
    url: OnceLock<String>,
    /// The clock of the server.
    clock: Mutex<ServerClock>,
    /// The moment from which its answers are timed.
    origin: OnceLock<Instant>,
}

impl Answers {
    /// Begins a reading, and forgets earlier answers.
    pub(super) fn begin(&self) {
        *self.0.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::tick());
        self.0.answered.store(false, Ordering::Relaxed);
    }

    /// Whether there was an answer.
    pub(super) fn any(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// Returns the URL of the first request; `None` before it.
    pub(super) fn url(&self) -> Option<&str> {
        self.0.url.get().map(String::as_str)
    }

    /// Returns the time of the server, by the dates of its answers.
    pub(super) fn server_time(&self) -> Timestamp {
        let at = self.age();
        self.0.clock.lock().unwrap_or_else(PoisonError::into_inner).now(at, clock::now())
    }

    /// Returns a time that is not later than that of the server.
    pub(super) fn earliest_server_time(&self) -> Timestamp {
        let at = self.age();
        self.0.clock.lock().unwrap_or_else(PoisonError::into_inner).earliest(at, clock::now())
    }

    /// Returns a time that is not earlier than that of the server.
    pub(super) fn latest_server_time(&self) -> Timestamp {
        let at = self.age();
        self.0.clock.lock().unwrap_or_else(PoisonError::into_inner).latest(at, clock::now())
    }

    fn hear(&self, date: Timestamp) {
        let at = self.age();
        self.0.clock.lock().unwrap_or_else(PoisonError::into_inner).hear(date, at);
    }

    fn age(&self) -> Duration {
        let now = clock::tick();
        now.saturating_duration_since(*self.0.origin.get_or_init(|| now))
    }

    fn is_silent(&self) -> bool {
        let begun = *self.0.begun.lock().unwrap_or_else(PoisonError::into_inner);
        !self.any() && begun.is_none_or(|begun| begun.elapsed() >= SILENCE_MAX)
    }
}

/// Counts requests as they are sent, retries included, and notes answers.
#[derive(Debug)]
pub(super) struct RequestCounter(pub(super) Arc<AtomicU64>, pub(super) Answers);

impl Intercept for RequestCounter {
    fn name(&self) -> &'static str {
        "RequestCounter"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.1.0.url.get_or_init(|| context.request().uri().to_owned());
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = date(context.response()) {
            self.1.hear(date);
        }
        self.1.0.answered.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether no program listens at the address.
fn is_refused(error: Option<&ConnectorError>) -> bool {
    let cause = error.and_then(StdError::source);
    cause.is_some_and(|cause| cause.to_string().ends_with("connection refused"))
}

/// Refuses to repeat a request to a scope that is silent, so that the scope costs one timeout and
/// not one for each attempt, and to one that has only refused connections.
#[derive(Debug)]
pub(super) struct NoRetryOfSilence(pub(super) Answers);

impl ClassifyRetry for NoRetryOfSilence {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error))
                if (error.is_timeout_error() && self.0.is_silent())
                    || (is_refused(error.as_connector_error()) && !self.0.any()) =>
            {
                RetryAction::RetryForbidden
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "NoRetryOfSilence"
    }
}
