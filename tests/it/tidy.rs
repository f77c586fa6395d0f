//! Project-wide invariants: ARCHITECTURE.md lists them; help, man pages and change log agree with
//! the code.

mod imports;
mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dlq::args::{COMMON, Opt, ValueKind};
use dlq::event::{ToolName, Type};
use dlq::programs;
use dlq::tool::Tool;

/// Files and functions over the length limit, with the reason.
const LONG: [(&str, &str); 3] = [
    ("src/event/data.rs", "a table: a payload for every type, with its documentation"),
    ("src/programs.rs", "a table: the options of every program"),
    ("fn describe(", "a table: an arm for every type"),
];

fn program_names() -> [&'static str; 13] {
    ToolName::ALL.map(ToolName::as_str)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the path and text of every Rust file under `dir`, sorted.
fn rust_files(dir: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(dir)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Returns the code of a file, without comments and without the tests at its end.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let lines = body.lines().map(|line| {
        let comment = line.trim_start().starts_with("//");
        if comment { "" } else { line.split(" // ").next().unwrap_or(line) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the uses of words in the code below `folder`, as `file:line: text`; `free` files may use
/// them.
fn uses(words: &[&str], folder: &str, free: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in rust_files(folder) {
        if is_test(&path) || free.iter().any(|free| path.starts_with(free)) {
            continue;
        }
        for (number, line) in code(&text).lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

#[track_caller]
fn assert_none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn event_types_and_keys_are_named_in_event_only() {
    let quoted: Vec<String> =
        Type::ALL.iter().map(|kind| format!("\"{}\"", kind.as_str())).collect();
    let words: Vec<&str> = quoted.iter().map(String::as_str).collect();
    assert_none("an event type is named outside of event/", uses(&words, "src", &["src/event"]));
    let keys = ["\"specversion\"", "\"severitytext\"", "\"incident\":", "\"subject\""];
    assert_none(
        "a key of the envelope is named outside of event/",
        uses(&keys, "src", &["src/event"]),
    );
}

#[test]
fn files_open_with_a_description() {
    let mut all = rust_files("src");
    all.extend(rust_files("tests/it"));
    let silent = all.into_iter().filter(|(path, text)| !text.starts_with("//!") && !is_test(path));
    assert_none("a file opens without a description", silent.map(|(path, _)| path).collect());
}

#[test]
fn decisions_over_all_records_are_listed() {
    let page = read("ARCHITECTURE.md");
    let listed = part(&page, "## State as keyed records", "\n## ");
    let needs_all = |text: &str| ["Keys::all()", "with_all("].iter().any(|w| text.contains(w));
    let unlisted = rust_files("src/edge").into_iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("src/").unwrap();
        let named = listed.contains(&format!("`{name}`"));
        (!is_test(&path) && needs_all(&code(&text)) && !named).then_some(path)
    });
    assert_none("files whose decisions over all records ARCHITECTURE.md omits", unlisted.collect());
}

/// Returns whether a line of code begins a function, of any visibility and with any qualifiers.
fn begins_function(line: &str) -> bool {
    let rest = line.strip_prefix("pub").unwrap_or(line);
    let rest = match rest.strip_prefix('(') {
        Some(scoped) => scoped.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    };
    let words = rest.split_whitespace();
    let mut words = words.skip_while(|word| matches!(*word, "const" | "async" | "unsafe"));
    words.next() == Some("fn")
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for (path, text) in rust_files("src") {
        if is_test(&path) {
            continue;
        }
        // Tables of cases at the end of a file are as long as the cases are many.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
        let lines = text.lines().count();
        if lines > 400 && !LONG.iter().any(|(file, _)| path == *file) {
            long.push(format!("{path}: {lines} lines"));
        }
        let mut open: Option<(usize, usize, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            if open.is_none() && begins_function(head) && !line.ends_with(';') {
                open = Some((number, indent, head.to_owned()));
            }
            if let Some((from, at, name)) = &open
                && indent == *at
                && (head == "}" || (number == *from && head.ends_with('}')))
            {
                let reason = LONG.iter().any(|(known, _)| name.contains(known));
                if number - from > 70 && !reason {
                    long.push(format!("{path}:{}: {} lines: {name}", from + 1, number - from + 1));
                }
                open = None;
            }
        }
    }
    assert_none("too long, and no reason is given in LONG", long);
}

#[test]
fn modules_are_named_by_content() {
    let banned = [
        "manager",
        "handler",
        "processor",
        "helper",
        "util",
        "common",
        "service",
        "enhanced",
        "v2",
    ];
    let mut found = Vec::new();
    for (path, _) in rust_files("src") {
        let stem = Path::new(&path).file_stem().unwrap().to_str().unwrap().to_owned();
        if stem.split('_').any(|word| banned.contains(&word.trim_end_matches('s'))) {
            found.push(path);
        }
    }
    assert_none("a module has a name without content", found);
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), "todo!", "unimplemented!"];
    assert_none("unfinished code", uses(&marks, "src", &[]));
}

/// The options that a page documents: the items of its lists.
fn page_options(page: &str) -> BTreeSet<String> {
    let items = page.lines().filter(|line| line.starts_with(".It Fl "));
    let words = items.flat_map(|line| line[4..].split(" , "));
    let names = words.filter_map(|item| item.trim().strip_prefix("Fl ")?.split_whitespace().next());
    names.map(|name| format!("-{name}")).collect()
}

fn printed_help(program: &str) -> String {
    let output = std::process::Command::new(crate::support::workbench::bin(program))
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The names of a program's options, with their dashes, that a user may give.
fn table_options(tool: &Tool) -> BTreeSet<String> {
    let shown = tool.options.iter().chain(&COMMON);
    shown.flat_map(Opt::names).collect()
}

#[test]
fn page_documents_the_options_of_the_table() {
    for tool in programs::ALL {
        let program = tool.name.as_str();
        let page = read(format!("man/{program}.1"));
        assert_eq!(table_options(tool), page_options(&page), "{program}: the table, then the page");
    }
}

#[test]
fn option_names_and_conflicts_are_consistent() {
    for tool in programs::ALL {
        let all: Vec<&Opt> = tool.options.iter().chain(&COMMON).collect();
        let names: Vec<String> = all.iter().flat_map(|opt| opt.names()).collect();
        let once: BTreeSet<&String> = names.iter().collect();
        assert_eq!(once.len(), names.len(), "{:?}: {names:?}", tool.name);
        for opt in all {
            assert_eq!(opt.value.is_empty(), opt.kind == ValueKind::Flag, "{}", opt.long);
            assert!(!opt.help.is_empty() && !opt.help.ends_with('.'), "{}", opt.long);
            for other in opt.conflicts {
                assert!(names.contains(&format!("--{other}")), "{}: {other}", opt.long);
            }
        }
    }
}

#[test]
fn help_shows_every_option_and_fits_a_screen() {
    for tool in programs::ALL {
        let (program, help) = (tool.name.as_str(), tool.help());
        assert!(help.lines().count() <= 24, "{program}: {} lines", help.lines().count());
        let wide = help.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{program}: a wide line");
        for name in table_options(tool) {
            assert!(help.contains(&format!(" {name}")), "{program}: no {name}");
        }
        if crate::support::workbench::is_built(program) {
            assert_eq!(printed_help(program), help);
        }
    }
}

#[test]
fn exit_statuses_are_alike_in_all_pages() {
    let section = |program: &str| {
        let page = read(format!("man/{program}.1"));
        let from =
            page.find(".Sh EXIT STATUS\n").unwrap_or_else(|| panic!("{program}: no EXIT STATUS"));
        let rest = &page[from + 16..];
        rest[..rest.find("\n.Sh ").unwrap_or(rest.len())].replace(program, "")
    };
    for program in program_names() {
        assert_eq!(section(program), section("dlq-notify"), "{program}");
    }
}

#[test]
fn pages_have_the_standard_sections() {
    for program in program_names() {
        let page = read(format!("man/{program}.1"));
        for wanted in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "EXIT STATUS", "EXAMPLES", "CAVEATS"]
        {
            assert!(page.contains(&format!(".Sh {wanted}\n")), "{program}: no {wanted}");
        }
    }
}

#[test]
fn event_types_and_fields_are_in_their_page() {
    let page = read("man/dlq-events.5");
    for kind in Type::ALL {
        let kind_name = kind.as_str();
        let item = format!("\n.It Cm {kind_name} ");
        let from = page.find(&item).unwrap_or_else(|| panic!("no item for {kind_name}"));
        let rest = &page[from + item.len()..];
        // An item ends where that of another type begins, or the list ends.
        let ends = |line: &str| {
            line.strip_prefix(".It Cm ").is_some_and(|word| word.contains('.')) || line == ".El"
        };
        let lines: Vec<&str> = rest.lines().take_while(|line| !ends(line)).collect();
        for key in kind.shape()["properties"].as_object().unwrap().keys() {
            let documented = |line: &&str| {
                line.strip_prefix(".Cm ").is_some_and(|rest| rest.split(' ').next() == Some(key))
            };
            let general = key == "truncated" && page.contains("truncated");
            assert!(
                general || lines.iter().any(documented),
                "dlq-events(5): no '{key}' of {kind_name}"
            );
        }
    }
}

/// Returns the text between `from` and the next `to`, or the end.
fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let begins = text.find(from).unwrap_or_else(|| panic!("no '{from}'")) + from.len();
    let rest = &text[begins..];
    &rest[..rest.find(to).unwrap_or(rest.len())]
}

#[test]
fn fields_of_session_incident_and_spend_are_in_their_page() {
    let page = read("man/dlq-state.5");
    let documents = part(&page, ".Ss Documents\n", "\n.Ss ");
    for (document, folder, name) in [
        ("sessions.json", "src/rules/investigation/session.rs", "Session"),
        ("sessions.json", "src/rules/investigation/incident.rs", "Incident"),
        ("budget.json", "src/rules/investigation/budget.rs", "Spend"),
    ] {
        let item = part(documents, &format!(".It Pa {document}\n"), "\n.It ");
        let documented: BTreeSet<&str> =
            item.lines().filter_map(|line| line.strip_prefix(".Cm ")?.split(' ').next()).collect();
        let code = read(folder);
        let fields = part(&code, &format!("\npub struct {name} {{\n"), "\n}").lines();
        // A renamed field is documented by its name on disk.
        let mut renamed = None;
        let fields = fields.filter_map(|line| {
            if let Some(rest) = line.split("rename = \"").nth(1) {
                renamed = rest.split('"').next();
            }
            let field = line.strip_prefix("    pub ")?.split(':').next();
            renamed.take().or(field)
        });
        for field in fields {
            assert!(documented.contains(field), "dlq-state(5): no '{field}' in {document}");
        }
    }
}

#[test]
fn session_files_are_in_their_page() {
    let page = read("man/dlq-state.5");
    let items = part(&page, ".Ss Sessions\n", "\n.Ss ").lines();
    let documented: BTreeSet<&str> = items
        .filter_map(|line| line.strip_prefix(".It Pa "))
        .flat_map(|line| line.split(' ').map(|word| word.trim_end_matches('/')))
        .collect();
    let code = read("src/edge/supervisor.rs");
    let names = part(&code, "pub mod files {", "\n}").lines();
    let names: Vec<&str> = names.filter_map(|line| line.split('"').nth(1)).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(documented.contains(name), "dlq-state(5): no '{name}' in the folder of a session");
    }
}

#[test]
fn version_has_one_heading_in_changelog() {
    let headings = read("CHANGELOG.md");
    let version = format!("## {}", env!("CARGO_PKG_VERSION"));
    let found = headings.lines().filter(|line| line.starts_with(&version)).count();
    assert_eq!(found, 1, "'{version}' in CHANGELOG.md");
}

#[test]
fn dependencies_are_argued_and_in_the_lock_file_of_the_fuzz_targets() {
    let (manifest, hacking) = (read("Cargo.toml"), read("HACKING.md"));
    // `--locked` refuses to build the targets otherwise.
    let lock = read("fuzz/Cargo.lock");
    let (_, locked) = lock.split_once("name = \"dlq-tools\"").unwrap();
    let locked = locked.split("\n]").next().unwrap();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies") && line.contains(" = ") {
            let name = line.split(" = ").next().unwrap();
            assert!(hacking.contains(&format!("`{name}`")), "HACKING.md does not argue for {name}");
            let is_built = section == "[dependencies]" && !line.contains("optional = true");
            let remedy = "cargo metadata --manifest-path fuzz/Cargo.toml";
            let has = locked.contains(&format!("\n \"{name}\""));
            assert!(has || !is_built, "fuzz/Cargo.lock lacks {name}: {remedy}");
        }
    }
}

