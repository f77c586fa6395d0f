//! Parts that the reports of a triage and of a model's verdict share, so that both tell the same
//! things in the same order and words: title, loss, cause, what to do, evidence, and the settings
//! of the queue last.
//!
//! Promises: external text stands in code spans. Unknown is stated as unknown.

use std::fmt::Display;
use std::time::Duration;

use super::aws_command::{move_back, raise_retention};
use super::evidence::bundle::{QueueFacts, SourceFacts, Timeline};
use super::loss_text;
use super::queue::expiry::{self, ExpiryWindow};
use super::triage::{MessageFacts, RedriveAdvice};
use crate::event::Queue;
use crate::markdown::{EXCERPT, Page, fence, in_words, or_unknown, plain, span, span_of};
use crate::time::{Timestamp, show_span};

/// Headings of the parts that both reports have.
pub(super) const CAUSE: &str = "Cause";
pub(super) const WHAT_TO_DO: &str = "What to do";
pub(super) const EVIDENCE: &str = "Evidence";

/// Limit of a command, in characters; its words have limits of their own.
pub(super) const COMMAND: usize = 8192;

/// Facts about the loss of the messages, and the time at which the report is written.
#[derive(Debug, Clone, Copy)]
pub struct LossFacts {
    pub window: ExpiryWindow,
    pub now: Timestamp,
}

impl LossFacts {
    /// Narrows the window by the oldest message of a sample. In a standard queue its age counts
    /// from the time at which it was first sent.
    #[must_use]
    pub fn with_sample(self, queue: &QueueFacts, oldest: Option<Timestamp>) -> Self {
        let end = expiry::loss_of_message(oldest, queue.retention_s, queue.queue.fifo);
        LossFacts { window: self.window.with_loss_at(end), ..self }
    }
}

/// Returns the queue with the sources that its messages came from, as far as is known: none when
/// no sampled message came from a queue.
pub(super) fn queue_with_sources(
    queue: &Queue,
    sources: Option<&[SourceFacts]>,
    sample: &[MessageFacts],
) -> Queue {
    let mut queue = queue.clone();
    if let Some(sources) = sources {
        queue.sources = sources.iter().map(|source| source.name.clone()).collect();
    }
    if !sample.is_empty() && sample.iter().all(|seen| seen.source_arn.is_none()) {
        queue.sources.clear();
    }
    queue
}

/// The cause in the head of a report.
#[derive(Debug, Default)]
pub(super) struct Lead {
    /// Class and text of the error, external text.
    pub error: Option<String>,
    /// Place in the code, external text.
    pub place: Option<String>,
    /// The cause in words, as Markdown, when no error is known.
    pub words: String,
    /// The first step, as Markdown.
    pub first: Option<String>,
}

impl Lead {
    fn cause(&self) -> String {
        let place = self.place.as_deref().map(|place| format!(" at {}", span(place)));
        let error = self.error.as_deref().map(|error| span_of(error, EXCERPT));
        error.unwrap_or_else(|| self.words.clone()) + &place.unwrap_or_default()
    }
}

/// Adds the head of a report, after its title: the queue, how many of its messages were seen, the
/// loss and how to prevent it, the cause, and what to do first.
pub(super) fn head(
    out: &mut Page,
    queue: &Queue,
    (depth, seen): (Option<u64>, u64),
    loss: LossFacts,
    retention_s: Option<u64>,
    lead: Lead,
) {
    let part = depth.filter(|depth| seen > 0 && seen < *depth);
    let part = part.map_or(String::new(), |_| format!(", of which {seen} were seen"));
    out.facts([
        ("Queue", span(&queue.name)),
        ("Messages", or_unknown(depth, |depth| depth.to_string()) + &part),
        ("Loss", loss_text::phrase_with_instant(loss.window, depth, loss.now)),
    ]);
    raise_first(out, queue, loss, retention_s);
    out.facts([("Cause", lead.cause())]);
    if let Some(step) = lead.first {
        out.facts([("First", step)]);
    }
}

/// Adds the command that keeps the messages for longer, when the loss is near.
fn raise_first(out: &mut Page, queue: &Queue, loss: LossFacts, retention_s: Option<u64>) {
    if !loss_text::is_near(loss.window, loss.now) {
        return;
    }
    if let Some(command) = raise_retention(queue, retention_s) {
        let text = "First raise the retention to 14 days, which holds for the messages that are in \
                    the queue already and takes up to 15 minutes";
        out.line(format!("- {text}: {}", span_of(&command, COMMAND)));
    }
}

/// Adds the judgement: status, confidence and whether to put the messages back.
pub(super) fn judgement(out: &mut Page, status: &str, confidence: String, redrive: String) {
    let status = span_or_phrase(status);
    out.facts([("Status", status), ("Confidence", confidence), ("Redrive", redrive)]);
}

/// Returns the meaning of a status; an unknown status as it is.
fn span_or_phrase(status: &str) -> String {
    match status {
        "confirmed" => "confirmed, the evidence proves the cause".into(),
        "likely" => "likely, the evidence points to this cause but does not prove it".into(),
        "inconclusive" => "inconclusive, the cause is not known".into(),
        "not_a_bug" => "not a bug, the code is not at fault".into(),
        other => span(other),
    }
}

