//! The sentences of the timeline: short, one line, with the words of the notices.
//!
//! A notice says what to do next and reads the whole payload, which takes too long for a million
//! events. Where both say the same, a test compares them.

use std::borrow::Cow;
use std::time::Duration;

use super::Sign;
use crate::event::{RecordedType, Severity, ShownEvent, Type};
use crate::rules::loss_text;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::rules::view::dashboard::limits;
use crate::text::{count, shorten};
use crate::time::{Timestamp, show_span};

/// The longest part of a sentence that an event states, in characters.
const PART_MAX: usize = 200;

/// The characters of an incident's id.
const ID: usize = 8;

/// Returns the sentence of an event, after its subject; None when it is no news. `key_name` is the name
/// of the queue whose incident the event acknowledges, where it is known.
pub(super) fn describe_event(
    event: &ShownEvent<'_>,
    key_name: Option<&str>,
    at: Timestamp,
) -> Option<(Sign, String)> {
    let (sign, text) = match (event.head.known, event.recorded) {
        (Some(kind @ (Type::NoticeFailed | Type::NoticeEscalated)), _)
        | (Some(kind @ (Type::NoticeAcked | Type::NoticeSilenced)), _) => {
            notice(kind, event, key_name, at)
        }
        (_, Some(kind)) => recorded(kind, event)?,
        (Some(kind), None) => known(kind, event, at)?,
        // A type of a later version is told when it warns.
        (None, None) => match event.head.severity() {
            Severity::Debug | Severity::Info => return None,
            Severity::Warn => (Sign::Warning, part(Some(&event.head.kind)).into_owned()),
            Severity::Error | Severity::Fatal => {
                (Sign::Bad, part(Some(&event.head.kind)).into_owned())
            }
        },
    };
    let subject = event.head.subject.as_deref().map(str::trim).filter(|text| !text.is_empty());
    Some((
        sign,
        match subject {
            Some(who) => [limits::name(who), ": ", &text].concat(),
            None => text,
        },
    ))
}

fn known(kind: Type, event: &ShownEvent<'_>, at: Timestamp) -> Option<(Sign, String)> {
    use Sign::{Bad, Good, Info, Warning};
    let data = &event.data;
    Some(match kind {
        // Heartbeats, readings, steps and deliveries are no news; all queues are found at a start.
        Type::QueueFound
        | Type::QueuePolled
        | Type::PollFinished
        | Type::InvestigationProgressed
        | Type::NoticeSent
        | Type::NoticeHeld => return None,
        Type::PollFailed => (Bad, poll_failed(event)),
        Type::PollMissing => {
            let since = data.last.map(|last| loss_text::lasting(at.since(last)));
            let since = since.unwrap_or_else(|| "an unknown time".into());
            let what = match asked(event) {
                of if of.is_empty() => "no round has finished".to_owned(),
                of => format!("no round{of}"),
            };
            (Bad, format!("{what} for {since}: dead letters go unnoticed"))
        }
        Type::PollResumed => (Good, format!("rounds{} finish again", asked(event))),
        Type::InvestigationSkipped => {
            let sign = if event.head.severity() >= Severity::Warn { Warning } else { Info };
            (sign, format!("not investigated: {}", reason(event)))
        }
        Type::InvestigationProven => {
            let detail = event.data.detail.as_deref().filter(|text| !text.trim().is_empty());
            (Info, part(detail.or(Some("the tests have run again"))).into_owned())
        }
        Type::QueueLinted if event.head.severity() < Severity::Warn => return None,
        Type::InvestigationStarted
        | Type::InvestigationCompleted
        | Type::InvestigationFailed
        | Type::InvestigationTimedOut
        | Type::InvestigationStopped => investigation(kind, event, at),
        _ => queue(kind, event, at),
    })
}

