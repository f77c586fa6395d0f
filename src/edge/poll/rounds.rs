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
        for number in 1..=self.plan.rounds {
            let round = self.round()?;
            for lines in &round.lines {
                lines.each(&mut |line| out.line(line))?;
            }
            if number == self.plan.rounds {
                return Ok(round.incomplete || (self.plan.check && round.raised > 0));
            }
            let (next, moment) =
                schedule::next_tick(beat, self.plan.interval, begun.elapsed(), salt);
            beat = next;
            self.sqs.wait_until(begun + moment);
        }
        Ok(false)
    }
}
