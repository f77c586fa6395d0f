//! The one server that an agent in a sandbox may reach: the API of its model.
//!
//! The agent's requests go through a relay. To a server with TLS the relay is a proxy that answers
//! CONNECT for that server alone, so that the agent speaks TLS with the server itself. To a server
//! without TLS it passes bytes on, and the agent's base URL names the relay.

/// API of the model without `base_url`.
const API: &str = "https://api.anthropic.com";
/// Port of the relay in the sandbox.
pub const PORT: u16 = 8080;
/// Longest head of a CONNECT request, in bytes.
pub const HEAD_MAX: usize = 8 << 10;

/// Server of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Host, without brackets, and port.
    pub host: String,
    pub port: u16,
    pub tls: bool,
    /// Path of the base URL.
    path: String,
}

impl Upstream {
    /// Reads a base URL, or takes the API of Claude Code.
    pub fn parse(base_url: Option<&str>) -> Option<Self> {
        let (scheme, rest) = base_url.unwrap_or(API).split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let default = if tls { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let known = !host.is_empty() && port > 0;
        known.then(|| Upstream { host, port, tls, path: path.to_owned() })
    }

    /// Variables by which Claude Code reaches the server through the relay.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let relay = format!("http://127.0.0.1:{PORT}");
        match self.tls {
            true => vec![("HTTPS_PROXY", relay), ("NO_PROXY", String::new())],
            false => vec![("ANTHROPIC_BASE_URL", format!("{relay}{}", self.path))],
        }
    }

    /// Returns whether a CONNECT request asks for this server.
    pub fn admits(&self, head: &str) -> bool {
        let line = head.lines().next().unwrap_or_default();
        let mut words = line.split(' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        let asked = target.and_then(|target| target.rsplit_once(':')).and_then(|(host, port)| {
            Some((host.trim_matches(['[', ']']).to_ascii_lowercase(), port.parse().ok()?))
        });
        method == Some("CONNECT")
            && version.is_some_and(|version| version.starts_with("HTTP/1."))
            && words.next().is_none()
            && self.tls
            && asked == Some((self.host.clone(), self.port))
    }

    /// Request by which a proxy of the user connects to the server. `authorization` is the value of
    /// that header.
    pub fn connect_request(&self, authorization: Option<&str>) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        let more = authorization.map(|value| format!("Proxy-Authorization: {value}\r\n"));
        format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", more.unwrap_or_default())
    }
}

/// Returns the status of an answer's head.
pub fn status(head: &str) -> Option<u16> {
    let mut words = head.lines().next()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_is_host_and_port_of_the_url() {
        let rows = [
            (None, Some(("api.anthropic.com", 443, true))),
            (Some("https://models.example.com"), Some(("models.example.com", 443, true))),
            (Some("HTTPS://Models.example.com:8443/v"), Some(("models.example.com", 8443, true))),
            (Some("http://127.0.0.1:9/s/x"), Some(("127.0.0.1", 9, false))),
            (Some("http://u:p@gateway"), Some(("gateway", 80, false))),
            (Some("http://[::1]:8080/"), Some(("::1", 8080, false))),
            (Some("https://[2001:db8::1]"), Some(("2001:db8::1", 443, true))),
            (Some("http://:80"), None),
            (Some("http://h:0"), None),
            (Some("http://h:x"), None),
            (Some("ftp://h"), None),
            (Some("h"), None),
        ];
        for (url, expected) in rows {
            let found = Upstream::parse(url);
            let found = found.as_ref().map(|one| (one.host.as_str(), one.port, one.tls));
            assert_eq!(found, expected, "{url:?}");
        }
    }

    #[test]
    fn variables_lead_to_the_relay() {
        let api = Upstream::parse(None).unwrap().variables();
        assert_eq!(api[0], ("HTTPS_PROXY", "http://127.0.0.1:8080".to_owned()));
        let plain = Upstream::parse(Some("http://10.0.0.1:9/s/x")).unwrap().variables();
        assert_eq!(plain, [("ANTHROPIC_BASE_URL", "http://127.0.0.1:8080/s/x".to_owned())]);
    }

    #[test]
    fn connect_is_admitted_for_one_server() {
        let api = Upstream::parse(None).unwrap();
        let rows = [
            ("CONNECT api.anthropic.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", true),
            ("CONNECT API.Anthropic.com:443 HTTP/1.0\r\n\r\n", true),
            ("CONNECT api.anthropic.com:80 HTTP/1.1\r\n\r\n", false),
            ("CONNECT api.anthropic.com.evil.example:443 HTTP/1.1\r\n\r\n", false),
            ("CONNECT evil.example:443 HTTP/1.1\r\nHost: api.anthropic.com:443\r\n\r\n", false),
            ("CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n", false),
            ("CONNECT api.anthropic.com HTTP/1.1\r\n\r\n", false),
            ("CONNECT api.anthropic.com:443 x HTTP/1.1\r\n\r\n", false),
            ("GET http://api.anthropic.com:443/ HTTP/1.1\r\n\r\n", false),
            ("connect api.anthropic.com:443 HTTP/1.1\r\n\r\n", false),
            ("", false),
        ];
        for (head, admitted) in rows {
            assert_eq!(api.admits(head), admitted, "{head}");
        }
        let plain = Upstream::parse(Some("http://h:80")).unwrap();
        assert!(!plain.admits("CONNECT h:80 HTTP/1.1\r\n\r\n"), "its relay is no proxy");
        let asked = api.connect_request(Some("Basic eDp5"));
        assert!(
            api.admits(&asked) && asked.contains("\r\nProxy-Authorization: Basic eDp5\r\n\r\n")
        );
        let six = Upstream::parse(Some("https://[::2]:44")).unwrap();
        assert!(six.admits(&six.connect_request(None)));
    }

    #[test]
    fn status_of_an_answer_is_read() {
        let rows = [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407 x\r\n", Some(407)),
            ("SSH-2.0-x", None),
            ("", None),
        ];
        for (head, expected) in rows {
            assert_eq!(status(head), expected, "{head}");
        }
    }
}
