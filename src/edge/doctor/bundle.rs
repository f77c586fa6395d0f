//! The archive for support: versions, settings, checks, documents and heads of events, without secrets,
//! bodies and, unless names are kept, without names.
//!
//! Promises: only its owner can read it; an existing file is not replaced; no text of the configuration
//! file is copied, only values that are known to be harmless.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::DoctorContext;
use super::state::{journal_of, version};
use crate::clock;
use crate::config::{Agent, Channel, Settings};
use crate::error::{Error, if_found};
use crate::event::{Line, ToolName, Type, peek};
use crate::regular_file;
use crate::rules::evidence::redact::Redactor;
use crate::rules::health::mask::Mask;
use crate::rules::health::tar::tar;
use crate::rules::health::{CheckResult, table};
use crate::secret::Secret;
use crate::store;
use crate::time::Timestamp;

/// Bytes at the end of the journal whose heads are taken, and the most heads.
const TAIL: u64 = 2 << 20;
const HEADS_MAX: usize = 1000;
/// Bytes at the end of the file of messages that are taken.
const MESSAGES_MAX: u64 = 256 << 10;
/// Columns of the table.
const WIDTH: usize = 100;
/// The folder in the archive.
const FOLDER: &str = "dlq-doctor";

const README: &str = "\
Support archive of dlq-doctor(1).

versions.json   programs, system and kernel
settings.json   settings in force; of a secret the kind of its source, of a command nothing
checks.txt      the checks, as a table
documents.json  documents of the state folder: version, size, age
journal.ndjson  heads of the last events: time, type, program, severity
messages.log    the last messages of the programs, where logging.file keeps them

There are no dead letters, no bodies, no reports, no transcripts and no secrets in it.
";
const HASHED: &str = "\
Account ids, ARNs, and names of queues, channels, repositories and files are hashed: equal names have
equal hashes in this archive, and others in the next.
";

/// Fails when the archive could not be written, before any check is made.
pub fn check_path(path: &Path) -> Result<(), Error> {
    let failed = |error| Error::file("write", path, &error);
    if if_found(path.symlink_metadata()).map_err(failed)?.is_some() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Of a file that stands in its place, too.
    let folder = folder.unwrap_or(Path::new(".")).join(".");
    let access = rustix::fs::Access::WRITE_OK.union(rustix::fs::Access::EXEC_OK);
    rustix::fs::access(&folder, access).map_err(|error| failed(error.into()))
}

/// Writes the archive.
pub fn write(
    context: &DoctorContext,
    results: &[CheckResult],
    path: &Path,
    keeps_names: bool,
) -> Result<(), Error> {
    let failed = |error| Error::file("write", path, &error);
    let evidence = &context.settings.evidence;
    let redactor = Redactor::new(&evidence.redact, &evidence.redact_allow).map_err(Error::wrong)?;
    let (events, faults) = last_events(context);
    let names = names(context).into_iter().chain(subjects(&events));
    let mask = Mask::new(&salt().map_err(failed)?, redactor, names, keeps_names);
    let now = clock::now();
    let pretty = |value: Value| format!("{value:#}\n");
    let readme = if keeps_names { README.to_owned() } else { format!("{README}{HASHED}") };
    let files = [
        ("README", readme),
        ("versions.json", pretty(versions())),
        ("settings.json", pretty(settings(context, &mask))),
        ("checks.txt", table::table(&masked(results, &mask), WIDTH)),
        ("documents.json", pretty(documents(context, now))),
        ("journal.ndjson", heads(&events, &faults, &mask)),
        ("messages.log", messages(context, &mask)),
    ];
    let files = files.map(|(name, text)| (format!("{FOLDER}/{name}"), text.into_bytes()));
    let seconds = u64::try_from(now.millis() / 1000).unwrap_or(0);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let packed = gzip.write_all(&tar(&files, seconds)).and_then(|()| gzip.finish());
    let packed = packed.map_err(failed)?;
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(&packed)?;
        file.sync_all()
    });
    written.map_err(|error| {
        // What is left of a full disk is no archive; one that was there before stays.
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            let _ = store::remove(path);
        }
        failed(error)
    })
}

fn salt() -> std::io::Result<[u8; 16]> {
    let mut salt = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut salt)?;
    Ok(salt)
}

/// Returns the model, unless it is the built-in one: another may be named after its owner.
fn own_model(settings: &Settings) -> Option<&str> {
    let model = settings.auto_investigation.claude.model.as_str();
    (model != Settings::default().auto_investigation.claude.model).then_some(model)
}

