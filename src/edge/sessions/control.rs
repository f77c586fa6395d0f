//! What a person asks of the sessions: to end one, to investigate again, and to say why not.

use std::time::Duration;

use super::Desk;
use crate::edge::clock;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::rules::eligible;
use crate::rules::incident::Incident;
use crate::rules::session::{Session, Sessions, Status};
use crate::store;
use crate::text::safe;

/// How long a session that is asked to end may take, beside the graces of its agent.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

impl Desk {
    /// Asks a session to end, by its id or the beginning of it, and waits for that. An error says
    /// that no such session runs.
    pub fn stop(&self, id: &str) -> Result<(), Error> {
        let sessions = self.store.doc::<Sessions>().read()?;
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
        store::replace(&folder.join(files::STOP), b"")?;
        // SIGINT, SIGTERM and SIGKILL, and the first steps, which are not cut short.
        let deadline = clock::tick() + self.settings.stop_grace * 2 + STOP_PATIENCE;
        while store::held(&folder.join(files::LOCK))? {
            if clock::tick() >= deadline {
                return Err(Error::failed("stop session", &session.id, "it has not ended yet"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Marks the open incidents of a queue to be investigated again, past the cooldown.
    pub fn retry(&self, queue: &str) -> Result<(), Error> {
        let marked = self.store.doc::<Sessions>().update(|sessions| {
            let mut marked = 0;
            for incident in sessions.incidents.iter_mut().filter(|one| is_open(one, queue)) {
                incident.armed = true;
                incident.forced = true;
                incident.reported.clear();
                marked += 1;
            }
            Ok(marked)
        })?;
        match marked {
            0 => Err(no_incident("investigate queue", queue)),
            _ => Ok(()),
        }
    }

    /// What each rule says of a queue, a line each. Starts and changes nothing.
    pub fn explain(&self, queue: &str) -> Result<Vec<u8>, Error> {
        let mut sessions = self.store.doc::<Sessions>().read()?;
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
            for (name, why) in eligible::rules(&self.policy, queue, &past, now) {
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

fn is_open(incident: &Incident, queue: &str) -> bool {
    incident.closed_at.is_none() && incident.queue.name == queue
}

fn no_incident(doing: &str, queue: &str) -> Error {
    Error::failed(doing, queue, "no incident of it is open here; 'dlq-status' shows those that are")
}
