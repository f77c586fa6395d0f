//! States that the tests draw.

use std::time::Duration;

use crate::event::Severity;
use crate::money::Usd;
use crate::rules::notification::ack::{Ack, Acks};
use crate::rules::notification::silence::{Silence, Silences};
use crate::rules::view::dashboard::incidents::{IncidentRequest, IncidentStory};
use crate::rules::view::dashboard::investigations::{
    AgentUsage, Investigation, InvestigationStatus, InvestigationStep, ShownProof, ShownVerdict,
};
use crate::rules::view::dashboard::pull_requests::WatchedRequest;
use crate::rules::view::dashboard::queues::{BUCKET_MS, BUCKETS, DepthHistory, ShownQueue, bucket};
use crate::rules::view::dashboard::spend::{Outcomes, SpendSum};
use crate::rules::view::dashboard::state_folder::FolderReading;
use crate::rules::view::dashboard::timeline::{Sign, TimelineEntry};
use crate::rules::view::dashboard::{Dashboard, NoticeCounts};
use crate::time::Timestamp;

pub const ORDERS: &str = "arn:aws:sqs:sa-east-1:123456789012:orders-dlq";
pub const GURU: &str = "arn:aws:sqs:sa-east-1:123456789012:fm-digitalguru-api-update-dlq-prod";
pub const BILLING: &str = "arn:aws:sqs:sa-east-1:123456789012:fm-transaction-processor-dlq-prd";
const AUDIT: &str = "arn:aws:sqs:sa-east-1:123456789012:audit-dlq";

pub fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T16:00:00Z").unwrap()
}

pub fn ago(seconds: u64) -> Timestamp {
    now().minus(Duration::from_secs(seconds))
}

fn ahead(seconds: u64) -> Timestamp {
    now().plus(Duration::from_secs(seconds))
}

fn history(minutes_ago: i64, depths: &[u32]) -> DepthHistory {
    let newest = now().millis().div_euclid(BUCKET_MS) - minutes_ago / 5;
    DepthHistory { newest, buckets: depths.iter().map(|depth| depth + 1).collect() }
}

pub fn queue(arn: &str, depth: Option<u64>) -> ShownQueue {
    ShownQueue {
        name: arn.rsplit(':').next().unwrap().into(),
        region: "sa-east-1".into(),
        account: "123456789012".into(),
        depth,
        in_flight: depth.map(|_| 0),
        read_at: Some(ago(12)),
        ..ShownQueue::default()
    }
}

fn put(state: &mut Dashboard, arn: &str, queue: ShownQueue) {
    state.queues.insert(arn.into(), queue);
}

/// A busy night.
pub fn normal() -> Dashboard {
    let mut state = Dashboard::default();
    queues(&mut state);
    incidents(&mut state);
    investigations(&mut state);
    requests(&mut state);
    news(&mut state);
    let notices = [("slack-oncall", 41, 0, 0), ("desktop", 12, 0, 3), ("pager", 2, 1, 0)];
    for (channel, sent, failed, held) in notices {
        state.notices.insert(channel.into(), NoticeCounts { sent, failed, held });
    }
    state.rounds.last = Some(ago(12));
    state.rounds.interval_ms = Some(30_000);
    state.rounds.queues = Some(14);
    let newest = bucket(now());
    state.rounds.watched = (newest - BUCKETS as i64 + 1..=newest).collect();
    state.rounds.watched.sort_by_key(|bucket| bucket.rem_euclid(BUCKETS as i64));
    spend(&mut state);
    state.rounds.usd_month = Usd::from_dollars(1.23);
    state.source.begins = Some(Timestamp::parse("2026-11-20T07:12:00Z").unwrap());
    state.source.newest = Some(ago(4));
    state.source.events = 48_211;
    state
}

fn spend(state: &mut Dashboard) {
    let sum = |dollars: f64, sessions, unknown| SpendSum {
        usd: Usd::from_dollars(dollars).unwrap(),
        sessions,
        unknown,
    };
    let today = now().millis().div_euclid(86_400_000);
    state.spend.days = [(today, sum(3.37, 2, 0)), (today - 1, sum(12.5, 2, 1))].into();
    let causes = [("f3a9c1", sum(13.87, 2, 0)), ("c00ffe", sum(2.0, 1, 0))];
    state.spend.causes = causes.map(|(cause, sum)| (cause.into(), sum)).into();
    state.spend.outcomes =
        Outcomes { explained: 2, timed_out: 1, stopped: 1, ..Outcomes::default() };
}

