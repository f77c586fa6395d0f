//! Grouping of a sample by fingerprint, message by message, without storing bodies.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashSet};

use super::{Fingerprint, VERSION, titles};
use crate::rules::evidence::bundle::{Fingerprints, Group};
use crate::time::Timestamp;

/// Limit on the groups that a form is compared with.
const COMPARED_MAX: usize = 200;
/// Fewest common paths of payloads of nearly the same form.
const COMMON_MIN: usize = 3;

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

impl GroupBuilder {
    fn join(&mut self, other: GroupBuilder) {
        self.contents.extend(other.contents);
        self.group.messages.extend(other.group.messages);
        let first = [self.group.first_sent_at, other.group.first_sent_at];
        let last = [self.group.last_sent_at, other.group.last_sent_at];
        self.group.first_sent_at = first.into_iter().flatten().min();
        self.group.last_sent_at = last.into_iter().flatten().max();
    }
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
    /// fingerprint. Messages whose payloads have nearly the same form are one group, and no two
    /// groups have one title.
    pub fn finish(self) -> Fingerprints {
        let mut groups: Vec<GroupBuilder> = self.groups.into_values().collect();
        sort(&mut groups);
        let mut groups = with_near_forms_joined(groups);
        sort(&mut groups);
        titles::distinguish(groups.iter_mut().map(|builder| &mut builder.representative).collect());
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

/// Sorts groups by size, then by the number of their paths, then by fingerprint.
fn sort(groups: &mut [GroupBuilder]) {
    groups.sort_by(|a, b| {
        let size = |builder: &GroupBuilder| Reverse(builder.group.messages.len());
        let paths = |builder: &GroupBuilder| Reverse(builder.representative.paths.len());
        let order = size(a).cmp(&size(b)).then_with(|| paths(a).cmp(&paths(b)));
        order.then_with(|| a.representative.id.cmp(&b.representative.id))
    });
}

/// Joins every group to the first larger one whose payload has nearly the same form: an optional
/// key does not make another cause.
fn with_near_forms_joined(groups: Vec<GroupBuilder>) -> Vec<GroupBuilder> {
    let mut kept: Vec<GroupBuilder> = Vec::with_capacity(groups.len());
    for builder in groups {
        let near = kept
            .iter_mut()
            .take(COMPARED_MAX)
            .find(|known| are_near(&known.representative, &builder.representative));
        match near {
            Some(known) => known.join(builder),
            None => kept.push(builder),
        }
    }
    kept
}

/// Returns whether two payloads have nearly the same form: the same words, no path with two types,
/// and most paths in common.
fn are_near(a: &Fingerprint, b: &Fingerprint) -> bool {
    if a.paths.is_empty() || b.paths.is_empty() || a.words() != b.words() {
        return false;
    }
    let path = |typed: &str| typed.rsplit_once(':').map_or(0, |(path, _)| path.len());
    let (mut left, mut right) = (a.paths.iter().peekable(), b.paths.iter().peekable());
    let (mut common, mut all) = (0usize, 0usize);
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        all += 1;
        match one.cmp(other) {
            Ordering::Equal => {
                common += 1;
                left.next();
                right.next();
            }
            order => {
                let len = path(one);
                if len == path(other) && one[..len] == other[..len] {
                    return false;
                }
                if order == Ordering::Less {
                    left.next()
                } else {
                    right.next()
                };
            }
        }
    }
    all += left.count() + right.count();
    let fewer = a.paths.len().min(b.paths.len());
    common >= COMMON_MIN.min(fewer) && common * 2 >= all && common * 5 >= fewer * 4
}
