//! The sessions, the incidents and the queues that a person names. A name that fits none or several
//! is refused with the nearest one, or with those that exist.

use std::collections::BTreeSet;

use super::incident::Incident;
use super::session::Session;
use crate::error::Error;
use crate::rules::queue::document::{Watched, WatchedQueue};
use crate::text::{count, nearest, safe, shorten};

/// The most sessions or places that a refusal names.
const NAMED_MAX: usize = 4;
/// The characters of a session's id in a refusal.
const ID: usize = 13;
/// The fewest characters of an id for which the nearest is named: fewer are near to any.
const NEAREST_MIN: usize = 8;
/// The characters of a refused name that are shown.
const NAME_MAX: usize = 80;

/// Returns the one session whose id begins with a text, or the reason why there is none. `kind` says
/// which sessions these are: `running session`.
pub fn session_by_prefix<'a>(
    sessions: impl Iterator<Item = &'a Session>,
    prefix: &str,
    kind: &str,
) -> Result<&'a Session, String> {
    let all: Vec<&Session> = sessions.collect();
    let begins = |one: &&&Session| !prefix.is_empty() && one.id.starts_with(prefix);
    let found: Vec<&Session> = all.iter().filter(begins).copied().collect();
    match found.as_slice() {
        [session] => Ok(session),
        [] => {
            let known = all.iter().map(|one| (one.id.as_str(), one.queue_name.as_str()));
            Err(no_such_id(kind, prefix, &known.collect::<Vec<_>>()))
        }
        several => {
            Err(format!("{} begin like this: {}", count(several.len() as u64, kind), list(several)))
        }
    }
}

/// Returns the reason why nothing of a kind has an id that begins with a text: the nearest id, else
/// those that exist, the newest first. `known` has the ids with the names of their queues, the oldest
/// first.
pub fn no_such_id(kind: &str, prefix: &str, known: &[(&str, &str)]) -> String {
    let length = prefix.chars().count();
    let beginning = |id: &str| id.chars().take(length).collect::<String>();
    let newest_first = || known.iter().rev();
    let beginnings: Vec<String> = newest_first().map(|(id, _)| beginning(id)).collect();
    let near = nearest(prefix, beginnings.iter().map(String::as_str))
        .filter(|_| length >= NEAREST_MIN)
        .and_then(|near| newest_first().find(|(id, _)| id.starts_with(near)));
    match near {
        _ if known.is_empty() => format!("there is no {kind}"),
        Some((id, queue)) => format!("no {kind} has this id; did you mean {}?", shown(id, queue)),
        None => {
            let names = newest_first().map(|(id, queue)| shown(id, queue));
            format!("no {kind} has this id; there is {}", named(names, known.len()))
        }
    }
}

/// Returns an id, shortened, with the name of its queue.
fn shown(id: &str, queue: &str) -> String {
    let id: String = id.chars().take(ID).collect();
    format!("{} ({})", safe(&id), safe(queue))
}

/// Lists sessions, the newest first.
fn list(sessions: &[&Session]) -> String {
    let names = sessions.iter().rev().map(|one| shown(&one.id, &one.queue_name));
    named(names, sessions.len())
}

fn named(names: impl Iterator<Item = String>, all: usize) -> String {
    let mut shown: Vec<String> = names.take(NAMED_MAX).collect();
    if all > shown.len() {
        shown.push(format!("{} more", all - shown.len()));
    }
    shown.join(", ")
}

/// Returns whether an incident is open and its queue has this name, URL or ARN.
pub fn is_open(incident: &Incident, queue: &str) -> bool {
    let own = &incident.queue;
    incident.closed_at.is_none()
        && [&own.name, &own.url, &own.arn].into_iter().any(|it| it == queue)
}

/// Returns the ARN of the one queue with open incidents that a person names by name, URL or ARN.
/// `polled` has the queues for which `dlq-poll` has an open incident.
pub fn open_queue(
    incidents: &[Incident],
    polled: &Watched,
    queue: &str,
    doing: &str,
) -> Result<String, Error> {
    let named_so = incidents.iter().filter(|one| is_open(one, queue));
    let arns: BTreeSet<&str> = named_so.map(|one| one.queue.arn.as_str()).collect();
    match (arns.first(), arns.len()) {
        (Some(arn), 1) => Ok((*arn).to_owned()),
        (Some(_), _) => Err(in_several_places(queue, &arns)),
        (None, _) => {
            let shown = shorten(queue, NAME_MAX);
            let why = no_incident(incidents, polled, queue);
            Err(Error::failed(doing, safe(&shown), why))
        }
    }
}

/// Returns the refusal of a name that several queues have.
pub fn in_several_places(queue: &str, arns: &BTreeSet<&str>) -> Error {
    let places = arns.len();
    let arns = named(arns.iter().map(|arn| safe(arn).into_owned()), places);
    let queue = safe(queue);
    Error::wrong(format!("queue '{queue}' is in {places} places; give one of {arns}"))
}

