//! The sentences of notices: one function for each subject, one arm for each type of event.
//!
//! A new type gets an arm in [`describe`]; a new reason for which nothing is investigated gets an
//! arm in [`skip_reason`] when its sentence in the event is too long for a notice.

use std::time::Duration;

use super::{Context, Sentences, cap, command, in_one_line, moves, near_loss, pull_requests};
use crate::event::{self, AnyPayload};
use crate::money::Usd;
use crate::rules::aws_command::{move_back, raise_retention};
use crate::rules::loss_text;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::text::{count, safe, shorten};
use crate::time::show_span;

/// The fewest characters of a title that are shown, whatever else is in the line.
const TITLE_MIN: usize = 20;
/// The longest command of a notice, in bytes. A longer one is left out.
const COMMAND_MAX: usize = 800;
/// The time that AWS needs to apply a new retention.
const RETENTION_APPLIES: Duration = Duration::from_secs(15 * 60);

/// Returns the sentences of an event.
pub(super) fn describe(data: AnyPayload, context: &Context) -> Sentences {
    let look = || context.look.clone();
    match data {
        AnyPayload::QueueRaised(data) => {
            let window = ExpiryWindow { after: data.expires_after, before: data.expires_before };
            let loss = loss_text::phrase(window, Some(data.depth), context.now);
            Sentences::of_what(format!("{}, {loss}", messages(Some(data.depth)))).with_next(look())
        }
        AnyPayload::QueueGrew(data) => {
            let what = format!("grew from {} to {}", data.raised_depth, messages(Some(data.depth)));
            Sentences::of_what(what).with_next(look())
        }
        AnyPayload::QueueExpiring(data) => expiring(&data, context),
        AnyPayload::QueueLossSuspected(data) => {
            let (why, detail) = match data.why.as_str() {
                "retention" => ("perhaps expired", None),
                "unexplained" => ("unexplained", None),
                // The sentence names what has to be allowed.
                _ => ("perhaps moved", Some(cap(&data.detail).into_owned())),
            };
            let what = format!("{} gone, {why}", messages(Some(data.missing)));
            Sentences::of_what(what).with_next(look()).with_lines(detail)
        }
        AnyPayload::QueueCleared(data) => {
            let after = lasted(data.duration_s);
            match data.cause.as_str() {
                "expired" => {
                    let what = format!("messages lost: expired, empty after {after}");
                    Sentences::of_what(what).with_next(look())
                }
                "unknown" => {
                    Sentences::of_what(format!("empty again after {after} (cause unknown)"))
                }
                cause => Sentences::of_what(format!("empty again after {after} ({})", cap(cause))),
            }
        }
        AnyPayload::QueueUnreadable(data) => {
            // A dry run, because a real one would use up the event of the next round.
            let next = command("dlq-poll -n --queue ", &data.queue.name);
            Sentences::of_what(format!("unreadable: {}", cap(&data.reason))).with_next(next)
        }
        AnyPayload::QueueReadable(data) => {
            let (failures, depth) = (count(data.misses, "failure"), messages(Some(data.depth)));
            Sentences::of_what(format!("readable again after {failures}, {depth}"))
        }
        AnyPayload::QueueFound(_) => Sentences::of_what("a dead-letter queue was found"),
        AnyPayload::QueueGone(data) => {
            let depth = messages(data.last_depth);
            Sentences::of_what(format!("no longer exists, before: {depth}")).with_next(look())
        }
        AnyPayload::QueuePolled(data) => Sentences::of_what(match (data.depth, data.reason) {
            (None, Some(reason)) => format!("depth unknown: {}", cap(&reason)),
            (None, None) => "depth unknown".into(),
            (depth, _) => messages(depth),
        }),
        AnyPayload::QueueLinted(data) => linted(&data),
        AnyPayload::QueueSampled(data) => sampled(&data, context),
        AnyPayload::PollFinished(data) => {
            let took = show_span(Duration::from_millis(data.duration_ms));
            let (queues, raised) = (count(data.queues, "queue"), data.raised);
            Sentences::of_what(format!(
                "round {}: {queues} in {took}, {raised} raised, {} unreadable",
                data.round, data.unreadable
            ))
        }
        AnyPayload::PollFailed(data) => poll_failed(&data),
        AnyPayload::NoticeSent(data) => {
            Sentences::of_what(format!("a notice was sent to channel '{}'", cap(&data.channel)))
        }
        AnyPayload::NoticeFailed(data) => {
            let (channel, error) = (cap(&data.channel), cap(&data.error));
            Sentences::of_what(format!("a notice to channel '{channel}' failed: {error}"))
        }
        AnyPayload::NoticeHeld(data) => {
            let (channel, reason) = (cap(&data.channel), cap(&data.reason));
            let left = loss_text::lasting(data.until.since(context.now));
            Sentences::of_what(format!(
                "a notice to channel '{channel}' waits for {left} ({reason})"
            ))
        }
        AnyPayload::NoticeEscalated(data) => {
            let channel = cap(&data.channel);
            Sentences::of_what(format!("not acknowledged in time: channel '{channel}' is told"))
        }
        AnyPayload::NoticeAcked(data) => {
            let of = match data.key.as_str() {
                key if key == context.subject => String::new(),
                key if key.contains('#') => format!(": {}", cap(key)),
                key => format!(": incident {}", cap(key.get(..super::INCIDENT).unwrap_or(key))),
            };
            Sentences::of_what(match data.until {
                Some(until) => {
                    let span = loss_text::lasting(until.since(context.now));
                    format!("acknowledged for {span}{of}")
                }
                None => format!("no longer acknowledged{of}"),
            })
        }
        AnyPayload::NoticeSilenced(data) => {
            let glob = cap(&data.glob);
            let reason = data.reason.map_or(String::new(), |why| format!(": {}", cap(&why)));
            Sentences::of_what(match data.until {
                Some(until) => {
                    let span = loss_text::lasting(until.since(context.now));
                    format!("queues '{glob}' are silenced for {span}{reason}")
                }
                None => format!("queues '{glob}' are no longer silenced"),
            })
        }
        AnyPayload::PollMissing(data) => {
            let since = loss_text::lasting(context.now.since(data.last));
            let what = match data.asked {
                Some(asked) => format!("no round of {} for {since}", cap(&asked)),
                None => format!("no round has finished for {since}"),
            };
            let what = format!("{what}: dead letters go unnoticed");
            Sentences::of_what(what).with_next(Some("dlq-status".into()))
        }
        AnyPayload::PollResumed(data) => {
            let of = data.asked.map_or(String::new(), |asked| format!(" of {}", cap(&asked)));
            Sentences::of_what(format!("rounds{of} finish again"))
        }
        AnyPayload::InvestigationSkipped(data) => skipped(&data, context),
        AnyPayload::InvestigationStarted(data) => {
            let end = loss_text::upper(data.timeout_at.since(context.now));
            let agent = cap(&data.agent);
            Sentences::of_what(format!("investigation by '{agent}' started, ends within {end}"))
        }
        AnyPayload::InvestigationProgressed(data) => {
            let who = data.subagent.map_or(String::new(), |who| format!("{}: ", cap(&who)));
            let tool = data.tool.map_or(String::new(), |tool| format!(" with {}", cap(&tool)));
            let cost = data.cost_usd.map_or(String::new(), |usd| format!(", {usd} so far"));
            Sentences::of_what(format!("{who}{}{tool}{cost}", cap(&data.step)))
        }
        AnyPayload::InvestigationCompleted(data) => completed(&data, context),
        AnyPayload::InvestigationProven(data) => {
            let (what, why) = data.detail.split_once(": ").unwrap_or((&data.detail, ""));
            let why = Some(cap(why).into_owned()).filter(|why| !why.is_empty());
            Sentences::of_what(fit("", &cap(what), "", context.room)).with_lines(why)
        }
        AnyPayload::InvestigationFailed(data) => {
            ended("failed", &data.detail, data.duration_s, data.cost_usd, context)
        }
        AnyPayload::InvestigationTimedOut(data) => {
            ended("timed out", &data.detail, Some(data.duration_s), data.cost_usd, context)
        }
        AnyPayload::InvestigationStopped(data) => {
            ended("stopped", &data.detail, Some(data.duration_s), data.cost_usd, context)
        }
        AnyPayload::PrFound(data) => pull_requests::found(&data, context),
        AnyPayload::PrOpened(data) => pull_requests::opened(&data, context),
        AnyPayload::PrCommented(data) => pull_requests::commented(&data, context),
        AnyPayload::PrRefused(data) => pull_requests::refused(&data),
        AnyPayload::PrReviewDue(data) => pull_requests::review_due(&data, context),
        AnyPayload::PrApproved(data) => pull_requests::became("was approved", &data.pr, context),
        AnyPayload::PrChangesRequested(data) => {
            pull_requests::became("needs changes", &data.pr, context)
        }
        AnyPayload::PrChecksFailed(data) => {
            pull_requests::became("fails its checks", &data.pr, context)
        }
        AnyPayload::PrMerged(data) => pull_requests::became("was merged", &data.pr, context),
        AnyPayload::PrDeployed(data) => pull_requests::became("is deployed", &data.pr, context),
        AnyPayload::PrClosed(data) => {
            pull_requests::became("was closed without a merge", &data.pr, context)
        }
        AnyPayload::PrUnreadable(data) => pull_requests::unreadable(&data, context),
        AnyPayload::IssueOpened(data) => pull_requests::issue("issue opened", &data.issue, context),
        AnyPayload::IssueClosed(data) => pull_requests::issue("issue closed", &data.issue, context),
        AnyPayload::RedrivePlanned(data) => moves::planned(&data),
        AnyPayload::RedriveStarted(data) => moves::started(&data),
        AnyPayload::RedriveProgressed(data) => moves::progressed(&data),
        AnyPayload::RedriveCompleted(data) => moves::completed(&data),
        AnyPayload::RedriveAborted(data) => moves::aborted(&data, context),
        AnyPayload::PurgeCompleted(data) => moves::purged(&data),
        AnyPayload::ArchiveCompleted(data) => moves::archived(&data, context),
        AnyPayload::ArchiveRestored(data) => moves::restored(&data),
        AnyPayload::HealthChecked(data) => super::health::describe(&(&data).into()),
    }
}

