//! Tests of config.yaml and dlq-config(5) against the key table.

use super::super::*;
use super::{origin, read};
use crate::config::keys::Trust;
use crate::config::settings::specs;

const EXAMPLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/config.yaml"));
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-config.5"));

/// Words with one space between them.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a key stands in an entry or a map, which the example has as a comment.
fn is_of_entry(path: &str) -> bool {
    path.contains("[]") || path.matches('.').count() > 1
}

/// Returns the lines of a section of config.yaml.
fn example_section(name: &str) -> Vec<&'static str> {
    let lines = EXAMPLE.lines().skip_while(|line| *line != format!("{name}:")).skip(1);
    lines.take_while(|line| line.is_empty() || line.starts_with(' ')).collect()
}

/// Returns the text of a section of the page.
fn page_section(heading: &str) -> &'static str {
    let (_, after) = PAGE.split_once(&format!("{heading}\n")).expect(heading);
    let end = [".Ss ", ".Sh "].iter().filter_map(|mark| after.find(&format!("\n{mark}"))).min();
    &after[..end.unwrap_or(after.len())]
}

#[test]
fn example_is_the_defaults() {
    let defaults = Settings { origin: origin(true), ..Settings::default() };
    assert_eq!(read(EXAMPLE).unwrap(), defaults);
    // A checkout of this project has the example in ./config/config.yaml.
    let found = parse(EXAMPLE, &origin(false)).unwrap();
    assert_eq!(found, Settings { origin: origin(false), ..Settings::default() });
}

#[test]
fn example_has_every_key_with_its_description_and_default() {
    let bare = |line: &'static str| line.trim_start_matches([' ', '#', '-']);
    for spec in specs() {
        if spec.path.starts_with("auto_investigation.agent.") {
            continue; // The other form of a command.
        }
        let lines = example_section(spec.section());
        let key = format!("{}:", spec.name());
        let described = lines.iter().enumerate().any(|(at, line)| {
            let comments = lines[..at].iter().rev().take_while(|line| line.contains("# "));
            let mut comments: Vec<_> = comments.map(|line| bare(line)).collect();
            comments.reverse();
            bare(line).starts_with(&key)
                && words(&comments.join(" ")).contains(spec.description.trim())
        });
        assert!(described, "config/config.yaml: {}: {}", spec.path, spec.description);
        let given =
            spec.default.filter(|_| !is_of_entry(spec.path) && !key.starts_with("channels"));
        if let Some(default) = given {
            let given = format!("  {key} {default}").replace(": \"", ": ");
            let stands = lines.iter().any(|line| line.replace('"', "") == given);
            assert!(stands, "config/config.yaml: {}: {default}", spec.path);
        }
    }
}

#[test]
fn man_page_has_keys_with_description_default_and_range() {
    for spec in specs() {
        let section = page_section(&format!(".Ss {}", spec.section()));
        let mut items = section.split(".It Cm ").filter_map(|item| item.split_once('\n'));
        let item = items.find(|(head, text)| {
            head.split(' ').next() == Some(spec.name())
                && words(text).starts_with(spec.description.trim())
        });
        let Some((head, _)) = item else {
            panic!("man page: {}: {}", spec.path, spec.description);
        };
        let default = match spec.default {
            None => None,
            Some("[]" | "{}") => Some("empty"),
            Some(_) if spec.path == "notifications.channels" => None,
            default => default,
        };
        if let Some(default) = default {
            assert!(head.ends_with(&format!("default {default}")), "man page: {}", spec.path);
        }
    }
    for key in setters() {
        // The refusal of a map names the range.
        let node = yaml::outside_file(Value::Map(Vec::new()));
        let source = Source { is_variable: false, trusted: true };
        let field = Field { path: String::new(), line: 1, node: &node, source };
        let Err(error) = (key.set)(&mut Settings::default(), &field) else { continue };
        if let Some((_, range)) = error.text.split_once(" from ") {
            let range = range.split(", ").next().unwrap();
            let section = page_section(&format!(".Ss {}", key.spec.section()));
            let head = format!(".It Cm {} ", key.spec.name());
            let line = section.lines().find(|line| line.starts_with(&head)).unwrap();
            assert!(line.contains(range), "man page: {}: {range}", key.spec.path);
        }
    }
}

#[test]
fn man_page_lists_keys_of_the_file_alone_and_guarded_keys() {
    let listed = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(".Cm "));
        let mut paths: Vec<_> =
            lines.map(|line| line.trim_end_matches([' ', ',', '.']).to_owned()).collect();
        paths.sort();
        paths
    };
    let expected = |paths: Vec<&KeySpec>| -> Vec<String> {
        let mut paths: Vec<_> = paths.iter().map(|spec| spec.path.to_owned()).collect();
        paths.sort();
        paths
    };
    let (_, file_only) = PAGE.split_once("These keys are set in the file only:\n").unwrap();
    let file_only = &file_only[..file_only.find("\n.It").unwrap()];
    let specs: Vec<&KeySpec> = specs();
    let file_keys = setters().map(|key| &key.spec).filter(|spec| !spec.variable).collect();
    assert_eq!(listed(file_only), expected(file_keys));
    let guarded = |spec: &&&KeySpec| {
        spec.trust != Trust::Anyone && spec.path != "auto_investigation.agent.command"
    };
    let guarded = specs.iter().filter(guarded).copied().collect();
    assert_eq!(listed(page_section(".Sh TRUST")), expected(guarded));
}

#[test]
fn man_page_has_the_limits_of_the_code() {
    let limits = page_section(".Sh LIMITS");
    let numbers = [
        collections::MAX_LIST,
        value::MAX_TEXT,
        yaml::MAX_DEPTH,
        yaml::MAX_NODES,
        yaml::MAX_REPLAYED,
        crate::glob::MAX_PATTERN,
    ];
    for number in numbers {
        let stands =
            limits.split([' ', '\n']).any(|word| word.replace(',', "") == number.to_string());
        assert!(stands, "man page, LIMITS: {number}");
    }
}

#[test]
fn variable_names_are_unique() {
    let mut variables: Vec<String> = setters().map(|key| key.spec.variable_name()).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), setters().count());
    assert_eq!(sections().len(), 10);
}
