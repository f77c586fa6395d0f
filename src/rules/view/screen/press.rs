//! Keys: what each does to the user interface, and what the edge has to do after it.

use super::actions::Target;
use super::filter::RowFilter;
use super::rows::{ListName, RowKey};
use super::ui::{Command, OpenPage, Prompt, RunningAction, ScreenView, Scroll, Ui};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::keys::Key;
use crate::time::{Timestamp, parse_span};

/// The characters of a filter or a span.
const TYPED_MAX: usize = 80;

impl Ui {
    /// Takes a key.
    pub fn press(&mut self, key: Key, state: &Dashboard, now: Timestamp) -> Option<Command> {
        self.note = None;
        match key {
            Key::Ctrl('c') => return Some(Command::Quit),
            Key::Ctrl('z') => return Some(Command::Suspend),
            Key::Ctrl('l') => return Some(Command::Redraw),
            _ => {}
        }
        match std::mem::take(&mut self.prompt) {
            Prompt::None => {}
            Prompt::Help => return self.press_in_help(key),
            Prompt::Filter(before) => {
                self.press_in_filter(key, before);
                return None;
            }
            Prompt::Confirm { argv, .. } => {
                let is_yes = matches!(key, Key::Char('y' | 'Y'));
                self.note = (!is_yes).then(|| "nothing was done".to_owned());
                return is_yes.then(|| self.start(argv, now));
            }
            Prompt::Span { question, argv, typed, is_suggested } => {
                let typed = match key {
                    Key::Char(_) if is_suggested => String::new(),
                    _ => typed,
                };
                return self.press_in_span(key, question, argv, typed, now);
            }
        }
        self.derive(state, now);
        if self.moves(key) {
            return None;
        }
        match key {
            Key::Char('q') => return Some(Command::Quit),
            Key::Char('r') => {
                self.lists.iter_mut().for_each(super::lists::ListState::forget);
                self.analytics = None;
                return Some(Command::Reread);
            }
            Key::Char('p') => self.is_paused = !self.is_paused,
            Key::Char('?') => {
                self.prompt = Prompt::Help;
                self.scroll = Scroll::default();
            }
            Key::Char(digit @ '1'..='4') => {
                self.show(ScreenView::ALL[digit as usize - '1' as usize]);
            }
            Key::Tab => self.show(ScreenView::ALL[(self.view as usize + 1) % 4]),
            Key::BackTab => self.show(ScreenView::ALL[(self.view as usize + 3) % 4]),
            Key::Esc | Key::Backspace if self.open.is_some() => self.close(),
            Key::Esc => self.set_filter(RowFilter::default()),
            Key::Enter => return self.enter(state),
            Key::Char('/') if self.open.is_none() && !self.view.lists().is_empty() => {
                self.prompt = Prompt::Filter(self.filter().clone());
                self.set_filter(RowFilter::default());
            }
            Key::Char(letter @ ('s' | 'S')) if self.open.is_none() => {
                if let Some((name, list)) = self.focused_list() {
                    if letter == 's' { list.sort_next(name) } else { list.turn(name) }
                }
            }
            Key::Char('o') => return self.open_address(state),
            Key::Char('y') => return self.copy(state),
            Key::Char(letter @ ('i' | 'x' | 'a' | 'z' | 'R')) => self.ask(letter, state),
            _ => {}
        }
        None
    }

    /// Moves in the list or on the page; false for other keys.
    fn moves(&mut self, key: Key) -> bool {
        let is_overview =
            self.view == ScreenView::Overview && self.open.is_none() && self.prompt == Prompt::None;
        match key {
            Key::Left | Key::Char('h') if is_overview => self.focus = (self.focus + 3) % 4,
            Key::Right | Key::Char('l') if is_overview => self.focus = (self.focus + 1) % 4,
            Key::Left | Key::Char('h') if self.open.is_some() => self.close(),
            Key::Down | Key::Char('j') => self.step(1),
            Key::Up | Key::Char('k') => self.step(-1),
            Key::Ctrl('d') | Key::PageDown => self.half(true),
            Key::Ctrl('u') | Key::PageUp => self.half(false),
            Key::Home | Key::Char('g') => self.end(false),
            Key::End | Key::Char('G') => self.end(true),
            _ => return false,
        }
        true
    }

