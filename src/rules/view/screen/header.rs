//! The first line of the screen: where one is, and how old the figures are.

use super::amounts;
use super::problems;
use super::rows::Look;
use super::theme::{StyledLine, Tone};
use super::ui::{ScreenView, Ui};

/// The age at which figures are called old when no interval of rounds is known.
const OLD_S: u64 = 900;

/// Returns the header. Parts that have no room are shortened, the names of other views first.
pub fn line(ui: &Ui, look: &Look, width: usize, is_live: bool) -> StyledLine {
    let long = source(ui, look, true, is_live);
    let short = source(ui, look, false, is_live);
    let forms = [
        ("dlq-dash", true, &long),
        ("", true, &long),
        ("dlq-dash", true, &short),
        ("", true, &short),
        ("dlq-dash", false, &long),
        ("", false, &long),
        ("", false, &short),
    ];
    let mut shortest = StyledLine::new();
    for (product, has_names, source) in forms {
        let mut line = StyledLine::new();
        if !product.is_empty() {
            line.push(product, Tone::Strong);
            line.push("  ", Tone::Plain);
        }
        tabs(&mut line, ui, is_live, has_names);
        let room = width.saturating_sub(line.width());
        if source.width() < room {
            line.pad(width - source.width());
            line.append(source.clone());
            return line;
        }
        shortest = line;
    }
    let alone = StyledLine::from_text(&open_tab(ui.view), Tone::Strong);
    if is_live && shortest.width() + short.width() >= width && alone.width() + short.width() < width
    {
        shortest = alone;
        shortest.pad(width - short.width() - 1);
    }
    shortest.push(" ", Tone::Plain);
    shortest.append(short);
    shortest.cut(width, look.symbols.cut)
}

fn open_tab(view: ScreenView) -> String {
    format!("[{} {}]", view as usize + 1, view.title())
}

fn tabs(line: &mut StyledLine, ui: &Ui, is_live: bool, has_names: bool) {
    if !is_live {
        return line.push(ui.view.title(), Tone::Strong);
    }
    for (at, view) in ScreenView::ALL.into_iter().enumerate() {
        let number = at + 1;
        if at > 0 {
            line.push(if has_names { "  " } else { " " }, Tone::Plain);
        }
        if view == ui.view {
            line.push(&open_tab(view), Tone::Strong);
        } else if has_names {
            line.push(&format!("{number} {}", view.title()), Tone::Faint);
        } else {
            line.push(&number.to_string(), Tone::Faint);
        }
    }
}

/// Returns the right part: read-only, source, age.
fn source(ui: &Ui, look: &Look, is_long: bool, is_live: bool) -> StyledLine {
    let state = look.state;
    let mut line = StyledLine::new();
    let mut part = |text: &str, tone: Tone| {
        if line.width() > 0 {
            line.push("  ", Tone::Plain);
        }
        line.push(text, tone);
    };
    if ui.is_paused {
        part("PAUSED", Tone::Warning);
    }
    // On a narrow screen the time of a recording is worth more.
    if is_live && (is_long || !ui.flags.is_recording) {
        match ui.flags.write {
            true => part("WRITE", Tone::Strong),
            false => part("read-only", Tone::Plain),
        }
    }
    let name = if ui.flags.is_stdin { "stdin" } else { "journal" };
    // Plain text is made after the end of the stream, which is no news there.
    let has_ended = state.source.ended && ui.flags.is_stdin && is_live;
    let name = if has_ended { "stdin ended" } else { name };
    let name = if ui.flags.is_recording { "recording" } else { name };
    if ui.flags.is_recording && state.source.newest.is_some() {
        let now = look.now.to_string();
        let (day, time) = (now.get(..10).unwrap_or_default(), now.get(11..19).unwrap_or(&now));
        let text = match is_long {
            true => format!("recording of {day} {time}Z"),
            false => format!("rec {time}Z"),
        };
        part(&text, Tone::Plain);
        return line;
    }
    let Some(newest) = state.source.newest else {
        let source = &state.source;
        let text = match (is_long, source.is_ahead_of_clock(), source.is_unknown()) {
            (true, true, _) => format!("{name}: clock is behind"),
            (true, false, true) => format!("{name}: not read"),
            (true, false, false) => format!("{name}: no event yet"),
            (false, true, _) => "clock behind".into(),
            (false, false, true) => "not read".into(),
            (false, false, false) => "no event".into(),
        };
        part(&text, Tone::Warning);
        return line;
    };
    let since = look.now.since(newest);
    let age = amounts::age(since);
    let no_rounds = state.rounds.last.is_none() && since.as_secs() >= OLD_S;
    let is_old = has_ended || no_rounds || problems::overdue(state, look.now).is_some();
    let old = match (is_old, has_ended) {
        (true, true) if !is_long => "ended: ",
        (true, _) => "OLD: ",
        (false, _) => "",
    };
    let text = match is_long {
        true => format!("{old}{name}, {age} ago"),
        false => format!("{old}{age} ago"),
    };
    part(&text, if is_old { Tone::Warning } else { Tone::Plain });
    line
}
