//! Jumps of the wall clock, which libfaketime makes for the program alone.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{bodies, create_pair, last_move, let_die};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::{bench, parse_output};
use crate::support::requirement::is_met;
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::wait_for;

/// Returns the path of the library, as its own program names it.
fn faketime() -> Option<String> {
    let output = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    is_met(output.is_ok(), "faketime is not installed; install the package faketime");
    Some(String::from_utf8(output.ok()?.stdout).unwrap().trim().to_owned())
}

#[test]
fn wait_for_returns_is_as_long_whatever_the_clock_does() {
    let (Some(server), Some(library)) = (SqsServer::start(), faketime()) else { return };
    let mut sqs = server.client();
    for (name, jump) in [("ahead", "+2h"), ("back", "-2h")] {
        let (source, dlq) = create_pair(&mut sqs, name);
        let_die(&mut sqs, &source, &dlq, &bodies(1));
        let _consumer = Consumer::start(&server, &source, Mode::Succeeds);
        let mut bench = bench(&format!("redrive-clock-{name}"), &server.url);
        let offset = bench.write("offset", "+0\n");
        bench.set("LD_PRELOAD", &library);
        bench.set("FAKETIME_TIMESTAMP_FILE", &offset);
        bench.set("FAKETIME_NO_CACHE", "1");
        bench.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let queue = format!("{name}-dlq");
        let mut running = bench.start("dlq-redrive", &["apply", "--wait", "10s", &queue]);
        wait_for("it watches", || {
            bench.state("redrives.json").exists() && !last_move(&bench)["verify_until"].is_null()
        });
        let begun = Instant::now();
        bench.write("offset", format!("{jump}\n"));
        let output = parse_output(running.finish());
        let waited = begun.elapsed();
        let completed = &output.single("redrive.completed")["data"];
        assert_eq!((output.code, &completed["verified"]), (0, &true.into()), "{}", output.stderr);
        // The looks at the end take half of it.
        assert!(waited > Duration::from_secs(7), "{name}: {waited:?}");
    }
}