/// Returns the names of the configuration that may stand in a text without quotes.
fn names(context: &DoctorContext) -> Vec<String> {
    let settings = &context.settings;
    let (aws, monitoring, investigation) =
        (&settings.aws, &settings.monitoring, &settings.auto_investigation);
    let accounts =
        aws.accounts.iter().flat_map(|one| [one.name.clone(), Some(one.profile.clone())]);
    let rules = investigation.queues.iter();
    let repositories = rules.clone().filter_map(|rule| rule.github.as_deref());
    let repositories = repositories.chain(settings.github.repos.iter().map(String::as_str));
    let clones = rules.clone().filter_map(|rule| rule.repo.as_ref()?.file_name());
    let patterns = rules.map(|rule| &rule.matching).chain([
        &investigation.target_queues,
        &monitoring.matching,
        &monitoring.exclude,
    ]);
    let single = [aws.profile.clone(), own_model(settings).map(str::to_owned)];
    let single = single.into_iter().chain(accounts).flatten();
    let user = ["USER", "LOGNAME"].into_iter().filter_map(|name| context.env.get(name));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    single
        .chain(repositories.flat_map(|name| name.split('/')).map(str::to_owned))
        .chain(settings.github.orgs.iter().cloned())
        .chain(clones.map(|name| name.to_string_lossy().into_owned()))
        .chain(patterns.flat_map(|globs| globs.patterns().to_vec()))
        .chain(settings.notifications.channels.iter().map(|one| one.name.clone()))
        .chain(user.filter(|name| *name != "root").map(str::to_owned))
        .chain(host.map(|name| name.trim().to_owned()))
        .collect()
}

