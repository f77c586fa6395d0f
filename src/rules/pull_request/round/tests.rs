use super::*;
use crate::rules::pull_request::reading::PullRequestHead;
use crate::rules::pull_request::watch::PullRequestEnd;
use crate::rules::pull_request::watch::fixtures::reading;

fn at(minutes: u64) -> Timestamp {
    Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes))
}

fn numbered(number: u64) -> PullRequestReading {
    PullRequestReading { id: format!("PR_{number}"), number, ..reading() }
}

fn closed(number: u64) -> PullRequestReading {
    PullRequestReading { state: PullRequestState::Closed { at: at(5) }, ..numbered(number) }
}

fn whole(read: Vec<PullRequestReading>) -> RoundReading {
    RoundReading { read, is_whole: true, ..RoundReading::default() }
}

type News = Vec<(String, u64, PullRequestChange)>;

/// The records after rounds that are a minute apart, and the news of each.
fn rounds(rounds: &[RoundReading]) -> (BTreeMap<String, WatchedPullRequest>, Vec<News>) {
    let mut known = BTreeMap::new();
    let mut news = Vec::new();
    for (minute, round) in rounds.iter().enumerate() {
        let minute = minute as u64;
        let outcome = judge_round(&known, round, &|_| false, &|_| minute == 0, at(minute));
        known.extend(outcome.records);
        outcome.dropped.iter().for_each(|id| drop(known.remove(id)));
        news.push(outcome.changes);
    }
    (known, news)
}

#[test]
fn missing_pull_request_is_closed_only_when_its_id_says_so() {
    let first = whole(vec![numbered(1), numbered(2)]);
    let unread = RoundReading {
        unread: [("PR_2".to_owned(), "not found".to_owned())].into(),
        ..whole(vec![numbered(1)])
    };
    let rows = [
        ("not asked", vec![first.clone(), whole(vec![numbered(1)])], vec![]),
        ("not readable", vec![first.clone(), unread], vec![]),
        (
            "closed",
            vec![first.clone(), whole(vec![numbered(1), closed(2)])],
            vec![("PR_2".to_owned(), 2, PullRequestChange::Closed)],
        ),
        ("still open", vec![first.clone(), whole(vec![numbered(1), numbered(2)])], vec![]),
    ];
    for (rule, readings, expected) in rows {
        let (known, news) = rounds(&readings);
        assert_eq!(news[1], expected, "{rule}");
        assert_eq!(known.len(), 2, "{rule}");
    }
    let (known, _) = rounds(&[first]);
    assert_eq!(missing_ids(&known, &[numbered(1)], at(1)), ["PR_2"]);
}

#[test]
fn closed_pull_request_of_ours_is_asked_for_a_week_more() {
    let (mut known, _) = rounds(&[whole(vec![numbered(1)])]);
    let day = 24 * 60;
    let closed = Some(PullRequestEnd::Closed { at: at(0) });
    let merged =
        |commit: &str| Some(PullRequestEnd::Merged { at: at(0), commit: Some(commit.to_owned()) });
    let unknown = Some(PullRequestEnd::Merged { at: at(0), commit: None });
    let rows = [
        ("closed", PullRequestOrigin::Ours, closed.clone(), 7 * day - 1, true),
        ("closed a week ago", PullRequestOrigin::Ours, closed.clone(), 7 * day, false),
        ("merged", PullRequestOrigin::Ours, merged("m1"), 1, false),
        ("merged, commit to come", PullRequestOrigin::Ours, unknown.clone(), 7 * day - 1, true),
        ("merged, commit never came", PullRequestOrigin::Ours, unknown, 7 * day, false),
        ("of others", PullRequestOrigin::Person, closed, 1, false),
        ("open", PullRequestOrigin::Person, None, 99 * day, true),
    ];
    for (rule, origin, end, minutes, expected) in rows {
        let one = known.get_mut("PR_1").unwrap();
        (one.origin, one.end) = (origin, end);
        assert_eq!(!missing_ids(&known, &[], at(minutes)).is_empty(), expected, "{rule}");
    }
}

