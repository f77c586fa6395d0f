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
    let items = |kind, first, last| Some(Citation::Items { kind, first, last });
    let log = |name: &str, line: Option<u64>| {
        Some(Citation::Evidence { file: name.into(), lines: line.map(|line| (line, line)) })
    };
    let commit = |text: &str| Some(Citation::Commit(text.into()));
    let rows = [
        ("m1", item("m1")),
        ("f12", item("f12")),
        ("t3", item("t3")),
        ("q.retention_s", item("q.retention_s")),
        ("lint.chained", item("lint.chained")),
        ("log:1", item("log:1")),
        ("m0", file("m0", None)),
        ("m1.body", item("m1")),
        ("m1.body.customer.id", item("m1")),
        ("m1 body", item("m1")),
        ("m1[body]", item("m1")),
        ("m1:12", item("m1")),
        ("m1.py", file("m1.py", None)),
        ("m1.py:3", file("m1.py", Some(3))),
        ("f1.exception", item("f1")),
        ("m1-m7", items("m", 1, 7)),
        ("m1-7", items("m", 1, 7)),
        ("m1..m7", items("m", 1, 7)),
        ("m1\u{2013}m7", items("m", 1, 7)),
        ("m1 to m7", items("m", 1, 7)),
        ("log:1-log:2", items("log:", 1, 2)),
        ("m7-m1", file("m7-m1", None)),
        ("q.sources[0].max_receive_count", item("q.sources")),
        ("q.queue.name", item("q.queue")),
        ("lint.chained: a chain", item("lint.chained")),
        ("log:1:20", log("log-1.txt", Some(20))),
        ("log:1 line 20", log("log-1.txt", Some(20))),
        (".dlq/log-1.txt:20", log("log-1.txt", Some(20))),
        ("./.dlq/log-1.txt#L20", log("log-1.txt", Some(20))),
        ("log-1.txt:20", log("log-1.txt", Some(20))),
        (".dlq/log-1.2.txt:20", log("log-1.2.txt", Some(20))),
        (".dlq/log-1.txt", item("log:1")),
        (".dlq/m3.json", item("m3")),
        (".dlq/m3.json:14", item("m3")),
        ("m3.2.json", item("m3")),
        (".dlq/queue.json", log("queue.json", None)),
        ("fingerprints.json:7", log("fingerprints.json", Some(7))),
        (".dlq/history.txt:3", log("history.txt", Some(3))),
        (".dlq/commits/4F2A91C.diff:12", commit("4f2a91c")),
        (".dlq/../x", None),
        ("src/queue.json", file("src/queue.json", None)),
        ("f123456", commit("f123456")),
        ("4F2A91C", commit("4f2a91c")),
        ("commit 4f2a91c", commit("4f2a91c")),
        ("4f2a91c: orders: read the amount", commit("4f2a91c")),
        ("4f2a91c orders", commit("4f2a91c")),
        ("4f2a91c:total.py", commit("4f2a91c")),
        ("4f2a91c (orders", commit("4f2a91c")),
        ("commits/4f2a91c.diff", commit("4f2a91c")),
        ("commits/4f2a91c.diff:12", commit("4f2a91c")),
        ("commits/notes.diff", file("commits/notes.diff", None)),
        ("defaced:1", file("defaced", Some(1))),
        ("4f2a91c.py:2", file("4f2a91c.py", Some(2))),
        ("history.txt:3", log("history.txt", Some(3))),
        ("src/history.txt:3", file("src/history.txt", Some(3))),
        ("m1 (body", item("m1")),
        ("M1", item("m1")),
        ("message m1", item("m1")),
        ("log 1", item("log:1")),
        ("log-1:2", log("log-1.txt", Some(2))),
        ("log-1.py:2", file("log-1.py", Some(2))),
        ("lint.py:2", file("lint.py", Some(2))),
        ("q.py", file("q.py", None)),
        ("q.json:3", file("q.json", Some(3))),
        ("M1.py", file("M1.py", None)),
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
fn range_exists_when_all_of_it_does() {
    let known = ["m1", "m2", "m3"].map(str::to_owned).into();
    for (text, exists) in [("m1-m3", true), ("m2-m3", true), ("m1-m4", false), ("f1-f2", false)] {
        assert_eq!(Citation::parse(text).unwrap().is_in(&known), exists, "{text}");
    }
}

#[test]
fn path_in_the_folder_of_the_agent_is_one_of_the_repository() {
    let rows = [
        ("/s/tree/src/a.py:12", "src/a.py:12"),
        ("/s/tree/.dlq/log-1.txt:20", ".dlq/log-1.txt:20"),
        ("/s/tree/src/a.py:1, m1", "src/a.py:1, m1"),
        ("/etc/passwd:1", "/etc/passwd:1"),
        ("m1", "m1"),
    ];
    for (said, cited) in rows {
        let result = json!({"evidence": [{"id": said}, {}, 7], "fix": {"files": [said, 7]}});
        let found = relative_to(&result, &["/s/tree", ""]);
        assert_eq!(found["evidence"][0]["id"], cited);
        assert_eq!(found["fix"]["files"], json!([cited, 7]));
    }
    assert_eq!(relative_to(&json!([1]), &["/s"]), json!([1]));
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
