//! Recognition of dead-letter queues by name.
//!
//! Promises: letter case is ignored, except in the hashes of generated names; a trailing `.fifo` is
//! ignored. A name is a hint: [`super::redrive_graph`] also reads redrive policies.

use std::sync::LazyLock;

use crate::glob::GlobList;

/// The built-in patterns, as in the man page; generated names are recognised as well.
const PATTERNS: [&str; 7] =
    ["*dlq", "*-dlq-*", "*_dlq", "*-dl", "*dead-letter*", "*deadletter*", "*dead_letter*"];
static BUILT_IN: LazyLock<GlobList> =
    LazyLock::new(|| GlobList::any(&PATTERNS).unwrap_or_default());

/// Whether a queue of this name is a DLQ, by `patterns` or, without them, by the built-in ones.
pub fn is_dlq_name(name: &str, patterns: Option<&GlobList>) -> bool {
    let stem = stem(name);
    match patterns {
        None => BUILT_IN.matches(stem) || is_generated(stem),
        Some(patterns) => patterns.matches(name) || patterns.matches(stem),
    }
}

/// Returns the name without the suffix of FIFO queues.
pub fn stem(name: &str) -> &str {
    name.strip_suffix(".fifo").unwrap_or(name)
}

/// Whether the name is that of a FIFO queue.
pub fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}

/// Whether the CDK (`…DLQ1A2B3C4D`, `…DLQ1A2B3C4D-AbCdEf`: 8 upper-case hexadecimal digits) or
/// CloudFormation (`…DLQ-1N2HGFG6K4J5M`: 12 or 13 random characters) generated the name.
fn is_generated(stem: &str) -> bool {
    stem.to_ascii_lowercase().match_indices("dlq").any(|(at, word)| {
        // Lower-casing ASCII keeps every offset.
        let rest = &stem[at + word.len()..];
        is_hashed(rest) || rest.strip_prefix('-').is_some_and(is_random)
    })
}

/// Matches 8 upper-case hexadecimal digits, then the end, or a dash and letters or digits.
fn is_hashed(rest: &str) -> bool {
    let Some((hash, tail)) = rest.split_at_checked(8) else {
        return false;
    };
    let is_hash = hash.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    let is_tail = tail.is_empty()
        || tail.strip_prefix('-').is_some_and(|suffix| {
            !suffix.is_empty() && suffix.bytes().all(|b| b.is_ascii_alphanumeric())
        });
    is_hash && is_tail
}

/// Matches 12 or 13 letters and digits, at least one of each, unlike a word.
fn is_random(suffix: &str) -> bool {
    (12..=13).contains(&suffix.len())
        && suffix.bytes().all(|b| b.is_ascii_alphanumeric())
        && suffix.bytes().any(|b| b.is_ascii_digit())
        && suffix.bytes().any(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dlq_name_built_in_patterns() {
        let cases = [
            ("orders-dlq", true),
            ("orders-dlq.fifo", true),
            ("OrdersDLQ", true),
            ("OrdersDlq.fifo", true),
            ("orders_dlq", true),
            ("ORDERS_DLQ", true),
            ("dlq", true),
            ("orders-dlq-prod", true),
            ("orders-DLQ-prod.fifo", true),
            ("fm-digitalguru-api-update-dlq-prod", true),
            ("fm-transaction-processor-dlq-prd", true),
            ("prod-dl", true),
            ("prod-dl.fifo", true),
            ("Prod-DL", true),
            ("orders-dead-letter", true),
            ("orders-Dead-Letter-Queue", true),
            ("dead-letter-orders.fifo", true),
            ("OrdersDeadLetterQueue", true),
            ("orders_dead_letter_v2", true),
            // Generated names.
            ("OrdersStack-OrdersDLQ1A2B3C4D-AbCdEf", true),
            ("OrdersStack-OrdersDLQ1A2B3C4D", true),
            ("OrdersStack-OrdersDLQ1A2B3C4D-X7y8Z9aBcDeF.fifo", true),
            ("OrdersStack-OrdersDlqDEADBEEF-pL0kM1", true),
            ("OrdersStack-OrdersDeadLetter1A2B3C4D-x", true),
            ("orders-OrdersDLQ-1N2HGFG6K4J5M", true),
            ("orders-OrdersDLQ-aB3dE6gH9jK2", true),
            // Near misses.
            ("user-dlist-prod", false),
            ("mydlqueue", false),
            ("orders", false),
            ("orders.fifo", false),
            ("", false),
            ("fifo", false),
            ("-d", false),
            ("model-dlx", false),
            ("prod-dl-orders", false),
            ("dlqueue-orders", false),
            ("orders-dlqs", false),
            ("deadline-reminders", false),
            ("dead-lettuce", false),
            ("newsletter", false),
            ("OrdersDLQ1a2b3c4d", false),
            ("OrdersDLQ1A2B3C4", false),
            ("OrdersDLQ1A2B3C4D5", false),
            ("OrdersDLQ1A2B3C4G-AbCdEf", false),
            ("OrdersDLQ1A2B3C4D-", false),
            ("OrdersDLQ1A2B3C4D-Ab-Cd", false),
            ("OrdersDLQ-notification", false),
            ("OrdersDLQ-notifier", false),
            ("OrdersDLQ-Notification", false),
            ("OrdersDLQ-Retry2", false),
            ("orders-OrdersDLQ-aB3dE6gH9jK", false),
            ("orders-OrdersDLQ-1N2HGFG6K4J5MN", false),
            ("grüße-dlqß1A2B3C4", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_dlq_name(name, None), expected, "{name}");
        }
    }

    #[test]
    fn dlq_name_given_patterns_replace_built_in_ones() {
        let patterns = GlobList::any(&["*-failed", "parking-*"]).unwrap();
        let cases = [
            ("orders-failed", true),
            ("Orders-FAILED.fifo", true),
            ("parking-lot", true),
            ("parking-lot.fifo", true),
            ("orders-dlq", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_dlq_name(name, Some(&patterns)), expected, "{name}");
        }
    }
}
