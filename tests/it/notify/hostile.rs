//! Names of queues and titles of pull requests that are markup, scripts, options, several lines, or
//! very long: through the whole program, on every channel, they arrive as text.

use dlq::event::Severity;
use dlq::rules::notification::delivery::Action;
use dlq::rules::notification::payload::desktop::{Platform, Replacing, command};
use dlq::rules::speech::sound::Sound;
use serde_json::Value;

use super::channels::{CHANNELS, accept, delivery, variables};
use crate::support::http::{HttpRequest, HttpServer};
use crate::support::workbench::{Bench, event};

/// Names; each has the word that is looked for.
fn names() -> Vec<(String, &'static str)> {
    let rows = [
        ("<b>zqa</b> & <!channel> <@U1> <break time='9s'/>", "zqa"),
        ("zqb\" & (do shell script \"touch hacked\") & \"", "zqb"),
        ("-e zqc", "zqc"),
        ("--help zqd", "zqd"),
        ("zqe\nSecond: line\r\nthird", "zqe"),
        ("zqf \u{202e}drawkcab\u{2066} \u{200b}\u{1b}[2J\u{7}", "zqf"),
        ("zqg $(touch hacked) `touch hacked`; touch hacked", "zqg"),
    ];
    let mut names: Vec<(String, &str)> = rows.map(|(name, word)| (name.into(), word)).into();
    names.push((format!("zqh {}", "<&\"long\\ ".repeat(100 * 1024 / 9)), "zqh"));
    names
}

/// Records the arguments, each ended by a NUL, and a record ended by two.
const RECORDING: &str = "#!/bin/sh\nprintf '%s\\0' \"$@\" >> \"${0%/*}/../${0##*/}.args\"\nprintf '\\0' >> \"${0%/*}/../${0##*/}.args\"\n";

/// Returns the arguments of each call of a stub.
fn calls(bench: &Bench, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(bench.path(&format!("{name}.args"))).unwrap_or_default();
    let records = text.split("\0\0").filter(|record| !record.is_empty());
    records.map(|record| record.split('\0').map(str::to_owned).collect()).collect()
}

/// Returns whether a text could steer a terminal, or a reader's eye.
fn steers(text: &str) -> bool {
    let is_hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|c| (c.is_control() && c != '\n') || is_hidden(c))
}

/// The event whose sentence, written by others, is in the body of its notice.
const LOSS: &str = "queue.loss_suspected";

