//! The ways to reach people. Each file is one kind of channel, thin and without policy.

pub mod console;
pub mod desktop;
pub mod dispatcher;

use std::time::Duration;

use crate::clock;
use crate::config::{Channel, ChannelKind};
use crate::error::Error;
use crate::event::Severity;
use crate::rules::notification::message::Sentence;
use crate::store::{Wait, assert_may_wait};
use desktop::Desktop;

/// Sends one test notice through a channel, and waits for what comes of it.
pub fn try_out(channel: &Channel, color: bool) -> Result<(), Error> {
    let works = format!("channel '{}' works", channel.name);
    let said = "a test notice";
    let sentence = Sentence::plain(Severity::Info, "dlq-tools", said, &works, clock::now());
    if channel.kind == ChannelKind::Console {
        console::show(&sentence, color);
        return Ok(());
    }
    let mut desktop = Desktop::default();
    desktop.push(sentence, ());
    let mut done = desktop.turn();
    assert_may_wait(Wait::ProcessEnd);
    while desktop.busy() {
        std::thread::sleep(Duration::from_millis(5));
        done.extend(desktop.turn());
    }
    let failed = |failure| Error::failed("notify channel", &channel.name, failure);
    done.into_iter().try_for_each(|done| done.result.map_err(failed))
}
