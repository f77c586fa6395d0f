//! The kind of an error by the words of its reason, so that a label has few values.

/// Kinds, and words of which one has to occur in a reason, in lower case. The first kind counts.
const KINDS: &[(&str, &[&str])] = &[
    (
        "access_denied",
        &["access denied", "accessdenied", "not authorized", "forbidden", "permission"],
    ),
    ("clock", &["the clock of this machine"]),
    ("credentials", &["credential", "expired token", "expiredtoken", "token", "sign in", "sso"]),
    ("throttled", &["throttl", "too many requests", "rate limit", "slow down", "429"]),
    ("timeout", &["timed out", "timeout", "no answer", "deadline"]),
    ("tls", &["certificate", "tls"]),
    ("not_found", &["cannot find", "not found", "does not exist", "no such", "404"]),
    ("connection", &["connect", "dns", "resolve", "refused", "reset", "unreachable", "proxy"]),
    ("server", &["500", "502", "503", "504", "internal error", "unavailable"]),
];

/// Returns the kind of an error; `other` for a reason that has none of the words.
pub fn error_kind(reason: &str) -> &'static str {
    let reason = reason.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    KINDS.iter().find(|(_, words)| has(words)).map_or(super::OTHER, |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_kinds_follow_the_words_of_the_reason() {
        let rows = [
            ("access denied", "access_denied"),
            ("profile 'x': the SSO session has expired, run 'aws sso login'", "credentials"),
            ("the clock of this machine is 1d behind (RequestExpired)", "clock"),
            ("Throttling: rate exceeded", "throttled"),
            ("no answer within 3s", "timeout"),
            ("the certificate is not trusted", "tls"),
            ("cannot find queue 'x'", "not_found"),
            ("connection refused", "connection"),
            ("HTTP 503", "server"),
            ("something else", "other"),
            ("", "other"),
        ];
        for (reason, kind) in rows {
            assert_eq!(error_kind(reason), kind, "{reason}");
        }
    }
}