/// Describes a near loss, and what prevents it: first more time, then the move back.
fn expiring(data: &event::QueueExpiring, context: &Context) -> Sentences {
    let window = ExpiryWindow { after: data.expires_after, before: data.expires_before };
    let loss = near_loss(window, data.depth, context.now);
    // A raise at the same moment has the same numbers.
    let what = data.depth.map_or("expiring, depth unknown".into(), |n| format!("{n} expiring"));
    let sentences = Sentences::of_what(format!("{what}, {loss}"));
    let end = window.after.or(window.before);
    let is_short = |command: &String| command.len() <= COMMAND_MAX;
    let raise = raise_retention(&data.queue, data.retention_s).filter(is_short);
    let below = if let Some(raise) = raise {
        let is_late = end.is_some_and(|end| end < context.now.plus(RETENTION_APPLIES));
        let text = match is_late {
            false => {
                "raise the retention first; it holds for messages already there, within 15 minutes:"
            }
            true => {
                "raise the retention first; it takes up to 15 minutes, so it may come too late:"
            }
        };
        vec![text.into(), raise]
    } else if let Some(back) = move_back(&data.queue).filter(is_short) {
        vec!["once the cause is fixed, move them back:".into(), back]
    } else if !data.queue.sources.is_empty() {
        // A name that no command may have.
        vec!["once the cause is fixed, move them back".into()]
    } else {
        let text = "no source queue is known, so AWS may refuse to move them back: send them to their \
                    target again";
        vec![text.into()]
    };
    sentences.with_next(context.look.clone()).with_lines(below)
}

