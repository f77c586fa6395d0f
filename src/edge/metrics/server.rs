//! The server of `/metrics`, `/healthz` and `/readyz`: one connection after the other; what has to read the
//! state is answered by a thread of its own, so that `/healthz` answers while that waits.
//!
//! Promises: a request has a limit on its size and its time, so that a slow client delays others by at
//! most [`TIME_MAX`] and the filter not at all; the requests that wait have a limit. Never: reads a body, or
//! keeps a connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::MetricsCollector;
use crate::clock;
use crate::log;
use crate::rules::view::metrics::exposition::CONTENT_TYPE;
use crate::store::{self, BlockingWait};

/// The most bytes of a request.
const REQUEST_MAX: usize = 8192;
/// The longest time for a request, and for its answer.
const TIME_MAX: Duration = Duration::from_secs(1);
/// The pause after a connection that could not be accepted, as when descriptors have run out.
const PAUSE: Duration = Duration::from_millis(100);
/// The most requests that wait for an answer from the state.
const WAITING_MAX: usize = 8;
const PLAIN: &str = "text/plain; charset=utf-8";

/// A server, which runs until the end of the process.
pub(super) struct MetricsServer {
    address: SocketAddr,
    thread: JoinHandle<()>,
}

/// Status, content type and body of an answer.
type PageAnswer = (&'static str, &'static str, String);

impl MetricsServer {
    pub(super) fn start(address: SocketAddr, mut collector: MetricsCollector) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let (waiting, requests) = sync_channel::<(TcpStream, PageRequest)>(WAITING_MAX);
        let worker = std::thread::Builder::new().spawn(move || {
            for (stream, request) in requests {
                let answer = of_state(request.page, &mut collector);
                drop(send(&stream, answer, request.is_head));
            }
        })?;
        let thread = std::thread::Builder::new().spawn(move || {
            for stream in listener.incoming() {
                if worker.is_finished() {
                    return;
                }
                match stream {
                    // A client that leaves early is not our problem.
                    Ok(stream) => drop(serve(stream, &waiting)),
                    Err(_) => store::sleep(BlockingWait::Network, PAUSE),
                }
            }
        })?;
        Ok(MetricsServer { address, thread })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }
}

/// A page that is read from the state.
#[derive(Debug, Clone, Copy)]
enum StatePage {
    Metrics,
    Readiness,
}

/// A request for a page of the state.
#[derive(Debug, Clone, Copy)]
struct PageRequest {
    page: StatePage,
    /// Whether only the head is wanted.
    is_head: bool,
}

/// Answers a request, or has it answered.
fn serve(stream: TcpStream, waiting: &SyncSender<(TcpStream, PageRequest)>) -> io::Result<()> {
    stream.set_write_timeout(Some(TIME_MAX))?;
    let Some(head) = read_head(&stream)? else {
        let answer = ("431 Request Header Fields Too Large", PLAIN, "too large\n".into());
        return send(&stream, answer, false);
    };
    match answer(&head) {
        Ok((answer, is_head)) => send(&stream, answer, is_head),
        Err(request) => match waiting.try_send((stream, request)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full((stream, _)) | TrySendError::Disconnected((stream, _))) => {
                let body = "other requests wait for the state\n".into();
                send(&stream, ("503 Service Unavailable", PLAIN, body), request.is_head)
            }
        },
    }
}

fn send(mut stream: &TcpStream, answer: PageAnswer, is_head: bool) -> io::Result<()> {
    let (status, kind, body) = answer;
    let length = body.len();
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n"
    );
    if !is_head {
        text.push_str(&body);
    }
    stream.write_all(text.as_bytes())
}

/// Reads up to the empty line that ends the head; None when the head is too long.
fn read_head(mut stream: &TcpStream) -> io::Result<Option<String>> {
    let (begun, mut head, mut block) = (clock::tick(), Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > REQUEST_MAX {
            return Ok(None);
        }
        let left = TIME_MAX.checked_sub(begun.elapsed()).filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        match stream.read(&mut block)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&block[..count]),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// Returns the answer to a request, and whether only its head is wanted; `Err`: the state has to be read.
fn answer(head: &str) -> Result<(PageAnswer, bool), PageRequest> {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !words.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
        return Ok((("400 Bad Request", PLAIN, "not a request\n".into()), false));
    }
    if !matches!(method, "GET" | "HEAD") {
        return Ok((("405 Method Not Allowed", PLAIN, "GET and HEAD only\n".into()), false));
    }
    let is_head = method == "HEAD";
    match target.split('?').next().unwrap_or_default() {
        "/metrics" => Err(PageRequest { page: StatePage::Metrics, is_head }),
        "/readyz" => Err(PageRequest { page: StatePage::Readiness, is_head }),
        "/healthz" => Ok((("200 OK", PLAIN, "ok\n".into()), is_head)),
        _ => {
            let body = "try /metrics, /healthz or /readyz\n".into();
            Ok((("404 Not Found", PLAIN, body), is_head))
        }
    }
}

/// Returns a page of the state.
fn of_state(page: StatePage, collector: &mut MetricsCollector) -> PageAnswer {
    let answer = match page {
        StatePage::Metrics => collector.text().map(|text| ("200 OK", CONTENT_TYPE, text)),
        StatePage::Readiness => collector.readiness().map(|ready| match ready {
            Ok(sentence) => ("200 OK", PLAIN, sentence + "\n"),
            Err(reason) => ("503 Service Unavailable", PLAIN, reason + "\n"),
        }),
    };
    answer.unwrap_or_else(|error| {
        log::info(&error.to_string());
        ("500 Internal Server Error", PLAIN, format!("{error}\n"))
    })
}
