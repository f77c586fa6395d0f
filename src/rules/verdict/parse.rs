//! A model's answer, as a [`ModelVerdict`]: liberal in its forms, strict in the two words that decide.
//!
//! Promises: no value makes it panic. It is the same when it is read again. Whatever was cut, left
//! out or guessed is in the notes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::citation::Citation;
use super::{Claim, Fix, Hypothesis, ModelVerdict, RedriveAdvice, VerdictStatus, limits};
use crate::text::{count, safe, shorten};

/// What models write for nothing.
const NOTHING: [&str; 4] = ["null", "none", "n/a", "nil"];

/// Reads `value`, or says what is wrong with it.
pub fn parse(value: &Value) -> Result<ModelVerdict, String> {
    let Value::Object(said) = value else {
        return Err("the verdict is no JSON object".into());
    };
    let mut reader = Reader { said, cut: BTreeMap::new(), notes: Vec::new() };
    let status = reader.status()?;
    let root_cause = reader.text("root_cause", limits::TEXT);
    let mut verdict = ModelVerdict {
        status,
        title: String::new(),
        category: reader.text("category", limits::CATEGORY),
        confidence: reader.confidence(),
        evidence: reader.evidence(),
        hypotheses: reader.hypotheses(),
        fix: reader.fix(),
        prevention: reader.text("prevention", limits::TEXT),
        redrive: reader.redrive(),
        next_steps: reader.lines(said.get("next_steps"), "next_steps", limits::STEPS, limits::LINE),
        notes: Vec::new(),
        root_cause,
    };
    verdict.title = reader.text("title", limits::TITLE).unwrap_or_else(|| {
        reader.notes.push("the verdict has no title".into());
        let cause = verdict.root_cause.as_deref().unwrap_or("A verdict without a title");
        shorten(cause, limits::TITLE).into_owned()
    });
    verdict.notes = reader.told();
    Ok(verdict)
}

struct Reader<'a> {
    said: &'a Map<String, Value>,
    /// How many texts of a field were cut to a length.
    cut: BTreeMap<(&'static str, usize), u64>,
    notes: Vec<String>,
}

