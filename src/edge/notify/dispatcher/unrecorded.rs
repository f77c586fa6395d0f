//! Events that cannot be recorded, such as on a full disk or beside a damaged record: the console is told all
//! the same.

use std::collections::HashSet;
use std::time::Duration;

use super::Dispatcher;
use crate::clock;
use crate::document::Keys;
use crate::edge::notify::console;
use crate::edge::notify::lines::failed_line;
use crate::edge::notify::lines::{Moments, entry_of};
use crate::edge::notify::outbox::MAKE_WRITABLE;
use crate::edge::notify::records::UnwrittenDelivery;
use crate::log;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::plan::{ArrivedEvent, PlanInput, plan};
use crate::rules::notification::silence::Silences;
use crate::text::count;
use crate::time::Timestamp;

/// The age up to which an event is shown while nobody knows what people were told: a replay has thousands
/// that they were.
const SHOWN_FOR: Duration = Duration::from_secs(3600);

impl Dispatcher {
    /// Tells the console of events whose plan cannot be written, also where none is configured. It needs no
    /// outbox, and being told twice is less than not being told.
    pub(super) fn show_unrecorded(&mut self, arrived: &[ArrivedEvent], now: Timestamp) {
        let Some(state) = &self.state else { return };
        let read = state.store.read::<Notices>(&Keys::all());
        let oldest = read.is_err().then(|| clock::now().minus(SHOWN_FOR));
        let is_shown = |event: &&ArrivedEvent| oldest.is_none_or(|oldest| event.facts.at >= oldest);
        let fresh = arrived.get(self.shown..).unwrap_or_default();
        let fresh: Vec<ArrivedEvent> = fresh.iter().filter(is_shown).cloned().collect();
        if fresh.iter().all(|event| event.channels.is_empty()) {
            return;
        }
        let mut notices = read.unwrap_or_default();
        let (silences, acks) = (Silences::default(), Default::default());
        let notifications = &self.notifications;
        let input = PlanInput {
            notifications,
            silences: &silences,
            acks: &acks,
            is_final: true,
            is_off: self.muted,
        };
        let planned = plan(&mut notices, &fresh, input, now);
        let has_console = notifications.channels.iter().any(|one| self.is_console(&one.name));
        let mut shown = HashSet::new();
        for delivery in planned.deliveries {
            // Without a console, what several channels are to be told is shown once.
            let event = delivery.notices.first().and_then(|one| one.events.last());
            let is_shown = match has_console {
                true => self.is_console(&delivery.channel),
                false => shown.insert(event.map(|event| event.key.clone())),
            };
            if !is_shown {
                continue;
            }
            let title = delivery.title(&notices);
            let moments = Moments { now, told_at: clock::now() };
            let entry = entry_of(&delivery, title.as_deref(), &mut self.scopes, moments);
            console::show(&entry.delivery.notice, self.style);
        }
    }

    /// Reports a delivery whose channel has an outbox that cannot be written. What nobody else is told is
    /// shown on the console, also where none is configured.
    pub(super) fn report_unwritten(&mut self, unwritten: &UnwrittenDelivery, now: Timestamp) {
        let UnwrittenDelivery { entry, error, is_passed_on } = unwritten;
        self.failed = true;
        let who = match entry.fallback.as_ref().filter(|_| *is_passed_on) {
            Some(fallback) => format!("'{fallback}' is told instead"),
            None => "it is shown here alone".to_owned(),
        };
        let channel = &entry.channel;
        self.warn_once(&format!(
            "cannot notify channel '{channel}': {error}; {MAKE_WRITABLE}. Until then {who}"
        ));
        self.ended.lines.push(failed_line(entry, &error.to_string(), now));
        if !is_passed_on {
            console::show(&entry.delivery.notice, self.style);
        }
    }

    /// Warns of events that were never recorded, so that no channel but the console was told of them.
    pub(super) fn warn_of_unrecorded(&self) {
        let lost = self.arrived.iter().filter(|event| !event.channels.is_empty()).count();
        if lost > 0 {
            let events = count(lost as u64, "event");
            log::warn(&format!(
                "{events} could not be recorded, and nobody is notified but on a console; once that works \
                 again, run 'dlq-log --json --since 1d | dlq-notify'"
            ));
        }
    }
}
