//! The text of a notice that tells of several events, or of one event again.
//!
//! Promises: the first line says how many queues there are, how much is at stake and the cause that
//! they share; every queue is named as far as there is room, and the others are counted.

use std::time::Duration;

use super::kinds::about;
use super::{COLUMNS, Notice, REPORT, cap, look, moment, near_loss, render, time_of_day};
use crate::event::{self, AnyPayload, HealthReport, Line, Type};
use crate::rules::loss_text;
use crate::rules::notification::facts::{POLL, TopicChange, reread};
use crate::rules::notification::group::DueNotice;
use crate::rules::notification::scope::SeenScopes;
use crate::rules::notification::topic::{Pending, SendReason};
use crate::rules::queue::expiry::ExpiryWindow;
use crate::text::{count, safe, shorten};
use crate::time::{Timestamp, show_span};

/// The longest name in a list of names, in characters.
const NAME_MAX: usize = 100;
/// The characters of the time, and those between the parts of the first line.
const PUNCTUATION: usize = 10;
/// The fewest characters of a cause's title.
const TITLE_MIN: usize = 20;
/// The notices that are told with a sentence each.
const SENTENCES_MAX: usize = 8;

/// Returns the text of a set of due notices, `title` being that of their common cause.
pub fn compose(
    set: &[DueNotice],
    title: Option<&str>,
    scopes: &mut SeenScopes,
    now: Timestamp,
) -> Notice {
    match set {
        [one] => single(one, scopes, now),
        _ => several(set, title, scopes, now),
    }
}

fn single(due: &DueNotice, scopes: &mut SeenScopes, now: Timestamp) -> Notice {
    let mut rendered: Vec<Notice> =
        due.events.iter().map(|event| render_event(event, due, scopes, now)).collect();
    let first = due.main_index();
    let mut notice = rendered.remove(first);
    if let Some(before) = again(due, now) {
        notice.what = format!("{before}: {}", notice.what);
    }
    if tells_again(due.reason) {
        // The time of the event would stand below those of later notices.
        notice.when = time_of_day(now);
    }
    let mut reasons: Vec<SendReason> = due.events.iter().map(|event| event.reason).collect();
    let begins = matches!(reasons.remove(first), SendReason::New | SendReason::Again);
    for (other, reason) in rendered.into_iter().zip(reasons) {
        // A problem that begins near its loss has said so.
        if !(begins && reason == SendReason::Tier) {
            notice.below.push(other.what);
        }
        let further = other.below.into_iter().filter(|line| !notice.below.contains(line));
        let further: Vec<String> = further.collect();
        notice.below.extend(further);
    }
    if due.is_worked_on && !matches!(due.reason, SendReason::News | SendReason::Ended) {
        notice.what.push_str(", an investigation runs");
    }
    notice
}

/// Returns whether a problem is told again at a moment of its own, not at that of an event.
fn tells_again(reason: SendReason) -> bool {
    matches!(reason, SendReason::Repeat | SendReason::AckExpired | SendReason::Escalated)
}

/// Returns why an event is told again, or which problem a late result is of.
fn again(due: &DueNotice, now: Timestamp) -> Option<String> {
    let first = due.events.first()?;
    let lasts = || show_span(Duration::from_secs(now.since(first.at).as_secs().max(1)));
    Some(match due.reason {
        SendReason::Again => "again".into(),
        SendReason::Repeat => format!("still open after {}", lasts()),
        SendReason::AckExpired => "the acknowledgement has expired".into(),
        SendReason::Escalated if due.can_be_acked() => format!("not acknowledged for {}", lasts()),
        SendReason::Escalated => format!("still open after {}", lasts()),
        // Without these words it would be read as one of the problem that goes on.
        SendReason::News if due.is_late && due.incident != due.key_incident => {
            "of an earlier incident".into()
        }
        SendReason::News if due.is_late => "after the end".into(),
        _ => return None,
    })
}

