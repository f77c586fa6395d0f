//! The filter: passes every line, and gives the metrics away at heartbeats, and now and then.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::MetricsCollector;
use super::server::MetricsServer;
use crate::clock;
use crate::error::{Error, io_cause};
use crate::event::{Head, Type};
use crate::log;
use crate::store::{self, BlockingWait};
use crate::wire::{Output, StreamFilter};

/// The shortest time between two updates: a replay has thousands of heartbeats.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest time between two updates.
const INTERVAL: Duration = Duration::from_secs(15);

/// The places that metrics are given to.
#[derive(Debug, Clone, Default)]
pub struct MetricsOutputs {
    pub text_file: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    /// Whether lines for CloudWatch are printed in place of the lines that are passed.
    pub embedded: bool,
}

impl MetricsOutputs {
    /// Whether metrics are given to any place.
    pub fn has_any(&self) -> bool {
        self.text_file.is_some() || self.listen.is_some() || self.embedded
    }
}

/// The filter of `dlq-metrics`.
pub struct MetricsExporter {
    collector: MetricsCollector,
    outputs: MetricsOutputs,
    server: Option<MetricsServer>,
    /// Whether a heartbeat has come since the last update.
    is_due: bool,
    updated_at: Option<Instant>,
    /// The problems that were reported: each one once.
    told: BTreeSet<String>,
    failed: bool,
}

impl MetricsExporter {
    pub fn new(collector: MetricsCollector, outputs: MetricsOutputs) -> Self {
        MetricsExporter {
            collector,
            outputs,
            server: None,
            is_due: true,
            updated_at: None,
            told: BTreeSet::new(),
            failed: false,
        }
    }

    /// Updates once, without a server. Prints the text when there is no other place for it. Returns
    /// whether a part failed.
    pub fn run_once(mut self, out: &mut Output) -> Result<bool, Error> {
        self.outputs.listen = None;
        if self.outputs.has_any() {
            return self.finish(out);
        }
        out.put_text(&self.collector.text()?)?;
        out.flush()?;
        Ok(false)
    }

    /// Updates without end, and without a stream: the journal has all events.
    pub fn serve(mut self, out: &mut Output) -> Result<bool, Error> {
        loop {
            self.update(out)?;
            out.flush()?;
            store::sleep(BlockingWait::ProcessEnd, INTERVAL);
        }
    }

    /// Gives the metrics to all places. What fails is reported, and the stream goes on.
    fn update(&mut self, out: &mut Output) -> Result<(), Error> {
        (self.is_due, self.updated_at) = (false, Some(clock::tick()));
        self.listen();
        let mut results = Vec::new();
        if let Some(path) = &self.outputs.text_file {
            results.push(self.collector.write_text(path));
        }
        // What nobody asks for is counted all the same, before it is rotated away.
        results.push(match self.outputs.embedded {
            true => self.print_embedded(out)?,
            false if results.is_empty() => self.collector.fold().map(drop),
            false => Ok(()),
        });
        for error in results.into_iter().filter_map(Result::err) {
            self.failed = true;
            self.warn_once(&error.to_string());
        }
        Ok(())
    }

    /// Prints lines for CloudWatch when a round has finished since the last ones of any process. The
    /// outer error is that of the output.
    fn print_embedded(&mut self, out: &mut Output) -> Result<Result<(), Error>, Error> {
        match self.collector.embed() {
            Ok(lines) => lines.iter().try_for_each(|line| out.put_text(line)).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Starts the server, unless it runs. While another process holds the port, each update tries again.
    fn listen(&mut self) {
        let Some(address) = self.outputs.listen else { return };
        if self.server.as_ref().is_some_and(MetricsServer::is_running) {
            return;
        }
        match MetricsServer::start(address, self.collector.clone()) {
            Ok(server) => {
                log::info(&format!("listening on {}", server.address()));
                self.server = Some(server);
            }
            Err(error) => {
                let cause = io_cause(&error);
                self.warn_once(&format!(
                    "cannot listen on '{address}': {cause}; trying again at each heartbeat"
                ));
            }
        }
    }

    fn warn_once(&mut self, sentence: &str) {
        if self.told.insert(sentence.to_owned()) {
            log::warn(sentence);
        }
    }

    /// Returns the time until the next update.
    fn wait(&self) -> Duration {
        let pause = if self.is_due { PAUSE } else { INTERVAL };
        self.updated_at.map_or(Duration::ZERO, |at| pause.saturating_sub(at.elapsed()))
    }
}

impl StreamFilter for MetricsExporter {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        _line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        let is_heartbeat = head.is_some_and(|head| head.known == Some(Type::PollFinished));
        self.is_due |= is_heartbeat;
        if is_heartbeat && self.outputs.has_any() && self.wait().is_zero() {
            // Nobody waits for the lines meanwhile.
            out.flush()?;
            self.update(out)?;
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.outputs.has_any().then(|| self.wait())
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        if self.wait().is_zero() {
            self.update(out)?;
            out.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        if self.outputs.has_any() {
            self.update(out)?;
        }
        Ok(self.failed)
    }
}
