//! The notices of a run: who is told of a line, what is on its way, and what has been done.
//!
//! Promises: deliver, then record, so that a crash tells something twice rather than never; record
//! in batches, never per event; a notice about the same event goes to the same channel once. A
//! failure to tell or to record is said, remembered for the exit status, and never stops the
//! stream. In a dry run nothing is delivered but to the console, and nothing is recorded.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::clock;
use crate::config::{ChannelKind, Notifications};
use crate::document::Keys;
use crate::edge::notify::console;
use crate::edge::notify::desktop::{Desktop, Done, Failure};
use crate::error::Error;
use crate::event::{self, Event, Head, NoticeFailed, NoticeSent, Payload, Type};
use crate::journal::Journal;
use crate::log;
use crate::rules::notification::message;
use crate::rules::notification::message::Sentence;
use crate::rules::notification::route::{Router, Verdict};
use crate::rules::notification::sent_log::{Handled, KEPT_MAX, Key};
use crate::store::{Store, Wait, assert_may_wait};
use crate::time::Timestamp;
use crate::wire::Output;

/// So many deliveries are recorded at once, at the latest.
const BATCH: usize = 256;
/// How often children are looked after while lines come.
const TICK: Duration = Duration::from_millis(20);

/// Where it is kept; a dry run has none.
pub struct State {
    /// The folder of `notices.json`.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
}

/// What a notice is about, as far as the record needs it.
#[derive(Debug, Clone)]
struct About {
    key: Key,
    event: String,
    subject: String,
    incident: Option<String>,
}

enum Reach {
    Console,
    Desktop(Desktop<About>),
}

/// The notices of a run.
pub struct Notices {
    router: Router,
    channels: Vec<(String, Reach)>,
    state: Option<State>,
    color: bool,
    /// What has been told, by this run or before it, or is on its way.
    known: HashSet<Key>,
    /// Told and not yet recorded.
    told: Vec<Key>,
    /// The newest time of the stream: the moment of a dry run.
    stream: Option<Timestamp>,
    turned: Instant,
    said: HashSet<String>,
    summed_up: u64,
    muted: bool,
    failed: bool,
}

impl Notices {
    /// With what is remembered of earlier runs.
    pub fn open(
        notifications: &Notifications,
        state: Option<State>,
        color: bool,
    ) -> Result<Self, Error> {
        let known = match &state {
            Some(state) => state.store.read::<Handled>(&Keys::all())?.keys(),
            None => HashSet::new(),
        };
        let channels = notifications.channels.iter().map(|channel| {
            let reach = match channel.kind {
                ChannelKind::Console => Reach::Console,
                ChannelKind::Desktop => Reach::Desktop(Desktop::default()),
            };
            (channel.name.clone(), reach)
        });
        Ok(Notices {
            router: Router::new(notifications),
            channels: channels.collect(),
            state,
            color,
            known,
            told: Vec::new(),
            stream: None,
            turned: clock::tick(),
            said: HashSet::new(),
            summed_up: 0,
            muted: false,
            failed: false,
        })
    }

    /// Tells nobody of anything, or again who wants to hear. What was passed over is not remembered
    /// as told: a replay tells it.
    pub fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// An event of the stream: tells who wants to hear of it.
    pub fn hear(&mut self, head: &Head, line: &[u8], out: &mut Output) -> Result<(), Error> {
        if self.state.is_none() && head.known.is_some_and(Type::is_originators) {
            self.stream = self.stream.max(head.time());
        }
        if self.muted {
            return Ok(());
        }
        let channels = match self.router.judge(head) {
            Verdict::Tell(channels) => channels,
            Verdict::Silent(_) => return Ok(()),
        };
        let now = self.now().or(head.time()).unwrap_or(Timestamp::from_millis(0));
        let sentence = message::of(head, line, now);
        for at in channels {
            let key = Key::of(&self.channels[at].0, head);
            if self.known.insert(key.clone()) {
                self.tell(at, key, head, &sentence, now, out)?;
            } else {
                log::info(&format!("{} was told of '{}' before", self.channels[at].0, head.id));
            }
        }
        if self.told.len() >= BATCH {
            self.record();
        }
        Ok(())
    }

    fn tell(
        &mut self,
        at: usize,
        key: Key,
        head: &Head,
        sentence: &Sentence,
        now: Timestamp,
        out: &mut Output,
    ) -> Result<(), Error> {
        let about = About {
            key,
            event: head.id.clone().into_owned(),
            subject: head.subject.as_deref().unwrap_or_default().to_owned(),
            incident: head.incident.as_deref().map(str::to_owned),
        };
        match &mut self.channels[at].1 {
            Reach::Console => {
                console::show(sentence, self.color);
                self.told.push(about.key);
            }
            Reach::Desktop(_) if self.state.is_none() => out.put(&sent(&about, now))?,
            Reach::Desktop(desktop) => {
                self.summed_up += u64::from(desktop.push(sentence.clone(), about));
            }
        }
        Ok(())
    }

    /// The moment: the stream's own in a dry run, so that a record replays to the same lines.
    fn now(&self) -> Option<Timestamp> {
        self.state.as_ref().map_or(self.stream, |_| Some(clock::now()))
    }

    fn busy(&self) -> bool {
        self.channels
            .iter()
            .any(|(_, reach)| matches!(reach, Reach::Desktop(desktop) if desktop.busy()))
    }

