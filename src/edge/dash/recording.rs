//! A recording that plays: its events at the pace at which they happened, or many times faster.
//!
//! The time of the recording is the present of the views. Going back reads the file anew.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::batches::Batches;
use super::source::open_recording;
use super::take_lines;
use crate::clock;
use crate::error::{Error, io_cause};
use crate::event::{Line, peek};
use crate::rules::view::dashboard::Dashboard;
use crate::time::Timestamp;

/// The highest speed: how many times as fast as it happened.
const SPEED_MAX: u64 = 100_000;
/// The longest time between two frames while lines are read.
const SLICE: Duration = Duration::from_millis(50);
/// The time that one step goes ahead or back.
const STEP: Duration = Duration::from_secs(15 * 60);

/// A recording, and how far it was played.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    batches: Batches<File>,
    /// Lines that were read and not yet played, from `at` on.
    lines: Vec<u8>,
    at: usize,
    has_ended: bool,
    /// The time of the recording; None before its first event.
    now: Option<Timestamp>,
    /// The moment at which `now` was reached.
    since: Instant,
    speed: u64,
}

impl Recording {
    /// Opens a recording at its begin.
    pub fn open(path: &Path, speed: u64) -> Result<Self, Error> {
        Ok(Recording {
            path: path.to_owned(),
            batches: open_recording(path)?,
            lines: Vec::new(),
            at: 0,
            has_ended: false,
            now: None,
            since: clock::tick(),
            speed: speed.clamp(1, SPEED_MAX),
        })
    }

    /// Returns the time of the recording.
    pub fn now(&self) -> Timestamp {
        self.now.unwrap_or_default()
    }

    pub fn speed(&self) -> u64 {
        self.speed
    }

    /// Doubles the speed, or halves it.
    pub fn change_speed(&mut self, faster: bool) {
        let speed = if faster { self.speed.saturating_mul(2) } else { self.speed / 2 };
        self.speed = speed.clamp(1, SPEED_MAX);
    }

    /// Holds the time of the recording where it is.
    pub fn hold(&mut self) {
        self.since = clock::tick();
    }

    /// Plays up to the time that the clock and the speed give, or a part of it. Returns whether
    /// something was played.
    pub fn play(&mut self, state: &mut Dashboard) -> Result<bool, Error> {
        let tick = clock::tick();
        let passed = tick.duration_since(self.since);
        let speed = u32::try_from(self.speed).unwrap_or(u32::MAX);
        let until = self.now.map(|now| now.plus(passed.saturating_mul(speed)));
        self.since = tick;
        self.play_until(state, until)
    }

    /// Plays the next [`STEP`] at once.
    pub fn go_ahead(&mut self, state: &mut Dashboard) -> Result<(), Error> {
        let until = self.now().plus(STEP);
        self.play_whole(state, until)
    }

    /// Plays anew up to [`STEP`] before the present time.
    pub fn go_back(&mut self, state: &mut Dashboard) -> Result<(), Error> {
        let until = self.now().minus(STEP);
        *self = Recording::open(&self.path, self.speed)?;
        *state = Dashboard::default();
        self.play_whole(state, until)
    }

    fn play_whole(&mut self, state: &mut Dashboard, until: Timestamp) -> Result<(), Error> {
        while self.play_until(state, Some(until))? && self.now() < until {}
        self.since = clock::tick();
        Ok(())
    }

    /// Plays the lines up to a time, for [`SLICE`] at most. Without a time, up to the first event.
    fn play_until(
        &mut self,
        state: &mut Dashboard,
        until: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let (begun, mut is_played, mut until) = (clock::tick(), false, until);
        while self.fill(state)? {
            let rest = &self.lines[self.at..];
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let line = &rest[..length];
            let time = match peek(line) {
                Line::Event(head) => head.time(),
                _ => None,
            };
            let limit = *until.get_or_insert(time.unwrap_or_default());
            if time.is_some_and(|time| time > limit) {
                self.now = Some(limit);
                return Ok(is_played);
            }
            take_lines(state, line);
            self.at += length;
            self.now = self.now.max(time);
            if self.now.is_none() {
                until = None;
            }
            is_played = true;
            if begun.elapsed() > SLICE {
                return Ok(true);
            }
        }
        state.source.ended = true;
        Ok(is_played)
    }

    /// Reads the next lines when all were played. Returns whether there are any.
    fn fill(&mut self, state: &mut Dashboard) -> Result<bool, Error> {
        while self.at >= self.lines.len() && !self.has_ended {
            let batch = self
                .batches
                .next()
                .map_err(|error| Error::failed("read", self.path.display(), io_cause(&error)))?;
            self.has_ended = batch.is_none();
            let batch = batch.unwrap_or_default();
            state.source.damaged += batch.too_long;
            (self.lines, self.at) = (batch.lines, 0);
        }
        Ok(self.at < self.lines.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minutes: u32) -> Timestamp {
        Timestamp::from_millis(1_763_280_000_000).plus(MINUTE * minutes)
    }

    /// Returns a heartbeat of `dlq-poll`.
    fn line(minutes: u32) -> String {
        let head = r#""specversion":"1.0","source":"dlq-poll","type":"poll.finished""#;
        format!("{{{head},\"id\":\"{minutes}\",\"time\":\"{}\",\"data\":{{}}}}\n", at(minutes))
    }

    #[test]
    fn recording_goes_ahead_and_back_by_its_own_time() {
        let name = format!("dlq-recording-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let text = ["{}\n".to_owned(), line(0), line(10), "half\n".into(), line(20), line(30)];
        std::fs::write(&path, text.concat()).unwrap();
        let mut state = Dashboard::default();
        let mut recording = Recording::open(&path, 0).unwrap();
        assert_eq!(recording.speed(), 1);
        let see = |recording: &Recording, state: &Dashboard| {
            (recording.now(), state.source.events, state.source.ended)
        };
        recording.play_until(&mut state, None).unwrap();
        assert_eq!(see(&recording, &state), (at(0), 1, false), "the first event begins it");
        recording.go_ahead(&mut state).unwrap();
        assert_eq!(see(&recording, &state), (at(15), 2, false));
        recording.go_ahead(&mut state).unwrap();
        assert_eq!(see(&recording, &state), (at(30), 4, true));
        assert_eq!(state.source.damaged, 1);
        recording.go_back(&mut state).unwrap();
        assert_eq!(see(&recording, &state), (at(15), 2, false), "read anew");
        recording.change_speed(true);
        recording.change_speed(true);
        recording.change_speed(false);
        assert_eq!(recording.speed(), 2);
        std::fs::remove_file(path).unwrap();
    }
}
