//! A pass over a queue: messages are received, filed as evidence, and put back.
//!
//! The pass is written down before anything is received, so that one that was cut off has counted.
//! Every message stays invisible until the end of the pass, and then all are put back, also when
//! the disk is full; after a kill they come back by themselves. No message is kept in memory
//! longer than it takes to file it. What is filed is redacted. The decisions are in rules/.

mod target;

use std::time::Duration;

use crate::clock;
use crate::config::{Evidence, QueueRule, Settings};
use crate::edge::aws::{BATCH, Sqs, Want};
use crate::edge::evidence::write::Draft;
use crate::error::Error;
use crate::event::{self, Cause, Event, Queue, QueueSampled};
use crate::journal::Journal;
use crate::log;
use crate::rules::evidence::bundle::{QueueFacts, Sampled};
use crate::rules::evidence::message::Message;
use crate::rules::evidence::peek_limit;
use crate::rules::evidence::peek_limit::{PASSES_MAX, Pass, PeekRefusal, Peeks};
use crate::rules::evidence::redact::Redactor;
use crate::rules::evidence::source_queues;
use crate::rules::queue::lint;
use crate::rules::queue::reading::{Attributes, Counts, Miss};
use crate::rules::queue::redrive_graph::{ScopeSurvey, Seen, Survey};
use crate::store::{Doc, Store};
use crate::text;
use crate::time::Timestamp;

/// The tool that tells all of this.
pub const SOURCE: &str = "dlq-peek";

/// So many sources of a queue are asked about themselves.
const SOURCES_MAX: usize = 20;

/// A queue to be looked into.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The place of its scope among those of this run.
    pub scope: usize,
    /// The queue.
    pub queue: Queue,
    /// The open incident.
    pub incident: Option<String>,
    /// When that began, as far as known.
    pub raised_at: Option<Timestamp>,
    /// The event that calls for the pass; none when a person does.
    pub cause: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum Came {
    /// An event to print.
    Told(Vec<u8>, Option<PeekRefusal>),
    /// Nothing: this was done, or said, before.
    Before,
}

/// Who prints the messages.
pub type Show<'a> = &'a mut dyn FnMut(&Message, &Sampled) -> Result<(), Error>;

/// Looks into queues.
pub struct Peeker {
    sqs: Sqs,
    store: Store,
    journal: Journal,
    peeks: Doc<Peeks>,
    wants: Evidence,
    rules: Vec<QueueRule>,
    redactor: Redactor,
    keep: Duration,
    dry_run: bool,
}

/// What a queue and those around it say about themselves.
struct Asked {
    said: Attributes,
    facts: QueueFacts,
}

impl Peeker {
    /// Opens the state; nothing is asked yet.
    pub fn open(sqs: Sqs, settings: &Settings, store: Store, dry_run: bool) -> Result<Self, Error> {
        let wants = settings.evidence.clone();
        let redactor = Redactor::new(&wants.redact, &wants.redact_allow).map_err(Error::wrong)?;
        let peeks = store.doc::<Peeks>();
        peeks.read()?;
        let days = u64::from(settings.state.sessions_keep_days.max(14));
        Ok(Peeker {
            sqs,
            journal: Journal::of(&store, &settings.state),
            peeks,
            store,
            wants,
            rules: settings.auto_investigation.queues.clone(),
            redactor,
            keep: Duration::from_secs(days * 86_400),
            dry_run,
        })
    }

    /// Looks into a queue, unless there is a reason not to; `show` gets each message as it is
    /// filed. An error says that nothing was received, or that it was, and has been put back.
    pub fn peek(&self, subject: &Subject, show: Show<'_>) -> Result<Came, Error> {
        let key = key(subject);
        let doc = self.peeks.read()?;
        let past = doc.get(&subject.queue.arn, &key);
        if subject
            .cause
            .as_ref()
            .is_some_and(|cause| past.is_some_and(|past| past.has_pass_for(cause)))
        {
            return Ok(Came::Before);
        }
        let asked = self.ask(subject)?;
        let counts = asked.said.counts.depth();
        let allow = self.wants.allow_fifo;
        let judge = |doc: &Peeks| {
            let past = doc.get(&subject.queue.arn, &key);
            peek_limit::judge(allow, subject.queue.fifo, &asked.said, past)
        };
        if self.dry_run {
            let refused = judge(&doc).err();
            return Ok(Came::Told(
                self.line(subject, 0, refusal(subject, counts, &refused)),
                refused,
            ));
        }
        let begun = clock::now();
        let (pass, old) = self.peeks.update(|doc| {
            let verdict = judge(doc);
            let peek = doc.entry(&subject.queue.arn, &key, begun);
            let pass = verdict.map(|()| {
                let cause = subject.cause.clone();
                peek.passes.push(Pass { at: begun, cause, taken: None, bundle: None });
                peek.passes.len()
            });
            Ok((pass, doc.prune(self.keep, begun)))
        })?;
        self.forget(&old);
        match pass {
            Err(why) => self.refuse(subject, &key, counts, why),
            Ok(pass) => self.pass(subject, &key, pass, asked, show),
        }
    }

