//! Keys: what each does, as a table of scripts.

use std::time::Duration;

use super::frames::{frame, shown};
use super::states::{self, BILLING, GURU, ORDERS};
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::names::QueueNames;
use crate::rules::view::keys::Key;
use crate::rules::view::screen::{Command, ScreenFlags, ScreenView, Ui};

/// Presses the keys of a script, with a frame after each; returns what the last one asks for. `\r` is
/// enter, `\u{1b}` is esc, `>` and `<` are right and left.
pub fn press(ui: &mut Ui, state: &Dashboard, script: &str) -> Option<Command> {
    frame(state, ui, 80, 24);
    let mut last = None;
    for c in script.chars() {
        let key = match c {
            '\r' => Key::Enter,
            '\u{1b}' => Key::Esc,
            '\u{8}' => Key::Backspace,
            '>' => Key::Right,
            '<' => Key::Left,
            c => Key::Char(c),
        };
        last = ui.press(key, state, states::now());
        frame(state, ui, 80, 24);
    }
    last
}

fn argv(words: &[&str]) -> Option<Command> {
    Some(Command::Run(words.iter().map(|word| (*word).to_owned()).collect()))
}

pub const WRITE: ScreenFlags = ScreenFlags {
    is_recording: false,
    color: true,
    ascii: false,
    emoji: false,
    write: true,
    is_stdin: false,
    has_redrive: true,
};

#[test]
fn keys_ask_the_edge() {
    let rows: [(&str, Option<Command>); 14] = [
        ("q", Some(Command::Quit)),
        ("r", Some(Command::Reread)),
        ("?q", Some(Command::Quit)),
        ("?j", None),
        ("y", Some(Command::Copy("fm-digitalguru-api-update-dlq-prod".into()))),
        ("o", Some(Command::Open("https://github.com/fm/digitalguru/pull/412".into()))),
        (
            "jjo",
            Some(Command::Open(
                "https://sa-east-1.console.aws.amazon.com/sqs/v3/home?region=sa-east-1#/queues/\
                 https%3A%2F%2Fsqs.sa-east-1.amazonaws.com%2F123456789012%2F\
                 fm-transaction-processor-dlq-prd"
                    .into(),
            )),
        ),
        (">>y", Some(Command::Copy("https://github.com/fm/digitalguru/pull/412".into()))),
        ("4y", Some(Command::Copy("0190-guru".into()))),
        ("3y", Some(Command::Copy("0192b001-billing".into()))),
        ("\r", Some(Command::Attach("0192a7c4-guru".into()))),
        ("3\r", None),
        ("3j\r", Some(Command::Attach("0192a7c4-guru".into()))),
        ("/q", None),
    ];
    for (script, command) in rows {
        assert_eq!(press(&mut Ui::default(), &states::normal(), script), command, "{script:?}");
    }
    let state = states::normal();
    for (key, command) in [
        (Key::Ctrl('c'), Command::Quit),
        (Key::Ctrl('z'), Command::Suspend),
        (Key::Ctrl('l'), Command::Redraw),
    ] {
        for script in ["", "/x", "?", "z", "i"] {
            let mut ui = Ui::new(WRITE);
            press(&mut ui, &state, script);
            assert_eq!(ui.press(key, &state, states::now()), Some(command.clone()), "{script}");
        }
    }
}

