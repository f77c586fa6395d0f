//! The sentences of notices about pull requests and issues.
//!
//! The title is somebody's text, and the last part of the line: it is cut where the line is full.

use super::{Context, Sentences, cap};
use crate::event::{self, IssueFacts, PullRequestFacts};
use crate::rules::loss_text;
use crate::text::{safe, shorten};
use crate::time::show_span;
use std::time::Duration;

/// The longest address that is shown, in bytes.
const URL_MAX: usize = 300;
/// The fewest characters of a title that are shown, whatever else is in the line.
const TITLE_MIN: usize = 20;

/// Returns what has happened, with the title, and the address to go to.
fn about(what: &str, pr: &PullRequestFacts, context: &Context) -> Sentences {
    Sentences::of_what(titled(what, &pr.title, context)).with_next(address(&pr.url))
}

fn titled(what: &str, title: &str, context: &Context) -> String {
    let title = cap(title);
    if title.trim().is_empty() {
        return what.to_owned();
    }
    let room = context.room.saturating_sub(what.chars().count() + 2).max(TITLE_MIN);
    format!("{what}: {}", shorten(&title, room))
}

/// Returns an address to go to; None for one that a server has not written.
fn address(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_web && url.len() <= URL_MAX && !url.contains(char::is_whitespace))
        .then(|| safe(url).into_owned())
}

fn whose(pr: &PullRequestFacts) -> &'static str {
    if pr.ours { "our pull request" } else { "pull request" }
}

fn by(pr: &PullRequestFacts) -> String {
    pr.author.as_deref().map_or(String::new(), |author| format!(" by {}", cap(author)))
}

pub(super) fn found(data: &event::PrFound, context: &Context) -> Sentences {
    let known = if data.baseline { ", known from the first look" } else { "" };
    let what = match data.pr.ours {
        true => format!("{} is watched{known}", whose(&data.pr)),
        false => format!("a pull request{} is open{known}", by(&data.pr)),
    };
    about(&what, &data.pr, context)
}

pub(super) fn opened(data: &event::PrOpened, context: &Context) -> Sentences {
    let kind = if data.pr.draft { "draft pull request" } else { "pull request" };
    let proof = if data.grade == "proven" { "proven" } else { "not proven" };
    let again = data.regression_of.as_deref();
    let again = again.map(|before| format!("a regression: {} was merged for it", cap(before)));
    about(&format!("{kind} opened, {proof}"), &data.pr, context).with_lines(again)
}

pub(super) fn commented(data: &event::PrCommented, context: &Context) -> Sentences {
    let what = match data.reason.as_str() {
        "same_cause" => "the cause came again, our pull request is open",
        "redriven" => "the messages were moved back, commented",
        _ => "commented",
    };
    about(what, &data.pr, context)
}

pub(super) fn refused(data: &event::PrRefused) -> Sentences {
    let patch = data.patch.as_deref().map(|path| format!("the patch is kept: {}", cap(path)));
    Sentences::of_what(format!("no pull request: {}", cap(&data.detail))).with_lines(patch)
}

pub(super) fn review_due(data: &event::PrReviewDue, context: &Context) -> Sentences {
    let waited = show_span(Duration::from_secs(data.waiting_s));
    let who = data.pr.waiting_on.as_deref();
    let who = who.map_or(String::new(), |who| format!(" for {}", cap(who)));
    let loss = data.loss_at.filter(|at| *at > context.now);
    let loss = loss.map(|at| {
        format!("first messages are lost in {}", loss_text::lasting(at.since(context.now)))
    });
    let lines = loss.into_iter().chain([cap(&data.detail).into_owned()]);
    about(&format!("{} waits{who}, {waited}", whose(&data.pr)), &data.pr, context)
        .with_lines(lines.filter(|line| !line.is_empty()))
}

/// Describes what has become of a pull request in one word.
pub(super) fn became(what: &str, pr: &PullRequestFacts, context: &Context) -> Sentences {
    about(&format!("{} {what}", whose(pr)), pr, context)
}

pub(super) fn unreadable(data: &event::PrUnreadable, context: &Context) -> Sentences {
    let why = cap(&data.reason);
    match &data.pr {
        Some(pr) => about(&format!("{} is unreadable ({why})", whose(pr)), pr, context),
        None => Sentences::of_what(format!("pull requests are unreadable: {why}")),
    }
}

/// Describes what has become of an issue.
pub(super) fn issue(what: &str, issue: &IssueFacts, context: &Context) -> Sentences {
    Sentences::of_what(titled(what, &issue.title, context)).with_next(address(&issue.url))
}
