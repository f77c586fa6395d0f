//! A part as lines for people: the rows of the dashboard, as wide as the terminal.

use super::{PartFacts, StatusPart};
use crate::money::Usd;
use crate::rules::view::page::PageStyle;
use crate::rules::view::screen::analytics::{self, spent};
use crate::rules::view::screen::filter::RowFilter;
use crate::rules::view::screen::lists::ListState;
use crate::rules::view::screen::page_lines::PageLines;
use crate::rules::view::screen::panel::Panel;
use crate::rules::view::screen::rows::{ListName, Look};
use crate::rules::view::screen::symbols::Symbols;
use crate::rules::view::screen::theme::{StyledLine, Tone};
use crate::rules::view::screen::{amounts, problems, summary};
use crate::text;

/// The days and the causes of the spend that are shown.
const DAYS: usize = 14;
const CAUSES: usize = 20;
/// The characters of a fingerprint that are shown.
const ID: usize = 8;
/// The lines that an empty list may need for its reason.
const REASON: usize = 8;

/// The form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartStyle {
    pub page: PageStyle,
    /// Whether only ASCII characters are used beside what names have.
    pub ascii: bool,
    /// The most lines; a list says which of its rows these are.
    pub lines_max: Option<usize>,
}

/// Renders a part, with a line for each problem of the figures below it.
pub fn page(facts: &PartFacts<'_>, style: PartStyle) -> String {
    let symbols = Symbols::new(style.ascii, false);
    let look = Look { state: facts.dashboard, now: facts.now, symbols };
    let width = style.page.width;
    let problems = problems::lines(&look, width);
    let room = style.lines_max.map(|most| most.saturating_sub(problems.len()).max(1));
    let mut lines = match facts.part {
        StatusPart::Incidents => list(&look, ListName::Incidents, width, room),
        StatusPart::Queues => list(&look, ListName::Queues, width, room),
        StatusPart::Prs => list(&look, ListName::Requests, width, room),
        StatusPart::Spend => spend(facts, &look, width),
    };
    // A list says by itself which of its rows are shown.
    if let Some(room) = room.filter(|room| lines.len() > *room) {
        let more = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(StyledLine::from_text(&format!("and {more} more lines"), Tone::Faint));
    }
    lines.extend(problems);
    lines.truncate(style.lines_max.unwrap_or(usize::MAX));
    let text = |line: &StyledLine| match style.page.color {
        true => line.painted(),
        false => line.text(),
    };
    lines.iter().map(|line| format!("{}\n", text(line).trim_end())).collect()
}

fn list(look: &Look, name: ListName, width: usize, room: Option<usize>) -> Vec<StyledLine> {
    let (mut list, filter) = (ListState::default(), RowFilter::default());
    list.derive(name, look.state, look.now, &filter);
    let panel = Panel { name, look, filter: &filter, is_focused: false, is_live: false };
    let height = room.unwrap_or_else(|| panel.needs(&list) + REASON);
    panel.lines(&mut list, width, height)
}

fn spend(facts: &PartFacts<'_>, look: &Look, width: usize) -> Vec<StyledLine> {
    let mut page = PageLines::new(look, width);
    page.heading("Budget of 24 hours", "");
    match facts.budget {
        None => {
            let unknown = "unknown: budget.json is not there yet, or cannot be read";
            page.sentence(unknown, Tone::Warning);
        }
        Some(budget) => {
            let is_used_up = budget.left_usd == Usd::NONE;
            let tone = if is_used_up { Tone::Bad } else { Tone::Plain };
            page.amount("limit", &amounts::usd(budget.limit_usd), "", Tone::Plain);
            page.amount("spent", &amounts::usd(budget.spent_usd), "", Tone::Plain);
            page.amount("reserved", &amounts::usd(budget.reserved_usd), "", Tone::Plain);
            page.amount("left", &amounts::usd(budget.left_usd), "", tone);
            if budget.left_unless_near_usd != budget.left_usd {
                let far = amounts::usd(budget.left_unless_near_usd);
                page.amount("", &far, "unless a loss is near", Tone::Plain);
            }
        }
    }
    if !facts.has_events() {
        page.heading("Spend by day and cause", "");
        page.sentence("unknown: no event has been read", Tone::Warning);
        return page.lines;
    }
    analytics::spend(&mut page, DAYS);
    causes(&mut page);
    page.lines
}

/// Adds what was spent on each cause, the dearest first.
fn causes(page: &mut PageLines) {
    let look = page.look;
    let source = &look.state.source;
    let since = source.begins.map(|at| format!("since {}", amounts::instant(at, look.now)));
    let age = source.newest.map(|at| format!("{} ago", amounts::age(look.now.since(at))));
    let note: Vec<String> = since.into_iter().chain(age).collect();
    page.heading("Spend by cause", &note.join(", "));
    let causes = look.state.spent_causes();
    if causes.is_empty() {
        return page
            .sentence(&summary::none_since(look.state, look.now, "none has ended"), Tone::Faint);
    }
    let head = "     SPENT SESSIONS  CAUSE    TITLE";
    page.lines.push(StyledLine::from_text(head, Tone::Faint));
    let mut is_partial = false;
    for (cause, sum) in causes.iter().take(CAUSES) {
        is_partial |= sum.unknown > 0;
        let head = format!("  {:>8} {:>8}  ", spent(*sum), amounts::count(sum.sessions));
        let mut line = StyledLine::from_text(&head, Tone::Plain);
        let id: String = cause.fingerprint.chars().take(ID).collect();
        line.push(&id, Tone::Faint);
        line.pad(head.len() + ID + 1);
        line.push(cause.title, Tone::Plain);
        page.lines.push(line.cut(page.width, look.symbols.cut));
    }
    if causes.len() > CAUSES {
        page.sentence(&format!("and {} more; --json has all", causes.len() - CAUSES), Tone::Faint);
    }
    if is_partial {
        let unknown: u64 = causes.iter().map(|(_, sum)| sum.unknown).sum();
        let sessions = text::count(unknown, "session");
        page.sentence(&format!("+ or ?: the cost of {sessions} is unknown"), Tone::Faint);
    }
}
