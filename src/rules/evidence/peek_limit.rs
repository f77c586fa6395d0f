//! Decides whether a queue may be peeked at; the document `peeks.json` counts the passes.
//!
//! Receiving has side effects: it hides messages from other consumers for a while, counts as a
//! receive, moves a message on where the queue has a redrive policy of its own, and blocks message
//! groups in FIFO queues. Hence the limit of [`PASSES_MAX`] passes per queue and incident. A pass
//! is recorded before the first receive, so that an interrupted one counts. A pass that asked the
//! logs too early is made up for by one more, when the logs are complete.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::rules::evidence::logs::answer::DELAY;
use crate::rules::queue::reading::Attributes;
use crate::text;
use crate::time::Timestamp;

/// SQS no longer counts a message in the age of its queue after three receives.
pub const PASSES_MAX: usize = 2;
/// The code of the refusal of a further pass.
pub const PEEKED: &str = "peeked";
/// Limit on remembered message ids per queue and incident.
const SEEN_IDS_MAX: usize = 20_000;

/// The document `peeks.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Peeks {
    /// Records, one per queue and incident, the oldest first.
    pub peeks: Vec<Peek>,
}

impl Document for Peeks {
    const NAME: &str = "peeks";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some("which lets each incident be peeked two times more");
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.list(Self::QUEUE, &mut self.peeks, &mut rest.peeks, |peek| peek.arn.clone());
    }
}

/// Passes over one queue for one incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peek {
    pub arn: String,
    /// Incident id, or its substitute where no incident is open.
    pub incident: String,
    /// Time of the first request to peek.
    pub since: Timestamp,
    /// Passes, the oldest first.
    pub passes: Vec<Pass>,
    /// Our own receives of each message, over all passes.
    pub seen: BTreeMap<String, u64>,
    /// Codes of refusals already reported as events.
    pub refused: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    pub at: Timestamp,
    /// Id of the event that requested the pass.
    pub cause: Option<String>,
    /// Number of messages taken; null during the pass and after an interrupted one.
    pub taken: Option<u64>,
    /// Path of the bundle written.
    pub bundle: Option<String>,
    /// Whether the logs were asked too early.
    #[serde(default)]
    pub early: bool,
}

/// Reason not to receive from a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeekRefusal {
    /// The reason in one word, for programs.
    pub code: &'static str,
    /// The reason as a clause, for people.
    pub detail: String,
    /// The path of the last bundle, when the limit of passes is reached.
    pub bundle: Option<String>,
}

/// Decides whether a pass may begin.
pub fn judge(
    allow_fifo: bool,
    fifo: bool,
    attributes: &Attributes,
    past: Option<&Peek>,
    now: Timestamp,
) -> Result<(), PeekRefusal> {
    let refuse = |code, detail| Err(PeekRefusal { code, detail, bundle: None });
    if let Some(past) = past.filter(|past| past.passes.len() >= past.passes_max(now)) {
        let bundle = past.passes.iter().rev().find_map(|pass| pass.bundle.clone());
        let evidence = bundle.as_ref().map(|path| format!("; the evidence is in '{path}'"));
        let detail = format!(
            "it was peeked {} times for this incident, which is the limit{}",
            past.passes.len(),
            evidence.unwrap_or_default()
        );
        return Err(PeekRefusal { code: PEEKED, detail, bundle });
    }
    if fifo && !allow_fifo {
        let detail = "it is a FIFO queue: receiving blocks the message groups until they are \
                      returned; use --allow-fifo to accept that";
        return refuse("fifo", detail.into());
    }
    if let Some(redrive) = &attributes.redrive {
        let target = redrive.target.rsplit(':').next().unwrap_or_default();
        let detail = format!(
            "it has a redrive policy of its own: receiving could push messages on to '{target}'"
        );
        return refuse("chained", detail);
    }
    match (attributes.counts.in_flight, attributes.counts.visible) {
        (0, 0) => refuse("empty", "no message can be received from it now".into()),
        (0, _) => Ok(()),
        (count, _) => {
            let detail = format!(
                "{} in flight: another consumer is reading it, or a peek was interrupted a moment ago",
                text::count(count, "message")
            );
            refuse("in_flight", detail)
        }
    }
}

