//! Store of documents in a table of DynamoDB (moto), with faults of the way, stops and kills.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dlq::config::Monitoring;
use dlq::document::{Document, Keys, RecordKind, SetOperation};
use dlq::edge::aws::{DynamoTable, Scope};
use dlq::error::Error;
use dlq::rules::lease::{LeaseChange, LeaseCondition, LeaseItem, LeaseRules, LeaseWrite, Nonce};
use dlq::store::{LockWritten, RecordTable, SharedRecords, Store};
use dlq::time::Timestamp;

use self::suite::{COUNT, Counts, add, count};
use self::table_proxy::{TableProxy, WayFault};
use crate::support::aws_logs::aws_v1;
use crate::support::moto::Moto;
use crate::support::workbench::{Bench, signal, wait_for};

#[path = "../../../src/store/tests/suite.rs"]
mod suite;
mod table_proxy;

/// The lock of the holder that is stopped or killed, whose end the test waits for.
const SHORT: Duration = Duration::from_secs(3);
/// The lock of all others, which a busy machine keeps.
const LONG: Duration = Duration::from_secs(40);

fn moto() -> Option<Moto> {
    Some(Moto::start(&aws_v1()?.join("python")))
}

fn table(url: &str, name: &str) -> DynamoTable {
    let scope = Scope {
        account: String::new(),
        profile: None,
        region: Some("us-east-1".into()),
        endpoint: Some(url.to_owned()),
        access_key: None,
    };
    DynamoTable::connect(&scope, &Monitoring::default(), name, "here").unwrap()
}

fn store(url: &str, name: &str, span: Duration) -> Store {
    let rules = LeaseRules { span, max_skew: Duration::from_secs(3), margin: Duration::ZERO };
    let shared = SharedRecords::new(Box::new(table(url, name)), rules);
    Store::at("/nonexistent".as_ref()).with_shared(shared)
}

/// Checks that the table means by a condition, and does by a change, what the protocol does.
fn check_conditions(table: &dyn RecordTable) {
    let mut random = 7u64;
    let mut dice = move |sides: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % sides
    };
    let at = |ms: u64| Timestamp::from_millis(i64::try_from(ms).unwrap());
    let (mut item, mut met) = (None::<LeaseItem>, 0);
    for _ in 0..200 {
        let (nonce, fence) = match item {
            Some(item) if dice(2) == 0 => (item.nonce, item.fence),
            _ => (Nonce(u128::from(dice(3))), 1 + dice(4)),
        };
        let (before, beat) = (at(dice(4)), dice(3));
        let condition = match dice(3) {
            0 => LeaseCondition::Free { before, below: fence },
            1 => LeaseCondition::Held { nonce, fence, beat: None },
            _ => LeaseCondition::Held { nonce, fence, beat: Some(beat) },
        };
        // Equal to what is compared with, as often as not.
        let until = if dice(2) == 0 { before } else { at(dice(4)) };
        let change = match dice(3) {
            0 => LeaseChange::Take { nonce, fence, until },
            1 if item.is_some() => LeaseChange::Renew { beat: dice(3), until },
            _ if item.is_some() => LeaseChange::End { fence },
            _ => continue,
        };
        let written = table.write_lock("x", &LeaseWrite { condition, change }, 1).unwrap();
        let is_met = condition.holds(item.as_ref());
        let expected = if is_met { Some(change.applied(item.as_ref())) } else { item };
        let found = match written {
            LockWritten::Done(found) if is_met => Some(found.lease),
            LockWritten::Refused(found) if !is_met => Some(found.lease),
            LockWritten::Unknown(_) if !is_met && item.is_none() => None,
            other => panic!("{condition:?} {change:?} {item:?}: {other:?}"),
        };
        assert_eq!(found, expected, "{condition:?} {change:?} {item:?}");
        item = expected;
        met += u32::from(is_met);
    }
    assert!((30..180).contains(&met), "{met}");
}

fn create_table(url: &str, name: &str) {
    let body = format!(
        r#"{{"TableName":"{name}","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[
        {{"AttributeName":"pk","AttributeType":"S"}},{{"AttributeName":"sk","AttributeType":"S"}}],
        "KeySchema":[{{"AttributeName":"pk","KeyType":"HASH"}},{{"AttributeName":"sk","KeyType":"RANGE"}}]}}"#
    );
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         X-Amz-Target: DynamoDB_20120810.CreateTable\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Does what variables say, when this process is a child of a test here: the SDK takes the access key
/// from its environment.
#[test]
fn table_worker() {
    let variable = |name: &str| std::env::var(format!("DLQ_TEST_TABLE_{name}"));
    let Ok(act) = variable("ACT") else { return };
    let (url, folder) = (variable("URL").unwrap(), variable("FOLDER").unwrap());
    let folder = Path::new(&folder);
    if act == "suite" {
        create_table(&url, "conditions");
        check_conditions(&table(&url, "conditions"));
        return suite::check(&|name| {
            create_table(&url, name);
            store(&url, name, LONG)
        });
    }
    let store = store(&url, "one", if act == "stay" { SHORT } else { LONG });
    let result = match act.as_str() {
        // Twenty updates.
        "count" => (0..20).try_for_each(|_| add(&store, "all", 1).map(drop)),
        // Stays in an update until a file is there.
        "stay" => store.update(&Keys::one(COUNT, "stay"), |d: &mut Counts| {
            d.counts.insert("stay".into(), 1);
            std::fs::write(folder.join("inside"), "").unwrap();
            wait_for("the file", || folder.join("go").exists());
            Ok(())
        }),
        "read" => {
            let found = ["all", "stay"].map(|key| count(&store, key));
            std::fs::write(folder.join("found"), format!("{found:?}")).unwrap();
            Ok(())
        }
        other => panic!("{other}"),
    };
    let text = result.map_or_else(|error| error.to_string(), |()| "ok".into());
    std::fs::write(folder.join(format!("{act}.result")), &text).unwrap();
    assert!(act == "stay" || text == "ok", "{text}");
}

