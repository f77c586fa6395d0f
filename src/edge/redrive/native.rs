//! A redrive by SQS itself: a message move task, which moves a whole queue.
//!
//! There is no canary and no archive: SQS neither selects nor tells the ids of what it moves.

use std::time::{Duration, Instant};

use super::record::RedriveRecord;
use super::{RedriveRequest, Redriver};
use crate::clock;
use crate::document::Keys;
use crate::edge::aws::MoveTaskState;
use crate::edge::move_record::{new_move, refuse_task, running_task};
use crate::edge::stop_signals::StopSignals;
use crate::error::Error;
use crate::event::{RedriveAborted, RedriveCompleted, RedriveStarted};
use crate::log;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome, MoveStep, Redrives};
use crate::text;
use crate::time::Timestamp;
use crate::wire::Output;

/// The time between two looks at a task.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The failed looks in a row after which a task is left to itself.
const FAILURES_MAX: u32 = 30;
/// The longest run of a task, which SQS ends then.
const TASK_MAX: Duration = Duration::from_secs(36 * 3600);
/// The most messages a second that SQS accepts.
pub(super) const RATE_MAX: u64 = 500;

/// The end of a task.
struct TaskEnd {
    outcome: MoveOutcome,
    reason: &'static str,
    detail: String,
}

impl Redriver {
    /// Lets SQS move all messages of a queue, and reports its progress. An interrupt cancels it.
    pub fn native(
        &self,
        queue: &str,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let source = self.source(queue, request)?;
        if self.dry_run {
            return self.foresee(&source, None, request, out);
        }
        source.refuse_live()?;
        let _lock = self.lock_only(&source)?;
        let (target, sqs) = (&source.target, self.sqs());
        let (scope, queue) = (target.scope, target.queue.clone());
        let signals = StopSignals::listening()?;
        let known = sqs.move_task_states(scope, &queue.arn).ok();
        if let Some(state) = self.unwatched(&queue.arn)? {
            let mut of_it = known.iter().flatten().filter(|one| state.has_task(one.started_at));
            if known.is_none() || of_it.next().is_some() {
                log::info(&format!("going on with the task of redrive {}", state.id));
                return self.follow_again(state, scope, &signals, out);
            }
            self.end_unstarted(state, out)?;
        }
        refuse_task(sqs, scope, &queue, "move messages of queue")?;
        if !request.force {
            self.check_interrupted(&queue)?;
        }
        let depth = source.attributes.counts.depth();
        let state = Move {
            reason: request.reason.clone(),
            messages: Some(depth),
            step: Some(MoveStep::Rest),
            task_before: known.map(|known| {
                let started = known.iter().map(|one| one.started_at);
                started.max().unwrap_or(Timestamp::from_millis(0))
            }),
            ..new_move(target, MoveKind::Native, depth)
        };
        let mut record = RedriveRecord::begin(&self.store, &self.journal, out, state)?;
        let rate = request.rate.map(|rate| i32::try_from(rate.min(RATE_MAX)).unwrap_or(1));
        let to = source.destinations.given.as_deref();
        let begun = clock::tick();
        let started = sqs.start_move_task(scope, &queue.arn, to, rate);
        let end = match started {
            Err(error) => TaskEnd {
                outcome: MoveOutcome::Aborted,
                reason: "not_started",
                detail: format!("SQS has not started a task: {error}"),
            },
            Ok(handle) => {
                record.emit(RedriveStarted {
                    queue: queue.clone(),
                    redrive: record.document.state.id.clone(),
                    messages: Some(depth),
                    archive: None,
                    plan: None,
                    canary: 0,
                    fingerprint: None,
                    pull_request: None,
                })?;
                self.follow(scope, &queue.arn, &handle, &mut record, &signals)?
            }
        };
        let failed = end.outcome != MoveOutcome::Completed;
        tell_end(&mut record, end, begun)?;
        signals.end();
        Ok(failed)
    }

