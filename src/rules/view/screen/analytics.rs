//! Analytics: depth and growth over a day, mean times, success, causes, spend, notices, the source.

use super::amounts;
use super::history;
use super::page_lines::PageLines;
use super::rows::Look;
use super::theme::{StyledLine, Tone};
use super::{cells, overview, problems, summary};
use crate::rules::view::dashboard::spend::SpendSum;
use crate::rules::view::times;
use crate::text;
use crate::time::Timestamp;

/// The width from which there are two columns, and the space between them.
const TWO_COLUMNS: usize = 76;
const GAP: usize = 2;
/// The cells of the scale of a chart.
const SCALE: usize = 8;
const CHART_HEIGHT: usize = 4;
/// The causes, channels and days that are shown.
const CAUSES: usize = 8;
const CHANNELS: usize = 8;
const DAYS: usize = 7;
/// The characters of a fingerprint that are shown.
const ID: usize = 8;

/// Returns the lines of the page.
pub fn page(look: &Look, width: usize) -> Vec<StyledLine> {
    let is_wide = width >= TWO_COLUMNS;
    let left_width = if is_wide { (width - GAP) / 2 } else { width };
    let right_width = if is_wide { width - GAP - left_width } else { width };
    let mut left = PageLines::new(look, left_width);
    depth(&mut left);
    growth(&mut left);
    spend(&mut left, DAYS);
    let mut right = PageLines::new(look, right_width);
    mean_times(&mut right);
    success(&mut right);
    notices(&mut right);
    let mut all = if is_wide {
        overview::beside(left.lines, right.lines, left_width + GAP)
    } else {
        left.lines.push(StyledLine::new());
        left.lines.extend(right.lines);
        left.lines
    };
    let mut below = PageLines::new(look, width);
    causes(&mut below);
    source(&mut below);
    all.push(StyledLine::new());
    all.extend(below.lines);
    all
}

fn depth(page: &mut PageLines) {
    let look = page.look;
    let totals = look.state.depth_over_time(look.now);
    let unknown = totals.last().map_or(0, |total| total.unknown);
    let depth: Vec<_> = totals.into_iter().map(|total| total.depth).collect();
    let note = if unknown > 0 { format!("{unknown} unknown") } else { String::new() };
    page.heading("Depth of all queues, 24h", &note);
    if depth.iter().all(Option::is_none) {
        return page.sentence("nothing is known yet: no round has been read", Tone::Faint);
    }
    let cells = page.width.saturating_sub(SCALE + 1);
    let (rows, most) = history::chart(&depth, cells, CHART_HEIGHT, look.symbols);
    for (at, bars) in rows.into_iter().enumerate() {
        let scale = match at {
            0 => amounts::count(most),
            _ if at + 1 == CHART_HEIGHT => "0".into(),
            _ => String::new(),
        };
        let mut line = StyledLine::from_text(&format!("{scale:>SCALE$} "), Tone::Faint);
        line.push(&bars, Tone::Plain);
        page.lines.push(line);
    }
    page.lines.push(axis(cells, "24h ago", "now"));
}

fn axis(cells: usize, first: &str, last: &str) -> StyledLine {
    let mut line = StyledLine::new();
    line.pad(SCALE + 1);
    line.push(first, Tone::Faint);
    line.pad((SCALE + 1 + cells).saturating_sub(cells::width(last)));
    line.with(last, Tone::Faint)
}

fn growth(page: &mut PageLines) {
    let look = page.look;
    let hours = look.state.arrivals(look.now);
    let growth: Vec<_> = hours.iter().map(|hour| hour.arrived).collect();
    page.heading("New messages an hour", "growth of the depths");
    if growth.iter().all(Option::is_none) {
        return page.sentence("nothing is known yet: no round has been read", Tone::Faint);
    }
    let cells = page.width.saturating_sub(SCALE + 1);
    let most = growth.iter().flatten().max().copied().unwrap_or(0);
    let scale = format!("{:>SCALE$} ", amounts::count(most));
    let mut line = StyledLine::from_text(&scale, Tone::Faint);
    line.push(&history::bars(&growth, cells, look.symbols), Tone::Plain);
    page.lines.push(line);
    let last = hours.last().map_or(amounts::UNKNOWN.into(), |hour| {
        let count = hour.arrived.map_or(amounts::UNKNOWN.into(), amounts::count);
        if hour.has_gaps { format!("{count} or more") } else { count }
    });
    page.lines.push(axis(cells, "24h ago", &format!("this hour {last}")));
}