fn queues(state: &mut Dashboard) {
    let guru = ShownQueue {
        incident: Some("0190-guru".into()),
        raised_at: Some(ago(5400)),
        expires_before: Some(ahead(3594)),
        in_flight: Some(3),
        depths: history(0, &[0, 2, 8, 8, 9, 20, 64, 110, 140, 180, 190, 200, 207, 214, 214]),
        ..queue(GURU, Some(214))
    };
    put(state, GURU, guru);
    let billing = ShownQueue {
        incident: Some("0190-billing".into()),
        raised_at: Some(ago(532)),
        expires_after: Some(ahead(9 * 86_400 + 100)),
        depths: history(0, &[1, 12]),
        ..queue(BILLING, Some(12))
    };
    put(state, BILLING, billing);
    let orders = ShownQueue {
        incident: Some("0190-orders".into()),
        raised_at: Some(ago(200_000)),
        expires_before: Some(ahead(80_000)),
        depths: history(600, &[5, 5, 5, 4, 3, 3]),
        ..queue(ORDERS, Some(3))
    };
    put(state, ORDERS, orders);
    let unread = ShownQueue { unreadable: Some("access denied".into()), ..queue(AUDIT, None) };
    put(state, AUDIT, ShownQueue { in_flight: None, ..unread });
    let below = "arn:aws:sqs:sa-east-1:123456789012:emails-dlq";
    put(state, below, ShownQueue { depths: history(60, &[0, 2]), ..queue(below, Some(2)) });
    for name in ["invoices", "payments", "refunds", "shipping", "stock", "users", "webhooks"] {
        let arn = format!("arn:aws:sqs:sa-east-1:123456789012:{name}-dlq");
        put(state, &arn, queue(&arn, Some(0)));
    }
    let gone = "arn:aws:sqs:sa-east-1:123456789012:old-import-dlq";
    put(state, gone, ShownQueue { is_gone: true, ..queue(gone, None) });
}

fn request(
    key: &str,
    cause: Option<&str>,
    opened: Timestamp,
    merged_at: Option<Timestamp>,
) -> IncidentRequest {
    let (key, fingerprint) = (key.into(), cause.map(Into::into));
    IncidentRequest { key, fingerprint, opened_at: Some(opened), merged_at, closed_at: None }
}

fn incidents(state: &mut Dashboard) {
    let timeout = "KeyError: 'transaction_id' in process_refund (handler.py:88)";
    let guru = IncidentStory {
        queue: GURU.into(),
        name: "fm-digitalguru-api-update-dlq-prod".into(),
        raised_at: Some(ago(5400)),
        empty_at: Some(ago(5430)),
        investigated_at: Some(ago(5390)),
        explained_at: Some(ago(4858)),
        pull_request_at: Some(ago(4700)),
        severity: Severity::Error,
        depth: Some(214),
        causes: vec![
            ("f3a9c1".into(), 8, timeout.into()),
            ("77be02".into(), 2, "ReadTimeout: api.digitalguru.com after 30 s".into()),
        ],
        session: Some("0192a7c4-guru".into()),
        bundle: Some("/home/oncall/.local/state/dlq/evidence/0190-guru/1".into()),
        requests: vec![request("fm/digitalguru#412", Some("f3a9c1"), ago(4700), None)],
        ..IncidentStory::default()
    };
    state.incidents.insert("0190-guru".into(), guru);
    let billing = IncidentStory {
        queue: BILLING.into(),
        name: "fm-transaction-processor-dlq-prd".into(),
        raised_at: Some(ago(532)),
        investigated_at: Some(ago(520)),
        severity: Severity::Error,
        depth: Some(12),
        session: Some("0192b001-billing".into()),
        ..IncidentStory::default()
    };
    state.incidents.insert("0190-billing".into(), billing);
    let orders = IncidentStory {
        queue: ORDERS.into(),
        name: "orders-dlq".into(),
        raised_at: Some(ago(200_000)),
        severity: Severity::Warn,
        depth: Some(3),
        lost: 2,
        causes: vec![("c00ffe".into(), 3, "AccessDenied: sqs:SendMessage on orders".into())],
        skipped: Some(("not_a_code_bug".into(), "the cause is no fault of the code".into())),
        ..IncidentStory::default()
    };
    state.incidents.insert("0190-orders".into(), orders);
    let stock = IncidentStory {
        queue: "arn:aws:sqs:sa-east-1:123456789012:stock-dlq".into(),
        name: "stock-dlq".into(),
        raised_at: Some(ago(90_000)),
        investigated_at: Some(ago(89_900)),
        explained_at: Some(ago(89_000)),
        pull_request_at: Some(ago(88_800)),
        merged_at: Some(ago(80_000)),
        redriven_at: Some(ago(79_000)),
        cleared_at: Some(ago(78_900)),
        cleared_by: Some("redriven".into()),
        severity: Severity::Error,
        depth: Some(0),
        causes: vec![("f3a9c1".into(), 4, timeout.into())],
        session: Some("0191ffff-stock".into()),
        requests: vec![request("fm/stock#77", None, ago(88_800), Some(ago(80_000)))],
        redrive: Some("completed".into()),
        ..IncidentStory::default()
    };
    state.incidents.insert("0190-stock".into(), stock);
}

