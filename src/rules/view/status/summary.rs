//! The status as one line, for prompts and handovers.
//!
//! Promises: what is unknown or old is named in the line and makes it incomplete, and is never left out
//! as if there were none; what comes first is worth most, because a narrow terminal cuts the end.

use super::{IncidentRow, StatusView};
use crate::money::Usd;
use crate::rules::investigation::session::SessionStatus;
use crate::rules::view::dashboard::queues::NEAR;
use crate::rules::view::screen::symbols::Symbols;
use crate::rules::view::screen::theme::{StyledLine, Tone};
use crate::rules::view::screen::{amounts, cells, problems};
use crate::text::count;
use crate::time::Timestamp;

/// The longest name of a queue, in cells.
const NAME_MAX: usize = 40;

/// The facts about rounds, by the documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoundFacts {
    /// The newest sign of a round; None before the first.
    pub last: Option<Timestamp>,
    /// The usual time between two rounds, in milliseconds, where it is known.
    pub interval_ms: Option<u64>,
    /// Scopes, parts of scopes and named queues that cannot be polled.
    pub failures: u64,
}

/// The facts that the line is made from.
#[derive(Debug, Clone, Copy)]
pub struct SummaryFacts<'a> {
    pub view: &'a StatusView,
    /// The rounds by `queues.json`; None when it could not be read.
    pub rounds: Option<RoundFacts>,
}

/// The line.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub line: StyledLine,
    /// Whether everything is known, and rounds finish.
    pub is_complete: bool,
}

/// Returns the line.
pub fn summary(facts: &SummaryFacts<'_>, symbols: Symbols) -> Summary {
    let (view, now) = (facts.view, facts.view.at);
    let unknown = unknown(facts, now);
    let open = view.incidents.as_deref().unwrap_or_default();
    let unread = open.iter().filter(|one| one.depth.is_none()).count() as u64;
    let is_complete = unknown.is_empty() && unread == 0;
    let nearest = nearest(open);
    let loss = nearest.map(|one| {
        let name = cells::clean(&one.queue);
        let name = cells::cut_name(&name, NAME_MAX, symbols.cut);
        match one.window().first() {
            Some(_) => format!("first loss {} ({name})", amounts::loss(one.window(), now)),
            None => format!("loss unknown ({name})"),
        }
    });
    let mut parts = unknown;
    parts.push(incidents(facts, open));
    parts.extend(loss);
    if unread > 0 {
        parts.push(format!("{unread} unreadable"));
    }
    let running = |one: &&super::SessionRow| one.status == SessionStatus::Running;
    let running = view.sessions.iter().flatten().filter(running).count();
    if running > 0 {
        parts.push(format!("{running} investigating"));
    }
    parts.extend(spend(view));
    let (symbol, tone) = match open.iter().any(|one| is_lost_soon(one, now)) {
        true => (symbols.worst, Tone::Worst),
        false if !open.is_empty() => (symbols.bad, Tone::Bad),
        false if !is_complete => (symbols.unknown, Tone::Warning),
        false => (symbols.good, Tone::Plain),
    };
    let line = StyledLine::from_text(symbol, tone).with(" dlq: ", Tone::Plain);
    Summary { line: line.with(&parts.join(", "), Tone::Plain), is_complete }
}

/// Returns a clause for each part that is unknown or old.
fn unknown(facts: &SummaryFacts<'_>, now: Timestamp) -> Vec<String> {
    let mut parts = Vec::new();
    let view = facts.view;
    let documents = [view.sessions.is_some(), view.spend.is_some(), view.acks.is_some()];
    if facts.rounds.is_none() && !documents.contains(&true) {
        return vec!["state cannot be read".into()];
    }
    match facts.rounds {
        None => parts.push("queues unknown".into()),
        Some(RoundFacts { last: None, .. }) => parts.push("no round yet".into()),
        Some(RoundFacts { last: Some(last), interval_ms, failures }) => {
            let missing = problems::missing_for(last, interval_ms, now);
            parts.extend(missing.map(|span| format!("no round for {}", amounts::age(span))));
            if super::is_ahead_of_clock(last, now) {
                parts.push("clock behind the last round".into());
            }
            if failures > 0 {
                parts.push(format!("{} not polled", count(failures, "scope")));
            }
        }
    }
    if view.sessions.is_none() {
        parts.push("investigations unknown".into());
    }
    if view.spend.is_none() {
        parts.push("spend unknown".into());
    }
    if view.acks.is_none() || view.silences.is_none() {
        parts.push("acknowledgements unknown".into());
    }
    let known = parts.len();
    // A problem without a part of its own, such as a lock that cannot be asked.
    if known == 0 && !view.problems.is_empty() {
        parts.push(count(view.problems.len() as u64, "problem"));
    }
    parts
}

