use super::*;
use crate::event::{Event, Line, NoticeSent, Payload, Queue, peek};
use crate::event::{
    InvestigationCompleted, PollFinished, QueueCleared, QueueExpiring, QueueRaised,
};
use crate::event::{QueueSampled, Verdict};
use crate::rules::notification::message::render;
use crate::rules::view::notice::in_columns;

const INCIDENT: &str = "1f2e3d4c-0000-8000-8000-000000000000";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T19:57:32Z").unwrap()
}

fn queue() -> Queue {
    Queue { name: "orders-dlq".into(), region: "eu-west-1".into(), ..Queue::default() }
}

fn raised() -> QueueRaised {
    QueueRaised {
        queue: queue(),
        depth: 3,
        visible: 3,
        in_flight: 0,
        delayed: 0,
        previous: None,
        threshold: 1,
        retention_s: None,
        expires_after: None,
        expires_before: None,
    }
}

fn completed(title: &str) -> InvestigationCompleted {
    InvestigationCompleted {
        queue: queue(),
        session: "s".into(),
        verdict: Verdict {
            status: "likely".into(),
            title: Some(title.into()),
            ..Verdict::default()
        },
        cost_note: None,
        denied: None,
        patch_held: None,
        cost_usd: None,
        turns: None,
        duration_s: 61,
        report: "/state/report.md".into(),
        proof: None,
    }
}

fn line<D: Payload>(id: &str, data: D) -> Vec<u8> {
    let event = Event::new(id.into(), "orders-dlq", now(), data);
    event.of_incident(INCIDENT.to_owned()).line()
}

fn head(line: &[u8]) -> Head<'_> {
    let Line::Event(head) = peek(line) else { panic!("{}", String::from_utf8_lossy(line)) };
    head
}

/// Returns the sentence of a notice, with which the story tells the event.
fn sentence(line: &[u8]) -> String {
    render(&head(line), line, None, now()).what
}

fn story(width: usize, lines: &[Vec<u8>]) -> String {
    let mut story = Story::new(PageStyle { width, color: false }, Notices::default(), false);
    let told: String = lines.iter().map(|line| story.event(&head(line), line, now())).collect();
    told + &story.end()
}

fn notice(of: &str, channel: &str) -> Vec<u8> {
    let (channel, event) = (channel.to_owned(), of.to_owned());
    line(&format!("notice of {of}"), NoticeSent { channel, event, attempts: 1 })
}

#[test]
fn story_has_events_notices_and_next_step() {
    let lines = [
        line("1", raised()),
        notice("1", "console"),
        notice("1", "pager"),
        line("2", completed("the total is missing")),
    ];
    let read = render(&head(&lines[3]), &lines[3], None, now()).below.join("\n  ");
    let expected = format!(
        "incident 1f2e3d4c-0000 of orders-dlq (eu-west-1)\n  19:57Z  ERROR  {}\n{:17}notified: console, \
         pager\n  19:57Z  INFO   {}\nwhat next\n  {read}\n",
        sentence(&lines[0]),
        "",
        sentence(&lines[3])
    );
    assert_eq!(story(500, &lines), expected);
}

