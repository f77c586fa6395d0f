//! The HTTP client of all requests, also of those for credentials.
//!
//! TLS by ring, a pool of connections, and the proxies of the environment. Promises: the error of a
//! request names the endpoint, and the proxy if there is one; a connection that is not made in time
//! is not tried again within the request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::error::innermost;
use crate::edge::proxy::{Proxies, Proxy, SILENCE, unanswered};
use crate::rules::tls::{CERTIFICATE, NOT_TLS, certificate_fault};

/// Bytes of an answer: ten messages of 1 MiB in JSON, all of them escaped, have 60 MiB.
const ANSWER_MAX: usize = 64 << 20;

/// Returns the HTTP client of all scopes. Connectors depend on the timeouts only, so that clients
/// can share them.
pub(super) fn http_client(proxies: Arc<Proxies>) -> SharedHttpClient {
    let made: Mutex<HashMap<_, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings, components| {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let make = || {
            let (settings, sleep) = (settings.clone(), components.sleep_impl());
            let connector = move |proxy: ProxyConfig| {
                let mut connector = aws_smithy_http_client::Connector::builder()
                    .connector_settings(settings.clone())
                    .proxy_config(proxy);
                connector.set_sleep_impl(sleep.clone());
                let tls = Provider::Rustls(CryptoMode::Ring);
                SharedHttpConnector::new(connector.tls_provider(tls).build())
            };
            SharedHttpConnector::new(RoutingConnector {
                proxies: proxies.clone(),
                connector: Box::new(connector),
                made: Mutex::default(),
            })
        };
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(timeouts).or_insert_with(make).clone()
    })
}

/// Sends each request directly or through its proxy.
struct RoutingConnector {
    proxies: Arc<Proxies>,
    connector: Box<dyn Fn(ProxyConfig) -> SharedHttpConnector + Send + Sync>,
    /// The connectors that were needed so far, by the URL of the proxy.
    made: Mutex<HashMap<Option<String>, SharedHttpConnector>>,
}

impl RoutingConnector {
    fn connector(&self, proxy: Option<&Proxy>) -> Result<SharedHttpConnector, ConnectorError> {
        let url = proxy.map(|proxy| proxy.url.clone());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = made.get(&url) {
            return Ok(connector.clone());
        }
        let config = match &url {
            Some(url) => ProxyConfig::all(url.as_str())
                .map_err(|error| ConnectorError::user(error.to_string().into()))?,
            None => ProxyConfig::disabled(),
        };
        let connector = (self.connector)(config);
        Ok(made.entry(url).or_insert(connector).clone())
    }
}

impl HttpConnector for RoutingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (endpoint, proxy) = self.proxies.route(request.uri());
        let connector = match self.connector(proxy.as_ref()) {
            Ok(connector) => connector,
            Err(error) => return HttpConnectorFuture::ready(Err(error)),
        };
        let sent = connector.call(request);
        HttpConnectorFuture::new(async move {
            match sent.await {
                Ok(answer) => limited(answer).await.map_err(|cause| {
                    let unanswered = unanswered(&endpoint, proxy.as_ref(), &cause);
                    ConnectorError::other(Box::new(Unanswered(unanswered)), None)
                }),
                Err(error) => Err(named(&error, endpoint, proxy)),
            }
        })
    }
}

/// Returns an answer whose body has at most [`ANSWER_MAX`] bytes. One that tells its length, as those of
/// AWS do, is passed on as it is; any other is read here, because the SDK reads to the end whatever comes.
async fn limited(mut answer: HttpResponse) -> Result<HttpResponse, String> {
    let too_long = || format!("the answer has more than {} MiB", ANSWER_MAX >> 20);
    match answer.headers().get("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) if length <= ANSWER_MAX => return Ok(answer),
        Some(Ok(_)) => return Err(too_long()),
        Some(Err(_)) | None => {}
    }
    let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
    let (mut stream, mut bytes) = (ByteStream::new(body), Vec::new());
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part.map_err(|error| plain(&innermost(&error)))?);
        if bytes.len() > ANSWER_MAX {
            return Err(too_long());
        }
    }
    *answer.body_mut() = SdkBody::from(bytes);
    Ok(answer)
}

