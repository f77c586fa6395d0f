//! The explanation of what was decided about an event: route, topic, silence, acknowledgement, and
//! what waits. Pure.

use std::fmt::Write as _;

use super::ack::Acks;
use super::amend::EventHold;
use super::facts::EventFacts;
use super::fate::Deliveries;
use super::notices::Notices;
use super::policy::{Channel, GroupBy, Notifications};
use super::route::{RoutedChannel, Router};
use super::silence::Silences;
use super::topic::{HoldReason, Topic};
use crate::event::Head;
use crate::text::safe;
use crate::time::Timestamp;

/// The records and statements that an explanation goes by.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    pub notifications: &'a Notifications,
    pub notices: &'a Notices,
    pub silences: &'a Silences,
    pub acks: &'a Acks,
    pub deliveries: Deliveries<'a>,
    pub now: Timestamp,
}

/// Returns the sentences about an event, a paragraph a channel.
pub fn explain(known: &Explanation<'_>, router: &Router, head: &Head<'_>, line: &[u8]) -> String {
    let facts = EventFacts::read(head, line, known.now);
    let subject = safe(&facts.subject).into_owned();
    let severity = facts.severity;
    let mut text = format!("{} about '{subject}', {severity}, {}\n", safe(&head.kind), facts.at);
    if let Some(silence) = known.silences.of_subject(&facts.subject, known.now) {
        let why = silence.reason.as_deref().map_or(String::new(), |why| format!(": {}", safe(why)));
        let glob = safe(&silence.glob).into_owned();
        let _ = writeln!(text, "now silenced by '{glob}' until {}{why}", silence.until);
    }
    if let Some(until) = known.acks.until(facts.incident.as_deref(), &facts.subject, known.now) {
        let _ = writeln!(text, "now acknowledged until {until}");
    }
    let routed = router.route(head, line);
    for (at, channel) in known.notifications.channels.iter().enumerate() {
        let name = safe(&channel.name).into_owned();
        let route = routed.iter().find(|one| one.channel == at);
        let judged = known.notices.judged(&facts.key);
        let judged: Vec<_> = judged.filter(|one| one.key.channel == channel.name).collect();
        let way = known.deliveries.way(known.notifications, &routed, &channel.name);
        let by = match route {
            None if way.is_some() => way.unwrap_or_default(),
            None if !judged.is_empty() => {
                "without a route, as the channel knows of the problem".into()
            }
            _ => route_text(route),
        };
        let _ = writeln!(text, "channel '{name}': {by}");
        if let Some(group) = route.and_then(|route| group_text(known, &facts, route, channel)) {
            let _ = writeln!(text, "    group: {group}");
        }
        if route.is_some() && judged.is_empty() {
            text.push_str(&passed_over(known.notices, &channel.name, facts.at).unwrap_or_default());
        }
        for one in judged {
            let _ = match one.decision {
                Some(decision) => writeln!(text, "    {decision}"),
                None => writeln!(text, "    {}", if one.is_told { "sent" } else { "not sent" }),
            };
            if let Some(hold) = &one.hold {
                let _ = writeln!(text, "    held until {}: {}", hold.until, hold_text(hold));
            }
        }
        let topic = known.notices.topics.get(&Topic::key(&channel.name, &facts.topic));
        let pending = topic.into_iter().flat_map(|topic| &topic.pending);
        for one in pending.filter(|one| one.key == facts.key) {
            let why = one.hold.map_or(String::new(), |hold| format!(" ({hold})"));
            let _ = writeln!(text, "    waits until {}{why}", one.due);
        }
        let fate = known.deliveries.sentences(
            known.notifications,
            &routed,
            &channel.name,
            known.silences,
            known.now,
        );
        for sentence in fate {
            let _ = writeln!(text, "    {sentence}");
        }
    }
    text
}

/// Returns why an event was not judged for a channel that it is routed to.
fn passed_over(notices: &Notices, channel: &str, at: Timestamp) -> Option<String> {
    let changed = notices.routings.get(channel).and_then(|known| Some((known.since, known.floor?)));
    if let Some((since, floor)) = changed.filter(|(_, floor)| at <= *floor) {
        return Some(format!(
            "    not sent: the channel is new or its routes were changed at {since}, and events up \
             to {floor} are not told to it\n"
        ));
    }
    let is_forgotten = notices.floor.is_some_and(|floor| at <= floor);
    is_forgotten.then(|| "    not sent: it is older than the events that are remembered\n".into())
}

