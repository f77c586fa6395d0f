//! The dispatcher of `dlq-notify`: routes events to channels, and records what was delivered.
//!
//! Promises: a notice is delivered first and recorded after, so that a crash repeats it rather than
//! loses it; records are written in batches; an event is sent to a channel once. A failure to
//! deliver or to record is reported, makes the exit status 1, and never stops the stream. A dry run
//! delivers to the console only, and records nothing.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::clock;
use crate::config::{self, ChannelKind, Env, Settings, Switches};
use crate::document::Keys;
use crate::edge::notify::console;
use crate::edge::notify::desktop_queue::{DeliveryError, DeliveryResult, DesktopQueue};
use crate::error::Error;
use crate::event::{Event, Head, NoticeFailed, NoticeSent, Payload, Type};
use crate::journal::Journal;
use crate::log;
use crate::rules::notification::message;
use crate::rules::notification::route::Router;
use crate::rules::notification::scope::SeenScopes;
use crate::rules::notification::sent_log::{KEPT_MAX, NoticeKey, SentLog};
use crate::store::{self, BlockingWait, Store};
use crate::time::Timestamp;
use crate::wire::{Output, StreamFilter};

/// The number of deliveries after which they are recorded.
const BATCH: usize = 256;
/// The interval at which notifier children are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The number of different warnings that are printed.
const WARNINGS_MAX: usize = 100;

/// The files that deliveries are recorded in.
struct DispatcherState {
    /// The folder of `notices.json`.
    store: Store,
    journal: Journal,
}

/// The fields of an event that the record of its notice needs.
#[derive(Debug, Clone)]
struct NoticeContext {
    key: NoticeKey,
    event: String,
    subject: String,
    incident: Option<String>,
}

struct DeliveryChannel {
    name: String,
    /// Desktop notifier. None for the console.
    desktop: Option<DesktopQueue<NoticeContext>>,
}

/// The filter of `dlq-notify`.
pub struct Dispatcher {
    router: Router,
    channels: Vec<DeliveryChannel>,
    /// Absent in a dry run.
    state: Option<DispatcherState>,
    switches: Switches,
    scopes: SeenScopes,
    color: bool,
    /// The notices that were delivered, by this run or an earlier one, or are being delivered.
    known: HashSet<NoticeKey>,
    /// Delivered and not yet recorded.
    delivered: Vec<NoticeKey>,
    /// The newest time of the stream, which is the present of a dry run.
    stream_time: Option<Timestamp>,
    polled_at: Instant,
    warnings: HashSet<String>,
    /// The number of notices that did not fit into the desktop's queue since the last poll.
    overflowed: u64,
    muted: bool,
    failed: bool,
}

impl Dispatcher {
    /// Opens the channels, and reads what earlier runs delivered. A dry run records nothing.
    pub fn open(settings: &Settings, env: &Env, dry_run: bool, color: bool) -> Result<Self, Error> {
        let (mut state, mut known) = (None, HashSet::new());
        if !dry_run {
            let store = Store::open(&config::state_dir(settings, env)?)?;
            let journal = Journal::new(&store, settings.state.rotation());
            known = store.read::<SentLog>(&Keys::all())?.keys();
            state = Some(DispatcherState { store, journal });
        }
        let mut switches = Switches::new(settings);
        let notifications = &settings.notifications;
        let channels = notifications.channels.iter().map(|channel| DeliveryChannel {
            name: channel.name.clone(),
            desktop: (channel.kind == ChannelKind::Desktop).then(DesktopQueue::default),
        });
        Ok(Dispatcher {
            router: Router::new(notifications),
            channels: channels.collect(),
            state,
            muted: !switches.now().notify,
            switches,
            scopes: settings.aws.seen_scopes(),
            color,
            known,
            delivered: Vec::new(),
            stream_time: None,
            polled_at: clock::tick(),
            warnings: HashSet::new(),
            overflowed: 0,
            failed: false,
        })
    }

    /// Sends an event to the channels that it is routed to. An event that comes while the switch is
    /// off is not recorded as sent: a replay sends it.
    fn notify(&mut self, head: &Head, line: &[u8], out: &mut Output) -> Result<(), Error> {
        if self.state.is_none() && head.known.is_some_and(Type::advances_stream_time) {
            self.stream_time = self.stream_time.max(head.time());
        }
        if self.muted {
            return Ok(());
        }
        let channels = self.router.route(head);
        if channels.is_empty() {
            return Ok(());
        }
        let now = self.now().or(head.time()).unwrap_or(Timestamp::from_millis(0));
        let mut notice = message::render(head, line, now);
        self.scopes.qualify(&mut notice, line);
        for at in channels {
            let DeliveryChannel { name, desktop } = &mut self.channels[at];
            let key = NoticeKey::new(name, head);
            if !self.known.insert(key.clone()) {
                log::info(&format!("'{}' was sent to '{name}' before", head.id));
                continue;
            }
            let context = NoticeContext {
                key,
                event: head.id.clone().into_owned(),
                subject: head.subject.as_deref().unwrap_or_default().to_owned(),
                incident: head.incident.as_deref().map(str::to_owned),
            };
            match desktop {
                None => {
                    console::show(&notice, self.color);
                    self.delivered.push(context.key);
                }
                Some(_) if self.state.is_none() => out.put(&sent_line(&context, now))?,
                Some(desktop) => {
                    self.overflowed += u64::from(desktop.push(notice.clone(), context));
                }
            }
        }
        if self.delivered.len() >= BATCH {
            self.record();
        }
        Ok(())
    }

