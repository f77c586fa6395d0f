//! The loop of `dlq-poll`: rounds at a regular interval.

use super::Poller;
use crate::clock;
use crate::error::Error;
use crate::rules::queue::schedule;
use crate::wire::Output;

impl Poller {
    /// Makes all rounds of the plan and prints their lines. Returns whether the last one failed: a
    /// queue could not be read, or, with `check`, an incident is open.
    pub fn rounds(mut self) -> Result<bool, Error> {
        let (begun, salt) = (clock::tick(), u64::from(std::process::id()));
        let (mut out, mut beat) = (Output::new(), 0);
        let rounds = self.run.rounds.unwrap_or(if self.run.follow { u64::MAX } else { 1 });
        for number in 1..=rounds {
            let mut round = self.round()?;
            for lines in &mut round.lines {
                lines.each(&mut |line| out.line(line))?;
            }
            if number == rounds {
                return Ok(round.incomplete || (self.run.check && round.raised > 0));
            }
            let (next, moment) =
                schedule::next_tick(beat, self.monitoring.check_interval, begun.elapsed(), salt);
            beat = next;
            self.sqs.wait_until(begun + moment);
        }
        Ok(false)
    }
}
