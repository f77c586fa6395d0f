//! Recordings of what is heard: real voices and players into a null sink of PulseAudio, whose recording is compared
//! with the audio of the sentence, and of another one. Not ffplay: on a busy machine it leaves parts out.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{cached, configure};
use crate::support::elevenlabs::ElevenLabs;
use crate::support::requirement::is_met;
use crate::support::workbench::{Bench, Running, wait_for};

const PARTS: [&str; 5] = ["pulseaudio", "pactl", "parec", "espeak-ng", "ffmpeg"];
/// The samples of a second that are compared.
const RATE: usize = 4000;
/// Leaves the voice without its overtones: a shift of half a sample, which no whole number of samples
/// undoes, would change the product of these.
const FILTER: &str = "lowpass=f=400,lowpass=f=400";
const SENTENCE: &str = "Orders payments has grown to more than ten dead letters.";
const OTHER: &str = "The investigation of customers has found a likely cause.";

/// Returns the path of a program of this machine.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

/// Returns whether all parts are installed.
fn has_parts(player: &str) -> bool {
    let missing: Vec<&str> =
        PARTS.into_iter().chain([player]).filter(|part| program(part).is_none()).collect();
    let missing = missing.join(", ");
    let packages = "pulseaudio, pulseaudio-utils, espeak-ng, ffmpeg and mpv";
    is_met(missing.is_empty(), &format!("not installed: {missing}; install {packages}"))
}

/// Sound server with a sink that leads nowhere, and the recording of it.
struct Sink {
    _recorder: Running,
    _server: Running,
    recording: PathBuf,
}

impl Sink {
    fn start(bench: &mut Bench) -> Self {
        // The path of a socket has at most 107 bytes.
        let run = std::env::temp_dir()
            .join(format!("dlq-pulse-{}", bench.dir().file_name().unwrap().display()));
        std::fs::create_dir_all(&run).unwrap();
        let socket = run.join("native");
        let home = bench.dir().to_owned();
        bench.set("HOME", home);
        bench.set("XDG_RUNTIME_DIR", &run);
        bench.set("PULSE_RUNTIME_PATH", &run);
        let protocol =
            format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display());
        let server = [
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            "--disable-shm=yes",
            "-L",
            &protocol,
            "-L",
            "module-null-sink sink_name=heard rate=44100",
        ];
        let server = Running::spawn(bench.command("pulseaudio", &server).stdin(Stdio::null()));
        bench.set("PULSE_SERVER", format!("unix:{}", socket.display()));
        wait_for("the sound server", || bench.run("pactl", &["info"], "").code() == 0);
        let recording = bench.path("heard.raw");
        let options = "-d heard.monitor --format=s16le --rate=44100 --channels=1 --latency-msec=20";
        let record = format!("exec parec {options} >heard.raw");
        let recorder = Running::spawn(bench.command("sh", &["-c", &record]).stdin(Stdio::null()));
        let sink = Sink { _recorder: recorder, _server: server, recording };
        sink.record_more();
        sink
    }

    fn recorded(&self) -> u64 {
        std::fs::metadata(&self.recording).map_or(0, |meta| meta.len())
    }

    /// Waits until another second of sound, or silence, is recorded.
    fn record_more(&self) {
        let from = self.recorded();
        wait_for("a second of sound", || self.recorded() >= from + 88_200);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let run = std::env::temp_dir().join(format!(
            "dlq-pulse-{}",
            self.recording.parent().unwrap().file_name().unwrap().display()
        ));
        let _ = std::fs::remove_dir_all(run);
    }
}

/// Returns the samples of a file; `input` are options for ffmpeg that describe it.
fn samples(bench: &Bench, input: &[&str], file: &Path) -> Vec<f32> {
    let rate = RATE.to_string();
    let file = file.display().to_string();
    let output = ["-af", FILTER, "-ac", "1", "-ar", &rate, "-f", "s16le", "pipe:1"];
    let args = [&["-loglevel", "error"], input, &["-i", &file], &output].concat();
    let mut command = bench.command("ffmpeg", &args);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
        .stdout
        .chunks_exact(2)
        .map(|two| f32::from(i16::from_le_bytes([two[0], two[1]])))
        .collect()
}