    /// Returns the task of a queue that was started here, and whose follower has been killed.
    fn unwatched(&self, arn: &str) -> Result<Option<Move>, Error> {
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, arn))?;
        let is_it = |one: &Move| {
            one.kind == MoveKind::Native && one.queue.arn == arn && one.finished_at.is_none()
        };
        Ok(all.moves.into_iter().rfind(is_it))
    }

    /// Records the end of a move that was killed before SQS had started its task.
    fn end_unstarted(&self, state: Move, out: &mut Output) -> Result<(), Error> {
        let mut record = RedriveRecord::begin(&self.store, &self.journal, out, state)?;
        let end = TaskEnd {
            outcome: MoveOutcome::Aborted,
            reason: "not_started",
            detail: "it was killed, and no task was started".into(),
        };
        tell_end(&mut record, end, clock::tick())
    }

    /// Follows a task whose follower has been killed.
    fn follow_again(
        &self,
        state: Move,
        scope: usize,
        signals: &StopSignals,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let arn = state.queue.arn.clone();
        let begun = clock::tick();
        let handle = running_task(self.sqs(), scope, &arn).and_then(|task| task.handle);
        let mut record = RedriveRecord::begin(&self.store, &self.journal, out, state)?;
        let end = self.follow(scope, &arn, &handle.unwrap_or_default(), &mut record, signals)?;
        let failed = end.outcome != MoveOutcome::Completed;
        tell_end(&mut record, end, begun)?;
        signals.end();
        Ok(failed)
    }

    /// Follows a task to its end.
    fn follow(
        &self,
        scope: usize,
        arn: &str,
        handle: &str,
        record: &mut RedriveRecord<'_>,
        signals: &StopSignals,
    ) -> Result<TaskEnd, Error> {
        let (mut failures, mut is_cancelled, mut is_listed) = (0, false, true);
        let until = clock::tick() + TASK_MAX;
        loop {
            if signals.is_ending() && !is_cancelled {
                is_cancelled = true;
                match self.sqs().cancel_move_task(scope, handle) {
                    Ok(moved) => log::info(&format!("the task is cancelled after {moved}")),
                    Err(error) => log::warn(&format!("cannot cancel the task: {error}")),
                }
            }
            let state = &record.document.state;
            let task = self.sqs().move_task_states(scope, arn).map(|tasks| newest(tasks, state));
            match task {
                Ok(Some(task)) => {
                    (failures, is_listed) = (0, true);
                    record.document.state.moved = task.moved;
                    record.document.state.deleted = task.moved;
                    record.document.state.messages =
                        task.to_move.or(record.document.state.messages);
                    record.update()?;
                    if let Some(end) = end_of(&task) {
                        return Ok(end);
                    }
                }
                Ok(None) => {
                    failures += 1;
                    is_listed = false;
                }
                Err(error) => {
                    failures += 1;
                    log::info(&format!("cannot read the task: {error}"));
                }
            }
            if failures >= FAILURES_MAX || clock::tick() >= until {
                return Ok(TaskEnd {
                    outcome: MoveOutcome::Aborted,
                    reason: "unreadable",
                    detail: match is_listed {
                        true => "the task could not be read any more; SQS goes on with it".into(),
                        false => "SQS lists no task of it".into(),
                    },
                });
            }
            self.sqs().wait_until(clock::tick() + LOOK_EVERY);
        }
    }
}

/// Returns the newest task that can be the one of a move.
fn newest(tasks: Vec<MoveTaskState>, of: &Move) -> Option<MoveTaskState> {
    let own = tasks.into_iter().filter(|task| of.has_task(task.started_at));
    own.max_by_key(|task| task.started_at)
}

/// Returns the end of a task; None while it goes on.
fn end_of(task: &MoveTaskState) -> Option<TaskEnd> {
    let aborted =
        |reason, detail: String| Some(TaskEnd { outcome: MoveOutcome::Aborted, reason, detail });
    match task.status.as_str() {
        "COMPLETED" => {
            Some(TaskEnd { outcome: MoveOutcome::Completed, reason: "", detail: String::new() })
        }
        "CANCELLED" => aborted(
            "interrupted",
            "the task was cancelled; the rest is in the queue, and the same command moves it"
                .into(),
        ),
        "FAILED" => {
            let why = task.failure.as_deref().unwrap_or("SQS does not say why");
            aborted("failed", format!("the task has failed: {}", text::safe(why)))
        }
        _ => None,
    }
}

fn tell_end(record: &mut RedriveRecord<'_>, end: TaskEnd, begun: Instant) -> Result<(), Error> {
    let state = &record.document.state;
    if end.outcome == MoveOutcome::Completed {
        let data = RedriveCompleted {
            queue: state.queue.clone(),
            redrive: state.id.clone(),
            messages: state.messages.unwrap_or(state.moved),
            moved: state.moved,
            returned: 0,
            parked: 0,
            gone: 0,
            possible_duplicates: 0,
            archive: None,
            duration_s: begun.elapsed().as_secs(),
            verified: None,
            pull_request: None,
            fingerprint: None,
        };
        return record.finish(end.outcome, data);
    }
    log::warn(&format!(
        "the redrive of queue '{}' has stopped after {}: {}",
        state.queue.name,
        text::count(state.moved, "message"),
        end.detail
    ));
    let data = RedriveAborted {
        queue: state.queue.clone(),
        redrive: state.id.clone(),
        reason: end.reason.to_owned(),
        detail: end.detail,
        moved: state.moved,
        returned: 0,
        left: state.messages.map(|all| all.saturating_sub(state.moved)),
        archive: None,
        regression: false,
        pull_request: None,
        fingerprint: None,
    };
    record.finish(end.outcome, data)
}
