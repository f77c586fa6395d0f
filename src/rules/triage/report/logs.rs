//! The parts of a triage report about logs: the lines that show a cause, and why there is none.

use crate::markdown::{EXCERPT, Page, fence, plain, span, span_of};
use crate::rules::evidence::bundle::{Log, LogLine, Logs};
use crate::rules::evidence::logs::FoundBy;
use crate::rules::evidence::logs::answer::{AnswerKind, LogAnswer};
use crate::shell;

/// Limit of a command, in characters.
const COMMAND: usize = 4096;

/// Returns a log on one line: its first line that shows a cause, and where that stands.
pub(super) fn excerpt(log: &Log) -> String {
    let Some(line) = log.lines.first() else {
        return log
            .detail
            .as_deref()
            .map_or_else(|| "output of a command".into(), |detail| span_of(detail, 2 * EXCERPT));
    };
    let more = match log.lines.len() - 1 {
        0 => String::new(),
        more => format!(" (and {})", crate::text::count(more as u64, "other line")),
    };
    format!("{}, {}: {}{more}", place(log, line), receive(line), span_of(&line.text, 2 * EXCERPT))
}

/// Returns where a line stands: group, stream, id and time.
fn place(log: &Log, line: &LogLine) -> String {
    let mut place = match &log.group {
        Some(group) => format!(
            "log group {}, stream {}, event {}",
            span(group),
            span(&line.stream),
            span(&line.event)
        ),
        None => format!("output of a command, line {}", span(&line.event)),
    };
    if line.at.millis() > 0 {
        place.push_str(&format!(", {}", line.at));
    }
    place
}

fn receive(line: &LogLine) -> String {
    let of = line.receives.map(|all| format!(" of {all}")).unwrap_or_default();
    let rule = match line.found_by {
        FoundBy::MessageId => "by message id",
        FoundBy::Recurrence => "recurs at every receive",
    };
    match line.receive {
        Some(receive) => format!("receive {receive}{of}, {rule}"),
        None => format!("receive unknown, {rule}"),
    }
}

/// Adds what logs do not say, and the commands that ask for it.
pub(super) fn unknowns(out: &mut Page, logs: &Logs) {
    let searches = logs.logs.iter().filter_map(|log| Some((log, log.answer?)));
    let mut is_read = logs.logs.iter().any(|log| log.answer.is_none() && log.status == Some(0));
    for (log, kind) in searches {
        is_read = true;
        if kind == AnswerKind::Found {
            continue;
        }
        let answer = LogAnswer::new(kind, log.detail.clone().unwrap_or_default());
        let group = log.group.as_deref().map(|group| format!(" of {}", span(group)));
        let text = span_of(&answer.to_string(), 4 * EXCERPT);
        out.line(format!("- The log{} ({}): {text}", group.unwrap_or_default(), span(&log.id)));
        if !log.command.is_empty() {
            let words: Vec<String> = log.command.iter().map(|word| shell::quote(word)).collect();
            let line = plain(&words.join(" "), COMMAND);
            let fence = fence(&line, 3);
            out.line(format!("\n  {fence}sh\n  {line}\n  {fence}\n"));
        }
    }
    out.line(match is_read {
        true => "- Deployments and code: they were not read.",
        false => "- Logs, deployments and code: they were not read.",
    });
}
