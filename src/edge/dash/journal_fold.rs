//! The state of the dashboard without a screen: the journal and the state folder, read on as often as
//! it is asked for.

use super::source::JournalReader;
use super::state_files::FolderReader;
use super::take_live_lines;
use crate::edge::closed_folder;
use crate::journal::Journal;
use crate::journal::rotation::Rotation;
use crate::rules::view::dashboard::Dashboard;
use crate::store::Store;

/// The state by the journal and the state folder.
pub struct JournalFold {
    journal: JournalReader,
    folder: FolderReader,
    state: Dashboard,
}

impl JournalFold {
    pub fn new(store: Store, rotation: Rotation) -> Self {
        JournalFold {
            journal: JournalReader::new(Journal::new(&store, rotation)),
            folder: FolderReader::new(store),
            state: Dashboard::default(),
        }
    }

    /// Reads what is new, and returns the state, with the problems of `others` behind its own. A last
    /// line without its end is a problem at once when nothing is read `later`.
    pub fn renew(&mut self, later: bool, others: Vec<String>) -> &Dashboard {
        read_new_lines(&mut self.state, &mut self.journal);
        let reading = self.folder.read();
        let journal = &self.journal;
        let mut problems = if later { journal.problems() } else { journal.problems_at_end() };
        let more = reading.problems.iter().cloned().chain(others);
        more.for_each(|problem| closed_folder::add(&mut problems, problem));
        self.state.set_folder(reading);
        self.state.source.problems = problems;
        &self.state
    }
}

/// Takes the lines of the journal that were not read yet.
pub(super) fn read_new_lines(state: &mut Dashboard, reader: &mut JournalReader) {
    loop {
        let lines = reader.lines();
        if lines.is_empty() {
            return;
        }
        take_live_lines(state, &lines);
    }
}