    /// Says that nothing is received, and why: in the stream once for an incident and reason.
    fn refuse(
        &self,
        subject: &Subject,
        key: &str,
        depth: u64,
        why: PeekRefusal,
    ) -> Result<Came, Error> {
        let word = why.code().to_owned();
        let line = self.line(subject, 0, refusal(subject, depth, &Some(why.clone())));
        let new = self.peeks.update(|doc| {
            let refused = &mut doc.entry(&subject.queue.arn, key, clock::now()).refused;
            let new = !refused.contains(&word);
            if new {
                self.journal.append(&line)?;
                refused.push(word);
            }
            Ok(new)
        })?;
        match new || subject.cause.is_none() {
            true => Ok(Came::Told(line, Some(why))),
            false => Ok(Came::Before),
        }
    }

    fn pass(
        &self,
        subject: &Subject,
        key: &str,
        pass: usize,
        asked: Asked,
        show: Show<'_>,
    ) -> Result<Came, Error> {
        let folder = self.store.dir().join("evidence").join(key);
        let mut draft = Draft::begin(&folder, pass)?;
        let mut handles = Vec::new();
        let filed = self.receive(subject, asked.said.counts, &mut draft, &mut handles, show);
        let left = self.sqs.put_back(subject.scope, &subject.queue.url, &handles);
        if left > 0 {
            log::warn(&format!(
                "{} of queue '{}' could not be put back; visible again within {}",
                text::count(left as u64, "message"),
                subject.queue.name,
                crate::time::show_span(self.wants.visibility)
            ));
        }
        if let Some(miss) = filed? {
            self.give_up(subject, key, pass, &miss)?;
            return Err(Error::failed("receive from queue", &subject.queue.name, miss));
        }
        let rule = self.rules.iter().find(|rule| rule.matching.matches(&subject.queue.name));
        let commands = rule.map_or(&[][..], |rule| &rule.evidence);
        draft.run(commands, &subject.queue, &self.redactor)?;
        let depth = asked.said.counts.depth();
        let ids = draft.ids();
        let (prints, path) = draft.finish(subject, asked.facts, &self.redactor)?;
        let bundle = path.display().to_string();
        let causes = prints.fingerprints.iter().map(|group| Cause {
            id: group.id.clone(),
            count: group.count,
            title: text::safe(&text::shorten(&group.title, 120)).into_owned(),
            kind: group.kind.clone(),
        });
        let mut data = QueueSampled {
            queue: subject.queue.clone(),
            taken: Some(handles.len() as u64),
            depth: Some(depth),
            refused: None,
            detail: None,
            fingerprints: causes.collect(),
            overseen: 0,
            bundle: Some(bundle.clone()),
        };
        let line = self.peeks.update(|doc| {
            let peek = doc.entry(&subject.queue.arn, key, clock::now());
            let counted = ids.iter().map(|id| peek.count_received(id));
            data.overseen = counted.filter(|count| *count > PASSES_MAX as u64).count() as u64;
            if let Some(pass) = peek.passes.get_mut(pass - 1) {
                pass.taken = data.taken;
                pass.bundle = Some(bundle);
            }
            let line = self.line(subject, pass, data);
            self.journal.append(&line)?;
            Ok(line)
        })?;
        Ok(Came::Told(line, None))
    }

    /// A receive that was refused has taken nothing, and does not count as a pass. One without an
    /// answer may have.
    fn give_up(&self, subject: &Subject, key: &str, pass: usize, miss: &Miss) -> Result<(), Error> {
        if !matches!(miss, Miss::Denied | Miss::Throttled | Miss::Missing | Miss::Credentials(_)) {
            return Ok(());
        }
        self.peeks.update(|doc| {
            let passes = &mut doc.entry(&subject.queue.arn, key, clock::now()).passes;
            // Another run may have begun one since; then this one stays counted.
            if passes.len() == pass {
                passes.pop();
            }
            Ok(())
        })
    }

    /// Receives until there is enough, or nothing more, or no time. What was received is in
    /// `handles`, whatever comes of it; a miss says why nothing was.
    fn receive(
        &self,
        subject: &Subject,
        counts: Counts,
        draft: &mut Draft,
        handles: &mut Vec<String>,
        show: Show<'_>,
    ) -> Result<Option<Miss>, Error> {
        // Asking for more than there are would wait for some to come.
        let max = self.wants.max_messages.min(counts.visible);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        // The first messages must not come back while the last ones are received.
        let until = clock::tick() + self.wants.visibility * 2 / 3;
        while handles.len() < max && clock::tick() < until {
            let (scope, url) = (subject.scope, subject.queue.url.as_str());
            let count = (max - handles.len()).min(BATCH);
            let batch = match self.sqs.receive(scope, url, count, self.wants.visibility) {
                Ok(batch) => batch,
                // What has come serves on.
                Err(miss) if !handles.is_empty() => {
                    log::warn(&format!("queue '{}': {miss}", subject.queue.name));
                    return Ok(None);
                }
                Err(miss) => return Ok(Some(miss)),
            };
            if batch.is_empty() {
                return Ok(None);
            }
            handles.extend(batch.iter().map(|one| one.handle.clone()));
            for one in batch {
                let sampled = draft.file(&one.message, &self.redactor)?;
                show(&one.message, &sampled)?;
            }
        }
        Ok(None)
    }

