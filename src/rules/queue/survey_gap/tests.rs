//! Gaps of surveys made by hand: what is counted and said, and when the next survey is due.

use super::*;
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph::{Discover, ListedQueue, find_in};

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_secs(seconds))
}

/// A survey in which these queues could not be read.
fn survey(unread: &[(&str, ReadError)]) -> ScopeSurvey {
    let listed = unread.iter().map(|(name, error)| ListedQueue {
        url: format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"),
        attributes: Some(Err(error.clone())),
    });
    let (region, account) = ("eu-west-1".into(), String::new());
    ScopeSurvey { scope: 0, region, account, queues: Ok(listed.collect()) }
}

fn gap(seen: &ScopeSurvey, past: Option<&SurveyGap>) -> Option<SurveyGap> {
    let found = find_in(seen, &[], at(0), Discover::Both, None);
    SurveyGap::find(seen, &found, past, at(0))
}

fn unlisted() -> ScopeSurvey {
    ScopeSurvey { queues: Err(ReadError::TimedOut), ..survey(&[]) }
}

#[test]
fn gap_has_a_sentence_for_each_reason() {
    use ReadError::{Denied, Throttled};
    let denied = |name| (name, Denied);
    let policy = "cannot read the redrive policy of queue 'orders' in 'r': ";
    let cases = [
        ("nothing is hidden", survey(&[]), 0, vec![]),
        (
            "one source",
            survey(&[denied("orders")]),
            1,
            vec![format!(
                "{policy}access denied; a dead-letter queue that only it names may be missing"
            )],
        ),
        (
            "two reasons",
            survey(&[denied("a"), ("orders", Throttled), denied("b"), denied("c"), denied("d")]),
            5,
            vec![
                "cannot read the redrive policies of 4 queues ('a', 'b', 'c', …) in 'r': access \
                 denied; dead-letter queues that only they name may be missing"
                    .to_owned(),
                format!("{policy}throttled; a dead-letter queue that only it names may be missing"),
            ],
        ),
        ("its own reading reports a DLQ", survey(&[denied("orders-dlq")]), 0, vec![]),
        ("no list", unlisted(), 0, vec!["cannot list the queues in 'r': no answer in time".into()]),
    ];
    for (rule, seen, count, sentences) in cases {
        let gap = gap(&seen, None);
        let said = gap.as_ref().map_or(Vec::new(), |gap| gap.sentences("in 'r'"));
        assert_eq!(said, sentences, "{rule}");
        assert_eq!(gap.as_ref().map_or(0, SurveyGap::unread_queues), count, "{rule}");
        assert_eq!(gap.is_some_and(|gap| gap.is_partial()), !sentences.is_empty(), "{rule}");
    }
}

#[test]
fn queues_that_a_selection_leaves_out_are_not_unread() {
    use ReadError::{Denied, Throttled};
    let seen = survey(&[("a", Denied), ("b", Denied), ("c", Throttled), ("left-out", Denied)]);
    let unread = |reason: &str, names: &[&str]| UnreadQueues {
        reason: reason.into(),
        count: names.len() as u64,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let expected = [unread("access denied", &["a", "b"]), unread("throttled", &["c"])];
    assert_eq!(unread_queues(&seen, |name| name != "left-out"), expected);
}

#[test]
fn sentence_names_three_queues_at_most() {
    let rows: [(&[&str], &str); 4] = [
        (&["a"], "queue 'a'"),
        (&["a", "b"], "2 queues ('a', 'b')"),
        (&["a", "b", "c"], "3 queues ('a', 'b', 'c')"),
        (&["a", "b", "c", "d"], "4 queues ('a', 'b', 'c', …)"),
    ];
    for (names, expected) in rows {
        assert_eq!(name_queues(names.len() as u64, names), expected);
    }
}

#[test]
fn unread_dlq_is_surveyed_again() {
    assert!(gap(&survey(&[("orders-dlq", ReadError::Denied)]), None).is_some());
}

/// An event reports it, so a single survey that was throttled is no news.
#[test]
fn lasting_reason_needs_two_surveys_and_has_no_names() {
    let seen = survey(&[("orders", ReadError::Denied), ("b", ReadError::Denied)]);
    let first = gap(&seen, None).unwrap();
    assert_eq!(first.lasting_reason(), None);
    let second = gap(&seen, Some(&first)).unwrap();
    let expected = "the redrive policies of some queues cannot be read: access denied";
    assert_eq!(second.lasting_reason().as_deref(), Some(expected));
}

#[test]
fn survey_with_a_gap_is_repeated_at_growing_intervals() {
    let round = Duration::from_secs(30);
    let pace = |repeated| SurveyPace { interval: 15 * MINUTE, round, repeated };
    let (unread, no_list) = (survey(&[("orders", ReadError::Denied)]), unlisted());
    // The survey, its number in a row, whether rounds repeat, and the seconds until the next one.
    let rows = [
        ("next round", &unread, 1, true, 0),
        ("next run", &unread, 1, false, 0),
        ("twice", &unread, 2, true, 60),
        ("doubled", &unread, 3, false, 120),
        ("as rare as other surveys", &unread, 9, true, 900),
        ("many", &unread, u32::MAX, true, 900),
        ("list, next round", &no_list, 1, true, 0),
        ("list, twice", &no_list, 2, true, 60),
        ("list, at most 2 minutes", &no_list, 7, true, 120),
        ("list, every run", &no_list, 7, false, 0),
    ];
    for (rule, seen, surveys, repeated, wait) in rows {
        let gap = SurveyGap { surveys, ..gap(seen, None).unwrap() };
        let due = |now| is_due(Some(at(0)), Some(&gap), &pace(repeated), now);
        assert!(due(at(wait)), "{rule}");
        assert_eq!(due(at(wait.saturating_sub(1))), wait == 0, "{rule}");
        assert!(due(at(0).minus(MINUTE)), "{rule}: a time in the future counts for nothing");
    }
}

#[test]
fn survey_without_a_gap_is_repeated_after_the_interval() {
    let pace = SurveyPace { interval: MINUTE, round: MINUTE, repeated: true };
    let cases = [
        ("never surveyed", None, at(0), true),
        ("just now", Some(at(0)), at(0), false),
        ("a moment before", Some(at(0)), at(60).minus(Duration::from_millis(1)), false),
        ("after the interval", Some(at(0)), at(60), true),
        ("from the future", Some(at(1)), at(0), true),
    ];
    for (rule, last, now, expected) in cases {
        assert_eq!(is_due(last, None, &pace, now), expected, "{rule}");
    }
}

/// AWS may name the resource in each denial, so that ten thousand queues have as many reasons.
#[test]
fn reasons_are_told_apart_up_to_a_limit() {
    let unread = |reasons: usize| {
        (0..20_000).map(move |n| (format!("q{n:05}"), format!("denied on {:05}", n % reasons)))
    };
    let counts = |reasons| {
        let groups = by_reason(unread(reasons));
        let total: u64 = groups.iter().map(|group| group.count).sum();
        assert!(groups.iter().all(|group| group.names.len() <= NAMES_MAX));
        (groups.len(), total)
    };
    assert_eq!([1, 8, 9, 20_000].map(counts).map(|(groups, _)| groups), [1, 8, 9, 9]);
    assert_eq!(counts(20_000), (9, 20_000));
    let last = by_reason(unread(20_000)).pop().unwrap();
    assert_eq!((last.reason.as_str(), last.count), ("other reasons", 19_992));
}
