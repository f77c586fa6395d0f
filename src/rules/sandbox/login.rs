//! The user's own login of Claude Code, which a sandbox can read but not renew.

use std::time::Duration;

use serde_json::Value;

use crate::time::Timestamp;

/// Returns whether a login lasts for a time from `now` on. One that names no end does.
pub fn lasts(text: &str, now: Timestamp, timeout: Duration) -> bool {
    let Ok(login) = serde_json::from_str::<Value>(text) else { return false };
    // Milliseconds since 1970.
    let Some(end) = login["claudeAiOauth"]["expiresAt"].as_u64() else { return true };
    let Some(epoch) = Timestamp::parse("1970-01-01T00:00:00Z") else { return false };
    Duration::from_millis(end) > now.since(epoch) + timeout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_lasts_for_the_session_or_not() {
        let rows = [
            (r#"{"claudeAiOauth": {"expiresAt": 1500}}"#, true),
            (r#"{"claudeAiOauth": {"expiresAt": 1200}}"#, false),
            (r#"{"claudeAiOauth": {"expiresAt": 900}}"#, false),
            (r#"{"claudeAiOauth": {}}"#, true),
            ("", false),
        ];
        let now = Timestamp::parse("1970-01-01T00:00:01Z").unwrap();
        for (text, expected) in rows {
            assert_eq!(lasts(text, now, Duration::from_millis(300)), expected, "{text}");
        }
    }
}
