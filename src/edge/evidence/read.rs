//! Reading an evidence bundle for the triage, the verdict and the report.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::error::Error;
use crate::rules::evidence::bundle::{Fingerprints, Logs, QueueFacts, Sampled, Timeline, files};
use crate::rules::evidence::json_text::JsonText;
use crate::rules::triage::{BundleContents, MessageFacts};
use crate::store;
use crate::text::shorten;

/// Longest line of `messages.ndjson` in bytes: a body of 1 MiB with each byte escaped.
const LINE_MAX: u64 = 16 << 20;
/// Characters of a body that are kept for the prompt; the report shows fewer.
const EXCERPT: usize = 1200;
/// Messages that the triage examines one by one.
const MESSAGES_MAX: usize = 1000;

/// Reads a bundle's queue, fingerprints, timeline, logs and first [`MESSAGES_MAX`] messages.
pub fn load(bundle: &Path) -> Result<BundleContents, Error> {
    let queue: QueueFacts = store::read_json(&bundle.join(files::QUEUE))?;
    let fingerprints: Fingerprints = store::read_json(&bundle.join(files::FINGERPRINTS))?;
    let timeline: Timeline = store::read_json(&bundle.join(files::TIMELINE))?;
    let logs = load_logs(bundle)?;
    let (mut facts, mut messages): (Vec<MessageFacts>, Vec<Sampled>) = (Vec::new(), Vec::new());
    each_message(bundle, |sampled, _| {
        facts.push(MessageFacts::from_sample(&sampled));
        messages.push(Sampled { body: excerpt(sampled.body), ..sampled });
        Ok(facts.len() < MESSAGES_MAX)
    })?;
    Ok(BundleContents { queue, fingerprints, timeline, logs, facts, messages })
}

/// Passes each message of a bundle and its line, without its LF, to `visit`, until that returns
/// false.
pub fn each_message(
    bundle: &Path,
    mut visit: impl FnMut(Sampled, &[u8]) -> Result<bool, Error>,
) -> Result<(), Error> {
    let path = bundle.join(files::MESSAGES);
    let file = File::open(&path).map_err(|error| Error::file("read", &path, &error))?;
    let mut lines = BufReader::new(file);
    loop {
        let mut line = Vec::new();
        let read = lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| Error::file("read", &path, &error))? == 0 {
            return Ok(());
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let sampled: Sampled = serde_json::from_slice(line)
            .map_err(|error| Error::failed("read", path.display(), error))?;
        if !visit(sampled, line)? {
            return Ok(());
        }
    }
}

/// Reads the output of a bundle's log commands.
pub fn load_logs(bundle: &Path) -> Result<Logs, Error> {
    store::read_json(&bundle.join(files::LOGS))
}

/// Shortens a body, so that a thousand of them need little memory. A body of bytes that are not
/// text is null and stays null.
fn excerpt(body: JsonText) -> JsonText {
    let text = body.shown().map(|text| JsonText::from(shorten(&text, EXCERPT).as_ref()));
    text.unwrap_or(body)
}
