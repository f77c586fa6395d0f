//! Notification channels, one a file, and the dispatcher that sends to them.

pub mod console;
pub mod desktop;
pub mod dispatcher;
pub mod speech;

use std::time::Duration;

use crate::clock;
use crate::config::{ChannelKind, Notifications};
use crate::error::Error;
use crate::event::Severity;
use crate::rules::notification::message::Notice;
use crate::store::{self, BlockingWait};
use crate::text::unknown;
use desktop::Desktop;

/// Sends one test notice through the channel of that name, and waits for the result.
pub fn test_channel(notifications: &Notifications, name: &str, color: bool) -> Result<(), Error> {
    let channels = &notifications.channels;
    let Some(channel) = channels.iter().find(|channel| channel.name == name) else {
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        return Err(Error::wrong(format!(
            "option '--test-channel': {}",
            unknown("channel", name, &names)
        )));
    };
    let next = format!("channel '{name}' works");
    let notice = Notice::plain(Severity::Info, "dlq-tools", "a test notice", &next, clock::now());
    if channel.kind == ChannelKind::Console {
        console::show(&notice, color);
        return Ok(());
    }
    let mut desktop = Desktop::default();
    desktop.push(notice, ());
    let mut results = desktop.poll_children();
    while desktop.is_busy() {
        store::sleep(BlockingWait::ProcessEnd, Duration::from_millis(5));
        results.extend(desktop.poll_children());
    }
    let failed = |error| Error::failed("notify channel", name, error);
    results.into_iter().try_for_each(|one| one.result.map_err(failed))
}
