//! The graph of imports between the files of `src/`, computed from `use` paths: no circle, and no
//! import that runs upwards.
//!
//! Not seen: paths that a macro puts together. A parent module and its children count as one
//! folder.

use std::collections::{BTreeMap, BTreeSet};

use super::{assert_none, code, is_test, rust_files};

/// The levels of the modules, the lowest first. A file imports its own level and those before it.
/// The longest prefix decides.
const LEVELS: [&[&str]; 11] = [
    &[
        "text",
        "words",
        "shell",
        "time",
        "error",
        "glob",
        "markdown",
        "money",
        "ndjson",
        "regular_file",
        "clock",
        "log",
        "secret",
    ],
    &["event"],
    &["wire", "document"],
    &["journal::filter", "journal::rotation"],
    &["rules"],
    &["config"],
    &["store"],
    &["journal"],
    &["args"],
    &["edge"],
    &["tool", "programs"],
];

/// Crates that only the files below a path may name.
const CRATES: [(&str, &[&str]); 12] = [
    ("aws_config", &["src/edge/aws"]),
    ("aws_credential_types", &["src/edge/aws"]),
    ("aws_sdk_dynamodb", &["src/edge/aws"]),
    ("aws_sdk_sqs", &["src/edge/aws"]),
    ("aws_smithy_http_client", &["src/edge/aws"]),
    ("aws_smithy_runtime_api", &["src/edge/aws"]),
    ("futures_util", &["src/edge/aws"]),
    ("tokio", &["src/edge/aws"]),
    ("fs2", &["src/store"]),
    ("ratatui", &["src/rules/view", "src/edge/dash"]),
    ("rustls", &["src/edge/http.rs"]),
    ("ureq", &["src/edge/http.rs"]),
];

/// Modules of std that a decision needs no world for.
const PURE_STD: [&str; 20] = [
    "array",
    "borrow",
    "cell",
    "cmp",
    "collections",
    "convert",
    "f64",
    "fmt",
    "hash",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "path",
    "rc",
    "slice",
    "str",
    "string",
    "sync",
];

type Path = Vec<String>;

/// The files of `src/` below the library, by module path; bins and tests are left out.
struct Tree {
    modules: BTreeMap<Path, String>,
    text: BTreeMap<Path, String>,
}

impl Tree {
    fn read() -> Self {
        let mut tree = Tree { modules: BTreeMap::new(), text: BTreeMap::new() };
        for (path, text) in rust_files("src") {
            if path.starts_with("src/bin/") || path == "src/lib.rs" || is_test(&path) {
                continue;
            }
            let module = path["src/".len()..path.len() - ".rs".len()].split('/');
            let module: Path = module.map(str::to_owned).collect();
            tree.text.insert(module.clone(), code(&text));
            tree.modules.insert(module, path);
        }
        tree
    }

    /// Returns the module that a path of `module`'s file leads to, without the item in it.
    fn resolve(&self, module: &Path, path: &str) -> Option<Path> {
        let mut words = path.split("::").map(str::trim).peekable();
        let mut full: Path = match *words.peek()? {
            "crate" => Vec::new(),
            "self" | "super" => module.clone(),
            _ => return None,
        };
        while let Some(word) = words.next_if(|word| matches!(*word, "crate" | "self" | "super")) {
            if word == "super" {
                full.pop();
            }
        }
        full.extend(words.map(|word| word.split(" as ").next().unwrap_or(word).to_owned()));
        while !full.is_empty() && !self.modules.contains_key(&full) {
            full.pop();
        }
        (!full.is_empty() && full != *module).then_some(full)
    }

    /// Returns the modules that each module imports.
    fn imports(&self) -> BTreeMap<Path, BTreeSet<Path>> {
        let graph = self.text.iter().map(|(module, text)| {
            let targets = paths(text).into_iter().filter_map(|path| self.resolve(module, &path));
            (module.clone(), targets.collect())
        });
        graph.collect()
    }
}

/// Returns the paths in the code of a file: those of `use` trees, and those written out elsewhere.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let begin = line.len() - line.trim_start().len();
        let is_use = line
            .trim_start()
            .strip_prefix("pub")
            .map_or(line.trim_start(), |rest| rest.trim_start_matches(|c| c != ' ').trim_start());
        if is_use.starts_with("use ") {
            let rest = &code[at + begin..];
            let statement = rest.split(';').next().unwrap_or(rest);
            let tree = statement.split_once("use ").map_or("", |(_, tree)| tree);
            expand(
                String::new(),
                &tree.split_whitespace().collect::<Vec<_>>().join(" "),
                &mut found,
            );
        }
        at += line.len();
    }
    for head in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(head) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let rest = &code[at..];
            let end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
            found.push(rest[..end].trim_end_matches(':').to_owned());
        }
    }
    found
}

