//! Players and local voices, one voice at a time, and what reaches them of a sentence.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{bench, configure, lines, wav};
use crate::support::elevenlabs::ElevenLabs;
use crate::support::workbench::{Bench, Running, event, is_alive, signal, wait_for};
use dlq::rules::speech::sound::Sound;

#[test]
fn hostile_sentence_reaches_the_voice_as_plain_words() {
    let rows = [
        ("-e --help", "e --help"),
        (
            "\u{1b}[2J\u{202e}<break time=\"9s\"/>[[rate 9]] `id` $(id) & \\x",
            "2J break time 9s rate 9 id id x",
        ),
        ("two\nlines\u{0}", "two lines"),
        ("ação 注文", "ação 注文"),
    ];
    let bench = bench("say-hostile");
    for (at, (given, expected)) in rows.into_iter().enumerate() {
        let output = bench.run("dlq-say", &[], given);
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{given:?}");
        assert_eq!(lines(&bench, "spoken")[at], format!("--stdout -- {expected}"));
    }
    assert_eq!(bench.run("dlq-say", &[], "word ".repeat(20 << 10)).code(), 0);
    assert!(lines(&bench, "spoken")[4].len() < 330);
    for empty in ["", "\n", "<>", "\u{1b}"] {
        let output = bench.run("dlq-say", &[], empty);
        assert_eq!(output.code(), 2, "{empty:?}: {}", output.stderr);
        assert!(output.stderr.contains("has no word that can be spoken"), "{}", output.stderr);
    }
    assert_eq!(lines(&bench, "spoken").len(), 5);
}

#[test]
fn sound_is_played_before_the_sentence() {
    let bench = bench("say-sound");
    assert_eq!(bench.run("dlq-say", &["--sound", "celebration", "Hi"], "").code(), 0);
    let sizes = [Sound::Celebration.wav().unwrap().len(), wav().len()];
    let expected =
        [format!("sound-celebration.wav {}", sizes[0]), format!("local.wav {}", sizes[1])];
    assert_eq!(lines(&bench, "played"), expected);
    let output = bench.run("dlq-say", &["--sound", "boom", "Hi"], "");
    assert_eq!(output.code(), 2, "{}", output.stderr);
}

