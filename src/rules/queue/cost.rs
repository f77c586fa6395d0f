//! The price of the requests of rounds. Pure.

use std::time::Duration;

use crate::money::Usd;

/// AWS's price of a million requests, in US dollars, without the free tier.
const USD_PER_MILLION: f64 = 0.40;
const MONTH_S: f64 = 30.0 * 86_400.0;

/// Returns the cost of a month of such rounds, in US dollars, to a hundredth of a cent.
pub fn usd_month(calls: u64, interval: Duration) -> Option<Usd> {
    let seconds = interval.as_secs_f64();
    #[allow(clippy::cast_precision_loss)] // A round makes fewer than 2^52 requests.
    let cost = calls as f64 * MONTH_S / seconds * USD_PER_MILLION / 1e6;
    Usd::from_dollars((cost * 1e4).round() / 1e4)
}

/// Returns the number of requests of an average round, by those of one that read `in_turn` quiet queues
/// and left `postponed`.
pub fn average_calls(calls: u64, in_turn: u64, postponed: u64, parts: u32) -> u64 {
    let a_round = (in_turn + postponed).div_ceil(u64::from(parts.max(1)));
    calls.saturating_sub(in_turn).saturating_add(a_round)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usd_month_is_price_of_rounds() {
        // facts: 1,000 queues every 30 s are 86.4 million requests, about 34 dollars.
        assert_eq!(usd_month(1000, Duration::from_secs(30)), Usd::from_dollars(34.56));
        assert_eq!(usd_month(0, Duration::from_secs(30)), Some(Usd::NONE));
    }

    #[test]
    fn average_round_reads_a_part_of_the_quiet_queues() {
        let rows = [
            ("all queues are read", 1000, 0, 0, 1, 1000),
            ("a turn", 150, 100, 900, 10, 150),
            ("an uneven turn", 130, 80, 920, 10, 150),
            ("after an outage", 1050, 1000, 0, 10, 150),
            ("few queues", 0, 0, 3, 10, 1),
        ];
        for (rule, calls, in_turn, postponed, parts, expected) in rows {
            assert_eq!(average_calls(calls, in_turn, postponed, parts), expected, "{rule}");
        }
    }
}
