//! The lines of a session's file of events that a filter prints.
//!
//! An agent that runs without a sandbox can write to that file. A line that only another program
//! writes, such as `pr.merged`, or that is about another session, is dropped and counted.

use super::session::Session;
use crate::event::{self, Line, Type};

/// The lines of a session's own supervisor, and the number of the others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OwnLines {
    /// Each line with its LF.
    pub lines: Vec<u8>,
    pub foreign: u64,
}

/// Splits whole lines. A line of more than [`event::LINE_MAX`] bytes is none of the supervisor's.
pub fn own_lines(bytes: &[u8], session: &Session) -> OwnLines {
    let mut own = OwnLines::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match is_own(line.trim_ascii_end(), session) {
            true => own.lines.extend_from_slice(line),
            false => own.foreign += 1,
        }
    }
    own
}

/// Returns the type of a line that a session's supervisor may have written.
pub fn own_type(line: &[u8], session: &Session) -> Option<Type> {
    let Line::Event(head) = event::peek(line) else { return None };
    let emitter = Type::InvestigationStarted.emitter();
    let kind = head.known.filter(|kind| kind.emitter() == emitter)?;
    let is_own = head.source == emitter.as_str()
        && head.subject.as_deref() == Some(session.queue.name.as_str())
        && head.incident.as_deref() == Some(session.incident.as_str())
        && event::session_of(line).is_none_or(|id| id == session.id);
    is_own.then_some(kind)
}

/// Returns the length of the lines before the first that says how the session has ended, or what its
/// fix has proven.
pub fn before_end(bytes: &[u8], session: &Session) -> usize {
    let goes_on = |line: &&[u8]| {
        let kind = own_type(line.trim_ascii_end(), session);
        matches!(kind, None | Some(Type::InvestigationStarted | Type::InvestigationProgressed))
    };
    bytes.split_inclusive(|byte| *byte == b'\n').take_while(goes_on).map(<[u8]>::len).sum()
}

fn is_own(line: &[u8], session: &Session) -> bool {
    line.len() < event::LINE_MAX && own_type(line, session).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, InvestigationStarted, InvestigationStopped, Queue, QueueCleared};
    use crate::time::Timestamp;

    #[test]
    fn lines_of_others_are_dropped_and_counted() {
        let session = Session { id: "s".into(), incident: "i".into(), ..Session::default() };
        let session = Session { queue: queue("orders-dlq"), ..session };
        let event = |session: &str, name: &str, incident: &str| {
            let data = InvestigationStopped {
                queue: queue(name),
                session: session.into(),
                detail: "d".into(),
                cost_usd: None,
                duration_s: 1,
            };
            let event = Event::derived(&[session], name, Timestamp::from_millis(1), data);
            event.of_incident(incident.to_owned()).line()
        };
        let own = event("s", "orders-dlq", "i");
        let text = String::from_utf8(own.clone()).unwrap();
        let replaced = |from: &str, to: &str| text.replace(from, to).into_bytes();
        let data =
            QueueCleared { queue: queue("orders-dlq"), duration_s: 1, cause: "redriven".into() };
        let cleared = Event::derived(&["x"], "orders-dlq", Timestamp::from_millis(1), data);
        let long = format!("{}\n", " ".repeat(event::LINE_MAX));
        let rows = [
            ("its own", own.clone(), true),
            ("of another session", event("t", "orders-dlq", "i"), false),
            ("of another incident", event("s", "orders-dlq", "j"), false),
            ("of another queue", event("s", "other-dlq", "i"), false),
            (
                "of another program",
                replaced("\"source\":\"dlq-investigate\"", "\"source\":\"dlq-prs\""),
                false,
            ),
            ("of a type of another program", cleared.of_incident("i".to_owned()).line(), false),
            ("of an unknown type", replaced("investigation.stopped", "pr.merged"), false),
            ("no event", b"{}\n".to_vec(), false),
            ("no JSON", b"half\n".to_vec(), false),
            ("too long", [long.trim_end_matches('\n').as_bytes(), &own].concat(), false),
        ];
        for (row, line, is_own) in rows {
            let all = [own.as_slice(), &line, own.as_slice()].concat();
            let kept = if is_own { all.clone() } else { own.repeat(2) };
            let expected = OwnLines { lines: kept, foreign: u64::from(!is_own) };
            assert_eq!(own_lines(&all, &session), expected, "{row}");
        }
    }

    #[test]
    fn end_of_a_session_is_found() {
        let session = Session { id: "s".into(), incident: "i".into(), ..Session::default() };
        let session = Session { queue: queue("orders-dlq"), ..session };
        let stopped = |id: &str| InvestigationStopped {
            queue: queue("orders-dlq"),
            session: id.into(),
            detail: "d".into(),
            cost_usd: None,
            duration_s: 1,
        };
        let started = |id: &str| InvestigationStarted {
            queue: queue("orders-dlq"),
            session: id.into(),
            agent: "a".into(),
            pid: None,
            timeout_at: Timestamp::from_millis(9),
        };
        let at = Timestamp::from_millis(1);
        let end = |id: &str| {
            let event = Event::derived(&[id], "orders-dlq", at, stopped(id));
            event.of_incident("i".to_owned()).line()
        };
        let start = Event::derived(&["a"], "orders-dlq", at, started("s"));
        let start = start.of_incident("i".to_owned()).line();
        let (end, other) = (end("s"), end("t"));
        let rows = [
            ("none", vec![&start], start.len()),
            ("an end", vec![&start, &end, &start], start.len()),
            ("an end alone", vec![&end], 0),
            ("that of another session", vec![&other, &start], other.len() + start.len()),
        ];
        for (row, lines, length) in rows {
            let bytes: Vec<u8> = lines.into_iter().flatten().copied().collect();
            assert_eq!(before_end(&bytes, &session), length, "{row}");
        }
        assert_eq!(before_end(b"", &session), 0);
    }

    fn queue(name: &str) -> Queue {
        Queue { name: name.into(), ..Queue::default() }
    }
}
