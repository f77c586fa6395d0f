//! The full screen: waits for keys, events and signals, and draws what they change.
//!
//! Promises: a frame at most every 50 ms, after a key at once, and every second for the ages; the
//! terminal is given back however the program ends; Ctrl-Z stops the whole pipeline.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGWINCH};

use super::actions::Actions;
use super::attached::read_attached;
use super::guard::TerminalGuard;
use super::input::{self, ScreenMessage};
use super::recording::Recording;
use super::source::{AHEAD, follow_journal, read_stdin};
use super::state_files::{self, FolderReader};
use super::terminal::Screen;
use super::waiting_queues::WaitingQueues;
use super::{EventSource, Sources, take_live_lines};
use crate::clock;
use crate::config::{Env, Settings};
use crate::edge::closed_folder;
use crate::error::Error;
use crate::log::{self, Level};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::keys::Key;
use crate::rules::view::screen::{self, Command, Ui};
use crate::store::{self, Store};
use crate::time::Timestamp;

/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(50);
/// The longest time between two frames: ages are shown in seconds.
const TICK: Duration = Duration::from_secs(1);
/// The time after a change of size in which further ones are expected.
const RESIZE: Duration = Duration::from_millis(50);
/// The time after which a stop that the system has refused is over.
const STOP: Duration = Duration::from_millis(300);

/// Shows the full screen until a key or a signal ends it.
pub fn show(
    sources: Sources,
    ui: Ui,
    speed: u64,
    settings: &Settings,
    env: &Env,
) -> Result<(), Error> {
    let guard = TerminalGuard::open()?;
    let (to, messages) = channel();
    let (ahead, taken) = sync_channel(AHEAD);
    let (folder_ahead, folder_taken) = sync_channel(1);
    let mut live = Live {
        actions: Actions::new(settings, env, to.clone()),
        store: sources.store.clone(),
        recording: None,
        state: Dashboard::default(),
        held: None,
        problems: Problems::default(),
        queues: WaitingQueues::new(),
        ui,
        screen: Screen::new(guard.clone())?,
        guard: guard.clone(),
        messages,
        later: VecDeque::new(),
        taken,
        folder_taken,
        frame: FrameClock::new(),
    };
    match sources.events {
        EventSource::Recording(path) => live.recording = Some(Recording::open(&path, speed)?),
        EventSource::Stdin => read_stdin(to.clone(), ahead),
        EventSource::Journal(journal) => follow_journal(journal, to.clone(), ahead),
    }
    if let Some(store) = sources.store {
        state_files::watch(FolderReader::new(store), to.clone(), folder_ahead);
    }
    input::watch_signals(&guard, to.clone())?;
    if log::stderr_is_terminal() {
        // Messages would be written across the screen; what they say is shown as a problem.
        log::set_least(Level::Critical);
    }
    guard.enter()?;
    input::read_keys(&guard, to)?;
    let end = live.run();
    guard.leave();
    if let Ok(Some(signal)) = end {
        input::end_by(signal);
    }
    end.map(drop)
}

/// Parts that could not be read, by their source.
#[derive(Debug, Default)]
struct Problems {
    events: Vec<String>,
    folder: Vec<String>,
}

/// The times of frames.
#[derive(Debug)]
struct FrameClock {
    last: Option<Instant>,
    is_due: bool,
    resized: Option<Instant>,
}

impl FrameClock {
    fn new() -> Self {
        FrameClock { last: None, is_due: true, resized: None }
    }

    /// Makes the next frame due at once.
    fn hurry(&mut self) {
        self.is_due = true;
        self.last = None;
    }

    /// Returns the time until the next frame.
    fn wait(&self, now: Instant) -> Duration {
        let after =
            |moment: Instant, span: Duration| (moment + span).saturating_duration_since(now);
        match (self.resized, self.last) {
            (Some(resized), _) => after(resized, RESIZE),
            (None, None) => Duration::ZERO,
            (None, Some(last)) => after(last, if self.is_due { FRAME } else { TICK }),
        }
    }

