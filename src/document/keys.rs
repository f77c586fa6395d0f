//! The keys of the records that a decision asks for.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A kind of record in a document, such as `session`.
pub type RecordKind = &'static str;

/// The records that a decision asks for. [`Keys::all`] and [`Keys::with_all`] are for decisions
/// that need every record; ARCHITECTURE.md lists them with their reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys<'a> {
    /// Every record of every kind.
    all: bool,
    kinds: BTreeMap<RecordKind, RecordIds<'a>>,
}

/// A kind, and the ids that are named of it; None for all.
#[cfg(any(test, feature = "dynamodb"))]
pub type NamedKind<'k> = (RecordKind, Option<Vec<&'k str>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum RecordIds<'a> {
    All,
    Some(BTreeSet<Cow<'a, str>>),
}

impl<'a> Keys<'a> {
    /// Names no record.
    pub fn none() -> Self {
        Keys::default()
    }

    /// Names every record of a document.
    pub fn all() -> Self {
        Keys { all: true, ..Keys::default() }
    }

    /// Names one record.
    pub fn one(kind: RecordKind, id: impl Into<Cow<'a, str>>) -> Self {
        Keys::none().with(kind, [id])
    }

    /// Adds records of a kind; they need not exist.
    pub fn with<I: Into<Cow<'a, str>>>(
        mut self,
        kind: RecordKind,
        ids: impl IntoIterator<Item = I>,
    ) -> Self {
        if let RecordIds::Some(known) =
            self.kinds.entry(kind).or_insert_with(|| RecordIds::Some(BTreeSet::new()))
        {
            known.extend(ids.into_iter().map(Into::into));
        }
        self
    }

    /// Names all records of a kind.
    pub fn with_all(mut self, kind: RecordKind) -> Self {
        self.kinds.insert(kind, RecordIds::All);
        self
    }

    /// Whether all records of a kind are named.
    pub fn contains_all(&self, kind: RecordKind) -> bool {
        self.all || matches!(self.kinds.get(kind), Some(RecordIds::All))
    }

    /// Whether a record is named.
    pub fn contains(&self, kind: &str, id: &str) -> bool {
        self.all
            || match self.kinds.get(kind) {
                Some(RecordIds::All) => true,
                Some(RecordIds::Some(ids)) => ids.contains(id),
                None => false,
            }
    }

    /// Returns the ids of each kind that is named, None where all of it is; None when all kinds are.
    #[cfg(any(test, feature = "dynamodb"))]
    pub fn kinds(&self) -> Option<Vec<NamedKind<'_>>> {
        let kinds = self.kinds.iter().map(|(kind, ids)| match ids {
            RecordIds::All => (*kind, None),
            RecordIds::Some(ids) => (*kind, Some(ids.iter().map(AsRef::as_ref).collect())),
        });
        (!self.all).then(|| kinds.collect())
    }
}
