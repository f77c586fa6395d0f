//! The commands of a user: stop, retry, resume and explain.

use std::time::Duration;

use super::SessionRunner;
use crate::clock;
use crate::document::Keys;
use crate::edge::supervisor::{Plan, files};
use crate::error::Error;
use crate::event;
use crate::log;
use crate::money::Usd;
use crate::rules::investigation::budget::{self, Budget};
use crate::rules::investigation::claim::{self, WaitedFor};
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::eligibility;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::lookup;
use crate::rules::investigation::plan::Occupancy;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::investigation::wait::{self, Wait};
use crate::rules::queue::document::Watched;
use crate::store::{self, BlockingWait};
use crate::text::safe;

/// The time a session may take to stop, in addition to the grace periods of its agent.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

impl SessionRunner {
    /// Requests the end of a session, named by its id or a unique prefix, and waits for it. Fails
    /// when no such session runs.
    pub fn stop(&self, id: &str) -> Result<(), Error> {
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let session = running_session(&sessions, id)
            .map_err(|why| Error::failed("stop session", safe(id), why))?;
        let folder = self.folder(&session.id);
        // Appended, not replaced: several stops may run at once.
        let mark = folder.join(files::STOP);
        store::append_private(&mark).map_err(|error| Error::file("make", &mark, &error))?;
        // SIGINT, SIGTERM and SIGKILL, and the first steps, which are not interrupted.
        let deadline = clock::tick() + self.settings.stop_grace * 2 + STOP_TIMEOUT;
        while store::is_locked(&folder.join(files::LOCK))? {
            if clock::tick() >= deadline {
                return Err(Error::failed(
                    "stop session",
                    &session.id,
                    "it has not ended yet; while it samples messages it ends after that",
                ));
            }
            store::sleep(BlockingWait::ProcessEnd, Duration::from_millis(20));
        }
        Ok(())
    }

    /// Marks the open incidents of a queue for another investigation, ignoring the cooldown. A name
    /// that exists in several places is refused.
    pub fn retry(&self, queue: &str) -> Result<(), Error> {
        let keys = Keys::none().with_all(Sessions::INCIDENT);
        let polled = self.polled_queues();
        self.store.update(&keys, |sessions: &mut Sessions| {
            let incidents = &sessions.incidents;
            let arn = lookup::open_queue(incidents, &polled, queue, "investigate queue")?;
            let marked = sessions.incidents.iter_mut().filter(|one| lookup::is_open(one, &arn));
            for incident in marked {
                incident.arm();
                incident.forced = true;
            }
            Ok(())
        })
    }

    /// Starts a session that resumes one which ended without a result, and returns the new id. The
    /// cooldown and sessions with the same cause do not prevent it.
    pub fn resume(&self, id: &str) -> Result<String, Error> {
        let refused = |why: &str| Error::failed("resume session", safe(id).as_ref(), why);
        // A prefix of an id, the parts of a conversation, and the limit on sessions need all
        // records.
        self.store.update(&Keys::all(), |sessions: &mut Sessions| {
            let ended = lookup::session_by_prefix(sessions.sessions.iter(), id, "session");
            let ended = ended.map_err(|why| refused(&why))?;
            if let Some(why) = not_resumable(ended.status) {
                return Err(refused(why));
            }
            if !self.agent.as_ref().is_some_and(|agent| agent.claude) {
                return Err(refused(
                    "auto_investigation.agent is not claude, or Claude Code is not installed",
                ));
            }
            let first = ended.first_part().to_owned();
            let written = self.folder(&first).join(files::TRANSCRIPT);
            if !std::fs::metadata(&written).is_ok_and(|file| file.len() > 0) {
                return Err(refused("its agent had not begun; '--retry QUEUE' investigates again"));
            }
            // Skip sessions that never started an agent.
            let parts = sessions.conversation(ended);
            let mut started = parts.iter().filter(|part| part.status != SessionStatus::Skipped);
            if started.next_back().is_some_and(|last| last.id != ended.id) {
                return Err(refused("another session has resumed it; resume that one"));
            }
            let spent = parts.iter().filter_map(|part| part.cost_usd).sum::<Usd>();
            let past = self.occupancy(sessions).activity(&ended.queue.arn);
            if past.running_here.is_some() {
                return Err(refused("another session is investigating its queue"));
            }
            if past.running >= self.policy.start.max_concurrent {
                return Err(refused("auto_investigation.max_concurrent sessions are running; try again when one has ended"));
            }
            let newest = parts.last().map_or(&ended.id, |last| &last.id);
            let session = self.next_part(ended, &first, newest);
            let plan = self.plan_of_next(ended, &session, spent)?;
            let _scope = log::about(Some(&session.incident));
            let lock = self.spawn(&plan, &session)?;
            let id = session.id.clone();
            log::info(&format!("session {id} is started"));
            sessions.sessions.push(Session { lock, ..session });
            Ok(id)
        })
    }

    /// Returns the records of `dlq-poll`, for a sentence; none when they cannot be read.
    fn polled_queues(&self) -> Watched {
        self.store.read(&Keys::none().with_all(Watched::QUEUE)).unwrap_or_default()
    }

