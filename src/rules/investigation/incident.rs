//! The incidents of the stream: state, not edges.
//!
//! An incident is open from its first event until it is cleared or its queue is gone. A closed
//! incident is kept for as long as a journal may be replayed, so that an old raise does not open it
//! again. A repeated event changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::wait::Wait;
use crate::event::{self, Head, Queue, QueueExpiring, QueueGrew, QueueRaised, QueueSampled, Type};
use crate::rules::evidence::fingerprint::Kind;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::time::Timestamp;

/// A closed incident is kept for this long in stream time, which is longer than any replay of the
/// journal.
pub const RETENTION: Duration = Duration::from_secs(8 * 86_400);
/// The number of unexplained causes that an incident remembers.
const UNEXPLAINED_MAX: usize = 8;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub id: String,
    pub queue: Queue,
    /// The time of the first event seen.
    pub raised_at: Timestamp,
    /// The last depth seen; null when unknown.
    pub depth: Option<u64>,
    /// No message is lost before this time; null when unknown.
    pub expires_after: Option<Timestamp>,
    /// The oldest message is lost by this time; null when unknown.
    pub expires_before: Option<Timestamp>,
    /// The time of the last growth seen.
    pub grew_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Whether the incident is to be evaluated: from the raise, or a growth, until an investigation
    /// starts.
    pub armed: bool,
    /// Whether a retry was requested. A retry ignores the cooldown and sessions with the same
    /// cause.
    #[serde(default)]
    pub forced: bool,
    /// The wait after a session that had no reason to start an agent.
    #[serde(default, rename = "hold")]
    pub wait: Option<Wait>,
    /// The skip reasons that were reported.
    pub reported: Vec<String>,
    /// The number of sessions started.
    pub attempts: u64,
    /// The newest evidence bundle seen.
    #[serde(default)]
    pub bundle: Option<String>,
    /// Whether the logs were asked too early once, so that the incident is looked at once more.
    #[serde(default)]
    pub second_look: bool,
    /// The sessions in a row that ended because the model's API was not available.
    #[serde(default)]
    pub unavailable: u32,
    /// The fingerprints of the causes of most messages, each once.
    #[serde(default)]
    pub causes: Vec<String>,
    /// The fingerprints that an agent has investigated and not explained, once for each time.
    #[serde(default)]
    pub unexplained: Vec<String>,
}

impl Incident {
    /// Creates an incident from its first event.
    pub fn new(id: &str, queue: Queue, at: Timestamp) -> Self {
        Incident { id: id.to_owned(), queue, raised_at: at, armed: true, ..Incident::default() }
    }

    /// Returns the id of the next session. It depends on the incident alone, so that every filter
    /// finds a session that another one started and did not record.
    pub fn next_session_id(&self) -> String {
        event::derived_id(&["session", &self.id, &self.attempts.to_string()])
    }

    /// Creates the record of the next session.
    pub fn next_session(&self, start_time: Timestamp, timeout_at: Timestamp) -> Session {
        let waited = self.wait.as_ref().and_then(|wait| wait.cause.as_ref());
        Session {
            // Expected until the evidence shows it, so that others with the same cause wait.
            fingerprint: waited.map(|cause| cause.fingerprint.clone()),
            id: self.next_session_id(),
            incident: self.id.clone(),
            queue_name: self.queue.name.clone(),
            queue: self.queue.clone(),
            start_time,
            timeout_at,
            ..Session::default()
        }
    }

    /// Records that a session was started.
    pub fn record_attempt(&mut self) {
        self.attempts += 1;
        self.armed = false;
        self.forced = false;
        // The next cooldown is reported again.
        self.reported.retain(|word| word != "cooldown");
    }

    /// Returns the range in which the first message is lost.
    pub fn window(&self) -> ExpiryWindow {
        ExpiryWindow { after: self.expires_after, before: self.expires_before }
    }

    /// Narrows that range by the oldest message of a sample.
    pub fn add_sample(&mut self, expires_before: Option<Timestamp>) {
        let window = self.window().with_loss_at(expires_before);
        (self.expires_after, self.expires_before) = (window.after, window.before);
    }

    /// Records that an agent has not explained a cause.
    pub fn record_unexplained(&mut self, fingerprint: &str) {
        if self.unexplained.len() == UNEXPLAINED_MAX {
            self.unexplained.remove(0);
        }
        self.unexplained.push(fingerprint.to_owned());
    }

    /// Marks the incident for evaluation and forgets what was reported.
    pub fn arm(&mut self) {
        self.armed = true;
        self.wait = None;
        self.reported.clear();
    }

