//! The limits of the state: how long texts are, and what is dropped from a full collection.

use std::collections::HashMap;

/// The longest key and name that is kept, in bytes.
pub const NAME_MAX: usize = 300;
/// The longest text that is kept, in bytes.
pub const TEXT_MAX: usize = 500;

/// Returns the begin of a key or name. Equal keys stay equal.
pub fn name(text: &str) -> &str {
    &text[..text.floor_char_boundary(NAME_MAX)]
}

/// Returns the begin of a text, without the space around it.
pub fn text(text: &str) -> Box<str> {
    let text = text.trim();
    text[..text.floor_char_boundary(TEXT_MAX)].into()
}

/// Returns [`text`] of a field; None when it is unknown or empty.
pub fn field(field: Option<&str>) -> Option<Box<str>> {
    field.map(text).filter(|text| !text.is_empty())
}

/// Returns the value of a key, a new one if there was none. A full map first loses a tenth, that which
/// comes first in order.
pub fn entry<'a, T: Default, K: Ord>(
    map: &'a mut HashMap<Box<str>, T>,
    key: &str,
    max: usize,
    order: impl Fn(&T) -> K,
) -> &'a mut T {
    if !map.contains_key(key) {
        if map.len() >= max {
            make_room(map, max / 10 + 1, order);
        }
        map.insert(key.into(), T::default());
    }
    // The key is there: `or_default` would copy it for each event.
    map.get_mut(key).expect("the key was inserted")
}

fn make_room<T, K: Ord>(map: &mut HashMap<Box<str>, T>, count: usize, order: impl Fn(&T) -> K) {
    let mut keys: Vec<(K, &str)> = map.iter().map(|(key, one)| (order(one), &**key)).collect();
    keys.sort_unstable();
    let keys: Vec<Box<str>> = keys.into_iter().take(count).map(|(_, key)| key.into()).collect();
    for key in keys {
        map.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_map_loses_those_that_come_first() {
        let mut map: HashMap<Box<str>, u32> = (0..100).map(|n| (n.to_string().into(), n)).collect();
        *entry(&mut map, "a", 101, |n| *n) = 200;
        assert_eq!(map.len(), 101);
        assert_eq!(*entry(&mut map, "99", 101, |n| *n), 99, "known");
        assert_eq!(*entry(&mut map, "b", 101, |n| *n), 0);
        assert_eq!((map.len(), map.values().filter(|n| **n > 0).min()), (91, Some(&11)));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let long = "ã".repeat(1000);
        assert_eq!((name(&long).len(), text(&long).len()), (NAME_MAX, TEXT_MAX));
        assert_eq!(
            (field(Some("  ")), field(Some(" a ")), field(None)),
            (None, Some("a".into()), None)
        );
    }
}