    fn occupancy(&self, document: &Sessions) -> Occupancy {
        let probes = self.probe(document, false);
        Occupancy::new(document, &probes, &self.time(Some(clock::now())))
    }

    fn next_part(&self, ended: &Session, first: &str, newest: &str) -> Session {
        let begun = clock::now();
        Session {
            id: event::derived_id(&["resumed", newest]),
            incident: ended.incident.clone(),
            queue_name: ended.queue_name.clone(),
            queue: ended.queue.clone(),
            start_time: begun,
            timeout_at: begun.plus(self.settings.timeout),
            fingerprint: ended.fingerprint.clone(),
            resumes: Some(first.to_owned()),
            ..Session::default()
        }
    }

    /// Returns the plan of the ended session with the current configuration.
    fn plan_of_next(&self, ended: &Session, session: &Session, spent: Usd) -> Result<Plan, Error> {
        let path = self.folder(&ended.id).join(files::PLAN);
        let earlier: Plan = store::read_json(&path)?;
        let incident = Incident { forced: true, ..earlier.incident };
        let bundle = earlier.bundle.and_then(|bundle| self.bundle_at(&bundle));
        let plan = self.session_plan(&incident, session);
        let resumes = session.resumes.clone();
        Ok(Plan { resumes, spent_usd: spent, bundle: bundle.or(plan.bundle), ..plan })
    }

    /// Whether the budget suffices for an incident that waits for it.
    fn is_funded(&self, incident: &Incident, wait: &Wait) -> Result<bool, Error> {
        if !wait.is_for_budget() {
            return Ok(false);
        }
        let budget: Budget = self.store.read(&Keys::all())?;
        let (cause, loss) = (wait.spends_on.as_deref(), incident.window().first());
        Ok(budget::judge(&self.policy.limits, &budget, cause, loss, clock::reading()).is_ok())
    }

    /// Returns the result of each rule for a queue, a line each. Changes nothing.
    pub fn explain(&self, queue: &str) -> Result<Vec<u8>, Error> {
        let sessions: Sessions = self.store.read(&Keys::all())?;
        let now = clock::now();
        let sessions = sessions.with_clamped_times(now).into_owned();
        let occupancy = self.occupancy(&sessions);
        let mut text = String::new();
        for incident in sessions.incidents.iter().filter(|one| lookup::is_open(one, queue)) {
            let (id, past) = (safe(&incident.id), occupancy.activity(&incident.queue.arn));
            let arn = safe(&incident.queue.arn);
            text.push_str(&format!("incident {id}, since {}, of {arn}\n", incident.raised_at));
            let mut line = |is_met: bool, requirement: &str, why: &str| {
                let word = if is_met { "yes" } else { "no" };
                text.push_str(&format!("  {word:<4}{requirement}{why}\n"));
            };
            if let Some(wait) = incident.wait.as_ref().filter(|_| !incident.forced) {
                let known: Vec<&Session> = sessions.sessions.iter().collect();
                let state = claim::waited_for(wait, incident, &known, &sessions.incidents);
                let stands = state != WaitedFor::Gone && !self.is_funded(incident, wait)?;
                let stands = wait.is_active(now, &self.policy.limits, stands);
                let until = wait.until.map(|until| format!(", until {until}")).unwrap_or_default();
                line(!stands, "not waiting", &format!(": {}{until}", wait::clause(&wait.reason)));
            }
            for (requirement, why) in eligibility::rules(&self.policy.start, queue, &past, now) {
                let reason = why.as_ref().map(|why| format!(": {}", safe(&why.detail)));
                line(why.is_none(), requirement, &reason.unwrap_or_default());
            }
            let why = match incident.armed {
                true => "",
                false => ": it was investigated, and has not grown since; --retry does it again",
            };
            line(incident.armed, "to be judged", why);
        }
        match text.is_empty() {
            true => {
                let why = lookup::no_incident(&sessions.incidents, &self.polled_queues(), queue);
                Err(Error::failed("explain queue", safe(queue), why))
            }
            false => Ok(text.into_bytes()),
        }
    }
}

/// Returns the one running session whose id begins with a text, or the reason why there is none.
fn running_session<'a>(sessions: &'a Sessions, id: &str) -> Result<&'a Session, String> {
    let all = || sessions.sessions.iter();
    let running = all().filter(|one| one.status == SessionStatus::Running);
    lookup::session_by_prefix(running, id, "running session").map_err(|why| {
        match lookup::session_by_prefix(all(), id, "session") {
            Ok(_) => "it has ended already".to_owned(),
            Err(_) => why,
        }
    })
}

/// Returns the reason why a session with this status cannot be resumed.
fn not_resumable(status: SessionStatus) -> Option<&'static str> {
    match status {
        SessionStatus::Running => Some("it is running"),
        SessionStatus::Completed => Some("it has its result; '--retry QUEUE' investigates again"),
        SessionStatus::Skipped => Some("its agent was never started"),
        SessionStatus::Failed
        | SessionStatus::TimedOut
        | SessionStatus::Stopped
        | SessionStatus::Crashed => None,
    }
}
