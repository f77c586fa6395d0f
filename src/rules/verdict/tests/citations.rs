use super::*;
use crate::event::{Finding, Queue};
use crate::rules::evidence::bundle::{
    Fingerprints, Group, Log, Logs, Moment, QueueFacts, Timeline,
};
use crate::rules::triage::{BundleContents, MessageFacts};
use crate::time::Timestamp;

#[test]
fn citation_parses_items_files_and_commits() {
    let item = |text: &str| Some(Citation::Item(text.into()));
    let place = |path: &str, first: Option<u64>, to: Option<u64>| {
        let lines = first.map(|first| (first, to.unwrap_or(first)));
        Some(Citation::File { path: path.into(), lines })
    };
    let file = |path: &str, line| place(path, line, None);
    let commit = |text: &str| Some(Citation::Commit(text.into()));
    let rows = [
        ("m1", item("m1")),
        ("f12", item("f12")),
        ("t3", item("t3")),
        ("q.retention_s", item("q.retention_s")),
        ("lint.chained", item("lint.chained")),
        ("log:1", item("log:1")),
        ("m0", file("m0", None)),
        ("m1.body", file("m1.body", None)),
        ("f123456", commit("f123456")),
        ("4F2A91C", commit("4f2a91c")),
        ("commit 4f2a91c", commit("4f2a91c")),
        ("4f2a91", file("4f2a91", None)),
        ("src/a.rs", file("src/a.rs", None)),
        ("src/a.rs:12", file("src/a.rs", Some(12))),
        ("./src/a.rs:12-20", place("src/a.rs", Some(12), Some(20))),
        ("src/a.rs:12:5", file("src/a.rs", Some(12))),
        ("src/a.rs#L12-L20", place("src/a.rs", Some(12), Some(20))),
        ("src/a.rs:20,12", place("src/a.rs", Some(12), Some(20))),
        ("src/a.rs:12-12", file("src/a.rs", Some(12))),
        ("src/a.rs:12-x", None),
        ("src/my file.rs:3", file("src/my file.rs", Some(3))),
        ("Makefile", file("Makefile", None)),
        ("src/a.rs:0", None),
        ("src/a.rs:999999999999999999999", None),
        ("/etc/passwd", None),
        ("/etc/passwd:1", None),
        ("../a", None),
        ("src/../../a:1", None),
        ("src/..", None),
        ("src//a", None),
        ("src/./a", None),
        (".git/config", None),
        ("a/.GIT/config", None),
        ("-rf", None),
        (":/a", None),
        (":(top)a", None),
        ("~/a", None),
        ("C:/a", None),
        ("src\\a", None),
        ("https://x.y/z", None),
        ("a\u{202e}b", None),
        ("a\0b", None),
        ("", None),
        (":1", None),
    ];
    for (text, cited) in rows {
        assert_eq!(Citation::parse(text), cited, "{text:?}");
        if let Some(cited) = cited {
            assert_eq!(Citation::parse(&cited.to_string()), Some(cited), "{text:?}, written again");
        }
    }
}

#[test]
fn citable_ids_are_the_items_of_the_bundle() {
    let finding = Finding { rule: "chained".into(), level: "error".into(), detail: "d".into() };
    let facts = QueueFacts {
        queue: Queue::default(),
        depth: Some(0),
        lint: vec![finding],
        ..QueueFacts::default()
    };
    let group = Group { item: "f1".into(), ..Group::default() };
    let moment = Moment {
        id: "t1".into(),
        at: Timestamp::from_millis(0),
        what: "w".into(),
        items: Vec::new(),
    };
    let bundle = BundleContents {
        logs: Default::default(),
        queue: facts,
        fingerprints: Fingerprints { fingerprints: vec![group] },
        timeline: Timeline { timeline: vec![moment] },
        facts: ["m1", "m2"].map(|id| MessageFacts { id: id.into(), ..Default::default() }).into(),
        messages: Vec::new(),
    };
    let logs = Logs { logs: vec![Log { id: "log:1".into(), ..Log::default() }] };
    let all = citable_ids(&bundle, &logs);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let offered = ["f1", "lint.chained", "log:1", "m1", "m2", "q.depth", "q.lint", "q.queue", "t1"];
    assert_eq!(all, offered, "and nothing that is null");
    assert!(all.iter().all(|id| matches!(Citation::parse(id), Some(Citation::Item(_)))));
}

proptest! {
    #[test]
    fn citation_never_panics_nor_leaves_the_repository(text in "[a-zL0-9./:#~\\\\-]{0,24}|\\PC*") {
        if let Some(cited) = Citation::parse(&text) {
            prop_assert_eq!(Citation::parse(&cited.to_string()), Some(cited.clone()));
            if let Citation::File { path, .. } = cited {
                prop_assert!(!path.starts_with(['/', '-', ':']), "{}", path);
                prop_assert!(!path.split('/').any(|part| matches!(part, ".." | ".git" | "")));
            }
        }
    }
}
