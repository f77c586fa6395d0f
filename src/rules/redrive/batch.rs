//! The requests that messages are sent in. Pure.

use std::collections::HashMap;

use crate::rules::evidence::message::{Attribute, Message};

/// The most messages of a request.
pub const ENTRIES_MAX: usize = 10;
/// The most bytes of a request with more than one message. Today's limit of SQS is 1 MiB; servers and
/// regions with the earlier one refuse a larger request as a whole.
pub const BYTES_MAX: u64 = 262_144;

/// Returns the size of a message as SQS counts it: body, and name, type and value of each attribute.
pub fn size(message: &Message) -> u64 {
    let value = |value: &Attribute| match value {
        Attribute::Text(text) => text.len(),
        Attribute::Binary(bytes) => bytes.len(),
    };
    let attributes = message.attributes.iter().map(|(name, one)| name.len() + value(one));
    let types = message.attribute_types.values().map(String::len);
    (message.body.len() + attributes.sum::<usize>() + types.sum::<usize>()) as u64
}

/// Divides messages, each with its size and its group, into requests, as indices. A request has at
/// most one message of a group: an entry that fails cannot be overtaken by a later message of its group.
pub fn requests(messages: &[(u64, Option<&str>)]) -> Vec<Vec<usize>> {
    let mut requests: Vec<(u64, Vec<usize>)> = Vec::new();
    // The first request that the next message of a group may be in.
    let mut after: HashMap<&str, usize> = HashMap::new();
    for (index, (size, group)) in messages.iter().enumerate() {
        let first = group.and_then(|group| after.get(group).copied()).unwrap_or(0);
        let has_room = |(bytes, entries): &(u64, Vec<usize>)| {
            entries.len() < ENTRIES_MAX && bytes + size <= BYTES_MAX
        };
        let found = (first..requests.len()).find(|at| has_room(&requests[*at]));
        let at = found.unwrap_or_else(|| {
            requests.push((0, Vec::new()));
            requests.len() - 1
        });
        requests[at].0 += size;
        requests[at].1.push(index);
        if let Some(group) = group {
            after.insert(group, at + 1);
        }
    }
    requests.into_iter().map(|(_, entries)| entries).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_limits_and_the_order_of_groups() {
        let plain = |sizes: &[u64]| sizes.iter().map(|&size| (size, None)).collect::<Vec<_>>();
        let grouped = |groups: &[&'static str]| {
            groups.iter().map(|&group| (10, Some(group))).collect::<Vec<_>>()
        };
        let half = BYTES_MAX / 2;
        type Row = (&'static str, Vec<(u64, Option<&'static str>)>, Vec<Vec<usize>>);
        let rows: [Row; 7] = [
            ("nothing", vec![], vec![]),
            ("few", plain(&[1, 2, 3]), vec![vec![0, 1, 2]]),
            ("eleven", plain(&[1; 11]), vec![(0..10).collect(), vec![10]]),
            ("large ones", plain(&[half, half, 1]), vec![vec![0, 1], vec![2]]),
            ("one over the limit of several", plain(&[1, BYTES_MAX + 1]), vec![vec![0], vec![1]]),
            ("one group", grouped(&["a", "a", "a"]), vec![vec![0], vec![1], vec![2]]),
            ("groups", grouped(&["a", "b", "a", "b", "c"]), vec![vec![0, 1, 4], vec![2, 3]]),
        ];
        for (rule, messages, expected) in rows {
            assert_eq!(requests(&messages), expected, "{rule}");
        }
    }

    #[test]
    fn size_counts_body_and_attributes() {
        let mut message = Message { body: "four".into(), ..Message::default() };
        assert_eq!(size(&message), 4);
        message.attributes.insert("name".into(), Attribute::Binary(vec![0; 100]));
        message.attribute_types.insert("name".into(), "Binary".into());
        assert_eq!(size(&message), 4 + 4 + 100 + 6);
    }

    proptest::proptest! {
        #[test]
        fn requests_have_every_message_once_and_groups_in_order(
            messages in proptest::collection::vec((0..200_000u64, 0..4u8), 0..60)
        ) {
            let names = ["a", "b", "c"];
            let given: Vec<_> = messages.iter()
                .map(|(size, group)| (*size, names.get(usize::from(*group)).copied())).collect();
            let found = requests(&given);
            let mut all: Vec<usize> = found.concat();
            for entries in &found {
                let groups: Vec<_> = entries.iter().filter_map(|at| given[*at].1).collect();
                let distinct: std::collections::HashSet<_> = groups.iter().collect();
                assert!(entries.len() <= ENTRIES_MAX && distinct.len() == groups.len());
                let bytes: u64 = entries.iter().map(|at| given[*at].0).sum();
                assert!(entries.len() == 1 || bytes <= BYTES_MAX);
            }
            for name in names {
                let sent: Vec<_> = all.iter().filter(|at| given[**at].1 == Some(name)).collect();
                assert!(sent.is_sorted());
            }
            all.sort_unstable();
            assert_eq!(all, (0..given.len()).collect::<Vec<_>>());
        }
    }
}