fn linted(data: &event::QueueLinted) -> Sentences {
    let rules: Vec<_> = data.findings.iter().take(2).map(|finding| cap(&finding.rule)).collect();
    let more = if data.findings.len() > rules.len() { ", …" } else { "" };
    let names =
        if rules.is_empty() { String::new() } else { format!(" ({}{more})", rules.join(", ")) };
    let what = format!("{}{names}", count(data.findings.len() as u64, "finding"));
    Sentences::of_what(what).with_next(command("dlq-poll --lint --queue ", &data.queue.name))
}

fn sampled(data: &event::QueueSampled, context: &Context) -> Sentences {
    let look = || context.look.clone();
    if let Some(word) = &data.refused {
        let why = data.detail.as_deref().filter(|detail| !detail.trim().is_empty());
        let what = format!("not sampled: {}", cap(why.unwrap_or(word)));
        return Sentences::of_what(what).with_next(look());
    }
    let Some(taken) = data.taken else {
        let depth = messages(data.depth);
        return Sentences::of_what(format!("would be sampled, {depth}"));
    };
    // The depth is approximate. A depth below the number received is not shown.
    let mut what = match data.depth.filter(|depth| *depth >= taken) {
        Some(depth) => format!("sampled {taken} of {depth}"),
        None => format!("sampled {}", messages(Some(taken))),
    };
    if let [first, rest @ ..] = data.fingerprints.as_slice() {
        let more = match rest.len() as u64 {
            0 => String::new(),
            more => format!(", {}", count(more, "more cause")),
        };
        let head = format!("{what}: {} × ", first.count);
        what = fit(&head, &cap(&first.title), &more, context.room);
    }
    let overseen = (data.overseen > 0)
        .then(|| format!("{} received more often than allowed", count(data.overseen, "message")));
    let window = ExpiryWindow { after: None, before: data.expires_before };
    let loss = data.expires_before.map(|_| loss_text::phrase(window, data.depth, context.now));
    let harmless = data.fingerprints.iter().filter_map(|cause| moves::harmless(cause, &data.queue));
    Sentences::of_what(what).with_lines(loss.into_iter().chain(overseen).chain(harmless))
}

