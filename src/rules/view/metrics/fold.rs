//! The fold: one line of the journal into the sums.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::catalog::Metric;
use super::document::{CountedRedrive, Metrics, StoredRound};
use super::error_kind::error_kind;
use super::incident_steps::gone;
use super::{OTHER, label_value};
use crate::event::stream_time::DRIFT;
use crate::event::{self, AnyPayload, Head, Line, Payload, PollFinished, Type};
use crate::money::Usd;
use crate::rules::queue::asked::FORGOTTEN_AFTER;
use crate::rules::view::dashboard::incidents::IncidentStory;
use crate::rules::view::times::IncidentStep;
use crate::time::Timestamp;

/// The most selections whose newest round is kept; beyond it the oldest is dropped.
const SELECTIONS_MAX: usize = 16;

/// The most redrives whose numbers are kept; beyond it the oldest is dropped.
const REDRIVES_MAX: usize = 100;

/// Adds a line (without its LF) to the sums. An event that was just counted is not counted again; a
/// line that is no event is only counted as such. Returns the moment of a round that is in the future:
/// a clock was wrong, and such a round is counted without becoming the last one.
pub fn fold(metrics: &mut Metrics, line: &[u8], now: Timestamp) -> Option<Timestamp> {
    let head = match event::peek(line) {
        Line::Event(head) => head,
        Line::Object | Line::Bad(_) => {
            metrics.add(Metric::JournalBadLines, &[], 1);
            return None;
        }
    };
    let Some(known) = head.known else {
        if metrics.is_new(hash(&head)) {
            metrics.add(Metric::Events, &[OTHER], 1);
        }
        return None;
    };
    // Others have ids of their own, and a crash repeats none of them.
    let is_repeatable =
        !matches!(known, Type::PollFinished | Type::QueuePolled | Type::InvestigationProgressed);
    if is_repeatable && !metrics.is_new(hash(&head)) {
        return None;
    }
    metrics.add(Metric::Events, &[known.as_str()], 1);
    let payload = AnyPayload::read(known, line)?;
    let context = EventContext {
        incident: head.incident.as_deref(),
        at: head.time().unwrap_or_default(),
        noun: known.as_str().split('.').next().unwrap_or_default(),
        verb: known.as_str().split('.').next_back().unwrap_or_default(),
    };
    if let AnyPayload::PollFinished(data) = &payload {
        return take_round(metrics, context.at, data, now);
    }
    if !take_queue(metrics, &context, &payload)
        && !take_investigation(metrics, &context, &payload)
        && !take_move(metrics, &context, &payload)
    {
        take_other(metrics, &context, &payload);
    }
    None
}

/// The head of an event, as far as the sums need it.
struct EventContext<'a> {
    incident: Option<&'a str>,
    at: Timestamp,
    noun: &'a str,
    verb: &'a str,
}

fn hash(head: &Head<'_>) -> u64 {
    let digest = Sha256::digest(format!("{}\n{}", head.source, head.id));
    u64::from_be_bytes(std::array::from_fn(|at| digest[at]))
}

/// Takes an event of `dlq-poll` or `dlq-peek`. Returns whether it is one.
fn take_queue(metrics: &mut Metrics, context: &EventContext<'_>, payload: &AnyPayload) -> bool {
    let &EventContext { incident, at, .. } = context;
    match payload {
        AnyPayload::PollFailed(data) => metrics.add_error(context, &data.reason),
        AnyPayload::QueueUnreadable(data) => metrics.add_error(context, &data.reason),
        AnyPayload::QueuePolled(data) => {
            metrics.take_reading(&data.queue.arn, data.previous, data.depth);
        }
        AnyPayload::QueueRaised(data) => {
            metrics.add(Metric::IncidentsRaised, &[], 1);
            metrics.take_reading(&data.queue.arn, data.previous, Some(data.depth));
            let empty_at = metrics.filling.remove(&data.queue.arn);
            let story = IncidentStory { empty_at, ..IncidentStory::default() };
            metrics.take_step(incident, IncidentStep::Detect, at, story);
        }
        AnyPayload::QueueCleared(data) => {
            metrics.add(Metric::IncidentsCleared, &[&data.cause], 1);
            metrics.filling.remove(&data.queue.arn);
            let raised_at = Some(at.minus(Duration::from_secs(data.duration_s)));
            let story = IncidentStory { raised_at, ..IncidentStory::default() };
            metrics.take_step(incident, IncidentStep::Clear, at, story);
        }
        AnyPayload::QueueGone(data) => {
            metrics.filling.remove(&data.queue.arn);
            if incident.is_some() {
                metrics.add(Metric::IncidentsCleared, &["gone"], 1);
                metrics.take_step(incident, IncidentStep::Clear, at, gone());
            }
        }
        AnyPayload::QueueLossSuspected(data) => {
            metrics.add(Metric::MessagesMissing, &[&data.why], data.missing);
        }
        AnyPayload::QueueExpiring(data) => metrics.add(Metric::ExpiryWarnings, &[&data.tier], 1),
        AnyPayload::QueueSampled(data) => {
            let result = data.refused.as_deref().unwrap_or("taken");
            metrics.add(Metric::Samples, &[result], 1);
            metrics.add(Metric::SampledMessages, &[], data.taken.unwrap_or(0));
        }
        _ => return false,
    }
    true
}