    fn drawn(&mut self, now: Instant) {
        *self = FrameClock { last: Some(now), is_due: false, resized: None };
    }
}

/// The running dashboard.
struct Live {
    guard: Arc<TerminalGuard>,
    screen: Screen,
    state: Dashboard,
    /// The state that a held screen shows, and its moment.
    held: Option<(Dashboard, Timestamp)>,
    problems: Problems,
    queues: WaitingQueues,
    ui: Ui,
    recording: Option<Recording>,
    actions: Actions,
    store: Option<Store>,
    messages: Receiver<ScreenMessage>,
    /// Messages that came while the program was stopped.
    later: VecDeque<ScreenMessage>,
    /// A place for each batch of lines that was read ahead.
    taken: Receiver<()>,
    /// The place of a reading of the state folder.
    folder_taken: Receiver<()>,
    frame: FrameClock,
}

/// The reason why the loop ends: None for the user's wish, else a signal.
type End = Option<Option<i32>>;

impl Live {
    /// Runs until the end. Returns the signal by which the program has to end.
    fn run(&mut self) -> Result<Option<i32>, Error> {
        loop {
            let wait = self.frame.wait(clock::tick());
            if wait.is_zero() {
                self.draw()?;
                continue;
            }
            let message = match self.later.pop_front() {
                Some(message) => Some(message),
                None => store::receive(&self.messages, wait).ok(),
            };
            if !self.guard.is_entered() {
                return Err(Error::failed("show", "the dashboard", "a part of it has failed"));
            }
            match message {
                Some(message) => {
                    if let Some(end) = self.take(message)? {
                        return Ok(end);
                    }
                }
                None => self.frame.is_due = true,
            }
        }
    }

    /// Returns the present of the views.
    fn now(&self) -> Timestamp {
        self.recording.as_ref().map_or_else(clock::now, Recording::now)
    }

    fn draw(&mut self) -> Result<(), Error> {
        if let Some(recording) = &mut self.recording {
            if self.ui.is_paused {
                recording.hold();
            } else {
                recording.play(&mut self.state)?;
            }
        }
        let now = self.now();
        let (state, now) = match &self.held {
            Some((state, now)) => (state, *now),
            None => (&self.state, now),
        };
        let ui = &mut self.ui;
        self.screen.draw(|frame| screen::draw(frame, state, ui, now))?;
        self.frame.drawn(clock::tick());
        // A recording that plays fast changes with every frame.
        self.frame.is_due = self.recording.is_some() && !self.ui.is_paused;
        Ok(())
    }

    fn take(&mut self, message: ScreenMessage) -> Result<End, Error> {
        self.frame.is_due = true;
        match message {
            ScreenMessage::Lines(lines) => {
                take_live_lines(&mut self.state, &lines);
                self.queues.take_lines();
                let _ = self.taken.try_recv();
            }
            ScreenMessage::LongLines(count) => self.state.source.damaged += count,
            ScreenMessage::Ended(problem) => {
                self.state.source.ended = true;
                self.problems.events.extend(problem);
                self.set_problems();
            }
            ScreenMessage::JournalProblems(problems) => {
                self.problems.events = problems;
                self.set_problems();
            }
            ScreenMessage::Folder(mut reading) => {
                let _ = self.folder_taken.try_recv();
                self.problems.folder.clone_from(&reading.problems);
                reading.queues = self.queues.due(reading.queues.take(), clock::tick());
                self.state.set_folder(*reading);
                self.set_problems();
            }
            ScreenMessage::Key(key) => return self.press(key),
            ScreenMessage::Signal(SIGWINCH) => {
                self.frame.resized.get_or_insert_with(clock::tick);
            }
            ScreenMessage::Signal(SIGCONT) => self.come_back()?,
            ScreenMessage::Signal(signal) => return Ok(Some(Some(signal))),
            ScreenMessage::Hangup => return Ok(Some(Some(SIGHUP))),
            ScreenMessage::Note(text) => self.ui.note = Some(text),
            ScreenMessage::ActionEnd(argv, text) => self.ui.end_action(&argv, text),
        }
        Ok(None)
    }

