//! The dead letters of a bundle until its end: their fingerprints, which a log may still change.

use std::collections::BTreeMap;

use super::cloudwatch::{self, LogSettings};
use crate::rules::evidence::bundle::{Fingerprints, Log, Logs, QueueFacts, Sampled, SourceFacts};
use crate::rules::evidence::decode::{Decoded, PayloadKind, Producer};
use crate::rules::evidence::fingerprint::{Fingerprint, Grouper, Kind};
use crate::rules::evidence::logs::answer::{AnswerKind, LogAnswer};
use crate::rules::evidence::logs::neighbours::redacted;
use crate::rules::evidence::logs::{Letter, LogEvent, LoggedCause, cited_lines};
use crate::rules::evidence::redact::Redactor;
use crate::time::Timestamp;

/// The most source queues whose consumers are searched for.
const SOURCES_MAX: usize = 3;

/// The letters of a bundle, in the order received.
#[derive(Default)]
pub(super) struct Letters {
    all: Vec<Entry>,
}

struct Entry {
    letter: Letter,
    source_arn: Option<String>,
    producer: Producer,
    payload: PayloadKind,
    content: u64,
    fingerprint: Fingerprint,
    /// Fingerprint of the message alone, where a log has changed it.
    replaced: Option<String>,
    logs: Vec<String>,
    cause: Option<LoggedCause>,
}

impl Letters {
    /// Adds a letter, which has this fingerprint by itself.
    pub(super) fn add(&mut self, decoded: &Decoded, message: &Sampled, fingerprint: Fingerprint) {
        self.all.push(Entry {
            letter: Letter {
                item: message.id.clone(),
                message_id: message.message_id.clone(),
                sent_at: message.sent_at,
                first_received_at: message.first_received_at,
            },
            source_arn: message.source_arn.clone(),
            producer: decoded.producer,
            payload: decoded.payload,
            content: decoded.content.digest(),
            fingerprint,
            replaced: None,
            logs: Vec::new(),
            cause: None,
        });
    }

    pub(super) fn first_sent_at(&self) -> Option<Timestamp> {
        self.all.iter().filter_map(|entry| entry.letter.sent_at).min()
    }

    /// Returns the letters that neither a service nor their own text explains, and no log yet.
    pub(super) fn unexplained(&self) -> Vec<Letter> {
        self.unexplained_entries().map(|entry| entry.letter.clone()).collect()
    }

    fn unexplained_entries(&self) -> impl Iterator<Item = &Entry> {
        self.all.iter().filter(|entry| {
            matches!(entry.fingerprint.kind, Kind::Shape | Kind::Opaque)
                && matches!(entry.producer, Producer::Sqs | Producer::Unknown)
                && entry.cause.is_none()
        })
    }

    /// Gives letters the causes that the output `log` shows, and adds the lines to it.
    pub(super) fn explain(
        &mut self,
        log: &mut Log,
        causes: Vec<LoggedCause>,
        receives: Option<u64>,
        redactor: &Redactor,
    ) {
        log.lines = cited_lines(&causes, receives, redactor);
        for cause in causes {
            let Some(entry) = self.all.iter_mut().find(|entry| entry.letter.item == cause.item)
            else {
                continue;
            };
            let Entry { producer, payload, .. } = *entry;
            let fingerprint = Fingerprint { producer, payload, ..cause.fingerprint.clone() };
            entry.replaced = Some(std::mem::replace(&mut entry.fingerprint, fingerprint).id);
            entry.logs.push(log.id.clone());
            entry.cause = Some(cause);
        }
    }

