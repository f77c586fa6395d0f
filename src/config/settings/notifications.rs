//! Reader of the notification policy: `notifications`.

use std::time::Duration;

use super::speech::SPEECH;
use super::{Channel, ChannelKind, Route, Settings, Severity};
use crate::config::keys::Trust::{Anyone, Loopback, NoCommand, Owner};
use crate::config::keys::{Setter, keys, read_entry, read_map, section};
use crate::config::valid::{http_host, loopback};
use crate::config::value::{Field, Result};
use crate::config::yaml::Value;
use crate::event;
use crate::glob::GlobList;
use crate::rules::notification::connection::{ChannelUrl, Rate};
use crate::rules::notification::escalate::EscalationStep;
use crate::rules::notification::policy::GroupBy;
use crate::rules::notification::quiet::QuietHours;
use crate::rules::working_time::{DAYS, parse_time};
use crate::secret::Secret;
use crate::text::{alternatives, nearest, safe, shorten};

keys! {
    NOTIFICATIONS for settings: Settings [notifications] in "notifications";
    /// Channels by name.
    channels: Vec<Channel> = "{console: {type: console}}", file Anyone => channels();
    /// Routes, which choose the channels of events.
    routes: Vec<Route> = [], file Anyone => routes(&settings.notifications.channels);
    /// Hours in which notices wait for their end.
    quiet_hours: Option<QuietHours> = none, file Anyone => quiet_hours();
    /// Rounds that may be missing before a notice says so; 0: no notice.
    heartbeat_rounds: u32 = "5", env Anyone => whole(0..=1000);
    /// URL of a dead man's switch, which gets a request after each round that has read queues.
    heartbeat_url: Option<Secret> = none, file Owner("send heartbeats to a service") => secret();
}

section! {
    /// Entry `quiet_hours`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct QuietHoursKeys, QUIET for entry: QuietHoursKeys [] in "notifications.quiet_hours";
    /// Time zone of the hours.
    zone: String = required, file Anyone => text();
    /// Time of day at which they begin.
    from: String = required, file Anyone => text_like(TIME_OF_DAY, is_time_of_day);
    /// Time of day at which they end, on the next day unless it is later.
    to: String = required, file Anyone => text_like(TIME_OF_DAY, is_time_of_day);
    /// Days on which they begin.
    days: Vec<String> = "[mon, tue, wed, thu, fri, sat, sun]", file Anyone =>
        list(|item| item.text_like(DAY, is_day));
    /// Least severity of the notices that are sent all the same.
    severity: Severity = "FATAL", file Anyone => choice(&Severity::ALL, Severity::as_str);
}

/// The type of a route by which a channel gets escalations and fallbacks only.
const NO_TYPE: &str = "none";

pub(super) const TIME_OF_DAY: &str = "a time of day with two digits each, such as 07:00 or 22:00";
pub(super) const DAY: &str = "mon, tue, wed, thu, fri, sat or sun";

pub(super) fn is_time_of_day(text: &str) -> bool {
    parse_time(text).is_some()
}

pub(super) fn is_day(text: &str) -> bool {
    DAYS.iter().any(|(name, _)| *name == text)
}

keys! {
    CHANNEL for entry: Channel [] in "notifications.channels[]";
    /// Type of the channel: console, desktop, speech, slack, webhook, pagerduty or exec.
    kind as "type": ChannelKind = required, file Anyone =>
        choice(&ChannelKind::ALL, ChannelKind::as_str);
    /// Least severity of the events that the channel shows.
    min_severity: Option<Severity> = none, file Anyone => choice(&Severity::ALL, Severity::as_str);
    /// Whether quiet hours hold for the channel; without it, for desktop, speech and slack.
    quiet_hours: Option<bool> = none, file Anyone => flag();
}

const TO_A_SERVICE: &str = "send notices to a service";

keys! {
    CONNECTION for entry: Channel [connection] in "notifications.channels[]";
    /// URL of a webhook: of slack a secret, of webhook a secret or a URL without a user.
    url: Option<ChannelUrl> = none, file Loopback => channel_url(entry.kind);
    /// Base URL of the API of slack or pagerduty, in place of that of the service.
    endpoint: Option<String> = none, file Owner("name the server that gets the key") => https_url();
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
    types as "type": Option<GlobList> = none, file Anyone => event_types();
    /// Names of their queues.
    queues as "queue": Option<GlobList> = none, file Anyone => glob_or_globs();
    /// Least severity of the events.
    severity: Option<Severity> = none, file Anyone => choice(&Severity::ALL, Severity::as_str);
    /// Accounts of the queues, by name, profile or id.
    accounts as "account": Option<GlobList> = none, file Anyone => glob_or_globs();
    /// Whether the pull request of the event is one of ours.
    ours: Option<bool> = none, file Anyone => flag();
    /// Channels that get the events; an empty list mutes them.
    channels: Vec<String> = required, file Anyone => texts();
}

keys! {
    ROUTE_POLICY for entry: Route [policy] in "notifications.routes[]";
    /// Scope within which notices are one: incident, fingerprint or queue.
    group_by: GroupBy = "incident", file Anyone => choice(&GroupBy::ALL, GroupBy::as_str);
    /// Time for which a first notice waits for others.
    group_wait: Duration = "0s", file Anyone => span(Duration::ZERO..=HOUR);
    /// Time for which a problem has to be over before its end is sent.
    clear_wait: Duration = "5m", file Anyone => span(Duration::ZERO..=super::DAY);
    /// Time between two reminders of a problem that goes on.
    repeat_interval: Option<Duration> = none, file Anyone => span(super::MINUTE..=super::DAY * 30);
    /// Channel that gets the notices that this one refuses.
    fallback: Option<String> = none, file Anyone => text();
    /// Channels that are told when nobody acknowledges a notice, each after a time.
    escalate: Vec<EscalationStep> = [], file Anyone => escalation();
}

