//! Analytics: depth and growth over a day, mean times, success, causes, spend, notices, the source.

use std::collections::HashMap;

use super::amounts;
use super::history;
use super::page_lines::PageLines;
use super::rows::Look;
use super::theme::{StyledLine, Tone};
use super::{cells, overview, problems};
use crate::money::Usd;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::investigations::{Investigation, InvestigationStatus};
use crate::rules::view::dashboard::queues::{BUCKET_MS, BUCKETS};
use crate::time::Timestamp;

/// The width from which there are two columns, and the space between them.
const TWO_COLUMNS: usize = 76;
const GAP: usize = 2;
const HOURS: usize = BUCKETS / history::HOUR;
/// The cells of the scale of a chart.
const SCALE: usize = 8;
const CHART_HEIGHT: usize = 4;
/// The causes, channels and days that are shown.
const CAUSES: usize = 8;
const CHANNELS: usize = 8;
const DAYS: usize = 7;
/// The characters of a fingerprint that are shown.
const ID: usize = 8;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Returns the lines of the page.
pub fn page(look: &Look, width: usize) -> Vec<StyledLine> {
    let is_wide = width >= TWO_COLUMNS;
    let left_width = if is_wide { (width - GAP) / 2 } else { width };
    let right_width = if is_wide { width - GAP - left_width } else { width };
    let mut left = PageLines::new(look, left_width);
    depth(&mut left);
    growth(&mut left);
    spend(&mut left);
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

/// Returns the sum of all depths in each bucket, and the growth in each hour.
fn sums(state: &Dashboard, now: Timestamp) -> (Vec<Option<u64>>, Vec<Option<u64>>) {
    let mut depth = vec![None; BUCKETS];
    let mut growth = vec![None; HOURS];
    let last = now.millis().div_euclid(BUCKET_MS);
    let add = |sum: &mut Option<u64>, more: u64| {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    };
    for queue in state.queues.values().filter(|queue| !queue.depths.buckets.is_empty()) {
        let raised = queue.raised_at.map(|at| at.millis().div_euclid(BUCKET_MS));
        let depths = history::depths(&queue.depths, now);
        let mut before = None;
        for (at, now_depth) in depths.iter().enumerate() {
            let Some(now_depth) = *now_depth else { continue };
            add(&mut depth[at], now_depth);
            let bucket = last - (BUCKETS - 1 - at) as i64;
            let begins = (raised == Some(bucket)).then_some(0);
            let grown = before.or(begins).map(|before| now_depth.saturating_sub(before));
            add(&mut growth[at / history::HOUR], grown.unwrap_or(0));
            before = Some(now_depth);
        }
    }
    (depth, growth)
}

fn depth(page: &mut PageLines) {
    let look = page.look;
    let (depth, _) = sums(look.state, look.now);
    page.heading("Depth of all queues, 24h", "");
    if depth.iter().all(Option::is_none) {
        return page.sentence("nothing is known yet: no queue had messages", Tone::Faint);
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
    let (_, growth) = sums(look.state, look.now);
    page.heading("New messages an hour", "growth of the depths");
    if growth.iter().all(Option::is_none) {
        return page.sentence("nothing is known yet", Tone::Faint);
    }
    let cells = page.width.saturating_sub(SCALE + 1);
    let most = growth.iter().flatten().max().copied().unwrap_or(0);
    let mut line =
        StyledLine::from_text(&format!("{:>SCALE$} ", amounts::count(most)), Tone::Faint);
    line.push(&history::bars(&growth, cells, look.symbols), Tone::Plain);
    page.lines.push(line);
    let last = growth.last().copied().flatten().map_or(amounts::UNKNOWN.into(), amounts::count);
    page.lines.push(axis(cells, "24h ago", &format!("last hour {last}")));
}

fn mean_times(page: &mut PageLines) {
    page.heading("Mean times", "number of incidents");
    for row in super::means::rows(page.look.state) {
        let mut head = StyledLine::new();
        head.pad(2);
        head.push(row.name, Tone::Faint);
        head.pad(18);
        match row.mean_s {
            Some(seconds) => {
                head.push(&format!("{:>7}", amounts::clock(seconds)), Tone::Plain);
                page.lines.push(head.with(&format!("  of {}", row.n), Tone::Faint));
            }
            None => {
                head.push(&format!("{:>7}  ", amounts::NONE), Tone::Faint);
                page.hang(head, row.reason, Tone::Faint);
            }
        }
    }
}

fn success(page: &mut PageLines) {
    page.heading("Investigations", "");
    let all = page.look.state.investigations.values();
    let number = |status| all.clone().filter(|one| one.status == status).count();
    let completed = number(InvestigationStatus::Completed);
    let others = [
        (InvestigationStatus::Failed, "failed"),
        (InvestigationStatus::TimedOut, "timed out"),
        (InvestigationStatus::Crashed, "crashed"),
        (InvestigationStatus::Stopped, "stopped"),
    ];
    let ended = completed + others.iter().map(|(status, _)| number(*status)).sum::<usize>();
    if ended == 0 {
        return page.sentence("none has ended yet", Tone::Faint);
    }
    let rate = (completed * 100 + ended / 2) / ended;
    page.field("with a result", &format!("{completed} of {ended} ({rate} %)"), Tone::Plain);
    let others = others.iter().map(|(status, word)| (number(*status), word));
    let others: Vec<String> = others
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    if !others.is_empty() {
        page.field("without", &others.join(", "), Tone::Plain);
    }
}

fn notices(page: &mut PageLines) {
    page.heading("Notices by channel", "");
    let mut all: Vec<_> = page.look.state.notices.iter().collect();
    all.sort_unstable_by_key(|(channel, _)| *channel);
    if all.is_empty() {
        return page.sentence("none was sent, held or refused", Tone::Faint);
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

/// Returns the fingerprint of the cause that an investigation looked at: the most frequent one.
fn fingerprint<'a>(state: &'a Dashboard, one: &Investigation) -> Option<&'a str> {
    let incident = state.incidents.get(&one.incident)?;
    incident.causes.first().map(|(fingerprint, ..)| &**fingerprint)
}

#[derive(Default)]
struct CauseTotal<'a> {
    title: &'a str,
    messages: u64,
    incidents: u64,
    spent: Usd,
}

fn causes(page: &mut PageLines) {
    let state = page.look.state;
    page.heading("Top causes", "");
    let mut totals: HashMap<&str, CauseTotal> = HashMap::new();
    for incident in state.incidents.values() {
        for (fingerprint, count, title) in &incident.causes {
            let total = totals.entry(fingerprint).or_default();
            (total.title, total.incidents) = (title, total.incidents + 1);
            total.messages = total.messages.saturating_add(*count);
        }
    }
    for one in state.investigations.values() {
        if let (Some(fingerprint), Some(cost)) = (fingerprint(state, one), one.cost) {
            let total = totals.entry(fingerprint).or_default();
            total.spent = total.spent.plus(cost);
        }
    }
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort_by_key(|(fingerprint, total)| {
        (std::cmp::Reverse((total.incidents, total.messages)), *fingerprint)
    });
    if totals.is_empty() {
        return page.sentence("none is known yet: no message was sampled", Tone::Faint);
    }
    page.lines
        .push(StyledLine::from_text("  INCIDENTS SAMPLED   SPENT  CAUSE    TITLE", Tone::Faint));
    for (fingerprint, total) in totals.iter().take(CAUSES) {
        let (messages, spent) = (amounts::count(total.messages), amounts::usd(total.spent));
        let head = format!("  {:>9} {messages:>7} {spent:>7}  ", total.incidents);
        let mut line = StyledLine::from_text(&head, Tone::Plain);
        let id = fingerprint.chars().take(ID).collect::<String>();
        line.push(&id, Tone::Faint);
        line.pad(head.len() + ID + 1);
        line.push(total.title, Tone::Plain);
        page.lines.push(line.cut(page.width, page.look.symbols.cut));
    }
    more(page, totals.len(), CAUSES);
}

fn spend(page: &mut PageLines) {
    let (state, now) = (page.look.state, page.look.now);
    page.heading("Spend a day (UTC)", "");
    let mut days: HashMap<i64, Usd> = HashMap::new();
    for one in state.investigations.values() {
        if let (Some(at), Some(cost)) = (one.ended_at.or(one.started_at), one.cost) {
            let day = days.entry(at.millis().div_euclid(DAY_MS)).or_default();
            *day = day.plus(cost);
        }
    }
    if days.is_empty() {
        return page.sentence("nothing is known to be spent", Tone::Faint);
    }
    let today = now.millis().div_euclid(DAY_MS);
    let mut days: Vec<_> = days.into_iter().filter(|(day, _)| *day <= today).collect();
    days.sort_unstable_by_key(|(day, _)| std::cmp::Reverse(*day));
    for (day, spent) in days.iter().take(DAYS) {
        let date = Timestamp::from_millis(day * DAY_MS).to_string();
        let name = if *day == today { "today" } else { date.get(..10).unwrap_or_default() };
        page.field(name, &format!("{:>7}", amounts::usd(*spent)), Tone::Plain);
    }
}

fn source(page: &mut PageLines) {
    let (state, now) = (page.look.state, page.look.now);
    page.heading("Source of the figures", "");
    let source = &state.source;
    let when = |at: Option<Timestamp>| match at {
        Some(at) => format!("{}, {} ago", amounts::instant(at, now), amounts::age(now.since(at))),
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
