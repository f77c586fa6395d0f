//! Numbers and spans in few cells.

use std::time::Duration;

use crate::money::Usd;
use crate::rules::loss_text;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::time::Timestamp;

/// The text for what is unknown, and for what does not exist.
pub const UNKNOWN: &str = "?";
pub const NONE: &str = "-";

/// Formats a count in at most 7 cells.
pub fn count(number: u64) -> String {
    if number < 10_000_000 {
        return number.to_string();
    }
    let (mut value, mut unit) = (number as f64 / 1e6, 'M');
    for next in ['G', 'T', 'P', 'E'] {
        if value >= 999.95 {
            (value, unit) = (value / 1000.0, next);
        }
    }
    format!("{value:.1}{unit}")
}

/// Formats a change in at most 6 cells.
pub fn change(number: i64) -> String {
    let size = number.unsigned_abs();
    let text = match size {
        0..10_000 => size.to_string(),
        10_000..1_000_000 => format!("{}k", size / 1000),
        _ => format!("{}M", size / 1_000_000),
    };
    match number {
        0 => "0".into(),
        1.. => format!("+{text}"),
        _ => format!("-{text}"),
    }
}

/// Formats a span in one unit and at most 4 cells: `9s`, `59m`, `38h`, `9d`.
pub fn age(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", (seconds / 86_400).min(999)),
    }
}

/// Formats a span as a clock, in at most 7 cells: `08:52`, `1:08:52`, `3d 04h`.
pub fn clock(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match hours {
        0 => format!("{minutes:02}:{:02}", seconds % 60),
        1..10 => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        10..100 => format!("{hours}h {minutes:02}m"),
        _ if hours < 2400 => format!("{}d {:02}h", hours / 24, hours % 24),
        _ => format!("{}d", (hours / 24).min(99_999)),
    }
}

/// Formats an amount of memory in at most 6 cells.
pub fn memory(bytes: u64) -> String {
    let mib = bytes >> 20;
    if mib < 10_000 { format!("{mib} MB") } else { format!("{} GB", (mib >> 10).min(999)) }
        .replace(' ', if mib >= 1000 { "" } else { " " })
}

/// Formats an amount of money in at most 7 cells.
pub fn usd(amount: Usd) -> String {
    match amount.dollars() {
        0.0 => "$0.00".into(),
        dollars if dollars < 0.005 => "<$0.01".into(),
        dollars if dollars < 999.995 => format!("${dollars:.2}"),
        dollars if dollars < 999_999.5 => format!("${dollars:.0}"),
        dollars => format!("${:.0}M", (dollars / 1e6).min(99_999.0)),
    }
}

/// Formats the time to the loss of the oldest message in at most 7 cells: `>9d` when it is safe for
/// nine days, `<1h` when it is lost within that time, both rounded as the words of [`loss_text`] are.
pub fn loss(window: ExpiryWindow, now: Timestamp) -> String {
    match (window.after, window.before) {
        (Some(end), _) | (None, Some(end)) if end <= now => "overdue".into(),
        (Some(after), _) => {
            match loss_text::span(after.since(now).min(loss_text::LONGEST)).as_str() {
                "seconds" => ">0m".into(),
                text => format!(">{text}"),
            }
        }
        (None, Some(before)) => format!("<{}", loss_text::upper(before.since(now))),
        (None, None) => UNKNOWN.into(),
    }
}

/// Returns [`loss`] as a clause of at most 18 cells: `safe for 9d`, `in less than 1h`.
pub fn loss_clause(window: ExpiryWindow, now: Timestamp) -> String {
    match (window.after, window.before) {
        (None, Some(before)) if before > now => {
            format!("in less than {}", loss_text::upper(before.since(now)))
        }
        _ => loss_text::clause(window, now),
    }
}

