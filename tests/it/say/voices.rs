//! Voices: ElevenLabs with its cache, and the fallback to a local voice.

use std::os::unix::fs::PermissionsExt;

use super::{bench, cached, configure, lines, mp3};
use crate::support::elevenlabs::ElevenLabs;
use crate::support::workbench::{Bench, event};

fn server() -> ElevenLabs {
    ElevenLabs::start(|_| mp3())
}

/// Fails when the key stands in any file or in what the program printed.
fn assert_key_is_hidden(bench: &Bench, key: &str, printed: &str) {
    assert!(!printed.contains(key), "{printed}");
    let found = bench.shell(&format!("grep -rl -- '{key}' cache state played spoken 2>/dev/null"));
    assert_eq!(found.text(), "", "the key is in a file");
}

#[test]
fn audio_is_asked_for_once_and_cached_privately() {
    let server = server();
    let mut bench = bench("say-cache");
    configure(&mut bench, &server, "good", ", seed: 7, settings: {speed: 1.1}");
    for _ in 0..2 {
        let output = bench.run("dlq-say", &["Hello, world"], "");
        assert_eq!((output.code(), output.stderr.as_str(), output.text().as_str()), (0, "", ""));
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let request = &requests[0];
    assert_eq!(request.target, "/v1/text-to-speech/v1?output_format=mp3_44100_128");
    assert_eq!((request.method.as_str(), request.header("xi-api-key")), ("POST", Some("good")));
    let kinds = (request.header("content-type"), request.header("accept"));
    assert_eq!(kinds, (Some("application/json"), Some("*/*")), "as the official SDK sends them");
    let body = serde_json::json!({"text": "Hello, world", "model_id": "eleven_flash_v2_5",
        "voice_settings": {"speed": 1.1}, "seed": 7});
    assert_eq!(request.json(), body);
    let files = cached(&bench);
    assert_eq!(files.len(), 1);
    let played = lines(&bench, "played");
    let size = mp3().len();
    let expected = format!("{} {size}", files[0].file_name().unwrap().display());
    assert_eq!(played, [expected.clone(), expected]);
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&files[0]), mode(files[0].parent().unwrap())), (0o600, 0o700));
    // What is in the cache needs neither key nor network.
    bench.unset("ELEVENLABS_API_KEY");
    drop(server);
    let output = bench.run("dlq-say", &["Hello, world"], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!((lines(&bench, "played").len(), lines(&bench, "spoken").len()), (3, 0));
    // A file that was damaged is made again: here by the local voice.
    std::fs::write(&files[0], "{\"detail\": 1}").unwrap();
    assert_eq!(bench.run("dlq-say", &["Hello, world"], "").code(), 0);
    assert_eq!(lines(&bench, "spoken").len(), 1);
}

#[test]
fn local_voice_speaks_when_elevenlabs_does_not_and_says_so_once() {
    let server = server();
    let rows = [
        ("no key", "", "Hello", "no key of ElevenLabs", 0),
        ("a wrong key", "wrong-key-1", "Hello", "ElevenLabs refuses the key: invalid_api_key", 1),
        (
            "a used-up quota",
            "poor",
            "Hello",
            "the quota of ElevenLabs is used up: quota_exceeded",
            1,
        ),
        ("a key for other uses", "forbidden", "Hello", "may not do this; it needs", 2),
        ("a busy service", "good", "busy", "ElevenLabs is busy: system_busy", 4),
        ("a failing service", "good", "broken", "ElevenLabs fails: status 500", 2),
        ("a refusal", "good", "refused", "ElevenLabs refuses the request: body.text: too odd", 2),
        ("a body that is no audio", "good", "string", "was dropped: not audio: it has 6 bytes", 2),
        ("audio that was cut", "good", "cut", "was dropped: the audio was cut", 2),
    ];
    for (rule, key, text, warning, asked) in rows {
        let mut bench = bench("say-fallback");
        configure(&mut bench, &server, key, "");
        let before = server.requests().len();
        let first = bench.run("dlq-say", &[text], "");
        let second = bench.run("dlq-say", &[text], "");
        assert_eq!((first.code(), second.code()), (0, 0), "{rule}: {}", first.stderr);
        let said = first.stderr.strip_prefix("dlq-say: warning: a local voice speaks: ");
        assert!(said.is_some_and(|said| said.contains(warning)), "{rule}: {}", first.stderr);
        assert_eq!((first.stderr.lines().count(), second.stderr.as_str()), (1, ""), "{rule}");
        assert_eq!(server.requests().len() - before, asked, "{rule}: a pause or a second attempt");
        assert_eq!(lines(&bench, "spoken").len(), 2, "{rule}");
        assert_eq!(lines(&bench, "played").len(), 2, "{rule}");
        assert_eq!(cached(&bench).len(), 0, "{rule}: nothing of it is kept");
        if key.contains("wrong") {
            assert_key_is_hidden(&bench, key, &first.stderr);
        }
    }
}

