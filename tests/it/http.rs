//! The HTTP client against a server on loopback that answers badly.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dlq::config::Env;
use dlq::edge::http::{Client, Method, Request};
use dlq::rules::http::{HttpAnswer, RequestError};
use dlq::time::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::support::http::{Closed, HttpRequest, HttpServer, Reply};
use crate::support::requirement::is_met;
use crate::support::workbench::Bench;

const SECRET: &str = "hunter2";
const DEADLINE: Duration = Duration::from_secs(20);

fn send(
    env: &Env,
    method: Method,
    url: &str,
    deadline: Duration,
) -> Result<HttpAnswer, RequestError> {
    let headers = [("authorization", SECRET), ("content-type", "application/json")];
    let request =
        Request { method, url, headers: &headers, body: b"{\"a\":1}", deadline, answer_max: 1000 };
    Client::new(env).unwrap().send(&request)
}

fn post(url: &str) -> Result<HttpAnswer, RequestError> {
    send(&Env::default(), Method::Post, &format!("{url}/services/{SECRET}"), DEADLINE)
}

#[test]
fn answer_of_every_status_arrives_with_headers_and_body() {
    for status in [200, 202, 302, 400, 404, 410, 429, 500, 503] {
        let (server, seen) = HttpServer::recording(move |_, reply| {
            reply.send_with(status, "text/plain", &[("Retry-After", "7")], "no_service")
        });
        let answer = post(&server.url).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (status, b"no_service".as_slice()));
        assert!(answer.is_whole);
        let now = Timestamp::from_millis(0);
        assert_eq!(answer.retry_after(now), Some(Duration::from_secs(7)));
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].method.as_str(), seen[0].text().as_str()), ("POST", "{\"a\":1}"));
        assert_eq!(seen[0].path(), "/services/hunter2");
        assert_eq!(seen[0].header("authorization"), Some(SECRET));
        assert_eq!(
            seen[0].header("user-agent"),
            Some(concat!("dlq-tools/", env!("CARGO_PKG_VERSION")))
        );
        assert_eq!(
            (seen[0].header("content-length"), seen[0].header("transfer-encoding")),
            (Some("7"), None)
        );
    }
}

#[test]
fn huge_answer_is_cut_at_the_limit() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let server = HttpServer::start(move |_, reply| {
        reply.begin_chunks("text/plain")?;
        let chunk = "x".repeat(1 << 16);
        for _ in 0..(1 << 14) {
            reply.send_chunk(&chunk)?;
            counter.fetch_add(chunk.len(), Ordering::SeqCst);
        }
        reply.end_chunks()
    });
    let answer = post(&server.url).unwrap();
    assert_eq!((answer.status, answer.body.len(), answer.is_whole), (200, 1000, false));
    drop(server);
    assert!(sent.load(Ordering::SeqCst) < 64 << 20, "{sent:?} bytes of 1 GiB were sent");
}

#[test]
fn endless_answer_ends_at_the_deadline() {
    let drip = |reply: &mut Reply<'_>| loop {
        reply.send_chunk("x")?;
        reply.pause(Duration::from_millis(20))?;
    };
    let server = HttpServer::start(move |_, reply| {
        reply.begin_chunks("text/plain")?;
        drip(reply)
    });
    let begun = Instant::now();
    let answer =
        send(&Env::default(), Method::Post, &server.url, Duration::from_millis(400)).unwrap();
    assert_eq!((answer.status, answer.is_whole), (200, false));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn request_without_answer_may_have_arrived_once_its_body_was_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hanging = HttpServer::start(|_, reply| reply.hang());
    let resetting = HttpServer::start(|_, _| Err(Closed));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let rows = [
        (format!("http://{closed}"), false, "connection refused"),
        (hanging.url.clone(), true, "no answer in time"),
        (silent_url, true, "no answer in time"),
        (resetting.url.clone(), true, ""),
    ];
    for (url, unknown, cause) in rows {
        let path = format!("{url}/services/{SECRET}");
        let begun = Instant::now();
        let error =
            send(&Env::default(), Method::Post, &path, Duration::from_millis(500)).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10), "{url}");
        let text = error.to_string();
        assert!(text.starts_with("'127.0.0.1:") && text.contains(cause), "{text}");
        assert!(!text.contains(SECRET), "{text}");
        assert_eq!(matches!(error, RequestError::Unknown(_)), unknown, "{text}");
        assert_eq!(matches!(error, RequestError::Unsent(_)), !unknown, "{text}");
    }
}