    fn ask(&self, subject: &Subject) -> Result<Asked, Error> {
        let (scope, queue) = (subject.scope, &subject.queue);
        let failed = |miss: &Miss| Error::failed("read queue", &queue.name, miss);
        let reading = self.sqs.read(&[(scope, queue.url.clone())], Want::Settings).pop();
        let reading = reading.ok_or_else(|| failed(&Miss::Other("no answer".into())))?;
        let said = reading.result.map_err(|miss| failed(&miss))?;
        let listed = self.sqs.sources(scope, &queue.url);
        if let Err(miss) = &listed {
            log::info(&format!("the sources of queue '{}' are unknown: {miss}", queue.name));
        }
        let urls: Vec<String> =
            listed.iter().flatten().take(SOURCES_MAX).map(String::clone).collect();
        let jobs: Vec<_> = urls.iter().map(|url| (scope, url.clone())).collect();
        let answers = self.sqs.read(&jobs, Want::Settings).into_iter().map(|one| one.result);
        let mut seen: Vec<Seen> = urls
            .into_iter()
            .zip(answers)
            .map(|(url, result)| Seen { url, attributes: Some(result) })
            .collect();
        let region = self.sqs.region(scope).to_owned();
        let mut facts = QueueFacts {
            queue: queue.clone(),
            asked_at: Some(reading.at),
            depth: Some(said.counts.depth()),
            visible: Some(said.counts.visible),
            in_flight: Some(said.counts.in_flight),
            delayed: Some(said.counts.delayed),
            retention_s: said.retention_s,
            visibility_s: said.visibility_s,
            sources: listed.is_ok().then(|| source_queues::source_facts(&seen, &region)),
            lint: Vec::new(),
        };
        seen.push(Seen { url: queue.url.clone(), attributes: Some(Ok(said.clone())) });
        let account = self.sqs.account(scope).to_owned();
        let scopes = vec![ScopeSurvey { region, account, queues: Ok(seen) }];
        let linted = lint::lint(&Survey { at: reading.at, scopes }, None);
        facts.lint = source_queues::findings(linted, &queue.name, listed.is_ok());
        Ok(Asked { said, facts })
    }

    fn line(&self, subject: &Subject, pass: usize, data: QueueSampled) -> Vec<u8> {
        let now = clock::now();
        let word = data.refused.clone().unwrap_or_default();
        let (key, pass) = (key(subject), pass.to_string());
        let id = match (&subject.cause, data.refused.is_some() || self.dry_run) {
            // A person may ask, and be refused, as often as they like.
            (None, true) => event::fresh_id(now, &subject.queue.arn),
            _ => event::derived_id(&[SOURCE, &subject.queue.arn, &key, &pass, &word]),
        };
        let event = Event::new(SOURCE, id, &subject.queue.name, now, data);
        event.of_incident(subject.incident.clone()).line()
    }

    /// Deletes the bundles of incidents that are long over.
    fn forget(&self, incidents: &[String]) {
        for id in incidents {
            let folder = self.store.dir().join("evidence").join(id);
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    log::warn(&Error::file("delete", &folder, &error).to_string());
                }
                _ => {}
            }
        }
    }
}

/// What the passes of a subject are counted under; also the name of a folder.
fn key(subject: &Subject) -> String {
    let safe =
        |id: &&String| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match subject.incident.as_ref().filter(safe) {
        Some(incident) => incident.clone(),
        // Nothing that came from outside becomes part of a path.
        None => {
            let incident = subject.incident.as_deref().unwrap_or_default();
            event::derived_id(&[SOURCE, &subject.queue.arn, incident])
        }
    }
}

/// An event without a sample: a refusal, or what a dry run would do.
fn refusal(subject: &Subject, depth: u64, why: &Option<PeekRefusal>) -> QueueSampled {
    QueueSampled {
        queue: subject.queue.clone(),
        taken: why.as_ref().map(|_| 0),
        depth: Some(depth),
        refused: why.as_ref().map(|why| why.code().to_owned()),
        detail: why.as_ref().map(PeekRefusal::to_string),
        fingerprints: Vec::new(),
        overseen: 0,
        // What the passes before it have filed.
        bundle: match why {
            Some(PeekRefusal::Peeked(bundle)) => bundle.clone(),
            _ => None,
        },
    }
}
