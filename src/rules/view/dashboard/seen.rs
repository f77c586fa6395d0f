//! The events that were taken in, by source and id.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// The newest events of a kind that are known by their ids.
const WINDOW: usize = 32_768;

/// The newest ids. Readings and heartbeats have a window of their own, so that their number pushes no
/// other event out.
#[derive(Debug, Default, Clone)]
pub struct SeenEvents {
    bulk: SeenWindow,
    news: SeenWindow,
}

#[derive(Debug, Default, Clone)]
struct SeenWindow {
    order: VecDeque<u64>,
    /// The hashes of `order`.
    known: HashSet<u64, BuildHasherDefault<SameHash>>,
}

impl SeenEvents {
    /// Records an event. Returns whether it is new, as far as the window reaches back.
    pub fn insert(&mut self, source: &str, id: &str, is_bulk: bool) -> bool {
        let mut hash = DefaultHasher::new();
        (source, id).hash(&mut hash);
        let window = if is_bulk { &mut self.bulk } else { &mut self.news };
        window.insert(hash.finish())
    }
}

impl SeenWindow {
    fn insert(&mut self, hash: u64) -> bool {
        if !self.known.insert(hash) {
            return false;
        }
        if self.order.len() == WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(hash);
        true
    }
}

/// The hash of a number that is a hash already.
#[derive(Debug, Default, Clone)]
struct SameHash(u64);

impl Hasher for SameHash {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_event_is_known_until_the_window_has_passed() {
        let mut seen = SeenEvents::default();
        assert!(seen.insert("a", "1", false) && seen.insert("b", "1", false));
        assert!(seen.insert("a", "1", true), "another window");
        for n in 0..WINDOW - 2 {
            assert!(seen.insert("a", &format!("n{n}"), false));
        }
        assert!(!seen.insert("a", "1", false));
        assert!(seen.insert("a", "one more", false));
        assert!(seen.insert("a", "1", false), "the oldest id is forgotten");
        assert_eq!(seen.news.known.len(), WINDOW);
    }
}
