//! Routing: the channels of an event, by its type, queue, severity, account and pull request.
//!
//! Promises: equal events have equal channels; an event about notices has none, so that a notice
//! never causes another. A table by type and severity holds the routes that are left to be asked, which
//! are none for nearly all lines of a stream. A channel gets what any of the routes that name it
//! lets through; the first of these decides how the notice is restrained. Pure.

use std::cell::OnceCell;

use super::policy::{Channel, Notifications, Route};
use crate::event::{self, Head, PullRequest, Severity, Type};

/// The channels and routes of a configuration, with the table of those that an event can concern.
#[derive(Debug)]
pub struct Router {
    channels: Vec<Channel>,
    routes: Vec<Route>,
    /// The channels and routes for an event of any type.
    all: Candidates,
    /// The channels and routes that accept a type and severity for some queue.
    table: Vec<[Candidates; Severity::ALL.len()]>,
}

/// Channels and routes that are asked about an event, by their indexes.
#[derive(Debug, Clone, Default)]
struct Candidates {
    /// Routes without channels.
    muting: Vec<usize>,
    /// Channels, each with the routes that name it; with None, its defaults decide.
    channels: Vec<(usize, Option<Vec<usize>>)>,
}

/// A channel that gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoutedChannel {
    /// The index of the channel in the configuration.
    pub channel: usize,
    /// The index of the route that decides how the notice is restrained; None for the defaults.
    pub route: Option<usize>,
    /// Whether the route names the type of the event in full.
    pub is_named: bool,
}

/// The queue of an event that is routed.
#[derive(Clone, Copy)]
enum QueueScope<'a> {
    /// Every queue that a route could match, and every payload.
    Any,
    /// A single queue, None for an event without a queue; and the payload.
    This(Option<&'a str>, &'a LinePayload<'a>),
}

/// The fields of the payload that routes match, read when a route asks for them.
struct LinePayload<'a> {
    line: &'a [u8],
    accounts: OnceCell<Vec<String>>,
    is_ours: OnceCell<Option<bool>>,
}

impl<'a> LinePayload<'a> {
    fn new(line: &'a [u8]) -> Self {
        LinePayload { line, accounts: OnceCell::new(), is_ours: OnceCell::new() }
    }

    fn accounts(&self) -> &[String] {
        self.accounts.get_or_init(|| event::accounts(self.line))
    }

    /// Returns whether the pull request of the event is one of ours.
    fn is_ours(&self) -> Option<bool> {
        *self.is_ours.get_or_init(|| PullRequest::read(self.line)?.ours)
    }
}

/// The parts of an event that decide its channels.
#[derive(Clone, Copy)]
struct RoutedEvent<'a> {
    known: Option<Type>,
    kind: &'a str,
    severity: Severity,
    queue: QueueScope<'a>,
}

impl Router {
    /// Compiles the routes and their table.
    pub fn new(notifications: &Notifications) -> Self {
        let (channels, routes) = (notifications.channels.clone(), notifications.routes.clone());
        let naming = |channel: &Channel| {
            let names = |at: &usize| routes[*at].channels.contains(&channel.name);
            let named: Vec<usize> = (0..routes.len()).filter(names).collect();
            (!named.is_empty()).then_some(named)
        };
        let all = Candidates {
            muting: (0..routes.len()).filter(|at| routes[*at].channels.is_empty()).collect(),
            channels: channels.iter().map(naming).enumerate().collect(),
        };
        let mut router = Router { channels, routes, all, table: Vec::new() };
        let row = |known: &Type| Severity::ALL.map(|severity| router.candidates(*known, severity));
        router.table = Type::ALL.iter().map(row).collect();
        router
    }

    /// Returns the channels of an event.
    pub fn route(&self, head: &Head, line: &[u8]) -> Vec<RoutedChannel> {
        let (known, severity) = (head.known, head.severity());
        let candidates = match known {
            Some(known) => &self.table[known as usize][severity as usize],
            None => &self.all,
        };
        if candidates.channels.is_empty() {
            return Vec::new();
        }
        let payload = LinePayload::new(line);
        let queue = QueueScope::This(head.subject.as_deref(), &payload);
        self.decide(RoutedEvent { known, kind: &head.kind, severity, queue }, candidates)
    }

    /// Returns whether a route without channels keeps an event from all channels.
    pub fn is_muted(&self, head: &Head, line: &[u8]) -> bool {
        let payload = LinePayload::new(line);
        let queue = QueueScope::This(head.subject.as_deref(), &payload);
        let (known, severity) = (head.known, head.severity());
        let event = RoutedEvent { known, kind: &head.kind, severity, queue };
        self.all.muting.iter().any(|at| event.is_muted_by(&self.routes[*at]))
    }

