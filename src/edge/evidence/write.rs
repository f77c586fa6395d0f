//! Writing an evidence bundle: its folder has the name `N.part` until it is complete.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::logs::LogQuery;
use crate::error::Error;
use crate::event::Queue;
use crate::rules::evidence::bundle::{Fingerprints, Logs, QueueFacts, Sampled, files};
use crate::rules::evidence::fingerprint;
use crate::rules::evidence::fingerprint::Grouper;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::redact::Redactor;
use crate::rules::evidence::{decode, sample, timeline};
use crate::store;
use crate::text;
use crate::time::Timestamp;

/// A bundle that is not complete yet.
pub(crate) struct BundleWriter {
    part: PathBuf,
    path: PathBuf,
    messages: BufWriter<File>,
    grouper: Grouper,
    facts: timeline::TimelineFacts,
    ids: Vec<String>,
    log_query: LogQuery,
    logs: Logs,
}

impl BundleWriter {
    /// Creates the folder, and deletes incomplete bundles of earlier passes.
    pub(crate) fn create(folder: &Path, pass: usize) -> Result<Self, Error> {
        let (part, path) = (folder.join(format!("{pass}.part")), folder.join(pass.to_string()));
        store::make_dir(folder)?;
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|end| end == "part") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        store::make_dir(&part)?;
        let messages = part.join(files::MESSAGES);
        let file = store::create_private(&messages)
            .map_err(|error| Error::file("write", &messages, &error))?;
        Ok(BundleWriter {
            part,
            path,
            messages: BufWriter::new(file),
            grouper: Grouper::default(),
            facts: timeline::TimelineFacts::default(),
            ids: Vec::new(),
            log_query: LogQuery::default(),
            logs: Logs::default(),
        })
    }

    /// Redacts a message, writes it and adds it to its group.
    pub(crate) fn add_message(
        &mut self,
        message: &Message,
        redactor: &Redactor,
    ) -> Result<Sampled, Error> {
        let decoded = decode::decode(message);
        let print = fingerprint::compute(&decoded);
        self.ids.push(message.id.clone());
        let id = format!("m{}", self.ids.len());
        self.log_query.add(
            &message.id,
            decoded.request_id.as_deref(),
            decoded.trace_id.as_deref(),
            redactor,
        );
        let content = decoded.content.digest();
        let sampled = sample::sampled_message(&id, message, decoded, &print.id, Some(redactor));
        self.log_query.note_sent_at(sampled.sent_at);
        let first = [self.facts.first_received_at, sampled.first_received_at];
        self.facts.first_received_at = first.into_iter().flatten().min();
        self.grouper.add(&id, sampled.sent_at, content, print);
        // Escaped, because cat(1) sends the file to a terminal as it is.
        let line = serde_json::to_vec(&sampled).unwrap_or_default();
        let line = text::safe_json(&line);
        let written = self.messages.write_all(&line).and_then(|()| self.messages.write_all(b"\n"));
        written.map_err(|error| Error::file("write", &self.part.join(files::MESSAGES), &error))?;
        Ok(sampled)
    }

    /// Returns the SQS id of each message, once for each time it was received.
    pub(crate) fn message_ids(&self) -> Vec<String> {
        self.ids.clone()
    }

    /// Runs the configured log commands and writes their output.
    pub(crate) fn run_log_commands(
        &mut self,
        commands: &[Vec<String>],
        queue: &Queue,
        redactor: &Redactor,
    ) -> Result<(), Error> {
        self.logs = self.log_query.run(commands, queue, redactor, &self.part)?;
        Ok(())
    }

    /// Writes the remaining files, and renames the folder to its final name.
    pub(crate) fn finish(
        mut self,
        raised_at: Option<Timestamp>,
        queue_facts: QueueFacts,
        redactor: &Redactor,
    ) -> Result<(Fingerprints, PathBuf), Error> {
        let path = self.part.join(files::MESSAGES);
        let synced = self.messages.flush().and_then(|()| self.messages.get_ref().sync_all());
        synced.map_err(|error| Error::file("write", &path, &error))?;
        let mut prints = std::mem::take(&mut self.grouper).finish();
        for group in &mut prints.fingerprints {
            sample::redact_group(group, redactor);
        }
        self.facts.raised_at = raised_at;
        self.facts.asked_at = queue_facts.asked_at;
        self.facts.taken = self.ids.len() as u64;
        let timeline = timeline::build(&prints.fingerprints, self.facts);
        write(&self.part, files::QUEUE, &queue_facts)?;
        write(&self.part, files::FINGERPRINTS, &prints)?;
        write(&self.part, files::TIMELINE, &timeline)?;
        write(&self.part, files::LOGS, &self.logs)?;
        // An existing folder can only be one of an earlier pass with this number.
        let _ = fs::remove_dir_all(&self.path);
        fs::rename(&self.part, &self.path)
            .map_err(|error| Error::file("make folder", &self.path, &error))?;
        store::sync_parent(&self.path)?;
        Ok((prints, self.path.clone()))
    }
}

impl Drop for BundleWriter {
    /// Deletes the folder of an incomplete bundle.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.part);
    }
}

fn write<T: serde::Serialize>(folder: &Path, name: &str, value: &T) -> Result<(), Error> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| Error::failed("encode", name, error))?;
    text.push(b'\n');
    // In pretty JSON, line feeds stand between tokens only: keep them, and escape the rest.
    let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        [text::safe_json(line).as_ref(), b"\n"].concat()
    });
    store::replace(&folder.join(name), &lines.collect::<Vec<_>>().concat())
}
