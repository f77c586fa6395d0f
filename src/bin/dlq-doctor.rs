//! dlq-doctor - checks everything that the programs need, and names the remedies

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use dlq::args::Given;
use dlq::clock;
use dlq::edge::aws;
use dlq::edge::doctor::{self, DoctorContext, DoctorOptions};
use dlq::edge::marked_children::{ChildWatchdog, become_marked};
use dlq::error::Error;
use dlq::programs::DOCTOR;
use dlq::rules::health::feature::AwsFeature;
use dlq::rules::health::{has_failed, table};
use dlq::tool::{self, ExitOutcome};
use dlq::wire;

/// The time for the checks, with which the program ends within 10 seconds.
const LIMIT: Duration = Duration::from_secs(8);
/// Columns of a table that is not shown on a terminal.
const WIDTH: usize = 100;

fn main() -> ExitCode {
    become_marked();
    tool::main(&DOCTOR, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let (mut settings, env) = tool::settings(given)?;
    aws::narrow(&mut settings.aws, |option| given.has(option));
    let context = DoctorContext::new(settings, env)?;
    if given.has("policy") {
        let more = given.texts("feature");
        let more: Vec<_> = more.iter().filter_map(|name| AwsFeature::parse(name)).collect();
        wire::print(context.policy(&more).as_bytes())?;
        return Ok(ExitOutcome::Done);
    }
    let dry_run = given.has("dry-run");
    let bundle = given.text("bundle").map(PathBuf::from);
    bundle.as_deref().map_or(Ok(()), doctor::bundle::check_path)?;
    let limit = given.span("limit").unwrap_or(LIMIT);
    let until = clock::tick() + limit;
    let watchdog = ChildWatchdog::start();
    let results = context.clone().check(DoctorOptions { send: given.has("send"), dry_run, limit });
    watchdog.end_children();
    let line = doctor::event_line(&results);
    let is_recorded = dry_run || doctor::record(&context, line.clone());
    // Before the output, whose reader may have gone.
    let bundled = bundle.map_or(Ok(()), |path| {
        let left = until.saturating_duration_since(clock::tick());
        doctor::write_bundle(&context, &results, &path, given.has("keep-names"), left)
    });
    let printed = if given.has("json") {
        wire::print(&line)
    } else {
        let width = wire::stdout_width().unwrap_or(WIDTH);
        wire::print(table::table(&results, width).as_bytes())
    };
    // Without its archive the run has failed, whether or not anybody reads the table.
    bundled?;
    printed?;
    Ok(ExitOutcome::from_failed(has_failed(&results) || !is_recorded))
}
