//! The last line of the screen: a question, what is typed, a note, what runs, or the keys.

use super::rows::Look;
use super::theme::{StyledLine, Tone};
use super::ui::{Prompt, ScreenView, Scroll, Ui};
use super::{amounts, cells};

/// The most lines of a note or a question.
const LINES_MAX: usize = 4;
/// The answers to a question.
const ANSWERS: &str = "y: yes, any other key: no";
/// The cells behind the question for a span: what is typed, and the keys.
const SPAN_ROOM: usize = 34;

/// Returns the first lines of a note that does not fit in the footer, which shows the last one; or a
/// question that does not fit beside its answers.
pub fn lines_above(ui: &Ui, width: usize) -> Vec<StyledLine> {
    match long_question(ui, width) {
        Some(lines) => {
            lines.iter().map(|text| StyledLine::from_text(text, Tone::Warning)).collect()
        }
        None => {
            let mut lines = note_lines(ui, width);
            lines.pop();
            lines.iter().map(|text| StyledLine::from_text(text, Tone::Strong)).collect()
        }
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = cells::wrap(&cells::clean(text), width);
    lines.truncate(LINES_MAX);
    lines
}

fn note_lines(ui: &Ui, width: usize) -> Vec<String> {
    let note = ui.note.as_deref().filter(|_| !ui.is_asked());
    note.map_or_else(Vec::new, |note| wrapped(note, width))
}

/// Returns the lines of a question that has no room beside its answers: what a person agrees to is
/// never cut.
fn long_question(ui: &Ui, width: usize) -> Option<Vec<String>> {
    let (question, rest) = match &ui.prompt {
        Prompt::Confirm { question, .. } => (format!("{question}?"), ANSWERS.len() + 2),
        Prompt::Span { question, .. } => (question.clone(), SPAN_ROOM),
        _ => return None,
    };
    let is_long = cells::width(&cells::clean(&question)) + rest > width;
    is_long.then(|| wrapped(&question, width))
}

/// Returns the footer; on a page that is longer than the screen also which lines these are.
pub fn line(ui: &Ui, look: &Look, width: usize) -> StyledLine {
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
    let is_long = long_question(ui, width).is_some();
    match (&ui.prompt, &ui.note) {
        (Prompt::Confirm { .. }, _) if is_long => StyledLine::from_text(ANSWERS, Tone::Strong),
        (Prompt::Confirm { question, .. }, _) => {
            let question = format!("{}?  ", cells::clean(question));
            StyledLine::from_text(&question, Tone::Warning).with(ANSWERS, Tone::Strong)
        }
        (Prompt::Span { question, typed: span, .. }, note) => {
            let keys = note.as_deref().unwrap_or("enter: yes, esc: no");
            let question = if is_long { String::new() } else { format!("{question} ") };
            typed(&question, span, keys)
        }
        (Prompt::Filter(_), _) => {
            typed("/", ui.filter().text(), "enter: keep, esc: back, ! first: rows without")
        }
        (_, Some(_)) => {
            let last = note_lines(ui, width).pop().unwrap_or_default();
            StyledLine::from_text(&last, Tone::Strong)
        }
        (Prompt::Help, None) => keys("j k scroll  esc close  q quit", width),
        (Prompt::None, None) => match running(ui, look, width) {
            Some(mut line) => {
                let room = width.saturating_sub(line.width() + 2);
                line.push("  ", Tone::Plain);
                line.append(keys(&usual_keys(ui), room));
                line
            }
            None => keys(&usual_keys(ui), width),
        },
    }
}

/// Returns what runs, and for how long; of several programs the one that was started last.
fn running(ui: &Ui, look: &Look, width: usize) -> Option<StyledLine> {
    let one = ui.running.last()?;
    let others = match ui.running.len() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    let time = format!(" {}{others}", amounts::age(look.now.since(one.since)));
    let words = format!("runs: {}", one.argv.join(" "));
    let words = cells::clean(&words).into_owned();
    let words = cells::cut_name(&words, width.saturating_sub(time.len()), look.symbols.cut);
    Some(StyledLine::from_text(&format!("{words}{time}"), Tone::Strong))
}

fn usual_keys(ui: &Ui) -> String {
    if ui.open.is_some() {
        return "esc back  j k scroll  y copy  o open  ? help  q quit".into();
    }
    if ui.view == ScreenView::Analytics {
        return "? help  q quit  j k scroll  tab view  p pause".into();
    }
    let panel = if ui.view == ScreenView::Overview { "left right panel  " } else { "" };
    let actions = match ui.flags.write {
        true => "i investigate  x stop  a acknowledge  z silence  ",
        false => "",
    };
    format!(
        "? help  q quit  enter open  {actions}/ filter  s sort  {panel}tab view  p pause  \
         o browser  y copy"
    )
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
