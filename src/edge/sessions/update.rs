//! An update of `sessions.json`, under its lock: apply, probe, plan, act, record.

use std::path::Path;

use super::{SessionRunner, UpdateResult};
use crate::clock;
use crate::edge::session_folder;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::event::{Event, InvestigationSkipped, InvestigationStarted, Type};
use crate::log;
use crate::ndjson;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::eligibility::SkipReason;
use crate::rules::investigation::incident::{self, Incident, IncidentChange};
use crate::rules::investigation::plan::{self, Decision, UpdatePlan, UpdateTime};
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::investigation::session_events::{self, OwnLines};
use crate::time::{ClockReading, Timestamp};

impl SessionRunner {
    /// Applies the changes, then probes, plans, acts and records. Plans again, without the incident,
    /// when a supervisor did not start.
    pub(super) fn apply_and_plan(
        &self,
        document: &mut Sessions,
        changes: Vec<IncidentChange>,
        evaluate_at: Option<Timestamp>,
    ) -> Result<UpdateResult, Error> {
        for change in changes {
            incident::apply_change(&mut document.incidents, change);
        }
        if self.dry.is_none() {
            document.note_future_times(clock::now());
        }
        let mut result = UpdateResult::default();
        let mut unstartable = Vec::new();
        let plan = loop {
            let mut probes = self.probe(document, evaluate_at.is_some());
            probes.unstartable.extend(&unstartable);
            let time = self.time(evaluate_at);
            let plan = {
                let clamped = document.with_clamped_times(time.wall);
                plan::plan(&self.policy, &clamped, &probes, &time)
            };
            let acts = self.act(document, &plan, &mut result.lines);
            record_acts(document, &plan, &acts);
            result.started.extend(acts.started.iter().map(|(_, session)| session.clone()));
            if acts.failed.is_empty() {
                break plan;
            }
            // The slot of a failed start goes to the next incident.
            unstartable.extend(acts.failed);
        };
        self.record_decisions(document, &plan, evaluate_at, &mut result);
        if self.dry.is_none() {
            self.journal.append(&result.lines)?;
            self.collect_events(document, &mut result);
            document.sessions.retain(|session| !plan.prune.contains(&session.id));
        }
        result.failed = !unstartable.is_empty();
        result.plan = plan;
        Ok(result)
    }

    pub(super) fn time(&self, evaluate_at: Option<Timestamp>) -> UpdateTime {
        let ClockReading { wall, boot } = clock::reading();
        UpdateTime { wall, boot, evaluate_at, dry_run: self.dry.is_some() }
    }

    /// Reports the ended sessions and starts the supervisors of the planned ones. A session takes
    /// its slot in the document before its supervisor starts, and gives it back when that fails.
    fn act(&self, document: &mut Sessions, plan: &UpdatePlan, lines: &mut Vec<u8>) -> Acts {
        for session in &plan.close {
            // A strange or full folder is a failure of its session alone.
            if let Err(error) = self.report_end(session) {
                self.warn_once(&format!("session {}: {error}", session.id));
                lines.extend(self.end_outside(session, &error));
            }
        }
        let mut acts = Acts::default();
        for decision in &plan.decisions {
            let Decision::Start(index, session) = decision else { continue };
            document.sessions.push(Session::clone(session));
            let incident = &document.incidents[*index];
            let _scope = log::about(Some(&incident.id));
            let spawned = match self.dry {
                None => self.spawn(&self.session_plan(incident, session), session),
                Some(_) => Ok(None),
            };
            if let Ok(lock) = &spawned {
                document.sessions.last_mut().into_iter().for_each(|one| one.lock = *lock);
            }
            if let Err(error) = spawned {
                document.sessions.pop();
                // The incident stays armed and is evaluated again.
                log::warn(&format!("no investigation of queue '{}': {error}", session.queue_name));
                acts.failed.push(*index);
            } else {
                log::info(&format!("session {} is started", session.id));
                acts.started.push((*index, session.id.clone()));
            }
        }
        acts
    }

    fn record_decisions(
        &self,
        document: &mut Sessions,
        plan: &UpdatePlan,
        evaluate_at: Option<Timestamp>,
        result: &mut UpdateResult,
    ) {
        let Some(now) = evaluate_at else { return };
        for decision in &plan.decisions {
            match decision {
                Decision::Skip(index, reason) => {
                    let incident = &mut document.incidents[*index];
                    incident.reported.push(reason.word.into());
                    result.lines.extend(skipped(incident, reason, now));
                }
                Decision::Start(index, session) if self.dry.is_some() => {
                    let incident = &document.incidents[*index];
                    result.lines.extend(would_start(incident, session, self.agent_name(), now));
                }
                // The supervisor writes this event.
                Decision::Start(..) => {}
            }
        }
        incident::remove_forgotten(&mut document.incidents, now);
    }