#[test]
fn limit_counts_what_is_open_and_the_oldest_ends_are_forgotten() {
    let (known, _) = rounds(&[whole(vec![numbered(1)])]);
    let one = &known["PR_1"];
    let many = |end: Option<PullRequestEnd>| -> BTreeMap<String, WatchedPullRequest> {
        let record = |n: usize| WatchedPullRequest {
            id: format!("K{n:05}"),
            end: end.clone(),
            ..one.clone()
        };
        (0..WATCHED_MAX).map(record).map(|one| (one.id.clone(), one)).collect()
    };
    let look = whole(vec![numbered(7)]);
    let judge = |known: &BTreeMap<_, _>| judge_round(known, &look, &|_| false, &|_| false, at(9));
    let full = judge(&many(None));
    assert_eq!((full.left_out, full.changes.len()), (1, 0));
    let mut ended = many(Some(PullRequestEnd::Closed { at: at(2) }));
    let found = judge(&ended);
    assert_eq!((found.left_out, found.changes.len(), found.dropped.len()), (0, 1, 0));
    let first =
        WatchedPullRequest { end: Some(PullRequestEnd::Closed { at: at(1) }), ..one.clone() };
    ended.insert("ZZZ".into(), WatchedPullRequest { id: "ZZZ".into(), ..first });
    assert_eq!(judge(&ended).dropped, ["ZZZ"]);
}

#[test]
fn first_round_is_the_baseline_and_later_ones_are_news() {
    let (_, news) = rounds(&[whole(vec![numbered(1)]), whole(vec![numbered(1), numbered(2)])]);
    let found = |is_baseline| PullRequestChange::Found { is_baseline };
    assert_eq!(news[0], [("PR_1".to_owned(), 1, found(true))]);
    assert_eq!(news[1], [("PR_2".to_owned(), 1, found(false))]);
}

#[test]
fn pull_request_that_several_searches_find_is_news_once() {
    let (_, news) = rounds(&[whole(vec![numbered(1), numbered(1)])]);
    assert_eq!(news[0].len(), 1);
}

#[test]
fn pull_request_of_ours_stays_ours() {
    let known = judge_round(&BTreeMap::new(), &whole(vec![reading()]), &|_| true, &|_| true, at(0));
    let again = judge_round(&known.records, &whole(vec![reading()]), &|_| false, &|_| false, at(1));
    assert_eq!(again.records["PR_1"].origin, PullRequestOrigin::Ours);
}

#[test]
fn ended_pull_requests_of_others_are_dropped_after_a_month() {
    let month = 30 * 24 * 60;
    let (known, _) = rounds(&[whole(vec![numbered(1)]), whole(vec![closed(1)])]);
    assert_eq!(known["PR_1"].end, Some(PullRequestEnd::Closed { at: at(5) }));
    let dropped =
        |minute| judge_round(&known, &whole(vec![]), &|_| false, &|_| false, at(minute)).dropped;
    assert!(dropped(month + 4).is_empty());
    assert_eq!(dropped(month + 5), ["PR_1"]);
    let mut ours = known.clone();
    ours.get_mut("PR_1").unwrap().origin = PullRequestOrigin::Ours;
    let later = judge_round(&ours, &whole(vec![]), &|_| false, &|_| false, at(12 * month));
    assert!(later.dropped.is_empty(), "a closed one of ours is a person's no");
}

#[test]
fn too_many_pull_requests_are_counted_and_ours_are_kept() {
    let many = (0..WATCHED_MAX as u64 + 2).map(numbered).collect();
    let ours = WATCHED_MAX as u64 + 1;
    let outcome =
        judge_round(&BTreeMap::new(), &whole(many), &|one| one.number == ours, &|_| true, at(0));
    assert_eq!((outcome.records.len(), outcome.left_out), (WATCHED_MAX + 1, 1));
}

