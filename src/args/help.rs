//! The text of `--help`, made from a table of options.
//!
//! The text fits a terminal of 100 columns and 24 lines: when one line an option would be more, the
//! options of a group share one line.

use super::options::{COMMON, Opt};
use crate::text::spaces;

pub const LINES_MAX: usize = 24;
/// The column at which the help of an option starts.
const COLUMN: usize = 25;

/// Returns the text of `--help`: `head`, the options, and `tail`.
pub fn text(head: &str, options: &[Opt], tail: &str) -> String {
    let text = |grouped| format!("{head}{}{tail}", lines(options, grouped));
    let full = text(false);
    if full.lines().count() <= LINES_MAX { full } else { text(true) }
}

fn lines(options: &[Opt], grouped: bool) -> String {
    let shown: Vec<&Opt> = options.iter().chain(&COMMON).collect();
    let together = |a: &&Opt, b: &&Opt| grouped && a.group.is_some() && a.group == b.group;
    let mut text = String::new();
    for group in shown.chunk_by(together) {
        let help = match group {
            [one] if one.repeatable => format!("{}; may be repeated", one.help),
            [one] => one.help.to_owned(),
            group => group[0].group.unwrap_or_default().to_owned(),
        };
        // One line has room for all common options by their names alone.
        let form = if help.is_empty() { names } else { label };
        let labels: Vec<String> = group.iter().map(|opt| form(opt)).collect();
        let indent = if group[0].short.is_some() { 2 } else { 6 };
        let line = format!("{}{}", spaces(indent), labels.join(", "));
        text.push_str(format!("{line:COLUMN$}{}{help}", gap(&line)).trim_end());
        text.push('\n');
    }
    text
}

fn label(opt: &Opt) -> String {
    format!("{} {}", names(opt), opt.value).trim_end().to_owned()
}

fn names(opt: &Opt) -> String {
    opt.names().join(", ")
}

/// Returns the separator between options that fill their column and the help text.
fn gap(line: &str) -> &'static str {
    if line.len() < COLUMN { "" } else { "  " }
}
