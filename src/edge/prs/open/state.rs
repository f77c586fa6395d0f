//! The record and the events of a fix on its way.

use super::stop::Stop;
use super::{OpenableFix, Opened};
use crate::clock;
use crate::document::Keys;
use crate::edge::github::client::GithubClient;
use crate::edge::prs::Prs;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::event::{Event, Payload, PrRefused};
use crate::log;
use crate::markdown::prose;
use crate::rules::pull_request::document::{
    FixState, FixStep, OpenedPullRequest, PullRequests, SeenLimits,
};
use crate::rules::pull_request::opening::{OpeningRefusal, OpeningVerdict, next_try};
use crate::rules::pull_request::watch::WatchedPullRequest;
use crate::store;
use crate::time::Timestamp;
use crate::wire::Output;

impl Prs<'_> {
    /// Records and tells a decision that needs no act.
    pub(super) fn settle(
        &self,
        fix: &OpenableFix<'_>,
        known: Option<FixState>,
        verdict: OpeningVerdict,
        is_asked_for: bool,
        out: &mut Output,
    ) -> Result<Opened, Error> {
        let say = |why: &str| {
            let message = format!("no pull request of session {} now: {why}", fix.session.id);
            if is_asked_for { log::warn(&message) } else { log::info(&message) }
        };
        match verdict {
            OpeningVerdict::Wait { until, why } => {
                say(&format!("{why}, until {until}"));
                self.record_wait(fix, known, &why.to_string(), out)?;
                Ok(if is_asked_for { Opened::Failed } else { Opened::Settled })
            }
            // Nothing to act on: the user has no repository on GitHub, or has begun to use it just now. A fix
            // with a record has waited, and its end is told.
            OpeningVerdict::Refuse(refusal)
                if !is_asked_for && known.is_none() && refusal.is_silent() =>
            {
                say(&refusal.to_string());
                Ok(Opened::Settled)
            }
            OpeningVerdict::Refuse(refusal) => {
                say(&refusal.to_string());
                self.refuse(fix, known, refusal.word(), &refusal.to_string(), out)?;
                Ok(if is_asked_for { Opened::Failed } else { Opened::Settled })
            }
            OpeningVerdict::Covered { by } => {
                say(&format!("pull request {} has had a comment within a day", by.number));
                let state = self.state(fix, known, clock::now());
                self.record_covered(state, by, out)?;
                Ok(Opened::Settled)
            }
            _ => {
                if !is_asked_for {
                    return Ok(Opened::Settled);
                }
                say("it was opened, or commented on, before");
                Ok(Opened::Failed)
            }
        }
    }

    /// Records that an open pull request covers the cause, without a comment.
    pub(super) fn record_covered(
        &self,
        state: FixState,
        by: OpenedPullRequest,
        out: &mut Output,
    ) -> Result<(), Error> {
        let (step, pull_request) = (FixStep::Commented, Some(by));
        // The age of a comment itself decides about the next one.
        let at = Timestamp::default();
        self.record(FixState { step, pull_request, at, retry_at: None, ..state }, None, out)
    }

    /// Records that a fix waits, once for each reason: if it waits until it is too old, that is told.
    fn record_wait(
        &self,
        fix: &OpenableFix<'_>,
        known: Option<FixState>,
        why: &str,
        out: &mut Output,
    ) -> Result<(), Error> {
        if known.as_ref().is_some_and(|one| one.detail.is_some()) {
            return Ok(());
        }
        let waiting =
            FixState { detail: Some(why.to_owned()), ..self.state(fix, known, clock::now()) };
        self.record(waiting, None, out)
    }

    /// Records and tells that no pull request is opened.
    pub(super) fn refuse(
        &self,
        fix: &OpenableFix<'_>,
        known: Option<FixState>,
        word: &str,
        detail: &str,
        out: &mut Output,
    ) -> Result<(), Error> {
        let now = clock::now();
        let is_told = known
            .as_ref()
            .is_some_and(|one| one.refused.as_deref() == Some(word) && one.base == fix.facts.base);
        let state = FixState {
            step: FixStep::Refused,
            refused: Some(word.to_owned()),
            detail: Some(detail.to_owned()),
            retry_at: None,
            ..self.state(fix, known, now)
        };
        let patch = self.folder(&fix.session.id).join(files::PATCH);
        let data = PrRefused {
            session: fix.session.id.clone(),
            fingerprint: fix.session.fingerprint.clone(),
            repo: fix.facts.repo.clone(),
            reason: word.to_owned(),
            detail: detail.to_owned(),
            patch: patch.is_file().then(|| patch.display().to_string()),
        };
        let line = self.line(fix, &[word, &fix.facts.base], &fix.session.queue_name, now, data);
        if !is_told && !self.is_dry {
            log::warn_on_error(self.note_refusal(fix, word, detail));
        }
        self.record(state, (!is_told).then_some(line), out)
    }

    /// Adds to the report of the session that no pull request is opened.
    fn note_refusal(&self, fix: &OpenableFix<'_>, word: &str, detail: &str) -> Result<(), Error> {
        let path = self.folder(&fix.session.id).join(files::REPORT);
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let text = format!("\n## Pull request\n\nNone was opened ({word}): {}\n", prose(detail));
        let added = store::append_private(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        added.map_err(|error| Error::file("write", &path, &error))
    }

    /// Records a stop, and when the next try is.
    pub(super) fn failed(
        &self,
        fix: &OpenableFix<'_>,
        known: Option<FixState>,
        stop: Stop,
        is_asked_for: bool,
        out: &mut Output,
    ) -> Result<Opened, Error> {
        let now = clock::now();
        let mut state = self.state(fix, known.clone(), now);
        // A limit on requests is no failure of the fix.
        let is_failure = !matches!(stop, Stop::Limited(_));
        let why = stop.to_string();
        let retry_at = match stop {
            Stop::Refused(word, detail) => {
                let verdict = OpeningVerdict::Refuse(OpeningRefusal::Stopped { word, detail });
                return self.settle(fix, known, verdict, is_asked_for, out);
            }
            Stop::Limited(until) => Some(until),
            Stop::BranchTaken { .. } | Stop::Failed(_) | Stop::Unauthorized(_) => {
                next_try(state.tries, now)
            }
        };
        // A fix that was refused before is on its way again: as a refusal, this try would be its last.
        if state.step == FixStep::Refused {
            (state.step, state.refused) = (FixStep::Planned, None);
        }
        let Some(retry_at) = retry_at else {
            let detail = format!("given up after {} tries: {why}", state.tries + 1);
            let refusal = OpeningRefusal::Stopped { word: "failed", detail };
            let verdict = OpeningVerdict::Refuse(refusal);
            self.settle(fix, Some(state), verdict, is_asked_for, out)?;
            return Ok(Opened::Failed);
        };
        log::warn(&format!(
            "cannot open the pull request of session {}: {why}; next try at {retry_at}",
            fix.session.id
        ));
        state.tries += u32::from(is_failure);
        state.retry_at = Some(retry_at);
        state.detail = Some(why);
        self.record(state, None, out)?;
        Ok(Opened::Failed)
    }

    /// Returns the state of a fix with its facts as of now.
    pub(super) fn state(
        &self,
        fix: &OpenableFix<'_>,
        known: Option<FixState>,
        now: Timestamp,
    ) -> FixState {
        let facts = &fix.facts;
        FixState {
            id: fix.session.id.clone(),
            incident: fix.session.incident.clone(),
            fingerprint: facts.fingerprint.clone(),
            causes: facts.causes.clone(),
            category: facts.category.clone(),
            files: facts.files.clone(),
            repo: facts.repo.clone().unwrap_or_default(),
            owner: fix.rule.and_then(|rule| rule.owner.clone()),
            base: facts.base.clone(),
            at: now,
            ..known.unwrap_or_default()
        }
    }

    /// Returns the line of an event about a fix, with an id that a repetition has, too.
    pub(super) fn line<D: Payload>(
        &self,
        fix: &OpenableFix<'_>,
        parts: &[&str],
        subject: &str,
        now: Timestamp,
        data: D,
    ) -> Vec<u8> {
        let parts = [&[fix.session.id.as_str(), D::TYPE.as_str()], parts].concat();
        let incident = Some(fix.session.incident.clone()).filter(|id| !id.is_empty());
        Event::derived(&parts, subject, now, data).of_incident(incident).line()
    }

    /// Records the state of a fix, appends the event to the journal, and prints it.
    pub(super) fn record(
        &self,
        state: FixState,
        line: Option<Vec<u8>>,
        out: &mut Output,
    ) -> Result<(), Error> {
        self.record_opened(state, None, line, out)
    }

    /// Records the state of a fix, and the pull request that was opened for it.
    pub(super) fn record_opened(
        &self,
        state: FixState,
        opened: Option<WatchedPullRequest>,
        line: Option<Vec<u8>>,
        out: &mut Output,
    ) -> Result<(), Error> {
        if !self.is_dry {
            let keys = Keys::one(PullRequests::SESSION, state.id.clone());
            let keys = keys.with(PullRequests::WATCHED, opened.iter().map(|one| one.id.clone()));
            self.store.update(&keys, |prs: &mut PullRequests| {
                prs.put(state);
                // A look may have found it first.
                if let Some(opened) = opened {
                    prs.watched.entry(opened.id.clone()).or_insert(opened);
                }
                match &line {
                    Some(line) => self.journal.append(line),
                    None => Ok(()),
                }
            })?;
        }
        match line.map(|line| out.line(&line)) {
            // The journal has the event. What was begun is finished without a reader.
            Some(Err(Error::Pipe)) | None => Ok(()),
            Some(printed) => printed,
        }
    }

    /// Records the limits that GitHub has set, for later runs.
    pub(in crate::edge::prs) fn record_limits(
        &self,
        client: &GithubClient<'_>,
    ) -> Result<(), Error> {
        let seen = client.limits();
        if self.is_dry || seen == SeenLimits::default() {
            return Ok(());
        }
        self.store.update(&Keys::none().with_all(PullRequests::PAUSE), |prs: &mut PullRequests| {
            prs.merge_limits(&seen, clock::now());
            Ok(())
        })
    }
}
