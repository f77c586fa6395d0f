//! Grouping of a sample by fingerprint, message by message, without storing bodies.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::{Fingerprint, VERSION};
use crate::rules::evidence::bundle::{Fingerprints, Group};
use crate::time::Timestamp;

/// Groups of the messages added so far, by the id of their fingerprint. The order of adding affects
/// only the order of the ids within a group.
#[derive(Debug, Default)]
pub struct Grouper {
    groups: BTreeMap<String, GroupBuilder>,
}

#[derive(Debug)]
struct GroupBuilder {
    /// The smallest fingerprint of the group's messages, so that the order of arrival does not
    /// matter.
    representative: Fingerprint,
    contents: HashSet<u64>,
    /// The messages and their times; the rest is empty.
    group: Group,
}

impl Grouper {
    /// Adds a message: its id in the bundle, when it was sent, the digest of its content
    /// ([`crate::rules::evidence::decode::Content::digest`]), and its fingerprint.
    pub fn add(
        &mut self,
        item: &str,
        sent: Option<Timestamp>,
        content: u64,
        fingerprint: Fingerprint,
    ) {
        let entry = self.groups.entry(fingerprint.id.clone());
        let GroupBuilder { representative, contents, group } =
            entry.or_insert_with(|| GroupBuilder {
                representative: fingerprint.clone(),
                contents: HashSet::new(),
                group: Group::default(),
            });
        if fingerprint < *representative {
            *representative = fingerprint;
        }
        contents.insert(content);
        group.messages.push(item.to_owned());
        group.first_sent_at = group.first_sent_at.into_iter().chain(sent).min();
        group.last_sent_at = group.last_sent_at.into_iter().chain(sent).max();
    }

    /// Returns the groups as `f1`, `f2` …, the largest first; equal sizes in the order of the
    /// fingerprint.
    pub fn finish(self) -> Fingerprints {
        let mut groups: Vec<GroupBuilder> = self.groups.into_values().collect();
        groups.sort_by_key(|builder| Reverse(builder.group.messages.len()));
        let numbered = (1..).zip(groups);
        let finished =
            numbered.map(|(n, GroupBuilder { representative, contents, group })| Group {
                item: format!("f{n}"),
                id: representative.id,
                version: VERSION,
                title: representative.title,
                kind: representative.kind.as_str().into(),
                why: representative.why,
                producer: representative.producer.as_str().into(),
                payload: representative.payload.as_str().into(),
                code: representative.code,
                exception: representative.exception,
                message: representative.message,
                place: representative.place,
                count: group.messages.len() as u64,
                distinct: contents.len() as u64,
                ..group
            });
        Fingerprints { fingerprints: finished.collect() }
    }
}