pub(super) fn confidence(value: Option<f64>, stated_by: &str) -> String {
    let value = value.filter(|value| value.is_finite());
    or_unknown(value, |value| format!("{} ({value}, stated by {stated_by})", in_words(value)))
}

/// Returns the advice on a redrive, with the command where messages have a source queue.
pub(super) fn redrive(advice: RedriveAdvice, queue: &Queue) -> String {
    let how = match move_back(queue) {
        Some(command) => format!("run {}", span_of(&command, COMMAND)),
        None if queue.sources.is_empty() => NO_SOURCE.to_owned(),
        None => "put the messages back".to_owned(),
    };
    match advice {
        RedriveAdvice::Safe => format!("safe; {how}"),
        RedriveAdvice::AfterFix => format!("after the fix; when it is deployed, {how}"),
        RedriveAdvice::DoNot => "do not put the messages back before their cause is known".into(),
    }
}

/// Instruction for messages without a queue to go back to.
const NO_SOURCE: &str = "send the messages to their target again, a few at first: none of them is known to \
                         have come from a source queue";

/// Adds commands in a block for a shell.
pub(super) fn commands(out: &mut Page, all: &[String]) {
    if all.is_empty() {
        return;
    }
    let shown: Vec<String> = all.iter().map(|line| plain(line, COMMAND)).collect();
    let fence = fence(&shown.concat(), 3);
    out.line(format!("\n{fence}sh\n{}\n{fence}", shown.join("\n")));
}

/// Adds the timeline of a bundle.
pub(super) fn timeline(out: &mut Page, timeline: &Timeline) {
    out.heading("Timeline");
    out.list(&timeline.timeline, "moment", "No event is known.", |moment| {
        format!("- {} {}: {}", moment.at, span(&moment.id), span(&moment.what))
    });
}

/// Adds the settings of the queue, the last part of a report.
pub(super) fn queue_settings(out: &mut Page, facts: &QueueFacts) {
    out.heading("The queue");
    let queue = &facts.queue;
    let text = |text: &str| or_unknown(Some(text).filter(|text| !text.is_empty()), span);
    out.facts([
        ("ARN (`q.queue`)", text(&queue.arn)),
        ("Region", text(&queue.region)),
        ("Account", text(&queue.account)),
        ("Asked at (`q.asked_at`)", shown(facts.asked_at)),
        ("Depth (`q.depth`)", shown(facts.depth)),
        ("Visible (`q.visible`)", shown(facts.visible)),
        ("In flight (`q.in_flight`)", shown(facts.in_flight)),
        ("Delayed (`q.delayed`)", shown(facts.delayed)),
        ("Keeps messages (`q.retention_s`)", time(facts.retention_s)),
        ("Visibility timeout (`q.visibility_s`)", time(facts.visibility_s)),
    ]);
    let Some(sources) = &facts.sources else {
        return out.line("- Sources (`q.sources`): unknown");
    };
    out.line(format!("- Sources (`q.sources`):{}", if sources.is_empty() { " none" } else { "" }));
    out.list(sources, "source", "", |source| {
        format!(
            "  - {}: depth {}, in flight {}, keeps messages {}, visibility timeout {}, \
             maxReceiveCount {}",
            span(&source.name),
            shown(source.depth),
            shown(source.in_flight),
            time(source.retention_s),
            time(source.visibility_s),
            shown(source.max_receive_count)
        )
    });
}

pub(super) fn shown(value: Option<impl Display>) -> String {
    or_unknown(value, |value| value.to_string())
}

