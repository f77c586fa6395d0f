use super::*;
use crate::event::Queue;
use crate::rules::redrive::archive::VERSION;
use crate::rules::redrive::document::MoveKind;
use std::os::unix::fs::PermissionsExt;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dlq-archive-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    fn archives(&self) -> Archives {
        let store = Store::open(&self.0).unwrap();
        Archives::new(&store, &State::default())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn at() -> Timestamp {
    Timestamp::from_millis(1_764_475_200_000)
}

fn head(id: &str, arn: &str) -> ArchiveHead {
    ArchiveHead {
        version: VERSION,
        id: id.into(),
        kind: MoveKind::Purge,
        queue: Queue { name: "orders-dlq".into(), arn: arn.into(), ..Queue::default() },
        incident: None,
        reason: None,
        who: "ana@laptop".into(),
        plan: None,
        at: at(),
    }
}

fn message(id: &str) -> Message {
    Message { id: id.into(), body: format!("body of {id}"), ..Message::default() }
}

fn write(writer: &mut ArchiveWriter, ids: &[&str]) -> Result<(), Error> {
    let messages: Vec<Message> = ids.iter().map(|id| message(id)).collect();
    let messages: Vec<_> = messages.iter().map(|one| (one, None)).collect();
    writer.messages(&messages, at())
}

#[test]
fn archive_is_private_and_is_read_as_it_was_written() {
    let folder = Folder::new("read");
    let archives = folder.archives();
    let mut writer = archives.create(&head("0000000a", "arn")).unwrap();
    write(&mut writer, &["a", "b"]).unwrap();
    writer.results(&[MoveResult::Deleted { id: "a".into() }], at()).unwrap();
    writer.results(&[], at()).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(writer.path()), mode(&folder.0.join(FOLDER))), (0o600, 0o700));
    let state = ArchiveReader::state(writer.path()).unwrap();
    assert_eq!(
        (state.count(|_| true), state.deleted(), state.head),
        (2, 1, Some(head("0000000a", "arn")))
    );
    let again = archives.create(&head("0000000a", "arn")).unwrap_err().to_string();
    assert!(again.ends_with(": it exists"), "{again}");
}

#[test]
fn torn_line_is_skipped_and_cut_before_the_next_one() {
    let folder = Folder::new("torn");
    let archives = folder.archives();
    let mut writer = archives.create(&head("0000000a", "arn")).unwrap();
    write(&mut writer, &["a"]).unwrap();
    let path = writer.path().to_owned();
    let whole = std::fs::read(&path).unwrap();
    let next = message_line(&message(&"b".repeat(200_000)), None, at()).unwrap();
    for length in [1, 70, next.len() - 1] {
        std::fs::write(&path, [&whole, &next[..length]].concat()).unwrap();
        assert_eq!(ArchiveReader::state(&path).unwrap().count(|_| true), 1, "{length}");
        let mut writer = archives.resume(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole, "{length}");
        write(&mut writer, &["c"]).unwrap();
        let state = ArchiveReader::state(&path).unwrap();
        assert!(state.progress("c").is_some() && state.count(|_| true) == 2, "{length}");
    }
}

#[test]
fn foreign_and_long_lines_are_named() {
    let folder = Folder::new("foreign");
    let path = folder.archives().create(&head("0000000a", "arn")).unwrap().path().to_owned();
    let whole = std::fs::read(&path).unwrap();
    for (line, expected) in [
        (b"{}\n".to_vec(), "line 2: missing field `at`"),
        (vec![b'x'; LINE_MAX + 2], "line 2: it is too long"),
    ] {
        std::fs::write(&path, [whole.as_slice(), &line].concat()).unwrap();
        let mut lines = ArchiveReader::open(&path).unwrap();
        let error = lines.nth(1).unwrap().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(ArchiveReader::state(&path).unwrap().unreadable, 1, "{expected}");
    }
}

#[test]
fn limit_holds_for_all_archives_together() {
    let folder = Folder::new("limit");
    let archives = folder.archives();
    let mut writer = archives.create(&head("0000000a", "arn")).unwrap();
    write(&mut writer, &["a"]).unwrap();
    let before = std::fs::read(writer.path()).unwrap();
    // Sparse: the length counts, and no block is used.
    let other = File::create(folder.0.join(FOLDER).join("other.ndjson")).unwrap();
    other.set_len(archives.size_max - before.len() as u64).unwrap();
    writer.counted_at = clock::tick().checked_sub(COUNT_EVERY).unwrap();
    let error = write(&mut writer, &["b"]).unwrap_err().to_string();
    assert!(error.contains("'state.archive_max_gib' allows 5;"), "{error}");
    assert_eq!(std::fs::read(writer.path()).unwrap(), before);
    // A result is always recorded.
    writer.results(&[MoveResult::Deleted { id: "a".into() }], at()).unwrap();
    assert!(archives.create(&head("0000000b", "arn")).is_err());
}

#[test]
fn late_results_stay_when_a_later_line_fails() {
    let folder = Folder::new("late");
    let mut writer = folder.archives().create(&head("0000000a", "arn")).unwrap();
    write(&mut writer, &["a"]).unwrap();
    writer.late_results(&[MoveResult::Deleted { id: "a".into() }], at()).unwrap();
    let whole = std::fs::read(writer.path()).unwrap();
    assert_eq!(writer.size, whole.len() as u64, "a failure cuts what comes after it");
    assert_eq!(ArchiveReader::state(writer.path()).unwrap().deleted(), 1);
}

#[test]
fn known_ids_are_those_of_the_queue() {
    let folder = Folder::new("known");
    let archives = folder.archives();
    for (id, arn, message) in [("0a", "one", "a"), ("0b", "two", "b"), ("0c", "one", "c")] {
        write(&mut archives.create(&head(id, arn)).unwrap(), &[message]).unwrap();
    }
    let old = archives.create(&head("0d", "one")).unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    old.file.set_modified(long_ago).unwrap();
    std::fs::write(folder.0.join(FOLDER).join("x.ndjson"), "not an archive\n").unwrap();
    let known = archives.known_ids("one").unwrap();
    let has = |id: &str| known.contains(&id_hash(id));
    assert!(known.len() == 2 && has("a") && has("c"));
}

#[test]
fn lock_is_one_for_each_queue() {
    let folder = Folder::new("lock");
    let archives = folder.archives();
    assert_eq!(archives.is_running("arn"), Ok(false));
    let held = archives.lock("arn").unwrap();
    assert!(held.is_some() && archives.lock("arn").unwrap().is_none());
    assert!(archives.lock("other").unwrap().is_some());
    assert_eq!(archives.is_running("arn"), Ok(true));
    drop(held);
    assert_eq!(archives.is_running("arn"), Ok(false));
}
