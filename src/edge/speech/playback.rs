//! Playback: a file by the first player that succeeds, and text by a program that speaks itself.
//!
//! Promises: a program is killed at its deadline. It stays in the process group of the caller, so
//! that Ctrl-C, or whoever ends the caller with its group, ends it too.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::clock;
use crate::edge::process;
use crate::error::io_cause;
use crate::rules::speech::audio::{AudioFormat, duration};
use crate::rules::speech::player::{Player, can_have_played, players};
use crate::store::{self, BlockingWait};

/// The time beyond that of the audio.
const MARGIN: Duration = Duration::from_secs(5);
/// The time for audio whose headers do not tell its length, or for a program that speaks.
const UNKNOWN: Duration = Duration::from_secs(60);

/// The programs of this machine, by the `PATH` of the environment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Programs<'a> {
    pub(super) path: Option<&'a str>,
}

impl Programs<'_> {
    /// Returns whether a program is installed.
    pub(super) fn has(self, program: &str) -> bool {
        process::find(program, self.path).is_some()
    }

    /// Returns the players of a format, in the order in which they are tried.
    pub(super) fn players(self, format: AudioFormat) -> Vec<Player> {
        players(format, |program| self.has(program))
    }
}

/// Plays a file, and returns the player that succeeded. The error has a cause for each that failed.
pub(super) fn play(programs: Programs<'_>, file: &Path, volume: u8) -> Result<Player, String> {
    let bytes = std::fs::read(file).map_err(|error| io_cause(&error))?;
    let format = AudioFormat::detect(&bytes).ok_or("the file is not audio")?;
    let length = duration(&bytes);
    let limit = length.map_or(UNKNOWN, |length| length + MARGIN);
    let mut causes = Vec::new();
    for player in programs.players(format) {
        let begun = clock::tick();
        match run(&player.command(&file.display().to_string(), volume), limit) {
            Ok(()) if can_have_played(length, begun.elapsed()) => return Ok(player),
            Ok(()) => causes.push(format!("{player}: it ended before the audio could")),
            // What was killed may have been heard: another player would say it again.
            Err(RunFailure::Late) => return Err(format!("{player}: no end within {limit:?}")),
            Err(RunFailure::Ended(cause)) => causes.push(format!("{player}: {cause}")),
        }
    }
    if causes.is_empty() {
        let known: Vec<&str> = Player::ALL.map(Player::as_str).into();
        return Err(format!("no program here plays {format}; install one of {}", known.join(", ")));
    }
    Err(causes.join("; "))
}

/// Runs a program that speaks.
pub(super) fn speak(command: &[String]) -> Result<(), String> {
    run(command, UNKNOWN).map_err(|failure| match failure {
        RunFailure::Late => format!("no end within {UNKNOWN:?}"),
        RunFailure::Ended(cause) => cause,
    })
}

enum RunFailure {
    /// The deadline has passed.
    Late,
    /// Failure of the program, or of its start.
    Ended(String),
}

fn run(argv: &[String], limit: Duration) -> Result<(), RunFailure> {
    let Some((program, arguments)) = argv.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| RunFailure::Ended(io_cause(&error)))?;
    let until = clock::tick() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(RunFailure::Ended(status.to_string())),
            Ok(None) if clock::tick() < until => {}
            Ok(None) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = store::wait_for_end(&mut child);
                return Err(RunFailure::Late);
            }
            Err(error) => return Err(RunFailure::Ended(io_cause(&error))),
        }
        store::sleep(BlockingWait::ProcessEnd, Duration::from_millis(10));
    }
}
