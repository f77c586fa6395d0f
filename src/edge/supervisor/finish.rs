//! How a session ends, told and recorded.

use std::path::PathBuf;
use std::time::Duration;

use super::check_verdict::Finding;
use super::{Supervisor, files};
use crate::clock;
use crate::error::Error;
use crate::event::{
    self, InvestigationCompleted, InvestigationFailed, InvestigationStopped, InvestigationTimedOut,
};
use crate::rules::agent::last_line::AgentResult;
use crate::rules::investigation::session::Status;
use crate::rules::verdict::report;
use crate::store;
use crate::time::show_span;

/// How a session has ended, to be recorded when all else is done.
pub(super) struct End {
    status: Status,
    /// Whether the queue is left alone for a while.
    cools: bool,
    /// Whether another attempt may do better.
    again: bool,
    pub(super) cost: Option<f64>,
}

impl End {
    fn of(status: Status, cost: Option<f64>) -> Self {
        End { status, cools: true, again: false, cost }
    }

    /// With a result.
    pub(super) fn completed(cost: Option<f64>) -> Self {
        End::of(Status::Completed, cost)
    }
}

impl Supervisor<'_> {
    /// Tells the outcome.
    pub(super) fn conclude(
        &self,
        outcome: AgentResult,
        cost: Option<f64>,
        finding: Option<&Finding>,
        left: Option<&str>,
    ) -> Result<End, Error> {
        let took = self.started.elapsed();
        let (queue, session) = (self.plan.incident.queue.clone(), self.session.to_owned());
        match outcome {
            AgentResult::Completed(verdict, said, turns) => {
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
                Ok(End::completed(cost_usd))
            }
            AgentResult::Failed(reason, detail) => {
                self.tell(InvestigationFailed {
                    queue,
                    session,
                    reason: reason.into(),
                    detail: self.with_more(detail, left),
                    cost_usd: cost,
                    duration_s: Some(took.as_secs()),
                })?;
                // What never ran has cost nothing: no cooldown.
                let again = reason == "could_not_start";
                Ok(End { cools: !again, again, ..End::of(Status::Failed, cost) })
            }
        }
    }

    pub(super) fn timed_out(&self, cost: Option<f64>, left: Option<&str>) -> Result<End, Error> {
        let detail =
            format!("it was given {}", show_span(Duration::from_millis(self.plan.timeout_ms)));
        self.tell(InvestigationTimedOut {
            queue: self.plan.incident.queue.clone(),
            session: self.session.into(),
            detail: self.with_more(detail, left),
            cost_usd: cost,
            duration_s: self.started.elapsed().as_secs(),
        })?;
        Ok(End::of(Status::TimedOut, cost))
    }

    pub(super) fn stopped(&self, cost: Option<f64>, left: Option<&str>) -> Result<End, Error> {
        self.tell(InvestigationStopped {
            queue: self.plan.incident.queue.clone(),
            session: self.session.into(),
            detail: self.with_more("somebody asked for its end".into(), left),
            cost_usd: cost,
            duration_s: self.started.elapsed().as_secs(),
        })?;
        Ok(End::of(Status::Stopped, cost))
    }

    /// Records the end. Before that the session counts as running.
    pub(super) fn close(&self, end: &End) -> Result<(), Error> {
        if end.again {
            self.hold(Some(self.later("could_not_start")))?;
        }
        let now = clock::now();
        let until = now.plus(Duration::from_millis(self.plan.cooldown_ms));
        self.record(|session| {
            session.status = end.status;
            session.ended_at = Some(now);
            session.cost_usd = end.cost;
            session.cooldown_until = end.cools.then_some(until);
        })
    }

    /// A sentence with where more is to be seen, what was left behind, and how to go on.
    fn with_more(&self, detail: String, left: Option<&str>) -> String {
        let written = |name: &&str| {
            std::fs::metadata(self.folder.join(name)).is_ok_and(|file| file.len() > 0)
        };
        let mut all = vec![detail];
        let mut files = [files::STDERR, files::TRANSCRIPT].into_iter();
        let seen = files.find(written).map(|name| self.folder.join(name));
        all.extend(seen.map(|path| format!("what it wrote is in '{}'", path.display())));
        all.extend(left.map(str::to_owned));
        if self.plan.agent.as_ref().is_some_and(|agent| agent.claude) && written(&files::TRANSCRIPT)
        {
            all.push(format!("'dlq-investigate --resume {}' goes on with it", self.session));
        }
        all.join("; ")
    }

    fn report(&self, verdict: &event::Verdict, took: Duration) -> Result<PathBuf, Error> {
        let path = self.folder.join(files::REPORT);
        let text = report::render_unchecked(
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
