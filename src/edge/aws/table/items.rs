//! Records and locks as items of DynamoDB, and the conditions of the protocol in its words.
//!
//! Every name of an attribute is given by a placeholder, because hundreds of words are reserved.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};

use crate::rules::lease::{LeaseChange, LeaseCondition, LeaseItem, Nonce};
use crate::store::{LockItem, RecordChange, TableRecord, Transaction};
use crate::time::Timestamp;

pub(super) type TableItem = HashMap<String, AttributeValue>;

/// Returns the sort key of a record. No kind has a `#`.
pub(super) fn sort_key(kind: &str, key: &str) -> String {
    format!("{kind}#{key}")
}

fn text(item: &TableItem, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn number<T: std::str::FromStr>(item: &TableItem, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn of_number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Reads a record.
pub(super) fn record(item: &TableItem) -> Option<TableRecord> {
    let sort = text(item, "sk")?;
    let (kind, key) = sort.split_once('#')?;
    Some(TableRecord {
        kind: kind.to_owned(),
        key: key.to_owned(),
        json: text(item, "body")?,
        rev: number(item, "rev")?,
        place: number(item, "place")?,
        version: number(item, "version")?,
    })
}

/// Reads a lock.
pub(super) fn lock(item: &TableItem) -> Option<LockItem> {
    let lease = LeaseItem {
        nonce: Nonce(u128::from_str_radix(&text(item, "nonce")?, 16).ok()?),
        fence: number(item, "fence")?,
        until: Timestamp::from_millis(number(item, "until")?),
        beat: number(item, "beat")?,
        done: number(item, "done")?,
    };
    Some(LockItem { lease, host: text(item, "host")?, version: number(item, "version")? })
}

/// The names and values of an expression; only those that it uses, because others are refused.
#[derive(Debug, Default)]
pub(super) struct Expression {
    names: HashMap<String, String>,
    values: TableItem,
}

impl Expression {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    /// Returns `#NAME OPERATOR :VALUE`.
    fn term(&mut self, name: &str, operator: &str, value: (&str, AttributeValue)) -> String {
        let placeholder = format!(":{}", value.0);
        self.values.insert(placeholder.clone(), value.1);
        format!("{} {operator} {placeholder}", self.name(name))
    }

    pub(super) fn names(&self) -> HashMap<String, String> {
        self.names.clone()
    }

    pub(super) fn values(&self) -> TableItem {
        self.values.clone()
    }

    /// Writes a condition as [`LeaseCondition::holds`] has it.
    pub(super) fn condition(&mut self, condition: &LeaseCondition) -> String {
        match *condition {
            LeaseCondition::Free { before, below } => {
                let missing = format!("attribute_not_exists({})", self.name("nonce"));
                let ended = self.term("until", "<", ("before", of_number(before.millis())));
                let lower = self.term("fence", "<", ("below", of_number(below)));
                format!("{missing} OR ({ended} AND {lower})")
            }
            LeaseCondition::Held { nonce, fence, beat } => {
                let mut all = self.term("nonce", "=", ("held", of_nonce(nonce)));
                all += " AND ";
                all += &self.term("fence", "=", ("held_fence", of_number(fence)));
                if let Some(beat) = beat {
                    all += " AND ";
                    all += &self.term("beat", "=", ("held_beat", of_number(beat)));
                }
                all
            }
        }
    }

    /// Writes a change as [`LeaseChange::applied`] has it.
    pub(super) fn change(&mut self, change: &LeaseChange, host: &str, version: u64) -> String {
        let terms = match *change {
            LeaseChange::Take { nonce, fence, until } => {
                let done = self.term("done", "=", ("done", of_number(fence - 1)));
                let version = self.term("version", "=", ("version", of_number(version)));
                [
                    self.term("nonce", "=", ("nonce", of_nonce(nonce))),
                    self.term("fence", "=", ("fence", of_number(fence))),
                    self.term("until", "=", ("until", of_number(until.millis()))),
                    self.term("beat", "=", ("beat", of_number(0))),
                    self.term("host", "=", ("host", AttributeValue::S(host.to_owned()))),
                    done.replace("= :done", "= if_not_exists(#done, :done)"),
                    version.replace("= :version", "= if_not_exists(#version, :version)"),
                ]
                .join(", ")
            }
            LeaseChange::Renew { beat, until } => [
                self.term("beat", "=", ("beat", of_number(beat))),
                self.term("until", "=", ("until", of_number(until.millis()))),
            ]
            .join(", "),
            LeaseChange::End { fence } => [
                self.term("nonce", "=", ("nobody", of_nonce(Nonce::NOBODY))),
                self.term("until", "=", ("ended", of_number(0))),
                self.term("done", "=", ("done", of_number(fence))),
            ]
            .join(", "),
        };
        format!("SET {terms}")
    }
}

fn of_nonce(nonce: Nonce) -> AttributeValue {
    AttributeValue::S(format!("{:032x}", nonce.0))
}

/// Returns the actions of a transaction, that on the lock first.
pub(super) fn actions(
    table: &str,
    lock_key: TableItem,
    transaction: &Transaction<'_>,
) -> Result<Vec<TransactWriteItem>, BuildError> {
    let Transaction { document, version, changes, lock, ends_lock } = *transaction;
    let mut expression = Expression::default();
    let condition = expression.condition(&lock.condition);
    let action = TransactWriteItem::builder();
    let first = if ends_lock {
        let version = expression.term("version", "=", ("version", of_number(version)));
        let change = expression.change(&lock.change, "", 0);
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(lock_key))
            .condition_expression(condition)
            .update_expression(format!("{change}, {version}"))
            .set_expression_attribute_names(Some(expression.names()))
            .set_expression_attribute_values(Some(expression.values()));
        action.update(update.build()?)
    } else {
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(lock_key))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(expression.names()))
            .set_expression_attribute_values(Some(expression.values()));
        action.condition_check(check.build()?)
    };
    let mut actions = vec![first.build()];
    for change in changes {
        actions.push(of_change(table, document, change)?);
    }
    Ok(actions)
}

fn of_change(
    table: &str,
    document: &str,
    change: &RecordChange,
) -> Result<TransactWriteItem, BuildError> {
    let (kind, key) = change.id();
    let of_text = |text: &str| AttributeValue::S(text.to_owned());
    let id = [("pk", of_text(document)), ("sk", of_text(&sort_key(kind, key)))];
    let id = id.map(|(name, value)| (name.to_owned(), value));
    let action = TransactWriteItem::builder();
    let action = match change {
        RecordChange::Put { record, was } => {
            let mut item = TableItem::from(id);
            item.insert("body".into(), of_text(&record.json));
            item.insert("rev".into(), of_number(record.rev));
            item.insert("place".into(), of_number(record.place));
            item.insert("version".into(), of_number(record.version));
            let put = Put::builder().table_name(table).set_item(Some(item));
            action.put(match was {
                None => put.condition_expression("attribute_not_exists(pk)").build()?,
                Some(rev) => put
                    .condition_expression("#rev = :rev")
                    .expression_attribute_names("#rev", "rev")
                    .expression_attribute_values(":rev", of_number(rev))
                    .build()?,
            })
        }
        RecordChange::Delete { was, .. } => {
            let delete = Delete::builder().table_name(table).set_key(Some(TableItem::from(id)));
            let delete = delete
                .condition_expression("#rev = :rev")
                .expression_attribute_names("#rev", "rev")
                .expression_attribute_values(":rev", of_number(was));
            action.delete(delete.build()?)
        }
    };
    Ok(action.build())
}
