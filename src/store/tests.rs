use super::*;
use crate::document::{RecordKind, SetOperation};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

pub(super) mod suite;

use suite::{COUNT, Counts, add, count};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("dlq-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Folder(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn planted_links_are_not_followed() {
    let folder = Folder::new("links");
    let store = Store::open(&folder.0).unwrap();
    let (victim, link) = (folder.0.join("victim"), |name| folder.0.join(name));
    std::fs::write(&victim, "theirs").unwrap();
    std::os::unix::fs::symlink(&victim, link("count.tmp")).unwrap();
    assert_eq!(add(&store, "a", 1), Ok(1));
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "theirs");
    assert_eq!(count(&store, "a"), 1);
    std::fs::remove_file(link("count.lock")).unwrap();
    std::os::unix::fs::symlink(link("elsewhere"), link("count.lock")).unwrap();
    let error = add(&store, "a", 1).unwrap_err().to_string();
    assert!(error.contains("count.lock"), "{error}");
    assert!(!link("elsewhere").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn fifo_in_the_place_of_a_document_is_an_error() {
    let dir = Folder::new("fifo");
    let store = Store::open(&dir.0).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.0.join("count.json"), 0o600.into()).unwrap();
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let read = store.read::<Counts>(&Keys::all()).map(drop);
        sender.send([read, add(&store, "a", 1).map(drop)]).unwrap();
    });
    let results = ended.recv_timeout(Duration::from_secs(30)).expect("a reader waits");
    for result in results {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("it is a FIFO, not a file"), "{error}");
    }
}

#[test]
fn folder_is_a_store() {
    let folder = Folder::new("suite");
    suite::check(&|name| Store::open(&folder.0.join(name)).unwrap());
}

#[test]
fn missing_document_is_empty_and_an_update_stays() {
    let folder = Folder::new("fresh");
    let store = Store::open(&folder.0).unwrap();
    assert_eq!(count(&store, "a"), 0);
    assert_eq!(add(&store, "a", 1), Ok(1));
    assert_eq!(count(&store, "a"), 1);
    let text = std::fs::read_to_string(folder.0.join("count.json")).unwrap();
    assert_eq!(text, r#"{"version":1,"counts":{"a":1}}"#);
}

#[test]
fn unchanged_document_is_not_written_again() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new("unchanged");
    let store = Store::open(&folder.0).unwrap();
    let inode = || std::fs::metadata(folder.0.join("count.json")).unwrap().ino();
    for n in 0..5000 {
        add(&store, "a", n % 2).unwrap();
        let before = inode();
        add(&store, "a", 0).unwrap();
        assert_eq!(inode(), before);
        if n >= 2 {
            break;
        }
    }
    // Also when it is longer than what is compared at once, and when only its end differs.
    store
        .update(&Keys::all(), |d: &mut Counts| {
            d.counts.extend((0..20_000).map(|n| (format!("{n:05}"), 1)));
            Ok(())
        })
        .unwrap();
    let before = inode();
    store.update(&Keys::all(), |_: &mut Counts| Ok(())).unwrap();
    assert_eq!(inode(), before);
    add(&store, "a", 1).unwrap();
    assert_ne!(inode(), before);
    let before = inode();
    store
        .update(&Keys::one(COUNT, "a"), |d: &mut Counts| {
            d.counts.remove("a");
            Ok(())
        })
        .unwrap();
    assert_ne!(inode(), before, "the new text is the beginning of the old one");
}