impl Peeks {
    /// The kind of record of a queue, by its ARN: one for each incident.
    pub const QUEUE: RecordKind = "peeked queue";

    /// Returns the record of a queue and incident.
    pub fn get(&self, arn: &str, incident: &str) -> Option<&Peek> {
        self.peeks.iter().find(|peek| peek.arn == arn && peek.incident == incident)
    }

    /// Returns the record of a queue and incident for changes; creates it if absent.
    pub fn entry(&mut self, arn: &str, incident: &str, now: Timestamp) -> &mut Peek {
        let is_it = |peek: &Peek| peek.arn == arn && peek.incident == incident;
        let at = self.peeks.iter().position(is_it).unwrap_or_else(|| {
            self.peeks.push(Peek {
                arn: arn.to_owned(),
                incident: incident.to_owned(),
                since: now,
                passes: Vec::new(),
                seen: BTreeMap::new(),
                refused: Vec::new(),
            });
            self.peeks.len() - 1
        });
        &mut self.peeks[at]
    }

    /// Removes records untouched for longer than `age_max`. Returns the incidents without any
    /// record left: their bundles may be deleted.
    pub fn prune(&mut self, age_max: Duration, now: Timestamp) -> Vec<String> {
        let last = |peek: &Peek| peek.passes.last().map_or(peek.since, |pass| pass.at);
        let old = |peek: &Peek| now.since(last(peek)) > age_max;
        let gone: Vec<String> =
            self.peeks.iter().filter(|peek| old(peek)).map(|peek| peek.incident.clone()).collect();
        self.peeks.retain(|peek| !old(peek));
        let remains = |id: &String| self.peeks.iter().any(|peek| peek.incident == *id);
        gone.into_iter().filter(|id| !remains(id)).collect()
    }
}

impl Peek {
    /// Returns whether this event has already requested a pass.
    pub fn has_pass_for(&self, cause: &str) -> bool {
        self.passes.iter().any(|pass| pass.cause.as_deref() == Some(cause))
    }

    /// Returns how many passes there may be: one more for logs that were asked too early, when they
    /// are complete.
    fn passes_max(&self, now: Timestamp) -> usize {
        let is_complete = |pass: &Pass| pass.early && now >= pass.at.plus(DELAY);
        PASSES_MAX + usize::from(self.passes.iter().any(is_complete))
    }

