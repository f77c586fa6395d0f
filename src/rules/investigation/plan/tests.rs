use super::*;
use crate::event::Queue;
use crate::glob::GlobList;
use crate::money::Usd;
use crate::rules::investigation::budget::Spend;
use crate::rules::investigation::claimed_cause::{ClaimedCause, Likeness};
use crate::rules::investigation::wait::Wait;

const NOW: i64 = 10_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn policy(max_concurrent: usize) -> UpdatePolicy {
    UpdatePolicy {
        start: StartPolicy {
            enabled: true,
            targets: GlobList::any(&["*-dlq"]).unwrap(),
            max_concurrent,
            cooldown: Duration::from_secs(3600),
            agent_missing: None,
        },
        limits: BudgetLimits::default(),
        timeout: Duration::from_secs(600),
        keep: 10,
        age_max: Duration::from_secs(86_400),
    }
}

fn live() -> UpdateTime {
    UpdateTime { wall: at(NOW), boot: None, evaluate_at: Some(at(NOW)), dry_run: false }
}

fn dry() -> UpdateTime {
    UpdateTime { dry_run: true, ..live() }
}

/// The incident `id` of the queue `id-dlq`.
fn incident(id: &str) -> Incident {
    let name = format!("{id}-dlq");
    let queue = Queue { arn: format!("arn:{name}"), name, ..Queue::default() };
    Incident::new(id, queue, at(NOW - 60))
}

/// The session `id` of the incident `of`.
fn session(id: &str, of: &str, status: SessionStatus) -> Session {
    let ended = status != SessionStatus::Running;
    Session {
        id: id.into(),
        status,
        ended_at: ended.then(|| at(NOW - 30)),
        ..incident(of).next_session(at(NOW - 100), at(NOW + 500))
    }
}

fn document(incidents: Vec<Incident>, sessions: Vec<Session>) -> Sessions {
    let mut document = Sessions::default();
    (document.incidents, document.sessions) = (incidents, sessions);
    document
}

fn folders(states: &[(&str, FolderState)]) -> Probes {
    let folders = states.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect();
    Probes { folders, ..Probes::default() }
}

fn locked() -> FolderState {
    FolderState { locked: true, ..FolderState::default() }
}

/// A plan in words, in the order in which it is carried out.
fn words(document: &Sessions, plan: &UpdatePlan) -> Vec<String> {
    let id = |index: &usize| document.incidents[*index].id.clone();
    let mut words = Vec::new();
    for session in &plan.close {
        let cools = if session.cooldown_until.is_some() { "" } else { ", no cooldown" };
        let name = if session.id.len() > 9 { "the adopted" } else { &session.id };
        words.push(format!("close {name}: {:?}{cools}", session.status));
    }
    words.extend(plan.ended_waits.iter().map(|index| format!("end wait of {}", id(index))));
    words.extend(plan.decisions.iter().map(|decision| match decision {
        Decision::Start(index, _) => format!("start {}", id(index)),
        Decision::Skip(index, reason) => format!("skip {}: {}", id(index), reason.word),
    }));
    words.extend(plan.changed_waits.iter().map(|(index, wait)| {
        let session = wait.session.as_deref().unwrap_or("nothing");
        let session = if session.len() > 9 { "the new session" } else { session };
        format!("{} waits for {session}", id(index))
    }));
    words.extend(plan.prune.iter().map(|session| format!("prune {session}")));
    words
}

#[test]
fn sessions_are_closed_by_their_lock_and_last_event() {
    use SessionStatus::{Completed, Running};
    let dead = |last_event| FolderState { last_event, ..FolderState::default() };
    let unclean = FolderState { needs_clean_up: true, ..FolderState::default() };
    let unknown = FolderState { unknown: true, ..FolderState::default() };
    let rows = [
        ("it holds its lock", Running, locked(), vec![], vec!["s"], vec![]),
        ("no event", Running, dead(None), vec!["close s: Crashed"], vec![], vec!["s"]),
        (
            "the last event is no end",
            Running,
            dead(Some(Type::InvestigationStarted)),
            vec!["close s: Crashed"],
            vec![],
            vec!["s"],
        ),
        (
            "the last event is an end",
            Running,
            dead(Some(Type::InvestigationTimedOut)),
            vec!["close s: TimedOut"],
            vec![],
            vec!["s"],
        ),
        (
            "a skipped session has no cooldown",
            Running,
            dead(Some(Type::InvestigationSkipped)),
            vec!["close s: Skipped, no cooldown"],
            vec![],
            vec!["s"],
        ),
        ("its folder is unknown", Running, unknown, vec![], vec!["s"], vec![]),
        ("it has ended", Completed, dead(None), vec![], vec![], vec![]),
        ("it has ended, its folder is unknown", Completed, unknown, vec![], vec![], vec![]),
        ("it ended and was not cleaned up", Completed, unclean, vec![], vec![], vec!["s"]),
    ];
    for (row, status, folder, expected, running, clean_up) in rows {
        let document = document(vec![], vec![session("s", "a", status)]);
        let time = UpdateTime { evaluate_at: None, ..live() };
        let plan = plan(&policy(1), &document, &folders(&[("s", folder)]), &time);
        assert_eq!(words(&document, &plan), expected, "{row}");
        assert_eq!((plan.running, plan.clean_up), (owned(&running), owned(&clean_up)), "{row}");
    }
}

