//! The sessions on disk: which run, which crashed, starting one, and printing what they tell.
//!
//! Everything happens in one update of `sessions.json`: what the stream has told is taken in, the
//! crashed are closed, the open incidents are judged, supervisors are started, and what sessions
//! have told since is marked as printed. Nothing here waits for an investigation.

mod cleanup;
mod control;
mod events;
mod launch;

use crate::rules::investigation::document::Sessions;
use std::cell::RefCell;
use std::path::PathBuf;

use super::supervisor::agent_program;
use super::supervisor::files;
use crate::clock;
use crate::config::{AutoInvestigation, Env, Secret, SecretValue, Settings, State};
use crate::document::Keys;
use crate::error::Error;
use crate::journal::Journal;
use crate::log;
use crate::rules::investigation::eligibility;
use crate::rules::investigation::eligibility::{Past, Policy, Why};
use crate::rules::investigation::incident;
use crate::rules::investigation::incident::News;
use crate::rules::investigation::session::{Session, Status};
use crate::store::{self, Store};
use crate::time::Timestamp;
use events::{skipped, unread, would_start};

/// What an update brought.
#[derive(Debug, Default)]
pub struct Brought {
    /// The lines to print, each with its LF.
    pub lines: Vec<Vec<u8>>,
    /// The sessions that run.
    pub running: Vec<String>,
    /// Those that this update has started.
    pub started: Vec<String>,
    /// An investigation could not be started, and that has been said.
    pub failed: bool,
    /// Incidents that wait for a place.
    pub waiting: usize,
    /// Sessions, and how far their events stand among the lines: to be given to [`Desk::mark`]
    /// when the lines have reached the reader.
    pub marks: Vec<(String, u64)>,
    /// The sessions whose supervisors had died, and that are to be tidied up after.
    crashed: Vec<String>,
    /// Those that are forgotten.
    gone: Vec<String>,
}

/// The sessions of a state folder, and the rules for new ones.
pub struct Desk {
    store: Store,
    journal: Journal,
    policy: Policy,
    /// Without one, the triage stands alone.
    agent: Option<agent_program::Program>,
    /// The model's credential, when it is in a variable.
    credential: Option<SecretValue>,
    /// `dlq-peek` and its first arguments, when it is there.
    peek: Option<Vec<String>>,
    settings: AutoInvestigation,
    state: State,
    /// In a dry run: the document as it would be. Nothing is written then.
    dry: Option<RefCell<Sessions>>,
}

impl Desk {
    /// Opens the desk. `env` says where programs are, and may hold the model's credential.
    pub fn open(store: Store, all: &Settings, env: &Env, dry_run: bool) -> Result<Self, Error> {
        let path = env.real("PATH");
        let (settings, state) = (all.auto_investigation.clone(), all.state.clone());
        let chosen = agent_program::choose(&settings, path);
        if chosen.stands_in && settings.enabled {
            log::warn("Claude Code is not installed: incidents get a triage by rules instead");
        }
        let policy = Policy {
            enabled: settings.enabled && all.features.investigate,
            targets: settings.target_queues.clone(),
            max_concurrent: settings.max_concurrent,
            cooldown: settings.cooldown,
            agent_missing: chosen.missing,
        };
        let (agent, peek) = (chosen.program, agent_program::peek(&all.origin, path));
        let of_env = settings.claude.auth.as_ref().filter(|auth| matches!(auth, Secret::Env(_)));
        // One that is missing is said by the session that needs it.
        let credential = of_env.and_then(|auth| auth.resolve(env).ok());
        let journal = Journal::new(&store, state.rotation());
        let dry = dry_run.then(|| store.read(&Keys::all()).map(RefCell::new)).transpose()?;
        Ok(Desk { store, journal, policy, agent, credential, peek, settings, state, dry })
    }

    /// Turns investigations on or off, as far as the configuration lets them start at all.
    pub fn switch(&mut self, on: bool) {
        self.policy.enabled = self.settings.enabled && on;
    }

