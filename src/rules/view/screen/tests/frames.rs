//! Promises of every frame, and the golden form of one.

use std::fmt::Write;
use std::time::Instant;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::states::{self, HOSTILE};
use crate::event::ShownEvent;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::incidents::IncidentStory;
use crate::rules::view::keys::Key;
use crate::rules::view::screen::{ScreenFlags, ScreenView, Ui, draw, text};
use crate::text::hidden;

/// Returns the frame of a state.
pub fn frame(state: &Dashboard, ui: &mut Ui, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let frame = terminal.draw(|frame| draw(frame, state, ui, states::now())).unwrap();
    let buffer = frame.buffer.clone();
    assert_harmless(&buffer);
    buffer
}

/// No cell obeys, hides or reorders anything; no cell has a background; wide characters stay whole.
fn assert_harmless(buffer: &Buffer) {
    for row in buffer.content.chunks(usize::from(buffer.area.width)) {
        let mut skip = 0;
        for (x, cell) in row.iter().enumerate() {
            let symbol = cell.symbol();
            assert!(!symbol.chars().any(hidden), "{symbol:?}");
            let marks = symbol.chars().filter(|c| c.width() == Some(0)).count();
            assert!(marks <= 2, "{symbol:?}");
            assert_eq!(cell.bg, Color::Reset);
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = symbol.width().saturating_sub(1);
            assert!(x + skip < row.len(), "{symbol:?} is cut in half");
        }
    }
}

/// Returns the text of a frame, then one line a style run: `row:column-column fg/bg MODIFIERS`.
pub fn golden(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let (mut text, mut runs) = (String::new(), String::new());
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let (mut skip, mut line) = (0, String::new());
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = cell.symbol().width().saturating_sub(1);
        }
        text += line.trim_end();
        text.push('\n');
        let style = |x: usize| (row[x].fg, row[x].bg, row[x].modifier);
        let mut x = 0;
        while x < width {
            let (from, run) = (x, style(x));
            while x < width && style(x) == run {
                x += 1;
            }
            if run != (Color::Reset, Color::Reset, Modifier::empty()) {
                let (fg, bg, modifier) = run;
                let _ = writeln!(runs, "{y}:{from}-{} {fg}/{bg} {modifier:?}", x - 1);
            }
        }
    }
    format!("{text}--\n{runs}")
}

/// Returns the text of a frame.
pub fn shown(state: &Dashboard, ui: &mut Ui, width: u16, height: u16) -> String {
    let golden = golden(&frame(state, ui, width, height));
    golden.split("\n--\n").next().unwrap().to_owned()
}

#[test]
fn frames_of_all_sizes_are_harmless_and_end_in_the_footer() {
    let states = [states::normal(), states::empty(), states::error(), states::hostile()];
    for state in &states {
        for view in ScreenView::ALL {
            for (width, height) in
                [(1, 1), (39, 10), (40, 9), (40, 10), (57, 13), (80, 24), (300, 90)]
            {
                for ascii in [false, true] {
                    let flags = ScreenFlags { ascii, emoji: true, ..ScreenFlags::default() };
                    let mut ui = Ui { view, ..Ui::new(flags) };
                    for key in [Key::Down, Key::Enter, Key::End, Key::Esc, Key::Char('?'), Key::Tab]
                    {
                        frame(state, &mut ui, width, height);
                        ui.press(key, state, states::now());
                    }
                }
            }
        }
    }
}

#[test]
fn small_screen_says_what_it_needs() {
    let text = shown(&states::normal(), &mut Ui::default(), 39, 9);
    assert!(text.contains("needs 40 columns and 10 rows;") && text.contains("39 and 9"), "{text}");
}

#[test]
fn recording_shows_its_time_at_every_width() {
    for view in ScreenView::ALL {
        for width in [40, 60, 80, 120] {
            for is_paused in [false, true] {
                let flags = ScreenFlags { is_recording: true, ..ScreenFlags::default() };
                let mut ui = Ui { view, is_paused, ..Ui::new(flags) };
                let text = shown(&states::normal(), &mut ui, width, 12);
                let header = text.lines().next().unwrap();
                assert!(header.contains("16:00:00Z"), "{header}");
                assert!(!is_paused || header.contains("PAUSED"), "{header}");
            }
        }
    }
}

#[test]
fn ascii_screen_has_no_other_symbol() {
    for view in ScreenView::ALL {
        let flags = ScreenFlags { ascii: true, ..ScreenFlags::default() };
        let mut ui = Ui { view, ..Ui::new(flags) };
        for key in ['?', '?'] {
            let text = shown(&states::normal(), &mut ui, 120, 60);
            assert!(text.is_ascii(), "{text}");
            ui.press(Key::Char(key), &states::normal(), states::now());
        }
    }
}

#[test]
fn colors_are_absent_without_color() {
    let mut ui = Ui::default();
    let buffer = frame(&states::normal(), &mut ui, 120, 40);
    assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset));
    assert!(buffer.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
}

