//! Category of the status of HTTP with which a destination answered.

use super::Category::{self, *};

/// Returns the category of the status of HTTP in a text: `returned HTTP status code 503`.
pub(super) fn category(text: &str) -> Option<Category> {
    const BEFORE: [&str; 9] = [
        "code",
        "status",
        "returned",
        "http",
        "http/1.1",
        "http/2",
        "responded",
        "with",
        "answered",
    ];
    let words =
        |c: char| c.is_whitespace() || matches!(c, ':' | '=' | ',' | '(' | ')' | '"' | '\'');
    let mut before = "";
    for word in text.split(words).filter(|word| !word.is_empty()) {
        let number = word.trim_end_matches(['.', ';', '!']);
        let is_status = number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit());
        if is_status && BEFORE.contains(&before) {
            match number {
                "401" | "403" | "407" => return Some(Permission),
                "404" | "410" => return Some(MissingTarget),
                "429" => return Some(Throttling),
                "400" | "413" | "415" | "422" => return Some(SchemaDrift),
                "408" => return Some(Dependency),
                _ if number.starts_with('5') => return Some(Dependency),
                _ => {}
            }
        }
        before = word;
    }
    None
}
