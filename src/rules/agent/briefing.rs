//! Facts that an agent needs before its first question: causes, sources, times, errors of the logs
//! and commits, as lines of external text. Pure.

use crate::rules::evidence::bundle::{Group, Sampled, SourceFacts};
use crate::rules::evidence::logs::first_error::FirstError;
use crate::rules::evidence::suspect_commits::Commit;
use crate::rules::triage::{BundleContents, Triage};
use crate::text::{count, safe, shorten};
use crate::time::{Timestamp, show_span};

/// Most causes, with a body each.
const CAUSES: usize = 8;
/// Characters of a body.
const BODY: usize = 1200;
/// Characters of a title or subject.
const TITLE: usize = 200;
/// Most sources, logs and commits.
const SOURCES: usize = 20;
const LOGS: usize = 8;
const COMMITS: usize = 10;
/// Lines and characters of the first error of a log.
const FRAMES: usize = 6;
const ERROR: usize = 800;
/// Most retries of a source whose instants are listed.
const RETRIES: u64 = 10;

/// Lines of a prompt, each of external text without hidden characters. Empty: unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Briefing {
    pub causes: Vec<String>,
    pub sources: Vec<String>,
    pub times: Vec<String>,
    pub log_errors: Vec<String>,
    /// Differences of the dead letters from handled messages.
    pub contrast: Vec<String>,
    /// The base commit first.
    pub commits: Vec<String>,
}

/// Returns what the evidence and the code say. `commits` begin with the base.
pub fn brief(
    bundle: &BundleContents,
    causes: &[Triage],
    errors: &[FirstError],
    contrast: &[String],
    commits: &[Commit],
    now: Timestamp,
) -> Briefing {
    let sources = bundle.queue.sources.as_deref().unwrap_or_default();
    Briefing {
        causes: cause_lines(bundle, causes),
        sources: sources.iter().take(SOURCES).map(source_line).collect(),
        times: time_lines(bundle, sources),
        log_errors: errors.iter().take(LOGS).map(error_line).collect(),
        contrast: contrast.iter().map(|line| safe(line).into_owned()).collect(),
        commits: commit_lines(commits, now),
    }
}

fn cause_lines(bundle: &BundleContents, causes: &[Triage]) -> Vec<String> {
    let sampled = bundle.sampled();
    let groups = &bundle.fingerprints.fingerprints;
    let mut lines = Vec::new();
    for Group { item, id, title, count, place, messages, .. } in groups.iter().take(CAUSES) {
        let place = place.as_ref().map_or(String::new(), |place| format!(", at {place}"));
        let title = shorten(title, TITLE);
        lines.push(format!("{item} ({id}): {count} of {sampled} sampled: {title}{place}"));
        if let Some(known) = causes.iter().find(|cause| cause.group == *item) {
            lines.push(format!("  fixed rules say, unchecked: {}", shorten(&known.reason, ERROR)));
        }
        let first = messages.first().and_then(|id| bundle.messages.iter().find(|m| m.id == *id));
        lines.extend(first.map(|message| format!("  {}: {}", message.id, body(message))));
    }
    if let Some(more) = groups.len().checked_sub(CAUSES).filter(|more| *more > 0) {
        lines.push(format!("and {more} more in fingerprints.json"));
    }
    lines.iter().map(|line| safe(line).into_owned()).collect()
}

fn body(message: &Sampled) -> String {
    let text = message.body.shown().unwrap_or(message.form.as_str().into());
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shorten(&words, BODY).into_owned()
}

fn source_line(source: &SourceFacts) -> String {
    let number = |value: Option<u64>| value.map_or("unknown".to_owned(), |value| value.to_string());
    let line = format!(
        "{}: maxReceiveCount {}, visibility timeout {} s, retention {} s, depth {}",
        source.name,
        number(source.max_receive_count),
        number(source.visibility_s),
        number(source.retention_s),
        number(source.depth)
    );
    safe(&line).into_owned()
}

fn time_lines(bundle: &BundleContents, sources: &[SourceFacts]) -> Vec<String> {
    let span = |what: &str, times: Vec<Timestamp>| {
        let (first, last) = (times.iter().min()?, times.iter().max()?);
        Some(match first == last {
            true => format!("{what} at {first}"),
            false => format!("{what} from {first} to {last}"),
        })
    };
    let asked = bundle.queue.asked_at;
    let by_consumer = |at: &Timestamp| asked.is_none_or(|asked| *at < asked);
    let messages = bundle.messages.iter();
    let sent = messages.clone().filter_map(|message| message.sent_at).collect();
    let received: Vec<Timestamp> =
        messages.filter_map(|message| message.first_received_at).filter(by_consumer).collect();
    let first = received.iter().min().copied();
    let mut lines: Vec<String> = Vec::new();
    lines.extend(span("first sent", sent));
    lines.extend(span("first received by a consumer", received));
    for source in sources.iter().take(SOURCES) {
        lines.extend(first.and_then(|first| retries(first, source)));
    }
    lines
}

/// Returns the instants at which a source hands out the earliest message again: the first receive and
/// each visibility timeout after it.
fn retries(first: Timestamp, source: &SourceFacts) -> Option<String> {
    let (times, visibility) = (source.max_receive_count?, source.visibility_s?);
    if times < 2 || visibility == 0 {
        return None;
    }
    let at = |k: u64| first.plus(std::time::Duration::from_secs(visibility.saturating_mul(k)));
    let shown: Vec<String> = (1..times.min(RETRIES + 1)).map(|k| at(k).to_string()).collect();
    let more = if times > RETRIES + 1 { ", …" } else { "" };
    let name = safe(&source.name).into_owned();
    Some(format!("retries of the earliest from {name} near {}{more}", shown.join(", ")))
}

