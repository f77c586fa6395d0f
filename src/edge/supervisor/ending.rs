//! How a session ends, told and recorded.

use std::path::PathBuf;
use std::time::Duration;

use super::check::Finding;
use super::{Supervisor, files};
use crate::error::Error;
use crate::event::{
    self, InvestigationCompleted, InvestigationFailed, InvestigationStopped, InvestigationTimedOut,
};
use crate::rules::report;
use crate::rules::session::Status;
use crate::rules::verdict::Outcome;
use crate::store;
use crate::time::show_span;

impl Supervisor<'_> {
    pub(super) fn conclude(
        &self,
        outcome: Outcome,
        cost: Option<f64>,
        finding: Option<&Finding>,
    ) -> Result<(), Error> {
        let took = self.started.elapsed();
        let (queue, session) = (self.plan.incident.queue.clone(), self.session.to_owned());
        match outcome {
            Outcome::Completed(verdict, said, turns) => {
                let cost_usd = cost.or(said);
                let report = match finding {
                    None => self.report(&verdict, took)?,
                    Some(finding) => {
                        let path = self.folder.join(files::REPORT);
                        let text = self.report_of(finding, cost_usd, turns, took);
                        store::replace(&path, text.as_bytes())?;
                        path
                    }
                };
                let report = report.display().to_string();
                let duration_s = took.as_secs();
                self.tell(InvestigationCompleted {
                    queue,
                    session,
                    verdict,
                    cost_usd,
                    turns,
                    duration_s,
                    report,
                })?;
                self.close(Status::Completed, true, cost_usd)
            }
            Outcome::Failed(reason, detail) => {
                let detail =
                    format!("{detail}; see '{}'", self.folder.join(files::STDERR).display());
                self.tell(InvestigationFailed {
                    queue,
                    session,
                    reason: reason.into(),
                    detail,
                    cost_usd: cost,
                    duration_s: Some(took.as_secs()),
                })?;
                // What never ran has cost nothing: no cooldown.
                self.close(Status::Failed, reason != "could_not_start", cost)
            }
        }
    }

    pub(super) fn timed_out(&self, cost_usd: Option<f64>) -> Result<(), Error> {
        let detail =
            format!("it was given {}", show_span(Duration::from_millis(self.plan.timeout_ms)));
        self.tell(InvestigationTimedOut {
            queue: self.plan.incident.queue.clone(),
            session: self.session.into(),
            detail,
            cost_usd,
            duration_s: self.started.elapsed().as_secs(),
        })?;
        self.close(Status::TimedOut, true, cost_usd)
    }

    pub(super) fn stopped(&self, cost_usd: Option<f64>) -> Result<(), Error> {
        self.tell(InvestigationStopped {
            queue: self.plan.incident.queue.clone(),
            session: self.session.into(),
            detail: "somebody asked for its end".into(),
            cost_usd,
            duration_s: self.started.elapsed().as_secs(),
        })?;
        self.close(Status::Stopped, true, cost_usd)
    }

    fn report(&self, verdict: &event::Verdict, took: Duration) -> Result<PathBuf, Error> {
        let path = self.folder.join(files::REPORT);
        let text = report::of(
            self.session,
            &self.plan.incident.id,
            &self.plan.incident.queue,
            verdict,
            took,
        );
        store::replace(&path, text.as_bytes())?;
        Ok(path)
    }
}
