//! The HTTP client of all requests but those to AWS.
//!
//! Promises: HTTPS only, except to this machine by name; certificates are checked as the system
//! does, with its own authorities; the proxies of the environment, but not for this machine; plain HTTP
//! also to the one server that the machine itself has named, see [`Client::to_host`]; an end
//! at the deadline of the request, whatever the peer does; no more of the answer in memory than
//! asked for. A redirect is followed for GET only, and only to the same server; any other is an
//! answer like others. No error shows more of a URL than its host and port, nor a header's value.

use std::cell::Cell;
use std::error::Error as StdError;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{self, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, SendBody, Timeout};

use super::proxy::{Proxies, Proxy, SILENCE, unanswered};
use crate::clock;
use crate::config::{Env, http_host, loopback};
use crate::error::{Error, io_cause};
use crate::rules::http::{HttpAnswer, RequestError};
use crate::rules::tls::{NOT_TLS, certificate_fault};
use crate::store::{self, BlockingWait};
use crate::text::{safe, shorten};

/// The time for a connection, TLS and proxies included.
const CONNECT: Duration = Duration::from_secs(10);
/// The redirects that a GET follows.
const REDIRECTS_MAX: usize = 3;
/// The headers of an answer, in bytes.
const HEADERS_MAX: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Put,
}

/// A request. It has no `Debug`, because URL and headers may hold secrets.
pub struct Request<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, of any method but GET.
    pub body: &'a [u8],
    /// The time for everything: connection, redirects and the body of the answer.
    pub deadline: Duration,
    /// The bytes of the answer's body that are read; the connection is closed at the limit.
    pub answer_max: u64,
}

/// A client with its connections, which threads can share.
pub struct Client {
    agent: Agent,
    proxies: Proxies,
    /// The host that plain HTTP is spoken to.
    plain: Option<String>,
}

impl Client {
    /// Reads the proxies of the real environment: a `.env` file of a stranger names none.
    pub fn new(env: &Env) -> Result<Self, Error> {
        let proxies = Proxies::from_variables(|name| env.real(name).map(str::to_owned))?;
        Ok(Client::with(proxies, None))
    }

    /// Makes a client for one server beside this program, `host` with its port, without TLS and without a
    /// proxy: the runtime of AWS Lambda, which is not always on loopback.
    pub fn to_host(host: &str) -> Result<Self, Error> {
        Ok(Client::with(Proxies::from_variables(|_| None)?, Some(host.to_owned())))
    }

    fn with(proxies: Proxies, plain: Option<String>) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .user_agent(concat!("dlq-tools/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEADERS_MAX)
            .build();
        Client { agent: Agent::new_with_config(config), proxies, plain }
    }

    /// Sends a request, and returns the answer of whatever status.
    pub fn send(&self, request: &Request<'_>) -> Result<HttpAnswer, RequestError> {
        store::assert_may_wait(BlockingWait::Network);
        let until = clock::tick() + request.deadline;
        let mut url = request.url.to_owned();
        for _ in 0..REDIRECTS_MAX {
            let answer = self.exchange(request, &url, until)?;
            let location = answer.header("location").filter(|_| answer.status / 100 == 3);
            let next = location.filter(|_| request.method == Method::Get);
            match next.and_then(|location| on_same_server(&url, location)) {
                Some(next) => url = next,
                None => return Ok(answer),
            }
        }
        self.exchange(request, &url, until)
    }

    /// Sends one request and reads the answer.
    fn exchange(
        &self,
        request: &Request<'_>,
        url: &str,
        until: Instant,
    ) -> Result<HttpAnswer, RequestError> {
        if self.plain.is_none() || http_host(url) != self.plain.as_deref() {
            check(url).map_err(RequestError::Refused)?;
        }
        let (endpoint, proxy) = self.proxies.route(url);
        let refused = |cause: &str| RequestError::Refused(format!("'{endpoint}': {cause}"));
        let via = proxy.as_ref().map(|proxy| ureq::Proxy::new(&proxy.url)).transpose();
        let via = via.map_err(|_| refused("its proxy cannot be used"))?;
        let is_begun = Rc::new(Cell::new(false));
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Patch => http::Method::PATCH,
            Method::Put => http::Method::PUT,
        };
        let has_body = request.method != Method::Get;
        let body = match has_body {
            false => SendBody::none(),
            true => {
                let rest = io::Cursor::new(request.body.to_owned());
                let watched = WatchedBody { rest, is_begun: is_begun.clone() };
                SendBody::from_owned_reader(watched)
            }
        };
        let mut builder = http::Request::builder().method(method).uri(url);
        if has_body {
            builder = builder.header(header::CONTENT_LENGTH, request.body.len());
        }
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        let built = builder.body(body).map_err(|_| refused("a header or the URL is malformed"))?;
        let time = until.saturating_duration_since(clock::tick());
        let configured = self
            .agent
            .configure_request(built)
            .https_only(url.starts_with("https:"))
            .proxy(via)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(time))
            .build();
        match self.agent.run(configured) {
            Ok(answer) => Ok(read(answer, request.answer_max)),
            Err(error) => Err(explained(&error, &endpoint, proxy.as_ref(), is_begun.get())),
        }
    }
}

