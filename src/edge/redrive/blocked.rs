//! The causes that a verdict advises not to redrive.

use std::collections::BTreeMap;

use super::Redriver;
use crate::document::Keys;
use crate::edge::session_folder::session_folder;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::regular_file;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::finding::Finding;

/// The bytes of a finding that are read.
const FINDING_MAX: u64 = 4 << 20;
const DO_NOT: &str = "do_not";

impl Redriver {
    /// Returns the fingerprints whose newest verdict advises against a redrive.
    pub(super) fn blocked(&self) -> Result<Vec<String>, Error> {
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let mut ended: Vec<_> = sessions
            .sessions
            .iter()
            .filter_map(|one| Some((one.ended_at?, one.fingerprint.as_ref()?, &one.id)))
            .collect();
        ended.sort();
        let mut advice: BTreeMap<&str, bool> = BTreeMap::new();
        for (_, fingerprint, id) in ended {
            let path = session_folder(self.store.dir(), id).join(files::FINDING);
            // Without a checked verdict an older one stands.
            let Ok(bytes) = regular_file::read(&path, FINDING_MAX) else { continue };
            let Ok(finding) = serde_json::from_slice::<Finding>(&bytes) else { continue };
            if let Some(word) = finding.redrive {
                advice.insert(fingerprint, word == DO_NOT);
            }
        }
        let blocked = advice.into_iter().filter(|(_, is_blocked)| *is_blocked);
        Ok(blocked.map(|(fingerprint, _)| fingerprint.to_owned()).collect())
    }
}