/// Returns the subjects of events: names of queues, and of pull requests.
fn subjects(events: &[u8]) -> Vec<String> {
    let lines = events.split(|byte| *byte == b'\n');
    let mut all: Vec<String> = lines
        .filter_map(|line| match peek(line) {
            Line::Event(head) => head.subject.map(|subject| subject.into_owned()),
            _ => None,
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Returns the results without names; the name of a check may end with one.
fn masked(results: &[CheckResult], mask: &Mask) -> Vec<CheckResult> {
    let mut results = results.to_vec();
    for one in &mut results {
        if let Some((check, name)) = one.name.split_once(' ') {
            one.name = format!("{check} {}", mask.name("name", name));
        }
        one.diagnosis.detail = mask.text(&one.diagnosis.detail);
        one.diagnosis.remedy = mask.text(&one.diagnosis.remedy);
    }
    results
}

fn versions() -> Value {
    let first = |path: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().next().map(str::to_owned)
    };
    let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let os = os.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    json!({
        "dlq-tools": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "machine": std::env::consts::ARCH,
        "kernel": first("/proc/sys/kernel/osrelease"),
        "distribution": os.map(|name| name.trim_matches('"')),
    })
}

/// Returns the last messages of the programs, without secrets and names.
fn messages(context: &DoctorContext, mask: &Mask) -> String {
    let Some(path) = &context.settings.logging.file else {
        return "logging.file is not set: messages are not kept\n".into();
    };
    let text = match regular_file::read_end(path, MESSAGES_MAX) {
        Ok(text) => text,
        Err(error) => return format!("the file of messages cannot be read: {error}\n"),
    };
    // The first line may be the end of one.
    let whole = match text.len() as u64 == MESSAGES_MAX {
        true => text.split_once('\n').map_or("", |(_, rest)| rest),
        false => &text,
    };
    whole.lines().map(|line| mask.text(line) + "\n").collect()
}

/// Names the kind of the source of a secret.
fn source(secret: Option<&Secret>) -> Value {
    match secret {
        None => Value::Null,
        Some(Secret::Env(_)) => "env".into(),
        Some(Secret::File(_)) => "file".into(),
        Some(Secret::Command(_)) => "command".into(),
    }
}

fn settings(context: &DoctorContext, mask: &Mask) -> Value {
    let settings = &context.settings;
    let (aws, monitoring) = (&settings.aws, &settings.monitoring);
    let features = &settings.features;
    json!({
        "file": settings.origin.path.is_some(),
        "trusted": settings.origin.trusted,
        "variables": settings.origin.variables.iter().map(|name| {
            // A name and where it is from; never a value.
            name.split('=').next().unwrap_or_default().to_owned()
        }).collect::<Vec<_>>(),
        "aws": {
            "profile": aws.profile.as_deref().map(|name| mask.name("profile", name)),
            "region": aws.region,
            "regions": aws.regions,
            "accounts": aws.accounts.len(),
            "endpoint_url": aws.endpoint_url.is_some(),
        },
        "monitoring": {
            "check_interval_s": monitoring.check_interval.as_secs_f64(),
            "notification_threshold": monitoring.notification_threshold,
            "discover": monitoring.discover.as_str(),
            "patterns": monitoring.patterns.as_ref().map(|globs| globs.patterns().len()),
            "match": monitoring.matching.patterns().len(),
            "exclude": monitoring.exclude.patterns().len(),
            "concurrency": monitoring.concurrency,
            "timeout_ms": u64::try_from(monitoring.timeout.as_millis()).unwrap_or(u64::MAX),
        },
        "auto_investigation": investigation(context, mask),
        "notifications": {
            "channels": settings.notifications.channels.iter().map(|one| channel(one, mask)).collect::<Vec<_>>(),
            "routes": settings.notifications.routes.len(),
            "heartbeat_rounds": settings.notifications.heartbeat_rounds,
            "heartbeat_url": source(settings.notifications.heartbeat_url.as_ref()),
        },
        "github": {
            "token": source(settings.github.token.as_ref()),
            "host": settings.github.host.is_some(),
            "endpoint": settings.github.endpoint.is_some(),
            "repos": settings.github.repos.len(),
            "orgs": settings.github.orgs.len(),
        },
        "features": {
            "investigate": features.investigate,
            "notify": features.notify,
            "pull_requests": features.pull_requests,
            "auto_redrive": features.auto_redrive,
            "archive_before_expiry": features.archive_before_expiry,
        },
        "state": {
            "dir": settings.state.dir.is_some(),
            "journal_max_mib": settings.state.journal_max_mib,
            "journal_keep": settings.state.journal_keep,
            "journal_keep_days": settings.state.journal_keep_days,
            "archive_max_gib": settings.state.archive_max_gib,
            "shared": settings.state.shared.is_some(),
        },
    })
}

fn investigation(context: &DoctorContext, mask: &Mask) -> Value {
    let settings = &context.settings.auto_investigation;
    let queues = settings.queues.iter().map(|rule| {
        json!({
            "match": mask.name("name", &rule.matching.patterns().join(",")),
            "repo": rule.repo.is_some(),
            "github": rule.github.is_some(),
            "base": rule.base.is_some(),
            "test_command": rule.test_command.is_some(),
            "fix": rule.fix,
            "logs": rule.logs.is_some(),
        })
    });
    json!({
        "enabled": settings.enabled,
        "target_queues": settings.target_queues.patterns().len(),
        "agent": match settings.agent {
            Agent::Auto => "auto",
            Agent::Claude => "claude",
            Agent::Triage => "triage",
            Agent::Command(..) => "command",
        },
        "model": own_model(&context.settings)
            .map_or_else(|| settings.claude.model.clone(), |name| mask.name("model", name)),
        "sandbox": settings.claude.sandbox.as_str(),
        "auth": source(settings.claude.auth.as_ref()),
        "max_concurrent": settings.max_concurrent,
        "queues": queues.collect::<Vec<_>>(),
    })
}

fn channel(channel: &Channel, mask: &Mask) -> Value {
    let connection = &channel.connection;
    json!({
        "name": mask.name("name", &channel.name),
        "type": channel.kind.as_str(),
        "url": connection.url.is_some(),
        "token": source(connection.token.as_ref()),
        "key": source(connection.key.as_ref()),
        "secret": source(connection.secret.as_ref()),
        "min_severity": channel.min_severity.map(|severity| severity.as_str()),
    })
}

/// Returns the documents at the top of the state folder.
fn documents(context: &DoctorContext, now: Timestamp) -> Value {
    let entries = std::fs::read_dir(&context.state).into_iter().flatten().flatten();
    let mut all: Vec<(String, Value)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_ours = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            let found = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let is_known = name.ends_with(".json") || name.starts_with("journal.ndjson");
            if !is_known || !name.chars().all(is_ours) || name.len() > 64 {
                return None;
            }
            let format = name.ends_with(".json").then(|| version(&entry.path()));
            let age = now.since(Timestamp::from_millis(found.mtime().saturating_mul(1000)));
            let about = json!({
                "bytes": found.size(),
                "mode": format!("{:04o}", found.mode() & 0o7777),
                "age_s": age.as_secs(),
                "version": format.as_ref().map(|read| read.as_ref().ok().copied().flatten()),
                "is_readable": format.map(|read| read.is_ok()),
            });
            Some((name, about))
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all.into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// Returns the last lines of the journal, from before its last rotation, too, and why a segment cannot be
/// read.
fn last_events(context: &DoctorContext) -> (Vec<u8>, Vec<String>) {
    let journal = journal_of(context);
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    for is_newest in [false, true] {
        match journal.last_lines(is_newest, TAIL) {
            Ok(more) => lines.extend(more),
            Err(error) => faults.push(error.to_string()),
        }
    }
    (lines, faults)
}

/// Returns the heads of the last events, without what they are about.
fn heads(lines: &[u8], faults: &[String], mask: &Mask) -> String {
    let all: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    let last = &all[all.len().saturating_sub(HEADS_MAX + 1)..];
    let heads = last.iter().filter_map(|line| match peek(line) {
        Line::Event(head) => {
            let subject = head.subject.as_deref().filter(|subject| !subject.is_empty());
            let head = json!({
                "time": head.time().map(|time| time.to_string()),
                // Types and programs of ours; any other may hold anything.
                "type": head.known.map(Type::as_str),
                "source": ToolName::parse(&head.source).map(ToolName::as_str),
                "severity": head.severity().as_str(),
                "about": subject.map(|subject| mask.name("name", subject)),
                "of": head.incident.as_deref().map(|id| mask.name("incident", id)),
            });
            Some(format!("{head}\n"))
        }
        _ => None,
    });
    let faults = faults.iter().map(|why| format!("{}\n", json!({"unreadable": mask.text(why)})));
    faults.chain(heads).collect()
}
