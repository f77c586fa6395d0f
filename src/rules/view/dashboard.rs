//! The state of the dashboard: a fold of events, and what the state folder adds to it.
//!
//! [`Dashboard::apply`] takes one event of the stream or of the journal, and is the only way in which
//! events change the state. The state folder (queues, usage of running agents, acknowledgements,
//! silences) is set as a whole, each part with the moment of the reading. Views read the state and never
//! change it.
//!
//! Promises: unknown is `None`, never zero; memory has a bound whatever the stream holds; a repeated
//! event changes nothing.

pub mod analytics;
mod buckets;
pub mod incidents;
pub mod investigations;
mod limits;
pub mod names;
mod polled_queues;
pub mod pull_requests;
pub mod queues;
pub mod rounds;
pub mod seen;
pub mod spend;
pub mod state_folder;
pub mod statements;
#[cfg(test)]
mod tests;
pub mod timeline;

use std::collections::HashMap;

use crate::event::{RecordedType, ShownEvent, Type};
use crate::time::Timestamp;
use incidents::IncidentStory;
use investigations::Investigation;
use names::QueueNames;
use pull_requests::WatchedRequest;
use queues::{QUEUES_MAX, ShownQueue};
pub use rounds::Rounds;
use seen::SeenEvents;
use spend::InvestigationSpend;
use state_folder::UnreadDocuments;
use statements::ShownStatements;
use timeline::ShownTimeline;

/// The most channels that are counted.
const CHANNELS_MAX: usize = 100;

/// The whole state. Keys: the ARN of a queue, the id of an incident, the id of a session,
/// `owner/repo#12`.
#[derive(Debug, Default, Clone)]
pub struct Dashboard {
    pub queues: HashMap<Box<str>, ShownQueue>,
    pub names: QueueNames,
    /// Whether the list was full once, so that queues were dropped from it.
    pub is_queue_list_cut: bool,
    pub incidents: HashMap<Box<str>, IncidentStory>,
    pub investigations: HashMap<Box<str>, Investigation>,
    pub pull_requests: HashMap<Box<str>, WatchedRequest>,
    pub timeline: ShownTimeline,
    pub rounds: Rounds,
    /// Notices that were delivered and that failed, by channel.
    pub notices: HashMap<Box<str>, NoticeCounts>,
    pub source: SourceState,
    pub statements: ShownStatements,
    /// The documents that the newest reading of the state folder lacks; None before the first one.
    pub unread: Option<UnreadDocuments>,
    /// The readings of the state folder that have changed something.
    pub folder_changes: u64,
    /// The results and costs of investigations that ended.
    pub spend: InvestigationSpend,
    /// The newest events, so that a repeated one changes nothing.
    pub seen: SeenEvents,
    /// Events later than this are counted and not shown: one wild clock would make every right event
    /// look old. None for a recorded stream.
    pub latest: Option<Timestamp>,
}

/// The notices of a channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct NoticeCounts {
    pub sent: u64,
    pub failed: u64,
    pub held: u64,
}

/// The source of the events, and what was missing in it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SourceState {
    /// The time of the oldest event that was read: the history begins here.
    pub begins: Option<Timestamp>,
    /// The time of the newest event that was read: the figures are as old as this.
    pub newest: Option<Timestamp>,
    pub events: u64,
    /// Lines that are no events: half a line, or damage.
    pub damaged: u64,
    /// A sentence for each part that could not be read: a document, a segment of the journal.
    pub problems: Vec<String>,
    /// Whether the stream has ended (`stdin ended`), or older segments of the journal are gone.
    pub ended: bool,
    /// Events that were not taken in, because they have no time or one after [`Dashboard::latest`].
    pub untimely: u64,
}

impl SourceState {
    /// Returns whether no event was taken while a part could not be read: there may be some.
    pub fn is_unknown(&self) -> bool {
        self.newest.is_none() && (!self.problems.is_empty() || self.damaged > 0)
    }

    /// Returns whether there are events and none was taken: the clock is behind, or that of their writer
    /// ahead.
    pub fn is_ahead_of_clock(&self) -> bool {
        self.events == 0 && self.untimely > 0
    }
}

