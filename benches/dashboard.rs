//! Benchmark: a recorded day folded into the state of the dashboard.
//!
//! Takes a file of events, which `scripts/bench dashboard` makes, and prints the seconds from the open
//! to the figures of a first frame, and the number of events. `--frames` measures the figures of
//! further frames instead: milliseconds for each.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;

use dlq::event::ShownEvent;
use dlq::rules::view::dashboard::Dashboard;
use dlq::rules::view::times::mean_times;
use dlq::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// The bytes that are read at once.
const BLOCK: usize = 1 << 20;

fn seconds() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn fold(path: &str) -> std::io::Result<Dashboard> {
    let mut state = Dashboard::default();
    let mut file = BufReader::with_capacity(BLOCK, File::open(path)?);
    let mut cut = Vec::new();
    loop {
        let block = file.fill_buf()?;
        if block.is_empty() {
            return Ok(state);
        }
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', block) {
            let line = &block[begin..end];
            begin = end + 1;
            if cut.is_empty() {
                take(&mut state, line);
            } else {
                cut.extend_from_slice(line);
                take(&mut state, &cut);
                cut.clear();
            }
        }
        cut.extend_from_slice(&block[begin..]);
        let read = block.len();
        file.consume(read);
    }
}

fn take(state: &mut Dashboard, line: &[u8]) {
    match ShownEvent::read(line) {
        Some(event) => state.apply(&event),
        None => state.source.damaged += 1,
    }
}

/// Returns figures of a frame, so that the compiler cannot remove the work.
fn frame(state: &Dashboard, now: Timestamp, is_analytics: bool) -> usize {
    if !is_analytics {
        let severities = state.queues.values().map(|queue| queue.severity(now) as usize);
        return severities.sum();
    }
    let causes = state.top_causes().len() + mean_times(state).len();
    state.depth_over_time(now).len() + state.arrivals(now).len() + causes
}

// Only the library leaves standard output to wire.rs.
#[allow(clippy::disallowed_methods)]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test` and clippy build or start the benchmark without a file.
    let Some(path) = words.iter().find(|word| !word.starts_with('-')) else {
        return ExitCode::SUCCESS;
    };
    let began = seconds();
    let Ok(state) = fold(path) else {
        return ExitCode::FAILURE;
    };
    let now = state.source.newest.unwrap_or_default();
    let size = frame(&state, now, false);
    let took = seconds() - began;
    let mut out = std::io::stdout();
    let written = if words.iter().any(|word| word == "--frames") {
        [false, true].iter().try_for_each(|is_analytics| {
            let began = seconds();
            let sizes: usize = (0..20).map(|_| frame(&state, now, *is_analytics)).sum();
            writeln!(out, "{:.3} {sizes}", (seconds() - began) * 1000.0 / 20.0)
        })
    } else {
        let source = &state.source;
        writeln!(out, "{took:.3} {} {} {size}", source.events, source.damaged)
    };
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
