//! `dlq-poll --list` and `--lint`: a survey that changes no state.
//!
//! Prints a table on a terminal, and events otherwise.

use std::collections::HashMap;

use super::discover::found_line;
use crate::config::Monitoring;
use crate::edge::aws::Sqs;
use crate::error::Error;
use crate::event::{Event, Queue};
use crate::log;
use crate::rules::notification::scope::SeenScopes;
use crate::rules::queue::address;
use crate::rules::queue::lint;
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{DeadLetterQueue, ScopeSurvey, Survey};
use crate::rules::queue::survey_gap::{self, UnreadQueues, name_queues};
use crate::rules::queue::unmatched_pattern::{self, NamedPatterns};
use crate::rules::view::page::PageStyle;
use crate::rules::view::queue_list;
use crate::text;
use crate::wire;

/// Prints what discovery finds, or with `lints` what lint finds. Returns whether a part could not
/// be seen.
pub fn show(
    sqs: &Sqs,
    monitoring: &Monitoring,
    patterns: &[NamedPatterns],
    lints: bool,
) -> Result<bool, Error> {
    let scopes: Vec<usize> = (0..sqs.scopes()).collect();
    let survey = sqs.survey(&scopes, lints || monitoring.discover.reads_attributes());
    let mut unseen: Vec<String> =
        survey.scopes.iter().flat_map(|seen| unseen_sentences(seen, monitoring, lints)).collect();
    let mut known = redrive_graph::find(&survey, monitoring.discover, monitoring.patterns.as_ref());
    known.iter_mut().for_each(|known| sqs.set_scope(known.scope, &mut known.queue));
    if survey.scopes.iter().all(|seen| seen.queues.is_ok()) {
        let queues = known.iter().map(|known| &known.queue);
        unmatched_pattern::sentences(patterns, queues).iter().for_each(|line| log::warn(line));
    }
    let columns = wire::stdout_width();
    let text = if lints {
        lint_text(sqs, &survey, monitoring, columns)
    } else {
        let selected = known.iter().filter(|known| monitoring.selects_queue(&known.queue));
        match columns {
            Some(columns) => {
                let listed = with_depth(sqs, &survey, selected.collect(), &mut unseen);
                queue_list::render(&listed, columns).into_bytes()
            }
            None => selected.flat_map(|known| found_line(known, survey.at)).collect(),
        }
    };
    unseen.iter().for_each(|sentence| log::warn(sentence));
    wire::print(&text)?;
    Ok(!unseen.is_empty())
}

/// Returns each queue with its depth: that of the survey, else that of a reading, whose error goes
/// to `unseen`.
fn with_depth<'a>(
    sqs: &Sqs,
    survey: &Survey,
    queues: Vec<&'a DeadLetterQueue>,
    unseen: &mut Vec<String>,
) -> Vec<(&'a DeadLetterQueue, Option<u64>)> {
    let listed = survey.scopes.iter().flat_map(|seen| seen.queues.iter().flatten());
    let read = listed.filter_map(|listed| {
        let depth = listed.attributes.as_ref()?.as_ref().ok().map(|read| read.counts.depth());
        Some((listed.url.as_str(), depth))
    });
    let read: HashMap<&str, Option<u64>> = read.collect();
    let is_unasked = |known: &&&DeadLetterQueue| !read.contains_key(known.queue.url.as_str());
    let asked: Vec<_> = queues.iter().filter(is_unasked).collect();
    let urls: Vec<_> = asked.iter().map(|known| (known.scope, known.queue.url.clone())).collect();
    let mut read: HashMap<String, Option<u64>> =
        read.into_iter().map(|(url, depth)| (url.to_owned(), depth)).collect();
    for (known, reading) in asked.iter().zip(sqs.read(&urls)) {
        if let Err(error) = &reading.result {
            unseen.push(format!("cannot read queue '{}': {error}", known.queue.name));
        }
        let depth = reading.result.ok().map(|attributes| attributes.counts.depth());
        read.insert(known.queue.url.clone(), depth);
    }
    queues.into_iter().map(|known| (known, read.get(&known.queue.url).copied().flatten())).collect()
}

/// Returns a sentence for each reason for which a part of a scope was not seen. A list needs all
/// queues, because each may name a dead-letter queue; lint needs those of the selection.
fn unseen_sentences(seen: &ScopeSurvey, monitoring: &Monitoring, lints: bool) -> Vec<String> {
    let place = address::place(&seen.account, &seen.region);
    if let Err(error) = &seen.queues {
        return vec![format!("cannot list the queues {place}: {error}")];
    }
    let result = match lints {
        true => "their settings are not judged, nor whether a dead-letter queue is an orphan",
        false => "dead-letter queues that only they name may be missing",
    };
    let unread = survey_gap::unread_queues(seen, |name| !lints || monitoring.selects(name));
    let sentence = |group: UnreadQueues| {
        let queues = name_queues(group.count, &group.names);
        format!("cannot read {queues} {place}: {}; {result}", group.reason)
    };
    let sentences: Vec<String> = unread.into_iter().map(sentence).collect();
    if !lints || !sentences.is_empty() {
        return sentences;
    }
    let mut undecided = lint::undecided_orphans(seen, monitoring.patterns.as_ref());
    undecided.retain(|name| monitoring.selects(name));
    let sentence = format!(
        "cannot tell whether {} {place} has a source: queues outside of the selection cannot be read",
        name_queues(undecided.len() as u64, &undecided)
    );
    if undecided.is_empty() { sentences } else { vec![sentence] }
}

fn lint_text(
    sqs: &Sqs,
    survey: &Survey,
    monitoring: &Monitoring,
    columns: Option<usize>,
) -> Vec<u8> {
    let mut lines = Vec::new();
    let seen = || survey.scopes.iter();
    let mut scopes = SeenScopes::new(
        seen().map(|seen| seen.account.as_str()),
        seen().map(|seen| seen.region.as_str()),
    );
    let all = lint::lint(survey, monitoring.patterns.as_ref());
    for mut one in all.into_iter().filter(|one| monitoring.selects(&one.queue.name)) {
        let is_in = |scope: &usize| sqs.has(*scope, &one.queue);
        if let Some(scope) = (0..sqs.scopes()).find(is_in) {
            sqs.set_scope(scope, &mut one.queue);
        }
        if columns.is_some() {
            let style = PageStyle::new(columns, false);
            let place = scopes.place(Some(&one.queue.region), Some(&one.queue.account));
            let name = text::safe(&one.queue.name);
            for finding in &one.findings {
                let detail = text::safe(&finding.detail);
                let line = format!("{}: {detail} ({})", finding.level, finding.rule);
                lines.extend(style.paragraph("", 0, &format!("{name}{place}: {line}"), 4).bytes());
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
