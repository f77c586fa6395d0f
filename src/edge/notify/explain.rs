//! `dlq-notify --explain`: what decided about an event, for each channel.

use crate::config::{Env, Settings, state_dir};
use crate::document::Keys;
use crate::error::Error;
use crate::event::{self, Line};
use crate::journal::Journal;
use crate::journal::tail::Tail;
use crate::rules::notification::explain::{Explanation, explain};
use crate::rules::notification::notices::Notices;
use crate::rules::notification::route::Router;
use crate::store::Store;
use crate::text::safe;

/// Returns the sentences about the event with this id, from the journal and the records.
pub fn explain_event(settings: &Settings, env: &Env, id: &str) -> Result<String, Error> {
    let store = Store::at(&state_dir(settings, env)?);
    let journal = Journal::new(&store, settings.state.rotation());
    let mut tail = Tail::open(journal)?;
    let notices: Notices = store.read(&Keys::all())?;
    let silences = store.read(&Keys::all())?;
    let acks = store.read(&Keys::all())?;
    let notifications = &settings.notifications;
    let router = Router::new(notifications);
    while tail.advance()? {
        let line = tail.line();
        if let Line::Event(head) = event::peek(line)
            && head.id == id
        {
            let found = Explanation {
                notifications,
                notices: &notices,
                silences: &silences,
                acks: &acks,
                now: crate::clock::now(),
            };
            return Ok(explain(&found, &router, &head, line));
        }
    }
    let why = format!("no event of the journal has the id '{}'", safe(id));
    Err(Error::wrong(format!("option '--explain': {why}; 'dlq-log --json' shows the ids")))
}
