//! Notices about redrives, purges and archives.

use super::{LOOK, in_hours, line_of, queue};
use crate::event::{
    ArchiveCompleted, ArchiveRestored, CheckedPart, Destination, HealthChecked, PurgeCompleted,
    RedriveAborted, RedriveCompleted, RedrivePlanned, RedriveProgressed, RedriveStarted,
};

const ARCHIVE: &str = "/state/archive/payments-parking-lot.20261122T195732Z.1f2e3d4c.ndjson";

fn archive() -> Option<String> {
    Some(ARCHIVE.into())
}

fn completed() -> RedriveCompleted {
    RedriveCompleted {
        queue: queue(),
        redrive: "r".into(),
        messages: 312,
        moved: 312,
        returned: 0,
        parked: 0,
        gone: 0,
        possible_duplicates: 0,
        archive: archive(),
        duration_s: 600,
        verified: Some(true),
        pull_request: Some("acme/orders#431".into()),
        fingerprint: Some("f".into()),
    }
}

fn aborted(regression: bool, detail: &str) -> RedriveAborted {
    RedriveAborted {
        queue: queue(),
        redrive: "r".into(),
        reason: "returned".into(),
        detail: detail.into(),
        moved: 1,
        returned: 1,
        left: (!regression).then_some(311),
        archive: archive(),
        regression,
        pull_request: None,
        fingerprint: None,
    }
}

fn purged(detail: Option<&str>) -> PurgeCompleted {
    PurgeCompleted {
        queue: queue(),
        purge: "p".into(),
        messages: Some(12),
        left: Some(0),
        archive: archive(),
        fingerprint: None,
        hard: false,
        detail: detail.map(str::to_owned),
    }
}

fn checked() -> HealthChecked {
    let part = |name: &str, ok, status: &str, detail: &str| CheckedPart {
        name: name.into(),
        ok,
        status: status.into(),
        detail: Some(detail.into()),
        remedy: None,
        ms: 1,
    };
    HealthChecked {
        checks: vec![
            part("state.space", Some(false), "failed", "12 MiB, 900 inodes free"),
            part("polling", Some(true), "warning", "16m ago"),
            part("sandbox", None, "skipped", "investigations are off"),
        ],
        failed: 1,
        warnings: 1,
        skipped: 1,
    }
}

fn archived(messages: u64, known: u64, detail: Option<&str>) -> ArchiveCompleted {
    ArchiveCompleted {
        queue: queue(),
        messages,
        known,
        archive: archive().filter(|_| messages > 0),
        expires_before: in_hours(5).filter(|_| messages > 0),
        detail: detail.map(str::to_owned),
    }
}

fn restored(left: u64, detail: Option<&str>) -> ArchiveRestored {
    ArchiveRestored {
        queue: queue(),
        restore: "r".into(),
        messages: 12,
        left,
        archive: ARCHIVE.into(),
        detail: detail.map(str::to_owned),
    }
}

fn redrives() -> Vec<(Vec<u8>, String)> {
    let destination = |name: &str| Destination { arn: name.into(), count: 6 };
    let row = |line: Vec<u8>, text: &str| (line, text.to_owned());
    vec![
        row(
            line_of(RedrivePlanned {
                queue: queue(),
                plan: Some("p".into()),
                messages: 12,
                destinations: vec![destination("a"), destination("b")],
                receives: 4,
                duration_s: 3,
                reason: None,
            }),
            "INFO: a redrive of 12 messages to 2 queues is planned",
        ),
        row(
            line_of(RedriveStarted {
                queue: queue(),
                redrive: "r".into(),
                messages: Some(312),
                archive: archive(),
                plan: None,
                canary: 1,
                fingerprint: None,
                pull_request: None,
            }),
            "INFO: redrive of 312 messages started, 1 first",
        ),
        row(
            line_of(RedriveProgressed {
                queue: queue(),
                redrive: "r".into(),
                step: "rest".into(),
                messages: Some(312),
                moved: 200,
                returned: 0,
                parked: 2,
            }),
            "DEBUG: redrive, rest: 200 of 312 moved, 0 returned, 2 parked",
        ),
        row(
            line_of(completed()),
            "INFO: 312 messages redriven, 0 returned\n    the fix: acme/orders#431",
        ),
        row(
            line_of(RedriveCompleted {
                verified: Some(false),
                parked: 2,
                gone: 3,
                possible_duplicates: 1,
                pull_request: None,
                ..completed()
            }),
            &format!(
                "WARN: 312 messages redriven, 0 returned, 2 parked, 3 gone, not verified\n    \
                 1 message may be in both queues; the archive lists them\n    archive: {ARCHIVE}"
            ),
        ),
        row(
            line_of(RedriveCompleted { verified: None, pull_request: None, ..completed() }),
            "INFO: 312 messages redriven, not watched for returns",
        ),
    ]
}

/// Events and their notices from the severity on, without the subject.
pub(super) fn table() -> Vec<(Vec<u8>, String)> {
    let row = |line: Vec<u8>, text: String| (line, text);
    let undo = format!("to undo: dlq-redrive restore {ARCHIVE}");
    let mut all = redrives();
    all.extend([
        row(
            line_of(aborted(false, "the destination does not exist")),
            format!(
                "ERROR: redrive stopped: the destination does not exist\n    {LOOK}\n    \
                 1 moved, 1 returned, 311 left\n    archive: {ARCHIVE}"
            ),
        ),
        row(
            line_of(aborted(true, "a message came back")),
            format!(
                "ERROR: redrive stopped, a regression: a message came back\n    {LOOK}\n    \
                 1 moved, 1 returned, an unknown number left\n    archive: {ARCHIVE}"
            ),
        ),
        row(line_of(purged(None)), format!("INFO: 12 messages archived and purged\n    {undo}")),
        row(
            line_of(purged(Some("2 messages are left: access denied"))),
            format!(
                "WARN: 12 messages archived and purged\n    2 messages are left: access denied\n    \
                 {undo}"
            ),
        ),
        row(
            line_of(PurgeCompleted { hard: true, messages: None, archive: None, ..purged(None) }),
            "INFO: purged by SQS, nothing was archived".into(),
        ),
        row(
            line_of(archived(10, 2, None)),
            format!(
                "INFO: 10 messages archived, 2 before\n    first lost within 5h\n    \
                 archive: {ARCHIVE}"
            ),
        ),
        row(
            line_of(archived(0, 0, Some("no space left on device"))),
            format!("ERROR: not all is archived: 0 messages archived\n    {LOOK}\n    \
                 no space left on device"),
        ),
        row(
            line_of(restored(0, None)),
            format!("INFO: 12 messages restored\n    archive: {ARCHIVE}"),
        ),
        row(
            line_of(restored(2, Some("access denied"))),
            format!(
                "WARN: 12 messages restored, 2 left\n    access denied\n    archive: {ARCHIVE}"
            ),
        ),
        row(
            line_of(checked()),
            "ERROR: check 'state.space' fails: 12 MiB, 900 inodes free".into(),
        ),
    ]);
    all
}
