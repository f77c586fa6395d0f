//! Completions for zsh.

use dlq::args::{Opt, ValueKind};
use dlq::tool::Tool;

use super::{HEAD, Offer, excluded, operands, options, value};

/// Quotes a specification of `_arguments` for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Escapes a text for its place in a specification.
fn escaped(text: &str) -> String {
    let special = |c: char| ['\\', '[', ']', ':'].contains(&c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

fn action(offer: &Offer) -> String {
    match offer {
        Offer::Files => "_files".to_owned(),
        Offer::Words(words) => format!("({})", words.join(" ")),
        Offer::Nothing => " ".to_owned(),
    }
}

/// Returns a specification for each name of an option.
fn specifications(tool: &Tool, opt: &Opt) -> Vec<String> {
    let excluded = excluded(tool, opt).join(" ");
    let excluded = if excluded.is_empty() { String::new() } else { format!("({excluded})") };
    let again = if opt.repeatable { "*" } else { "" };
    let (sign, argument) = match opt.kind {
        ValueKind::Flag => ("", String::new()),
        _ => ("=", format!(":{}:{}", escaped(opt.value), action(&value(opt)))),
    };
    let specification = |name: String| {
        let sign = if name.starts_with("--") { sign } else { &sign.replace('=', "+") };
        quoted(&format!("{excluded}{again}{name}{sign}[{}]{argument}", escaped(opt.help)))
    };
    opt.names().into_iter().map(specification).collect()
}

/// Returns the script of a program.
pub fn script(tool: &Tool) -> String {
    let mut lines: Vec<String> = options(tool).flat_map(|opt| specifications(tool, opt)).collect();
    let (first, further) = operands(tool);
    if let Offer::Words(_) = &first {
        lines.push(quoted(&format!("1:what:{}", action(&first))));
    }
    if tool.takes_operands {
        lines.push(quoted(&format!("*:argument:{}", action(&further))));
    }
    let name = tool.name.as_str();
    format!("#compdef {name}\n{HEAD}\n_arguments -s -S : \\\n    {}\n", lines.join(" \\\n    "))
}