/// The body of a request, which notes whether any of it was taken: that happens when the connection
/// stands and the headers are out.
struct WatchedBody {
    rest: io::Cursor<Vec<u8>>,
    is_begun: Rc<Cell<bool>>,
}

impl Read for WatchedBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_begun.set(true);
        self.rest.read(buffer)
    }
}

/// Returns why a URL is not asked.
pub fn check(url: &str) -> Result<(), String> {
    let Some(host) = http_host(url) else {
        return Err("the URL is not one of http or https".to_owned());
    };
    if host.contains('@') {
        return Err("a URL with a user or a password is not taken".to_owned());
    }
    if url.starts_with("https://") || loopback(host) {
        return Ok(());
    }
    let host = shorten(host, 100);
    Err(format!("'{}': only https is used, except on this machine", safe(&host)))
}

/// Returns the URL of a redirect that stays on the server of `url`.
fn on_same_server(url: &str, location: &str) -> Option<String> {
    let scheme_end = url.find("://")? + "://".len();
    let end = url[scheme_end..].find(['/', '?', '#']).map_or(url.len(), |at| scheme_end + at);
    let origin = &url[..end];
    if location.starts_with('/') && !location.starts_with("//") {
        return Some(format!("{origin}{location}"));
    }
    let rest = location.strip_prefix(origin)?;
    (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then(|| location.to_owned())
}

/// Reads the answer up to `max` bytes of its body, or to the deadline.
fn read(answer: http::Response<ureq::Body>, max: u64) -> HttpAnswer {
    let (head, body) = answer.into_parts();
    let headers = head.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let headers = headers.collect();
    let mut bytes = Vec::new();
    let read = body.into_reader().take(max.saturating_add(1)).read_to_end(&mut bytes);
    let is_whole = read.is_ok() && bytes.len() as u64 <= max;
    bytes.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    HttpAnswer { status: head.status.as_u16(), headers, body: bytes, is_whole }
}

/// Returns the error of a request whose body was begun or not. A GET changes nothing, and counts as
/// unsent.
fn explained(
    error: &ureq::Error,
    endpoint: &str,
    proxy: Option<&Proxy>,
    is_begun: bool,
) -> RequestError {
    let cause = unanswered(endpoint, proxy, &cause(error));
    if is_begun { RequestError::Unknown(cause) } else { RequestError::Unsent(cause) }
}

/// Returns the cause in words, which repeat nothing of the request.
fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(Timeout::Resolve) | ureq::Error::HostNotFound => {
            "the host was not found".to_owned()
        }
        ureq::Error::Timeout(Timeout::Connect) => "no connection in time".to_owned(),
        ureq::Error::Timeout(_) => SILENCE.to_owned(),
        ureq::Error::ConnectProxyFailed(_) => "the proxy refused the connection".to_owned(),
        ureq::Error::Protocol(_) => "the answer is not HTTP".to_owned(),
        ureq::Error::LargeResponseHeader(..) => "the headers of the answer are too long".to_owned(),
        ureq::Error::Rustls(error) => tls(error),
        ureq::Error::Io(error) => match error.get_ref().and_then(as_tls) {
            Some(error) => tls(error),
            None if error.kind() == ErrorKind::UnexpectedEof => "the peer hung up".to_owned(),
            None => io_cause(error),
        },
        _ => "the request failed".to_owned(),
    }
}