    /// Marks the incident for evaluation, without an end of its wait for the logs.
    fn arm_after_logs(&mut self) {
        let wait = self.wait.take_if(|wait| wait.is_for_logs());
        self.arm();
        self.wait = wait;
    }
}

/// A change of an incident, read from one line.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentChange {
    pub incident: String,
    pub at: Timestamp,
    pub what: Change,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Raised(QueueRaised),
    Grew(QueueGrew),
    Expiring(QueueExpiring),
    Sampled(QueueSampled),
    /// The incident was cleared, or its queue is gone.
    Closed,
}

/// Returns the change that an event makes to its incident.
pub fn incident_change(head: &Head<'_>, line: &[u8]) -> Option<IncidentChange> {
    let what = match head.known? {
        Type::QueueRaised => Change::Raised(event::read(line)?.data),
        Type::QueueGrew => Change::Grew(event::read(line)?.data),
        Type::QueueExpiring => Change::Expiring(event::read(line)?.data),
        Type::QueueSampled => Change::Sampled(event::read(line)?.data),
        Type::QueueCleared | Type::QueueGone => Change::Closed,
        _ => return None,
    };
    Some(IncidentChange { incident: head.incident.as_deref()?.to_owned(), at: head.time()?, what })
}

/// Applies a change. A repeated change has no effect.
pub fn apply_change(incidents: &mut Vec<Incident>, change: IncidentChange) {
    let IncidentChange { incident: id, at, what } = change;
    let known = incidents.iter_mut().find(|incident| incident.id == id);
    match (known, what) {
        (Some(known), Change::Closed) => {
            known.closed_at.get_or_insert(at);
        }
        (Some(known), _) if known.closed_at.is_some() => {}
        (Some(known), Change::Grew(QueueGrew { depth, .. })) => {
            if known.grew_at.is_none_or(|before| at > before) {
                known.grew_at = Some(at);
                known.depth = Some(depth);
                known.arm_after_logs();
            }
        }
        (Some(known), Change::Expiring(loss)) => {
            known.expires_after = loss.expires_after;
            known.expires_before = loss.expires_before;
            // Near its loss, an incident may use the reserved budget: its wait ends.
            known.wait.take_if(|wait| at > wait.since && !wait.is_for_logs());
        }
        // Without a bundle nothing was received.
        (Some(known), Change::Sampled(sample)) if sample.bundle.is_some() => {
            known.bundle = sample.bundle;
            known.add_sample(sample.expires_before);
            let cause = sample.fingerprints.into_iter().next();
            if let Some(cause) = cause.filter(|cause| !known.causes.contains(&cause.id)) {
                // A finished incident is judged again when another cause has come.
                match Kind::parse(&cause.kind) {
                    _ if known.causes.is_empty() => {}
                    Some(Kind::Shape | Kind::Opaque) => known.arm_after_logs(),
                    _ => known.arm(),
                }
                known.causes.push(cause.id);
            }
        }
        (Some(_), Change::Raised(_) | Change::Sampled(_)) => {}
        (None, what) => incidents.extend(opened(&id, at, what)),
    }
}

/// Opens an incident at its raise, or later when the raise was missed.
fn opened(id: &str, at: Timestamp, what: Change) -> Option<Incident> {
    let (queue, depth, expires_after, expires_before) = match what {
        Change::Raised(one) => (one.queue, Some(one.depth), one.expires_after, one.expires_before),
        Change::Grew(one) => (one.queue, Some(one.depth), None, None),
        Change::Expiring(one) => (one.queue, one.depth, one.expires_after, one.expires_before),
        // Such an event carries too little to open an incident.
        Change::Sampled(_) | Change::Closed => return None,
    };
    Some(Incident { depth, expires_after, expires_before, ..Incident::new(id, queue, at) })
}

/// Returns the positions of the incidents to evaluate, nearest to loss first: by the earliest time
/// at which messages may be lost, or else the latest. Incidents without either come last.
pub fn to_evaluate(incidents: &[Incident]) -> Vec<usize> {
    let is_due = |incident: &Incident| incident.closed_at.is_none() && incident.armed;
    let mut due: Vec<usize> = (0..incidents.len()).filter(|at| is_due(&incidents[*at])).collect();
    due.sort_by_key(|at| {
        let incident = &incidents[*at];
        let loss = incident.window().first();
        (loss.is_none(), loss, incident.raised_at, &incident.id)
    });
    due
}

/// Removes incidents that were closed before the retention began.
pub fn remove_forgotten(incidents: &mut Vec<Incident>, now: Timestamp) {
    incidents.retain(|incident| incident.closed_at.is_none_or(|at| now.since(at) < RETENTION));
}

#[cfg(test)]
mod tests;
