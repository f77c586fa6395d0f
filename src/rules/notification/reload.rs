//! Changed configurations: what a channel has missed before it was configured, or before its routes
//! were changed, is not told to it, and reminders and escalations count from the change.
//!
//! Promises: a restart replays the journal, and yet a new channel does not get the history, nor a
//! changed route the problems of yesterday. What nobody was told because nothing ran is told. Pure.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::notices::{KEPT_FOR, KnownRouting, Notices};
use super::policy::{Channel, Notifications};
use super::route::Router;
use super::topic::{SendReason, Topic};
use crate::event::{self, Line};
use crate::glob::GlobList;
use crate::time::Timestamp;

impl Notices {
    /// Takes up the channels and routes of a configuration. Returns whether anything has changed.
    pub fn adopt(
        &mut self,
        notifications: &Notifications,
        router: &Router,
        now: Timestamp,
    ) -> bool {
        // Who starts afresh, or comes from a version without this record, has all channels anew.
        let is_first = self.routings.is_empty();
        // A time ahead of the present must not swallow what comes until then.
        let newest = self.newest().map(|newest| newest.min(now));
        let floor = newest.filter(|_| !is_first);
        let mut has_changed = self.note_absent(notifications, now);
        let mut returned = Vec::new();
        for (at, channel) in notifications.channels.iter().enumerate() {
            let (id, routes) =
                (routing_id(notifications, channel), routes_of(notifications, channel));
            if let Some(known) = self.routings.get_mut(&channel.name).filter(|known| known.id == id)
            {
                if known.absent_since.take().is_some() {
                    has_changed = true;
                    returned.push(channel.name.as_str());
                }
                // Equal routes that stand elsewhere in the file are the same routes.
                if known.routes != routes {
                    has_changed = true;
                    let moved = std::mem::replace(&mut known.routes, routes.clone());
                    let topics = self.topics.values_mut();
                    for topic in topics.filter(|topic| topic.channel == channel.name) {
                        let place = |route: Option<usize>| {
                            let place = moved.iter().position(|at| Some(*at) == route)?;
                            routes.get(place).copied()
                        };
                        topic.route = place(topic.route);
                        topic.step_route = place(topic.step_route);
                    }
                }
                continue;
            }
            has_changed = true;
            let since = if is_first { Timestamp::default() } else { now };
            let routing = KnownRouting { id, since, floor, routes, absent_since: None };
            self.routings.insert(channel.name.clone(), routing);
            let topics = self.topics.values_mut().filter(|topic| topic.channel == channel.name);
            topics.for_each(|topic| {
                (topic.route, topic.step_route) = (route_of(topic, router, at), None);
            });
        }
        returned.into_iter().for_each(|channel| self.end_missed(channel, now));
        has_changed
    }

    /// Notes which channels are not configured: a run with another configuration makes none new, while they
    /// come back within the time for which events are remembered. Returns whether that has changed.
    fn note_absent(&mut self, notifications: &Notifications, now: Timestamp) -> bool {
        let before = self.routings.len();
        self.routings
            .retain(|_, known| known.absent_since.is_none_or(|since| now.since(since) < KEPT_FOR));
        let mut has_changed = self.routings.len() < before;
        for (name, known) in &mut self.routings {
            if !notifications.has_channel(name) && known.absent_since.is_none() {
                known.absent_since = Some(now);
                has_changed = true;
            }
        }
        has_changed
    }

    /// Ends the problems of a channel that was away which have ended meanwhile, as other channels know.
    /// The channel is not told: nothing is left of the event.
    fn end_missed(&mut self, channel: &str, now: Timestamp) {
        let of = |topic: &Topic| (topic.problem.clone(), topic.incident.clone());
        let others = self.topics.values().filter(|topic| topic.channel != channel);
        let ended: HashSet<_> =
            others.filter(|topic| topic.ended_at.is_some()).map(|topic| of(topic)).collect();
        for topic in self.topics.values_mut().filter(|topic| topic.channel == channel) {
            if topic.is_open() && ended.contains(&of(topic)) {
                (topic.ended_at, topic.is_end_told) = (Some(now), true);
                topic.pending.retain(|one| one.reason != SendReason::Ended);
            }
        }
    }
}

/// Returns the route by which the events of a topic come now.
fn route_of(topic: &Topic, router: &Router, channel: usize) -> Option<usize> {
    let told = topic.told.as_ref().map(|told| &told.line);
    let line = topic.pending.last().map(|one| &one.line).or(told)?;
    let Line::Event(head) = event::peek(line.as_bytes()) else { return None };
    let routed = router.route(&head, line.as_bytes());
    routed.iter().find(|one| one.channel == channel)?.route
}

/// Returns a text that is equal for equal routes of a channel.
fn routing_id(notifications: &Notifications, channel: &Channel) -> String {
    let globs = |list: &Option<GlobList>| list.as_ref().map(|list| list.patterns().to_vec());
    let mut text = format!("{:?}", channel.min_severity);
    for at in routes_of(notifications, channel) {
        let route = &notifications.routes[at];
        let globs = [&route.types, &route.queues, &route.accounts].map(globs);
        let rest = (route.channels.is_empty(), route.severity, route.ours, &route.policy);
        // Formatting into a string does not fail.
        let _ = write!(text, "\n{globs:?} {rest:?}");
    }
    event::derived_id(&[&text])
}

/// Returns the indexes of the routes that concern a channel.
fn routes_of(notifications: &Notifications, channel: &Channel) -> Vec<usize> {
    let routes = notifications.routes.iter().enumerate();
    let concerns = routes
        .filter(|(_, route)| route.channels.is_empty() || route.channels.contains(&channel.name));
    concerns.map(|(at, _)| at).collect()
}