/// Describes the end of a failure to poll an account and region, each empty when it has none.
pub(super) fn polls_again(account: &str, region: &str) -> String {
    let known = |text: &'_ str| (!text.is_empty()).then_some(text.to_owned());
    let (account, region) = (known(account), known(region));
    format!("can poll{} again", scope(account.as_deref(), region.as_deref()))
}

fn scope(account: Option<&str>, region: Option<&str>) -> String {
    match (region.map(cap), account.map(cap)) {
        (Some(region), Some(account)) => format!(" {region} of '{account}'"),
        (Some(region), None) => format!(" {region}"),
        (None, Some(account)) => format!(" '{account}'"),
        (None, None) => String::new(),
    }
}

fn poll_failed(data: &event::PollFailed) -> Sentences {
    let scope = scope(data.account.as_deref(), data.region.as_deref());
    let what = format!("cannot poll{scope}: {}", cap(&data.reason));
    Sentences::of_what(what).with_next(Some("dlq-poll --list".into()))
}

fn skipped(data: &event::InvestigationSkipped, context: &Context) -> Sentences {
    let until = data.until.filter(|until| *until > context.now);
    let wait = until.map(|until| format!(", for {}", loss_text::span(until.since(context.now))));
    let wait = wait.unwrap_or_default();
    let sentences = match skip_reason(&data.reason) {
        (lead, Some(why)) => Sentences::of_what(format!("{lead}: {why}{wait}")),
        (lead, None) => in_one_line(lead, &data.detail, &wait, context),
    };
    // Only a person starts these.
    let is_by_hand = ["needs_person", "unexplained"].contains(&data.reason.as_str());
    let retry = command("dlq-investigate --retry ", &data.queue.name).filter(|_| is_by_hand);
    sentences.with_next(retry)
}