impl fmt::Debug for RoutingConnector {
    /// Without the proxies, whose URLs may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutingConnector").finish_non_exhaustive()
    }
}

/// The failure of a request that got no answer.
#[derive(Debug)]
pub(super) struct Unanswered(String);

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unanswered {}

/// Adds endpoint and proxy to an error. A connector's timeout is one of connecting: that of an
/// answer is not the connector's.
fn named(error: &ConnectorError, endpoint: String, proxy: Option<Proxy>) -> ConnectorError {
    let cause = if error.is_timeout() { SILENCE.to_owned() } else { plain(&innermost(error)) };
    // Another attempt would end the same way.
    let is_final = cause == PROXY_SIGN_IN || cause.starts_with(CERTIFICATE);
    let unanswered = Box::new(Unanswered(unanswered(&endpoint, proxy.as_ref(), &cause)));
    match (error.is_timeout(), error.is_io(), error.as_other()) {
        // Of no kind that is tried again.
        (true, _, _) => ConnectorError::other(unanswered, None),
        _ if is_final => ConnectorError::user(unanswered),
        (_, true, _) => ConnectorError::io(unanswered),
        _ if error.is_user() => ConnectorError::user(unanswered),
        (_, _, kind) => ConnectorError::other(unanswered, kind),
    }
}

/// The cause that a proxy wants a user and a password.
const PROXY_SIGN_IN: &str = "the proxy asks for credentials (HTTP 407)";

/// The remedy for a certificate of an unknown issuer.
const TRUST: &str = "set SSL_CERT_FILE to a PEM file of all issuers to trust (AWS_CA_BUNDLE has no effect \
                     here)";

/// Puts causes of the libraries into words.
fn plain(cause: &str) -> String {
    if cause.contains("failed to lookup address") || cause.contains("nodename nor servname") {
        return "the name of the host is not known".into();
    }
    if let Some(fault) = cause.split_once("invalid peer certificate: ").map(|(_, fault)| fault) {
        return certificate_fault(fault, TRUST);
    }
    let known = [
        ("tunnel error: proxy auth", PROXY_SIGN_IN),
        ("tunnel error: unexpected end", "the proxy closed the connection"),
        ("tunnel error:", "the proxy refused the connection"),
        ("received corrupt message", NOT_TLS),
        ("connection closed before message completed", "the connection was closed"),
        ("unexpected end of file", "the connection was closed"),
    ];
    let found = known.iter().find(|(text, _)| cause.contains(text));
    found.map_or_else(|| cause.to_owned(), |(_, words)| (*words).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_limited_with_and_without_a_length() {
        let answer = |length: Option<usize>, body: Vec<u8>| {
            let mut answer = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body));
            if let Some(length) = length {
                answer.headers_mut().insert("content-length", length.to_string());
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let limited = runtime.block_on(limited(answer));
            limited.map(|answer| answer.body().bytes().unwrap().len())
        };
        let too_long = Err("the answer has more than 64 MiB".to_owned());
        assert_eq!(answer(None, vec![b'x'; 1000]), Ok(1000));
        assert_eq!(answer(None, vec![b'x'; ANSWER_MAX]), Ok(ANSWER_MAX));
        assert_eq!(answer(None, vec![b'x'; ANSWER_MAX + 1]), too_long);
        assert_eq!(answer(Some(3), vec![b'x'; 3]), Ok(3));
        assert_eq!(answer(Some(1 << 30), vec![b'x'; 3]), too_long);
    }

    #[test]
    fn faults_of_tls_are_sentences() {
        let rows = [
            ("invalid peer certificate: UnknownIssuer", "set SSL_CERT_FILE"),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "set SSL_CERT_FILE"),
            ("received corrupt message of type InvalidContentType", "it does not speak TLS"),
        ];
        for (cause, expected) in rows {
            let text = plain(cause);
            assert!(text.contains(expected) && !text.contains("Invalid"), "{text}");
        }
    }
}
