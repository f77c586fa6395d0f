//! The mean times of incidents: to detect, to investigate, to a pull request, to its merge, to the
//! clear.
//!
//! All but the first begin with the raise, as the elapsed times of the timeline do. Each has the
//! number of incidents that it is the mean of; without any, the reason. dlq-dash(1) says which events
//! decide them.

use std::time::Duration;

use super::dashboard::Dashboard;
use super::dashboard::incidents::{GONE, IncidentStory};
use crate::time::Timestamp;

/// The steps of an incident whose mean time is measured, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentStep {
    /// Time from the last moment at which the queue is known to have been empty to `queue.raised`: the
    /// longest time for which the first message may have been there.
    Detect,
    /// Time from `queue.raised` to the newest `investigation.completed`.
    Investigate,
    /// Time from `queue.raised` to `pr.opened`.
    PullRequest,
    /// Time from `queue.raised` to `pr.merged`.
    Merge,
    /// Time from `queue.raised` to `queue.cleared`. A queue that was deleted is not cleared.
    Clear,
}

/// The mean time to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeanTime {
    pub step: IncidentStep,
    /// The incidents of the mean.
    pub count: u64,
    /// The mean, in whole milliseconds; otherwise the reason why there is none.
    pub mean: Result<Duration, &'static str>,
}

impl IncidentStep {
    pub const ALL: [IncidentStep; 5] = [
        IncidentStep::Detect,
        IncidentStep::Investigate,
        IncidentStep::PullRequest,
        IncidentStep::Merge,
        IncidentStep::Clear,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            IncidentStep::Detect => "detect",
            IncidentStep::Investigate => "investigate",
            IncidentStep::PullRequest => "pull request",
            IncidentStep::Merge => "merge",
            IncidentStep::Clear => "clear",
        }
    }

    /// Returns the time that an incident took to the step; None when it has not come to it, or when
    /// its begin is unknown.
    pub fn time_of(self, story: &IncidentStory) -> Option<Duration> {
        let raised = story.raised_at?;
        let between = |from: Timestamp, to: Option<Timestamp>| {
            to.filter(|to| *to >= from).map(|to| to.since(from))
        };
        match self {
            IncidentStep::Detect => between(story.empty_at?, Some(raised)),
            IncidentStep::Investigate => between(raised, story.explained_at),
            IncidentStep::PullRequest => between(raised, story.pull_request_at),
            IncidentStep::Merge => between(raised, story.merged_at),
            IncidentStep::Clear if story.cleared_by.as_deref() == Some(GONE) => None,
            IncidentStep::Clear => between(raised, story.cleared_at),
        }
    }

    /// Returns the reason why no incident has come to the step.
    const fn why_none(self) -> &'static str {
        match self {
            IncidentStep::Detect => "no queue was seen empty before its raise",
            IncidentStep::Investigate => "no investigation of an incident has completed",
            IncidentStep::PullRequest => "no pull request of an incident was opened",
            IncidentStep::Merge => "no pull request of an incident was merged",
            IncidentStep::Clear => "no incident was cleared",
        }
    }
}

/// Returns the mean time to each step, of the incidents that are kept.
pub fn mean_times(state: &Dashboard) -> [MeanTime; 5] {
    IncidentStep::ALL.map(|step| {
        let times = state.incidents.values().filter_map(|story| step.time_of(story));
        let (count, sum) = times.fold((0_u32, Duration::ZERO), |(count, sum), time| {
            (count + 1, sum.saturating_add(time))
        });
        let is_any_raised = || state.incidents.values().any(|story| story.raised_at.is_some());
        let mean = match count {
            1.. => Ok(sum / count),
            0 if !is_any_raised() => Err("no incident has begun in this history"),
            0 => Err(step.why_none()),
        };
        MeanTime { step, count: u64::from(count), mean }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp::from_millis(seconds * 1000))
    }

    fn state(stories: impl IntoIterator<Item = IncidentStory>) -> Dashboard {
        let mut state = Dashboard::default();
        for (id, story) in stories.into_iter().enumerate() {
            state.incidents.insert(id.to_string().into(), story);
        }
        state
    }

    #[test]
    fn mean_is_of_the_incidents_that_came_to_the_step() {
        let rows = [
            (at(90), at(100), at(200), at(400), Some("redriven")),
            (None, at(1000), at(1300), at(1500), Some("gone")),
            (at(960), at(1000), None, at(1100), Some("unknown")),
            (at(1), None, at(2), at(3), Some("unknown")),
        ];
        let stories =
            rows.map(|(empty_at, raised_at, explained_at, cleared_at, by)| IncidentStory {
                empty_at,
                raised_at,
                explained_at,
                cleared_at,
                cleared_by: by.map(Into::into),
                ..IncidentStory::default()
            });
        let seconds = Duration::from_secs;
        let times = mean_times(&state(stories)).map(|time| (time.count, time.mean));
        let none = |step: IncidentStep| (0, Err(step.why_none()));
        assert_eq!(
            times,
            [
                (2, Ok(seconds(25))),
                (2, Ok(seconds(200))),
                none(IncidentStep::PullRequest),
                none(IncidentStep::Merge),
                (2, Ok(seconds(200))),
            ]
        );
    }

    #[test]
    fn times_without_an_incident_have_a_reason() {
        let mut stories = vec![IncidentStory { explained_at: at(5), ..IncidentStory::default() }];
        let begun = "no incident has begun in this history";
        assert!(mean_times(&state(stories.clone())).iter().all(|time| time.mean == Err(begun)));
        // A clock that was set back.
        stories[0].raised_at = at(6);
        let time = mean_times(&state(stories))[1].clone();
        assert_eq!((time.count, time.mean), (0, Err(IncidentStep::Investigate.why_none())));
    }
}
