//! Crashes: nothing is lost, nothing is started twice, every document parses.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dlq::rules::session::Sessions;
use dlq::store::Store;
use serde_json::{Value, json};

use crate::stream::{QUICK, agent, ago, investigate, noted, nothing_is_left, raised};
use crate::workbench::{Bench, Running, arguments, at_work, bin, signal, wait_for};

/// What each of several processes does in the next test: this very binary, told so by a variable.
#[test]
fn worker() {
    let Ok(dir) = std::env::var("DLQ_TEST_WORKER") else {
        return;
    };
    let store = Store::open(dir.as_ref()).unwrap();
    for _ in 0..1000 {
        let update = store.doc::<Sessions>().update(|document| {
            document.incidents[0].attempts += 1;
            Ok(())
        });
        update.unwrap();
    }
}

#[test]
fn eight_processes_update_one_document_and_no_update_is_lost() {
    let mut bench = Bench::new("updates");
    // Every update waits for the disk several times: where there is memory that is a folder, that
    // shortens a minute to seconds. Locks are the same there.
    let memory = std::path::Path::new("/dev/shm");
    let state = memory.join(format!("dlq-updates-{}", std::process::id()));
    let state = match std::fs::create_dir(&state) {
        Ok(()) => state,
        Err(_) => bench.state(""),
    };
    bench.set("DLQ_STATE_DIR", &state);
    agent(&mut bench, QUICK, "");
    let config = noted(&bench, "config.yaml").replace("enabled: true", "enabled: false");
    bench.configure(&config);
    investigate(&bench, &[], raised("orders", "i", ago(0), None));
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "crash::worker"]);
        command.env("DLQ_TEST_WORKER", &state);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let workers: Vec<_> = (0..8).map(|_| start()).collect();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    let document = std::fs::read(state.join("sessions.json")).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    std::fs::remove_dir_all(&state).unwrap();
    assert_eq!(document["incidents"][0]["attempts"], 8000);
}

/// A service with `count` dead-letter queues, which it shows one after the other, and each of
/// which has messages from the first look at it.
struct Sqs {
    port: u16,
    shown: Arc<AtomicUsize>,
}

impl Sqs {
    fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shown = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&shown);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || answer_all(stream, port, &seen));
            }
        });
        Sqs { port, shown }
    }
}

fn answer_all(stream: TcpStream, port: u16, shown: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut head = HashMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) => {
                    head.insert(name.to_ascii_lowercase(), value.trim().to_owned());
                }
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; head.get("content-length")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let asked: Value = serde_json::from_slice(&body).ok()?;
        let url = |n: usize| format!("http://127.0.0.1:{port}/000000000000/q{n:03}-dlq");
        let answer = if head.get("x-amz-target")?.ends_with(".ListQueues") {
            let urls: Vec<_> = (0..shown.load(Ordering::SeqCst)).map(url).collect();
            json!({"QueueUrls": urls})
        } else {
            let name = asked["QueueUrl"].as_str()?.rsplit('/').next()?;
            json!({"Attributes": {
                "QueueArn": format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
                "ApproximateNumberOfMessages": "3",
                "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0",
                "MessageRetentionPeriod": "345600",
            }})
        };
        let answer = answer.to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length:";
        write!(writer, "{head} {}\r\n\r\n{answer}", answer.len()).ok()?;
    }
}

const KILLS: usize = 100;

/// The programs of the pipeline that run now, by the start of their arguments.
fn stages(bench: &Bench) -> Option<[i32; 3]> {
    let all: Vec<(i32, String)> =
        at_work(bench).into_iter().map(|pid| (pid, arguments(pid))).collect();
    let find = |name: &str, more: &str| {
        let is = |line: &str| {
            let program = line.split(' ').next().unwrap_or_default();
            program.ends_with(name) && line.contains(more)
        };
        all.iter().find(|(_, line)| is(line)).map(|(pid, _)| *pid)
    };
    let poll = find("/dlq-poll", "--follow")?;
    Some([poll, find("/dlq-investigate", "--no-wait")?, find("/dlq-notify", "")?])
}

#[test]
fn a_hundred_kills_lose_no_notice_and_start_nothing_twice() {
    if !bin("dlq-poll").exists() {
        return; // Built without the feature `aws`.
    }
    let sqs = Sqs::serve();
    let mut bench = Bench::new("kills");
    agent(
        &mut bench,
        &format!("echo \"$DLQ_INCIDENT\" >> \"@/ran\"\n{QUICK}"),
        "cooldown_hours: 0",
    );
    let config = format!(
        "{}aws: {{endpoint_url: 'http://127.0.0.1:{}', region: us-east-1}}\n\
         monitoring: {{discover: name}}\n",
        noted(&bench, "config.yaml"),
        sqs.port
    );
    bench.configure(&config);
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("NO_PROXY", "127.0.0.1"),
        ("DLQ_PIPELINE_BACKOFF", "0.02"),
    ] {
        bench.set(name, value);
    }
    bench.set("DLQ_BIN", bin("dlq-poll").parent().unwrap());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pipeline");
    let mut told = String::new();
    // The pipeline's own pauses double: it is begun anew now and then, itself by force.
    let mut dice: u64 = 0x5eed;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut kills = 0;
    while kills < KILLS {
        let mut command = bench.command(script, &["--interval", "1s", "--", "--refresh"]);
        let mut pipeline = Running::of(command.stdin(Stdio::null()));
        for _ in 0..4 {
            let mut found = None;
            wait_for("all three stages run", || {
                found = stages(&bench);
                found.is_some()
            });
            // Half of them when the newest raise has just come to the journal, and is on its way.
            let newest = sqs.shown.load(Ordering::SeqCst).checked_sub(1);
            let mut span = 60;
            if let Some(newest) = newest.filter(|_| roll(2) == 0) {
                let line = format!("\"queue.raised\",\"subject\":\"q{newest:03}-dlq\"");
                wait_for("the raise is in the journal", || {
                    noted(&bench, "state/journal.ndjson").contains(&line)
                });
                span = 20;
            }
            sqs.shown.fetch_add(1, Ordering::SeqCst);
            let moment = Instant::now() + Duration::from_millis(roll(span));
            while Instant::now() < moment {
                std::hint::spin_loop();
            }
            signal("KILL", found.unwrap()[usize::try_from(roll(3)).unwrap()]);
            kills += 1;
            wait_for("it was seen", || stages(&bench) != found);
        }
        signal("TERM", pipeline.pid());
        told += &pipeline.finish().stderr;
    }
    let mut command = bench.command(script, &["--once", "--", "--refresh"]);
    let mut last = Running::of(command.stdin(Stdio::null()));
    let output = last.finish();
    assert_eq!(output.code(), 0, "{output:?}");
    told += &output.stderr;
    investigate(&bench, &[], "");
    nothing_is_left(&bench);

    let queues = sqs.shown.load(Ordering::SeqCst);
    assert!(queues >= KILLS);
    for n in 0..queues {
        let line = format!("ERROR q{n:03}-dlq: 3 messages died");
        assert!(told.contains(&line), "nobody was told of q{n:03}-dlq");
    }
    let ran = noted(&bench, "ran");
    let once: BTreeSet<&str> = ran.lines().collect();
    assert_eq!((ran.lines().count(), once.len()), (queues, queues), "{told}");
    let folder = std::fs::read_dir(bench.state("")).unwrap();
    let mut documents = 0;
    for path in folder.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|kind| kind == "json") {
            serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap();
            documents += 1;
        }
    }
    assert!(documents >= 3, "queues, sessions and notices");
}
