//! The host of a URL, read so strictly that no client can read another one.

/// What stands between `http://` or `https://` and the path.
pub(super) fn http_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = !url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    (plain && !host.is_empty()).then_some(host)
}

/// Whether a host, with or without a port, is this machine by its very name.
pub(super) fn loopback(host: &str) -> bool {
    ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| match host.strip_prefix(name) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix(':')
            .is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())),
        None => false,
    })
}