/// Returns how many incidents are open. Where a document is missing there may be more.
fn incidents(facts: &SummaryFacts<'_>, open: &[IncidentRow]) -> String {
    let is_whole = facts.rounds.is_some() && facts.view.sessions.is_some();
    let acked = open.iter().filter(|one| one.acked_until.is_some()).count();
    let acked = if acked > 0 { format!(" ({acked} acknowledged)") } else { String::new() };
    match (open.len(), facts.view.incidents.is_some(), facts.rounds) {
        (_, false, _) => "incidents unknown".into(),
        (0, _, Some(RoundFacts { last: None, .. })) => "incidents unknown".into(),
        (0, _, _) if !is_whole => "no open incident known".into(),
        (0, _, _) => "no open incident".into(),
        (number, _, _) if !is_whole => format!("{number} open or more{acked}"),
        (number, _, _) => format!("{number} open{acked}"),
    }
}

/// Returns the incident whose messages are lost first, of those that may have any.
fn nearest(open: &[IncidentRow]) -> Option<&IncidentRow> {
    // They are sorted so, those without a known time last.
    open.iter().find(|one| one.depth != Some(0))
}

fn is_lost_soon(one: &IncidentRow, now: Timestamp) -> bool {
    let soon = now.plus(NEAR[1]);
    one.depth != Some(0) && one.window().first().is_some_and(|at| at <= soon)
}

