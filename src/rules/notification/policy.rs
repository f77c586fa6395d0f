//! Notification policy: the channels and routes that a configuration defines.
//!
//! Promises: channel names are unique, routes name only channels that exist, and each channel has the
//! keys that its type needs, and no others. The reader of the configuration checks that.

use std::time::Duration;

use super::connection::{ChannelConnection, Rate};
use super::escalate::EscalationStep;
use super::quiet::QuietHours;
use crate::event::{Severity, words};
use crate::glob::GlobList;
use crate::rules::speech::settings::{SpeechEngine, SpeechSettings};
use crate::secret::Secret;

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
    /// URL of a dead man's switch, which is asked for after each round.
    pub heartbeat_url: Option<Secret>,
}

impl Default for Notifications {
    fn default() -> Self {
        let console = Channel { name: "console".into(), ..Channel::default() };
        Notifications {
            channels: vec![console],
            routes: Vec::new(),
            quiet_hours: None,
            heartbeat_rounds: 5,
            heartbeat_url: None,
        }
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
    /// Address, credentials and pace.
    pub connection: ChannelConnection,
    /// Settings of the type `speech`.
    pub speech: SpeechSettings,
}

impl Channel {
    /// Returns whether quiet hours hold for the channel: those that people hear or see at once.
    pub fn keeps_quiet(&self) -> bool {
        let is_heard =
            matches!(self.kind, ChannelKind::Desktop | ChannelKind::Speech | ChannelKind::Slack);
        self.quiet_hours.unwrap_or(is_heard)
    }

    /// Returns whether an attempt waits until others have spoken.
    pub fn waits_its_turn(&self) -> bool {
        self.kind == ChannelKind::Speech
    }

    /// Returns whether a long backlog is summed up: nobody reads a hundred notices one by one.
    pub fn sums_up(&self) -> bool {
        matches!(self.kind, ChannelKind::Desktop | ChannelKind::Speech | ChannelKind::Slack)
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
        /// Sentences that are spoken.
        Speech = "speech",
        /// A channel of Slack.
        Slack = "slack",
        /// A receiver of Standard Webhooks.
        Webhook = "webhook",
        /// A service of PagerDuty.
        PagerDuty = "pagerduty",
        /// A command.
        Exec = "exec",
    }
}

impl ChannelKind {
    /// Returns the keys of [`ChannelConnection`] that a channel of this type may have.
    pub fn own_keys(self) -> &'static [&'static str] {
        match self {
            ChannelKind::Console => &[],
            ChannelKind::Desktop | ChannelKind::Speech => &["rate"],
            ChannelKind::Slack => &["token", "channel", "url", "endpoint", "rate"],
            ChannelKind::Webhook => &["url", "secret", "rate"],
            ChannelKind::PagerDuty => &["key", "endpoint", "rate"],
            ChannelKind::Exec => &["command", "rate"],
        }
    }
}

