//! A view as plain text, printed once: for mail, chat and tests.

use super::batches::Batches;
use super::journal_fold::read_new_lines;
use super::source::{JournalReader, open_recording};
use super::state_files::FolderReader;
use super::{EventSource, Sources, take_lines, take_live_lines};
use crate::clock;
use crate::edge::closed_folder;
use crate::error::{Error, io_cause};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::screen::{self, Ui};
use crate::wire;

/// Reads the source to its end, and prints a view with so many columns and at most so many lines.
/// Returns whether a part could not be read.
pub fn print(sources: Sources, ui: &mut Ui, width: u16, height: u16) -> Result<bool, Error> {
    let mut state = Dashboard::default();
    let mut problems = Vec::new();
    let mut now = clock::now();
    match sources.events {
        EventSource::Stdin => {
            let read = read_all(&mut state, Batches::new(std::io::stdin()), take_live_lines);
            read.map_err(|error| Error::failed("read", "standard input", io_cause(&error)))?;
        }
        EventSource::Recording(path) => {
            let read = read_all(&mut state, open_recording(&path)?, take_lines);
            read.map_err(|error| Error::file("read", &path, &error))?;
            now = state.source.newest.unwrap_or(now);
        }
        EventSource::Journal(journal) => {
            let mut reader = JournalReader::new(journal);
            read_new_lines(&mut state, &mut reader);
            problems = reader.problems_at_end();
        }
    }
    if let Some(store) = sources.store {
        let reading = FolderReader::new(store).read();
        let more = reading.problems.iter().cloned();
        more.for_each(|problem| closed_folder::add(&mut problems, problem));
        state.set_folder(reading);
    }
    let is_unread = state.source.damaged > 0 || state.source.is_ahead_of_clock();
    let has_problems = !problems.is_empty() || is_unread;
    state.source.problems = problems;
    wire::print(screen::text(&state, ui, now, width, height).as_bytes())?;
    Ok(has_problems)
}

fn read_all(
    state: &mut Dashboard,
    mut batches: Batches<impl std::io::Read>,
    take: fn(&mut Dashboard, &[u8]),
) -> std::io::Result<()> {
    while let Some(batch) = batches.next()? {
        state.source.damaged += batch.too_long;
        take(state, &batch.lines);
    }
    state.source.ended = true;
    Ok(())
}
