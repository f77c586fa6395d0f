//! The statements of people that hold notices back: acknowledgements and silences.

use crate::document::{Document, Keys};
use crate::error::Error;
use crate::rules::notification::ack::Acks;
use crate::rules::notification::silence::Silences;
use crate::store::Store;

/// The statements as they are now. One that cannot be read counts as never made: to tell too much is
/// safer than to tell nothing.
#[derive(Debug, Default)]
pub struct Statements {
    pub silences: Silences,
    pub acks: Acks,
    pub unreadable: Vec<Error>,
}

impl Statements {
    /// Reads the statements, with the errors of those that cannot be read.
    pub fn read(store: &Store) -> Self {
        let mut unreadable = Vec::new();
        let silences = read(store, &mut unreadable);
        let acks = read(store, &mut unreadable);
        Statements { silences, acks, unreadable }
    }
}

fn read<D: Document>(store: &Store, unreadable: &mut Vec<Error>) -> D {
    store.read(&Keys::all()).unwrap_or_else(|error| {
        unreadable.push(error);
        D::default()
    })
}