/// Expands `a::{b, c::{d}}` into `a::b` and `a::c::d`.
fn expand(prefix: String, tree: &str, found: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        found.push(prefix + tree.trim());
        return;
    };
    let prefix = prefix + tree[..open].trim();
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            let part = inner[from..at].trim();
            if !part.is_empty() {
                expand(prefix.clone(), part, found);
            }
            from = at + 1;
        }
    }
}

/// Whether one of the modules lies within the other.
fn is_one_folder(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

fn level(module: &Path) -> Option<usize> {
    let name = module.join("::");
    let lies_in = |prefix: &str| name == prefix || name.starts_with(&format!("{prefix}::"));
    let all = LEVELS.iter().enumerate().flat_map(|(n, row)| row.iter().map(move |one| (n, *one)));
    all.filter(|(_, prefix)| lies_in(prefix)).max_by_key(|(_, prefix)| prefix.len()).map(|(n, _)| n)
}

/// Returns a circle of imports, as the modules on the way round.
fn circle(graph: &BTreeMap<Path, BTreeSet<Path>>) -> Option<Vec<Path>> {
    fn walk(
        at: &Path,
        graph: &BTreeMap<Path, BTreeSet<Path>>,
        way: &mut Vec<Path>,
        done: &mut BTreeSet<Path>,
    ) -> Option<Vec<Path>> {
        if let Some(from) = way.iter().position(|one| one == at) {
            return Some(way[from..].to_vec());
        }
        if !done.insert(at.clone()) {
            return None;
        }
        way.push(at.clone());
        let next = graph.get(at).into_iter().flatten().filter(|next| !is_one_folder(at, next));
        let found = next.into_iter().find_map(|next| walk(next, graph, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|at| walk(at, graph, &mut Vec::new(), &mut done))
}

#[test]
fn imports_form_no_circle() {
    let circle = circle(&Tree::read().imports());
    let names = circle.map(|way| way.iter().map(|one| one.join("::")).collect::<Vec<_>>());
    assert_eq!(names, None, "a circle of imports");
}

#[test]
fn imports_run_downwards() {
    let tree = Tree::read();
    let mut upwards = Vec::new();
    for (from, targets) in tree.imports() {
        let path = &tree.modules[&from];
        let Some(own) = level(&from) else {
            panic!("{path}: not in LEVELS; which level does the module belong to?");
        };
        for to in targets.iter().filter(|to| level(to) > Some(own)) {
            upwards.push(format!("{path} imports {}", to.join("::")));
        }
    }
    assert_none("an import runs upwards", upwards);
}

#[test]
fn crates_are_named_by_their_module_only() {
    let mut found = Vec::new();
    for (path, text) in rust_files("src") {
        let code = code(&text);
        for (name, free) in CRATES {
            let is_free = free.iter().any(|free| path.starts_with(free));
            if !is_free && code.contains(&format!("{name}::")) {
                found.push(format!("{path} names {name}"));
            }
        }
    }
    assert_none("a crate is named outside of its module", found);
}

/// Decisions touch no world: neither by what they import of std, nor by a crate that does.
#[test]
fn rules_and_events_touch_no_world() {
    let mut found = Vec::new();
    for (path, text) in rust_files("src") {
        if !(path.starts_with("src/rules") || path.starts_with("src/event")) || is_test(&path) {
            continue;
        }
        let code = code(&text);
        for (at, _) in code.match_indices("std::") {
            let rest = &code[at + 5..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            // Writing into a String or a hasher, and spans of time, are pure.
            let is_pure = PURE_STD.contains(&&rest[..end])
                || rest.starts_with("io::Write")
                || rest.starts_with("time::Duration");
            if !is_pure {
                found.push(format!("{path}: std::{}", rest.lines().next().unwrap_or_default()));
            }
        }
        for word in ["rustix::", "clock::now", "clock::tick", "clock::zone"] {
            if code.contains(word) {
                found.push(format!("{path}: {word}"));
            }
        }
    }
    assert_none("a rule touches the world", found);
}

#[test]
fn import_graph_finds_circles_and_upward_imports() {
    let one = |name: &str| vec![name.to_owned()];
    let tree = Tree {
        modules: [(one("a"), "src/a.rs".into()), (one("b"), "src/b.rs".into())].into(),
        text: [
            (one("a"), "use std::fmt;\npub use crate::{b::{X, Y}, c};".into()),
            (one("b"), "fn f() { super::a::g() }".into()),
        ]
        .into(),
    };
    let graph = tree.imports();
    assert_eq!(graph[&one("a")], [one("b")].into());
    assert_eq!(graph[&one("b")], [one("a")].into());
    assert_eq!(circle(&graph), Some(vec![one("a"), one("b")]));
    let journal_filter = vec!["journal".to_owned(), "filter".to_owned()];
    assert!(level(&journal_filter) < level(&one("rules")));
    assert!(level(&one("journal")) > level(&one("rules")));
    assert_eq!(level(&one("unknown")), None);
}
