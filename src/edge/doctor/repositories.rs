//! The checks of the clones that investigations read and fixes are made in.

use std::path::PathBuf;
use std::sync::Arc;

use super::DoctorContext;
use super::run::CheckGroup;
use crate::edge::git;
use crate::rules::health::Diagnosis;

/// Clones that are checked; those beyond are counted.
const CLONES_MAX: usize = 32;

/// Returns a group for each clone and base.
pub fn groups(context: &Arc<DoctorContext>) -> Vec<CheckGroup> {
    let mut clones: Vec<(PathBuf, Option<String>)> = Vec::new();
    for rule in &context.settings.auto_investigation.queues {
        let one = rule.repo.clone().map(|repo| (repo, rule.base.clone()));
        clones.extend(one.filter(|one| !clones.contains(one)));
    }
    let more = clones.len().saturating_sub(CLONES_MAX);
    let mut groups: Vec<CheckGroup> = clones
        .into_iter()
        .take(CLONES_MAX)
        .map(|(repo, base)| {
            let name = repo.file_name().unwrap_or(repo.as_os_str()).display().to_string();
            CheckGroup::one(format!("clone {name}"), move || check(&repo, base.as_deref()))
        })
        .collect();
    if more > 0 {
        let why = format!("{more} are not tried: {CLONES_MAX} at most");
        groups.push(CheckGroup::known("clone (others)", Diagnosis::skipped(why)));
    }
    groups
}

fn check(repo: &std::path::Path, base: Option<&str>) -> Diagnosis {
    let remedy = "correct 'repo' and 'base' in auto_investigation.queues, or make the clone";
    let found = git::current_base(repo, base);
    match found {
        Ok(commit) => {
            let base = base.unwrap_or("HEAD");
            let commit: String = commit.chars().take(12).collect();
            Diagnosis::ok(format!("'{}' at {base}, {commit}", repo.display()))
        }
        Err(error) => Diagnosis::failed(error.to_string(), remedy),
    }
}
