//! Functions of which every invocation fails, as after a bad deployment: nothing is left to compare
//! with.

use super::*;

const FAILED: &str = "[ERROR] Runtime.ImportModuleError: Unable to import module 'a'";

/// Returns the lines of an invocation that starts at this moment: with an error, or a success.
fn invocation(millis: i64, id: u32, error: Option<&str>) -> Vec<LogEvent> {
    let request = format!("{id:08}-87a3-44ab-83d2-661975830a7d");
    let mut texts = vec![format!("START RequestId: {request} Version: $LATEST")];
    texts.extend(error.map(str::to_owned));
    texts.push(format!("REPORT RequestId: {request}\tDuration: 1 ms"));
    (0..).zip(texts).map(|(n, text)| event(millis + n * 10, id * 10 + n as u32, &text)).collect()
}

/// Moment of the start of an invocation, and its error.
type Run<'a> = (i64, Option<&'a str>);

/// Returns the kind of the answer when the letter is received at 100, 136 and 172 s, and other
/// invocations start at these moments.
fn answer(others: &[Run<'_>]) -> (AnswerKind, usize) {
    let own = [100_000, 136_000, 172_000].map(|at| (at, Some(FAILED)));
    let all: Vec<LogEvent> = (1..)
        .zip(own.iter().chain(others))
        .flat_map(|(id, (at, error))| invocation(*at, id, *error))
        .collect();
    let found = found(&all, Some(100_000));
    (found.answer.kind, found.causes.first().map_or(0, |cause| cause.lines.len()))
}

#[test]
fn error_of_every_invocation_is_that_of_the_message() {
    let control = (118_500, Some(FAILED));
    let later = "[ERROR] KeyError: 'x'";
    let rows: [(&str, Vec<Run<'_>>, AnswerKind); 5] = [
        ("others fail in between", vec![control], AnswerKind::Found),
        ("others fail at a receive too", vec![control, (136_300, Some(FAILED))], AnswerKind::Found),
        ("another succeeds at a receive", vec![control, (136_300, None)], AnswerKind::NoCause),
        (
            "another fails otherwise at a receive",
            vec![control, (136_300, Some(later))],
            AnswerKind::NoCause,
        ),
        ("others succeed in between", vec![(118_500, None)], AnswerKind::Found),
    ];
    for (name, others, kind) in rows {
        let lines = if kind == AnswerKind::Found { 3 } else { 0 };
        assert_eq!(answer(&others), (kind, lines), "{name}");
    }
}
