//! Which channels hear of an event: from its type, its queue and its severity, by its head alone.
//!
//! Promises: the same head gives the same channels; an event about notices goes nowhere, so that
//! no notice ever causes another; what no channel can want is known from a table, because nearly
//! every line of a stream is such a line. Pure.

use std::fmt;

use super::policy::{Channel, Notifications, Route};
use crate::event::{Head, Severity, Type};

/// Who hears of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These channels, by their place in the configuration.
    Tell(Vec<usize>),
    /// Nobody, and why.
    Silent(Why),
}

/// Why nobody hears of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is about a notice itself.
    AboutNotices,
    /// It only says that all goes on: shown to who asks for DEBUG.
    Heartbeat,
    /// A route without channels leads such events nowhere.
    Muted,
    /// No channel wants it: too mild, or no route leads anywhere.
    Unwanted,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::AboutNotices => "it is about notices",
            Why::Heartbeat => "it is a heartbeat",
            Why::Muted => "a route without channels leads it nowhere",
            Why::Unwanted => "it is too mild, or no route leads to a channel",
        })
    }
}

/// The channels and routes of a configuration, made ready.
#[derive(Debug)]
pub struct Router {
    channels: Vec<Channel>,
    routes: Vec<Route>,
    /// Types and severities that nobody wants, whatever the queue.
    silent: [[Option<Why>; Severity::ALL.len()]; Type::ALL.len()],
}

/// The queue as far as the question goes.
#[derive(Clone, Copy)]
enum Queue<'a> {
    /// Would it match for any queue at all?
    Any,
    /// For this one, or for an event without one.
    This(Option<&'a str>),
}

/// What is asked about.
#[derive(Clone, Copy)]
struct Asked<'a> {
    known: Option<Type>,
    kind: &'a str,
    severity: Severity,
    queue: Queue<'a>,
}

impl Router {
    /// Made once, at the start.
    pub fn new(notifications: &Notifications) -> Self {
        let mut router = Router {
            channels: notifications.channels.clone(),
            routes: notifications.routes.clone(),
            silent: [[None; Severity::ALL.len()]; Type::ALL.len()],
        };
        for &known in Type::ALL {
            for severity in Severity::ALL {
                let kind = known.as_str();
                let (known, queue) = (Some(known), Queue::Any);
                let asked = Asked { known, kind, severity, queue };
                if let (Some(known), Verdict::Silent(why)) = (known, router.weigh(asked)) {
                    router.silent[known as usize][severity as usize] = Some(why);
                }
            }
        }
        router
    }

    /// Who hears of the event with this head.
    pub fn judge(&self, head: &Head) -> Verdict {
        let severity = head.severity();
        if let Some(known) = head.known
            && let Some(why) = self.silent[known as usize][severity as usize]
        {
            return Verdict::Silent(why);
        }
        let queue = Queue::This(head.subject.as_deref());
        self.weigh(Asked { known: head.known, kind: &head.kind, severity, queue })
    }

    fn weigh(&self, asked: Asked) -> Verdict {
        if Type::NoticeSent.is_of_family(asked.kind) {
            return Verdict::Silent(Why::AboutNotices);
        }
        if self.routes.iter().any(|route| asked.is_muted_by(route)) {
            return Verdict::Silent(Why::Muted);
        }
        let channels = self.channels.iter().enumerate();
        let wanting = channels.filter(|(_, channel)| self.wants(channel, asked));
        let told: Vec<usize> = wanting.map(|(at, _)| at).collect();
        match (told.is_empty(), asked.is_heartbeat()) {
            (false, _) => Verdict::Tell(told),
            (true, true) => Verdict::Silent(Why::Heartbeat),
            (true, false) => Verdict::Silent(Why::Unwanted),
        }
    }

    fn wants(&self, channel: &Channel, asked: Asked) -> bool {
        let least = channel.min_severity;
        if least.is_some_and(|least| milder(asked.severity, least)) {
            return false;
        }
        let names_it = |route: &&Route| route.channels.contains(&channel.name);
        let mut leading = self.routes.iter().filter(names_it).peekable();
        if leading.peek().is_none() {
            // No route names it: its own threshold, or what people want to hear by default.
            return least.is_some() || asked.is_worth_telling();
        }
        leading.any(|route| {
            let chosen = route.types.is_some() || route.severity.is_some() || least.is_some();
            let debug = [route.severity, least].contains(&Some(Severity::Debug));
            asked.is_led_by(route)
                && (debug || !asked.is_heartbeat())
                && (chosen || asked.is_worth_telling())
        })
    }
}

impl Asked<'_> {
    /// It says that all goes on, again and again: nobody wants that unless he says DEBUG.
    fn is_heartbeat(self) -> bool {
        matches!(self.known, Some(Type::QueuePolled | Type::PollFinished))
    }

    /// What is told when the configuration does not choose: what is wrong, and what is over.
    fn is_worth_telling(self) -> bool {
        let over =
            [Type::QueueCleared, Type::QueueReadable, Type::InvestigationCompleted].map(Some);
        over.contains(&self.known) || (self.severity >= Severity::Warn && !self.is_heartbeat())
    }

    /// Whether a route lets it through.
    fn is_led_by(self, route: &Route) -> bool {
        let type_fits = route.types.as_ref().is_none_or(|types| types.matches(self.kind));
        let queue_fits = match (&route.queues, self.queue) {
            (None, _) | (Some(_), Queue::Any) => true,
            (Some(queues), Queue::This(name)) => name.is_some_and(|name| queues.matches(name)),
        };
        type_fits && queue_fits && !route.severity.is_some_and(|least| milder(self.severity, least))
    }

    /// Whether a route leads it nowhere, for certain.
    fn is_muted_by(self, route: &Route) -> bool {
        let certain = route.queues.is_none() || matches!(self.queue, Queue::This(_));
        route.channels.is_empty() && certain && self.is_led_by(route)
    }
}

