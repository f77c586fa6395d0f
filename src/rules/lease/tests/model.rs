//! An exhaustive exploration of the protocol: all interleavings of a few processes and a table.
//!
//! Every decision is made by the functions that the programs call; only the network, the table's storage
//! and time are modelled. A state has the time, the item, the requests under way and what each process
//! knows. From each state every step is taken: a tick; a claim, renewal or ending is sent, at each error
//! of the sender's time; a request is carried out, once or again later; an answer is lost (also as a 5xx),
//! whether its request was carried out or not; an answer is taken, at once or later (a stopped process
//! takes no step while others do); a process dies and starts anew; the table deletes what is past its
//! time. Two names never meet in an item, so that one name is enough.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;

/// The time of a tick, in milliseconds: more than the claims that fit into one.
const TICK: i64 = 100;

/// A run of the model.
struct Model {
    ticks: i64,
    /// The most by which a machine is wrong about the time, in ticks, either way.
    error: i64,
    /// The claims of each process, those after its death among them.
    claims: &'static [u8],
    /// Renewals of the first process.
    renewals: u8,
    /// Endings, which are sent again when they were not carried out.
    endings: u8,
    /// Requests that are carried out twice.
    repeats: u8,
    deaths: u8,
    /// The ticks for which a request can be under way.
    way: i64,
    /// Whether the promises are checked that need right clocks.
    is_timely: bool,
}

