//! Events at usual lengths, and their notices.

use super::*;

fn raised(after: Option<Timestamp>, before: Option<Timestamp>, depth: u64) -> event::QueueRaised {
    event::QueueRaised {
        queue: queue(),
        depth,
        visible: depth,
        in_flight: 0,
        delayed: 0,
        previous: None,
        threshold: 1,
        retention_s: None,
        expires_after: after,
        expires_before: before,
    }
}

fn cause(count: u64, title: &str) -> event::Cause {
    let (id, kind) = ("0123456789abcdef".into(), "error_text".into());
    event::Cause { id, count, title: title.into(), kind }
}

fn sampled(
    taken: Option<u64>,
    depth: Option<u64>,
    causes: Vec<event::Cause>,
) -> event::QueueSampled {
    event::QueueSampled {
        queue: queue(),
        taken,
        depth,
        fingerprints: causes,
        bundle: taken.map(|_| "/state/evidence/i/1".into()),
        ..Default::default()
    }
}

fn refused(detail: &str) -> event::QueueSampled {
    let (refused, detail) = (Some("fifo".into()), Some(detail.into()));
    event::QueueSampled { refused, detail, ..sampled(Some(0), Some(4), Vec::new()) }
}

pub(super) fn expiring(
    hours: u64,
    certain: bool,
    retention_s: Option<u64>,
) -> event::QueueExpiring {
    event::QueueExpiring {
        queue: queue(),
        tier: "6h".into(),
        certain,
        depth: Some(12),
        retention_s,
        expires_after: in_hours(hours).filter(|_| certain),
        expires_before: in_hours(hours + 1),
    }
}

fn lost(why: &str, detail: &str) -> event::QueueLossSuspected {
    let (why, detail) = (why.into(), detail.into());
    event::QueueLossSuspected { queue: queue(), missing: 4, depth: 8, why, detail }
}

pub(super) fn skipped(
    reason: &str,
    detail: &str,
    until: Option<Timestamp>,
) -> event::InvestigationSkipped {
    let (reason, detail) = (reason.into(), detail.into());
    event::InvestigationSkipped { queue: queue(), reason, detail, until }
}

fn failed(detail: &str) -> event::InvestigationFailed {
    event::InvestigationFailed {
        queue: queue(),
        session: "s".into(),
        reason: "exit".into(),
        detail: detail.into(),
        cost_usd: Usd::from_dollars(0.42),
        duration_s: Some(135),
    }
}

fn completed(status: &str, title: Option<&str>, report: &str) -> event::InvestigationCompleted {
    event::InvestigationCompleted {
        queue: queue(),
        session: "s".into(),
        verdict: event::Verdict {
            status: status.into(),
            title: title.map(str::to_owned),
            confidence: Some(0.8),
            ..Default::default()
        },
        cost_note: None,
        denied: None,
        patch_held: None,
        cost_usd: Usd::from_dollars(0.42),
        turns: None,
        duration_s: 90,
        report: report.into(),
        proof: None,
    }
}

const RAISE: &str =
    "raise the retention first; it holds for messages already there, within 15 minutes";
const SET: &str = "aws sqs set-queue-attributes \
                   --queue-url=https://sqs.eu-west-1.amazonaws.com/123456789012/payments-parking-lot \
                   --attributes=MessageRetentionPeriod=1209600 --profile=prod --region=eu-west-1";
pub(super) const MOVE: &str = "dlq-redrive apply --profile=prod --region=eu-west-1 \
                    arn:aws:sqs:eu-west-1:123456789012:payments-parking-lot";
const FOURTEEN_DAYS: Option<u64> = Some(1_209_600);

