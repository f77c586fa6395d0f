//! A table of DynamoDB that machines share: the requests of `store/table.rs`.
//!
//! The table has a partition key `pk` and a sort key `sk`, both strings. A record is
//! (`DOCUMENT`, `KIND#KEY`), the lock of a document (`lock`, `DOCUMENT`); `items.rs` has the attributes. All
//! reads are consistent. The SDK repeats a request that is throttled or that a server fails, four times at
//! most, within some seconds; that a write may thus be carried out twice is the business of its
//! conditions, not of idempotency tokens. What stays without an answer is said to be unknown. Promises: a
//! list is complete or an error; no error text contains a secret.

mod answer_times;
mod items;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Builder, IdentityCache, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};

use self::answer_times::AnswerTimes;
use self::items::{Expression, TableItem};
use super::client::ScopeClient;
use super::{Scope, endpoints, error, http};
use crate::config::Monitoring;
use crate::edge::proxy::Proxies;
use crate::error::{Error, io_cause};
use crate::rules::lease::{LeaseWrite, TableMoment};
use crate::rules::queue::reading::ReadError;
use crate::store::{
    BlockingWait, Committed, LockItem, LockWritten, RecordTable, TableRecord, Transaction,
    assert_may_wait,
};

/// The partition of the locks.
const LOCKS: &str = "lock";
/// Attempts at a request, the first included.
const ATTEMPTS: u32 = 4;
/// The sum of the SDK's waits between attempts: 1, 2 and 4 seconds.
const BACKOFF: Duration = Duration::from_secs(7);
/// Attempts to read the keys that a throttled answer has left out.
const ROUNDS_MAX: u32 = 6;
/// The pages of a list, each of a MiB.
const PAGES_MAX: usize = 1000;

/// A table of DynamoDB.
#[derive(Debug)]
pub struct DynamoTable {
    /// `None` in `drop` only.
    runtime: Option<Runtime>,
    scope: ScopeClient,
    endpoint: Option<String>,
    table: String,
    host: String,
    timeout: Duration,
    times: AnswerTimes,
}

impl DynamoTable {
    /// Reads the configuration of the scope, whose endpoint is that of DynamoDB. Sends no request, unless
    /// to find the region. `host` names this machine to people on others.
    pub fn connect(
        scope: &Scope,
        limits: &Monitoring,
        table: &str,
        host: &str,
    ) -> Result<Self, Error> {
        let runtime = RuntimeBuilder::new_current_thread()
            .enable_all()
            .max_blocking_threads(32) // for host names; a lookup may hang
            .build()
            .map_err(|error| Error::failed("start", "the runtime", io_cause(&error)))?;
        let proxies = Arc::new(Proxies::from_variables(|name| std::env::var(name).ok())?);
        let client = http::http_client(proxies.clone());
        let calls = Arc::new(AtomicU64::new(0));
        let configured = ScopeClient::configure(scope, limits, (&client, &proxies), &calls);
        let configured = runtime.block_on(configured)?;
        let config = runtime.block_on(super::client::sdk_config(scope, &client));
        let endpoint = endpoints::of_service(scope, &config, "DynamoDB").map_err(Error::wrong)?;
        Ok(DynamoTable {
            runtime: Some(runtime),
            scope: configured,
            endpoint,
            table: table.to_owned(),
            host: host.to_owned(),
            timeout: limits.timeout,
            times: AnswerTimes::default(),
        })
    }

    /// Runs the runtime until a request has its answer.
    fn ask<T, E, F>(&self, send: impl FnOnce(Client) -> F) -> Result<Result<T, SdkError<E>>, Error>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        assert_may_wait(BlockingWait::Network);
        let Some(runtime) = &self.runtime else {
            unreachable!("the runtime is taken in drop only")
        };
        runtime.block_on(async {
            let client = self.client().await.map_err(|cause| self.failed("ask", &cause))?;
            Ok(send(client).await)
        })
    }

    /// Returns a client with credentials that do not expire soon. Connections are those of the scope.
    async fn client(&self) -> Result<Client, ReadError> {
        let (config, credentials) = self.scope.signed_in().await?;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.timeout * 9 / 10)
            .operation_attempt_timeout(self.timeout)
            .operation_timeout(self.timeout * ATTEMPTS + BACKOFF)
            .build();
        let mut builder = Builder::from(&config)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(self.times.clone());
        builder.set_endpoint_url(self.endpoint.clone());
        Ok(Client::from_conf(builder.build()))
    }

    fn failed(&self, doing: &str, cause: &ReadError) -> Error {
        let cause = match cause {
            ReadError::Missing => "it does not exist in this account and region".to_owned(),
            other => other.to_string().replace("one of SQS", "one of DynamoDB"),
        };
        Error::failed(&format!("{doing} the table"), &self.table, cause)
    }

    fn key(partition: &str, sort: &str) -> HashMap<String, AttributeValue> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        HashMap::from([("pk".to_owned(), text(partition)), ("sk".to_owned(), text(sort))])
    }

    /// Reads single items. Keys that an answer leaves out are asked for again.
    fn get(&self, keys: Vec<TableItem>) -> Result<Vec<TableItem>, Error> {
        let (mut wanted, mut found) = (keys, Vec::new());
        for round in 0..ROUNDS_MAX {
            if wanted.is_empty() {
                return Ok(found);
            }
            let keys = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true);
            let keys = keys.build().map_err(|error| self.unbuilt(&error))?;
            let asked = self.ask(|client| async move {
                if round > 0 {
                    tokio::time::sleep(Duration::from_millis(50 << round)).await;
                }
                client.batch_get_item().request_items(&self.table, keys).send().await
            })?;
            let answer = asked.map_err(|error| self.failed("read", &error::call_error(&error)))?;
            let responses = answer.responses.unwrap_or_default();
            found.extend(responses.into_values().flatten());
            let left = answer.unprocessed_keys.unwrap_or_default();
            wanted = left.into_values().flat_map(|keys| keys.keys).collect();
        }
        match wanted.is_empty() {
            true => Ok(found),
            false => Err(self.failed("read", &ReadError::Throttled)),
        }
    }

    fn unbuilt(&self, error: &dyn StdError) -> Error {
        self.failed("ask", &ReadError::Other(error.to_string()))
    }

    fn record(&self, item: &TableItem) -> Result<TableRecord, Error> {
        items::record(item).ok_or_else(|| {
            let cause = "an item has not the attributes of a record; another program writes there";
            self.failed("read", &ReadError::Other(cause.into()))
        })
    }

    /// Returns the error of a write that was surely not carried out; else why that is not known.
    fn unknown<E>(&self, error: &SdkError<E>) -> Result<String, Error>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let cause = error::call_error(error);
        let may_be_done = match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let code = service.err().code().map(error::plain_code);
                // A transaction on the same item goes on: the write is to be sent again.
                status >= 500 || code.is_some_and(|code| code.starts_with("Transaction"))
            }
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        if may_be_done { Ok(cause.to_string()) } else { Err(self.failed("write", &cause)) }
    }
}

