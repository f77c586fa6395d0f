//! The dispatcher of `dlq-notify`: gathers routed events, plans what people are told, and delivers.
//!
//! Promises: an event is judged in one update of `notices.json`, which also decides between processes;
//! a delivery is in the outbox before it is attempted, and out of it after it was recorded, so that a
//! crash repeats it rather than loses it; a failure is reported and never stops the stream. A dry run
//! shows the console's lines and the events of other deliveries, and records nothing.

mod deliveries;
mod gone_channels;
mod start;
mod stream;
mod unrecorded;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::deliveries::EndedDeliveries;
use super::attempt;
use super::drain::Drain;
use super::lines::{Moments, entry_of, escalated_line, held_line, sent_line};
use super::records::{DispatcherState, Finished};
use super::statements::Statements;
use crate::clock;
use crate::config::{ChannelKind, Env, Settings, Switches};
use crate::edge::http::Client;
use crate::edge::notify::console;
use crate::edge::notify::outbound_heartbeat::OutboundHeartbeat;
use crate::error::Error;
use crate::event::stream_time::StreamClock;
use crate::event::{self, Head};
use crate::log;
use crate::rules::notification::facts::{EventFacts, can_concern_all};
use crate::rules::notification::heartbeat::{LateRounds, Watch};
use crate::rules::notification::notice_key::{EventKey, KeyHash, NoticeKey};
use crate::rules::notification::notices::{KEPT_MAX, Notices, TOPICS_MAX};
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::plan::{ArrivedEvent, FlushPlan, PlanInput, plan};
use crate::rules::notification::policy::Notifications;
use crate::rules::notification::route::{RoutedChannel, Router};
use crate::rules::notification::scope::SeenScopes;
use crate::rules::notification::topic::SendReason;
use crate::rules::view::notice::ConsoleStyle;
use crate::store::Lock;
use crate::text::count;
use crate::time::Timestamp;
use crate::wire::Output;

/// The number of events that are planned together: a storm of that many queues is one notice.
const BATCH: usize = 2048;
/// The longest time for which events wait for the end of a round.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// The number of events that wait while their plan cannot be written. The journal has the others.
const BACKLOG_MAX: usize = 10_000;
/// The number of different warnings that are printed.
const WARNINGS_MAX: usize = 100;

/// The filter of `dlq-notify`.
pub struct Dispatcher {
    notifications: Notifications,
    router: Router,
    /// Absent in a dry run.
    state: Option<DispatcherState>,
    /// The records of a dry run.
    memory: Notices,
    drain: Option<Drain>,
    /// The drain until the records were taken up, and the error by which they were not.
    unused_drain: Option<Drain>,
    damage: Option<Error>,
    drain_for: Duration,
    /// The configured time from one round to the next.
    round_interval: Duration,
    /// Whether the end of a round is on record, so that its successors can be missing.
    has_pulse: bool,
    /// Whether a record has changed what is due.
    is_plan_due: bool,
    /// Whether the last plan is on record.
    is_planned: bool,
    /// The arrival of the newest line that has advanced the clock, in a stream that is live.
    live_at: Option<Instant>,
    /// The last plan of a live stream that is silent, or its last line.
    silent_at: Instant,
    /// The last look whether they are.
    pulse_at: Instant,
    /// The time in which this process would have seen them, by the wall clock.
    watch: Watch,
    late_rounds: LateRounds,
    is_late_told: bool,
    switches: Switches,
    scopes: SeenScopes,
    clock: StreamClock,
    /// The newest time of any event, which is the present of a dry run without an originator.
    newest: Option<Timestamp>,
    style: ConsoleStyle,
    /// The events that were judged, as far as this process knows.
    known: HashSet<KeyHash>,
    arrived: Vec<ArrivedEvent>,
    /// The number of the first ones that only the console was told of, as they cannot be recorded.
    shown: usize,
    /// The arrival of the first of them.
    arrived_at: Instant,
    ended: EndedDeliveries,
    heartbeat: Option<OutboundHeartbeat>,
    warnings: HashSet<String>,
    muted: bool,
    failed: bool,
    /// The channels that are gone, held until the end; None before they were looked for.
    gone: Option<Vec<Lock>>,
}

