//! The plan of one update of `sessions.json`: sessions to close and prune, incidents to skip,
//! investigations to start or to adopt.
//!
//! The plan depends on the document, the probes of the session folders and the time alone. The
//! caller holds the document's lock, carries the plan out and records it.

use std::collections::HashMap;
use std::time::Duration;

use super::budget::{Budget, BudgetLimits};
use super::claim::{self, WaitedFor};
use super::document::Sessions;
use super::eligibility::{self, QueueActivity, SkipReason, StartPolicy};
use super::incident::{self, Incident};
use super::preflight_skip::PreflightSkip;
use super::session::{Session, SessionStatus};
use super::wait::Wait;
use crate::event::Type;
use crate::time::{BootTime, ClockReading, Timestamp};

/// The settings that an update depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdatePolicy {
    pub start: StartPolicy,
    pub limits: BudgetLimits,
    /// The longest run of a session.
    pub timeout: Duration,
    /// The number of sessions that are kept.
    pub keep: usize,
    /// Sessions that ended longer ago are pruned.
    pub age_max: Duration,
}

/// The times that an update decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateTime {
    pub wall: Timestamp,
    /// The time since the start of the machine, where it is known.
    pub boot: Option<BootTime>,
    /// The time of the stream; None when the incidents are not to be evaluated.
    pub evaluate_at: Option<Timestamp>,
    /// A dry run starts nothing: a session counts as running until its deadline.
    pub dry_run: bool,
}

impl UpdateTime {
    fn reading(&self) -> ClockReading {
        ClockReading { wall: self.wall, boot: self.boot }
    }
}

/// The state of a session's folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderState {
    /// The supervisor holds its lock, which means that the session runs.
    pub locked: bool,
    /// The type of the last event; probed only when the supervisor is gone.
    pub last_event: Option<Type>,
    /// The folder has events that were not printed.
    pub unprinted: bool,
    /// The worktree and the budget of a dead supervisor are still to be cleaned up.
    pub needs_clean_up: bool,
    /// The lock cannot be probed: something else is in the place of the folder or of the lock, or it
    /// cannot be read. The session counts as running until its deadline.
    pub unknown: bool,
}

/// The state of the world that an update decides by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probes {
    /// The folders of sessions, by session: of those that are recorded, and of those that another
    /// filter started and did not record.
    pub folders: HashMap<String, FolderState>,
    /// The incidents whose supervisor cannot start, or failed to start during this update, by
    /// position.
    pub unstartable: Vec<usize>,
    /// The budget; probed only when an incident waits for it.
    pub budget: Option<Budget>,
}

/// The time after its deadline at which a session has ended for certain: its supervisor stops the
/// agent and cleans up.
const UNKNOWN_MAX: Duration = Duration::from_secs(600);

impl Probes {
    fn folder(&self, session: &str) -> FolderState {
        self.folders.get(session).copied().unwrap_or_default()
    }
}

/// The decision about one incident, which is named by its position in the document.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// The session to record, which another filter may have started.
    Start(usize, Box<Session>),
    /// A reason that was not reported before.
    Skip(usize, SkipReason),
}

/// The changes that one update makes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdatePlan {
    /// Sessions whose supervisor is gone, as they are to be recorded.
    pub close: Vec<Session>,
    /// The incidents whose wait is over, by position.
    pub ended_waits: Vec<usize>,
    /// The incidents that wait for something else than before, by position.
    pub changed_waits: Vec<(usize, Wait)>,
    /// Decisions in the order of evaluation. Sessions that another filter started come first,
    /// because they occupy a slot.
    pub decisions: Vec<Decision>,
    /// The number of incidents that wait for a running session to end.
    pub waiting: usize,
    /// The sessions that run once the plan is carried out.
    pub running: Vec<String>,
    /// The sessions to clean up after.
    pub clean_up: Vec<String>,
    pub prune: Vec<String>,
}

/// The running sessions and the cooldowns, by queue ARN.
#[derive(Debug, Default)]
pub struct Occupancy {
    running: usize,
    queues: HashMap<String, QueueActivity>,
}

impl Occupancy {
    pub fn new(document: &Sessions, probes: &Probes, time: &UpdateTime) -> Self {
        let mut occupancy = Occupancy::default();
        for session in &document.sessions {
            occupancy.add(session, is_running(session, probes.folder(&session.id), time));
        }
        occupancy
    }

    fn add(&mut self, session: &Session, running: bool) {
        let queue = self.queues.entry(session.queue.arn.clone()).or_default();
        if running {
            self.running += 1;
            queue.running_here = Some(session.id.clone());
        }
        queue.cooldown_until = queue.cooldown_until.max(session.cooldown_until);
    }

