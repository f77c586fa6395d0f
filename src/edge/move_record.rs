//! The record of a move in `redrives.json`, from its begin to its end, and the first line of its
//! archive.
//!
//! The document is written before a message moves, and at least once a second while messages do.

use std::time::{Duration, Instant};

use crate::clock;
use crate::document::Keys;
use crate::edge::aws::{MoveTaskState, Sqs};
use crate::edge::peek::PeekTarget;
use crate::error::Error;
use crate::event::{self, Queue};
use crate::log;
use crate::rules::redrive::archive::{ArchiveHead, VERSION};
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome, Redrives};
use crate::store::Store;
use crate::{text, wire};

/// The age from which the record is written again.
const WRITE_EVERY: Duration = Duration::from_millis(500);

/// The state of a move task that runs.
const RUNNING: &str = "RUNNING";

/// The record of a move that runs.
pub struct MoveRecord<'a> {
    store: &'a Store,
    pub state: Move,
    written_at: Instant,
}

/// Returns the state of a move that is about to begin, with an id of its own.
pub fn new_move(target: &PeekTarget, kind: MoveKind, depth: u64) -> Move {
    let (now, pid) = (clock::now(), std::process::id());
    let fresh = event::fresh_id(now, &format!("{} {pid}", target.queue.arn));
    Move {
        id: event::derived_id(&["move", kind.as_str(), &fresh]),
        kind,
        queue: target.queue.clone(),
        incident: target.incident.clone(),
        begun_at: now,
        updated_at: now,
        depth: Some(depth),
        pid,
        ..Move::default()
    }
}

/// Whether a person is looking, who reads no JSON.
pub fn is_for_a_person() -> bool {
    wire::stdout_is_terminal() && log::stderr_is_terminal()
}

/// Prints a sentence for the person who is looking.
pub fn tell_person(sentence: &str) {
    log::write_stderr(&format!("{}: {}", log::name(), text::safe(sentence)));
}

/// Returns why a move of a queue cannot begin while another one holds its lock: which one, since when.
pub fn running_move(store: &Store, arn: &str) -> String {
    let all = store.read::<Redrives>(&Keys::one(Redrives::MOVE, arn));
    let all = all.map(|all| all.moves).unwrap_or_default();
    let open = all.iter().filter(|one| one.queue.arn == arn && one.finished_at.is_none());
    match open.max_by_key(|one| one.updated_at) {
        None => "another move of it is running".to_owned(),
        Some(one) => format!(
            "another move of it is running: {} {} of process {}, since {}",
            one.kind, one.id, one.pid, one.begun_at,
        ),
    }
}

/// Returns the task by which SQS moves messages out of a queue now. None also when tasks cannot be
/// listed: the permission to list them is no condition of a move.
pub fn running_task(sqs: &Sqs, scope: usize, arn: &str) -> Option<MoveTaskState> {
    match sqs.move_task_states(scope, arn) {
        Ok(tasks) => tasks.into_iter().find(|one| one.status == RUNNING),
        Err(error) => {
            log::info(&format!("cannot list the move tasks of '{arn}': {error}"));
            None
        }
    }
}

/// Refuses a move of a queue that SQS is emptying by a task.
pub fn refuse_task(sqs: &Sqs, scope: usize, queue: &Queue, doing: &str) -> Result<(), Error> {
    match running_task(sqs, scope, &queue.arn) {
        None => Ok(()),
        Some(task) => Err(Error::failed(
            doing,
            &queue.name,
            format!(
                "SQS is moving its messages by a task, {} so far; 'dlq-redrive apply --native' follows \
                 one that was started here, and an interrupt of that cancels it",
                text::count(task.moved, "message"),
            ),
        )),
    }
}

/// Returns the first line of the archive of a move.
pub fn head_of(state: &Move) -> ArchiveHead {
    ArchiveHead {
        version: VERSION,
        id: state.id.clone(),
        kind: state.kind,
        queue: state.queue.clone(),
        incident: state.incident.clone(),
        reason: state.reason.clone(),
        who: who(),
        plan: state.plan.clone(),
        at: state.begun_at,
    }
}

/// Returns who runs this program, as `user@host`.
fn who() -> String {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "unknown".into());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.map(|name| name.trim().to_owned()).or_else(|| variable("HOSTNAME"));
    format!("{user}@{}", host.unwrap_or_else(|| "unknown".into()))
}

impl<'a> MoveRecord<'a> {
    /// Records that a move begins, or goes on, before anything moves.
    pub fn begin(store: &'a Store, state: Move) -> Result<Self, Error> {
        // Also forgets old moves, of any queue.
        store.update(&Keys::all(), |all: &mut Redrives| {
            match all.get(&state.id).is_some() {
                true => all.put(state.clone()),
                false => all.begin(state.clone()),
            }
            Ok(())
        })?;
        Ok(MoveRecord { store, state, written_at: clock::tick() })
    }

    /// Returns the moves of its queue, itself included, the oldest first.
    pub fn of_queue(&self) -> Result<Vec<Move>, Error> {
        let arn = self.state.queue.arn.as_str();
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, arn))?;
        Ok(all.of_queue(arn).cloned().collect())
    }

    /// Writes what is due.
    pub fn update(&mut self) -> Result<(), Error> {
        if self.written_at.elapsed() >= WRITE_EVERY { self.write() } else { Ok(()) }
    }

    /// Writes the record.
    pub fn write(&mut self) -> Result<(), Error> {
        self.state.updated_at = clock::now();
        let state = self.state.clone();
        let arn = state.queue.arn.clone();
        self.store.update(&Keys::one(Redrives::MOVE, arn.as_str()), |all: &mut Redrives| {
            all.put(state);
            Ok(())
        })?;
        self.written_at = clock::tick();
        Ok(())
    }

    /// Records the end. What happened is worth the same when it cannot be recorded.
    pub fn finish(&mut self, outcome: MoveOutcome) {
        self.state.outcome = Some(outcome);
        self.state.finished_at = Some(clock::now());
        let written = self.write();
        log::warn_on_error(written);
    }
}