#[test]
fn failing_player_is_followed_by_the_next() {
    let mut bench = bench("say-players");
    bench.stub("mpv", "#!/bin/sh\nexit 3\n");
    bench.stub("ffplay", super::PLAYER);
    let output = bench.run("dlq-say", &["-v", "Hi"], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert!(output.stderr.contains("said by espeak-ng, played by 'ffplay'"), "{}", output.stderr);
    let programs = bench.path("stubs").display().to_string();
    bench.set("PATH", format!("{programs}:/bin:/usr/bin"));
    for player in ["ffplay", "pw-play", "paplay", "aplay"] {
        bench.stub(player, "#!/bin/sh\nexit 4\n");
    }
    let output = bench.run("dlq-say", &["Hi"], "");
    assert_eq!(output.code(), 1, "{}", output.stderr);
    for cause in ["cannot play '", "mpv: exit status: 3", "; aplay: exit status: 4"] {
        assert!(output.stderr.contains(cause), "{}", output.stderr);
    }
}

/// Without a sound device ffplay ends at once, with status 0.
#[test]
fn player_that_ends_before_the_audio_has_failed() {
    let mut bench = bench("say-early");
    bench.write("voice.wav", Sound::Alarm.wav().unwrap());
    bench.stub("ffplay", "#!/bin/sh\nexit 0\n");
    let programs = bench.path("stubs").display().to_string();
    for player in ["mpv", "pw-play", "paplay", "aplay"] {
        bench.stub(player, "#!/bin/sh\nexit 2\n");
    }
    bench.set("PATH", format!("{programs}:/bin:/usr/bin"));
    let output = bench.run("dlq-say", &["Hi"], "");
    assert_eq!(output.code(), 1, "{}", output.stderr);
    let cause = "ffplay: it ended before the audio could; ";
    assert!(output.stderr.contains(cause), "{}", output.stderr);
}

#[test]
fn machine_without_voice_or_player_says_what_to_install() {
    let mut bench = bench("say-nothing");
    bench.set("PATH", bench.path("nothing"));
    let output = bench.run("dlq-say", &["Hi"], "");
    assert_eq!(output.code(), 1);
    assert!(output.stderr.contains("install espeak-ng or spd-say"), "{}", output.stderr);
    // MP3 that nobody here plays is not asked for; the voice speaks itself.
    let server = ElevenLabs::start(|_| Vec::new());
    configure(&mut bench, &server, "good", "");
    let script = "#!/bin/sh\necho \"$*\" >\"${0%/*}/../spoken\"\n";
    let voice = bench.write("voice-only/espeak-ng", script);
    std::fs::set_permissions(&voice, PermissionsExt::from_mode(0o755)).unwrap();
    bench.set("PATH", bench.path("voice-only"));
    let output = bench.run("dlq-say", &["Hi"], "");
    assert_eq!((output.code(), server.requests().len()), (0, 0), "{}", output.stderr);
    assert!(
        output.stderr.contains("no program here plays the configured format"),
        "{}",
        output.stderr
    );
    assert_eq!(lines(&bench, "spoken"), ["-- Hi"]);
}

#[test]
fn processes_speak_one_after_the_other() {
    let mut bench = bench("say-lock");
    let player = "#!/bin/sh\necho begin >>\"${0%/*}/../played\"\nsleep 0.2\necho end >>\"${0%/*}/../played\"\n";
    bench.stub("mpv", player);
    let running: Vec<_> = (0..5).map(|_| bench.start("dlq-say", &["Hi"])).collect();
    for mut one in running {
        let output = one.finish();
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    }
    assert_eq!(lines(&bench, "played"), ["begin", "end"].repeat(5));
}

#[test]
fn player_without_end_is_killed_after_its_audio() {
    let mut bench = bench("say-late");
    bench.stub("mpv", "#!/bin/sh\necho $$ >\"${0%/*}/../pid\"\nexec sleep 600\n");
    let begun = Instant::now();
    let output = bench.run("dlq-say", &["Hi"], "");
    assert_eq!(output.code(), 1);
    assert!(output.stderr.contains("mpv: no end within 5."), "{}", output.stderr);
    assert!(begun.elapsed() < Duration::from_secs(30));
    let pid = lines(&bench, "pid")[0].parse().unwrap();
    wait_for("the player is gone", || !is_alive(pid));
}

/// Ctrl-C goes to the process group: the player must not have one of its own.
#[test]
fn interrupt_ends_player_and_frees_the_lock() {
    let mut bench = bench("say-interrupt");
    bench.stub("mpv", "#!/bin/sh\necho $$ >\"${0%/*}/../pid\"\nexec sleep 600\n");
    let mut command = bench.command("dlq-say", &["Hi"]);
    let mut running = Running::spawn(command.stdin(Stdio::null()).process_group(0));
    wait_for("the player runs", || !lines(&bench, "pid").is_empty());
    signal("INT", -running.pid());
    assert!(!running.finish().status.success());
    let pid = lines(&bench, "pid")[0].parse().unwrap();
    wait_for("the player is gone", || !is_alive(pid));
    bench.stub("mpv", super::PLAYER);
    assert_eq!(bench.run("dlq-say", &["Hi"], "").code(), 0);
}

/// The channel gives its configuration to dlq-say, which another run would not find.
#[test]
fn notify_speaks_by_its_own_configuration() {
    let mut bench = bench("say-notify");
    let config = "notifications: {channels: {voice: {type: speech, language: en-gb}}}";
    let config = bench.write("named.yaml", config).display().to_string();
    let args = ["--config", &config, "--test-channel", "voice"];
    let output = bench.run("dlq-notify", &args, "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    let spoken = "-v en-gb --stdout -- Notice, tools: a test notice.";
    assert_eq!(lines(&bench, "spoken"), [spoken]);
    bench.stub("espeak-ng", "#!/bin/sh\nexit 9\n");
    let output = bench.run("dlq-notify", &args, "");
    assert_eq!(output.code(), 1);
    let fatal = "dlq-notify: fatal: cannot notify channel 'voice': cannot say the sentence: \
                 espeak-ng: exit status: 9\n";
    assert_eq!(output.stderr, fatal);
}

#[test]
fn events_of_a_stream_are_spoken_once() {
    let mut bench = bench("say-stream");
    bench.configure(
        "notifications:\n  channels: {voice: {type: speech}}\n  routes: [{type: '*', channels: [voice]}]",
    );
    let request = r#","data":{"pr":{"repo":"acme/orders","title":"x","ours":true}}"#;
    let stream = [
        event("deploy.failed", "one", "ERROR", ""),
        event("pr.merged", "two", "INFO", request).replace("orders-dlq", "acme/orders#1"),
    ];
    for _ in 0..2 {
        let output = bench.run("dlq-notify", &[], stream.concat());
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    }
    let mut spoken = lines(&bench, "spoken");
    spoken.sort();
    let expected = [
        "--stdout -- Error, orders: deploy failed.",
        "--stdout -- Good news! Our pull request in orders was merged.",
    ];
    assert_eq!(spoken, expected);
    let played = lines(&bench, "played").concat();
    assert!(
        played.contains("sound-alarm.wav") && played.contains("sound-celebration.wav"),
        "{played}"
    );
}

#[test]
fn muted_channel_and_dry_run_do_nothing() {
    let server = ElevenLabs::start(|_| Vec::new());
    let mut bench = bench("say-dry");
    configure(&mut bench, &server, "good", "");
    let output = bench.run("dlq-say", &["-n", "--sound", "ours", "<b>Hi</b>"], "");
    let url = server.url();
    let expected = format!(
        "sentence: b Hi b\nsound: ours\nvoice: ElevenLabs, voice 'v1', by a request to {url}\nplayer: mpv\n"
    );
    assert_eq!((output.code(), output.text(), output.stderr.as_str()), (0, expected, ""));
    bench.unset("ELEVENLABS_API_KEY");
    let output = bench.run("dlq-say", &["-n", "Hi"], "").text();
    assert!(output.contains("voice: espeak-ng, because there is no key: "), "{output}");
    configure(&mut bench, &server, "good", ", volume: 0");
    let output = bench.run("dlq-say", &["Hi"], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert!(
        bench.run("dlq-say", &["-n", "Hi"], "").text().contains("voice: none; the volume is 0\n")
    );
    let output = bench.run("dlq-say", &["--test"], "");
    assert_eq!(output.code(), 2, "{}", output.stderr);
    assert!(!bench.path("cache").exists() && !bench.path("state").exists());
    assert_eq!((lines(&bench, "played").len(), server.requests().len()), (0, 0));
}

#[test]
fn wrong_usage_is_named() {
    let mut bench = bench("say-usage");
    let fails = |bench: &Bench, args: &[&str]| {
        let output = bench.run("dlq-say", args, "");
        assert_eq!(output.code(), 2, "{}", output.stderr);
        output.stderr
    };
    assert!(fails(&bench, &["two", "words"]).contains("a sentence is one argument in quotes"));
    assert!(
        fails(&bench, &["--channel", "voice", "Hi"]).contains("there is no channel of type speech")
    );
    bench.configure("notifications: {channels: {voice: {type: speech}, desk: {type: desktop}}}");
    let unknown = "option '--channel': unknown channel of type speech 'desk'; known: voice";
    assert!(fails(&bench, &["--channel", "desk", "Hi"]).contains(unknown));
}
