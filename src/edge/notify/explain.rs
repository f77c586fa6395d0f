//! `dlq-notify --explain`: what decided about an event, for each channel.

use crate::config::{Env, Settings};
use crate::document::Keys;
use crate::edge::notify::outbox::ChannelOutbox;
use crate::edge::state_store;
use crate::error::Error;
use crate::event::{self, Line};
use crate::journal::Journal;
use crate::journal::tail::Tail;
use crate::rules::notification::explain::{Explanation, explain};
use crate::rules::notification::fate::{Deliveries, DeliveryResult};
use crate::rules::notification::notice_key::EventKey;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::policy::Notifications;
use crate::rules::notification::route::Router;
use crate::store::Store;
use crate::text::safe;

/// Returns the sentences about the event with this id, from the journal and the records.
pub fn explain_event(settings: &Settings, env: &Env, id: &str) -> Result<String, Error> {
    let store = state_store::open(settings, env, false)?;
    let journal = Journal::new(&store, settings.state.rotation());
    let mut tail = Tail::open(journal)?;
    let notices: Notices = store.read(&Keys::all())?;
    let silences = store.read(&Keys::all())?;
    let acks = store.read(&Keys::all())?;
    let notifications = &settings.notifications;
    let router = Router::new(notifications);
    let (mut found, mut results) = (None, Vec::new());
    while tail.advance()? {
        let line = tail.line();
        let Line::Event(head) = event::peek(line) else { continue };
        if head.id == id {
            found.get_or_insert_with(|| line.to_vec());
        }
        results.extend(DeliveryResult::read(&head, line, id));
    }
    let Some(line) = found else {
        let why = format!("no event of the journal has the id '{}'", safe(id));
        return Err(Error::wrong(format!(
            "option '--explain': {why}; 'dlq-log --json' shows the ids"
        )));
    };
    let Line::Event(head) = event::peek(&line) else { return Ok(String::new()) };
    let waiting = waiting(&store, notifications, &EventKey::new(&head))?;
    let known = Explanation {
        notifications,
        notices: &notices,
        silences: &silences,
        acks: &acks,
        deliveries: Deliveries { results: &results, waiting: &waiting },
        now: crate::clock::now(),
    };
    Ok(explain(&known, &router, &head, &line))
}

/// Returns the deliveries of an event that wait in the outbox.
fn waiting(
    store: &Store,
    notifications: &Notifications,
    key: &EventKey,
) -> Result<Vec<OutboxEntry>, Error> {
    let mut waiting = Vec::new();
    for channel in &notifications.channels {
        let outbox = ChannelOutbox::new(store, &channel.name);
        for name in outbox.names()? {
            waiting.extend(outbox.read(&name)?.filter(|entry| entry.event == *key));
        }
    }
    Ok(waiting)
}
