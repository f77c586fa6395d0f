//! The agent of a session: what it may spend, and what its output means.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use super::check_verdict::Finding;
use super::claude::Ready;
use super::evidence::Known;
use super::transcript_tail::Listener;
use super::workspace::Place;
use super::{Supervisor, files};
use crate::clock;
use crate::config::Format;
use crate::edge::supervisor::agent_program::Program;
use crate::error::Error;
use crate::event::{InvestigationProgressed, Verdict};
use crate::log;
use crate::rules::agent::last_line;
use crate::rules::agent::last_line::{AgentResult, Exit};
use crate::rules::agent::transcript;
use crate::rules::agent::transcript::{Progress, Transcript};
use crate::rules::investigation::budget::{Budget, Want, Why};
use crate::store;
use crate::text;

/// A result is looked for in this much of the end of what was written.
const RESULT_MAX: u64 = 1 << 20;

impl Supervisor<'_> {
    /// Reserves what the agent can cost; or says why that is not to be had. A program that gives
    /// its result as a last line has its own ways, and no limit that this tool could hold it to.
    pub(super) fn reserve(&self, known: &Known) -> Result<Option<Why>, Error> {
        if !self.plan.spends() {
            return Ok(None);
        }
        let incident = &self.plan.incident;
        let fingerprint = known.cause().map(|cause| cause.fingerprint.clone());
        let want = Want { fingerprint, expires_after: incident.expires_after };
        let (limits, queue) = (&self.plan.limits, &incident.queue.name);
        self.store.doc::<Budget>().update(|budget| {
            let now = clock::now();
            budget.step_back(now);
            budget.forget(now);
            Ok(budget.reserve(limits, self.session, queue, &want, now).err())
        })
    }

    /// Writes down what it has cost.
    pub(super) fn settle(&self, cost: Option<f64>) -> Result<(), Error> {
        if !self.plan.spends() {
            return Ok(());
        }
        self.store.doc::<Budget>().update(|budget| {
            budget.settle(self.session, cost, clock::now());
            Ok(())
        })
    }

    /// Who reads along, of an agent whose output says how it goes.
    pub(super) fn listener(&self, ready: &Ready) -> Option<Listener> {
        let agent = ready.program;
        let asked = agent.claude.then(|| self.invocation(ready).expected_init());
        let path = self.folder.join(files::TRANSCRIPT);
        let hooked = agent.claude && !self.plan.claude.dangerously_skip_permissions;
        let hooked = hooked.then(|| self.folder.join(files::HOOKED));
        (agent.format == Format::StreamJson).then(|| Listener::new(path, asked, hooked))
    }

    pub(super) fn progressed(&self, progress: Progress) {
        let number = self.told.get() + 1;
        self.told.set(number);
        let Progress { step, subagent, tool, cost_usd } = progress;
        let (queue, session) = (self.plan.incident.queue.clone(), self.session.to_owned());
        let data = InvestigationProgressed { queue, session, step, subagent, tool, cost_usd };
        // It is no reason to end an investigation.
        if let Err(error) = self.teller().tell_nth(number, data) {
            log::warn(&error.to_string());
        }
    }

    /// All that the agent has written, understood; None for one whose last line counts.
    pub(super) fn transcript(
        &self,
        agent: &Program,
        listener: Option<Listener>,
    ) -> Option<Transcript> {
        match agent.format {
            Format::StreamJson => listener.map(|listener| listener.transcript),
            _ => self.plan.transcript(&self.folder),
        }
    }

    /// What its end means, and the verdict when it has a full one.
    pub(super) fn outcome(
        &self,
        agent: &Program,
        status: ExitStatus,
        transcript: Option<&Transcript>,
        folder: Option<&Path>,
        place: &Place,
    ) -> Result<(AgentResult, Option<Finding>), Error> {
        let exit = match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        };
        let Some(transcript) = transcript else {
            let line = last_line(&self.folder.join(files::TRANSCRIPT));
            return Ok((last_line::judge(exit, line.as_deref()), None));
        };
        match transcript::outcome(exit, false, transcript, agent.claude) {
            transcript::AgentOutcome::Failed { reason, detail } => {
                return Ok((AgentResult::Failed(reason, detail), None));
            }
            transcript::AgentOutcome::Success => {}
        }
        let said = match (transcript.structured(), transcript.text()) {
            (Some(said), _) => said.to_string(),
            (None, text) => text.and_then(|text| text.trim().lines().last()).unwrap_or("").into(),
        };
        let result = text::safe_json(said.as_bytes()).into_owned();
        store::replace(&self.folder.join(files::RESULT), &result)?;
        if agent.claude {
            let said = transcript.structured().unwrap_or(&serde_json::Value::Null);
            return Ok(match self.check(said, folder, place.tree.as_ref(), transcript) {
                Err(why) => {
                    let why = format!("what it gives is no verdict: {}", text::safe(&why));
                    (AgentResult::Failed("no_result", why), None)
                }
                Ok(finding) => {
                    let (cost, turns) = (transcript.cost_usd(), transcript.turns());
                    let verdict = Verdict::from(&finding.checked);
                    (AgentResult::Completed(verdict, cost, turns), Some(finding))
                }
            });
        }
        let outcome = match last_line::judge(exit, Some(said.as_bytes())) {
            AgentResult::Completed(verdict, cost, _) => {
                AgentResult::Completed(verdict, transcript.cost_usd().or(cost), transcript.turns())
            }
            failed => failed,
        };
        Ok((outcome, None))
    }
}

/// The last line that is not blank.
fn last_line(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let size = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(size.saturating_sub(RESULT_MAX))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.rfind(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec)
}