fn step(at: u64, step: &str, subagent: Option<&str>, tool: Option<&str>) -> InvestigationStep {
    InvestigationStep {
        at: ago(at),
        step: step.into(),
        subagent: subagent.map(Into::into),
        tool: tool.map(Into::into),
    }
}

fn investigations(state: &mut Dashboard) {
    let running = Investigation {
        queue: BILLING.into(),
        incident: "0190-billing".into(),
        agent: "claude".into(),
        pid: Some(48_213),
        started_at: Some(ago(520)),
        timeout_at: Some(ahead(1280)),
        steps: vec![
            step(510, "reading the evidence", None, None),
            step(300, "searching", Some("log-reader"), Some("Grep")),
            step(14, "reading src/processor.py", Some("code-reader"), Some("Read")),
        ],
        subagents: vec![("log-reader".into(), ago(20)), ("code-reader".into(), ago(14))],
        cost: Usd::from_dollars(0.42),
        usage: Some(AgentUsage {
            at: ago(5),
            runtime_s: 515,
            processes: 4,
            rss_bytes: 431_000_000,
            cpu_ms: 61_000,
            cpu_percent: Some(37),
        }),
        ..Investigation::default()
    };
    state.investigations.insert("0192b001-billing".into(), running);
    let verdict = ShownVerdict {
        status: "confirmed".into(),
        title: Some("process_refund reads transaction_id before the gateway has set it".into()),
        category: Some("code_error".into()),
        confidence: Some(0.92),
        redrive: Some("after_fix".into()),
        ..ShownVerdict::default()
    };
    let doubted = ShownVerdict {
        needs_person: Some("3 calls of tools were denied".into()),
        ..verdict.clone()
    };
    let proof = |grade: &str, detail: &str| {
        let base = Some("9f2c1d7a81f7b1c60f5e1d4c9a0b1c2d3e4f5a6b".into());
        Some(ShownProof { at: ago(80_100), grade: grade.into(), detail: Some(detail.into()), base })
    };
    let completed = Investigation {
        queue: GURU.into(),
        incident: "0190-guru".into(),
        agent: "claude".into(),
        started_at: Some(ago(5390)),
        ended_at: Some(ago(4858)),
        status: InvestigationStatus::Completed,
        steps: vec![step(4900, "writing the verdict", None, None)],
        cost: Usd::from_dollars(1.37),
        verdict: Some(doubted),
        proof: proof("unproven", "the new tests pass without the fix, too"),
        patch_held: Some("'.github/workflows/ci.yml' runs in CI".into()),
        report: Some("/home/oncall/.local/state/dlq/sessions/0192a7c4-guru/report.md".into()),
        ..Investigation::default()
    };
    state.investigations.insert("0192a7c4-guru".into(), completed.clone());
    let stock = Investigation {
        queue: "arn:aws:sqs:sa-east-1:123456789012:stock-dlq".into(),
        incident: "0190-stock".into(),
        started_at: Some(ago(89_900)),
        ended_at: Some(ago(89_000)),
        cost: Usd::from_dollars(12.5),
        verdict: Some(verdict),
        proof: proof("proven", "the new tests fail on the base and pass with the patch"),
        patch_held: None,
        ..completed
    };
    state.investigations.insert("0191ffff-stock".into(), stock);
    let timed_out = Investigation {
        queue: ORDERS.into(),
        incident: "0190-orders".into(),
        agent: "claude".into(),
        started_at: Some(ago(30_000)),
        ended_at: Some(ago(28_200)),
        status: InvestigationStatus::TimedOut,
        detail: Some("the agent was stopped at its deadline of 30m".into()),
        cost: Usd::from_dollars(2.0),
        ..Investigation::default()
    };
    state.investigations.insert("0191eeee-orders".into(), timed_out);
}

