//! Random stories of two queues: whatever happens in whatever order, what is open at a channel is what is
//! open in the world.

use std::collections::BTreeSet;

use super::stages::quiet;
use super::*;
use crate::rules::notification::outbox::key_of;

/// The stories of each routing.
const STORIES: u64 = 30;

/// A generator of numbers, equal for equal seeds.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % count
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Routes {
    /// A pager without routes.
    Default,
    /// A pager that gets WARN and above, and so no end by a route.
    Severity,
    /// A command whose problems escalate to the pager, which gets FATAL itself.
    Escalated,
    /// A command and a webhook, whose problems escalate to the pager.
    Twice,
    /// A pager without routes that is quiet in the afternoon.
    Quiet,
    /// A pager without routes, of whose lines some come late.
    Replayed,
}

fn story(routes: Routes) -> Story {
    let step = |after: u32| EscalationStep { after: after * MINUTE, to: "pager".into() };
    let escalate = vec![step(15), step(60)];
    let channel = |name: &str, kind| Channel { name: name.into(), kind, ..Channel::default() };
    let route = |names: &[&str], least, policy| Route {
        severity: Some(least),
        channels: names.iter().map(|name| (*name).to_owned()).collect(),
        policy,
        ..Route::default()
    };
    let pager = channel("pager", ChannelKind::PagerDuty);
    let (ops, hook) = (channel("slack", ChannelKind::Exec), channel("hook", ChannelKind::Webhook));
    let policy = RoutePolicy { escalate, ..RoutePolicy::default() };
    let (channels, routes) = match routes {
        Routes::Default | Routes::Quiet | Routes::Replayed => (vec![pager], Vec::new()),
        Routes::Severity => {
            (vec![pager], vec![route(&["pager"], Severity::Warn, RoutePolicy::default())])
        }
        Routes::Escalated => (
            vec![ops, pager],
            vec![
                route(&["slack"], Severity::Warn, policy),
                route(&["pager"], Severity::Fatal, RoutePolicy::default()),
            ],
        ),
        Routes::Twice => (
            vec![ops, hook, pager],
            vec![
                route(&["slack", "hook"], Severity::Warn, policy),
                Route {
                    channels: vec!["pager".into()],
                    types: Some(GlobList::any(&["none"]).unwrap()),
                    ..Route::default()
                },
            ],
        ),
    };
    let mut story = Story::new(RoutePolicy::default());
    story.notifications = Notifications { channels, routes, ..Notifications::default() };
    story
}

/// A queue as it is.
#[derive(Debug, Default)]
struct Queue {
    is_open: bool,
    incidents: u64,
    sessions: u64,
}

