//! Patterns of names that match no queue, with the nearest name.

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

/// Returns a sentence for each pattern that matches none of the queues. Without any queue there is
/// nothing to compare with.
pub fn sentences(lists: &[NamedPatterns], names: &[&str]) -> Vec<String> {
    let patterns =
        lists.iter().flat_map(|list| list.patterns.iter().map(|pattern| (list.origin, pattern)));
    let is_unmatched = |(_, pattern): &(_, &String)| {
        let glob = GlobList::any(&[pattern]);
        !names.is_empty() && glob.is_ok_and(|glob| !names.iter().any(|name| glob.matches(name)))
    };
    let unmatched = patterns.filter(is_unmatched).map(|(origin, pattern)| {
        let queues = match names.len() {
            1 => "the only dead-letter queue does not match".to_owned(),
            count => format!("none of {count} dead-letter queues matches"),
        };
        let nearest = nearest(pattern, names);
        let nearest = nearest.map_or(String::new(), |name| format!("; the nearest is '{name}'"));
        format!("{origin} '{pattern}': {queues}{nearest}")
    });
    unmatched.collect()
}

/// Returns the name that needs the fewest changes to match, if they are few.
fn nearest<'a>(pattern: &str, names: &[&'a str]) -> Option<&'a str> {
    let literal = pattern.chars().filter(|c| *c != '*').count();
    let near = names.iter().map(|name| (changes(pattern, name), *name)).min_by_key(|near| near.0);
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
    fn unmatched_pattern_is_named_with_number_of_queues_and_nearest_name() {
        let names = ["orders-dlq", "billing-dlq-prod", "Stack-OrdersDLQ1A2B3C4D"];
        let none = "--match 'X': none of 3 dead-letter queues matches";
        let cases = [
            ("orders-dlq", None),
            ("*", None),
            ("STACK-*", None),
            ("ordes-dlq", Some("orders-dlq")),
            ("ordes-*", Some("orders-dlq")),
            ("*biling*", Some("billing-dlq-prod")),
            ("stak-orders*", Some("Stack-OrdersDLQ1A2B3C4D")),
            ("zebra-*", Some("")),
            ("payments", Some("")),
        ];
        for (pattern, nearest) in cases {
            let list = NamedPatterns { origin: "--match", patterns: vec![pattern.into()] };
            let said = sentences(&[list], &names);
            let expected: Vec<String> = nearest
                .map(|nearest| match nearest {
                    "" => none.replace('X', pattern),
                    name => none.replace('X', pattern) + &format!("; the nearest is '{name}'"),
                })
                .into_iter()
                .collect();
            assert_eq!(said, expected, "{pattern}");
        }
    }

    #[test]
    fn pattern_is_compared_with_queues_only() {
        let list =
            [NamedPatterns { origin: "--match", patterns: vec!["a".into(), "orders".into()] }];
        assert_eq!(sentences(&list, &[]), Vec::<String>::new());
        let only = "--match 'a': the only dead-letter queue does not match";
        assert_eq!(sentences(&list, &["orders"]), [only]);
    }
}
