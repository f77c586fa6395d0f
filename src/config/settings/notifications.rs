//! Reader of the notification policy: `notifications`.

use super::speech::SPEECH;
use super::{Channel, ChannelKind, Route, Settings, Severity};
use crate::config::keys::Trust::{Anyone, Loopback, NoCommand, Owner};
use crate::config::keys::{Setter, keys, read_entry, read_map};
use crate::config::valid::{http_host, loopback};
use crate::config::value::{Field, Result};
use crate::config::yaml::Value;
use crate::glob::GlobList;
use crate::rules::notification::connection::{ChannelUrl, Rate};
use crate::secret::Secret;
use crate::text::{alternatives, nearest, safe, shorten};

keys! {
    NOTIFICATIONS for settings: Settings [notifications] in "notifications";
    /// Channels by name.
    channels: Vec<Channel> = "{console: {type: console}}", file Anyone => channels();
    /// Routes, which choose the channels of events.
    routes: Vec<Route> = [], file Anyone => routes(&settings.notifications.channels);
}

keys! {
    CHANNEL for entry: Channel [] in "notifications.channels[]";
    /// Type of the channel: console, desktop, speech, slack, webhook, pagerduty or exec.
    kind as "type": ChannelKind = required, file Anyone =>
        choice(&ChannelKind::ALL, ChannelKind::as_str);
    /// Least severity of the events that the channel shows.
    min_severity: Option<Severity> = none, file Anyone => choice(&Severity::ALL, Severity::as_str);
}

const TO_A_SERVICE: &str = "send notices to a service";

keys! {
    CONNECTION for entry: Channel [connection] in "notifications.channels[]";
    /// URL of a webhook: of slack a secret, of webhook a secret or a URL without a user.
    url: Option<ChannelUrl> = none, file Loopback => channel_url(entry.kind);
    /// Base URL of the API of slack or pagerduty, in place of that of the service.
    endpoint: Option<String> = none, file Loopback => https_url();
    /// Bot token of Slack, with the scope chat:write.
    token: Option<Secret> = none, file Owner(TO_A_SERVICE) => secret();
    /// Channel of Slack that the bot posts to, as an id or a name.
    channel: Option<String> = none, file Anyone => text_like(SLACK_CHANNEL, slack_channel);
    /// Secret that signs the bodies of a webhook; it begins with whsec_.
    secret: Option<Secret> = none, file NoCommand => secret();
    /// Integration key of a PagerDuty service, for the Events API v2.
    key: Option<Secret> = none, file Owner(TO_A_SERVICE) => secret();
    /// Command that exec runs for each notice: a program and its arguments.
    command: Vec<String> = [], file NoCommand => program();
    /// Most deliveries in a time, such as 1/s, 30/m or 100/h.
    rate: Option<Rate> = none, file Anyone => rate();
}

const SLACK_CHANNEL: &str = "an id or a name of 1 to 80 bytes without blanks";

fn slack_channel(text: &str) -> bool {
    text.len() <= 80 && !text.contains(|c: char| c.is_whitespace() || c.is_control())
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

    /// Reads the URL of a webhook. That of Slack lets anybody post, and is a secret.
    fn channel_url(&self, kind: ChannelKind) -> Result<ChannelUrl> {
        match self.node.value {
            Value::Text(_) if kind != ChannelKind::Slack => self.https_url().map(ChannelUrl::Plain),
            _ => self.secret().map(ChannelUrl::Secret),
        }
    }

    /// Reads a URL that notices may be sent to.
    pub(super) fn https_url(&self) -> Result<String> {
        let url = self.endpoint()?;
        let host = http_host(&url).unwrap_or_default();
        if url.starts_with("https://") || loopback(host) {
            return Ok(url);
        }
        Err(self.problem("only https is used, except on this machine"))
    }

    fn rate(&self) -> Result<Rate> {
        let found = self.text().ok().and_then(|text| Rate::parse(text.trim()));
        found.ok_or_else(|| {
            let most = Rate::COUNT_MAX;
            self.expected(&format!("a rate such as 1/s, 30/m or 100/h, of at most {most}"))
        })
    }
}

fn channel(name: &str, field: &Field<'_>) -> Result<Channel> {
    // Journal and state carry the name.
    if name.is_empty() || name.len() > 64 || name.contains(char::is_control) {
        return Err(field.problem("expected a name of 1 to 64 bytes"));
    }
    check_keys(field)?;
    let mut channel = Channel { name: name.to_owned(), ..Channel::default() };
    read_map(&mut channel, CHANNEL.iter().chain(CONNECTION).chain(SPEECH), field)?;
    match channel.incomplete() {
        Some(problem) => Err(field.problem(problem)),
        None => Ok(channel),
    }
}

/// Refuses the keys of other types than that of the channel.
fn check_keys(field: &Field<'_>) -> Result<()> {
    let entries = field.any_entries()?;
    let kind = entries.iter().find(|(name, _)| *name == "type");
    let kind =
        kind.and_then(|(_, kind)| kind.text().ok()).and_then(|kind| ChannelKind::parse(&kind));
    let Some(kind) = kind else { return Ok(()) };
    let is_in =
        |keys: &[Setter<Channel>], name: &str| keys.iter().any(|key| key.spec.name() == name);
    let owns = |kind: ChannelKind, name: &str| {
        let speaks = kind == ChannelKind::Speech && is_in(SPEECH, name);
        speaks || kind.own_keys().contains(&name)
    };
    let foreign =
        |name: &&str| (is_in(CONNECTION, name) || is_in(SPEECH, name)) && !owns(kind, name);
    match entries.iter().find(|(name, _)| foreign(name)) {
        None => Ok(()),
        Some((name, field)) => {
            let types = ChannelKind::ALL.iter().filter(|kind| owns(**kind, name));
            let types: Vec<&str> = types.map(|kind| kind.as_str()).collect();
            Err(field.problem(format!(
                "a channel of type {kind} has no such key; one of type {} has",
                alternatives(&types)
            )))
        }
    }
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
