//! The answer of `/readyz`: whether a round has finished lately.

use std::time::Duration;

use crate::time::{Timestamp, show_span};

/// The shortest time without a round after which the pipeline is not ready.
const LATE_MIN: Duration = Duration::from_secs(90);
/// The intervals without a round after which it is not.
const INTERVALS: u32 = 3;

/// Returns the sentence for a pipeline that is ready; otherwise the reason why it is not.
pub fn readiness(
    last_round: Option<Timestamp>,
    interval: Duration,
    now: Timestamp,
) -> Result<String, String> {
    let Some(last) = last_round else { return Err("no round has finished yet".into()) };
    let (since, late) = (now.since(last), LATE_MIN.max(interval * INTERVALS));
    let finished = format!("the last round finished {} ago", show_span(since));
    match since <= late {
        true => Ok(finished),
        false => Err(format!("{finished}, more than {}", show_span(late))),
    }
}
