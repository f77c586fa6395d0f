//! Figures that views compute from the state when they draw a frame.
//!
//! Promise: what is unknown is None, and a sum that lacks something says so.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Dashboard;
use super::queues::{BUCKET_MS, BUCKETS, bucket, depth_of};
use super::spend::{SpendSum, UNKNOWN_CAUSE};
use crate::time::Timestamp;

/// The buckets of an hour.
const HOUR: usize = 12;
const HOUR_MS: i64 = 3_600_000;
/// The titles of causes that no incident has.
const NOT_SAMPLED: &str = "not sampled before the end of the investigation";
const NOT_KEPT: &str = "no incident with it is kept";

/// The depth of all queues in a span of five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TotalDepth {
    pub begins: Timestamp,
    /// The sum of the known depths; None when no queue was watched.
    pub depth: Option<u64>,
    /// The queues whose depth is unknown, which the sum lacks.
    pub unknown: u64,
}

/// The messages that arrived in an hour, by the rises of the depth between spans of five minutes: a
/// message that arrived and left within one is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourlyArrivals {
    pub begins: Timestamp,
    /// The sum of the rises; None when no queue was watched.
    pub arrived: Option<u64>,
    /// Whether a depth is unknown for a part of the hour, so that more may have arrived.
    pub has_gaps: bool,
}

/// A cause of the samples of all incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct TopCause<'a> {
    pub fingerprint: &'a str,
    pub title: &'a str,
    /// The messages of the newest sample of each incident.
    pub messages: u64,
    pub incidents: u64,
    /// The incidents that last.
    pub open: u64,
    /// The cost of its investigations; None before the end of the first one.
    pub spend: Option<SpendSum>,
}

impl Dashboard {
    /// Returns the depth of all queues in each bucket of the day that ends at `now`.
    pub fn depth_over_time(&self, now: Timestamp) -> Vec<TotalDepth> {
        let first = bucket(now) - BUCKETS as i64 + 1;
        let mut totals: Vec<TotalDepth> = (first..=bucket(now))
            .map(|bucket| TotalDepth {
                begins: Timestamp::from_millis(bucket * BUCKET_MS),
                depth: self.rounds.is_watched(bucket, now).then_some(0),
                unknown: 0,
            })
            .collect();
        self.for_each_series(now, |depths| {
            for (total, depth) in totals.iter_mut().zip(depths) {
                match depth {
                    Some(depth) => {
                        total.depth = Some(total.depth.unwrap_or(0).saturating_add(*depth))
                    }
                    None => total.unknown += 1,
                }
            }
        });
        totals
    }

    /// Returns the arrivals of each hour of the day that ends at `now`, the oldest first.
    pub fn arrivals(&self, now: Timestamp) -> Vec<HourlyArrivals> {
        let hour_of = |bucket: i64| (bucket * BUCKET_MS).div_euclid(HOUR_MS);
        let (newest, first) = (bucket(now), bucket(now) - BUCKETS as i64 + 1);
        let first_hour = hour_of(first);
        let mut hours: Vec<HourlyArrivals> = (first_hour..=hour_of(newest))
            .map(|hour| {
                let begin = hour * HOUR as i64;
                let mut buckets =
                    (begin..begin + HOUR as i64).filter(|at| (first..=newest).contains(at));
                HourlyArrivals {
                    begins: Timestamp::from_millis(hour * HOUR_MS),
                    has_gaps: !buckets.clone().all(|at| self.rounds.is_watched(at, now)),
                    arrived: buckets.any(|at| self.rounds.is_watched(at, now)).then_some(0),
                }
            })
            .collect();
        let rises = first + 1..=newest;
        let hour_of_rise: Vec<usize> =
            rises.map(|at| (hour_of(at) - first_hour) as usize).collect();
        self.for_each_series(now, |depths| {
            for (pair, hour) in depths.windows(2).zip(&hour_of_rise) {
                let hour = &mut hours[*hour];
                match (pair[0], pair[1]) {
                    (Some(before), Some(after)) => {
                        let rise = after.saturating_sub(before);
                        hour.arrived = Some(hour.arrived.unwrap_or(0).saturating_add(rise));
                    }
                    _ => hour.has_gaps = true,
                }
            }
        });
        hours
    }