    /// Counts our own receive of a message, and returns the total.
    pub fn count_received(&mut self, message: &str) -> u64 {
        if !self.seen.contains_key(message) && self.seen.len() >= SEEN_IDS_MAX {
            return 1;
        }
        let count = self.seen.entry(message.to_owned()).or_default();
        *count += 1;
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::queue::reading::{Counts, Redrive};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn queue(visible: u64, in_flight: u64, target: Option<&str>) -> Attributes {
        Attributes {
            arn: "arn:q".into(),
            counts: Counts { visible, in_flight, delayed: 1 },
            retention_s: None,
            visibility_s: None,
            redrive: target
                .map(|target| Redrive { target: target.to_owned(), max_receive_count: Some(3) }),
        }
    }

    fn past(passes: usize) -> Peek {
        let mut peeks = Peeks::default();
        let peek = peeks.entry("arn:q", "i", at(0));
        let pass = |n: usize| Pass {
            at: at(0),
            cause: Some(format!("cause {n}")),
            taken: None,
            bundle: (n == 0).then(|| "/state/evidence/i/1".into()),
            early: false,
        };
        peek.passes = (0..passes).map(pass).collect();
        peek.clone()
    }

    #[test]
    fn judge_refuses_unsafe_and_repeated_passes() {
        let rows = [
            ("messages wait", false, false, queue(3, 0, None), 0, None),
            ("a second pass", false, false, queue(3, 0, None), 1, None),
            ("a third", false, false, queue(3, 0, None), 2, Some("peeked")),
            ("a third, of an empty queue", false, false, queue(0, 0, None), 2, Some("peeked")),
            ("order", false, true, queue(3, 0, None), 0, Some("fifo")),
            ("order, as asked for", true, true, queue(3, 0, None), 0, None),
            ("order, a third", true, true, queue(3, 0, None), 2, Some("peeked")),
            ("a chain", false, false, queue(3, 0, Some("arn:x:next")), 0, Some("chained")),
            ("a chain in order", true, true, queue(3, 0, Some("arn:x:next")), 0, Some("chained")),
            ("somebody reads", false, false, queue(3, 1, None), 0, Some("in_flight")),
            ("somebody reads all", false, false, queue(0, 4, None), 0, Some("in_flight")),
            ("nothing but delayed", false, false, queue(0, 0, None), 0, Some("empty")),
        ];
        for (rule, allow, fifo, queue, passes, reason) in rows {
            let past = past(passes);
            let found = judge(allow, fifo, &queue, (passes > 0).then_some(&past), at(0));
            assert_eq!(found.map_err(|why| why.code).err(), reason, "{rule}");
        }
        assert_eq!(judge(false, false, &queue(1, 0, None), None, at(0)), Ok(()));
        let why = judge(false, false, &queue(1, 0, None), Some(&past(2)), at(0)).unwrap_err();
        assert!(why.detail.ends_with("the evidence is in '/state/evidence/i/1'"), "{why:?}");
        assert_eq!(why.bundle.as_deref(), Some("/state/evidence/i/1"));
        let why = judge(false, false, &queue(1, 0, Some("arn:aws:sqs:x:1:next")), None, at(0))
            .unwrap_err();
        assert!(why.detail.contains("'next'"), "{why:?}");
    }

    #[test]
    fn early_pass_allows_one_more_when_the_logs_are_complete() {
        // Passes, those of them that were early, seconds after the first, whether another is allowed.
        let rows: [(usize, &[usize], i64, bool); 8] = [
            (1, &[0], 0, true),
            (2, &[0], 599, false),
            (2, &[0], 600, true),
            (2, &[1], 600, false),
            (2, &[1], 601, true),
            (2, &[], 6000, false),
            (3, &[0], 6000, false),
            (3, &[0, 1, 2], 6000, false),
        ];
        for (passes, early, second, is_allowed) in rows {
            let mut past = past(passes);
            for (n, pass) in past.passes.iter_mut().enumerate() {
                (pass.at, pass.early) = (at(n as i64), early.contains(&n));
            }
            let found = judge(false, false, &queue(3, 0, None), Some(&past), at(second));
            assert_eq!(found.is_ok(), is_allowed, "{passes} {early:?} {second}");
        }
    }

    #[test]
    fn passes_are_counted_per_event_and_incident() {
        let peek = past(1);
        assert!(peek.has_pass_for("cause 0") && !peek.has_pass_for("cause 1"));
        let mut peeks = Peeks::default();
        peeks.entry("arn:q", "i", at(0)).passes = past(2).passes;
        assert_eq!(peeks.entry("arn:q", "other", at(0)).passes.len(), 0);
        assert_eq!(peeks.get("arn:q", "i").map(|peek| peek.passes.len()), Some(2));
        assert_eq!(peeks.get("arn:other", "i"), None);
    }

    #[test]
    fn receives_are_counted_over_all_passes() {
        let mut peek = past(0);
        assert_eq!(
            [peek.count_received("a"), peek.count_received("b"), peek.count_received("a")],
            [1, 1, 2]
        );
    }

    #[test]
    fn prune_removes_old_records_and_returns_finished_incidents() {
        let mut peeks = Peeks::default();
        for (arn, incident, second) in [("a", "one", 0), ("b", "one", 100), ("c", "two", 0)] {
            let pass =
                Pass { at: at(second), cause: None, taken: None, bundle: None, early: false };
            peeks.entry(arn, incident, at(0)).passes.push(pass);
        }
        peeks.entry("d", "refused", at(90));
        let gone = peeks.prune(Duration::from_secs(60), at(100));
        assert_eq!(gone, ["two"], "of the other incident a queue is left");
        let kept: Vec<&str> = peeks.peeks.iter().map(|peek| peek.arn.as_str()).collect();
        assert_eq!(kept, ["b", "d"], "also what was only refused, for a while");
    }
}
