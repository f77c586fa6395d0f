//! The events that were taken in, by source and id.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// The newest events that are known by their ids.
const NEWS: usize = 32_768;
/// The newest readings and heartbeats that are known: to take one twice changes no figure but the
/// number of events.
const BULK: usize = 4096;
/// An odd number with as many ones as zeros, for the hash.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

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
        let hash = hash(hash(FACTOR, source.as_bytes()), id.as_bytes());
        if is_bulk { self.bulk.insert(hash, BULK) } else { self.news.insert(hash, NEWS) }
    }
}

/// Adds bytes to a hash. Faster than that of the standard library, which resists attacks: whoever can
/// write events need not make them collide.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mix = |hash: u64, part: u64| {
        let product = u128::from(hash ^ part) * u128::from(FACTOR);
        (product as u64) ^ (product >> 64) as u64
    };
    let (parts, rest) = bytes.as_chunks();
    let hash = parts.iter().fold(seed, |hash, part| mix(hash, u64::from_le_bytes(*part)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // The length distinguishes a text from one with zeros after it.
    mix(mix(hash, u64::from_le_bytes(last)), bytes.len() as u64)
}

impl SeenWindow {
    fn insert(&mut self, hash: u64, max: usize) -> bool {
        if !self.known.insert(hash) {
            return false;
        }
        if self.order.len() == max
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
        for n in 0..NEWS - 2 {
            assert!(seen.insert("a", &format!("n{n}"), false));
        }
        assert!(!seen.insert("a", "1", false));
        assert!(seen.insert("a", "one more", false));
        assert!(seen.insert("a", "1", false), "the oldest id is forgotten");
        assert_eq!(seen.news.known.len(), NEWS);
    }

    #[test]
    fn hashes_of_similar_ids_differ() {
        let mut all = HashSet::new();
        for n in 0..200_000 {
            assert!(
                all.insert(hash(FACTOR, format!("018f0000-0000-8000-8000-{n:012x}").as_bytes()))
            );
        }
        for text in ["", "\0", "\0\0", "a", "a\0", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaa\0"] {
            assert!(all.insert(hash(FACTOR, text.as_bytes())), "{text:?}");
        }
    }
}