impl RecordTable for DynamoTable {
    fn now(&self) -> Option<TableMoment> {
        self.times.now()
    }

    fn name(&self) -> &str {
        &self.table
    }

    fn lock(&self, document: &str) -> Result<Option<LockItem>, Error> {
        let found = self.get(vec![Self::key(LOCKS, document)])?;
        Ok(found.first().and_then(items::lock))
    }

    fn write_lock(
        &self,
        document: &str,
        write: &LeaseWrite,
        version: u64,
    ) -> Result<LockWritten, Error> {
        let mut expression = Expression::default();
        let condition = expression.condition(&write.condition);
        let update = expression.change(&write.change, &self.host, version);
        let asked = self.ask(|client| {
            let request = client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(Self::key(LOCKS, document)))
                .condition_expression(condition)
                .update_expression(update)
                .set_expression_attribute_names(Some(expression.names()))
                .set_expression_attribute_values(Some(expression.values()))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            request.send()
        })?;
        let lock = |item: Option<&TableItem>| item.and_then(items::lock);
        match asked {
            Ok(answer) => Ok(lock(answer.attributes.as_ref()).map_or_else(
                || LockWritten::Unknown("the answer has no lock".into()),
                LockWritten::Done,
            )),
            Err(error) => match error.as_service_error() {
                // A server that does not tell the item is asked for it.
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(lock(refused.item()).map_or_else(
                        || LockWritten::Unknown("the lock is held".into()),
                        LockWritten::Refused,
                    ))
                }
                _ => self.unknown(&error).map(LockWritten::Unknown),
            },
        }
    }

    fn records(&self, document: &str, ids: &[(&str, &str)]) -> Result<Vec<TableRecord>, Error> {
        let key = |(kind, key): &(&str, &str)| Self::key(document, &items::sort_key(kind, key));
        let found = self.get(ids.iter().map(key).collect())?;
        found.iter().map(|item| self.record(item)).collect()
    }

    fn all(&self, document: &str, kind: Option<&str>) -> Result<Vec<TableRecord>, Error> {
        let (mut found, mut start) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let asked = self.ask(|client| {
                let mut request = client
                    .query()
                    .table_name(&self.table)
                    .consistent_read(true)
                    .expression_attribute_values(":pk", AttributeValue::S(document.to_owned()))
                    .set_exclusive_start_key(start.take());
                request = match kind {
                    None => request.key_condition_expression("pk = :pk"),
                    Some(kind) => request
                        .key_condition_expression("pk = :pk AND begins_with(sk, :kind)")
                        .expression_attribute_values(
                            ":kind",
                            AttributeValue::S(items::sort_key(kind, "")),
                        ),
                };
                request.send()
            })?;
            let page = asked.map_err(|error| self.failed("read", &error::call_error(&error)))?;
            for item in page.items.unwrap_or_default() {
                found.push(self.record(&item)?);
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(found);
            }
        }
        let cause = format!("'{document}' has more than {PAGES_MAX} pages");
        Err(self.failed("read", &ReadError::Other(cause)))
    }

    fn commit(&self, transaction: &Transaction<'_>) -> Result<Committed, Error> {
        let key = Self::key(LOCKS, transaction.document);
        let actions = items::actions(&self.table, key, transaction);
        let actions = actions.map_err(|error| self.unbuilt(&error))?;
        let asked = self
            .ask(|client| client.transact_write_items().set_transact_items(Some(actions)).send())?;
        let Err(error) = asked else { return Ok(Committed::Done) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return self.unknown(&error).map(Committed::Unknown);
        };
        let codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
        let codes: Vec<&str> = codes.filter(|code| *code != "None").collect();
        let text = codes.first().copied().unwrap_or("TransactionCanceled").to_owned();
        if codes.contains(&"ConditionalCheckFailed") {
            return Ok(Committed::Refused("ConditionalCheckFailed".into()));
        }
        // Another transaction, or throttling: it may be sent again.
        let passes = ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"];
        match codes.iter().all(|code| passes.contains(code)) {
            true => Ok(Committed::Unknown(text)),
            false => {
                let message = cancelled.message().unwrap_or_default();
                let cause = error::first_line(&format!("{text}: {message}"));
                Err(self.failed("write", &ReadError::Other(cause)))
            }
        }
    }
}

impl Drop for DynamoTable {
    /// Abandons pending work: the lookup of a host name can take half a minute.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
