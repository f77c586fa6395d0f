//! Lines of a log about work that succeeded.

use super::LogEvent;
use super::invocation;
use super::line;
use super::text_line::worded_error;

/// Returns the lines that report no error, in the order of time, without those of an invocation that
/// failed.
pub fn handled_lines(events: &[LogEvent]) -> Vec<&str> {
    let mut sorted = events.to_vec();
    invocation::sort(&mut sorted);
    let failed: Vec<(String, String)> = (invocation::group(&sorted).into_iter())
        .filter(|run| run.request.is_some() && run.errors().next().is_some())
        .flat_map(|run| run.lines.into_iter().map(|event| (event.stream.clone(), event.id.clone())))
        .collect();
    let is_fine = |event: &&LogEvent| {
        let reports = |text: &str| line::error_of(text).is_some() || worded_error(text).is_some();
        !reports(&event.text)
            && !failed.iter().any(|(stream, id)| *stream == event.stream && *id == event.id)
    };
    events.iter().filter(is_fine).map(|event| event.text.as_str()).collect()
}
