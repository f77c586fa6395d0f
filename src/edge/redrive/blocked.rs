//! The causes that a verdict advises not to redrive.

use std::collections::BTreeMap;
use std::path::Path;

use super::Redriver;
use crate::document::Keys;
use crate::edge::session_folder::session_folder;
use crate::edge::supervisor::files;
use crate::error::{Error, if_found};
use crate::regular_file;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::finding::Finding;
use crate::{log, text};

/// The bytes of a finding that are read.
const FINDING_MAX: u64 = 4 << 20;
const DO_NOT: &str = "do_not";

/// The known advice of a verdict.
const ADVICE: [&str; 3] = ["safe", "after_fix", DO_NOT];

impl Redriver {
    /// Returns the fingerprints whose newest verdict advises against a redrive, or cannot be read: then it
    /// is unknown, and a warning names it.
    pub(super) fn blocked(&self) -> Result<Vec<String>, Error> {
        let sessions: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let mut ended: Vec<_> = sessions
            .sessions
            .iter()
            .filter_map(|one| Some((one.ended_at?, one.fingerprint.as_ref()?, &one.id)))
            .collect();
        ended.sort();
        let mut advice: BTreeMap<&str, Result<bool, String>> = BTreeMap::new();
        for (_, fingerprint, id) in ended {
            let path = session_folder(self.store.dir(), id).join(files::FINDING);
            // Without a checked verdict an older one stands.
            let Some(read) = read_advice(&path).transpose() else { continue };
            let unknown = |why| format!("'{}': {why}", path.display());
            advice.insert(fingerprint, read.map_err(unknown));
        }
        let mut blocked = Vec::new();
        for (fingerprint, advice) in advice {
            if let Err(why) = &advice {
                log::warn(&format!(
                    "the verdict about '{}' cannot be read, so that its messages are left; --force moves \
                     them: {}",
                    text::safe(fingerprint),
                    text::safe(why),
                ));
            }
            blocked.extend((advice != Ok(false)).then(|| fingerprint.to_owned()));
        }
        Ok(blocked)
    }
}

/// Reads whether a verdict advises against a redrive. None without a verdict, or without advice.
fn read_advice(path: &Path) -> Result<Option<bool>, String> {
    let read = if_found(regular_file::read(path, FINDING_MAX));
    let Some(bytes) = read.map_err(|error| error.to_string())? else { return Ok(None) };
    let finding: Finding = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    match finding.redrive {
        Some(word) if !ADVICE.contains(&word.as_str()) => {
            Err(format!("'{word}' is no advice about a redrive"))
        }
        advice => Ok(advice.map(|word| word == DO_NOT)),
    }
}
