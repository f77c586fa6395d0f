//! `dlq-poll --list` and `--lint`: a survey that changes no state.
//!
//! Prints a table on a terminal, and events otherwise.

use std::fmt::Write;

use super::discover::found_line;
use crate::config::Monitoring;
use crate::edge::aws::Sqs;
use crate::error::Error;
use crate::event::{Event, Queue};
use crate::log;
use crate::rules::queue::address;
use crate::rules::queue::lint;
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{DeadLetterQueue, ScopeSurvey, Survey};
use crate::rules::queue::survey_gap::{self, name_queues};
use crate::text;
use crate::wire;

/// Prints what discovery finds, or with `lints` what lint finds. Returns whether a part could not
/// be seen.
pub fn show(sqs: &Sqs, monitoring: &Monitoring, lints: bool) -> Result<bool, Error> {
    let scopes: Vec<usize> = (0..sqs.scopes()).collect();
    let survey = sqs.survey(&scopes, lints || monitoring.discover.reads_attributes());
    let unseen: Vec<String> =
        survey.scopes.iter().flat_map(|seen| unseen_sentences(seen, lints)).collect();
    unseen.iter().for_each(|sentence| log::warn(sentence));
    let people = wire::stdout_is_terminal();
    let text = if lints {
        lint_text(sqs, &survey, monitoring, people)
    } else {
        list_text(sqs, &survey, monitoring, people)
    };
    wire::print(&text)?;
    Ok(!unseen.is_empty())
}

/// Returns a sentence for each reason for which a part of a scope was not seen.
fn unseen_sentences(seen: &ScopeSurvey, lints: bool) -> Vec<String> {
    let place = address::place(&seen.account, &seen.region);
    let unlisted = seen.queues.as_ref().err();
    let unlisted = unlisted.map(|error| format!("cannot list the queues {place}: {error}"));
    let result = match lints {
        true => "their settings are not judged, nor whether a dead-letter queue is an orphan",
        false => "dead-letter queues that only they name may be missing",
    };
    let unread = survey_gap::unread_queues(seen).into_iter().map(|group| {
        let queues = name_queues(group.count, &group.names);
        format!("cannot read {queues} {place}: {}; {result}", group.reason)
    });
    unlisted.into_iter().chain(unread).collect()
}

fn list_text(sqs: &Sqs, survey: &Survey, monitoring: &Monitoring, people: bool) -> Vec<u8> {
    let mut known = redrive_graph::find(survey, monitoring.discover, monitoring.patterns.as_ref());
    known.retain(|known| monitoring.selects(&known.queue.name));
    known.iter_mut().for_each(|known| sqs.set_scope(known.scope, &mut known.queue));
    if !people {
        return known.iter().flat_map(|known| found_line(known, survey.at)).collect();
    }
    let width = known.iter().map(|known| known.queue.name.chars().count()).max().unwrap_or(0);
    let mut table = String::new();
    for one in &known {
        let DeadLetterQueue { queue, found_by, .. } = one;
        let sources =
            if queue.sources.is_empty() { "unknown".into() } else { queue.sources.join(", ") };
        let name = text::safe(&queue.name);
        let _ = writeln!(
            table,
            "{name:width$}  {}  {}  found by {found_by}, fed by {}",
            text::safe(&queue.region),
            text::safe(&queue.account),
            text::safe(&sources),
        );
    }
    table.into_bytes()
}

fn lint_text(sqs: &Sqs, survey: &Survey, monitoring: &Monitoring, people: bool) -> Vec<u8> {
    let mut lines = Vec::new();
    let all = lint::lint(survey, monitoring.patterns.as_ref());
    for mut one in all.into_iter().filter(|one| monitoring.selects(&one.queue.name)) {
        let is_in = |scope: &usize| sqs.has(*scope, &one.queue);
        if let Some(scope) = (0..sqs.scopes()).find(is_in) {
            sqs.set_scope(scope, &mut one.queue);
        }
        if people {
            for finding in &one.findings {
                let name = text::safe(&one.queue.name);
                let detail = text::safe(&finding.detail);
                let line = format!("{name}: {}: {detail} ({})\n", finding.level, finding.rule);
                lines.extend(line.into_bytes());
            }
            continue;
        }
        let rules: Vec<&str> = one.findings.iter().map(|finding| finding.rule.as_str()).collect();
        let at = survey.at.to_string();
        let Queue { name, arn, .. } = one.queue.clone();
        let parts = [&*arn, "linted", &rules.join(" "), &at];
        lines.extend(Event::derived(&parts, &name, survey.at, one).line());
    }
    lines
}
