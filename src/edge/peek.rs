//! A pass over a queue: receives messages, writes them to an evidence bundle, and puts them back.
//!
//! The pass is recorded before a message is received, so that an interrupted pass counts. Messages
//! stay invisible until the end of the pass. Then all are put back, even when the disk is full;
//! after a kill their visibility timeout does it. Memory holds one batch of messages at a time.
//! Files hold redacted text only. The decisions are in rules/.

mod by_hand;
mod filter;
mod queue_settings;
mod target;

pub use by_hand::{PeekRequest, queue_required};
pub use target::PeekTarget;

use queue_settings::QueueSettings;

use std::time::Duration;

use crate::clock;
use crate::config::{Evidence, LogSearch, Settings};
use crate::document::Keys;
use crate::edge::aws::{BATCH, Sqs};
use crate::edge::evidence::cloudwatch::LogSettings;
use crate::edge::evidence::write::BundleWriter;
use crate::error::Error;
use crate::event::{self, Cause, Event, QueueSampled, ToolName};
use crate::journal::Journal;
use crate::log;
use crate::rules::evidence::bundle::{Fingerprints, Group, Sampled};
use crate::rules::evidence::logs::LogSource;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::peek_limit::{self, PASSES_MAX, Pass, PeekRefusal, Peeks};
use crate::rules::evidence::redact::Redactor;
use crate::rules::queue::document::Watched;
use crate::rules::queue::expiry;
use crate::rules::queue::reading::{Counts, ReadError};
use crate::store::Store;
use crate::text;
use crate::time::{Timestamp, show_span};

/// The result of a peek.
#[derive(Debug)]
pub enum PeekOutcome {
    /// An event line to print, and why nothing was received. `partly`: a part of the pass has
    /// failed, and a warning has said so.
    Reported { line: Vec<u8>, refusal: Option<PeekRefusal>, partly: bool },
    /// An earlier run has peeked for this event, or reported this refusal. No line to print.
    AlreadyReported,
}

/// A callback for each message, after it was written to the bundle.
pub type OnMessage<'a> = &'a mut dyn FnMut(&Message, &Sampled) -> Result<(), Error>;

/// The messages that a pass has received.
#[derive(Default)]
struct Taken {
    handles: Vec<String>,
    /// The time of the last receive.
    last_at: Option<Timestamp>,
    /// The first sending of the oldest message.
    oldest_sent_at: Option<Timestamp>,
}

/// Peeks at queues.
pub struct Peeker {
    sqs: Sqs,
    store: Store,
    journal: Journal,
    settings: Settings,
    redactor: Redactor,
    dry_run: bool,
    /// Whether a peek of the filter has failed.
    failed: bool,
}

impl Peeker {
    /// Opens the state; sends no request.
    pub fn open(sqs: Sqs, settings: Settings, store: Store, dry_run: bool) -> Result<Self, Error> {
        let Evidence { redact, redact_allow, .. } = &settings.evidence;
        let redactor = Redactor::new(redact, redact_allow).map_err(Error::wrong)?;
        // A corrupt file fails before any message is received.
        store.read::<Peeks>(&Keys::none())?;
        Ok(Peeker {
            sqs,
            journal: Journal::new(&store, settings.state.rotation()),
            store,
            settings,
            redactor,
            dry_run,
            failed: false,
        })
    }

    /// Returns the connection.
    pub(super) fn sqs(&self) -> &Sqs {
        &self.sqs
    }

    /// Peeks at a queue, unless a rule refuses. After an error, messages that were received have
    /// been put back.
    pub fn peek(
        &self,
        target: &PeekTarget,
        on_message: OnMessage<'_>,
    ) -> Result<PeekOutcome, Error> {
        let _scope = log::about(target.incident.as_deref());
        let key = target.key();
        let doc: Peeks = self.store.read(&target.keys())?;
        let past = doc.get(&target.queue.arn, &key);
        let has_pass = |cause: &String| past.is_some_and(|past| past.has_pass_for(cause));
        if target.cause.as_ref().is_some_and(has_pass) {
            return Ok(PeekOutcome::AlreadyReported);
        }
        let settings = self.read_settings(target)?;
        let depth = settings.attributes.counts.depth();
        let allow = self.settings.evidence.allow_fifo;
        let begun = clock::now();
        let judge = |doc: &Peeks| {
            let past = doc.get(&target.queue.arn, &key);
            peek_limit::judge(allow, target.queue.fifo, &settings.attributes, past, begun)
        };
        if self.dry_run {
            let refusal = judge(&doc).err();
            let line = self.line(target, 0, unsampled(target, depth, refusal.as_ref()));
            return Ok(PeekOutcome::Reported { line, refusal, partly: false });
        }
        let days = u64::from(self.settings.state.sessions_keep_days.max(14));
        let keep = Duration::from_secs(days * 86_400);
        // Also forgets what is old, of any queue.
        let (pass, old) = self.store.update(&Keys::all(), |doc: &mut Peeks| {
            let verdict = judge(doc);
            if verdict.is_ok() {
                let cause = target.cause.clone();
                let pass = Pass { at: begun, cause, taken: None, bundle: None, early: false };
                doc.entry(&target.queue.arn, &key, begun).passes.push(pass);
            }
            let old = doc.prune(keep, begun);
            let peek = doc.entry(&target.queue.arn, &key, begun);
            let pass = match verdict {
                Ok(()) => Ok(peek.passes.len()),
                Err(why) => Err(self.refuse(target, depth, why, &mut peek.refused)?),
            };
            Ok((pass, old))
        })?;
        self.delete_bundles(&old);
        match pass {
            Err(outcome) => Ok(outcome),
            Ok(pass) => self.pass(target, pass, settings, on_message),
        }
    }

