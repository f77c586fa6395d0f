use super::*;
use serde::Deserialize;

#[derive(Debug, Serialize, Deserialize)]
struct Count {
    version: u64,
    count: u64,
}

impl Default for Count {
    fn default() -> Self {
        Count { version: 1, count: 0 }
    }
}

impl Document for Count {
    const NAME: &str = "count";
    const VERSION: u64 = 1;
    fn version(&self) -> u64 {
        self.version
    }
}

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
fn a_missing_document_is_a_fresh_start_and_an_update_stays() {
    let folder = Folder::new("fresh");
    let doc = Store::open(&folder.0).unwrap().doc::<Count>();
    assert_eq!(doc.read().unwrap().count, 0);
    assert_eq!(
        doc.update(|d| {
            d.count += 1;
            Ok(d.count)
        }),
        Ok(1)
    );
    assert_eq!(doc.read().unwrap().count, 1);
}

#[test]
fn a_failed_change_leaves_the_document_as_it_was() {
    let folder = Folder::new("failed");
    let doc = Store::open(&folder.0).unwrap().doc::<Count>();
    let result: Result<(), Error> = doc.update(|d| {
        d.count = 7;
        Err(Error::Pipe)
    });
    assert_eq!(result, Err(Error::Pipe));
    assert_eq!(doc.read().unwrap().count, 0);
}

#[test]
fn garbage_is_named_with_its_offset_and_never_overwritten() {
    let folder = Folder::new("garbage");
    let store = Store::open(&folder.0).unwrap();
    let doc = store.doc::<Count>();
    let path = folder.0.join("count.json");
    for (text, offset) in
        [("{\"version\":1,\n\"count\": x}", "byte 23"), ("", "byte 0"), ("{\"version\"", "byte 9")]
    {
        std::fs::write(&path, text).unwrap();
        let error = doc
            .update(|d| {
                d.count += 1;
                Ok(())
            })
            .unwrap_err()
            .to_string();
        assert!(error.contains("count.json") && error.contains(offset), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_newer_version_is_refused() {
    let folder = Folder::new("newer");
    let doc = Store::open(&folder.0).unwrap().doc::<Count>();
    std::fs::write(folder.0.join("count.json"), "{\"version\":2,\"count\":1}").unwrap();
    assert!(doc.read().unwrap_err().to_string().contains("version is 2"));
}

#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("modes");
    let doc = Store::open(&folder.0).unwrap().doc::<Count>();
    doc.update(|d| {
        d.count = 1;
        Ok(())
    })
    .unwrap();
    let mode =
        |name: &str| std::fs::metadata(folder.0.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("count.json"), mode("count.lock")), (0o700, 0o600, 0o600));
}

#[test]
fn a_lock_is_held_until_every_holder_of_its_file_lets_go() {
    let folder = Folder::new("held");
    let store = Store::open(&folder.0).unwrap();
    let path = store.dir().join("x.lock");
    assert_eq!(held(&path), Ok(false));
    let lock = Lock::try_take(&path).unwrap().unwrap();
    assert!(Lock::try_take(&path).unwrap().is_none());
    let second = lock.file().try_clone().unwrap();
    drop(lock);
    assert_eq!(held(&path), Ok(true));
    drop(second);
    assert_eq!(held(&path), Ok(false));
}

#[test]
fn threads_that_contend_lose_no_update() {
    let folder = Folder::new("contend");
    let store = Store::open(&folder.0).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    store
                        .doc::<Count>()
                        .update(|d| {
                            d.count += 1;
                            Ok(())
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(store.doc::<Count>().read().unwrap().count, 200);
}