fn queue(kind: Type, event: &ShownEvent<'_>, at: Timestamp) -> (Sign, String) {
    use Sign::{Bad, Good, Warning};
    let data = &event.data;
    let by_severity = if event.head.severity() <= Severity::Warn { Warning } else { Bad };
    match kind {
        Type::QueueLinted => (Warning, linted(event)),
        Type::QueueRaised => (Bad, format!("{}, {}", messages(data.depth), loss(event, at))),
        Type::QueueGrew => {
            let before = data.raised_depth.map_or("an unknown depth".into(), |n| n.to_string());
            (Bad, format!("grew from {before} to {}", messages(data.depth)))
        }
        Type::QueueExpiring => {
            let what =
                data.depth.map_or("expiring, depth unknown".into(), |n| format!("{n} expiring"));
            (by_severity, format!("{what}, {}", loss(event, at)))
        }
        Type::QueueLossSuspected => {
            let why = match data.why.as_deref() {
                Some("retention") => "perhaps expired",
                Some("unexplained") => "unexplained",
                _ => "perhaps moved",
            };
            (Bad, format!("{} gone, {why}", number(data.missing)))
        }
        Type::QueueCleared => {
            let (sign, cause) = match data.cause.as_deref() {
                Some("unknown") | None => (Good, "cause unknown".into()),
                Some("expired") => (Bad, "expired".into()),
                cause => (Good, part(cause)),
            };
            (sign, format!("empty again after {} ({cause})", lasted(data.duration_s)))
        }
        Type::QueueGone => {
            (Warning, format!("no longer exists, before: {}", messages(data.last_depth)))
        }
        Type::QueueUnreadable => (Bad, format!("unreadable: {}", reason(event))),
        Type::QueueReadable => {
            let failures = data.misses.map_or("failures".into(), |n| count(n, "failure"));
            (Good, format!("readable again after {failures}, {}", messages(data.depth)))
        }
        _ => sampled(event),
    }
}

fn investigation(kind: Type, event: &ShownEvent<'_>, at: Timestamp) -> (Sign, String) {
    let data = &event.data;
    let (sign, what) = match kind {
        Type::InvestigationStarted => {
            let end = data.timeout_at.map(|end| loss_text::upper(end.since(at)));
            let end = end.map_or(String::new(), |end| format!(", ends within {end}"));
            let agent = part(data.agent.as_deref());
            return (Sign::Begin, format!("investigation by '{agent}' started{end}"));
        }
        Type::InvestigationCompleted => {
            let (verdict, unknown) = (data.verdict.as_deref(), "a result without a title");
            let title = verdict
                .and_then(|one| one.title.as_deref())
                .filter(|title| !title.trim().is_empty());
            let sure = verdict.and_then(|one| one.confidence).map_or(String::new(), |confidence| {
                format!(" ({:.0} %)", confidence.clamp(0.0, 1.0) * 100.0)
            });
            let (sign, status) = match verdict.and_then(|one| one.status.as_deref()) {
                Some("not_a_bug") => (Sign::Good, "not a bug".into()),
                Some("inconclusive") | None => (Sign::Warning, "inconclusive".into()),
                status => (Sign::Good, part(status)),
            };
            let title = part(Some(title.unwrap_or(unknown)));
            let (sign, person) = match verdict.and_then(|one| one.needs_person.as_deref()) {
                Some(_) => (Sign::Warning, ", needs a person"),
                None => (sign, ""),
            };
            (sign, format!("investigation completed: {status}{sure}{person}: {title}"))
        }
        Type::InvestigationTimedOut => (Sign::Bad, "investigation timed out".into()),
        Type::InvestigationStopped => {
            (Sign::Warning, format!("investigation stopped: {}", reason(event)))
        }
        _ => (Sign::Bad, format!("investigation failed: {}", reason(event))),
    };
    let cost = data.cost_usd.map_or("cost unknown".into(), |usd| usd.to_string());
    (sign, format!("{what}, {cost}"))
}

fn notice(
    kind: Type,
    event: &ShownEvent<'_>,
    key_name: Option<&str>,
    at: Timestamp,
) -> (Sign, String) {
    let data = &event.data;
    let until = data.until.map(|until| loss_text::lasting(until.since(at)));
    let channel = part(data.channel.as_deref());
    let subject = event.head.subject.as_deref().unwrap_or_default();
    let queue = key_name.filter(|_| subject.is_empty());
    let of_queue = queue.map_or(String::new(), |queue| [limits::name(queue), ": "].concat());
    let of_key = match data.key.as_deref().filter(|key| queue.is_none() && *key != subject) {
        None => String::new(),
        Some(key) if key.contains('#') => format!(": {}", part(Some(key))),
        Some(key) => format!(": incident {}", part(Some(key.get(..ID).unwrap_or(key)))),
    };
    match (kind, until) {
        (Type::NoticeFailed, _) => {
            let error = part(data.error.as_deref());
            (Sign::Bad, format!("a notice to channel '{channel}' failed: {error}"))
        }
        (Type::NoticeEscalated, _) => {
            (Sign::Warning, format!("not acknowledged in time: channel '{channel}' is told"))
        }
        (Type::NoticeAcked, Some(span)) => {
            (Sign::Info, format!("{of_queue}acknowledged for {span}{of_key}"))
        }
        (Type::NoticeAcked, None) => {
            (Sign::Info, format!("{of_queue}no longer acknowledged{of_key}"))
        }
        (_, Some(span)) => {
            let glob = part(data.glob.as_deref());
            (Sign::Info, format!("queues '{glob}' are silenced for {span}"))
        }
        (_, None) => {
            let glob = part(data.glob.as_deref());
            (Sign::Info, format!("queues '{glob}' are no longer silenced"))
        }
    }
}