fn error_line(error: &FirstError) -> String {
    let at = error.at.map_or("at an unknown time".to_owned(), |at| format!("at {at}"));
    let frames: Vec<&str> = error.text.lines().map(str::trim).take(FRAMES).collect();
    safe(&format!("{} {at}: {}", error.log, shorten(&frames.join(" | "), ERROR))).into_owned()
}

fn commit_lines(commits: &[Commit], now: Timestamp) -> Vec<String> {
    let Some(base) = commits.first() else { return Vec::new() };
    let age = show_span(now.since(base.at));
    let mut lines =
        vec![format!("base {} of {}, {age} old: {}", base.hash, base.at, subject(base))];
    let line = |commit: &Commit| format!("{} of {}: {}", &commit.hash, commit.at, subject(commit));
    lines.extend(commits.iter().skip(1).take(COMMITS).map(line));
    if let Some(more) = commits.len().checked_sub(COMMITS + 1).filter(|more| *more > 0) {
        lines.push(format!("and {} in history.txt", count(more as u64, "earlier commit")));
    }
    lines.iter().map(|line| safe(line).into_owned()).collect()
}

fn subject(commit: &Commit) -> String {
    shorten(&commit.subject, TITLE).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::evidence::bundle::{Fingerprints, QueueFacts};
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn message(id: &str, sent: i64, received: i64, body: &str) -> Sampled {
        let sampled = json!({"id": id, "message_id": "x", "fingerprint": "a", "untrusted": true,
            "sent_at": at(sent), "first_received_at": at(received), "receives": 4,
            "source_arn": null, "system": {}, "attributes": {}, "wrapped": [], "form": "json",
            "size": 1, "body": body});
        serde_json::from_value(sampled).unwrap()
    }

    #[test]
    fn briefing_names_causes_sources_times_errors_and_commits() {
        let group = |item: &str, count, first: &str| Group {
            item: item.into(),
            id: "0a".into(),
            title: format!("KeyError of {item}\u{202e}"),
            count,
            messages: vec![first.into()],
            ..Group::default()
        };
        let source = SourceFacts {
            name: "orders".into(),
            max_receive_count: Some(3),
            visibility_s: Some(30),
            ..SourceFacts::default()
        };
        let queue = QueueFacts {
            asked_at: Some(at(1000)),
            sources: Some(vec![source, SourceFacts { name: "b".into(), ..SourceFacts::default() }]),
            ..QueueFacts::default()
        };
        let bundle = BundleContents {
            queue,
            fingerprints: Fingerprints {
                fingerprints: vec![group("f1", 2, "m1"), group("f2", 1, "m3")],
            },
            messages: vec![
                message("m1", 10, 20, "{\"a\": 1,\n \"to\": \"a@b\"}"),
                message("m2", 11, 25, ""),
                // Received by the sample itself.
                message("m3", 12, 1001, &"x".repeat(5000)),
            ],
            ..BundleContents::default()
        };
        let error = FirstError {
            log: "log:1".into(),
            at: Some(at(21)),
            text: "KeyError: 'amount'\n  File \"a.py\", line 2".into(),
        };
        let commit = |hash: &str, second| Commit {
            hash: hash.into(),
            at: at(second),
            author: "a".into(),
            subject: "drop the check".into(),
        };
        let commits = [commit("4f2a91c", 5), commit("1111111", 4)];
        let found = brief(&bundle, &[], &[error], &["v: 2".to_owned()], &commits, at(3605));
        assert_eq!(found.causes[0], "f1 (0a): 2 of 3 sampled: KeyError of f1\\u{202e}");
        assert_eq!(found.causes[1], "  m1: {\"a\": 1, \"to\": \"a@b\"}");
        assert!(found.causes[3].chars().count() < 1300, "{}", found.causes[3]);
        assert_eq!(
            found.sources,
            [
                "orders: maxReceiveCount 3, visibility timeout 30 s, retention unknown s, depth unknown",
                "b: maxReceiveCount unknown, visibility timeout unknown s, retention unknown s, \
                 depth unknown",
            ]
        );
        assert_eq!(
            found.times,
            [
                "first sent from 1970-01-01T00:00:10.000Z to 1970-01-01T00:00:12.000Z",
                "first received by a consumer from 1970-01-01T00:00:20.000Z to \
                 1970-01-01T00:00:25.000Z",
                "retries of the earliest from orders near 1970-01-01T00:00:50.000Z, \
                 1970-01-01T00:01:20.000Z",
            ]
        );
        assert_eq!(
            found.log_errors,
            ["log:1 at 1970-01-01T00:00:21.000Z: KeyError: 'amount' | File \"a.py\", line 2"]
        );
        assert_eq!(found.contrast, ["v: 2"]);
        assert_eq!(
            found.commits,
            [
                "base 4f2a91c of 1970-01-01T00:00:05.000Z, 1h old: drop the check",
                "1111111 of 1970-01-01T00:00:04.000Z: drop the check",
            ]
        );
        assert_eq!(
            brief(&BundleContents::default(), &[], &[], &[], &[], at(0)),
            Briefing::default()
        );
    }
}