/// Its lock cannot be probed: a slot stays taken for as long as its agent may run, and no longer.
#[test]
fn session_with_unknown_folder_runs_until_its_deadline_has_passed() {
    let unknown = FolderState { unknown: true, ..FolderState::default() };
    // The deadline is NOW + 500 s, and a supervisor may take 600 s more.
    for (now, running) in [(NOW, true), (NOW + 1099, true), (NOW + 1100, false)] {
        let session = session("s", "a", SessionStatus::Running);
        let document = document(vec![incident("b")], vec![session]);
        let time =
            UpdateTime { wall: at(now), boot: None, evaluate_at: Some(at(now)), dry_run: false };
        let plan = plan(&policy(1), &document, &folders(&[("s", unknown)]), &time);
        let expected = match running {
            true => vec!["skip b: max_concurrent"],
            false => vec!["close s: Failed", "start b"],
        };
        assert_eq!(words(&document, &plan), expected, "{now}");
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn incidents_are_started_or_skipped() {
    let [a, b] = [incident("a"), incident("b")];
    let disarmed = Incident { armed: false, ..a.clone() };
    let closed = Incident { closed_at: Some(at(NOW)), ..a.clone() };
    let reported = Incident { reported: vec!["max_concurrent".into()], ..b.clone() };
    let soon = Incident { expires_after: Some(at(NOW + 60)), ..b.clone() };
    let forced = Incident { forced: true, ..a.clone() };
    let same_queue = Incident { id: "c".into(), ..a.clone() };
    let runs = || vec![session("s", "x", SessionStatus::Running)];
    let cooling = || {
        let until = Some(at(NOW + 60));
        vec![Session { cooldown_until: until, ..session("s", "a", SessionStatus::Failed) }]
    };
    let rows = [
        ("a free slot", 1, vec![a.clone()], vec![], vec!["start a"], 0),
        ("investigated before", 1, vec![disarmed], vec![], vec![], 0),
        ("closed", 1, vec![closed], vec![], vec![], 0),
        ("two slots", 2, vec![a.clone(), b.clone()], vec![], vec!["start a", "start b"], 0),
        (
            "a planned session occupies a slot",
            1,
            vec![a.clone(), b.clone()],
            vec![],
            vec!["start a", "skip b: max_concurrent"],
            1,
        ),
        (
            "the nearest to loss comes first",
            1,
            vec![a.clone(), soon],
            vec![],
            vec!["start b", "skip a: max_concurrent"],
            1,
        ),
        (
            "a planned session is its queue's only one",
            2,
            vec![a.clone(), same_queue],
            vec![],
            vec!["start a", "skip c: already_running"],
            1,
        ),
        ("all slots taken", 1, vec![b.clone()], runs(), vec!["skip b: max_concurrent"], 1),
        ("a reason is reported once", 1, vec![reported], runs(), vec![], 1),
        ("a cooldown", 1, vec![a.clone()], cooling(), vec!["skip a: cooldown"], 0),
        ("a retry ignores the cooldown", 1, vec![forced], cooling(), vec!["start a"], 0),
    ];
    for (row, slots, incidents, sessions, expected, waiting) in rows {
        let document = document(incidents, sessions);
        let plan = plan(&policy(slots), &document, &folders(&[("s", locked())]), &live());
        assert_eq!(words(&document, &plan), expected, "{row}");
        assert_eq!(plan.waiting, waiting, "{row}");
    }
}

#[test]
fn dead_supervisor_frees_its_slot_and_starts_a_cooldown() {
    let sessions = vec![session("s", "a", SessionStatus::Running)];
    let document = document(vec![incident("a"), incident("b")], sessions);
    let plan = plan(&policy(1), &document, &Probes::default(), &live());
    assert_eq!(words(&document, &plan), ["close s: Crashed", "skip a: cooldown", "start b"]);
}

#[test]
fn unrecorded_sessions_are_adopted_first() {
    let ended =
        FolderState { last_event: Some(Type::InvestigationCompleted), ..FolderState::default() };
    let rows = [
        ("it runs", locked(), vec!["start b", "skip a: max_concurrent"]),
        ("it has ended", ended, vec!["close the adopted: Completed", "start b", "start a"]),
        (
            "it crashed",
            FolderState::default(),
            vec!["close the adopted: Crashed", "start b", "start a"],
        ),
    ];
    for (row, folder, expected) in rows {
        let document = document(vec![incident("a"), incident("b")], vec![]);
        let id = document.incidents[1].next_session_id();
        let plan = plan(&policy(1), &document, &folders(&[(&id, folder)]), &live());
        assert_eq!(words(&document, &plan), expected, "{row}");
        let Decision::Start(_, adopted) = &plan.decisions[0] else { panic!("{row}") };
        assert_eq!(adopted.id, id, "{row}");
    }
}

#[test]
fn unstartable_incident_occupies_no_slot() {
    let document = document(vec![incident("a"), incident("b")], vec![]);
    let probes = Probes { unstartable: vec![0], ..Probes::default() };
    let plan = plan(&policy(1), &document, &probes, &live());
    assert_eq!(words(&document, &plan), ["start b"]);
}

#[test]
fn incident_waits_for_a_time_or_a_session() {
    let until = |seconds| Wait::ending_at("budget", at(NOW - 10), at(seconds));
    let owner = || Wait { until: None, session: Some("s".into()), ..until(NOW) };
    let future = Wait { since: at(NOW + 5), ..until(NOW + 60) };
    let rows = [
        ("before its end", until(NOW + 1), locked(), vec![]),
        ("at its end", until(NOW), locked(), vec!["end wait of a", "start a"]),
        ("its owner runs", owner(), locked(), vec![]),
        (
            "its owner crashes in this update",
            owner(),
            FolderState::default(),
            vec!["close s: Crashed", "end wait of a", "start a"],
        ),
        ("written by a clock ahead", future, locked(), vec!["end wait of a", "start a"]),
    ];
    for (row, wait, folder, expected) in rows {
        let waiting = Incident { wait: Some(wait), ..incident("a") };
        let sessions = vec![session("s", "x", SessionStatus::Running)];
        let document = document(vec![waiting], sessions);
        let plan = plan(&policy(2), &document, &folders(&[("s", folder)]), &live());
        assert_eq!(words(&document, &plan), expected, "{row}");
    }
}

#[test]
fn wait_for_budget_ends_when_it_suffices_for_one_run_at_a_time() {
    let usd = |dollars| Usd::from_dollars(dollars).unwrap();
    // A run of $1 can cost $1.75.
    let limits =
        |day| BudgetLimits { per_run: usd(1.0), per_day: usd(day), ..BudgetLimits::default() };
    let spend = |session: &str, cost: Option<f64>| Spend {
        session: session.into(),
        queue: "s-dlq".into(),
        fingerprint: Some("f".into()),
        at: at(NOW - 60),
        reserved_usd: usd(1.75),
        cost_usd: cost.map(usd),
        settled_at: cost.map(|_| at(NOW - 30)),
        seen_ahead_at: None,
        boot: None,
    };
    let open = || Some(vec![spend("s", None)]);
    let settled = || Some(vec![spend("s", Some(0.01))]);
    let ends = |ids: &[&str]| ids.iter().map(|id| format!("end wait of {id}")).collect::<Vec<_>>();
    let start = |ids: &[&str]| ids.iter().map(|id| format!("start {id}")).collect::<Vec<_>>();
    // The budget of a day, the spends, whether another session runs that has reserved nothing yet.
    let rows = [
        ("it is reserved", 2.0, open(), false, 0),
        ("it was settled", 2.0, settled(), false, 1),
        ("enough for two", 4.0, settled(), false, 2),
        ("enough for all", 6.0, settled(), false, 3),
        ("a session that is about to reserve", 2.0, settled(), true, 0),
        ("it and another", 4.0, settled(), true, 1),
        ("nothing known", 9.0, None, false, 0),
    ];
    for (row, day, spends, runs, number) in rows {
        let limits = limits(day);
        let wait = Wait {
            limits: Some(limits.clone()),
            spends_on: Some("f".into()),
            ..Wait::ending_at("budget", at(NOW - 10), at(NOW + 86_400))
        };
        let waiting = |id: &str| Incident { wait: Some(wait.clone()), ..incident(id) };
        let ids = ["a", "b", "c"];
        let sessions =
            runs.then(|| session("t", "x", SessionStatus::Running)).into_iter().collect();
        let document = document(ids.map(waiting).to_vec(), sessions);
        let probes = Probes {
            budget: spends.map(|spends| Budget { spends }),
            ..folders(&[("t", locked())])
        };
        let policy = UpdatePolicy { limits, ..policy(9) };
        let plan = plan(&policy, &document, &probes, &live());
        let expected = [ends(&ids[..number]), start(&ids[..number])].concat();
        assert_eq!(words(&document, &plan), expected, "{row}");
    }
}

#[test]
fn incidents_of_one_shape_are_started_one_at_a_time() {
    let cause = ClaimedCause { fingerprint: "f".into(), likeness: Likeness::Shape };
    let wait = Wait {
        reason: "same_shape".into(),
        until: None,
        session: Some("s".into()),
        cause: Some(cause),
        ..Wait::ending_at("", at(NOW - 10), at(NOW))
    };
    let waiting = |id: &str| Incident { wait: Some(wait.clone()), ..incident(id) };
    let owner = |status, verdict: &str| Session {
        fingerprint: Some("f".into()),
        verdict: Some(verdict.into()),
        ..session("s", "x", status)
    };
    let in_vain = |times: usize| {
        let mut incident = Incident { armed: false, ..incident("x") };
        (0..times).for_each(|_| incident.record_unexplained("f"));
        incident
    };
    let forced = || Incident { wait: None, forced: true, ..waiting("a") };
    use SessionStatus::{Completed, Running};
    let rows = [
        ("it runs", owner(Running, ""), 0, waiting("a"), vec![]),
        (
            "it has ended, and the next is one",
            owner(Completed, "likely"),
            0,
            waiting("a"),
            vec!["end wait of a", "start a", "b waits for the new session"],
        ),
        (
            "it has ended in vain",
            owner(Completed, "inconclusive"),
            1,
            waiting("a"),
            vec!["end wait of a", "start a", "b waits for the new session"],
        ),
        (
            "two have ended in vain",
            owner(Completed, "inconclusive"),
            2,
            waiting("a"),
            vec![
                "skip a: unexplained",
                "skip b: unexplained",
                "a waits for nothing",
                "b waits for nothing",
            ],
        ),
        (
            "two have ended in vain, and a person asks",
            owner(Completed, "inconclusive"),
            2,
            forced(),
            vec!["start a", "skip b: unexplained", "b waits for nothing"],
        ),
    ];
    for (row, owner, times, first, expected) in rows {
        let document = document(vec![in_vain(times), first, waiting("b")], vec![owner]);
        let plan = plan(&policy(5), &document, &folders(&[("s", locked())]), &live());
        assert_eq!(words(&document, &plan), expected, "{row}");
    }
}

#[test]
fn dry_run_closes_nothing_and_frees_slots_at_the_deadline() {
    let sessions = vec![session("s", "x", SessionStatus::Running)];
    let document = document(vec![incident("a")], sessions);
    let plan_at = |evaluate_at| {
        plan(&policy(1), &document, &Probes::default(), &UpdateTime { evaluate_at, ..dry() })
    };
    assert_eq!(words(&document, &plan_at(Some(at(NOW)))), ["skip a: max_concurrent"]);
    let later = plan_at(Some(at(NOW + 500)));
    assert_eq!(words(&document, &later), ["start a"]);
    let Decision::Start(_, session) = &later.decisions[0] else { panic!("a start") };
    let times = (session.start_time, session.cooldown_until);
    assert_eq!(times, (at(NOW + 500), Some(at(NOW + 500 + 600 + 3600))));
    assert_eq!(plan_at(None), UpdatePlan::default());
}

#[test]
fn ended_sessions_are_pruned_when_starts_exceed_the_number_kept() {
    let done = |id: &str| session(id, "x", SessionStatus::Completed);
    let sessions = vec![done("old"), done("printing"), done("new")];
    let document = document(vec![incident("a")], sessions);
    let unprinted = FolderState { unprinted: true, ..FolderState::default() };
    let probes = folders(&[("printing", unprinted)]);
    let rows = [
        (4, vec!["start a"]),
        (3, vec!["start a", "prune old"]),
        (2, vec!["start a", "prune old"]),
        (1, vec!["start a", "prune old", "prune new"]),
    ];
    for (keep, expected) in rows {
        let policy = UpdatePolicy { keep, ..policy(1) };
        let plan = plan(&policy, &document, &probes, &live());
        assert_eq!(words(&document, &plan), expected, "{keep} kept");
    }
}
