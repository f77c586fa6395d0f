//! Messages and causes that a command line names and that the queue has not.

use super::apply::RedriveRun;
use crate::log;
use crate::rules::redrive::id_set::id_hash;
use crate::rules::redrive::selection::Selection;

/// Warns of named messages that were not seen, and of causes of which no message was. Returns whether
/// there are any.
pub(super) fn tell(
    queue: &str,
    selection: &Selection,
    has_any: bool,
    is_seen: impl Fn(&str) -> bool,
) -> bool {
    let unseen = selection.unseen_ids(is_seen);
    for id in &unseen {
        log::warn(&format!("message '{id}' was not found in queue '{queue}'"));
    }
    let is_nothing = selection.has_conditions() && !has_any && unseen.is_empty();
    if is_nothing {
        let causes: Vec<&str> = selection.fingerprints.iter().map(String::as_str).collect();
        let why = match causes.as_slice() {
            [] => "none matches".to_owned(),
            causes => format!("none is of '{}'", causes.join("' or '")),
        };
        log::warn(&format!("no message of queue '{queue}' has been chosen: {why}"));
    }
    is_nothing || !unseen.is_empty()
}

impl RedriveRun<'_, '_> {
    /// Removes the archive when it has no message: nobody can need it.
    pub(super) fn drop_empty_archive(&mut self) {
        let is_empty = self.mover.state.is_empty();
        if is_empty && self.mover.archive.remove_without_messages() {
            self.record.document.state.archive = None;
        }
    }

    /// Warns of messages that are in the archive only.
    pub(super) fn tell_parked(&self) {
        let state = &self.record.document.state;
        if state.parked > 0 {
            log::warn(&format!(
                "{} of queue '{}' died again after two redrives, and {} now in the archive only; after a fix: \
                 dlq-redrive restore{} {}",
                crate::text::count(state.parked, "message"),
                state.queue.name,
                if state.parked == 1 { "is" } else { "are" },
                crate::rules::redrive::options::place(&state.options),
                crate::shell::quote(&crate::text::safe(
                    state.archive.as_deref().unwrap_or_default()
                )),
            ));
        }
    }

    /// Tells a person who has resumed a redrive what it has left because its words do not choose it: they were
    /// given to an earlier run.
    pub(super) fn tell_unchosen(&self) {
        let state = &self.record.document.state;
        if !self.is_resumed || state.selection.is_empty() || self.mover.unchosen == 0 {
            return;
        }
        log::tell(&format!(
            "{} of queue '{}' left, which {} not chosen by '{}', as of {}",
            crate::text::count(self.mover.unchosen, "message"),
            state.queue.name,
            if self.mover.unchosen == 1 { "is" } else { "are" },
            crate::text::safe(&state.selection.join(" ")),
            state.judges_at(),
        ));
    }

    /// Warns of what the command line names and the queue has not. Returns whether there is any.
    pub(super) fn tell_not_found(&self) -> bool {
        let state = &self.record.document.state;
        // A plan names its own messages, a fix may have none left, and a limit leaves some unseen.
        let is_bounded = self.pace.limit.is_some_and(|limit| self.mover.counts.sent >= limit);
        if self.mover.plan.is_some() || state.session.is_some() || is_bounded {
            return false;
        }
        let left_out = &self.mover.counts.left_out;
        let known = &self.mover.state;
        let has_any = !known.is_empty() || !left_out.is_empty();
        tell(&state.queue.name, &self.mover.selection, has_any, |id| {
            let key = id_hash(id);
            known.get(&key).is_some() || left_out.values().any(|ids| ids.contains(&key))
        })
    }
}