#[test]
fn redirect_is_followed_for_get_and_on_the_same_server_only() {
    let (other, reached) = HttpServer::recording(|_, reply| reply.send(200, "text/plain", "other"));
    let elsewhere = other.url.clone();
    let (server, seen) = HttpServer::recording(move |request, reply| {
        let location = match request.path() {
            "/here" => "/there",
            "/away" => elsewhere.as_str(),
            "/round" => "/round",
            _ => return reply.send(200, "text/plain", "there"),
        };
        reply.send_with(307, "text/plain", &[("Location", location)], "moved")
    });
    let rows = [
        (Method::Get, "/here", 200, 2),
        (Method::Get, "/away", 307, 1),
        (Method::Get, "/round", 307, 4),
        (Method::Post, "/here", 307, 1),
        (Method::Post, "/away", 307, 1),
    ];
    for (method, path, status, requests) in rows {
        let url = format!("{}{path}", server.url);
        let answer = send(&Env::default(), method, &url, DEADLINE).unwrap();
        assert_eq!(answer.status, status, "{method:?} {path}");
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()).len(), requests, "{method:?} {path}");
    }
    assert!(reached.lock().unwrap().is_empty(), "the other server was asked");
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let error = post("http://192.0.2.1").unwrap_err();
    assert!(matches!(&error, RequestError::Refused(_)), "{error:?}");
    assert_eq!(error.to_string(), "'192.0.2.1': only https is used, except on this machine");
}

#[test]
fn proxy_serves_other_machines_only() {
    let (proxy, asked) = HttpServer::recording(|_, reply| reply.send(403, "text/plain", "no"));
    let (server, seen) = HttpServer::recording(|_, reply| reply.send(200, "text/plain", "ok"));
    let variables =
        ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, proxy.url.clone()));
    let mut env = Env::from_pairs(variables);
    assert_eq!(send(&env, Method::Post, &server.url, DEADLINE).unwrap().status, 200);
    assert_eq!(seen.lock().unwrap().len(), 1);
    assert!(asked.lock().unwrap().is_empty(), "the proxy was asked for this machine");

    let error =
        send(&env, Method::Post, "https://hooks.example.invalid/hunter2", DEADLINE).unwrap_err();
    let asked: Vec<HttpRequest> = std::mem::take(&mut *asked.lock().unwrap());
    assert_eq!(
        (asked[0].method.as_str(), asked[0].target.as_str()),
        ("CONNECT", "hooks.example.invalid:443")
    );
    let text = error.to_string();
    assert!(matches!(error, RequestError::Unsent(_)), "{error:?}");
    assert!(text.contains("through the proxy '127.0.0.1:") && !text.contains(SECRET), "{text}");
    assert!(text.contains("(HTTPS_PROXY): the proxy refused"), "{text}");

    env = Env::default();
    let line = format!("HTTP_PROXY=hunter2 hunter2\nHTTPS_PROXY={}", proxy.url);
    env.add_file(&line, std::path::Path::new(".env"), false).unwrap();
    assert!(Client::new(&env).is_ok(), "a proxy of an .env file is used");
    let env = Env::from_pairs([("HTTPS_PROXY", "http://u:hunter2@")]);
    let error = Client::new(&env).err().unwrap();
    assert!(!error.to_string().contains(SECRET), "{error}");
}

#[test]
fn certificate_of_unknown_authority_is_refused_before_anything_is_sent() {
    const HELLO: &[u8] = include_bytes!("../fixtures/aws/self-signed.tls");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/{SECRET}", listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(HELLO);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        rest
    });
    let error = send(&Env::default(), Method::Post, &url, DEADLINE).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, RequestError::Unsent(_)), "{error:?}");
    assert!(text.starts_with("'localhost:") && text.contains("its certificate "), "{text}");
    assert!(text.contains("SSL_CERT_FILE") && !text.contains(SECRET), "{text}");
    assert!(server.join().unwrap().len() < 100, "only an alert");
}

/// Makes an authority, and a certificate of it for localhost.
fn make_certificates(bench: &Bench) {
    bench.write("ext", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n");
    let line = "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca && \
                openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost && \
                openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                -extfile ext -out certificate.pem";
    let output = bench.shell(line);
    assert_eq!(output.code(), 0, "{}", output.stderr);
}

/// Answers the first request of each connection, and returns the port.
fn start_tls_server(bench: &Bench) -> u16 {
    let certificate = CertificateDer::from_pem_file(bench.path("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(bench.path("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !request.ends_with(b"}}") {
                match tls.read(&mut buffer) {
                    Ok(count) if count > 0 => request.extend(&buffer[..count]),
                    // The client refuses the certificate.
                    _ => break,
                }
            }
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            connection.send_close_notify();
            let _ = connection.complete_io(&mut stream);
        }
    });
    port
}

#[test]
fn certificate_of_a_company_is_trusted_by_ssl_cert_file() {
    let has_openssl = std::process::Command::new("openssl").arg("version").output().is_ok();
    if !is_met(has_openssl, "openssl is not installed; install the package openssl") {
        return;
    }
    let mut bench = Bench::new("company-authority");
    make_certificates(&bench);
    let port = start_tls_server(&bench);
    let url = format!("https://localhost:{port}/hook");
    bench
        .configure(&format!("notifications: {{channels: {{w: {{type: webhook, url: '{url}'}}}}}}"));
    let test = |bench: &Bench| bench.run("dlq-notify", &["--test-channel", "w"], "");
    let refused = test(&bench);
    assert_eq!(refused.code(), 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("$SSL_CERT_FILE"), "{}", refused.stderr);
    let authority = bench.path("ca.pem");
    bench.set("SSL_CERT_FILE", authority);
    let trusted = test(&bench);
    assert_eq!((trusted.code(), trusted.stderr.as_str()), (0, ""));
}