#[test]
fn actions_ask_and_run_their_program() {
    let rows: [(&str, Option<Command>); 16] = [
        ("iy", argv(&["dlq-investigate", "--retry", GURU, "--no-wait"])),
        ("jjiy", argv(&["dlq-investigate", "--retry", BILLING, "--no-wait"])),
        ("in", None),
        ("i\r", None),
        ("i\u{1b}", None),
        ("jjxy", argv(&["dlq-investigate", "--stop", "0192b001-billing"])),
        ("xy", None),
        (">xy", argv(&["dlq-investigate", "--stop", "0192b001-billing"])),
        ("ay", argv(&["dlq-status", "--ack", "0190-guru"])),
        ("jjz\r", argv(&["dlq-status", "--silence", "fm-transaction-processor-dlq-prd", "4h"])),
        (
            "jjz\u{8}\u{8}30m\r",
            argv(&["dlq-status", "--silence", "fm-transaction-processor-dlq-prd", "30m"]),
        ),
        // The first character replaces the suggestion.
        ("jjz2h\r", argv(&["dlq-status", "--silence", "fm-transaction-processor-dlq-prd", "2h"])),
        ("jjz\u{8}x\r", None),
        ("iyiy", None),
        ("jjz2h\rz4h\r", None),
        ("Ry", argv(&["dlq-redrive", GURU])),
    ];
    for (script, command) in rows {
        let mut ui = Ui::new(WRITE);
        let asked = press(&mut ui, &states::normal(), script);
        let run = asked.filter(|asked| matches!(asked, Command::Run(_)));
        assert_eq!(run, command, "{script:?}");
        let mut ui = Ui::default();
        let command = press(&mut ui, &states::normal(), script);
        assert!(!matches!(command, Some(Command::Run(_))), "{script:?} without --write");
    }
    assert_eq!(
        press(&mut Ui::new(WRITE), &states::normal(), "4\riy"),
        argv(&["dlq-investigate", "--retry", GURU, "--no-wait"])
    );
    let mut ui = Ui::new(ScreenFlags { has_redrive: false, ..WRITE });
    assert_eq!(
        press(&mut ui, &states::normal(), "Ry"),
        Some(Command::Copy(GURU.rsplit(':').next().unwrap().into()))
    );
}

#[test]
fn hostile_names_become_no_argument_and_no_address() {
    let state = states::hostile();
    for script in ["i", "iy", "ay", "z\r", "xy", "Ry", "o", "4iy", "4ay", "4o", "3xy", ">>o"] {
        for down in 0..4 {
            let mut ui = Ui::new(WRITE);
            let (view, rest) = script.split_at(usize::from(script.starts_with(['3', '4'])));
            let script = format!("{view}{}{rest}", "j".repeat(down));
            match press(&mut ui, &state, &script) {
                Some(Command::Run(argv)) => {
                    assert!(
                        !argv.iter().any(|word| word.chars().any(crate::text::hidden)),
                        "{argv:?}"
                    );
                }
                Some(Command::Open(url)) => assert!(url.starts_with("https://"), "{url}"),
                Some(Command::Copy(text)) => assert!(!text.chars().any(crate::text::hidden)),
                _ => {}
            }
        }
    }
    let mut state = states::normal();
    let arn = "arn:aws:sqs:evil.example/:1:x";
    state.queues.clear();
    state.queues.insert(arn.into(), states::queue(arn, Some(1)));
    assert_eq!(press(&mut Ui::default(), &state, "o"), None, "a region is no part of a host");
}

#[test]
fn views_change_by_number_and_tab() {
    let state = states::normal();
    let mut ui = Ui::default();
    for (key, view) in [
        (Key::Char('3'), ScreenView::Investigations),
        (Key::Tab, ScreenView::Incidents),
        (Key::Tab, ScreenView::Overview),
        (Key::BackTab, ScreenView::Incidents),
        (Key::Char('2'), ScreenView::Analytics),
    ] {
        ui.press(key, &state, states::now());
        assert_eq!(ui.view, view);
    }
}

/// The row under the selection, as the screen shows it.
fn selected(state: &Dashboard, ui: &mut Ui) -> String {
    let text = shown(state, ui, 120, 24);
    let line = text.lines().find(|line| line.starts_with("❯ "));
    line.map(|line| line.split_whitespace().nth(3).unwrap_or_default().to_owned())
        .unwrap_or_default()
}

#[test]
fn selection_stays_with_its_row_and_else_with_the_most_urgent() {
    let mut state = states::normal();
    let (mut untouched, mut moved) = (Ui::default(), Ui::default());
    press(&mut moved, &state, "jj");
    assert_eq!(selected(&state, &mut untouched), "fm-digitalguru-api-update-dlq-prod");
    assert_eq!(selected(&state, &mut moved), "fm-transaction-processor-dlq-prd");
    let orders = state.queues.get_mut(ORDERS).unwrap();
    (orders.depth, orders.expires_before) = (Some(900), Some(states::ago(1)));
    state.source.events += 1;
    assert_eq!(selected(&state, &mut untouched), "orders-dlq");
    assert_eq!(selected(&state, &mut moved), "fm-transaction-processor-dlq-prd");
    state.queues.remove(BILLING);
    state.source.events += 1;
    assert!(!selected(&state, &mut moved).is_empty(), "a neighbour is selected");
}

