//! Parser of a model's verdict: serde reads the form, then every text and list is cut to its limit.
//!
//! Claude Code is started with [`super::schema`] and holds the answer to it, so a value of another
//! form is refused. The schema says nothing about hidden characters, blank texts or two ids in one
//! text.
//!
//! Promises: no value causes a panic. Parsing a parsed verdict again changes nothing. An unknown
//! redrive advice becomes `do_not`. A note names whatever was cut, left out or replaced.

use std::collections::BTreeMap;

use serde_json::Value;

use super::citation::Citation;
use super::{Claim, Fix, Hypothesis, ModelVerdict, RedriveAdvice, limits};
use crate::text::{count, safe, shorten};

/// Words that models write for an unknown value.
const NOTHING: [&str; 4] = ["null", "none", "n/a", "nil"];

/// Parses a verdict. The error is a sentence that is safe to show.
pub fn parse(value: &Value) -> Result<ModelVerdict, String> {
    let Value::Object(mut members) = value.clone() else {
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
    let read: ModelVerdict = serde_json::from_value(members.into()).map_err(|error| {
        let error = error.to_string();
        format!("the verdict does not match its schema: {}", safe(&shorten(&error, 200)))
    })?;
    Ok(clip.verdict(read))
}

#[derive(Default)]
struct Clip {
    /// Number of texts that were cut, by field and limit.
    cut: BTreeMap<(&'static str, usize), u64>,
    notes: Vec<String>,
}

impl Clip {
    fn verdict(mut self, read: ModelVerdict) -> ModelVerdict {
        let mut verdict = ModelVerdict {
            title: self.text(&read.title, "title", limits::TITLE),
            category: self.optional(read.category, "category", limits::CATEGORY),
            root_cause: self.optional(read.root_cause, "root_cause", limits::TEXT),
            confidence: self.confidence(read.confidence),
            evidence: self.evidence(read.evidence),
            hypotheses: self.hypotheses(read.hypotheses),
            fix: read.fix.map(|fix| self.fix(&fix)).filter(|fix| *fix != Fix::default()),
            prevention: self.optional(read.prevention, "prevention", limits::TEXT),
            next_steps: self.texts(&read.next_steps, "next_steps", limits::STEPS, limits::LINE),
            ..read
        };
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
    fn text(&mut self, text: &str, field: &'static str, max: usize) -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if NOTHING.iter().any(|word| line.eq_ignore_ascii_case(word)) {
            return String::new();
        }
        let line = safe(&line);
        let kept = shorten(&line, max);
        if kept != line {
            *self.cut.entry((field, max)).or_default() += 1;
        }
        kept.into_owned()
    }

    fn optional(
        &mut self,
        text: Option<String>,
        field: &'static str,
        max: usize,
    ) -> Option<String> {
        text.map(|text| self.text(&text, field, max)).filter(|text| !text.is_empty())
    }

    fn list<'l, T>(&mut self, list: &'l [T], field: &str, max: usize) -> &'l [T] {
        if list.len() > max {
            let more = count((list.len() - max) as u64, "item");
            self.notes.push(format!("{more} of '{field}' over {max} were left out"));
        }
        &list[..list.len().min(max)]
    }

    fn texts(
        &mut self,
        list: &[String],
        field: &'static str,
        items: usize,
        max: usize,
    ) -> Vec<String> {
        let list = self.list(list, field, items).iter();
        list.map(|text| self.text(text, field, max)).filter(|text| !text.is_empty()).collect()
    }

    fn confidence(&mut self, confidence: Option<f64>) -> Option<f64> {
        let confidence = confidence?;
        if !(0.0..=1.0).contains(&confidence) {
            self.notes.push(format!("the confidence {confidence} is not from 0 to 1: unknown"));
            return None;
        }
        Some(confidence)
    }

    fn evidence(&mut self, claims: Vec<Claim>) -> Vec<Claim> {
        let mut kept = Vec::new();
        for Claim { id, claim } in self.list(&claims, "evidence", limits::EVIDENCE) {
            let claim = self.text(claim, "evidence", limits::LINE);
            let ids = self.text(id, "evidence", limits::NAME);
            // Some models write 'm1, m2' for one claim.
            let split: Vec<&str> = ids.split([',', ';']).map(trim_citation).collect();
            let is_list = split.iter().all(|id| Citation::parse(id).is_some());
            for id in if is_list { split } else { vec![trim_citation(&ids)] } {
                let id = self.text(id, "evidence", limits::NAME);
                kept.push(Claim { id, claim: claim.clone() });
            }
        }
        kept.retain(|claim| *claim != Claim::default());
        self.list(&kept, "evidence", limits::EVIDENCE).to_vec()
    }

    fn hypotheses(&mut self, all: Vec<Hypothesis>) -> Vec<Hypothesis> {
        let all = self.list(&all, "hypotheses", limits::HYPOTHESES).iter();
        let mut line = |text: &str| self.text(text, "hypotheses", limits::LINE);
        all.map(|Hypothesis { hypothesis, verdict, why }| Hypothesis {
            hypothesis: line(hypothesis),
            verdict: line(verdict),
            why: line(why),
        })
        .filter(|kept| !kept.hypothesis.is_empty() || !kept.why.is_empty())
        .collect()
    }

    fn fix(&mut self, fix: &Fix) -> Fix {
        Fix {
            summary: self.text(&fix.summary, "fix.summary", limits::TEXT),
            files: self.texts(&fix.files, "fix.files", limits::FILES, limits::NAME),
            tests: self.texts(&fix.tests, "fix.tests", limits::TESTS, limits::NAME),
        }
    }
}

/// Removes the brackets, quotes and punctuation that models put around an id.
fn trim_citation(id: &str) -> &str {
    let is_around = |c: char| c.is_whitespace() || "[]()`'\"".contains(c);
    id.trim_start_matches(is_around).trim_end_matches(|c| is_around(c) || ":.".contains(c))
}
