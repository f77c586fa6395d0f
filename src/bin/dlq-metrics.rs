//! dlq-metrics - passes every line on, and gives metrics to Prometheus and CloudWatch

use std::process::ExitCode;

use dlq::args::Given;
use dlq::edge::metrics::{MetricsCollector, MetricsExporter, MetricsOutputs};
use dlq::error::Error;
use dlq::programs::METRICS;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Input, Output, run_filter};

fn main() -> ExitCode {
    tool::main(&METRICS, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(given)?;
    let is_alone = wire::stdin_is_terminal() || wire::stdin_is_null();
    let is_dry = given.has("dry-run");
    let outputs = MetricsOutputs {
        text_file: settings.metrics.textfile.clone(),
        listen: settings.metrics.listen,
        embedded: given.has("emf"),
    };
    let is_once = given.has("once") || (is_alone && outputs.listen.is_none());
    let store = tool::store(&settings, &env, !is_dry && (is_once || outputs.has_any()))?;
    let mut collector = MetricsCollector::new(store, &settings);
    if is_dry {
        wire::print(collector.dry_text()?.as_bytes())?;
        return Ok(ExitOutcome::Done);
    }
    // The lines for CloudWatch take the place of those that are passed.
    let mut out = if outputs.embedded { Output::hidden() } else { Output::new() };
    let mut exporter = MetricsExporter::new(collector, outputs);
    let failed = match (is_once, is_alone) {
        (true, _) => exporter.run_once(&mut out),
        (false, true) => exporter.serve(&mut out),
        (false, false) => run_filter(&mut Input::stdin(), &mut out, &mut exporter),
    };
    failed.map(ExitOutcome::from_failed)
}
