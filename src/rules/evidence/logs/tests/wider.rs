//! Errors without a level or a class, traces in several events, and the lines around a hit.

use super::*;
use crate::rules::evidence::logs::neighbours::{neighbours, redacted};
use crate::rules::evidence::logs::text_line::worded_error;
use crate::rules::evidence::logs::{handled, lines_file, trace_lines};

#[test]
fn levels_in_lower_case_stand_behind_a_time_or_before_a_mark() {
    let rows = [
        ("winston", "2026-11-28T10:00:00.1Z error message 7 failed", Some("message 7 failed")),
        ("winston, simple", "error: no stock", Some("no stock")),
        ("brackets", "[error] no stock", Some("no stock")),
        ("brackets and time", "[28/Nov/2026 10:00:00] [error] no stock", Some("no stock")),
        (".NET", "fail: Example.Worker[0] no stock", Some("Example.Worker[0] no stock")),
        (
            ".NET, time",
            "2026-11-28 10:00:00 crit: Example[0] no stock",
            Some("Example[0] no stock"),
        ),
        (
            "logfmt",
            "time=1 level=error msg=\"no stock\" error=\"503 from x\"",
            Some("no stock: 503 from x"),
        ),
        ("logfmt, bare", "level=error order=7 err=timeout", Some("timeout")),
        ("logfmt, no error", "level=error msg=broken", Some("msg=broken")),
        ("logfmt, quoted level", "severity=\"fatal\" msg=x", Some("msg=x")),
        ("logfmt, info", "level=info msg=\"level=error\" error=x", None),
        ("logfmt, warning", "10:00 level=warn error=\"503\" retry=true", None),
        (".NET, info", "info: Example.Worker[0] error handling is on", None),
        ("a sentence", "error handling is on", None),
        ("a sentence behind words", "order worker error none", None),
        ("in a body", "received {\"a\": \"level=error\"}", None),
    ];
    for (name, line, expected) in rows {
        let found = error_of(line).map(|error| error.text);
        assert_eq!(found.as_deref(), expected, "{name}");
    }
}

#[test]
fn line_that_begins_with_a_class_is_an_error() {
    let rows = [
        ("KeyError: 'sku'", true),
        ("java.lang.IllegalStateException: no stock", true),
        ("com.acme.Worker$StockException", true),
        ("botocore.exceptions.ClientError: denied\n  File \"a.py\", line 1", true),
        ("Error: connect ECONNREFUSED", true),
        ("Error handling is on", false),
        ("Error", false),
        ("MyError handling is on", false),
        ("handleError: x", false),
        ("terror: x", false),
        ("received KeyError: 'sku'", false),
    ];
    for (line, is_error) in rows {
        assert_eq!(error_of(line).is_some(), is_error, "{line}");
    }
}

#[test]
fn failures_are_told_by_their_words() {
    let fails = [
        "failed to reserve stock for order 7",
        "10:00:00 order 7: could not reach the desk",
        "WARN cannot reserve stock, will retry",
        "warn: unable to charge",
        "child exited with code 137",
        "convert: exit status 2",
        "command returned non-zero exit status 1.",
        "exited with non-zero status 3",
        "dial tcp 10.0.0.1:5432: connection refused",
        "open /data/x: no such file or directory",
    ];
    for line in fails {
        assert!(worded_error(line).is_some(), "{line}");
        assert_eq!(error_of(line), None, "{line}");
    }
    let others = [
        "handled order 7",
        "INFO failed to find a cached price, asked the desk",
        "[INFO] cannot wait to start",
        "0 failed to import",
        "it never failed to answer",
        "without connection refused",
        "exited with code 0",
        "exit status 0",
        "exited with pride",
        "received {\"note\": \"failed to pay\"}",
        "note \"cannot pay\" saved",
        "failed: 0, done: 12",
        "{\"level\":\"info\",\"msg\":\"failed to pay\"}",
        "REPORT RequestId: x timed out",
    ];
    for line in others {
        assert_eq!(worded_error(line), None, "{line}");
    }
}

/// Events a millisecond apart.
fn events(texts: &[&str]) -> Vec<LogEvent> {
    (1..).zip(texts).map(|(n, text)| event(100_000 + i64::from(n), n, text)).collect()
}

