//! The steps of an incident, each measured once, when it is first seen.
//!
//! The times are those of `rules/view/times.rs`; here a step ends with its first event, because a sum
//! cannot take back what a later one would correct.

use super::catalog::Metric;
use super::document::{IncidentMoments, Metrics};
use crate::rules::view::dashboard::incidents::{GONE, IncidentStory};
use crate::rules::view::times::IncidentStep;
use crate::time::Timestamp;

/// The most incidents whose moments are kept.
const INCIDENTS_MAX: usize = 1000;
/// The most queues that fill.
const FILLING_MAX: usize = 1000;

/// Returns the value of the label.
fn word(step: IncidentStep) -> &'static str {
    match step {
        IncidentStep::PullRequest => "pull_request",
        other => other.as_str(),
    }
}

impl Metrics {
    /// Takes an event that is a step of an incident. `empty_at` matters for the raise.
    pub(super) fn take_step(
        &mut self,
        incident: Option<&str>,
        step: IncidentStep,
        at: Timestamp,
        story: IncidentStory,
    ) {
        let Some(id) = incident else { return };
        let mut moments = self.incidents.remove(id).unwrap_or_default();
        moments.seen_at = moments.seen_at.max(at);
        let slot = match step {
            IncidentStep::Detect => &mut moments.raised_at,
            IncidentStep::Investigate => &mut moments.explained_at,
            IncidentStep::PullRequest => &mut moments.pull_request_at,
            IncidentStep::Merge => &mut moments.merged_at,
            IncidentStep::Clear => &mut moments.cleared_at,
        };
        let is_first = slot.is_none();
        slot.get_or_insert(at);
        // The raise may be older than the journal.
        moments.raised_at = moments.raised_at.or(story.raised_at);
        let time =
            step.time_of(&IncidentStory { empty_at: story.empty_at, ..told(&moments, &story) });
        if let Some(time) = time.filter(|_| is_first) {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            self.observe(Metric::IncidentSteps, &[word(step)], millis);
        }
        self.make_room();
        self.incidents.insert(id.to_owned(), moments);
    }

    /// Takes a reading that is news, by which the time to detect is measured.
    pub(super) fn take_reading(&mut self, arn: &str, previous: Option<u64>, depth: Option<u64>) {
        if depth == Some(0) {
            self.filling.remove(arn);
        } else if previous == Some(0)
            && let Some(began) = self.state.round_began
            && self.filling.len() < FILLING_MAX
        {
            self.filling.entry(arn.to_owned()).or_insert(began);
        }
    }

    /// Drops a tenth of the incidents, those without news for the longest time, when there are too many.
    fn make_room(&mut self) {
        if self.incidents.len() < INCIDENTS_MAX {
            return;
        }
        let mut all: Vec<(Timestamp, String)> =
            self.incidents.iter().map(|(id, one)| (one.seen_at, id.clone())).collect();
        all.sort_unstable();
        for (_, id) in all.into_iter().take(INCIDENTS_MAX / 10) {
            self.incidents.remove(&id);
        }
    }
}

/// Returns the moments in the form that the times are computed from.
fn told(moments: &IncidentMoments, story: &IncidentStory) -> IncidentStory {
    IncidentStory {
        raised_at: moments.raised_at,
        explained_at: moments.explained_at,
        pull_request_at: moments.pull_request_at,
        merged_at: moments.merged_at,
        cleared_at: moments.cleared_at,
        cleared_by: story.cleared_by.clone(),
        ..IncidentStory::default()
    }
}

/// Returns the story of an incident whose queue was deleted, which is not cleared.
pub(super) fn gone() -> IncidentStory {
    IncidentStory { cleared_by: Some(GONE.into()), ..IncidentStory::default() }
}
