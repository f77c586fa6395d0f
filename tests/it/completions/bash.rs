//! Completions for bash, from version 3.2 on, which macOS has.

use std::fmt::Write;

use dlq::args::{Opt, ValueKind};
use dlq::tool::Tool;

use super::{HEAD, Offer, operands, options, value};

/// Returns the commands that offer something for the present word.
fn commands(offer: &Offer) -> String {
    match offer {
        // `-o default` completes names of files where a function offers nothing.
        Offer::Files => "return".to_owned(),
        Offer::Nothing => "compopt +o default 2>/dev/null".to_owned(),
        Offer::Words(words) => format!("_dlq_words '{}'", words.join(" ")),
    }
}

/// Returns a line of `case` for each kind of value; options without one have no line.
fn values(tool: &Tool) -> String {
    let mut kinds: Vec<(Offer, Vec<String>)> = Vec::new();
    for opt in options(tool).filter(|opt| opt.kind != ValueKind::Flag) {
        let offer = value(opt);
        match kinds.iter_mut().find(|(kind, _)| *kind == offer) {
            Some((_, names)) => names.extend(opt.names()),
            None => kinds.push((offer, opt.names())),
        }
    }
    let mut lines = String::new();
    for (offer, names) in kinds {
        let commands = commands(&offer);
        let end = if offer == Offer::Files { "" } else { "; return" };
        let _ = writeln!(lines, "        {}) {commands}{end} ;;", names.join(" | "));
    }
    lines
}

/// Returns the script of a program.
pub fn script(tool: &Tool) -> String {
    let name = tool.name.as_str();
    let function = name.replace('-', "_");
    let names: Vec<String> = options(tool).flat_map(Opt::names).collect();
    let names = names.join(" ");
    let (first, further) = operands(tool);
    let operands = match (&first, commands(&first)) {
        (Offer::Words(_), first) => {
            format!("if ((COMP_CWORD == 1)); then {first}; else {}; fi", commands(&further))
        }
        (_, first) => first,
    };
    let offered = format!("_dlq_words '{names}'");
    // Without operands the options are all there is to offer.
    let present = if tool.takes_operands {
        format!("case $word in\n        -*) {offered} ;;\n        *) {operands} ;;\n    esac")
    } else {
        offered
    };
    format!(
        r#"# shellcheck shell=bash
{HEAD}
# Offers those of the words that begin like the present one, and no files.
_dlq_words() {{
    compopt +o default 2>/dev/null
    # shellcheck disable=SC2207 # words without blanks; bash 3.2 has no mapfile
    COMPREPLY=($(compgen -W "$1" -- "$word"))
}}

_{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD - 1]}}
    COMPREPLY=()
    # In '--option=value' the sign is a word of its own.
    if [[ $word == = ]]; then
        word=
    elif [[ $option == = ]]; then
        option=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case $option in
{values}    esac
    {present}
}}
complete -o default -F _{function} {name}
"#,
        values = values(tool)
    )
}