fn requests(state: &mut Dashboard) {
    let ours = WatchedRequest {
        repo: "fm/digitalguru".into(),
        number: 412,
        title: "Read transaction_id after the gateway has set it".into(),
        url: Some("https://github.com/fm/digitalguru/pull/412".into()),
        author: Some("dlq-bot".into()),
        is_ours: true,
        checks: Some("failing".into()),
        review: Some("required".into()),
        waiting_on: Some("@fm/payments".into()),
        opened_at: Some(ago(4700)),
        seen_at: Some(ago(65)),
        incident: Some("0190-guru".into()),
        ..WatchedRequest::default()
    };
    state.pull_requests.insert("fm/digitalguru#412".into(), ours);
    let other = WatchedRequest {
        repo: "fm/infra".into(),
        number: 1290,
        title: "Raise the retention of all dead-letter queues to 14 days".into(),
        author: Some("fabio".into()),
        is_draft: true,
        checks: Some("passing".into()),
        review: Some("approved".into()),
        waiting_on: Some("fabio".into()),
        opened_at: Some(ago(700_000)),
        seen_at: Some(ago(65)),
        ..WatchedRequest::default()
    };
    state.pull_requests.insert("fm/infra#1290".into(), other);
    let merged = WatchedRequest {
        repo: "fm/stock".into(),
        number: 77,
        title: "Handle a refund without a transaction".into(),
        author: Some("dlq-bot".into()),
        is_ours: true,
        checks: Some("passing".into()),
        review: Some("approved".into()),
        opened_at: Some(ago(88_800)),
        merged_at: Some(ago(80_000)),
        seen_at: Some(ago(80_000)),
        ..WatchedRequest::default()
    };
    state.pull_requests.insert("fm/stock#77".into(), merged);
}

pub fn entry(at: u64, sign: Sign, severity: Severity, text: &str) -> TimelineEntry {
    TimelineEntry {
        at: ago(at),
        severity,
        elapsed_s: None,
        sign,
        text: text.into(),
        incident: None,
        queue: None,
    }
}

fn news(state: &mut Dashboard) {
    use Severity::{Error, Fatal, Info, Warn};
    let rows = [
        (90_000, Sign::Bad, Error, "stock-dlq: 4 messages died", None),
        (5400, Sign::Bad, Error, "fm-digitalguru-api-update-dlq-prod: 1 message died", None),
        (
            5390,
            Sign::Begin,
            Info,
            "investigation of fm-digitalguru-api-update-dlq-prod began",
            None,
        ),
        (
            4858,
            Sign::Good,
            Info,
            "investigation completed: process_refund reads transaction_id \
          before the gateway has set it",
            Some(532),
        ),
        (4700, Sign::Info, Info, "pull request fm/digitalguru#412 opened", Some(700)),
        (
            1800,
            Sign::Bad,
            Fatal,
            "fm-digitalguru-api-update-dlq-prod: first lost within 89m",
            Some(3600),
        ),
        (
            700,
            Sign::Warning,
            Warn,
            "slack-oncall: a notice was delivered on the third attempt",
            None,
        ),
        (532, Sign::Bad, Error, "fm-transaction-processor-dlq-prd: 12 messages died", None),
        (
            520,
            Sign::Begin,
            Info,
            "investigation of fm-transaction-processor-dlq-prd began",
            Some(12),
        ),
    ];
    for (at, sign, severity, text, elapsed_s) in rows {
        let incident = match text {
            _ if text.contains("guru") => Some("0190-guru".into()),
            _ if text.contains("processor") => Some("0190-billing".into()),
            _ => None,
        };
        let entry = TimelineEntry { elapsed_s, incident, ..entry(at, sign, severity, text) };
        state.timeline.entries.push_back(entry);
    }
}

