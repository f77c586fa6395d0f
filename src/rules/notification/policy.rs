//! Notification policy: the channels and routes that a configuration defines.
//!
//! Promises: channel names are unique, and routes name only channels that exist. The reader of the
//! configuration checks both.

use std::time::Duration;

use super::escalate::EscalationStep;
use super::quiet::QuietHours;
use crate::event::{Severity, words};
use crate::glob::GlobList;

/// Channels, and the routes that choose between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Notifications {
    /// Channels in the order of the file.
    pub channels: Vec<Channel>,
    /// Routes in the order of the file. A channel that no route names keeps its defaults.
    pub routes: Vec<Route>,
    pub quiet_hours: Option<QuietHours>,
    /// The number of missing rounds after which a notice is sent. 0: none is sent.
    pub heartbeat_rounds: u32,
}

impl Default for Notifications {
    fn default() -> Self {
        let console =
            Channel { name: "console".into(), ..Channel::default() };
        Notifications { channels: vec![console], routes: Vec::new(), quiet_hours: None, heartbeat_rounds: 5 }
    }
}

/// Destination of events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channel {
    /// Key of the channel in the configuration.
    pub name: String,
    /// Type of the channel.
    pub kind: ChannelKind,
    /// Least severity that the channel shows. None: the defaults of the routing rule.
    pub min_severity: Option<Severity>,
    /// Whether quiet hours hold for the channel. None: the default of its type.
    pub quiet_hours: Option<bool>,
}

impl Channel {
    /// Returns whether quiet hours hold for the channel: those that people hear or see at once.
    pub fn keeps_quiet(&self) -> bool {
        self.quiet_hours.unwrap_or(self.kind == ChannelKind::Desktop)
    }

    /// Returns whether the channel can replace a notice by a newer one.
    pub fn can_update(&self) -> bool {
        self.kind == ChannelKind::Desktop
    }

    /// Returns whether a long backlog is summed up: nobody reads a hundred notices one by one.
    pub fn sums_up(&self) -> bool {
        self.kind == ChannelKind::Desktop
    }

    /// Returns the least time between two deliveries.
    pub fn interval(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns whether notices of several incidents may be one.
    pub fn can_merge(&self) -> bool {
        true
    }
}

words! {
    #[derive(Default)]
    /// Types of channels.
    ChannelKind {
        #[default]
        /// Lines on standard error.
        Console = "console",
        /// Desktop notifications.
        Desktop = "desktop",
    }
}

/// Rule that sends matching events to channels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Route {
    /// Event types. None: any.
    pub types: Option<GlobList>,
    /// Queue names. None: any, and events without a queue.
    pub queues: Option<GlobList>,
    /// Least severity. None: any.
    pub severity: Option<Severity>,
    /// Names or ids of accounts. None: any, and events without a queue.
    pub accounts: Option<GlobList>,
    /// Whether the pull request is one of ours. None: any event.
    pub ours: Option<bool>,
    /// Names of channels. An empty list mutes the events.
    pub channels: Vec<String>,
    pub policy: RoutePolicy,
}

words! {
    #[derive(Default)]
    /// What makes notices one.
    GroupBy {
        /// A problem of a queue, from its begin to its end.
        #[default]
        Incident = "incident",
        /// Also problems of several queues with one cause.
        Fingerprint = "fingerprint",
        /// Also the problems of a queue within a day.
        Queue = "queue",
    }
}

/// How notices of a route are restrained, repeated and escalated.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutePolicy {
    pub group_by: GroupBy,
    /// The time for which a first notice waits for others.
    pub group_wait: Duration,
    /// The time for which a problem has to be over before its end is told.
    pub clear_wait: Duration,
    /// The time between two reminders of a problem that goes on. None: no reminders.
    pub repeat_interval: Option<Duration>,
    /// Channel that gets what this one refuses.
    pub fallback: Option<String>,
    /// Whom to tell when nobody acknowledges a notice.
    pub escalate: Vec<EscalationStep>,
}

/// The default of [`RoutePolicy::clear_wait`].
pub const CLEAR_WAIT: Duration = Duration::from_secs(300);

impl Notifications {
    /// Returns the policy of a route that names a channel; the default for any other index.
    pub fn policy(&self, route: Option<usize>, channel: &str) -> &RoutePolicy {
        static DEFAULT: RoutePolicy = RoutePolicy::DEFAULT;
        let route = route.and_then(|at| self.routes.get(at));
        let names_channel = |route: &&Route| route.channels.iter().any(|name| name == channel);
        route.filter(names_channel).map_or(&DEFAULT, |route| &route.policy)
    }
}

impl RoutePolicy {
    const DEFAULT: RoutePolicy = RoutePolicy {
        group_by: GroupBy::Incident,
        group_wait: Duration::ZERO,
        clear_wait: CLEAR_WAIT,
        repeat_interval: None,
        fallback: None,
        escalate: Vec::new(),
    };
}

impl Default for RoutePolicy {
    fn default() -> Self {
        RoutePolicy::DEFAULT
    }
}
