//! The folder of a bundle while it is made: it has another name until it is whole.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::logs::Sources;
use crate::edge::peek::Subject;
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

/// A bundle that is being made.
pub(crate) struct Draft {
    part: PathBuf,
    path: PathBuf,
    messages: BufWriter<File>,
    grouper: Grouper,
    known: timeline::TimelineFacts,
    ids: Vec<String>,
    sources: Sources,
    logs: Logs,
}

impl Draft {
    /// Makes the folder. What a pass that was cut off has left there goes.
    pub(crate) fn begin(folder: &Path, pass: usize) -> Result<Self, Error> {
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
        Ok(Draft {
            part,
            path,
            messages: BufWriter::new(file),
            grouper: Grouper::default(),
            known: timeline::TimelineFacts::default(),
            ids: Vec::new(),
            sources: Sources::default(),
            logs: Logs::default(),
        })
    }

    /// Files a message.
    pub(crate) fn file(
        &mut self,
        message: &Message,
        redactor: &Redactor,
    ) -> Result<Sampled, Error> {
        let decoded = decode::decode(message);
        let print = fingerprint::compute(&decoded);
        self.ids.push(message.id.clone());
        let id = format!("m{}", self.ids.len());
        self.sources.add(
            &message.id,
            decoded.request_id.as_deref(),
            decoded.trace_id.as_deref(),
            redactor,
        );
        let content = decoded.content.digest();
        let sampled = sample::sampled_message(&id, message, decoded, &print.id, Some(redactor));
        self.sources.sent(sampled.sent_at);
        let first = [self.known.first_received_at, sampled.first_received_at];
        self.known.first_received_at = first.into_iter().flatten().min();
        self.grouper.add(&id, sampled.sent_at, content, print);
        // What is shown with cat(1) reaches a terminal as it is.
        let line = serde_json::to_vec(&sampled).unwrap_or_default();
        let line = text::safe_json(&line);
        let written = self.messages.write_all(&line).and_then(|()| self.messages.write_all(b"\n"));
        written.map_err(|error| Error::file("write", &self.part.join(files::MESSAGES), &error))?;
        Ok(sampled)
    }

    /// The ids that SQS gave to the messages, as often as they came.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.ids.clone()
    }

    /// Runs the configured commands, and files what they bring.
    pub(crate) fn run(
        &mut self,
        commands: &[Vec<String>],
        queue: &Queue,
        redactor: &Redactor,
    ) -> Result<(), Error> {
        self.logs = self.sources.run(commands, queue, redactor, &self.part)?;
        Ok(())
    }

    /// Writes the rest, and gives the bundle its name.
    pub(crate) fn finish(
        mut self,
        subject: &Subject,
        facts: QueueFacts,
        redactor: &Redactor,
    ) -> Result<(Fingerprints, PathBuf), Error> {
        let path = self.part.join(files::MESSAGES);
        let synced = self.messages.flush().and_then(|()| self.messages.get_ref().sync_all());
        synced.map_err(|error| Error::file("write", &path, &error))?;
        let mut prints = std::mem::take(&mut self.grouper).finish();
        for group in &mut prints.fingerprints {
            sample::redact_group(group, redactor);
        }
        self.known.raised_at = subject.raised_at;
        self.known.asked_at = facts.asked_at;
        self.known.taken = self.ids.len() as u64;
        let timeline = timeline::build(&prints.fingerprints, self.known);
        write(&self.part, files::QUEUE, &facts)?;
        write(&self.part, files::FINGERPRINTS, &prints)?;
        write(&self.part, files::TIMELINE, &timeline)?;
        write(&self.part, files::LOGS, &self.logs)?;
        // Only what an earlier pass of this number has left can be in the way.
        let _ = fs::remove_dir_all(&self.path);
        fs::rename(&self.part, &self.path)
            .map_err(|error| Error::file("make folder", &self.path, &error))?;
        store::sync_parent(&self.path)?;
        Ok((prints, self.path.clone()))
    }
}

impl Drop for Draft {
    /// What did not become a bundle leaves nothing.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.part);
    }
}

fn write<T: serde::Serialize>(folder: &Path, name: &str, value: &T) -> Result<(), Error> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| Error::failed("encode", name, error))?;
    text.push(b'\n');
    // Pretty JSON has line feeds between its words only: they stay, the rest is escaped.
    let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        [text::safe_json(line).as_ref(), b"\n"].concat()
    });
    store::replace(&folder.join(name), &lines.collect::<Vec<_>>().concat())
}
