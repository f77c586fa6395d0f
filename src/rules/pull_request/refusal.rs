//! The ends of refusals: which reason stands until a person asks, and which may pass by itself. Pure.

use std::time::Duration;

use super::document::{BASE_MOVED, FixState};
use crate::time::Timestamp;

/// The pause after a refusal for a setting that somebody may change.
const SETTING_PAUSE: Duration = Duration::from_secs(6 * 3600);

/// The event that ends a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalEnd {
    /// A person asks for the fix: the reason lies in the fix, or in a decision.
    Person,
    /// The fix is proven on a newer base.
    NewerBase,
    /// Time: the reason is a setting of repository, token or configuration. It is judged again.
    Setting,
}

/// Returns what ends a refusal, by its word.
pub fn refusal_end(word: &str) -> RefusalEnd {
    match word {
        BASE_MOVED => RefusalEnd::NewerBase,
        "closed_repository" | "no_base_branch" | "no_fork" | "protected" | "workflow_scope" => {
            RefusalEnd::Setting
        }
        _ => RefusalEnd::Person,
    }
}

/// Whether a refused fix is judged anew at `now`. `base`: the commit of its newest proof; None: not
/// looked up, and it may be any.
pub fn is_judged_anew(refused: &FixState, base: Option<&str>, now: Timestamp) -> bool {
    match refusal_end(refused.refused.as_deref().unwrap_or_default()) {
        RefusalEnd::Person => false,
        RefusalEnd::NewerBase => base.is_none_or(|base| base != refused.base),
        RefusalEnd::Setting => now >= refused.at.plus(SETTING_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000).plus(Duration::from_secs(3600) * hours)
    }

    #[test]
    fn refusal_ends_with_its_reason() {
        use RefusalEnd::{NewerBase, Person, Setting};
        let rows = [
            (Person, &["suspicious", "unproven", "rejected", "too_old", "no_repository"][..]),
            (Person, &["patch_changed", "patch_missing", "already_fixed", "does_not_apply"]),
            (Person, &["base_unknown", "evidence", "branch_taken", "invalid", "too_large"]),
            (Person, &["failed", "forbidden_path", "secret", "a word of the future"]),
            (NewerBase, &["base_moved"]),
            (Setting, &["closed_repository", "no_base_branch", "no_fork"]),
            (Setting, &["protected", "workflow_scope"]),
        ];
        for (expected, words) in rows {
            for word in words {
                assert_eq!(refusal_end(word), expected, "{word}");
            }
        }
    }

    #[test]
    fn refused_fix_is_judged_anew_when_its_reason_may_have_passed() {
        // (word, base of the newest proof, hours since, judged anew)
        let rows = [
            ("protected", Some("b1"), 5, false),
            ("protected", Some("b1"), 6, true),
            ("protected", None, 6, true),
            ("base_moved", Some("b1"), 99, false),
            ("base_moved", Some("b2"), 0, true),
            ("base_moved", None, 0, true),
            ("rejected", Some("b2"), 99, false),
            ("failed", None, 99, false),
        ];
        for (word, base, hours, expected) in rows {
            let refused = FixState {
                refused: Some(word.into()),
                base: "b1".into(),
                at: at(0),
                ..FixState::default()
            };
            assert_eq!(is_judged_anew(&refused, base, at(hours)), expected, "{word} {hours}");
        }
    }
}
