//! The file of a search in a bundle: the lines that show causes, and those around them.

use super::LogEvent;
use crate::rules::evidence::bundle::LogLine;
use crate::text::safe;
use crate::time::Timestamp;

/// Returns the text of the file, a line each, in the order of time. The redacted lines `around` the
/// others name no message.
pub fn write(lines: &[LogLine], around: &[LogEvent]) -> String {
    let mut all: Vec<(Timestamp, String)> = Vec::new();
    for LogLine { at, stream, event, messages, text, .. } in lines {
        all.push((*at, line(*at, stream, event, &messages.join(", "), text)));
    }
    for LogEvent { at, stream, id, text } in around {
        let is_cited = |cited: &LogLine| (&cited.stream, &cited.event) == (stream, id);
        if !lines.iter().any(|cited| is_cited(cited) && cited.at == *at) {
            all.push((*at, line(*at, stream, id, "", text)));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, line)| line).collect()
}

fn line(at: Timestamp, stream: &str, id: &str, messages: &str, text: &str) -> String {
    format!("{at} {} {} ({messages}): {}\n", safe(stream), safe(id), safe(text))
}

/// Returns the lines of such a file.
pub fn read(text: &str) -> Vec<LogEvent> {
    let event = |line: &str| {
        let (head, text) = line.split_once("): ")?;
        let (place, _) = head.rsplit_once(" (")?;
        let (at, place) = place.split_once(' ')?;
        let (stream, id) = place.rsplit_once(' ')?;
        let [stream, id, text] = [stream, id, text].map(str::to_owned);
        Some(LogEvent { at: Timestamp::parse(at)?, stream, id, text })
    };
    text.lines().filter_map(event).collect()
}
