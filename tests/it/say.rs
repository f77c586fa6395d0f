//! `dlq-say`: voices, the cache, players, and what is heard.

mod heard;
mod players;
mod voices;

use crate::support::elevenlabs::ElevenLabs;
use crate::support::workbench::Bench;
use dlq::rules::speech::sound::Sound;

/// Player that records the files that it gets, by name and size. It takes the time of a sound: a player
/// that ends at once has not played.
const PLAYER: &str = r#"#!/bin/sh
for file; do :; done
case $file in */sound-*) sleep 1 ;; esac
echo "${file##*/} $(wc -c <"$file")" >>"${0%/*}/../played"
"#;

/// Local voice that records its arguments, and writes a short WAV file.
const VOICE: &str = r#"#!/bin/sh
echo "$*" >>"${0%/*}/../spoken"
cat "${0%/*}/../voice.wav"
"#;

/// Returns a bench with a recording player and a recording local voice.
fn bench(name: &str) -> Bench {
    let mut bench = Bench::new(name);
    bench.set("XDG_CACHE_HOME", bench.path("cache"));
    bench.write("voice.wav", wav());
    bench.stub("espeak-ng", VOICE);
    bench.stub("mpv", PLAYER);
    bench
}

/// Returns a WAV file of a few milliseconds.
fn wav() -> Vec<u8> {
    let mut wav = Sound::Relief.wav().unwrap();
    wav.truncate(444);
    wav
}

/// Returns MP3 as far as its first bytes tell; its length is unknown.
fn mp3() -> Vec<u8> {
    [&b"ID3\x04"[..], &[0; 1000]].concat()
}

/// Writes a configuration whose channel asks the stand-in; `more` are further keys.
fn configure(bench: &mut Bench, server: &ElevenLabs, key: &str, more: &str) {
    let url = server.url();
    bench.configure(&format!(
        "notifications: {{channels: {{voice: {{type: speech, voice: v1, base_url: '{url}'{more}}}}}}}"
    ));
    bench.set("ELEVENLABS_API_KEY", key);
}

/// Returns the lines of a file of the bench.
fn lines(bench: &Bench, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Returns the entries of the cache: files named by a key.
fn cached(bench: &Bench) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(bench.path("cache/dlq/audio")).into_iter().flatten().flatten();
    let entries = entries.map(|entry| entry.path());
    entries.filter(|path| path.file_stem().unwrap().len() == 64).collect()
}