/// Takes a round. Returns its moment when that is in the future.
fn take_round(
    metrics: &mut Metrics,
    at: Timestamp,
    data: &PollFinished,
    now: Timestamp,
) -> Option<Timestamp> {
    metrics.add(Metric::Rounds, &[], 1);
    metrics.add(Metric::AwsRequests, &[], data.api_calls);
    metrics.observe(Metric::RoundDuration, &[], data.duration_ms);
    let latest = now.plus(DRIFT);
    if at > latest {
        metrics.add(Metric::Errors, &["poll", "clock"], 1);
        return Some(at);
    }
    // The clock may have been wrong when this was counted, too.
    metrics.rounds.retain(|_, round| round.at <= latest);
    let round = StoredRound {
        at,
        queues: data.queues,
        unreadable: data.unreadable,
        unlisted: data.unlisted.saturating_add(data.unsurveyed),
        usd_month: data.usd_month,
    };
    let selection = label_value(data.asked.as_deref().unwrap_or_default());
    let known = metrics.rounds.entry(selection).or_default();
    if round.at >= known.at {
        *known = round;
    }
    let newest = metrics.last_round(now).unwrap_or(at);
    metrics.rounds.retain(|_, round| newest.since(round.at) <= FORGOTTEN_AFTER);
    while metrics.rounds.len() > SELECTIONS_MAX {
        let oldest = metrics.rounds.iter().min_by_key(|(_, round)| round.at);
        let key = oldest.map(|(key, _)| key.clone())?;
        metrics.rounds.remove(&key);
    }
    if newest == at {
        metrics.state.round_began = Some(at.minus(Duration::from_millis(data.duration_ms)));
    }
    None
}

/// Takes an event of `dlq-investigate`. Returns whether it is one.
fn take_investigation(
    metrics: &mut Metrics,
    context: &EventContext<'_>,
    payload: &AnyPayload,
) -> bool {
    match payload {
        AnyPayload::InvestigationStarted(_) => metrics.add(Metric::InvestigationsStarted, &[], 1),
        AnyPayload::InvestigationSkipped(data) => {
            metrics.add(Metric::InvestigationSkips, &[&data.reason], 1);
        }
        AnyPayload::InvestigationCompleted(data) => {
            metrics.add(Metric::Verdicts, &[&data.verdict.status], 1);
            metrics.add_end(context, data.cost_usd, Some(data.duration_s));
            let story = IncidentStory::default();
            metrics.take_step(context.incident, IncidentStep::Investigate, context.at, story);
        }
        AnyPayload::InvestigationFailed(data) => {
            metrics.add(Metric::InvestigationFailures, &[&data.reason], 1);
            metrics.add_error(context, &data.detail);
            metrics.add_end(context, data.cost_usd, data.duration_s);
        }
        AnyPayload::InvestigationTimedOut(data) => {
            metrics.add_end(context, data.cost_usd, Some(data.duration_s));
        }
        AnyPayload::InvestigationStopped(data) => {
            metrics.add_end(context, data.cost_usd, Some(data.duration_s));
        }
        _ => return false,
    }
    true
}

