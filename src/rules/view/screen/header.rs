//! The first and the last line of the screen: where one is, how old the figures are, and which keys
//! there are.

use super::amounts;
use super::cells;
use super::problems;
use super::rows::Look;
use super::theme::{StyledLine, Tone};
use super::ui::{Prompt, ScreenView, Scroll, Ui};

/// The age at which figures are called old when no interval of rounds is known.
const OLD_S: u64 = 900;
/// The most lines of a note.
const NOTE_LINES: usize = 4;

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
    let has_ended = state.source.ended && ui.flags.is_stdin;
    let name = if has_ended { "stdin ended" } else { name };
    if ui.flags.is_recording {
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
        let text = if is_long { format!("{name}: no event yet") } else { "no event".into() };
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

/// Returns the first lines of a note that does not fit in the footer, which shows the last one.
pub fn long_note(ui: &Ui, width: usize) -> Vec<StyledLine> {
    let mut lines = note_lines(ui, width);
    lines.pop();
    lines.iter().map(|text| StyledLine::from_text(text, Tone::Strong)).collect()
}

fn note_lines(ui: &Ui, width: usize) -> Vec<String> {
    let Some(note) = ui.note.as_deref().filter(|_| !ui.is_asked()) else { return Vec::new() };
    let mut lines = cells::wrap(&cells::clean(note), width);
    lines.truncate(NOTE_LINES);
    lines
}

/// Returns the footer: a question, what is typed, a note, or the keys; on a page that is longer than the
/// screen also which lines these are.
pub fn footer(ui: &Ui, look: &Look, width: usize) -> StyledLine {
    let Scroll { top, lines, visible } = ui.scroll;
    if !ui.has_page() || lines <= visible || ui.is_asked() {
        return left(ui, look, width);
    }
    let place = format!("lines {}-{} of {lines}", top + 1, (top + visible).min(lines));
    let mut line = left(ui, look, width.saturating_sub(place.len() + 2));
    line.pad(width - place.len());
    line.with(&place, Tone::Faint)
}

fn left(ui: &Ui, look: &Look, width: usize) -> StyledLine {
    let cut = look.symbols.cut;
    let typed = |question: &str, typed: &str, keys: &str| {
        let typed = cells::clean(typed).into_owned();
        let tail = format!("_   {keys}");
        let room = width.saturating_sub(cells::width(question) + cells::width(&tail) + 1);
        let mut line = StyledLine::from_text(question, Tone::Strong);
        line.push(&cells::cut_name(&typed, room.max(8), cut), Tone::Plain);
        line.with(&tail, Tone::Faint).cut(width, cut)
    };
    match (&ui.prompt, &ui.note) {
        (Prompt::Confirm { question, .. }, _) => {
            // The answers stay visible, however long the name in the question is.
            let keys = "  y: yes, any other key: no";
            let room = width.saturating_sub(cells::width(keys) + 1);
            let question = cells::clean(question).into_owned();
            let question = cells::cut_name(&question, room, cut);
            StyledLine::from_text(&format!("{question}?"), Tone::Warning).with(keys, Tone::Strong)
        }
        (Prompt::Span { question, typed: span, .. }, note) => {
            let keys = note.as_deref().unwrap_or("enter: yes, esc: no");
            typed(&format!("{question} "), span, keys)
        }
        (Prompt::Filter(_), _) => {
            typed("/", ui.filter().text(), "enter: keep, esc: back, ! first: rows without")
        }
        (_, Some(_)) => {
            let last = note_lines(ui, width).pop().unwrap_or_default();
            StyledLine::from_text(&last, Tone::Strong)
        }
        (Prompt::Help, None) => keys("j k scroll  esc close  q quit", width),
        (Prompt::None, None) if ui.open.is_some() => {
            keys("esc back  j k scroll  y copy  o open  ? help  q quit", width)
        }
        (Prompt::None, None) => match ui.view {
            ScreenView::Analytics => keys("? help  q quit  j k scroll  tab view  p pause", width),
            view => {
                let panel = if view == ScreenView::Overview { "left right panel  " } else { "" };
                let actions = match ui.flags.write {
                    true => "i investigate  x stop  a acknowledge  z silence  ",
                    false => "",
                };
                let keys_of_lists = format!(
                    "? help  q quit  enter open  {actions}/ filter  s sort  {panel}tab view  \
                     p pause  o browser  y copy"
                );
                keys(&keys_of_lists, width)
            }
        },
    }
}

/// Returns as many whole keys as there is room for.
fn keys(all: &str, width: usize) -> StyledLine {
    let mut line = StyledLine::new();
    for part in all.split("  ") {
        let gap = if line.width() > 0 { 2 } else { 0 };
        if line.width() + gap + part.len() > width {
            break;
        }
        line.push(&"  "[..gap], Tone::Faint);
        line.push(part, Tone::Faint);
    }
    line
}