/// Makes the folder of audio, its lock or its first file one that cannot be written.
fn block(bench: &Bench, what: &str) {
    let blocked = bench.path("cache/dlq").join(what);
    std::fs::create_dir_all(blocked.parent().unwrap()).unwrap();
    match what {
        "audio" => std::fs::write(blocked, "").unwrap(),
        _ => std::fs::create_dir_all(blocked.join("full")).unwrap(),
    }
}

#[test]
fn local_voice_speaks_by_itself_where_nothing_can_be_written() {
    let server = server();
    let rows = [
        ("audio", 1, "a local voice speaks by itself: cannot make folder '"),
        ("audio/voice.lock", 1, "a local voice speaks by itself: cannot open '"),
        ("audio/local.tmp", 2, "espeak-ng speaks by itself: cannot write '"),
    ];
    for (what, spoken, warning) in rows {
        let mut bench = bench("say-unwritable");
        block(&bench, what);
        let output = bench.run("dlq-say", &["--sound", "alarm", "Hello"], "");
        assert_eq!(output.code(), 0, "{what}: {}", output.stderr);
        let warning = format!("dlq-say: warning: {warning}");
        assert!(output.stderr.starts_with(&warning), "{what}: {}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{what}: {}", output.stderr);
        let said = lines(&bench, "spoken");
        assert_eq!((said.len(), said.last().unwrap().as_str()), (spoken, "-- Hello"), "{what}");
        assert_eq!(lines(&bench, "played"), [""; 0], "{what}");
        // Only ElevenLabs may speak, and its audio has to be kept.
        if what != "audio/local.tmp" {
            configure(&mut bench, &server, "good", ", engine: elevenlabs");
            let output = bench.run("dlq-say", &["Hello"], "");
            assert_eq!((output.code(), lines(&bench, "spoken").len()), (1, spoken), "{what}");
        }
    }
}

#[test]
fn each_voice_is_tested_where_nothing_can_be_written() {
    let server = server();
    let mut bench = bench("say-test-unwritable");
    block(&bench, "audio");
    configure(&mut bench, &server, "good", "");
    let output = bench.run("dlq-say", &["--test"], "");
    assert_eq!(output.code(), 1, "{}", output.stderr);
    let text = output.text();
    assert!(text.starts_with("ElevenLabs: cannot make folder '"), "{text}");
    assert!(text.ends_with("\nespeak-ng: said\n"), "{text}");
}

