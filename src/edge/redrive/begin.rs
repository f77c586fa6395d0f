//! The begin of a redrive: lock, archive, record, first event.

use std::path::Path;
use std::time::Duration;

use super::apply::{Pace, RedriveRun};
use super::command_line::ApplyInput;
use super::interrupted::{self, Interrupted};
use super::look_up::MoveSource;
use super::mover::Mover;
use super::plan_file::{self, PlanFile};
use super::record::RedriveRecord;
use super::watch::RedriveWatch;
use super::{RedriveRequest, Redriver, remedy};
use crate::clock;
use crate::document::Keys;
use crate::edge::archive::{ArchiveReader, ArchiveWriter};
use crate::edge::evidence::sampled;
use crate::edge::move_record::{head_of, new_move, refuse_task, running_move};
use crate::edge::stop_signals::StopSignals;
use crate::error::Error;
use crate::event::{Queue, RedriveStarted};
use crate::log;
use crate::rules::redrive::archive::{ArchiveLine, MoveResult};
use crate::rules::redrive::document::{Move, MoveKind, Ramp, Redrives};
use crate::rules::redrive::parking::SentChains;
use crate::rules::redrive::progress::ArchiveState;
use crate::rules::redrive::purge;
use crate::rules::redrive::rate::RateWindow;
use crate::rules::redrive::sweep as sweep_cost;
use crate::store::Lock;
use crate::wire::Output;

/// The work in the words of an error.
const MOVE: &str = "move messages of queue";

impl Redriver {
    /// Redrives messages. Returns whether a part of it failed.
    pub(super) fn apply(
        &self,
        input: &ApplyInput,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let (name, plan) = match input {
            ApplyInput::Queue(queue) => (queue.clone(), None),
            ApplyInput::Plan(_) if !request.selection.takes_all() || request.limit.is_some() => {
                let why = "a plan has chosen its messages: leave the options that choose out";
                return Err(Error::Usage(why.into()));
            }
            ApplyInput::Plan(path) => {
                let plan = plan_file::read(path)?;
                let queue = &plan.head.queue;
                let name = if queue.url.is_empty() { &queue.arn } else { &queue.url };
                (name.clone(), Some(plan))
            }
        };
        let mut request = request.clone();
        self.block(&mut request)?;
        let mut source = self.source(&name, &request)?;
        source.refuse_live()?;
        self.add_sampled(&source, &mut request);
        if self.dry_run {
            return self.foresee(&source, plan.as_ref(), &request, out);
        }
        let lock = self.lock(&mut source)?;
        if !request.force {
            self.check_interrupted(&source.target.queue)?;
        }
        if self.is_made(&request, &source.target.queue)? {
            log::info(&format!("queue '{}' was redriven meanwhile", source.target.queue.name));
            return Ok(false);
        }
        self.run(source, plan, &request, None, out, lock)
    }

    /// Whether the redrive of a queue for a fix was begun by another process, before this one had the lock.
    fn is_made(&self, request: &RedriveRequest, queue: &Queue) -> Result<bool, Error> {
        let Some(session) = request.session.as_deref() else { return Ok(false) };
        let all: Redrives = self.store.read(&Keys::one(Redrives::MOVE, &queue.arn))?;
        Ok(all.of_queue(&queue.arn).any(|one| one.session.as_deref() == Some(session)))
    }

    /// Goes on with an interrupted redrive.
    pub(super) fn resume(
        &self,
        id: &str,
        plan: Option<&str>,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let interrupted = self.interrupted(id)?;
        self.check_newer(&interrupted.state, request.force)?;
        let plan = match plan {
            Some(path) => Some(plan_file::read(path)?),
            None => plan_file::read_kept(&interrupted.state)?,
        };
        let recorded = &interrupted.state.plan;
        if plan.as_ref().map(|plan| &plan.hash) != recorded.as_ref() {
            let why = match recorded {
                Some(hash) => format!("give the plan that it was begun with, of SHA-256 {hash}"),
                None => "it was begun without a plan".to_owned(),
            };
            return Err(Error::failed("resume redrive", &interrupted.state.id, why));
        }
        let going_on = request.going_on(&interrupted.state);
        let failed = |why| Error::failed("resume redrive", id, why);
        let mut request = going_on.map_err(failed)?;
        request.set_words(interrupted.state.selection.clone()).map_err(failed)?;
        self.block(&mut request)?;
        request.incident.clone_from(&interrupted.state.incident);
        let url = interrupted.state.queue.url.clone();
        let found = self.source(&url, &request);
        let mut source =
            found.map_err(|error| remedy::not_found_again(error, id, request.to.as_deref()))?;
        self.add_sampled(&source, &mut request);
        if self.dry_run {
            return self.foresee(&source, plan.as_ref(), &request, out);
        }
        let lock = self.lock(&mut source)?;
        // A run that has ended meanwhile has written more of it.
        let interrupted = self.interrupted(id)?;
        self.run(source, plan, &request, Some(interrupted), out, lock)
    }