    /// Takes in what the stream has told, and judges the open incidents when `judge_at` says so.
    pub fn update(&self, news: Vec<News>, judge_at: Option<Timestamp>) -> Result<Brought, Error> {
        if let Some(document) = &self.dry {
            return self.change(&mut document.borrow_mut(), news, judge_at);
        }
        let brought = self.store.update(&Keys::all(), |sessions: &mut Sessions| {
            self.change(sessions, news, judge_at)
        })?;
        // Not under the lock: git takes its time.
        for session in &brought.crashed {
            self.sweep(session)?;
        }
        brought.gone.iter().for_each(|session| self.discard(session));
        Ok(brought)
    }

    /// Whether a look at the document is worth it: something runs, or has told something new.
    /// Takes no lock.
    pub fn is_busy(&self) -> Result<bool, Error> {
        if self.dry.is_some() {
            return Ok(false);
        }
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let busy = |s: &Session| s.status == Status::Running || self.unprinted(s);
        Ok(sessions.sessions.iter().any(busy))
    }

    fn agent_name(&self) -> &str {
        self.agent.as_ref().and_then(|agent| agent.argv.first()).map_or("triage", String::as_str)
    }

    fn folder(&self, session: &str) -> PathBuf {
        self.store.dir().join("sessions").join(session)
    }

    fn change(
        &self,
        sessions: &mut Sessions,
        news: Vec<News>,
        judge_at: Option<Timestamp>,
    ) -> Result<Brought, Error> {
        for item in news {
            incident::hear(&mut sessions.incidents, item);
        }
        let mut brought = Brought::default();
        if self.dry.is_none() {
            sessions.step_back(clock::now());
            for session in &mut sessions.sessions {
                let mark = self.folder(&session.id).join(files::UNSWEPT);
                if self.close_if_crashed(session)? {
                    store::replace(&mark, b"")?;
                }
                if session.status != Status::Running && mark.exists() {
                    brought.crashed.push(session.id.clone());
                }
            }
        }
        if let Some(now) = judge_at {
            self.take_over(sessions, now, &mut brought)?;
            incident::forget(&mut sessions.incidents, now);
            for id in incident::to_judge(&sessions.incidents) {
                self.judge(sessions, &id, now, &mut brought)?;
            }
        }
        if self.dry.is_none() {
            self.journal.append(&brought.lines.concat())?;
            for session in &sessions.sessions {
                let path = self.folder(&session.id).join(files::EVENTS);
                let (lines, printed) = unread(&path, session.printed)?;
                if printed > session.printed {
                    brought.lines.extend(lines);
                    brought.marks.push((session.id.clone(), printed));
                }
            }
            brought.gone = self.prune(sessions)?;
        }
        for session in &sessions.sessions {
            if self.runs(session, judge_at)? {
                brought.running.push(session.id.clone());
            }
        }
        Ok(brought)
    }

    /// The lock is the truth. In a dry run nothing is started, and what would run is taken to run
    /// until its deadline.
    fn runs(&self, session: &Session, now: Option<Timestamp>) -> Result<bool, Error> {
        if session.status != Status::Running {
            return Ok(false);
        }
        match self.dry {
            Some(_) => Ok(now.is_some_and(|now| session.timeout_at > now)),
            None => store::is_locked(&self.folder(&session.id).join(files::LOCK)),
        }
    }

    fn judge(
        &self,
        sessions: &mut Sessions,
        id: &str,
        now: Timestamp,
        brought: &mut Brought,
    ) -> Result<(), Error> {
        let Some(at) = sessions.incidents.iter().position(|incident| incident.id == id) else {
            return Ok(());
        };
        if self.waits(sessions, at, now) {
            return Ok(());
        }
        let queue = sessions.incidents[at].queue.clone();
        let mut past = self.past(sessions, &queue.arn, now)?;
        if sessions.incidents[at].forced {
            past.cooldown_until = None;
        }
        match eligibility::judge(&self.policy, &queue.name, &past, now) {
            eligibility::Verdict::Start => self.start(sessions, at, now, brought),
            eligibility::Verdict::Wait(why) | eligibility::Verdict::Never(why) => {
                brought.waiting += usize::from(matches!(why, Why::Full(_) | Why::Running(_)));
                let incident = &mut sessions.incidents[at];
                if !incident.reported.iter().any(|word| word == why.word()) {
                    incident.reported.push(why.word().into());
                    brought.lines.push(skipped(incident, &why, now));
                }
                Ok(())
            }
        }
    }

