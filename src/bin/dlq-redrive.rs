//! dlq-redrive - puts dead letters back where they came from, a few first
//!
//! What moves, in which steps, and what stops it is decided in rules/redrive/; edge/redrive.rs does it.

use std::process::ExitCode;

use dlq::args::Given;
use dlq::config::Switches;
use dlq::edge::aws::{self, Sqs};
use dlq::edge::redrive::{ApplyInput, AutoRedrive, RedriveRequest, Redriver, RestoreChoice};
use dlq::error::Error;
use dlq::programs::REDRIVE;
use dlq::rules::redrive::ramp::Ramp;
use dlq::rules::redrive::selection::WORDS;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{self, Input, Output, run_filter};

fn main() -> ExitCode {
    tool::main(&REDRIVE, run)
}

fn request(given: &Given) -> Result<RedriveRequest, Error> {
    let usual = Ramp::default();
    let mut request = RedriveRequest {
        force: given.has("force"),
        ramp: Ramp {
            canary: given.number("canary").unwrap_or(usual.canary),
            ramp: given.number("ramp").unwrap_or(usual.ramp),
        },
        rate: given.number("rate"),
        hold: given.span("hold"),
        wait: given.span("wait"),
        batch_window: given.span("batch-window"),
        verifies: !given.has("no-verify"),
        reason: given.text("reason"),
        ..RedriveRequest::default()
    };
    let mut words = Vec::new();
    for name in WORDS {
        words.extend(given.texts(name).into_iter().map(|text| format!("{name}={text}")));
    }
    request.set_words(words).map_err(Error::Usage)?;
    Ok(request)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let operands: Vec<&str> = given.operands.iter().map(String::as_str).collect();
    let request = request(given)?;
    let dry_run = given.has("dry-run");
    let (mut settings, env) = tool::settings(given)?;
    let mut out = Output::new();
    if given.has("auto") {
        let store = tool::store(&settings, &env, !dry_run)?;
        let mut filter = AutoRedrive::new(given, Switches::new(&settings), store)?;
        return run_filter(&mut Input::stdin(), &mut out, &mut filter)
            .map(ExitOutcome::from_failed);
    }
    aws::narrow(&mut settings.aws, |option| given.has(option));
    let sqs = Sqs::connect(&aws::scopes(&settings.aws, &env), &settings.monitoring)?;
    let store = tool::store(&settings, &env, !dry_run)?;
    let redriver = Redriver::open(sqs, settings, store, dry_run)?;
    let failed = match operands.as_slice() {
        [] if given.has("due") => redriver.redrive_due(&request, &mut out),
        ["plan", queue] => redriver.plan(queue, &request, &mut out),
        ["apply", queue] if given.has("native") => redriver.native(queue, &request, &mut out),
        ["apply", rest @ ..] if given.has("resume") && rest.len() < 2 => {
            let id = given.text("resume").unwrap_or_default();
            redriver.resume(&id, rest.first().copied(), &request, &mut out)
        }
        ["apply", input] => redriver.apply(&ApplyInput::read(input), &request, &mut out),
        ["apply"] if !wire::stdin_is_terminal() => {
            redriver.apply(&ApplyInput::Plan("-".into()), &request, &mut out)
        }
        ["verify", name] => redriver.verify(name, &request, &mut out),
        ["restore", archive] => {
            let ids = request.selection.ids.clone();
            redriver.restore(archive, &RestoreChoice { ids, force: request.force }, &mut out)
        }
        _ => Err(Error::Usage(
            "expected 'plan QUEUE', 'apply QUEUE', 'apply PLAN', 'verify ID' or 'restore ARCHIVE'"
                .into(),
        )),
    };
    failed.map(ExitOutcome::from_failed)
}