fn sampled(event: &ShownEvent<'_>) -> (Sign, String) {
    let data = &event.data;
    if data.refused.is_some() {
        let why = data.detail.as_deref().filter(|detail| !detail.trim().is_empty());
        return (Sign::Warning, format!("not sampled: {}", part(why.or(data.refused.as_deref()))));
    }
    let Some(taken) = data.taken else {
        return (Sign::Info, format!("would be sampled, {}", messages(data.depth)));
    };
    let text = match data.fingerprints.as_slice() {
        [] => format!("sampled {}", count(taken, "message")),
        [first, rest @ ..] => {
            let times = first.count.map_or("?".into(), |n| n.to_string());
            let more = match rest.len() as u64 {
                0 => String::new(),
                more => format!(", {}", count(more, "more cause")),
            };
            let title = part(first.title.as_deref());
            format!("sampled {}: {times} × {title}{more}", count(taken, "message"))
        }
    };
    (Sign::Info, text)
}

fn linted(event: &ShownEvent<'_>) -> String {
    let findings = &event.data.findings;
    let rules: Vec<_> = findings.iter().take(2).map(|one| part(one.rule.as_deref())).collect();
    let more = if findings.len() > rules.len() { ", …" } else { "" };
    let names =
        if rules.is_empty() { String::new() } else { format!(" ({}{more})", rules.join(", ")) };
    format!("{}{names}", count(findings.len() as u64, "finding"))
}

/// Returns the selection of queues whose rounds an event is about, as a part of a sentence.
fn asked(event: &ShownEvent<'_>) -> String {
    let asked = event.data.asked.as_deref();
    asked.map_or(String::new(), |asked| format!(" of {}", part(Some(asked))))
}

fn poll_failed(event: &ShownEvent<'_>) -> String {
    let data = &event.data;
    let scope = match (data.region.as_deref(), data.account.as_deref()) {
        (Some(region), Some(account)) => {
            format!(" {} of '{}'", part(Some(region)), part(Some(account)))
        }
        (Some(region), None) => format!(" {}", part(Some(region))),
        (None, Some(account)) => format!(" '{}'", part(Some(account))),
        (None, None) => String::new(),
    };
    format!("cannot poll{scope}: {}", part(data.reason.as_deref()))
}

