//! The sentences of notices about redrives, purges and archives.

use super::{Context, Sentences, cap, command, in_one_line};
use crate::event;
use crate::rules::loss_text;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::text::count;

/// The beginning of the title of messages that S3 sends as a test.
const S3_TEST: &str = "S3 test event";
/// The beginning of the line with the path of an archive.
const ARCHIVE: &str = "archive: ";

pub(super) fn planned(data: &event::RedrivePlanned) -> Sentences {
    let to = match data.destinations.len() {
        0 => String::new(),
        queues => format!(" to {}", count(queues as u64, "queue")),
    };
    Sentences::of_what(format!("a redrive of {}{to} is planned", count(data.messages, "message")))
}

pub(super) fn started(data: &event::RedriveStarted) -> Sentences {
    let what = data.messages.map_or("messages".into(), |n| count(n, "message"));
    let canary = match data.canary {
        0 => String::new(),
        first => format!(", {first} first"),
    };
    Sentences::of_what(format!("redrive of {what} started{canary}"))
}

pub(super) fn progressed(data: &event::RedriveProgressed) -> Sentences {
    let of = data.messages.map_or(String::new(), |all| format!(" of {all}"));
    let parked = match data.parked {
        0 => String::new(),
        parked => format!(", {parked} parked"),
    };
    let (step, moved, returned) = (cap(&data.step), data.moved, data.returned);
    Sentences::of_what(format!("redrive, {step}: {moved}{of} moved, {returned} returned{parked}"))
}

pub(super) fn completed(data: &event::RedriveCompleted) -> Sentences {
    let returned = match (data.returned, data.verified) {
        (0, None) => "not watched for returns".to_owned(),
        (returned, _) => format!("{returned} returned"),
    };
    let mut what = format!("{} redriven, {returned}", count(data.moved, "message"));
    if data.parked > 0 {
        what += &format!(", {} parked", data.parked);
    }
    if data.gone > 0 {
        what += &format!(", {} gone", data.gone);
    }
    if data.verified == Some(false) {
        what += ", not verified";
    }
    let twice = (data.possible_duplicates > 0).then(|| {
        let few = count(data.possible_duplicates, "message");
        format!("{few} may be in both queues; the archive lists them")
    });
    let pr = data.pull_request.as_deref().map(|pr| format!("the fix: {}", cap(pr)));
    let archive = data.archive.as_deref().filter(|_| twice.is_some()).and_then(archive);
    Sentences::of_what(what).with_lines([twice, archive, pr].into_iter().flatten())
}

pub(super) fn aborted(data: &event::RedriveAborted, context: &Context) -> Sentences {
    let lead = if data.regression { "redrive stopped, a regression" } else { "redrive stopped" };
    let left = data.left.map_or("an unknown number left".into(), |left| format!("{left} left"));
    let counts = format!("{} moved, {} returned, {left}", data.moved, data.returned);
    let mut said = in_one_line(lead, &data.detail, "", context);
    said.below.push(counts);
    said.below.extend(data.archive.as_deref().and_then(archive));
    said.with_next(context.look.clone())
}

pub(super) fn purged(data: &event::PurgeCompleted) -> Sentences {
    let what = match (data.hard, data.messages) {
        (true, _) => "purged by SQS, nothing was archived".into(),
        (_, None) => "messages purged".into(),
        (_, Some(messages)) => format!("{} archived and purged", count(messages, "message")),
    };
    let left = data.detail.as_deref().map(|detail| cap(detail).into_owned());
    let undo = data.archive.as_deref().and_then(|path| command("dlq-redrive restore ", path));
    let undo = undo.map(|undo| format!("to undo: {undo}"));
    Sentences::of_what(what).with_lines(left.into_iter().chain(undo))
}

pub(super) fn archived(data: &event::ArchiveCompleted, context: &Context) -> Sentences {
    let mut what = format!("{} archived", count(data.messages, "message"));
    if data.known > 0 {
        what += &format!(", {} before", data.known);
    }
    if data.detail.is_some() {
        what = format!("not all is archived: {what}");
    }
    let window = ExpiryWindow { after: None, before: data.expires_before };
    let loss = data.expires_before.map(|_| loss_text::phrase(window, None, context.now));
    let lines = data.detail.as_deref().map(|detail| cap(detail).into_owned());
    let path = data.archive.as_deref().and_then(archive);
    let lines = lines.into_iter().chain(loss).chain(path);
    let next = context.look.clone().filter(|_| data.detail.is_some());
    Sentences::of_what(what).with_next(next).with_lines(lines)
}

pub(super) fn restored(data: &event::ArchiveRestored) -> Sentences {
    let mut what = format!("{} restored", count(data.messages, "message"));
    if data.left > 0 {
        what += &format!(", {} left", data.left);
    }
    let why = data.detail.as_deref().map(|detail| cap(detail).into_owned());
    Sentences::of_what(what).with_lines(why.into_iter().chain(archive(&data.archive)))
}

/// Returns the advice about the test messages that S3 sends when a notification is configured; none for
/// another cause.
pub(super) fn harmless(cause: &event::Cause, queue: &event::Queue) -> Option<String> {
    let is_test = cause.kind == "shape" && cause.title.starts_with(S3_TEST);
    let purge = command("dlq-purge --fingerprint ", &cause.id).filter(|_| is_test)?;
    Some(format!("harmless: purge by fingerprint: {}", command(&format!("{purge} "), &queue.name)?))
}

/// Returns the line that names an archive; none for a path that a person could not copy whole.
fn archive(path: &str) -> Option<String> {
    super::is_operand(path).then(|| format!("{ARCHIVE}{path}"))
}