fn mean_times(page: &mut PageLines) {
    page.heading("Mean time to", "");
    let times = times::mean_times(page.look.state);
    // Without any incident all have the same reason.
    if let [first, rest @ ..] = &times
        && let Err(reason) = first.mean
        && rest.iter().all(|time| time.mean == Err(reason))
    {
        let names: Vec<&str> = times.iter().map(|time| time.step.as_str()).collect();
        return page.sentence(&format!("{}: {reason}", names.join(", ")), Tone::Faint);
    }
    // Without room for the noun behind one number it stands behind none.
    let with_noun = |count| format!("  of {}", text::count(count, "incident"));
    let longest = times.iter().filter(|time| time.mean.is_ok()).map(|time| time.count);
    let longest = longest.map(|count| with_noun(count).len()).max().unwrap_or(0);
    let has_nouns = 16 + 7 + longest <= page.width;
    for time in times {
        let mut head = StyledLine::new();
        head.pad(2);
        head.push(time.step.as_str(), Tone::Faint);
        head.pad(16);
        match time.mean {
            Ok(mean) => {
                head.push(&format!("{:>7}", amounts::clock(mean.as_secs())), Tone::Plain);
                let of =
                    if has_nouns { with_noun(time.count) } else { format!("  of {}", time.count) };
                page.lines.push(head.with(&of, Tone::Faint));
            }
            Err(reason) => {
                head.push("- ", Tone::Faint);
                page.hang(head, reason, Tone::Faint);
            }
        }
    }
}

fn success(page: &mut PageLines) {
    page.heading("Investigations that ended", "");
    let outcomes = page.look.state.spend.outcomes;
    let Some(rate) = outcomes.success_rate() else {
        let none = summary::none_since(page.look.state, page.look.now, "none has ended");
        return page.sentence(&none, Tone::Faint);
    };
    let judged = outcomes.ended() - outcomes.stopped;
    let text = format!("{} of {judged} ({:.0} %)", outcomes.explained, rate * 100.0);
    page.field("explained", &text, Tone::Plain);
    let others = [
        (outcomes.inconclusive, "inconclusive"),
        (outcomes.failed, "failed"),
        (outcomes.timed_out, "timed out"),
        (outcomes.crashed, "crashed"),
        (outcomes.stopped, "stopped"),
    ];
    let others = others.into_iter().filter(|(number, _)| *number > 0);
    let others: Vec<String> = others.map(|(number, word)| format!("{number} {word}")).collect();
    if !others.is_empty() {
        page.field("others", &others.join(", "), Tone::Plain);
    }
}

fn notices(page: &mut PageLines) {
    page.heading("Notices by channel", "");
    let mut all: Vec<_> = page.look.state.notices.iter().collect();
    all.sort_unstable_by_key(|(channel, _)| *channel);
    if all.is_empty() {
        let none = "none was sent, held or refused";
        let none = summary::none_since(page.look.state, page.look.now, none);
        return page.sentence(&none, Tone::Faint);
    }
    // Three numbers of 7 cells, each behind a space.
    let room = page.width.saturating_sub(2 + 3 * 8).min(40);
    let row = |name: &str, tone: Tone| {
        let mut line = StyledLine::new();
        line.pad(2);
        let name = cells::clean(name);
        line.push(&cells::cut_name(&name, room, page.look.symbols.cut), tone);
        line.pad(2 + room);
        line
    };
    let head = format!(" {:>7} {:>7} {:>7}", "SENT", "HELD", "FAILED");
    let mut lines = vec![row("CHANNEL", Tone::Faint).with(&head, Tone::Faint)];
    for (channel, counts) in all.iter().take(CHANNELS) {
        let (sent, held) = (amounts::count(counts.sent), amounts::count(counts.held));
        let line = row(channel, Tone::Plain).with(&format!(" {sent:>7} {held:>7}"), Tone::Plain);
        let tone = if counts.failed > 0 { Tone::Bad } else { Tone::Plain };
        lines.push(line.with(&format!(" {:>7}", amounts::count(counts.failed)), tone));
    }
    page.lines.extend(lines);
    more(page, all.len(), CHANNELS);
}

