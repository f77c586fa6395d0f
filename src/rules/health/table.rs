//! The results as a table for a person: the finding of each check, and the remedy below it.

use super::{CheckResult, CheckStatus, count};
use crate::text::{columns, padded, spaces, wrap};

/// Least columns of the findings.
const DETAIL_MIN: usize = 24;
/// Longest name that the others are aligned with.
const NAME_MAX: usize = 32;
const GAP: usize = 2;

/// Returns the table, in the order of the checks, and a line with the sums.
pub fn table(results: &[CheckResult], width: usize) -> String {
    let names = results.iter().map(|one| columns(&one.name)).max().unwrap_or(0).min(NAME_MAX);
    let states = CheckStatus::ALL.iter().map(|one| columns(one.as_str())).max().unwrap_or(0);
    let from = names + GAP + states + GAP;
    let room = width.saturating_sub(from).max(DETAIL_MIN);
    let mut text = String::new();
    for one in results {
        let status = one.diagnosis.status.as_str();
        let head = format!("{}  {}  ", padded(&one.name, names), padded(status, states));
        let [detail, remedy] = one.diagnosis.shown();
        let mut lines = wrap(&detail, room);
        if !remedy.is_empty() {
            lines.extend(wrap(&format!("remedy: {remedy}"), room));
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
        for (number, line) in lines.iter().enumerate() {
            let begin = if number == 0 { head.clone() } else { spaces(from) };
            text += format!("{begin}{line}").trim_end();
            text.push('\n');
        }
    }
    text + &sums(results)
}

/// Returns the line with the sums.
fn sums(results: &[CheckResult]) -> String {
    let part = |status: &CheckStatus| {
        let n = count(results, *status);
        (n > 0).then(|| format!("{n} {status}"))
    };
    let parts: Vec<String> = CheckStatus::ALL.iter().filter_map(part).collect();
    format!("{}: {}\n", crate::text::count(results.len() as u64, "check"), parts.join(", "))
}
