//! Categories of error codes, exception classes and error texts.
//!
//! Codes and classes match as a whole; only texts are searched. Words that several causes share
//! (`ValueError`, `500`, 'does not exist') match none. [`super::basis`] decides how far a match can
//! be believed.

use super::Category::{self, *};
use super::error_signs::{ErrorSigns, SIGNS};
use super::http_status;

/// Returns the category of a producer's error code.
pub(super) fn category_of_code(code: &str) -> Option<Category> {
    let code = normalize(code);
    find(|signs| signs.names.contains(&code.as_str()) || signs.codes.contains(&code.as_str()))
}

/// Returns the category of an exception and its text. A known class decides.
pub(super) fn category_of_error(class: Option<&str>, text: Option<&str>) -> Option<Category> {
    let text = text.map(str::to_lowercase);
    let text = text.as_deref().unwrap_or_default();
    let class = match class.unwrap_or_default() {
        // The last part alone is also the name of a dependency's error.
        "States.Timeout" => "statestimeout".into(),
        "Sandbox.Timedout" => "sandboxtimedout".into(),
        class => normalize(class),
    };
    let class = class.as_str();
    // JavaScript reports invalid JSON so.
    if class == "syntaxerror" && text.contains("json") {
        return Some(SchemaDrift);
    }
    // JavaScript's `fetch` reports every peer that it does not reach so.
    if class == "typeerror" && text.contains("fetch failed") {
        return Some(Dependency);
    }
    find(|signs| signs.names.contains(&class) || signs.classes.contains(&class))
        .or_else(|| find(|signs| signs.phrases.iter().any(|phrase| text.contains(phrase))))
        .or_else(|| http_status::category(text))
}

fn find(fits: impl Fn(&ErrorSigns) -> bool) -> Option<Category> {
    SIGNS.iter().find(|signs| fits(signs)).map(|signs| signs.category)
}

/// Returns whether a producer's code says that the function ran and failed by itself.
pub(super) fn is_function_error(code: &str) -> bool {
    matches!(normalize(code).as_str(), "200" | "unhandled" | "handled")
}

/// Turns `com.amazonaws.sqs#QueueDoesNotExist` into `queuedoesnotexist` and `NO_PERMISSIONS` into
/// `nopermissions`.
fn normalize(word: &str) -> String {
    let last = word.rsplit(['.', '#', ':', '$', '/']).next().unwrap_or(word);
    let kept = last.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
