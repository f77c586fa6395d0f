//! dlq-say - says one sentence aloud

use std::io::Read;
use std::process::ExitCode;

use dlq::args::{Given, unexpected};
use dlq::edge::speech::{self, Speaker, VoiceTest};
use dlq::error::Error;
use dlq::log;
use dlq::programs::SAY;
use dlq::rules::speech::sound::Sound;
use dlq::rules::speech::spoken_text;
use dlq::tool::{self, ExitOutcome};
use dlq::wire;

/// The bytes of standard input that are read.
const INPUT_MAX: u64 = 64 << 10;

fn main() -> ExitCode {
    tool::main(&SAY, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    if let [_, second, ..] = given.operands.as_slice() {
        let sentence = format!("{}: a sentence is one argument in quotes", unexpected(second));
        return Err(Error::Usage(sentence));
    }
    let (settings, env) = tool::settings(given)?;
    let speech = speech::channel_settings(&settings, given.text("channel").as_deref())?;
    let speaker = Speaker::new(&speech, &settings, &env)?;
    if given.has("test") {
        return test(&speaker);
    }
    let text = match given.operands.as_slice() {
        [text, ..] => text.clone(),
        [] => input()?,
    };
    let text = spoken_text::sentence(&text);
    if text.is_empty() {
        return Err(Error::wrong("the sentence has no word that can be spoken"));
    }
    let sound = given.text("sound").and_then(|word| Sound::parse(&word)).unwrap_or(Sound::None);
    if given.has("dry-run") {
        wire::print(speaker.plan(&text, sound).as_bytes())?;
    } else {
        speaker.say(&text, sound)?;
    }
    Ok(ExitOutcome::Done)
}

/// Reads the sentence from standard input.
fn input() -> Result<String, Error> {
    if wire::stdin_is_terminal() {
        log::write_stderr("dlq-say: reading a sentence from the terminal; end it with Ctrl-D");
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(INPUT_MAX).read_to_end(&mut bytes);
    read.map_err(|error| Error::failed("read", "standard input", error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Says a sentence by each voice, and prints the result of each.
fn test(speaker: &Speaker<'_>) -> Result<ExitOutcome, Error> {
    let mut failed = false;
    for VoiceTest { voice, result } in speaker.test()? {
        let line = match result {
            Ok(said) => match said.player {
                Some(player) => format!("{voice}: said, played by {player}\n"),
                None => format!("{voice}: said\n"),
            },
            Err(error) => {
                failed = true;
                format!("{voice}: {}\n", dlq::text::safe(&error.to_string()))
            }
        };
        wire::print(line.as_bytes())?;
    }
    Ok(ExitOutcome::from_failed(failed))
}
