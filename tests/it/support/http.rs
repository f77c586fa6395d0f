//! HTTP/1.1 server on loopback that a closure scripts: the base of all stand-ins for web APIs.
//!
//! The closure sees a request and writes the response with [`Reply`]: whole, in chunks, slowly, cut
//! off, or not at all.
//!
//! Promises: the kernel chooses the port; connections are kept alive; dropping the server closes
//! every open connection and ends every thread. Never: asks another host.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// Running server; it stops when the value is dropped.
pub struct HttpServer {
    /// Base URL without a slash at its end.
    pub url: String,
    connections: Arc<Connections>,
    accepting: Option<JoinHandle<()>>,
}

/// Request that a client sent.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    pub method: String,
    /// Target of the request line: the path with its query, or a URL when the server is a proxy.
    pub target: String,
    /// Header values by lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Writer of one response.
pub struct Reply<'a> {
    stream: &'a TcpStream,
    connections: &'a Connections,
    /// Whether the response must not have a body, as for HEAD.
    bodiless: bool,
}

/// End of a connection: the client has left, the script cut it, or the server stops.
#[derive(Debug)]
pub struct Closed;

/// Open connections, and whether the server stops.
#[derive(Default)]
struct Connections {
    stop: Mutex<bool>,
    stopped: Condvar,
    open: Mutex<Vec<(TcpStream, JoinHandle<()>)>>,
}

impl HttpServer {
    /// Starts a server that answers every request with `respond`. An `Err` closes the connection.
    pub fn start<F>(respond: F) -> Self
    where
        F: Fn(&HttpRequest, &mut Reply<'_>) -> Result<(), Closed> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(Connections::default());
        let (shared, respond) = (connections.clone(), Arc::new(respond));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if *shared.stop.lock().unwrap() {
                    return;
                }
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let copy = stream.try_clone().unwrap();
                let (own, respond) = (shared.clone(), respond.clone());
                let serving = std::thread::spawn(move || serve(&stream, &own, &*respond));
                let mut open = shared.open.lock().unwrap();
                // Closed connections would use up the descriptors of a long test.
                open.retain(|(_, serving): &(_, JoinHandle<()>)| !serving.is_finished());
                open.push((copy, serving));
            }
        });
        HttpServer { url, connections, accepting: Some(accepting) }
    }

    /// Starts a server that also keeps the requests it gets.
    pub fn recording<F>(respond: F) -> (Self, Arc<Mutex<Vec<HttpRequest>>>)
    where
        F: Fn(&HttpRequest, &mut Reply<'_>) -> Result<(), Closed> + Send + Sync + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let server = HttpServer::start(move |request, reply| {
            kept.lock().unwrap().push(request.clone());
            respond(request, reply)
        });
        (server, seen)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        *self.connections.stop.lock().unwrap() = true;
        self.connections.stopped.notify_all();
        // A last connection wakes the thread that accepts.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        let _ = self.accepting.take().unwrap().join();
        let open = std::mem::take(&mut *self.connections.open.lock().unwrap());
        for (stream, serving) in open {
            let _ = stream.shutdown(Shutdown::Both);
            let _ = serving.join();
        }
    }
}

/// Answers the requests of one connection until one side closes it.
fn serve(
    stream: &TcpStream,
    connections: &Connections,
    respond: &dyn Fn(&HttpRequest, &mut Reply<'_>) -> Result<(), Closed>,
) {
    let _closed = CloseOnDrop(stream);
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let mut reply = Reply { stream, connections, bodiless: request.method == "HEAD" };
        if respond(&request, &mut reply).is_err() {
            break;
        }
    }
}

/// Closes a connection, also when the closure that answers panics.
struct CloseOnDrop<'a>(&'a TcpStream);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Reads the next request; `None` at the end of the connection or for what is not HTTP.
fn read_request(reader: &mut impl BufRead) -> Option<HttpRequest> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(Some(0), |text| text.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(HttpRequest { method, target, headers, body })
}

impl HttpRequest {
    /// Returns the target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Returns a header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON; null when it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Reply<'_> {
    /// Sends a whole response.
    pub fn send(&mut self, status: u16, content_type: &str, body: &str) -> Result<(), Closed> {
        self.send_with(status, content_type, &[], body)
    }

    /// Sends a whole response with more headers.
    pub fn send_with(
        &mut self,
        status: u16,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<(), Closed> {
        let more = headers.iter().map(|(name, value)| format!("\r\n{name}: {value}"));
        let length = format!("content-length: {}{}", body.len(), more.collect::<String>());
        let head = head(status, content_type, &length);
        let body = if self.bodiless { "" } else { body };
        self.write((head + body).as_bytes())
    }

    /// Sends a whole response of any bytes.
    pub fn send_bytes(&mut self, status: u16, kind: &str, body: &[u8]) -> Result<(), Closed> {
        let length = format!("content-length: {}", body.len());
        self.write(&[head(status, kind, &length).as_bytes(), body].concat())
    }

    /// Sends a whole response in JSON.
    pub fn send_json(&mut self, status: u16, body: &Value) -> Result<(), Closed> {
        self.send(status, "application/json", &body.to_string())
    }

    /// Begins a response of status 200 whose chunks follow one by one.
    pub fn begin_chunks(&mut self, content_type: &str) -> Result<(), Closed> {
        self.write(head(200, content_type, "transfer-encoding: chunked").as_bytes())
    }

    /// Sends a chunk, which must not be empty.
    pub fn send_chunk(&mut self, text: &str) -> Result<(), Closed> {
        self.write(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
    }

    /// Sends a server-sent event as a chunk of its own.
    pub fn send_event(&mut self, name: &str, data: &Value) -> Result<(), Closed> {
        self.send_chunk(&format!("event: {name}\ndata: {data}\n\n"))
    }

    /// Ends a response that was begun with [`Reply::begin_chunks`].
    pub fn end_chunks(&mut self) -> Result<(), Closed> {
        self.write(b"0\r\n\r\n")
    }

    /// Sleeps; an error when the server stops meanwhile.
    pub fn pause(&self, time: Duration) -> Result<(), Closed> {
        let stop = self.connections.stop.lock().unwrap();
        let waiting = self.connections.stopped.wait_timeout_while(stop, time, |stop| !*stop);
        if *waiting.unwrap().0 { Err(Closed) } else { Ok(()) }
    }

    /// Sends a gibibyte, as far as the client takes it.
    pub fn send_gibibyte(&mut self) -> Result<(), Closed> {
        self.begin_chunks("text/plain")?;
        let chunk = "x".repeat(1 << 16);
        (0..1 << 14).try_for_each(|_| self.send_chunk(&chunk))?;
        self.end_chunks()
    }

    /// Sends nothing until the client gives up or the server stops.
    pub fn hang(&mut self) -> Result<(), Closed> {
        let _ = self.stream.read(&mut [0]);
        Err(Closed)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        self.stream.write_all(bytes).map_err(|_| Closed)
    }
}

/// Returns the head of a response, with the header that says where its body ends.
fn head(status: u16, content_type: &str, length: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n{length}\r\n\r\n")
}
