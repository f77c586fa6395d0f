//! The proxy of a request, from the environment.
//!
//! Promises: requests to this machine and to link-local addresses, such as the instance metadata
//! service, go directly; no message shows the user or the password of a proxy. Pure.

use std::net::IpAddr;

use crate::error::Error;
use crate::text::{safe, shorten};

/// The variables of proxies and the URL schemes that they serve. The first that is set wins.
const VARIABLES: [(&str, &[&str]); 6] = [
    ("https_proxy", &["https"]),
    ("HTTPS_PROXY", &["https"]),
    ("http_proxy", &["http"]),
    ("HTTP_PROXY", &["http"]),
    ("all_proxy", &["https", "http"]),
    ("ALL_PROXY", &["https", "http"]),
];

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    /// The variable that names the proxy.
    pub(super) variable: &'static str,
    /// The URL, which may hold a user and a password.
    pub(super) url: String,
    /// Host and port, for messages.
    pub(super) host: String,
}

/// The proxies of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    /// Entries of `NO_PROXY`, in lower case.
    exceptions: Vec<String>,
}

impl Proxies {
    /// Reads the variables. A value that is no URL of a proxy is an error of the configuration: if
    /// it were ignored, requests would bypass the proxy.
    pub(super) fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let mut proxies = Proxies::default();
        for (variable, schemes) in VARIABLES {
            let Some(value) = get(variable) else { continue };
            let proxy = parse(variable, &value).ok_or_else(|| refusal(variable, &value))?;
            for scheme in schemes {
                let slot = match *scheme {
                    "https" => &mut proxies.https,
                    _ => &mut proxies.http,
                };
                slot.get_or_insert_with(|| proxy.clone());
            }
        }
        let exceptions = get("no_proxy").or_else(|| get("NO_PROXY")).unwrap_or_default();
        let exceptions = exceptions.split([',', ' ']).filter(|entry| !entry.is_empty());
        proxies.exceptions = exceptions.map(str::to_ascii_lowercase).collect();
        Ok(proxies)
    }

    /// Returns host and port of a URL, and the proxy of requests to it.
    pub(super) fn route(&self, url: &str) -> (String, Option<Proxy>) {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let endpoint = rest.split(['/', '?']).next().unwrap_or_default();
        let host = match endpoint.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => endpoint,
        };
        (endpoint.to_owned(), self.select(scheme, host).cloned())
    }

    /// Returns the proxy of a request; `None` when the request goes directly.
    fn select(&self, scheme: &str, host: &str) -> Option<&Proxy> {
        let proxy = if scheme == "https" { &self.https } else { &self.http };
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let direct = is_local(&host) || self.exceptions.iter().any(|entry| excepts(entry, &host));
        proxy.as_ref().filter(|_| !direct)
    }
}

/// The cause of a request without an answer.
pub(super) const SILENCE: &str = "no answer in time";

/// Returns the words about an endpoint that gave no answer.
pub(super) fn unanswered(endpoint: &str, proxy: Option<&Proxy>, cause: &str) -> String {
    match proxy {
        Some(Proxy { host, variable, .. }) => {
            format!("'{endpoint}' through the proxy '{host}' ({variable}): {cause}")
        }
        None => format!("'{endpoint}': {cause}"),
    }
}

/// Parses `http[s]://[USER[:PASSWORD]@]HOST[:PORT][/]`, where `http://` may be left out if there is a
/// port: a word alone is no address of a proxy.
fn parse(variable: &'static str, value: &str) -> Option<Proxy> {
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let good_name = match address {
        Some(address) => address.parse::<IpAddr>().is_ok(),
        None => !name.is_empty() && name.chars().all(is_bare),
    };
    let has_scheme = value.contains("://");
    let good_port = port.map_or(has_scheme, |port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let plain = rest.chars().all(|c| c.is_ascii_graphic());
    let good = ["http", "https"].contains(&scheme) && good_name && good_port && plain;
    let url = format!("{scheme}://{rest}");
    good.then(|| Proxy { variable, url, host: host.to_owned() })
}

fn refusal(variable: &str, value: &str) -> Error {
    // What stands before an @ may be a password.
    let shown = if value.contains('@') {
        String::new()
    } else {
        format!(" '{}'", safe(&shorten(value, 100)))
    };
    let remedy = if value.starts_with("socks") {
        "a SOCKS proxy is not supported"
    } else {
        "expected a URL such as http://proxy.example.com:3128"
    };
    Error::wrong(format!("{variable}{shown} is not usable as a proxy: {remedy}"))
}

/// Whether a host is this machine, or reachable on the local link only.
fn is_local(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        // fd00:ec2::254 is the instance metadata service.
        Ok(IpAddr::V6(address)) => address.is_loopback() || host == "fd00:ec2::254",
        Err(_) => host == "localhost",
    }
}