fn as_tls<'a>(error: &'a (dyn StdError + Send + Sync + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref()
}

/// Puts the fault of a TLS connection into words.
fn tls(error: &rustls::Error) -> String {
    use rustls::AlertDescription::CertificateRequired;
    use rustls::Error as Fault;
    const TRUST: &str = "if it is that of your company, add its issuer to the authorities of the \
                         system, or to the file that $SSL_CERT_FILE names";
    match error {
        Fault::InvalidCertificate(fault) => certificate_fault(&format!("{fault:?}"), TRUST),
        Fault::InvalidMessage(_)
        | Fault::InappropriateMessage { .. }
        | Fault::InappropriateHandshakeMessage { .. } => NOT_TLS.into(),
        Fault::PeerIncompatible(_) => {
            "it offers no version of TLS and no cipher that is safe; it needs TLS 1.2 or 1.3".into()
        }
        Fault::AlertReceived(CertificateRequired) => {
            "it asks for a certificate of the client, and this program has none".into()
        }
        Fault::AlertReceived(_) => {
            "it refused the TLS connection; check the host, and what answers in its place".into()
        }
        _ => "the TLS connection failed".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_refused_without_showing_more_than_its_host() {
        let rows = [
            ("https://hooks.example.com/services/hunter2", None),
            ("http://127.0.0.1:80/hunter2", None),
            ("http://localhost/hunter2", None),
            ("http://[::1]:8080", None),
            ("http://hooks.example.com/hunter2", Some("'hooks.example.com': only https is used")),
            ("http://localhost.example.com/hunter2", Some("only https is used")),
            ("http://10.0.0.1/hunter2", Some("'10.0.0.1': only https is used")),
            ("https://hunter2@hooks.example.com/", Some("a user or a password")),
            ("http://127.0.0.1:80@evil.example/hunter2", Some("a user or a password")),
            ("ftp://hunter2", Some("not one of http or https")),
            ("hunter2", Some("not one of http or https")),
            ("https://a b/hunter2", Some("not one of http or https")),
        ];
        for (url, expected) in rows {
            match (check(url), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => {
                    assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
                }
                (found, _) => panic!("{url}: {found:?}"),
            }
        }
    }

    #[test]
    fn faults_of_tls_are_sentences_without_names_of_the_library() {
        use rustls::{
            AlertDescription, CertificateError, Error as Fault, InvalidMessage, PeerIncompatible,
        };
        let rows = [
            (Fault::InvalidMessage(InvalidMessage::InvalidContentType), "it does not speak TLS"),
            (
                Fault::InvalidCertificate(CertificateError::UnknownIssuer),
                "its certificate is from an issuer that is not trusted; if it is that of your \
                 company, add its issuer",
            ),
            (Fault::InvalidCertificate(CertificateError::Expired), "its certificate has expired"),
            (Fault::PeerIncompatible(PeerIncompatible::Tls12NotOffered), "it needs TLS 1.2 or 1.3"),
            (Fault::AlertReceived(AlertDescription::HandshakeFailure), "it refused the TLS"),
            (
                Fault::AlertReceived(AlertDescription::CertificateRequired),
                "it asks for a certificate of the client",
            ),
            (Fault::DecryptError, "the TLS connection failed"),
        ];
        for (fault, expected) in rows {
            let text = tls(&fault);
            assert!(text.contains(expected), "{text}");
            let name = format!("{fault:?}");
            assert!(
                !name.split(['(', ')']).any(|word| word.len() > 3 && text.contains(word)),
                "{text}"
            );
        }
    }

    #[test]
    fn redirect_stays_on_the_server() {
        let url = "https://a.example:1/b?c";
        let rows = [
            ("/d", Some("https://a.example:1/d")),
            ("https://a.example:1/d", Some("https://a.example:1/d")),
            ("https://a.example:1", Some("https://a.example:1")),
            ("https://a.example:12/d", None),
            ("https://a.example:1.evil.example/d", None),
            ("https://a.example:1@evil.example/d", None),
            ("http://a.example:1/d", None),
            ("//evil.example/d", None),
            ("d", None),
        ];
        for (location, expected) in rows {
            assert_eq!(on_same_server(url, location).as_deref(), expected, "{location}");
        }
    }
}