/// Formats a moment in at most 11 cells: the time of day, or the month, day and time of what is older
/// than a day.
pub fn moment(at: Timestamp, now: Timestamp) -> String {
    let text = at.to_string();
    let is_old = now.since(at) >= Duration::from_secs(86_400);
    match (text.get(5..16).filter(|_| is_old), text.get(11..19)) {
        (Some(minute), _) => minute.replace('T', " "),
        (None, Some(time)) => format!("[{time}]"),
        _ => UNKNOWN.into(),
    }
}

/// Formats an instant to the second, with its day unless that is today: `15:58:56Z`,
/// `2026-11-22 15:58:56Z`.
pub fn instant(at: Timestamp, now: Timestamp) -> String {
    let (text, today) = (at.to_string(), now.to_string());
    // Years have more digits after 9999.
    let is_usual = text.len() == "2026-11-22T15:58:56.000Z".len();
    match (text.get(..10).filter(|_| is_usual), text.get(11..19)) {
        (Some(day), Some(time)) if today.starts_with(day) => format!("{time}Z"),
        (Some(day), Some(time)) => format!("{day} {time}Z"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_fit_their_columns() {
        for power in 0..64 {
            let number = 1_u64 << power;
            assert!(count(number).len() <= 7 && count(number - 1).len() <= 7, "{number}");
            assert!(clock(number).len() <= 7 && memory(number).len() <= 6, "{number}");
            assert!(age(Duration::from_secs(number)).len() <= 4, "{number}");
        }
        let dollars = [0.0, 0.004, 0.42, 12.345, 999.99, 1234.5, 99_999_999.0];
        let shown = dollars.map(|amount| usd(Usd::from_dollars(amount).unwrap()));
        assert_eq!(shown, ["$0.00", "<$0.01", "$0.42", "$12.35", "$999.99", "$1234", "$100M"]);
        assert_eq!(count(9_999_999), "9999999");
        assert_eq!(count(12_345_678), "12.3M");
        assert_eq!(count(999_960_000), "1.0G");
        assert_eq!([0, 9999, -12_000, 3_000_000].map(change), ["0", "+9999", "-12k", "+3M"]);
        assert_eq!(
            [59, 3599, 4132, 36_000, 360_000].map(clock),
            ["00:59", "59:59", "1:08:52", "10h 00m", "4d 04h"]
        );
        assert_eq!([41 << 20, 1500 << 20, 30 << 30].map(memory), ["41 MB", "1500MB", "30GB"]);
    }

    #[test]
    fn moment_of_another_day_has_its_date() {
        let now = Timestamp::parse("2026-11-22T16:00:00Z").unwrap();
        let rows = [
            ("2026-11-22T15:58:56Z", "[15:58:56]"),
            ("2026-11-21T16:00:01Z", "[16:00:01]"),
            ("2026-11-21T16:00:00Z", "11-21 16:00"),
            ("2026-11-22T17:00:00Z", "[17:00:00]"),
        ];
        for (at, expected) in rows {
            assert_eq!(moment(Timestamp::parse(at).unwrap(), now), expected);
        }
        for at in [i64::MIN, i64::MAX] {
            assert!(moment(Timestamp::from_millis(at), now).len() <= 11);
        }
    }

    #[test]
    fn loss_is_short_and_says_which_side() {
        let now = Timestamp::from_millis(0);
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        let rows = [
            (at(864_000), None, ">10d"),
            (None, at(3594), "<1h"),
            (None, at(30), "<1m"),
            (None, at(7199), "<2h"),
            (None, at(10_260), "<3h"),
            (None, at(80_000), "<23h"),
            (None, at(172_800), "<48h"),
            (None, at(172_861), "<3d"),
            (at(30), None, ">0m"),
            (at(-5), at(60), "overdue"),
            (None, None, "?"),
        ];
        for (after, before, expected) in rows {
            let window = ExpiryWindow { after, before };
            assert_eq!(loss(window, now), expected);
            assert!(loss_clause(window, now).len() <= 18);
            if let Some(bound) = expected.strip_prefix('<') {
                assert_eq!(loss_clause(window, now), format!("in less than {bound}"));
            }
        }
    }
}
