//! The checks of the state folder and of the machine: writing, locks, space, documents, archives, the
//! journal and its last round, memory, and the modes of files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::DoctorContext;
use super::run::CheckGroup;
use crate::clock;
use crate::config::Channel;
use crate::document::{Document, Keys, Versioned};
use crate::edge::archive::Archives;
use crate::error::{Error, if_found, io_cause};
use crate::event::{Line, Type, peek};
use crate::journal::Journal;
use crate::ndjson;
use crate::regular_file;
use crate::rules::evidence::peek_limit::Peeks;
use crate::rules::health::Diagnosis;
use crate::rules::health::machine::{self, CheckedFile};
use crate::rules::health::state::{self as judge, DocumentReading, DocumentState, FreeSpace};
use crate::rules::investigation::budget::Budget;
use crate::rules::investigation::document::Sessions;
use crate::rules::notification::ack::Acks;
use crate::rules::notification::connection::ChannelUrl;
use crate::rules::notification::heartbeat::Heartbeat;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::silence::Silences;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::queue::discovery_cache::DiscoveryDoc;
use crate::rules::queue::document::Watched;
use crate::rules::redrive::document::Redrives;
use crate::secret::Secret;
use crate::store::{self, Lock, Store};
use crate::time::Timestamp;

/// The file whose lock is tried. It stays: a lock file is never deleted.
const LOCK: &str = "doctor.lock";
/// The file that is written and removed.
const WRITTEN: &str = "doctor.tmp";
/// Bytes at the end of the journal in which the last round is looked for.
const TAIL: u64 = 8 << 20;
/// Bytes of a document; one of 10,000 queues has several MiB.
const DOCUMENT_MAX: u64 = 256 << 20;

/// Returns the groups.
pub fn groups(context: &Arc<DoctorContext>, dry_run: bool) -> Vec<CheckGroup> {
    let group = |name: &str, check: fn(&DoctorContext) -> Diagnosis| {
        let own = context.clone();
        CheckGroup::one(name, move || check(&own))
    };
    let mut groups = Vec::new();
    if dry_run {
        let why = "not tried: --dry-run writes nothing";
        groups.extend(
            ["state.writable", "state.locks"]
                .map(|name| CheckGroup::known(name, Diagnosis::skipped(why))),
        );
    } else {
        let own = context.clone();
        let names = ["state.writable", "state.locks"].map(str::to_owned).into();
        groups.push(CheckGroup::new(names, move |reporter| {
            let written = write(&own.state);
            let folder = own.state.display().to_string();
            reporter.report(judge::writable(&folder, &written));
            reporter.report(match written {
                Ok(()) => judge::locks(&try_locks(&own.state)),
                Err(_) => Diagnosis::skipped("not tried: nothing can be written"),
            });
        }));
    }
    groups.extend([
        group("state.space", space),
        group("state.documents", documents),
        group("state.archives", archives),
        group("journal", journal),
        group("polling", polling),
        group("memory", memory),
        group("files", files),
    ]);
    groups
}

/// Makes the folder where it is missing, writes a file into it, and removes that.
fn write(folder: &Path) -> Result<(), String> {
    Store::open(folder).map_err(|error| error.to_string())?;
    let path = folder.join(WRITTEN);
    let written = store::create_private(&path).and_then(|mut file| {
        // A full disk may have room for a name.
        std::io::Write::write_all(&mut file, &[0; 4096])?;
        file.sync_all()
    });
    let removed = store::remove(&path);
    written.and(removed).map_err(|error| io_cause(&error))
}

/// Takes a lock, and returns whether it is seen.
fn try_locks(folder: &Path) -> Result<bool, String> {
    let path = folder.join(LOCK);
    let text = |error: Error| error.to_string();
    let held = Lock::try_take(&path).map_err(text)?;
    // Another run of this program may hold it at this moment.
    let is_seen = store::is_locked(&path).map_err(text)?;
    drop(held);
    Ok(is_seen)
}