#[test]
fn traces_in_several_events_are_joined() {
    let python = [
        "ERROR message failed",
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1, in handle",
        "    charge(order)",
        "KeyError: 'items'",
    ];
    let chained = [
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1, in f",
        "stripe.CardDeclined: no",
        "During handling of the above exception, another exception occurred:",
        "Traceback (most recent call last):",
        "  File \"a.py\", line 2, in g",
        "ValueError: x",
    ];
    let java = [
        "java.lang.IllegalStateException: no stock",
        "\tat com.acme.Worker.run(Worker.java:42)",
        "Caused by: java.io.IOException: closed",
        "\tat com.acme.Desk.call(Desk.java:7)",
        "\t... 12 more",
    ];
    let go = [
        "panic: index out of range",
        "",
        "goroutine 1 [running]:",
        "main.handle(0xc0)",
        "\t/app/a.go:7 +0x1d",
    ];
    let rows: [(&str, Vec<&str>, usize); 9] = [
        ("Python", [&python[..], &["INFO next"]].concat(), 2),
        ("Python, chained", chained.to_vec(), 1),
        ("Java", [&java[..], &["handled 8"]].concat(), 2),
        ("Go", [&go[..], &["2026-11-28 next"]].concat(), 2),
        ("two traces", [&java[..2], &java[..2]].concat(), 2),
        ("indented, no trace", vec!["INFO body", "  a: 1"], 2),
        ("a class under a line without error", vec!["INFO fine", "KeyError: 'x'"], 2),
        ("a class under an error", vec!["failed to pay 7", "KeyError: 'x'"], 1),
        ("at the begin", vec!["INFO fine", "at noon"], 2),
    ];
    for (name, texts, count) in rows {
        let joined = trace_lines::join(events(&texts), |_| false);
        assert_eq!(joined.len(), count, "{name}: {joined:?}");
    }
    let joined = trace_lines::join(events(&python), |_| false);
    assert_eq!((joined[0].id.as_str(), joined[0].text.clone()), ("1", python.join("\n")));
    // Never across streams or time, and never what begins an entry.
    let mut apart = events(&java[..2]);
    apart[1].stream = "other".into();
    assert_eq!(trace_lines::join(apart, |_| false).len(), 2);
    let mut late = events(&java[..2]);
    late[1].at = late[0].at.plus(Duration::from_millis(1001));
    assert_eq!(trace_lines::join(late, |_| false).len(), 2);
    assert_eq!(trace_lines::join(events(&java[..2]), |event| event.id == "2").len(), 2);
    let long: Vec<&str> = std::iter::once(java[0]).chain([java[1]; 400]).collect();
    let joined = trace_lines::join(events(&long), |_| false);
    assert_eq!(joined[0].text.lines().count(), 200);
}

