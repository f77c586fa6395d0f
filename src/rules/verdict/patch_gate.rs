//! Gate of a patch: changes that a machine or an agent would run, so that no program may offer them as
//! a pull request. Pure. `policy.rs` adds what a pull request may not have besides.
//!
//! The gate reads git's own list of the changes, never the calls of an agent: a test can write a file,
//! too. Promises: a name counts in any folder and in any case, as a file system without case, or one
//! that ignores hidden characters or trailing dots, would read it.

mod names;

use serde::{Deserialize, Serialize};

use self::names::NAMES;

use crate::text::{hidden, safe, shorten};

pub use listing::{Difference, DifferingFile, ListedChange};
pub use policy::{FORBIDDEN, ForbiddenPaths, GatePolicy, GateReason, GateRefusal, judge};

mod build_files;
pub mod listing;
mod policy;
mod secrets;

/// Modes of git.
const EXECUTABLE: &str = "100755";
const SYMLINK: &str = "120000";
const COMMIT: &str = "160000";
/// Most paths in a sentence.
const NAMED: usize = 3;
/// Limit of a path in a sentence, in characters.
const PATH: usize = 120;

/// A difference between base and worktree, as `git diff-tree --raw` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Mode in the base, six digits; zeros for a new path.
    pub was: String,
    /// Mode in the worktree; zeros for a removed path.
    pub mode: String,
    pub path: String,
}

/// A change that the gate holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatedPath {
    pub path: String,
    /// Reason, as words behind the path.
    pub why: String,
}

/// Returns the changes that no pull request may make without a person, in their order.
pub fn gate(changes: &[FileChange]) -> Vec<GatedPath> {
    let held = |change: &FileChange| {
        let why = by_mode(change).or_else(|| by_name(&change.path))?;
        Some(GatedPath { path: change.path.clone(), why: why.to_owned() })
    };
    changes.iter().filter_map(held).collect()
}

/// Returns why a patch is not offered, as a sentence; none when it is. `truncated`: something is
/// missing in patch or list.
pub fn reason(gated: &[GatedPath], truncated: bool) -> Option<String> {
    let named = gated.iter().take(NAMED);
    let mut all: Vec<String> = named
        .map(|GatedPath { path, why }| format!("'{}' {why}", safe(&shorten(path, PATH))))
        .collect();
    if let Some(more) = gated.len().checked_sub(NAMED).filter(|more| *more > 0) {
        all.push(format!("and {more} more"));
    }
    all.extend(truncated.then(|| "it is incomplete".to_owned()));
    (!all.is_empty()).then(|| format!("the patch is not offered: {}", all.join(", ")))
}

fn by_mode(FileChange { was, mode, .. }: &FileChange) -> Option<&'static str> {
    match mode.as_str() {
        SYMLINK => Some("is a symbolic link"),
        _ if mode == COMMIT || was == COMMIT => Some("is a nested repository"),
        EXECUTABLE if was != EXECUTABLE => Some("becomes executable"),
        _ => None,
    }
}

fn by_name(path: &str) -> Option<&'static str> {
    path.split(['/', '\\']).map(as_read).find_map(|name| {
        let is_it = |pattern: &&&str| matches(pattern, &name);
        NAMES.iter().find(|(_, names)| names.iter().any(|one| is_it(&one))).map(|(why, _)| *why)
    })
}

