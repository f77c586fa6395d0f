//! The statements of people that `dlq-status` records: acknowledgements and silences.
//!
//! Promises: a statement has an end; the event is in the journal before anything is printed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::args::{Given, unexpected};
use crate::clock;
use crate::config::{Env, Settings};
use crate::document::Keys;
use crate::edge::closed_folder;
use crate::error::Error;
use crate::event::{self, Event, NoticeAcked, NoticeSilenced};
use crate::glob::GlobList;
use crate::journal::Journal;
use crate::rules::investigation::document::Sessions;
use crate::rules::notification::ack::{self, Ack, Acks};
use crate::rules::notification::silence::{self, Silence, Silences};
use crate::rules::queue::document::Watched;
use crate::rules::view::page::PageStyle;
use crate::rules::view::statement::{RecordedStatement, WatchedQueues};
use crate::store::Store;
use crate::text::{self, safe};
use crate::time::{SPAN, Timestamp, parse_span, show_span};
use crate::wire;

/// The longest reason of a silence, in characters.
const REASON_MAX: usize = 200;

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
            let reason = given.text("reason");
            reason.as_deref().map_or(Ok(()), check_reason)?;
            Some(Statement::Silence { glob, span, reason })
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

/// Returns whether a text names a pull request as GitHub does: the owner, the repository, the number.
fn is_pull_request(text: &str) -> bool {
    let parts = text.split_once('#').and_then(|(path, number)| {
        let (owner, repo) = path.split_once('/')?;
        Some((owner, repo, number))
    });
    let Some((owner, repo, number)) = parts else { return false };
    let is_name = |name: &str, marks: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
        (1..=100).contains(&name.len()) && name.chars().all(fits)
    };
    let is_number = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
    is_name(owner, "-_") && is_name(repo, "-_.") && is_number && number.parse::<u64>().is_ok()
}

/// Checks the reason of a silence.
fn check_reason(reason: &str) -> Result<(), Error> {
    let fault = if reason.chars().any(char::is_control) {
        "it has a line break or another control character"
    } else if reason.chars().count() > REASON_MAX {
        "it is too long"
    } else {
        return Ok(());
    };
    let limit = format!("expected one line of at most {REASON_MAX} characters");
    Err(Error::Usage(format!("option '--reason': {limit}; {fault}")))
}

/// A statement that is on record: the line of its event, and what people are told of it.
#[derive(Debug)]
pub struct Recorded {
    pub at: Timestamp,
    pub line: Vec<u8>,
    pub statement: RecordedStatement,
}

impl Recorded {
    /// Prints what people are told on a terminal, else, and with `json`, the event.
    pub fn print(&self, json: bool) -> Result<(), Error> {
        let Some(columns) = wire::stdout_width().filter(|_| !json) else {
            return wire::print(&self.line);
        };
        let width = PageStyle::new(Some(columns), false).width;
        let sentences = self.statement.sentences(self.at, &clock::zone());
        let lines = sentences.iter().flat_map(|sentence| text::wrap(sentence, width));
        wire::print(lines.map(|line| line + "\n").collect::<String>().as_bytes())
    }
}

/// Records a statement.
pub fn record(settings: &Settings, env: &Env, statement: &Statement) -> Result<Recorded, Error> {
    let store = super::state_store::open(settings, env, true)?;
    if let Some(closed) = closed_folder::refusal(store.dir()) {
        return Err(Error::Failed(closed));
    }
    let journal = Journal::new(&store, settings.state.rotation());
    let now = clock::now();
    let recorded = match statement {
        Statement::Ack { incident, span } => {
            let (id, queue) = incident_of(&store, incident)?;
            let until = now.plus(*span);
            let line = ack_line(&store, &id, &queue, Some(&id), until, now)?;
            Recorded {
                at: now,
                line,
                statement: RecordedStatement::Acked { incident: id, queue, until },
            }
        }
        Statement::Snooze { pull_request, span } => {
            let (key, until) = (pull_request.clone(), now.plus(*span));
            let line = ack_line(&store, &key, &key, None, until, now)?;
            Recorded {
                at: now,
                line,
                statement: RecordedStatement::Snoozed { pull_request: key, until },
            }
        }
        Statement::Unack { key } => unack(&store, key, now)?,
        Statement::Silence { glob, span, reason } => {
            let until = now.plus(*span);
            let id = event::fresh_id(now, glob);
            let (glob, reason) = (glob.clone(), reason.clone());
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
            let data = NoticeSilenced { glob: glob.clone(), until: Some(until), reason };
            let line = Event::new(id, "", now, data).line();
            let watched = watched_queues(&store, &glob);
            Recorded {
                at: now,
                line,
                statement: RecordedStatement::Silenced { glob, until, watched },
            }
        }
        Statement::Unsilence { glob } => {
            let ended = store.update(&Keys::all(), |silences: &mut Silences| {
                let known: Vec<String> =
                    silences.in_force(now).map(|one| one.glob.clone()).collect();
                Ok(if silences.end(glob, now) { Ok(()) } else { Err(known) })
            })?;
            if let Err(known) = ended {
                let what = format!("silence has the pattern '{}'", safe(glob));
                return Err(nothing(&what, known.iter().map(String::as_str)));
            }
            let glob = glob.clone();
            let data = NoticeSilenced { glob: glob.clone(), until: None, reason: None };
            let line = Event::new(event::fresh_id(now, &glob), "", now, data).line();
            Recorded { at: now, line, statement: RecordedStatement::Unsilenced { glob } }
        }
    };
    journal.append(&recorded.line)?;
    Ok(recorded)
}

