//! The URL of a repository on a server.

use std::net::IpAddr;

use super::askpass::USER;
use crate::error::Error;
use crate::text::safe;

/// Schemes that the caller allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlScheme {
    /// https alone.
    Https,
    /// https, and http to this machine: for a host that the configuration names so, and for tests.
    HttpsOrLoopback,
    /// A folder: for tests.
    File,
}

/// Checked URL without user and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl(String);

impl RemoteUrl {
    /// Checks a URL. Its path consists of letters, digits, `-`, `_`, `.` and `/`.
    pub fn new(url: &str, allowed: UrlScheme) -> Result<Self, Error> {
        let refused = |why: &str| Err(Error::wrong(format!("cannot use '{}': {why}", safe(url))));
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains(['?', '#', '\\', '%']) {
            return refused("it is not the URL of a repository");
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return refused("it is no URL");
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            // The URL may hold a password: it is not shown.
            return Err(Error::wrong("the URL of a repository names a user"));
        }
        if path.is_empty() || path.split('/').any(|part| ["..", "."].contains(&part)) {
            return refused("it names no repository");
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        let is_host = !host.is_empty() && !host.starts_with('-') && host.bytes().all(is_name);
        match (scheme, allowed) {
            ("https", UrlScheme::Https | UrlScheme::HttpsOrLoopback) if is_host => {}
            ("http", UrlScheme::HttpsOrLoopback) if is_host && is_loopback(host) => {}
            ("file", UrlScheme::File) if host.is_empty() => {}
            _ => return refused("only https is allowed"),
        }
        Ok(RemoteUrl(url.to_owned()))
    }

    /// Returns the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns host and port, for messages.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// Returns the server as git describes it when it asks for a password.
    pub(super) fn server(&self) -> String {
        let scheme = self.0.split_once("://").map_or("", |(scheme, _)| scheme);
        format!("{scheme}://{USER}@{}", self.host())
    }

    /// Returns the setting that allows the protocol of this URL.
    pub(super) fn protocol_setting(&self) -> &'static str {
        match self.0.split_once("://").map(|(scheme, _)| scheme) {
            Some("http") => "protocol.http.allow",
            Some("file") => "protocol.file.allow",
            _ => "protocol.https.allow",
        }
    }

    /// Whether the server may be reached by a proxy.
    pub(super) fn is_remote(&self) -> bool {
        self.0.starts_with("https://")
    }
}

/// Whether a host, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_accepted_for_its_scheme_only() {
        use UrlScheme::{File, Https, HttpsOrLoopback};
        let rows = [
            ("https://github.com/acme/orders.git", Https, true),
            ("https://github.com/acme/orders.git", HttpsOrLoopback, true),
            ("https://github.com/acme/orders.git", File, false),
            ("https://ghe.acme.com:8443/acme/orders", Https, true),
            ("http://127.0.0.1:8080/acme/orders.git", HttpsOrLoopback, true),
            ("http://[::1]:8080/acme/orders.git", HttpsOrLoopback, true),
            ("http://localhost/acme/orders.git", HttpsOrLoopback, true),
            ("http://127.0.0.1:8080/acme/orders.git", Https, false),
            ("http://github.com/acme/orders.git", HttpsOrLoopback, false),
            ("http://127.0.0.1.evil.com/acme/orders.git", HttpsOrLoopback, false),
            ("http://localhost.evil.com/a/b", HttpsOrLoopback, false),
            ("file:///tmp/x.git", File, true),
            ("file:///tmp/x.git", Https, false),
            ("/tmp/x.git", File, false),
            ("ssh://git@github.com/a/b", Https, false),
            ("ext::sh -c id", Https, false),
            ("https://user:secret@github.com/a/b", Https, false),
            ("https://-x/a/b", Https, false),
            ("https:///a/b", Https, false),
            ("https://github.com", Https, false),
            ("https://github.com/a/../b", Https, false),
            ("https://github.com/a/b?x=1", Https, false),
            ("https://github.com/a/%2e%2e/b", Https, false),
            ("https://github.com/a/b\n", Https, false),
            ("https://github.com/größe/b", Https, false),
        ];
        for (url, allowed, is_accepted) in rows {
            assert_eq!(RemoteUrl::new(url, allowed).is_ok(), is_accepted, "{url} {allowed:?}");
        }
        let error = RemoteUrl::new("https://me:hunter2@github.com/a/b", Https).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
