//! A supervisor's first steps: evidence, triage, and who has the cause already.
//!
//! The look at the messages is a child, `dlq-peek`, so that this program links nothing of AWS. It
//! is the only one that gets the environment of whoever started the supervisor, credentials and
//! all; that came through a pipe, is dropped before the agent starts, and is in no environment and
//! no file that the agent could read.

use crate::rules::investigation::document::Sessions;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::finish::End;
use super::{Plan, Supervisor, files};
use crate::clock;
use crate::config::SecretValue;
use crate::edge::command;
use crate::error::Error;
use crate::event::{self, InvestigationCompleted, InvestigationSkipped, QueueSampled};
use crate::log;
use crate::rules::evidence::bundle;
use crate::rules::evidence::bundle::{Fingerprints, QueueFacts, Sampled, Timeline};
use crate::rules::investigation::preflight;
use crate::rules::investigation::preflight::{Evidence, Next, Why};
use crate::rules::investigation::session::Status;
use crate::rules::investigation::wait::Hold;
use crate::rules::triage::{self, MessageFacts, Triage};
use crate::store;
use crate::text::shorten;

/// What a look at the messages may take.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// `dlq-peek` writes one event.
const ANSWER_MAX: u64 = 64 << 10;
/// Another look is not taken before, whatever the cooldown.
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// A line of `messages.ndjson` may hold a body of 1 MiB, each byte of it escaped.
const LINE_MAX: u64 = 16 << 20;
/// As much of a body as this is kept for the report, which shows less.
const EXCERPT: usize = 256;
/// The messages of which the triage hears one by one.
const MESSAGES_MAX: usize = 1000;

/// Names and values.
pub(super) type Environment = Vec<(OsString, OsString)>;

/// This process's environment, as [`handed_over`] reads it at the other end of a pipe, and the
/// model's credential: as a variable without a name, which an environment cannot hold.
pub fn to_hand_over(credential: Option<&SecretValue>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(credential) = credential {
        bytes.push(b'=');
        bytes.extend_from_slice(credential.expose().as_bytes());
        bytes.push(0);
    }
    for (name, value) in std::env::vars_os() {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// The environment that stands on standard input, and the credential; nothing when there is none.
pub(super) fn handed_over() -> (Environment, Option<SecretValue>) {
    let mut bytes = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut bytes);
    let pair = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
        let text = |part: &[u8]| OsString::from_vec(part.to_vec());
        Some((text(&entry[..at]), text(&entry[at + 1..])))
    };
    let credential = bytes.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"="));
    let credential = credential.and_then(|secret| String::from_utf8(secret.to_vec()).ok());
    let environment = bytes.split(|byte| *byte == 0).filter_map(pair).collect();
    (environment, credential.map(SecretValue::new))
}

/// What is known of the messages.
pub(super) struct Known {
    /// The bundle.
    pub(super) bundle: Option<PathBuf>,
    pub(super) judged: Evidence,
    /// The triage, in full.
    report: String,
}

impl Known {
    /// The cause of most messages.
    pub(super) fn cause(&self) -> Option<&Triage> {
        match &self.judged {
            Evidence::Judged(causes) => causes.first(),
            Evidence::None { .. } => None,
        }
    }
}

