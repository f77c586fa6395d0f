//! The timeline of an incident, as far as a sample shows it. Pure.

use super::bundle::{Group, Moment, Timeline};
use super::logs::first_error::FirstError;
use super::suspect_commits::Commit;
use crate::text;
use crate::time::Timestamp;

/// Characters of a commit's subject and of a line of a log.
const SUBJECT: usize = 200;

/// Moments known from elsewhere than the groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimelineFacts {
    /// Begin of the incident.
    pub raised_at: Option<Timestamp>,
    /// Time of the attribute request.
    pub asked_at: Option<Timestamp>,
    /// Earliest first receive of a sampled message, by any consumer.
    pub first_received_at: Option<Timestamp>,
    /// Number of messages taken.
    pub taken: u64,
}

/// Returns the moments in the order of time.
pub fn build(groups: &[Group], facts: TimelineFacts) -> Timeline {
    let mut moments: Vec<(Timestamp, String, Vec<String>)> = Vec::new();
    let mut add = |at, what: String, items| moments.push((at, what, items));
    for Group { item, first_sent_at, last_sent_at, .. } in groups {
        let items = vec![item.clone()];
        match (*first_sent_at, *last_sent_at) {
            (Some(first), Some(last)) if first < last => {
                add(first, format!("the first message of {item} was sent"), items.clone());
                add(last, format!("the last message of {item} in the sample was sent"), items);
            }
            (Some(first), _) => add(first, format!("the message of {item} was sent"), items),
            (None, _) => {}
        }
    }
    // Later receives may be our own.
    let by_others = |at: &Timestamp| facts.asked_at.is_none_or(|asked| *at < asked);
    if let Some(at) = facts.first_received_at.filter(by_others) {
        add(at, "a message of the sample was received for the first time".into(), Vec::new());
    }
    if let Some(at) = facts.raised_at {
        add(at, "the incident began".into(), Vec::new());
    }
    if let Some(at) = facts.asked_at {
        let taken = text::count(facts.taken, "message");
        add(at, format!("a sample of {taken} was taken"), Vec::new());
    }
    moments.sort();
    let moment = |(n, (at, what, items))| Moment { id: format!("t{}", n + 1), at, what, items };
    Timeline { timeline: moments.into_iter().enumerate().map(moment).collect() }
}

/// Returns a timeline with the commits and the first error of each log, which are cited by hash and
/// by the log's id. The ids of other moments stay.
pub fn with_context(timeline: &Timeline, commits: &[Commit], errors: &[FirstError]) -> Timeline {
    let mut all = timeline.timeline.clone();
    all.extend(commits.iter().map(|commit| Moment {
        id: commit.hash.clone(),
        at: commit.at,
        what: format!("commit: {}", text::shorten(&commit.subject, SUBJECT)),
        items: Vec::new(),
    }));
    all.extend(errors.iter().filter_map(|error| {
        let line = error.text.lines().next().unwrap_or_default();
        let what = format!("the first error of {}: {}", error.log, text::shorten(line, SUBJECT));
        Some(Moment { id: error.log.clone(), at: error.at?, what, items: Vec::new() })
    }));
    all.sort_by_key(|moment| moment.at);
    Timeline { timeline: all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_and_first_errors_are_moments_that_keep_the_other_ids() {
        let timeline = build(
            &[],
            TimelineFacts {
                raised_at: Some(at(20)),
                asked_at: Some(at(40)),
                ..TimelineFacts::default()
            },
        );
        let commit = Commit {
            hash: "4f2a91c".into(),
            at: at(10),
            author: "a".into(),
            subject: "drop the check".into(),
        };
        let error = |log: &str, at| FirstError {
            log: log.into(),
            at,
            text: "KeyError: 'amount'\n  at x".into(),
        };
        let errors = [error("log:1", Some(at(30))), error("log:2", None)];
        let found = with_context(&timeline, &[commit], &errors).timeline;
        let shown: Vec<String> =
            found.iter().map(|one| format!("{} {}", one.id, one.what)).collect();
        assert_eq!(
            shown,
            [
                "4f2a91c commit: drop the check",
                "t1 the incident began",
                "log:1 the first error of log:1: KeyError: 'amount'",
                "t2 a sample of 0 messages was taken",
            ]
        );
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn timeline_is_ordered_and_omits_unknown_moments() {
        let group = |item: &str, first, last| Group {
            item: item.into(),
            first_sent_at: first,
            last_sent_at: last,
            ..Group::default()
        };
        let groups = [
            group("f1", Some(at(10)), Some(at(30))),
            group("f2", Some(at(20)), Some(at(20))),
            group("f3", None, None),
        ];
        let facts = TimelineFacts {
            raised_at: Some(at(25)),
            asked_at: Some(at(40)),
            taken: 3,
            ..TimelineFacts::default()
        };
        let timeline = build(&groups, facts).timeline;
        let phrases: Vec<String> =
            timeline.iter().map(|one| format!("{} {}", one.id, one.what)).collect();
        assert_eq!(
            phrases,
            [
                "t1 the first message of f1 was sent",
                "t2 the message of f2 was sent",
                "t3 the incident began",
                "t4 the last message of f1 in the sample was sent",
                "t5 a sample of 3 messages was taken",
            ]
        );
        assert_eq!(timeline[0].items, ["f1"]);
    }

    #[test]
    fn timeline_omits_our_own_receive() {
        let rows = [(Some(at(40)), 1), (Some(at(41)), 1), (Some(at(39)), 2), (None, 1)];
        for (first_received_at, moments) in rows {
            let facts = TimelineFacts {
                first_received_at,
                asked_at: Some(at(40)),
                ..TimelineFacts::default()
            };
            assert_eq!(build(&[], facts).timeline.len(), moments, "{first_received_at:?}");
        }
    }
}