fn time(seconds: Option<u64>) -> String {
    or_unknown(seconds, |seconds| show_span(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:eu-west-1:1:orders-dlq";

    fn queue() -> Queue {
        let url = "https://sqs.eu-west-1.amazonaws.com/1/orders-dlq".into();
        Queue { arn: ARN.into(), url, sources: vec!["orders".into()], ..Queue::default() }
    }

    #[test]
    fn redrive_names_a_command_only_with_a_source_queue() {
        let run = format!("run `dlq-redrive apply --region=eu-west-1 {ARN}`");
        let alone = Queue { sources: Vec::new(), ..queue() };
        let file = Queue { arn: "file:///etc/passwd".into(), ..queue() };
        let deployed = "after the fix; when it is deployed, ";
        let rows = [
            ("now", RedriveAdvice::Safe, queue(), format!("safe; {run}")),
            ("later", RedriveAdvice::AfterFix, queue(), format!("{deployed}{run}")),
            ("no source queue", RedriveAdvice::Safe, alone, format!("safe; {NO_SOURCE}")),
            ("a file", RedriveAdvice::AfterFix, file, format!("{deployed}put the messages back")),
        ];
        for (rule, advice, queue, text) in rows {
            assert_eq!(redrive(advice, &queue), text, "{rule}");
        }
        assert!(!redrive(RedriveAdvice::DoNot, &queue()).contains("aws"));
    }

    #[test]
    fn sources_are_those_of_the_sample() {
        let source = SourceFacts { name: "refunds".into(), ..SourceFacts::default() };
        let seen = |arn: Option<&str>| MessageFacts {
            source_arn: arn.map(str::to_owned),
            ..MessageFacts::default()
        };
        let (read, none) = (vec![source], Vec::new());
        let services = vec![seen(None), seen(None)];
        let rows = [
            ("nothing more is known", None, Vec::new(), "orders"),
            ("they were read", Some(&read), Vec::new(), "refunds"),
            ("there are none", Some(&none), Vec::new(), ""),
            ("a service sent all messages", None, services, ""),
            ("one came from a queue", None, vec![seen(None), seen(Some("arn"))], "orders"),
        ];
        for (rule, sources, sample, expected) in rows {
            let found = queue_with_sources(&queue(), sources.map(Vec::as_slice), &sample);
            assert_eq!(found.sources.concat(), expected, "{rule}");
        }
    }

    #[test]
    fn retention_is_raised_first_when_loss_is_near() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let hours = |hours: u64| Some(now.plus(Duration::from_secs(hours * 3600)));
        let rows = [
            ("near", None, hours(5), Some(345_600), true),
            ("near, retention unknown", None, hours(5), None, true),
            ("at 14 days", None, hours(5), Some(1_209_600), false),
            ("far", None, hours(25), Some(345_600), false),
            ("safe for long", hours(25), hours(26), Some(345_600), false),
            ("unknown", None, None, Some(345_600), false),
        ];
        for (rule, after, before, retention, raised) in rows {
            let loss = LossFacts { window: ExpiryWindow { after, before }, now };
            let mut out = Page::default();
            head(&mut out, &queue(), (Some(2), 2), loss, retention, Lead::default());
            let text = out.text();
            assert_eq!(text.contains("aws sqs set-queue-attributes"), raised, "{rule}: {text}");
            assert_eq!(text.contains("in the queue already"), raised, "{rule}");
        }
    }

    #[test]
    fn head_names_the_error_its_place_and_how_much_was_seen() {
        let (error, place) = (Some("KeyError: 'a`b'".to_owned()), Some("w.py line 12".to_owned()));
        let words = "Perhaps calls were throttled".to_owned();
        let lead = |error: &Option<String>, place: &Option<String>| Lead {
            error: error.clone(),
            place: place.clone(),
            words: words.clone(),
            first: Some("Look.".into()),
        };
        let rows = [
            (&error, &place, "``KeyError: 'a`b'`` at `w.py line 12`"),
            (&error, &None, "``KeyError: 'a`b'``"),
            (&None, &place, "Perhaps calls were throttled at `w.py line 12`"),
            (&None, &None, "Perhaps calls were throttled"),
        ];
        let loss = LossFacts { window: ExpiryWindow::default(), now: Timestamp::from_millis(0) };
        for (error, place, cause) in rows {
            let mut out = Page::default();
            head(&mut out, &queue(), (Some(5000), 10), loss, None, lead(error, place));
            let tail = format!("- Loss: unknown\n- Cause: {cause}\n- First: Look.\n");
            let text = out.text();
            assert!(text.contains("- Messages: 5000, of which 10 were seen\n"), "{text}");
            assert!(text.ends_with(&tail), "{text}");
        }
        for (depth, seen) in [(Some(10), 10), (Some(9), 10), (Some(3), 0), (None, 10)] {
            let mut out = Page::default();
            head(&mut out, &queue(), (depth, seen), loss, None, Lead::default());
            assert!(!out.text().contains("of which"), "{depth:?} {seen}");
        }
    }

    #[test]
    fn oldest_sampled_message_narrows_the_loss() {
        let at = |day: u64| Timestamp::from_millis(0).plus(Duration::from_secs(day * 86_400));
        let facts = |fifo| QueueFacts {
            queue: Queue { fifo, ..queue() },
            retention_s: Some(4 * 86_400),
            ..QueueFacts::default()
        };
        let rows = [
            ("an older message", None, Some(at(9)), false, Some(at(5)), None, Some(at(9))),
            ("a later bound", None, Some(at(12)), false, Some(at(5)), None, Some(at(9))),
            ("nothing else known", None, None, false, Some(at(5)), None, Some(at(9))),
            (
                "FIFO counts from the arrival",
                None,
                Some(at(12)),
                true,
                Some(at(5)),
                None,
                Some(at(12)),
            ),
            (
                "a lower bound",
                Some(at(8)),
                Some(at(12)),
                false,
                Some(at(5)),
                Some(at(8)),
                Some(at(9)),
            ),
            ("a refuted one", Some(at(10)), Some(at(12)), false, Some(at(5)), None, Some(at(9))),
            ("no sample", Some(at(8)), Some(at(12)), false, None, Some(at(8)), Some(at(12))),
        ];
        for (rule, after, before, fifo, oldest, lower, upper) in rows {
            let loss = LossFacts { window: ExpiryWindow { after, before }, now: at(5) };
            let window = loss.with_sample(&facts(fifo), oldest).window;
            assert_eq!(window, ExpiryWindow { after: lower, before: upper }, "{rule}");
        }
    }
}