    /// Adds the causes that verdicts advise against, unless they are forced.
    fn block(&self, request: &mut RedriveRequest) -> Result<(), Error> {
        if !request.force {
            request.selection.blocked = self.blocked()?.into_iter().collect();
        }
        Ok(())
    }

    /// Adds the messages that the evidence of the incident attributes to the chosen causes.
    pub(super) fn add_sampled(&self, source: &MoveSource, request: &mut RedriveRequest) {
        sampled::add_to(&mut request.selection, self.store.dir(), &source.target.key());
    }

    /// Takes the lock of a queue for a move, and reads the queue again: a move that has ended meanwhile
    /// has changed it.
    pub(super) fn lock(&self, source: &mut MoveSource) -> Result<Lock, Error> {
        let lock = self.lock_unread(source)?;
        self.read_again(source)?;
        Ok(lock)
    }

    /// Takes the lock of a queue whose attributes do not matter.
    pub(super) fn lock_unread(&self, source: &MoveSource) -> Result<Lock, Error> {
        let lock = self.lock_only(source)?;
        refuse_task(self.sqs(), source.target.scope, &source.target.queue, MOVE)?;
        Ok(lock)
    }

    /// Takes the lock of a queue, also while SQS moves messages by a task.
    pub(super) fn lock_only(&self, source: &MoveSource) -> Result<Lock, Error> {
        let queue = &source.target.queue;
        self.archives
            .lock(&queue.arn)?
            .ok_or_else(|| Error::failed(MOVE, &queue.name, running_move(&self.store, &queue.arn)))
    }

    fn run(
        &self,
        mut source: MoveSource,
        plan: Option<PlanFile>,
        request: &RedriveRequest,
        interrupted: Option<Interrupted>,
        out: &mut Output,
        // Held until the end.
        _lock: Lock,
    ) -> Result<bool, Error> {
        let signals = StopSignals::listening()?;
        let depth = source.attributes.counts.depth();
        let planned = plan.as_ref().map(|plan| plan.planned.ids.len() as u64);
        self.check_planned(&mut source, plan.as_ref())?;
        let is_resumed = interrupted.is_some();
        let (mut state, archive, archive_state) = match interrupted {
            Some(Interrupted { state, archive }) => {
                let read = interrupted::archive_to_resume(&state, &archive)?;
                self.add_sent_before(&mut source, &archive, &state)?;
                let state = state.reopened();
                (state, self.archives.resume(&archive)?, read)
            }
            None => self.first(&source, request, plan.as_ref())?,
        };
        let ramp = request.ramp;
        state.options.clone_from(&request.options);
        let recorded = state.hold_s.filter(|_| is_resumed).map(Duration::from_secs);
        let (id, queue) = (state.id.clone(), source.target.queue.clone());
        let chains = self.chains(&queue.arn, archive.path())?;
        let own_receives_max = source.own_receives_max();
        let at = (self.sqs(), source.target.scope, &queue, id.as_str());
        let mut mover =
            Mover::new(at, (archive, archive_state), (source.destinations, source.routes));
        mover.plan = plan.map(|plan| plan.planned);
        mover.selection = request.selection.clone();
        mover.chosen_at = state.judges_at();
        mover.chains = chains;
        mover.own_receives_max = own_receives_max;
        mover.ramp = ramp;
        self.recall(&mut mover, &state)?;
        let bound = purge::most(state.depth.unwrap_or(depth).max(planned.unwrap_or(0)));
        let mut record = RedriveRecord::begin(&self.store, &self.journal, out, state)?;
        record.emit(started(&record.document.state, ramp))?;
        let begun = clock::tick();
        let mut watch = RedriveWatch::new(&source.attributes, &mover, signals.clone());
        (watch.wait, watch.batch_window) = (request.wait, request.batch_window);
        let hold = request.hold.unwrap_or_else(|| sweep_cost::cost(depth, queue.fifo, 1).hold);
        let wait = sweep_cost::hidden_wait(recorded, hold);
        let mut redrive = RedriveRun {
            mover: &mut mover,
            record: &mut record,
            watch,
            pace: request.pace(ramp, bound),
            window: request.rate.map(RateWindow::new),
            begun,
            is_resumed,
            hidden_until: begun + wait,
            is_thorough: false,
            unseen: None,
        };
        let result = redrive.run();
        let failed = redrive.finish(result, begun)?;
        signals.end();
        Ok(failed)
    }