    fn step(&mut self, rows: isize) {
        if self.has_page() {
            self.scroll.step(rows);
        } else if let Some((_, list)) = self.focused_list() {
            list.step(rows);
        }
    }

    fn half(&mut self, is_down: bool) {
        if self.has_page() {
            let half = isize::try_from((self.scroll.visible / 2).max(1)).unwrap_or(1);
            self.scroll.step(if is_down { half } else { -half });
        } else if let Some((_, list)) = self.focused_list() {
            list.page(is_down);
        }
    }

    fn end(&mut self, is_last: bool) {
        if self.has_page() {
            self.scroll.step(if is_last { isize::MAX } else { isize::MIN });
        } else if let Some((_, list)) = self.focused_list() {
            list.end(is_last);
        }
    }

    fn press_in_help(&mut self, key: Key) -> Option<Command> {
        self.prompt = Prompt::Help;
        if self.moves(key) {
            return None;
        }
        // Any other key closes the help; what it does elsewhere it does not do here.
        self.prompt = Prompt::None;
        self.scroll = Scroll::default();
        (key == Key::Char('q')).then_some(Command::Quit)
    }

    fn press_in_filter(&mut self, key: Key, before: RowFilter) {
        let mut typed = self.filter().text().to_owned();
        match key {
            Key::Enter => return,
            Key::Esc => return self.set_filter(before),
            Key::Ctrl('u') => typed.clear(),
            key => edit(&mut typed, key),
        }
        self.set_filter(RowFilter::new(&typed));
        self.prompt = Prompt::Filter(before);
    }

    fn press_in_span(
        &mut self,
        key: Key,
        question: String,
        mut argv: Vec<String>,
        mut typed: String,
        now: Timestamp,
    ) -> Option<Command> {
        match key {
            Key::Enter if parse_span(&typed).is_some_and(|span| !span.is_zero()) => {
                argv.push(typed);
                return Some(self.start(argv, now));
            }
            Key::Enter => self.note = Some("not a span of time: write 30m, 4h or 7d".into()),
            Key::Esc => {
                self.note = Some("nothing was done".into());
                return None;
            }
            Key::Ctrl('u') => typed.clear(),
            key => edit(&mut typed, key),
        }
        self.prompt = Prompt::Span { question, argv, typed, is_suggested: false };
        None
    }

    /// Notes that a program runs, and asks for it.
    fn start(&mut self, argv: Vec<String>, now: Timestamp) -> Command {
        self.running.push(RunningAction { argv: argv.clone(), since: now });
        Command::Run(argv)
    }

    /// Opens the selected row.
    fn enter(&mut self, state: &Dashboard) -> Option<Command> {
        if self.open.is_some() {
            return None;
        }
        let (name, key) = self.selected()?;
        let page = match name {
            ListName::Queues => OpenPage::Queue(key.id),
            ListName::Investigators | ListName::Investigations => OpenPage::Session(key.id),
            ListName::Requests => OpenPage::Request(key.id),
            ListName::Incidents => OpenPage::Incident(key.id),
            ListName::Timeline => {
                let incident = state.timeline.entries.get(key.index);
                OpenPage::News(key.part, incident.and_then(|entry| entry.incident.clone()))
            }
        };
        self.open(page);
        let session = self.target(state).session?;
        let is_attached = self.attached.as_ref().is_some_and(|one| one.session == session);
        let report = state.investigations.get(&session)?.report.as_ref();
        report.filter(|_| !is_attached).map(|_| Command::Attach(session.clone()))
    }

    /// Returns the selected row of the focused list.
    pub(super) fn selected(&self) -> Option<(ListName, RowKey)> {
        let name = self.focused()?;
        Some((name, self.lists[name as usize].selected()?.clone()))
    }

    /// Returns what the keys act on: the open page, or the selected row.
    pub(super) fn target(&self, state: &Dashboard) -> Target {
        match &self.open {
            Some(page) => Target::from_page(page, state),
            None => self
                .selected()
                .map_or_else(Target::default, |(name, key)| Target::from_row(name, &key, state)),
        }
    }
}

/// Changes a text that is typed.
fn edit(typed: &mut String, key: Key) {
    match key {
        Key::Backspace => {
            typed.pop();
        }
        Key::Char(c) if typed.chars().count() < TYPED_MAX => typed.push(c),
        _ => {}
    }
}