    /// Adds the events that sessions have written since the last update.
    fn collect_events(&self, document: &mut Sessions, result: &mut UpdateResult) {
        for session in &mut document.sessions {
            if !self.has_unprinted(&session.id, session.printed) {
                continue;
            }
            let path = self.folder(&session.id).join(files::EVENTS);
            let lock = self.folder(&session.id).join(files::LOCK);
            let is_held = session_folder::is_supervised(&lock, session.lock);
            let supervised =
                session.status == SessionStatus::Running && *is_held.as_ref().unwrap_or(&true);
            match new_events(&path, session, supervised) {
                Ok((own, read, withheld)) => {
                    // Where the lock cannot be known, nobody waits for it.
                    result.withheld |= withheld && is_held.is_ok();
                    if own.foreign > 0 {
                        session.forged += own.foreign;
                        self.warn_once(&format!(
                            "session {}: lines in '{}' that its supervisor has not written are dropped",
                            session.id,
                            path.display()
                        ));
                    }
                    if read > 0 {
                        result.printed.push((session.id.clone(), session.printed + read));
                        result.lines.extend(own.lines);
                    }
                }
                Err(error) => {
                    let error = Error::file("read", &path, &error);
                    self.warn_once(&format!("session {}: {error}", session.id));
                }
            }
        }
    }
}

/// The bytes of a session's events that one update reads.
const EVENTS_MAX: u64 = 1 << 20;
/// More unprinted bytes than any supervisor writes: all but the last of them are skipped.
const UNPRINTED_MAX: u64 = 16 << 20;

/// Reads the events behind those that were printed. Returns them, how many bytes were read, and whether
/// the end of a session that runs was left for later.
fn new_events(
    path: &Path,
    session: &mut Session,
    supervised: bool,
) -> std::io::Result<(OwnLines, u64, bool)> {
    if !ndjson::begins_line_at(path, session.printed)? {
        // The file was rewritten.
        session.printed = 0;
    }
    let size = std::fs::symlink_metadata(path)?.len();
    let unprinted = size.saturating_sub(session.printed);
    let skip = || {
        let skipped = ndjson::line_in_last(path, EVENTS_MAX)?.saturating_sub(session.printed);
        Ok((OwnLines { lines: Vec::new(), foreign: 1 }, skipped, false))
    };
    if unprinted > UNPRINTED_MAX {
        return skip();
    }
    let mut bytes = ndjson::lines_after(path, session.printed, EVENTS_MAX)?;
    let all = bytes.len();
    if all == 0 && unprinted >= EVENTS_MAX {
        // A line without end.
        return skip();
    }
    if supervised {
        // The agent may have written it: its supervisor finds that out before it ends.
        bytes.truncate(session_events::before_end(&bytes, session));
    }
    let withheld = bytes.len() < all;
    Ok((session_events::own_lines(&bytes, session), bytes.len() as u64, withheld))
}

/// Results of the acts of a plan.
#[derive(Default)]
struct Acts {
    /// Incidents and the sessions that were started for them.
    started: Vec<(usize, String)>,
    /// Incidents whose supervisor did not start.
    failed: Vec<usize>,
}

/// Records the ended sessions, the ended waits and the attempts.
fn record_acts(document: &mut Sessions, plan: &UpdatePlan, acts: &Acts) {
    for closed in &plan.close {
        if let Some(session) = document.session_mut(&closed.id) {
            session.clone_from(closed);
        }
    }
    for index in &plan.ended_waits {
        document.incidents[*index].wait = None;
    }
    for (index, wait) in &plan.changed_waits {
        document.incidents[*index].wait = Some(wait.clone());
    }
    for (index, _) in &acts.started {
        document.incidents[*index].record_attempt();
    }
}

/// Builds the event of an incident that is not investigated.
fn skipped(incident: &Incident, why: &SkipReason, now: Timestamp) -> Vec<u8> {
    let data = InvestigationSkipped {
        queue: incident.queue.clone(),
        reason: why.word.into(),
        detail: why.detail.clone(),
        until: why.until,
    };
    let attempt = incident.attempts.to_string();
    let grown = incident.grew_at.map(|at| at.to_string()).unwrap_or_default();
    let parts = [&*incident.id, why.word, &attempt, &grown];
    let event = Event::derived(&parts, &incident.queue.name, now, data);
    event.of_incident(incident.id.clone()).line()
}

/// Builds the event of an investigation that a dry run would start.
fn would_start(incident: &Incident, session: &Session, agent: &str, now: Timestamp) -> Vec<u8> {
    let data = InvestigationStarted {
        queue: incident.queue.clone(),
        session: session.id.clone(),
        agent: agent.to_owned(),
        pid: None,
        timeout_at: session.timeout_at,
    };
    let parts = [&*session.id, Type::InvestigationStarted.as_str()];
    let event = Event::derived(&parts, &incident.queue.name, now, data);
    event.of_incident(incident.id.clone()).line()
}
