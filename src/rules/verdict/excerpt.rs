//! Texts of cited items that a report shows. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Citation, Claim};
use crate::rules::evidence::bundle::Log;
use crate::rules::triage::BundleContents;

/// Returns a text of each item of a bundle, and of each claim that names a member of a fact, by the
/// id that is cited. Texts may be long.
pub fn excerpts(bundle: &BundleContents, claims: &[Claim]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for message in &bundle.messages {
        let text = message.body.shown().unwrap_or(message.form.as_str().into());
        all.insert(message.id.clone(), text.into_owned());
    }
    for group in &bundle.fingerprints.fingerprints {
        all.insert(group.item.clone(), group.title.clone());
    }
    for moment in &bundle.timeline.timeline {
        all.insert(moment.id.clone(), format!("{} {}", moment.at, moment.what));
    }
    for finding in &bundle.queue.lint {
        all.insert(format!("lint.{}", finding.rule), finding.detail.clone());
    }
    for log in &bundle.logs.logs {
        all.insert(log.id.clone(), log_excerpt(log));
    }
    let facts = serde_json::to_value(&bundle.queue).unwrap_or_default();
    for (id, value) in facts.as_object().into_iter().flatten() {
        all.insert(id.clone(), value.to_string());
    }
    for Claim { id, .. } in claims {
        let cited = Citation::parse(id);
        let member =
            || Some(pointed(facts.get(item_of(id))?, &id[item_of(id).len()..])?.to_string());
        if let Some(text) = member() {
            all.insert(id.clone(), text);
        } else if let Some(Citation::Items { kind, first, .. }) = cited
            && let Some(text) = all.get(&format!("{kind}{first}"))
        {
            all.insert(id.clone(), text.clone());
        }
    }
    all
}

/// Returns the first line that shows a cause, else how the command ended.
fn log_excerpt(log: &Log) -> String {
    match (log.lines.first(), &log.detail, log.status) {
        (Some(line), _, _) => format!("{} {}", line.at, line.text),
        (None, Some(detail), _) => detail.clone(),
        (None, None, Some(status)) => format!("{}: exit status {status}", log.command.join(" ")),
        (None, None, None) => log.command.join(" "),
    }
}

/// Returns the item of `q.sources[0].name`.
fn item_of(id: &str) -> String {
    match Citation::parse(id) {
        Some(Citation::Item(item)) if id.starts_with(&item) => item,
        _ => id.to_owned(),
    }
}

/// Returns the member of a value that `[0].max_receive_count` names; in a list, also by the name of
/// an item.
fn pointed<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let is_mark = |c: char| matches!(c, '.' | '[' | ']' | '"' | '\'' | '/' | ':' | ' ');
    let mut steps = path.split(is_mark).filter(|step| !step.is_empty()).peekable();
    steps.peek()?;
    steps.try_fold(value, |value, step| match value {
        Value::Array(items) => match step.parse::<usize>() {
            Ok(at) => items.get(at),
            Err(_) => items.iter().find(|item| item["name"] == step),
        },
        value => value.get(step),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Finding;
    use crate::rules::evidence::bundle::{Logs, QueueFacts, SourceFacts};

    #[test]
    fn cited_fact_and_log_have_a_text() {
        let source = SourceFacts {
            name: "orders".into(),
            max_receive_count: Some(3),
            ..SourceFacts::default()
        };
        let lint =
            Finding { rule: "chained".into(), level: "error".into(), detail: "a chain".into() };
        let queue = QueueFacts {
            retention_s: Some(60),
            sources: Some(vec![source]),
            lint: vec![lint],
            ..QueueFacts::default()
        };
        let log = |id: &str, status, detail: Option<&str>| Log {
            id: id.into(),
            command: vec!["tail".into(), "x".into()],
            status,
            detail: detail.map(str::to_owned),
            ..Log::default()
        };
        let logs = vec![log("log:1", Some(0), None), log("log:2", None, Some("stopped after 60s"))];
        let bundle = BundleContents { queue, logs: Logs { logs }, ..BundleContents::default() };
        let rows = [
            ("q.retention_s", Some("60")),
            ("q.sources[0].max_receive_count", Some("3")),
            ("q.sources.orders.max_receive_count", Some("3")),
            ("q.sources[1].max_receive_count", None),
            ("q.queue.name", Some("\"\"")),
            ("lint.chained", Some("a chain")),
            ("log:1", Some("tail x: exit status 0")),
            ("log:2", Some("stopped after 60s")),
            ("log:1-log:2", Some("tail x: exit status 0")),
            ("m1", None),
        ];
        for (id, text) in rows {
            let claim = Claim { id: id.into(), claim: String::new() };
            let all = excerpts(&bundle, &[claim]);
            assert_eq!(all.get(id).map(String::as_str), text, "{id}");
        }
    }
}
