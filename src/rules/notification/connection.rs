//! The connection of a channel to its service: address, credentials by reference, and pace.

use std::time::Duration;

use crate::secret::Secret;

/// Keys of a channel that its type decides about. The fields are named like the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelConnection {
    pub url: Option<ChannelUrl>,
    pub token: Option<Secret>,
    pub channel: Option<String>,
    pub key: Option<Secret>,
    pub secret: Option<Secret>,
    pub endpoint: Option<String>,
    pub command: Vec<String>,
    pub rate: Option<Rate>,
}

/// Address of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelUrl {
    /// A URL that is no secret.
    Plain(String),
    Secret(Secret),
}

/// Most deliveries in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

impl Rate {
    /// The greatest count.
    pub const COUNT_MAX: u32 = 10_000;

    /// Reads a rate such as `1/s`, `30/m` or `100/h`.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let is_whole = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|count| is_whole && *count <= Rate::COUNT_MAX)?;
        (count > 0).then_some(Rate { count, per: Duration::from_secs(seconds) })
    }

    /// Returns the time between two deliveries.
    pub fn interval(self) -> Duration {
        self.per / self.count.max(1)
    }
}

impl ChannelConnection {
    /// Returns the references to secrets.
    pub fn secrets(&mut self) -> impl Iterator<Item = &mut Secret> {
        let url = match &mut self.url {
            Some(ChannelUrl::Secret(secret)) => Some(secret),
            _ => None,
        };
        let named = [&mut self.token, &mut self.key, &mut self.secret];
        named.into_iter().flatten().chain(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_a_count_in_a_second_minute_or_hour() {
        let rows = [
            ("1/s", Some(1000)),
            ("4/s", Some(250)),
            ("30/m", Some(2000)),
            ("100/h", Some(36_000)),
            ("10000/s", Some(0)),
            ("10001/s", None),
            ("0/s", None),
            ("-1/s", None),
            ("+1/s", None),
            ("1.5/s", None),
            ("/s", None),
            ("1/d", None),
            ("1", None),
            ("1 / s", None),
            ("99999999999/s", None),
        ];
        for (text, millis) in rows {
            let interval = Rate::parse(text).map(Rate::interval);
            assert_eq!(interval.map(|interval| interval.as_millis()), millis, "{text}");
        }
    }
}
