//! Parser of a model's verdict: every text and list is cut to the limit that [`super::schema`]
//! states, then serde reads the form.
//!
//! Claude Code is started with the schema and holds the answer to it, so a value of another form is
//! refused. The schema says nothing about hidden characters, blank texts or two ids in one text.
//!
//! Promises: no value causes a panic. Parsing a parsed verdict again changes nothing. An unknown
//! redrive advice becomes `do_not`. A note names whatever was cut, left out or replaced.

use std::collections::BTreeMap;

use serde_json::Value;

use super::citation::Citation;
use super::{Claim, Fix, ModelVerdict, RedriveAdvice, limits, schema};
use crate::text::{count, safe, shorten};

/// Words that models write for an unknown value.
const NOTHING: [&str; 4] = ["null", "none", "n/a", "nil"];

/// Parses a verdict. The error is a sentence that is safe to show.
pub fn parse(value: &Value) -> Result<ModelVerdict, String> {
    let mut value = value.clone();
    let Value::Object(members) = &mut value else {
        return Err("the verdict is not a JSON object".into());
    };
    let mut clip = Clip::default();
    let advice = members.entry("redrive").or_insert(Value::Null);
    if serde_json::from_value::<RedriveAdvice>(advice.clone()).is_err() {
        let shown = advice.to_string();
        let shown = safe(&shorten(&shown, 60)).into_owned();
        clip.notes.push(format!("the redrive advice {shown} is unknown: taken as do_not"));
        *advice = RedriveAdvice::DoNot.as_str().into();
    }
    clip.cut_members(&mut value, &schema(), "");
    let read: ModelVerdict = serde_json::from_value(value).map_err(|error| {
        let error = error.to_string();
        format!("the verdict does not match its schema: {}", safe(&shorten(&error, 200)))
    })?;
    Ok(clip.verdict(read))
}

fn says_nothing(line: &str) -> bool {
    NOTHING.iter().any(|word| line.eq_ignore_ascii_case(word))
}

#[derive(Default)]
struct Clip {
    /// Number of texts that were cut, by field and limit.
    cut: BTreeMap<(String, usize), u64>,
    notes: Vec<String>,
}

impl Clip {
    /// Cuts the texts and lists of a value to the limits of its schema, and removes blank texts.
    fn cut_members(&mut self, value: &mut Value, schema: &Value, field: &str) {
        let schema = schema.get("anyOf").map_or(schema, |kinds| &kinds[0]);
        let limit = |key: &str| schema[key].as_u64().map(|max| max as usize);
        match value {
            Value::String(text) => match limit("maxLength") {
                Some(max) => *text = self.text(text, field, max),
                // A word of a list, or a text where none is allowed: serde refuses what does not fit.
                None if says_nothing(text.trim()) => text.clear(),
                None => *text = shorten(&safe(text), limits::WORD).into_owned(),
            },
            Value::Array(items) => {
                self.list(items, field, limit("maxItems").unwrap_or(usize::MAX));
                items.iter_mut().for_each(|item| self.cut_members(item, &schema["items"], field));
                items.retain(|item| item != "");
            }
            Value::Object(members) => {
                for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
                    let Some(member) = members.get_mut(key) else { continue };
                    let field = [field, key].join(if field.is_empty() { "" } else { "." });
                    self.cut_members(member, schema, &field);
                    if member == "" && schema.get("maxLength").is_some() {
                        members.remove(key);
                    }
                }
            }
            _ => {}
        }
    }

    fn verdict(mut self, mut verdict: ModelVerdict) -> ModelVerdict {
        verdict.evidence = self.evidence(&verdict.evidence);
        verdict.hypotheses.retain(|one| !one.hypothesis.is_empty() || !one.why.is_empty());
        verdict.fix = verdict.fix.filter(|fix| *fix != Fix::default());
        verdict.confidence = verdict.confidence.filter(|confidence| {
            let is_known = (0.0..=1.0).contains(confidence);
            if !is_known {
                self.notes.push(format!("the confidence {confidence} is not from 0 to 1: unknown"));
            }
            is_known
        });
        if verdict.title.is_empty() {
            self.notes.push("the verdict has no title".into());
            let cause = verdict.root_cause.as_deref().unwrap_or("A verdict without a title");
            verdict.title = shorten(cause, limits::TITLE).into_owned();
        }
        for ((field, max), times) in self.cut {
            let texts = count(times, "text");
            self.notes.push(format!("{texts} of '{field}' cut to {max} characters"));
        }
        ModelVerdict { notes: self.notes, ..verdict }
    }

    /// Returns the text on one line; the empty text when it says nothing.
    fn text(&mut self, text: &str, field: &str, max: usize) -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if says_nothing(&line) {
            return String::new();
        }
        let line = safe(&line);
        let kept = shorten(&line, max);
        if kept != line {
            *self.cut.entry((field.to_owned(), max)).or_default() += 1;
        }
        kept.into_owned()
    }

    fn list<T>(&mut self, list: &mut Vec<T>, field: &str, max: usize) {
        if list.len() > max {
            let more = count((list.len() - max) as u64, "item");
            self.notes.push(format!("{more} of '{field}' over {max} were left out"));
            list.truncate(max);
        }
    }

    /// Returns a claim for each cited id: some models write 'm1, m2' for one claim.
    fn evidence(&mut self, claims: &[Claim]) -> Vec<Claim> {
        let mut kept = Vec::new();
        for Claim { id: ids, claim } in claims {
            let split: Vec<&str> = ids.split([',', ';']).map(trim_citation).collect();
            let is_list = split.iter().all(|id| Citation::parse(id).is_some());
            let split = if is_list { split } else { vec![trim_citation(ids)] };
            for id in split.into_iter().flat_map(items) {
                let id = self.text(id, "evidence.id", limits::NAME);
                kept.push(Claim { id, claim: claim.clone() });
            }
        }
        kept.retain(|claim| *claim != Claim::default());
        self.list(&mut kept, "evidence", limits::EVIDENCE);
        kept
    }
}

/// Removes the brackets, quotes and punctuation that models put around an id.
/// Divides `m1 and m2` and `m1/m2`; a path stays whole.
fn items(id: &str) -> Vec<&str> {
    let is_item = |part: &&str| matches!(Citation::parse(part), Some(Citation::Item(_)));
    for mark in [" and ", " & ", "/"] {
        let parts: Vec<&str> = id.split(mark).map(trim_citation).collect();
        if parts.len() > 1 && parts.iter().all(is_item) {
            return parts;
        }
    }
    vec![id]
}

fn trim_citation(id: &str) -> &str {
    let is_around = |c: char| c.is_whitespace() || "[]()`'\"".contains(c);
    id.trim_start_matches(is_around).trim_end_matches(|c| is_around(c) || ":.".contains(c))
}