fn several(
    set: &[DueNotice],
    title: Option<&str>,
    scopes: &mut SeenScopes,
    now: Timestamp,
) -> Notice {
    let events = || set.iter().filter_map(|due| due.events.last());
    // The first names are those of several accounts, too.
    events().for_each(|event| drop(scopes.of_line(event.line.as_bytes())));
    let severity = events().map(|event| event.severity).max().unwrap_or(event::Severity::Info);
    let at = events().map(|event| event.at).max().filter(|_| !tells_again(set[0].reason));
    let is_digest = set.iter().any(|due| due.was_quiet);
    let (noun, what) = about(set);
    let stake = what.clone().unwrap_or_else(|| stake(set, now));
    let what = match set[0].reason {
        _ if is_digest => "while it was quiet".into(),
        SendReason::Ended => what.unwrap_or_else(|| end(set)),
        SendReason::Grew => format!("grown: {stake}"),
        SendReason::Severity => format!("graver: {stake}"),
        SendReason::Repeat => format!("still open: {stake}"),
        SendReason::AckExpired => format!("the acknowledgement has expired: {stake}"),
        SendReason::Escalated if !set.iter().any(DueNotice::can_be_acked) => {
            format!("still open: {stake}")
        }
        SendReason::Escalated => format!("not acknowledged: {stake}"),
        SendReason::Tier => format!("expiring: {stake}"),
        SendReason::NewCause => "a new cause".into(),
        _ => stake,
    };
    let subject = match is_digest {
        true => count(set.len() as u64, "notice"),
        false => count(set.len() as u64, noun),
    };
    let what = match title {
        Some(title) => {
            let before = match set[0].reason {
                SendReason::NewCause => format!("{what}: "),
                _ => format!("{what}, one cause: "),
            };
            let used = [&before, &subject, severity.as_str()].map(|part| part.chars().count());
            let room = COLUMNS.saturating_sub(used.iter().sum::<usize>() + PUNCTUATION);
            format!("{before}{}", shorten(&cap(title), room.max(TITLE_MIN)))
        }
        None => what,
    };
    let next = Some("dlq-status".to_owned());
    let mut notice = Notice {
        when: moment(at.unwrap_or(now), now),
        severity,
        subject,
        what,
        next,
        ..Notice::default()
    };
    if is_digest || set.len() <= SENTENCES_MAX {
        notice.tell_of(set.iter().map(|due| {
            let one = single(due, scopes, now);
            let results = results(due, &one, scopes, now);
            (format!("{}: {}{results}", one.subject, one.what), vec![one.subject])
        }));
    } else {
        let mut name = |due: &DueNotice| {
            let place = due.events.last().map(|event| scopes.of_line(event.line.as_bytes()));
            shorten(&safe(&due.subject), NAME_MAX).into_owned() + &place.unwrap_or_default()
        };
        notice.names = set.iter().map(&mut name).collect();
    }
    notice
}

/// Returns the results among the events of a notice that tells of more, with the paths of the reports.
fn results(due: &DueNotice, told: &Notice, scopes: &mut SeenScopes, now: Timestamp) -> String {
    let mut text = String::new();
    for event in due.events.iter().filter(|event| event.reason == SendReason::News) {
        let result = render_event(event, due, scopes, now);
        let reports = result.below.iter().filter(|line| line.starts_with(REPORT));
        let what = Some(&result.what).filter(|what| !told.what.ends_with(what.as_str()));
        what.into_iter().chain(reports).for_each(|part| text += &format!("; {part}"));
    }
    text
}

/// Returns how the problems have ended, after what was lost by it: at most what was there.
fn end(set: &[DueNotice]) -> String {
    let of = |due: &DueNotice| {
        let ended = due.events.iter().rfind(|event| event.reason == SendReason::Ended)?;
        let Line::Event(head) = event::peek(ended.line.trim_end().as_bytes()) else { return None };
        Some((head.known?, reread(&ended.line)?.change == TopicChange::Ends { lost: true }))
    };
    let ends: Vec<Option<(Type, bool)>> = set.iter().map(of).collect();
    let are = |kind: Type| ends.iter().all(|end| end.is_some_and(|(known, _)| known == kind));
    let over = match () {
        () if are(Type::QueueCleared) => "empty again",
        () if are(Type::QueueReadable) => "readable again",
        () if are(Type::QueueGone) => "gone",
        () => "over",
    };
    let is_lost = |end: &Option<(Type, bool)>| end.is_some_and(|(_, is_lost)| is_lost);
    let lost: Vec<&DueNotice> =
        set.iter().zip(&ends).filter(|(_, end)| is_lost(end)).map(|(due, _)| due).collect();
    let depth = lost.iter().map(|due| due.depth).sum::<Option<u64>>();
    let messages =
        depth.map_or("messages".into(), |sum| format!("up to {}", count(sum, "message")));
    match lost.len() {
        0 => over.into(),
        all if all == set.len() => format!("{messages} lost, {over}"),
        some => format!("{messages} lost in {some}, {over}"),
    }
}