    fn set_problems(&mut self) {
        let all = self.problems.events.iter().chain(&self.problems.folder);
        let folder = self.store.as_ref().map(Store::dir);
        let mut problems = Vec::new();
        all.for_each(|problem| closed_folder::add(&mut problems, in_folder(problem, folder)));
        self.state.source.problems = problems;
    }

    fn press(&mut self, key: Key) -> Result<End, Error> {
        self.frame.hurry();
        if self.recording.is_some() && !self.ui.is_typing() && self.press_in_recording(key)? {
            return Ok(None);
        }
        let now = self.now();
        let state = self.held.as_ref().map_or(&self.state, |(state, _)| state);
        let command = self.ui.press(key, state, now);
        match (self.ui.is_paused, &self.held) {
            (true, None) => self.held = Some((self.state.clone(), now)),
            (false, Some(_)) => self.held = None,
            _ => {}
        }
        match command {
            None => {}
            Some(Command::Quit) => return Ok(Some(None)),
            Some(Command::Suspend) => self.suspend()?,
            Some(Command::Redraw) => self.screen.clear()?,
            Some(Command::Reread) => {
                if let Some(session) = self.ui.attached.take().map(|files| files.session) {
                    self.attach(&session);
                }
                self.screen.clear()?;
            }
            Some(Command::Open(address)) => self.actions.open(&address),
            Some(Command::Copy(text)) => self.actions.copy(&text, &self.guard),
            Some(Command::Run(argv)) => self.actions.run(argv),
            Some(Command::Attach(session)) => self.attach(&session),
        }
        Ok(None)
    }

    /// Reads the files of a session. A recording has none.
    fn attach(&mut self, session: &str) {
        self.ui.attached = self.store.as_ref().map(|store| read_attached(store, session));
    }

    /// Takes a key that changes the time of a recording. Returns whether it was one.
    fn press_in_recording(&mut self, key: Key) -> Result<bool, Error> {
        let Some(recording) = &mut self.recording else { return Ok(false) };
        match key {
            Key::Char('>') => recording.change_speed(true),
            Key::Char('<') => recording.change_speed(false),
            Key::Char(']') => recording.go_ahead(&mut self.state)?,
            Key::Char('[') => recording.go_back(&mut self.state)?,
            _ => return Ok(false),
        }
        if self.held.is_some() {
            self.held = Some((self.state.clone(), recording.now()));
        }
        self.ui.note = Some(format!("{} times as fast as it happened", recording.speed()));
        Ok(true)
    }

    /// Gives the terminal back and stops the process group of the pipeline by the default action of
    /// SIGTSTP. A group without a shell to come back to is not stopped by the system.
    fn suspend(&mut self) -> Result<(), Error> {
        self.guard.leave();
        let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
        let until = clock::tick() + STOP;
        loop {
            let wait = until.saturating_duration_since(clock::tick());
            match store::receive(&self.messages, wait) {
                Ok(ScreenMessage::Signal(SIGCONT)) | Err(_) => break,
                Ok(message) => self.later.push_back(message),
            }
        }
        self.come_back()
    }

    fn come_back(&mut self) -> Result<(), Error> {
        self.guard.enter()?;
        self.frame.hurry();
        self.screen.clear()
    }
}

/// Returns the problem with paths that begin at the state folder: the line of a screen ends before
/// the reason when the path is long.
fn in_folder(problem: &str, folder: Option<&Path>) -> String {
    match folder {
        Some(folder) => problem.replace(&format!("'{}/", folder.display()), "'"),
        None => problem.to_owned(),
    }
}

#[test]
fn problem_names_files_of_the_state_folder_without_its_path() {
    let problem = "cannot read '/a/long/state/sessions.json': not JSON at byte 17";
    for (folder, shown) in [
        (Some("/a/long/state"), "cannot read 'sessions.json': not JSON at byte 17"),
        (Some("/a/long"), "cannot read 'state/sessions.json': not JSON at byte 17"),
        (Some("/a/longer"), problem),
        (None, problem),
    ] {
        assert_eq!(in_folder(problem, folder.map(Path::new)), shown);
    }
}
