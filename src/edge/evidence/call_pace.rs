//! The pace of calls to CloudWatch Logs: one at a time, and four in a second, of all processes that
//! share the state folder.
//!
//! AWS allows five in a second for an account and a region. A locked file for each region holds the
//! time of the next turn. The lock is held for a moment only, never during a call.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::Error;
use crate::store::{self, BlockingWait, Lock};

/// The time between two turns.
const STEP: Duration = Duration::from_millis(250);
/// Time between two attempts at the lock.
const RETRY: Duration = Duration::from_millis(10);
/// A turn that lies further ahead was recorded by a clock that has been set back.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// Waits for the next turn. Returns `false` when it does not come before `until`.
pub(super) fn wait_for_turn(state: &Path, region: &str, until: Instant) -> Result<bool, Error> {
    let path = state.join(format!("cloudwatch-{region}.lock"));
    let lock = loop {
        if let Some(lock) = Lock::try_take(&path)? {
            break lock;
        }
        if clock::tick() >= until {
            return Ok(false);
        }
        store::sleep(BlockingWait::Lock, RETRY);
    };
    let now = clock::now().millis();
    let ahead = i64::try_from(AHEAD_MAX.as_millis()).unwrap_or(i64::MAX);
    let step = i64::try_from(STEP.as_millis()).unwrap_or(i64::MAX);
    let failed = |error: std::io::Error| Error::file("write", &path, &error);
    let turn =
        read(lock.file()).filter(|turn| *turn <= now + ahead).map_or(now, |turn| turn.max(now));
    let wait = Duration::from_millis(u64::try_from(turn - now).unwrap_or(0));
    if clock::tick() + wait > until {
        return Ok(false);
    }
    write(lock.file(), turn + step).map_err(failed)?;
    drop(lock);
    if !wait.is_zero() {
        store::sleep(BlockingWait::Network, wait);
    }
    Ok(true)
}

fn read(mut file: &File) -> Option<i64> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write(mut file: &File, turn: i64) -> std::io::Result<()> {
    file.set_len(0)?;
    file.write_all(turn.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_all_callers_are_a_quarter_second_apart() {
        let dir = std::env::temp_dir().join(format!("dlq-pace-{}", std::process::id()));
        store::make_dir(&dir).unwrap();
        let until = clock::tick() + Duration::from_secs(60);
        let caller = |dir: std::path::PathBuf| {
            std::thread::spawn(move || {
                let turn = |_| {
                    assert!(wait_for_turn(&dir, "eu-west-1", until).unwrap());
                    clock::tick()
                };
                (0..3).map(turn).collect::<Vec<_>>()
            })
        };
        let callers: Vec<_> = (0..3).map(|_| caller(dir.clone())).collect();
        let mut turns: Vec<Instant> =
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        turns.sort();
        // A thread may be late for its turn, never early.
        let span = turns[8] - turns[0];
        assert!(span >= STEP * 8 - Duration::from_millis(100), "{span:?}");
        let late = clock::tick() + Duration::from_millis(1);
        assert!(!wait_for_turn(&dir, "eu-west-1", late).unwrap(), "the next turn comes too late");
        assert!(wait_for_turn(&dir, "us-east-1", late + STEP).unwrap(), "another region");
        std::fs::write(dir.join("cloudwatch-eu-west-1.lock"), "99999999999999").unwrap();
        assert!(wait_for_turn(&dir, "eu-west-1", until).unwrap(), "a clock that was set back");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