/// Events at usual lengths, and their notices from the severity on, without the subject.
#[allow(clippy::too_many_lines)] // A table.
pub(super) fn table() -> Vec<(Vec<u8>, String)> {
    let row = |line: Vec<u8>, text: &str| (line, text.to_owned());
    vec![
        row(
            line_of(raised(in_hours(230), None, 12)),
            &format!("ERROR: 12 messages, safe for 9d: {LOOK}"),
        ),
        row(
            line_of(raised(None, in_hours(12), 1)),
            &format!("ERROR: 1 message, lost within 12h: {LOOK}"),
        ),
        row(
            line_of(raised(None, in_hours(12), 4_711)),
            &format!("ERROR: 4711 messages, first lost within 12h: {LOOK}"),
        ),
        row(
            line_of(raised(None, None, 2)),
            &format!("ERROR: 2 messages, loss time unknown: {LOOK}"),
        ),
        row(
            line_of(raised(Some(now()), in_hours(1), 2)),
            &format!("ERROR: 2 messages, some may be lost: {LOOK}"),
        ),
        row(
            line_of(event::QueueGrew { queue: queue(), depth: 1400, raised_depth: 300 }),
            &format!("ERROR: grew from 300 to 1400 messages: {LOOK}"),
        ),
        row(
            line_of(expiring(5, false, Some(345_600))),
            &format!("ERROR: 12 expiring, first lost within 6h: {LOOK}\n    {RAISE}:\n    {SET}"),
        ),
        row(
            line_of(expiring(5, true, None)),
            &format!("ERROR: 12 expiring, lost in 5h or later: {LOOK}\n    {RAISE}:\n    {SET}"),
        ),
        row(
            line_of(expiring(0, true, Some(60))),
            &format!(
                "ERROR: 12 expiring, some may be lost: {LOOK}\n    raise the retention first; it takes \
                 up to 15 minutes, so it may come too late:\n    {SET}"
            ),
        ),
        row(
            line_of(expiring(5, true, FOURTEEN_DAYS)),
            &format!(
                "ERROR: 12 expiring, lost in 5h or later: {LOOK}\n    once the cause is fixed, move them \
                 back:\n    {MOVE}"
            ),
        ),
        row(
            line_of(event::QueueExpiring {
                queue: Queue { sources: Vec::new(), ..queue() },
                depth: None,
                ..expiring(5, true, FOURTEEN_DAYS)
            }),
            &format!(
                "ERROR: expiring, depth unknown, lost in 5h or later\n    {LOOK}\n    no source queue is \
                 known, so AWS may refuse to move them back: send them to their target again"
            ),
        ),
        row(
            line_of(event::QueueExpiring {
                queue: Queue { profile: Some("a\n; reboot".into()), ..queue() },
                ..expiring(5, true, Some(60))
            }),
            &format!(
                "ERROR: 12 expiring, lost in 5h or later: {LOOK}\n    once the cause is fixed, move them back"
            ),
        ),
        row(
            line_of(lost("retention", "4 messages left within 1m: they may have reached …")),
            &format!("ERROR: 4 messages gone, perhaps expired: {LOOK}"),
        ),
        row(
            line_of(lost("unexplained", "4 messages left within 1m: no move task …")),
            &format!("ERROR: 4 messages gone, unexplained: {LOOK}"),
        ),
        row(
            line_of(lost("cannot_tell", "sqs:ListMessageMoveTasks: access denied")),
            &format!(
                "ERROR: 4 messages gone, perhaps moved: {LOOK}\n    sqs:ListMessageMoveTasks: access \
                 denied"
            ),
        ),
        row(
            line_of(event::QueueCleared {
                queue: queue(),
                duration_s: 7380,
                cause: "redriven".into(),
            }),
            "INFO: empty again after 2h 3m (redriven)",
        ),
        row(
            line_of(event::QueueCleared {
                queue: queue(),
                duration_s: 7380,
                cause: "expired".into(),
            }),
            &format!("ERROR: messages lost: expired, empty after 2h 3m\n    {LOOK}"),
        ),
        row(
            line_of(event::QueueCleared {
                queue: queue(),
                duration_s: 7380,
                cause: "unknown".into(),
            }),
            "INFO: empty again after 2h 3m (cause unknown)",
        ),
        row(
            line_of(event::QueueUnreadable {
                queue: queue(),
                depth: None,
                reason: "access denied".into(),
                misses: 2,
            }),
            "ERROR: unreadable: access denied\n    dlq-poll -n --queue payments-parking-lot",
        ),
        row(
            line_of(event::QueueReadable { queue: queue(), depth: 3, misses: 21 }),
            "INFO: readable again after 21 failures, 3 messages",
        ),
        row(
            line_of(event::QueueFound { queue: queue(), found_by: "both".into() }),
            "INFO: a dead-letter queue was found",
        ),
        row(
            line_of(event::QueueGone { queue: queue(), last_depth: Some(3) }),
            &format!("WARN: no longer exists, before: 3 messages: {LOOK}"),
        ),
        row(
            line_of(event::QueuePolled {
                queue: queue(),
                depth: None,
                visible: None,
                in_flight: None,
                delayed: None,
                previous: None,
                reason: Some("no answer in time".into()),
            }),
            "DEBUG: depth unknown: no answer in time",
        ),
        row(
            line_of(event::QueueLinted {
                queue: queue(),
                findings: vec![event::Finding {
                    rule: "max-receive-count".into(),
                    level: "warning".into(),
                    detail: "maxReceiveCount is 1".into(),
                }],
            }),
            "WARN: 1 finding (max-receive-count)\n    dlq-poll --lint --queue payments-parking-lot",
        ),
        row(
            line_of(sampled(
                Some(10),
                Some(47),
                vec![cause(7, "TypeError: x is undefined"), cause(3, "b"), cause(1, "c")],
            )),
            "INFO: sampled 10 of 47: 7 × TypeError: x is undefined, 2 more causes",
        ),
        row(
            line_of(sampled(Some(10), Some(47), vec![cause(10, &"timed out ".repeat(9))])),
            "INFO: sampled 10 of 47: 10 × timed out timed out timed out timed out ti…",
        ),
        row(line_of(sampled(Some(3), Some(2), Vec::new())), "INFO: sampled 3 messages"),
        row(
            line_of(sampled(
                Some(3),
                Some(3),
                vec![event::Cause {
                    kind: "shape".into(),
                    ..cause(3, "S3 test event 's3:TestEvent'")
                }],
            )),
            "INFO: sampled 3 of 3: 3 × S3 test event 's3:TestEvent'\n    harmless: purge by fingerprint: \
             dlq-purge --fingerprint 0123456789abcdef payments-parking-lot",
        ),
        row(
            line_of(sampled(Some(3), Some(3), vec![cause(3, "S3 test event, said the error")])),
            "INFO: sampled 3 of 3: 3 × S3 test event, said the error",
        ),
        row(
            line_of(event::QueueSampled {
                expires_before: in_hours(3),
                ..sampled(Some(3), Some(3), Vec::new())
            }),
            "INFO: sampled 3 of 3\n    first lost within 3h",
        ),
        row(
            line_of(refused("it is a FIFO queue")),
            &format!("INFO: not sampled: it is a FIFO queue: {LOOK}"),
        ),
        row(line_of(sampled(None, Some(4), Vec::new())), "INFO: would be sampled, 4 messages"),
        row(
            line_of(event::PollFinished {
                round: 1234,
                queues: 812,
                unreadable: 3,
                unlisted: 0,
                unsurveyed: 0,
                raised: 12,
                duration_ms: 2140,
                api_calls: 812,
                usd_month: None,
                asked: None,
                postponed: 0,
                shard: None,
            }),
            "DEBUG: round 1234: 812 queues in 2s, 12 raised, 3 unreadable",
        ),
        row(
            line_of(event::PollFailed {
                account: Some("prod".into()),
                region: Some("eu-west-1".into()),
                reason: "access denied".into(),
                asked: Some("eu-west-1".into()),
            }),
            "ERROR: cannot poll eu-west-1 of 'prod': access denied: dlq-poll --list",
        ),
        row(
            line_of(event::NoticeSent { channel: "desk".into(), event: "e".into(), attempts: 1 }),
            "DEBUG: a notice was sent to channel 'desk'",
        ),
        row(
            line_of(event::NoticeFailed {
                channel: "desk".into(),
                event: "e".into(),
                attempts: 1,
                error: "no display".into(),
            }),
            "ERROR: a notice to channel 'desk' failed: no display",
        ),
        row(
            line_of(event::NoticeHeld {
                channel: "desk".into(),
                event: "e".into(),
                reason: "quiet_hours".into(),
                until: in_hours(5).unwrap(),
            }),
            "DEBUG: a notice to channel 'desk' waits for 5h (quiet_hours)",
        ),
        row(
            line_of(event::NoticeEscalated { channel: "pager".into(), event: "e".into() }),
            "WARN: not acknowledged in time: channel 'pager' is told",
        ),
        row(
            line_of(event::NoticeAcked { key: "o/r#12".into(), until: in_hours(5) }),
            "INFO: acknowledged for 5h: o/r#12",
        ),
        row(
            line_of(event::NoticeAcked { key: super::INCIDENT.into(), until: in_hours(24) }),
            "INFO: acknowledged for 24h: incident 1f2e3d4c",
        ),
        row(
            line_of(event::NoticeAcked { key: NAME.into(), until: in_hours(24) }),
            "INFO: acknowledged for 24h",
        ),
        row(
            line_of(event::NoticeAcked { key: "o/r#12".into(), until: None }),
            "INFO: no longer acknowledged: o/r#12",
        ),
        row(
            line_of(event::NoticeSilenced {
                glob: "orders-*".into(),
                until: in_hours(2),
                reason: Some("migration".into()),
            }),
            "INFO: queues 'orders-*' are silenced for 2h: migration",
        ),
        row(
            line_of(event::NoticeSilenced { glob: "orders-*".into(), until: None, reason: None }),
            "INFO: queues 'orders-*' are no longer silenced",
        ),
        row(
            line_of(event::PollMissing {
                last: now().minus(MINUTES_5),
                interval_s: 30,
                asked: None,
            }),
            "ERROR: no round has finished for 5m: dead letters go unnoticed\n    dlq-status",
        ),
        row(
            line_of(event::PollMissing {
                last: now().minus(MINUTES_5),
                interval_s: 30,
                asked: Some("prod eu-west-1".into()),
            }),
            "ERROR: no round of prod eu-west-1 for 5m: dead letters go unnoticed\n    dlq-status",
        ),
        row(
            line_of(event::PollResumed { last: now().minus(MINUTES_5), asked: None }),
            "INFO: rounds finish again",
        ),
        row(
            line_of(event::PollResumed {
                last: now().minus(MINUTES_5),
                asked: Some("prod eu-west-1".into()),
            }),
            "INFO: rounds of prod eu-west-1 finish again",
        ),
        row(
            line_of(skipped("disabled", "auto_investigation.enabled is false", None)),
            "INFO: not investigated: auto_investigation.enabled is false",
        ),
        row(
            line_of(skipped("not_targeted", "no pattern of … matches the queue", None)),
            "INFO: not investigated: not in auto_investigation.target_queues",
        ),
        row(
            line_of(skipped("cooldown", "the queue is in its cooldown until …", in_hours(1))),
            "INFO: investigation waits: the cooldown lasts, for 60m",
        ),
        row(
            line_of(skipped("already_running", "session c0a4f8e3 is investigating …", None)),
            "INFO: investigation waits: one is running",
        ),
        row(
            line_of(skipped("max_concurrent", "2 investigations running, as many as …", None)),
            "INFO: investigation waits: max_concurrent are running",
        ),
        row(
            line_of(skipped("logs_not_yet", "the messages died less than 10 minutes ago, …", None)),
            "INFO: investigation waits: the log may lack lines",
        ),
        row(
            line_of(skipped("known_cause", "same cause as payments-dlq, report c0a4f8e3", None)),
            "INFO: waits: same cause as payments-dlq, report c0a4f8e3",
        ),
        row(
            line_of(skipped(
                "agent_missing",
                "the agent 'claude' was not found; the investigation starts once it is installed",
                None,
            )),
            "WARN: not investigated: the agent 'claude' was not found\n    the investigation starts \
             once it is installed",
        ),
        row(
            line_of(event::InvestigationStarted {
                queue: queue(),
                session: "s".into(),
                agent: "claude".into(),
                pid: Some(4711),
                timeout_at: now().plus(Duration::from_secs(1800)),
            }),
            "INFO: investigation by 'claude' started, ends within 30m",
        ),
        row(
            line_of(event::InvestigationProgressed {
                queue: queue(),
                session: "s".into(),
                step: "reading code".into(),
                subagent: Some("code-review".into()),
                tool: Some("Grep".into()),
                cost_usd: Usd::from_dollars(0.12),
            }),
            "DEBUG: code-review: reading code with Grep, $0.12 so far",
        ),
        row(
            line_of(event::InvestigationProven {
                queue: queue(),
                session: "s".into(),
                proof: event::FixProof {
                    base: "0123abcd".into(),
                    grade: "proven".into(),
                    detail: "the new tests fail on the base and pass with the patch".into(),
                    on_base: Some("passed".into()),
                    with_tests: Some("failed".into()),
                    with_patch: Some("passed".into()),
                },
                detail:
                    "the fix is proven on 0123abcd: the new tests fail on the base and pass with \
                         the patch"
                        .into(),
                duration_s: 3,
            }),
            "INFO: the fix is proven on 0123abcd\n    the new tests fail on the base and pass with the patch",
        ),
        row(
            line_of(completed(
                "likely",
                Some("A null customer stops every order"),
                "/home/ana/.local/state/dlq/sessions/c0a4f8e3-1111-8222-8333-444455556666/report.md",
            )),
            "INFO: likely (80 %): A null customer stops every order, $0.42\n    report: \
             /home/ana/.local/state/dlq/sessions/c0a4f8e3-1111-8222-8333-444455556666/report.md",
        ),
        row(
            line_of({
                let mut doubted = completed("inconclusive", Some("Nothing"), "/r");
                doubted.verdict.needs_person = Some("3 calls of tools were denied".into());
                doubted
            }),
            "INFO: inconclusive (80 %): Nothing, $0.42\n    needs a person: 3 calls of tools were denied\n    \
             report: /r",
        ),
        row(
            line_of(completed("not_a_bug", None, "a path; reboot")),
            &format!("INFO: not a bug (80 %): a result without a title, $0.42\n    {LOOK}"),
        ),
        row(
            line_of(failed("it ended with status 3")),
            &format!(
                "ERROR: investigation failed after 2m 15s, $0.42: it ended with status 3\n    {LOOK}"
            ),
        ),
        row(
            line_of(failed(
                "it ended with status 3 and wrote nothing that is a result; its output is in '/s/stderr.log'",
            )),
            "ERROR: investigation failed after 2m 15s, $0.42\n    \
             it ended with status 3 and wrote nothing that is a result\n    its output is in \
             '/s/stderr.log'",
        ),
        row(
            line_of(event::InvestigationTimedOut {
                queue: queue(),
                session: "s".into(),
                detail: "timed out after 30m".into(),
                cost_usd: None,
                duration_s: 1800,
            }),
            &format!("ERROR: investigation timed out after 30m, cost unknown\n    {LOOK}"),
        ),
        row(
            line_of(event::InvestigationStopped {
                queue: queue(),
                session: "s".into(),
                detail: "stopped on request".into(),
                cost_usd: Usd::from_dollars(0.42),
                duration_s: 60,
            }),
            &format!("WARN: investigation stopped after 1m, $0.42: stopped on request\n    {LOOK}"),
        ),
    ]
}

const MINUTES_5: std::time::Duration = std::time::Duration::from_secs(300);
