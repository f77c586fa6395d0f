//! Tables of lines, and single searches.

mod all_fail;
mod cli;
mod wider;

use std::time::Duration;

use super::answer::{AnswerKind, LogAnswer};
use super::line::{Mark, error_of, mark, uuids};
use super::query::LogPage;
use super::query::LogQuery;
use super::*;
use crate::rules::evidence::redact::Redactor;

const R: &str = "0d6f3b1c-5e0e-4a4e-9d2a-0c1a5d0e6a5c";
const M: &str = "059f36b4-87a3-44ab-83d2-661975830a7d";
const OTHER: &str = "2e1424d4-f796-459a-8184-9c92662be6da";

/// A name, a line, and the begin of the title of its error with whether that is terminal.
type LineRow<'a> = (&'a str, String, Option<(&'a str, bool)>);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[test]
fn errors_of_lines_have_title_and_end() {
    let t = "2026-11-28T10:00:00.101Z";
    let rows: [LineRow<'_>; 28] = [
        ("start", format!("START RequestId: {R} Version: $LATEST"), None),
        ("report", format!("REPORT RequestId: {R}\tDuration: 12.31 ms\tError Type: x"), None),
        ("info", format!("[INFO]\t{t}\t{R}\tno error, really"), None),
        ("print", format!("{M} ok"), None),
        ("info with a body", format!("{t}\t{R}\tINFO\treceived {M} body={{\"note\":\"ERROR ValueError: forged\"}}"), None),
        ("print with a body", format!("received {M} {{\"note\":\"ERROR ValueError: forged\"}}"), None),
        ("info about an error", format!("INFO {M} previous state ERROR cleared: KeyError: resolved"), None),
        ("JSON, info with a type", format!("{{\"level\":\"INFO\",\"message\":\"got {M}\",\"errorType\":\"none\"}}"), None),
        (
            "Python, unhandled",
            "[ERROR] KeyError: 'customer_id'\nTraceback (most recent call last):\n\u{a0}\u{a0}File \
             \"/var/task/index.py\", line 12, in handler\n\u{a0}\u{a0}\u{a0}\u{a0}charge(record)"
                .into(),
            Some(("KeyError: 'customer_id' in handler", true)),
        ),
        (
            "Python, import",
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'index': No module named \
             'requests'\nTraceback (most recent call last):"
                .into(),
            Some(("ImportModuleError: Unable to import module", true)),
        ),
        (
            "Python, logged",
            format!("[ERROR]\t{t}\t{R}\tfailed: {M}\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad quantity"),
            Some(("ValueError: bad quantity", false)),
        ),
        ("Python, words", format!("[ERROR]\t{t}\t{R}\tstock is empty"), Some(("stock is empty", false))),
        (
            "Node, unhandled",
            format!("{t}\t{R}\tERROR\tInvoke Error \t{{\"errorType\":\"TypeError\",\"errorMessage\":\"x is not a function\",\"stack\":[\"TypeError: x is not a function\",\"    at handler (/var/task/index.js:7:19)\"]}}"),
            Some(("TypeError: x is not a function", true)),
        ),
        ("Node, logged", format!("{t}\t{R}\tERROR\tRangeError: too far"), Some(("RangeError: too far", false))),
        ("timeout", format!("{t} {R} Task timed out after 3.00 seconds\n\n"), Some(("Task timed out after", true))),
        ("timeout, quoted", "[INFO] it said Task timed out after 3.00 seconds".into(), None),
        (
            "killed",
            format!("RequestId: {R} Error: Runtime exited with error: signal: killed\nRuntime.ExitError"),
            Some(("Runtime exited with error: signal: killed", true)),
        ),
        ("platform, success", format!("{{\"type\":\"platform.report\",\"record\":{{\"requestId\":\"{R}\",\"status\":\"success\"}}}}"), None),
        ("platform, timeout", format!("{{\"type\":\"platform.report\",\"record\":{{\"requestId\":\"{R}\",\"status\":\"timeout\"}}}}"), Some(("Task timed out", true))),
        ("platform, unhandled", format!("{{\"type\":\"platform.report\",\"record\":{{\"requestId\":\"{R}\",\"status\":\"error\",\"errorType\":\"KeyError\"}}}}"), None),
        ("platform, exit", format!("{{\"type\":\"platform.runtimeDone\",\"record\":{{\"requestId\":\"{R}\",\"status\":\"error\",\"errorType\":\"Runtime.ExitError\"}}}}"), Some(("Runtime exited", true))),
        ("JSON, info", format!("{{\"level\":\"INFO\",\"requestId\":\"{R}\",\"message\":\"error\"}}"), None),
        ("JSON, unhandled", format!("{{\"log_level\":\"ERROR\",\"requestId\":\"{R}\",\"errorType\":\"KeyError\",\"errorMessage\":\"'sku'\",\"stackTrace\":[]}}"), Some(("KeyError: 'sku'", true))),
        ("JSON, nested", format!("{{\"level\":\"ERROR\",\"requestId\":\"{R}\",\"message\":{{\"errorType\":\"TypeError\",\"errorMessage\":\"no id\"}}}}"), Some(("TypeError: no id", true))),
        ("JSON, Powertools", "{\"level\":\"ERROR\",\"message\":\"cannot charge\",\"exception_name\":\"CardError\",\"exception\":\"Traceback (most recent call last):\\n  File \\\"a.py\\\", line 1, in f\\nCardError: declined\"}".into(), Some(("CardError: ", false))),
        ("log4j", "2026-11-28 10:00:00,123 ERROR [main] com.acme.Worker - no stock".into(), Some(("", false))),
        ("Java, raw", "java.lang.IllegalStateException: no stock\n\tat com.acme.Worker.run(Worker.java:42)".into(), Some(("IllegalStateException: no stock", false))),
        ("Go, panic", "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\nmain.handle(0xc000)".into(), Some(("panic: ", true))),
    ];
    for (name, line, expected) in rows {
        let found = error_of(&line);
        let shown = found
            .as_ref()
            .and_then(|found| Some((fingerprint_of(&found.text)?.title, found.terminal)));
        match (&shown, expected) {
            (None, None) => {}
            (Some((title, terminal)), Some((start, end))) => {
                assert!(title.starts_with(start) && *terminal == end, "{name}: {shown:?}");
            }
            _ => panic!("{name}: {shown:?}"),
        }
    }
}

#[test]
fn lines_name_their_request() {
    let request = |id: &str| Some(Mark::Request(id.to_owned()));
    let rows = [
        (format!("START RequestId: {R} Version: 3"), Some(Mark::Start(R.into()))),
        (format!("REPORT RequestId: {R}\tDuration: 1 ms"), Some(Mark::Report(R.into()))),
        (format!("END RequestId: {R}"), request(R)),
        (format!("[INFO]\t2026-11-28T10:00:00.101Z\t{R}\tx"), request(R)),
        (format!("2026-11-28T10:00:00.101Z\t{R}\tERROR\tx"), request(R)),
        (format!("RequestId: {R} Error: Runtime exited"), request(R)),
        (format!("{{\"level\":\"INFO\",\"requestId\":\"{R}\"}}"), request(R)),
        (
            format!("{{\"type\":\"platform.start\",\"record\":{{\"requestId\":\"{R}\"}}}}"),
            Some(Mark::Start(R.into())),
        ),
        (format!("processing message of order {M}"), None),
    ];
    for (line, expected) in rows {
        assert_eq!(mark(&line), expected, "{line}");
    }
    let text = format!("{M},{OTHER} x{R}a é0{M}");
    assert_eq!(uuids(&text).collect::<Vec<_>>(), [M, OTHER]);
}

fn letter(first: Option<i64>) -> Letter {
    Letter {
        item: "m1".into(),
        message_id: M.into(),
        sent_at: Some(at(0)),
        first_received_at: first.map(at),
    }
}

fn consumer() -> Consumer {
    Consumer {
        group: "/aws/lambda/orders".into(),
        function: Some("orders".into()),
        timeout: Duration::from_secs(6),
        batching: Duration::ZERO,
        visibility: Duration::from_secs(36),
        receives: 3,
    }
}

fn event(millis: i64, id: u32, text: &str) -> LogEvent {
    let stream = "2026/11/28/[$LATEST]0a".into();
    LogEvent { at: at(millis), stream, id: id.to_string(), text: text.into() }
}

/// Searches among these lines, an hour after the move.
fn found(lines: &[LogEvent], first: Option<i64>) -> search::SearchResult {
    let mut ask = |asked: &LogQuery| {
        let here = |event: &&LogEvent| asked.window.from <= event.at && event.at <= asked.window.to;
        Ok(LogPage { events: lines.iter().filter(here).cloned().collect(), complete: true })
    };
    search::search(&[letter(first)], &consumer(), at(200_000), at(4_000_000), &mut ask)
}

#[test]
fn error_is_taken_from_line_or_invocation_of_id() {
    let start = format!("START RequestId: {R} Version: $LATEST");
    let begun = format!("[INFO]\tT\t{R}\tprocessing {M}");
    let other = format!("[INFO]\tT\t{R}\tprocessing {OTHER}");
    let warned = format!("[ERROR]\tT\t{R}\tValueError: of this message");
    let of_other = format!("[ERROR]\tT\t{R}\tTypeError: of the other message");
    let named = format!("[ERROR]\tT\t{R}\tfailed {M}\nKeyError: 'x'");
    let vague = format!("[ERROR]\tT\t{R}\tcannot process {M}");
    let timed_out = format!("T {R} Task timed out after 6.00 seconds");
    let ended = format!("REPORT RequestId: {R}\tDuration: 1 ms");
    let dump = format!("[INFO]\tT\t{R}\t{{\"Records\":[\"{M}\",\"{OTHER}\"]}}");
    let late = "[ERROR] TypeError: of the next invocation";
    let list = format!("[ERROR]\tT\t{R}\tfailed {OTHER}, batch {M}\nKeyError: 'x'");
    let cleanup = format!("[ERROR]\tT\t{R}\tcleanup of {M} failed\nIOError: gone");
    let longer = format!("[ERROR]\tT\t{R}\tfailed x{M}9\nKeyError: 'x'");
    let rows: [(&str, Vec<&str>, Option<&str>); 12] = [
        ("a line about another message", vec![&start, &list, &ended], None),
        ("the first error", vec![&start, &named, &cleanup, &ended], Some("KeyError")),
        ("a longer word", vec![&start, &longer, &ended], None),
        ("the line itself", vec![&start, &begun, &named, &ended], Some("KeyError")),
        ("after the line", vec![&start, &begun, &warned, &ended], Some("ValueError")),
        ("not of another message", vec![&start, &begun, &other, &of_other, &ended], None),
        (
            "what ended it",
            vec![&start, &begun, &warned, &other, &timed_out],
            Some("Task timed out"),
        ),
        ("not after the end", vec![&start, &begun, &ended, late], None),
        ("words, then a class", vec![&start, &vague, &warned, &ended], Some("ValueError")),
        ("words alone", vec![&start, &vague, &ended], Some("cannot process")),
        ("a whole batch, one error", vec![&start, &dump, &of_other, &ended], Some("TypeError")),
        ("a whole batch, two errors", vec![&start, &dump, &of_other, &warned, &ended], None),
    ];
    for (name, texts, title) in rows {
        let lines: Vec<LogEvent> =
            (1..).zip(texts).map(|(n, text)| event(100_000 + i64::from(n), n, text)).collect();
        let found = found(&lines, Some(99_900));
        let cause = found.causes.first();
        let is_right = match (cause, title) {
            (Some(cause), Some(title)) => {
                cause.fingerprint.title.starts_with(title)
                    && cause.by == FoundBy::MessageId
                    && cause.lines[0].receive == Some(1)
            }
            (None, None) => found.answer.kind == AnswerKind::NoCause,
            _ => false,
        };
        assert!(is_right, "{name}: {found:?}");
    }
}

#[test]
fn logged_error_has_the_fingerprint_of_a_carried_one() {
    use crate::rules::evidence::message::Message;
    use crate::rules::evidence::{decode, fingerprint};
    let body = "ValueError: quantity must be positive";
    let carried =
        fingerprint::compute(&decode::decode(&Message { body: body.into(), ..Message::default() }));
    assert_eq!(fingerprint_of(body).unwrap().id, carried.id);
    assert_eq!(fingerprint_of(""), None);
}

#[test]
fn search_without_trusted_first_receive_uses_ids_only() {
    let failing = format!("[ERROR]\tT\t{R}\tfailed {M}\nKeyError: 'x'");
    let lines = [event(50_000, 1, &failing)];
    let result = found(&lines, Some(300_000));
    assert_eq!(result.causes[0].lines[0].receive, None, "the receive cannot be told");
    assert_eq!(found(&[], None).answer.kind, AnswerKind::NoCause);
}

#[test]
fn failure_of_a_question_is_the_answer() {
    let mut asked = 0;
    let mut ask = |_: &LogQuery| {
        asked += 1;
        Err(LogAnswer::new(AnswerKind::Denied, "no"))
    };
    let result =
        search::search(&[letter(Some(100))], &consumer(), at(200_000), at(4_000_000), &mut ask);
    assert_eq!((result.answer.kind, asked), (AnswerKind::Denied, 1), "nothing is asked again");
    let mut ask = |_: &LogQuery| Ok(LogPage { events: Vec::new(), complete: false });
    let result =
        search::search(&[letter(Some(100))], &consumer(), at(200_000), at(4_000_000), &mut ask);
    assert_eq!(result.answer.kind, AnswerKind::Cut, "what was not read is not absent");
    let mut ask = |_: &LogQuery| Ok(LogPage { events: Vec::new(), complete: true });
    let result =
        search::search(&[letter(Some(100))], &consumer(), at(200_000), at(200_000), &mut ask);
    assert_eq!(result.answer.kind, AnswerKind::NotYet);
    let result =
        search::search(&[letter(Some(100))], &consumer(), at(200_000), at(4_000_000), &mut ask);
    assert_eq!(result.answer.kind, AnswerKind::NeverRun);
}

/// Too many lines for one question, and more moments of first receive than questions.
#[test]
fn search_of_some_moments_proves_nothing_of_others() {
    let letters = |count: i64| -> Vec<Letter> {
        let one = |n: i64| Letter { item: format!("m{n}"), ..letter(Some(n * 600_000)) };
        (1..=count).map(one).collect()
    };
    let mut ask = |asked: &LogQuery| {
        let is_short = asked.window.to.since(asked.window.from) < Duration::from_secs(20);
        let complete =
            is_short || asked.pattern.as_ref().is_some_and(|pattern| pattern.contains(M));
        Ok(LogPage { events: Vec::new(), complete })
    };
    for (count, kind) in [(3, AnswerKind::NeverRun), (4, AnswerKind::Cut)] {
        let moved = at(count * 600_000 + 200_000);
        let later = moved.plus(Duration::from_secs(3600));
        let found = search::search(&letters(count), &consumer(), moved, later, &mut ask);
        assert_eq!(found.answer.kind, kind, "{count}: {found:?}");
    }
}

#[test]
fn output_of_commands_explains_messages_it_names() {
    let json = format!(
        "{{\"events\":[{{\"logStreamName\":\"s\",\"timestamp\":5,\"message\":\"ERROR {M} KeyError: 'x'\",\"eventId\":\"9\"}}]}}"
    );
    let trace = format!(
        "10:00 INFO received {OTHER}\n10:01 ERROR message {M} failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in handle\nKeyError: 'items'\n10:02 INFO next"
    );
    let of_other =
        format!("10:01 ERROR message {OTHER} failed: ValueError: x\n10:02 INFO {M} done");
    let split = format!(
        "ERROR {M} failed\nException in thread \"main\" java.lang.IllegalStateException: no stock\n\tat com.acme.Worker.run(Worker.java:42)"
    );
    let tail = format!(
        "2026-11-28T10:00:00.101000+00:00 2026/11/28/[$LATEST]0a [ERROR]\tT\t{R}\t{M} KeyError: 'y'"
    );
    let rows = [
        ("JSON", json, Some(("KeyError: 'x'", "9"))),
        ("a trace", trace, Some(("KeyError: 'items' in handle", "2"))),
        ("another message", of_other, None),
        ("a split trace", split, Some(("IllegalStateException: no stock", "1"))),
        ("aws logs tail", tail, Some(("KeyError: 'y'", "1"))),
        ("nothing", String::new(), None),
    ];
    for (name, output, expected) in rows {
        let found = command_output::causes(&output, &[letter(None)]);
        let shown = found
            .first()
            .map(|cause| (cause.fingerprint.title.as_str(), cause.lines[0].event.id.as_str()));
        match (shown, expected) {
            (Some((title, id)), Some((start, line))) => {
                assert!(title.starts_with(start) && id == line, "{name}: {found:?}");
                let class = found[0].fingerprint.exception.as_deref().unwrap_or_default();
                let cited = &found[0].lines[0].event.text;
                assert!(cited.contains(class), "{name}: the cited text names the error: {cited}");
            }
            (None, None) => {}
            _ => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn cited_lines_are_redacted_and_merged() {
    let redactor = Redactor::default();
    let cause = |item: &str, text: &str| LoggedCause {
        item: item.into(),
        by: FoundBy::MessageId,
        fingerprint: fingerprint_of("KeyError: 'x'").unwrap(),
        lines: vec![CitedLine { event: event(1, 7, text), receive: Some(2) }],
    };
    let texts =
        ["failed password=hunter2hunter2", "{\"level\":\"ERROR\",\"password\":\"hunter2hunter2\"}"];
    for text in texts {
        let lines = cited_lines(&[cause("m1", text), cause("m2", text)], Some(3), &redactor);
        assert_eq!((lines.len(), lines[0].messages.len()), (1, 2));
        assert!(!lines[0].text.contains("hunter2"), "{lines:?}");
        assert_eq!((lines[0].receive, lines[0].receives), (Some(2), Some(3)));
    }
}

/// Lines of a task, which has no invocations: an error at each receive of letters first received at
/// these moments.
fn task_lines(firsts: &[(i64, &str)]) -> Vec<LogEvent> {
    let lines = firsts.iter().flat_map(|(first, error)| {
        (0..3i64).map(move |receive| (first + receive * 36_000 + 700, (*error).to_owned()))
    });
    let line = |(id, (at, text)): (u32, (i64, String))| LogEvent {
        stream: "orders/worker/0a1b".into(),
        ..event(at, id, &text)
    };
    (1..).zip(lines).map(line).collect()
}

#[test]
fn task_without_invocations_needs_three_moments_that_agree() {
    const KEY: &str = "ERROR failed\nKeyError: 'sku'";
    const VALUE: &str = "ERROR failed\nValueError: no quantity";
    let task = Consumer { group: "/ecs/orders".into(), function: None, ..consumer() };
    let moments = [100_000, 300_000, 500_000];
    let background: Vec<(i64, &str)> = (0..200).map(|n| (100_000 + n * 4000, KEY)).collect();
    let all = |errors: [&'static str; 3]| task_lines(&[0, 1, 2].map(|n| (moments[n], errors[n])));
    let rows = [
        ("all agree", all([KEY; 3]), 3, AnswerKind::Found),
        ("one differs", all([KEY, KEY, VALUE]), 3, AnswerKind::NoCause),
        (
            "two letters",
            task_lines(&[(moments[0], KEY), (moments[1], KEY)]),
            2,
            AnswerKind::NoCause,
        ),
        ("always there", task_lines(&background), 3, AnswerKind::NoCause),
        ("silent", Vec::new(), 3, AnswerKind::NoCause),
    ];
    for (name, lines, count, kind) in rows {
        let mut asked = 0;
        let mut ask = |query: &LogQuery| {
            asked += 1;
            let here = |event: &&LogEvent| query.window.holds(event.at);
            Ok(LogPage { events: lines.iter().filter(here).cloned().collect(), complete: true })
        };
        let letters: Vec<Letter> = (moments.iter().take(count).enumerate())
            .map(|(n, first)| Letter { item: format!("m{n}"), ..letter(Some(*first)) })
            .collect();
        let found = search::search(&letters, &task, at(700_000), at(4_000_000), &mut ask);
        let causes = if kind == AnswerKind::Found { 3 } else { 0 };
        assert_eq!((found.answer.kind, found.causes.len()), (kind, causes), "{name}: {found:?}");
        assert!(asked <= 2 + 3 * 6, "{name}: {asked}");
        for cause in &found.causes {
            assert_eq!((cause.by, cause.lines.len()), (FoundBy::Recurrence, 3), "{name}");
        }
    }
}
