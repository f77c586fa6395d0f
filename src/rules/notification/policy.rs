//! Notification policy: the channels and routes that a configuration defines.
//!
//! Promises: channel names are unique, and routes name only channels that exist. The reader of the
//! configuration checks both.

use crate::event::{Severity, words};
use crate::glob::GlobList;
use crate::rules::speech::settings::SpeechSettings;

/// Channels, and the routes that choose between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Notifications {
    /// Channels in the order of the file.
    pub channels: Vec<Channel>,
    /// Routes in the order of the file. A channel that no route names keeps its defaults.
    pub routes: Vec<Route>,
}

impl Default for Notifications {
    fn default() -> Self {
        let console = Channel { name: "console".into(), ..Channel::default() };
        Notifications { channels: vec![console], routes: Vec::new() }
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
    /// Settings of the type `speech`.
    pub speech: SpeechSettings,
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
    /// Names of channels. An empty list mutes the events.
    pub channels: Vec<String>,
}