/// A part that is lost says nothing: what was concluded from its last known value stays.
#[test]
fn origin_and_author_stay_while_a_part_of_them_is_lost() {
    use crate::rules::pull_request::reading::{LostParts, PullRequestAuthor};
    let labelled = PullRequestReading { labels: vec!["automated".into()], ..reading() };
    let app = PullRequestReading {
        author: PullRequestAuthor { login: "some-app".into(), is_app: true },
        ..reading()
    };
    let branch = |repo: Option<&str>| PullRequestHead {
        branch: "dlq/1-1".into(),
        commit: "c1".into(),
        repo: repo.map(str::to_owned),
    };
    let own = PullRequestReading { head: branch(Some("acme/orders")), ..reading() };
    let nobody = || PullRequestAuthor { login: String::new(), is_app: false };
    let lost = LostParts::default;
    // (rule, before, then, origin)
    let rows = [
        (
            "labels",
            labelled.clone(),
            PullRequestReading { lost: LostParts { labels: true, ..lost() }, ..reading() },
            PullRequestOrigin::Automated,
        ),
        (
            "author",
            app.clone(),
            PullRequestReading {
                author: nobody(),
                lost: LostParts { author: true, ..lost() },
                ..reading()
            },
            PullRequestOrigin::Automated,
        ),
        (
            "repository of the branch",
            own,
            PullRequestReading {
                head: branch(None),
                lost: LostParts { head_repo: true, ..lost() },
                ..reading()
            },
            PullRequestOrigin::Ours,
        ),
        ("labels that were removed", labelled, reading(), PullRequestOrigin::Person),
    ];
    for (rule, before, then, expected) in rows {
        let author = before.author.login.clone();
        let of_account = |read| RoundReading { login: Some("ana".into()), ..whole(vec![read]) };
        let (known, news) = rounds(&[of_account(before), of_account(then)]);
        let record = &known["PR_1"];
        assert_eq!((record.origin, &record.author), (expected, &author), "{rule}");
        assert!(news[1].is_empty(), "{rule}: {news:?}");
    }
    let deleted = PullRequestReading { author: nobody(), ..reading() };
    let (known, _) = rounds(&[whole(vec![app]), whole(vec![deleted])]);
    assert_eq!(known["PR_1"].author, "", "a deleted account");
}

/// An origin that cannot be read is unknown, and is not told as a no.
#[test]
fn unknown_pull_request_waits_for_a_look_that_shows_what_it_is() {
    use crate::rules::pull_request::reading::{LostParts, PullRequestAuthor};
    let own = || {
        let head = PullRequestHead { branch: "dlq/1-1".into(), ..reading().head };
        PullRequestReading { head, ..reading() }
    };
    let of = |login: Option<&str>, read: PullRequestReading| RoundReading {
        login: login.map(str::to_owned),
        ..whole(vec![read])
    };
    let lose = |lost: LostParts, whole: PullRequestReading| {
        let mut read = PullRequestReading { lost, ..whole };
        if lost.author {
            read.author = PullRequestAuthor { login: String::new(), is_app: false };
        }
        if lost.head_repo {
            read.head.repo = None;
        }
        of(Some("ana"), read)
    };
    let none = LostParts::default();
    let rows = [
        ("author", lose(LostParts { author: true, ..none }, own())),
        ("repository of the branch", lose(LostParts { head_repo: true, ..none }, own())),
        ("labels", lose(LostParts { labels: true, ..none }, reading())),
        ("events that renew its turn", lose(LostParts { renewals: true, ..none }, own())),
        ("account of the token", of(None, own())),
    ];
    for (rule, in_part) in rows {
        let (known, news) = rounds(&[in_part.clone(), of(Some("ana"), own()), in_part.clone()]);
        assert_eq!(news.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 0], "{rule}");
        assert_eq!(known["PR_1"].origin, PullRequestOrigin::Ours, "{rule}");
        let first = judge_round(&BTreeMap::new(), &in_part, &|_| false, &|_| true, at(0));
        assert!(first.is_in_part && first.records.is_empty(), "{rule}");
        let later = judge_round(&known, &in_part, &|_| false, &|_| true, at(4));
        assert!(!later.is_in_part, "{rule}");
        let mut over = in_part;
        over.read[0].state = PullRequestState::Closed { at: at(0) };
        let over = judge_round(&BTreeMap::new(), &over, &|_| false, &|_| true, at(0));
        assert!(!over.is_in_part, "{rule}, and nobody's concern");
    }
}
