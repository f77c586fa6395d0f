use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::rules::evidence::peek_limit::Peeks;
use crate::rules::investigation::budget::Budget;
use crate::rules::investigation::document::Sessions;
use crate::rules::notification::notices::Notices;
use crate::rules::queue::discovery_cache::DiscoveryDoc;
use crate::rules::queue::document::Watched;

/// Records of `name` and a number, which tells records of one name apart.
type Records = Vec<(String, u32)>;

fn name((name, _): &(String, u32)) -> String {
    name.clone()
}

fn split(list: &mut Records, keys: &Keys<'_>) -> Records {
    let mut rest = Vec::new();
    SetOperation::Split(keys).list("r", list, &mut rest, name);
    rest
}

fn join(list: &mut Records, mut rest: Records, keys: &Keys<'_>) {
    SetOperation::Join(keys).list("r", list, &mut rest, name);
}

fn records(names: &[&str]) -> Records {
    (0..).zip(names).map(|(n, name)| ((*name).to_owned(), n)).collect()
}

fn names(records: &Records) -> Vec<&str> {
    records.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn keys_name_records_of_their_kind_only() {
    let rows = [
        (Keys::none(), [false, false, false]),
        (Keys::all(), [true, true, true]),
        (Keys::one("a", "x"), [true, false, false]),
        (Keys::none().with("a", ["x", "y"]), [true, true, false]),
        (Keys::one("a", "x").with("a", ["y"]), [true, true, false]),
        (Keys::one("b", "x"), [false, false, true]),
        (Keys::none().with_all("a"), [true, true, false]),
        (Keys::one("a", "x").with_all("a"), [true, true, false]),
        (Keys::none().with_all("a").with("a", ["x"]), [true, true, false]),
        (Keys::one("b", "x").with_all("a"), [true, true, true]),
    ];
    for (keys, expected) in rows {
        let found = [("a", "x"), ("a", "y"), ("b", "x")].map(|(k, id)| keys.contains(k, id));
        assert_eq!(found, expected, "{keys:?}");
        assert_eq!(keys.contains_all("a"), found[1] && keys.contains("a", "other"), "{keys:?}");
    }
}

#[test]
fn list_is_split_by_keys_and_keeps_its_order() {
    let all = records(&["a", "b", "a", "c", "d"]);
    // The decision's records, and what stands in the list afterwards.
    type Change = fn(&mut Records);
    type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], Change, &'a [&'a str]);
    let rows: [Row<'_>; 6] = [
        ("nothing", &[], &[], |_| {}, &["a", "b", "a", "c", "d"]),
        ("no change", &["a", "d"], &["a", "a", "d"], |_| {}, &["a", "b", "a", "c", "d"]),
        ("removed", &["b", "c"], &["b", "c"], |r| drop(r.remove(0)), &["a", "a", "c", "d"]),
        ("one of two", &["a"], &["a", "a"], |r| drop(r.pop()), &["a", "b", "c", "d"]),
        ("added", &["b"], &["b"], |r| r.push(("b".into(), 9)), &["a", "b", "a", "c", "d", "b"]),
        ("new", &["e"], &[], |r| r.push(("e".into(), 9)), &["a", "b", "a", "c", "d", "e"]),
    ];
    for (row, asked, seen, change, after) in rows {
        let mut list = all.clone();
        let keys = Keys::none().with("r", asked.iter().copied());
        let rest = split(&mut list, &keys);
        assert_eq!(names(&list), seen, "{row}");
        change(&mut list);
        join(&mut list, rest, &keys);
        assert_eq!(names(&list), after, "{row}");
    }
}

