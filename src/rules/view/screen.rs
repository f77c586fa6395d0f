//! The screen of `dlq-dash`: four views, drawn from the state and the user interface.
//!
//! Each view is lines of styled text, so that one code serves the screen and plain text. Text from
//! outside becomes harmless when a line takes it (`theme.rs`). Only what is visible is laid out.

pub mod actions;
pub mod amounts;
pub mod analytics;
pub mod cells;
pub mod columns;
pub mod details;
pub mod filter;
pub mod footer;
pub mod header;
pub mod history;
pub mod incidents;
pub mod investigations;
pub mod legend;
pub mod lists;
pub mod overview;
pub mod page_lines;
pub mod panel;
pub mod places;
pub mod plain;
pub mod press;
pub mod problems;
pub mod rows;
pub mod summary;
pub mod symbols;
pub mod theme;
pub mod ui;

pub use plain::text;
pub use ui::{AttachedFiles, Command, ScreenFlags, ScreenView, Ui};

use ratatui::Frame;

use crate::rules::view::dashboard::Dashboard;
use crate::time::Timestamp;
use page_lines::PageLines;
use panel::Panel;
use rows::{ListName, Look};
use symbols::Symbols;
use theme::StyledLine;
use ui::{CachedPage, Prompt, Scroll};

/// The smallest screen.
pub const LEAST_WIDTH: u16 = 40;
pub const LEAST_HEIGHT: u16 = 10;
/// The height from which the selected investigation is shown below the list.
const DETAILS_HEIGHT: usize = 14;
/// The milliseconds for which a page that is expensive to make is shown again.
const CACHE_MS: i64 = 5_000;

impl Ui {
    pub(super) fn symbols(&self) -> Symbols {
        Symbols::new(self.flags.ascii, self.flags.emoji)
    }
}

/// Draws the screen.
pub fn draw(frame: &mut Frame, state: &Dashboard, ui: &mut Ui, now: Timestamp) {
    let area = frame.area();
    let lines = lines(state, ui, now, area.width, area.height);
    let buffer = frame.buffer_mut();
    for (y, line) in (0..area.height).zip(&lines) {
        line.draw(buffer, y);
    }
    if !ui.flags.color {
        theme::without_colors(buffer);
    }
}

/// Returns the lines of the whole screen.
fn lines(
    state: &Dashboard,
    ui: &mut Ui,
    now: Timestamp,
    width: u16,
    height: u16,
) -> Vec<StyledLine> {
    let (columns, rows) = (usize::from(width), usize::from(height));
    if width < LEAST_WIDTH || height < LEAST_HEIGHT {
        return plain::too_small(columns, rows);
    }
    ui.derive(state, now);
    let look = Look { state, now, symbols: ui.symbols() };
    let mut lines = vec![header::line(ui, &look, columns, true)];
    let problem = panel::problem_line(&look, columns);
    let note = footer::lines_above(ui, columns);
    let room = rows - 2 - usize::from(problem.is_some()) - note.len();
    lines.extend(body(ui, &look, columns, room, true));
    lines.truncate(1 + room);
    lines.resize_with(1 + room, StyledLine::new);
    lines.extend(problem);
    lines.extend(note);
    lines.push(footer::line(ui, &look, columns));
    lines
}

/// Returns the lines of the view, or of the page in its place.
fn body(ui: &mut Ui, look: &Look, width: usize, height: usize, is_live: bool) -> Vec<StyledLine> {
    if ui.prompt == Prompt::Help {
        let mut page = PageLines::new(look, width);
        legend::page(&mut page, ui.flags.write, ui.flags.has_redrive);
        return scrolled(&mut ui.scroll, &page.lines, height);
    }
    if let Some(open) = &ui.open {
        let mut page = PageLines::new(look, width);
        details::page(&mut page, open, ui.attached.as_ref());
        return scrolled(&mut ui.scroll, &page.lines, height);
    }
    match ui.view {
        ScreenView::Overview => overview::body(ui, look, width, height, is_live),
        ScreenView::Analytics => {
            let mut cached = ui.analytics.take();
            let made_from = (
                look.state.source.events,
                look.state.folder_changes,
                look.now.millis().div_euclid(CACHE_MS),
                width,
                ui.flags.ascii,
                ui.flags.emoji,
            );
            if cached.as_ref().is_none_or(|page| page.made_from != made_from) {
                let lines = analytics::page(look, width);
                cached = Some(CachedPage { made_from, lines });
            }
            let lines = cached.as_ref().map_or(&[][..], |page| &page.lines);
            let shown = match is_live {
                true => scrolled(&mut ui.scroll, lines, height),
                false => lines.iter().take(height).cloned().collect(),
            };
            ui.analytics = cached;
            shown
        }
        ScreenView::Investigations => investigations_body(ui, look, width, height, is_live),
        ScreenView::Incidents => list(ui, look, ListName::Incidents, width, height, is_live),
    }
}

fn scrolled(scroll: &mut Scroll, lines: &[StyledLine], height: usize) -> Vec<StyledLine> {
    (scroll.lines, scroll.visible) = (lines.len(), height);
    scroll.step(0);
    lines.iter().skip(scroll.top).take(height).cloned().collect()
}

/// Returns a list that has the view to itself.
fn list(
    ui: &mut Ui,
    look: &Look,
    name: ListName,
    width: usize,
    height: usize,
    is_live: bool,
) -> Vec<StyledLine> {
    let mut list = std::mem::take(&mut ui.lists[name as usize]);
    let panel = Panel { name, look, filter: ui.filter(), is_focused: true, is_live };
    let lines = panel.lines(&mut list, width, height);
    ui.lists[name as usize] = list;
    lines
}

/// Returns the list of investigations, and the selected one below it.
fn investigations_body(
    ui: &mut Ui,
    look: &Look,
    width: usize,
    height: usize,
    is_live: bool,
) -> Vec<StyledLine> {
    let name = ListName::Investigations;
    let selected = ui.lists[name as usize].selected().cloned();
    let Some(selected) = selected.filter(|_| height >= DETAILS_HEIGHT && is_live) else {
        return list(ui, look, name, width, height, is_live);
    };
    let needs = ui.lists[name as usize].len() + 2;
    let share = needs.clamp(4, height * 2 / 5);
    let mut lines = list(ui, look, name, width, share, is_live);
    lines.resize_with(share, StyledLine::new);
    let mut page = PageLines::new(look, width);
    investigations::page(&mut page, &selected.id, ui.attached.as_ref());
    lines.extend(page.lines.into_iter().take(height - share));
    lines
}

#[cfg(test)]
mod tests;
