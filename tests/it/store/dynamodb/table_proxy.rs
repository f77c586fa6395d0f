//! Proxy before a server of DynamoDB that fails some requests on their way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to every seventh request of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayFault {
    /// It is carried out, and the connection closed without an answer.
    DropAnswer,
    /// The connection is closed before it arrives.
    DropRequest,
    /// It is refused for want of capacity.
    Throttle,
    /// An error of the server as the answer to a request that was carried out.
    Fail,
}

/// Held while the server has a request.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Running proxy, until the end of the process.
pub struct TableProxy {
    pub url: String,
    faults: Arc<AtomicUsize>,
}

impl TableProxy {
    /// Starts a proxy that applies a fault to an operation.
    pub fn start(server: &str, target: &'static str, fault: WayFault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = server.trim_start_matches("http://").to_owned();
        let (seen, faults) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = faults.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (server, seen, faults) = (server.clone(), seen.clone(), counted.clone());
                std::thread::spawn(move || {
                    let _ = serve(&client.unwrap(), &server, &|name: &str| {
                        let is_meant =
                            name.ends_with(target) && seen.fetch_add(1, Ordering::SeqCst) % 7 == 3;
                        is_meant.then(|| {
                            faults.fetch_add(1, Ordering::SeqCst);
                            fault
                        })
                    });
                });
            }
        });
        TableProxy { url, faults }
    }

    /// Returns how many requests have failed.
    pub fn faults(&self) -> usize {
        self.faults.load(Ordering::SeqCst)
    }
}

/// Serves one request of a connection, and closes it.
fn serve(
    client: &TcpStream,
    server: &str,
    fault_of: &dyn Fn(&str) -> Option<WayFault>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let (mut head, mut length, mut target) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "x-amz-target" => value.trim().clone_into(&mut target),
            _ => {}
        }
        if line == "\r\n" {
            head += "Connection: close\r\n\r\n";
            break;
        }
        if !name.eq_ignore_ascii_case("connection") {
            head += &line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let fault = fault_of(&target);
    if fault == Some(WayFault::DropRequest) {
        return Ok(());
    }
    let mut answer = Vec::new();
    if fault != Some(WayFault::Throttle) {
        // moto checks a condition and writes in two steps, between which another thread may write.
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(head.as_bytes())?;
        upstream.write_all(&body)?;
        upstream.read_to_end(&mut answer)?;
    }
    let error = |status: &str, kind: &str| {
        let body = format!("{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{kind}\"}}");
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let mut client = client;
    match fault {
        None => client.write_all(&answer)?,
        Some(WayFault::Throttle) => client.write_all(
            error("400 Bad Request", "ProvisionedThroughputExceededException").as_bytes(),
        )?,
        Some(WayFault::Fail) => client
            .write_all(error("500 Internal Server Error", "InternalServerError").as_bytes())?,
        Some(WayFault::DropAnswer | WayFault::DropRequest) => {}
    }
    Ok(())
}
