//! The report of an investigation, for people. The agent's words are made safe: they come from
//! outside.

use std::time::Duration;

use crate::event::{Queue, Verdict};
use crate::text::safe;
use crate::time::show_span;

/// The text of the report.
pub fn of(
    session: &str,
    incident: &str,
    queue: &Queue,
    verdict: &Verdict,
    took: Duration,
) -> String {
    let said = |text: &Option<String>| match text {
        Some(text) => safe(text).into_owned(),
        None => "unknown".into(),
    };
    let confidence = verdict.confidence.map_or_else(|| "unknown".into(), |sure| sure.to_string());
    let title = verdict.title.as_deref().unwrap_or("Investigation");
    let lines = [
        format!("# {}\n", safe(title)),
        format!("Queue: {}", safe(&queue.name)),
        format!("Incident: {}", safe(incident)),
        format!("Session: {session}"),
        format!("Status: {}", safe(&verdict.status)),
        format!("Category: {}", said(&verdict.category)),
        format!("Confidence: {confidence}"),
        format!("Redrive: {}", said(&verdict.redrive)),
        format!("Took: {}\n", show_span(took)),
        "The agent's own words are in transcript.ndjson.\n".into(),
    ];
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_unknown_and_nothing_is_raw() {
        let verdict = Verdict {
            status: "likely".into(),
            title: Some("a\u{1b}[2Jb\n# forged".into()),
            ..Verdict::default()
        };
        let text = of("s", "i", &Queue::default(), &verdict, Duration::from_secs(2));
        assert!(text.contains("Confidence: unknown") && text.contains("Took: 2s"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("\n# forged"), "{text}");
    }
}