    /// Returns the channels and routes that can accept a type and severity, whatever the queue.
    fn candidates(&self, known: Type, severity: Severity) -> Candidates {
        let (kind, queue) = (known.as_str(), QueueScope::Any);
        let event = RoutedEvent { known: Some(known), kind, severity, queue };
        let accepting = self.decide(event, &self.all);
        let matching = |routes: &[usize]| {
            let routes = routes.iter().copied();
            routes.filter(|at| event.matches_route(&self.routes[*at])).collect::<Vec<usize>>()
        };
        let channels = accepting.iter().map(|one| {
            let (at, named) = &self.all.channels[one.channel];
            (*at, named.as_deref().map(matching))
        });
        Candidates { muting: matching(&self.all.muting), channels: channels.collect() }
    }

    fn decide(&self, event: RoutedEvent, asked: &Candidates) -> Vec<RoutedChannel> {
        if Type::NoticeSent.is_of_family(event.kind)
            || asked.muting.iter().any(|at| event.is_muted_by(&self.routes[*at]))
        {
            return Vec::new();
        }
        let accept =
            |(at, routes): &(usize, Option<Vec<usize>>)| self.accept(*at, routes.as_deref(), event);
        asked.channels.iter().filter_map(accept).collect()
    }

    /// Returns how a channel gets an event.
    fn accept(
        &self,
        at: usize,
        routes: Option<&[usize]>,
        event: RoutedEvent,
    ) -> Option<RoutedChannel> {
        let minimum = self.channels[at].min_severity;
        if minimum.is_some_and(|minimum| event.severity < minimum) {
            return None;
        }
        let Some(routes) = routes else {
            // Without a route the threshold of the channel decides, or the default.
            let accepts = minimum.is_some() || event.is_notable();
            return accepts.then_some(RoutedChannel { channel: at, route: None, is_named: false });
        };
        let routes = routes.iter().map(|at| (*at, &self.routes[*at]));
        let mut through = routes.filter(|(_, route)| {
            let chosen = route.types.is_some() || route.severity.is_some() || minimum.is_some();
            let debug = [route.severity, minimum].contains(&Some(Severity::Debug));
            event.matches_route(route)
                && (debug || !event.is_heartbeat())
                && (chosen || event.is_notable())
        });
        let (first, route) = through.next()?;
        let names_type =
            |route: &Route| route.types.as_ref().is_some_and(|types| types.names(event.kind));
        let is_named = names_type(route) || through.any(|(_, route)| names_type(route));
        Some(RoutedChannel { channel: at, route: Some(first), is_named })
    }
}

impl RoutedEvent<'_> {
    /// Returns whether the event only shows that polling goes on.
    fn is_heartbeat(self) -> bool {
        matches!(self.known, Some(Type::QueuePolled | Type::PollFinished))
    }

    /// Returns whether the event goes to channels without a severity: a problem, its
    /// cause, or its end.
    fn is_notable(self) -> bool {
        use Type::{InvestigationCompleted, QueueCleared, QueueReadable, QueueSampled};
        let also = [QueueCleared, QueueReadable, QueueSampled, InvestigationCompleted].map(Some);
        also.contains(&self.known) || (self.severity >= Severity::Warn && !self.is_heartbeat())
    }

    /// Returns whether the route matches.
    fn matches_route(self, route: &Route) -> bool {
        let type_fits = route.types.as_ref().is_none_or(|types| types.matches(self.kind));
        if !type_fits || route.severity.is_some_and(|minimum| self.severity < minimum) {
            return false;
        }
        let QueueScope::This(name, payload) = self.queue else { return true };
        let queue_fits = route
            .queues
            .as_ref()
            .is_none_or(|queues| name.is_some_and(|name| queues.matches(name)));
        let account_fits = || {
            route.accounts.as_ref().is_none_or(|accounts| {
                payload.accounts().iter().any(|account| accounts.matches(account))
            })
        };
        let is_ours = || route.ours.is_none_or(|ours| payload.is_ours() == Some(ours));
        queue_fits && account_fits() && is_ours()
    }

    /// Returns whether a route without channels matches for certain.
    fn is_muted_by(self, route: &Route) -> bool {
        let depends = route.queues.is_some() || route.accounts.is_some() || route.ours.is_some();
        let certain = !depends || matches!(self.queue, QueueScope::This(..));
        route.channels.is_empty() && certain && self.matches_route(route)
    }
}

#[cfg(test)]
mod tests {
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
        let subject =
            if queue.is_empty() { String::new() } else { format!(r#","subject":"{queue}""#) };
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
        let queue = r#""data":{"queue":{"arn":"arn:aws:sqs:eu-west-1:123:q","account":"prod","profile":"p1"}}"#;
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
        let rows: [(&str, &str, &[usize]); 18] = [
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
            assert_eq!(
                channels(&router, kind, severity, queue),
                expected,
                "{kind} {severity} {queue}"
            );
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
        let routes = vec![
            route("", "", None, &["console"]),
            route("", "", Some(Least::Error), &["desktop"]),
        ];
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
}
