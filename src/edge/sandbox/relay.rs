//! Relay to the API of the model, outside of the sandbox.
//!
//! Promises: connects to one server alone, or to the proxy of the user for that server; a request
//! for another one is answered with 403. Looks into no request after that: with TLS it could not.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::pump::pump;
use crate::rules::sandbox::upstream::{HEAD_MAX, Upstream, status};

/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Time to connect, and to read the head of a request.
const CONNECT: Duration = Duration::from_secs(15);

/// Destination of a relay.
#[derive(Debug, Clone)]
pub struct ModelRoute {
    pub upstream: Upstream,
    proxy: Option<ProxyAddress>,
}

/// Proxy of the user.
#[derive(Debug, Clone)]
struct ProxyAddress {
    host: String,
    port: u16,
    authorization: Option<String>,
}

impl ModelRoute {
    /// Makes a route, by a proxy if its URL is given; `None` when the proxy is not asked by http.
    pub fn to(upstream: Upstream, proxy: Option<&str>) -> Option<Self> {
        let proxy = match proxy {
            None => None,
            Some(url) => Some(ProxyAddress::parse(url)?),
        };
        Some(ModelRoute { upstream, proxy })
    }

    /// Connects to the server.
    fn connect(&self) -> io::Result<TcpStream> {
        let server = &self.upstream;
        // Without TLS a proxy would have to be asked by another form of request.
        let Some(proxy) = self.proxy.as_ref().filter(|_| server.tls) else {
            return connect(&server.host, server.port);
        };
        let mut stream = connect(&proxy.host, proxy.port)?;
        stream.set_read_timeout(Some(CONNECT))?;
        stream.write_all(server.connect_request(proxy.authorization.as_deref()).as_bytes())?;
        let (head, rest) = read_head(&mut stream)?;
        stream.set_read_timeout(None)?;
        match status(&head) {
            // A server with TLS is silent until it is spoken to.
            Some(200..=299) if rest.is_empty() => Ok(stream),
            _ => Err(io::Error::other("the proxy refuses")),
        }
    }
}

impl ProxyAddress {
    fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        let (login, host) = match rest.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, rest),
        };
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (host, 80),
        };
        let authorization = login.map(|login| format!("Basic {}", STANDARD.encode(login)));
        Some(ProxyAddress { host: host.trim_matches(['[', ']']).to_owned(), port, authorization })
    }
}

/// Serves a socket until this process ends.
pub fn serve(listener: UnixListener, route: ModelRoute) {
    let (route, open) = (Arc::new(route), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (route, open) = (route.clone(), open.clone());
            std::thread::spawn(move || {
                // The client sees the end of its connection.
                let _ = relay(client, &route);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
}

fn relay(mut client: UnixStream, route: &ModelRoute) -> io::Result<()> {
    if !route.upstream.tls {
        return pump(client, route.connect()?);
    }
    client.set_read_timeout(Some(CONNECT))?;
    let (head, rest) = read_head(&mut client)?;
    client.set_read_timeout(None)?;
    if !route.upstream.admits(&head) {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    }
    let Ok(mut server) = route.connect() else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    server.write_all(&rest)?;
    pump(client, server)
}

/// Reads up to the empty line. Returns the head, and what came after it.
fn read_head(stream: &mut impl Read) -> io::Result<(String, Vec<u8>)> {
    let (mut bytes, mut block) = (Vec::new(), [0; 1024]);
    loop {
        let count = stream.read(&mut block)?;
        bytes.extend_from_slice(&block[..count]);
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if count == 0 || bytes.len() > HEAD_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Starts a server that answers each connection with a word, and returns its port.
    fn server(word: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut block = [0; 512];
                let _ = stream.read(&mut block);
                let _ = stream.write_all(word.as_bytes());
            }
        });
        port
    }

    /// Sends a text through a relay and returns the answer.
    fn ask(route: &ModelRoute, text: &str) -> String {
        let (mut near, far) = UnixStream::pair().unwrap();
        let route = route.clone();
        let thread = std::thread::spawn(move || relay(far, &route));
        near.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        near.read_to_string(&mut answer).unwrap();
        let _ = thread.join();
        answer
    }

    fn route(url: &str, proxy: Option<&str>) -> ModelRoute {
        ModelRoute::to(Upstream::parse(Some(url)).unwrap(), proxy).unwrap()
    }

    #[test]
    fn relay_reaches_one_server() {
        let port = server("hello");
        let plain = route(&format!("http://127.0.0.1:{port}/v"), None);
        assert_eq!(ask(&plain, "GET / HTTP/1.1\r\n\r\n"), "hello");

        let tls = route(&format!("https://127.0.0.1:{port}"), None);
        let good = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nclient hello");
        let answer = ask(&tls, &good);
        assert_eq!(answer, "HTTP/1.1 200 Connection established\r\n\r\nhello");
        let other = server("secret");
        let bad = format!("CONNECT 127.0.0.1:{other} HTTP/1.1\r\n\r\n");
        assert!(ask(&tls, &bad).starts_with("HTTP/1.1 403 "));
        assert_eq!(
            read_head(&mut &[b'x'; 2 * HEAD_MAX][..]).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    #[test]
    fn relay_asks_the_proxy_of_the_user() {
        let port = server("HTTP/1.1 200 OK\r\n\r\n");
        let proxied =
            route("https://models.invalid", Some(&format!("http://u:p@127.0.0.1:{port}")));
        let answer = ask(&proxied, "CONNECT models.invalid:443 HTTP/1.1\r\n\r\n");
        assert_eq!(answer, "HTTP/1.1 200 Connection established\r\n\r\n");
        assert_eq!(proxied.proxy.unwrap().authorization.unwrap(), "Basic dTpw");
        let port = server("HTTP/1.1 407 x\r\n\r\n");
        let refusing = route("https://models.invalid", Some(&format!("http://127.0.0.1:{port}")));
        let answer = ask(&refusing, "CONNECT models.invalid:443 HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        assert!(ProxyAddress::parse("https://p:1").is_none());
    }
}