/// Returns how much of a sound is in a recording, from 0 to 1: the greatest correlation of each second
/// with any part of the recording, weighted by energy. A busy machine may pause between seconds.
fn likeness(sound: &[f32], recording: &[f32]) -> f32 {
    assert!(recording.len() > sound.len(), "{} samples were recorded", recording.len());
    let (mut sum, mut total) = (0.0, 0.0);
    for second in sound.chunks(RATE) {
        let energy: f32 = second.iter().map(|sample| sample * sample).sum();
        sum += energy * correlation(second, recording);
        total += energy;
    }
    sum / total
}

/// Returns the greatest correlation of samples with any part of a recording.
fn correlation(sound: &[f32], recording: &[f32]) -> f32 {
    let energy: f32 = sound.iter().map(|sample| sample * sample).sum();
    let parts = recording.windows(sound.len()).map(|part| {
        let (mut product, mut power) = (0.0, 1.0);
        for (a, b) in sound.iter().zip(part) {
            product += a * b;
            power += b * b;
        }
        product.abs() / ((energy + 1.0) * power).sqrt()
    });
    parts.fold(0.0, f32::max)
}

/// Makes `programs/` the whole PATH, with these programs.
fn restrict_path(bench: &mut Bench, names: &[&str]) {
    let dir = bench.path("programs");
    std::fs::create_dir_all(&dir).unwrap();
    for name in names {
        std::os::unix::fs::symlink(program(name).unwrap(), dir.join(name)).unwrap();
    }
    bench.set("PATH", dir);
}

/// Speaks like ElevenLabs: MP3 of a real voice.
fn speak(text: &str) -> Vec<u8> {
    let voice =
        "espeak-ng --stdout -- \"$1\" | ffmpeg -loglevel error -i - -ar 44100 -b:a 128k -f mp3 -";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", voice, "sh", text]).stdin(Stdio::null());
    command.output().unwrap().stdout
}

/// A sentence of ElevenLabs is what the sink gets, and no other sentence.
fn assert_heard_by(player: &str) {
    if !has_parts(player) {
        return;
    }
    let server = ElevenLabs::start(speak);
    let mut bench = Bench::new(&format!("heard-{player}"));
    bench.set("XDG_CACHE_HOME", bench.path("cache"));
    configure(&mut bench, &server, "good", ", engine: elevenlabs");
    let sink = Sink::start(&mut bench);
    let path = std::env::var("PATH").unwrap();
    restrict_path(&mut bench, &[player]);
    let output = bench.run("dlq-say", &["-v", "--sound", "alarm", SENTENCE], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert!(output.stderr.contains(&format!("played by '{player}'")), "{}", output.stderr);
    sink.record_more();
    bench.set("PATH", path);
    let raw = ["-f", "s16le", "-ar", "44100", "-ac", "1"];
    let recording = samples(&bench, &raw, &sink.recording);
    let file = cached(&bench).pop().unwrap();
    let same = likeness(&samples(&bench, &[], &file), &recording);
    let other = bench.write("other.mp3", speak(OTHER));
    let other = likeness(&samples(&bench, &[], &other), &recording);
    assert!(same >= 0.9 && other < 0.5, "{player}: this sentence {same}, another {other}");
}

#[test]
fn sentence_is_heard_by_mpv() {
    assert_heard_by("mpv");
}

#[test]
fn sentence_is_heard_by_paplay() {
    assert_heard_by("paplay");
}

#[test]
fn local_voice_is_heard() {
    if !has_parts("paplay") {
        return;
    }
    let mut bench = Bench::new("heard-local");
    bench.set("XDG_CACHE_HOME", bench.path("cache"));
    let sink = Sink::start(&mut bench);
    let path = std::env::var("PATH").unwrap();
    restrict_path(&mut bench, &["espeak-ng", "paplay"]);
    let output = bench.run("dlq-say", &[SENTENCE], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    sink.record_more();
    bench.set("PATH", path);
    let recording = samples(&bench, &["-f", "s16le", "-ar", "44100", "-ac", "1"], &sink.recording);
    let [same, other] = [SENTENCE, OTHER].map(|text| {
        let file = bench.write("voice.mp3", speak(text));
        likeness(&samples(&bench, &[], &file), &recording)
    });
    assert!(same >= 0.9 && other < 0.5, "this sentence {same}, another {other}");
}
