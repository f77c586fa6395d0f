//! Faults of credentials and of the network: for each the exit status and every sentence, as
//! `tests/fixtures/aws/faults.txt` has them.
//!
//! Every row has an environment, a script and a folder of its own, so that one fault cannot show in
//! another row. Secrets are all 'hunter2'.

mod rows;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use self::rows::{Row, tables};
use crate::support::aws_api::FakeAws;
use crate::support::poll::bench;
use crate::support::workbench::{Bench, processes_of};

const PROFILES: &str = include_str!("../../fixtures/aws/profiles");
const TABLE: &str = include_str!("../../fixtures/aws/faults.txt");
/// Rows at work at once.
const THREADS: usize = 12;

/// Servers that all rows share, by the words that stand for their addresses.
type Shared = [(&'static str, String); 2];

/// Starts a server whose certificate is signed by itself, and returns its address. It sends a
/// recorded hello of TLS 1.2: a client that trusts the certificate would refuse the signature.
pub fn self_signed_server() -> String {
    const HELLO: &[u8] = include_bytes!("../../fixtures/aws/self-signed.tls");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The client may leave at any moment.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(HELLO);
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    address
}

/// Folder of a row: profiles, programs, tokens and the cache of SSO.
fn prepare(row: &Row, server: &str, shared: &Shared) -> Bench {
    let mut bench = bench("aws-fault", &format!("http://{server}"));
    let dir = bench.dir().display().to_string();
    bench.write("aws-config", PROFILES.replace("DIR", &dir));
    bench.write("damaged", "[profile key]\naws_access_key_id\n");
    bench.write("token", "hunter2");
    bench.write("newline-token", "hunter2\n");
    bench.write("hang", "#!/bin/sh\nsleep 600 & sleep 600\n");
    // Named by the SHA-1 of the sessions corp, ended, newline and damaged.
    let sso = |hash: &str, text: &str| {
        bench.write(&format!(".aws/sso/cache/{hash}.json"), text);
    };
    let token =
        |token: &str, end: &str| json!({"accessToken": token, "expiresAt": end}).to_string();
    let end = "2099-01-01T00:00:00Z";
    sso("ee0bfd2552fbd840c02cc48b6e823320543c450f", &token("hunter2", end));
    sso("ba92ed73c97b30bcc4639724ab6aa8ae87f92601", &token("hunter2", "2020-01-01T00:00:00Z"));
    sso("f6fd7a4346b3bb0e3124991926d729836808da54", &token("hunter2\n", end));
    sso("d9814db59cfe5e862cc98797296b9af679e71180", "hunter2");
    bench.set("HOME", &dir);
    bench.set("DLQ_MONITORING_TIMEOUT", if row.is_silent() { "500ms" } else { "10s" });
    for (name, value) in &row.variables {
        match value {
            None => bench.unset(name),
            Some(value) => {
                let value = value.replace("SERVER", server).replace("DIR", &dir);
                let filled = shared.iter().fold(value, |value, (word, at)| value.replace(word, at));
                bench.set(name, filled);
            }
        }
    }
    bench
}

/// Runs `dlq-poll` in a row, and returns its exit status and standard error.
fn outcome(row: &Row, shared: &Shared) -> String {
    let aws = FakeAws::start(&row.script);
    let server = aws.url.trim_start_matches("http://");
    let bench = prepare(row, server, shared);
    let profile = row.profile.map(|name| ["--profile", name]);
    let output = bench.run("dlq-poll", profile.as_ref().map_or(&[], |args| args), "");
    let text = output.stderr.replace(server, "SERVER");
    let text = shared.iter().fold(text, |text, (word, at)| text.replace(at, word));
    let text = text.replace(&bench.dir().display().to_string(), "DIR");
    assert_eq!(processes_of(&bench), [0; 0], "{}: a process lives on", row.fault);
    if row.is_silent() {
        let asked = row.script.iter().map(|(key, _)| aws.count(key)).sum::<usize>();
        assert!(asked <= 1, "{}: asked {asked} times", row.fault);
    }
    let debug = ["Some(", "Other(", "Error {", "{ ", "Signature=", "panicked", "hunter2"];
    let bad = debug.iter().find(|mark| text.contains(*mark) || output.text().contains(*mark));
    assert_eq!(bad, None, "{}: {text}", row.fault);
    let code = output.code();
    assert!(code < 3 && (code == 0) == text.is_empty(), "{}: {code} {text}", row.fault);
    format!("{code} {text}").trim_end().to_owned() + "\n"
}

#[test]
fn aws_faults_have_their_exit_status_and_sentence() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let shared: Shared =
        [("SILENT", silent.local_addr().unwrap().to_string()), ("TLS", self_signed_server())];
    let tables = tables();
    let rows: Vec<&Row> = tables.iter().flat_map(|(_, rows)| rows).collect();
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = outcome(row, &shared);
                    outcomes.lock().unwrap().insert(row.fault, outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes.len(), rows.len(), "two rows have one name");
    let head = TABLE.lines().take_while(|line| !line.is_empty());
    let mut table: String = head.map(|line| format!("{line}\n")).collect();
    for (title, rows) in &tables {
        table += &format!("\n# {title}\n");
        for row in rows {
            table += &format!("\n{}\n    {}", row.fault, outcomes[row.fault]);
        }
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws-faults.txt");
    std::fs::write(&path, &table).unwrap();
    for (line, expected) in table.lines().zip(TABLE.lines()) {
        assert_eq!(line, expected, "tests/fixtures/aws/faults.txt differs from {}", path.display());
    }
    assert_eq!(table.lines().count(), TABLE.lines().count(), "{}", path.display());
}
