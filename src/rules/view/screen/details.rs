//! The pages of a queue, of a pull request and of a piece of news.

use super::amounts;
use super::incidents;
use super::page_lines::PageLines;
use super::places;
use super::rows::queues::{self, Standing};
use super::rows::timeline;
use super::theme::Tone;
use super::ui::{AttachedFiles, OpenPage};
use crate::rules::loss_text;

/// Adds the page that a person has opened.
pub fn page(page: &mut PageLines, open: &OpenPage, attached: Option<&AttachedFiles>) {
    match open {
        OpenPage::Queue(arn) => queue(page, arn, attached),
        OpenPage::Incident(id) => incidents::page(page, id, attached),
        OpenPage::Session(id) => super::investigations::page(page, id, attached),
        OpenPage::Request(key) => request(page, key),
        OpenPage::News(text, incident) => {
            page.heading("News", "");
            page.sentence(text, Tone::Plain);
            if let Some(id) = incident {
                incidents::page(page, id, attached);
            }
        }
    }
}

fn queue(page: &mut PageLines, arn: &str, attached: Option<&AttachedFiles>) {
    let look = page.look;
    let Some(one) = look.state.queues.get(arn) else {
        return page.sentence("this queue is no longer on record", Tone::Warning);
    };
    page.heading(&format!("Queue {}", places::named(look.state, arn, &one.name)), "");
    let standing = Standing::new(one, look.now);
    let cell = standing.cell(look);
    page.field("severity", &format!("{}: {}", cell.text, standing.meaning()), cell.tone);
    if let Some(reason) = &one.unreadable {
        page.field("unreadable", reason, Tone::Warning);
    }
    let known = |value: Option<u64>| value.map_or("unknown".to_owned(), amounts::count);
    page.field("depth", &known(one.depth), Tone::Plain);
    page.field("in flight", &known(one.in_flight), Tone::Plain);
    if one.depth != Some(0) {
        let text = loss_text::phrase_with_instant(one.window(), one.depth, look.now);
        page.field("loss", &text, Tone::Plain);
    }
    let read = one.read_at.map_or("never".into(), |at| {
        format!("{} ({} ago)", amounts::instant(at, look.now), amounts::age(look.now.since(at)))
    });
    page.field("changed", &read, Tone::Plain);
    page.field("place", &format!("{}, {}", one.region, one.account), Tone::Plain);
    page.field("ARN", arn, Tone::Plain);
    match (&one.incident, queues::mark(look.state, one, look.now)) {
        (Some(incident), _) => incidents::page(page, incident, attached),
        (None, Some(mark)) => {
            let text = format!("until {}", amounts::instant(mark.until(), look.now));
            page.field(mark.word(), &text, Tone::Plain);
        }
        (None, None) => {}
    }
}

fn request(page: &mut PageLines, key: &str) {
    let look = page.look;
    let Some(one) = look.state.pull_requests.get(key) else {
        return page.sentence("this pull request is no longer on record", Tone::Warning);
    };
    page.heading(&format!("Pull request {key}"), "");
    let title = if one.is_draft { format!("draft: {}", one.title) } else { one.title.to_string() };
    page.field("title", &title, Tone::Plain);
    if let Some(reason) = &one.unreadable {
        page.field("unreadable", reason, Tone::Warning);
    }
    let unknown = |text: &Option<Box<str>>| text.as_deref().unwrap_or("unknown").to_owned();
    let whose = if one.is_ours { ", opened by dlq-tools" } else { "" };
    page.field("author", &format!("{}{whose}", unknown(&one.author)), Tone::Plain);
    page.field("checks", &unknown(&one.checks), Tone::Plain);
    page.field("review", &unknown(&one.review).replace('_', " "), Tone::Plain);
    page.field("waiting on", one.waiting_on.as_deref().unwrap_or("nobody"), Tone::Plain);
    let times = [("opened", one.opened_at), ("merged", one.merged_at), ("closed", one.closed_at)];
    for (name, at) in times {
        if let Some(at) = at {
            page.field(name, &amounts::instant(at, look.now), Tone::Plain);
        }
    }
    if let Some(at) = one.seen_at {
        page.field("as of", &format!("{} ago", amounts::age(look.now.since(at))), Tone::Plain);
    }
    if let Some(url) = &one.url {
        page.field("address", url, Tone::Link);
    }
    if let Some(incident) = &one.incident {
        page.field("incident", incident, Tone::Plain);
    }
}

/// Returns the symbol of a sign, for the legend.
pub fn signs(page: &PageLines) -> Vec<(&'static str, &'static str)> {
    use crate::rules::view::dashboard::timeline::Sign;
    let symbols = page.look.symbols;
    [
        (Sign::Begin, "something begins, or waits"),
        (Sign::Good, "it went well"),
        (Sign::Bad, "it failed, or is in danger"),
        (Sign::Warning, "a person should look"),
        (Sign::Info, "for information"),
    ]
    .map(|(sign, meaning)| (timeline::symbol(symbols, sign), meaning))
    .to_vec()
}
