//! Patterns of names that match no queue, with the nearest name.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Queue;
use crate::glob::GlobList;

/// A list of patterns, and its name in a sentence: an option or a key of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedPatterns {
    origin: &'static str,
    patterns: Vec<String>,
}

impl NamedPatterns {
    pub fn new(origin: &'static str, globs: &GlobList) -> Self {
        NamedPatterns { origin, patterns: globs.patterns().to_vec() }
    }

    /// Whether an option has the patterns, and not the configuration.
    pub fn is_option(&self) -> bool {
        self.origin.starts_with("--")
    }
}

/// Returns a sentence for each pattern that matches none of the dead-letter queues. Without any
/// queue there is nothing to compare with.
pub fn sentences<'a>(
    lists: &[NamedPatterns],
    queues: impl Iterator<Item = &'a Queue>,
) -> Vec<String> {
    let known = KnownNames::new(queues);
    if known.dead_letter_queues.is_empty() {
        return Vec::new();
    }
    let patterns =
        lists.iter().flat_map(|list| list.patterns.iter().map(|pattern| (list.origin, pattern)));
    let is_unmatched = |(_, pattern): &(_, &String)| {
        let glob = GlobList::any(&[pattern]);
        glob.is_ok_and(|glob| !known.dead_letter_queues.iter().any(|name| glob.matches(name)))
    };
    let unmatched = patterns.filter(is_unmatched).map(|(origin, pattern)| {
        let queues = match known.dead_letter_queues.len() {
            1 => "the only dead-letter queue does not match".to_owned(),
            count => format!("none of {count} dead-letter queues matches"),
        };
        format!("{origin} '{pattern}': {queues}{}", known.hint(pattern))
    });
    unmatched.collect()
}

/// Returns the sentence for a selection without queues, of `known` dead-letter queues in these
/// regions.
pub fn nothing_selected(known: usize, regions: &[&str]) -> String {
    let regions = format!("'{}'", regions.join("', '"));
    match known {
        0 => format!("no dead-letter queue was found in {regions}"),
        1 => format!("the only dead-letter queue in {regions} is not selected: nothing is polled"),
        _ => format!(
            "none of {known} dead-letter queues in {regions} is selected: nothing is polled"
        ),
    }
}

/// The names that a pattern is compared with.
struct KnownNames<'a> {
    dead_letter_queues: BTreeSet<&'a str>,
    /// The names of source queues, each with a dead-letter queue of it.
    sources: BTreeMap<&'a str, &'a str>,
}

impl<'a> KnownNames<'a> {
    fn new(queues: impl Iterator<Item = &'a Queue>) -> Self {
        let (mut dead_letter_queues, mut sources) = (BTreeSet::new(), BTreeMap::new());
        for queue in queues {
            dead_letter_queues.insert(queue.name.as_str());
            sources.extend(queue.sources.iter().map(|source| (source.as_str(), &*queue.name)));
        }
        sources.retain(|source, _| !dead_letter_queues.contains(source));
        KnownNames { dead_letter_queues, sources }
    }

    /// Returns the end of a sentence about a pattern without a match: the source queue that it
    /// matches, else the nearest name; empty when none is near.
    fn hint(&self, pattern: &str) -> String {
        let glob = GlobList::any(&[pattern]);
        let is_match = |(source, _): &(&&str, _)| glob.as_ref().is_ok_and(|g| g.matches(source));
        if let Some((source, dlq)) = self.sources.iter().find(is_match) {
            return format!("; it matches '{source}', a source queue of '{dlq}'");
        }
        let names = self.dead_letter_queues.iter().chain(self.sources.keys());
        match nearest(pattern, names.copied()) {
            None => String::new(),
            Some(name) => match self.sources.get(name) {
                None => format!("; the nearest is '{name}'"),
                Some(dlq) => format!("; the nearest is '{name}', a source queue of '{dlq}'"),
            },
        }
    }
}

/// Returns the name that needs the fewest changes to match, if they are few; the first of several.
fn nearest<'a>(pattern: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let literal = pattern.chars().filter(|c| *c != '*').count();
    let near = names.map(|name| (changes(pattern, name), name)).min_by_key(|near| near.0);
    near.filter(|(changes, _)| *changes <= literal / 3).map(|(_, name)| name)
}