    /// Searches in CloudWatch Logs for the causes of unexplained letters, by their source queues. Returns
    /// the redacted lines around those that were found, by the id of the log.
    pub(super) fn search(
        &mut self,
        logs: &mut Logs,
        queue: &QueueFacts,
        raised_at: Option<Timestamp>,
        settings: &LogSettings<'_>,
        redactor: &Redactor,
    ) -> BTreeMap<String, Vec<LogEvent>> {
        let mut neighbours = BTreeMap::new();
        let now = crate::clock::now();
        let seen = raised_at.into_iter().chain(queue.asked_at).min().unwrap_or(now);
        for (source, letters) in self.by_source(queue, settings).into_iter().take(SOURCES_MAX) {
            let receives = source.as_ref().and_then(|source| source.max_receive_count);
            let (mut log, causes, around) = match source {
                Some(source) => cloudwatch::search_log(&letters, &source, seen, settings),
                None => (unknown_source(), Vec::new(), Vec::new()),
            };
            log.id = format!("log:{}", logs.logs.len() + 1);
            let redact = |text: &String| redactor.redact_text(text).into_owned();
            log.command = log.command.iter().map(redact).collect();
            log.detail = log.detail.as_ref().map(redact);
            self.explain(&mut log, causes, receives, redactor);
            neighbours.insert(log.id.clone(), redacted(&around, redactor));
            logs.logs.push(log);
        }
        neighbours
    }

    /// Returns the unexplained letters by source queue; none for a source that cannot be told.
    fn by_source(
        &self,
        queue: &QueueFacts,
        settings: &LogSettings<'_>,
    ) -> Vec<(Option<SourceFacts>, Vec<Letter>)> {
        let known = queue.sources.as_deref().unwrap_or_default();
        let mut all: Vec<(Option<SourceFacts>, Vec<Letter>)> = Vec::new();
        for entry in self.unexplained_entries() {
            let source = match (&entry.source_arn, known) {
                (Some(arn), _) => {
                    known.iter().find(|source| source.arn == *arn).cloned().or_else(|| {
                        Some(SourceFacts { arn: arn.clone(), ..SourceFacts::default() })
                    })
                }
                (None, [one]) => Some(one.clone()),
                (None, _) if settings.source.is_some() => Some(SourceFacts::default()),
                // Nothing has moved these messages: somebody sent them here.
                (None, []) => continue,
                (None, _) => None,
            };
            match all.iter_mut().find(|(known, _)| *known == source) {
                Some((_, letters)) => letters.push(entry.letter.clone()),
                None => all.push((source, vec![entry.letter.clone()])),
            }
        }
        all
    }

    /// Returns the groups.
    pub(super) fn group(&self) -> Fingerprints {
        let mut grouper = Grouper::default();
        for entry in &self.all {
            let (item, sent) = (&entry.letter.item, entry.letter.sent_at);
            grouper.add(item, sent, entry.content, entry.fingerprint.clone());
        }
        let mut groups = grouper.finish();
        for group in &mut groups.fingerprints {
            let own = || self.all.iter().filter(|entry| entry.fingerprint.id == group.id);
            // Messages that carry the error themselves say more than a log.
            let causes: Option<Vec<_>> = own().map(|entry| entry.cause.as_ref()).collect();
            group.found_by = causes.and_then(|causes| causes.iter().map(|cause| cause.by).max());
            let mut logs: Vec<String> = own().flat_map(|entry| entry.logs.clone()).collect();
            logs.sort();
            logs.dedup();
            group.logs = logs;
        }
        groups
    }

    /// Returns, for each letter that a log explains, its place and the fingerprints before and now.
    pub(super) fn replaced(&self) -> Vec<(usize, &str, &str)> {
        let changed = self.all.iter().enumerate();
        changed
            .filter_map(|(at, entry)| {
                Some((at, entry.replaced.as_deref()?, entry.fingerprint.id.as_str()))
            })
            .collect()
    }
}

fn unknown_source() -> Log {
    let reason = "the messages do not tell which of several source queues they come from";
    let answer = LogAnswer::new(AnswerKind::UnknownGroup, reason);
    Log { answer: Some(answer.kind), detail: Some(answer.reason), ..Log::default() }
}