    /// Calls `take` with the depths of each queue in the day that ends at `now`. A queue that was
    /// always empty is left out: it adds nothing.
    fn for_each_series(&self, now: Timestamp, mut take: impl FnMut(&[Option<u64>])) {
        let (newest, first) = (bucket(now), bucket(now) - BUCKETS as i64 + 1);
        let watched: Vec<bool> =
            (first..=newest).map(|at| self.rounds.is_watched(at, now)).collect();
        let mut depths = vec![None; BUCKETS];
        for queue in self.queues.values().filter(|queue| !queue.is_gone) {
            let kept = &queue.depths;
            if kept.buckets.is_empty() && queue.depth == Some(0) {
                continue;
            }
            if kept.buckets.is_empty() {
                depths.fill(None);
                take(&depths);
                continue;
            }
            // The day has a part before the history, the history, and a part after it.
            let place = |bucket: i64| (bucket - first).clamp(0, BUCKETS as i64) as usize;
            let (begin, end) = (place(kept.first()), place(kept.newest + 1));
            let began_empty = kept.buckets.first() == Some(&1);
            for (depth, watched) in depths[..begin].iter_mut().zip(&watched) {
                *depth = (began_empty && *watched).then_some(0);
            }
            let skipped = (first - kept.first()).clamp(0, kept.buckets.len() as i64) as usize;
            for (depth, stored) in depths[begin..end].iter_mut().zip(&kept.buckets[skipped..]) {
                *depth = depth_of(*stored);
            }
            for (depth, watched) in depths[end..].iter_mut().zip(&watched[end..]) {
                *depth = queue.depth.filter(|_| *watched);
            }
            take(&depths);
        }
    }

    /// Returns the most frequent causes, by the newest sample of each incident, and those without an
    /// incident that investigations were paid for.
    pub fn top_causes(&self) -> Vec<TopCause<'_>> {
        let mut causes: HashMap<&str, TopCause<'_>> = HashMap::new();
        for story in self.incidents.values() {
            for (fingerprint, count, title) in &story.causes {
                let cause = causes.entry(fingerprint).or_insert_with(|| TopCause {
                    fingerprint,
                    title,
                    messages: 0,
                    incidents: 0,
                    open: 0,
                    spend: self.spend.causes.get(fingerprint).copied(),
                });
                // The same whatever the order of the map.
                cause.title = cause.title.min(title);
                cause.messages = cause.messages.saturating_add(*count);
                cause.incidents += 1;
                cause.open += u64::from(story.is_open());
            }
        }
        // What was spent is shown even when no incident says on what.
        for (fingerprint, spend) in &self.spend.causes {
            causes.entry(fingerprint).or_insert_with(|| TopCause {
                fingerprint,
                title: if **fingerprint == *UNKNOWN_CAUSE { NOT_SAMPLED } else { NOT_KEPT },
                messages: 0,
                incidents: 0,
                open: 0,
                spend: Some(*spend),
            });
        }
        let mut causes: Vec<_> = causes.into_values().collect();
        causes.sort_unstable_by_key(|cause| {
            (Reverse(cause.messages), Reverse(cause.incidents), cause.fingerprint)
        });
        causes
    }

    /// Returns the causes that investigations were paid for, the dearest first.
    pub fn spent_causes(&self) -> Vec<(TopCause<'_>, SpendSum)> {
        let causes = self.top_causes().into_iter();
        let mut spent: Vec<_> =
            causes.filter_map(|cause| cause.spend.map(|sum| (cause, sum))).collect();
        spent.sort_by_key(|(_, sum)| Reverse(sum.usd));
        spent
    }

    /// Returns the cost so far of the investigations that run.
    pub fn running_cost(&self) -> SpendSum {
        use super::investigations::InvestigationStatus::Running;
        let mut sum = SpendSum::default();
        let running = self.investigations.values().filter(|one| one.status == Running);
        running.for_each(|one| sum.add(one));
        sum
    }
}
