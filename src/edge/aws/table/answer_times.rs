//! The table's time, by the dates of its answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use crate::clock;
use crate::edge::aws::error::date;
use crate::rules::lease::{TableClock, TableMoment};

/// The clock of a table, fed by each answer.
#[derive(Debug, Clone, Default)]
pub(super) struct AnswerTimes(Arc<Mutex<TableClock>>);

/// The moment at which an attempt was sent.
#[derive(Debug)]
struct SentAt(Duration);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

impl AnswerTimes {
    /// Returns the present; None before the first answer.
    pub(super) fn now(&self) -> Option<TableMoment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now(clock::uptime())
    }
}

impl Intercept for AnswerTimes {
    fn name(&self) -> &'static str {
        "AnswerTimes"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(SentAt(clock::uptime()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(date), Some(sent)) = (date(context.response()), bag.load::<SentAt>()) {
            let mut clock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            clock.hear(date, sent.0, clock::uptime());
        }
        Ok(())
    }
}