impl Dispatcher {
    /// Opens the channels, and takes up what earlier runs have left. A dry run records nothing.
    pub fn open(
        settings: &Settings,
        env: &Env,
        dry_run: bool,
        style: ConsoleStyle,
        drain_for: Duration,
    ) -> Result<Self, Error> {
        let notifications = settings.notifications.clone();
        let router = Router::new(&notifications);
        let (mut state, mut unused_drain, mut heartbeat) = (None, None, None);
        if !dry_run {
            let opened = DispatcherState::open(settings, env)?;
            let mut all = Drain::new(&opened.store);
            let http = Arc::new(Client::new(env)?);
            for channel in &notifications.channels {
                all.add(channel, attempt::open(channel, &settings.origin, env, &http));
            }
            let url = notifications.heartbeat_url.as_ref();
            heartbeat = url.map(|url| OutboundHeartbeat::start(url, env, &http));
            (state, unused_drain) = (Some(opened), Some(all));
        }
        let mut switches = Switches::new(settings);
        let has_pulse = state.as_ref().is_some_and(DispatcherState::has_pulse);
        let mut dispatcher = Dispatcher {
            router,
            notifications,
            state,
            memory: Notices::default(),
            drain: None,
            unused_drain,
            damage: None,
            drain_for,
            round_interval: settings.monitoring.check_interval,
            is_plan_due: false,
            is_planned: true,
            live_at: None,
            silent_at: clock::tick(),
            has_pulse,
            pulse_at: clock::tick(),
            watch: Watch::begin(clock::now()),
            late_rounds: LateRounds::default(),
            is_late_told: false,
            muted: !switches.now().notify,
            switches,
            scopes: settings.aws.seen_scopes(),
            clock: StreamClock::new(dry_run),
            newest: None,
            style,
            known: HashSet::new(),
            arrived: Vec::new(),
            shown: 0,
            arrived_at: clock::tick(),
            ended: EndedDeliveries::new(),
            heartbeat,
            warnings: HashSet::new(),
            failed: false,
            gone: None,
        };
        dispatcher.take_up();
        Ok(dispatcher)
    }

    /// Returns the moment to decide by.
    fn now(&self) -> Timestamp {
        let wall = match &self.state {
            Some(_) => clock::now(),
            None => self.newest.unwrap_or(Timestamp::from_millis(0)),
        };
        // While a live stream is silent, its time goes on.
        let silent = self.live_at.map_or(Duration::ZERO, |at| at.elapsed());
        self.clock.now_after(silent, wall)
    }

    /// Takes an event that a channel gets, or that changes what is known of a problem.
    fn take(&mut self, head: &Head<'_>, line: &[u8]) {
        let channels = self.router.route(head, line);
        if channels.is_empty() && !can_concern_all(head) {
            return;
        }
        let key = EventKey::new(head);
        let is_known = |one: &RoutedChannel| {
            let channel = &self.notifications.channels[one.channel].name;
            self.known.contains(&NoticeKey::hash(channel, &key))
        };
        if !channels.is_empty() && channels.iter().all(is_known) {
            log::info(&format!("'{}' was judged before", head.id));
            return;
        }
        let facts = EventFacts::read(head, line, self.now());
        let is_muted = channels.is_empty() && self.router.is_muted(head, line);
        let line = match std::str::from_utf8(line) {
            Ok(text) if line.len() <= event::LINE_MAX => text.trim_end().to_owned(),
            _ => head.without_payload(),
        };
        if self.arrived.is_empty() {
            self.arrived_at = clock::tick();
        }
        self.arrived.push(ArrivedEvent { facts, line: line.into(), channels, is_muted });
    }

