//! The checks of the state folder and of the machine: writing, locks, space, documents, archives, the
//! journal and its last round, memory, and the modes of files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Access;
use serde_json::value::RawValue;

use super::DoctorContext;
use super::access::{closed, denied, held_locks};
use super::run::CheckGroup;
use crate::clock;
use crate::config::Channel;
use crate::document::{Document, Keys, Versioned};
use crate::edge::archive::Archives;
use crate::error::{Error, if_found, io_cause};
use crate::event::{Line, Type, peek};
use crate::journal::Journal;
use crate::regular_file;
use crate::rules::evidence::peek_limit::Peeks;
use crate::rules::health::Diagnosis;
use crate::rules::health::machine::{self, CheckedFile};
use crate::rules::health::state::{
    self as judge, DeniedAccess, DocumentReading, DocumentState, FreeSpace, LastRound,
};
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
use crate::rules::view::metrics::document::Metrics;
use crate::secret::Secret;
use crate::store::{self, Lock, Store};

/// The file whose lock is tried. It stays: a lock file is never deleted.
const LOCK: &str = "doctor.lock";
/// The lock of the journal.
const JOURNAL_LOCK: &str = "journal.lock";
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
            let denied = written.as_ref().err().and_then(|_| denied_folder(&own.state));
            reporter.report(judge::writable(&folder, &written, denied.as_ref()));
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

/// Returns by whom the folder, or the nearest one above it, is closed to this user.
fn denied_folder(folder: &Path) -> Option<DeniedAccess> {
    let found = existing(folder);
    let is_open = rustix::fs::access(&found, Access::WRITE_OK.union(Access::EXEC_OK)).is_ok();
    (!is_open).then(|| closed(&found))
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
    let all = [
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
        reading::<Metrics>(&store),
    ];
    let locks = all.iter().map(|one| format!("{}.lock", one.name)).collect();
    held(context, locks).unwrap_or_else(|| judge::documents(&all))
}

/// Returns the diagnosis of locks that are held all the time. One that cannot be looked at is told with
/// the file that it protects.
fn held(context: &DoctorContext, locks: Vec<String>) -> Option<Diagnosis> {
    judge::held(&held_locks(&context.state, locks).ok()?)
}

fn reading<D: Document>(store: &Store) -> DocumentState {
    let path = store.dir().join(format!("{}.json", D::NAME));
    let damaged = |why: String| DocumentReading::Damaged { why, is_cache: D::WITHOUT.is_none() };
    let reading = match version(&path) {
        // The text of a cache that is damaged would be a warning of the store.
        Err(why) => denied(&path).map_or_else(|| damaged(why), DocumentReading::Denied),
        Ok(None) => DocumentReading::Absent,
        Ok(Some(found)) if found > D::VERSION => DocumentReading::Newer(found, D::VERSION),
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

pub(super) fn journal_of(context: &DoctorContext) -> Journal {
    Journal::new(&Store::at(&context.state), context.settings.state.rotation())
}

fn journal(context: &DoctorContext) -> Diagnosis {
    if let Some(diagnosis) = held(context, vec![JOURNAL_LOCK.to_owned()]) {
        return diagnosis;
    }
    judge::journal(&journal_of(context).sizes().map_err(|(path, error)| {
        let is_denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        (Error::file("open", &path, &error).to_string(), is_denied.then(|| closed(&path)))
    }))
}

fn polling(context: &DoctorContext) -> Diagnosis {
    match last_round(context) {
        Err(cause) => Diagnosis::failed(format!("unknown: {cause}"), "see the check 'journal'"),
        Ok(last) => {
            judge::last_round(last, context.settings.monitoring.check_interval, clock::now())
        }
    }
}

/// Returns the end of the last round, as the journal or the document of the heartbeat has it.
fn last_round(context: &DoctorContext) -> Result<LastRound, String> {
    let (journal, now) = (journal_of(context), clock::now());
    let mut found = LastRound::default();
    // The newest segment is empty just after a rotation.
    for is_newest in [true, false] {
        let lines = journal.last_lines(is_newest, TAIL).map_err(|error| error.to_string())?;
        let times = lines.rsplit(|byte| *byte == b'\n').filter_map(|line| match peek(line) {
            Line::Event(head) if head.known == Some(Type::PollFinished) => head.time(),
            _ => None,
        });
        let last = LastRound::find(times, now);
        found = LastRound { at: last.at, ahead: found.ahead.or(last.ahead) };
        if found != LastRound::default() {
            return Ok(found);
        }
    }
    let store = Store::at(&context.state);
    // One that is damaged is told by the check of the documents.
    let beats = version(&store.dir().join("heartbeat.json")).ok().flatten();
    let known = beats.filter(|version| *version == Heartbeat::VERSION);
    let heartbeat = known.and_then(|_| store.read::<Heartbeat>(&Keys::all()).ok());
    Ok(LastRound { at: heartbeat.and_then(|heartbeat| heartbeat.all.last), ahead: None })
}

fn memory(context: &DoctorContext) -> Diagnosis {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    machine::memory(machine::memory_available(&text), context.investigates())
}

/// Checks the state folder, the configuration and its folder, the `.env` file beside it, and the files of secrets.
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
    if context.state.is_dir() {
        add(&context.state, false);
    }
    if let Some(path) = &context.settings.origin.path {
        add(path, false);
        // Who can change the folder can put another configuration into it.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        add(folder.unwrap_or(Path::new(".")), false);
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
