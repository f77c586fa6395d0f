//! What was found, and what could be better: a look at every queue that changes nothing.
//!
//! On a terminal a line for people, elsewhere events.

use std::fmt::Write;

use super::Wants;
use super::find::{failure, found_line};
use crate::edge::aws::{Plan, Sqs};
use crate::error::Error;
use crate::event::{self, Event, QueueLinted};
use crate::rules::queue::document::{Failure, SOURCE};
use crate::rules::queue::lint;
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{Known, Survey};
use crate::text;
use crate::tool::ExitOutcome;
use crate::wire;

/// Prints what discovery finds, or what lint finds. Nothing is remembered.
pub fn show(sqs: &Sqs, wants: &Wants, lints: bool) -> Result<ExitOutcome, Error> {
    let plan = Plan { ask: lints || Plan::of(wants.discover).ask };
    let survey = sqs.survey(plan);
    let failures: Vec<Failure> = survey.scopes.iter().map(failure).collect();
    let failed = failures.iter().any(|failure| failure.reason.is_some());
    let people = wire::stdout_is_terminal();
    let text = if lints { linted(&survey, wants, people) } else { found(&survey, wants, people) };
    wire::print(&text)?;
    Ok(ExitOutcome::from_failed(failed))
}

fn found(survey: &Survey, wants: &Wants, people: bool) -> Vec<u8> {
    let known = redrive_graph::find(survey, wants.discover, wants.patterns.as_ref());
    let known: Vec<Known> =
        known.into_iter().filter(|known| wants.selection.accepts(&known.name)).collect();
    if !people {
        return known.iter().flat_map(|known| found_line(known, survey.at)).collect();
    }
    let width = known.iter().map(|known| known.name.chars().count()).max().unwrap_or(0);
    let mut table = String::new();
    for one in &known {
        let sources =
            if one.sources.is_empty() { "nobody known".into() } else { one.sources.join(", ") };
        let name = text::safe(&one.name);
        let _ = writeln!(
            table,
            "{name:width$}  {}  {}  found by {}, fed by {}",
            text::safe(&one.region),
            text::safe(&one.account),
            one.found_by.as_str(),
            text::safe(&sources),
        );
    }
    table.into_bytes()
}

fn linted(survey: &Survey, wants: &Wants, people: bool) -> Vec<u8> {
    let mut lines = Vec::new();
    let all = lint::lint(survey, wants.patterns.as_ref());
    for one in all.into_iter().filter(|one| wants.selection.accepts(&one.queue.name)) {
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
        let id = event::derived_id(&[SOURCE, &one.queue.arn, "linted", &rules.join(" "), &at]);
        let name = one.queue.name.clone();
        let data = QueueLinted { queue: one.queue, findings: one.findings };
        lines.extend(Event::new(SOURCE, id, &name, survey.at, data).line());
    }
    lines
}