impl Supervisor<'_> {
    /// Looks at the messages, unless somebody has, and judges what is there.
    pub(super) fn evidence(&self, environment: Environment) -> Known {
        let found = match &self.plan.bundle {
            Some(path) => Ok(path.clone()),
            None => self.look(environment).inspect(|path| self.keep_in_mind(path)),
        };
        let none = |why: String, passes| Known {
            bundle: None,
            report: triage::report::render_without_sample(&self.plan.incident.queue, &why),
            judged: Evidence::None { why, passes },
        };
        let path = match found {
            Ok(path) => path,
            Err((why, passes)) => return none(why, passes),
        };
        match judge(&path) {
            Ok((judged, _)) if judged.is_empty() => {
                none("there were none to receive".into(), false)
            }
            Ok((judged, report)) => {
                Known { bundle: Some(path), judged: Evidence::Judged(judged), report }
            }
            Err(error) => none(error.to_string(), false),
        }
    }

    /// A session that goes on with this one looks at the same messages.
    fn keep_in_mind(&self, bundle: &Path) {
        let plan = Plan { bundle: Some(bundle.to_owned()), ..self.plan.clone() };
        let path = self.folder.join(files::PLAN);
        let kept = serde_json::to_vec(&plan)
            .map_err(|error| Error::failed("encode", files::PLAN, error))
            .and_then(|plan| store::replace(&path, &plan));
        if let Err(error) = kept {
            log::warn(&error.to_string());
        }
    }

    /// Has the messages looked at; without success, why, and whether another attempt may do better.
    fn look(&self, mut environment: Environment) -> Result<PathBuf, (String, bool)> {
        let Some(argv) = &self.plan.peek else {
            return Err((
                "dlq-peek was not found beside dlq-investigate, nor in PATH".into(),
                false,
            ));
        };
        environment.retain(|(name, _)| name != "DLQ_STATE_DIR");
        environment.push(("DLQ_STATE_DIR".into(), self.store.dir().into()));
        let deadline = LOOK.min(Duration::from_millis(self.plan.timeout_ms));
        // Its complaints go where ours go: to the log in the session's folder.
        let log = self.folder.join(files::SUPERVISOR_LOG);
        let stderr = store::append_private(&log).map_or_else(|_| Stdio::null(), Stdio::from);
        let ran = command::run(argv, Some(&environment), deadline, ANSWER_MAX, stderr)
            .map_err(|cause| (format!("dlq-peek cannot be started: {cause}"), true))?;
        let said = ran.output.split(|byte| *byte == b'\n').find_map(event::read::<QueueSampled>);
        match said.map(|event| event.data) {
            Some(QueueSampled { bundle: Some(bundle), .. }) => Ok(bundle.into()),
            Some(QueueSampled { refused, detail, .. }) => {
                let passes = refused.as_deref() == Some("in_flight");
                Err((detail.unwrap_or_else(|| "dlq-peek does not say why".into()), passes))
            }
            None => {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                let said = said.lines().last().unwrap_or("dlq-peek ended without a word");
                Err((shorten(said, 400).into_owned(), true))
            }
        }
    }

    /// Whether to go on. Otherwise the session has ended, and that is told.
    pub(super) fn pass_gate(&self, known: Known) -> Result<Option<Known>, Error> {
        let cause = known.cause().map(|cause| cause.fingerprint.clone());
        let (spends, required) = (self.plan.agent.is_some(), self.plan.require_evidence);
        // The claim is one update: of two sessions with one cause, the second sees the first.
        let next = self.store.doc::<Sessions>().update(|sessions| {
            let owner = cause.as_ref().filter(|_| !self.plan.incident.forced);
            let owner = owner.and_then(|cause| preflight::owner(sessions, self.session, cause));
            let next = preflight::judge(&known.judged, spends, required, owner);
            if let (Next::Go, Some(session)) = (&next, sessions.session_mut(self.session)) {
                session.fingerprint.clone_from(&cause);
            }
            Ok(next)
        })?;
        let Next::Skip(why) = next else { return Ok(Some(known)) };
        let mut detail = why.to_string();
        if let Why::NotACodeBug(_) = why {
            let report = self.folder.join(files::REPORT);
            store::replace(&report, known.report.as_bytes())?;
            detail = format!("{detail}; see '{}'", report.display());
        }
        let hold = match &why {
            Why::NoEvidence { passes: true, .. } => Some(self.later(why.word())),
            Why::KnownCause { session, .. } => {
                let session = Some(session.clone());
                Some(Hold { until: None, session, ..self.later(why.word()) })
            }
            _ => None,
        };
        self.skip(why.word(), detail, hold)?;
        Ok(None)
    }

    /// A wait for another attempt.
    pub(super) fn later(&self, reason: &str) -> Hold {
        let now = clock::now();
        let cooldown = Duration::from_millis(self.plan.cooldown_ms).max(AGAIN);
        Hold::until(reason, now, now.plus(cooldown))
    }

    /// Ends before the agent. The incident is judged again when what it waits for has come.
    pub(super) fn skip(
        &self,
        reason: &str,
        detail: String,
        hold: Option<Hold>,
    ) -> Result<(), Error> {
        let until = hold.as_ref().and_then(|hold| hold.until);
        self.tell(InvestigationSkipped {
            queue: self.plan.incident.queue.clone(),
            reason: reason.into(),
            detail,
            until,
        })?;
        self.hold(hold)?;
        self.record(|session| {
            session.status = Status::Skipped;
            session.ended_at = Some(clock::now());
        })
    }

    /// What the incident waits for from now on, if for anything.
    pub(super) fn hold(&self, hold: Option<Hold>) -> Result<(), Error> {
        self.store.doc::<Sessions>().update(|sessions| {
            let id = &self.plan.incident.id;
            if let Some(incident) = sessions.incidents.iter_mut().find(|one| one.id == *id) {
                incident.armed |= hold.is_some();
                incident.hold = hold;
            }
            Ok(())
        })
    }

    /// The triage is the result.
    pub(super) fn triage_alone(&self, known: &Known) -> Result<(), Error> {
        self.begun("triage", None)?;
        let causes = match &known.judged {
            Evidence::Judged(causes) => causes.as_slice(),
            Evidence::None { .. } => &[],
        };
        let report = self.folder.join(files::REPORT);
        store::replace(&report, known.report.as_bytes())?;
        self.tell(InvestigationCompleted {
            queue: self.plan.incident.queue.clone(),
            session: self.session.to_owned(),
            verdict: triage::verdict(causes),
            cost_usd: Some(0.0),
            turns: Some(0),
            duration_s: self.started.elapsed().as_secs(),
            report: report.display().to_string(),
        })?;
        self.close(&End::completed(Some(0.0)))
    }
}