impl Dashboard {
    /// Takes an event into the state.
    pub fn apply(&mut self, event: &ShownEvent<'_>) {
        let at = event.head.time().filter(|at| self.latest.is_none_or(|latest| *at <= latest));
        let Some(at) = at else {
            self.source.untimely += 1;
            return;
        };
        let is_bulk = matches!(event.head.known, Some(Type::QueuePolled | Type::PollFinished));
        if !self.seen.insert(&event.head.source, &event.head.id, is_bulk) {
            return;
        }
        self.source.events += 1;
        self.source.begins = Some(self.source.begins.map_or(at, |begins| begins.min(at)));
        self.source.newest = self.source.newest.max(Some(at));
        match (event.head.known, event.recorded) {
            (_, Some(kind)) => self.apply_recorded(kind, event, at),
            (Some(kind), None) => self.apply_known(kind, event, at),
            (None, None) => self.tell(event, None, at),
        }
    }

    fn apply_known(&mut self, kind: Type, event: &ShownEvent<'_>, at: Timestamp) {
        let data = &event.data;
        let mut session = None;
        match kind {
            Type::PollFinished => return self.rounds.finish(at, data),
            Type::PollFailed => self.rounds.fail(at, data),
            Type::QueuePolled => return self.watch(kind, event, at),
            Type::QueueFound
            | Type::QueueGone
            | Type::QueueRaised
            | Type::QueueGrew
            | Type::QueueExpiring
            | Type::QueueLossSuspected
            | Type::QueueCleared
            | Type::QueueUnreadable
            | Type::QueueReadable
            | Type::QueueSampled => {
                if let Some(id) = &event.head.incident {
                    incidents::story(&mut self.incidents, id, at).watch(kind, event, at);
                }
                self.watch(kind, event, at);
            }
            Type::InvestigationSkipped
            | Type::InvestigationStarted
            | Type::InvestigationProgressed
            | Type::InvestigationCompleted
            | Type::InvestigationFailed
            | Type::InvestigationTimedOut
            | Type::InvestigationStopped => {
                self.investigate(kind, event, at);
                session = data.session.as_deref().map(limits::name);
            }
            Type::InvestigationProven => {
                session = data.session.as_deref().map(limits::name);
                // It does not begin an investigation: of one that is unknown, its status is, too.
                if let Some(one) = session.and_then(|id| self.investigations.get_mut(id)) {
                    one.follow(kind, event, at);
                }
            }
            Type::NoticeSent | Type::NoticeFailed | Type::NoticeHeld => self.count(kind, event),
            Type::NoticeAcked | Type::NoticeSilenced => self.statements.hear(&event.data, at),
            Type::NoticeEscalated => {}
            Type::QueueLinted | Type::PollMissing | Type::PollResumed => {}
            // Their news are of a `RecordedType`.
            _ => {}
        }
        self.tell(event, session, at);
    }

    /// Takes an event of a queue into the queues.
    fn watch(&mut self, kind: Type, event: &ShownEvent<'_>, at: Timestamp) {
        let data = &event.data;
        let Some(arn) = data.queue.arn.as_deref().map(limits::name) else {
            return;
        };
        // Most queues are known, and one look-up is faster than two.
        let queue = match self.queues.get_mut(arn) {
            Some(queue) => queue,
            None => {
                let is_full = self.queues.len() >= QUEUES_MAX;
                limits::entry(&mut self.queues, arn, QUEUES_MAX, ShownQueue::worth);
                if is_full {
                    self.is_queue_list_cut = true;
                    self.names.keep(&self.queues);
                }
                let queue = self.queues.entry(arn.into()).or_default();
                queue.name_after(data);
                self.names.add(&queue.name, arn);
                queue
            }
        };
        queue.apply(kind, event, at, &self.rounds);
        let open = queue.incident.as_deref().and_then(|id| self.incidents.get_mut(id));
        if let Some(story) = open {
            (story.depth, story.loss) = (queue.depth, queue.loss());
            // The story may have been dropped, and begun anew.
            story.raised_at = story.raised_at.or(queue.raised_at);
            if kind == Type::QueueRaised {
                story.empty_at = story.empty_at.or(queue.empty_at);
            }
        }
    }

