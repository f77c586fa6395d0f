//! Retention: a destination deletes what nobody consumes, and a dead-letter queue what has died. Both look as
//! if it were consumed. Pure.

use std::time::Duration;

use crate::time::Timestamp;

/// Returns the moment from which messages that were sent and not proven may have been deleted, the first of
/// them sent at `sent_at`; None when nothing is unproven, or the retention cannot be read. The record
/// says it by the retention at the send: one that is longer by now brings nothing back.
pub fn kept_until(
    recorded: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    retention: Option<Duration>,
) -> Option<Timestamp> {
    let sent_at = sent_at?;
    let present = retention.map(|retention| sent_at.plus(retention));
    [recorded, present].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_kept_for_the_shortest_retention_since_their_send() {
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        let span = |seconds| Some(Duration::from_secs(seconds));
        let rows = [
            ("all is proven", at(100), None, span(60), None),
            ("as recorded", at(100), at(40), span(60), at(100)),
            ("not recorded before a kill", None, at(40), span(60), at(100)),
            ("raised since then", at(100), at(40), span(600), at(100)),
            ("lowered since then", at(100), at(40), span(30), at(70)),
            ("unreadable", None, at(40), None, None),
            ("unreadable by now", at(100), at(40), None, at(100)),
        ];
        for (rule, recorded, sent_at, retention, expected) in rows {
            assert_eq!(kept_until(recorded, sent_at, retention), expected, "{rule}");
        }
    }
}