#[test]
fn channel_speaks_without_a_cache_and_warns_once() {
    let mut bench = bench("say-stream-unwritable");
    block(&bench, "audio");
    bench.configure("notifications: {channels: {voice: {type: speech, engine: local}}}");
    let stream = ["one", "two"].map(|id| event("deploy.failed", id, "ERROR", ""));
    let output = bench.run("dlq-notify", &[], stream.concat());
    assert_eq!((output.code(), lines(&bench, "spoken").len()), (0, 2), "{}", output.stderr);
    let warning =
        "dlq-notify: warning: dlq-say: a local voice speaks by itself: cannot make folder";
    assert!(output.stderr.starts_with(warning), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}

#[test]
fn server_that_cannot_be_reached_is_left_alone_for_a_minute() {
    let mut bench = bench("say-network");
    let closed = server();
    configure(&mut bench, &closed, "good", "");
    drop(closed);
    let output = bench.run("dlq-say", &["Hello"], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert!(
        output.stderr.contains("ElevenLabs cannot be reached: '127.0.0.1:"),
        "{}",
        output.stderr
    );
    let log = std::fs::read_to_string(bench.path("cache/dlq/audio/fallbacks.json")).unwrap();
    assert!(log.contains("\"paused\":{\"") && log.contains("network"), "{log}");
    assert_eq!(lines(&bench, "spoken").len(), 1);
}

#[test]
fn new_key_is_used_at_once() {
    let server = server();
    let mut bench = bench("say-new-key");
    configure(&mut bench, &server, "poor", "");
    bench.run("dlq-say", &["Hello"], "");
    bench.set("ELEVENLABS_API_KEY", "good");
    let output = bench.run("dlq-say", &["Hello"], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!((lines(&bench, "spoken").len(), cached(&bench).len()), (1, 1));
}

#[test]
fn busy_service_is_asked_a_second_time() {
    let server = server();
    let mut bench = bench("say-busy");
    configure(&mut bench, &server, "good", "");
    let output = bench.run("dlq-say", &["soon"], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!((server.requests().len(), lines(&bench, "spoken").len()), (2, 0));
}

#[test]
fn engine_elevenlabs_has_no_fallback() {
    let server = server();
    let mut bench = bench("say-strict");
    configure(&mut bench, &server, "poor", ", engine: elevenlabs");
    let output = bench.run("dlq-say", &["Hello"], "");
    assert_eq!((output.code(), lines(&bench, "spoken").len()), (1, 0));
    let fatal = "dlq-say: fatal: cannot say the sentence: the quota of ElevenLabs is used up: ";
    assert!(output.stderr.starts_with(fatal), "{}", output.stderr);
}

#[test]
fn quota_reserve_is_kept_where_the_key_may_read_it() {
    let server = server();
    // 100 characters are left.
    let rows = [
        ("enough is left", "good", 50, 2, 0),
        ("too little is left", "good", 99, 1, 1),
        ("a restricted key", "restricted", 99, 2, 0),
    ];
    for (rule, key, reserve, requests, spoken) in rows {
        let mut bench = bench("say-reserve");
        configure(&mut bench, &server, key, &format!(", quota_reserve: {reserve}"));
        let before = server.requests().len();
        let output = bench.run("dlq-say", &["Hello"], "");
        assert_eq!(output.code(), 0, "{rule}: {}", output.stderr);
        assert_eq!(server.requests().len() - before, requests, "{rule}");
        assert_eq!(lines(&bench, "spoken").len(), spoken, "{rule}");
    }
}

#[test]
fn cache_keeps_within_its_limit() {
    let server = server();
    let mut bench = bench("say-limit");
    configure(&mut bench, &server, "good", ", cache_max_mib: 0");
    for text in ["one", "two"] {
        assert_eq!(bench.run("dlq-say", &[text], "").code(), 0);
        assert_eq!(cached(&bench).len(), 1, "{text}");
    }
    assert_eq!(lines(&bench, "played").len(), 2);
}

#[test]
fn test_option_reports_each_voice() {
    let server = server();
    let mut bench = bench("say-test");
    configure(&mut bench, &server, "good", "");
    for requests in [1, 2] {
        let output = bench.run("dlq-say", &["--test"], "");
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
        let expected = "ElevenLabs: said, played by mpv\nespeak-ng: said, played by mpv\n";
        assert_eq!((output.text().as_str(), server.requests().len()), (expected, requests));
    }
    bench.set("ELEVENLABS_API_KEY", "poor");
    let output = bench.run("dlq-say", &["--test", "--channel", "voice"], "");
    let text = output.text();
    assert_eq!(output.code(), 1);
    assert!(text.starts_with("ElevenLabs: the quota of ElevenLabs is used up: "), "{text}");
    assert!(text.ends_with("\nespeak-ng: said, played by mpv\n"), "{text}");
}