struct Workers {
    bench: Bench,
    url: String,
}

impl Workers {
    fn new(name: &str, url: &str) -> Self {
        Workers { bench: Bench::new(name), url: url.to_owned() }
    }

    fn start(&self, act: &str) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "store::dynamodb::table_worker", "--nocapture"]);
        command.env("DLQ_TEST_TABLE_ACT", act).env("DLQ_TEST_TABLE_URL", &self.url);
        command.env("DLQ_TEST_TABLE_FOLDER", self.bench.path(""));
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.stdout(Stdio::null()).spawn().unwrap()
    }

    fn run(&self, act: &str) -> String {
        assert!(self.start(act).wait().unwrap().success(), "{act}");
        self.text(&format!("{act}.result"))
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.bench.path(name)).unwrap_or_default()
    }

    /// Returns what the records 'all' and 'stay' are.
    fn counts(&self) -> String {
        assert_eq!(self.run("read"), "ok");
        self.text("found")
    }
}

#[test]
fn table_is_a_store() {
    let Some(moto) = moto() else { return };
    let proxy = TableProxy::start(moto.url(), "no operation", WayFault::Fail);
    let workers = Workers::new("table-suite", &proxy.url);
    assert!(workers.start("suite").wait().unwrap().success());
}

#[test]
fn processes_that_contend_lose_no_update() {
    let Some(moto) = moto() else { return };
    create_table(moto.url(), "one");
    let proxy = TableProxy::start(moto.url(), "no operation", WayFault::Fail);
    let workers = Workers::new("table-contend", &proxy.url);
    let running: Vec<_> = (0..3).map(|_| workers.start("count")).collect();
    for mut worker in running {
        assert!(worker.wait().unwrap().success());
    }
    assert_eq!((workers.text("count.result"), workers.counts()), ("ok".into(), "[60, 0]".into()));
}

#[test]
fn lock_of_a_killed_holder_is_taken_and_a_stopped_one_writes_nothing() {
    let Some(moto) = moto() else { return };
    create_table(moto.url(), "one");
    for stopped in [true, false] {
        let workers = Workers::new("table-stop", moto.url());
        let mut holder = workers.start("stay");
        wait_for("the update", || workers.bench.path("inside").exists());
        let pid = i32::try_from(holder.id()).unwrap();
        signal(if stopped { "STOP" } else { "KILL" }, pid);
        // Others wait until its lock has ended.
        assert_eq!(workers.run("count"), "ok");
        if stopped {
            std::fs::write(workers.bench.path("go"), "").unwrap();
            signal("CONT", pid);
        }
        holder.wait().unwrap();
        if stopped {
            let result = workers.text("stay.result");
            assert!(
                result.contains("the lock was lost, because this process has stood"),
                "{result}"
            );
        }
        let expected = if stopped { "[20, 0]" } else { "[40, 0]" };
        assert_eq!(workers.counts(), expected);
    }
}

#[test]
fn lost_answers_and_throttling_are_decided_and_repeated() {
    let Some(moto) = moto() else { return };
    create_table(moto.url(), "one");
    for (target, fault) in [
        ("TransactWriteItems", WayFault::DropAnswer),
        ("TransactWriteItems", WayFault::DropRequest),
        ("UpdateItem", WayFault::DropAnswer),
        ("UpdateItem", WayFault::DropRequest),
        ("TransactWriteItems", WayFault::Throttle),
        ("BatchGetItem", WayFault::Throttle),
        ("UpdateItem", WayFault::Fail),
        ("TransactWriteItems", WayFault::Fail),
    ] {
        let proxy = TableProxy::start(moto.url(), target, fault);
        let workers = Workers::new("table-faults", &proxy.url);
        assert_eq!(workers.run("count"), "ok", "{target} {fault:?}");
        assert!(proxy.faults() > 0, "{target} {fault:?}");
    }
    let workers = Workers::new("table-faults", moto.url());
    assert_eq!(workers.counts(), "[160, 0]");
}