/// Nothing has been read yet.
pub fn empty() -> Dashboard {
    Dashboard::default()
}

/// Everything that can be wrong with the figures.
pub fn error() -> Dashboard {
    let mut state = Dashboard::default();
    let unread = |arn: &str| ShownQueue {
        unreadable: Some("access denied: sqs:GetQueueAttributes".into()),
        in_flight: None,
        read_at: None,
        ..queue(arn, None)
    };
    put(&mut state, ORDERS, unread(ORDERS));
    put(&mut state, GURU, ShownQueue { incident: Some("0190-lost".into()), ..unread(GURU) });
    state.incidents.insert(
        "0190-lost".into(),
        IncidentStory { queue: GURU.into(), severity: Severity::Error, ..IncidentStory::default() },
    );
    state.investigations.insert(
        "0192dead-guru".into(),
        Investigation {
            queue: GURU.into(),
            status: InvestigationStatus::Crashed,
            ended_at: Some(ago(4000)),
            detail: Some("the supervisor has ended without a word".into()),
            ..Investigation::default()
        },
    );
    state.pull_requests.insert(
        "fm/infra#9".into(),
        WatchedRequest {
            repo: "fm/infra".into(),
            number: 9,
            unreadable: Some("404: the token may not see it".into()),
            ..WatchedRequest::default()
        },
    );
    let failure = "cannot list the queues of 'prod' in sa-east-1: the token has expired";
    state.timeline.entries.push_back(entry(3000, Sign::Bad, Severity::Error, failure));
    state.rounds.last = Some(ago(4000));
    state.rounds.interval_ms = Some(30_000);
    state.rounds.failure = Some((ago(3000), failure.into()));
    state.rounds.unread = 2;
    state.source.begins = Some(ago(9000));
    state.source.newest = Some(ago(3000));
    state.source.events = 40;
    state.source.damaged = 1;
    state.source.problems = vec!["cannot read '/state/sessions.json': not JSON at byte 17".into()];
    state.source.ended = true;
    state
}

/// A busy night on which people said something: an acknowledged incident, and silenced queues, one of
/// which cannot be read.
pub fn marked() -> Dashboard {
    let mut state = normal();
    mark(&mut state);
    state
}

pub fn mark(state: &mut Dashboard) {
    let silence = |glob: &str, until: u64| Silence {
        id: glob.into(),
        glob: glob.into(),
        from: ago(60),
        until: ahead(until),
        reason: None,
    };
    let ack = Ack { key: "0190-orders".into(), at: ago(9), until: ahead(38 * 3600) };
    let silences = vec![silence("*transaction*", 7200), silence("audit-*", 86_400)];
    state.set_folder(FolderReading {
        at: ago(1),
        acks: Some(Acks { acks: vec![ack] }),
        silences: Some(Silences { silences }),
        sessions: Some(Vec::new()),
        ..FolderReading::default()
    });
}

/// Text of an attacker, wherever text can stand.
pub const HOSTILE: &str = "\u{1b}[31mred\u{1b}]52;c;aGk=\u{7}\u{9b}2J\u{202e}gnp\u{200b}\u{2028}\
    \u{26a0}\u{fe0f}1\u{fe0f}\u{20e3}\u{e0041}e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\
    \u{1f469}\u{200d}\u{1f4bb}\u{1f44d}\u{1f3fd}\u{1f1e9}\u{1f1ea}注文処理\tx\r\ny";