#[test]
fn corrupt_file_is_named_with_its_offset_and_never_overwritten() {
    let folder = Folder::new("garbage");
    let store = Store::open(&folder.0).unwrap();
    let path = folder.0.join("count.json");
    for (text, offset) in [
        ("{\"version\":1,\n\"counts\": x}", "byte 24"),
        ("", "byte 0"),
        ("{\"version\"", "byte 9"),
        ("{\"version\":1}", "missing field `counts`"),
        ("{\"counts\":{}}", "missing field `version`"),
        ("{\"version\":1,\"version\":1,\"counts\":{}}", "duplicate field `version`"),
        ("{\"version\":1,\"counts\":{}} x", "byte 26"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = add(&store, "a", 1).unwrap_err().to_string();
        assert!(error.contains("count.json") && error.contains(offset), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn newer_version_is_refused() {
    let folder = Folder::new("newer");
    let store = Store::open(&folder.0).unwrap();
    let path = folder.0.join("count.json");
    // The records of a later format may have another form, and may come first.
    for text in [
        r#"{"counts":{},"version":2}"#,
        r#"{"version":2,"counts":[{"name":"a"}]}"#,
        r#"{"counts":7,"version":2}"#,
        r#"{"version":2}"#,
    ] {
        std::fs::write(&path, text).unwrap();
        let read = store.read::<Counts>(&Keys::all()).unwrap_err();
        let update = add(&store, "a", 1).unwrap_err();
        for error in [read.to_string(), update.to_string()] {
            let refusal =
                "its version is 2, this program knows 1; install the dlq-tools that wrote it";
            assert!(error.ends_with(refusal), "{text}: {error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn files_can_be_read_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("modes");
    add(&Store::open(&folder.0).unwrap(), "a", 1).unwrap();
    let mode =
        |name: &str| std::fs::metadata(folder.0.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("count.json"), mode("count.lock")), (0o700, 0o600, 0o600));
}

#[test]
fn waits_inside_an_update_panic_except_supervisor_start() {
    let folder = Folder::new("waits");
    let store = Store::open(&folder.0).unwrap();
    let panics = |act: &dyn Fn()| {
        let update = || {
            store.update(&Keys::all(), |_: &mut Counts| {
                act();
                Ok(())
            })
        };
        catch_unwind(AssertUnwindSafe(update)).is_err()
    };
    for (wait, expected) in [
        (BlockingWait::Network, true),
        (BlockingWait::Command, true),
        (BlockingWait::ProcessEnd, true),
        (BlockingWait::Lock, true),
        (BlockingWait::SupervisorStart, false),
    ] {
        assert_eq!(panics(&|| assert_may_wait(wait)), expected, "{wait:?}");
        assert_may_wait(wait);
    }
    let nested = || drop(store.update(&Keys::all(), |_: &mut Counts| Ok(())));
    assert!(panics(&nested), "an update inside an update");
    let elsewhere =
        || std::thread::spawn(|| assert_may_wait(BlockingWait::Network)).join().unwrap();
    assert!(!panics(&elsewhere), "another thread may wait");
    nested();
}

#[test]
fn lock_is_held_until_every_holder_closes_its_file() {
    let folder = Folder::new("held");
    let store = Store::open(&folder.0).unwrap();
    let path = store.dir().join("x.lock");
    assert_eq!(is_locked(&path), Ok(false));
    let lock = Lock::try_take(&path).unwrap().unwrap();
    assert!(Lock::try_take(&path).unwrap().is_none());
    let second = lock.file().try_clone().unwrap();
    drop(lock);
    assert_eq!(is_locked(&path), Ok(true));
    drop(second);
    assert_eq!(is_locked(&path), Ok(false));
}

#[test]
fn lock_held_by_another_is_waited_for_and_given_up() {
    let folder = Folder::new("given-up");
    let store = Store::open(&folder.0).unwrap();
    let path = store.dir().join("x.lock");
    let span = Duration::from_millis;
    let held = Lock::try_take(&path).unwrap().unwrap();
    let wait =
        |warn_after, most| Lock::wait_with(append_private(&path).unwrap(), &path, warn_after, most);
    let error = wait(span(1), span(30)).unwrap_err().to_string();
    let begin = format!("cannot lock '{}': ", path.display());
    assert!(
        error.starts_with(&begin) && error.contains(" has held it for 30ms; end that process"),
        "{error}"
    );
    #[cfg(target_os = "linux")]
    assert!(error.contains(&format!(": process {} ('", std::process::id())), "{error}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(span(0), span(60_000)));
        drop(held);
        assert!(waiting.join().unwrap().is_ok());
    });
    assert_eq!(is_locked(&path), Ok(false));
}

#[test]
fn threads_that_contend_lose_no_update() {
    let folder = Folder::new("contend");
    let store = Store::open(&folder.0).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..50 {
                    add(store, "all", 1).unwrap();
                    add(store, &thread.to_string(), 1).unwrap();
                }
            });
        }
    });
    assert_eq!(["all", "0", "3"].map(|key| count(&store, key)), [200, 50, 50]);
}
