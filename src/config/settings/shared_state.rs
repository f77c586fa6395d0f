//! Keys of `state.shared`: the state that machines have in common.

use std::time::Duration;

use super::super::keys::Trust::Anyone;
use super::super::keys::{read_entry, section};
use super::super::valid;
use super::super::value::{Field, Result};
use super::{MINUTE, REGION, SECOND};

section! {
    /// Map `state.shared`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct SharedState, SHARED for entry: SharedState [] in "state.shared";
    /// Table of DynamoDB that has the documents.
    dynamodb: DynamodbTable = required, file Anyone => dynamodb_table();
    /// Time by which what two machines believe of the table's time may differ.
    max_skew: Duration = "5s", file Anyone => span(SECOND * 2..=MINUTE);
}

section! {
    /// Map `state.shared.dynamodb`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct DynamodbTable, DYNAMODB for entry: DynamodbTable [] in "state.shared.dynamodb";
    /// Name of the table.
    table: String = required, file Anyone => text();
    /// Region of the table; without it, the region of the profile.
    region: Option<String> = none, file Anyone => text_like(REGION, valid::region);
    /// Profile of the AWS configuration files for the table; without it, that of aws.
    profile: Option<String> = none, file Anyone => text();
    /// Endpoint URL that replaces that of DynamoDB.
    endpoint_url: Option<String> = none, file Anyone => endpoint();
}

impl Field<'_> {
    /// Reads `state.shared`.
    pub(super) fn shared_state(&self) -> Result<SharedState> {
        read_entry(SHARED, self)
    }

    fn dynamodb_table(&self) -> Result<DynamodbTable> {
        read_entry(DYNAMODB, self)
    }
}
