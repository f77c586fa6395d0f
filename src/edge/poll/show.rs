//! `dlq-poll --list` and `--lint`: a survey that changes no state.
//!
//! Prints a table on a terminal, and events otherwise.

use std::fmt::Write;

use super::discover::{failure, found_line};
use crate::config::Monitoring;
use crate::edge::aws::Sqs;
use crate::error::Error;
use crate::event::{Event, Queue};
use crate::rules::queue::document::ScopeFailure;
use crate::rules::queue::lint;
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{DeadLetterQueue, Survey};
use crate::text;
use crate::wire;

/// Prints what discovery finds, or with `lints` what lint finds. Returns whether a scope could not
/// be listed.
pub fn show(sqs: &Sqs, monitoring: &Monitoring, lints: bool) -> Result<bool, Error> {
    let survey = sqs.survey(lints || monitoring.discover.reads_attributes());
    let failures: Vec<ScopeFailure> = survey.scopes.iter().map(failure).collect();
    let failed = failures.iter().any(|failure| failure.reason.is_some());
    let people = wire::stdout_is_terminal();
    let text = if lints {
        lint_text(sqs, &survey, monitoring, people)
    } else {
        list_text(sqs, &survey, monitoring, people)
    };
    wire::print(&text)?;
    Ok(failed)
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