/// A story and what happens in it.
struct World {
    dice: Dice,
    story: Story,
    routes: Routes,
    minute: f64,
    queues: [Queue; 2],
    /// All lines, in their order.
    lines: Vec<String>,
    /// The channels, and the keys that are open there.
    open: BTreeSet<(String, String)>,
    /// The steps of a problem since it was told to begin: channel, problem and number.
    steps: BTreeSet<(String, String, u64)>,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64, routes: Routes) -> Self {
        let mut story = story(routes);
        if routes == Routes::Quiet {
            story = quiet(story);
        }
        World {
            dice: Dice(seed * 0x9e37_79b9 + 77),
            story,
            routes,
            minute: 0.0,
            queues: Default::default(),
            lines: Vec::new(),
            open: BTreeSet::new(),
            steps: BTreeSet::new(),
            log: Vec::new(),
        }
    }

    fn incident(&self, queue: usize, back: u64) -> String {
        let name = ["a", "b"][queue];
        format!("{name}#{}", self.queues[queue].incidents.saturating_sub(back))
    }

    /// Lets events arrive in one round, each of an incident.
    fn arrive(&mut self, events: &[(&str, &str, String)]) -> Result<(), String> {
        let mut lines = Vec::new();
        for (kind, detail, incident) in events {
            self.story.events += 1;
            let late =
                if kind.starts_with("inv") { self.dice.one_of(&[0.0, 0.0, 0.3, 0.5]) } else { 0.0 };
            let then = at((self.minute - late).max(0.0));
            let line = line(kind, incident, detail, self.story.events, then);
            self.log.push(format!("{:6.1} {kind} {detail} {incident}", self.minute));
            self.lines.push(line.clone());
            if !(self.routes == Routes::Replayed && self.dice.below(5) == 0) {
                lines.push(line);
            }
        }
        self.plan(&lines)
    }

    fn plan(&mut self, lines: &[String]) -> Result<(), String> {
        let router = Router::new(&self.story.notifications);
        let now = at(self.minute);
        let arrived: Vec<ArrivedEvent> =
            lines.iter().map(|line| read(&router, line, now)).collect();
        if self.dice.below(8) == 0 {
            let stored = serde_json::to_string(&self.story.notices).unwrap();
            self.story.notices = serde_json::from_str(&stored).unwrap();
        }
        let Story { notifications, silences, acks, notices, .. } = &mut self.story;
        let (notifications, silences, acks) = (&*notifications, &*silences, &*acks);
        let input = PlanInput { notifications, silences, acks, is_final: false, is_off: false };
        for planned in plan(notices, &arrived, input, now).deliveries {
            for due in &planned.notices {
                self.tell(&planned, due)?;
            }
        }
        Ok(())
    }

    /// Takes a notice of one problem.
    fn tell(&mut self, planned: &PlannedDelivery, due: &DueNotice) -> Result<(), String> {
        use SendReason::{Again, Ended, Escalated, New, News};
        let to = planned.channel.clone();
        let key = key_of(&due.problem, due.key_incident.as_deref());
        let word = due.reason.as_str();
        self.log.push(format!("{:6.1}     {to}: {word} {key}, {}", self.minute, planned.id));
        let queue = usize::from(due.subject == "b");
        let is_end = due.events.iter().any(|one| one.reason == Ended);
        // A result alone is no problem: where it is an alert, people resolve it.
        let is_known = self.open.contains(&(to.clone(), key.clone()));
        if due.is_late || (due.reason == News && !is_known) {
            return Ok(());
        }
        if matches!(due.reason, New | Again | Ended) {
            self.steps.retain(|(_, problem, _)| *problem != due.problem);
        }
        if due.reason == Escalated
            && !self.steps.insert((to.clone(), due.problem.clone(), due.ordinal))
        {
            return Err("a step twice".into());
        }
        if is_end {
            self.open.remove(&(to, key));
            return Ok(());
        }
        let knows_all = self.routes != Routes::Replayed;
        if knows_all && !self.queues[queue].is_open && due.reason != News && !planned.is_update {
            return Err(format!("{word} of an empty queue"));
        }
        self.open.insert((to, key));
        Ok(())
    }

    /// Lets something happen to a queue.
    fn happen(&mut self) -> Result<(), String> {
        let queue = self.dice.below(2) as usize;
        let this = |world: &World| world.incident(queue, 0);
        if !self.queues[queue].is_open {
            self.queues[queue].incidents += 1;
            self.queues[queue].is_open = true;
            let id = this(self);
            return self.arrive(&[("queue.raised", "3", id)]);
        }
        let id = this(self);
        match self.dice.below(20) {
            0..=8 => {
                self.queues[queue].is_open = false;
                let loss = ("queue.loss_suspected", "3", id.clone());
                let end = |cause| ("queue.cleared", cause, id.clone());
                let result = ("investigation.completed", "", id.clone());
                match self.dice.below(5) {
                    0 => self.arrive(&[end("redriven")]),
                    1 => self.arrive(&[end("expired")]),
                    2 => self.arrive(&[loss, end("unknown")]),
                    3 => self.arrive(&[loss, end("expired")]),
                    _ => self.arrive(&[result, end("redriven")]),
                }
            }
            9..=10 => {
                let depth = self.dice.one_of(&["4", "40", "400"]);
                self.arrive(&[("queue.grew", depth, id)])
            }
            11 => {
                let tier = self.dice.one_of(&["24h", "6h", "1h"]);
                self.arrive(&[("queue.expiring", tier, id)])
            }
            12 => {
                self.queues[queue].sessions += 1;
                let session = self.queues[queue].sessions.to_string();
                self.arrive(&[("investigation.started", &session, id)])
            }
            13 => {
                let back = self.dice.below(2);
                let session = self.queues[queue].sessions.to_string();
                let id = self.incident(queue, back);
                self.arrive(&[("investigation.completed", &session, id)])
            }
            14..=15 => {
                let until = self.minute + self.dice.one_of(&[10.0, 80.0]);
                self.log.push(format!("{:6.1} ack {id} until {until}", self.minute));
                self.story.ack(&id, self.minute, until);
                Ok(())
            }
            16 => {
                let until = self.minute + self.dice.one_of(&[10.0, 80.0]);
                self.log.push(format!("{:6.1} silence until {until}", self.minute));
                self.story.silence(self.minute, until);
                Ok(())
            }
            17 => self.replay(),
            _ => Ok(()),
        }
    }

    /// Lets lines arrive again, some of them.
    fn replay(&mut self) -> Result<(), String> {
        let mut lines = self.lines.clone();
        lines.retain(|_| self.dice.below(3) > 0);
        self.log.push(format!("{:6.1} a replay of {}", self.minute, lines.len()));
        self.plan(&lines)
    }

    /// Lets time pass, with rounds.
    fn wait(&mut self, minutes: f64, rounds: u32) -> Result<(), String> {
        for _ in 0..rounds {
            self.minute += minutes / f64::from(rounds);
            self.plan(&[])?;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..4 + self.dice.below(14) {
            self.happen()?;
            let minutes = self.dice.one_of(&[0.5, 1.0, 3.0, 7.0, 17.0, 67.0, 150.0]);
            self.wait(minutes, 4)?;
        }
        if self.routes == Routes::Replayed {
            let lines = self.lines.clone();
            self.log.push(format!("{:6.1} a replay of all", self.minute));
            self.plan(&lines)?;
        }
        // Until no restraint is in force.
        self.wait(1440.0, 12)?;
        for (queue, is_open) in [0, 1].map(|queue| (queue, self.queues[queue].is_open)) {
            let name = ["a", "b"][queue];
            let of_queue = format!("incident-{name}#");
            for channel in &self.story.notifications.channels {
                let open = self.open.iter().filter(|(to, _)| *to == channel.name);
                let open = open.filter(|(_, key)| key.starts_with(&of_queue)).count();
                if open != usize::from(is_open) {
                    let to = &channel.name;
                    return Err(format!("{open} of {name} open at {to}, open: {is_open}"));
                }
            }
        }
        Ok(())
    }
}

#[test]
fn alerts_are_open_as_the_queues_are_after_any_story() {
    use Routes::{Default, Escalated, Quiet, Replayed, Severity, Twice};
    let mut faults = Vec::new();
    for routes in [Default, Severity, Escalated, Twice, Quiet, Replayed] {
        let stories = std::env::var("DLQ_STORIES").ok().and_then(|count| count.parse().ok());
        for seed in 1..=stories.unwrap_or(STORIES) {
            let mut world = World::new(seed, routes);
            if let Err(fault) = world.run() {
                let story = world.log.join("\n");
                faults.push((world.log.len(), format!("{routes:?} {seed}: {fault}\n{story}")));
            }
        }
    }
    faults.sort();
    let shortest = faults.first().map(|(_, fault)| fault.as_str()).unwrap_or_default();
    assert!(faults.is_empty(), "{} stories, the shortest is {shortest}", faults.len());
}