/// Returns what the notice is one with; None for an event of no problem.
fn group_text(
    known: &Explanation<'_>,
    facts: &EventFacts,
    route: &RoutedChannel,
    channel: &Channel,
) -> Option<String> {
    let incident = facts.incident.as_deref();
    match known.notifications.policy(route.route, &channel.name).group_by {
        GroupBy::Incident => incident.map(|id| format!("incident {}", safe(id))),
        GroupBy::Queue => Some(format!("queue '{}', for a day", safe(&facts.subject))),
        GroupBy::Fingerprint => {
            let problem = known.notices.problems.get(&facts.topic);
            Some(match problem.and_then(|problem| problem.cause.as_ref()) {
                Some(cause) => format!("cause {} '{}'", safe(&cause.id), safe(&cause.title)),
                None => "of a cause that is not known".into(),
            })
        }
    }
}

fn hold_text(hold: &EventHold) -> String {
    match (hold.reason, &hold.glob) {
        (HoldReason::Silence, Some(glob)) => format!("silenced by '{}'", safe(glob)),
        (HoldReason::Silence, None) => "silenced".into(),
        (HoldReason::Ack, _) => "acknowledged".into(),
        (HoldReason::Off, _) => "notices are switched off".into(),
        (HoldReason::QuietHours, _) => "quiet hours".into(),
        (HoldReason::Group | HoldReason::Stable, _) => hold.reason.to_string(),
    }
}

fn route_text(route: Option<&RoutedChannel>) -> String {
    match route {
        None => "no route sends it there".into(),
        Some(RoutedChannel { route: None, .. }) => "by the defaults of the channel".into(),
        Some(RoutedChannel { route: Some(at), is_named, .. }) => {
            let named = if *is_named { ", which names its type" } else { "" };
            format!("by route {}{named}", at + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Line, peek};
    use crate::rules::notification::notices::KnownRouting;

    #[test]
    fn change_of_the_configuration_is_named_when_it_decided() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let line = r#"{"specversion":"1.0","id":"i","source":"s","type":"queue.odd","subject":"q","severitytext":"ERROR","time":"2026-11-29T10:00:00Z"}"#;
        let Line::Event(head) = peek(line.as_bytes()) else { panic!() };
        let notifications = Notifications::default();
        let router = Router::new(&notifications);
        let changed = "    not sent: the channel is new or its routes were changed at \
                       2026-11-29T12:00:00.000Z, and events up to 2026-11-29T11:00:00.000Z are not \
                       told to it\n";
        let forgotten = "    not sent: it is older than the events that are remembered\n";
        let (ten, nine, eleven) =
            (at("2026-11-29T10:00:00Z"), at("2026-11-29T09:00:00Z"), at("2026-11-29T11:00:00Z"));
        let rows = [
            (None, None, ""),
            (Some(eleven), None, changed),
            (Some(ten), None, &changed.replace("11:00", "10:00")),
            (Some(nine), None, ""),
            (Some(eleven), Some(ten), changed),
            (None, Some(ten), forgotten),
            (None, Some(nine), ""),
        ];
        for (floor, floor_of_all, expected) in rows {
            let mut notices = Notices::default();
            notices.floor = floor_of_all;
            let since = at("2026-11-29T12:00:00Z");
            let known = KnownRouting { since, floor, ..KnownRouting::default() };
            notices.routings.insert("console".into(), known);
            let (silences, acks) = Default::default();
            let (notifications, now) = (&notifications, since);
            let known = Explanation {
                notifications,
                notices: &notices,
                silences: &silences,
                acks: &acks,
                deliveries: Deliveries { results: &[], waiting: &[] },
                now,
            };
            let text = explain(&known, &router, &head, line.as_bytes());
            let by = "channel 'console': by the defaults of the channel\n";
            assert!(
                text.ends_with(&format!("{by}{expected}")),
                "{floor:?} {floor_of_all:?}: {text}"
            );
        }
    }
}