    /// Plans what people are told, and begins to tell them.
    fn flush(&mut self, is_final: bool, out: &mut Output) -> Result<(), Error> {
        self.take_up();
        self.look_for_gone(out)?;
        let arrived = std::mem::take(&mut self.arrived);
        let (now, is_off) = (self.now(), self.muted);
        self.is_plan_due = false;
        let Some(state) = &self.state else {
            let (silences, acks) = Default::default();
            let notifications = &self.notifications;
            let input =
                PlanInput { notifications, silences: &silences, acks: &acks, is_final, is_off };
            let plan = plan(&mut self.memory, &arrived, input, now);
            self.memory.queue.clear();
            return self.show(plan, now, out);
        };
        let Statements { silences, acks, unreadable } = Statements::read(&state.store);
        let notifications = &self.notifications;
        let input = PlanInput { notifications, silences: &silences, acks: &acks, is_final, is_off };
        // The text is read now, whatever the time of the stream is.
        let (told_at, scopes) = (clock::now(), &mut self.scopes);
        let planned = self.damage.clone().map_or(Ok(()), Err).and_then(|()| {
            let moments = Moments { now, told_at };
            state.plan(input, &arrived, now, |delivery, title| {
                entry_of(delivery, title.as_deref(), scopes, moments)
            })
        });
        unreadable.into_iter().for_each(|error| self.report_error(Err(error)));
        self.is_planned = planned.is_ok();
        match planned {
            Ok((plan, entries, unwritten)) => {
                self.shown = 0;
                self.remember(&arrived);
                unwritten.iter().for_each(|one| self.report_unwritten(one, now));
                self.dispatch(&plan, entries, now, out)
            }
            Err(error) => {
                self.report_error(Err(error));
                self.show_unrecorded(&arrived, now);
                self.arrived = arrived;
                let excess = self.arrived.len().saturating_sub(BACKLOG_MAX);
                self.arrived.drain(..excess);
                self.shown = self.arrived.len();
                Ok(())
            }
        }
    }

    /// Remembers the events that were judged.
    fn remember(&mut self, arrived: &[ArrivedEvent]) {
        if self.known.len() > 2 * KEPT_MAX {
            // The document still has them.
            self.known.clear();
        }
        for event in arrived {
            for one in &event.channels {
                let channel = &self.notifications.channels[one.channel].name;
                self.known.insert(NoticeKey::hash(channel, &event.facts.key));
            }
        }
    }

    /// Shows the deliveries of a dry run.
    fn show(&mut self, plan: FlushPlan, now: Timestamp, out: &mut Output) -> Result<(), Error> {
        for delivery in &plan.deliveries {
            let title = None;
            let moments = Moments { now, told_at: now };
            let entry = entry_of(delivery, title, &mut self.scopes, moments);
            if self.is_console(&entry.channel) {
                console::show(&entry.delivery.notice, self.style);
            } else {
                out.put(&sent_line(&entry, now))?;
            }
        }
        plan.held.iter().filter_map(held_line).try_for_each(|line| out.put(&line))
    }

    fn is_console(&self, name: &str) -> bool {
        let mut channels = self.notifications.channels.iter();
        channels.any(|channel| channel.name == name && channel.kind == ChannelKind::Console)
    }

    /// Journals and prints what was planned, and hands the deliveries to their channels.
    fn dispatch(
        &mut self,
        plan: &FlushPlan,
        entries: Vec<OutboxEntry>,
        now: Timestamp,
        out: &mut Output,
    ) -> Result<(), Error> {
        if plan.forgotten > 0 {
            self.warn_once("more than 20000 notices in 8 days: the oldest are forgotten");
        }
        if plan.forgotten_problems > 0 {
            let problems = count(plan.forgotten_problems as u64, "open problem");
            self.warn_once(&format!(
                "more than {TOPICS_MAX} problems on all channels: {problems} forgotten, whose end, \
                 reminders and escalations are not sent"
            ));
        }
        let mut lines: Vec<Vec<u8>> = plan.held.iter().filter_map(held_line).collect();
        let escalated = entries.iter().filter(|entry| entry.reason == SendReason::Escalated);
        lines.extend(escalated.map(|entry| escalated_line(entry, now)));
        for entry in entries {
            let position =
                self.notifications.channels.iter().position(|one| one.name == entry.channel);
            let Some((number, drain)) = position.zip(self.drain.as_mut()) else { continue };
            if self.notifications.channels[number].kind == ChannelKind::Console {
                console::show(&entry.delivery.notice, self.style);
                self.ended.push(Finished::told(number, entry, None));
                continue;
            }
            let released = drain.outbox(number).release(&entry);
            drain.wake(number);
            self.report_error(released);
        }
        self.put(&lines, out)?;
        self.settle(out)?;
        self.poll(Duration::ZERO, out)
    }

    /// Appends lines to the journal, then prints them.
    fn put(&mut self, lines: &[Vec<u8>], out: &mut Output) -> Result<(), Error> {
        if let (Some(state), false) = (&self.state, lines.is_empty()) {
            let journaled = state.journal.append(&lines.concat());
            self.report_error(journaled);
        }
        lines.iter().try_for_each(|line| out.put(line))
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
}
