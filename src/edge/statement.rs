//! The statements of people that `dlq-status` records: acknowledgements and silences.
//!
//! Promises: a statement has an end; the event is in the journal before it is printed.

use std::time::Duration;

use crate::args::{Given, unexpected};
use crate::clock;
use crate::config::{Env, Settings, state_dir};
use crate::document::Keys;
use crate::error::Error;
use crate::event::{self, Event, NoticeAcked, NoticeSilenced};
use crate::journal::Journal;
use crate::rules::investigation::document::Sessions;
use crate::rules::notification::ack::{self, Ack, Acks};
use crate::rules::notification::silence::{self, Silence, Silences};
use crate::rules::queue::document::Watched;
use crate::store::Store;
use crate::text::safe;
use crate::time::{SPAN, Timestamp, parse_span, show_span};

/// A statement about an incident, a pull request or queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// An incident, by the beginning of its id, is taken care of.
    Ack {
        incident: String,
        span: Duration,
    },
    Snooze {
        pull_request: String,
        span: Duration,
    },
    Unack {
        key: String,
    },
    Silence {
        glob: String,
        span: Duration,
        reason: Option<String>,
    },
    Unsilence {
        glob: String,
    },
}

impl Statement {
    /// Reads the statement of a command line; None when it asks for the status.
    pub fn from_given(given: &Given) -> Result<Option<Self>, Error> {
        let mut operands = given.operands.iter();
        let mut span = |needed: Option<&str>, longest: Duration| match operands.next() {
            Some(text) => {
                let span = parse_span(text).filter(|span| !span.is_zero() && *span <= longest);
                span.ok_or_else(|| {
                    let longest = show_span(longest);
                    let text = safe(text);
                    Error::Usage(format!("expected {SPAN}, at most {longest}, found '{text}'"))
                })
            }
            None => match needed {
                None => Ok(ack::DEFAULT_SPAN),
                Some(option) => {
                    Err(Error::Usage(format!("option '--{option}' requires a duration after it")))
                }
            },
        };
        let statement = if let Some(incident) = given.text("ack") {
            Some(Statement::Ack { incident, span: span(None, ack::LONGEST)? })
        } else if let Some(pull_request) = given.text("snooze") {
            if !is_pull_request(&pull_request) {
                let found = safe(&pull_request).into_owned();
                let what = "expected a pull request such as owner/repo#12";
                return Err(Error::Usage(format!("option '--snooze': {what}, found '{found}'")));
            }
            Some(Statement::Snooze { pull_request, span: span(Some("snooze"), ack::LONGEST)? })
        } else if let Some(glob) = given.text("silence") {
            if glob.trim().is_empty() {
                let what = "option '--silence': expected a pattern of queue names, found ''";
                return Err(Error::Usage(format!("{what}; '*' is all queues")));
            }
            let span = span(Some("silence"), silence::LONGEST)?;
            Some(Statement::Silence { glob, span, reason: given.text("reason") })
        } else {
            let unack = given.text("unack").map(|key| Statement::Unack { key });
            unack.or_else(|| given.text("unsilence").map(|glob| Statement::Unsilence { glob }))
        };
        match operands.next() {
            // Without a statement they name what is asked for.
            Some(word) if statement.is_some() => Err(Error::Usage(unexpected(word))),
            _ => Ok(statement),
        }
    }
}

fn is_pull_request(text: &str) -> bool {
    let parts = text
        .split_once('#')
        .and_then(|(repo, number)| Some((repo.split_once('/')?, number.parse::<u64>().ok()?)));
    parts.is_some_and(|((owner, repo), _)| !owner.is_empty() && !repo.is_empty())
}

