//! Grouping of a sample by fingerprint, message by message, without storing bodies.

use std::collections::{BTreeMap, HashSet};

use super::{Fingerprint, VERSION};
use crate::rules::evidence::bundle::{Fingerprints, Group};
use crate::time::Timestamp;

/// Groups of the messages added so far. The order of adding affects only the order of the ids
/// within a group.
#[derive(Debug, Default)]
pub struct Grouper {
    groups: BTreeMap<String, GroupBuilder>,
}

#[derive(Debug)]
struct GroupBuilder {
    /// The smallest fingerprint of the group's messages, so that the order of arrival does not
    /// matter.
    representative: Fingerprint,
    messages: Vec<String>,
    contents: HashSet<u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Grouper {
    /// Adds a message: its id in the bundle, when it was sent, the digest of its content
    /// ([`crate::rules::evidence::decode::Content::digest`]), and its fingerprint.
    pub fn add(
        &mut self,
        item: &str,
        sent: Option<Timestamp>,
        content: u64,
        representative: Fingerprint,
    ) {
        let group = match self.groups.get_mut(&representative.id) {
            Some(group) => {
                if representative < group.representative {
                    group.representative = representative;
                }
                group
            }
            None => self.groups.entry(representative.id.clone()).or_insert_with(|| GroupBuilder {
                representative,
                messages: Vec::new(),
                contents: HashSet::new(),
                first: None,
                last: None,
            }),
        };
        group.messages.push(item.to_owned());
        group.contents.insert(content);
        group.first = group.first.into_iter().chain(sent).min();
        group.last = group.last.into_iter().chain(sent).max();
    }

    /// Returns the groups as `f1`, `f2` …, the largest first; equal sizes in the order of the
    /// fingerprint.
    pub fn finish(self) -> Fingerprints {
        let mut groups: Vec<GroupBuilder> = self.groups.into_values().collect();
        groups.sort_by(|a, b| {
            b.messages
                .len()
                .cmp(&a.messages.len())
                .then_with(|| a.representative.id.cmp(&b.representative.id))
        });
        let fingerprints = groups
            .into_iter()
            .enumerate()
            .map(|(index, group)| group.into_group(format!("f{}", index + 1)))
            .collect();
        Fingerprints { fingerprints }
    }
}

impl GroupBuilder {
    fn into_group(self, item: String) -> Group {
        Group {
            item,
            id: self.representative.id,
            version: VERSION,
            title: self.representative.title,
            kind: self.representative.kind.as_str().into(),
            why: self.representative.why,
            producer: self.representative.producer.as_str().into(),
            payload: self.representative.payload.as_str().into(),
            code: self.representative.code,
            exception: self.representative.exception,
            message: self.representative.message,
            count: self.messages.len() as u64,
            messages: self.messages,
            distinct: self.contents.len() as u64,
            first_sent_at: self.first,
            last_sent_at: self.last,
        }
    }
}
