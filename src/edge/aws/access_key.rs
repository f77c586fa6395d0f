//! The parts of an access key: their names, and the characters that they may have. Pure.

/// The parts, for messages.
pub(super) const PARTS: [&str; 3] = ["access key", "secret key", "session token"];
/// The variables of the parts.
pub(super) const VARIABLES: [&str; 3] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// The keys of the parts in a profile.
pub(super) const PROFILE_KEYS: [&str; 3] =
    ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];

/// Returns what is wrong with the characters of a credential. The SDK panics when one of them
/// cannot stand in a header.
pub(super) fn flaw(value: &str) -> Option<&'static str> {
    if value.ends_with(['\n', '\r']) {
        return Some("ends with a line break");
    }
    let bad = value.chars().find(|c| !c.is_ascii_graphic())?;
    Some(match bad {
        ' ' | '\t' | '\n' | '\r' => "contains a space or a line break",
        _ if bad.is_ascii() => "contains a control character",
        _ => "contains a character outside of ASCII",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_flaws_are_named() {
        let rows = [
            ("AKIAEXAMPLE/+=", None),
            ("", None),
            ("x\n", Some("ends with a line break")),
            ("x\r\n", Some("ends with a line break")),
            ("\nx", Some("contains a space or a line break")),
            (" x", Some("contains a space or a line break")),
            ("x\u{0}y", Some("contains a control character")),
            ("x\u{7f}", Some("contains a control character")),
            ("xé", Some("contains a character outside of ASCII")),
            ("x\u{200b}", Some("contains a character outside of ASCII")),
        ];
        for (value, expected) in rows {
            assert_eq!(flaw(value), expected, "{value:?}");
        }
    }
}