/// Returns the reason why no open incident is meant: also that only `dlq-poll` knows it yet.
pub fn no_incident(incidents: &[Incident], polled: &Watched, queue: &str) -> String {
    let is_polled = |entry: &WatchedQueue| {
        let own = &entry.queue;
        entry.record.incident.is_some()
            && [&own.name, &own.url, &own.arn].into_iter().any(|it| it == queue)
    };
    if polled.entries().any(is_polled) {
        return "dlq-investigate has not yet seen its open incident; pipe the journal into it: \
                'dlq-log | dlq-investigate'"
            .to_owned();
    }
    let open = incidents.iter().filter(|one| one.closed_at.is_none());
    let names: BTreeSet<&str> = open.map(|one| one.queue.name.as_str()).collect();
    let none = "the queue has no open incident";
    match nearest(queue, names.iter().copied()) {
        _ if names.is_empty() => "no queue has an open incident".to_owned(),
        Some(near) => {
            let queues = count(names.len() as u64, "queue");
            format!("{none}; the nearest of {queues} that have one is '{}'", safe(near))
        }
        None => format!("{none}; 'dlq-status' shows those that have one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Queue;
    use crate::time::Timestamp;

    fn session(id: &str, queue: &str) -> Session {
        Session { id: id.into(), queue_name: queue.into(), ..Session::default() }
    }

    #[test]
    fn session_is_found_by_unique_prefix() {
        let all = [
            session("aaaa-1000", "orders-dlq"),
            session("aaaa-2000", "users-dlq"),
            session("b", "q"),
        ];
        let find = |prefix: &str, count: usize| {
            let found = session_by_prefix(all[..count].iter(), prefix, "running session");
            found.map(|one| one.id.as_str())
        };
        assert_eq!(find("aaaa-2", 3), Ok("aaaa-2000"));
        assert_eq!(find("b", 3), Ok("b"));
        let rows = [
            (
                "aaaa",
                3,
                "2 running sessions begin like this: aaaa-2000 (users-dlq), aaaa-1000 (orders-dlq)",
            ),
            ("", 1, "no running session has this id; there is aaaa-1000 (orders-dlq)"),
            ("c", 1, "no running session has this id; there is aaaa-1000 (orders-dlq)"),
            ("c", 0, "there is no running session"),
            (
                "aaab-1000",
                3,
                "no running session has this id; did you mean aaaa-1000 (orders-dlq)?",
            ),
        ];
        for (prefix, count, why) in rows {
            assert_eq!(find(prefix, count), Err(why.to_owned()), "{prefix}");
        }
    }

    #[test]
    fn queue_in_two_places_is_asked_for() {
        let incident = |region: &str, name: &str| {
            let arn = format!("arn:aws:sqs:{region}:1:{name}");
            let url = format!("https://sqs.{region}.amazonaws.com/1/{name}");
            let queue = Queue { name: name.into(), arn, url, ..Queue::default() };
            Incident::new(region, queue, Timestamp::from_millis(0))
        };
        let mut closed = incident("eu-west-9", "orders-dlq");
        closed.closed_at = Some(Timestamp::from_millis(0));
        let (here, there) =
            (incident("eu-west-1", "orders-dlq"), incident("us-east-1", "orders-dlq"));
        let users = incident("us-east-1", "users-dlq");
        let all = [closed, here, there, users];
        let polled: Watched = serde_json::from_value(serde_json::json!({
            "version": 1, "floor": 0, "rounds": {}, "queues": {"arn:new": {
                "queue": Queue { name: "new-dlq".into(), arn: "arn:new".into(), ..Queue::default() },
                "record": {
                    "seq": 1, "sampled_at": Timestamp::from_millis(0), "misses": 0, "zeros": null,
                    "fall": null, "read": null, "cohorts": [], "retention_s": null,
                    "incident": {"id": "i", "raised_at": Timestamp::from_millis(0),
                                 "raised_depth": 3, "next_step": 6, "tier": null},
                },
            }},
        }))
        .unwrap();
        for name in ["new-dlq", "arn:new"] {
            let why = no_incident(&all, &polled, name);
            assert!(why.starts_with("dlq-investigate has not yet seen its open incident"), "{why}");
        }
        assert_eq!(no_incident(&all[..1], &polled, "old-dlq"), "no queue has an open incident");
        let find = |queue: &str| open_queue(&all, &Watched::default(), queue, "investigate queue");
        let (arn, other) =
            ("arn:aws:sqs:us-east-1:1:orders-dlq", "arn:aws:sqs:eu-west-1:1:orders-dlq");
        assert_eq!(find("users-dlq").unwrap(), "arn:aws:sqs:us-east-1:1:users-dlq");
        assert_eq!(find(arn).unwrap(), arn);
        assert_eq!(find("https://sqs.us-east-1.amazonaws.com/1/orders-dlq").unwrap(), arn);
        let which = format!("queue 'orders-dlq' is in 2 places; give one of {other}, {arn}");
        assert_eq!(find("orders-dlq"), Err(Error::Wrong(which)));
        let rows = [
            (
                "order-dlq",
                "the queue has no open incident; the nearest of 2 queues that have one is 'orders-dlq'",
            ),
            ("zebra", "the queue has no open incident; 'dlq-status' shows those that have one"),
        ];
        for (queue, why) in rows {
            let sentence = format!("cannot investigate queue '{queue}': {why}");
            assert_eq!(find(queue), Err(Error::Failed(sentence)));
        }
        assert_eq!(
            no_incident(&all[..1], &Watched::default(), "orders-dlq"),
            "no queue has an open incident"
        );
    }
}
