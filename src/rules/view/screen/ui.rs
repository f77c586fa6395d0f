//! The state of the user interface: view, selection, filter, order, open pages, prompts.

use super::filter::RowFilter;
use super::lists::ListState;
use super::rows::ListName;
use super::theme::StyledLine;
use crate::rules::view::dashboard::Dashboard;
use crate::time::Timestamp;

/// The settings of the screen, by options and by the terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScreenFlags {
    pub color: bool,
    pub ascii: bool,
    pub emoji: bool,
    /// Whether actions are allowed.
    pub write: bool,
    /// Whether the events come from standard input, and not from the journal.
    pub is_stdin: bool,
    /// Whether the events are those of a recording.
    pub is_recording: bool,
    /// Whether the program that moves messages back is installed.
    pub has_redrive: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScreenView {
    #[default]
    Overview,
    Analytics,
    Investigations,
    Incidents,
}

impl ScreenView {
    pub const ALL: [ScreenView; 4] = [
        ScreenView::Overview,
        ScreenView::Analytics,
        ScreenView::Investigations,
        ScreenView::Incidents,
    ];

    pub fn title(self) -> &'static str {
        match self {
            ScreenView::Overview => "Overview",
            ScreenView::Analytics => "Analytics",
            ScreenView::Investigations => "Investigations",
            ScreenView::Incidents => "Incidents",
        }
    }

    /// Reads the name of a view, in any case of letters.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.title().eq_ignore_ascii_case(word))
    }

    /// Returns the lists of the view.
    pub fn lists(self) -> &'static [ListName] {
        match self {
            ScreenView::Overview => &OVERVIEW,
            ScreenView::Analytics => &[],
            ScreenView::Investigations => &[ListName::Investigations],
            ScreenView::Incidents => &[ListName::Incidents],
        }
    }
}

/// The panels of the Overview.
pub const OVERVIEW: [ListName; 4] =
    [ListName::Queues, ListName::Investigators, ListName::Requests, ListName::Timeline];

/// A page that a person has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenPage {
    Queue(Box<str>),
    Incident(Box<str>),
    Session(Box<str>),
    Request(Box<str>),
    /// A sentence of the timeline, with its incident.
    News(Box<str>, Option<Box<str>>),
}

/// The files of a session, or why they cannot be read; an empty text is a file that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedFiles {
    pub session: Box<str>,
    pub report: Result<String, String>,
    pub patch: Result<String, String>,
}

/// The meaning of the next keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Prompt {
    #[default]
    None,
    Help,
    /// A filter is typed; the one before comes back with esc.
    Filter(RowFilter),
    /// A question before a program is run.
    Confirm {
        question: String,
        argv: Vec<String>,
    },
    /// A span is typed, the last argument of the program.
    Span {
        question: String,
        argv: Vec<String>,
        typed: String,
        /// Whether what is typed is still the suggestion, which the first character replaces.
        is_suggested: bool,
    },
}

/// A program that a key has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningAction {
    pub argv: Vec<String>,
    pub since: Timestamp,
}

/// A request to the edge after a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Quit,
    /// Stop the process group of the pipeline.
    Suspend,
    /// Draw every cell.
    Redraw,
    /// Read the attached files again, and draw every cell.
    Reread,
    /// Open an address in a browser.
    Open(String),
    /// Put text into the clipboard of the terminal.
    Copy(String),
    /// Run a program, the first word, and tell its end by [`Ui::end_action`].
    Run(Vec<String>),
    /// Read report and patch of a session into [`Ui::attached`].
    Attach(Box<str>),
}

/// The user interface.
#[derive(Debug, Default)]
pub struct Ui {
    pub flags: ScreenFlags,
    pub view: ScreenView,
    /// Whether the screen is held still: events are folded and not drawn.
    pub is_paused: bool,
    /// A sentence for the person, until the next key.
    pub note: Option<String>,
    pub attached: Option<AttachedFiles>,
    /// The programs that keys have started, the newest last.
    pub(super) running: Vec<RunningAction>,
    pub(super) prompt: Prompt,
    /// The panel of the Overview that the keys act on.
    pub(super) focus: usize,
    pub(super) filters: [RowFilter; 4],
    pub(super) lists: [ListState; 6],
    pub(super) open: Option<OpenPage>,
    pub(super) scroll: Scroll,
    pub(super) analytics: Option<CachedPage>,
}

/// The part of a page that is shown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Scroll {
    pub top: usize,
    /// The lines of the page, and those that the last frame had room for.
    pub lines: usize,
    pub visible: usize,
}

impl Scroll {
    /// Moves by lines, and stays within the page.
    pub fn step(&mut self, lines: isize) {
        let most = self.lines.saturating_sub(self.visible);
        self.top = self.top.saturating_add_signed(lines).min(most);
    }
}

/// A page that is expensive to make, and what it was made from.
#[derive(Debug)]
pub struct CachedPage {
    pub made_from: (u64, u64, i64, usize, bool, bool),
    pub lines: Vec<StyledLine>,
}

impl Ui {
    pub fn new(flags: ScreenFlags) -> Self {
        Ui { flags, ..Ui::default() }
    }

    /// Returns the filter of the present view.
    pub fn filter(&self) -> &RowFilter {
        &self.filters[self.view as usize]
    }

    /// Returns whether keys are taken as text.
    pub fn is_typing(&self) -> bool {
        matches!(self.prompt, Prompt::Filter(_) | Prompt::Span { .. })
    }

    pub(super) fn set_filter(&mut self, filter: RowFilter) {
        self.filters[self.view as usize] = filter;
        for name in self.view.lists() {
            self.lists[*name as usize].forget();
        }
    }

    /// Returns the list that the keys act on.
    pub(super) fn focused(&self) -> Option<ListName> {
        match self.view {
            ScreenView::Overview => OVERVIEW.get(self.focus).copied(),
            view => view.lists().first().copied(),
        }
    }

    pub(super) fn focused_list(&mut self) -> Option<(ListName, &mut ListState)> {
        let name = self.focused()?;
        Some((name, &mut self.lists[name as usize]))
    }

    /// Makes the rows of the present view anew where that is due.
    pub fn derive(&mut self, state: &Dashboard, now: Timestamp) {
        for name in self.view.lists() {
            let filter = &self.filters[self.view as usize];
            self.lists[*name as usize].derive(*name, state, now, filter);
        }
    }

    pub(super) fn show(&mut self, view: ScreenView) {
        self.view = view;
        self.close();
    }

    pub(super) fn close(&mut self) {
        self.open = None;
        self.scroll = Scroll::default();
    }

    pub(super) fn open(&mut self, page: OpenPage) {
        self.open = Some(page);
        self.scroll = Scroll::default();
    }

    /// Returns whether a question waits for an answer.
    pub(super) fn is_asked(&self) -> bool {
        !matches!(self.prompt, Prompt::None | Prompt::Help)
    }

    /// Returns whether keys scroll a page, and do not move in a list.
    pub(super) fn has_page(&self) -> bool {
        self.open.is_some() || self.prompt == Prompt::Help || self.view == ScreenView::Analytics
    }
}
