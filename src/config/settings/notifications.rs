//! Reader of the notification policy: `notifications`.

use super::speech::SPEECH;
use super::{Channel, ChannelKind, Route, Settings, Severity};
use crate::config::keys::Trust::Anyone;
use crate::config::keys::{Setter, keys, read_entry, read_map};
use crate::config::value::{Field, Result};
use crate::glob::GlobList;
use crate::rules::speech::settings::SpeechEngine;
use crate::text::{nearest, safe, shorten};

keys! {
    NOTIFICATIONS for settings: Settings [notifications] in "notifications";
    /// Channels by name.
    channels: Vec<Channel> = "{console: {type: console}}", file Anyone => channels();
    /// Routes, which choose the channels of events.
    routes: Vec<Route> = [], file Anyone => routes(&settings.notifications.channels);
}

keys! {
    CHANNEL for entry: Channel [] in "notifications.channels[]";
    /// Type of the channel: console, desktop or speech.
    kind as "type": ChannelKind = required, file Anyone =>
        choice(&ChannelKind::ALL, ChannelKind::as_str);
    /// Least severity of the events that the channel shows.
    min_severity: Option<Severity> = none, file Anyone => choice(&Severity::ALL, Severity::as_str);
}

keys! {
    ROUTE for entry: Route [] in "notifications.routes[]";
    /// Types of the events.
    types as "type": Option<GlobList> = none, file Anyone => glob_or_globs();
    /// Names of their queues.
    queues as "queue": Option<GlobList> = none, file Anyone => glob_or_globs();
    /// Least severity of the events.
    severity: Option<Severity> = none, file Anyone => choice(&Severity::ALL, Severity::as_str);
    /// Channels that get the events; an empty list mutes them.
    channels: Vec<String> = required, file Anyone => texts();
}

impl Field<'_> {
    fn channels(&self) -> Result<Vec<Channel>> {
        self.any_entries()?.iter().map(|(name, entry)| channel(name, entry)).collect()
    }

    fn routes(&self, channels: &[Channel]) -> Result<Vec<Route>> {
        self.list(|entry| route(entry, channels))
    }
}

fn channel(name: &str, field: &Field<'_>) -> Result<Channel> {
    // Journal and state carry the name.
    if name.is_empty() || name.len() > 64 || name.contains(char::is_control) {
        return Err(field.problem("expected a name of 1 to 64 bytes"));
    }
    let mut channel = Channel { name: name.to_owned(), ..Channel::default() };
    let entries = field.any_entries()?;
    let kind = entries.iter().find(|(key, _)| *key == "type");
    let kind = kind.and_then(|(_, kind)| kind.choice(&ChannelKind::ALL, ChannelKind::as_str).ok());
    // A key of another type is refused as unknown.
    let own: &[Setter<Channel>] = if kind == Some(ChannelKind::Speech) { SPEECH } else { &[] };
    read_map(&mut channel, CHANNEL.iter().chain(own), field)?;
    if channel.speech.engine == SpeechEngine::ElevenLabs && channel.speech.voice.is_none() {
        return Err(field.problem("'voice' is missing: engine elevenlabs needs the id of a voice"));
    }
    Ok(channel)
}

/// Reads a route, and checks that its channels exist.
fn route(field: &Field<'_>, known: &[Channel]) -> Result<Route> {
    let route: Route = read_entry(ROUTE, field)?;
    let names: Vec<&str> = known.iter().map(|channel| channel.name.as_str()).collect();
    let Some(name) = route.channels.iter().find(|name| !names.contains(&name.as_str())) else {
        return Ok(route);
    };
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean '{}'?", safe(near)),
        None if names.is_empty() => "there are no channels".to_owned(),
        None => format!("known: {}", safe(&names.join(", "))),
    };
    let entries = field.any_entries()?;
    let channels = entries.iter().find(|(key, _)| *key == "channels").map_or(field, |(_, f)| f);
    Err(channels.problem(format!("unknown channel '{}'; {hint}", safe(&shorten(name, 60)))))
}
