//! The console channel: one line an event on standard error.
//!
//! Promises: colour only where it is wanted; the severity is also a word. The notice is safe for a
//! terminal already.

use super::records::Finished;
use crate::log;
use crate::rules::notification::message::Notice;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::policy::Notifications;
use crate::rules::view::page::PageStyle;

pub fn show(notice: &Notice, color: bool) {
    log::write_stderr(&line(notice, color));
}

/// Prints what a crash has kept from the console.
pub fn print_left(left: Vec<OutboxEntry>, known: &Notifications, color: bool) -> Vec<Finished> {
    let told = left.into_iter().filter_map(|entry| {
        let number = known.channels.iter().position(|one| one.name == entry.channel)?;
        show(&entry.delivery.notice, color);
        Some(Finished::told(number, entry, None))
    });
    told.collect()
}

fn line(notice: &Notice, color: bool) -> String {
    let severity = PageStyle::new(None, color).severity(notice.severity);
    format!("{} {severity} {}", notice.when, notice.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;
    use crate::time::Timestamp;

    #[test]
    fn colour_adds_escape_sequences_only() {
        let at = Timestamp::from_millis(0);
        let notice = Notice::plain(Severity::Error, "q", "it broke", "mend it", at);
        assert_eq!(line(&notice, false), "00:00Z ERROR q: it broke: mend it");
        let coloured = line(&notice, true);
        assert_ne!(coloured, line(&notice, false));
        let plain = coloured.replace("\u{1b}[1;31m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, line(&notice, false));
    }
}