    /// How long the stream may be waited for; None: as long as it takes.
    pub fn patience(&self) -> Option<Duration> {
        (!self.told.is_empty() || self.busy()).then_some(TICK)
    }

    /// While lines come: looks after the children from time to time.
    pub fn glance(&mut self, out: &mut Output) -> Result<(), Error> {
        if self.busy() && self.turned.elapsed() >= TICK {
            return self.turn(out);
        }
        Ok(())
    }

    /// No line has come for a while: looks after the children, and records.
    pub fn rest(&mut self, out: &mut Output) -> Result<(), Error> {
        let result = self.turn(out);
        self.record();
        result
    }

    /// The stream has ended: waits for what is on its way, as long as that may take. Whether all
    /// went well.
    pub fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        assert_may_wait(Wait::ProcessEnd);
        let mut result = Ok(());
        while self.busy() {
            let turned = self.turn(out);
            result = result.and(turned);
            if self.busy() {
                std::thread::sleep(TICK / 4);
            }
        }
        self.record();
        result.and_then(|()| out.flush()).map(|()| !self.failed)
    }

    /// Deals with what has been delivered and what has not: says it, journals it, prints it.
    fn turn(&mut self, out: &mut Output) -> Result<(), Error> {
        if std::mem::take(&mut self.summed_up) > 0 {
            self.warn_once("more than 100 notices wait for the desktop: the oldest become one");
        }
        let mut all = Vec::new();
        for (name, reach) in &mut self.channels {
            if let Reach::Desktop(desktop) = reach {
                all.extend(desktop.turn().into_iter().map(|done| (name.clone(), done)));
            }
        }
        let mut lines = Vec::new();
        for (channel, done) in all {
            lines.push(self.settle(&channel, done));
        }
        self.turned = clock::tick();
        let journaled = match &self.state {
            Some(state) => state.journal.append(&lines.concat()),
            None => Ok(()),
        };
        self.forgive(journaled);
        lines.iter().try_for_each(|line| out.put(line))
    }

    /// What came of a notice, as an event.
    fn settle(&mut self, channel: &str, done: Done<About>) -> Vec<u8> {
        let now = clock::now();
        // Of several that were summed up the newest stands for all.
        let newest = done.about.last().cloned();
        let failure = match done.result {
            Ok(()) => {
                self.told.extend(done.about.into_iter().map(|about| about.key));
                return newest.map(|about| sent(&about, now)).unwrap_or_default();
            }
            Err(failure) => failure,
        };
        for about in &done.about {
            self.known.remove(&about.key);
        }
        // A machine without a notifier is no failure of this run.
        self.failed |= matches!(failure, Failure::Failed(_));
        let error = failure.to_string();
        self.warn_once(&format!("cannot notify channel '{channel}': {error}"));
        let failed = |about: &About| {
            let data = NoticeFailed {
                channel: channel.to_owned(),
                event: about.event.clone(),
                attempts: 1,
                error: error.clone(),
            };
            line_of(about, now, data)
        };
        newest.as_ref().map(failed).unwrap_or_default()
    }

    /// Remembers what was told, for the next run. What cannot be recorded now is tried again.
    fn record(&mut self) {
        let Some(state) = &self.state else {
            self.told.clear();
            if self.known.len() > KEPT_MAX {
                self.known.clear();
            }
            return;
        };
        if self.told.is_empty() {
            return;
        }
        let told = &self.told;
        // The cap and the age hold for all of them, and what other runs have told counts here.
        let updated = state.store.update(&Keys::all(), |handled: &mut Handled| {
            let forgotten = handled.remember(told, clock::now());
            Ok((forgotten, handled.keys()))
        });
        match updated {
            Ok((forgotten, keys)) => {
                self.known = keys;
                let pending = self.channels.iter().filter_map(|(_, reach)| match reach {
                    Reach::Desktop(desktop) => Some(desktop.pending()),
                    Reach::Console => None,
                });
                self.known.extend(pending.flatten().map(|about| about.key.clone()));
                self.told.clear();
                if forgotten > 0 {
                    self.warn_once("more than 20000 notices in 8 days: the oldest are forgotten");
                }
            }
            Err(error) => {
                self.forgive(Err(error));
                let too_many = self.told.len().saturating_sub(KEPT_MAX);
                self.told.drain(..too_many);
            }
        }
    }

    /// Nothing that cannot be written stops the stream.
    fn forgive(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.failed = true;
            self.warn_once(&error.to_string());
        }
    }

    fn warn_once(&mut self, sentence: &str) {
        // Beyond this many different sentences the same has been said often enough.
        if self.said.len() < 100 && self.said.insert(sentence.to_owned()) {
            log::warn(sentence);
        }
    }
}

/// The event that says so.
fn sent(about: &About, now: Timestamp) -> Vec<u8> {
    let data =
        NoticeSent { channel: about.key.channel.clone(), event: about.event.clone(), attempts: 1 };
    line_of(about, now, data)
}

fn line_of<D: Payload>(about: &About, now: Timestamp, data: D) -> Vec<u8> {
    let Key { channel, source, event } = &about.key;
    let id = event::derived_id(&["dlq-notify", source, event, channel, D::TYPE.as_str()]);
    Event::new("dlq-notify", id, &about.subject, now, data)
        .of_incident(about.incident.clone())
        .line()
}
