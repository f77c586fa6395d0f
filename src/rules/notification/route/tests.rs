use super::*;
use crate::event::{Line, Severity as Least, peek};
use crate::glob::GlobList;
use crate::rules::notification::policy::ChannelKind;

const C: usize = 0;
const D: usize = 1;

fn channel(name: &str, kind: ChannelKind, least: Option<Least>) -> Channel {
    Channel { name: name.into(), kind, min_severity: least, ..Channel::default() }
}

fn two(console: Option<Least>, desktop: Option<Least>, routes: Vec<Route>) -> Router {
    let channels = vec![
        channel("console", ChannelKind::Console, console),
        channel("desktop", ChannelKind::Desktop, desktop),
    ];
    Router::new(&Notifications { channels, routes, ..Notifications::default() })
}

fn route(types: &str, queues: &str, severity: Option<Least>, to: &[&str]) -> Route {
    let globs = |text: &str| (!text.is_empty()).then(|| GlobList::any(&[text]).unwrap());
    Route {
        types: globs(types),
        queues: globs(queues),
        severity,
        channels: to.iter().map(|&name| name.into()).collect(),
        ..Route::default()
    }
}

fn channels(router: &Router, kind: &str, severity: &str, queue: &str) -> Vec<usize> {
    let subject = if queue.is_empty() { String::new() } else { format!(r#","subject":"{queue}""#) };
    let line = format!(
        r#"{{"specversion":"1.0","id":"i","source":"s","type":"{kind}","severitytext":"{severity}"{subject}}}"#
    );
    let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
    indexes(router.route(&head, line.as_bytes()))
}

fn indexes(routed: Vec<RoutedChannel>) -> Vec<usize> {
    routed.iter().map(|one| one.channel).collect()
}

#[test]
fn route_matches_account_and_pull_request() {
    let in_account = |account: &str| Route {
        accounts: Some(GlobList::any(&[account]).unwrap()),
        ..route("", "", Some(Least::Info), &["desktop"])
    };
    let of_ours =
        |ours| Route { ours: Some(ours), ..route("pr.*", "", Some(Least::Info), &["desktop"]) };
    let queue =
        r#""data":{"queue":{"arn":"arn:aws:sqs:eu-west-1:123:q","account":"prod","profile":"p1"}}"#;
    let pull = r#""data":{"pr":{"ours":true}}"#;
    let rows: [(Route, &str, &str, &[usize]); 8] = [
        (in_account("prod"), "queue.found", queue, &[D]),
        (in_account("123"), "queue.found", queue, &[D]),
        (in_account("p*"), "queue.found", queue, &[D]),
        (in_account("test"), "queue.found", queue, &[]),
        (in_account("*"), "queue.found", r#""data":{}"#, &[]),
        (of_ours(true), "pr.merged", pull, &[D]),
        (of_ours(false), "pr.merged", pull, &[]),
        (of_ours(false), "pr.merged", r#""data":{"pr":{}}"#, &[]),
    ];
    for (route, kind, data, expected) in rows {
        let router = two(None, None, vec![route.clone()]);
        let line = format!(
            r#"{{"specversion":"1.0","id":"i","source":"s","type":"{kind}","subject":"q",{data}}}"#
        );
        let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
        let found = indexes(router.route(&head, line.as_bytes()));
        assert_eq!(found, expected, "{route:?} {data}");
    }
}

#[test]
fn first_route_that_names_the_channel_decides() {
    let routes = vec![
        route("queue.grew", "", None, &["console"]),
        route("queue.*", "", None, &["desktop"]),
        route("queue.grew", "", None, &["desktop"]),
    ];
    let router = two(None, None, routes);
    let line = r#"{"specversion":"1.0","id":"i","source":"s","type":"queue.grew","subject":"q","severitytext":"ERROR"}"#;
    let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
    let routed = |channel, route| RoutedChannel { channel, route: Some(route), is_named: true };
    assert_eq!(router.route(&head, line.as_bytes()), [routed(C, 0), routed(D, 1)]);
}

#[test]
fn default_notifies_of_problems_and_their_end() {
    let router = two(None, Some(Least::Error), Vec::new());
    let rows: [(&str, &str, &[usize]); 22] = [
        ("pr.opened", "INFO", &[]),
        ("pr.merged", "INFO", &[]),
        ("redrive.completed", "INFO", &[]),
        ("pr.review_due", "WARN", &[C]),
        ("queue.raised", "ERROR", &[C, D]),
        ("queue.readable", "INFO", &[C]),
        ("queue.polled", "WARN", &[]),
        ("poll.finished", "WARN", &[]),
        ("queue.expiring", "WARN", &[C]),
        ("queue.expiring", "FATAL", &[C, D]),
        ("queue.found", "INFO", &[]),
        ("queue.cleared", "INFO", &[C]),
        ("investigation.completed", "INFO", &[C]),
        ("queue.sampled", "INFO", &[C]),
        ("investigation.skipped", "WARN", &[C]),
        ("investigation.started", "INFO", &[]),
        ("queue.polled", "DEBUG", &[]),
        ("poll.finished", "DEBUG", &[]),
        ("notice.sent", "DEBUG", &[]),
        ("notice.failed", "ERROR", &[]),
        ("notice.of_tomorrow", "FATAL", &[]),
        ("deploy.failed", "ERROR", &[C, D]),
    ];
    for (kind, severity, expected) in rows {
        assert_eq!(channels(&router, kind, severity, "q"), expected, "{kind} {severity}");
    }
}

#[test]
fn second_route_adds_results_to_the_defaults() {
    let routes = vec![
        route("", "", None, &["desktop"]),
        route("pr.opened", "", None, &["desktop"]),
        Route { ours: Some(true), ..route("pr.merged", "", None, &["desktop"]) },
    ];
    let router = two(None, None, routes);
    let rows = [
        ("queue.raised", "ERROR", true),
        ("queue.cleared", "INFO", true),
        ("pr.opened", "INFO", true),
        ("pr.merged", "INFO", false),
        ("pr.approved", "INFO", false),
    ];
    for (kind, severity, expected) in rows {
        let found = channels(&router, kind, severity, "q").contains(&D);
        assert_eq!(found, expected, "{kind} {severity}");
    }
}

#[test]
fn route_matches_type_queue_and_severity() {
    let routes = vec![
        route("queue.*", "orders-*", None, &["desktop"]),
        route("", "", Some(Least::Fatal), &["desktop"]),
    ];
    let router = two(None, None, routes);
    let rows: [(&str, &str, &str, &[usize]); 8] = [
        ("queue.raised", "ERROR", "orders-dlq", &[C, D]),
        ("queue.raised", "ERROR", "other-dlq", &[C]),
        ("queue.raised", "FATAL", "other-dlq", &[C, D]),
        ("queue.found", "INFO", "orders-dlq", &[D]),
        ("queue.polled", "DEBUG", "orders-dlq", &[]),
        ("poll.failed", "ERROR", "", &[C]),
        ("poll.failed", "FATAL", "", &[C, D]),
        ("notice.failed", "FATAL", "orders-dlq", &[]),
    ];
    for (kind, severity, queue, expected) in rows {
        assert_eq!(channels(&router, kind, severity, queue), expected, "{kind} {severity} {queue}");
    }
}

#[test]
fn heartbeat_needs_severity_debug() {
    let all = Some(Least::Debug);
    let by_route = two(None, None, vec![route("*", "", all, &["desktop"])]);
    assert_eq!(channels(&by_route, "poll.finished", "DEBUG", ""), [D]);
    let by_channel = two(all, None, Vec::new());
    assert_eq!(channels(&by_channel, "queue.polled", "DEBUG", "q"), [C]);
    assert_eq!(channels(&by_channel, "notice.sent", "DEBUG", "q"), [0; 0]);
}

#[test]
fn channel_threshold_applies_beside_routes() {
    let router = two(None, Some(Least::Error), vec![route("", "", None, &["desktop"])]);
    assert_eq!(channels(&router, "queue.cleared", "INFO", "q"), [C]);
    assert_eq!(channels(&router, "queue.raised", "ERROR", "q"), [C, D]);
}

#[test]
fn route_without_type_and_severity_brings_the_default() {
    let routes =
        vec![route("", "", None, &["console"]), route("", "", Some(Least::Error), &["desktop"])];
    let router = two(None, None, routes);
    let rows: [(&str, &str, &[usize]); 4] = [
        ("queue.raised", "ERROR", &[C, D]),
        ("queue.expiring", "WARN", &[C]),
        ("queue.cleared", "INFO", &[C]),
        ("queue.found", "INFO", &[]),
    ];
    for (kind, severity, expected) in rows {
        assert_eq!(channels(&router, kind, severity, "q"), expected, "{kind} {severity}");
    }
}

#[test]
fn severity_of_the_channel_chooses_for_a_route_without_type_and_severity() {
    let all = |least| two(None, Some(least), vec![route("", "", None, &["desktop"])]);
    let rows: [(Least, &str, &str, &[usize]); 4] = [
        (Least::Info, "queue.found", "INFO", &[D]),
        (Least::Info, "poll.finished", "INFO", &[]),
        (Least::Debug, "poll.finished", "DEBUG", &[D]),
        (Least::Warn, "queue.cleared", "INFO", &[C]),
    ];
    for (least, kind, severity, expected) in rows {
        assert_eq!(channels(&all(least), kind, severity, "q"), expected, "{kind} {least}");
    }
}

#[test]
fn route_without_channels_mutes() {
    let router = two(None, None, vec![route("queue.*", "noisy-*", None, &[])]);
    assert_eq!(channels(&router, "queue.raised", "ERROR", "noisy-dlq"), [0; 0]);
    assert_eq!(channels(&router, "queue.raised", "ERROR", "orders-dlq"), [C, D]);
    assert_eq!(channels(&router, "poll.failed", "ERROR", "noisy-dlq"), [C, D]);
    assert_eq!(channels(&router, "queue.raised", "ERROR", ""), [C, D]);
}

#[test]
fn muted_event_differs_from_one_without_a_route() {
    let routes = vec![
        route("queue.*", "noisy-*", None, &[]),
        route("", "", Some(Least::Warn), &["console", "desktop"]),
    ];
    let router = two(None, None, routes);
    for (queue, expected) in [("noisy-dlq", true), ("orders-dlq", false)] {
        let line = format!(
            r#"{{"specversion":"1.0","id":"i","source":"s","type":"queue.cleared","subject":"{queue}","severitytext":"INFO"}}"#
        );
        let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
        assert!(router.route(&head, line.as_bytes()).is_empty(), "{queue}");
        assert_eq!(router.is_muted(&head, line.as_bytes()), expected, "{queue}");
    }
}

#[test]
fn channel_table_agrees_with_the_rules() {
    let payload = LinePayload::new(b"{}");
    let error = Some(Severity::Error);
    let routes = [
        route("queue.*", "*", None, &["desktop"]),
        route("queue.cleared", "quiet-*", None, &[]),
        route("*.finished", "", None, &[]),
        route("", "q*", error, &["console", "desktop"]),
        route("investigation.*", "", None, &["desktop"]),
    ];
    for count in 0..=routes.len() {
        let router = two(None, None, routes[..count].to_vec());
        let all = Type::ALL.iter().flat_map(|known| Severity::ALL.map(|least| (*known, least)));
        for ((known, severity), queue) in
            all.flat_map(|one| ["q", "quiet-q", "r"].map(|q| (one, q)))
        {
            let kind = known.as_str();
            let scope = QueueScope::This(Some(queue), &payload);
            let event = RoutedEvent { known: Some(known), kind, severity, queue: scope };
            let expected = indexes(router.decide(event, &router.all));
            assert_eq!(channels(&router, kind, severity.as_str(), queue), expected, "{kind}");
        }
    }
}