keys! {
    ESCALATION for entry: EscalationStep [] in "notifications.routes[].escalate[]";
    /// Time from the first notice to the step.
    after: Duration = required, file Anyone => span(super::MINUTE..=super::DAY * 30);
    /// Channel that is told.
    to: String = required, file Anyone => text();
}

const HOUR: Duration = Duration::from_secs(3600);

impl Field<'_> {
    fn channels(&self) -> Result<Vec<Channel>> {
        let entries = self.any_entries()?;
        if entries.is_empty() {
            let why = "nobody would be notified; leave the key out for the channel console, or set \
                       features.notify to false";
            return Err(self.problem(format!("no channels: {why}")));
        }
        entries.iter().map(|(name, entry)| channel(name, entry)).collect()
    }

    /// Reads the types of events: patterns of which each matches a type that is known.
    fn event_types(&self) -> Result<GlobList> {
        match &self.node.value {
            Value::List(_) => self.list(|item| item.event_type()).map(drop)?,
            _ => self.event_type()?,
        }
        self.glob_or_globs()
    }

    fn event_type(&self) -> Result<()> {
        let (pattern, globs) = (self.text()?, self.glob()?);
        let known = event::known_types();
        if pattern == NO_TYPE || known.iter().any(|name| globs.matches(name)) {
            return Ok(());
        }
        let mut families: Vec<String> = known
            .iter()
            .filter_map(|name| Some(format!("{}.*", name.split_once('.')?.0)))
            .collect();
        families.dedup();
        let names = families.iter().map(String::as_str).chain(known.iter().copied());
        let hint = match nearest(&pattern.to_lowercase(), names) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("known: {}; dlq-events(5) has all", families.join(", ")),
        };
        let pattern = safe(&shorten(&pattern, 60)).into_owned();
        Err(self.problem(format!("no event has the type '{pattern}'; {hint}")))
    }

    fn routes(&self, channels: &[Channel]) -> Result<Vec<Route>> {
        self.list(|entry| route(entry, channels))
    }

    /// Reads one step or a list of them, which are taken in the order of their times.
    fn escalation(&self) -> Result<Vec<EscalationStep>> {
        let mut steps: Vec<EscalationStep> = match self.node.value {
            Value::Map(_) => vec![read_entry(ESCALATION, self)?],
            _ => self.list(|entry| read_entry(ESCALATION, entry))?,
        };
        steps.sort_by_key(|step| step.after);
        Ok(steps)
    }

    fn quiet_hours(&self) -> Result<QuietHours> {
        let keys: QuietHoursKeys = read_entry(QUIET, self)?;
        let window = self.week_window(&keys.zone, &keys.from, &keys.to, &keys.days)?;
        Ok(QuietHours { window, severity: keys.severity })
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
    let mut route = Route::default();
    read_map(&mut route, ROUTE.iter().chain(ROUTE_POLICY), field)?;
    let names: Vec<&str> = known.iter().map(|channel| channel.name.as_str()).collect();
    for (key, entry) in field.any_entries()? {
        match key {
            "channels" => drop(entry.list(|name| known_channel(name, &names))?),
            "fallback" => known_channel(&entry, &names)?,
            "escalate" if matches!(entry.node.value, Value::Map(_)) => known_step(&entry, &names)?,
            "escalate" => drop(entry.list(|step| known_step(step, &names))?),
            _ => {}
        }
    }
    check_others(field, &route)?;
    Ok(route)
}

/// Refuses a fallback and escalation steps to a channel that the route tells anyway.
fn check_others(field: &Field<'_>, route: &Route) -> Result<()> {
    let is_own = |name: &String| route.channels.contains(name);
    let own_step = route.policy.escalate.iter().map(|step| &step.to).find(|to| is_own(to));
    let own_fallback = route.policy.fallback.as_ref().filter(|name| is_own(name));
    let found = own_fallback.map(|name| ("fallback", name));
    let Some((key, name)) = found.or(own_step.map(|name| ("escalate", name))) else {
        return Ok(());
    };
    let entries = field.any_entries()?;
    let entry = entries.iter().find(|(known, _)| *known == key);
    let at = entry.map_or(field, |(_, entry)| entry);
    let name = safe(&shorten(name, 60)).into_owned();
    Err(at.problem(format!("channel '{name}' is told by this route anyway; name another one")))
}

/// Checks that the channel of an escalation step exists.
fn known_step(step: &Field<'_>, names: &[&str]) -> Result<()> {
    let entries = step.any_entries()?;
    let to = entries.iter().find(|(key, _)| *key == "to");
    to.map_or(Ok(()), |(_, to)| known_channel(to, names))
}

/// Checks that a channel exists.
fn known_channel(field: &Field<'_>, names: &[&str]) -> Result<()> {
    let name = field.text()?;
    if names.contains(&name.as_str()) {
        return Ok(());
    }
    let hint = match nearest(&name, names.iter().copied()) {
        Some(near) => format!("did you mean '{}'?", safe(near)),
        None => format!("known: {}", safe(&names.join(", "))),
    };
    Err(field.problem(format!("unknown channel '{}'; {hint}", safe(&shorten(&name, 60)))))
}
