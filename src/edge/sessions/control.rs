//! What a person asks of the sessions: to end one, to investigate again, and to say why not.

use crate::rules::investigation::document::Sessions;
use std::time::Duration;

use super::Desk;
use crate::clock;
use crate::document::Keys;
use crate::edge::supervisor::{Plan, files};
use crate::error::Error;
use crate::event;
use crate::rules::investigation::eligibility;
use crate::rules::investigation::incident::Incident;
use crate::rules::investigation::session::{Session, Status};
use crate::store::{self, Wait};
use crate::text::safe;

/// How long a session that is asked to end may take, beside the graces of its agent.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

impl Desk {
    /// Asks a session to end, by its id or the beginning of it, and waits for that. An error says
    /// that no such session runs.
    pub fn stop(&self, id: &str) -> Result<(), Error> {
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let fits = |session: &&Session| {
            session.status == Status::Running && !id.is_empty() && session.id.starts_with(id)
        };
        let found: Vec<&Session> = sessions.sessions.iter().filter(fits).collect();
        let session = match found[..] {
            [session] => session,
            [] => return Err(Error::failed("stop session", id, "no such session runs")),
            _ => return Err(Error::failed("stop session", id, "more than one begins like that")),
        };
        let folder = self.folder(&session.id);
        // Made, not replaced: several may ask at once.
        let mark = folder.join(files::STOP);
        store::append_private(&mark).map_err(|error| Error::file("make", &mark, &error))?;
        // SIGINT, SIGTERM and SIGKILL, and the first steps, which are not cut short.
        let deadline = clock::tick() + self.settings.stop_grace * 2 + STOP_PATIENCE;
        store::assert_may_wait(Wait::ProcessEnd);
        while store::is_locked(&folder.join(files::LOCK))? {
            if clock::tick() >= deadline {
                return Err(Error::failed(
                    "stop session",
                    &session.id,
                    "it has not ended yet; while it looks at messages it ends after that",
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Marks the open incidents of a queue to be investigated again, past the cooldown.
    pub fn retry(&self, queue: &str) -> Result<(), Error> {
        let keys = Keys::none().with_all(Sessions::INCIDENT);
        let marked = self.store.update(&keys, |sessions: &mut Sessions| {
            let mut marked = 0;
            for incident in sessions.incidents.iter_mut().filter(|one| is_open(one, queue)) {
                incident.arm();
                incident.forced = true;
                marked += 1;
            }
            Ok(marked)
        })?;
        match marked {
            0 => Err(no_incident("investigate queue", queue)),
            _ => Ok(()),
        }
    }

    /// Starts a session that goes on with one which was ended without a result, by its id or the
    /// beginning of it, and returns its id. Cooldown and fingerprint do not hold it up.
    pub fn resume(&self, id: &str) -> Result<String, Error> {
        let refused = |why: &str| Error::failed("resume session", safe(id).as_ref(), why);
        if !self.agent.as_ref().is_some_and(|agent| agent.claude) {
            return Err(refused("the agent is not claude, which alone can do that"));
        }
        let keys = Keys::none().with_all(Sessions::SESSION);
        self.store.update(&keys, |sessions: &mut Sessions| {
            let fits = |one: &&Session| !id.is_empty() && one.id.starts_with(id);
            let found: Vec<&Session> = sessions.sessions.iter().filter(fits).collect();
            let [ended] = found[..] else {
                return Err(refused(match found.len() {
                    0 => "there is none; 'dlq-status' shows those that there are",
                    _ => "more than one begins like that",
                }));
            };
            if let Some(why) = not_resumable(ended.status) {
                return Err(refused(why));
            }
            let first = ended.first_part().to_owned();
            let written = self.folder(&first).join(files::TRANSCRIPT);
            if !std::fs::metadata(&written).is_ok_and(|file| file.len() > 0) {
                return Err(refused("its agent had not begun; '--retry QUEUE' investigates again"));
            }
            // One that found no reason to go on has added nothing.
            let parts = sessions.conversation(ended);
            let mut spoken = parts.iter().filter(|part| part.status != Status::Skipped);
            if spoken.next_back().is_some_and(|last| last.id != ended.id) {
                return Err(refused("another session went on with it; resume that one"));
            }
            let spent = parts.iter().filter_map(|part| part.cost_usd).sum();
            let past = self.past(sessions, &ended.queue.arn, clock::now())?;
            if past.running_here.is_some() {
                return Err(refused("its queue is being investigated"));
            }
            if past.running >= self.policy.max_concurrent {
                return Err(refused("as many sessions run as may; try again when one has ended"));
            }
            let newest = parts.last().map_or(&ended.id, |last| &last.id);
            let session = self.next_part(ended, &first, newest);
            let plan = self.plan_of_next(ended, &session, spent)?;
            self.spawn(&plan, &session)?;
            let id = session.id.clone();
            sessions.sessions.push(session);
            Ok(id)
        })
    }

    fn next_part(&self, ended: &Session, first: &str, newest: &str) -> Session {
        let begun = clock::now();
        Session {
            id: event::derived_id(&["resumed", newest]),
            status: Status::Running,
            pid: None,
            start_time: begun,
            timeout_at: begun.plus(self.settings.timeout),
            ended_at: None,
            cooldown_until: None,
            printed: 0,
            cost_usd: None,
            resumes: Some(first.to_owned()),
            ..ended.clone()
        }
    }

    /// What the ended session was told, as the configuration says now.
    fn plan_of_next(&self, ended: &Session, session: &Session, spent: f64) -> Result<Plan, Error> {
        let path = self.folder(&ended.id).join(files::PLAN);
        let earlier: Plan = store::read_json(&path)?;
        let incident = Incident { forced: true, ..earlier.incident };
        let bundle = earlier.bundle.and_then(|bundle| self.bundle_at(&bundle));
        let plan = self.plan(&incident, session);
        let resumes = session.resumes.clone();
        Ok(Plan { resumes, spent_usd: spent, bundle: bundle.or(plan.bundle), ..plan })
    }

    /// What each rule says of a queue, a line each. Starts and changes nothing.
    pub fn explain(&self, queue: &str) -> Result<Vec<u8>, Error> {
        let mut sessions: Sessions = self.store.read(&Keys::all())?;
        let now = clock::now();
        sessions.step_back(now);
        let mut text = String::new();
        for incident in sessions.incidents.iter().filter(|one| is_open(one, queue)) {
            let past = self.past(&sessions, &incident.queue.arn, now)?;
            text.push_str(&format!(
                "incident {}, since {}\n",
                safe(&incident.id),
                incident.raised_at
            ));
            if let Some(hold) = incident.hold.as_ref().filter(|_| !incident.forced) {
                let owner = hold.session.as_ref().and_then(|id| sessions.session(id));
                let stands = hold.stands(now, &self.settings.limits(), owner.map(|one| one.status));
                let until = hold.until.map(|until| format!(", until {until}")).unwrap_or_default();
                let word = if stands { "no" } else { "yes" };
                text.push_str(&format!("  {word:<4}not waiting: {}{until}\n", hold.reason));
            }
            for (name, why) in eligibility::rules(&self.policy, queue, &past, now) {
                let (word, why) = match why {
                    None => ("yes", String::new()),
                    Some(why) => ("no", format!(": {}", safe(&why.to_string()))),
                };
                text.push_str(&format!("  {word:<4}{name}{why}\n"));
            }
            let word = if incident.armed { "yes" } else { "no" };
            let why = match incident.armed {
                true => "",
                false => ": it was investigated, and has not grown since; --retry does it again",
            };
            text.push_str(&format!("  {word:<4}to be judged{why}\n"));
        }
        match text.is_empty() {
            true => Err(no_incident("explain queue", queue)),
            false => Ok(text.into_bytes()),
        }
    }
}

/// Why an end is no place to go on from.
fn not_resumable(status: Status) -> Option<&'static str> {
    match status {
        Status::Running => Some("it runs"),
        Status::Completed => Some("it has its result; '--retry QUEUE' investigates again"),
        Status::Skipped => Some("its agent was never started"),
        Status::Failed | Status::TimedOut | Status::Stopped | Status::Crashed => None,
    }
}

fn is_open(incident: &Incident, queue: &str) -> bool {
    incident.closed_at.is_none() && incident.queue.name == queue
}

fn no_incident(doing: &str, queue: &str) -> Error {
    Error::failed(doing, queue, "no incident of it is open here; 'dlq-status' shows those that are")
}