impl Reader<'_> {
    fn status(&self) -> Result<VerdictStatus, String> {
        let Some(said) = self.said.get("status").filter(|said| !said.is_null()) else {
            return Err("the verdict has no status".into());
        };
        let word = word_of(said);
        VerdictStatus::ALL.into_iter().find(|status| status.as_str() == word).ok_or_else(|| {
            format!("the verdict has the unknown status '{}'", safe(&shorten(&flat(said), 60)))
        })
    }

    fn redrive(&mut self) -> RedriveAdvice {
        let said = self.said.get("redrive").filter(|said| !said.is_null());
        let word = said.map(word_of).unwrap_or_default();
        let all = [RedriveAdvice::Safe, RedriveAdvice::AfterFix, RedriveAdvice::DoNot];
        all.into_iter().find(|advice| advice.to_string() == word).unwrap_or_else(|| {
            self.notes.push(match said {
                None => {
                    "the verdict does not say whether a redrive is safe: taken as do_not".into()
                }
                Some(said) => format!(
                    "the verdict has the unknown redrive advice '{}': taken as do_not",
                    safe(&shorten(&flat(said), 60))
                ),
            });
            RedriveAdvice::DoNot
        })
    }

    /// From 0 to 1; what is over 1 are percent.
    fn confidence(&mut self) -> Option<f64> {
        let said = self.said.get("confidence").filter(|said| !said.is_null())?;
        let sure = match said {
            Value::String(text) => number(text),
            said => said.as_f64(),
        };
        let sure = sure.filter(|sure| (0.0..=100.0).contains(sure));
        match sure {
            Some(sure) if sure <= 1.0 => Some(sure),
            Some(percent) => {
                self.notes.push(format!("the confidence {percent} was taken as percent"));
                Some(percent / 100.0)
            }
            None => {
                let said = flat(said);
                let said = safe(&shorten(&said, 60)).into_owned();
                self.notes.push(format!("the confidence '{said}' is no number: taken as unknown"));
                None
            }
        }
    }

    fn text(&mut self, field: &'static str, max: usize) -> Option<String> {
        let said = self.said.get(field)?;
        self.line(said, field, max)
    }

    /// A text on one line, with nothing hidden; none when it is blank.
    fn line(&mut self, said: &Value, field: &'static str, max: usize) -> Option<String> {
        let text = flat(said);
        if text.is_empty() || NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return None;
        }
        let text = safe(&text);
        let kept = shorten(&text, max);
        if kept.len() != text.len() {
            *self.cut.entry((field, max)).or_default() += 1;
        }
        Some(kept.into_owned())
    }

    /// The items of a list; one that stands alone is a list of itself.
    fn list<'v>(&mut self, said: Option<&'v Value>, field: &str, max: usize) -> &'v [Value] {
        let all = match said {
            None | Some(Value::Null) => &[],
            Some(Value::Array(all)) => all.as_slice(),
            Some(alone) => std::slice::from_ref(alone),
        };
        if all.len() > max {
            let more = count((all.len() - max) as u64, "item");
            self.notes.push(format!("{more} of '{field}' over {max} were left out"));
        }
        &all[..all.len().min(max)]
    }

    fn lines(
        &mut self,
        said: Option<&Value>,
        field: &'static str,
        items: usize,
        max: usize,
    ) -> Vec<String> {
        let all = self.list(said, field, items);
        all.iter().filter_map(|said| self.line(said, field, max)).collect()
    }

    fn evidence(&mut self) -> Vec<Claim> {
        let all = self.list(self.said.get("evidence"), "evidence", limits::EVIDENCE);
        let mut claims = Vec::new();
        for said in all {
            let (ids, claim) = match said {
                Value::Object(said) => (
                    said.get("id").map(flat).unwrap_or_default(),
                    said.get("claim").and_then(|claim| self.line(claim, "evidence", limits::LINE)),
                ),
                said => self.claim_of(&flat(said)),
            };
            let claim = claim.unwrap_or_default();
            // Some write 'm1, m2' for one claim.
            let split: Vec<&str> = ids.split([',', ';']).map(bare).collect();
            let is_list = split.iter().all(|id| Citation::parse(id).is_some());
            for id in if is_list { split } else { vec![bare(&ids)] } {
                let id = self.line(&Value::from(id), "evidence", limits::NAME).unwrap_or_default();
                if !id.is_empty() || !claim.is_empty() {
                    claims.push(Claim { id, claim: claim.clone() });
                }
            }
        }
        if claims.len() > limits::EVIDENCE {
            let more = count((claims.len() - limits::EVIDENCE) as u64, "citation");
            self.notes.push(format!("{more} over {} were left out", limits::EVIDENCE));
            claims.truncate(limits::EVIDENCE);
        }
        claims
    }

    /// `m1: the customer is null`, `src/a.rs:12`, or words that cite nothing.
    fn claim_of(&mut self, text: &str) -> (String, Option<String>) {
        let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
        let id = bare(head);
        // Any word could be a file's name: in a sentence it is one only with a line.
        let (id, rest) = match Citation::parse(id) {
            Some(Citation::File { line: None, .. }) if !rest.is_empty() => ("", text),
            Some(_) => (id, rest),
            None => ("", text),
        };
        let claim = self.line(&Value::from(rest), "evidence", limits::LINE);
        (id.to_owned(), claim)
    }

    fn hypotheses(&mut self) -> Vec<Hypothesis> {
        let all = self.list(self.said.get("hypotheses"), "hypotheses", limits::HYPOTHESES);
        let mut kept = Vec::new();
        for said in all {
            let mut part = |key: &str| match said {
                Value::Object(said) => said
                    .get(key)
                    .and_then(|said| self.line(said, "hypotheses", limits::LINE))
                    .unwrap_or_default(),
                said if key == "hypothesis" => {
                    self.line(said, "hypotheses", limits::LINE).unwrap_or_default()
                }
                _ => String::new(),
            };
            let (hypothesis, verdict, why) = (part("hypothesis"), part("verdict"), part("why"));
            if !hypothesis.is_empty() || !why.is_empty() {
                kept.push(Hypothesis { hypothesis, verdict, why });
            }
        }
        kept
    }

    fn fix(&mut self) -> Option<Fix> {
        let said = self.said.get("fix").filter(|said| !said.is_null())?;
        let Value::Object(parts) = said else {
            let summary = self.line(said, "fix", limits::TEXT)?;
            return Some(Fix { summary, files: Vec::new(), tests: Vec::new() });
        };
        let summary = parts.get("summary").and_then(|s| self.line(s, "fix.summary", limits::TEXT));
        let files = self.lines(parts.get("files"), "fix.files", limits::FILES, limits::NAME);
        let tests = self.lines(parts.get("tests"), "fix.tests", limits::TESTS, limits::NAME);
        let nothing = summary.is_none() && files.is_empty() && tests.is_empty();
        (!nothing).then(|| Fix { summary: summary.unwrap_or_default(), files, tests })
    }

    fn told(mut self) -> Vec<String> {
        for ((field, max), times) in self.cut {
            let texts = count(times, "text");
            self.notes.push(format!("{texts} of '{field}' cut to {max} characters"));
        }
        self.notes
    }
}

/// A text on one line; that of a list is the texts in it.
fn flat(said: &Value) -> String {
    let text = match said {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.iter().all(Value::is_string) => {
            all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        said => said.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A word of the schema: `Not a bug` is `not_a_bug`.
fn word_of(said: &Value) -> String {
    said.as_str().unwrap_or_default().trim().to_ascii_lowercase().replace(['-', ' '], "_")
}

/// `0.85`, `85%`.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse().ok().map(|percent: f64| percent / 100.0),
        None => text.parse().ok(),
    }
}

/// What is cited, without the brackets and quotes that models put around it.
fn bare(id: &str) -> &str {
    let around = |c: char| c.is_whitespace() || "[]()`'\"".contains(c);
    id.trim_matches(around).trim_end_matches([':', '.']).trim_matches(around)
}