#[test]
fn frames_without_color_lack_nothing_else() {
    for state in
        [states::normal(), states::empty(), states::error(), states::hostile(), states::marked()]
    {
        for view in ScreenView::ALL {
            for (width, height) in [(40, 10), (80, 24), (120, 40), (200, 60)] {
                let drawn = |color| {
                    let flags = ScreenFlags { color, ..ScreenFlags::default() };
                    frame(&state, &mut Ui { view, ..Ui::new(flags) }, width, height)
                };
                let (colored, plain) = (drawn(true), drawn(false));
                for (colored, plain) in colored.content.iter().zip(&plain.content) {
                    assert_eq!(plain.fg, Color::Reset);
                    let parts = |cell: &Cell| (cell.symbol().to_owned(), cell.modifier);
                    assert_eq!(parts(colored), parts(plain));
                }
            }
        }
    }
}

/// Changes of the state folder alone, without an event, are in the next frame.
#[test]
fn change_of_the_folder_is_shown_at_once() {
    let mut state = states::normal();
    let mut ui = Ui::default();
    let before = shown(&state, &mut ui, 120, 40);
    assert!(!before.contains("acked") && !before.contains("silenced"), "{before}");
    states::mark(&mut state);
    let text = shown(&state, &mut ui, 120, 40);
    for (name, mark) in
        [("orders-dlq", "◉ acked 38h"), ("fm-transaction-processor", "⊗ silenced 2h")]
    {
        let row = text.lines().find(|line| line.contains(name)).unwrap();
        assert!(row.contains(mark), "{row}");
    }
}

/// The times of an incident by its page, and the means of Analytics when there is no other incident.
#[test]
fn elapsed_times_of_an_incident_are_its_mean_times() {
    let mut state = Dashboard::default();
    let day = include_str!("../../../../../tests/fixtures/tuesday.ndjson");
    day.lines().for_each(|line| state.apply(&ShownEvent::read(line.as_bytes()).unwrap()));
    let whole = |story: &IncidentStory| story.merged_at.is_some() && story.cleared_at.is_some();
    let id = state.incidents.iter().find(|(_, story)| whole(story)).unwrap().0.clone();
    state.incidents.retain(|other, _| *other == id);
    let mut ui = Ui { view: ScreenView::Analytics, ..Ui::default() };
    let means = shown(&state, &mut ui, 70, 90);
    ui.press(Key::Char('4'), &state, states::now());
    frame(&state, &mut ui, 70, 90);
    ui.press(Key::Enter, &state, states::now());
    let page = shown(&state, &mut ui, 70, 90);
    let line = |text: &str, name: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.rfind(|line| line.starts_with(name)).unwrap_or_default().to_owned()
    };
    for (milestone, step) in [
        ("explained", "investigate"),
        ("pull request", "pull request"),
        ("merged", "merge"),
        ("cleared", "clear"),
    ] {
        let milestone = line(&page, milestone);
        let elapsed = milestone.split_once('[').map(|(_, elapsed)| elapsed.trim_end_matches(']'));
        let mean = line(&means, step);
        let mean = mean.strip_prefix(step).and_then(|mean| mean.strip_suffix("of 1 incident"));
        assert!(
            elapsed.is_some() && elapsed == mean.map(str::trim),
            "{milestone:?} {mean:?}\n{page}"
        );
    }
}

#[test]
fn plain_text_has_neither_keys_nor_selection_nor_control() {
    for state in [states::normal(), states::hostile(), states::empty(), states::error()] {
        for view in ScreenView::ALL {
            let mut ui = Ui { view, ..Ui::default() };
            let page = text(&state, &mut ui, states::now(), 100, 60);
            assert!(!page.lines().any(|line| line.chars().any(hidden)), "{page}");
            assert!(!page.contains("q quit") && !page.contains('❯'), "{page}");
            assert!(page.lines().all(|line| line.width() <= 100), "{page}");
            assert!(page.starts_with(&format!("dlq-dash  {}", view.title())), "{page}");
        }
    }
    assert!(states::hostile().queues.values().any(|queue| &*queue.name == HOSTILE));
}

/// Lists are laid out for visible rows only, and put in order only after a change.
#[test]
fn scrolling_ten_thousand_queues_orders_nothing() {
    let state = states::many();
    let mut ui = Ui::default();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut turn = |ui: &mut Ui, key| {
        let begin = Instant::now();
        ui.press(key, &state, states::now());
        terminal.draw(|frame| draw(frame, &state, ui, states::now())).unwrap();
        begin.elapsed()
    };
    let first = turn(&mut ui, Key::Down);
    let mut later: Vec<_> = (0..200).map(|_| turn(&mut ui, Key::Char('j'))).collect();
    later.sort_unstable();
    // The order is most of the first frame; the ratio holds on any machine and in any build.
    assert!(later[100] * 4 < first, "{:?} after {first:?}", later[100]);
}
