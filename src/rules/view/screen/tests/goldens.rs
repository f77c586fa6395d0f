//! Frames with text and styles, compared with `tests/screens`; `DLQ_BLESS=1` writes them anew.

use std::path::Path;

use super::frames::{frame, golden};
use super::states;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::keys::Key;
use crate::rules::view::screen::{ScreenFlags, ScreenView, Ui, text};

#[track_caller]
pub fn compare(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(name);
    if std::env::var("DLQ_BLESS").is_ok_and(|word| word == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected != actual {
        let line = expected.lines().zip(actual.lines()).position(|(old, new)| old != new);
        let at = line.unwrap_or(expected.lines().count().min(actual.lines().count()));
        let (old, new) = (expected.lines().nth(at), actual.lines().nth(at));
        panic!("{name}:{}: DLQ_BLESS=1 accepts\n  was {old:?}\n  is  {new:?}", at + 1);
    }
}

const COLOR: ScreenFlags = ScreenFlags {
    is_recording: false,
    color: true,
    ascii: false,
    emoji: false,
    write: false,
    is_stdin: false,
    has_redrive: false,
};

#[track_caller]
fn screen(name: &str, state: &Dashboard, ui: &mut Ui, size: (u16, u16)) {
    compare(name, &golden(&frame(state, ui, size.0, size.1)));
}

#[test]
fn views_equal_their_goldens() {
    let states = [
        ("normal", states::normal()),
        ("empty", states::empty()),
        ("error", states::error()),
        ("hostile", states::hostile()),
    ];
    for view in ScreenView::ALL {
        for (word, state) in &states {
            let name = format!("{}-{word}", view.title().to_lowercase());
            let flags = ScreenFlags { is_stdin: *word == "error", ..COLOR };
            let mut ui = Ui { view, ..Ui::new(flags) };
            screen(&name, state, &mut ui, (80, 24));
        }
    }
}

#[test]
fn overview_equals_its_goldens_at_each_size() {
    for size in [(40, 10), (120, 40), (200, 60)] {
        let name = format!("overview-{}x{}", size.0, size.1);
        screen(&name, &states::normal(), &mut Ui::new(COLOR), size);
    }
    for size in [(40, 10), (80, 24), (120, 40)] {
        let name = format!("overview-marked-{}x{}", size.0, size.1);
        screen(&name, &states::marked(), &mut Ui::new(COLOR), size);
    }
    screen("overview-many", &states::many(), &mut Ui::new(COLOR), (160, 40));
}

#[test]
fn overview_equals_its_goldens_in_each_form() {
    let plain = ScreenFlags { color: false, ..COLOR };
    let forms = [
        ("no-color", plain),
        ("ascii", ScreenFlags { ascii: true, ..plain }),
        ("emoji", ScreenFlags { emoji: true, ..COLOR }),
        ("write", ScreenFlags { write: true, is_stdin: true, ..COLOR }),
    ];
    for (word, flags) in forms {
        let name = format!("overview-{word}");
        screen(&name, &states::normal(), &mut Ui::new(flags), (80, 24));
    }
}

#[test]
fn plain_text_equals_its_goldens() {
    for view in ScreenView::ALL {
        let mut ui = Ui { view, ..Ui::new(COLOR) };
        let page = text(&states::normal(), &mut ui, states::now(), 100, 60);
        compare(&format!("text-{}", view.title().to_lowercase()), &page);
    }
}

#[test]
fn key_scripts_end_in_their_goldens() {
    let write = ScreenFlags { write: true, ..COLOR };
    let rows = [
        ("help", COLOR, "?", (80, 24)),
        ("help-whole", COLOR, "?", (100, 80)),
        ("filter-typed", COLOR, "/dlq-pr", (80, 24)),
        ("filter-inverse", COLOR, "/!dlq-pr\r", (80, 24)),
        ("filter-nothing", COLOR, "/zebra\r", (80, 24)),
        ("sorted", COLOR, "sssS", (80, 24)),
        ("second-panel", COLOR, "lj", (80, 24)),
        ("last-panel-small", COLOR, "hj", (40, 10)),
        ("queue-page", COLOR, "\r", (80, 40)),
        ("incident-page", COLOR, "4\r", (80, 60)),
        ("incident-page-small", COLOR, "4\r", (40, 10)),
        ("session-page", COLOR, "3j\r", (80, 40)),
        ("request-page", COLOR, "ll\r", (80, 24)),
        ("ask-investigate", write, "i", (80, 24)),
        ("ask-silence", write, "jz", (80, 24)),
        ("read-only", COLOR, "i", (80, 24)),
        ("paused", COLOR, "jjp", (80, 24)),
        ("analytics-small", COLOR, "2jj", (40, 10)),
        ("analytics-whole", COLOR, "2", (120, 60)),
        ("investigations-wide", COLOR, "3", (140, 40)),
        ("incidents-wide", COLOR, "4", (140, 24)),
    ];
    let state = states::normal();
    for (word, flags, script, size) in rows {
        let mut ui = Ui::new(flags);
        frame(&state, &mut ui, size.0, size.1);
        for c in script.chars() {
            let key = if c == '\r' { Key::Enter } else { Key::Char(c) };
            ui.press(key, &state, states::now());
            frame(&state, &mut ui, size.0, size.1);
        }
        screen(&format!("keys-{word}"), &state, &mut ui, size);
    }
}