impl Channel {
    /// Returns what a channel lacks, or has too much of, to reach its service.
    pub fn incomplete(&self) -> Option<&'static str> {
        let ChannelConnection { url, token, channel, key, command, .. } = &self.connection;
        match self.kind {
            ChannelKind::Slack => match (url, token, channel) {
                (Some(_), None, None) | (None, Some(_), Some(_)) => None,
                (None, Some(_), None) => {
                    Some("a channel of type slack with a token needs 'channel'")
                }
                (None, None, _) => Some(
                    "a channel of type slack needs 'token' and 'channel', or the 'url' of a webhook",
                ),
                (Some(_), ..) => {
                    Some("a channel of type slack has a 'url', or 'token' and 'channel', not both")
                }
            },
            ChannelKind::Webhook if url.is_none() => Some("a channel of type webhook needs 'url'"),
            ChannelKind::PagerDuty if key.is_none() => {
                Some("a channel of type pagerduty needs 'key'")
            }
            ChannelKind::Exec if command.is_empty() => {
                Some("a channel of type exec needs 'command'")
            }
            ChannelKind::Speech
                if self.speech.engine == SpeechEngine::ElevenLabs
                    && self.speech.voice.is_none() =>
            {
                Some("a channel of type speech with engine elevenlabs needs 'voice'")
            }
            _ => None,
        }
    }

    /// Returns the references to secrets.
    pub fn secrets(&mut self) -> impl Iterator<Item = &mut Secret> {
        self.connection.secrets().chain(&mut self.speech.api_key)
    }

    /// Returns the least time between two deliveries.
    pub fn interval(&self) -> Duration {
        let per_second = |count| Rate { count, per: Duration::from_secs(1) };
        let default = match self.kind {
            ChannelKind::Slack => Some(per_second(1)),
            ChannelKind::PagerDuty => Some(per_second(2)),
            ChannelKind::Webhook => Some(per_second(20)),
            ChannelKind::Console
            | ChannelKind::Desktop
            | ChannelKind::Speech
            | ChannelKind::Exec => None,
        };
        self.connection.rate.or(default).map_or(Duration::ZERO, Rate::interval)
    }

    /// Returns whether the channel can replace a notice by a newer one.
    pub fn can_update(&self) -> bool {
        match self.kind {
            ChannelKind::Desktop | ChannelKind::PagerDuty => true,
            ChannelKind::Slack => self.connection.token.is_some(),
            ChannelKind::Console
            | ChannelKind::Speech
            | ChannelKind::Webhook
            | ChannelKind::Exec => false,
        }
    }

    /// Returns whether the channel replaces a notice by the reference that it has given to it.
    pub fn needs_handle(&self) -> bool {
        matches!(self.kind, ChannelKind::Desktop | ChannelKind::Slack)
    }

    /// Returns whether nobody is notified when a notice is replaced.
    pub fn replaces_silently(&self) -> bool {
        self.kind == ChannelKind::Slack
    }

    /// Returns the factor by which a problem has to grow before it is told again. The console is a log,
    /// whose newest line says how it stands, and wakes nobody.
    pub fn growth_factor(&self) -> u64 {
        if self.kind == ChannelKind::Console { 2 } else { 10 }
    }

    /// Returns whether notices of several incidents may be one. PagerDuty has an alert for each
    /// incident: a resolve of one of several would close them all.
    pub fn can_merge(&self) -> bool {
        self.kind != ChannelKind::PagerDuty
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
    /// The scope within which notices are one.
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

/// The restraint, repetition and escalation of the notices of a route.
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
    /// Returns a channel by its name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// Returns whether a channel is configured.
    pub fn has_channel(&self, name: &str) -> bool {
        self.channel(name).is_some()
    }

    /// Returns the policy of a route that names a channel; the default for any other index.
    pub fn policy(&self, route: Option<usize>, channel: &str) -> &RoutePolicy {
        static DEFAULT: RoutePolicy = RoutePolicy::DEFAULT;
        let route = route.and_then(|at| self.routes.get(at));
        let names_channel = |route: &&Route| route.channels.iter().any(|name| name == channel);
        route.filter(names_channel).map_or(&DEFAULT, |route| &route.policy)
    }

    /// Returns the fallback of a channel for what came by a route; for what came by none, such as an
    /// escalation, that of the first route of the channel which has one.
    pub fn fallback(&self, route: Option<usize>, channel: &str) -> Option<&String> {
        if route.is_some() {
            return self.policy(route, channel).fallback.as_ref();
        }
        let names_channel = |route: &&Route| route.channels.iter().any(|name| name == channel);
        self.routes.iter().filter(names_channel).find_map(|route| route.policy.fallback.as_ref())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_without_rate_is_that_of_the_service() {
        let rows = [
            (ChannelKind::Console, 0),
            (ChannelKind::Desktop, 0),
            (ChannelKind::Slack, 1000),
            (ChannelKind::Webhook, 50),
            (ChannelKind::PagerDuty, 500),
            (ChannelKind::Exec, 0),
        ];
        for (kind, millis) in rows {
            let channel = Channel { kind, ..Channel::default() };
            assert_eq!(channel.interval(), Duration::from_millis(millis), "{kind}");
        }
    }
}
