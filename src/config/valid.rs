//! Validators of single texts: names that become arguments or parts of a URL.

/// The region of AWS becomes part of a host name.
pub(super) fn region(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 64 && !text.starts_with('-') && text.chars().all(allowed)
}

/// A repository, `owner/name`, becomes part of a URL.
pub(super) fn repository(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let part = |part: &str| {
        !matches!(part, "" | "." | "..") && part.len() <= 100 && part.chars().all(allowed)
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

/// A login or an organisation becomes part of a search and of a URL.
pub(super) fn owner(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=100).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('-')
}

/// A host without a port or a user becomes part of a URL that gets a token.
pub(super) fn host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    text.len() <= 253 && text.chars().all(allowed) && !text.split('.').any(str::is_empty)
}

/// The name of a branch must be neither an option of git nor a range.
pub(super) fn branch(text: &str) -> bool {
    !text.starts_with('-') && !text.contains("..") && !text.contains(char::is_whitespace)
}

/// The name of a variable. Lower case is refused, because a token pasted in its place has some.
pub(super) fn variable(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 128
        && name.chars().all(allowed)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Returns the host of an http or https URL, with its port, read so strictly that no client can
/// find another one.
pub fn http_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = !url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    (plain && !host.is_empty()).then_some(host)
}

/// Whether a host, with or without a port, is this machine by its name.
pub fn loopback(host: &str) -> bool {
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| {
        let rest = host.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
    })
}