pub fn hostile() -> Dashboard {
    let mut state = normal();
    let text = || -> Box<str> { HOSTILE.into() };
    let arn = format!("arn:aws:sqs:sa-east-1:123456789012:{HOSTILE}");
    let queue = ShownQueue {
        name: text(),
        region: text(),
        account: text(),
        depth: Some(u64::MAX),
        in_flight: Some(u64::MAX),
        unreadable: Some(text()),
        incident: Some(text()),
        raised_at: Some(Timestamp::from_millis(i64::MIN)),
        expires_after: Some(Timestamp::from_millis(i64::MAX)),
        depths: DepthHistory { newest: bucket(now()), buckets: vec![u32::MAX; 288] },
        ..ShownQueue::default()
    };
    put(&mut state, &arn, queue);
    let wide = state.queues.get_mut(ORDERS).unwrap();
    wide.name = "非常に長い名前の注文処理キュー本番環境デッドレター".into();
    state.incidents.insert(
        text(),
        IncidentStory {
            queue: arn.as_str().into(),
            name: text(),
            raised_at: Some(Timestamp::from_millis(i64::MIN)),
            severity: Severity::Fatal,
            causes: vec![(text(), u64::MAX, text()), ("".into(), 0, "".into())],
            session: Some(text()),
            requests: vec![IncidentRequest {
                key: text(),
                fingerprint: Some(text()),
                ..IncidentRequest::default()
            }],
            redrive: Some(text()),
            cleared_by: None,
            skipped: Some((text(), text())),
            ..IncidentStory::default()
        },
    );
    state.investigations.insert(
        text(),
        Investigation {
            queue: arn.as_str().into(),
            incident: text(),
            agent: text(),
            pid: Some(u64::MAX),
            started_at: Some(Timestamp::from_millis(i64::MAX)),
            timeout_at: Some(Timestamp::from_millis(i64::MIN)),
            detail: Some(text()),
            steps: vec![InvestigationStep {
                at: Timestamp::from_millis(i64::MAX),
                step: text(),
                subagent: Some(text()),
                tool: Some(text()),
            }],
            subagents: vec![(text(), now())],
            cost: Some(Usd::from_micros(u64::MAX)),
            verdict: Some(ShownVerdict {
                status: text(),
                title: Some(text()),
                category: Some(text()),
                confidence: Some(f64::NAN),
                redrive: Some(text()),
                needs_person: Some(text()),
                is_of_record: true,
            }),
            proof: Some(ShownProof {
                at: now(),
                grade: text(),
                detail: Some(text()),
                base: Some(text()),
            }),
            patch_held: Some(text()),
            report: Some(text()),
            usage: Some(AgentUsage {
                at: Timestamp::from_millis(i64::MAX),
                runtime_s: u64::MAX,
                processes: u64::MAX,
                rss_bytes: u64::MAX,
                cpu_ms: u64::MAX,
                cpu_percent: Some(u32::MAX),
            }),
            ..Investigation::default()
        },
    );
    state.pull_requests.insert(
        text(),
        WatchedRequest {
            repo: text(),
            number: u64::MAX,
            title: text(),
            url: Some(text()),
            author: Some(text()),
            checks: Some(text()),
            review: Some(text()),
            waiting_on: Some(text()),
            ..WatchedRequest::default()
        },
    );
    let entry = entry(1, Sign::Bad, Severity::Fatal, HOSTILE);
    let entry = TimelineEntry { elapsed_s: Some(u64::MAX), incident: Some(text()), ..entry };
    state.timeline.entries.push_back(entry);
    state.notices.insert(text(), NoticeCounts { sent: u64::MAX, failed: u64::MAX, held: u64::MAX });
    state.rounds.failure = Some((now(), text()));
    state.source.problems = vec![HOSTILE.into()];
    state
}

/// Ten thousand queues of two accounts.
pub fn many() -> Dashboard {
    let mut state = normal();
    for number in 0..10_000_u64 {
        let arn = format!("arn:aws:sqs:sa-east-1:123456789012:service-{number:05}-dlq-prod");
        let depth = if number % 7 == 0 { number % 50 } else { 0 };
        put(&mut state, &arn, ShownQueue { account: "other".into(), ..queue(&arn, Some(depth)) });
    }
    state
}
