//! dlq-purge - archives dead letters, then deletes exactly those
//!
//! An originator when it is given queues, else a filter that archives. The work is in edge/purge.rs,
//! the decisions in rules/redrive/.

use std::process::ExitCode;

use dlq::args::Given;
use dlq::edge::aws::{self, Sqs};
use dlq::edge::purge::{PurgeRequest, Purger};
use dlq::error::Error;
use dlq::log;
use dlq::programs::PURGE;
use dlq::rules::redrive::options::{self, OptionUse, names};
use dlq::rules::redrive::selection::{Selection, body_pattern};
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{Input, Output, run_filter};

fn main() -> ExitCode {
    tool::main(&PURGE, run)
}

fn request(given: &Given) -> Result<PurgeRequest, Error> {
    let pattern = given.text("match").map(|text| body_pattern(&text)).transpose();
    let selection = Selection {
        fingerprints: given.texts("fingerprint").into_iter().collect(),
        body: pattern.map_err(|why| Error::Usage(format!("option '--match': {why}")))?,
        ..Selection::default()
    };
    let request = PurgeRequest {
        queues: given.operands.clone(),
        account: given.text("account"),
        selection,
        confirmation: given.text("confirm"),
        reason: given.text("reason"),
        place: options::place(&given.words(names(OptionUse::Place))),
        hard: given.has("hard"),
        archive_only: given.has("archive-only"),
    };
    match request.queues.len() {
        0 if request.archive_only && request.account.is_some() => {
            Err(Error::Usage("option '--account' needs a QUEUE".into()))
        }
        0 if !request.archive_only => {
            Err(Error::Usage("give a QUEUE; only '--archive-only' reads a pipe".into()))
        }
        2.. if !request.archive_only => {
            Err(Error::Usage("give one QUEUE: each purge is confirmed by itself".into()))
        }
        _ => Ok(request),
    }
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    if given.has("quiet") {
        log::set_quiet();
    }
    let request = request(given)?;
    let dry_run = given.has("dry-run");
    let (mut settings, env) = tool::settings(given)?;
    aws::narrow(&mut settings.aws, |option| given.has(option));
    let sqs = Sqs::connect(&aws::scopes(&settings.aws, &env), &settings.monitoring)?;
    let store = tool::store(&settings, &env, !dry_run)?;
    let mut purger = Purger::open(sqs, settings, store, dry_run)?;
    let mut out = Output::new();
    let failed = match request.queues.is_empty() {
        true => run_filter(&mut Input::stdin(), &mut out, &mut purger)?,
        false => purger.by_hand(&request, &mut out)?,
    };
    Ok(ExitOutcome::from_failed(failed))
}