#[test]
fn filter_survives_events_and_esc_gives_it_back() {
    let mut state = states::normal();
    let mut ui = Ui::default();
    press(&mut ui, &state, "/ORDERS\r");
    state.source.events += 1;
    let text = shown(&state, &mut ui, 80, 24);
    assert!(text.contains("/ORDERS 1 of 13") && !text.contains("invoices-dlq"), "{text}");
    press(&mut ui, &state, "/x\u{1b}");
    assert_eq!(ui.filter().text(), "ORDERS");
    press(&mut ui, &state, "4");
    assert_eq!(ui.filter().text(), "", "each view has its own");
    press(&mut ui, &state, "1\u{1b}");
    assert_eq!(ui.filter().text(), "");
}

#[test]
fn columns_of_each_list_sort_in_both_directions() {
    let state = states::marked();
    for (view, columns) in [("", 10), (">", 8), (">>", 8), (">>>", 4), ("3", 8), ("4", 9)] {
        let mut ui = Ui::default();
        press(&mut ui, &state, view);
        let first = shown(&state, &mut ui, 160, 60);
        let mut seen = vec![first.clone()];
        for _ in 0..columns {
            press(&mut ui, &state, "s");
            let down = shown(&state, &mut ui, 160, 60);
            press(&mut ui, &state, "S");
            let up = shown(&state, &mut ui, 160, 60);
            assert_ne!(down, up);
            assert!(!seen.contains(&down), "{down}");
            seen.push(down);
        }
        press(&mut ui, &state, "s");
        assert_eq!(shown(&state, &mut ui, 160, 60), first, "urgency comes after the last column");
    }
}

#[test]
fn held_screen_and_notes_end_with_the_next_key() {
    let state = states::normal();
    let mut ui = Ui::default();
    press(&mut ui, &state, "p");
    assert!(ui.is_paused && shown(&state, &mut ui, 80, 24).contains("PAUSED"));
    press(&mut ui, &state, "pi");
    assert!(!ui.is_paused && ui.note.as_deref().is_some_and(|note| note.contains("--write")));
    press(&mut ui, &state, "j");
    assert_eq!(ui.note, None);
}

/// The cause of a failure is at the end of a note, and the person needs it whole.
#[test]
fn long_note_is_shown_whole() {
    let state = states::normal();
    let note = format!("failed: dlq-status: {} the end", "no open incident ".repeat(9));
    for (width, height) in [(80, 24), (120, 40)] {
        let mut ui = Ui { note: Some(note.clone()), ..Ui::default() };
        let text = shown(&state, &mut ui, width, height);
        assert_eq!(text.lines().count(), usize::from(height));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.ends_with(&note.split_whitespace().collect::<Vec<_>>().join(" ")), "{text}");
    }
    let mut ui = Ui { note: Some("x ".repeat(900)), ..Ui::default() };
    let text = shown(&state, &mut ui, 40, 10);
    assert!(text.starts_with("[1 Overview]") && text.lines().count() == 10, "{text}");
}

#[test]
fn program_that_is_not_installed_is_not_in_the_help() {
    for has_redrive in [true, false] {
        let mut ui = Ui::new(ScreenFlags { has_redrive, ..WRITE });
        press(&mut ui, &states::normal(), "?");
        let help = shown(&states::normal(), &mut ui, 100, 80);
        assert_eq!(help.contains("dlq-redrive"), has_redrive, "{help}");
    }
}

#[test]
fn clock_alone_moves_a_queue_up() {
    let state = states::normal();
    let mut ui = Ui::default();
    let later = states::now().plus(Duration::from_secs(79_000));
    ui.derive(&state, states::now());
    assert_eq!(ui.selected().unwrap().1.id.as_ref(), GURU);
    ui.derive(&state, later);
    let order: Vec<_> = (0..3)
        .map(|_| {
            let id = ui.selected().unwrap().1.id;
            ui.press(Key::Down, &state, later);
            id
        })
        .collect();
    assert!(order[..2].iter().any(|id| &**id == ORDERS), "{order:?}");
}

/// A state with a second queue of the name of one, in another account.
fn with_namesake() -> Dashboard {
    let mut state = states::normal();
    let staging = GURU.replace("123456789012", "210987654321");
    let mut queue = states::queue(&staging, Some(5));
    queue.account = "staging".into();
    state.queues.insert(staging.as_str().into(), queue);
    state.queues.get_mut(GURU).unwrap().account = "production".into();
    state.names = QueueNames::collect(&state.queues);
    state
}