    pub fn activity(&self, arn: &str) -> QueueActivity {
        let queue = self.queues.get(arn).cloned().unwrap_or_default();
        QueueActivity { running: self.running, ..queue }
    }
}

/// Decides what an update does.
pub fn plan(
    policy: &UpdatePolicy,
    document: &Sessions,
    probes: &Probes,
    time: &UpdateTime,
) -> UpdatePlan {
    let mut planner = Planner {
        policy,
        document,
        probes,
        time,
        occupancy: Occupancy::new(document, probes, time),
        budget: probes.budget.clone(),
        plan: UpdatePlan::default(),
    };
    planner.close();
    if let Some(now) = time.evaluate_at {
        planner.adopt();
        planner.evaluate(now);
    }
    if !time.dry_run {
        planner.prune();
    }
    planner.plan
}

struct Planner<'a> {
    policy: &'a UpdatePolicy,
    document: &'a Sessions,
    probes: &'a Probes,
    time: &'a UpdateTime,
    occupancy: Occupancy,
    /// The budget with what the running sessions and those that this plan starts will reserve.
    budget: Option<Budget>,
    plan: UpdatePlan,
}

impl Planner<'_> {
    fn close(&mut self) {
        for session in &self.document.sessions {
            let folder = self.probes.folder(&session.id);
            if is_running(session, folder, self.time) {
                self.plan.running.push(session.id.clone());
                let has_reserved =
                    self.budget.as_ref().is_some_and(|all| all.has_spend_of(&session.id));
                if !has_reserved {
                    self.reserve(session);
                }
            } else if session.status == SessionStatus::Running {
                self.end(session, folder);
            } else if folder.needs_clean_up {
                self.plan.clean_up.push(session.id.clone());
            }
        }
    }

    /// Plans the end of a session whose supervisor is gone: it has crashed, unless its last event
    /// names another end.
    fn end(&mut self, session: &Session, folder: FolderState) {
        if self.time.dry_run {
            return;
        }
        let now = self.time.wall;
        let reported = folder.last_event.and_then(SessionStatus::from_event);
        let status = match folder.unknown {
            true => SessionStatus::Failed,
            false => reported.unwrap_or(SessionStatus::Crashed),
        };
        let cools = status != SessionStatus::Skipped;
        let session = Session {
            status,
            ended_at: Some(now),
            cooldown_until: cools.then(|| now.plus(self.policy.start.cooldown)),
            ..session.clone()
        };
        self.occupancy.add(&session, false);
        self.plan.clean_up.push(session.id.clone());
        self.plan.close.push(session);
    }

    fn adopt(&mut self) {
        for (index, incident) in self.document.incidents.iter().enumerate() {
            let Some(folder) = self.probes.folders.get(&incident.next_session_id()) else {
                continue;
            };
            let session = self.new_session(incident);
            if folder.locked {
                self.run(&session);
            } else {
                self.end(&session, *folder);
            }
            self.plan.decisions.push(Decision::Start(index, Box::new(session)));
        }
    }

    fn evaluate(&mut self, now: Timestamp) {
        for index in incident::to_evaluate(&self.document.incidents) {
            let incident = &self.document.incidents[index];
            let is_adopted = self.probes.folders.contains_key(&incident.next_session_id());
            let is_unstartable = self.probes.unstartable.contains(&index);
            if is_adopted || is_unstartable || self.is_waiting(index, now) {
                continue;
            }
            if incident.wait.is_some() {
                self.plan.ended_waits.push(index);
            }
            let mut activity = self.occupancy.activity(&incident.queue.arn);
            if incident.forced {
                activity.cooldown_until = None;
            }
            let queue = &incident.queue.name;
            let rules = eligibility::rules(&self.policy.start, queue, &activity, now);
            match rules.into_iter().find_map(|(_, reason)| reason) {
                None => {
                    let session = self.new_session(incident);
                    self.run(&session);
                    self.plan.decisions.push(Decision::Start(index, Box::new(session)));
                }
                Some(reason) => self.skip(index, reason),
            }
        }
    }

    /// Whether an incident waits. Plans the change when it waits for something else than before.
    fn is_waiting(&mut self, index: usize, now: Timestamp) -> bool {
        let incident = &self.document.incidents[index];
        let Some(wait) = &incident.wait else { return false };
        let incidents = &self.document.incidents;
        let state = match wait.is_for_budget() && self.is_funded(incident, wait) {
            true => WaitedFor::Gone,
            false => claim::waited_for(wait, incident, &self.sessions(), incidents),
        };
        // The wall clock wrote the wait; a replayed stream may be of any time.
        let now = if self.time.dry_run { now.max(wait.since) } else { self.time.wall };
        let is_active = wait.is_active(now, &self.policy.limits, state != WaitedFor::Gone);
        if let (true, WaitedFor::Replaced(skip)) = (is_active, state) {
            let PreflightSkip { word, detail, retry } = skip;
            let session = retry.session().map(str::to_owned);
            let changed = Wait { reason: word.into(), session, ..wait.clone() };
            let is_other = word != wait.reason;
            self.plan.changed_waits.push((index, changed));
            if is_other {
                self.skip(index, SkipReason { word, detail, until: None });
            }
        }
        is_active
    }

    /// Whether the budget suffices for an incident that waits for it. It is then taken, so that no
    /// more waits end than can be paid for.
    fn is_funded(&mut self, incident: &Incident, wait: &Wait) -> bool {
        let Some(budget) = &mut self.budget else { return false };
        let (session, cause) = (incident.next_session_id(), wait.spends_on.as_deref());
        let (queue, loss) = (&incident.queue.name, incident.window().first());
        let (limits, now) = (&self.policy.limits, self.time.reading());
        budget.reserve(limits, &session, queue, cause, loss, now).is_ok()
    }

    /// Reserves for a session that will do so itself.
    fn reserve(&mut self, session: &Session) {
        let (limits, now) = (&self.policy.limits, self.time.reading());
        let cause = session.fingerprint.as_deref();
        if let Some(budget) = &mut self.budget {
            // Whether the session is near its loss is not known here: all that is left counts.
            let _ = budget.reserve(
                limits,
                &session.id,
                &session.queue_name,
                cause,
                Some(now.wall),
                now,
            );
        }
    }

    /// Returns the sessions as they are once the plan is carried out, the oldest first.
    fn sessions(&self) -> Vec<&Session> {
        let plan = &self.plan;
        let closed = |id: &str| plan.close.iter().find(|one| one.id == *id);
        let known = self.document.sessions.iter().map(|one| closed(&one.id).unwrap_or(one));
        // A dry run closes nothing.
        let known = known
            .filter(|one| one.status != SessionStatus::Running || plan.running.contains(&one.id));
        let started = plan.decisions.iter().filter_map(|decision| match decision {
            Decision::Start(_, session) => Some(&**session),
            Decision::Skip(..) => None,
        });
        known.chain(started).collect()
    }

    fn skip(&mut self, index: usize, reason: SkipReason) {
        self.plan.waiting += usize::from(reason.ends_with_session());
        let reported = &self.document.incidents[index].reported;
        if !reported.iter().any(|word| word == reason.word) {
            self.plan.decisions.push(Decision::Skip(index, reason));
        }
    }

    fn run(&mut self, session: &Session) {
        self.occupancy.add(session, true);
        self.reserve(session);
        self.plan.running.push(session.id.clone());
    }

    fn new_session(&self, incident: &Incident) -> Session {
        let replayed = self.time.evaluate_at.filter(|_| self.time.dry_run);
        let start = replayed.unwrap_or(self.time.wall);
        let session = incident.next_session(start, start.plus(self.policy.timeout));
        // Nothing records the end of a session in a dry run.
        let until = session.timeout_at.plus(self.policy.start.cooldown);
        Session { cooldown_until: replayed.map(|_| until), ..session }
    }

    /// Plans which sessions are deleted. Sessions that this plan closes stay until they are
    /// cleaned up.
    fn prune(&mut self) {
        let is_start = |decision: &&Decision| matches!(decision, Decision::Start(..));
        let added = self.plan.decisions.iter().filter(is_start).count();
        let keep = self.policy.keep.saturating_sub(added);
        self.plan.prune =
            self.document.prunable(keep, self.policy.age_max, self.time.wall, |session| {
                let folder = self.probes.folder(&session.id);
                folder.locked || folder.unprinted || folder.needs_clean_up
            });
    }
}

/// The lock alone decides, except in a dry run and where it cannot be known.
fn is_running(session: &Session, folder: FolderState, time: &UpdateTime) -> bool {
    session.status == SessionStatus::Running
        && match time.dry_run {
            true => time.evaluate_at.is_some_and(|now| session.timeout_at > now),
            false if folder.unknown => time.wall < session.timeout_at.plus(UNKNOWN_MAX),
            false => folder.locked,
        }
}

#[cfg(test)]
mod tests;