    fn investigate(&mut self, kind: Type, event: &ShownEvent<'_>, at: Timestamp) {
        if let Some(id) = &event.head.incident {
            let story = incidents::story(&mut self.incidents, id, at);
            story.investigate(kind, event, at);
            if story.name.is_empty()
                && let Some(name) = &event.data.queue.name
            {
                story.name = limits::name(name).into();
            }
        }
        let Some(session) = event.data.session.as_deref() else {
            return;
        };
        let one = investigations::investigation(&mut self.investigations, session);
        if one.follow(kind, event, at) {
            let story = self.incidents.get(&one.incident);
            let cause = story.and_then(|story| story.causes.first()).map(|(id, ..)| &**id);
            self.spend.add(one, cause, at);
        }
    }

    fn count(&mut self, kind: Type, event: &ShownEvent<'_>) {
        let channel = limits::name(event.data.channel.as_deref().unwrap_or_default());
        if !self.notices.contains_key(channel) && self.notices.len() >= CHANNELS_MAX {
            return;
        }
        let counts = self.notices.entry(channel.into()).or_default();
        match kind {
            Type::NoticeSent => counts.sent += 1,
            Type::NoticeFailed => counts.failed += 1,
            _ => counts.held += 1,
        }
    }

    /// Takes an event about a pull request, an issue, a redrive or health.
    fn apply_recorded(&mut self, kind: RecordedType, event: &ShownEvent<'_>, at: Timestamp) {
        let session = event.data.session.as_deref().map(limits::name);
        if kind.is_of_pull_request() {
            self.request(kind, event, at);
        } else if let (Some(word), Some(id)) = (kind.redrive_word(), &event.head.incident) {
            let is_complete = kind == RecordedType::RedriveCompleted;
            incidents::story(&mut self.incidents, id, at).redrive(word, is_complete, at);
        }
        self.tell(event, session, at);
    }

    /// Takes an event of a pull request, also into the incidents that wait for it.
    fn request(&mut self, kind: RecordedType, event: &ShownEvent<'_>, at: Timestamp) {
        let Some(key) = pull_requests::key(event).filter(|_| kind != RecordedType::PrRefused)
        else {
            return;
        };
        let request = pull_requests::apply(&mut self.pull_requests, &key, kind, event, at);
        let of_session = event.data.session.as_deref().map(limits::name);
        let of_session = of_session.and_then(|session| self.investigations.get(session));
        let incident = request.incident.as_deref().or(of_session.map(|one| &*one.incident));
        if let Some(id) = incident.filter(|id| !id.is_empty()) {
            incidents::story(&mut self.incidents, id, at).link_request(&key, request);
        }
        use RecordedType::{PrClosed, PrMerged, PrOpened};
        if matches!(kind, PrOpened | PrMerged | PrClosed) {
            // One pull request may repair several queues.
            let waiting = self.incidents.values_mut().filter(|story| story.has_request(&key));
            waiting.for_each(|story| story.link_request(&key, request));
        }
    }

    /// Adds an event to the timeline.
    fn tell(&mut self, event: &ShownEvent<'_>, session: Option<&str>, at: Timestamp) {
        let session = session.and_then(|session| self.investigations.get(session));
        let of_request = || {
            let key = pull_requests::key(event)?;
            self.pull_requests.get(&*key)?.incident.as_deref()
        };
        let key = event.data.key.as_deref().map(limits::name);
        let key = key.filter(|key| self.incidents.contains_key(*key));
        let key_name = key.and_then(|key| self.incidents.get(key)).map(|story| &*story.name);
        let incident = event.head.incident.as_deref().map(limits::name).or(key);
        let incident = incident.or_else(|| session.map(|one| &*one.incident)).or_else(of_request);
        let story = incident.and_then(|id| self.incidents.get(id));
        let begin = story.and_then(|story| story.raised_at);
        let begin = begin.or_else(|| session.and_then(|one| one.started_at));
        self.timeline.tell(event, incident, begin, key_name, at);
    }
}
