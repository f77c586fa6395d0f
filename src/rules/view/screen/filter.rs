//! The filter of a view: text that a row must have, or with `!` must not have.

/// A filter, as a person typed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFilter {
    text: String,
}

impl RowFilter {
    pub fn new(text: &str) -> Self {
        RowFilter { text: text.to_owned() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether every row passes.
    pub fn is_empty(&self) -> bool {
        self.parts().1.is_empty()
    }

    fn parts(&self) -> (bool, &str) {
        match self.text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, &self.text),
        }
    }

    /// Returns whether a row with these texts passes. Letters of ASCII match in any case.
    pub fn passes<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let (is_inverse, wanted) = self.parts();
        wanted.is_empty() || texts.into_iter().any(|text| contains(text, wanted)) != is_inverse
    }
}

fn contains(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_finds_text_in_any_case_and_inverts() {
        let rows = [
            ("", true),
            ("!", true),
            ("ORD", true),
            ("prod", true),
            ("orders-dlq2", false),
            ("!ord", false),
            ("!pay", true),
            ("ação", true),
        ];
        for (filter, passes) in rows {
            let texts = ["orders-dlq", "prod", "ação"];
            assert_eq!(RowFilter::new(filter).passes(texts), passes, "{filter}");
        }
    }
}
