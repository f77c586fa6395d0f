//! Completions for fish.

use std::fmt::Write;

use dlq::args::{Opt, ValueKind};
use dlq::tool::Tool;

use super::{HEAD, Offer, operands, options, value};

/// Quotes a text; in single quotes fish knows escapes of the quote and of the backslash.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn option(name: &str, opt: &Opt) -> String {
    let short = opt.short.map(|letter| format!(" -s {letter}")).unwrap_or_default();
    let argument = match (opt.kind, value(opt)) {
        (ValueKind::Flag, _) => String::new(),
        (_, Offer::Files) => " -r -F".to_owned(),
        (_, Offer::Words(words)) => format!(" -x -a {}", quoted(&words.join(" "))),
        (_, Offer::Nothing) => " -x".to_owned(),
    };
    format!("complete -c {name}{short} -l {}{argument} -d {}\n", opt.long, quoted(opt.help))
}

/// Returns the script of a program.
pub fn script(tool: &Tool) -> String {
    let name = tool.name.as_str();
    let (first, further) = operands(tool);
    let mut text = format!("{HEAD}\n");
    if further != Offer::Files {
        let _ = writeln!(text, "complete -c {name} -f");
    }
    if let Offer::Words(words) = first {
        let words = quoted(&words.join(" "));
        let _ = writeln!(text, "complete -c {name} -n __fish_use_subcommand -f -a {words}");
    }
    text.extend(options(tool).map(|opt| option(name, opt)));
    text
}
