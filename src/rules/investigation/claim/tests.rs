use super::*;
use crate::time::Timestamp;

/// A queue of an account.
fn queue(name: &str, account: &str) -> Queue {
    let arn = format!("arn:aws:sqs:eu-west-1:{account}:{name}");
    Queue { name: name.into(), arn, ..Queue::default() }
}

fn session(id: &str, incident: &str, account: &str, status: SessionStatus) -> Session {
    Session {
        id: id.into(),
        incident: incident.into(),
        queue_name: format!("queue of {id}"),
        queue: queue(&format!("queue of {id}"), account),
        status,
        fingerprint: Some("f".into()),
        ..Session::default()
    }
}

fn concluded(verdict: &str) -> Session {
    let session = session("a", "i1", "1", SessionStatus::Completed);
    Session { verdict: Some(verdict.into()), ..session }
}

/// The incident `id` with this number of investigations in vain.
fn incident(id: &str, account: &str, in_vain: usize) -> Incident {
    let name = format!("queue of {id}");
    let mut incident = Incident::new(id, queue(&name, account), Timestamp::from_millis(0));
    (0..in_vain).for_each(|_| incident.record_unexplained("f"));
    incident
}

fn closed(incident: Incident) -> Incident {
    Incident { closed_at: Some(Timestamp::from_millis(1)), ..incident }
}

fn cause(likeness: Likeness) -> ClaimedCause {
    ClaimedCause { fingerprint: "f".into(), likeness }
}

/// Returns the words of the refusals of an incident of account 1: with the same error, with the
/// same shape.
fn words(sessions: &[Session], incidents: &[Incident]) -> [Option<&'static str>; 2] {
    let sessions: Vec<&Session> = sessions.iter().collect();
    let own = queue("own", "1");
    [Likeness::Error, Likeness::Shape].map(|likeness| {
        refusal(&cause(likeness), "own", &own, &sessions, incidents).map(|skip| skip.word)
    })
}

#[test]
fn error_is_a_known_cause_and_shape_never_is() {
    use SessionStatus::{Completed, Crashed, Failed, Running, Skipped};
    const KNOWN: Option<&str> = Some("known_cause");
    const SHAPE: Option<&str> = Some("same_shape");
    const IN_VAIN: Option<&str> = Some("unexplained");
    let one = |status| vec![session("a", "i1", "1", status)];
    let open = || vec![incident("i1", "1", 0)];
    let other = Session { fingerprint: Some("g".into()), ..session("a", "i1", "1", Running) };
    let own = Session { incident: "own".into(), ..concluded("likely") };
    let rows = [
        ("nobody", vec![], vec![], [None, None]),
        ("another cause runs", vec![other], open(), [None, None]),
        ("it runs", one(Running), open(), [KNOWN, SHAPE]),
        (
            "it runs, for a closed one",
            one(Running),
            vec![closed(incident("i1", "1", 0))],
            [KNOWN, SHAPE],
        ),
        ("it runs elsewhere", vec![session("a", "i1", "2", Running)], open(), [KNOWN, None]),
        ("it is explained", vec![concluded("likely")], open(), [KNOWN, None]),
        ("a bundle of an older version", one(Completed), open(), [KNOWN, None]),
        (
            "it came back after the clear",
            vec![concluded("likely")],
            vec![closed(incident("i1", "1", 0))],
            [None, None],
        ),
        ("it grew", vec![own], vec![incident("own", "1", 0)], [None, None]),
        (
            "it is not explained",
            vec![concluded("inconclusive")],
            vec![incident("i1", "1", 1)],
            [None, None],
        ),
        ("it failed", one(Failed), open(), [None, None]),
        ("it was skipped", one(Skipped), open(), [None, None]),
        ("it crashed", one(Crashed), open(), [None, None]),
        (
            "twice in vain",
            vec![],
            vec![incident("i1", "1", 1), incident("i2", "1", 1)],
            [IN_VAIN, IN_VAIN],
        ),
        ("twice in vain in one queue", vec![], vec![incident("i1", "1", 2)], [IN_VAIN, IN_VAIN]),
        ("twice in vain here", vec![], vec![incident("own", "1", 2)], [IN_VAIN, IN_VAIN]),
        (
            "twice in vain, and cleared",
            vec![],
            vec![closed(incident("i1", "1", 2))],
            [IN_VAIN, IN_VAIN],
        ),
        ("twice in vain elsewhere", vec![], vec![incident("i1", "2", 2)], [IN_VAIN, None]),
        (
            "once here, once elsewhere",
            vec![],
            vec![incident("i1", "1", 1), incident("i2", "2", 1)],
            [IN_VAIN, None],
        ),
        (
            "in vain, and a person has it run",
            one(Running),
            vec![incident("i1", "1", 2)],
            [IN_VAIN, IN_VAIN],
        ),
        (
            "in vain, and explained at last",
            vec![concluded("likely")],
            vec![incident("i1", "1", 2)],
            [KNOWN, IN_VAIN],
        ),
    ];
    for (rule, sessions, incidents, expected) in rows {
        assert_eq!(words(&sessions, &incidents), expected, "{rule}");
    }
}