/// Ends an acknowledgement.
fn unack(store: &Store, key: &str, now: Timestamp) -> Result<Recorded, Error> {
    let known = store.read::<Acks>(&Keys::all())?;
    let in_force = known.acks.iter().filter(|one| now < one.until);
    let key = match known.named(key, now).as_slice() {
        [one] => (*one).to_owned(),
        [] => {
            let what = format!("acknowledgement is of '{}'", safe(key));
            return Err(nothing(&what, in_force.map(|one| &*one.key)));
        }
        several => return Err(ambiguous(key, several)),
    };
    store.update(&Keys::one(Acks::ACK, key.as_str()), |acks: &mut Acks| Ok(acks.end(&key, now)))?;
    let is_pull_request = key.contains('#');
    // Only the incident is named by the acknowledgement.
    let queue = match is_pull_request {
        true => None,
        false => {
            open_incidents(store)?.into_iter().find(|(id, _)| *id == key).map(|(_, queue)| queue)
        }
    };
    let subject = if is_pull_request { Some(&key) } else { queue.as_ref() };
    let subject = subject.map_or("", String::as_str);
    let data = NoticeAcked { key: key.clone(), until: None };
    let event = Event::new(event::fresh_id(now, &key), subject, now, data);
    let line = event.of_incident((!is_pull_request).then(|| key.clone())).line();
    Ok(Recorded { at: now, line, statement: RecordedStatement::Unacked { key, queue } })
}

/// Returns the watched queues and those with an open incident; none where a document cannot be read, as
/// it decides nothing here.
fn watched_queues(store: &Store, glob: &str) -> WatchedQueues {
    let watched = store.read::<Watched>(&Keys::all()).unwrap_or_default();
    let open = open_incidents(store).unwrap_or_default();
    let watched = watched.entries().map(|entry| entry.queue.name.clone());
    let names: BTreeSet<String> = watched.chain(open.into_iter().map(|(_, queue)| queue)).collect();
    let globs = GlobList::any(&[glob]).unwrap_or_default();
    let matching = names.iter().filter(|name| globs.matches(name)).cloned();
    WatchedQueues { count: names.len(), matching: matching.collect() }
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

/// Returns the ids of the open incidents, each with the name of its queue.
fn open_incidents(store: &Store) -> Result<Vec<(String, String)>, Error> {
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
    Ok(known)
}

/// Finds the open incident whose id begins so. Returns the id, and the name of its queue.
fn incident_of(store: &Store, prefix: &str) -> Result<(String, String), Error> {
    let known = open_incidents(store)?;
    let matching: Vec<_> = known.iter().filter(|(id, _)| id.starts_with(prefix)).collect();
    match matching.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let what = format!("open incident has an id that begins with '{}'", safe(prefix));
            Err(nothing(&what, known.iter().map(|(id, _)| id.as_str())))
        }
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

/// Returns the refusal of a statement about nothing, with some that it could be about.
fn nothing<'a>(what: &str, known: impl Iterator<Item = &'a str>) -> Error {
    const SHOWN: usize = 5;
    let known: Vec<&str> = known.take(SHOWN).collect();
    let hint = match known.is_empty() {
        true => "there is none".to_owned(),
        false => format!("known: {}", safe(&known.join(", "))),
    };
    Error::wrong(format!("no {what}; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_request_is_named_as_github_names_it() {
        let rows = [
            ("acme/web#12", true),
            ("acme-inc/web.js_2#1", true),
            ("acme/web", false),
            ("acme/web#", false),
            ("acme/web#0", false),
            ("acme/web#012", false),
            ("acme/web#+1", false),
            ("acme/web#1 ", false),
            ("acme/web#99999999999999999999", false),
            ("web#12", false),
            ("/web#12", false),
            ("acme/#12", false),
            ("acme/web/x#12", false),
            ("acme/we b#12", false),
            ("acme/web#12#13", false),
            ("https://github.com/acme/web#12", false),
            ("acme/\u{202e}web#12", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_pull_request(text), expected, "{text}");
        }
    }

    #[test]
    fn reason_is_one_line_of_limited_length() {
        let longest = "ä".repeat(REASON_MAX);
        let too_long = format!("{longest}x");
        let rows = [
            ("migration", None),
            (longest.as_str(), None),
            (too_long.as_str(), Some("it is too long")),
            ("a\nb", Some("it has a line break or another control character")),
            ("a\u{1b}[2J", Some("it has a line break or another control character")),
        ];
        for (reason, fault) in rows {
            let refused = check_reason(reason).err().map(|error| error.to_string());
            match (refused, fault) {
                (None, None) => {}
                (Some(text), Some(fault)) => assert!(text.ends_with(fault), "{text}"),
                (found, _) => panic!("{reason}: {found:?}"),
            }
        }
    }
}