/// Returns the folder, or the nearest one above it that exists.
fn existing(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find(|path| path.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

fn space(context: &DoctorContext) -> Diagnosis {
    match rustix::fs::statvfs(existing(&context.state)) {
        Err(error) => {
            let cause = io_cause(&error.into());
            Diagnosis::failed(format!("unknown: {cause}"), "see the state folder")
        }
        Ok(found) => judge::space(FreeSpace {
            bytes: found.f_bavail.saturating_mul(found.f_frsize),
            inodes: (found.f_files > 0).then_some(found.f_favail),
        }),
    }
}

fn documents(context: &DoctorContext) -> Diagnosis {
    let store = Store::at(&context.state);
    judge::documents(&[
        reading::<Watched>(&store),
        reading::<DiscoveryDoc>(&store),
        reading::<Sessions>(&store),
        reading::<Budget>(&store),
        reading::<Peeks>(&store),
        reading::<PullRequests>(&store),
        reading::<Redrives>(&store),
        reading::<Notices>(&store),
        reading::<Heartbeat>(&store),
        reading::<Acks>(&store),
        reading::<Silences>(&store),
    ])
}

fn reading<D: Document>(store: &Store) -> DocumentState {
    let path = store.dir().join(format!("{}.json", D::NAME));
    let damaged = |why: String| DocumentReading::Damaged { why, is_cache: D::WITHOUT.is_none() };
    let reading = match version(&path) {
        Ok(None) => DocumentReading::Absent,
        Ok(Some(found)) if found > D::VERSION => DocumentReading::Newer(found, D::VERSION),
        // The text of a cache that is damaged would be a warning of the store.
        Err(why) => damaged(why),
        Ok(Some(_)) => match store.read::<D>(&Keys::none()) {
            Ok(_) => DocumentReading::Readable,
            Err(error) => damaged(error.to_string()),
        },
    };
    DocumentState { name: D::NAME, reading }
}

/// Reads the version of a document; None where there is no file.
pub(super) fn version(path: &Path) -> Result<Option<u64>, String> {
    let read = if_found(regular_file::read(path, DOCUMENT_MAX));
    let Some(bytes) = read.map_err(|error| io_cause(&error))? else { return Ok(None) };
    type Fields<'a> = std::collections::BTreeMap<String, &'a RawValue>;
    let parsed: Result<Versioned<Fields<'_>>, _> = serde_json::from_slice(&bytes);
    parsed.map(|found| Some(found.version)).map_err(|error| format!("it does not parse: {error}"))
}

fn archives(context: &DoctorContext) -> Diagnosis {
    let state = &context.settings.state;
    let archives = Archives::new(&Store::at(&context.state), state);
    match archives.paths() {
        Err(error) => Diagnosis::failed(error.to_string(), "see the folder 'archive'"),
        Ok(paths) => {
            let sizes = paths.iter().filter_map(|path| Some(path.symlink_metadata().ok()?.len()));
            judge::archives(sizes.sum(), state.archive_bytes_max())
        }
    }
}

fn journal_of(context: &DoctorContext) -> Journal {
    Journal::new(&Store::at(&context.state), context.settings.state.rotation())
}

fn journal(context: &DoctorContext) -> Diagnosis {
    let remedy = "move the segment away that cannot be read; the events in it are lost";
    match journal_of(context).sizes() {
        Err(error) => Diagnosis::failed(error.to_string(), remedy),
        Ok(sizes) if sizes.is_empty() => Diagnosis::ok("none yet"),
        Ok(sizes) => {
            let bytes: u64 = sizes.iter().sum();
            let segments = crate::text::count(sizes.len() as u64, "segment");
            Diagnosis::ok(format!("{segments}, {} MiB", bytes >> 20))
        }
    }
}

fn polling(context: &DoctorContext) -> Diagnosis {
    match last_round(context) {
        Err(cause) => Diagnosis::failed(format!("unknown: {cause}"), "see the check 'journal'"),
        Ok(at) => {
            let age = at.map(|at| clock::now().since(at));
            judge::last_round(age, context.settings.monitoring.check_interval)
        }
    }
}

/// Returns the end of the last round, as the journal or the document of the heartbeat has it.
fn last_round(context: &DoctorContext) -> Result<Option<Timestamp>, String> {
    let path = context.state.join("journal.ndjson");
    let lines = ndjson::last_lines(&path, TAIL).map_err(|error| io_cause(&error))?;
    let newest = lines.rsplit(|byte| *byte == b'\n').find_map(|line| match peek(line) {
        Line::Event(head) if head.known == Some(Type::PollFinished) => head.time(),
        _ => None,
    });
    if newest.is_some() {
        return Ok(newest);
    }
    let store = Store::at(&context.state);
    // One that is damaged is told by the check of the documents.
    let beats = version(&store.dir().join("heartbeat.json")).ok().flatten();
    let known = beats.filter(|version| *version == Heartbeat::VERSION);
    let heartbeat = known.and_then(|_| store.read::<Heartbeat>(&Keys::all()).ok());
    Ok(heartbeat.and_then(|heartbeat| heartbeat.all.last))
}

fn memory(context: &DoctorContext) -> Diagnosis {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    machine::memory(machine::memory_available(&text), context.investigates())
}

/// Checks the configuration, the `.env` file beside it, and the files of secrets.
fn files(context: &DoctorContext) -> Diagnosis {
    let mode = |path: &Path| match std::fs::metadata(path) {
        Ok(found) => Ok(found.permissions().mode()),
        Err(error) => Err(io_cause(&error)),
    };
    let mut files: Vec<CheckedFile> = Vec::new();
    let mut add = |path: &Path, is_secret: bool| {
        let file = CheckedFile { path: path.display().to_string(), is_secret, mode: mode(path) };
        if !files.contains(&file) {
            files.push(file);
        }
    };
    if let Some(path) = &context.settings.origin.path {
        add(path, false);
        let beside = path.with_file_name(".env");
        if beside.is_file() {
            add(&beside, true);
        }
    }
    for secret in secrets(context) {
        if let Secret::File(path) = secret {
            add(&path, true);
        }
    }
    machine::files(&files)
}

/// Returns the references to all secrets of the configuration.
pub(super) fn secrets(context: &DoctorContext) -> Vec<Secret> {
    let settings = &context.settings;
    let own = [
        &settings.github.token,
        &settings.auto_investigation.claude.auth,
        &settings.notifications.heartbeat_url,
    ];
    let of_channel = |channel: &Channel| {
        let connection = &channel.connection;
        let url = match &connection.url {
            Some(ChannelUrl::Secret(secret)) => Some(secret.clone()),
            _ => None,
        };
        let named = [&connection.token, &connection.key, &connection.secret];
        let named = named.into_iter().flatten().cloned();
        named.chain(url).chain(channel.speech.api_key.clone()).collect::<Vec<_>>()
    };
    let channels = settings.notifications.channels.iter().flat_map(of_channel);
    own.into_iter().flatten().cloned().chain(channels).collect()
}