fn more(page: &mut PageLines, all: usize, shown: usize) {
    if all > shown {
        page.sentence(&format!("and {} more", all - shown), Tone::Faint);
    }
}

fn causes(page: &mut PageLines) {
    let state = page.look.state;
    page.heading("Top causes", "");
    let causes = state.top_causes();
    if causes.is_empty() {
        let none = summary::none_since(state, page.look.now, "no message was sampled");
        return page.sentence(&none, Tone::Faint);
    }
    let head = "  SAMPLED INCIDENTS OPEN   SPENT  CAUSE    TITLE";
    page.lines.push(StyledLine::from_text(head, Tone::Faint));
    for cause in causes.iter().take(CAUSES) {
        let spent = cause.spend.map_or(amounts::NONE.into(), spent);
        let (messages, incidents) = (amounts::count(cause.messages), cause.incidents);
        let head = format!("  {messages:>7} {incidents:>9} {:>4} {spent:>7}  ", cause.open);
        let mut line = StyledLine::from_text(&head, Tone::Plain);
        let id = cause.fingerprint.chars().take(ID).collect::<String>();
        line.push(&id, Tone::Faint);
        line.pad(head.len() + ID + 1);
        line.push(cause.title, Tone::Plain);
        page.lines.push(line.cut(page.width, page.look.symbols.cut));
    }
    more(page, causes.len(), CAUSES);
}

/// Returns a sum of costs; `+` when it lacks some.
pub fn spent(sum: SpendSum) -> String {
    match sum.known().map(amounts::usd) {
        None => amounts::UNKNOWN.into(),
        Some(usd) if sum.unknown > 0 => format!("{usd}+"),
        Some(usd) => usd,
    }
}

/// Adds what was spent on so many days, the newest first, and on what runs.
pub fn spend(page: &mut PageLines, days_max: usize) {
    let (state, now) = (page.look.state, page.look.now);
    page.heading("Spend a day (UTC)", "");
    let days = state.spend.by_day();
    let running = state.running_cost();
    if running.sessions > 0 {
        page.amount("running", &spent(running), "", Tone::Plain);
    } else if days.is_empty() {
        return page.sentence(&summary::none_since(state, now, "none has ended"), Tone::Faint);
    }
    let today = now.to_string();
    for (day, sum) in days.into_iter().take(days_max) {
        let date = day.to_string();
        let date = date.get(..10).unwrap_or_default();
        let name = if today.starts_with(date) { "today" } else { date };
        let sessions = text::count(sum.sessions, "session");
        page.amount(name, &spent(sum), &sessions, Tone::Plain);
    }
}

fn source(page: &mut PageLines) {
    let (state, now) = (page.look.state, page.look.now);
    page.heading("Source of the figures", "");
    let source = &state.source;
    let when = |at: Option<Timestamp>| match at {
        Some(at) => format!("{}, {} ago", amounts::instant(at, now), amounts::age(now.since(at))),
        None if source.is_ahead_of_clock() || source.is_unknown() => "unknown".into(),
        None => "no event yet".into(),
    };
    page.field("begins", &when(source.begins), Tone::Plain);
    page.field("newest", &when(source.newest), Tone::Plain);
    page.field("events", &source.events.to_string(), Tone::Plain);
    if let Some(month) = state.rounds.usd_month {
        page.field("polling", &format!("{} a month", amounts::usd(month)), Tone::Plain);
    }
    for problem in problems::all(state, now) {
        page.field("problem", &problem, Tone::Warning);
    }
}