#[test]
fn sentence_names_shape_queues_and_the_way_out() {
    let session = session("a", "i1", "1", SessionStatus::Running);
    let said = |likeness, sessions: &[&Session], incidents: &[Incident]| {
        refusal(&cause(likeness), "own", &queue("own", "1"), sessions, incidents).unwrap().detail
    };
    assert_eq!(
        said(Likeness::Shape, &[&session], &[]),
        "session a is investigating messages of the same shape in queue 'queue of a'; their cause may \
         be another, and this queue is next when that session has ended"
    );
    assert_eq!(
        said(Likeness::Error, &[&session], &[]),
        "same cause as queue of a, running session a"
    );
    let many: Vec<Incident> = (1..6).map(|n| incident(&format!("i{n}"), "1", 1)).collect();
    assert_eq!(
        said(Likeness::Shape, &[], &many),
        "5 investigations of messages of the same shape found no cause (queue 'queue of i1', 'queue of \
         i2', 'queue of i3' and others); this queue waits for new evidence, or for 'dlq-investigate \
         --retry own'"
    );
    assert!(
        said(Likeness::Error, &[], &many).contains("messages with the same error found no cause")
    );
}

#[test]
fn wait_follows_what_takes_the_place_of_a_session() {
    let wait = Wait {
        reason: SAME_SHAPE.into(),
        until: None,
        session: Some("a".into()),
        cause: Some(cause(Likeness::Shape)),
        ..Wait::ending_at("", Timestamp::from_millis(0), Timestamp::from_millis(0))
    };
    let running = |id: &str| session(id, "i1", "1", SessionStatus::Running);
    let state = |sessions: &[Session], incidents: &[Incident]| {
        let sessions: Vec<&Session> = sessions.iter().collect();
        match waited_for(&wait, &incident("own", "1", 0), &sessions, incidents) {
            WaitedFor::Gone => "gone".to_owned(),
            WaitedFor::Stands => "stands".to_owned(),
            WaitedFor::Replaced(skip) => {
                format!("{} {}", skip.word, skip.retry.session().unwrap_or("nobody"))
            }
        }
    };
    let once = [incident("i1", "1", 1)];
    let twice = [incident("i1", "1", 2)];
    assert_eq!(state(&[running("a")], &[]), "stands");
    assert_eq!(state(&[concluded("inconclusive")], &once), "gone");
    assert_eq!(state(&[concluded("likely")], &once), "gone", "its cause may be another");
    assert_eq!(state(&[concluded("inconclusive"), running("b")], &once), "same_shape b");
    assert_eq!(state(&[concluded("inconclusive")], &twice), "unexplained nobody");
}
