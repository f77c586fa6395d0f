//! The gate of a patch that becomes a pull request: limits, forbidden paths, and changes that only a
//! person may make.
//!
//! The gate holds all that [`super::gate`] holds, and more: a held patch is kept on this machine, a pull
//! request is run by CI and read by others.

use super::build_files::is_build_change;
use super::{
    Difference, DifferingFile, GatedPath, NAMED, PATH, SYMLINK, as_read, by_name, secrets,
};
use crate::glob::GlobList;
use crate::rules::evidence::redact::Redactor;
use crate::text::{count, hidden, safe, shorten};

/// Paths that no pull request changes, unless the configuration has a list of its own.
pub const FORBIDDEN: [&str; 16] = [
    "CODEOWNERS",
    "*.tf",
    "*.tf.json",
    "*.tfvars",
    ".env",
    ".env.local",
    ".env.prod*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "id_rsa*",
    "id_ed25519*",
    "*.kdbx",
];

/// Lock files in lower case, each with the manifests that it follows from.
const LOCKS: [(&str, &[&str]); 20] = [
    ("cargo.lock", &["cargo.toml"]),
    ("package-lock.json", &["package.json"]),
    ("npm-shrinkwrap.json", &["package.json"]),
    ("yarn.lock", &["package.json"]),
    ("pnpm-lock.yaml", &["package.json", "pnpm-workspace.yaml"]),
    ("bun.lock", &["package.json"]),
    ("bun.lockb", &["package.json"]),
    ("deno.lock", &["deno.json", "deno.jsonc"]),
    ("poetry.lock", &["pyproject.toml"]),
    ("uv.lock", &["pyproject.toml"]),
    ("pdm.lock", &["pyproject.toml"]),
    ("pipfile.lock", &["pipfile"]),
    ("composer.lock", &["composer.json"]),
    ("gemfile.lock", &["gemfile", "*.gemspec"]),
    ("go.sum", &["go.mod"]),
    ("mix.lock", &["mix.exs"]),
    ("podfile.lock", &["podfile"]),
    ("package.resolved", &["package.swift"]),
    ("packages.lock.json", &["*.csproj", "*.fsproj", "directory.packages.props"]),
    ("gradle.lockfile", &["*.gradle", "*.gradle.kts"]),
];

/// Limits and permissions of a patch.
#[derive(Debug, Clone, PartialEq)]
pub struct GatePolicy {
    pub max_files: usize,
    /// Lines added and removed.
    pub max_lines: u64,
    /// Length of the patch.
    pub max_bytes: u64,
    pub forbidden: ForbiddenPaths,
    /// Whether files may change that CI executes without being named a workflow or a test.
    pub allow_build_files: bool,
}

impl Default for GatePolicy {
    fn default() -> Self {
        let forbidden = ForbiddenPaths::new(&FORBIDDEN).unwrap_or_default();
        let (max_files, max_lines, max_bytes) = (20, 1000, 256 << 10);
        GatePolicy { max_files, max_lines, max_bytes, forbidden, allow_build_files: false }
    }
}

/// Patterns of paths. One with a slash covers a whole path; any other the name of a file or of a folder
/// on the way to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForbiddenPaths {
    names: GlobList,
    paths: GlobList,
}

impl ForbiddenPaths {
    /// Compiles the patterns. The error names the first invalid one and the reason.
    pub fn new<P: AsRef<str>>(patterns: &[P]) -> Result<Self, String> {
        let patterns = patterns.iter().map(AsRef::as_ref);
        let (paths, names): (Vec<&str>, Vec<&str>) =
            patterns.partition(|pattern| pattern.contains('/'));
        let paths: Vec<&str> = paths.iter().map(|one| one.trim_start_matches('/')).collect();
        Ok(ForbiddenPaths { names: GlobList::any(&names)?, paths: GlobList::any(&paths)? })
    }

    fn covers(&self, path: &str) -> bool {
        let parts: Vec<String> = path.split(['/', '\\']).map(as_read).collect();
        self.paths.matches(&parts.join("/")) || parts.iter().any(|part| self.names.matches(part))
    }
}

/// Reasons of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateReason {
    TooManyFiles,
    TooManyLines,
    TooManyBytes,
    ForbiddenPath,
    /// CI, a hook, an agent, an editor or a tool runs it.
    ExecutedPath,
    SymbolicLink,
    NestedRepository,
    ModeChange,
    BinaryFile,
    LockWithoutManifest,
    BuildFile,
    HiddenName,
    Secret,
    /// A text that was not read, and may hide a secret.
    UnreadText,
}

impl GateReason {
    /// Returns the word for events and records.
    pub fn as_str(self) -> &'static str {
        match self {
            GateReason::TooManyFiles => "too_many_files",
            GateReason::TooManyLines => "too_many_lines",
            GateReason::TooManyBytes => "too_many_bytes",
            GateReason::ForbiddenPath => "forbidden_path",
            GateReason::ExecutedPath => "executed_path",
            GateReason::SymbolicLink => "symbolic_link",
            GateReason::NestedRepository => "nested_repository",
            GateReason::ModeChange => "mode_change",
            GateReason::BinaryFile => "binary_file",
            GateReason::LockWithoutManifest => "lock_without_manifest",
            GateReason::BuildFile => "build_file",
            GateReason::HiddenName => "hidden_name",
            GateReason::Secret => "secret",
            GateReason::UnreadText => "unread_text",
        }
    }
}

/// Reason why a patch is not pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRefusal {
    pub reason: GateReason,
    /// Sentence about the patch, without a capital and a full stop. It shows nothing of a secret.
    pub sentence: String,
}

