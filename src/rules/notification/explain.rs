//! The explanation of what was decided about an event: route, topic, silence, acknowledgement, and
//! what waits. Pure.

use std::fmt::Write as _;

use super::ack::Acks;
use super::facts::EventFacts;
use super::notices::Notices;
use super::policy::Notifications;
use super::route::{RoutedChannel, Router};
use super::silence::Silences;
use super::topic::Topic;
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
        let _ = writeln!(text, "silenced by '{glob}' until {}{why}", silence.until);
    }
    if let Some(until) = known.acks.until(facts.incident.as_deref(), &facts.subject, known.now) {
        let _ = writeln!(text, "acknowledged until {until}");
    }
    let routed = router.route(head, line);
    for (at, channel) in known.notifications.channels.iter().enumerate() {
        let name = safe(&channel.name).into_owned();
        let route = routed.iter().find(|one| one.channel == at);
        let _ = writeln!(text, "channel '{name}': {}", route_text(route));
        let judged = known.notices.judged(&facts.key);
        for one in judged.filter(|one| one.key.channel == channel.name) {
            let _ = match one.decision {
                Some(decision) => writeln!(text, "    {decision}"),
                None => writeln!(text, "    {}", if one.is_told { "sent" } else { "not sent" }),
            };
        }
        let Some(topic) = known.notices.topics.get(&Topic::key(&channel.name, &facts.topic)) else {
            continue;
        };
        for one in topic.pending.iter().filter(|one| one.key == facts.key) {
            let why = one.hold.map_or(String::new(), |hold| format!(" ({hold})"));
            let _ = writeln!(text, "    waits until {}{why}", one.due);
        }
    }
    text
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