proptest! {
    #[test]
    fn split_and_join_give_the_same_list(
        kinds in proptest::collection::vec(0..6u8, 0..20),
        asked in proptest::collection::btree_set(0..8u8, 0..8),
        all in proptest::bool::ANY,
    ) {
        let texts: Vec<String> = kinds.iter().map(u8::to_string).collect();
        let list = records(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let keys = Keys::none().with("r", asked.iter().map(u8::to_string));
        let keys = if all { keys.with_all("r") } else { keys };
        let mut asked = list.clone();
        let rest = split(&mut asked, &keys);
        let expected: Records =
            list.iter().filter(|(name, _)| keys.contains("r", name)).cloned().collect();
        prop_assert_eq!(&asked, &expected);
        join(&mut asked, rest, &keys);
        prop_assert_eq!(asked, list);
    }

    /// Every record that was not asked for stays, and in the same order.
    #[test]
    fn changes_leave_other_records_alone(
        kinds in proptest::collection::vec(0..6u8, 0..20),
        asked in 0..6u8,
        removed in 0..4usize,
        added in 0..3u32,
    ) {
        let texts: Vec<String> = kinds.iter().map(u8::to_string).collect();
        let list = records(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let asked = asked.to_string();
        let mut changed = list.clone();
        let keys = Keys::one("r", asked.as_str());
        let rest = split(&mut changed, &keys);
        changed.drain(..removed.min(changed.len()));
        changed.extend((0..added).map(|n| (asked.clone(), 100 + n)));
        let expected = changed.clone();
        join(&mut changed, rest, &keys);
        let others = |list: &Records| -> Records {
            list.iter().filter(|(name, _)| *name != asked).cloned().collect()
        };
        let own: Vec<u32> =
            changed.iter().filter(|(name, _)| *name == asked).map(|(_, n)| *n).collect();
        prop_assert_eq!(others(&changed), others(&list));
        let mut sorted = own.clone();
        sorted.sort_unstable();
        let mut wanted: Vec<u32> = expected.iter().map(|(_, n)| *n).collect();
        wanted.sort_unstable();
        prop_assert_eq!(sorted, wanted);
    }
}

/// A document of each kind with several records, as an earlier version has written it.
const DOCUMENTS: [(&str, &str); 6] = [
    (
        "queues",
        r#"{"version":1,"floor":2983000,"rounds":{"r1":"2026-11-22T20:00:00.000Z","r2":"2026-11-22T21:00:00.000Z"},"failures":{" eu-west-1":{"reason":"access denied","at":"2026-11-22T20:00:00.000Z"}},"gone":{"arn:g":"2026-11-22T20:00:00.000Z"},"queues":{"arn:a":{"queue":{"name":"a","url":"u","arn":"arn:a","region":"r","account":"","fifo":false,"sources":[],"profile":null,"endpoint":null},"record":{"seq":1,"sampled_at":"2026-11-22T20:00:00.000Z","read":null,"incident":null,"zeros":null,"misses":1,"cohorts":[],"oldest_sent_at":null,"retention_s":null,"fall":null}},"arn:b":{"queue":{"name":"b","url":"u","arn":"arn:b","region":"r","account":"","fifo":false,"sources":[],"profile":null,"endpoint":null},"record":{"seq":1,"sampled_at":"2026-11-22T20:00:00.000Z","read":null,"incident":null,"zeros":null,"misses":1,"cohorts":[],"oldest_sent_at":null,"retention_s":null,"fall":null}}}}"#,
    ),
    (
        "discovery",
        r#"{"version":1,"entries":[{"key":{"endpoint":null,"profile":"p","region":"r","discover":"both","patterns":null},"at":"2026-11-22T20:00:00.000Z","gap":null,"queues":[]},{"key":{"endpoint":null,"profile":"p","region":"s","discover":"both","patterns":null},"at":null,"gap":{"at":"2026-11-22T20:00:00.000Z","surveys":2,"unlisted":"throttled","unread":[{"reason":"throttled","count":4,"names":["a"]}]},"queues":[]}]}"#,
    ),
    (
        "sessions",
        r#"{"version":1,"sessions":[],"incidents":[{"id":"i1","queue":{"name":"a","url":"u","arn":"arn:a","region":"r","account":"","fifo":false,"sources":[],"profile":null,"endpoint":null},"raised_at":"2026-11-22T20:00:00.000Z","depth":3,"expires_after":null,"expires_before":null,"grew_at":null,"closed_at":null,"armed":true,"forced":false,"hold":null,"reported":[],"attempts":0,"bundle":null,"second_look":false,"unavailable":0,"causes":[],"unexplained":[]},{"id":"i2","queue":{"name":"a","url":"u","arn":"arn:a","region":"r","account":"","fifo":false,"sources":[],"profile":null,"endpoint":null},"raised_at":"2026-11-22T20:00:00.000Z","depth":3,"expires_after":null,"expires_before":null,"grew_at":null,"closed_at":null,"armed":true,"forced":false,"hold":null,"reported":[],"attempts":0,"bundle":null,"second_look":false,"unavailable":0,"causes":[],"unexplained":[]}]}"#,
    ),
    (
        "budget",
        r#"{"version":1,"spends":[{"session":"s1","queue":"a","fingerprint":null,"at":"2026-11-22T20:00:00.000Z","reserved_usd":6.0,"cost_usd":1.5,"settled_at":"2026-11-22T21:00:00.000Z"},{"session":"s2","queue":"a","fingerprint":"f","at":"2026-11-22T20:00:00.000Z","reserved_usd":6.0,"cost_usd":null,"settled_at":null},{"session":"s1","queue":"a","fingerprint":null,"at":"2026-11-22T20:00:00.000Z","reserved_usd":6.0,"cost_usd":null,"settled_at":null}]}"#,
    ),
    (
        "notices",
        r#"{"version":1,"handled":[{"channel":"console","source":"dlq-poll","event":"7","at":"1970-01-01T00:00:00.000Z"},{"channel":"desktop","source":"dlq-poll","event":"7","at":"1970-01-01T00:00:00.000Z"}]}"#,
    ),
    (
        "peeks",
        r#"{"version":1,"peeks":[{"arn":"arn:a","incident":"i1","since":"2026-11-22T20:00:00.000Z","passes":[],"seen":{},"refused":["fifo"]},{"arn":"arn:b","incident":"i2","since":"2026-11-22T20:00:00.000Z","passes":[],"seen":{"m":1},"refused":[]},{"arn":"arn:a","incident":"i3","since":"2026-11-22T20:00:00.000Z","passes":[],"seen":{},"refused":[]}]}"#,
    ),
];

/// Reads a document, and checks it with every single key, with all, and with none.
fn check<D: Document>() {
    let (_, text) = DOCUMENTS.into_iter().find(|(name, _)| *name == D::NAME).unwrap();
    let read = || -> D {
        let document: Versioned<D> = serde_json::from_str(text).unwrap();
        assert_eq!(document.version, D::VERSION, "{}", D::NAME);
        document.body
    };
    let written =
        |body: &D| serde_json::to_string(&Versioned { version: D::VERSION, body }).unwrap();
    assert_eq!(written(&read()), text, "{}", D::NAME);
    let mut all = Vec::new();
    read().each_key(&mut |kind, id| all.push((kind, id.to_owned())));
    assert!(all.len() >= 2, "{}: {all:?}", D::NAME);
    let each = all.iter().map(|(kind, id)| Keys::one(kind, id.as_str()));
    for keys in each.chain([Keys::none(), Keys::all(), Keys::one("no kind", "x")]) {
        let mut document = read();
        let rest = document.split(&keys);
        let mut found = Vec::new();
        document.each_key(&mut |kind, id| found.push((kind, id.to_owned())));
        let expected: Vec<_> =
            all.iter().filter(|(kind, id)| keys.contains(kind, id)).cloned().collect();
        assert_eq!(found, expected, "{}: {keys:?}", D::NAME);
        assert_eq!(foreign_record(&mut document, &keys), None, "{}: {keys:?}", D::NAME);
        document.join(rest, &keys);
        assert_eq!(written(&document), text, "{}: {keys:?}", D::NAME);
        let first = all.iter().find(|(kind, id)| !keys.contains(kind, id)).cloned();
        assert_eq!(foreign_record(&mut document, &keys), first, "{}: {keys:?}", D::NAME);
    }
}

/// Checks that the single records of a document make the same document, where keys stand together.
fn check_records<D: Document>() {
    let (_, text) = DOCUMENTS.into_iter().find(|(name, _)| *name == D::NAME).unwrap();
    let mut document = serde_json::from_str::<Versioned<D>>(text).unwrap().body;
    let records = export(&mut document).unwrap();
    let mut keys = Vec::new();
    document.each_key(&mut |kind, id| keys.push((kind.to_owned(), id.to_owned())));
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    let exported: Vec<_> =
        records.iter().map(|record| (record.kind.clone(), record.key.clone())).collect();
    assert_eq!(exported, keys, "{}", D::NAME);
    let mut again: D = import(records.clone()).unwrap();
    assert_eq!(export(&mut again).unwrap(), records, "{}", D::NAME);
    let count = |document: &mut D| {
        let mut count = 0;
        document.each_key(&mut |_, _| count += 1);
        count
    };
    assert_eq!(count(&mut again), count(&mut document), "{}", D::NAME);
    let mut damaged = records;
    damaged[0].json = "[{\"x\":".into();
    let error = import::<D>(damaged).err().unwrap();
    assert!(error.contains("is damaged"), "{error}");
}

#[test]
fn documents_are_equal_after_export_and_import() {
    check_records::<Watched>();
    check_records::<DiscoveryDoc>();
    check_records::<Sessions>();
    check_records::<Budget>();
    check_records::<Notices>();
    check_records::<Peeks>();
    // Without keys that several records share, the text is the same.
    let (_, text) = DOCUMENTS[0];
    let mut queues = serde_json::from_str::<Versioned<Watched>>(text).unwrap().body;
    let records = export(&mut queues).unwrap();
    let body: Watched = import(records).unwrap();
    assert_eq!(serde_json::to_string(&Versioned { version: 1, body }).unwrap(), text);
}

#[test]
fn documents_are_equal_after_load_split_and_join() {
    check::<Watched>();
    check::<DiscoveryDoc>();
    check::<Sessions>();
    check::<Budget>();
    check::<Notices>();
    check::<Peeks>();
}

#[test]
fn version_may_stand_anywhere_and_unknown_fields_are_skipped() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Body {
        text: String,
        #[serde(default)]
        more: Vec<u8>,
    }
    let rows = [
        (r#"{"version":1,"text":"a","more":[1]}"#, Some((1, "a", vec![1]))),
        (r#"{"text":"a","new":{"version":7},"version":2}"#, Some((2, "a", vec![]))),
        (r#"{"ver\u0073ion":3,"text":"\u0062"}"#, Some((3, "b", vec![]))),
        (r#"{"text":"a"}"#, None),
        (r#"{"version":1}"#, None),
        (r#"{"version":-1,"text":"a"}"#, None),
        (r#"{"version":1,"version":1,"text":"a"}"#, None),
        (r#"[1,"a"]"#, None),
    ];
    for (text, expected) in rows {
        let expected = expected.map(|(version, text, more)| Versioned {
            version,
            body: Body { text: text.to_owned(), more },
        });
        assert_eq!(serde_json::from_str(text).ok(), expected, "{text}");
        assert_eq!(serde_json::from_reader(text.as_bytes()).ok(), expected, "{text}");
    }
}
