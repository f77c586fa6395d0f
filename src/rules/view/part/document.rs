//! A part as one JSON object for programs. Unknown values are null, never 0.

use serde::Serialize;

use super::{PartFacts, StatusPart};
use crate::money::Usd;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::analytics::TopCause;
use crate::rules::view::dashboard::spend::SpendSum;
use crate::rules::view::screen::rows::{ListName, RowKey, incidents, queues};
use crate::rules::view::screen::{filter::RowFilter, history, problems, summary};
use crate::rules::view::status::SpendSummary;
use crate::time::Timestamp;

#[derive(Serialize)]
struct PartDocument<'a> {
    at: Option<Timestamp>,
    state: &'a str,
    /// The time of the oldest event: the history begins here.
    begins: Option<Timestamp>,
    /// The time of the newest event.
    newest: Option<Timestamp>,
    /// The end of the newest round.
    last_round: Option<Timestamp>,
    #[serde(flatten)]
    rows: PartRows<'a>,
    problems: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PartRows<'a> {
    Incidents(Option<Vec<CauseRow<'a>>>),
    Queues(Option<Vec<QueueRow<'a>>>),
    Spend(SpendRows<'a>),
    Prs(Option<Vec<RequestRow<'a>>>),
}

/// A cause of an incident; the incident alone when none is known.
#[derive(Serialize)]
struct CauseRow<'a> {
    incident: &'a str,
    queue: &'a str,
    arn: Option<&'a str>,
    state: &'a str,
    severity: &'static str,
    fingerprint: Option<&'a str>,
    title: Option<&'a str>,
    sampled: Option<u64>,
    depth: Option<u64>,
    lost: u64,
    raised_at: Option<Timestamp>,
    investigated_at: Option<Timestamp>,
    explained_at: Option<Timestamp>,
    pull_request_at: Option<Timestamp>,
    merged_at: Option<Timestamp>,
    redriven_at: Option<Timestamp>,
    cleared_at: Option<Timestamp>,
    session: Option<&'a str>,
    /// The status of its verdict.
    verdict: Option<&'a str>,
    needs_person: Option<&'a str>,
    /// The grade of its fix: `proven`, `unproven` or `unknown`.
    proof: Option<&'a str>,
    waits: Option<&'a str>,
    pull_request: Option<&'a str>,
    /// The pull requests of the incident, of any cause.
    pull_requests: Vec<&'a str>,
    redrive: Option<&'a str>,
}

#[derive(Serialize)]
struct QueueRow<'a> {
    queue: &'a str,
    arn: &'a str,
    region: &'a str,
    account: &'a str,
    severity: &'static str,
    depth: Option<u64>,
    in_flight: Option<u64>,
    /// The change of the depth in an hour.
    change_1h: Option<i64>,
    read_at: Option<Timestamp>,
    unreadable: Option<&'a str>,
    incident: Option<&'a str>,
    raised_at: Option<Timestamp>,
    expires_after: Option<Timestamp>,
    expires_before: Option<Timestamp>,
}

#[derive(Serialize)]
struct SpendRows<'a> {
    budget: Option<&'a SpendSummary>,
    running: Option<SpendFigure<'a>>,
    days: Option<Vec<SpendFigure<'a>>>,
    causes: Option<Vec<SpendFigure<'a>>>,
}

/// A sum of costs, which lacks those that are unknown.
#[derive(Default, Serialize)]
struct SpendFigure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    usd: Option<Usd>,
    sessions: u64,
    unknown: u64,
}

#[derive(Serialize)]
struct RequestRow<'a> {
    pull_request: &'a str,
    repo: &'a str,
    number: u64,
    title: &'a str,
    url: Option<&'a str>,
    author: Option<&'a str>,
    draft: bool,
    ours: bool,
    state: &'static str,
    checks: Option<&'a str>,
    review: Option<&'a str>,
    waiting_on: Option<&'a str>,
    opened_at: Option<Timestamp>,
    merged_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    seen_at: Option<Timestamp>,
    unreadable: Option<&'a str>,
    incident: Option<&'a str>,
}

/// Returns the object, on one line.
pub fn document(facts: &PartFacts<'_>) -> String {
    let state = facts.dashboard;
    encoded(&PartDocument {
        at: Some(facts.now),
        state: facts.state,
        begins: state.source.begins,
        newest: state.source.newest,
        last_round: state.rounds.last,
        rows: rows(facts),
        problems: problems::all(state, facts.now),
    })
}

/// Returns what a change of the part changes: without the ages, and the moments of readings that found
/// nothing new.
pub fn change(facts: &PartFacts<'_>) -> String {
    let state = facts.dashboard;
    let mut rows = rows(facts);
    if let PartRows::Queues(Some(rows)) = &mut rows {
        rows.iter_mut().for_each(|row| row.read_at = None);
    }
    if let PartRows::Prs(Some(rows)) = &mut rows {
        rows.iter_mut().for_each(|row| row.seen_at = None);
    }
    let mut problems = state.source.problems.clone();
    problems.extend(problems::overdue(state, facts.now).map(|_| "overdue".to_owned()));
    problems.extend(state.rounds.failure.as_ref().map(|(_, reason)| reason.to_string()));
    problems.push(format!("{} {}", state.rounds.unread, state.source.damaged));
    encoded(&PartDocument {
        at: None,
        state: facts.state,
        begins: None,
        newest: None,
        last_round: None,
        rows,
        problems,
    })
}

fn encoded(document: &PartDocument<'_>) -> String {
    // Strings, numbers and lists of them are always encoded.
    serde_json::to_string(document).unwrap_or_default()
}