/// Returns the name as the least strict file system reads it.
fn as_read(name: &str) -> String {
    let name: String = name.chars().filter(|c| !hidden(*c)).collect();
    // A stream of a file, and what Windows removes from its end.
    let name = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    // Upper case first: some letters of other alphabets have an ASCII letter there.
    let name = name.to_uppercase().to_lowercase();
    // The short name of `.git`.
    if name.starts_with("git~") { ".git".into() } else { name }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            let rest = name.strip_prefix(start);
            rest.is_some_and(|rest| rest.ends_with(end))
        }
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::names::{AGENT, CI, GIT, HOOK, TOOL};
    use super::*;

    fn change(was: &str, mode: &str, path: &str) -> FileChange {
        FileChange { was: was.into(), mode: mode.into(), path: path.into() }
    }

    const NEW: &str = "000000";
    const FILE: &str = "100644";

    #[test]
    fn path_that_a_machine_or_an_agent_runs_is_held() {
        let rows = [
            (CI, ".github/workflows/ci.yml"),
            (CI, ".GitHub/Workflows/CI.yml"),
            (CI, "services/orders/.github/workflows/ci.yml"),
            (CI, ".g\u{200d}ithub/workflows/ci.yml"),
            (CI, ".github./x"),
            (CI, ".github \\workflows\\x"),
            (CI, ".gitlab-ci.yml"),
            (CI, "ci/build.gitlab-ci.yml"),
            (CI, ".circleci/config.yml"),
            (CI, "Jenkinsfile"),
            (CI, "deploy/jenkinsfile.prod"),
            (CI, "azure-pipelines.yml"),
            (CI, "azure-pipelines-release.yaml"),
            (CI, ".buildkite/pipeline.yml"),
            (CI, ".buildKite/pipeline.yml"),
            (CI, ".drone.yml"),
            (CI, "bitbucket-pipelines.yml"),
            (CI, "tools/lint/action.yml"),
            (CI, "buildspec.yml"),
            (CI, "deploy/buildspec-prod.yml"),
            (CI, "cloudbuild_staging.yaml"),
            (CI, ".builds/ci.yml"),
            (CI, "Earthfile"),
            (CI, "zuul.d/jobs.yaml"),
            (CI, "netlify.toml"),
            (CI, "renovate.json5"),
            (HOOK, ".git/config"),
            (HOOK, "a/.GIT/hooks/pre-push"),
            (HOOK, "a/git~1/config"),
            (HOOK, ".git::$INDEX_ALLOCATION/config"),
            (HOOK, ".githooks/x"),
            (HOOK, "hooks/pre-commit"),
            (HOOK, "PRE-PUSH"),
            (HOOK, ".husky/pre-commit"),
            (HOOK, ".pre-commit-config.yaml"),
            (AGENT, ".claude/settings.json"),
            (AGENT, "CLAUDE.md"),
            (AGENT, "src/claude.md"),
            (AGENT, "CLAUDE\u{202e}.md"),
            (AGENT, "AGENTS.md"),
            (AGENT, ".mcp.json"),
            (AGENT, ".cursor/rules/a.mdc"),
            (AGENT, ".cursorrules"),
            (AGENT, ".vscode/tasks.json"),
            (AGENT, ".vſcode/tasks.json"),
            (AGENT, ".envrc"),
            (AGENT, ".agents/x.md"),
            (AGENT, "copilot-instructions.md"),
            (AGENT, "QWEN.md"),
            (AGENT, ".tool-versions"),
            (GIT, ".gitattributes"),
            (GIT, "src/.gitattributes"),
            (GIT, ".gitmodules"),
            (TOOL, ".npmrc"),
            (TOOL, ".cargo/config.toml"),
            (TOOL, ".yarn/releases/yarn.cjs"),
            (TOOL, "gradle/wrapper/gradle-wrapper.properties"),
            (TOOL, "bunfig.toml"),
            (TOOL, "site/x.pth"),
        ];
        for (why, path) in rows {
            for (was, mode) in [(FILE, FILE), (NEW, FILE), (FILE, NEW)] {
                let found = gate(&[change(was, mode, path)]);
                let held = vec![GatedPath { path: path.into(), why: why.into() }];
                assert_eq!(found, held, "{path} {was} {mode}");
            }
        }
    }

    #[test]
    fn ordinary_path_passes() {
        let paths = [
            "src/orders.py",
            "src/github/client.rs",
            "docs/github.md",
            "githubstats.py",
            "src/agents/claude.py",
            "src/actions.yml",
            "tests/pre_commit_test.py",
            "hooks/use_orders.ts",
            "vscode.md",
            "Makefile",
            "package.json",
            ".gitignore",
            ".dockerignore",
            ".env.example",
            "jenkins/README.md",
            "src/a b.py",
            "src/naïve.py",
            "src/buildspec_parser.py",
            "zuul.py",
            "gradle/libs.versions.toml",
        ];
        for path in paths {
            assert_eq!(gate(&[change(FILE, FILE, path), change(NEW, FILE, path)]), [], "{path}");
        }
    }

    #[test]
    fn mode_that_links_nests_or_executes_is_held() {
        let rows = [
            ("new link", NEW, SYMLINK, Some("is a symbolic link")),
            ("file that becomes a link", FILE, SYMLINK, Some("is a symbolic link")),
            ("link that becomes a file", SYMLINK, FILE, None),
            ("removed link", SYMLINK, NEW, None),
            ("new nested repository", NEW, COMMIT, Some("is a nested repository")),
            ("other commit of it", COMMIT, COMMIT, Some("is a nested repository")),
            ("removed nested repository", COMMIT, NEW, Some("is a nested repository")),
            ("new executable file", NEW, EXECUTABLE, Some("becomes executable")),
            ("file that becomes executable", FILE, EXECUTABLE, Some("becomes executable")),
            ("edited executable file", EXECUTABLE, EXECUTABLE, None),
            ("file that is so no more", EXECUTABLE, FILE, None),
        ];
        for (rule, was, mode, why) in rows {
            let found = gate(&[change(was, mode, "run.sh")]);
            assert_eq!(found.first().map(|one| one.why.as_str()), why, "{rule}");
        }
    }

    #[test]
    fn reason_names_the_first_paths_and_counts_the_rest() {
        let gated = |paths: &[&str]| {
            gate(&paths.iter().map(|path| change(NEW, FILE, path)).collect::<Vec<_>>())
        };
        let rows = [
            (&["a.py"][..], false, None),
            (&["a.py"], true, Some("the patch is not offered: it is incomplete")),
            (
                &["a.py", ".npmrc\u{1b}"],
                false,
                Some(
                    "the patch is not offered: '.npmrc\\u{1b}' changes which programs a build tool runs",
                ),
            ),
            (
                &[".github/a", ".github/b", ".envrc", ".husky/x", ".mcp.json"],
                true,
                Some(
                    "the patch is not offered: '.github/a' runs in CI, '.github/b' runs in CI, '.envrc' \
                     directs an agent or an editor, and 2 more, it is incomplete",
                ),
            ),
        ];
        for (paths, truncated, sentence) in rows {
            assert_eq!(reason(&gated(paths), truncated).as_deref(), sentence, "{paths:?}");
        }
    }
}