const RULES: LeaseRules = LeaseRules {
    span: Duration::from_millis(200),
    max_skew: Duration::from_millis(200),
    margin: Duration::ZERO,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Phase {
    Idle,
    Claiming(LeaseClaim),
    Held(Lease),
    Renewing(Lease, LeaseWrite),
    Ending(Lease),
}

/// The answer that a process has got, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Inbox {
    Waiting,
    Answer(LeaseAnswer),
    /// The answer was given up; the item is to be read.
    Look,
    Item(Option<LeaseItem>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Actor {
    phase: Phase,
    inbox: Inbox,
    /// The request whose answer counts.
    request: u8,
    seen: u64,
    claims: u8,
    renewals: u8,
    endings: u8,
    lives: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Request {
    actor: u8,
    number: u8,
    sent: i64,
    write: LeaseWrite,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    now: i64,
    item: Option<LeaseItem>,
    /// The moment from which the table may delete the item.
    gc: i64,
    actors: Vec<Actor>,
    requests: Vec<Request>,
    repeats: u8,
    deaths: u8,
    /// The highest fencing number of a process that may act.
    given: u64,
    /// The fencing numbers of guarded writes that were carried out, in their order.
    written: Vec<u64>,
    /// The fencing numbers whose holders were told that nothing of theirs will be carried out.
    lost: Vec<u64>,
}

/// The table's time, as a machine knows it that is wrong by `error` ticks.
fn moment(now: i64, error: i64) -> Option<TableMoment> {
    let at = |tick: i64| Timestamp::from_millis(100_000 + tick * TICK);
    // As narrow as it can be: wider bounds only let a machine wait longer and act shorter.
    Some(TableMoment { earliest: at(now + error), latest: at(now + error) })
}

fn ticks(at: Timestamp) -> i64 {
    (at.millis() - 100_000) / TICK
}

impl State {
    fn new(model: &Model) -> Self {
        let actor = |(at, claims): (usize, &u8)| Actor {
            phase: Phase::Idle,
            inbox: Inbox::Waiting,
            request: 0,
            seen: 0,
            claims: *claims,
            renewals: if at == 0 { model.renewals } else { 0 },
            endings: model.endings,
            lives: 0,
        };
        State {
            now: 0,
            item: None,
            gc: 0,
            actors: model.claims.iter().enumerate().map(actor).collect(),
            requests: Vec::new(),
            repeats: model.repeats,
            deaths: model.deaths,
            given: 0,
            written: Vec::new(),
            lost: Vec::new(),
        }
    }

    fn send(&mut self, actor: usize, write: LeaseWrite) {
        let one = &mut self.actors[actor];
        one.request += 1;
        one.inbox = Inbox::Waiting;
        let number = one.request;
        let actor = u8::try_from(actor).unwrap();
        self.requests.push(Request { actor, number, sent: self.now, write });
        self.requests.sort();
    }

    /// Carries a request out, and gives its sender the answer.
    fn carry_out(&mut self, at: usize, is_last: bool, way: i64) -> Result<(), String> {
        let request = self.requests[at];
        let is_met = request.write.condition.holds(self.item.as_ref());
        let answer = match (is_met, self.item) {
            (true, _) => {
                let item = request.write.change.applied(self.item.as_ref());
                if let LeaseChange::End { fence } = request.write.change {
                    if self.written.last().is_some_and(|last| *last >= fence) {
                        return Err(format!("the write of lease {fence} came late"));
                    }
                    if self.lost.contains(&fence) {
                        return Err(format!("the write of lease {fence}, which was told lost"));
                    }
                    self.written.push(fence);
                } else {
                    self.gc = ticks(gc(item.until, Duration::from_millis(100))) + way;
                }
                self.item = Some(item);
                LeaseAnswer::Done
            }
            (false, Some(item)) => LeaseAnswer::Refused(item),
            (false, None) => LeaseAnswer::Unknown,
        };
        let actor = &mut self.actors[usize::from(request.actor)];
        if actor.request == request.number && actor.inbox == Inbox::Waiting {
            actor.inbox = Inbox::Answer(answer);
        }
        if is_last {
            self.requests.remove(at);
        } else {
            self.repeats -= 1;
        }
        Ok(())
    }

    /// Lets a process take what has come back.
    fn take(&mut self, at: usize) -> Result<(), String> {
        let inbox = self.actors[at].inbox;
        let phase = self.actors[at].phase;
        self.actors[at].inbox = Inbox::Waiting;
        match (phase, inbox) {
            (Phase::Claiming(claim), Inbox::Answer(answer)) => {
                self.claimed(at, claim.judge(&answer))?;
            }
            (Phase::Claiming(claim), Inbox::Item(item)) => {
                self.claimed(at, claim.judge_item(item.as_ref()))?;
            }
            (Phase::Renewing(lease, sent), Inbox::Answer(answer)) => {
                self.renewed(at, lease.judge_renewal(&sent, &answer));
            }
            (Phase::Renewing(lease, _), Inbox::Item(item)) => {
                self.renewed(at, lease.judge_item(item.as_ref()));
            }
            (Phase::Ending(lease), Inbox::Answer(LeaseAnswer::Done)) => {
                self.ended(at, lease, EndVerdict::Ended)?;
            }
            (Phase::Ending(lease), Inbox::Answer(LeaseAnswer::Refused(item))) => {
                self.ended(at, lease, lease.judge_end(Some(&item)))?;
            }
            (Phase::Ending(lease), Inbox::Item(item)) => {
                self.ended(at, lease, lease.judge_end(item.as_ref()))?;
            }
            (_, Inbox::Answer(_)) => self.actors[at].inbox = Inbox::Look,
            (_, inbox) => self.actors[at].inbox = inbox,
        }
        Ok(())
    }

    fn claimed(&mut self, at: usize, verdict: ClaimVerdict) -> Result<(), String> {
        let actor = &mut self.actors[at];
        match verdict {
            ClaimVerdict::Held(lease) => {
                actor.phase = Phase::Held(lease);
            }
            ClaimVerdict::Busy(LeaseItem { fence: seen, .. }) | ClaimVerdict::Again { seen } => {
                actor.seen = actor.seen.max(seen);
                actor.phase = Phase::Idle;
            }
            ClaimVerdict::Look => actor.inbox = Inbox::Look,
        }
        Ok(())
    }

    fn renewed(&mut self, at: usize, verdict: RenewalVerdict) {
        let actor = &mut self.actors[at];
        match verdict {
            RenewalVerdict::Held(lease) => actor.phase = Phase::Held(lease),
            RenewalVerdict::Lost => actor.phase = Phase::Idle,
            RenewalVerdict::Look => actor.inbox = Inbox::Look,
        }
    }

    fn ended(&mut self, at: usize, lease: Lease, verdict: EndVerdict) -> Result<(), String> {
        let is_written = self.written.contains(&lease.fence());
        let actor = &mut self.actors[at];
        match verdict {
            EndVerdict::Ended if !is_written => return Err("nothing was written".into()),
            EndVerdict::Lost if is_written => return Err("what was written is told lost".into()),
            EndVerdict::Held => actor.phase = Phase::Held(lease),
            EndVerdict::Lost => {
                self.lost.push(lease.fence());
                actor.phase = Phase::Idle;
            }
            EndVerdict::Ended | EndVerdict::Unclear => actor.phase = Phase::Idle,
        }
        Ok(())
    }
}

/// The steps from a state.
impl Model {
    fn successors(&self, state: &State) -> Result<Vec<State>, String> {
        let mut found = Vec::new();
        // The first claim is that of the first process, at the first tick: other names and times make no
        // other behaviour.
        let is_begun = state.actors[0].claims < self.claims[0];
        if is_begun && state.now < self.ticks {
            let mut next = state.clone();
            next.now += 1;
            // What is under way for longer arrives no more.
            next.requests.retain(|request| next.now - request.sent <= self.way);
            found.push(next);
        }
        if state.item.is_some() && state.now > state.gc {
            found.push(State { item: None, ..state.clone() });
        }
        for at in 0..state.requests.len() {
            for is_last in [true, false] {
                if is_last || state.repeats > 0 {
                    let mut next = state.clone();
                    next.carry_out(at, is_last, self.way)?;
                    found.push(next);
                }
            }
        }
        for at in 0..if is_begun { state.actors.len() } else { 1 } {
            self.actor_steps(state, at, &mut found)?;
        }
        Ok(found)
    }

    fn actor_steps(&self, state: &State, at: usize, found: &mut Vec<State>) -> Result<(), String> {
        let actor = state.actors[at];
        let is_busy = !matches!(actor.phase, Phase::Idle | Phase::Held(_));
        match actor.inbox {
            // The answer is lost or given up, and the item is read, whose answer may come later.
            Inbox::Waiting | Inbox::Answer(_) if is_busy => {
                let mut next = state.clone();
                next.actors[at].inbox = Inbox::Answer(LeaseAnswer::Unknown);
                next.take(at)?;
                if next.actors[at].inbox == Inbox::Look {
                    next.actors[at].inbox = Inbox::Item(next.item);
                }
                found.push(next);
            }
            Inbox::Look => {
                let mut next = state.clone();
                next.actors[at].inbox = Inbox::Item(next.item);
                found.push(next);
            }
            _ => {}
        }
        let mut step = |change: &dyn Fn(&mut State)| {
            let mut next = state.clone();
            change(&mut next);
            found.push(next);
        };
        if state.deaths > 0 && actor.phase != Phase::Idle {
            step(&|next| {
                next.deaths -= 1;
                let actor = &mut next.actors[at];
                (actor.phase, actor.inbox, actor.seen) = (Phase::Idle, Inbox::Waiting, 0);
                actor.request += 1;
                actor.lives += 1;
            });
        }
        for (is_slow, error) in [(true, -self.error), (false, self.error)] {
            let now = moment(state.now, error);
            match actor.phase {
                Phase::Idle if actor.claims > 0 => {
                    // A process keeps its nonce until it dies; the programs take a new one earlier.
                    let nonce = Nonce(10 * (at as u128 + 1) + u128::from(actor.lives));
                    let claim = LeaseClaim::new(&RULES, nonce, actor.seen, now);
                    let claim = claim.map_err(|doubt| format!("{doubt:?}"))?;
                    step(&|next| {
                        next.actors[at].claims -= 1;
                        next.actors[at].phase = Phase::Claiming(claim);
                        next.send(at, claim.write());
                    });
                }
                Phase::Held(lease) => {
                    // A slow one gives less, as an earlier one does.
                    if !is_slow && actor.renewals > 0 {
                        let write = lease.renewal(&RULES, now).map_err(|d| format!("{d:?}"))?;
                        step(&|next| {
                            next.actors[at].renewals -= 1;
                            next.actors[at].phase = Phase::Renewing(lease, write);
                            next.send(at, write);
                        });
                    }
                    // What a fast machine may do, a slow one may as well.
                    if is_slow && actor.endings > 0 && lease.may_act(&RULES, now) {
                        step(&|next| {
                            next.actors[at].endings -= 1;
                            next.actors[at].phase = Phase::Ending(lease);
                            next.send(at, lease.ending());
                        });
                    }
                }
                _ => {}
            }
        }
        if matches!(actor.inbox, Inbox::Answer(_) | Inbox::Item(_)) {
            let mut next = state.clone();
            next.take(at)?;
            found.push(next);
        }
        Ok(())
    }

    /// Checks what holds in every state.
    fn check(&self, state: &mut State) -> Result<(), String> {
        if !self.is_timely {
            return Ok(());
        }
        let may_act = |actor: &&Actor| match actor.phase {
            Phase::Held(lease) | Phase::Renewing(lease, _) | Phase::Ending(lease) => {
                let has_ended = state.written.contains(&lease.fence());
                !has_ended && lease.may_act(&RULES, moment(state.now, -self.error))
            }
            Phase::Idle | Phase::Claiming(_) => false,
        };
        let mut acting = state.actors.iter().filter(may_act);
        if let Some(Phase::Held(lease)) = acting.next().map(|actor| actor.phase) {
            if lease.fence() < state.given {
                return Err(format!("lease {} after lease {}", lease.fence(), state.given));
            }
            state.given = lease.fence();
        }
        if acting.next().is_some() {
            return Err("two may act at once".into());
        }
        // Whatever has happened: a lease that has ended is free by the slowest machine's time.
        if let Some(item) = state.item
            && ticks(item.until.plus(RULES.max_skew)) < state.now - self.error
        {
            let claim =
                LeaseClaim::new(&RULES, Nonce(1), item.fence, moment(state.now, -self.error));
            let claim = claim.map_err(|doubt| format!("{doubt:?}"))?;
            if !claim.write().condition.holds(Some(&item)) {
                return Err("a lease that has ended cannot be claimed".into());
            }
        }
        Ok(())
    }

    /// Explores all states, and returns their number, or the steps to the first that breaks a promise.
    fn explore(&self) -> Result<usize, String> {
        let (mut seen, mut front) = (HashSet::new(), vec![State::new(self)]);
        while !front.is_empty() {
            let mut next_front = Vec::new();
            for state in front {
                let next = self.successors(&state);
                for mut state in next.map_err(|broken| format!("{broken} after {state:#?}"))? {
                    self.check(&mut state).map_err(|broken| format!("{broken}: {state:#?}"))?;
                    if seen.insert(hash_of(&state)) {
                        next_front.push(state);
                    }
                }
            }
            front = next_front;
        }
        Ok(seen.len())
    }
}

/// Returns a hash in place of the state: two of a million states have one hash with a chance of 1 in
/// 37 million.
fn hash_of(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

const MODEL: Model = Model {
    ticks: 7,
    error: 1,
    claims: &[1, 1],
    renewals: 0,
    endings: 1,
    repeats: 0,
    deaths: 0,
    way: 1,
    is_timely: true,
};

/// Explores a model, and prints its size, which must not shrink unnoticed.
#[track_caller]
fn assert_kept(model: &Model, least: usize) {
    let begun = crate::clock::tick();
    match model.explore() {
        Ok(states) => {
            println!("{states} states in {:?}", begun.elapsed());
            assert!(states > least, "the model has only {states} states");
        }
        Err(broken) => panic!("{broken}"),
    }
}

#[test]
fn two_processes_break_no_promise() {
    assert_kept(&MODEL, 60_000);
}

#[test]
fn requests_carried_out_twice_break_no_promise() {
    assert_kept(&Model { repeats: 1, ticks: 4, ..MODEL }, 100_000);
}

#[test]
fn renewals_break_no_promise() {
    assert_kept(&Model { renewals: 2, ticks: 5, way: 2, endings: 0, ..MODEL }, 100_000);
}

#[test]
fn death_and_restart_break_no_promise() {
    assert_kept(&Model { claims: &[2, 1], deaths: 1, ticks: 3, endings: 0, ..MODEL }, 40_000);
}

#[test]
fn deleted_item_breaks_no_promise() {
    assert_kept(&Model { claims: &[1, 2], ticks: 7, endings: 0, ..MODEL }, 100_000);
}

#[test]
fn three_processes_break_no_promise() {
    assert_kept(&Model { claims: &[1, 1, 1], ticks: 3, way: 0, endings: 0, ..MODEL }, 150_000);
}

#[test]
fn wrong_clocks_break_no_guarded_write() {
    assert_kept(&Model { error: 2, is_timely: false, ticks: 5, ..MODEL }, 50_000);
}

/// The model is able to find what it looks for.
#[test]
fn clocks_beyond_the_skew_let_two_act_at_once() {
    let broken = Model { error: 2, ticks: 5, ..MODEL }.explore().unwrap_err();
    assert!(broken.starts_with("two may act at once"), "{broken}");
}