/// Returns how a notice introduces a reason for which nothing is investigated: whether it passes
/// by itself. A reason whose sentence in the event is long has a short one here.
fn skip_reason(word: &str) -> (&'static str, Option<&'static str>) {
    const NOT: &str = "not investigated";
    const WAITS: &str = "investigation waits";
    match word {
        "not_targeted" => (NOT, Some("not in auto_investigation.target_queues")),
        "already_running" => (WAITS, Some("one is running")),
        "cooldown" => (WAITS, Some("the cooldown lasts")),
        "max_concurrent" => (WAITS, Some("max_concurrent are running")),
        "logs_not_yet" => (WAITS, Some("the log may lack lines")),
        "known_cause" | "same_shape" => ("waits", None),
        "needs_person" => ("needs a person", Some("nothing proves who states the cause")),
        _ => (NOT, None),
    }
}

fn completed(data: &event::InvestigationCompleted, context: &Context) -> Sentences {
    let verdict = &data.verdict;
    let title = verdict.title.as_deref().unwrap_or("a result without a title");
    let percent = |sure: f64| format!(" ({:.0} %)", sure.clamp(0.0, 1.0) * 100.0);
    let sure = verdict.confidence.map(percent).unwrap_or_default();
    let status = match verdict.status.as_str() {
        "not_a_bug" => "not a bug".into(),
        status => cap(status),
    };
    let tail = format!(", {}", cost(data.cost_usd));
    let what = fit(&format!("{status}{sure}: "), &cap(title), &tail, context.room);
    let report =
        super::is_operand(&data.report).then(|| format!("{}{}", super::REPORT, data.report));
    let next = if report.is_none() { context.look.clone() } else { None };
    let person = verdict.needs_person.as_ref().map(|why| format!("needs a person: {}", safe(why)));
    Sentences::of_what(what).with_next(next).with_lines(person.into_iter().chain(report))
}

/// Describes an investigation that ended without a result. Further sentences of the reason say
/// where its output is and how to resume it.
fn ended(
    how: &str,
    detail: &str,
    seconds: Option<u64>,
    usd: Option<Usd>,
    context: &Context,
) -> Sentences {
    let took = seconds.map_or("an unknown time".into(), lasted);
    let before = format!("investigation {how} after {took}, {}", cost(usd));
    let detail = detail.strip_prefix(&format!("{how} after {took}")).unwrap_or(detail);
    let sentences = match detail.strip_prefix("; ").unwrap_or(detail) {
        "" => Sentences::of_what(before),
        detail => in_one_line(&before, detail, "", context),
    };
    match sentences.below.is_empty() {
        true => sentences.with_lines(context.look.clone()),
        false => sentences,
    }
}

/// Puts a title between two texts, shortened so that the line has room for all.
fn fit(before: &str, title: &str, after: &str, room: usize) -> String {
    let used = before.chars().count() + after.chars().count();
    let title = shorten(title, room.saturating_sub(used).max(TITLE_MIN));
    format!("{before}{title}{after}")
}

fn messages(depth: Option<u64>) -> String {
    depth.map_or("depth unknown".into(), |depth| count(depth, "message"))
}

/// Formats a duration that was measured in whole seconds.
fn lasted(seconds: u64) -> String {
    match seconds {
        0 => "under a second".into(),
        seconds => show_span(Duration::from_secs(seconds)),
    }
}

fn cost(usd: Option<Usd>) -> String {
    usd.map_or("cost unknown".into(), |usd| usd.to_string())
}
