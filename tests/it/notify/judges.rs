//! Requests of channels, judged by the libraries of their services.

use std::io::Write;
use std::process::{Command, Stdio};

use dlq::rules::notification::delivery::Action;
use serde_json::{Value, json};

use super::channels::{CHANNELS, DEADLINE, SIGNING, accept, delivery, sender};
use crate::support::http::{HttpRequest, HttpServer};
use crate::support::requirement::notice_judge;

/// Names that try to be something else than text.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "orders-dlq",
        "<!channel> <@U1> <https://evil.example|click> & *bold* _it_ `code`",
        "-e",
        "a\nb\r\nc\0d",
        "\u{202e}gnp.exe\u{200b}",
        "",
    ]
    .map(str::to_owned)
    .into();
    names.extend(["x", "<", "\u{202e}", "🚚"].map(|one| one.repeat(100 << 10)));
    names
}

/// Returns the requests that a channel sends for all names.
fn requests(channel: &str) -> Vec<HttpRequest> {
    let (server, seen) = HttpServer::recording(accept);
    let sender = sender(channel, &server.url);
    for name in hostile() {
        for (action, handle) in [(Action::Trigger, None), (Action::Update, Some("C01/1.2"))] {
            let mut one = delivery(action, handle);
            one.id = name.clone();
            one.notice.subject = name.clone();
            one.notice.what = format!("what {name}");
            one.notice.next = Some(name.clone());
            one.notice.below = vec![name.clone(), "dlq-log".to_owned()];
            one.incident = Some(name.clone());
            sender.deliver(&one, DEADLINE);
        }
    }
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), hostile().len() * 2);
    seen
}

/// Returns the judgement of each case.
fn judge(program: &std::path::Path, cases: &[Value]) -> Vec<String> {
    let mut judge = Command::new(program);
    let mut judge = judge.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = judge.stdin.take().unwrap();
    let lines: Vec<String> = cases.iter().map(|case| format!("{case}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.concat().as_bytes()));
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn slack_bodies_pass_validation_of_slack_sdk() {
    let Some(program) = notice_judge() else { return };
    let mut cases = Vec::new();
    for (_, channel) in &CHANNELS[..2] {
        let bodies = requests(channel).into_iter().map(|request| request.json());
        cases.extend(bodies.map(|body| json!({"service": "slack", "body": body})));
    }
    let count = cases.len();
    // The judge can tell: a header of 151 characters, a section without text, an unknown block.
    let text = |text: String| json!({"type": "plain_text", "text": text});
    for block in [
        json!({"type": "header", "text": text("x".repeat(151))}),
        json!({"type": "section"}),
        json!({"type": "nonsense"}),
    ] {
        cases.push(json!({"service": "slack", "body": {"blocks": [block]}}));
    }
    let judged = judge(&program, &cases);
    assert_eq!(judged.len(), cases.len());
    for (sentence, case) in judged[..count].iter().zip(&cases) {
        assert_eq!(sentence, "ok", "{:.2000}", case.to_string());
    }
    assert!(judged[count..].iter().all(|sentence| sentence != "ok"), "{:?}", &judged[count..]);
}

#[test]
fn webhook_signature_is_verified_by_the_library_of_the_standard() {
    let Some(program) = notice_judge() else { return };
    let case = |request: &HttpRequest| {
        json!({
            "service": "webhook",
            "secret": SIGNING,
            "headers": request.headers,
            "text": request.text(),
        })
    };
    let requests = requests(CHANNELS[2].1);
    let mut cases: Vec<Value> = requests.iter().map(case).collect();
    let count = cases.len();
    // The judge can tell: another text, another id, a time 10 minutes ago.
    let changed = |change: fn(&mut HttpRequest)| {
        let mut request = requests[0].clone();
        change(&mut request);
        case(&request)
    };
    cases.push(changed(|request| request.body.push(b' ')));
    cases.push(changed(|request| {
        request.headers.insert("webhook-id".into(), "another".into());
    }));
    cases.push(changed(|request| {
        let time = request.headers.get_mut("webhook-timestamp").unwrap();
        *time = (time.parse::<u64>().unwrap() - 600).to_string();
    }));
    let judged = judge(&program, &cases);
    assert_eq!(judged.len(), cases.len());
    assert!(judged[..count].iter().all(|sentence| sentence == "ok"), "{judged:?}");
    assert!(judged[count..].iter().all(|sentence| sentence != "ok"), "{judged:?}");
}