    /// Reports a refusal; an event in the stream reports it once for each incident and reason,
    /// which `refused` records.
    fn refuse(
        &self,
        target: &PeekTarget,
        depth: u64,
        why: PeekRefusal,
        refused: &mut Vec<String>,
    ) -> Result<PeekOutcome, Error> {
        let word = why.code.to_owned();
        let line = self.line(target, 0, unsampled(target, depth, Some(&why)));
        let is_new = !refused.contains(&word);
        if is_new {
            self.journal.append(&line)?;
            refused.push(word);
        }
        match is_new || target.cause.is_none() {
            true => Ok(PeekOutcome::Reported { line, refusal: Some(why), partly: false }),
            false => Ok(PeekOutcome::AlreadyReported),
        }
    }

    fn pass(
        &self,
        target: &PeekTarget,
        pass: usize,
        settings: QueueSettings,
        on_message: OnMessage<'_>,
    ) -> Result<PeekOutcome, Error> {
        let folder = self.store.dir().join("evidence").join(target.key());
        let mut writer = BundleWriter::create(&folder, pass, &self.redactor)?;
        let mut taken = Taken::default();
        let filed =
            self.receive(target, settings.attributes.counts, &mut writer, &mut taken, on_message);
        let is_returned = self.put_back(target, &taken);
        let handles = &taken.handles;
        let partly = match filed? {
            None => !is_returned,
            Some(error) if handles.is_empty() => {
                self.uncount_refused_pass(target, pass, &error)?;
                return Err(Error::failed("receive from queue", &target.queue.name, error));
            }
            // Keep the messages received so far.
            Some(error) => {
                log::warn(&format!(
                    "cannot receive more than {} from queue '{}': {error}",
                    text::count(handles.len() as u64, "message"),
                    target.queue.name,
                ));
                true
            }
        };
        let mut rules = self.settings.auto_investigation.queues.iter();
        let rule = rules.find(|rule| rule.matching.matches(&target.queue.name));
        let commands = rule.map_or(&[][..], |rule| &rule.evidence);
        let depth = settings.attributes.counts.depth();
        let ids = writer.message_ids.clone();
        let searches = self.log_settings(target, rule.and_then(|rule| rule.logs.as_ref()));
        let (prints, path, early) =
            writer.finish(target.raised_at, settings.facts, commands, searches.as_ref())?;
        let is_aged = self.record_age(target, &taken);
        let retention_s = settings.attributes.retention_s;
        let sent_at = taken.oldest_sent_at;
        let bundle = path.display().to_string();
        let mut data = QueueSampled {
            queue: target.queue.clone(),
            taken: Some(handles.len() as u64),
            depth: Some(depth),
            fingerprints: causes_in_short(&prints),
            expires_before: expiry::loss_of_message(sent_at, retention_s, target.queue.fifo),
            bundle: Some(bundle.clone()),
            ..QueueSampled::default()
        };
        let line = self.store.update(&target.keys(), |doc: &mut Peeks| {
            let peek = doc.entry(&target.queue.arn, &target.key(), clock::now());
            let counted = ids.iter().map(|id| peek.count_received(id));
            data.overseen = counted.filter(|count| *count > PASSES_MAX as u64).count() as u64;
            if let Some(pass) = peek.passes.get_mut(pass - 1) {
                pass.taken = data.taken;
                (pass.bundle, pass.early) = (Some(bundle), early);
            }
            let line = self.line(target, pass, data);
            self.journal.append(&line)?;
            Ok(line)
        })?;
        Ok(PeekOutcome::Reported { line, refusal: None, partly: partly || !is_aged })
    }

    /// Records the age of the oldest message in `queues.json`, because no reading of a depth shows
    /// it. A failure is a warning, because the evidence is worth more than the age; returns whether
    /// there was none.
    fn record_age(&self, target: &PeekTarget, taken: &Taken) -> bool {
        let Some(sent_at) = taken.oldest_sent_at else { return true };
        let arn = &target.queue.arn;
        let recorded = self.store.update(&Keys::one(Watched::QUEUE, arn), |all: &mut Watched| {
            all.add_sample(arn, sent_at);
            Ok(())
        });
        recorded.inspect_err(|error| log::warn(&error.to_string())).is_ok()
    }

