//! The messages that the evidence of an incident attributes to a cause.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::regular_file;
use crate::rules::evidence::bundle::{Fingerprints, Sampled, files};
use crate::rules::redrive::selection::Selection;

/// The bytes of the groups that are read.
const GROUPS_MAX: u64 = 16 << 20;

/// Adds to a selection the messages that the evidence of an incident attributes to its causes, chosen and blocked ones.
/// `incident` is the name of the folder with that evidence.
pub fn add_to(selection: &mut Selection, state: &Path, incident: &str) {
    let read_all = |causes: &BTreeSet<String>| {
        let (mut ids, mut learns) = (BTreeSet::new(), true);
        for fingerprint in causes {
            let (own, is_alike) = read(state, incident, fingerprint);
            ids.extend(own);
            learns &= is_alike;
        }
        (ids, learns)
    };
    (selection.sampled, selection.learns) = read_all(&selection.fingerprints);
    (selection.blocked_sampled, selection.blocked_learns) = read_all(&selection.blocked);
}

/// Returns the ids of the sampled messages of a cause, and whether messages that look like them are of
/// the same cause: not when a log has told them from others that look alike. What cannot be read has
/// none.
fn read(state: &Path, incident: &str, fingerprint: &str) -> (BTreeSet<String>, bool) {
    let (mut ids, mut learns) = (BTreeSet::new(), true);
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if incident.is_empty() || !incident.bytes().all(is_safe) {
        return (ids, false);
    }
    let folder = state.join("evidence").join(incident);
    for bundle in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(bytes) = regular_file::read(&bundle.path().join(files::FINGERPRINTS), GROUPS_MAX)
        else {
            continue;
        };
        let Ok(groups) = serde_json::from_slice::<Fingerprints>(&bytes) else { continue };
        let groups = groups.fingerprints;
        let Some(group) = groups.iter().find(|one| one.id == fingerprint) else { continue };
        learns &= group.found_by.is_none() || groups.len() == 1;
        let Ok(file) = File::open(bundle.path().join(files::MESSAGES)) else { continue };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        let messages = lines.filter_map(|line| serde_json::from_str::<Sampled>(&line).ok());
        let own = messages.filter(|one| group.messages.contains(&one.id));
        ids.extend(own.map(|one| one.message_id));
    }
    (ids, learns)
}