    /// Whether an incident waits for what has not come yet. When it has, that is forgotten.
    fn waits(&self, sessions: &mut Sessions, at: usize, now: Timestamp) -> bool {
        let Some(hold) = &sessions.incidents[at].hold else { return false };
        let owner = hold.session.as_ref().and_then(|id| sessions.session(id));
        let status = owner.map(|session| session.status);
        // It was written by the wall clock; a stream that is looked at again may be of any time.
        let now = if self.dry.is_some() { now.max(hold.since) } else { clock::now() };
        let waits = hold.stands(now, &self.settings.limits(), status);
        if !waits {
            sessions.incidents[at].hold = None;
        }
        waits
    }

    /// What is known of a queue and of the other investigations.
    fn past(&self, sessions: &Sessions, arn: &str, now: Timestamp) -> Result<Past, Error> {
        let mut past = Past { cooldown_until: sessions.cooldown_until(arn), ..Past::default() };
        for session in &sessions.sessions {
            if self.runs(session, Some(now))? {
                past.running += 1;
                if session.queue.arn == arn {
                    past.running_here = Some(session.id.clone());
                }
            }
        }
        Ok(past)
    }

    /// Records what another filter has started and, because it died, has not. It has one of the
    /// places, and tells what it finds, whatever has become of its incident: so it comes first.
    fn take_over(
        &self,
        sessions: &mut Sessions,
        now: Timestamp,
        brought: &mut Brought,
    ) -> Result<(), Error> {
        for at in 0..sessions.incidents.len() {
            let folder = self.folder(&launch::next(&sessions.incidents[at]));
            if self.dry.is_none() && launch::has_begun(&folder)? {
                self.start(sessions, at, now, brought)?;
            }
        }
        Ok(())
    }

    fn start(
        &self,
        sessions: &mut Sessions,
        at: usize,
        now: Timestamp,
        brought: &mut Brought,
    ) -> Result<(), Error> {
        let incident = &mut sessions.incidents[at];
        let id = launch::next(incident);
        let begun = if self.dry.is_some() { now } else { clock::now() };
        let timeout_at = begun.plus(self.settings.timeout);
        let mut session = Session {
            id: id.clone(),
            incident: incident.id.clone(),
            queue_name: incident.queue.name.clone(),
            queue: incident.queue.clone(),
            status: Status::Running,
            pid: None,
            start_time: begun,
            timeout_at,
            ended_at: None,
            // In a dry run nobody comes to record the end.
            cooldown_until: self.dry.as_ref().map(|_| timeout_at.plus(self.settings.cooldown)),
            printed: 0,
            cost_usd: None,
            fingerprint: None,
            resumes: None,
        };
        if self.dry.is_some() {
            brought.lines.push(would_start(incident, &session, self.agent_name(), now));
        } else if let Err(error) = self.spawn(&self.plan(incident, &session), &session) {
            // The incident stays armed and is judged again.
            log::warn(&format!("no investigation of queue '{}': {error}", incident.queue.name));
            brought.failed = true;
            return Ok(());
        } else {
            // One that was started before, and not recorded, may have ended.
            self.close_if_crashed(&mut session)?;
        }
        incident.attempts += 1;
        incident.armed = false;
        incident.forced = false;
        // The next cooldown is another one.
        incident.reported.retain(|word| word != "cooldown");
        brought.started.push(id);
        sessions.sessions.push(session);
        Ok(())
    }

    fn unprinted(&self, session: &Session) -> bool {
        let path = self.folder(&session.id).join(files::EVENTS);
        std::fs::metadata(path).is_ok_and(|meta| meta.len() > session.printed)
    }

    /// Marks as printed what has reached the reader. A filter that dies before this prints it
    /// again, and never not at all.
    pub fn mark(&self, marks: &[(String, u64)]) -> Result<(), Error> {
        if marks.is_empty() {
            return Ok(());
        }
        let keys = Keys::none().with(Sessions::SESSION, marks.iter().map(|(id, _)| id.as_str()));
        self.store.update(&keys, |sessions: &mut Sessions| {
            for (id, printed) in marks {
                if let Some(session) = sessions.session_mut(id) {
                    session.printed = session.printed.max(*printed);
                }
            }
            Ok(())
        })
    }
}