/// Returns all reasons why a patch may not be pushed, each once; none when it may.
pub fn judge(
    policy: &GatePolicy,
    redactor: &Redactor,
    difference: &Difference,
) -> Vec<GateRefusal> {
    let mut refusals = beyond_limits(policy, difference);
    let mut by_reason: Vec<(GateReason, Vec<GatedPath>)> = Vec::new();
    for file in &difference.files {
        for (reason, why) in reasons(policy, redactor, difference, file) {
            let held = GatedPath { path: file.change.path.clone(), why };
            match by_reason.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, paths)) => paths.push(held),
                None => by_reason.push((reason, vec![held])),
            }
        }
    }
    refusals.extend(by_reason.into_iter().map(|(reason, held)| {
        let named = held.iter().take(NAMED);
        let mut all: Vec<String> = named
            .map(|GatedPath { path, why }| format!("'{}' {why}", safe(&shorten(path, PATH))))
            .collect();
        if let Some(more) = held.len().checked_sub(NAMED).filter(|more| *more > 0) {
            all.push(format!("and {more} more"));
        }
        GateRefusal { reason, sentence: all.join(", ") }
    }));
    refusals
}

fn beyond_limits(policy: &GatePolicy, difference: &Difference) -> Vec<GateRefusal> {
    let files = difference.files.len() as u64;
    let lines = difference.files.iter().filter_map(|file| file.lines).fold(0, u64::saturating_add);
    let rows = [
        (GateReason::TooManyFiles, "file", files, policy.max_files as u64),
        (GateReason::TooManyLines, "line", lines, policy.max_lines),
        (GateReason::TooManyBytes, "byte", difference.patch_bytes, policy.max_bytes),
    ];
    let beyond = rows.into_iter().filter(|(_, _, found, max)| found > max);
    let refusal = |(reason, noun, found, max): (GateReason, &str, u64, u64)| {
        let sentence = format!("the patch has {}; the limit is {max}", count(found, noun));
        GateRefusal { reason, sentence }
    };
    beyond.map(refusal).collect()
}

/// Returns the reasons why a file may not be changed, each with words behind its path.
fn reasons(
    policy: &GatePolicy,
    redactor: &Redactor,
    difference: &Difference,
    file: &DifferingFile,
) -> Vec<(GateReason, String)> {
    let change = &file.change;
    let path = change.path.as_str();
    let mut found: Vec<(GateReason, String)> = Vec::new();
    let mut add = |reason: GateReason, why: &str| found.push((reason, why.to_owned()));
    match (kind(&change.was), kind(&change.mode)) {
        (FileKind::Link, _) | (_, FileKind::Link) => {
            add(GateReason::SymbolicLink, "is a symbolic link");
        }
        (FileKind::Nested, _) | (_, FileKind::Nested) => {
            add(GateReason::NestedRepository, "is a nested repository");
        }
        (FileKind::None, FileKind::File)
        | (FileKind::File | FileKind::Executable, FileKind::None) => {}
        (old, new) if old == new && old != FileKind::Other => {}
        (_, FileKind::Executable) => add(GateReason::ModeChange, "becomes executable"),
        _ => add(GateReason::ModeChange, "changes its mode"),
    }
    if path.chars().any(hidden) || path.contains('\\') {
        add(GateReason::HiddenName, "has a name with hidden characters");
    }
    if let Some(why) = by_name(path) {
        add(GateReason::ExecutedPath, why);
    } else if !policy.allow_build_files && is_build_change(file) {
        add(GateReason::BuildFile, "is executed by CI");
    }
    if policy.forbidden.covers(path) {
        add(GateReason::ForbiddenPath, "is forbidden");
    }
    if is_lock_alone(path, difference) {
        add(GateReason::LockWithoutManifest, "is a lock file, and its manifest is not changed");
    }
    let is_file = |mode: &str| matches!(kind(mode), FileKind::File | FileKind::Executable);
    if file.lines.is_none() && (is_file(&change.was) || is_file(&change.mode)) {
        add(GateReason::BinaryFile, "is not text");
    } else if is_file(&change.mode) {
        match (&file.before, &file.after) {
            (before, Some(after)) => {
                let before = before.as_deref().unwrap_or_default();
                if let Some(kind) = secrets::find(redactor, path, before, after) {
                    add(GateReason::Secret, &format!("has a secret ({kind})"));
                }
            }
            _ => {
                add(GateReason::UnreadText, "is too long, or not UTF-8, to be searched for secrets")
            }
        }
    }
    found
}

/// Kinds of modes of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    None,
    File,
    Executable,
    Link,
    Nested,
    Other,
}

fn kind(mode: &str) -> FileKind {
    match mode {
        "000000" => FileKind::None,
        "100644" => FileKind::File,
        super::EXECUTABLE => FileKind::Executable,
        SYMLINK => FileKind::Link,
        super::COMMIT => FileKind::Nested,
        _ => FileKind::Other,
    }
}

/// Whether a path is a lock file without a changed manifest in its folder or below.
fn is_lock_alone(path: &str, difference: &Difference) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = as_read(name);
    let Some((_, manifests)) = LOCKS.iter().find(|(lock, _)| *lock == name) else { return false };
    !difference.files.iter().any(|file| {
        let rest = match folder {
            "" => Some(file.change.path.as_str()),
            _ => file.change.path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(rest) = rest else { return false };
        let name = as_read(rest.rsplit('/').next().unwrap_or_default());
        manifests.iter().any(|manifest| super::matches(manifest, &name))
    })
}

#[cfg(test)]
mod tests;