    /// Makes the messages of a pass visible again. Returns whether all are; a warning says when SQS
    /// shows the others by itself.
    fn put_back(&self, target: &PeekTarget, taken: &Taken) -> bool {
        let Some((count, error)) =
            self.sqs.put_back(target.scope, &target.queue.url, &taken.handles)
        else {
            return true;
        };
        let visibility = self.settings.evidence.visibility;
        let until = taken.last_at.map(|at| format!(" by {}", at.plus(visibility)));
        log::warn(&format!(
            "cannot put {} back into queue '{}': {error}; SQS makes them visible again{}, after \
             their visibility timeout of {}",
            text::count(count as u64, "message"),
            target.queue.name,
            until.unwrap_or_default(),
            show_span(visibility),
        ));
        false
    }

    /// Returns how to search in CloudWatch Logs; `None` where that is switched off.
    fn log_settings<'a>(
        &'a self,
        target: &PeekTarget,
        source: Option<&'a LogSource>,
    ) -> Option<LogSettings<'a>> {
        let (scope, variables) = self.sqs.call_scope(target.scope);
        // Older versions of the command ignore these variables, and would ask AWS.
        let variable = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        let scope = scope.with_servers(&target.queue.url, variable);
        let is_wanted = self.settings.evidence.logs == LogSearch::Auto;
        is_wanted.then(|| LogSettings { scope, variables, source, state: self.store.dir() })
    }

    /// Removes the record of a pass whose first receive was refused: it has taken nothing. A
    /// receive without an answer may have taken messages, and counts.
    fn uncount_refused_pass(
        &self,
        target: &PeekTarget,
        pass: usize,
        error: &ReadError,
    ) -> Result<(), Error> {
        if !error.is_refusal() {
            return Ok(());
        }
        self.store.update(&target.keys(), |doc: &mut Peeks| {
            let passes = &mut doc.entry(&target.queue.arn, &target.key(), clock::now()).passes;
            // If another run has begun a pass since, this one stays counted.
            if passes.len() == pass {
                passes.pop();
            }
            Ok(())
        })
    }

    /// Receives until the limit, the end of the queue or the end of the time. `taken` gets every
    /// message received, also before an error. Returns why a receive failed.
    fn receive(
        &self,
        target: &PeekTarget,
        counts: Counts,
        bundle: &mut BundleWriter<'_>,
        taken: &mut Taken,
        on_message: OnMessage<'_>,
    ) -> Result<Option<ReadError>, Error> {
        // Limited to the visible ones: a receive of more would wait for new messages.
        let Evidence { max_messages, visibility, .. } = self.settings.evidence;
        let max = max_messages.min(counts.visible);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        // The first messages must not become visible while the last ones are received.
        let until = clock::tick() + visibility * 2 / 3;
        while taken.handles.len() < max && clock::tick() < until {
            let (scope, url) = (target.scope, target.queue.url.as_str());
            let count = (max - taken.handles.len()).min(BATCH);
            let batch = match self.sqs.receive(scope, url, count, visibility) {
                Ok(batch) => batch,
                Err(error) => return Ok(Some(error)),
            };
            if batch.is_empty() {
                return Ok(None);
            }
            taken.last_at = Some(clock::now());
            taken.handles.extend(batch.iter().map(|one| one.handle.clone()));
            for one in batch {
                let sampled = bundle.add_message(&one.message)?;
                taken.oldest_sent_at =
                    taken.oldest_sent_at.into_iter().chain(sampled.sent_at).min();
                on_message(&one.message, &sampled)?;
            }
        }
        Ok(None)
    }

    fn line(&self, target: &PeekTarget, pass: usize, data: QueueSampled) -> Vec<u8> {
        let now = clock::now();
        let word = data.refused.clone().unwrap_or_default();
        let (key, pass) = (target.key(), pass.to_string());
        let id = match (&target.cause, data.refused.is_some() || self.dry_run) {
            // A person may be refused repeatedly; each refusal is an event of its own.
            (None, true) => event::fresh_id(now, &target.queue.arn),
            _ => {
                event::derived_id(&[ToolName::Peek.as_str(), &target.queue.arn, &key, &pass, &word])
            }
        };
        let event = Event::new(id, &target.queue.name, now, data);
        event.of_incident(target.incident.clone()).line()
    }

    /// Deletes the evidence bundles of old incidents.
    fn delete_bundles(&self, incidents: &[String]) {
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

/// Returns the payload of a refusal, or of a dry run.
fn unsampled(target: &PeekTarget, depth: u64, why: Option<&PeekRefusal>) -> QueueSampled {
    QueueSampled {
        queue: target.queue.clone(),
        taken: why.map(|_| 0),
        depth: Some(depth),
        refused: why.map(|why| why.code.to_owned()),
        detail: why.map(|why| why.detail.clone()),
        bundle: why.and_then(|why| why.bundle.clone()),
        ..QueueSampled::default()
    }
}

/// Returns the causes as the event has them.
fn causes_in_short(prints: &Fingerprints) -> Vec<Cause> {
    let cause = |group: &Group| Cause {
        id: group.id.clone(),
        count: group.count,
        title: text::safe(&text::shorten(&group.title, 120)).into_owned(),
        kind: group.kind.clone(),
    };
    prints.fingerprints.iter().map(cause).collect()
}