/// Whether an entry of `NO_PROXY` covers a host: `*`, a name with all names below it, an address,
/// or a network such as `10.0.0.0/8`. A port in the entry is ignored.
fn excepts(entry: &str, host: &str) -> bool {
    if entry == "*" || entry == host {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return in_network(network, bits, host).unwrap_or(false);
    }
    let name = entry.strip_prefix('*').unwrap_or(entry).trim_start_matches('.');
    let name = match name.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    };
    let below = || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    !name.is_empty() && (name == host || below())
}

fn in_network(network: &str, bits: &str, host: &str) -> Option<bool> {
    let number = |text: &str| match text.parse().ok()? {
        IpAddr::V4(address) => Some((u128::from(address.to_bits()), 32)),
        IpAddr::V6(address) => Some((address.to_bits(), 128)),
    };
    let ((network, width), (host, host_width)) = (number(network)?, number(host)?);
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= width)?;
    let differing = width - bits;
    let same = differing == 128 || network >> differing == host >> differing;
    Some(width == host_width && same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, Error> {
        Proxies::from_variables(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn proxy_is_selected_by_scheme_and_exceptions() {
        let sqs = "sqs.eu-west-1.amazonaws.com";
        let both = [("HTTPS_PROXY", "http://secure:1"), ("HTTP_PROXY", "plain:2")];
        let except = |list: &'static str| vec![("ALL_PROXY", "all:3"), ("NO_PROXY", list)];
        type Row<'a> = (Vec<(&'a str, &'a str)>, &'a str, &'a str, Option<&'a str>);
        let rows: [Row<'_>; 22] = [
            (vec![], "https", sqs, None),
            (both.to_vec(), "https", sqs, Some("secure:1")),
            (both.to_vec(), "http", sqs, Some("plain:2")),
            (vec![("https_proxy", "a:1"), ("HTTPS_PROXY", "b:1")], "https", sqs, Some("a:1")),
            (vec![("HTTPS_PROXY", "")], "https", sqs, None),
            (vec![("HTTP_PROXY", "a:1")], "https", sqs, None),
            (except(""), "https", sqs, Some("all:3")),
            (except("*"), "https", sqs, None),
            (except("example.com, amazonaws.com"), "https", sqs, None),
            (except(".amazonaws.com:443"), "https", sqs, None),
            (except("*.AMAZONAWS.com"), "https", sqs, None),
            (except("azonaws.com"), "https", sqs, Some("all:3")),
            (except("10.0.0.0/8"), "http", "10.9.8.7", None),
            (except("10.0.0.0/8"), "http", "11.9.8.7", Some("all:3")),
            (except("10.0.0.0/99"), "http", "10.9.8.7", Some("all:3")),
            (except("::/0"), "http", "[2001:db8::1]", None),
            (except("10.9.8.7"), "http", "10.9.8.7", None),
            (except(""), "http", "127.0.0.1", None),
            (except(""), "http", "localhost", None),
            (except(""), "http", "[::1]", None),
            (except(""), "http", "169.254.169.254", None),
            (except(""), "http", "[fd00:ec2::254]", None),
        ];
        for (variables, scheme, host, expected) in rows {
            let proxies = proxies(&variables).unwrap();
            let selected = proxies.select(scheme, host).map(|proxy| proxy.host.as_str());
            assert_eq!(selected, expected, "{variables:?} {scheme} {host}");
        }
    }

    #[test]
    fn proxy_url_is_checked_and_its_password_is_not_shown() {
        for good in ["http://p:3128", "https://p", "p:1/", "http://u:hunter2@p:1", "[::1]:8080"] {
            let proxies = proxies(&[("HTTPS_PROXY", good)]).unwrap();
            let host = &proxies.select("https", "sqs").unwrap().host;
            assert!(!host.contains("hunter2"), "{host}");
        }
        let bad = [
            "http://",
            "notaurl",
            "user@notaurl/",
            "proxy.example.com",
            "p:port",
            "p:0",
            "p:99999",
            "ftp://p",
            "socks5://p:1",
            "a b",
            "http://p/path",
            "http://u:hunter2@:1",
            "p\n",
            "http:// p",
            "[::1",
            "[x]:1",
        ];
        for value in bad {
            let error = proxies(&[("ALL_PROXY", value)]).unwrap_err();
            assert!(matches!(error, Error::Wrong(_)), "{value}");
            let text = error.to_string();
            assert!(text.starts_with("ALL_PROXY") && !text.contains("hunter2"), "{text}");
        }
    }
}