#[test]
fn cause_by_id_is_found_in_words_and_in_split_traces() {
    let start = format!("START RequestId: {R} Version: $LATEST");
    let begun = format!("processing {M}");
    let ended = format!("REPORT RequestId: {R}\tDuration: 1 ms");
    let named = format!("failed to reserve stock for {M}");
    let handled = format!("INFO {M} failed to find a price");
    let frame = "\tat com.acme.Worker.run(Worker.java:42)";
    let dump = format!("{{\"Records\":[\"{M}\",\"{OTHER}\"]}}");
    let rows: [(&str, Vec<&str>, Option<&str>); 8] = [
        ("words with the id", vec![&start, &named, &ended], Some("failed to reserve stock")),
        (
            "words behind the id",
            vec![&start, &begun, "exit status 2", &ended],
            Some("exit status 2"),
        ),
        (
            "an error before words",
            vec![&start, &begun, "failed to pay", "[ERROR] KeyError: 'x'", &ended],
            Some("KeyError"),
        ),
        (
            "a split trace",
            vec![&start, &begun, "a.B$StockException: none", frame, &ended],
            Some("a.B$StockException"),
        ),
        (
            "a split trace at the id",
            vec![&start, &named, "java.io.IOException: closed", frame, &ended],
            Some("java.io.IOException: closed"),
        ),
        ("information", vec![&start, &handled, &ended], None),
        ("words about a batch", vec![&start, &dump, "failed to pay", &ended], None),
        ("nothing", vec![&start, &begun, &ended], None),
    ];
    for (name, texts, title) in rows {
        let found = found(&events(&texts), Some(99_900));
        let shown = found.causes.first().map(|cause| cause.fingerprint.title.as_str());
        match (shown, title) {
            (Some(shown), Some(title)) => {
                let class = title.rsplit(['.', '$']).next().unwrap();
                assert!(shown.contains(class) || shown.starts_with(title), "{name}: {shown}");
            }
            (None, None) => {}
            _ => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn error_of_an_earlier_invocation_is_found_when_the_last_has_none() {
    let begun = format!("[INFO]\tT\t{R}\tprocessing {M}");
    let other = format!("{}d", &R[..35]);
    let again = format!("[INFO]\tT\t{other}\tprocessing {M}");
    let lines = [
        event(100_000, 1, &begun),
        event(100_010, 2, &format!("[ERROR]\tT\t{R}\tValueError: no quantity")),
        event(136_100, 3, &again),
        event(136_110, 4, &format!("REPORT RequestId: {other}\tDuration: 1 ms")),
    ];
    let found = found(&lines, Some(99_900));
    let cause = found.causes.first().unwrap_or_else(|| panic!("{found:?}"));
    assert!(cause.fingerprint.title.starts_with("ValueError"), "{cause:?}");
    assert_eq!(cause.lines[0].receive, Some(1));
}

#[test]
fn recurrence_takes_what_ended_the_invocations_before_what_was_handled() {
    let lines = |receive: i64| {
        let at = 100_000 + receive * 36_000 + 100;
        let request = format!("{}{receive}", &R[..35]);
        [
            (at, format!("START RequestId: {request} Version: $LATEST")),
            (at + 10, format!("[ERROR]\tT\t{request}\tCacheError: cold")),
            (at + 20, "[ERROR] KeyError: 'sku'\nTraceback (most recent call last):".to_owned()),
            (at + 60, format!("REPORT RequestId: {request}\tDuration: 60 ms")),
        ]
    };
    // Another invocation succeeds between the receives.
    let between = [
        (118_500, format!("START RequestId: {}9 Version: $LATEST", &R[..35])),
        (118_560, format!("REPORT RequestId: {}9\tDuration: 60 ms", &R[..35])),
    ];
    let mut all: Vec<(i64, String)> = (0..3).flat_map(lines).chain(between).collect();
    all.sort();
    let all: Vec<LogEvent> = (1..).zip(all).map(|(n, (at, text))| event(at, n, &text)).collect();
    let found = found(&all, Some(100_000));
    let cause = found.causes.first().unwrap_or_else(|| panic!("{found:?}"));
    assert!(cause.fingerprint.title.starts_with("KeyError: 'sku'"), "{cause:?}");
}

#[test]
fn recurrence_sees_classes_of_split_traces() {
    let lines = |receive: i64| {
        let at = 100_000 + receive * 36_000 + 100;
        let request = format!("{}{receive}", &R[..35]);
        [
            (at, format!("START RequestId: {request} Version: $LATEST")),
            (at + 20, "java.lang.IllegalStateException: no stock".to_owned()),
            (at + 20, "\tat com.acme.Worker.run(Worker.java:42)".to_owned()),
            (at + 60, format!("REPORT RequestId: {request}\tDuration: 60 ms")),
        ]
    };
    let all = (0..3).flat_map(lines);
    let all: Vec<LogEvent> = (1..).zip(all).map(|(n, (at, text))| event(at, n, &text)).collect();
    let found = found(&all, Some(100_000));
    let cause = found.causes.first().unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(cause.by, FoundBy::Recurrence);
    assert!(cause.fingerprint.title.contains("IllegalStateException: no stock"), "{cause:?}");
    assert!(cause.lines[0].event.text.contains("Worker.java:42"), "{cause:?}");
}

/// Asks for the neighbours of what a search among these lines finds.
fn around(lines: &[LogEvent], complete: bool) -> (Vec<LogEvent>, Vec<LogQuery>) {
    let found = found(lines, Some(99_900));
    let mut asked = Vec::new();
    let mut ask = |query: &LogQuery| {
        asked.push(query.clone());
        let here = |event: &&LogEvent| query.window.from <= event.at && event.at <= query.window.to;
        Ok(LogPage { events: lines.iter().filter(here).cloned().collect(), complete })
    };
    let letters = [letter(Some(99_900))];
    let lines = neighbours(&found, &letters, &consumer(), at(200_000), &mut ask);
    (lines, asked)
}

#[test]
fn neighbours_are_the_lines_around_a_cause_or_a_first_receive() {
    let named = format!("[ERROR]\tT\t{R}\tfailed {M}: KeyError: 'x'");
    let mut lines = vec![event(100_000, 500, &named)];
    lines.extend((0..200).map(|n| event(99_000 - n, n as u32, "handled")));
    lines.extend((0..100).map(|n| event(101_000 + n, 600 + n as u32, "handled")));
    lines.push(event(39_999, 900, "too early"));
    lines.push(event(110_001, 901, "too late"));
    let other =
        LogEvent { stream: "2026/11/28/[$LATEST]0b".into(), ..event(100_000, 902, "other") };
    lines.push(other);
    let (found, asked) = around(&lines, true);
    assert_eq!((found.len(), asked.len()), (160, 1), "120 lines before, 40 from the line on");
    assert!(found.iter().all(|event| !event.text.starts_with("too") && event.text != "other"));
    assert!(found.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert!(found.iter().any(|event| event.text == named));
    // Where one answer does not reach the place, a second one is around it.
    let (_, asked) = around(&lines, false);
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].window.to.since(asked[1].window.from), Duration::from_secs(4));
    // Without a cause: what the log has at the first receive, in all streams.
    let start = format!("START RequestId: {R} Version: $LATEST");
    let (found, asked) = around(&[event(99_950, 1, &start), event(99_000, 2, "before")], true);
    assert_eq!((found.len(), asked[0].stream.as_deref()), (1, None), "{found:?}");
    assert_eq!(around(&[], true).1, [], "where no invocation started there is nothing to see");
}

#[test]
fn failure_to_ask_for_neighbours_changes_no_search() {
    let named = format!("[ERROR]\tT\t{R}\tfailed {M}: KeyError: 'x'");
    let found = found(&[event(100_000, 5, &named)], Some(99_900));
    let asked = std::cell::Cell::new(0);
    let mut ask = |_: &LogQuery| {
        asked.set(asked.get() + 1);
        Err(LogAnswer::new(AnswerKind::Cut, "30 calls"))
    };
    let lines = neighbours(&found, &[letter(Some(99_900))], &consumer(), at(200_000), &mut ask);
    assert_eq!((lines.len(), asked.get()), (0, 1));
    // A search that was denied or cut asks for nothing more.
    let denied = search::SearchResult {
        answer: LogAnswer::new(AnswerKind::Denied, "no"),
        causes: Vec::new(),
    };
    neighbours(&denied, &[letter(Some(99_900))], &consumer(), at(200_000), &mut ask);
    assert_eq!(asked.get(), 1);
}

#[test]
fn neighbours_are_redacted_and_within_limits() {
    let redactor = Redactor::default();
    let lines = [event(1, 1, "login password=hunter2hunter2"), event(2, 2, &"x".repeat(9000))];
    let found = redacted(&lines, &redactor);
    assert!(!found[0].text.contains("hunter2"), "{found:?}");
    assert!(found[1].text.chars().count() <= 8000, "{}", found[1].text.len());
    let many: Vec<LogEvent> = (0..100).map(|n| event(n, n as u32, &"x y ".repeat(2000))).collect();
    let found = redacted(&many, &redactor);
    let bytes: usize = found.iter().map(|event| event.text.len()).sum();
    assert!(bytes <= 256 << 10 && found.len() > 30, "{bytes}");
}

#[test]
fn file_of_a_search_is_read_as_it_was_written() {
    let cause = LoggedCause {
        item: "m1".into(),
        by: FoundBy::MessageId,
        fingerprint: fingerprint_of("KeyError: 'x'").unwrap(),
        lines: vec![CitedLine { event: event(20, 7, "KeyError: 'x' (y): z"), receive: Some(2) }],
    };
    let cited = cited_lines(&[cause], Some(3), &Redactor::default());
    let around = [event(10, 3, "handled {\"a\": \"): \"}"), event(20, 7, "KeyError: 'x' (y): z")];
    let text = lines_file::write(&cited, &around);
    assert_eq!(text.lines().count(), 2, "the cited line is there once: {text}");
    assert!(text.lines().nth(1).unwrap().contains(" 7 (m1): KeyError"), "{text}");
    assert_eq!(lines_file::read(&text), around);
    assert_eq!(lines_file::read("no line\n"), []);
    assert_eq!(lines_file::write(&[], &[]), "");
}

#[test]
fn handled_lines_are_those_of_invocations_without_an_error() {
    let invocation = |n: u32, end: &str| {
        let request = format!("{}{n}", &R[..35]);
        let texts = [
            format!("START RequestId: {request} Version: $LATEST"),
            format!("received {n}"),
            end.to_owned(),
            format!("REPORT RequestId: {request}\tDuration: 1 ms"),
        ];
        let at = 1000 * n;
        (0..)
            .zip(texts)
            .map(move |(k, text)| event(i64::from(at + k), at + k, &text))
            .collect::<Vec<_>>()
    };
    let all = [
        invocation(1, "done"),
        invocation(2, "[ERROR] KeyError: 'x'"),
        invocation(3, "failed to pay"),
    ];
    let all = all.concat();
    let lines = handled::handled_lines(&all);
    let has = |text: &str| lines.contains(&text);
    assert!(has("received 1") && has("done") && has("received 3"), "{lines:?}");
    assert!(!has("received 2") && !has("failed to pay"), "{lines:?}");
}