fn recorded(kind: RecordedType, event: &ShownEvent<'_>) -> Option<(Sign, String)> {
    use RecordedType as Kind;
    use Sign::{Bad, Begin, Good, Info, Warning};
    let data = &event.data;
    let pr = data.pr.as_deref();
    let title = |title: Option<&str>| match title.map(str::trim) {
        None | Some("") => String::new(),
        title => format!(": {}", part(title)),
    };
    let waiting_on = pr.and_then(|pr| pr.waiting_on.as_deref());
    let pr = title(pr.and_then(|pr| pr.title.as_deref()));
    let issue = title(data.issue.as_deref().and_then(|issue| issue.title.as_deref()));
    let why = || match data.reason.as_deref() {
        None => String::new(),
        reason => format!(": {}", part(reason)),
    };
    Some(match kind {
        Kind::PrFound | Kind::PrCommented | Kind::RedriveProgressed => return None,
        Kind::PrOpened => (Begin, format!("pull request opened{pr}")),
        Kind::PrRefused => (Warning, format!("no pull request{}", why())),
        Kind::PrReviewDue => match waiting_on {
            Some(who) => (Warning, format!("review due by {}{pr}", part(Some(who)))),
            None => (Warning, format!("review due{pr}")),
        },
        Kind::PrApproved => (Good, format!("approved{pr}")),
        Kind::PrChangesRequested => (Warning, format!("changes requested{pr}")),
        Kind::PrChecksFailed => (Bad, format!("checks failed{pr}")),
        Kind::PrMerged => (Good, format!("merged{pr}")),
        Kind::PrDeployed => (Good, format!("deployed{pr}")),
        Kind::PrClosed => (Warning, format!("closed without a merge{pr}")),
        Kind::PrUnreadable => (Bad, format!("pull request unreadable{}", why())),
        Kind::IssueOpened => (Info, format!("issue opened{issue}")),
        Kind::IssueClosed => (Info, format!("issue closed{issue}")),
        Kind::RedrivePlanned => (Info, format!("redrive of {} planned", number(data.messages))),
        Kind::RedriveStarted => (Begin, format!("redrive of {} started", number(data.messages))),
        Kind::RedriveCompleted => {
            let (sign, returned) = match (data.returned, data.verified) {
                (Some(1..), _) => (Warning, format!("{} returned", data.returned.unwrap_or(0))),
                (Some(0), Some(true)) => (Good, "none has returned".into()),
                (_, Some(false)) => (Warning, "not verified".into()),
                (_, None) => (Info, "not watched for returns".into()),
                (None, Some(true)) => (Good, "verified".into()),
            };
            (sign, format!("redrive completed: {} moved, {returned}", number(data.moved)))
        }
        Kind::RedriveAborted => (Bad, format!("redrive aborted{}", why())),
        Kind::PurgeCompleted => (Warning, format!("{} purged", number(data.messages))),
        Kind::ArchiveCompleted => (Info, format!("{} archived", number(data.messages))),
        Kind::ArchiveRestored => (Warning, format!("{} restored", number(data.messages))),
        Kind::HealthChecked => {
            let bad = data.checks.iter().filter(|check| check.ok == Some(false));
            let bad: Vec<_> = bad.take(3).map(|check| part(check.name.as_deref())).collect();
            if bad.is_empty() {
                return None;
            }
            (Bad, format!("checks failed: {}", bad.join(", ")))
        }
    })
}

fn loss(event: &ShownEvent<'_>, at: Timestamp) -> String {
    let data = &event.data;
    let window = ExpiryWindow { after: data.expires_after, before: data.expires_before };
    loss_text::phrase(window, data.depth, at)
}

fn messages(depth: Option<u64>) -> String {
    depth.map_or("depth unknown".into(), |depth| count(depth, "message"))
}

/// Returns a number of messages that is no depth.
fn number(number: Option<u64>) -> String {
    number.map_or("an unknown number of messages".into(), |n| count(n, "message"))
}

fn lasted(seconds: Option<u64>) -> String {
    match seconds {
        None => "an unknown time".into(),
        Some(0) => "under a second".into(),
        Some(seconds) => show_span(Duration::from_secs(seconds)),
    }
}

/// Returns the sentence of the reason, else its word.
fn reason<'a>(event: &'a ShownEvent<'_>) -> Cow<'a, str> {
    let sentence = event.data.detail.as_deref().filter(|detail| !detail.trim().is_empty());
    part(sentence.or(event.data.reason.as_deref()))
}

/// Returns a text of the event, short.
fn part(text: Option<&str>) -> Cow<'_, str> {
    match text.map(str::trim) {
        None | Some("") => Cow::Borrowed("unknown"),
        Some(text) => shorten(text, PART_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Line, peek};
    use crate::rules::notification::message::render_whole;

    /// Types whose sentence has other words than the notice, or more.
    const OWN: [Type; 8] = [
        Type::QueueSampled,
        Type::InvestigationSkipped,
        Type::InvestigationCompleted,
        Type::InvestigationFailed,
        Type::InvestigationTimedOut,
        Type::InvestigationStopped,
        Type::QueueLossSuspected,
        Type::QueueReadable,
    ];

    #[test]
    fn sentences_are_those_of_notices() {
        let days = [
            include_str!("../../../../../tests/fixtures/monday.ndjson"),
            include_str!("../../../../../tests/fixtures/tuesday.ndjson"),
        ];
        let mut compared = 0;
        for line in days.iter().flat_map(|day| day.lines()) {
            let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
            let event = ShownEvent::read(line.as_bytes()).unwrap();
            let at = head.time().unwrap();
            let (Some(kind), Some((_, text))) = (head.known, describe_event(&event, None, at))
            else {
                continue;
            };
            if !OWN.contains(&kind) && event.recorded.is_none() {
                let notice = render_whole(&head, line.as_bytes(), at);
                let subject = head.subject.as_ref().map_or(String::new(), |who| format!("{who}: "));
                assert_eq!(text, subject + &notice.what, "{line}");
                compared += 1;
            }
        }
        assert!(compared > 20, "{compared}");
    }
}
