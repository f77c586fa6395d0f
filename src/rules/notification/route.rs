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
mod tests;
