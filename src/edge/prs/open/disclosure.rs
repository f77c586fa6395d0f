//! The check that a patch publishes nothing of the evidence, where everybody reads it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Opening;
use super::stop::{Halt, Stop};
use crate::edge::evidence::read;
use crate::edge::git::remote::RemoteRepository;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::regular_file;
use crate::rules::evidence::bundle::{self, QueueFacts, Sampled};
use crate::rules::pull_request::disclosure::{DisclosedText, PublishedLines, sentence};
use crate::rules::pull_request::document::EVIDENCE;
use crate::rules::pull_request::published::Audience;
use crate::rules::verdict::patch_gate::Difference;
use crate::store;

/// The bytes of a log's line that are compared.
const LINE_MAX: u64 = 1 << 20;

const QUEUE_NAME: &str = "the name of the queue";
const SOURCE_NAME: &str = "the name of a source queue";
const ACCOUNT: &str = "the account of the queue";
const ARN: &str = "an ARN";
const RESOURCE: &str = "the name of a resource";
const INCIDENT: &str = "the id of the incident";
const MESSAGE_ID: &str = "the id of a message";
const MESSAGE: &str = "a text of a message";
const LOG_GROUP: &str = "the name of a log group";
const LOG: &str = "a text of a log";
const CITED: &str = "a text that the verdict cites";

/// The part of a session's plan that names its evidence; any version of it has one.
#[derive(Deserialize)]
struct EvidencePlan {
    bundle: Option<PathBuf>,
}

impl Opening<'_> {
    /// Refuses a patch that would publish evidence. `tip` is the commit of the base, whose files are
    /// public already.
    pub(super) fn check_disclosure(
        &self,
        bare: &RemoteRepository,
        tip: &str,
        difference: &Difference,
    ) -> Result<(), Halt> {
        if self.audience == Audience::Members {
            return Ok(());
        }
        let name = &self.repo.full_name;
        let refused = |why: String| {
            let why =
                format!("repository '{name}' is public, or its visibility is not known, and {why}");
            Err(Stop::Refused(EVIDENCE, why).into())
        };
        let mut lines = PublishedLines::added_by(difference);
        // What cannot be compared may be evidence.
        if let Err(error) = self.compare(&mut lines) {
            return refused(format!("the evidence cannot be compared with the patch: {error}"));
        }
        let mut disclosed: Vec<DisclosedText<'_>> = Vec::new();
        for one in lines.found() {
            if !bare.has_text(tip, one.text)? {
                disclosed.push(one);
            }
        }
        match &*disclosed {
            [] => Ok(()),
            found => refused(format!("the patch would publish evidence: {}", sentence(found))),
        }
    }

    /// Compares the patch with all that the session knew of queue, messages and logs.
    fn compare(&self, lines: &mut PublishedLines<'_>) -> Result<(), Error> {
        let session = self.fix.session;
        lines.compare_name(QUEUE_NAME, &session.queue_name);
        lines.compare_name(QUEUE_NAME, &session.queue.name);
        compare_arn(lines, &session.queue.arn);
        session.queue.sources.iter().for_each(|source| lines.compare_name(SOURCE_NAME, source));
        lines.compare_name(INCIDENT, &session.incident);
        for cited in &self.fix.finding.evidence {
            lines.compare_text(CITED, &cited.excerpt);
        }
        let plan: EvidencePlan = store::read_json(&self.prs.folder(&session.id).join(files::PLAN))?;
        plan.bundle.as_deref().map_or(Ok(()), |bundle| compare_bundle(lines, bundle))
    }
}

fn compare_bundle(lines: &mut PublishedLines<'_>, bundle: &Path) -> Result<(), Error> {
    let queue: QueueFacts = store::read_json(&bundle.join(bundle::files::QUEUE))?;
    compare_arn(lines, &queue.queue.arn);
    for source in queue.sources.iter().flatten() {
        lines.compare_name(SOURCE_NAME, &source.name);
        compare_arn(lines, &source.arn);
    }
    read::each_message(bundle, |message, _| {
        compare_message(lines, &message);
        Ok(true)
    })?;
    for log in &read::load_logs(bundle)?.logs {
        log.group.iter().for_each(|group| lines.compare_name(LOG_GROUP, group));
        if let Some(file) = &log.file {
            let path = bundle.join(file);
            compare_log(lines, &path).map_err(|error| Error::file("read", &path, &error))?;
        }
    }
    Ok(())
}

fn compare_message(lines: &mut PublishedLines<'_>, message: &Sampled) {
    lines.compare_name(MESSAGE_ID, &message.message_id);
    message.source_arn.iter().for_each(|arn| compare_arn(lines, arn));
    if let Some(origin) = &message.sns {
        compare_arn(lines, &origin.topic_arn);
        origin.subscription_arn.iter().for_each(|arn| compare_arn(lines, arn));
    }
    for value in message.system.values().chain(message.attributes.values()) {
        lines.compare_value(MESSAGE, value);
    }
    lines.compare_json(MESSAGE, &message.body.value());
}

/// Looks for an ARN, for its account, and for what it names.
fn compare_arn(lines: &mut PublishedLines<'_>, arn: &str) {
    lines.compare_name(ARN, arn);
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", _, _, _, account, resource] = parts[..] {
        lines.compare_name(ACCOUNT, account);
        lines.compare_name(RESOURCE, resource);
    }
}

fn compare_log(lines: &mut PublishedLines<'_>, path: &Path) -> std::io::Result<()> {
    let mut file = BufReader::new(regular_file::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut file, LINE_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        lines.compare_text(LOG, &String::from_utf8_lossy(&line));
    }
}