fn rows<'a>(facts: &PartFacts<'a>) -> PartRows<'a> {
    let (state, now) = (facts.dashboard, facts.now);
    let keys = |name: ListName| {
        facts.has_events().then(|| name.rows(state, now, &RowFilter::default(), None))
    };
    match facts.part {
        StatusPart::Incidents => PartRows::Incidents(
            keys(ListName::Incidents)
                .map(|keys| keys.iter().filter_map(|key| cause(state, key)).collect()),
        ),
        StatusPart::Queues => PartRows::Queues(
            keys(ListName::Queues)
                .map(|keys| keys.iter().filter_map(|key| queue(state, key, now)).collect()),
        ),
        StatusPart::Prs => PartRows::Prs(
            keys(ListName::Requests)
                .map(|keys| keys.iter().filter_map(|key| request(state, key)).collect()),
        ),
        StatusPart::Spend => PartRows::Spend(spend(facts)),
    }
}

fn cause<'a>(state: &'a Dashboard, key: &RowKey) -> Option<CauseRow<'a>> {
    let (id, one) = state.incidents.get_key_value(&key.id)?;
    let cause = incidents::cause(one, &key.part);
    let request = one.requests_of(&key.part).into_iter().next();
    let session = one.session.as_deref().and_then(|id| state.investigations.get(id));
    let verdict = session.and_then(|session| session.verdict.as_ref());
    Some(CauseRow {
        incident: id,
        queue: incidents::queue_name(one),
        arn: Some(&*one.queue).filter(|arn| !arn.is_empty()),
        state: incidents::word(one),
        severity: one.severity.as_str(),
        fingerprint: cause.map(|(fingerprint, ..)| &**fingerprint),
        title: cause.map(|(_, _, title)| &**title),
        sampled: cause.map(|(_, count, _)| *count),
        depth: one.depth,
        lost: one.lost,
        raised_at: one.raised_at,
        investigated_at: one.investigated_at,
        explained_at: one.explained_at,
        pull_request_at: request.and_then(|request| request.opened_at),
        merged_at: request.and_then(|request| request.merged_at),
        redriven_at: one.redriven_at,
        cleared_at: one.cleared_at,
        session: one.session.as_deref(),
        verdict: verdict.map(|verdict| &*verdict.status),
        needs_person: verdict.and_then(|verdict| verdict.needs_person.as_deref()),
        proof: session.and_then(|session| session.proof.as_ref()).map(|proof| &*proof.grade),
        waits: one.skipped.as_ref().map(|(reason, _)| &**reason),
        pull_request: request.map(|request| &*request.key),
        pull_requests: one.requests.iter().map(|request| &*request.key).collect(),
        redrive: one.redrive.as_deref(),
    })
}

fn queue<'a>(state: &'a Dashboard, key: &RowKey, now: Timestamp) -> Option<QueueRow<'a>> {
    let (arn, one) = state.queues.get_key_value(&key.id)?;
    Some(QueueRow {
        queue: &one.name,
        arn,
        region: &one.region,
        account: &one.account,
        severity: queues::Standing::new(one, now).word(),
        depth: one.depth,
        in_flight: one.in_flight,
        change_1h: history::change_in_hour(one, &state.rounds, now),
        read_at: one.read_at,
        unreadable: one.unreadable.as_deref(),
        incident: one.incident.as_deref(),
        raised_at: one.raised_at,
        expires_after: one.expires_after,
        expires_before: one.expires_before,
    })
}

fn request<'a>(state: &'a Dashboard, key: &RowKey) -> Option<RequestRow<'a>> {
    let (id, one) = state.pull_requests.get_key_value(&key.id)?;
    Some(RequestRow {
        pull_request: id,
        repo: &one.repo,
        number: one.number,
        title: &one.title,
        url: one.url.as_deref(),
        author: one.author.as_deref(),
        draft: one.is_draft,
        ours: one.is_ours,
        state: match (one.merged_at, one.closed_at) {
            (Some(_), _) => "merged",
            (None, Some(_)) => "closed",
            (None, None) => "open",
        },
        checks: one.checks.as_deref(),
        review: one.review.as_deref(),
        waiting_on: one.waiting_on.as_deref(),
        opened_at: one.opened_at,
        merged_at: one.merged_at,
        closed_at: one.closed_at,
        seen_at: one.seen_at,
        unreadable: one.unreadable.as_deref(),
        incident: one.incident.as_deref(),
    })
}

fn spend<'a>(facts: &PartFacts<'a>) -> SpendRows<'a> {
    let state = facts.dashboard;
    let figure = |sum: SpendSum| SpendFigure {
        usd: sum.known(),
        sessions: sum.sessions,
        unknown: sum.unknown,
        ..SpendFigure::default()
    };
    let day = |(day, sum): (Timestamp, SpendSum)| SpendFigure {
        day: day.to_string().get(..10).map(str::to_owned),
        ..figure(sum)
    };
    let is_known = facts.has_events();
    SpendRows {
        budget: facts.budget,
        running: summary::has_sessions(state).then(|| figure(state.running_cost())),
        days: is_known.then(|| state.spend.by_day().into_iter().map(day).collect()),
        causes: is_known.then(|| {
            let causes = state.spent_causes().into_iter();
            let row = |(cause, sum): (TopCause<'a>, SpendSum)| SpendFigure {
                fingerprint: Some(cause.fingerprint),
                title: Some(cause.title),
                ..figure(sum)
            };
            causes.map(row).collect()
        }),
    }
}