    /// Checks that the destinations of a plan exist before a message moves.
    fn check_planned(&self, source: &mut MoveSource, plan: Option<&PlanFile>) -> Result<(), Error> {
        if source.destinations.given.is_some() {
            return Ok(());
        }
        let arns = plan.map(|plan| plan.planned.arns.as_slice()).unwrap_or_default();
        let sources = source.destinations.sources.clone();
        for arn in arns {
            // A queue that is neither a source nor given may be the origin of a message, which is seen
            // with the message.
            let is_expected = sources.contains(arn);
            let added = source.routes.add(self.sqs(), source.target.scope, arn);
            if let (Err(error), true) = (added, is_expected) {
                return Err(Error::failed("read destination", arn, error));
            }
        }
        Ok(())
    }

    /// Makes the record and the archive of a new redrive.
    fn first(
        &self,
        source: &MoveSource,
        request: &RedriveRequest,
        plan: Option<&PlanFile>,
    ) -> Result<(Move, ArchiveWriter, ArchiveState), Error> {
        let depth = source.attributes.counts.depth();
        let all = request.selection.takes_all().then(|| request.limit.unwrap_or(depth).min(depth));
        let mut state = Move {
            fingerprints: request.selection.fingerprints.iter().cloned().collect(),
            session: request.session.clone(),
            pull_request: request.pull_request.clone(),
            reason: request.reason.clone(),
            messages: plan.map(|plan| plan.planned.ids.len() as u64).or(all),
            plan: plan.map(|plan| plan.hash.clone()),
            selection: request.selection_words.clone(),
            chosen_at: Some(self.sqs().now(source.target.scope)),
            ..new_move(&source.target, MoveKind::Redrive, depth)
        };
        let head = head_of(&state);
        let archive = self.archives.create(&head)?;
        plan.map_or(Ok(()), |plan| plan.keep(archive.path())).inspect_err(|_| {
            archive.remove_without_messages();
        })?;
        state.archive = Some(archive.path().display().to_string());
        let archive_state = ArchiveState::with_head(head);
        Ok((state, archive, archive_state))
    }

    /// Reads from the archives which messages earlier redrives of a queue have sent, and which were
    /// restored. `own` is the archive of the redrive itself, whose sends are no earlier ones.
    fn chains(&self, arn: &str, own: &Path) -> Result<SentChains, Error> {
        let mut chains = SentChains::default();
        let mut archives = Vec::new();
        for path in self.archives.paths()? {
            let head = ArchiveReader::head(&path).filter(|head| head.queue.arn == arn);
            archives.extend(head.map(|head| (head.at, path)));
        }
        archives.sort();
        for (_, path) in archives {
            ArchiveReader::each_if_found(&path, |line| match line {
                ArchiveLine::Result(MoveResult::Sent { id, new, .. }, _) if path != own => {
                    chains.add_send(&id, &new);
                }
                ArchiveLine::Result(MoveResult::Restored { id, new }, _) => {
                    chains.add_restore(&id, &new);
                }
                _ => {}
            });
        }
        Ok(chains)
    }
}

impl RedriveRequest {
    fn pace(&self, ramp: Ramp, bound: u64) -> Pace {
        Pace {
            ramp,
            has_canary: self.has_canary,
            limit: self.limit,
            bound,
            rate: self.rate,
            hold: self.hold,
            verifies: self.verifies,
        }
    }
}

fn started(state: &Move, ramp: Ramp) -> RedriveStarted {
    RedriveStarted {
        queue: state.queue.clone(),
        redrive: state.id.clone(),
        messages: state.messages,
        archive: state.archive.clone(),
        plan: state.plan.clone(),
        canary: ramp.canary,
        fingerprint: state.only_fingerprint(),
        pull_request: state.pull_request.clone(),
    }
}
