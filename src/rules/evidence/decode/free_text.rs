//! Texts without a form: whether they are about an error, and where a quoted message begins.

use super::truncated;

/// Returns a text without the message that it quotes after a line such as `Payload:`.
pub(super) fn without_payload(text: &str) -> &str {
    const WORDS: [&str; 5] = ["Payload:", "Message body:", "Body:", "Request body:", "Event:"];
    let lines = text.match_indices('\n').map(|(at, _)| at);
    let mut ends = lines.filter(|at| WORDS.iter().any(|word| text[at + 1..].starts_with(word)));
    ends.next().map_or(text, |end| text[..end].trim_end())
}

/// Returns whether the first part of a text contains a word of errors.
pub(super) fn has_error_word(text: &str) -> bool {
    const WORDS: [&str; 17] = [
        "error",
        "erro",
        "falha",
        "falhou",
        "exception",
        "failed",
        "failure",
        "fatal",
        "panic",
        "timeout",
        "refused",
        "denied",
        "timed",
        "unable",
        "invalid",
        "unauthorized",
        "throttled",
    ];
    truncated(text, 512)
        .split(|c: char| !c.is_ascii_alphabetic())
        .any(|word| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}
