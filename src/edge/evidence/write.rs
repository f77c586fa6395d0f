//! Writing an evidence bundle: its folder has the name `N.part` until it is complete.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cloudwatch::LogSettings;
use super::letters::Letters;
use super::logs;
use crate::clock;
use crate::error::Error;
use crate::rules::evidence::bundle::{Fingerprints, Logs, QueueFacts, Sampled, files};
use crate::rules::evidence::log_command::{LogCommandValues, LoggedIds};
use crate::rules::evidence::logs::{LogEvent, lines_file};
use crate::rules::evidence::message::Message;
use crate::rules::evidence::redact::Redactor;
use crate::rules::evidence::{agent_copy, decode, sample, timeline};
use crate::store;
use crate::text;
use crate::time::Timestamp;

/// The longest id that is searched for in logs, in bytes.
const ID_MAX: usize = 128;
/// Time added before and after the messages: clocks differ, and consumers log early and late.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A bundle that is not complete yet.
pub(crate) struct BundleWriter<'a> {
    redactor: &'a Redactor,
    part: PathBuf,
    path: PathBuf,
    messages: BufWriter<File>,
    letters: Letters,
    facts: timeline::TimelineFacts,
    /// The SQS id of each message, once for each time it was received.
    pub(crate) message_ids: Vec<String>,
    logged_ids: LoggedIds,
}

