//! The console channel: notices on standard error. Their form is [`ConsoleStyle`]'s.

use super::records::Finished;
use crate::log;
use crate::rules::notification::message::Notice;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::policy::Notifications;
use crate::rules::view::notice::ConsoleStyle;

/// Prints a notice, as wide as the terminal is now.
pub fn show(notice: &Notice, style: ConsoleStyle) {
    log::write_stderr(&style.text(notice, log::stderr_width()));
}

/// Prints what a crash has kept from the console.
pub fn print_left(
    left: Vec<OutboxEntry>,
    known: &Notifications,
    style: ConsoleStyle,
) -> Vec<Finished> {
    let told = left.into_iter().filter_map(|entry| {
        let number = known.channels.iter().position(|one| one.name == entry.channel)?;
        show(&entry.delivery.notice, style);
        Some(Finished::told(number, entry, None))
    });
    told.collect()
}
