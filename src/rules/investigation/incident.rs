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
                known.arm();
            }
        }
        (Some(known), Change::Expiring(loss)) => {
            known.expires_after = loss.expires_after;
            known.expires_before = loss.expires_before;
            // Near its loss, an incident may use the reserved budget: its wait ends.
            known.wait.take_if(|wait| at > wait.since);
        }
        // Without a bundle nothing was received.
        (Some(known), Change::Sampled(sample)) if sample.bundle.is_some() => {
            known.bundle = sample.bundle;
            known.add_sample(sample.expires_before);
            let cause = sample.fingerprints.into_iter().next().map(|one| one.id);
            if let Some(cause) = cause.filter(|cause| !known.causes.contains(cause)) {
                // A finished incident is judged again when another cause has come.
                if !known.causes.is_empty() {
                    known.arm();
                }
                known.causes.push(cause);
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
mod tests {
    use super::*;
    use crate::event::Cause;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn raised(id: &str, second: i64, expires_before: Option<i64>) -> IncidentChange {
        let what = Change::Raised(QueueRaised {
            queue: Queue::default(),
            depth: 3,
            visible: 3,
            in_flight: 0,
            delayed: 0,
            previous: None,
            threshold: 1,
            retention_s: None,
            expires_after: None,
            expires_before: expires_before.map(at),
        });
        IncidentChange { incident: id.into(), at: at(second), what }
    }

    fn grew(id: &str, second: i64) -> IncidentChange {
        let what = Change::Grew(QueueGrew { queue: Queue::default(), depth: 6, raised_depth: 3 });
        IncidentChange { incident: id.into(), at: at(second), what }
    }

    fn closed(id: &str, second: i64) -> IncidentChange {
        IncidentChange { incident: id.into(), at: at(second), what: Change::Closed }
    }

    fn due(incidents: &[Incident]) -> Vec<String> {
        to_evaluate(incidents).into_iter().map(|at| incidents[at].id.clone()).collect()
    }

    fn after(change: Vec<IncidentChange>) -> Vec<Incident> {
        let mut incidents = Vec::new();
        for item in change {
            apply_change(&mut incidents, item);
        }
        incidents
    }

    #[test]
    fn replay_changes_no_incident() {
        let day = vec![raised("a", 0, None), grew("a", 30), closed("a", 60), raised("b", 90, None)];
        let once = after(day.clone());
        let twice = after([day.clone(), day].concat());
        assert_eq!(once, twice);
        assert_eq!(due(&twice), ["b"]);
    }

    #[test]
    fn finished_incident_is_armed_by_new_growth_only() {
        let mut incidents = after(vec![raised("a", 0, None), grew("a", 30)]);
        incidents[0].armed = false;
        apply_change(&mut incidents, raised("a", 0, None));
        apply_change(&mut incidents, grew("a", 30));
        assert_eq!(due(&incidents), Vec::<String>::new());
        apply_change(&mut incidents, grew("a", 60));
        assert_eq!(due(&incidents), ["a"]);
    }

    #[test]
    fn finished_incident_is_armed_by_another_cause_once() {
        let sampled = |cause: &str| {
            let what = Change::Sampled(QueueSampled {
                queue: Queue::default(),
                taken: Some(1),
                depth: None,
                refused: None,
                detail: None,
                fingerprints: vec![Cause {
                    id: cause.into(),
                    count: 1,
                    title: String::new(),
                    kind: "shape".into(),
                }],
                overseen: 0,
                expires_before: None,
                bundle: Some(format!("/{cause}")),
            });
            IncidentChange { incident: "a".into(), at: at(10), what }
        };
        let mut incidents = after(vec![raised("a", 0, None), sampled("one")]);
        assert_eq!(incidents[0].bundle.as_deref(), Some("/one"));
        incidents[0].armed = false;
        apply_change(&mut incidents, sampled("one"));
        assert!(!incidents[0].armed);
        apply_change(&mut incidents, sampled("two"));
        assert!(incidents[0].armed);
        incidents[0].armed = false;
        apply_change(&mut incidents, sampled("one"));
        apply_change(&mut incidents, sampled("two"));
        assert!(!incidents[0].armed);
        assert_eq!(after(vec![sampled("one")]), [], "of an incident that no event has named");
    }

    #[test]
    fn evaluation_order_is_nearest_loss_first() {
        let incidents = after(vec![
            raised("unknown", 0, None),
            raised("late", 1, Some(900)),
            raised("soon", 2, Some(100)),
        ]);
        assert_eq!(due(&incidents), ["soon", "late", "unknown"]);
    }

    #[test]
    fn sampled_incident_is_evaluated_by_the_age_of_its_messages() {
        let sampled = |id: &str, by: Option<i64>| {
            let bundle = Some("/bundle".to_owned());
            let expires_before = by.map(at);
            let data = QueueSampled { expires_before, bundle, ..QueueSampled::default() };
            IncidentChange { incident: id.into(), at: at(10), what: Change::Sampled(data) }
        };
        let mut incidents = after(vec![raised("a", 0, Some(900)), raised("b", 1, Some(800))]);
        apply_change(&mut incidents, sampled("a", None));
        assert_eq!(due(&incidents), ["b", "a"]);
        apply_change(&mut incidents, sampled("a", Some(100)));
        assert_eq!(due(&incidents), ["a", "b"]);
        apply_change(&mut incidents, sampled("a", Some(200)));
        assert_eq!(incidents[0].expires_before, Some(at(100)), "a younger sample");
        // Messages are lost from a time on that is no longer true.
        incidents[0].expires_after = Some(at(150));
        apply_change(&mut incidents, sampled("a", Some(120)));
        assert_eq!(incidents[0].window().first(), Some(at(100)));
    }

    #[test]
    fn wait_is_ended_by_new_edges_and_not_by_replay() {
        let expiring = |second| {
            let what = Change::Expiring(QueueExpiring {
                queue: Queue::default(),
                tier: "1h".into(),
                certain: true,
                depth: None,
                retention_s: None,
                expires_after: Some(at(900)),
                expires_before: Some(at(990)),
            });
            IncidentChange { incident: "a".into(), at: at(second), what }
        };
        let wait = Some(Wait::ending_at("budget", at(100), at(5000)));
        let waits = |change: IncidentChange| {
            let mut incidents = after(vec![raised("a", 0, None), grew("a", 30)]);
            incidents[0].wait = wait.clone();
            apply_change(&mut incidents, change);
            incidents[0].wait.is_some()
        };
        assert!(waits(expiring(100)) && waits(grew("a", 30)) && waits(raised("a", 0, None)));
        assert!(!waits(expiring(101)) && !waits(grew("a", 31)));
    }

    #[test]
    fn incident_with_missed_raise_opens_on_growth() {
        assert_eq!(due(&after(vec![grew("a", 30)])), ["a"]);
        assert_eq!(after(vec![closed("a", 30)]), []);
    }

    #[test]
    fn closed_incidents_are_forgotten_after_8_days() {
        let mut incidents = after(vec![raised("a", 0, None), closed("a", 60)]);
        remove_forgotten(&mut incidents, at(60 + 7 * 86_400));
        assert_eq!(incidents.len(), 1);
        remove_forgotten(&mut incidents, at(60 + 8 * 86_400));
        assert_eq!(incidents.len(), 0);
    }
}
