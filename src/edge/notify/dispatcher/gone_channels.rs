//! Deliveries for channels that are not configured any more.

use super::Dispatcher;
use super::deliveries::{them, waits};
use crate::clock;
use crate::edge::notify::gone::GoneChannel;
use crate::edge::notify::lines::failed_line;
use crate::edge::notify::records::Finished;
use crate::error::Error;
use crate::text::{count, safe};
use crate::wire::Output;

impl Dispatcher {
    /// Decides once about what waits for channels that are not configured any more: its fallback gets
    /// it; without one it waits, until it is given up.
    pub(super) fn look_for_gone(&mut self, out: &mut Output) -> Result<(), Error> {
        let is_open = self.gone.is_none() && self.drain.is_some();
        let Some(state) = self.state.as_ref().filter(|_| is_open) else { return Ok(()) };
        let found = state.gone_channels(&self.notifications);
        self.gone.get_or_insert_default();
        let (found, unreadable) = match found {
            Ok(found) => found,
            Err(error) => {
                self.report_error(Err(error));
                return Ok(());
            }
        };
        unreadable.into_iter().for_each(|error| self.report_error(Err(error)));
        let held = self.gone.get_or_insert_default();
        let (now, mut sentences) = (clock::now(), Vec::new());
        for GoneChannel { name, outbox, entries, lock } in found {
            held.push(lock);
            let (mut moved, mut waiting, mut given_up) = (Vec::new(), 0, 0);
            for entry in entries {
                let fallback = entry.fallback.clone();
                if let Some(to) = fallback.filter(|to| self.notifications.has_channel(to)) {
                    moved.push(to);
                } else if entry.is_given_up(now) {
                    given_up += 1;
                    self.ended.lines.push(failed_line(&entry, "its channel is gone", now));
                } else {
                    waiting += 1;
                    continue;
                }
                self.ended.push(Finished::gone(outbox.clone(), entry));
            }
            self.failed |= given_up > 0;
            sentences.extend(gone_sentences(&name, &moved, waiting, given_up));
        }
        sentences.iter().for_each(|sentence| self.warn_once(sentence));
        // A fallback that gets a beginning is known before its end is planned.
        self.settle(out)?;
        self.record(true);
        Ok(())
    }
}

/// Returns what becomes of the deliveries for a channel that is gone.
fn gone_sentences(name: &str, moved: &[String], waiting: usize, given_up: usize) -> Vec<String> {
    let lead = format!("channel '{}' is not configured any more", safe(name));
    let mut sentences = Vec::new();
    if let Some(to) = moved.first() {
        let notices = count(moved.len() as u64, "notice");
        sentences.push(format!("{lead}: its fallback '{}' gets {notices}", safe(to)));
    }
    if waiting > 0 {
        sentences.push(format!(
            "{lead}: {} in the outbox until 3 days old; configure the channel again to send {}",
            waits(waiting),
            them(waiting)
        ));
    }
    if given_up > 0 {
        let notices = count(given_up as u64, "notice");
        let are = if given_up == 1 { "is" } else { "are" };
        sentences.push(format!("{lead}: {notices} {are} given up after 3 days"));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_the_grammar_of_their_number() {
        let one = ["mail".to_owned()];
        let rows = [
            (
                gone_sentences("old", &one, 1, 1),
                [
                    "its fallback 'mail' gets 1 notice",
                    "1 notice waits in the outbox until 3 days old; configure the channel again to \
                     send it",
                    "1 notice is given up after 3 days",
                ],
            ),
            (
                gone_sentences("old", &[one.clone(), one].concat(), 2, 2),
                [
                    "its fallback 'mail' gets 2 notices",
                    "2 notices wait in the outbox until 3 days old; configure the channel again to \
                     send them",
                    "2 notices are given up after 3 days",
                ],
            ),
        ];
        for (found, expected) in rows {
            let lead = "channel 'old' is not configured any more: ";
            let expected = expected.map(|rest| format!("{lead}{rest}"));
            assert_eq!(found, expected);
        }
        assert_eq!((waits(1), them(1)), ("1 notice waits".into(), "it"));
        assert_eq!((waits(2), them(2)), ("2 notices wait".into(), "them"));
    }
}
