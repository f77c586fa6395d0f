//! Glob patterns of names: `*`, `?`, `[a-z]`, `{one,two}`, in any case of letters.
//!
//! Promises: a pattern is checked when it is made, and covers the whole name. Pure.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Longest pattern, in bytes. The name of a queue has at most 80 characters.
pub const MAX_PATTERN: usize = 256;

/// List of patterns. A name matches when any pattern covers it; an empty list matches nothing.
#[derive(Debug, Clone, Default)]
pub struct GlobList {
    patterns: Vec<String>,
    set: GlobSet,
}

impl GlobList {
    /// Compiles the patterns. The error names the first invalid one and the reason.
    pub fn any<P: AsRef<str>>(patterns: &[P]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns.iter().map(AsRef::as_ref) {
            if pattern.len() > MAX_PATTERN {
                return Err(format!("a pattern is longer than {MAX_PATTERN} bytes"));
            }
            let glob = GlobBuilder::new(pattern)
                .case_insensitive(true)
                .build()
                .map_err(|error| format!("'{pattern}' is not a pattern: {}", error.kind()))?;
            set.add(glob);
        }
        let set = set.build().map_err(|error| format!("too many patterns: {error}"))?;
        let patterns = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        Ok(GlobList { patterns, set })
    }

    /// Whether any pattern covers the whole of `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.set.is_match(name)
    }

    /// Whether any pattern is this name, without wildcards.
    pub fn names(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.eq_ignore_ascii_case(name))
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Returns the patterns as written.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

/// Lists are equal when their patterns are written alike.
impl PartialEq for GlobList {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_the_whole_name_in_any_case() {
        let cases = [
            ("an exact name", "orders-dlq", "orders-dlq", true),
            ("another case of letters", "Orders-DLQ", "orders-dlq", true),
            ("a part is not the whole", "dlq", "orders-dlq", false),
            ("a star", "*-dlq*", "orders-dlq-prod", true),
            ("a star crosses separators", "*dlq", "team/orders-dlq", true),
            ("a choice", "{a,b}-dlq", "b-dlq", true),
            ("a class", "[a-c]-dlq", "d-dlq", false),
            ("one character", "q?.fifo", "q1.fifo", true),
            ("a dot is a dot", "q.fifo", "qxfifo", false),
        ];
        for (what, pattern, name, expected) in cases {
            assert_eq!(GlobList::any(&[pattern]).unwrap().matches(name), expected, "{what}");
        }
    }

    #[test]
    fn empty_list_matches_nothing() {
        assert!(!GlobList::default().matches("orders-dlq"));
        assert!(!GlobList::any::<&str>(&[]).unwrap().matches(""));
    }

    #[test]
    fn invalid_pattern_is_named_with_its_reason() {
        let error = GlobList::any(&["*-dlq", "[a-"]).unwrap_err();
        assert!(error.starts_with("'[a-' is not a pattern: "), "{error}");
        assert!(GlobList::any(&["x".repeat(MAX_PATTERN + 1)]).is_err());
    }
}