/// Returns how many messages the events tell of, and when the first of them are lost.
fn stake(set: &[DueNotice], now: Timestamp) -> String {
    let (mut depth, mut window) = (Some(0_u64), ExpiryWindow::default());
    for (due, event) in set.iter().filter_map(|due| Some((due, due.events.last()?))) {
        let told = reread(&event.line).and_then(|facts| facts.depth);
        depth = depth.zip(newer_depth(due).or(told)).map(|(sum, one)| sum + one);
        if let Some(one) = expiry(event) {
            window.after = earlier(window.after, one.after);
            window.before = earlier(window.before, one.before);
        }
    }
    let messages = depth.map_or("depth unknown".into(), |depth| count(depth, "message"));
    let is_near = set.first().is_some_and(|due| due.reason == SendReason::Tier);
    let phrase = if is_near { near_loss } else { loss_text::phrase };
    format!("{messages}, {}", phrase(window, depth, now))
}

fn earlier(known: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [known, other].into_iter().flatten().min()
}

fn expiry(event: &Pending) -> Option<ExpiryWindow> {
    let Line::Event(head) = event::peek(event.line.trim_end().as_bytes()) else { return None };
    match AnyPayload::read(head.known?, event.line.as_bytes())? {
        AnyPayload::QueueRaised(data) => {
            Some(ExpiryWindow { after: data.expires_after, before: data.expires_before })
        }
        AnyPayload::QueueExpiring(data) => {
            Some(ExpiryWindow { after: data.expires_after, before: data.expires_before })
        }
        _ => None,
    }
}

/// Returns the depth that has taken the place of the one in the event; None for news and for the end.
fn newer_depth(due: &DueNotice) -> Option<u64> {
    due.depth.filter(|_| !matches!(due.reason, SendReason::News | SendReason::Ended))
}

/// Renders an event from its line; a short text stands for a line that was too long to keep.
fn render_event(
    event: &Pending,
    due: &DueNotice,
    scopes: &mut SeenScopes,
    now: Timestamp,
) -> Notice {
    let is_of_cause = event.reason == SendReason::NewCause;
    let narrowed = if is_of_cause { of_causes(&event.line, &event.causes) } else { None };
    let line = narrowed.as_deref().unwrap_or(event.line.trim_end()).as_bytes();
    let Line::Event(head) = event::peek(line) else {
        let what = "an event that is too long to be shown";
        return Notice::plain(
            event.severity,
            &cap(&due.subject),
            what,
            "dlq-log --since 1h",
            event.at,
        );
    };
    let mut notice = render(&head, line, newer_depth(due), now);
    scopes.qualify(&mut notice, line);
    if event.reason == SendReason::Ended && head.known == Some(Type::PollFinished) {
        // A round that has seen everything ends a failure to poll.
        let scope = due.problem.strip_prefix(POLL).and_then(|scope| scope.split_once('\n'));
        let (account, region) = scope.unwrap_or_default();
        let region = region.split('\n').next().unwrap_or(region);
        notice.severity = event.severity;
        notice.what = super::sentences::polls_again(account, region);
    }
    if event.reason == SendReason::Ended && head.known == Some(Type::QueueLinted) {
        (notice.severity, notice.next) = (event.severity, None);
        notice.what = "no findings any more".into();
        notice.below.clear();
    }
    if is_of_cause {
        notice.severity = event.severity;
        let before = if HealthReport::is_of(&head) { "now" } else { "a new cause" };
        notice.what = format!("{before}: {}", notice.what);
        notice.next = notice.next.or_else(|| look(head.incident.as_deref()));
    }
    notice
}

/// Returns the line of a sample with some of its causes.
fn of_causes(line: &str, causes: &[String]) -> Option<String> {
    let mut event: serde_json::Value = serde_json::from_str(line).ok()?;
    let all = event.pointer_mut("/data/fingerprints")?.as_array_mut()?;
    all.retain(|one| one["id"].as_str().is_some_and(|id| causes.iter().any(|new| new == id)));
    Some(event.to_string())
}

#[cfg(test)]
mod tests;
