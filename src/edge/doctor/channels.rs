//! The checks of the channels: their secrets and programs, and with `--send` a notice through each.

use std::sync::Arc;
use std::time::Duration;

use super::DoctorContext;
use super::investigator::is_found;
use super::run::CheckGroup;
use crate::config::{Channel, ChannelKind};
use crate::edge::http::Client;
use crate::edge::notify::{self, ChannelSender};
use crate::edge::private_program;
use crate::rules::health::Diagnosis;
use crate::rules::view::notice::ConsoleStyle;

const REMEDY: &str = "correct the channel in notifications.channels; see dlq-config(5)";

/// Returns a group for each channel. `send`: a notice is sent, with this limit.
pub fn groups(context: &Arc<DoctorContext>, send: Option<Duration>) -> Vec<CheckGroup> {
    let notifications = &context.settings.notifications;
    let mut groups = Vec::new();
    for channel in &notifications.channels {
        let name = format!("channel {}", channel.name);
        if !context.settings.features.notify {
            groups.push(CheckGroup::known(name, Diagnosis::skipped("features.notify is off")));
            continue;
        }
        let (context, channel) = (context.clone(), channel.clone());
        groups.push(CheckGroup::one(name, move || check(&context, &channel, send)));
    }
    if let Some(secret) = notifications.heartbeat_url.clone() {
        let own = context.clone();
        groups.push(CheckGroup::one("heartbeat", move || match secret.resolve(&own.env) {
            Ok(_) => Diagnosis::ok("its URL is known; nothing was sent"),
            Err(error) => {
                Diagnosis::failed(error.to_string(), "correct notifications.heartbeat_url")
            }
        }));
    }
    groups
}

fn check(context: &DoctorContext, channel: &Channel, send: Option<Duration>) -> Diagnosis {
    let program = match channel.kind {
        ChannelKind::Desktop if cfg!(target_os = "macos") => Some("osascript".to_owned()),
        ChannelKind::Desktop => Some("notify-send".to_owned()),
        ChannelKind::Exec => channel.connection.command.first().cloned(),
        ChannelKind::Speech if private_program::find("dlq-say", "dlq-notify").is_err() => {
            Some("dlq-say".to_owned())
        }
        _ => None,
    };
    if let Some(missing) = program.filter(|program| !is_found(context, program)) {
        let remedy = "install it, or correct the channel and PATH";
        return Diagnosis::failed(format!("'{missing}' is not found"), remedy);
    }
    if channel.kind == ChannelKind::Speech
        && channel.speech.voice.is_some()
        && let Err(error) = channel.speech.api_key().resolve(&context.env)
    {
        return Diagnosis::warning(
            error.to_string(),
            "set the key; a local voice speaks meanwhile",
        );
    }
    let http = match Client::new(&context.env) {
        Ok(http) => Arc::new(http),
        Err(error) => return Diagnosis::failed(error.to_string(), "correct the proxy variables"),
    };
    let (settings, env) = (&context.settings, &context.env);
    let style = ConsoleStyle::default();
    let sender = match ChannelSender::new(channel, &settings.origin, env, &http, style) {
        Ok(sender) => sender,
        Err(error) => return Diagnosis::failed(error.to_string(), REMEDY),
    };
    let kind = channel.kind;
    match send {
        None => Diagnosis::ok(format!("{kind}; nothing was sent, as --send does")),
        Some(limit) => match notify::send_test(channel, &sender, limit) {
            Ok(()) => Diagnosis::ok(format!("{kind}; it has taken a test notice")),
            Err(error) => Diagnosis::failed(error.to_string(), REMEDY),
        },
    }
}
