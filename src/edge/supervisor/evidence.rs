//! Evidence of a session: an existing bundle, or one that `dlq-peek` collects, and its triage.
//!
//! `dlq-peek` is a child, so that this program links nothing of AWS.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use super::context::SessionContext;
use super::environment::Variables;
use super::{Plan, files};
use crate::edge::command;
use crate::edge::evidence::read;
use crate::event::{self, QueueSampled};
use crate::log;
use crate::ndjson;
use crate::rules::investigation::preflight::{MissingEvidence, SampledEvidence};
use crate::rules::investigation::second_look;
use crate::rules::report::LossFacts;
use crate::rules::triage::{self, Triage};
use crate::store;
use crate::text::shorten;

/// Deadline of `dlq-peek`.
const PEEK: Duration = Duration::from_secs(5 * 60);
/// Longest output of `dlq-peek`, which writes one event.
const ANSWER_MAX: u64 = 64 << 10;

/// Evidence about the messages, and the triage of it.
pub(super) struct EvidenceSummary {
    pub(super) bundle: Option<PathBuf>,
    pub(super) triage: SampledEvidence,
    /// Text of the triage report.
    pub(super) report: String,
    /// Whether there is a line of a log.
    pub(super) has_logs: bool,
    /// Whether the logs were asked too early.
    pub(super) logs_early: bool,
    /// The loss of the messages, as far as the sample shows it.
    pub(super) loss: LossFacts,
}

impl EvidenceSummary {
    /// The cause of most messages.
    pub(super) fn cause(&self) -> Option<&Triage> {
        self.causes().first()
    }

    pub(super) fn causes(&self) -> &[Triage] {
        self.triage.as_deref().unwrap_or_default()
    }

    /// Whether the incident is looked at once more when its logs are complete.
    pub(super) fn needs_second_look(&self, context: &SessionContext) -> bool {
        second_look::is_due(self.logs_early, self.causes(), &context.plan.incident)
    }
}

/// Takes the bundle that the plan names, or has `dlq-peek` collect one, and runs the triage. A second
/// look takes a bundle whose logs were asked too early only when there is no other.
pub(super) fn collect(context: &SessionContext, environment: Variables) -> EvidenceSummary {
    let is_early = |path: &PathBuf| {
        context.plan.incident.second_look && read::load_logs(path).is_ok_and(|logs| logs.is_early())
    };
    let found = match &context.plan.bundle {
        Some(path) if !is_early(path) => Ok(path.clone()),
        earlier => match peek(context, environment) {
            Ok(path) => {
                // A session that resumes this one uses the same messages.
                let plan = Plan { bundle: Some(path.clone()), ..context.plan.clone() };
                log::warn_on_error(plan.write(&context.folder, files::PLAN));
                Ok(path)
            }
            Err(missing) => earlier.clone().ok_or(missing),
        },
    };
    let loss = context.loss();
    match found.and_then(|bundle| judge(bundle, loss)) {
        Ok(evidence) => evidence,
        Err(missing) => EvidenceSummary {
            bundle: None,
            report: triage::report::render_without_sample(
                &context.plan.incident.queue,
                &missing.why,
                loss,
            ),
            triage: Err(missing),
            has_logs: false,
            logs_early: false,
            loss,
        },
    }
}

fn peek(context: &SessionContext, mut environment: Variables) -> Result<PathBuf, MissingEvidence> {
    let failed = |why: String, temporary| MissingEvidence { why, temporary };
    let Some(argv) = &context.plan.peek else {
        let why = "dlq-peek was not found beside dlq-investigate, nor in PATH";
        return Err(failed(why.into(), false));
    };
    environment.push(("DLQ_STATE_DIR".into(), context.store.dir().into()));
    let deadline = PEEK.min(Duration::from_millis(context.plan.timeout_ms));
    let log = context.path(files::SUPERVISOR_LOG);
    let stderr = store::append_private(&log).map_or_else(|_| Stdio::null(), Stdio::from);
    let ran = command::run(argv, Some(&environment), deadline, ANSWER_MAX, stderr)
        .map_err(|cause| failed(format!("dlq-peek cannot be started: {cause}"), true))?;
    let sampled = ran.output.split(|byte| *byte == b'\n').find_map(event::read::<QueueSampled>);
    match sampled.map(|event| event.data) {
        Some(QueueSampled { bundle: Some(bundle), .. }) => Ok(bundle.into()),
        Some(QueueSampled { refused, detail, .. }) => {
            let temporary = refused.as_deref() == Some("in_flight");
            Err(failed(detail.unwrap_or_else(|| "dlq-peek gives no reason".into()), temporary))
        }
        None => {
            let line = ndjson::last_line(&log, ANSWER_MAX).ok().flatten();
            let line = line.map(|line| String::from_utf8_lossy(&line).into_owned());
            let line = line.as_deref().unwrap_or("dlq-peek wrote neither an event nor an error");
            Err(failed(shorten(line, 400).into_owned(), true))
        }
    }
}

/// Runs the triage over a bundle, and renders its report.
fn judge(bundle: PathBuf, loss: LossFacts) -> Result<EvidenceSummary, MissingEvidence> {
    let missing = |why: String| MissingEvidence { why, temporary: false };
    let contents = read::load(&bundle).map_err(|error| missing(error.to_string()))?;
    let causes = triage::judge(&contents);
    if causes.is_empty() {
        return Err(missing("no message could be received".into()));
    }
    let oldest = contents.facts.iter().filter_map(|seen| seen.sent_at).min();
    let loss = loss.with_sample(&contents.queue, oldest);
    let report = triage::report::render(&contents, &causes, loss);
    let logs_early = contents.logs.is_early();
    let has_logs = contents.logs.logs.iter().any(|log| log.file.is_some());
    let bundle = Some(bundle);
    Ok(EvidenceSummary { bundle, triage: Ok(causes), report, has_logs, logs_early, loss })
}