/// Counts the characters of a name to insert, remove or replace until a pattern matches. Only `*`
/// is special.
fn changes(pattern: &str, name: &str) -> usize {
    let name: Vec<char> = name.chars().map(|c| c.to_ascii_lowercase()).collect();
    // The changes for the pattern so far and each beginning of the name.
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for wanted in pattern.chars().map(|c| c.to_ascii_lowercase()) {
        let mut diagonal = row[0];
        row[0] += usize::from(wanted != '*');
        for (at, have) in name.iter().enumerate() {
            let (replaced, inserted, removed) = (diagonal, row[at + 1], row[at]);
            diagonal = inserted;
            row[at + 1] = match wanted {
                '*' => inserted.min(removed),
                _ => (replaced + usize::from(wanted != *have)).min(inserted + 1).min(removed + 1),
            };
        }
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_selection_is_told_from_an_empty_region() {
        let rows = [
            (0, "no dead-letter queue was found in 'r', 's'"),
            (1, "the only dead-letter queue in 'r', 's' is not selected: nothing is polled"),
            (7, "none of 7 dead-letter queues in 'r', 's' is selected: nothing is polled"),
        ];
        for (known, expected) in rows {
            assert_eq!(nothing_selected(known, &["r", "s"]), expected);
        }
    }

    fn said(pattern: &str, queues: &[Queue]) -> Vec<String> {
        let list = [NamedPatterns { origin: "--match", patterns: vec![pattern.into()] }];
        sentences(&list, queues.iter())
    }

    fn queue(name: &str, sources: &[&str]) -> Queue {
        let sources = sources.iter().map(|source| (*source).to_owned()).collect();
        Queue { name: name.into(), sources, ..Queue::default() }
    }

    #[test]
    fn unmatched_pattern_is_named_with_number_of_queues_and_nearest_name() {
        let queues = [
            queue("orders-dlq", &["orders"]),
            queue("billing-dlq-prod", &[]),
            queue("Stack-OrdersDLQ1A2B3C4D", &[]),
            queue("parking-lot", &["shipments", "orders-dlq"]),
        ];
        let none = "--match 'X': none of 4 dead-letter queues matches";
        let cases = [
            ("orders-dlq", None),
            ("*", None),
            ("STACK-*", None),
            ("ordes-dlq", Some("; the nearest is 'orders-dlq'")),
            ("ordes-*", Some("; the nearest is 'orders-dlq'")),
            ("ordes*", Some("; the nearest is 'orders-dlq'")),
            ("*biling*", Some("; the nearest is 'billing-dlq-prod'")),
            ("stak-orders*", Some("; the nearest is 'Stack-OrdersDLQ1A2B3C4D'")),
            ("shipmnts", Some("; the nearest is 'shipments', a source queue of 'parking-lot'")),
            ("shipmnt*", Some("; the nearest is 'shipments', a source queue of 'parking-lot'")),
            ("shipments", Some("; it matches 'shipments', a source queue of 'parking-lot'")),
            ("ship*", Some("; it matches 'shipments', a source queue of 'parking-lot'")),
            ("zebra-*", Some("")),
            ("payments", Some("")),
            ("eu-prod-orders-dlq", Some("")),
            ("orders-dlq-old-copies", Some("")),
            ("lot", Some("")),
        ];
        for (pattern, hint) in cases {
            let expected: Vec<String> =
                hint.map(|hint| none.replace('X', pattern) + hint).into_iter().collect();
            assert_eq!(said(pattern, &queues), expected, "{pattern}");
        }
    }

    #[test]
    fn patterns_of_an_option_are_told_from_those_of_the_configuration() {
        let globs = GlobList::any(&["a"]).unwrap();
        for (origin, expected) in [("--match", true), ("monitoring.match", false)] {
            assert_eq!(NamedPatterns::new(origin, &globs).is_option(), expected, "{origin}");
        }
    }

    #[test]
    fn pattern_is_compared_with_queues_only() {
        assert_eq!(said("a", &[]), Vec::<String>::new());
        let only = "--match 'a': the only dead-letter queue does not match";
        assert_eq!(said("a", &[queue("orders", &[])]), [only]);
    }
}
