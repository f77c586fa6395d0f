//! A view as plain text, for mail, chat and tests.

use super::rows::Look;
use super::theme::StyledLine;
use super::ui::Ui;
use super::{LEAST_HEIGHT, LEAST_WIDTH, body, header, problems};
use crate::rules::view::dashboard::Dashboard;
use crate::time::Timestamp;

/// Returns a view as text of at most so many lines. There is no selection, and there are no keys.
pub fn text(state: &Dashboard, ui: &mut Ui, now: Timestamp, width: u16, height: u16) -> String {
    let width = usize::from(width.max(LEAST_WIDTH));
    let height = usize::from(height.max(LEAST_HEIGHT));
    ui.derive(state, now);
    let look = Look { state, now, symbols: ui.symbols() };
    let mut lines = vec![header::line(ui, &look, width, false)];
    let room = height - 1;
    lines.extend(body(ui, &look, width, room, false));
    while lines.last().is_some_and(|line| line.text().trim().is_empty()) {
        lines.pop();
    }
    lines.extend(problems::lines(&look, width));
    let texts: Vec<String> = lines.iter().map(|line| line.text().trim_end().to_owned()).collect();
    // A panel with fewer rows than its share leaves room at the end.
    let texts = texts.join("\n");
    format!("{}\n", texts.trim_end())
}

/// Returns the sentence of a terminal that is too small.
pub fn too_small(width: usize, height: usize) -> Vec<StyledLine> {
    let sentence = format!(
        "dlq-dash needs {LEAST_WIDTH} columns and {LEAST_HEIGHT} rows; \
         this terminal has {width} and {height}"
    );
    let lines = super::cells::wrap(&sentence, width);
    lines.iter().map(|text| StyledLine::from_text(text, super::theme::Tone::Plain)).collect()
}
