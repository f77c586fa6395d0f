//! The server: routes, readiness, clients that misbehave, and the port that another process holds.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{add, value, with_journal};
use crate::support::event_lines::{heartbeat, seconds_ago};
use crate::support::workbench::{Bench, Running, wait_for};

/// Starts the filter with a port of the kernel's choice, and returns its address.
pub(super) fn listening(bench: &Bench, more: &[&str]) -> (Running, String) {
    let args = [&["--listen", "127.0.0.1:0", "-v"], more].concat();
    let running = bench.start("dlq-metrics", &args);
    let address = address_of(&running);
    (running, address)
}

fn address_of(running: &Running) -> String {
    let mut address = String::new();
    wait_for("it listens", || {
        let said = running.stderr();
        let found = said.split("listening on ").nth(1).and_then(|rest| rest.split_once('\n'));
        address = found.map(|(address, _)| address.to_owned()).unwrap_or_default();
        !address.is_empty()
    });
    address
}

/// Sends a request as it is, and returns the whole answer.
fn send(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // A server that refuses a long request may reset the connection behind its answer.
    let _ = stream.read_to_string(&mut answer);
    answer
}

pub(super) fn get(address: &str, path: &str) -> String {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

#[test]
fn routes_answer_by_method_and_path() {
    let bench = with_journal("metrics-routes");
    let (mut running, address) = listening(&bench, &[]);
    let rows = [
        ("GET /metrics HTTP/1.1\r\n\r\n", "200 OK"),
        ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200 OK"),
        ("HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK"),
        ("GET /healthz HTTP/1.1\r\n\r\n", "200 OK"),
        ("GET /readyz HTTP/1.1\r\n\r\n", "200 OK"),
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("GET /../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "405 Method Not Allowed"),
        ("DELETE /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        ("hello\r\n\r\n", "400 Bad Request"),
        ("\u{7f}\0 \0 \0\r\n\r\n", "400 Bad Request"),
    ];
    for (request, status) in rows {
        let answer = send(&address, request);
        let found = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split("\r\n").next());
        assert_eq!(found, Some(status), "{request:?}: {answer}");
    }
    let answer = get(&address, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert_eq!(value(body, "dlq_incidents_raised_total"), 1.0);
    let head = send(&address, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    // What is new in the journal is there at once, without a heartbeat.
    add(&bench, &heartbeat(seconds_ago(0)));
    assert_eq!(value(&get(&address, "/metrics"), "dlq_rounds_total"), 2.0);
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn readiness_follows_the_rounds() {
    let bench = Bench::new("metrics-ready");
    std::fs::create_dir_all(bench.state("")).unwrap();
    let (mut running, address) = listening(&bench, &[]);
    let rows = [
        (None, "503", "no round has finished yet"),
        (Some(3600), "503", "the last round finished 1h ago, more than 1m 30s"),
        (Some(5), "200", "ago"),
    ];
    for (age, status, reason) in rows {
        if let Some(age) = age {
            add(&bench, &heartbeat(seconds_ago(age)));
        }
        let answer = get(&address, "/readyz");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{age:?}: {answer}");
        assert!(answer.contains(reason), "{age:?}: {answer}");
        assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    }
    running.kill();
}

/// A scrape waits for the state; whether the process lives is asked for all the same.
#[test]
fn health_is_answered_while_metrics_wait_for_the_state() {
    let bench = with_journal("metrics-waiting");
    let (mut running, address) = listening(&bench, &[]);
    assert!(get(&address, "/metrics").starts_with("HTTP/1.1 200"));
    let lock = dlq::store::Lock::wait(&bench.state("metrics.lock")).unwrap();
    let scrapes: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
            stream
        })
        .collect();
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    // Those that are too many do not wait.
    let answer = get(&address, "/metrics");
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("wait for the state"),
        "{answer}"
    );
    drop(lock);
    for mut stream in scrapes.into_iter().take(2) {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn clients_that_misbehave_stop_neither_filter_nor_server() {
    let bench = with_journal("metrics-hostile");
    let (mut running, address) = listening(&bench, &[]);
    // A client that sends nothing, one that sends a byte now and then, and many that only connect.
    let silent = TcpStream::connect(&address).unwrap();
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.write_all(b"GET /met").unwrap();
    let many: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let line = heartbeat(seconds_ago(1));
    let begun = Instant::now();
    for _ in 0..20 {
        running.write(&line);
        assert_eq!(running.line(), line);
    }
    // The filter does not wait for the server: six connections would take six seconds.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let answer = send(&address, &long);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    drop((silent, slow, many));
    // Connections that are closed at once.
    (0..50).for_each(|_| drop(TcpStream::connect(&address).unwrap()));
    assert!(get(&address, "/metrics").starts_with("HTTP/1.1 200"));
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn port_of_another_process_is_taken_over_when_it_ends() {
    let bench = with_journal("metrics-port");
    let (mut first, address) = listening(&bench, &[]);
    let mut second = bench.start("dlq-metrics", &["--listen", &address, "-v"]);
    let warning = format!(
        "dlq-metrics: warning: cannot listen on '{address}': address already in use; trying again at \
         each heartbeat\n"
    );
    wait_for("the second one warns", || second.stderr().contains(&warning));
    // It passes lines, and warns once.
    let line = heartbeat(seconds_ago(1));
    for _ in 0..3 {
        second.write(&line);
        assert_eq!(second.line(), line);
        std::thread::sleep(Duration::from_millis(1100));
    }
    assert_eq!(second.stderr().matches("cannot listen").count(), 1, "{}", second.stderr());
    first.kill();
    second.write(&line);
    assert_eq!(address_of(&second), address);
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!(second.finish().code(), 0);
}

/// Without a stream it serves on, apart from the pipeline.
#[test]
fn server_without_a_stream_serves_until_a_signal() {
    let bench = with_journal("metrics-alone");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = ["--listen", &port.to_string(), "-v"];
    let mut command = bench.command("dlq-metrics", &args);
    let mut running = Running::spawn(command.stdin(Stdio::null()));
    let address = address_of(&running);
    assert_eq!(value(&get(&address, "/metrics"), "dlq_incidents_raised_total"), 1.0);
    running.kill();
}