#[test]
fn questions_say_which_queue_of_two_with_one_name() {
    let state = with_namesake();
    let one = "'fm-digitalguru-api-update-dlq-prod' (production sa-east-1)";
    let all = "'fm-digitalguru-api-update-dlq-prod' (2 queues: production sa-east-1, \
               staging sa-east-1) for";
    for (key, question) in [
        ("i", format!("investigate {one} now?")),
        ("a", format!("acknowledge the incident of {one} for 24h?")),
        ("R", format!("move the messages of {one} back?")),
        ("z", format!("silence {all}")),
    ] {
        for (width, height) in [(40, 10), (80, 24), (200, 60)] {
            let mut ui = Ui::new(WRITE);
            press(&mut ui, &state, key);
            let text = shown(&state, &mut ui, width, height);
            assert_eq!(text.lines().count(), usize::from(height));
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(&question), "{key} at {width}:\n{text}");
            let answers = if key == "z" { "enter: yes" } else { "y: yes, any other key: no" };
            assert!(words.contains(answers), "{key} at {width}:\n{text}");
        }
    }
}

#[test]
fn rows_say_the_place_of_queues_with_one_name() {
    let state = with_namesake();
    for view in ["", "4"] {
        let mut ui = Ui::default();
        press(&mut ui, &state, view);
        let text = shown(&state, &mut ui, 200, 60);
        assert!(text.contains("production)"), "{text}");
        assert!(!text.contains("orders-dlq ("), "{text}");
    }
}

#[test]
fn action_that_runs_is_shown_with_its_time_and_starts_once() {
    let state = states::normal();
    let mut ui = Ui::new(WRITE);
    let Some(Command::Run(argv)) = press(&mut ui, &state, "jjxy") else { panic!("it runs") };
    let last = |ui: &mut Ui, width| shown(&state, ui, width, 24).lines().last().unwrap().to_owned();
    let text = last(&mut ui, 120);
    assert!(text.starts_with("runs: dlq-investigate --stop 0192b001-billing 0s  ? help"), "{text}");
    assert!(last(&mut ui, 40).ends_with(" 0s"));
    assert_eq!(
        press(&mut ui, &state, "xy"),
        Some(Command::Copy("fm-transaction-processor-dlq-prd".into()))
    );
    press(&mut ui, &state, "x");
    assert!(last(&mut ui, 80).starts_with("it runs already"));
    // Another action may start meanwhile.
    assert!(matches!(press(&mut ui, &state, "ay"), Some(Command::Run(_))));
    assert!(last(&mut ui, 80).contains("(and 1 more)"));
    ui.end_action(&argv, "done".into());
    assert_eq!(last(&mut ui, 80).trim(), "done");
    assert_eq!(press(&mut ui, &state, "xy"), Some(Command::Run(argv)));
}

#[test]
fn empty_queue_has_no_message_to_move_back() {
    let mut state = states::normal();
    for (depth, is_asked) in [(Some(0), false), (Some(1), true), (None, true)] {
        state.queues.get_mut(GURU).unwrap().depth = depth;
        let arn = state.queues.get_key_value(GURU).unwrap().0.clone();
        let mut ui = Ui::new(WRITE);
        press(&mut ui, &state, "/digitalguru\r");
        assert_eq!(&*ui.selected().unwrap().1.id, &*arn);
        press(&mut ui, &state, "R");
        assert_eq!(ui.is_asked(), is_asked, "{depth:?}");
    }
}

#[test]
fn end_of_a_stream_is_no_age_in_plain_text() {
    let mut state = states::normal();
    state.source.ended = true;
    let flags = ScreenFlags { is_stdin: true, ..ScreenFlags::default() };
    let once = crate::rules::view::screen::text(&state, &mut Ui::new(flags), states::now(), 80, 24);
    assert!(once.contains("stdin, 4s ago") && !once.contains("OLD"), "{once}");
    assert!(shown(&state, &mut Ui::new(flags), 80, 24).contains("OLD: stdin ended"));
    state.rounds.last = Some(states::ago(9000));
    let once = crate::rules::view::screen::text(&state, &mut Ui::new(flags), states::now(), 80, 24);
    assert!(once.contains("OLD: stdin, "), "{once}");
}