/// Records a statement. Returns the line of its event.
pub fn record(settings: &Settings, env: &Env, statement: &Statement) -> Result<Vec<u8>, Error> {
    let store = Store::open(&state_dir(settings, env)?)?;
    let journal = Journal::new(&store, settings.state.rotation());
    let now = clock::now();
    let line = match statement {
        Statement::Ack { incident, span } => {
            let (id, queue) = incident_of(&store, incident)?;
            ack_line(&store, &id, &queue, Some(&id), now.plus(*span), now)?
        }
        Statement::Snooze { pull_request, span } => {
            ack_line(&store, pull_request, pull_request, None, now.plus(*span), now)?
        }
        Statement::Unack { key } => {
            let known = store.read::<Acks>(&Keys::all())?;
            let in_force = known.acks.iter().filter(|one| now < one.until);
            let found = match known.named(key, now).as_slice() {
                [one] => (*one).to_owned(),
                [] => return Err(nothing("acknowledgement", key, in_force.map(|one| &*one.key))),
                several => return Err(ambiguous(key, several)),
            };
            store.update(&Keys::one(Acks::ACK, found.as_str()), |acks: &mut Acks| {
                Ok(acks.end(&found, now))
            })?;
            let data = NoticeAcked { key: found.clone(), until: None };
            Event::new(event::fresh_id(now, &found), "", now, data).line()
        }
        Statement::Silence { glob, span, reason } => {
            let until = now.plus(*span);
            let id = event::fresh_id(now, glob);
            let silence = Silence {
                id: id.clone(),
                glob: glob.clone(),
                from: now,
                until,
                reason: reason.clone(),
            };
            store.update(&Keys::all(), |silences: &mut Silences| {
                silences.add(silence, now);
                Ok(())
            })?;
            let data =
                NoticeSilenced { glob: glob.clone(), until: Some(until), reason: reason.clone() };
            Event::new(id, "", now, data).line()
        }
        Statement::Unsilence { glob } => {
            let ended = store.update(&Keys::all(), |silences: &mut Silences| {
                let known: Vec<String> =
                    silences.silences.iter().map(|one| one.glob.clone()).collect();
                Ok(if silences.end(glob, now) { Ok(()) } else { Err(known) })
            })?;
            if let Err(known) = ended {
                return Err(nothing("silence", glob, known.iter().map(String::as_str)));
            }
            let data = NoticeSilenced { glob: glob.clone(), until: None, reason: None };
            Event::new(event::fresh_id(now, glob), "", now, data).line()
        }
    };
    journal.append(&line)?;
    Ok(line)
}

/// Records an acknowledgement, and returns the line of its event.
fn ack_line(
    store: &Store,
    key: &str,
    subject: &str,
    incident: Option<&str>,
    until: Timestamp,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    store.update(&Keys::all(), |acks: &mut Acks| {
        acks.add(Ack { key: key.to_owned(), at: now, until }, now);
        Ok(())
    })?;
    let data = NoticeAcked { key: key.to_owned(), until: Some(until) };
    let event = Event::new(event::fresh_id(now, key), subject, now, data);
    Ok(event.of_incident(incident.map(str::to_owned)).line())
}

/// Finds the open incident whose id begins so. Returns the id, and the name of its queue.
fn incident_of(store: &Store, prefix: &str) -> Result<(String, String), Error> {
    let watched = store.read::<Watched>(&Keys::all())?;
    let sessions = store.read::<Sessions>(&Keys::all())?;
    let polled = watched.entries().filter_map(|entry| {
        let incident = entry.record.incident.as_ref()?;
        Some((incident.id.clone(), entry.queue.name.clone()))
    });
    let mut known: Vec<(String, String)> = polled.collect();
    let filed = sessions.incidents.iter().filter(|one| one.closed_at.is_none());
    known.extend(filed.map(|one| (one.id.clone(), one.queue.name.clone())));
    known.sort();
    known.dedup_by(|one, other| one.0 == other.0);
    let matching: Vec<_> = known.iter().filter(|(id, _)| id.starts_with(prefix)).collect();
    match matching.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(nothing("open incident", prefix, known.iter().map(|(id, _)| id.as_str()))),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, queue)| queue.as_str()).collect();
            Err(ambiguous(prefix, &names))
        }
    }
}

/// Returns the refusal of a beginning that several have.
fn ambiguous(prefix: &str, names: &[&str]) -> Error {
    let names = safe(&names.join(", ")).into_owned();
    Error::wrong(format!("'{}' is the beginning of several: {names}", safe(prefix)))
}

/// Returns the refusal of a key that nothing has, with some that exist.
fn nothing<'a>(what: &str, key: &str, known: impl Iterator<Item = &'a str>) -> Error {
    const SHOWN: usize = 5;
    let known: Vec<&str> = known.take(SHOWN).collect();
    let hint = match known.is_empty() {
        true => "there is none".to_owned(),
        false => format!("known: {}", safe(&known.join(", "))),
    };
    Error::wrong(format!("no {what} begins with '{}'; {hint}", safe(key)))
}