/// Returns what was spent and reserved in 24 hours; None without any.
fn spend(view: &StatusView) -> Option<String> {
    let spend = view.spend.as_ref()?;
    let all = spend.spent_usd.plus(spend.reserved_usd);
    let limit = amounts::usd(spend.limit_usd);
    (all != Usd::NONE).then(|| format!("{} of {limit} spent or reserved", amounts::usd(all)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rules::investigation::budget::BudgetLimits;
    use crate::rules::view::status::{InvestigationState, StateDocuments, spend, view};

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-22T16:00:00Z").unwrap()
    }

    fn ahead(seconds: u64) -> Option<Timestamp> {
        Some(now().plus(Duration::from_secs(seconds)))
    }

    fn limits() -> BudgetLimits {
        BudgetLimits { per_day: Usd::from_dollars(25.0).unwrap(), ..BudgetLimits::default() }
    }

    /// Returns the view of a whole state without an incident.
    fn quiet() -> StatusView {
        let documents = StateDocuments {
            sessions: Some(Default::default()),
            watched: Some(Default::default()),
            budget: Some(Default::default()),
            acks: Some(Default::default()),
            silences: Some(Default::default()),
        };
        let view = view(&documents, &Default::default(), &limits(), "/state", now());
        StatusView { incidents: Some(Vec::new()), ..view }
    }

    fn incident(queue: &str, depth: Option<u64>, before: Option<Timestamp>) -> IncidentRow {
        IncidentRow {
            incident: queue.into(),
            queue: queue.into(),
            arn: format!("arn:{queue}"),
            region: String::new(),
            account: String::new(),
            depth,
            since: now(),
            expires_after: None,
            expires_before: before,
            investigation: InvestigationState::default(),
            acked_until: None,
            silenced_until: None,
        }
    }

    const FRESH: Option<RoundFacts> =
        Some(RoundFacts { last: None, interval_ms: Some(60_000), failures: 0 });

    /// Returns the line of a view whose last round was so many seconds ago.
    fn line(view: &StatusView, since: u64, rounds: Option<RoundFacts>) -> (String, bool) {
        let last = Some(now().minus(Duration::from_secs(since)));
        let rounds = rounds.map(|rounds| RoundFacts { last, ..rounds });
        let found = summary(&SummaryFacts { view, rounds }, Symbols::new(true, false));
        (found.line.text(), found.is_complete)
    }

    #[test]
    fn unknown_is_said_and_never_none() {
        let failing = FRESH.map(|rounds| RoundFacts { failures: 2, ..rounds });
        type Change = fn(&mut StatusView);
        let rows: [(&str, Change, u64, Option<RoundFacts>, &str); 10] = [
            ("all is known", |_| {}, 20, FRESH, "+ dlq: no open incident"),
            ("old rounds", |_| {}, 7200, FRESH, "? dlq: no round for 2h, no open incident"),
            ("a scope", |_| {}, 20, failing, "? dlq: 2 scopes not polled, no open incident"),
            ("queues.json", |_| {}, 20, None, "? dlq: queues unknown, no open incident known"),
            (
                "sessions.json",
                |view| view.sessions = None,
                20,
                FRESH,
                "? dlq: investigations unknown, no open incident known",
            ),
            (
                "both",
                |view| (view.sessions, view.incidents) = (None, None),
                20,
                None,
                "? dlq: queues unknown, investigations unknown, incidents unknown",
            ),
            (
                "a closed folder",
                |view| {
                    (view.sessions, view.incidents, view.spend) = (None, None, None);
                    (view.acks, view.silences) = (None, None);
                    view.problems = vec!["cannot open".into()];
                },
                20,
                None,
                "? dlq: state cannot be read, incidents unknown",
            ),
            (
                "budget.json",
                |view| view.spend = None,
                20,
                FRESH,
                "? dlq: spend unknown, no open incident",
            ),
            (
                "acks.json",
                |view| view.acks = None,
                20,
                FRESH,
                "? dlq: acknowledgements unknown, no open incident",
            ),
            (
                "a lock",
                |view| view.problems = vec!["cannot ask".into()],
                20,
                FRESH,
                "? dlq: 1 problem, no open incident",
            ),
        ];
        for (rule, change, since, rounds, expected) in rows {
            let mut view = quiet();
            change(&mut view);
            let whole = expected == rows[0].4;
            assert_eq!(line(&view, since, rounds), (expected.to_owned(), whole), "{rule}");
        }
        let ahead = RoundFacts { last: ahead(301), ..FRESH.unwrap() };
        let found = summary(
            &SummaryFacts { view: &quiet(), rounds: Some(ahead) },
            Symbols::new(true, false),
        );
        let expected = "? dlq: clock behind the last round, no open incident";
        assert_eq!((found.line.text().as_str(), found.is_complete), (expected, false));
        let nothing = SummaryFacts { view: &quiet(), rounds: Some(RoundFacts::default()) };
        let found = summary(&nothing, Symbols::new(true, false));
        let expected = "? dlq: no round yet, incidents unknown";
        assert_eq!((found.line.text().as_str(), found.is_complete), (expected, false));
    }

    #[test]
    fn line_names_the_first_loss() {
        let one = |depth, before| incident("orders-dlq", depth, before);
        let rows = [
            ("soon", vec![one(Some(3), ahead(3600))], "X dlq: 1 open, first loss <1h (orders-dlq)"),
            (
                "later",
                vec![one(Some(3), ahead(90_000))],
                "x dlq: 1 open, first loss <25h (orders-dlq)",
            ),
            ("unknown", vec![one(Some(3), None)], "x dlq: 1 open, loss unknown (orders-dlq)"),
            ("empty by now", vec![one(Some(0), ahead(60))], "x dlq: 1 open"),
            (
                "unreadable",
                vec![one(None, ahead(3600)), incident("b", Some(0), None)],
                "X dlq: 2 open, first loss <1h (orders-dlq), 1 unreadable",
            ),
            (
                "acknowledged",
                vec![IncidentRow { acked_until: ahead(5), ..one(Some(0), None) }],
                "x dlq: 1 open (1 acknowledged)",
            ),
            (
                "a hostile name",
                vec![incident("a\u{1b}[2J\u{202e}b", Some(1), None)],
                "x dlq: 1 open, loss unknown (a\\u{1b}[2J\\u{202e}b)",
            ),
        ];
        for (rule, incidents, expected) in rows {
            let is_read = incidents.iter().all(|one| one.depth.is_some());
            let view = StatusView { incidents: Some(incidents), ..quiet() };
            assert_eq!(line(&view, 20, FRESH), (expected.to_owned(), is_read), "{rule}");
        }
    }

    #[test]
    fn line_has_the_spend_once_there_is_one() {
        let budget = serde_json::from_value(serde_json::json!({"spends": [
            {"session": "s", "queue": "q", "fingerprint": null, "at": now(), "reserved_usd": 6.0,
             "cost_usd": null, "settled_at": null},
        ]}));
        let spent = spend(&budget.unwrap(), &limits(), now());
        let view = StatusView { spend: Some(spent), ..quiet() };
        let expected = "+ dlq: no open incident, $6.00 of $25.00 spent or reserved";
        assert_eq!(line(&view, 20, FRESH), (expected.to_owned(), true));
    }
}
