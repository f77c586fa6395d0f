//! The keys of the records that a decision asks for.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A kind of record in a document, such as `session`.
pub type Kind = &'static str;

/// The records that a decision asks for. [`Keys::all`] and [`Keys::with_all`] are for decisions
/// that need every record; ARCHITECTURE.md lists them with their reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys<'a> {
    /// Every record of every kind.
    all: bool,
    kinds: BTreeMap<Kind, Ids<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ids<'a> {
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
    pub fn one(kind: Kind, id: impl Into<Cow<'a, str>>) -> Self {
        Keys::none().with(kind, [id])
    }

    /// Names more records of a kind, also such as do not exist yet.
    pub fn with<I: Into<Cow<'a, str>>>(
        mut self,
        kind: Kind,
        ids: impl IntoIterator<Item = I>,
    ) -> Self {
        if let Ids::Some(known) =
            self.kinds.entry(kind).or_insert_with(|| Ids::Some(BTreeSet::new()))
        {
            known.extend(ids.into_iter().map(Into::into));
        }
        self
    }

    /// Names all records of a kind.
    pub fn with_all(mut self, kind: Kind) -> Self {
        self.kinds.insert(kind, Ids::All);
        self
    }

    /// Whether all records of a kind are named.
    pub fn contains_all(&self, kind: Kind) -> bool {
        self.all || matches!(self.kinds.get(kind), Some(Ids::All))
    }

    /// Whether a record is named.
    pub fn contains(&self, kind: Kind, id: &str) -> bool {
        self.all
            || match self.kinds.get(kind) {
                Some(Ids::All) => true,
                Some(Ids::Some(ids)) => ids.contains(id),
                None => false,
            }
    }
}