/// Severities are declared in rising order.
fn milder(severity: Severity, least: Severity) -> bool {
    (severity as u8) < least as u8
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
        Channel { name: name.into(), kind, min_severity: least }
    }

    fn two(console: Option<Least>, desktop: Option<Least>, routes: Vec<Route>) -> Router {
        let channels = vec![
            channel("console", ChannelKind::Console, console),
            channel("desktop", ChannelKind::Desktop, desktop),
        ];
        Router::new(&Notifications { channels, routes })
    }

    fn route(types: &str, queues: &str, severity: Option<Least>, to: &[&str]) -> Route {
        let globs = |text: &str| (!text.is_empty()).then(|| GlobList::any(&[text]).unwrap());
        Route {
            types: globs(types),
            queues: globs(queues),
            severity,
            channels: to.iter().map(|&name| name.into()).collect(),
        }
    }

    fn told(router: &Router, kind: &str, severity: &str, queue: &str) -> Vec<usize> {
        let subject =
            if queue.is_empty() { String::new() } else { format!(r#","subject":"{queue}""#) };
        let line = format!(
            r#"{{"specversion":"1.0","id":"i","source":"s","type":"{kind}","severitytext":"{severity}"{subject}}}"#
        );
        let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
        match router.judge(&head) {
            Verdict::Tell(channels) => channels,
            Verdict::Silent(_) => Vec::new(),
        }
    }

    #[test]
    fn by_default_what_is_wrong_and_what_is_over_is_told() {
        let router = two(None, Some(Least::Error), Vec::new());
        let rows: [(&str, &str, &[usize]); 13] = [
            ("queue.raised", "ERROR", &[C, D]),
            ("queue.expiring", "WARN", &[C]),
            ("queue.expiring", "FATAL", &[C, D]),
            ("queue.found", "INFO", &[]),
            ("queue.cleared", "INFO", &[C]),
            ("investigation.completed", "INFO", &[C]),
            ("investigation.started", "INFO", &[]),
            ("queue.polled", "DEBUG", &[]),
            ("poll.finished", "DEBUG", &[]),
            ("notice.sent", "DEBUG", &[]),
            ("notice.failed", "ERROR", &[]),
            ("notice.of_tomorrow", "FATAL", &[]),
            ("deploy.failed", "ERROR", &[C, D]),
        ];
        for (kind, severity, expected) in rows {
            assert_eq!(told(&router, kind, severity, "q"), expected, "{kind} {severity}");
        }
    }

    #[test]
    fn routes_choose_by_type_queue_and_severity() {
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
            assert_eq!(told(&router, kind, severity, queue), expected, "{kind} {severity} {queue}");
        }
    }

    #[test]
    fn a_heartbeat_is_told_to_who_asks_for_debug() {
        let all = Some(Least::Debug);
        let by_route = two(None, None, vec![route("*", "", all, &["desktop"])]);
        assert_eq!(told(&by_route, "poll.finished", "DEBUG", ""), [D]);
        let by_channel = two(all, None, Vec::new());
        assert_eq!(told(&by_channel, "queue.polled", "DEBUG", "q"), [C]);
        assert_eq!(told(&by_channel, "notice.sent", "DEBUG", "q"), [0; 0]);
    }

    #[test]
    fn a_channel_hears_nothing_below_its_own_threshold() {
        let router = two(None, Some(Least::Error), vec![route("", "", None, &["desktop"])]);
        assert_eq!(told(&router, "queue.cleared", "INFO", "q"), [C]);
        assert_eq!(told(&router, "queue.raised", "ERROR", "q"), [C, D]);
    }

    #[test]
    fn a_route_that_chooses_neither_type_nor_severity_brings_what_is_worth_telling() {
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
            assert_eq!(told(&router, kind, severity, "q"), expected, "{kind} {severity}");
        }
    }

    #[test]
    fn a_route_without_channels_mutes() {
        let router = two(None, None, vec![route("queue.*", "noisy-*", None, &[])]);
        assert_eq!(told(&router, "queue.raised", "ERROR", "noisy-dlq"), [0; 0]);
        assert_eq!(told(&router, "queue.raised", "ERROR", "orders-dlq"), [C, D]);
        assert_eq!(told(&router, "poll.failed", "ERROR", "noisy-dlq"), [C, D]);
        assert_eq!(told(&router, "queue.raised", "ERROR", ""), [C, D]);
    }

    #[test]
    fn the_table_never_hides_what_the_rules_would_tell() {
        let router = two(None, None, vec![route("queue.*", "*", None, &["desktop"])]);
        for &known in Type::ALL {
            for severity in Severity::ALL {
                let (kind, queue) = (known.as_str(), Queue::This(Some("q")));
                let asked = Asked { known: Some(known), kind, severity, queue };
                let expected = match router.weigh(asked) {
                    Verdict::Tell(channels) => channels,
                    Verdict::Silent(_) => Vec::new(),
                };
                assert_eq!(told(&router, kind, severity.as_str(), "q"), expected);
            }
        }
    }
}