/// A width in a format panics beyond 65,535, and what comes from outside can be wider. The number of
/// digits after a point is no width.
#[test]
fn formats_have_no_width_that_is_computed() {
    let files = rust_files("src").into_iter().filter(|(path, _)| !is_test(path));
    let found = files.flat_map(|(path, text)| {
        let lines = code(&text).lines().map(str::to_owned).collect::<Vec<_>>();
        let formats = lines.into_iter().filter(|line| has_computed_width(line));
        formats.map(move |line| format!("{path}: {}", line.trim())).collect::<Vec<_>>()
    });
    assert_none("use text::padded or text::spaces", found.collect());
}

fn has_computed_width(line: &str) -> bool {
    line.split('{').any(|part| {
        let spec = part.split_once(':').filter(|(name, _)| !name.contains('}'));
        let spec = spec.and_then(|(_, spec)| spec.split_once("$}"));
        spec.is_some_and(|(width, _)| {
            !width.contains(['}', '.'])
                && width.chars().any(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
    })
}

/// The checks can fail: each kind of search finds what it is made for.
#[test]
fn tidy_searches_find() {
    assert_eq!(code("a // b\n  // Instant::now\nx"), "a\n\nx");
    assert_eq!(code("a\n#[cfg(test)]\nmod tests {\n println!()"), "a");
    assert_eq!(
        page_options(".It Fl n , Fl -dry-run\n.It Fl -config Ar file\nFl x"),
        ["--config", "--dry-run", "-n"].map(str::to_owned).into()
    );
    assert!(!uses(&["SystemTime::now"], "src", &[]).is_empty());
    for head in [
        "fn a() {",
        "pub const fn a() {",
        "pub(in crate::rules) fn a() {",
        "pub(super) async fn a(",
    ] {
        assert!(begins_function(head), "{head}");
    }
    for format in ["{name:width$}", "{:>gap$}", "x{what:1$}"] {
        assert!(has_computed_width(format), "{format}");
    }
    for format in ["{name:WIDTH$}", "{:.digits$}", "{name:8}", "{a}: b$}"] {
        assert!(!has_computed_width(format), "{format}");
    }
    assert!(!begins_function("const A: u8 = 1;") && !begins_function("let f: fn() = a;"));
}