/// Takes the end of a move. Returns whether it is one.
fn take_move(metrics: &mut Metrics, context: &EventContext<'_>, payload: &AnyPayload) -> bool {
    let outcome = |is_whole: bool| if is_whole { "completed" } else { "partly" };
    let mut is_news = true;
    let (kind, outcome, messages) = match payload {
        AnyPayload::RedriveCompleted(data) => {
            is_news = metrics.redrives.get(&data.redrive).is_none_or(|known| !known.is_ended);
            let (id, at) = (data.redrive.as_str(), context.at);
            let (moved, returned, parked) = (data.moved, data.returned, data.parked);
            let told = CountedRedrive { at, moved, returned, parked, is_ended: true };
            let moved = count_redrive(metrics, id, told);
            let is_verified = data.verified != Some(false);
            ("redrive", if is_verified { "completed" } else { "unverified" }, moved)
        }
        AnyPayload::RedriveAborted(data) => {
            let (moved, returned, at) = (data.moved, data.returned, context.at);
            let told = CountedRedrive { at, moved, returned, parked: 0, is_ended: false };
            ("redrive", "aborted", count_redrive(metrics, &data.redrive, told))
        }
        AnyPayload::PurgeCompleted(data) => {
            ("purge", outcome(data.detail.is_none()), data.messages.unwrap_or(0))
        }
        AnyPayload::ArchiveCompleted(data) => {
            ("archive", outcome(data.detail.is_none()), data.messages)
        }
        AnyPayload::ArchiveRestored(data) => {
            ("restore", outcome(data.detail.is_none()), data.messages)
        }
        _ => return false,
    };
    metrics.add(Metric::Moves, &[kind, outcome], u64::from(is_news));
    metrics.add(Metric::MovedMessages, &[kind], messages);
    true
}

/// Counts what an end of a redrive tells beyond its earlier ones. Returns the messages that were moved since.
fn count_redrive(metrics: &mut Metrics, id: &str, told: CountedRedrive) -> u64 {
    let known = metrics.redrives.get(id).cloned().unwrap_or_default();
    let since = |now: u64, before: u64| now.saturating_sub(before);
    metrics.add(Metric::ReturnedMessages, &[], since(told.returned, known.returned));
    metrics.add(Metric::ParkedMessages, &[], since(told.parked, known.parked));
    let moved = since(told.moved, known.moved);
    let sum = CountedRedrive {
        at: told.at,
        moved: told.moved.max(known.moved),
        returned: told.returned.max(known.returned),
        parked: told.parked.max(known.parked),
        is_ended: told.is_ended || known.is_ended,
    };
    metrics.redrives.insert(id.to_owned(), sum);
    if metrics.redrives.len() > REDRIVES_MAX {
        let oldest = metrics.redrives.iter().min_by_key(|(_, one)| one.at);
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            metrics.redrives.remove(&id);
        }
    }
    moved
}

/// Takes an event of pull requests or notices.
fn take_other(metrics: &mut Metrics, context: &EventContext<'_>, payload: &AnyPayload) {
    let mut step = |step| {
        metrics.take_step(context.incident, step, context.at, IncidentStory::default());
    };
    match payload {
        AnyPayload::PrOpened(_) => step(IncidentStep::PullRequest),
        AnyPayload::PrMerged(_) => step(IncidentStep::Merge),
        AnyPayload::PrUnreadable(data) => metrics.add_error(context, &data.reason),
        AnyPayload::PrRefused(data) => {
            metrics.add(Metric::PullRequestRefusals, &[&data.reason], 1);
        }
        AnyPayload::NoticeSent(data) => {
            metrics.add_notice(context, &data.channel, data.attempts);
        }
        AnyPayload::NoticeFailed(data) => {
            metrics.add_notice(context, &data.channel, data.attempts);
            metrics.add_error(context, &data.error);
        }
        AnyPayload::NoticeHeld(data) => metrics.add_notice(context, &data.channel, 0),
        AnyPayload::NoticeEscalated(data) => metrics.add_notice(context, &data.channel, 0),
        _ => {}
    }
    if event::PrOpened::TYPE.is_of_family(&format!("{}.", context.noun)) {
        metrics.add(Metric::PullRequests, &[context.verb], 1);
    }
}

impl Metrics {
    fn add_error(&mut self, context: &EventContext<'_>, reason: &str) {
        self.add(Metric::Errors, &[context.noun, error_kind(reason)], 1);
    }

    fn add_notice(&mut self, context: &EventContext<'_>, channel: &str, attempts: u64) {
        self.add(Metric::Notices, &[channel, context.verb], 1);
        if attempts > 0 {
            self.add(Metric::NoticeAttempts, &[channel], attempts);
        }
    }

    /// Takes the end of an investigation.
    fn add_end(&mut self, context: &EventContext<'_>, cost: Option<Usd>, seconds: Option<u64>) {
        let outcome = [context.verb];
        self.add(Metric::Investigations, &outcome, 1);
        match cost {
            Some(cost) => self.add(Metric::Spend, &outcome, cost.micros()),
            None => self.add(Metric::SpendUnknown, &outcome, 1),
        }
        if let Some(seconds) = seconds {
            self.observe(Metric::InvestigationDuration, &outcome, seconds.saturating_mul(1000));
        }
    }
}