#[test]
fn story_fits_the_terminal_and_is_escaped() {
    let title = "the total \u{1b}[2J is missing in orders that come from the shop of a partner";
    let lines = [line("1", raised()), line("2", completed(title))];
    for width in [40, 60, 80, 200] {
        let text = story(width, &lines);
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > width).collect();
        assert_eq!(wide, [""; 0], "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn next_step_follows_from_the_newest_events() {
    let sampled = |bundle: Option<&str>| QueueSampled {
        queue: queue(),
        taken: Some(1),
        bundle: bundle.map(str::to_owned),
        ..QueueSampled::default()
    };
    let cleared = QueueCleared { queue: queue(), duration_s: 9, cause: "unknown".into() };
    let skipped = |reason: &str| crate::event::InvestigationSkipped {
        queue: queue(),
        reason: reason.into(),
        detail: "it is so".into(),
        until: None,
    };
    let started = crate::event::InvestigationStarted {
        queue: queue(),
        session: "5e551011-0000".into(),
        agent: "claude".into(),
        pid: None,
        timeout_at: now(),
    };
    let stopped = crate::event::InvestigationStopped {
        queue: queue(),
        session: "5e551011-0000".into(),
        detail: "stopped".into(),
        cost_usd: None,
        duration_s: 1,
    };
    let see = "to see why the messages died: 'dlq-peek orders-dlq'";
    let sampled_line = line("2", sampled(Some("/e")));
    let rows: [(&str, Vec<Vec<u8>>, &str); 10] = [
        ("a raise alone", vec![], see),
        ("nothing received", vec![line("2", sampled(None))], see),
        ("causes known", vec![line("2", sampled(Some("/e")))], "wait: nothing has to be done now"),
        ("skipped", vec![line("2", skipped("disabled"))], see),
        (
            "skipped with causes",
            vec![sampled_line.clone(), line("3", skipped("disabled"))],
            "to see which rule holds it back: 'dlq-investigate --explain orders-dlq'",
        ),
        (
            "a known cause",
            vec![sampled_line.clone(), line("3", skipped("known_cause"))],
            "to find the report of the same cause: 'dlq-status'",
        ),
        (
            "not a bug",
            vec![sampled_line, line("3", skipped("not_a_code_bug"))],
            "to investigate it all the same: 'dlq-investigate --retry orders-dlq'",
        ),
        (
            "under way",
            vec![line("2", started.clone())],
            "wait for session 5e551011-0000, which is investigating: 'dlq-status'",
        ),
        (
            "ended without a result",
            vec![line("2", started), line("3", stopped)],
            "to investigate it again: 'dlq-investigate --retry orders-dlq'",
        ),
        ("over", vec![line("2", cleared)], "nothing: the incident has ended"),
    ];
    for (name, rest, step) in rows {
        let text = story(500, &[vec![line("1", raised())], rest].concat());
        let (_, next) = text.split_once("what next\n").unwrap();
        assert!(next.ends_with(&format!("  {step}\n")), "{name}: {text}");
    }
}

#[test]
fn commands_have_the_arn_where_a_name_may_stand_for_several_queues() {
    let arn = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq";
    let raised = QueueRaised { queue: Queue { arn: arn.into(), ..queue() }, ..raised() };
    let line = line("1", raised);
    let style = PageStyle { width: 500, color: false };
    for (has_scopes, name) in [(false, "orders-dlq"), (true, arn)] {
        let mut story = Story::new(style, Notices::default(), has_scopes);
        story.event(&head(&line), &line, now());
        let end = story.end();
        assert!(end.ends_with(&format!("'dlq-peek {name}'\n")), "{end}");
    }
}

#[test]
fn failure_is_told_with_all_that_its_notice_says() {
    let failed = crate::event::InvestigationFailed {
        queue: queue(),
        session: "5e551011-0000".into(),
        reason: "no_verdict".into(),
        detail: format!("{}; its output is in '/state/agent.log'", "it broke ".repeat(12)),
        cost_usd: None,
        duration_s: Some(1),
    };
    let text = story(500, &[line("1", raised()), line("2", failed)]);
    let why = "it broke ".repeat(12);
    assert!(text.contains(&format!(": {}\n", why.trim())), "{text}");
    assert!(text.contains(&format!("\n{:17}its output is in '/state/agent.log'\n", "")), "{text}");
}

#[test]
fn warning_of_a_loss_comes_first() {
    let expiring = QueueExpiring {
        queue: Queue {
            arn: "arn:aws:sqs:eu-west-1:123456789012:orders-dlq".into(),
            url: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq".into(),
            ..queue()
        },
        tier: "1h".into(),
        certain: true,
        depth: Some(3),
        retention_s: None,
        expires_after: None,
        expires_before: None,
    };
    let lines = [line("1", raised()), line("2", expiring), line("3", completed("t"))];
    let notice = render(&head(&lines[1]), &lines[1], None, now());
    let step = notice.below.iter().chain(&notice.next).next().unwrap();
    let text = story(500, &lines);
    assert!(text.contains(&format!("what next\n  {step}\n  ")), "{text}");
}

#[test]
fn sentences_leave_out_heartbeats_and_count_them() {
    let heartbeat = PollFinished {
        round: 1,
        queues: 2,
        unreadable: 0,
        unlisted: 0,
        unsurveyed: 0,
        raised: 0,
        duration_ms: 5,
        api_calls: 2,
        usd_month: None,
        asked: None,
        postponed: 0,
        shard: None,
    };
    let lines = [line("1", heartbeat.clone()), line("2", raised()), line("3", heartbeat)];
    let text = |least| {
        let mut form =
            JournalText::new(PageStyle { width: 500, color: false }, least, SeenScopes::default());
        let told: String = lines.iter().map(|line| form.event(&head(line), line, now())).collect();
        told + &form.end()
    };
    let notice = render(&head(&lines[1]), &lines[1], None, now());
    let shown = in_columns(&notice, PageStyle { width: 500, color: false }, false);
    let left_out = "2 events of severity DEBUG left out; -v shows them\n";
    assert_eq!(text(Severity::Info), format!("{shown}{left_out}"));
    assert_eq!(text(Severity::Debug).lines().count(), 3);
}