/// The triage of a bundle, and its report.
fn judge(path: &Path) -> Result<(Vec<Triage>, String), Error> {
    let Bundle { queue, prints, timeline, seen, shown } = load(path)?;
    let causes = triage::judge(&queue, &prints, &seen);
    let all = triage::report::BundleFiles {
        queue: &queue,
        prints: &prints,
        messages: &shown,
        timeline: &timeline,
    };
    let report = triage::report::render(all, &causes);
    Ok((causes, report))
}

/// What is read of a bundle.
pub(super) struct Bundle {
    pub(super) queue: QueueFacts,
    pub(super) prints: Fingerprints,
    pub(super) timeline: Timeline,
    seen: Vec<MessageFacts>,
    /// The messages, with excerpts for bodies.
    pub(super) shown: Vec<Sampled>,
}

/// Reads a bundle.
pub(super) fn load(path: &Path) -> Result<Bundle, Error> {
    let queue: QueueFacts = store::read_json(&path.join(bundle::files::QUEUE))?;
    let prints: Fingerprints = store::read_json(&path.join(bundle::files::FINGERPRINTS))?;
    let timeline: Timeline = store::read_json(&path.join(bundle::files::TIMELINE))?;
    let messages = path.join(bundle::files::MESSAGES);
    let file = File::open(&messages).map_err(|error| Error::file("read", &messages, &error))?;
    let mut lines = BufReader::new(file);
    let (mut seen, mut shown): (Vec<MessageFacts>, Vec<Sampled>) = (Vec::new(), Vec::new());
    while seen.len() < MESSAGES_MAX {
        let mut line = Vec::new();
        let read = lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| Error::file("read", &messages, &error))? == 0 {
            break;
        }
        let sampled: Sampled = serde_json::from_slice(&line)
            .map_err(|error| Error::failed("read", messages.display(), error))?;
        seen.push(MessageFacts::from_sample(&sampled));
        shown.push(Sampled { body: excerpt(sampled.body), ..sampled });
    }
    Ok(Bundle { queue, prints, timeline, seen, shown })
}

/// What a report shows of a body, so that a thousand of them take no memory to speak of. Only bytes
/// that are no text have none.
fn excerpt(body: Value) -> Value {
    let text = match body {
        Value::Null => return Value::Null,
        Value::String(text) => text,
        other => other.to_string(),
    };
    Value::String(shorten(&text, EXCERPT).into_owned())
}