    /// Returns the present: the stream's in a dry run, so that a recording replays to equal lines.
    fn now(&self) -> Option<Timestamp> {
        self.state.as_ref().map_or(self.stream_time, |_| Some(clock::now()))
    }

    fn desktops(&self) -> impl Iterator<Item = &DesktopQueue<NoticeContext>> {
        self.channels.iter().filter_map(|channel| channel.desktop.as_ref())
    }

    fn is_busy(&self) -> bool {
        self.desktops().any(DesktopQueue::is_busy)
    }

    /// Reports, journals and prints the results of the deliveries that have ended.
    fn poll_children(&mut self, out: &mut Output) -> Result<(), Error> {
        if std::mem::take(&mut self.overflowed) > 0 {
            self.warn_once("more than 100 notices wait for the desktop: the oldest become one");
        }
        let mut results = Vec::new();
        for desktop in self.channels.iter_mut().filter_map(|channel| channel.desktop.as_mut()) {
            results.extend(desktop.poll_children());
        }
        let lines: Vec<Vec<u8>> =
            results.into_iter().filter_map(|result| self.complete(result)).collect();
        self.polled_at = clock::tick();
        let journaled = match &self.state {
            Some(state) => state.journal.append(&lines.concat()),
            None => Ok(()),
        };
        self.report_error(journaled);
        lines.iter().try_for_each(|line| out.put(line))
    }

    /// Returns the event for the result of a delivery. The newest of several notices that were
    /// shown as one stands for all.
    fn complete(&mut self, result: DeliveryResult<NoticeContext>) -> Option<Vec<u8>> {
        let (now, newest) = (clock::now(), result.about.last().cloned()?);
        let Err(failure) = result.result else {
            self.delivered.extend(result.about.into_iter().map(|context| context.key));
            return Some(sent_line(&newest, now));
        };
        for context in &result.about {
            self.known.remove(&context.key);
        }
        // A machine without a notifier is not a failure of this run.
        self.failed |= matches!(failure, DeliveryError::Failed(_));
        let (channel, event) = (newest.key.channel.clone(), newest.event.clone());
        let error = failure.to_string();
        self.warn_once(&format!("cannot notify channel '{channel}': {error}"));
        Some(notice_line(&newest, now, NoticeFailed { channel, event, attempts: 1, error }))
    }

    /// Records the deliveries for the next run. Those that cannot be recorded are tried again.
    fn record(&mut self) {
        let Some(state) = &self.state else {
            self.delivered.clear();
            if self.known.len() > KEPT_MAX {
                self.known.clear();
            }
            return;
        };
        if self.delivered.is_empty() {
            return;
        }
        let delivered = &self.delivered;
        // The cap and the age limit apply to all notices, and other runs send notices too.
        let updated = state.store.update(&Keys::all(), |sent_log: &mut SentLog| {
            let dropped = sent_log.remember(delivered, clock::now());
            Ok((dropped, sent_log.keys()))
        });
        match updated {
            Ok((dropped, mut keys)) => {
                let pending = self.desktops().flat_map(DesktopQueue::pending);
                keys.extend(pending.map(|context| context.key.clone()));
                self.known = keys;
                self.delivered.clear();
                if dropped > 0 {
                    self.warn_once("more than 20000 notices in 8 days: the oldest are forgotten");
                }
            }
            Err(error) => {
                self.report_error(Err(error));
                let excess = self.delivered.len().saturating_sub(KEPT_MAX);
                self.delivered.drain(..excess);
            }
        }
    }

    /// Reports an error without stopping the stream.
    fn report_error(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.failed = true;
            self.warn_once(&error.to_string());
        }
    }

    fn warn_once(&mut self, sentence: &str) {
        if self.warnings.len() < WARNINGS_MAX && self.warnings.insert(sentence.to_owned()) {
            log::warn(sentence);
        }
    }

    /// Waits for the deliveries under way, each up to its deadline, and records them.
    fn complete_all(&mut self, out: &mut Output) -> Result<(), Error> {
        let mut result = Ok(());
        while self.is_busy() {
            let polled = self.poll_children(out);
            result = result.and(polled);
            if self.is_busy() {
                store::sleep(BlockingWait::ProcessEnd, POLL_INTERVAL / 4);
            }
        }
        self.record();
        result
    }
}

impl StreamFilter for Dispatcher {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        if let Some(head) = head {
            if head.known == Some(Type::PollFinished) {
                self.muted = !self.switches.now().notify;
            }
            self.notify(head, line, out)?;
        }
        if self.is_busy() && self.polled_at.elapsed() >= POLL_INTERVAL {
            return self.poll_children(out);
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        (!self.delivered.is_empty() || self.is_busy()).then_some(POLL_INTERVAL)
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        let result = self.poll_children(out);
        self.record();
        result
    }

    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        self.complete_all(out).map(|()| self.failed)
    }

    /// Completes and records the deliveries under way. The error that ended the stream is the one
    /// that is reported.
    fn abort(&mut self, _error: &Error) -> Result<(), Error> {
        let _ = self.complete_all(&mut Output::hidden());
        Ok(())
    }
}

fn sent_line(context: &NoticeContext, now: Timestamp) -> Vec<u8> {
    let (channel, event) = (context.key.channel.clone(), context.event.clone());
    notice_line(context, now, NoticeSent { channel, event, attempts: 1 })
}

fn notice_line<D: Payload>(context: &NoticeContext, now: Timestamp, data: D) -> Vec<u8> {
    let NoticeKey { channel, source, event } = &context.key;
    let parts = [source, event, channel, D::TYPE.as_str()];
    let event = Event::derived(&parts, &context.subject, now, data);
    event.of_incident(context.incident.clone()).line()
}