/// Returns the payload of a loss with a hostile name and a hostile sentence.
fn loss(name: &str, number: usize) -> String {
    let data = serde_json::json!({
        "queue": {
            "name": name, "url": name, "arn": format!("arn:aws:sqs:eu-west-1:1:{number}"),
            "region": "eu-west-1", "account": "1", "fifo": false, "sources": [name],
            "profile": name, "endpoint": null,
        },
        "missing": 3, "depth": 1, "why": "cannot_tell", "detail": name,
    });
    format!(r#","data":{data}"#)
}

fn configure(bench: &mut Bench, server: &str) {
    let plain = [
        "console: {type: console}",
        "desk: {type: desktop}",
        "voice: {type: speech, engine: local}",
    ];
    let mut channels: Vec<String> = plain.map(str::to_owned).into();
    channels.push("run: {type: exec, command: [record-exec, fixed]}".to_owned());
    for (name, text) in CHANNELS {
        let text = text.replace("URL", server);
        let keys = text.strip_suffix('}').unwrap();
        channels.push(format!("{}: {keys}, rate: 1000/s}}", name.replace(' ', "-")));
    }
    let channels: Vec<String> = channels
        .iter()
        .map(|one| format!("{}, min_severity: INFO}}", &one[..one.len() - 1]))
        .collect();
    bench.configure(&format!("notifications:\n  channels: {{{}}}\n", channels.join(", ")));
    variables(server).iter().for_each(|(name, value)| bench.set(name, value));
}

#[test]
fn hostile_names_and_titles_arrive_as_text_on_every_channel() {
    let (server, seen) = HttpServer::recording(accept);
    let mut bench = Bench::new("hostile");
    bench.set("XDG_CACHE_HOME", bench.path("cache"));
    for name in ["notify-send", "osascript"] {
        bench.stub(name, RECORDING);
    }
    bench.write("voice.wav", &Sound::Relief.wav().unwrap()[..444]);
    bench.stub("espeak-ng", &format!("{RECORDING}cat \"${{0%/*}}/../voice.wav\"\n"));
    bench.stub("mpv", "#!/bin/sh\nexit 0\n");
    bench.stub(
        "record-exec",
        &format!("{RECORDING}printf '%s' \"$DLQ_NOTICE_TITLE\" > \"${{0%/*}}/../title\"\nprintf '%s' \"$DLQ_NOTICE_BODY\" > \"${{0%/*}}/../body\"\n"),
    );
    configure(&mut bench, &server.url);
    for (number, (name, word)) in names().into_iter().enumerate() {
        let quoted = Value::String(name.clone()).to_string();
        let pull =
            format!(r#","data":{{"pr":{{"repo":"acme/{word}","title":{quoted},"ours":true}}}}"#);
        let loss = loss(&name, number);
        let kinds = [("queue.odd", ""), (LOSS, loss.as_str()), ("pr.merged", pull.as_str())];
        for (kind, more) in kinds {
            let line = event(kind, &format!("{kind}-{number}"), "ERROR", more);
            let line = line.replace("\"orders-dlq\"", &quoted);
            let (before, rule) = (seen.lock().unwrap().len(), format!("{kind}, {word}"));
            let output = bench.run("dlq-notify", &[], &line);
            assert_eq!(output.code(), 0, "{rule}: {:.500}", output.stderr);
            assert!(output.text().starts_with(&line), "{rule}");
            let failed = output.text().matches("\"notice.failed\"").count();
            assert_eq!(
                (failed, output.text().matches("\"notice.sent\"").count()),
                (0, 7),
                "{rule}"
            );
            check_console(&output.stderr, word, &rule);
            // A line without room is left out.
            let is_in_body = kind == LOSS && name.len() < 1000;
            check_commands(&bench, word, &rule, is_in_body);
            let requests = seen.lock().unwrap()[before..].to_vec();
            assert_eq!(requests.len(), CHANNELS.len(), "{rule}");
            let times = if is_in_body { 2 } else { 1 };
            requests.iter().for_each(|request| check_request(request, word, &rule, times));
        }
    }
    assert!(!bench.path("hacked").exists());
}

fn check_console(stderr: &str, word: &str, rule: &str) {
    let lines: Vec<&str> =
        stderr.lines().filter(|line| !line.starts_with("dlq-notify: ")).collect();
    assert!(lines[0].contains(" ERROR ") && lines[0].contains(word), "{rule}: {stderr:.500}");
    assert!(lines[1..].iter().all(|line| line.starts_with("    ")), "{rule}: {stderr:.500}");
    assert!(!steers(stderr) && stderr.len() < 4096, "{rule}: {stderr:.500}");
}

fn check_commands(bench: &Bench, word: &str, rule: &str, is_in_body: bool) {
    let last = |name: &str| calls(bench, name).pop().unwrap_or_default();
    let shown = last("notify-send");
    assert_eq!(
        shown[..4],
        ["--app-name=dlq-tools", "--urgency=critical", "--print-id", "--"],
        "{rule}"
    );
    assert_eq!(shown.len(), 6, "{rule}: {shown:.500?}");
    assert!(shown[4].contains(word) && !steers(&shown[4]) && !shown[4].contains('\n'), "{rule}");
    assert!(!shown[5].contains('<') && !steers(&shown[5]), "{rule}: {}", shown[5]);
    assert!(!is_in_body || shown[5].contains(word), "{rule}: {}", shown[5]);
    let spoken = last("espeak-ng");
    assert_eq!(spoken[..2], ["--stdout", "--"], "{rule}: {spoken:?}");
    assert_eq!(spoken.len(), 3, "{rule}: {spoken:.500?}");
    assert!(spoken[2].starts_with(char::is_alphanumeric), "{rule}: {spoken:?}");
    assert!(
        spoken[2].to_lowercase().contains(word) && spoken[2].len() < 1000,
        "{rule}: {spoken:.500?}"
    );
    let is_said = |c: char| c.is_alphanumeric() || " .,:;!?'".contains(c);
    assert!(spoken[2].chars().all(is_said), "{rule}: {spoken:?}");
    assert_eq!(last("record-exec"), ["fixed"], "{rule}");
    let title = std::fs::read_to_string(bench.path("title")).unwrap();
    assert!(title.contains(word) && !steers(&title) && !title.contains('\n'), "{rule}: {title}");
    let body = std::fs::read_to_string(bench.path("body")).unwrap();
    assert!(!is_in_body || body.contains(word), "{rule}: {body}");
    assert!(!steers(&body), "{rule}: {body}");
}

fn check_request(request: &HttpRequest, word: &str, rule: &str, times: usize) {
    let body = request.json();
    let rule = format!("{rule}, {}", request.path());
    let mut texts = Vec::new();
    gather(&body, &mut texts);
    let named: usize = texts.iter().map(|text| text.matches(word).count()).sum();
    assert!(named >= times, "{rule}: {body:.500}");
    assert!(!texts.iter().any(|text| steers(text)), "{rule}: {body:.500}");
    if request.path().starts_with("/services") || request.path().starts_with("/api") {
        // The summary is markup of Slack; the blocks are plain text.
        assert!(!body["text"].as_str().unwrap().contains('<'), "{rule}: {}", body["text"]);
        let blocks = body["blocks"].to_string();
        assert!(
            !blocks.contains("mrkdwn") && blocks.contains("plain_text"),
            "{rule}: {blocks:.500}"
        );
        assert!(texts.iter().map(|text| text.chars().count()).sum::<usize>() <= 10_000, "{rule}");
    }
    assert!(request.body.len() < 512 << 10, "{rule}");
}

/// Gathers the texts that people read. The event of a webhook is data, as it was.
fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(key, _)| *key != "event");
            fields.for_each(|(_, field)| gather(field, texts));
        }
        _ => {}
    }
}

/// The command for macOS, run with a stand-in: this machine has no osascript.
#[test]
fn hostile_texts_are_arguments_of_a_constant_script() {
    let mut bench = Bench::new("hostile-mac");
    bench.stub("osascript", RECORDING);
    let mut scripts = std::collections::BTreeSet::new();
    for (name, word) in names() {
        let mut one = delivery(Action::Trigger, None);
        one.notice.severity = Severity::Error;
        one.notice.subject = name.clone();
        one.notice.below = vec![name];
        let argv = command(Platform::MacOs, Replacing::Impossible, &one);
        let arguments: Vec<&str> = argv[1..].iter().map(String::as_str).collect();
        assert_eq!(bench.run(&argv[0], &arguments, "").code(), 0, "{word}");
        let got = calls(&bench, "osascript").pop().unwrap();
        assert_eq!(got.len(), 9, "{word}: {got:.500?}");
        assert_eq!(got[6], "--", "{word}");
        assert!(got[7].contains(word) && !got[7].contains('\n'), "{word}: {:.500}", got[7]);
        scripts.insert(got[..6].to_vec());
    }
    assert_eq!(scripts.len(), 1, "{scripts:?}");
}