impl<'a> BundleWriter<'a> {
    /// Creates the folder, and deletes incomplete bundles of earlier passes.
    pub(crate) fn create(
        folder: &Path,
        pass: usize,
        redactor: &'a Redactor,
    ) -> Result<Self, Error> {
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
            redactor,
            part,
            path,
            messages: BufWriter::new(file),
            letters: Letters::default(),
            facts: timeline::TimelineFacts::default(),
            message_ids: Vec::new(),
            logged_ids: LoggedIds::default(),
        })
    }

    /// Redacts a message, writes it and adds it to its group.
    pub(crate) fn add_message(&mut self, message: &Message) -> Result<Sampled, Error> {
        let decoded = decode::decode(message);
        let print = sample::fingerprint_of(&decoded, self.redactor);
        self.message_ids.push(message.id.clone());
        let id = format!("m{}", self.message_ids.len());
        // An id that looks like a secret is not searched for.
        let is_searched =
            |id: &&String| id.len() <= ID_MAX && self.redactor.redact_text(id) == id.as_str();
        self.logged_ids.messages.insert(message.id.clone());
        self.logged_ids.requests.extend(decoded.request_id.iter().filter(is_searched).cloned());
        self.logged_ids.traces.extend(decoded.trace_id.iter().filter(is_searched).cloned());
        let sampled =
            sample::sampled_message(&id, message, decoded.clone(), &print.id, Some(self.redactor));
        let first = [self.facts.first_received_at, sampled.first_received_at];
        self.facts.first_received_at = first.into_iter().flatten().min();
        self.letters.add(&decoded, &sampled, print);
        // Escaped, because cat(1) sends the file to a terminal as it is.
        let line = serde_json::to_vec(&sampled).unwrap_or_default();
        let line = text::safe_json(&line);
        let written = self.messages.write_all(&line).and_then(|()| self.messages.write_all(b"\n"));
        written.map_err(|error| Error::file("write", &self.part.join(files::MESSAGES), &error))?;
        Ok(sampled)
    }

    /// Runs the configured log commands, searches in CloudWatch Logs, writes the remaining files, and
    /// renames the folder to its final name. Also returns whether the logs were asked too early.
    pub(crate) fn finish(
        mut self,
        raised_at: Option<Timestamp>,
        queue_facts: QueueFacts,
        commands: &[Vec<String>],
        settings: Option<&LogSettings<'_>>,
    ) -> Result<(Fingerprints, PathBuf, bool), Error> {
        let path = self.part.join(files::MESSAGES);
        let synced = self.messages.flush().and_then(|()| self.messages.get_ref().sync_all());
        synced.map_err(|error| Error::file("write", &path, &error))?;
        self.facts.raised_at = raised_at;
        self.facts.asked_at = queue_facts.asked_at;
        self.facts.taken = self.message_ids.len() as u64;
        let now = clock::now();
        let values = LogCommandValues {
            queue: queue_facts.queue.name.clone(),
            start: self.letters.first_sent_at().unwrap_or(now).minus(MARGIN),
            end: now.plus(MARGIN),
            ids: std::mem::take(&mut self.logged_ids),
        };
        let (letters, redactor) = (&mut self.letters, self.redactor);
        let mut logs = logs::run_all(commands, &values, letters, redactor, &self.part)?;
        let neighbours = settings
            .map(|settings| letters.search(&mut logs, &queue_facts, raised_at, settings, redactor));
        self.write_lines(&mut logs, &neighbours.unwrap_or_default())?;
        self.rewrite_fingerprints()?;
        let mut prints = self.letters.group();
        for group in &mut prints.fingerprints {
            sample::redact_group(group, self.redactor);
        }
        let timeline = timeline::build(&prints.fingerprints, self.facts);
        write(&self.part, files::QUEUE, &queue_facts)?;
        write(&self.part, files::FINGERPRINTS, &prints)?;
        write(&self.part, files::TIMELINE, &timeline)?;
        write(&self.part, files::LOGS, &logs)?;
        // An existing folder can only be one of an earlier pass with this number.
        let _ = fs::remove_dir_all(&self.path);
        fs::rename(&self.part, &self.path)
            .map_err(|error| Error::file("make folder", &self.path, &error))?;
        store::sync_parent(&self.path)?;
        Ok((prints, self.path.clone(), logs.is_early()))
    }

    /// Writes the lines that searches cite, and those around them, into files of their own, as the
    /// output of commands is.
    fn write_lines(
        &self,
        logs: &mut Logs,
        neighbours: &BTreeMap<String, Vec<LogEvent>>,
    ) -> Result<(), Error> {
        for log in logs.logs.iter_mut().filter(|log| log.file.is_none()) {
            let around = neighbours.get(&log.id).map(Vec::as_slice).unwrap_or_default();
            let text = lines_file::write(&log.lines, around);
            if text.is_empty() {
                continue;
            }
            let name = format!("{}.txt", log.id.replace(':', "-"));
            store::replace(&self.part.join(&name), text.as_bytes())?;
            log.file = Some(name);
        }
        Ok(())
    }

    /// Replaces the fingerprints of the messages whose cause a log shows.
    fn rewrite_fingerprints(&self) -> Result<(), Error> {
        let replaced = self.letters.replaced();
        if replaced.is_empty() {
            return Ok(());
        }
        let path = self.part.join(files::MESSAGES);
        let failed = |error: std::io::Error| Error::file("read", &path, &error);
        let lines = BufReader::new(File::open(&path).map_err(failed)?).split(b'\n');
        store::replace_with(&path, |file| {
            for (at, line) in lines.enumerate() {
                let line = String::from_utf8_lossy(&line?).into_owned();
                let new = replaced.iter().find(|(index, _, _)| *index == at);
                let line = new.map_or(line.clone(), |(_, before, now)| {
                    // Only the ids of the message stand before it, and a quote in them is escaped.
                    let key = |id: &str| format!("\"fingerprint\":\"{id}\"");
                    line.replacen(&key(before), &key(now), 1)
                });
                file.write_all(line.as_bytes())?;
                file.write_all(b"\n")?;
            }
            Ok(())
        })
    }
}

impl Drop for BundleWriter<'_> {
    /// Deletes the folder of an incomplete bundle.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.part);
    }
}

fn write<T: serde::Serialize>(folder: &Path, name: &str, value: &T) -> Result<(), Error> {
    let text = agent_copy::pretty(value).map_err(|error| Error::failed("encode", name, error))?;
    store::replace(&folder.join(name), &text)
}
